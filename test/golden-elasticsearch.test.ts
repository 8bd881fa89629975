/** Every vector of `_bulk` through the whole program: the answers, and what reaches the endpoint. */

import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { loadBridgeConfig } from '../src/config/compose.ts'
import { type Pipeline, startPipeline } from '../src/pipeline.ts'
import { silentLog } from '../src/telemetry/log.ts'
import { type GoldenLog, grouped, type LogsSink, startLogsSink } from './support/logs-sink.ts'
import { vectorFiles } from './support/shared.ts'

type Json = Readonly<Record<string, unknown>>

interface Vector {
  readonly requests: readonly {
    readonly method: string
    readonly path: string
    readonly headers: Readonly<Record<string, string>>
    readonly body_file: string
    readonly expect: {
      readonly status: number
      readonly headers: Readonly<Record<string, string>>
      readonly body_subset?: Json
      readonly body_exact?: Json
      readonly body_absent?: readonly string[]
    }
  }[]
  readonly expected_logs?: readonly (GoldenLog & { readonly attributes_subset?: Json })[]
  readonly expected_spans?: readonly unknown[]
}

const files = vectorFiles('elasticsearch').filter((file) => /\/\d[^/]*\.json$/.test(file))

const open: (() => Promise<unknown> | unknown)[] = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

async function startBridge(sink: LogsSink): Promise<{ pipeline: Pipeline; url: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'golden-elasticsearch-'))
  open.push(() => rm(folder, { recursive: true }))
  const set = [
    'ingest.elasticsearch.port=0',
    'admin.enabled=false',
    `emit.endpoint=${sink.url}`,
    `queue.path=${folder}/queue`,
    'emit.batch.delay=5',
  ]
  const config = await loadBridgeConfig({ set }, {})
  const pipeline = await startPipeline(config, { log: silentLog, version: 'test', nowMs: Date.now, random: Math.random })
  open.push(() => pipeline.stop(2000))
  const url = pipeline.listeners.find((one) => one.section === 'ingest.elasticsearch')?.addresses[0] ?? ''
  return { pipeline, url }
}

/** What is wanted, as a pattern: objects may have more members, lists may not; an error has its reason on both levels. */
function contained(wanted: unknown): unknown {
  if (Array.isArray(wanted)) return wanted.map(contained)
  if (typeof wanted !== 'object' || wanted === null) return wanted
  const members = Object.fromEntries(Object.entries(wanted).map(([name, value]) => [name, contained(value)]))
  return expect.objectContaining(members)
}

function wantedBody(body: Json): unknown {
  const { error } = body
  if (typeof error !== 'object' || error === null) return contained(body)
  return contained({ ...body, error: { ...error, root_cause: [error] } })
}

/** A record as it is compared: its observed time counts only where the vector says something of it. */
function comparable(log: GoldenLog, wanted: GoldenLog | undefined): GoldenLog {
  const { observed, ...rest } = log
  return wanted?.['observed'] === undefined ? rest : { ...rest, observed }
}

/** A severity of 0 is none. */
function withoutZero(log: GoldenLog): GoldenLog {
  if (log['severity_number'] !== 0) return log
  const { severity_number: _, ...rest } = log
  return rest as GoldenLog
}

describe.skipIf(files.length === 0)('vectors of _bulk', () => {
  it.each(files.map((file) => [basename(file, '.json'), file]))('%s', async (_name, file) => {
    const vector = JSON.parse(await readFile(file, 'utf8')) as Vector
    const sink = await startLogsSink()
    open.push(() => sink.close())
    const { pipeline, url } = await startBridge(sink)
    let actions = 0
    for (const { method, path, headers, body_file, expect: wanted } of vector.requests) {
      const body = await readFile(join(dirname(file), body_file))
      const response = await fetch(url + path, { method, body, headers })
      const answer = (await response.json()) as Json
      expect(response.status, JSON.stringify(answer)).toBe(wanted.status)
      for (const [name, value] of Object.entries(wanted.headers)) expect([name, response.headers.get(name)]).toEqual([name, value])
      if (wanted.body_exact !== undefined) expect(answer).toEqual(wanted.body_exact)
      if (wanted.body_subset !== undefined) expect(answer).toEqual(wantedBody(wanted.body_subset))
      for (const name of wanted.body_absent ?? []) expect(answer).not.toHaveProperty(name)
      actions += (answer['items'] as unknown[] | undefined)?.length ?? 0
    }
    const expected = grouped((vector.expected_logs ?? []).map(withoutZero))
    const arrived = () => sink.logs().map((log, at) => comparable(log, expected[at]))
    await expect.poll(arrived, { timeout: 4000, interval: 30 }).toEqual(expected)
    expect(pipeline.metrics.total('otlp_bridge_elasticsearch_items_total')).toBe(actions)
    await expect
      .poll(() => pipeline.metrics.sums().map(({ balance, queued }) => [balance, queued]))
      .toEqual(pipeline.metrics.sums().map(() => [0, 0]))
    // All that was taken is there by now: nothing came behind it.
    expect(arrived()).toEqual(expected)
  })
})
