/** The symbol table of an index: names and values of labels. Of the offsets every 32nd is kept, as Prometheus does. */

import { ByteCursor, readU32 } from './bytes.ts'
import { crc32c } from './crc32c.ts'
import { tsdbError } from './faults.ts'
import { type CachedFile, u32At } from './file-cache.ts'

const step = 32
/** Read at once when the table is looked through. */
const windowBytes = 65_536
/** A symbol is a label's name or value: its length comes from the file. */
const maxSymbolBytes = 16 * 1024 * 1024
/** Symbols kept as text. */
const maxKept = 32_768
const maxKeptBytes = 4 * 1024 * 1024

/** One name or value. */
export interface IndexSymbol {
  readonly text: string
  /** Two hashes of its bytes, the same in every block. */
  readonly one: number
  readonly two: number
}

export interface Symbols {
  /** Throws OB_SOURCE, reason `corrupt`, for a reference past the end. @param reference ordinal; of version 1: place in the file */
  at(reference: number): IndexSymbol
  readonly count: number
}

const hashBytes = (bytes: Uint8Array): readonly [number, number] => {
  let one = 0x811c9dc5
  let two = 0x9747b28c
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number
    one = Math.imul(one ^ byte, 0x01000193)
    two = Math.imul(two ^ byte, 0x5bd1e995)
    two ^= two >>> 15
  }
  return [one, two]
}

/** Symbols out of a text, for comparison. */
export function symbolOf(text: string): IndexSymbol {
  const [one, two] = hashBytes(Buffer.from(text))
  return { text, one, two }
}

/** CRC-32C of a part of a file that may be large. */
function crcOf(file: CachedFile, from: number, to: number): number {
  let crc = 0
  for (let at = from; at < to; at += windowBytes) {
    const bytes = file.read(at, Math.min(windowBytes, to - at))
    crc = crc32c(bytes, 0, bytes.length, crc)
  }
  return crc
}

/** `len u32, …, CRC` at a place. Throws when it is not all there or its checksum is another. Returns where its contents begin and end. */
export function checkSection(file: CachedFile, at: number, what: string): readonly [from: number, to: number] {
  const length = u32At(file, at)
  const from = at + 4
  const to = from + length
  if (to + 4 > file.size)
    throw tsdbError('truncated', `cannot read the ${what} of ${file.path}: ${length} bytes at ${at}, the file has ${file.size}`, file.path)
  const expected = readU32(file.read(to, 4), 0)
  const found = crcOf(file, from, to)
  if (found !== expected) throw tsdbError('corrupt', `cannot trust the ${what} of ${file.path}: its checksum is wrong`, file.path)
  return [from, to]
}

/** Looks through the table at `at`. Throws OB_SOURCE when its length, checksum or one of its symbols is wrong. */
export function openSymbols(file: CachedFile, at: number, version: number): Symbols {
  const [from, to] = checkSection(file, at, 'symbols')
  if (to - from < 4) throw tsdbError('corrupt', `cannot read the symbols of ${file.path}: no count`, file.path)
  const count = u32At(file, from)
  // Each takes a byte at least.
  if (count > to - from - 4)
    throw tsdbError('corrupt', `cannot read the symbols of ${file.path}: ${count} of them in ${to - from} bytes`, file.path)

  /** The length of a symbol and how many bytes say it. */
  const lengthAt = (place: number): readonly [length: number, size: number] => {
    const head = file.read(place, Math.min(10, to - place))
    const cursor = new ByteCursor(head)
    const length = cursor.uvarint()
    if (length > to - place - cursor.at || length > maxSymbolBytes) {
      throw tsdbError('corrupt', `cannot read a symbol at ${place} of ${file.path}: ${length} bytes`, file.path)
    }
    return [length, cursor.at]
  }

  const offsets = version === 1 ? new Float64Array(0) : new Float64Array(Math.ceil(count / step))
  if (version !== 1) {
    let place = from + 4
    let bytes: Uint8Array = new Uint8Array(0)
    let start = place
    for (let index = 0; index < count; index++) {
      if (index % step === 0) offsets[index / step] = place
      // Most lengths are one byte: looked at where it stands.
      if (place < start || place >= start + bytes.length) {
        start = place
        bytes = file.read(place, Math.min(windowBytes, to - place))
      }
      const short = bytes[place - start]
      if (short !== undefined && short < 0x80 && place + 1 + short <= to) place += 1 + short
      else {
        const [length, size] = lengthAt(place)
        place += size + length
      }
    }
  }

  const kept = new Map<number, IndexSymbol>()
  let keptBytes = 0

  const placeOf = (reference: number): number => {
    if (version === 1) {
      if (reference < from + 4 || reference >= to) throw tsdbError('corrupt', `cannot find symbol ${reference} in ${file.path}`, file.path)
      return reference
    }
    if (reference >= count) throw tsdbError('corrupt', `cannot find symbol ${reference} in ${file.path}: it has ${count}`, file.path)
    let place = offsets[Math.floor(reference / step)] as number
    for (let left = reference % step; left > 0; left--) {
      const [length, size] = lengthAt(place)
      place += size + length
    }
    return place
  }

  return {
    count,
    at(reference) {
      const found = kept.get(reference)
      if (found !== undefined) return found
      const place = placeOf(reference)
      const [length, size] = lengthAt(place)
      const bytes = file.read(place + size, length)
      const [one, two] = hashBytes(bytes)
      const symbol: IndexSymbol = { text: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString(), one, two }
      if (kept.size >= maxKept || keptBytes > maxKeptBytes) {
        kept.clear()
        keptBytes = 0
      }
      kept.set(reference, symbol)
      keptBytes += length
      return symbol
    },
  }
}
