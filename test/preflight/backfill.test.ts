import { createServer, type Server } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { decodeTraces } from '../../src/otlp/decode/traces.ts'
import { tracesToJson } from '../../src/otlp/encode/json.ts'
import { runHistoryPreflight } from '../../src/preflight/backfill.ts'
import { readSettings } from '../../src/preflight/backfill-knobs.ts'
import { httpGet } from '../../src/preflight/http-get.ts'
import { otlpSpans } from '../../src/read/otlp-json.ts'
import { closeNow, listenLocally } from '../support/local-server.ts'
import { subjectOf, told, worldOf } from './support/subject.ts'

const nowMs = 1_800_000_000_000
const dayMs = 86_400_000
const servers: Server[] = []

afterEach(async () => {
  for (const server of servers.splice(0)) await closeNow(server)
})

interface TempoOptions {
  /** Search sees what is younger. */
  readonly slackMs?: number
  /** Loses what is older. */
  readonly retentionMs?: number
  readonly mostBytes?: number
}

/** A Tempo by its words: keeps traces by their id, and searches those whose blocks it finds by time. */
async function tempo({
  slackMs = Number.POSITIVE_INFINITY,
  retentionMs = Number.POSITIVE_INFINITY,
  mostBytes = 2 ** 24,
}: TempoOptions = {}) {
  const spans = new Map<string, number>()
  const services = new Set<string>()
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://tempo')
    const answer = (status: number, body: string): void => void response.writeHead(status).end(body)
    if (request.method === 'POST') {
      const parts: Buffer[] = []
      request.on('data', (part: Buffer) => parts.push(part))
      request.on('end', () => {
        const body = Buffer.concat(parts)
        if (url.pathname !== '/v1/traces') return answer(404, 'page not found')
        if (body.length > mostBytes) return answer(413, 'request body too large')
        for (const { span, resource } of otlpSpans(JSON.parse(tracesToJson(decodeTraces(body))))) {
          services.add(JSON.stringify(resource))
          const ms = Number(BigInt(String(span['startTimeUnixNano'])) / 1_000_000n)
          if (nowMs - ms <= retentionMs) spans.set(String(span['traceId']), ms)
        }
        return answer(200, '')
      })
      return undefined
    }
    if (url.pathname === '/api/echo') return answer(200, 'echo')
    if (url.pathname === '/status/config') return answer(200, 'storage:\n  trace:\n    wal:\n      ingestion_time_range_slack: 2m0s\n')
    const [, trace = ''] = /^\/api\/traces\/([0-9a-f]+)$/.exec(url.pathname) ?? []
    if (trace !== '') return spans.has(trace) ? answer(200, '{"name":"otlp_bridge_preflight"}') : answer(404, '')
    if (url.pathname !== '/api/search') return answer(404, '')
    const [, run = ''] = /"([0-9a-f]+)"/.exec(url.searchParams.get('q') ?? '') ?? []
    const ms = spans.get(run)
    const found = ms !== undefined && nowMs - ms <= slackMs
    return answer(200, JSON.stringify({ traces: found ? [{ traceID: run }] : [] }))
  })
  servers.push(server)
  const url = `http://127.0.0.1:${await listenLocally(server)}`
  return { url, spans, services }
}

const run = async (url: string, more: object = {}, queryUrls = [url]) =>
  (
    await runHistoryPreflight(
      { ...subjectOf({ emit: { endpoint: url } }, { queryUrls, readBackMs: 3000 }), sinceMs: nowMs - 14 * dayMs, ...more },
      worldOf({ get: httpGet }),
    )
  ).filter(({ check }) => check !== 'clock' && check !== 'query')

describe('runHistoryPreflight', () => {
  it('says of a Tempo that old spans are stored, but not searched, by which setting, and what that is', async () => {
    const { url } = await tempo({ slackMs: 120_000 })
    const findings = await run(url)
    expect(told(findings)).toEqual([
      expect.stringMatching(
        /^ok default, traces: tempo at .*: storage\.trace\.wal\.ingestion_time_range_slack: 2m0s, compactor.*336h \(default\)$/,
      ),
      'warn default, traces, 14 d old: stored, and found by its id, but not by search within 3 s (hidden)',
      'warn default, traces, 7 d old: stored, and found by its id, but not by search within 3 s (hidden)',
      'warn default, traces, 2 h old: stored, and found by its id, but not by search within 3 s (hidden)',
      'ok default, traces, new: stored and found by Tempo',
      expect.stringMatching(/^ok default, traces, a full page: 2000 items in [34]\.\d MiB are taken$/),
      expect.stringMatching(/^warn default, metrics: .*404/),
      expect.stringMatching(/^warn default, logs: .*404/),
    ])
    expect(findings[1]?.knob).toContain('ingestion_time_range_slack as long as the history')
    expect(findings[1]?.knob).toContain('it has storage.trace.wal.ingestion_time_range_slack: 2m0s')
    expect(findings[6]?.knob).toBe('nothing to do where no metrics are filled in')
  })

  it('finds all of it where search reaches back', async () => {
    const { url, spans, services } = await tempo()
    expect(told(await run(url)).slice(1, 5)).toEqual(
      ['14 d old', '7 d old', '2 h old', 'new'].map((age) => `ok default, traces, ${age}: stored and found by Tempo`),
    )
    // What it leaves behind is marked.
    expect(spans.size).toBe(2004)
    expect([...services].every((one) => one.includes('otlp-bridge-preflight'))).toBe(true)
  })

  it('tells what is taken and then gone', async () => {
    const { url } = await tempo({ retentionMs: 10 * dayMs })
    expect(told(await run(url))[1]).toBe('warn default, traces, 14 d old: stored, not found within 3 s (hidden)')
  })

  it('cannot check what nobody can be asked for, and says what would help', async () => {
    const { url } = await tempo()
    const other = createServer((_request, response) => void response.writeHead(404).end())
    servers.push(other)
    const findings = await run(url, {}, [`http://127.0.0.1:${await listenLocally(other)}`])
    expect(findings[0]).toMatchObject({ level: 'warn', seen: 'accepted, cannot be checked' })
    expect(findings[0]?.knob).toContain('--query-url')
  })

  it('says which size is too large', async () => {
    const { url } = await tempo({ mostBytes: 2 ** 20 })
    const page = (await run(url)).find(({ about }) => about.endsWith('a full page'))
    expect(page).toMatchObject({ level: 'warn', seen: expect.stringContaining('413') })
  })

  it('tells of a closed port once, and sends nothing where that is not wanted', async () => {
    const closed = await run('http://127.0.0.1:1')
    expect(told(closed)).toEqual([expect.stringMatching(/^fail default, traces: .*ECONNREFUSED/)])
    const { url, spans } = await tempo()
    expect(await run(url, { send: false })).toEqual([])
    expect(spans.size).toBe(0)
  })

  it('asks for a short history at fewer times', async () => {
    const { url } = await tempo()
    const findings = told(await run(url, { sinceMs: nowMs - 30 * 60_000 }))
    expect(findings.filter((one) => one.includes('old:'))).toEqual([
      'ok default, traces, 30 min old: stored and found by Tempo',
      'ok default, traces, 15 min old: stored and found by Tempo',
    ])
  })
})

describe('readSettings', () => {
  const serving = (body: string) => async () => ({ status: 200, dateMs: undefined, body })

  it('reads them out of YAML, and out of YAML in JSON', async () => {
    const loki = 'limits_config:\n  reject_old_samples: false\n  reject_old_samples_max_age: 2w\ningester:\n  max_chunk_age: 12h\n'
    expect(await readSettings('loki', 'http://loki', serving(loki), 100)).toEqual([
      'limits_config.reject_old_samples: false',
      'limits_config.reject_old_samples_max_age: 2w',
      'ingester.max_chunk_age: 12h',
      'querier.query_ingesters_within: 3h (default)',
    ])
    const prometheus = JSON.stringify({ status: 'success', data: { yaml: 'storage:\n  tsdb:\n    out_of_order_time_window: 30d\n' } })
    expect(await readSettings('prometheus', 'http://p', serving(prometheus), 100)).toEqual(['storage.tsdb.out_of_order_time_window: 30d'])
    expect(await readSettings('prometheus', 'http://p', serving('{"data":{"yaml":""}}'), 100)).toEqual([
      'storage.tsdb.out_of_order_time_window: 0s (default)',
    ])
  })

  it('knows nothing of what is not served', async () => {
    const get = async (): Promise<never> => {
      throw new Error('refused')
    }
    expect(await readSettings('tempo', 'http://tempo', get, 100)).toBeUndefined()
    expect(await readSettings('jaeger', 'http://jaeger', get, 100)).toBeUndefined()
  })
})
