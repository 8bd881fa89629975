/** Times and durations as protobuf-JSON and Go write them → nanoseconds. For JSON only: nothing here is a hot path. */

const timePattern = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,18}))?(?:[Zz]|([+-])(\d\d):(\d\d))$/

/** The first nine digits of a fraction of a second, as nanoseconds. */
const nanosOfFraction = (digits: string): bigint => BigInt(digits.slice(0, 9).padEnd(9, '0'))

/**
 * Nanoseconds since the epoch of an RFC 3339 time, `2017-01-26T21:46:31.639875Z`; negative before 1970. Digits behind the
 * ninth are cut off. Undefined when the text is no such time.
 */
export function timeToNanos(text: string): bigint | undefined {
  const found = timePattern.exec(text)
  if (found === null) return undefined
  const [
    ,
    year = '',
    month = '',
    day = '',
    hours = '',
    minutes = '',
    seconds = '',
    fraction = '',
    sign,
    zoneHours = '0',
    zoneMinutes = '0',
  ] = found
  const date = new Date(0)
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day))
  // 31 February would be a day in March.
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) return undefined
  // :60 is a leap second, which Unix time has no number for: it is the second after it.
  if (Number(hours) > 23 || Number(minutes) > 59 || Number(seconds) > 60 || Number(zoneHours) > 23 || Number(zoneMinutes) > 59)
    return undefined
  const zone = (Number(zoneHours) * 60 + Number(zoneMinutes)) * 60 * (sign === '-' ? -1 : 1)
  const inDay = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)
  return BigInt(date.getTime() / 1000 + inDay - zone) * 1_000_000_000n + nanosOfFraction(fraction)
}

const nanosOfUnit = new Map<string, bigint>([
  ['h', 3_600_000_000_000n],
  ['m', 60_000_000_000n],
  ['s', 1_000_000_000n],
  ['ms', 1_000_000n],
  ['us', 1000n],
  ['µs', 1000n],
  ['μs', 1000n],
  ['ns', 1n],
])

const durationPattern = /^([+-]?)((?:\d{1,20}(?:\.\d{1,18})?(?:h|ms|us|µs|μs|ns|m|s))+)$/
const durationPart = /(\d{1,20})(?:\.(\d{1,18}))?(h|ms|us|µs|μs|ns|m|s)/g

/**
 * Nanoseconds of a duration: protobuf-JSON's `0.022938s`, and what Go writes, `22938000ns` and `1m2.5s`. What is below a
 * nanosecond is cut off. Undefined when the text is none.
 */
export function durationToNanos(text: string): bigint | undefined {
  const [, sign, parts] = durationPattern.exec(text) ?? []
  if (parts === undefined) return text === '0' ? 0n : undefined
  let nanos = 0n
  for (const [, whole = '0', fraction = '', unit = ''] of parts.matchAll(durationPart)) {
    const factor = nanosOfUnit.get(unit) ?? 0n
    nanos += BigInt(whole) * factor
    if (fraction !== '') nanos += (BigInt(fraction) * factor) / 10n ** BigInt(fraction.length)
  }
  return sign === '-' ? -nanos : nanos
}
