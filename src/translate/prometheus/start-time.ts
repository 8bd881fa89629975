/**
 * When cumulative streams began: section 7.4 of the mapping, as a decision on plain numbers. "Now" is never a start.
 *
 * Sources, the first that has something wins: the sample's own start (rc.4 of 2.0), the series' (rc.0 to rc.3), `X_created`, a sample of zero
 * put before the first one (`zero_sample: start`), the option `start_time`.
 */

export interface StartOptions {
  readonly startTime: 'unset' | 'first_seen' | 'true_reset' | 'process_start'
  /** `first_seen.subtract` */
  readonly subtract: boolean
  readonly zeroSample: 'forward' | 'start'
}

/**
 * What is remembered of a stream. All zero: nothing is known of it, as after a stale marker, which ends it.
 *
 * Of a row of `streams.ts`: `timeMs`, `value` and `startMs` are there. Beyond these `told` takes one bit, and `base`, which only
 * `first_seen.subtract` needs, two words. All of them have to outlive a restart, or streams begin anew.
 */
export interface StreamStart {
  /** Time of the newest point; 0: there was none. */
  timeMs: number
  /** Value of the newest point that was not NaN; of histograms and summaries their count, which only falls when they begin anew. */
  value: number
  /** 0: unknown. */
  startMs: number
  /** `startMs` was said by the sender (`X_created`, a sample of zero), and is not for the option to change. */
  told: boolean
  /** What is subtracted from values; 0: nothing. */
  base: number
}

/** A point of a sum, histogram or summary, as it comes. */
export interface CumulativePoint {
  /** Above 0. */
  ms: number
  /** As `StreamStart.value`. */
  value: number
  /** Start that came with the sample or its series; 0: none. */
  ownMs: number
  /** The sender says that it begins anew: reset hint 1 of native histograms. */
  reset: boolean
  /** `process_start_time_seconds` of the same job and instance, in ms; 0: unknown. Only looked at with `process_start`. */
  processMs: number
}

/** `LeaveOut`: the first point of `first_seen`; `Consume`: a sample of zero that became a start. Both are consumed, the rest is written. */
export const StartFate = { Write: 0, LeaveOut: 1, Consume: 2 } as const

/** What {@link decideStart} decides; used again. */
export interface StartDecision {
  /** One of {@link StartFate}. */
  fate: number
  /** 0: the point has none. Never later than the point. */
  startMs: number
  /** To subtract from the value. For number points only: histograms keep what they have. */
  base: number
  /** A start later than the point came with it, and was discarded: to be counted. */
  discarded: boolean
}

export const unknownStream = (): StreamStart => ({ timeMs: 0, value: 0, startMs: 0, told: false, base: 0 })

export const createDecision = (): StartDecision => ({ fate: StartFate.Write, startMs: 0, base: 0, discarded: false })

/** A start that `X_created` says, or whatever else is known to be one. It may come before the first point, and before a reset shows. */
export function tellStart(stream: StreamStart, startMs: number): void {
  stream.startMs = startMs
  stream.told = true
  stream.base = 0
}

/**
 * Decides the start of a point and moves the stream on.
 *
 * - A value that falls, or a reset hint, is a new beginning. A start that was known up to then is over, unless it is later than the point
 *   before (`X_created` overtook its sample). `true_reset` and `first_seen` then say the point's time less 1 ms; the others nothing.
 * - `first_seen` leaves out points that are not later than the start it gave, and those that subtracting would make negative.
 * - Points older than the newest one get the start that is known, when it is not later than they, and change nothing.
 */
export function decideStart(stream: StreamStart, point: CumulativePoint, options: StartOptions, out: StartDecision): void {
  const { ms, value, ownMs } = point
  out.fate = StartFate.Write
  out.discarded = ownMs > ms
  const own = ownMs > 0 && ownMs <= ms ? ownMs : 0
  if (stream.timeMs === 0 || ms > stream.timeMs) {
    const first = stream.timeMs === 0
    const again = !first && (value < stream.value || point.reset)
    if (again) beginAgain(stream)
    if (own === 0) {
      if (value === 0 && (first || again) && options.zeroSample === 'start' && stream.startMs === 0) {
        tellStart(stream, ms)
        out.fate = StartFate.Consume
      } else if (!stream.told) applyOption(stream, point, options, again)
    }
    stream.timeMs = ms
    if (!Number.isNaN(value)) stream.value = value
  }
  if (own !== 0) {
    out.startMs = own
    out.base = 0
    return
  }
  if (options.startTime === 'first_seen' && !stream.told && ms <= stream.startMs) out.fate = StartFate.LeaveOut
  out.startMs = stream.startMs <= ms ? stream.startMs : 0
  out.base = out.startMs === 0 ? 0 : stream.base
  if (value < out.base) out.fate = StartFate.LeaveOut
}

function beginAgain(stream: StreamStart): void {
  stream.base = 0
  if (stream.startMs > stream.timeMs) return
  stream.startMs = 0
  stream.told = false
}

/** The option's own start, for a stream whose sender says none. */
function applyOption(stream: StreamStart, { ms, value, processMs }: CumulativePoint, options: StartOptions, again: boolean): void {
  switch (options.startTime) {
    case 'unset':
      return
    case 'process_start':
      // Taken as it is: a series that begins anew in a process that goes on keeps the start of the process.
      if (processMs > 0 && processMs <= ms) stream.startMs = processMs
      return
    case 'true_reset':
    case 'first_seen':
      if (again) stream.startMs = ms - 1
      else if (stream.startMs === 0) {
        stream.startMs = ms
        if (options.startTime === 'first_seen' && options.subtract && !Number.isNaN(value)) stream.base = value
      }
  }
}
