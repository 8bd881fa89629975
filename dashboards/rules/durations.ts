/** Lengths of time as alert rules write them, in seconds, and as LogQL and PromQL want them. */

/** Seconds of a unit, as Elasticsearch, Kibana and Prometheus write it. `M` and `y` are left out: they have no fixed length. */
const units: ReadonlyMap<string, number> = new Map([
  ['nanos', 1e-9],
  ['ns', 1e-9],
  ['micros', 1e-6],
  ['us', 1e-6],
  ['ms', 1e-3],
  ['s', 1],
  ['m', 60],
  ['h', 3600],
  ['d', 86_400],
  ['w', 604_800],
])

/** Keys of Python's `timedelta`, as ElastAlert has them. */
const deltaUnits: ReadonlyMap<string, number> = new Map([
  ['microseconds', 1e-6],
  ['milliseconds', 1e-3],
  ['seconds', 1],
  ['minutes', 60],
  ['hours', 3600],
  ['days', 86_400],
  ['weeks', 604_800],
])

/** Seconds of `5m`, `1h30m`, `90s`, `500ms`; undefined: no length of time, or one that depends on the calendar. */
export function secondsOf(text: string): number | undefined {
  const trimmed = text.trim()
  if (trimmed === '' || trimmed.length > 64) return undefined
  const part = /(\d+(?:\.\d+)?)(nanos|micros|ns|us|ms|s|m|h|d|w)/gy
  let sum = 0
  let at = 0
  for (let found = part.exec(trimmed); found !== null; found = part.exec(trimmed)) {
    sum += Number(found[1]) * (units.get(found[2] ?? '') ?? 0)
    at = part.lastIndex
  }
  return at === trimmed.length ? sum : undefined
}

/** Seconds of a number and a unit apart from each other: `5` and `m`. */
export const secondsIn = (count: unknown, unit: unknown): number | undefined => {
  const one = typeof unit === 'string' ? units.get(unit) : undefined
  const many = typeof count === 'number' ? count : typeof count === 'string' && /^\d+$/.test(count) ? Number(count) : undefined
  return one === undefined || many === undefined || !Number.isFinite(many) ? undefined : one * many
}

/** Seconds of `{ hours: 4, minutes: 30 }`; undefined: none, or a key that is no unit. */
export function secondsOfDelta(value: unknown): number | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  let sum = 0
  let seen = false
  for (const [key, count] of Object.entries(value)) {
    const unit = deltaUnits.get(key)
    if (unit === undefined || typeof count !== 'number' || !Number.isFinite(count)) return undefined
    sum += unit * count
    seen = true
  }
  return seen ? sum : undefined
}

/** `2h`, `90s`, `1w`, `1500ms`: the largest unit that divides it; at least 1ms. */
export function durationText(seconds: number): string {
  const ms = Math.max(1, Math.round(seconds * 1000))
  for (const [unit, length] of [
    ['w', 604_800_000],
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1000],
  ] as const)
    if (ms % length === 0) return `${ms / length}${unit}`
  return `${ms}ms`
}
