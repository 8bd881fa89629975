/** Intervals of Elasticsearch, Kibana and Grafana. */

const units: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  M: 2_592_000_000,
  q: 7_776_000_000,
  y: 31_536_000_000,
}

const words: Readonly<Record<string, string>> = {
  second: '1s',
  minute: '1m',
  hour: '1h',
  day: '1d',
  week: '1w',
  month: '1M',
  quarter: '1q',
  year: '1y',
}

/** Milliseconds of `5m`, `1h30m`, `90s`, `1.5h`; months, quarters and years as 30, 90, 365 days. Undefined: none. */
export function milliseconds(text: string): number | undefined {
  const trimmed = words[text.trim().toLowerCase()] ?? text.trim()
  if (trimmed.length === 0 || trimmed.length > 64 || !/^(\d+(\.\d+)?(ms|[smhdwMqy]))+$/.test(trimmed)) return undefined
  let sum = 0
  for (const [, count, unit] of trimmed.matchAll(/(\d+(?:\.\d+)?)(ms|[smhdwMqy])/g)) sum += Number(count) * (units[unit ?? ''] ?? 0)
  return Number.isSafeInteger(Math.round(sum)) && sum > 0 ? Math.round(sum) : undefined
}

/** Whether a length depends on the calendar. */
export const isCalendar = (text: string): boolean => /[Mqy]/.test(words[text.trim().toLowerCase()] ?? text)

/** A length as LogQL writes it: `90s`, `1w1d`. */
export function durationText(ms: number): string {
  for (const unit of ['w', 'd', 'h', 'm', 's', 'ms'] as const) {
    const size = units[unit] ?? 1
    if (ms >= size && ms % size === 0) return `${ms / size}${unit}`
  }
  let text = ''
  let rest = Math.max(1, Math.round(ms))
  for (const unit of ['w', 'd', 'h', 'm', 's', 'ms'] as const) {
    const size = units[unit] ?? 1
    const count = Math.floor(rest / size)
    if (count > 0) text += `${count}${unit}`
    rest -= count * size
  }
  return text
}

/** The length of a bucket: `text` stands in brackets, `ms` is undefined where only Grafana knows it. */
export interface Interval {
  readonly text: string
  readonly ms: number | undefined
  readonly isCalendar: boolean
}

/**
 * What stands in brackets for an interval as it was written; `auto`, a lower bound (`>=1m`) and nothing are Grafana's own. A variable of Grafana stays.
 * @param fallback `$__interval` or `$__range`
 */
export function intervalOf(text: string | undefined, fallback: string): Interval {
  const trimmed = (text ?? '').trim()
  const ms = milliseconds(trimmed)
  if (ms !== undefined) return { text: durationText(ms), ms, isCalendar: isCalendar(trimmed) }
  if (/^\$[A-Za-z_{][\w:}]*$|^\[\[\w+\]\]$/.test(trimmed)) return { text: trimmed, ms: undefined, isCalendar: false }
  return { text: fallback, ms: undefined, isCalendar: false }
}
