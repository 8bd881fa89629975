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

describe('maskUserinfo', () => {
  it('finds URLs inside a text', () => {
    expect(maskUserinfo('cannot reach http://a:b@c:1/x and http://d/@e')).toBe('cannot reach http://***@c:1/x and http://d/@e')
  })
})
