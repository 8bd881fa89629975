/** `tombstones` of a block: what was deleted and is still in its chunks. `01 30 BA 30`, version 1, triples, checksum of the triples alone. */

import { existsSync } from 'node:fs'
import { ByteCursor, readU32 } from './bytes.ts'
import { crc32c } from './crc32c.ts'
import { tsdbError } from './faults.ts'
import type { FileCache } from './file-cache.ts'

const magic = 0x0130ba30
const maxBytes = 256 * 1024 * 1024

/** Intervals of a series, closed, ascending: `from, to` two by two. */
export type Intervals = readonly number[]

/** By reference of the series. A missing file is an empty one. Throws OB_SOURCE when what is deleted cannot be told. */
export function readTombstones(cache: FileCache, path: string): ReadonlyMap<number, Intervals> {
  const found = new Map<number, number[]>()
  if (!existsSync(path)) return found
  const file = cache.open(path)
  try {
    if (file.size < 9) throw tsdbError('truncated', `cannot read ${path}: ${file.size} bytes`, path)
    if (file.size > maxBytes) throw tsdbError('too_large', `cannot read ${path}: ${file.size} bytes`, path)
    const bytes = file.read(0, file.size)
    if (readU32(bytes, 0) !== magic || bytes[4] !== 1)
      throw tsdbError('corrupt', `cannot read ${path}: it does not begin as tombstones do`, path)
    const end = bytes.length - 4
    if (crc32c(bytes, 5, end) !== readU32(bytes, end)) throw tsdbError('corrupt', `cannot trust ${path}: its checksum is wrong`, path)
    const cursor = new ByteCursor(bytes, 5, end)
    while (cursor.at < end) {
      const reference = cursor.uvarint()
      // "For ever" is written as the least and the greatest of int64.
      const from = clamped(cursor)
      const to = clamped(cursor)
      const intervals = found.get(reference)
      if (intervals === undefined) found.set(reference, [from, to])
      else intervals.push(from, to)
    }
  } finally {
    file.close()
  }
  return found
}

/** A varint; what no number says exactly is taken for without a bound. */
function clamped(cursor: ByteCursor): number {
  const { at, bytes, end } = cursor
  let length = 0
  while (at + length < end && length < 10 && (bytes[at + length] as number) >= 0x80) length++
  if (length < 7) return cursor.varint()
  if (at + length >= end || length >= 10) cursor.fail('a number of more than ten bytes')
  cursor.at = at + length + 1
  let value = 0n
  for (let index = length; index >= 0; index--) value = (value << 7n) | BigInt((bytes[at + index] as number) & 0x7f)
  const signed = value & 1n ? -((value + 1n) / 2n) : value / 2n
  return Number(signed)
}

/** True when a time lies in one of them. */
export function isDeleted(intervals: Intervals, ms: number): boolean {
  for (let at = 0; at < intervals.length; at += 2) {
    if (ms >= (intervals[at] as number) && ms <= (intervals[at + 1] as number)) return true
  }
  return false
}
