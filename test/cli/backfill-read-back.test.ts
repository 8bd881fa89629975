import { describe, expect, it } from 'vitest'
import { headersFor } from '../../src/cli/backfill-read-back.ts'
import { emitConfig } from '../../src/emit/config.ts'

const config = {
  emit: emitConfig.parse({
    destinations: [
      { name: 'a', endpoint: 'http://tempo:4318', headers: { 'X-Scope-OrgID': 'history', authorization: 'Bearer secret' } },
      { name: 'b', endpoint: 'http://other:4318', headers: { 'x-other': '1' } },
    ],
  }),
}

describe('headersFor', () => {
  it('takes those of an endpoint at the same host and port, and of no other', () => {
    expect(headersFor('http://tempo:4318/api', [], config, {})).toEqual({ 'x-scope-orgid': 'history', authorization: 'Bearer secret' })
    expect(headersFor('http://tempo:3200', [], config, {})).toEqual({})
    expect(headersFor('https://tempo:4318', [], config, {})).toEqual({})
  })

  it('lets what was given win, the command line over the environment', () => {
    const env = { OTLP_BRIDGE_NEW_HEADERS: 'Authorization: Basic eA==\nX-Scope-OrgID: env\n' }
    expect(headersFor('http://tempo:4318', ['X-Scope-OrgID: flag'], config, env)).toEqual({
      authorization: 'Basic eA==',
      'x-scope-orgid': 'flag',
    })
  })

  it('refuses what is no header, without repeating it', () => {
    expect(() => headersFor('http://tempo:4318', ['secret-without-a-name'], config, {})).toThrow(
      'cannot use a header of --new-header: expected "Name: value"',
    )
  })
})
