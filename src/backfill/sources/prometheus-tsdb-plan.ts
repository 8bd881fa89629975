/**
 * What is in a folder of blocks, as slices: blocks that overlap belong together; of each such group a slice is a window of at most two hours, and of
 * it those families that hash to one of some shards, so that it has about a million samples.
 */

import { familyHash } from '../../read/prometheus-tsdb/families.ts'
import type { BlockMeta, UnreadableBlock } from '../../read/prometheus-tsdb/meta.ts'
import type { Plan, PlanGroup, SliceSpec } from '../model.ts'

const hourMs = 3_600_000
const windowMs = 2 * hourMs
const samplesOfSlice = 1_000_000
const maxShards = 4096
/** Of one group; beyond it windows are longer. Two hundred years of two hours. */
const maxWindows = 100_000
const maxSlices = 2_000_000

/** Blocks that overlap, directly or by others. */
export interface BlockGroup {
  readonly blocks: readonly BlockMeta[]
  readonly minMs: number
  readonly maxMs: number
}

/** What a slice's key says. */
export interface TsdbSlice {
  readonly ulids: readonly string[]
  readonly fromMs: number
  readonly toMs: number
  readonly shard: number
  readonly shards: number
}

/** @param blocks ascending by `minMs` */
export function groupBlocks(blocks: readonly BlockMeta[]): readonly BlockGroup[] {
  const groups: { blocks: BlockMeta[]; minMs: number; maxMs: number }[] = []
  for (const block of blocks) {
    const last = groups.at(-1)
    if (last !== undefined && block.minMs < last.maxMs) {
      last.blocks.push(block)
      last.maxMs = Math.max(last.maxMs, block.maxMs)
    } else groups.push({ blocks: [block], minMs: block.minMs, maxMs: block.maxMs })
  }
  return groups
}

/** True for families of the slice. */
export const isOfShard = ({ shard, shards }: Pick<TsdbSlice, 'shard' | 'shards'>, family: string): boolean =>
  shards === 1 || familyHash(family) % shards === shard

/** The slice that a key means; undefined for what is none. */
export function readSliceKey(key: SliceSpec['key']): TsdbSlice | undefined {
  const { blocks, from, to, shard, shards } = key
  const isKey =
    Array.isArray(blocks) &&
    blocks.every((one) => typeof one === 'string') &&
    [from, to, shard, shards].every((one) => typeof one === 'number' && Number.isSafeInteger(one))
  if (!isKey) return undefined
  return { ulids: blocks as string[], fromMs: from as number, toMs: to as number, shard: shard as number, shards: shards as number }
}

const sum = (blocks: readonly BlockMeta[], of: (block: BlockMeta) => number): number => blocks.reduce((all, one) => all + of(one), 0)

const nameOf = ({ blocks }: BlockGroup): string =>
  blocks.length === 1 ? (blocks[0]?.ulid ?? '') : `${blocks[0]?.ulid} and ${blocks.length - 1} that overlap it`

function noteOf({ blocks }: BlockGroup): string {
  const notes: string[] = []
  if (blocks.some(({ hints }) => hints.includes('from-out-of-order'))) notes.push('some came out of order')
  const histograms = sum(blocks, (block) => block.histograms)
  if (histograms > 0) notes.push(`${histograms} native histograms`)
  return notes.join('; ')
}

/** A row that no slice stands for. */
const unreadableGroup = ({ name, message }: UnreadableBlock): PlanGroup => ({
  name,
  items: 0,
  bytes: 0,
  fromMs: undefined,
  toMs: undefined,
  note: message,
  isUnreadable: true,
})

/**
 * The plan of a folder. Windows begin at whole hours UTC; the first and the last are cut. @param sinceMs, untilMs undefined: no bound
 * @param unreadable rows of their own, whatever range is wanted: nobody knows their time
 */
export function planBlocks(
  blocks: readonly BlockMeta[],
  {
    sinceMs = Number.NEGATIVE_INFINITY,
    untilMs = Number.POSITIVE_INFINITY,
  }: { readonly sinceMs?: number | undefined; readonly untilMs?: number | undefined },
  notes: readonly string[],
  unreadable: readonly UnreadableBlock[] = [],
): Plan {
  const groups = unreadable.map(unreadableGroup)
  const slices: SliceSpec[] = []
  const said = [...notes]
  for (const group of groupBlocks(blocks)) {
    const name = nameOf(group)
    const samples = sum(group.blocks, (block) => block.samples)
    const bytes = sum(group.blocks, (block) => block.bytes)
    const length = Math.max(1, group.maxMs - group.minMs)
    const fromMs = Math.max(group.minMs, sinceMs)
    const toMs = Math.min(group.maxMs, untilMs)
    if (fromMs >= toMs) continue
    const share = (toMs - fromMs) / length
    groups.push({ name, items: Math.round(samples * share), bytes: Math.round(bytes * share), fromMs, toMs, note: noteOf(group) })
    const step = windowMs * Math.max(1, Math.ceil(length / windowMs / maxWindows))
    const ulids = group.blocks.map(({ ulid }) => ulid)
    for (let edge = Math.floor(fromMs / step) * step; edge < toMs; edge += step) {
      // By the whole window: what --since cuts off changes no shard of the others.
      const whole = Math.min(edge + step, group.maxMs) - Math.max(edge, group.minMs)
      const shards = Math.min(maxShards, Math.max(1, Math.ceil((samples * whole) / length / samplesOfSlice)))
      const [from, to] = [Math.max(edge, fromMs), Math.min(edge + step, toMs)]
      const part = (to - from) / length / shards
      for (let shard = 0; shard < shards; shard++) {
        slices.push({
          key: { blocks: ulids, from, to, shard, shards },
          group: name,
          fromMs: from,
          toMs: to,
          items: Math.round(samples * part),
          bytes: Math.round(bytes * part),
        })
      }
    }
    if (slices.length > maxSlices) {
      said.push(
        `left out: what is later than ${new Date(toMs).toISOString()}: more than ${maxSlices} slices; take a range with --since and --until`,
      )
      break
    }
  }
  return { groups, slices, notes: said }
}
