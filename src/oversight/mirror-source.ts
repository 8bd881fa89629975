/** The old sides as the page shows them. */

import type { SideStatus } from '../admin/api.ts'
import type { MirrorSource } from '../admin/sources.ts'
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
  readonly metrics: Metrics
  readonly nowMs: () => number
}

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

  const deliveredTo = (destination: string): number =>
    metrics
      .sums()
      .filter((one) => one.destination === destination)
      .reduce((sum, one) => sum + one.delivered, 0)

  return {
    cutover,
    url(endpoint) {
      const url = mirrorsOf(deps.config()).get(endpoint)?.url
      return url === undefined ? undefined : maskUserinfo(url)
    },
    status(endpoint) {
      const mirror = deps.mirrors().find((one) => one.endpoint === endpoint)
      if (mirror === undefined) return undefined
      const { state, breaker, lastError, waiting, halted } = mirror.status()
      const { name } = mirror.lane
      const lane = deps.lane(name)
      const bytes = lane?.bytes ?? waiting.bytes
      const maxBytes = lane?.maxBytes ?? mirror.lane.maxSize
      const said = halted === undefined ? lastError : { at: deps.nowMs(), text: halted, count: 1 }
      return {
        state,
        acknowledges: !/^jaeger\.(compact|binary|zipkin)$/.test(endpoint),
        deliveredPerMinute: rates.note(`${name} delivered`, deliveredTo(name)),
        queueItems: lane?.items ?? waiting.items,
        queueBytes: bytes,
        oldestAgeSeconds: waiting.oldestMs === undefined ? null : waiting.oldestMs / 1000,
        timeToFullSeconds: timeToFull(bytes, maxBytes, rates.note(`${name} bytes`, bytes)),
        deadItems: lane?.deadItems ?? 0,
        breaker: breakerOf(breaker),
        ...(said === undefined ? {} : { lastError: { at: new Date(said.at).toISOString(), text: said.text, count: said.count } }),
      }
    },
  }
}
