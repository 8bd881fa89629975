/** Which series there are, by family and label group: what belongs together in one histogram or summary is read together. */

import type { Block } from './block.ts'
import { BlockSeries, type Reading, Skips } from './block-series.ts'
import { isDamage, tsdbError } from './faults.ts'
import { type NameEntry, SeriesEntry } from './index-file.ts'
import { MergedSeries } from './merged-series.ts'
import { symbolOf } from './symbols.ts'

const suffixes = ['_bucket', '_sum', '_count', '_total', '_created']

/** A name without `_bucket`, `_sum`, `_count`, `_total`, `_created`. */
export function familyOf(name: string): string {
  for (const suffix of suffixes) if (name.length > suffix.length && name.endsWith(suffix)) return name.slice(0, -suffix.length)
  return name
}

/** Of a family's name; the same on every machine. */
export function familyHash(family: string): number {
  return symbolOf(family).two >>> 0
}

export interface Family {
  readonly name: string
  readonly parts: readonly { readonly block: number; readonly name: NameEntry }[]
}

/** All families of some blocks, by name. */
export function listFamilies(blocks: readonly Block[], wanted: (family: string) => boolean): readonly Family[] {
  const found = new Map<string, { block: number; name: NameEntry }[]>()
  blocks.forEach((block, at) => {
    for (const name of block.index.names) {
      const family = familyOf(name.name)
      if (!wanted(family)) continue
      const parts = found.get(family)
      if (parts === undefined) found.set(family, [{ block: at, name }])
      else parts.push({ block: at, name })
    }
  })
  return [...found].map(([name, parts]) => ({ name, parts })).sort((left, right) => (left.name < right.name ? -1 : 1))
}

/** Series of a family in the range, sorted by label group. */
export interface FamilyGroups {
  /** Series, all together. */
  readonly count: number
  /** Of a label group, at a place in the order; equal for all of it. A whole number below 2^52. */
  key(at: number): number
  /** Place in `blocks`, and reference there. */
  block(at: number): number
  reference(at: number): number
  /** Place of the first series whose group's key is at least this. */
  find(key: number): number
  /** Series whose entries are damaged. */
  readonly damaged: number
  /** Series with samples beyond the time of their block, which no slice reads. */
  readonly outside: number
}

export interface SeriesFilter {
  /** Labels are read for it alone; undefined: all series. */
  readonly wants?: ((labelOf: (name: string) => string) => boolean) | undefined
}

const entry = new SeriesEntry()
/** One label group, all members of all its histograms. */
const maxGroup = 50_000
const maxFamily = 8_000_000
/** Series that are looked at without a pause: some milliseconds. */
const turn = 2048

const mix = (word: number): number => {
  let h = word ^ (word >>> 16)
  h = Math.imul(h, 0x85ebca6b)
  h ^= h >>> 13
  h = Math.imul(h, 0xc2b2ae35)
  return h ^ (h >>> 16)
}

/** Labels but name, `le` and `quantile`. Two groups with one key would only be on pages together. */
function groupKey(block: Block, labels: readonly number[]): number {
  let one = 0
  let two = 0
  for (let at = 0; at < labels.length; at += 2) {
    const name = block.index.symbol(labels[at] as number)
    if (name.text === '__name__' || name.text === 'le' || name.text === 'quantile') continue
    const value = block.index.symbol(labels[at + 1] as number)
    one = (one + mix(name.one ^ Math.imul(value.two, 0x9e3779b1))) | 0
    two = (two + mix(name.two + Math.imul(value.one, 0x85ebca6b))) | 0
  }
  return (one & 0xfffff) * 0x1_0000_0000 + (two >>> 0)
}

/**
 * Looks through the series of a family that have chunks in the range, or before it where that is asked for. Yields now and then, so that whoever
 * drives it can let others have their turn. Entries that are damaged are left out and told.
 */
export function* groupFamily(
  blocks: readonly Block[],
  family: Family,
  reading: Reading,
  filter: SeriesFilter = {},
): Generator<void, FamilyGroups> {
  const keys: number[] = []
  const owners: number[] = []
  const references: number[] = []
  let damaged = 0
  let outside = 0
  for (const { block: at, name } of family.parts) {
    const block = blocks[at] as Block
    const refs = block.index.series(name)
    for (let place = 0; place < refs.length; place++) {
      const reference = refs[place] as number
      if (place % turn === turn - 1) yield
      try {
        block.index.read(reference, entry)
        if (isOutside(block, reading)) {
          outside++
          const where = `${block.meta.ulid}/index:${reference}`
          reading.onFault({
            reason: 'outside_of_block',
            where,
            message: `a series of ${name.name} has samples that meta.json says are not in the block`,
          })
        }
        if (!isInRange(reading)) continue
        if (filter.wants !== undefined && !filter.wants((label) => labelIn(block, entry.labels, label))) continue
        keys.push(groupKey(block, entry.labels))
      } catch (error) {
        if (!isDamage(error)) throw error
        damaged++
        const where = `${block.meta.ulid}/index:${reference}`
        reading.onFault({
          reason: 'corrupt_series',
          where,
          message: `${error.message}; all samples of one series of ${name.name} are lost`,
        })
        continue
      }
      owners.push(at)
      references.push(reference)
      if (keys.length > maxFamily) {
        throw tsdbError('too_large', `cannot read family ${family.name}: more than ${maxFamily} series`, block.meta.ulid)
      }
    }
  }
  const order = new Uint32Array(keys.length)
  for (let at = 0; at < order.length; at++) order[at] = at
  order.sort((left, right) => (keys[left] as number) - (keys[right] as number) || left - right)
  const key = (at: number): number => keys[order[at] as number] as number
  return {
    count: order.length,
    key,
    block: (at) => owners[order[at] as number] as number,
    reference: (at) => references[order[at] as number] as number,
    find(wanted) {
      let from = 0
      let to = order.length
      while (from < to) {
        const middle = (from + to) >>> 1
        if (key(middle) < wanted) from = middle + 1
        else to = middle
      }
      return from
    },
    damaged,
    outside,
  }
}

/** Samples that this range ends before, though the block is said to end, too. */
function isOutside({ meta }: Block, { fromMs, toMs }: Reading): boolean {
  const { chunkCount, minMs, maxMs } = entry
  if (chunkCount === 0) return false
  const isEarlier = fromMs <= meta.minMs && (minMs[0] as number) < fromMs
  return isEarlier || (toMs >= meta.maxMs && (maxMs[chunkCount - 1] as number) >= toMs)
}

function isInRange({ fromMs, toMs, before }: Reading): boolean {
  const { chunkCount, minMs, maxMs } = entry
  if (chunkCount === 0 || (minMs[0] as number) >= toMs) return false
  if (before) return true
  if ((maxMs[chunkCount - 1] as number) < fromMs) return false
  for (let at = 0; at < chunkCount; at++) if ((maxMs[at] as number) >= fromMs) return (minMs[at] as number) < toMs
  return false
}

function labelIn(block: Block, labels: readonly number[], name: string): string {
  for (let at = 0; at < labels.length; at += 2) {
    if (block.index.symbol(labels[at] as number).text === name) return block.index.symbol(labels[at + 1] as number).text
  }
  return ''
}

/**
 * Begins to read the series from place `from` up to `to` of the order, which are of one label group: each once, out of all blocks that have it.
 * @param afterMs samples up to it are not needed; they are left out where that changes nothing of the others
 */
export function openGroup(
  blocks: readonly Block[],
  groups: FamilyGroups,
  from: number,
  to: number,
  reading: Reading,
  afterMs = Number.NEGATIVE_INFINITY,
): MergedSeries[] {
  if (to - from > maxGroup) throw tsdbError('too_large', `cannot read a label group of ${to - from} series: more than ${maxGroup}`)
  const byLabels = new Map<string, { labels: string[]; members: { block: Block; reference: number }[] }>()
  for (let at = from; at < to; at++) {
    const block = blocks[groups.block(at)] as Block
    const reference = groups.reference(at)
    block.index.read(reference, entry)
    const labels = entry.labels.map((symbol) => block.index.symbol(symbol).text)
    const key = JSON.stringify(labels)
    const found = byLabels.get(key)
    if (found === undefined) byLabels.set(key, { labels, members: [{ block, reference }] })
    else found.members.push({ block, reference })
  }
  return [...byLabels.values()].map(({ labels, members }) => {
    const skips = new Skips()
    members.sort((left, right) => {
      const [one, other] = [left.block.meta, right.block.meta]
      return one.minMs - other.minMs || (one.ulid < other.ulid ? 1 : -1)
    })
    // A series of one block can be begun behind what is not needed; with several, who wins a conflict depends on what was before.
    const range = members.length === 1 && !reading.before && afterMs >= reading.fromMs ? { ...reading, fromMs: afterMs + 1 } : reading
    const sources = members.map(({ block, reference }) => {
      block.index.read(reference, entry)
      return new BlockSeries(block, reference, entry, range, skips)
    })
    return new MergedSeries(labels, sources, skips, reading)
  })
}
