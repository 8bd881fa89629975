/** The old sides as the page shows them. */

import type { SideStatus } from '../admin/api.ts'
import { acknowledges } from '../admin/endpoints.ts'
import type { MirrorSource } from '../admin/sources.ts'
import { mirrorOf } from '../books/endpoint.ts'
import { maskUserinfo } from '../config/mask.ts'
import type { RunningCutover } from '../cutover/state.ts'
import type { LaneStats } from '../emit/queue/queue.ts'
import type { MirrorConfig } from '../mirror/config.ts'
import { mirrorsOf } from '../mirror/config.ts'
import type { Mirror } from '../mirror/mirror.ts'
import type { Metrics } from '../telemetry/metrics.ts'

export interface MirrorSourceDeps {
  readonly cutover: RunningCutover
  readonly mirrors: () => readonly Mirror[]
  readonly config: () => MirrorConfig
  /** The mirror's place in the queue; undefined while it has none. */
  readonly lane: (name: string) => LaneStats | undefined
  /** Items that the old side of an endpoint has had from this process since its start, those among them whose senders waited for its answer. */
  readonly delivered: (endpoint: string) => number
  readonly metrics: Metrics
  readonly nowMs: () => number
}

/** Of what has waited so long somebody is slow. */
const slowQueueMs = 30_000

/** How far back a rate looks. */
const rateMs = 60_000

/** Growth of numbers over the last minute, as far as they were noted. */
export function createRates(nowMs: () => number) {
  const notes = new Map<string, { readonly atMs: number; readonly value: number }[]>()
  return {
    /** Notes how a number stands. Returns its growth a minute. */
    note(key: string, value: number): number {
      const now = nowMs()
      let known = notes.get(key)
      if (known === undefined) notes.set(key, (known = []))
      while (known.length > 1 && now - (known[1]?.atMs ?? now) >= rateMs) known.shift()
      const first = known[0]
      if (now - (known.at(-1)?.atMs ?? 0) >= 1000) known.push({ atMs: now, value })
      if (first === undefined || now - first.atMs < 1000) return 0
      return Math.max(0, ((value - first.value) * 60_000) / (now - first.atMs))
    },
  }
}

const breakerNames = { closed: 'closed', resting: 'closed', open: 'open', due: 'half-open', trying: 'half-open' } as const

const breakerOf = (state: string): SideStatus['breaker'] =>
  (breakerNames as Readonly<Record<string, SideStatus['breaker']>>)[state] ?? 'open'

/** Seconds until a queue is full at the rate at which it grows; null when it does not. */
const timeToFull = (bytes: number, maxBytes: number, growthPerMinute: number): number | null =>
  growthPerMinute <= 0 ? null : Math.max(0, Math.round(((maxBytes - bytes) / growthPerMinute) * 60))

export function createMirrorSource(deps: MirrorSourceDeps): MirrorSource {
  const { cutover, metrics } = deps
  const rates = createRates(deps.nowMs)

  /** Of several processes what went through the queue is all that is known. */
  const deliveredTo = (endpoint: string): number => {
    const name = mirrorOf(endpoint)
    const queued = metrics.sums().filter((one) => one.destination === name)
    return Math.max(
      deps.delivered(endpoint),
      queued.reduce((sum, one) => sum + one.delivered, 0),
    )
  }

  const gaugeOf = (gauge: 'otlp_bridge_mirror_breaker_open', destination: string): number =>
    (metrics.collect().get(gauge) ?? []).reduce(
      (sum, one) => sum + ('value' in one && one.labels['destination'] === destination ? one.value : 0),
      0,
    )

  return {
    cutover,
    url(endpoint) {
      const url = mirrorsOf(deps.config()).get(endpoint)?.url
      return url === undefined ? undefined : maskUserinfo(url)
    },
    status(endpoint) {
      const config = mirrorsOf(deps.config()).get(endpoint)
      if (config === undefined) return undefined
      const name = mirrorOf(endpoint)
      const own = deps
        .mirrors()
        .find((one) => one.endpoint === endpoint)
        ?.status()
      const lane = deps.lane(name)
      const bytes = lane?.bytes ?? 0
      const maxBytes = lane?.maxBytes ?? config.queue.maxSize
      const oldestMs = own?.waiting.oldestMs ?? lane?.oldestMs
      // Several processes each have an old side of their own; what they count is all that is known here.
      const breaker =
        own === undefined ? (gaugeOf('otlp_bridge_mirror_breaker_open', name) > 0 ? 'open' : 'closed') : breakerOf(own.breaker)
      const state = own?.state ?? (breaker === 'open' ? 'down' : (oldestMs ?? 0) > slowQueueMs ? 'slow' : 'up')
      const said = own?.halted === undefined ? own?.lastError : { at: deps.nowMs(), text: own.halted, count: 1 }
      return {
        state,
        acknowledges: acknowledges(endpoint),
        deliveredPerMinute: rates.note(`${name} delivered`, deliveredTo(endpoint)),
        queueItems: lane?.items ?? 0,
        queueBytes: bytes,
        oldestAgeSeconds: oldestMs === undefined ? null : oldestMs / 1000,
        timeToFullSeconds: timeToFull(bytes, maxBytes, rates.note(`${name} bytes`, bytes)),
        deadItems: lane?.deadItems ?? 0,
        breaker,
        ...(said === undefined ? {} : { lastError: { at: new Date(said.at).toISOString(), text: said.text, count: said.count } }),
      }
    },
  }
}
