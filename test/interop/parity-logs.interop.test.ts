/** Parity of logs as stored: the same bulk requests to Elasticsearch 7 and to the bridge before Loki. */

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createLogsComparison } from '../../src/parity/logs.ts'
import type { KeyResult, ParityReport } from '../../src/parity/model.ts'
import { createElasticsearchSearch, type Hit } from '../../src/read/elasticsearch-search.ts'
import { createLokiApi } from '../../src/read/loki.ts'
import { elasticsearchTranslateConfig } from '../../src/translate/elasticsearch/config.ts'
import { hasElasticsearch, startElasticsearch } from './elasticsearch-lab.ts'
import { hasLoki, startLoki } from './loki-peer.ts'
import { compareDeps, summary, unexplained } from './parity-sides.ts'
import { type Peer, root } from './peers.ts'
import { type RestartingBridge, startRestartingBridge } from './restarting-bridge.ts'
import { until } from './wait.ts'

const minuteMs = 60_000
const index = 'app-logs'
const wide = 'wide-logs'
const perMinute = 400
const minutes = 5

interface Line {
  readonly index: string
  readonly id?: string
  readonly source: string
}

const stampOf = (ns: bigint): string =>
  `${new Date(Number(ns / 1_000_000n)).toISOString().slice(0, 19)}.${String(ns % 1_000_000_000n).padStart(9, '0')}Z`

const levels = ['DEBUG', 'info', 'WARN', 'error', 'fatal', 'notice']

/** Documents as shippers write them, spread over minutes; every shape of value, names that need escaping, texts of all sorts. */
function application(fromMs: number): Line[] {
  return Array.from({ length: perMinute * minutes }, (_, at): Line => {
    const ns = BigInt(fromMs) * 1_000_000n + BigInt(at) * 149_999_999n + 7n
    const document = {
      '@timestamp': stampOf(ns),
      message: at % 50 === 0 ? `long ${'ö€😀 '.repeat(2000)}${at}` : `order ${at} "done"\t<b>&amp;</b>\n line ${at % 7}`,
      'log.level': levels[at % levels.length],
      service: { name: `shop-${at % 3}`, version: '1.2' },
      host: { name: `h${at % 5}`, ip: ['10.0.0.1', 'fe80::1'] },
      http: { request: { method: 'GET' }, response: { status_code: 200 + (at % 4) * 100 } },
      'labels.team-name': `t${at % 2}`,
      labels: { größe: 'xl', '9lives': 'yes' },
      price: at / 8,
      tiny: 1e-7 * (at + 1),
      flag: at % 2 === 0,
      nothing: null,
      empty: '',
      nested: { list: [1, 'a', { b: 2.5 }], deep: { deeper: at } },
      event: { dataset: 'shop.orders', duration: 12_345_678_901 },
      trace: { id: at.toString(16).padStart(32, 'a') },
      span: { id: at.toString(16).padStart(16, 'b') },
    }
    const source = JSON.stringify(document).replace('"flag"', `"large":${9_007_199_254_740_993n + BigInt(at)},"flag"`)
    return { index, source, ...(at % 2 === 0 ? { id: `order/${at} "x"` } : {}) }
  })
}

/** Times at the edges of minutes, and many of one nanosecond. */
function edges(fromMs: number): Line[] {
  const base = BigInt(fromMs + minuteMs) * 1_000_000n
  const offsets = [-1n, 0n, 1n, -999_999n, -1_000_000n, -1_000_001n, 59_999_999_999n, 60_000_000_000n, 60_000_000_001n]
  const line = (ns: bigint, at: string): Line => ({
    index: wide,
    source: JSON.stringify({ '@timestamp': stampOf(ns), message: `edge ${at}` }),
  })
  return [
    ...offsets.map((offset) => line(base + offset, String(offset))),
    ...Array.from({ length: 40 }, (_, at) => line(base + 5_000_000_123n, `same time ${at}`)),
    // Equal in all but the id that Elasticsearch gives: Loki stores one of them.
    ...Array.from({ length: 6 }, () => line(base + 6_000_000_000n, 'repeated')),
  ]
}

const bulkBody = (lines: readonly Line[]): string =>
  lines
    .map(
      ({ index: _index, id: _id, source }) =>
        `${JSON.stringify({ index: { _index, ...(_id === undefined ? {} : { _id }) } })}\n${source}\n`,
    )
    .join('')

async function send(url: string, lines: readonly Line[]): Promise<void> {
  for (let at = 0; at < lines.length; at += 500) {
    const headers = { 'content-type': 'application/x-ndjson' }
    const reply = await fetch(`${url}/_bulk`, { method: 'POST', headers, body: bulkBody(lines.slice(at, at + 500)) })
    const answer = (await reply.json()) as { errors?: boolean; items?: unknown[] }
    if (!reply.ok || answer.errors !== false) throw new Error(`cannot send: ${reply.status} ${JSON.stringify(answer).slice(0, 600)}`)
  }
}

const isThere = hasElasticsearch(7) && hasLoki()

describe.skipIf(!isThere)('logs of Elasticsearch 7, and of Loki behind the bridge', () => {
  let old: Peer<{ readonly http: number }>
  let loki: Peer<{ readonly http: number }>
  let bridge: RestartingBridge<'elastic'>
  const fromMs = Math.floor(Date.now() / minuteMs) * minuteMs - 10 * minuteMs
  const window = { fromMs, toMs: fromMs + (minutes + 1) * minuteMs }
  const url = (port: number): string => `http://127.0.0.1:${port}`

  const deps = (options: object = {}) =>
    compareDeps({
      old: { kind: 'elasticsearch', url: url(old.ports.http) },
      new: { kind: 'loki', url: url(loki.ports.http) },
      translate: { elasticsearch: elasticsearchTranslateConfig.parse({}) },
      options: { keys: [index, wide], ...options },
    })
  const compare = (options: object = {}): Promise<readonly KeyResult[]> => createLogsComparison(deps(options)).compare(window)

  beforeAll(async () => {
    loki = await startLoki()
    old = await startElasticsearch(7)
    bridge = await startRestartingBridge(['elastic'], (ports) => ({
      ingest: { elasticsearch: { port: ports.elastic, version: '7.17.29' } },
      emit: { endpoint: `${url(loki.ports.http)}/otlp`, compression: 'gzip' },
    }))
    for (const name of [index, wide]) {
      await fetch(`${url(old.ports.http)}/${name}`, { method: 'DELETE' })
      const mappings = { mappings: { dynamic: false, properties: { '@timestamp': { type: 'date' } } } }
      const headers = { 'content-type': 'application/json' }
      await fetch(`${url(old.ports.http)}/${name}`, { method: 'PUT', headers, body: JSON.stringify(mappings) })
    }
    const lines = [...application(fromMs), ...edges(fromMs)]
    await send(url(old.ports.http), lines)
    await send(url(bridge.ports.elastic), lines)
    const left = async (): Promise<true | undefined> =>
      [...(await bridge.metric('otlp_bridge_delivered_items_total')).values()].reduce((a, b) => a + b, 0) >= lines.length ? true : undefined
    await until('all delivered', left, 60_000)
    await delay(2000)
  }, 240_000)

  afterAll(async () => {
    await bridge?.stop()
    await old?.stop()
    await loki?.stop()
  }, 120_000)

  it('are the same, all of them', async () => {
    const results = await compare()
    console.log(summary(results))
    expect(unexplained(results)).toEqual([])
    const [app, edge] = results
    expect(app?.counts).toEqual({
      expected: perMinute * minutes,
      old: perMinute * minutes,
      new: perMinute * minutes,
      distinctOld: perMinute * minutes,
      distinctNew: perMinute * minutes,
    })
    expect(app?.samples).toMatchObject({ asked: 200, foundNew: 200, unexplained: 0 })
    expect(edge?.counts).toMatchObject({ old: 55, distinctOld: 50, distinctNew: 50 })
  })

  it('are told of by the command', async () => {
    const settings = ['--format', 'elasticsearch', '--old', url(old.ports.http), '--new', url(loki.ports.http), '--new-kind', 'loki']
    const times = ['--since', new Date(window.fromMs).toISOString(), '--until', new Date(window.toMs).toISOString(), '--rate', '200']
    const args = ['parity', ...settings, ...times, '--key', `${index},${wide}`, '--require', '100%', '--json']
    const { stdout } = await promisify(execFile)(process.execPath, [join(root, 'src/main.ts'), ...args], { maxBuffer: 2 ** 26 })
    const report = JSON.parse(stdout) as ParityReport
    expect(report.result).toEqual({ parity: 1, require: 1, ok: true, unjudged: 0 })
    expect(report.items.map(({ key, verdict }) => [key, verdict])).toEqual([
      [index, 'explained'],
      [wide, 'explained'],
    ])
  })

  it('name what only one side has', async () => {
    const lone: Line = {
      index,
      source: JSON.stringify({ '@timestamp': stampOf(BigInt(fromMs + 90_000) * 1_000_000n), message: 'on old alone' }),
    }
    await send(url(old.ports.http), [lone])
    const other: Line = {
      index,
      source: JSON.stringify({ '@timestamp': stampOf(BigInt(fromMs + 150_000) * 1_000_000n), message: 'on new alone' }),
    }
    await send(url(bridge.ports.elastic), [other])
    await delay(3000)
    const [app] = await compare()
    expect(app?.differences.filter((one) => one.class === 'unexplained').map(({ kind, count }) => ({ kind, count }))).toEqual([
      { kind: 'missing_new', count: 1 },
      { kind: 'missing_old', count: 1 },
    ])
  })

  it('are read back page by page, each once, by point in time and by scroll', async () => {
    const search = createElasticsearchSearch(deps().old.http)
    const range = { fromMs, toMs: window.toMs }
    const found: Hit[] = []
    for await (const page of search.documents(index, range, 300)) found.push(...page)
    expect(new Set(found.map(({ id }) => id)).size).toBe(perMinute * minutes + 1)
    expect(found).toHaveLength(perMinute * minutes + 1)
    expect(Buffer.from(found.find(({ id }) => id.startsWith('order/'))?.source ?? []).toString()).toContain('"large":90071992547')
    const { http } = deps().old
    const noPit = createElasticsearchSearch({
      ...http,
      send: (request) => http.send(request.path.endsWith('/_pit') ? { ...request, path: '/_no_such_thing' } : request),
    })
    const scrolled: Hit[] = []
    for await (const page of noPit.documents(index, range, 300)) scrolled.push(...page)
    expect(scrolled.map(({ id }) => id).sort()).toEqual(found.map(({ id }) => id).sort())
    expect(await search.timeField(index)).toEqual({ type: 'date', indices: [index] })
    expect((await search.counts('not-there', range)).absent).toBe(true)
  })

  it('are read back from Loki page by page, [start, end) in nanoseconds', async () => {
    const api = createLokiApi(deps().new.http)
    const query = `{service_name=~".+"} | elasticsearch_index="${wide}"`
    const base = BigInt(fromMs + minuteMs) * 1_000_000n
    const lines: string[] = []
    for await (const page of api.entries(query, { startNs: base - 1n, endNs: base + 1n })) lines.push(...page.map(({ line }) => line))
    expect(lines.sort()).toEqual(['edge -1', 'edge 0'])
    expect(await api.edge(query, fromMs + minuteMs)).toBe(2)
    const counts = await api.counts(query, fromMs, window.toMs)
    expect([...counts]).toEqual([
      [fromMs, 2],
      [fromMs + minuteMs, 45],
      [fromMs + 2 * minuteMs, 3],
    ])
  })
})
