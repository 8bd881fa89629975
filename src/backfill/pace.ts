/** How fast a back-fill goes: as fast as both sides bear, below what the user allows (mapping §3.5). */

import { BridgeError } from '../errors.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { createLatency, type Latency } from './latency.ts'
import type { Pace, Side } from './pacing.ts'

export interface PaceOptions {
  /** `--rate`: OTLP items a second. */
  readonly rate?: number | undefined
  /** `--rate-bytes`: bytes of OTLP a second. */
  readonly rateBytes?: number | undefined
}

/** How this process does; only where others live in it, too. */
export interface OwnLoad {
  /** p99 of the event loop's delay since the last question. */
  readonly loopDelayMs: number
  /** Of the memory that the run may use, 0 to 1. */
  readonly heapShare: number
}

export interface PaceDeps {
  readonly monotonicMs: () => number
  /** Wall clock, ms; shown, never reckoned with. */
  readonly nowMs: () => number
  /** Resolves after that time or when aborted; never rejects. */
  readonly sleep: (ms: number, abort: AbortSignal) => Promise<void>
  readonly own?: () => OwnLoad
  readonly metrics?: Metrics
}

/** A {@link Pace} that says also how long nobody is to be asked. */
export interface AdaptivePace extends Pace {
  /** What is left of a pause, ms: for those who wait to repeat a request. */
  pausedMs(): number
}

const secondMs = 1000
/** Items a second below which it never goes; there it pauses instead. */
export const floorRate = 10
const distressEveryMs = 5000
const holdMs = 5000
const afterDistress = 0.5
const afterSlow = 0.85
const slowAbove = 2
const holdAbove = 1.3
const growBy = 0.05
const growAtLeast = 100
/** Slowness alone takes no more than this: a side that is slow all the same is so for another reason. */
const slowShare = 0.25
/** Then what is seen is what it costs. */
const slowForMs = 60_000
/** A limit that nothing comes near for this long is none. */
const idleTicks = 30
const floorForMs = 10 * 60_000
const firstPauseMs = 60_000
const longestPauseMs = 60 * 60_000
/** Begins with it when nothing was sent before the first distress. */
const unknownRate = 1000
const loopDelayMs = 50
const fullHeap = 0.8
/** Ticks that are made up for after nobody asked for a while. */
const missedTicks = 2

type Cause =
  | ''
  | 'source_slow'
  | 'destination_slow'
  | 'own_load'
  | 'source_distress'
  | 'destination_distress'
  | 'paused'
  | 'rate'
  | 'rate_bytes'

/** `http_429` → `429`. */
const wordOf = (reason: string): string => reason.replace(/^(?:http|grpc)_/, '').replaceAll('_', ' ')

interface Bucket {
  tokens: number
  /** A second; undefined: without end. */
  rate: number | undefined
}

/** Puts in what the time gives: a second's worth at the most. */
function refill(bucket: Bucket, passedMs: number): void {
  if (bucket.rate !== undefined) bucket.tokens = Math.min(bucket.rate, bucket.tokens + (bucket.rate * passedMs) / secondMs)
}

/** Until so much may be taken; what is larger than a second's worth waits for a full bucket, and leaves a debt. */
function waitFor({ tokens, rate }: Bucket, amount: number): number {
  if (rate === undefined) return 0
  const missing = Math.min(amount, rate) - tokens
  return missing <= 0 ? 0 : Math.max(1, Math.ceil((missing / rate) * secondMs))
}

/**
 * Creates it. One rate R, in items a second, each second: after a distress R × 0.5, at most once in 5 s, then no growth for what `Retry-After` says, at least 5 s;
 * a latency above twice its usual R × 0.85, down to a quarter of what it was; above 1.3 times: as it is; else, when something came through and R is what
 * holds back, R + 5 %, at least 100. R is `rate` at the most, 10 at the least, and without a `rate` there is none until somebody asks for less. Ten minutes of
 * distress at the least rate: a pause of a minute, then two, up to an hour. No timers: time passes when somebody asks.
 */
export function createPace(options: PaceOptions, deps: PaceDeps): AdaptivePace {
  const { monotonicMs } = deps
  const ceiling = options.rate
  const floor = Math.min(floorRate, ceiling ?? floorRate)
  const items: Bucket = { tokens: ceiling ?? 0, rate: ceiling }
  const bytes: Bucket = { tokens: options.rateBytes ?? 0, rate: options.rateBytes }
  const latencies: Readonly<Record<Side, Latency>> = { source: createLatency(), destination: createLatency() }
  let cause: Cause = ''
  let text = ''
  let filledMs = monotonicMs()
  let tickedMs = filledMs
  let lastCutMs = Number.NEGATIVE_INFINITY
  let holdUntilMs = Number.NEGATIVE_INFINITY
  let pausedUntilMs = Number.NEGATIVE_INFINITY
  let pauses = 0
  let atFloorMs: number | undefined
  /** Items a second that went through, in seconds with any; and the most of it. */
  let measured = 0
  let best = 0
  let granted = 0
  let waited = false
  let waitedForBytes = false
  let unneeded = 0
  let cameThrough = true
  /** Pages since the last cut for slowness. */
  let fresh = 0
  let slow: { readonly leastRate: number; leastSinceMs: number | undefined } | undefined
  let load: OwnLoad = { loopDelayMs: 0, heapShare: 0 }
  let tail: Promise<unknown> = Promise.resolve()
  let queued = 0
  let shown: Cause = ''

  const setRate = (rate: number | undefined): void => {
    const next = rate === undefined ? ceiling : Math.max(floor, Math.min(rate, ceiling ?? Number.POSITIVE_INFINITY))
    if (items.rate === undefined) items.tokens = 0
    items.rate = next
    if (next === undefined || next > floor) atFloorMs = undefined
    if (next === ceiling) {
      cause = ''
      text = ''
    }
  }

  /** What R is cut from: more than what goes through says nothing. */
  const presentRate = (): number => {
    const rate = items.rate ?? (measured > 0 ? measured : unknownRate)
    return measured > 0 ? Math.min(rate, measured) : rate
  }

  const slower = (now: number, ratio: number, side: Side | 'own'): void => {
    slow ??= { leastRate: Math.max(floor, presentRate() * slowShare), leastSinceMs: undefined }
    if (fresh === 0) return
    fresh = 0
    const next = Math.max(slow.leastRate, presentRate() * afterSlow)
    if (items.rate === undefined || next < items.rate) setRate(next)
    cause = side === 'own' ? 'own_load' : `${side}_slow`
    text = side === 'own' ? `event loop ${Math.round(load.loopDelayMs)} ms` : `${side} slow (×${ratio.toFixed(1)})`
    if (next > slow.leastRate) return
    slow.leastSinceMs ??= now
    if (now - slow.leastSinceMs < slowForMs) return
    slow = undefined
    if (side !== 'own') latencies[side].relearn()
  }

  /** @param seconds since the one before */
  const tick = (now: number, seconds: number): void => {
    const through = granted / seconds
    if (through > 0) {
      measured = measured === 0 ? through : measured + (through - measured) * 0.2
      best = Math.max(best, measured)
    }
    const needed = waited || (items.rate !== undefined && through * 2 >= items.rate)
    granted = 0
    waited = queued > 0
    waitedForBytes = false
    if (deps.own !== undefined) load = deps.own()
    const source = latencies.source.ratio()
    const destination = latencies.destination.ratio()
    const own = load.loopDelayMs / loopDelayMs
    const worst = Math.max(source, destination, own)
    if (worst > slowAbove) {
      slower(now, worst, worst === source ? 'source' : worst === destination ? 'destination' : 'own')
      return
    }
    if (worst > holdAbove) return
    slow = undefined
    if (items.rate === undefined || now < holdUntilMs || now < pausedUntilMs || !cameThrough) return
    if (needed) {
      unneeded = 0
      setRate(items.rate === ceiling ? ceiling : items.rate + Math.max(items.rate * growBy, growAtLeast))
    } else if (++unneeded >= idleTicks) setRate(undefined)
  }

  const show = (): void => {
    if (deps.metrics === undefined) return
    const now = causeNow(monotonicMs())
    if (shown !== '' && shown !== now) deps.metrics.gauge('otlp_bridge_backfill_rate_limit', { reason: shown }).value = 0
    shown = now
    if (now === '') return
    const value = now === 'rate_bytes' || now === 'paused' ? 0 : (items.rate ?? 0)
    deps.metrics.gauge('otlp_bridge_backfill_rate_limit', { reason: now }).value = Math.round(value)
  }

  const causeNow = (now: number): Cause => {
    if (now < pausedUntilMs) return 'paused'
    if (cause !== '') return cause
    if (waitedForBytes) return 'rate_bytes'
    return ceiling === undefined ? '' : 'rate'
  }

  const advance = (now: number): void => {
    const passed = now - filledMs
    if (passed > 0) {
      refill(items, passed)
      refill(bytes, passed)
      filledMs = now
    }
    const due = Math.floor((now - tickedMs) / secondMs)
    if (due <= 0) return
    tickedMs += due * secondMs
    // A long silence is no reason to grow.
    const ticks = Math.min(due, missedTicks)
    for (let at = 0; at < ticks; at++) tick(now, at === 0 ? due - ticks + 1 : 1)
    show()
  }

  const stopping = (): BridgeError => new BridgeError('OB_STOPPING', 'cannot send a page: the run is stopping', { retryAfterSeconds: 1 })

  const spend = (someItems: number, someBytes: number): void => {
    if (items.rate !== undefined) items.tokens -= someItems
    if (bytes.rate !== undefined) bytes.tokens -= someBytes
    granted += someItems
  }

  const waitMs = (now: number, someItems: number, someBytes: number): number => {
    const forItems = waitFor(items, someItems)
    const forBytes = waitFor(bytes, someBytes)
    const paused = Math.max(0, pausedUntilMs - now)
    if (forItems > 0) waited = true
    if (forBytes > forItems) waitedForBytes = true
    return Math.max(forItems, forBytes, paused)
  }

  const inTurn = async (someItems: number, someBytes: number, abort: AbortSignal): Promise<void> => {
    for (;;) {
      if (abort.aborted) throw stopping()
      const now = monotonicMs()
      advance(now)
      const wait = waitMs(now, someItems, someBytes)
      if (wait <= 0) break
      // A second at the most: the rate may have changed by then.
      await deps.sleep(Math.min(wait, secondMs), abort)
    }
    spend(someItems, someBytes)
  }

  return {
    async take(someItems, someBytes, abort) {
      if (abort.aborted) throw stopping()
      const now = monotonicMs()
      advance(now)
      if (queued === 0 && waitMs(now, someItems, someBytes) <= 0) {
        spend(someItems, someBytes)
        return
      }
      queued++
      // First come, first served.
      const turn = tail.then(() => inTurn(someItems, someBytes, abort))
      tail = turn.catch(() => {})
      try {
        await turn
      } finally {
        queued--
      }
    },
    observed({ readMs, sendMs }) {
      latencies.source.add(readMs)
      latencies.destination.add(sendMs)
      fresh++
      cameThrough = true
      pauses = 0
      advance(monotonicMs())
    },
    distress(side, reason, retryAfterMs) {
      const now = monotonicMs()
      advance(now)
      cameThrough = false
      holdUntilMs = Math.max(holdUntilMs, now + Math.max(retryAfterMs, holdMs))
      if (now - lastCutMs >= distressEveryMs) {
        lastCutMs = now
        setRate(presentRate() * afterDistress)
      }
      cause = `${side}_distress`
      text = `${wordOf(reason)} of the ${side}`
      if (items.rate !== undefined && items.rate <= floor) {
        atFloorMs ??= now
        if (now - atFloorMs >= floorForMs && now >= pausedUntilMs) {
          pausedUntilMs = now + Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(pauses, 10))
          pauses++
        }
      }
      show()
    },
    parallel(most) {
      const now = monotonicMs()
      advance(now)
      if (now < pausedUntilMs) return 1
      let want = most
      if (items.rate !== undefined && items.rate !== ceiling && best > 0) want = Math.ceil((most * items.rate) / best)
      if (load.heapShare > fullHeap) want = Math.min(want, Math.ceil(most / 2))
      return Math.max(1, Math.min(most, want))
    },
    state() {
      const now = monotonicMs()
      advance(now)
      const paused = now < pausedUntilMs
      const present = causeNow(now)
      const words = present === 'rate' ? '--rate' : present === 'rate_bytes' ? '--rate-bytes' : text
      return {
        itemsPerSecond: items.rate === undefined ? undefined : Math.round(items.rate),
        reason: paused ? `pause: ${text}` : words,
        pausedUntilMs: paused ? deps.nowMs() + (pausedUntilMs - now) : undefined,
      }
    },
    pausedMs: () => Math.max(0, pausedUntilMs - monotonicMs()),
    close() {
      const { metrics } = deps
      if (shown !== '' && metrics !== undefined) metrics.gauge('otlp_bridge_backfill_rate_limit', { reason: shown }).value = 0
    },
  }
}
