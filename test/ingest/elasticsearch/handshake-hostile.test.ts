import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Listener } from '../../../src/ingest/adapter.ts'
import { countsOf, createFakeDeps, type FakeDeps, openRaw, sumOf } from '../support/fakes.ts'
import { ask, flood, startHandshake } from '../support/handshake.ts'

let deps: FakeDeps
let listener: Listener

beforeEach(async () => {
  deps = createFakeDeps()
  listener = await startHandshake({ registry: { entries: 100 } }, deps)
})
afterEach(async () => {
  await listener.stop(0)
})

describe('createHandshake, against the hostile', () => {
  it('forgets nothing of its bounds under 10,000 names, agents and media types', async () => {
    const count = 10_000
    const statuses = await flood(listener, count, (at) => {
      const agent = `User-Agent: agent-${at}/1\r\n`
      const accept = `Accept: application/x-${at}\r\n`
      if (at % 10 > 0) return `GET /name-${at}?filter_path=a${at} HTTP/1.1\r\nHost: x\r\n${agent}${accept}\r\n`
      return `PUT /_template/name-${at} HTTP/1.1\r\nHost: x\r\n${agent}Content-Length: 2\r\n\r\n{}`
    })
    expect(statuses).toEqual({ 200: count / 10, 404: (count / 10) * 9 })
    const agents = countsOf(deps.metrics, 'otlp_bridge_elasticsearch_handshake_total', 'agent')
    expect(Object.keys(agents)).toHaveLength(101)
    expect(agents['other']).toBe(count - 100)
    expect(sumOf(deps.metrics, 'otlp_bridge_elasticsearch_handshake_total')).toBe(count)
    expect(Object.keys((await ask(listener, 'GET', '/_template')).json as object)).toHaveLength(100)
    expect(sumOf(deps.metrics, 'otlp_bridge_elasticsearch_registry_evicted_total')).toBe(count / 10 - 100)
  })

  it('refuses names and headers of a megabyte, and lives', async () => {
    const long = 'n'.repeat(1_000_000)
    for (const head of [`PUT /_template/${long} HTTP/1.1\r\n`, `GET / HTTP/1.1\r\nAccept: ${long}\r\n`]) {
      const raw = await openRaw(listener.addresses[0] ?? '')
      raw.send(`${head}Host: x\r\n\r\n`)
      expect(await raw.closed()).toMatch(/^(HTTP\/1\.1 4(31|00|14) |$)/)
    }
    expect((await ask(listener, 'GET', `/_template/${'n,'.repeat(6000)}`)).status).toBe(404)
    expect((await ask(listener, 'GET', `/${'a*'.repeat(6000)}b`)).status).toBe(200)
    expect((await ask(listener, 'GET', `/${'/a'.repeat(6000)}`)).status).toBe(400)
    expect((await ask(listener, 'GET', `/?${'filter_path=**.a,'.repeat(700)}`)).status).toBe(200)
    expect((await ask(listener, 'GET', `/%3C${'%7Bnow%2Fd%7D'.repeat(1000)}%3E`)).status).toBe(400)
    expect((await ask(listener, 'GET', '/')).status).toBe(200)
  })

  it('answers a sender that breaks off, and the next one', async () => {
    for (const text of [
      'PUT /_template/x HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{',
      'POST /_monitoring/bulk HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"a"',
      'POST /_monitoring/bulk HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 100\r\n\r\n\x1f\x8b',
      'PUT /index HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n',
    ]) {
      const raw = await openRaw(listener.addresses[0] ?? '')
      raw.send(text)
      raw.destroy()
    }
    expect((await ask(listener, 'HEAD', '/_template/x')).status).toBe(404)
    const raw = await openRaw(listener.addresses[0] ?? '')
    raw.send('PUT /_template/y HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n')
    await raw.until('100 Continue')
    raw.send('{}')
    expect(await raw.until('acknowledged')).toContain('HTTP/1.1 200 OK')
    raw.destroy()
  })

  it('throws away the body of what it refuses, and keeps the connection', async () => {
    const raw = await openRaw(listener.addresses[0] ?? '')
    const body = 'x'.repeat(100_000)
    raw.send(`POST /logs/_search HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    await raw.until('stores nothing')
    raw.send('GET /_ilm/status HTTP/1.1\r\nHost: x\r\n\r\n')
    expect(await raw.until('RUNNING')).toContain('HTTP/1.1 200 OK')
    raw.destroy()
  })
})
