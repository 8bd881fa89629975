import { describe, expect, it } from 'vitest'
import { maskSecrets, maskUserinfo } from '../../src/config/mask.ts'

describe('maskSecrets', () => {
  it('hides header values, tokens and userinfo, and keeps the rest', () => {
    const config = {
      emit: { endpoint: 'https://me:pw@host/v1', headers: { authorization: 'Bearer x', tenant: 'y' }, delay: 5 },
      ingest: { zipkin: { auth: { bearerToken: 'z' }, tls: { key: 'key.pem' } } },
    }
    expect(maskSecrets(config)).toEqual({
      emit: { endpoint: 'https://***@host/v1', headers: { authorization: '***', tenant: '***' }, delay: 5 },
      ingest: { zipkin: { auth: { bearerToken: '***' }, tls: { key: 'key.pem' } } },
    })
  })
})

describe('maskSecrets of a section auth', () => {
  it('hides passwords, tokens and keys, and shows who, where and which file', () => {
    const auth = {
      basic: [
        { user: 'ann', password: 'x' },
        { user: 'bob', passwordFile: '/run/bob' },
      ],
      htpasswdFile: '/run/htpasswd',
      bearer: ['t1', 't2'],
      bearerFile: '/run/tokens',
      apiKey: { header: 'x-key', keys: ['k'], keysFile: '/run/keys' },
      except: ['/health'],
      reload: '10s',
    }
    expect(maskSecrets({ admin: { auth } })).toEqual({
      admin: {
        auth: {
          ...auth,
          basic: [{ user: 'ann', password: '***' }, auth.basic[1]],
          bearer: ['***', '***'],
          apiKey: { ...auth.apiKey, keys: ['***'] },
        },
      },
    })
  })

  it('hides headers of whatever name', () => {
    expect(maskSecrets({ emit: { headers: { xFile: 'a', user: 'b', auth: 'c' } } })).toEqual({
      emit: { headers: { xFile: '***', user: '***', auth: '***' } },
    })
  })
})

describe('maskUserinfo', () => {
  it('finds URLs inside a text', () => {
    expect(maskUserinfo('cannot reach http://a:b@c:1/x and http://d/@e')).toBe('cannot reach http://***@c:1/x and http://d/@e')
  })
})
