/**
 * The two requests that are written and read here and not by the library: Fetch, whose records it would read without limits, and
 * OffsetCommit, which it answers by joining the group anew on its own. Both in versions that every Kafka since 0.11 takes, 4.x included.
 * @see kafka.apache.org/protocol#The_Messages_Fetch (version 4), #The_Messages_OffsetCommit (version 2)
 */

import type { AbortedTransaction } from './kafka-records.ts'

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

export interface FetchPosition extends TopicPartition {
  /** The next message wanted. */
  readonly offset: number
}

export interface FetchLimits {
  /** Milliseconds the broker may wait for data. */
  readonly maxWaitMs: number
  /** Bytes of the answer; one batch always comes, however large. */
  readonly maxBytes: number
  readonly maxPartitionBytes: number
}

/** What a fetch brought for one partition. */
export interface FetchedPartition extends TopicPartition {
  /** Error code of the protocol; 0 when there is none. */
  readonly error: number
  /** The offset behind the last message that all replicas have; -1 when not known. */
  readonly highWatermark: number
  readonly aborted: readonly AbortedTransaction[]
  /** Batches, as {@link readBatches} takes them. */
  readonly records: Uint8Array
}

export interface PartitionOffset extends TopicPartition {
  readonly offset: number
}

/** What became of the commit of one partition: an error code of the protocol, 0 for none. */
export interface CommitAnswer extends TopicPartition {
  readonly error: number
}

/** Error codes that we act on. @see kafka.apache.org/protocol#protocol_error_codes */
export const KafkaError = {
  OffsetOutOfRange: 1,
  UnknownTopicOrPartition: 3,
  TopicAuthorizationFailed: 29,
  GroupAuthorizationFailed: 30,
} as const

export const fetchApi = { key: 1, version: 4 } as const
export const offsetCommitApi = { key: 8, version: 2 } as const

/** A growing buffer of big-endian numbers. */
class RequestWriter {
  bytes = Buffer.alloc(512)
  at = 0

  room(count: number): void {
    if (this.at + count <= this.bytes.length) return
    const larger = Buffer.alloc(Math.max(this.bytes.length * 2, this.at + count))
    this.bytes.copy(larger)
    this.bytes = larger
  }

  int8(value: number): this {
    this.room(1)
    this.at = this.bytes.writeInt8(value, this.at)
    return this
  }

  int32(value: number): this {
    this.room(4)
    this.at = this.bytes.writeInt32BE(value, this.at)
    return this
  }

  int64(value: number): this {
    this.room(8)
    this.at = this.bytes.writeBigInt64BE(BigInt(value), this.at)
    return this
  }

  string(value: string): this {
    const length = Buffer.byteLength(value)
    this.room(2 + length)
    this.at = this.bytes.writeInt16BE(length, this.at)
    this.at += this.bytes.write(value, this.at)
    return this
  }

  end(): Buffer {
    return this.bytes.subarray(0, this.at)
  }
}

/** One entry a topic, with its partitions. */
function byTopic<T extends TopicPartition>(list: readonly T[]): Map<string, T[]> {
  const topics = new Map<string, T[]>()
  for (const one of list) {
    const partitions = topics.get(one.topic)
    if (partitions === undefined) topics.set(one.topic, [one])
    else partitions.push(one)
  }
  return topics
}

/**
 * Fetch Request (Version: 4) => replica_id max_wait_ms min_bytes max_bytes isolation_level [topics]
 *   topics => topic [partitions];  partitions => partition fetch_offset partition_max_bytes
 */
export function encodeFetch(positions: readonly FetchPosition[], limits: FetchLimits): Buffer {
  const topics = byTopic(positions)
  // Only what is committed of transactions.
  const writer = new RequestWriter().int32(-1).int32(limits.maxWaitMs).int32(1).int32(limits.maxBytes).int8(1).int32(topics.size)
  for (const [topic, partitions] of topics) {
    writer.string(topic).int32(partitions.length)
    for (const { partition, offset } of partitions) writer.int32(partition).int64(offset).int32(limits.maxPartitionBytes)
  }
  return writer.end()
}

/**
 * OffsetCommit Request (Version: 2) => group_id generation_id member_id retention_time_ms [topics]
 *   topics => name [partitions];  partitions => partition_index committed_offset committed_metadata
 */
export function encodeOffsetCommit(group: string, generation: number, member: string, offsets: readonly PartitionOffset[]): Buffer {
  const topics = byTopic(offsets)
  const writer = new RequestWriter().string(group).int32(generation).string(member).int64(-1).int32(topics.size)
  for (const [topic, partitions] of topics) {
    writer.string(topic).int32(partitions.length)
    for (const { partition, offset } of partitions) writer.int32(partition).int64(offset).string('')
  }
  return writer.end()
}

/** A cursor over an answer; what is cut off throws a RangeError. */
class AnswerReader {
  readonly bytes: Buffer
  at: number

  constructor(bytes: Buffer) {
    this.bytes = bytes
    this.at = 0
  }

  int16(): number {
    const value = this.bytes.readInt16BE(this.at)
    this.at += 2
    return value
  }

  int32(): number {
    const value = this.bytes.readInt32BE(this.at)
    this.at += 4
    return value
  }

  int64(): number {
    const value = this.bytes.readInt32BE(this.at) * 2 ** 32 + this.bytes.readUInt32BE(this.at + 4)
    this.at += 8
    return value
  }

  bigint64(): bigint {
    const value = this.bytes.readBigInt64BE(this.at)
    this.at += 8
    return value
  }

  string(): string {
    return this.slice(this.int16()).toString('utf8')
  }

  slice(length: number): Buffer {
    if (length <= 0) return this.bytes.subarray(0, 0)
    if (length > this.bytes.length - this.at) throw new RangeError('the answer of the broker is cut off')
    this.at += length
    return this.bytes.subarray(this.at - length, this.at)
  }
}

/**
 * Fetch Response (Version: 4) => throttle_time_ms [responses];  responses => topic [partitions]
 *   partitions => partition_index error_code high_watermark last_stable_offset [aborted_transactions] records
 *     aborted_transactions => producer_id first_offset
 */
export function decodeFetch(bytes: Buffer): FetchedPartition[] {
  const reader = new AnswerReader(bytes)
  const found: FetchedPartition[] = []
  reader.int32()
  for (let topics = reader.int32(); topics > 0; topics--) {
    const topic = reader.string()
    for (let partitions = reader.int32(); partitions > 0; partitions--) {
      const partition = reader.int32()
      const error = reader.int16()
      const highWatermark = reader.int64()
      reader.int64()
      const aborted: AbortedTransaction[] = []
      for (let count = reader.int32(); count > 0; count--) aborted.push({ producerId: reader.bigint64(), firstOffset: reader.int64() })
      found.push({ topic, partition, error, highWatermark, aborted, records: reader.slice(reader.int32()) })
    }
  }
  return found
}

/** OffsetCommit Response (Version: 2) => [topics];  topics => name [partitions];  partitions => partition_index error_code */
export function decodeOffsetCommit(bytes: Buffer): CommitAnswer[] {
  const reader = new AnswerReader(bytes)
  const found: CommitAnswer[] = []
  for (let topics = reader.int32(); topics > 0; topics--) {
    const topic = reader.string()
    for (let partitions = reader.int32(); partitions > 0; partitions--) {
      found.push({ topic, partition: reader.int32(), error: reader.int16() })
    }
  }
  return found
}
