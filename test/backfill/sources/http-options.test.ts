import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createSourceClient, headersOf, httpSourceKeys, publicUrl } from '../../../src/backfill/sources/http-options.ts'
import { sourceDeps } from '../support/source-deps.ts'

const schema = z.strictObject(httpSourceKeys)
const parse = (options: Record<string, unknown>) => schema.parse({ url: 'http://es:9200/base/', ...options })

describe('headersOf', () => {
  it('signs in by flag, by URL, or by what the environment holds; flags win', () => {
    const basic = `Basic ${Buffer.from('me:p:w').toString('base64')}`
    expect(headersOf(parse({ user: 'me:p:w' }), {})).toEqual({ authorization: basic })
    expect(headersOf(parse({ url: 'http://me:p%3Aw@es:9200' }), {})).toEqual({ authorization: basic })
    expect(headersOf(parse({}), { OTLP_BRIDGE_SOURCE_USER: 'me:p:w' })).toEqual({ authorization: basic })
    expect(headersOf(parse({ apiKey: 'abc=' }), { OTLP_BRIDGE_SOURCE_USER: 'me:p:w' })).toEqual({ authorization: 'ApiKey abc=' })
    expect(headersOf(parse({ apiKey: 'id:key' }), {})).toEqual({ authorization: `ApiKey ${Buffer.from('id:key').toString('base64')}` })
  })

  it('adds headers, those of the environment first', () => {
    expect(headersOf(parse({ header: ['X-Scope-OrgID: a'] }), { OTLP_BRIDGE_SOURCE_HEADERS: 'X-One: 1\nx-scope-orgid: b' })).toEqual({
      'x-one': '1',
      'x-scope-orgid': 'a',
    })
    expect(() => headersOf(parse({}), { OTLP_BRIDGE_SOURCE_HEADERS: 'nonsense' })).toThrow(/OTLP_BRIDGE_SOURCE_HEADERS/)
  })

  it('refuses two ways to sign in', () => {
    expect(() => headersOf(parse({ user: 'a:b', apiKey: 'c' }), {})).toThrow(expect.objectContaining({ code: 'OB_CONFIG' }))
  })
})

describe('httpSourceKeys', () => {
  it.each([{ url: 'ftp://es' }, { url: 'es:9200' }, { user: 'nobody' }, { header: ['no colon'] }, { header: ['a: b\r\nc: d'] }])(
    'refuses %j',
    (given) => {
      expect(schema.safeParse({ url: 'http://es', ...given }).success).toBe(false)
    },
  )
})

describe('publicUrl', () => {
  it('holds no secret', () => {
    expect(publicUrl('https://me:pw@es:9200/base/?token=1')).toBe('https://es:9200/base')
  })
})

describe('createSourceClient', () => {
  it('refuses a certificate without its key, and files that are not there', async () => {
    await expect(createSourceClient(parse({ cert: 'a.pem' }), sourceDeps(), {})).rejects.toMatchObject({ code: 'OB_CONFIG' })
    await expect(createSourceClient(parse({ ca: '/nowhere.pem' }), sourceDeps(), {})).rejects.toThrow(/--ca: cannot read the file/)
  })
})
