/** Which windows are compared: whole minutes of event time, old enough that both sides show what they were sent (cutover 3.2). */

import { parseDuration } from '../config/units.ts'
import { BridgeError } from '../errors.ts'
import type { Window } from './model.ts'

const minuteMs = 60_000

const floor = (ms: number): number => Math.floor(ms / minuteMs) * minuteMs

const refused = (option: string, value: string, expected: string): BridgeError =>
  new BridgeError('OB_CONFIG', `cannot use ${option} ${value}: expected ${expected}`, { place: option })

/** A duration of the command line, in ms. Throws OB_CONFIG. */
function durationOf(option: string, value: string): number {
  const ms = parseDuration(value)
  if (ms === undefined || ms <= 0) throw refused(option, value, 'a duration such as 10m')
  return ms
}

/** `2h` is that long ago, `now-5m` likewise, `now` is now; otherwise RFC 3339. */
function timeOf(option: string, value: string, nowMs: number): number {
  if (value === 'now') return nowMs
  const ago = parseDuration(value.replace(/^now-/, ''))
  if (ago !== undefined) return nowMs - ago
  const ms = /^\d{4}-\d\d-\d\dT/.test(value) ? Date.parse(value) : Number.NaN
  if (Number.isNaN(ms)) throw refused(option, value, 'a duration such as 2h, now-5m, or a time such as 2026-11-22T10:00:00Z')
  return ms
}

export interface WindowOptions {
  readonly since?: string | undefined
  readonly until?: string | undefined
  readonly windows?: string | undefined
  readonly window?: string | undefined
}

/** Length of a window, in whole minutes: `--window`, 10 min unless given. Throws OB_CONFIG. */
export const windowMsOf = ({ window }: WindowOptions): number => Math.max(minuteMs, floor(durationOf('--window', window ?? '10m')))

/** The longest span of time compared as one. */
const longestMs = 3_600_000

/**
 * Windows, oldest first. `--since` and `--until` give all of that time, in windows of `--window` (1 h at most); otherwise the last `--windows` (1) of
 * `--window` (10 min). All end `settleMs` before now or earlier. Throws OB_CONFIG.
 */
export function windowsOf(options: WindowOptions, nowMs: number, settleMs: number): readonly Window[] {
  const latest = floor(nowMs - settleMs)
  const widthMs = windowMsOf(options)
  if (options.since === undefined) {
    const count = options.windows === undefined ? 1 : Number(options.windows)
    if (!Number.isInteger(count) || count < 1 || count > 1000) throw refused('--windows', options.windows ?? '', 'a number from 1 to 1000')
    const end = Math.min(latest, options.until === undefined ? latest : floor(timeOf('--until', options.until, nowMs)))
    return Array.from({ length: count }, (_, at) => ({ fromMs: end - (count - at) * widthMs, toMs: end - (count - at - 1) * widthMs }))
  }
  if (options.windows !== undefined) throw refused('--windows', options.windows, 'not to be given with --since')
  const from = floor(timeOf('--since', options.since, nowMs))
  const to = Math.min(latest, options.until === undefined ? latest : floor(timeOf('--until', options.until, nowMs)))
  if (to <= from)
    throw refused('--since', options.since, `a time at least ${Math.ceil((settleMs + minuteMs) / 1000)} s ago and before --until`)
  const step = options.window === undefined ? Math.min(to - from, longestMs) : Math.min(widthMs, longestMs)
  const windows: Window[] = []
  for (let at = from; at < to; at += step) windows.push({ fromMs: at, toMs: Math.min(at + step, to) })
  return windows
}

/** How long a backend takes to show what it was sent, ms; generous, since its store is not known from outside. */
export const defaultSettleMs: Readonly<Record<string, number>> = {
  zipkin: 10_000,
  jaeger: 10_000,
  tempo: 300_000,
  prometheus: 60_000,
  loki: 30_000,
  elasticsearch: 10_000,
}
