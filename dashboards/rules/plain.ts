/** Values of parsed files by others, read without trust: what is not of the kind that is asked for is as if it were absent. */

/** An object of a parsed file. It may have no prototype. */
export type Plain = Readonly<Record<string, unknown>>

export const isPlain = (value: unknown): value is Plain => typeof value === 'object' && value !== null && !Array.isArray(value)

const none: Plain = Object.freeze(Object.create(null) as Plain)

/** A member of its own: `__proto__` and `constructor` are keys as any other. */
export const memberOf = (value: unknown, key: string): unknown => (isPlain(value) && Object.hasOwn(value, key) ? value[key] : undefined)

/** A member by a path of keys. */
export function memberAt(value: unknown, ...keys: readonly string[]): unknown {
  let found = value
  for (const key of keys) found = memberOf(found, key)
  return found
}

export const plainOf = (value: unknown): Plain => (isPlain(value) ? value : none)
export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
export const wordOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
export const numberOf = (value: unknown): number | undefined => {
  const found =
    typeof value === 'number'
      ? value
      : typeof value === 'string' && /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(value.trim())
        ? Number(value)
        : undefined
  return found !== undefined && Number.isFinite(found) ? found : undefined
}
/** True, `true`, `True`, `yes`. */
export const isYes = (value: unknown): boolean => value === true || (typeof value === 'string' && /^(true|yes)$/i.test(value))

/** Texts and numbers of a list, or a single one, as texts. */
export function wordsOf(value: unknown): readonly string[] {
  const all = Array.isArray(value) ? value : value === undefined || value === null ? [] : [value]
  return all.flatMap((one) => (typeof one === 'string' ? [one] : typeof one === 'number' || typeof one === 'boolean' ? [String(one)] : []))
}

/** A number as queries write it: never with an exponent where it can be helped. */
export function numberText(value: number): string {
  const plain = String(value)
  if (!/e/i.test(plain)) return plain
  return Math.abs(value) >= 1 ? BigInt(Math.round(value)).toString() : value.toFixed(20).replace(/0+$/, '')
}

/** Deterministic 16 hex digits of a text: FNV-1a of 64 bits. For ids, not for safety. */
export function hashOf(text: string): string {
  let hash = 0xcbf29ce484222325n
  for (let at = 0; at < text.length; at++) hash = ((hash ^ BigInt(text.charCodeAt(at))) * 0x100000001b3n) & 0xffffffffffffffffn
  return hash.toString(16).padStart(16, '0')
}
