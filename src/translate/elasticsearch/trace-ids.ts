/** Ids of traces and spans in documents, out of their bytes: section 5.4 of the mapping. */

import { hexDigits } from '../../otlp/ids.ts'

const Dash = 0x2d

/**
 * Four words of a trace id: 32 hexadecimal digits, or 16, before which zeros are put; in either case, with dashes anywhere between them. False for
 * everything else and for an id of zeros; `out` is then unspecified.
 */
export function readTraceId(bytes: Uint8Array, start: number, end: number, out: Int32Array): boolean {
  const length = end - start
  if (length === 32) return readDigits(bytes, start, 0, out)
  if (length === 16) {
    out[0] = 0
    out[1] = 0
    return readDigits(bytes, start, 2, out)
  }
  return length > 16 && length <= longestDashed && readDashed(bytes, start, end, out)
}

/** Two words of a span id: 16 hexadecimal digits in either case, not all zero. False for everything else; `out` is then unspecified. */
export function readSpanId(bytes: Uint8Array, start: number, end: number, out: Int32Array): boolean {
  return end - start === 16 && readDigits(bytes, start, 0, out)
}

/** Words from `first` on, of eight digits each, until `out` is full. False when a byte is no digit, or all words are 0. */
function readDigits(bytes: Uint8Array, start: number, first: number, out: Int32Array): boolean {
  let seen = 0
  let sum = 0
  let at = start
  for (let word = first; word < out.length; word++) {
    let value = 0
    for (const stop = at + 8; at < stop; at++) {
      const digit = hexDigits[bytes[at] as number] as number
      seen |= digit
      value = (value << 4) | digit
    }
    out[word] = value
    sum |= value
  }
  return seen >= 0 && sum !== 0
}

/** A dash after each digit. */
const longestDashed = 64

const bare = new Uint8Array(32)

/** An id with dashes, such as a UUID. */
function readDashed(bytes: Uint8Array, start: number, end: number, out: Int32Array): boolean {
  let length = 0
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number
    if (byte === Dash) continue
    if (length === bare.length) return false
    bare[length++] = byte
  }
  return (length === 32 || length === 16) && readTraceId(bare, 0, length, out)
}

/** W3C trace flags of text: one or two hexadecimal digits. −1 for everything else. */
export function readTraceFlags(bytes: Uint8Array, start: number, end: number): number {
  if (end - start !== 1 && end - start !== 2) return -1
  const high = end - start === 1 ? 0 : (hexDigits[bytes[start] as number] as number)
  const low = hexDigits[bytes[end - 1] as number] as number
  return high < 0 || low < 0 ? -1 : high * 16 + low
}
