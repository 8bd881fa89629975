/** Pieces of documents that stand as Jaeger itself writes them; whatever else is met is left to the reader that knows all of it, by {@link leave}. */

import { slice } from '../../otlp/attributes.ts'
import type { Text } from '../../otlp/model.ts'
import { fromNumber, type Words } from '../../otlp/time.ts'
import type { JsonScanner } from '../json-scan.ts'

export const Char = {
  Quote: 0x22,
  Minus: 0x2d,
  OpenList: 0x5b,
  CloseList: 0x5d,
  Backslash: 0x5c,
  OpenObject: 0x7b,
  CloseObject: 0x7d,
  True: 0x74,
  False: 0x66,
  Null: 0x6e,
} as const

/** Thrown by {@link leave}; made once, since nobody looks at it. */
export const notPlain = new Error('BUG: it left the reader of plain documents')

/** This document is for the other reader. */
export function leave(): never {
  throw notPlain
}

export const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39

/** Takes a string; `scanner` says where it is. */
export function takeString(scanner: JsonScanner, first: number): void {
  if (first !== Char.Quote) leave()
  scanner.string()
}

export function textAt(scanner: JsonScanner, first: number): Text {
  takeString(scanner, first)
  return slice(scanner.bytes, scanner.start, scanner.stop)
}

/** A whole number of up to 15 digits, not negative, before a comma or a closing bracket; −1 where something else stands. The scanner moves only behind it. */
export function takeDigits(scanner: JsonScanner): number {
  const { bytes, end } = scanner
  const start = scanner.at
  const first = bytes[start] as number
  let at = start
  let value = 0
  let byte = first
  while (at < end && byte >= 0x30 && byte <= 0x39) {
    value = value * 10 + (byte - 0x30)
    byte = bytes[++at] as number
  }
  const length = at - start
  if (length === 0 || length > 15 || (first === 0x30 && length > 1) || at >= end) return -1
  if (byte !== 0x2c && byte !== Char.CloseObject) return -1
  scanner.at = at
  return value
}

/** A whole number of µs, not negative and below 2^53. */
export function takeTicks(scanner: JsonScanner, first: number, out: Words): void {
  let value = takeDigits(scanner)
  if (value < 0) {
    if (!isDigit(first) || !scanner.number() || scanner.stop - scanner.start > 16) leave()
    value = 0
    for (let at = scanner.start; at < scanner.stop; at++) value = value * 10 + (scanner.bytes[at] as number) - 0x30
    if (value > Number.MAX_SAFE_INTEGER) leave()
  }
  fromNumber(value, out)
}
