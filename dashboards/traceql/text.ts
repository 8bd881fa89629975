/** How TraceQL writes names, texts and durations. */

/** Names that need no quotes. TraceQL takes more; what is quoted is taken everywhere. Those that begin as a scope does are not read behind a dot. */
const plainName = /^(?!(?:span|resource|event|link|instrumentation|parent|trace)(?![\w]))[A-Za-z_][\w.]*$/

/** An attribute: `.k`, `resource.k`, `span."a b"`. @param scope `resource`, `span`, `event`; empty: span or resource */
export function attributeExpression(scope: '' | 'resource' | 'span' | 'event', key: string): string {
  return `${scope}.${plainName.test(key) ? key : `"${key.replace(/[\\"]/g, '\\$&')}"`}`
}

const escapes: ReadonlyMap<string, string> = new Map([
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
  ['"', '\\"'],
  ['\\', '\\\\'],
])

/** A text in quotes, with Go's escapes. */
export const textLiteral = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what has to be escaped
  `"${text.replace(/[\\"\u0000-\u001f\u007f-\u009f]/g, (sign) => escapes.get(sign) ?? `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`)}"`

/** A text as a regular expression that it alone fits. Grafana's variables in it stay what they are. */
export const escapeRegex = (text: string): string => text.replace(/[\\.*+?^()|{}[\]]/g, '\\$&')

/** `0.5` for `.5`: TraceQL wants the zero. Undefined: no number. */
export function numberLiteral(text: string): string | undefined {
  if (!/^[-+]?(?:\d+\.?\d*|\.\d+)$/.test(text) || text.length > 32) return undefined
  const sign = text.startsWith('-') ? '-' : ''
  const digits = text.replace(/^[-+]/, '').replace(/\.$/, '')
  return sign + (digits.startsWith('.') ? `0${digits}` : digits)
}

/** Nanoseconds of a unit. */
const units: ReadonlyMap<string, bigint> = new Map([
  ['ns', 1n],
  ['us', 1000n],
  ['µs', 1000n],
  ['μs', 1000n],
  ['ms', 1_000_000n],
  ['s', 1_000_000_000n],
  ['m', 60_000_000_000n],
  ['h', 3_600_000_000_000n],
])

const written: readonly (readonly [string, bigint])[] = [
  ['h', 3_600_000_000_000n],
  ['m', 60_000_000_000n],
  ['s', 1_000_000_000n],
  ['ms', 1_000_000n],
  ['us', 1000n],
]

/** Nanoseconds as one number and one unit: TraceQL takes no `1h30m`. */
export function durationLiteral(nanos: bigint): string {
  for (const [unit, size] of written) if (nanos !== 0n && nanos % size === 0n) return `${nanos / size}${unit}`
  return `${nanos}ns`
}

/** A duration as Jaeger takes it: `100ms`, `1.2s`, `1h30m`. In nanoseconds; undefined: none. */
export function readDuration(text: string): bigint | undefined {
  const all = text.trim()
  if (all.length === 0 || all.length > 64 || !/^(?:\d{1,18}(?:\.\d{0,9})?(?:ns|us|µs|μs|ms|s|m|h))+$/.test(all)) return undefined
  let sum = 0n
  for (const [, whole = '0', part = '', unit = 'ns'] of all.matchAll(/(\d+)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h)/g)) {
    const size = units.get(unit) ?? 1n
    sum += BigInt(whole) * size + (BigInt(part || '0') * size) / 10n ** BigInt(part.length)
  }
  return sum
}
