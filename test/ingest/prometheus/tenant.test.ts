import type { IncomingMessage } from 'node:http'
import { describe, expect, it } from 'vitest'
import { createTenantReader } from '../../../src/ingest/prometheus/tenant.ts'

const request = (url: string, tenant?: string): IncomingMessage =>
  ({ url, headers: tenant === undefined ? {} : { 'x-scope-orgid': tenant } }) as unknown as IncomingMessage

describe('createTenantReader', () => {
  const byHeader = createTenantReader('/api/v1/write', 10)
  const byPath = createTenantReader('/insert/{tenant}/prometheus/api/v1/write', 10)

  it.each([
    ['no tenant', byHeader, request('/api/v1/write'), ''],
    ['the header', byHeader, request('/api/v1/write', 'team-a'), 'team-a'],
    ['the longest', byHeader, request('/api/v1/write', 'x'.repeat(10)), 'x'.repeat(10)],
    ['a part of the path', byPath, request('/insert/12:34/prometheus/api/v1/write'), '12:34'],
    ['the path before the header', byPath, request('/insert/7/prometheus/api/v1/write?a=b', 'team-a'), '7'],
    ['the absolute form', byPath, request('http://host:9090/insert/7/prometheus/api/v1/write'), '7'],
    ['what is escaped', byPath, request('/insert/a%2Fb/prometheus/api/v1/write'), 'a/b'],
  ])('reads %s', (_, read, from, tenant) => {
    expect(read(from)).toBe(tenant)
  })

  it.each([
    ['too long', byHeader, request('/', 'x'.repeat(11)), /X-Scope-OrgID is longer than 10 bytes \(ingest.prometheus.limits.tenant\)/],
    ['not ASCII', byHeader, request('/', 'caf\u00e9'), /visible ASCII/],
    ['with a line break in it', byPath, request('/insert/a%0Ab/prometheus/api/v1/write'), /visible ASCII/],
    ['escaped badly', byPath, request('/insert/%E0%A4%A/prometheus/api/v1/write'), /visible ASCII/],
  ])('refuses a name that is %s', (_, read, from, message) => {
    expect(read(from)).toMatchObject({ code: 'OB_TENANT', http: 400, message: expect.stringMatching(message) })
  })
})
