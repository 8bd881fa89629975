/** `meta.json` of a block, and what lies beside blocks in a data folder. */

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { tsdbError } from './faults.ts'
import { fileError } from './file-cache.ts'

/** What a block says of itself. Counts are 0 where it does not. */
export interface BlockMeta {
  readonly ulid: string
  readonly folder: string
  /** Samples are in `[minMs, maxMs)`. */
  readonly minMs: number
  readonly maxMs: number
  readonly samples: number
  readonly floats: number
  readonly histograms: number
  readonly series: number
  readonly chunks: number
  readonly level: number
  readonly sources: readonly string[]
  readonly parents: readonly string[]
  readonly hints: readonly string[]
  /** Of index, chunks and tombstones. */
  readonly bytes: number
}

/** A folder with blocks. */
export interface BlockList {
  /** By time, then ULID; those that are to be read. */
  readonly blocks: readonly BlockMeta[]
  /** Sentences: what is left out and why. */
  readonly notes: readonly string[]
  /** Folders that are blocks by their names, and of which nothing can be read. */
  readonly unreadable: readonly UnreadableBlock[]
}

export interface UnreadableBlock {
  /** Of its folder: its ULID, as a rule. */
  readonly name: string
  /** `corrupt: cannot read …` */
  readonly message: string
}

const ulidPattern = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/
const maxMetaBytes = 64 * 1024 * 1024

type Fields = Readonly<Record<string, unknown>>

const fieldsOf = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {})
const countOf = (value: unknown): number => (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0)
const textsOf = (value: unknown): string[] => (Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [])

function bytesOf(folder: string): number {
  let bytes = 0
  const add = (path: string): void => {
    bytes += statSync(path, { throwIfNoEntry: false })?.size ?? 0
  }
  add(join(folder, 'index'))
  add(join(folder, 'tombstones'))
  for (const name of readdirSync(join(folder, 'chunks'))) add(join(folder, 'chunks', name))
  return bytes
}

/** Reads `meta.json`. Throws OB_SOURCE when it is none, is of another version, or its block is of downsampled data. */
export function readMeta(folder: string): BlockMeta {
  const path = join(folder, 'meta.json')
  let text: string
  let bytes: number
  try {
    const size = statSync(path).size
    if (size > maxMetaBytes) throw tsdbError('too_large', `cannot read ${path}: ${size} bytes`, path)
    text = readFileSync(path, 'utf8')
    bytes = bytesOf(folder)
  } catch (error) {
    if (error instanceof Error && error.name === 'BridgeError') throw error
    throw fileError('read', path, error)
  }
  let meta: Fields
  try {
    meta = fieldsOf(JSON.parse(text))
  } catch (error) {
    throw tsdbError('corrupt', `cannot read ${path}: it is not JSON`, path, error)
  }
  const { ulid, minTime, maxTime, version } = meta
  if (version !== 1) throw tsdbError('corrupt', `cannot read ${path}: version ${String(version)} of the format`, path)
  if (typeof ulid !== 'string' || !ulidPattern.test(ulid)) throw tsdbError('corrupt', `cannot read ${path}: no ULID`, path)
  if (!Number.isSafeInteger(minTime) || !Number.isSafeInteger(maxTime) || (maxTime as number) < (minTime as number)) {
    throw tsdbError('corrupt', `cannot read ${path}: no time range`, path)
  }
  const resolution = fieldsOf(fieldsOf(meta['thanos'])['downsample'])['resolution']
  if (typeof resolution === 'number' && resolution > 0) {
    throw tsdbError(
      'source_error',
      `cannot read block ${ulid}: Thanos made it coarser (one value for ${resolution} ms), it is not what was stored`,
      path,
    )
  }
  const stats = fieldsOf(meta['stats'])
  const compaction = fieldsOf(meta['compaction'])
  return {
    ulid,
    folder,
    minMs: minTime as number,
    maxMs: maxTime as number,
    samples: countOf(stats['numSamples']),
    floats: countOf(stats['numFloatSamples']),
    histograms: countOf(stats['numHistogramSamples']),
    series: countOf(stats['numSeries']),
    chunks: countOf(stats['numChunks']),
    level: countOf(compaction['level']),
    sources: textsOf(compaction['sources']),
    parents: (Array.isArray(compaction['parents']) ? compaction['parents'] : []).flatMap((one) => textsOf([fieldsOf(one)['ulid']])),
    hints: textsOf(compaction['hints']),
    bytes,
  }
}

/** Why a block is not read: another holds what is in it. Undefined: none does. */
function replacedBy(block: BlockMeta, others: readonly BlockMeta[]): BlockMeta | undefined {
  return others.find((other) => {
    if (other === block) return false
    if (other.parents.includes(block.ulid)) return true
    if (other.level <= block.level || block.sources.length >= other.sources.length) return false
    const sources = new Set(other.sources)
    return block.sources.length > 0 && block.sources.every((one) => sources.has(one))
  })
}

const isFilled = (path: string): boolean => {
  try {
    return readdirSync(path).length > 0
  } catch {
    return false
  }
}

const iso = (ms: number): string => new Date(ms).toISOString()

/** What Thanos made coarser is beside what it was made of: nothing is missing without it. */
const isCoarser = ({ message }: Error): boolean => message.startsWith('source_error: ')

/**
 * The blocks of a data folder, of a snapshot, or of a bucket's copy; or the one block that the folder is. Blocks that another one replaces are left
 * out, and so is what is not in blocks yet, each with a sentence; blocks that are damaged are told by themselves. Throws OB_SOURCE when there is no such folder, or no block that can be read.
 */
export function listBlocks(folder: string): BlockList {
  let names: string[]
  try {
    names = readdirSync(folder).sort()
  } catch (error) {
    throw fileError('read', folder, error)
  }
  const notes: string[] = []
  const found: BlockMeta[] = []
  const faults: Error[] = []
  const unreadable: UnreadableBlock[] = []
  const folders = names.includes('meta.json') ? [folder] : names.filter((name) => ulidPattern.test(name)).map((name) => join(folder, name))
  for (const one of folders) {
    try {
      found.push(readMeta(one))
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'BridgeError') throw error
      faults.push(error)
      if (isCoarser(error)) notes.push(`left out: ${error.message}`)
      else unreadable.push({ name: basename(one), message: error.message })
    }
  }
  const blocks: BlockMeta[] = []
  for (const block of found) {
    const other = replacedBy(block, found)
    if (other === undefined) blocks.push(block)
    else notes.push(`left out: block ${block.ulid} was compacted into ${other.ulid}`)
  }
  blocks.sort((left, right) => left.minMs - right.minMs || (left.ulid < right.ulid ? -1 : 1))
  if (blocks.length === 0) {
    throw (
      faults[0] ??
      tsdbError(
        'source_error',
        `cannot read ${folder}: there is no block in it (folders with a ULID for a name, each with meta.json)`,
        folder,
      )
    )
  }
  const head = ['wal', 'wbl', 'chunks_head'].filter((name) => isFilled(join(folder, name)))
  const temporary = names.filter((name) => name.includes('.tmp-for-'))
  if (head.length > 0) {
    const newest = Math.max(...blocks.map((block) => block.maxMs))
    notes.push(
      `left out: ${head.join(', ')} with what is not in blocks yet; blocks end at ${iso(newest)}. A snapshot (POST /api/v1/admin/tsdb/snapshot) has it in a block of its own`,
    )
  }
  if (head.includes('wbl'))
    notes.push(
      'left out: samples that came out of order and are in wbl only; they are in blocks after the next compaction, not in a snapshot',
    )
  if (temporary.length > 0) notes.push(`left out: ${temporary.join(', ')}, unfinished`)
  return { blocks, notes, unreadable }
}
