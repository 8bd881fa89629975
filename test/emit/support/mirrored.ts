/** A sending side with mirrors whose lanes the test empties itself, and a record of everything that left the queue. */

import { onTestFinished } from 'vitest'
import { emitConfig, queueConfig } from '../../../src/emit/config.ts'
import { createEmit, type Emit } from '../../../src/emit/create.ts'
import type { ExtraLane, Outcomes } from '../../../src/emit/extra-lane.ts'
import type { Lane } from '../../../src/emit/queue/queue.ts'
import type { EncodedBatch } from '../../../src/otlp/intake.ts'
import { silentLog } from '../../../src/telemetry/log.ts'
import { createMetrics, type Metrics } from '../../../src/telemetry/metrics.ts'
import { batch } from './queues.ts'

/** One line a batch that left: `default traces delivered 1`; rejected items, reason and account behind it, where there are any. */
export function recordOutcomes(): { readonly lines: string[]; readonly outcomes: Outcomes } {
  const lines: string[] = []
  return {
    lines,
    outcomes: {
      left(destination, { signal, items, account }, outcome, reason, rejected) {
        const more = [reason, rejected > 0 ? `-${rejected}` : '', account === undefined ? '' : Buffer.from(account).toString()]
        lines.push([destination || '(none)', signal, outcome, items, ...more.filter((one) => one !== '')].join(' '))
      },
    },
  }
}

export interface FakeMirror extends ExtraLane {
  whenFull: 'refuse' | 'drop'
  /** What was called, in order. */
  readonly calls: string[]
  lane: Lane
}

/** A mirror that does nothing by itself. */
export function fakeMirror(name: string, maxSize = 2 ** 30, whenFull: 'refuse' | 'drop' = 'refuse'): FakeMirror {
  const calls: string[] = []
  const none = new Proxy({} as Lane, {
    get: () => {
      throw new Error(`mirror ${name} was not started`)
    },
  })
  const mirror: FakeMirror = {
    name,
    maxSize,
    whenFull,
    calls,
    lane: none,
    start(lane) {
      calls.push('start')
      mirror.lane = lane
      return {
        health: () => ({ ok: true, reasons: calls.includes('ill') ? [`mirror ${name} is ill`] : [] }),
        stop: async () => void calls.push('stop'),
        handOver: async () => void calls.push('handOver'),
      }
    },
  }
  return mirror
}

export interface Mirrored {
  readonly emit: Emit
  readonly metrics: Metrics
  readonly lines: string[]
}

/** @param queue section `queue` @param emit keys of section `emit` beside the endpoint */
export async function startMirrored(endpoint: string, extra: readonly ExtraLane[], queue: object, emit: object = {}): Promise<Mirrored> {
  const metrics = createMetrics()
  const { lines, outcomes } = recordOutcomes()
  const started = await createEmit({
    emit: emitConfig.parse({ endpoint, retry: { initialInterval: 5, maxInterval: 20 }, batch: { delay: 5 }, ...emit }),
    queue: queueConfig.parse({ ballast: 0, ...queue }),
    metrics,
    log: silentLog,
    nowMs: Date.now,
    random: () => 0.5,
    instanceId: 'test-instance',
    extra,
    outcomes,
  })
  onTestFinished(() => started.stop(200))
  return { emit: started, metrics, lines }
}

const text = new TextEncoder()

/** A numbered batch with an envelope of the same number; the account is `a<number>`. */
export function mirroredBatch(number: number, mirror: string, bytes = 100, items = 1): EncodedBatch {
  const { data } = batch(number, bytes)
  return { ...batch(number, 100), account: text.encode(`a${number}`), envelope: { mirror, format: 'zipkin-json', items, data } }
}

/** An envelope alone. */
export function envelopeOnly(number: number, mirror: string, bytes = 100, items = 0): EncodedBatch {
  return { ...mirroredBatch(number, mirror, bytes, items), items: 0, data: new Uint8Array(0) }
}
