import { fetchV4, offsetCommitV2 } from '@platformatic/kafka'
import { describe, expect, it } from 'vitest'
import { decodeFetch, decodeOffsetCommit, encodeFetch, encodeOffsetCommit } from '../../src/net/kafka-fetch.ts'

const positions = [
  { topic: 'spans', partition: 0, offset: 5 },
  { topic: 'more', partition: 3, offset: 2 ** 40 + 1 },
  { topic: 'spans', partition: 7, offset: 0 },
]

const partition = (index: number, offset: bigint) => ({
  partition: index,
  currentLeaderEpoch: -1,
  fetchOffset: offset,
  lastFetchedEpoch: -1,
  partitionMaxBytes: 1000,
})

/** Numbers as the protocol writes them: [bits, value]. */
function answer(...numbers: (readonly [8 | 16 | 32 | 64, number] | string | Buffer)[]): Buffer {
  return Buffer.concat(
    numbers.map((one) => {
      if (Buffer.isBuffer(one)) return one
      if (typeof one === 'string') return Buffer.concat([answer([16, one.length]), Buffer.from(one)])
      const bytes = Buffer.alloc(one[0] / 8)
      if (one[0] === 64) bytes.writeBigInt64BE(BigInt(one[1]))
      else bytes.writeIntBE(one[1], 0, one[0] / 8)
      return bytes
    }),
  )
}

describe('encodeFetch', () => {
  it('writes what the library writes in the same version', () => {
    const topics = [
      { topicId: 'spans', partitions: [partition(0, 5n), partition(7, 0n)] },
      { topicId: 'more', partitions: [partition(3, 2n ** 40n + 1n)] },
    ]
    const create = fetchV4.createRequest as (...args: unknown[]) => { readonly buffer: Buffer }
    const theirs = create(400, 1, 9999, 1, 0, 0, topics, [], '')
    expect(encodeFetch(positions, { maxWaitMs: 400, maxBytes: 9999, maxPartitionBytes: 1000 })).toEqual(theirs.buffer)
  })

  it('has room for many partitions', () => {
    const many = Array.from({ length: 500 }, (_, at) => ({ topic: `topic-${at % 7}`, partition: at, offset: at }))
    expect(encodeFetch(many, { maxWaitMs: 1, maxBytes: 1, maxPartitionBytes: 1 }).length).toBeGreaterThan(500 * 16)
  })
})

describe('decodeFetch', () => {
  it('reads partitions with their errors, ends, aborted transactions and bytes', () => {
    const records = Buffer.from('records')
    const bytes = answer([32, 0], [32, 2], 'spans', [32, 2])
    const first = answer([32, 0], [16, 0], [64, 100], [64, 90], [32, 1], [64, 7], [64, 42], [32, records.length], records)
    const second = answer([32, 7], [16, 1], [64, -1], [64, -1], [32, -1], [32, -1])
    const other = answer('more', [32, 1], [32, 3], [16, 0], [64, 2 ** 41], [64, 0], [32, 0], [32, 0])
    const found = decodeFetch(Buffer.concat([bytes, first, second, other]))
    expect(found).toEqual([
      { topic: 'spans', partition: 0, error: 0, highWatermark: 100, aborted: [{ producerId: 7n, firstOffset: 42 }], records },
      { topic: 'spans', partition: 7, error: 1, highWatermark: -1, aborted: [], records: Buffer.alloc(0) },
      { topic: 'more', partition: 3, error: 0, highWatermark: 2 ** 41, aborted: [], records: Buffer.alloc(0) },
    ])
  })

  it('refuses an answer that is cut off', () => {
    const whole = answer([32, 0], [32, 1], 'spans', [32, 1], [32, 0], [16, 0], [64, 1], [64, 1], [32, 0], [32, 4], Buffer.from('1234'))
    for (let length = 5; length < whole.length; length++) expect(() => decodeFetch(whole.subarray(0, length))).toThrow(RangeError)
  })
})

describe('encodeOffsetCommit', () => {
  it('writes what the library writes in the same version', () => {
    const create = offsetCommitV2.createRequest as (...args: unknown[]) => { readonly buffer: Buffer }
    const entry = (partitionIndex: number, committedOffset: bigint) => ({ partitionIndex, committedOffset, committedMetadata: '' })
    const topics = [
      { name: 'spans', partitions: [entry(0, 5n), entry(7, 0n)] },
      { name: 'more', partitions: [entry(3, 2n ** 40n + 1n)] },
    ]
    const theirs = create('group', 12, 'member', null, topics)
    expect(encodeOffsetCommit('group', 12, 'member', positions)).toEqual(theirs.buffer)
  })
})

describe('decodeOffsetCommit', () => {
  it('reads what became of each partition', () => {
    const bytes = answer([32, 1], 'spans', [32, 2], [32, 0], [16, 0], [32, 7], [16, 25])
    expect(decodeOffsetCommit(bytes)).toEqual([
      { topic: 'spans', partition: 0, error: 0 },
      { topic: 'spans', partition: 7, error: 25 },
    ])
  })
})
