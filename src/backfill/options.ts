/** What somebody says of a back-fill besides its source: texts of the command line → values. */

import { parseByteSize, parseDuration } from '../config/units.ts'
import { BridgeError } from '../errors.ts'
import type { FileCompression } from './file-sink.ts'

/** As commander hands them over; everything is optional. */
export interface RunFlags {
  readonly since?: string | undefined
  readonly until?: string | undefined
  readonly seam?: string | undefined
  readonly bridgeData?: string | undefined
  readonly service?: readonly string[]
  readonly query?: string | undefined
  readonly plan?: boolean
  readonly json?: boolean
  readonly parallel?: string | undefined
  readonly rate?: string | undefined
  readonly rateBytes?: string | undefined
  readonly only?: string | undefined
  readonly order?: 'time' | 'any'
  readonly toFile?: string | undefined
  readonly split?: string | undefined
  readonly compress?: string | undefined
  readonly fileFormat?: 'jsonl' | 'proto'
  readonly ledger?: string | undefined
  readonly metricsPort?: string | undefined
  readonly destination?: string | undefined
  readonly skipRefused?: boolean
  readonly continue?: boolean
  readonly rebuild?: boolean
  readonly workers?: string | undefined
  readonly clean?: boolean
}

const fault = (option: string, value: string, expected: string): BridgeError =>
  new BridgeError('OB_CONFIG', `cannot use ${option} ${value}: expected ${expected}`, { place: option })

/** Moments before the year 2000 and behind 2100 are slips: seconds given as milliseconds, for one. */
const [firstMoment, lastMoment] = [Date.UTC(2000, 0, 1), Date.UTC(2100, 0, 1)]

const momentWords = 'a time such as 2026-11-07T00:00:00Z or 2026-11-07, so long ago such as 7d, or milliseconds since 1970'

/**
 * `2026-11-07T10:00:00Z`, `2026-11-07` (UTC), `7d` (so long before now), `1762473600000` → ms. A time without a zone is UTC.
 * @param option names it in the fault, OB_CONFIG
 */
export function momentOf(option: string, text: string, nowMs: number): number {
  const trimmed = text.trim()
  const isNumber = /^\d{11,}$/.test(trimmed)
  const ago = isNumber || !/^\d+(?:\.\d+)?(?:ms|s|m|h|d)$/.test(trimmed) ? undefined : parseDuration(trimmed)
  const dated = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?$/i.exec(trimmed)
  const iso =
    dated === null ? Number.NaN : Date.parse(dated[1] === undefined && trimmed.length > 10 ? `${trimmed.replace(' ', 'T')}Z` : trimmed)
  const ms = isNumber ? Number(trimmed) : ago === undefined ? iso : nowMs - ago
  if (Number.isNaN(ms)) throw fault(option, text, momentWords)
  if (ms < firstMoment || ms > lastMoment)
    throw fault(option, text, `a time between 2000 and 2100, this is ${new Date(Math.min(ms, 8.64e15)).toISOString()}`)
  return ms
}

/** The moment as part of a run's identity: one that was given relative to now stays as it was written. */
export function momentKey(option: string, text: string, nowMs: number): string {
  const trimmed = text.trim()
  return trimmed === 'cutover' || /[smhd]$/.test(trimmed) ? trimmed : new Date(momentOf(option, trimmed, nowMs)).toISOString()
}

/** `20000/s`, `20k/s`, `20000` → items a second. */
export function rateOf(option: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?) ?([kM])?(?:\/s)?$/.exec(text.trim())
  const value = match === null ? 0 : Number(match[1]) * (match[2] === 'k' ? 1000 : match[2] === 'M' ? 1e6 : 1)
  if (!(value >= 1 && value <= 1e9)) throw fault(option, text, 'a number of items a second such as 20000/s, 1/s at the least')
  return value
}

/** `30MB/s`, `30MB` → bytes a second. */
export function byteRateOf(option: string, text: string): number {
  const value = parseByteSize(text.trim().replace(/\/s$/, ''))
  if (value === undefined || value < 1024) throw fault(option, text, 'a size a second such as 30MB/s, 1KiB/s at the least')
  return value
}

/** `256MB` → bytes. */
export function sizeOf(option: string, text: string, least: number): number {
  const value = parseByteSize(text.trim())
  if (value === undefined || value < least) throw fault(option, text, `a size such as 256MB, ${least} bytes at the least`)
  return value
}

/** `15m` → ms. */
export function durationOf(option: string, text: string): number {
  const ms = parseDuration(text.trim())
  if (ms === undefined || ms <= 0) throw fault(option, text, 'a time such as 15m')
  return ms
}

/** A whole number in a range. */
export function countOf(option: string, text: string, least: number, most: number): number {
  const value = /^\d+$/.test(text.trim()) ? Number(text) : Number.NaN
  if (!(value >= least && value <= most)) throw fault(option, text, `a whole number from ${least} to ${most}`)
  return value
}

/** What `--compress` may be. */
export function compressionOf(option: string, text: string): FileCompression {
  const known: readonly FileCompression[] = ['zstd', 'gzip', 'none']
  const found = known.find((one) => one === text)
  if (found === undefined) throw fault(option, text, known.join(', '))
  return found
}

/** `[sinceMs, untilMs)`; `cutover` is looked up by who knows the bridge. */
export interface Span {
  readonly sinceMs: number | undefined
  readonly untilMs: number | undefined
  readonly untilCutover: boolean
}

/** Which part of the history is asked for. Throws OB_CONFIG, for an empty span as well. */
export function spanOf(flags: Pick<RunFlags, 'since' | 'until'>, nowMs: number): Span {
  const sinceMs = flags.since === undefined ? undefined : momentOf('--since', flags.since, nowMs)
  const untilCutover = flags.until === 'cutover'
  const untilMs = flags.until === undefined || untilCutover ? undefined : momentOf('--until', flags.until, nowMs)
  if (sinceMs !== undefined && untilMs !== undefined && sinceMs >= untilMs)
    throw fault('--since', flags.since ?? '', `a time before --until, which is ${new Date(untilMs).toISOString()}`)
  return { sinceMs, untilMs, untilCutover }
}
