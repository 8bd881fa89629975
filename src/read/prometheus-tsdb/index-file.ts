/**
 * The index of a block: its series by metric name, and where their chunks are.
 *
 *     BA AA D7 00  version | symbols | series, each at a multiple of 16 | … | postings | postings offset table | TOC: six u64 and their checksum
 *
 * Held in memory: the table of contents, every 32nd symbol's offset, and the metric names with the place of their lists.
 */

import { ByteCursor, readU32 } from './bytes.ts'
import { crc32c } from './crc32c.ts'
import { isDamage, tsdbError } from './faults.ts'
import type { CachedFile } from './file-cache.ts'
import { checkSection, type IndexSymbol, openSymbols, type Symbols } from './symbols.ts'

const magic = 0xbaaad700
const tocBytes = 52
/** One series with all its labels and chunks: a chunk takes three bytes at least. */
const maxEntryBytes = 16 * 1024 * 1024

/** One series, as the index has it; used again for the next. */
export class SeriesEntry {
  /** References of symbols, name and value two by two. */
  readonly labels: number[] = []
  /** Of its chunks, ascending in time. */
  chunkCount = 0
  minMs = new Float64Array(16)
  maxMs = new Float64Array(16)
  /** Which file, from 0, and where in it. */
  file = new Int32Array(16)
  offset = new Float64Array(16)
}

/** A metric name, and where the list of its series is. */
export interface NameEntry {
  readonly name: string
  /** Of its list in the index; -1: `refs` are all. */
  readonly postings: number
  readonly refs: readonly number[] | undefined
}

export interface IndexFile {
  readonly symbols: Symbols
  /** In the order of the file. */
  readonly names: readonly NameEntry[]
  /** References of a name's series. A list that is damaged is made anew of the series themselves, with a note. */
  series(name: NameEntry): ArrayLike<number>
  /** Reads the series of a reference. Throws OB_SOURCE, reason `corrupt`, when there is none, or its checksum is wrong. */
  read(reference: number, into: SeriesEntry): void
  /** The symbol of a reference in `SeriesEntry.labels`. */
  symbol(reference: number): IndexSymbol
  /** Sentences about parts that could not be used, and what is done without them. */
  readonly notes: readonly string[]
  /** Entries that had to be stepped over when there was no usable table of names. */
  readonly damaged: number
  close(): void
}

interface Toc {
  readonly symbols: number
  readonly series: number
  readonly seriesEnd: number
  readonly postings: number
  readonly table: number
}

function readToc(file: CachedFile): readonly [toc: Toc, version: number] {
  if (file.size < 5 + tocBytes) throw tsdbError('truncated', `cannot read ${file.path}: ${file.size} bytes are no index`, file.path)
  const head = file.read(0, 5)
  if (readU32(head, 0) !== magic) throw tsdbError('corrupt', `cannot read ${file.path}: it does not begin as an index does`, file.path)
  const version = head[4] as number
  if (version < 1 || version > 3) throw tsdbError('corrupt', `cannot read ${file.path}: version ${version} of the format`, file.path)
  const bytes = file.read(file.size - tocBytes, tocBytes)
  if (crc32c(bytes, 0, 48) !== readU32(bytes, 48)) {
    throw tsdbError('corrupt', `cannot trust the table of contents of ${file.path}: its checksum is wrong`, file.path)
  }
  const cursor = new ByteCursor(bytes)
  const [symbols, series, labelIndices, labelOffsets, postings, table] = [0, 1, 2, 3, 4, 5].map(() => cursor.u64()) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const end = file.size - tocBytes
  const ends = [symbols, labelIndices, labelOffsets, postings, table, end].filter((one) => one > series)
  if (Math.max(symbols, series, postings, table) > end) {
    throw tsdbError('corrupt', `cannot read ${file.path}: its table of contents points past its end`, file.path)
  }
  return [{ symbols, series, seriesEnd: Math.min(...ends), postings, table }, version]
}

/** Opens an index. Throws OB_SOURCE when its head, table of contents or symbols cannot be used: then the block cannot be read. */
export function openIndex(file: CachedFile): IndexFile {
  const [toc, version] = readToc(file)
  const symbols = openSymbols(file, toc.symbols, version)
  const factor = version === 1 ? 1 : 16
  const notes: string[] = []
  let damaged = 0

  /** Reads an entry at a place. Returns where the next one may begin, undefined at the end of the section: a length of 0. */
  const readAt = (place: number, into: SeriesEntry): number | undefined => {
    const { seriesEnd } = toc
    if (place < toc.series || place >= seriesEnd) throw tsdbError('corrupt', `cannot find a series at ${place} of ${file.path}`, file.path)
    const head = new ByteCursor(file.read(place, Math.min(10, seriesEnd - place)))
    const length = head.uvarint()
    if (length === 0) return undefined
    const from = place + head.at
    if (length > maxEntryBytes || length + 4 > seriesEnd - from) {
      throw tsdbError('corrupt', `cannot read the series at ${place} of ${file.path}: ${length} bytes`, file.path)
    }
    const bytes = file.read(from, length + 4)
    if (crc32c(bytes, 0, length) !== readU32(bytes, length)) {
      throw tsdbError('corrupt', `cannot trust the series at ${place} of ${file.path}: its checksum is wrong`, file.path)
    }
    decodeEntry(new ByteCursor(bytes, 0, length), into)
    return from + length + 4
  }

  const readNames = (): NameEntry[] => {
    const [from, to] = checkSection(file, toc.table, 'table of label values')
    const found: NameEntry[] = []
    let place = from + 4
    const count = to - from < 4 ? 0 : readU32(file.read(from, 4), 0)
    /** Series of all lists of names, and of the list of all: those without a name are in no other. */
    let named = 0
    let all = 0
    const lengthOf = (list: number): number => readU32(file.read(list + 4, 4), 0)
    for (let at = 0; at < count; at++) {
      const cursor = new ByteCursor(file.read(place, Math.min(512, to - place)))
      let entry: ReturnType<typeof readTableEntry>
      try {
        entry = readTableEntry(cursor)
      } catch (error) {
        if (!isDamage(error)) throw error
        // A long value: once more with all there is.
        const all = new ByteCursor(file.read(place, Math.min(maxEntryBytes, to - place)))
        entry = readTableEntry(all)
        cursor.at = all.at
      }
      if (entry.isName) {
        named += lengthOf(entry.offset)
        found.push({ name: entry.value, postings: entry.offset, refs: undefined })
      } else if (entry.isAll) all = lengthOf(entry.offset)
      else if (entry.isPast) break
      place += cursor.at
    }
    if (named !== all) throw tsdbError('corrupt', `cannot find all series of ${file.path} by their names: ${named} of ${all}`, file.path)
    return found
  }

  /** Without a table of names: all series, one after the other. What does not parse is stepped over, from one multiple of 16 to the next. */
  let walked: ReadonlyMap<string, readonly number[]> | undefined
  const walk = (): ReadonlyMap<string, readonly number[]> => {
    if (walked !== undefined) return walked
    const byName = new Map<string, number[]>()
    const entry = new SeriesEntry()
    for (let place = Math.ceil(toc.series / factor) * factor; place < toc.seriesEnd; ) {
      let next: number | undefined
      try {
        next = readAt(place, entry)
        if (next === undefined) break
        const name = nameOf(entry)
        const refs = byName.get(name)
        if (refs === undefined) byName.set(name, [place / factor])
        else refs.push(place / factor)
        place = Math.ceil(next / factor) * factor
      } catch (error) {
        if (!isDamage(error)) throw error
        damaged++
        place += factor === 1 ? 1 : 16
      }
    }
    walked = byName
    return byName
  }

  const nameOf = (entry: SeriesEntry): string => {
    for (let at = 0; at < entry.labels.length; at += 2) {
      if (symbols.at(entry.labels[at] as number).text === '__name__') return symbols.at(entry.labels[at + 1] as number).text
    }
    return ''
  }

  const listOf = (name: string, place: number): Uint32Array => {
    const [from, to] = checkSection(file, place, `list of ${name}`)
    const count = to - from < 4 ? -1 : readU32(file.read(from, 4), 0)
    if (count * 4 !== to - from - 4)
      throw tsdbError('corrupt', `cannot read the list of ${name} in ${file.path}: ${count} series`, file.path)
    const bytes = file.read(from + 4, count * 4)
    const refs = new Uint32Array(count)
    for (let at = 0; at < count; at++) refs[at] = readU32(bytes, at * 4)
    return refs
  }

  const without = (what: string, error: unknown): void => {
    notes.push(`${what} cannot be used, its series are looked for one by one: ${error instanceof Error ? error.message : String(error)}`)
  }

  const series = (name: NameEntry): ArrayLike<number> => {
    if (name.refs !== undefined) return name.refs
    if (walked === undefined) {
      try {
        return listOf(name.name, name.postings)
      } catch (error) {
        if (!isDamage(error)) throw error
        without(`a list of ${file.path}`, error)
      }
    }
    return walk().get(name.name) ?? []
  }

  let names: NameEntry[]
  try {
    names = readNames()
  } catch (error) {
    if (!isDamage(error)) throw error
    without(`the table of label values of ${file.path}`, error)
    names = [...walk()].map(([name, refs]) => ({ name, postings: -1, refs }))
  }

  return {
    symbols,
    names,
    series,
    read(reference, into) {
      if (readAt(reference * factor, into) === undefined) {
        throw tsdbError('corrupt', `cannot find a series at ${reference * factor} of ${file.path}`, file.path)
      }
    },
    symbol: (reference) => symbols.at(reference),
    notes,
    get damaged() {
      return damaged
    },
    close: () => file.close(),
  }
}

/** `1 byte 2, name, value, offset`, all counted. */
function readTableEntry(cursor: ByteCursor): {
  readonly isName: boolean
  readonly isAll: boolean
  readonly isPast: boolean
  readonly value: string
  readonly offset: number
} {
  const keys = cursor.uvarint()
  if (keys !== 2) cursor.fail(`${keys} keys of a list`)
  const name = Buffer.from(cursor.block()).toString()
  const value = cursor.block()
  const offset = cursor.uvarint()
  const isName = name === '__name__'
  return { isName, isAll: name === '', isPast: name > '__name__', value: isName ? Buffer.from(value).toString() : '', offset }
}

function decodeEntry(cursor: ByteCursor, into: SeriesEntry): void {
  const labels = cursor.uvarint()
  if (labels * 2 > cursor.end - cursor.at) cursor.fail(`${labels} labels`)
  into.labels.length = 0
  for (let at = 0; at < labels * 2; at++) into.labels.push(cursor.uvarint())
  const chunks = cursor.uvarint()
  if (chunks * 3 > cursor.end - cursor.at) cursor.fail(`${chunks} chunks`)
  if (chunks > into.minMs.length) {
    const size = Math.max(chunks, into.minMs.length * 2)
    into.minMs = new Float64Array(size)
    into.maxMs = new Float64Array(size)
    into.file = new Int32Array(size)
    into.offset = new Float64Array(size)
  }
  into.chunkCount = chunks
  let min = 0
  let max = 0
  // A reference is 32 bits of file number and 32 of place: the sum of both as a number is exact below 2^53, files below 2^21.
  let reference = 0
  for (let at = 0; at < chunks; at++) {
    min = at === 0 ? cursor.varint() : max + cursor.uvarint()
    max = min + cursor.uvarint()
    reference = at === 0 ? cursor.uvarint() : reference + cursor.varint()
    if (reference < 0 || !Number.isSafeInteger(reference) || !Number.isSafeInteger(max)) cursor.fail('a chunk out of range')
    into.minMs[at] = min
    into.maxMs[at] = max
    into.file[at] = Math.floor(reference / 0x1_0000_0000)
    into.offset[at] = reference % 0x1_0000_0000
  }
}
