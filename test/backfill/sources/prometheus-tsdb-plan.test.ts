import { describe, expect, it } from 'vitest'
import { groupBlocks, isOfShard, planBlocks, readSliceKey } from '../../../src/backfill/sources/prometheus-tsdb-plan.ts'
import type { BlockMeta } from '../../../src/read/prometheus-tsdb/meta.ts'

const hourMs = 3_600_000

const block = (ulid: string, minMs: number, maxMs: number, samples = 1000): BlockMeta => ({
  ulid,
  folder: ulid,
  minMs,
  maxMs,
  samples,
  floats: samples,
  histograms: 0,
  series: 1,
  chunks: 1,
  level: 1,
  sources: [],
  parents: [],
  hints: [],
  bytes: 10 * samples,
})

describe('groupBlocks', () => {
  it('puts together what overlaps, directly or by others, and not what only touches', () => {
    const groups = groupBlocks([block('a', 0, 10), block('b', 5, 8), block('c', 9, 20), block('d', 20, 30)])
    expect(groups.map(({ blocks, minMs, maxMs }) => [blocks.map(({ ulid }) => ulid).join(''), minMs, maxMs])).toEqual([
      ['abc', 0, 20],
      ['d', 20, 30],
    ])
  })
})

describe('planBlocks', () => {
  it('cuts a group at even hours, and its edges at what is asked for', () => {
    const { slices, groups } = planBlocks([block('a', hourMs, 7 * hourMs)], { sinceMs: 1.5 * hourMs, untilMs: 5 * hourMs }, [])
    expect(slices.map(({ fromMs, toMs }) => [(fromMs ?? 0) / hourMs, (toMs ?? 0) / hourMs])).toEqual([
      [1.5, 2],
      [2, 4],
      [4, 5],
    ])
    expect(groups[0]?.items).toBe(583)
  })

  it('has about a million samples in a slice, by shards that are the same wherever a range begins', () => {
    const blocks = [block('a', 0, 4 * hourMs, 7_000_000)]
    const all = planBlocks(blocks, {}, [])
    expect(all.slices.map(({ key }) => `${Number(key['from']) / hourMs} ${key['shard']}/${key['shards']}`)).toEqual([
      '0 0/4',
      '0 1/4',
      '0 2/4',
      '0 3/4',
      '2 0/4',
      '2 1/4',
      '2 2/4',
      '2 3/4',
    ])
    expect(planBlocks(blocks, { sinceMs: 3 * hourMs }, []).slices.map(({ key }) => key['shards'])).toEqual([4, 4, 4, 4])
  })

  it('has every family in one shard', () => {
    for (let at = 0; at < 200; at++) {
      const shards = [0, 1, 2, 3, 4].filter((shard) => isOfShard({ shard, shards: 5 }, `family_${at}`))
      expect(shards).toHaveLength(1)
    }
  })

  it('makes no more windows than a plan can hold, however long a block says it is', () => {
    const { slices } = planBlocks([block('a', 0, 8e15)], {}, [])
    expect(slices.length).toBeLessThanOrEqual(100_001)
  })

  it('plans nothing outside of what is asked for', () => {
    expect(planBlocks([block('a', 0, 10)], { sinceMs: 10 }, ['note'])).toEqual({ groups: [], slices: [], notes: ['note'] })
  })
})

describe('readSliceKey', () => {
  it('reads its own keys, and no others', () => {
    const [slice] = planBlocks([block('a', 0, 10)], {}, []).slices
    expect(readSliceKey(slice?.key ?? {})).toEqual({ ulids: ['a'], fromMs: 0, toMs: 10, shard: 0, shards: 1 })
    expect(readSliceKey({ index: 'x' })).toBeUndefined()
    expect(readSliceKey({ blocks: [1], from: 0, to: 1, shard: 0, shards: 1 })).toBeUndefined()
  })
})
