/** Values of type `bytes`: base64, or what JavaScript makes of its byte arrays. */

import type { JsonCursor } from './cursor.ts'
import type { ProtoOutput } from './proto-output.ts'

/** Values of the digits of base64, both alphabets; −1 for every other byte. */
const base64Digits: Int8Array = (() => {
  const table = new Int8Array(256).fill(-1)
  Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/').forEach((byte, value) => {
    table[byte] = value
  })
  table[0x2d] = 62
  table[0x5f] = 63
  return table
})()

/** Takes a value and writes it as a field. Padding may be there or not. Fails with OB_DECODE_JSON. */
export function writeBytes(cursor: JsonCursor, out: ProtoOutput, tag: number): void {
  if (cursor.peek() === 0x7b) {
    writeNumbered(cursor, out, tag)
    return
  }
  const { at } = cursor
  cursor.string()
  const { source, start } = cursor
  let { stop } = cursor
  for (let padding = 0; padding < 2 && stop > start && source[stop - 1] === 0x3d; padding++) stop--
  out.ensure(8 + stop - start)
  out.tag(tag)
  out.varint(((stop - start) * 3) >>> 2)
  let bits = 0
  let held = 0
  let seen = (stop - start) % 4 === 1 ? -1 : 0
  for (let i = start; i < stop; i++) {
    const digit = base64Digits[source[i] as number] as number
    seen |= digit
    held = ((held << 6) | digit) & 0xffff
    bits += 6
    if (bits >= 8) {
      bits -= 8
      out.byte((held >>> bits) & 0xff)
    }
  }
  if (seen >= 0) return
  cursor.at = at
  cursor.fail('expected base64')
}

/**
 * `{"0":104,"1":105}`: what `JSON.stringify` makes of a Uint8Array, and the JSON exporter of opentelemetry-js 0.203 of an
 * attribute or a log body that is one.
 */
function writeNumbered(cursor: JsonCursor, out: ProtoOutput, tag: number): void {
  out.ensure(2)
  out.tag(tag)
  const from = out.begin(1)
  if (cursor.open(0x7b, 0x7d)) {
    let index = 0
    do {
      cursor.string()
      if (numberIn(cursor) !== index++) cursor.fail('expected base64')
      cursor.expect(0x3a)
      cursor.number()
      const value = numberIn(cursor)
      if (value < 0 || value > 255) cursor.fail('expected a byte')
      out.ensure(1)
      out.byte(value)
    } while (cursor.more(0x7d))
  }
  out.end(from, 1)
}

/** The value of up to nine digits; −1 for everything else. */
function numberIn({ source, start, stop }: JsonCursor): number {
  if (start === stop || stop - start > 9) return -1
  let value = 0
  for (let i = start; i < stop; i++) {
    const digit = (source[i] as number) - 0x30
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value
}
