/** A mirror over a lane in memory that remembers what became of everything. */

import { onTestFinished } from 'vitest'
import type { EndpointState } from '../../src/cutover/model.ts'
import type { LaneRunner } from '../../src/emit/extra-lane.ts'
import { createMemoryQueue } from '../../src/emit/queue/memory.ts'
import type { DeadPart, Lane, Queue } from '../../src/emit/queue/queue.ts'
import { mirrorConfig, mirrorsOf } from '../../src/mirror/config.ts'
import { decodeEnvelope, type EnvelopeHead, encodeEnvelope } from '../../src/mirror/envelope.ts'
import { createMirror, type Mirror, type MirrorDeps } from '../../src/mirror/mirror.ts'
import { freeNow } from '../../src/otlp/encode/chunks.ts'
import { silentLog } from '../../src/telemetry/log.ts'
import { createMetrics, type Metrics } from '../../src/telemetry/metrics.ts'

export interface Left {
  readonly what: 'settled' | 'buried'
  readonly id: string
  readonly reason: string
  readonly message: string
  readonly rejected: number
}

export interface MirrorBench {
  mirror: Mirror
  readonly metrics: Metrics
  readonly queue: Queue
  readonly lane: Lane
  readonly left: Left[]
  /** What was refused of requests that were taken otherwise. */
  readonly dead: DeadPart[]
  runner: LaneRunner
  state: EndpointState
  envelope(body: string | Uint8Array, head?: Partial<EnvelopeHead>, items?: number): Uint8Array
  put(body: string | Uint8Array, head?: Partial<EnvelopeHead>, items?: number): Promise<void>
  /** Resolves when so many envelopes have left. */
  gone(count: number): Promise<void>
  /** Another mirror takes the lane over, as when the configuration changes. */
  replace(): Promise<void>
  close(): Promise<void>
}

export const dual = (endpoint: string): EndpointState => ({
  endpoint,
  phase: 'dual',
  answer: 'bridge',
  share: { new: 1, old: 1 },
  paused: false,
  until: undefined,
  revision: 1,
  sinceMs: 0,
})

let ids = 0

/** @param section of `mirror`, such as `{ zipkin: { url } }` */
export async function startMirror(
  endpoint: string,
  section: Record<string, unknown>,
  deps: Partial<MirrorDeps> = {},
): Promise<MirrorBench> {
  const config = mirrorsOf(mirrorConfig.parse(section)).get(endpoint)
  if (config === undefined) throw new Error(`no mirror ${endpoint}`)
  const metrics = createMetrics()
  const name = `mirror.${endpoint}`
  const queue = createMemoryQueue(
    {
      lanes: [
        { destination: 'default', whenFull: 'refuse' },
        { destination: name, whenFull: 'refuse', mirror: true },
      ],
      maxSize: 2 ** 30,
      ack: 'memory',
    },
    // What was settled as free has no bytes from then on, as when the pool of the bridge has enough.
    { metrics, log: silentLog, nowMs: Date.now, recycle: (memory) => memory instanceof ArrayBuffer && freeNow(memory) },
  )
  const inner = queue.lanes[1] as Lane
  const left: Left[] = []
  const dead: DeadPart[] = []
  const waiters: { count: number; resolve: () => void }[] = []
  const idOf = (data: Uint8Array): string => decodeEnvelope(data).head.id
  const note = (one: Left): void => {
    left.push(one)
    for (const waiter of waiters) if (left.length >= waiter.count) waiter.resolve()
  }
  const lane: Lane = {
    ...inner,
    settle(batches, free, rejected = 0, how = '') {
      for (const { data } of batches) note({ what: 'settled', id: idOf(data), reason: how, message: '', rejected })
      return inner.settle(batches, free, rejected, how)
    },
    settleBut(batches, parts) {
      dead.push(...parts)
      const rejected = parts.reduce((sum, { items }) => sum + items, 0)
      const { reason = '', message = '' } = parts[0] ?? {}
      for (const { data } of batches) note({ what: 'settled', id: idOf(data), reason, message, rejected })
      return inner.settleBut(batches, parts)
    },
    bury(batches, reason, message) {
      for (const { data } of batches) note({ what: 'buried', id: idOf(data), reason, message, rejected: 0 })
      return inner.bury(batches, reason, message)
    },
  }
  const bench = { state: dual(endpoint) }
  const open = (): Promise<Mirror> =>
    createMirror(endpoint, config, {
      log: silentLog,
      metrics,
      nowMs: Date.now,
      monotonicMs: () => performance.now(),
      random: () => 0.5,
      instanceId: '0a1b2c3d-0000-4000-8000-000000000000',
      state: () => bench.state,
      queueSurvives: false,
      ...deps,
    })
  const mirror = await open()
  const runner = mirror.lane.start(lane)
  const envelope: MirrorBench['envelope'] = (body, head = {}, _items) => {
    const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body
    const whole: EnvelopeHead = {
      id: `e${++ids}`,
      at: 0,
      kind: 'http',
      method: 'POST',
      target: '/api/v2/spans',
      headers: ['Content-Type', 'application/json'],
      from: '10.0.0.1',
      lane: '',
      ...head,
    }
    return encodeEnvelope(whole, [bytes])
  }
  const whole: MirrorBench = Object.assign(bench, {
    mirror,
    metrics,
    queue,
    lane,
    left,
    dead,
    runner,
    envelope,
    put: (body: string | Uint8Array, head: Partial<EnvelopeHead> = {}, items = 1) =>
      queue.put([{ batch: { format: 'zipkin-json', signal: 'legacy', mirror: name, items, data: envelope(body, head) }, lanes: [1] }]),
    gone: (count: number) =>
      new Promise<void>((resolve) => {
        if (left.length >= count) resolve()
        else waiters.push({ count, resolve })
      }),
    async replace() {
      await whole.runner.handOver(0)
      await whole.mirror.close()
      whole.mirror = await open()
      whole.runner = whole.mirror.lane.start(lane)
    },
    async close() {
      await whole.runner.stop(0)
      await whole.mirror.close()
      await queue.close()
    },
  })
  return whole
}

/** As {@link startMirror}; closed when the test ends. */
export async function mirrorForTest(...what: Parameters<typeof startMirror>): Promise<MirrorBench> {
  const bench = await startMirror(...what)
  onTestFinished(() => bench.close())
  return bench
}

/** Retries without a wait that a test would notice. */
export const quick = { retry: { initial: '1ms', max: '4ms' }, breaker: { failures: 1000, open: '1ms' } }
