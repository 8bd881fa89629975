import { describe, expect, it } from 'vitest'
import type { HttpGet } from '../../src/preflight/http-get.ts'
import { makeProbe } from '../../src/preflight/probes.ts'
import { backendAt, backendsBeside } from '../../src/preflight/query.ts'

const run = '0123456789abcdef8899aabbccddeeff'

/** Answers by the path's beginning; everything else is a 404. */
const serving =
  (pages: Readonly<Record<string, string>>, asked: string[] = []): HttpGet =>
  async (url) => {
    asked.push(url)
    const found = Object.entries(pages).find(([begin]) => url.startsWith(begin))
    return { status: found === undefined ? 404 : 200, dateMs: undefined, body: found?.[1] ?? '' }
  }

describe('backendAt', () => {
  it.each([
    ['Jaeger', 'traces', { 'http://h/api/services': '{"data":null,"total":0}' }],
    ['Tempo', 'traces', { 'http://h/api/echo': 'echo' }],
    ['Loki', 'logs', { 'http://h/loki/api/v1/status/buildinfo': '{"version":"3.7"}' }],
    ['Prometheus', 'metrics', { 'http://h/api/v1/status/buildinfo': '{"status":"success","data":{"version":"3.15"}}' }],
  ] as const)('recognises %s', async (kind, signal, pages) => {
    expect(await backendAt('http://h/', serving(pages), 1000)).toMatchObject({ kind, signal, url: 'http://h/' })
  })

  it('takes no other for one of them', async () => {
    const page = '<html>a page for every path</html>'
    expect(await backendAt('http://h', serving({ 'http://h/': page }), 1000)).toBeUndefined()
    const nobody: HttpGet = async () => Promise.reject(new Error('refused'))
    expect(await backendAt('http://h', nobody, 1000)).toBeUndefined()
  })

  it('knows by the answer whether the probe is there', async () => {
    const probe = makeProbe('traces', run, 1_700_000_000_000)
    const services = { 'http://h/api/services': '{"data":[]}' }
    const found = await backendAt(
      'http://h',
      serving({ ...services, [`http://h/api/traces/${run}`]: `{"data":[{"traceID":"${run}"}]}` }),
      1000,
    )
    expect(await found?.holds(probe)).toBe(true)
    const empty = await backendAt('http://h', serving(services), 1000)
    expect(await empty?.holds(probe)).toBe(false)
  })

  it('asks Prometheus and Loki for the time of the probe', async () => {
    const asked: string[] = []
    const pages = { 'http://h/api/v1/status/buildinfo': '{"status":"success"}', 'http://h/api/v1/query': `{"metric":{"run":"${run}"}}` }
    const prometheus = await backendAt('http://h', serving(pages, asked), 1000)
    expect(await prometheus?.holds(makeProbe('metrics', run, 1_700_000_000_000))).toBe(true)
    expect(new URL(asked.at(-1) ?? '').searchParams.get('time')).toBe('1700000000')
    const loki = await backendAt('http://h', serving({ 'http://h/loki/api/v1/status/buildinfo': '{"version":"3"}' }, asked), 1000)
    expect(await loki?.holds(makeProbe('logs', run, 1_700_000_000_000))).toBe(false)
    const { searchParams } = new URL(asked.at(-1) ?? '')
    expect(searchParams.get('query')).toBe(`{service_name="otlp-bridge-preflight"} |= "${run}"`)
    expect(BigInt(searchParams.get('start') ?? 0)).toBeLessThan(1_700_000_000_000_000_000n)
    expect(BigInt(searchParams.get('end') ?? 0)).toBeGreaterThan(1_700_000_000_000_000_000n)
  })
})

describe('backendsBeside', () => {
  it('tries the usual ports of the same host, for the signal alone', async () => {
    const asked: string[] = []
    const get = serving({ 'http://backend:3200/api/echo': 'echo' }, asked)
    expect(await backendsBeside('https://backend:4318/v1/traces', 'traces', get, 1000)).toMatchObject({ kind: 'Tempo' })
    expect(asked).toEqual(['http://backend:16686/api/services', 'http://backend:3200/api/echo'])
    expect(await backendsBeside('http://backend:4318', 'logs', get, 1000)).toBeUndefined()
  })
})
