/** What the bridge took first, as it noted it beside its queue, to be asked item by item. */

import { closeSync, openSync, readdirSync, readSync } from 'node:fs'
import { join } from 'node:path'
import type { Signal } from '../otlp/intake.ts'
import { isIndexFile, recordBytes, seamFolder } from '../seam/layout.ts'

/** Identities, in 8 bytes each: sorted into 65,536 shelves by 16 of their bits, of which the other 48 are kept. */
export interface SeamIndex {
  readonly size: number
  has(low: number, high: number): boolean
  /** The least time that stands with it, ms; undefined: it is not there. Of streams only. */
  timeMs(low: number, high: number): number | undefined
  /** Over all of them; undefined: there is none. */
  readonly leastMs: number | undefined
  readonly mostMs: number | undefined
}

/** Of all processes together; what is behind is not looked at, and the format counts as full. */
const mostRecords = 10_000_000

const pieceBytes = 1 << 18

/** Calls back for every whole record; four words of a stream, two of an identity. */
function eachRecord(files: readonly string[], size: number, take: (words: Int32Array, at: number) => boolean): void {
  const piece = Buffer.from(new ArrayBuffer(pieceBytes))
  const words = new Int32Array(piece.buffer)
  for (const name of files) {
    const file = openSync(name, 'r')
    try {
      for (let from = 0; ; ) {
        let bytes = 0
        for (let read = -1; bytes < pieceBytes && read !== 0; bytes += read)
          read = readSync(file, piece, bytes, pieceBytes - bytes, from + bytes)
        const whole = bytes - (bytes % size)
        for (let at = 0; at < whole / 4; at += size / 4) if (!take(words, at)) return
        if (bytes < pieceBytes) break
        from += bytes
      }
    } finally {
      closeSync(file)
    }
  }
}

/** Reads the files of these formats. Throws what the file system throws. Some 8 bytes an identity and 16 a stream stay in memory. */
export function readSeamIndex(dataPath: string, signal: Signal, formats: readonly string[]): SeamIndex & { readonly cut: boolean } {
  const folder = seamFolder(dataPath)
  const files = readdirSync(folder)
    .filter((name) => formats.some((format) => isIndexFile(name, signal, format)))
    .sort()
    .map((name) => join(folder, name))
  const size = recordBytes(signal)
  const isStreams = signal === 'metrics'
  /** Shelf → its first place; one more than there are. */
  const shelves = new Uint32Array(65_537)
  let records = 0
  eachRecord(files, size, (words, at) => {
    const shelf = ((words[at + 1] as number) >>> 16) + 1
    shelves[shelf] = (shelves[shelf] as number) + 1
    return ++records < mostRecords
  })
  for (let at = 0; at < 65_536; at++) shelves[at + 1] = (shelves[at + 1] as number) + (shelves[at] as number)
  const lows = new Int32Array(records)
  const highs = new Uint16Array(records)
  const times = new Float64Array(isStreams ? records : 0)
  const next = shelves.slice()
  const float = new Float64Array(1)
  const floatWords = new Int32Array(float.buffer)
  let placed = 0
  let least = Number.POSITIVE_INFINITY
  let most = Number.NEGATIVE_INFINITY
  // A file that has grown since the first reading has no places for the rest.
  eachRecord(files, size, (words, at) => {
    const high = words[at + 1] as number
    const shelf = high >>> 16
    const place = next[shelf] as number
    if (place >= (shelves[shelf + 1] as number)) return true
    next[shelf] = place + 1
    lows[place] = words[at] as number
    highs[place] = high
    if (isStreams) {
      floatWords[0] = words[at + 2] as number
      floatWords[1] = words[at + 3] as number
      const time = float[0] as number
      times[place] = time
      if (time < least) least = time
      if (time > most) most = time
    }
    return ++placed < records
  })

  return {
    size: placed,
    cut: records >= mostRecords,
    leastMs: Number.isFinite(least) ? least : undefined,
    mostMs: Number.isFinite(most) ? most : undefined,
    has(low, high) {
      const shelf = high >>> 16
      const rest = high & 0xffff
      for (let at = shelves[shelf] as number, end = next[shelf] as number; at < end; at++)
        if (lows[at] === low && highs[at] === rest) return true
      return false
    },
    timeMs(low, high) {
      const shelf = high >>> 16
      const rest = high & 0xffff
      let found: number | undefined
      for (let at = shelves[shelf] as number, end = next[shelf] as number; at < end; at++) {
        if (lows[at] !== low || highs[at] !== rest) continue
        const time = times[at] as number
        if (found === undefined || time < found) found = time
      }
      return found
    },
  }
}
