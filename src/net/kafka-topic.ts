/** One topic, read without a group: where its partitions begin and end, and records from any offset. */

import type { KafkaConnection, KafkaLibrary } from './kafka.ts'
import { createGroupClient, type GroupClient, within } from './kafka-client.ts'

/** An end of a partition, or a moment, ms: the first message of it or later. */
export type OffsetPlace = 'earliest' | 'latest' | number

export interface TopicClient extends Pick<GroupClient, 'leaders' | 'fetch'> {
  /** What the topic is called inside, and how many partitions it has; undefined when there is none. Rejects when no broker answers. */
  describe(topic: string): Promise<{ readonly id: string; readonly partitions: number } | undefined>
  /**
   * An offset a partition, by its number. `latest` is the high watermark, open transactions included. For a moment: partitions without a message that
   * late are left out.
   */
  offsets(topic: string, partitions: readonly number[], place: OffsetPlace): Promise<ReadonlyMap<number, number>>
  /** Never rejects. */
  close(): Promise<void>
}

const closeMs = 5000
const earliest = -2n
const latest = -1n
/** All that is there, not only what is committed. */
const uncommitted = 0

/** Creates a client; nothing is connected. No group is joined, nothing is committed. @param letGo see {@link createGroupClient} */
export function createTopicClient(library: KafkaLibrary, connection: KafkaConnection, letGo?: (piece: Uint8Array) => void): TopicClient {
  const client = createGroupClient(library, connection, 'otlp-bridge-backfill', letGo)
  const admin = new library.Admin(connection.options)
  return {
    leaders: client.leaders,
    fetch: client.fetch,
    async describe(topic) {
      const partitions = await client.partitionsOf(topic)
      if (partitions === undefined) return undefined
      const { id, topics } = await admin.metadata({ topics: [topic] })
      return { id: `${id}/${topics.get(topic)?.id ?? ''}`, partitions }
    },
    async offsets(topic, partitions, place) {
      const timestamp = place === 'earliest' ? earliest : place === 'latest' ? latest : BigInt(Math.trunc(place))
      const answer = await admin.listOffsets({
        topics: [{ name: topic, partitions: partitions.map((partitionIndex) => ({ partitionIndex, timestamp })) }],
        isolationLevel: uncommitted,
      })
      const found = new Map<number, number>()
      for (const { partitionIndex, offset } of answer.flatMap((one) => one.partitions)) {
        if (offset >= 0n) found.set(partitionIndex, Number(offset))
      }
      return found
    },
    async close() {
      await within(closeMs, Promise.resolve(admin.close()))
      await client.close()
    },
  }
}
