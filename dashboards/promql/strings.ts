/** Strings of PromQL: `"…"` and `'…'` with the escapes of Go, and `` `…` `` as it stands. */

const simple: ReadonlyMap<string, string> = new Map([
  ['a', '\x07'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['v', '\v'],
  ['\\', '\\'],
  ['"', '"'],
  ["'", "'"],
])

const escapes = /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|([abfnrtv\\"']))/y

/** The value of a literal with its quotes. Undefined: it does not end, or holds an escape that there is not. */
export function decodeString(literal: string): string | undefined {
  const quote = literal[0]
  if (literal.length < 2 || literal.at(-1) !== quote) return undefined
  const inner = literal.slice(1, -1)
  if (quote === '`' || !inner.includes('\\')) return inner
  const pieces: string[] = []
  let copied = 0
  for (let at = inner.indexOf('\\'); at >= 0; at = inner.indexOf('\\', copied)) {
    escapes.lastIndex = at
    const found = escapes.exec(inner)
    if (found === null) return undefined
    const [, hex, short, long, octal, letter] = found
    const code = Number.parseInt(hex ?? short ?? long ?? octal ?? '0', octal === undefined ? 16 : 8)
    if (code > 0x10ffff) return undefined
    pieces.push(inner.slice(copied, at), letter === undefined ? String.fromCodePoint(code) : (simple.get(letter) ?? letter))
    copied = escapes.lastIndex
  }
  pieces.push(inner.slice(copied))
  return pieces.join('')
}

/** A literal of a value, in the quotes of another one where these can hold it. */
export function encodeString(value: string, like: string): string {
  const quote = like[0] === "'" || like[0] === '`' ? like[0] : '"'
  if (quote === '`' && !value.includes('`')) return `\`${value}\``
  const used = quote === '`' ? '"' : quote
  const text = value.replace(/[\\\n\r\t]/g, (sign) => (sign === '\\' ? '\\\\' : sign === '\n' ? '\\n' : sign === '\r' ? '\\r' : '\\t'))
  return used + text.replaceAll(used, `\\${used}`) + used
}
