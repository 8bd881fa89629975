/** Fakes for tests of listeners: an intake that remembers, a translator that reads a toy format, and a raw socket. */

import net from 'node:net'
import { BridgeError } from '../../../src/errors.ts'
import type { AdapterDeps, BodyTranslator } from '../../../src/ingest/adapter.ts'
import type { SamplingLookup } from '../../../src/ingest/format.ts'
import type { Pages } from '../../../src/ingest/pages.ts'
import type { EncodedBatch } from '../../../src/otlp/intake.ts'
import type { Logger } from '../../../src/telemetry/log.ts'
import { createMetrics, type Metrics } from '../../../src/telemetry/metrics.ts'
import { createStaging, type FakeStaging } from '../../support/staging.ts'

export interface FakeIntake {
  readonly batches: EncodedBatch[]
  /** Requests of several parts, in the order in which they were begun; those that are committed are in `batches` too. */
  readonly stagings: FakeStaging[]
  /** What `refusal` says, and `put`, `add` and `commit` too unless `putError` is set. */
  refuseWith: BridgeError | undefined
  putError: Error | undefined
  /** While set, `put` and `commit` wait for it. */
  gate: Promise<void> | undefined
}

export interface FakeDeps extends AdapterDeps {
  readonly metrics: Metrics
  readonly fake: FakeIntake
  readonly lines: string[]
}

export const queueFull = (): BridgeError => new BridgeError('OB_QUEUE_FULL', 'cannot queue data: full', { retryAfterSeconds: 7 })

/** Dependencies whose intake keeps its side of the books as a queue does. */
export function createFakeDeps(nowMs: () => number = () => 1_700_000_000_000): FakeDeps {
  const metrics = createMetrics()
  const lines: string[] = []
  const line = (_fields: object, message: string): void => void lines.push(message)
  const log: Logger = { trace: line, debug: line, info: line, warn: line, error: line }
  const fake: FakeIntake = { batches: [], stagings: [], refuseWith: undefined, putError: undefined, gate: undefined }
  const admit = async (): Promise<void> => {
    const error = fake.putError ?? fake.refuseWith
    if (error !== undefined) throw error
  }
  const take = async (batches: readonly EncodedBatch[]): Promise<void> => {
    await admit()
    for (const batch of batches) metrics.books(batch.format, batch.signal).at('default').queued.value += batch.items
    if (fake.gate !== undefined) await fake.gate
    for (const batch of batches) fake.batches.push({ ...batch, data: new Uint8Array(batch.data) })
  }
  return {
    metrics,
    log,
    lines,
    fake,
    nowMs,
    intake: {
      put: (batch) => take([batch]),
      stage() {
        const staging = createStaging(take, admit)
        fake.stagings.push(staging)
        return staging
      },
      refusal: () => fake.refuseWith,
    },
  }
}

/**
 * A toy format: each `s` is a span, each `x` a bad one; `!` anywhere cannot be read, `?` is a fault of the translator.
 * Blanks, brackets and everything else is nothing.
 */
export const toyTranslate: BodyTranslator = (body) => {
  let items = 0
  let bad = 0
  for (const byte of body) {
    if (byte === 0x73) items++
    else if (byte === 0x78) bad++
    else if (byte === 0x21) throw new BridgeError('OB_DECODE_JSON', 'cannot read span: no JSON at byte 1')
    else if (byte === 0x3f) throw new TypeError('toy')
  }
  return {
    received: items + bad,
    items,
    data: new Uint8Array(items).fill(7),
    drops: bad === 0 ? [] : [{ reason: 'bad_id', count: bad, example: 'traceId is all zeros', indexes: [] }],
    notes: bad === 0 ? [] : [{ reason: 'noticed', count: 1 }],
  }
}

export const quietPages: Pages = {
  version: '0.0.0-test',
  endpoint: 'http://collector:4318',
  trouble: () => undefined,
  exposition: async () => ({ contentType: 'text/plain; version=0.0.4', text: 'up 1\n' }),
}

/** A lookup that gives every service the same. */
export const quietSampling: SamplingLookup = async () => ({ json: '{}', legacyJson: '{}', proto: new Uint8Array() })

/** No test of listeners has a mapping file. */
export const noUserMapping = (): Promise<never> => Promise.reject(new Error('no mapping file'))

/** Counts of a metric by its labels, those at zero left out: `{ 'reason=bad_id': 2 }` with only the labels asked for. */
export function countsOf(metrics: Metrics, name: string, label: string): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const [metric, cells] of metrics.collect()) {
    if (metric !== name) continue
    for (const cell of cells) {
      if (!('value' in cell) || cell.value === 0) continue
      const key = cell.labels[label] ?? ''
      counts[key] = (counts[key] ?? 0) + cell.value
    }
  }
  return counts
}

/** The sum of a metric over all labels. */
export function sumOf(metrics: Metrics, name: string): number {
  return Object.values(countsOf(metrics, name, '')).reduce((sum, one) => sum + one, 0)
}

/** Formats whose books do not add up; empty when all do. */
export function openBooks(metrics: Metrics): readonly string[] {
  return metrics
    .sums()
    .filter((one) => one.balance !== 0)
    .map((one) => `${one.format}: ${one.balance}`)
}

export interface RawSocket {
  send(text: string | Uint8Array): void
  /** Everything received until the text is there, or the connection is closed. */
  until(text: string): Promise<string>
  /** Everything received, once the other side has closed. */
  closed(): Promise<string>
  destroy(): void
}

/** A TCP connection to the first address of a listener, for what no HTTP client would send. */
export async function openRaw(address: string): Promise<RawSocket> {
  const { hostname, port } = new URL(address)
  const socket = net.connect(Number(port), hostname.replace(/^\[|\]$/g, ''))
  let got = ''
  let ended = false
  const waiting = new Set<() => void>()
  const wake = (): void => {
    for (const check of waiting) check()
  }
  socket.on('data', (piece) => {
    got += piece.toString('latin1')
    wake()
  })
  socket.on('error', () => {})
  socket.on('close', () => {
    ended = true
    wake()
  })
  const when = (condition: () => boolean): Promise<string> =>
    new Promise((resolve) => {
      const check = (): void => {
        if (!condition()) return
        waiting.delete(check)
        resolve(got)
      }
      waiting.add(check)
      check()
    })
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', () => resolve())
    socket.once('error', reject)
  })
  return {
    send: (text) => void socket.write(text),
    until: (text) => when(() => ended || got.includes(text)),
    closed: () => when(() => ended),
    destroy: () => void socket.destroy(),
  }
}

/** Resolves when the condition holds; looked at after each turn of the event loop. Fails after two seconds. */
export async function eventually(condition: () => boolean): Promise<void> {
  const until = Date.now() + 2000
  while (!condition()) {
    if (Date.now() > until) throw new Error('the condition did not come to hold')
    await new Promise((resolve) => setImmediate(resolve))
  }
}
