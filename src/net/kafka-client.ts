/**
 * One member of a consumer group, as narrow as we use it: the library joins, keeps the membership and knows the cluster; records
 * are fetched and offsets committed by requests of our own (kafka-fetch.ts says why).
 *
 * What goes from us to others in a rebalance is known before it goes: the library asks for the group's metadata ahead of every
 * JoinGroup and waits for it, and with the cooperative protocol what it calls its own then no longer has what is given away.
 */

import type { Connection, ConnectionPool, Consumer } from '@platformatic/kafka'
import type { KafkaConnection, KafkaLibrary } from './kafka.ts'
import type { KafkaCodecs } from './kafka-compression.ts'
import {
  type CommitAnswer,
  decodeFetch,
  decodeOffsetCommit,
  encodeFetch,
  encodeOffsetCommit,
  type FetchedPartition,
  type FetchLimits,
  type FetchPosition,
  fetchApi,
  offsetCommitApi,
  type PartitionOffset,
  type TopicPartition,
} from './kafka-fetch.ts'

/** What a member is told of its group. */
export interface GroupHooks {
  /**
   * Ahead of every joining: what is not in `kept` goes to others as soon as this resolves. No heartbeats are sent meanwhile: it
   * must be done within {@link revokeLimitMs}. Never rejects.
   */
  revoking(kept: readonly TopicPartition[]): Promise<void>
  /** Everything that is ours now. */
  assigned(all: readonly TopicPartition[]): void
  /** The membership ended by itself; this client is of no use any more. */
  lost(error: unknown): void
}

/** Where reading begins when a group has committed nothing. */
export type Edge = 'earliest' | 'latest'

export interface GroupClient {
  /** How many partitions a topic has; undefined when there is no such topic. */
  partitionsOf(topic: string): Promise<number | undefined>
  join(topics: readonly string[], hooks: GroupHooks): Promise<void>
  /** Committed offsets by {@link partitionKey}; those without one are left out. */
  committed(partitions: readonly TopicPartition[]): Promise<ReadonlyMap<string, number>>
  /** First or last offsets there are, by {@link partitionKey}. */
  edges(partitions: readonly TopicPartition[], edge: Edge): Promise<ReadonlyMap<string, number>>
  /** The broker to fetch each partition from, by {@link partitionKey}. @param fresh not from what is remembered */
  leaders(partitions: readonly TopicPartition[], fresh: boolean): Promise<ReadonlyMap<string, number>>
  /** One fetch from one broker, in memory of its own. Rejects when the broker cannot be reached; faults of a partition are in its answer. */
  fetch(node: number, positions: readonly FetchPosition[], limits: FetchLimits): Promise<readonly FetchedPartition[]>
  /** Rejects when the coordinator cannot be reached. */
  commit(offsets: readonly PartitionOffset[]): Promise<readonly CommitAnswer[]>
  /** Leaves the group and closes every connection. Never rejects, and takes no longer than some seconds. */
  close(): Promise<void>
}

export const partitionKey = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`

/** How long `revoking` may take: well below the session's time-out, since no heartbeat is sent while it runs. */
export const revokeLimitMs = 10_000

const sessionMs = 20_000
const rebalanceMs = 40_000
const heartbeatMs = 2000

/** A JoinGroup is answered when all members have come, so the connection of the group must be patient. */
const groupRequestMs = rebalanceMs + 10_000

/** A fetch is answered within its longest wait. */
const dataRequestMs = 20_000

const closeMs = 5000

const earliest = -2n
const latest = -1n

/** Resolves with it, whatever becomes of it, or after the time given. */
export async function within(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<void>((resolve) => void (timer = setTimeout(resolve, ms)))
  await Promise.race([work.catch(() => {}), limit])
  clearTimeout(timer)
}

const listOf = (assignments: readonly { topic: string; partitions: readonly number[] }[] | null | undefined): TopicPartition[] =>
  (assignments ?? []).flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })))

/** The codecs of the library. */
export function codecsOf(library: KafkaLibrary): KafkaCodecs {
  const { snappy, lz4 } = library.compressionsAlgorithms
  return { snappy: (data) => snappy.decompressSync(data), lz4: (data) => lz4.decompressSync(data) }
}

const quiet = (): void => {}

/** An error that a connection tells of twice, the second time with nobody listening, must not end the process. */
function keepQuiet(pool: ConnectionPool): ConnectionPool {
  pool.on('connecting', ({ connection }) => void connection.on('error', quiet))
  return pool
}

/**
 * Creates a member that has not joined yet; nothing is connected.
 * @param letGo takes pieces of answers that were copied and that nobody reads any more; without it they are left to the collector
 */
export function createGroupClient(
  library: KafkaLibrary,
  { options }: KafkaConnection,
  group: string,
  letGo: (piece: Uint8Array) => void = quiet,
): GroupClient {
  const { clientId, tls, sasl, connectTimeout } = options
  let hooks: GroupHooks | undefined
  const consumer: Consumer = new library.Consumer({
    ...options,
    groupId: group,
    requestTimeout: groupRequestMs,
    sessionTimeout: sessionMs,
    rebalanceTimeout: rebalanceMs,
    heartbeatInterval: heartbeatMs,
    heartbeatStallTimeout: sessionMs,
    protocols: [{ name: 'cooperative-sticky', version: 3 }],
    protocolsMetadata: async () => {
      await hooks?.revoking(listOf(consumer.assignments))
      return Buffer.alloc(0)
    },
  })
  const poolOptions = {
    requestTimeout: dataRequestMs,
    ...(connectTimeout === undefined ? {} : { connectTimeout }),
    ...(tls === undefined ? {} : { tls }),
    ...(sasl === undefined ? {} : { sasl }),
  }
  // A broker answers the requests of a connection one after the other: a long fetch or joining must not hold up a commit.
  const fetches = keepQuiet(new library.ConnectionPool(clientId, poolOptions))
  const commits = keepQuiet(new library.ConnectionPool(clientId, poolOptions))
  keepQuiet(consumer.connections)

  const lost = (error: unknown): void => {
    const told = hooks
    hooks = undefined
    told?.lost(error)
  }
  consumer.on('error', lost)
  consumer.on('consumer:heartbeat:stalled', ({ lastError }) => lost(lastError ?? new Error('no heartbeat was answered')))
  consumer.on('consumer:group:join', ({ assignments }) => hooks?.assigned(listOf(assignments)))

  const request = (connection: Connection, api: { key: number; version: number }, body: Buffer): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      let pieces: readonly Buffer[] = []
      connection.send<Buffer>(
        api.key,
        api.version,
        () => library.Writer.create().append(body),
        (_correlation, _key, _version, reader) => {
          const { buffers } = reader.buffer
          const answer = reader.buffer.slice(reader.position)
          // Of one piece it is a view, in which the next answer may begin.
          if (buffers.length < 2) return Buffer.from(answer)
          // The last may have more in it than our answer, and whoever gave it may look at it still.
          pieces = buffers.slice(0, -1)
          return answer
        },
        false,
        false,
        (error, answer) => {
          // The library is through with them now.
          for (const piece of pieces) letGo(piece)
          if (error !== null || answer === undefined) reject(error ?? new Error('no answer'))
          else resolve(answer)
        },
      )
    })

  const topicOf = (topic: string, fresh: boolean) => consumer.metadata({ topics: [topic], forceUpdate: fresh })

  const brokerOf = async (node: number) => {
    const broker = (consumer.currentMetadata ?? (await consumer.metadata({ topics: [] }))).brokers.get(node)
    if (broker === undefined) throw new Error(`broker ${node} is not in the cluster now`)
    return broker
  }

  const byPartition = async <T>(
    partitions: readonly TopicPartition[],
    ask: (topic: string, partitions: number[]) => Promise<readonly (T | undefined)[]>,
  ): Promise<ReadonlyMap<string, T>> => {
    const topics = new Map<string, number[]>()
    for (const { topic, partition } of partitions) topics.set(topic, [...(topics.get(topic) ?? []), partition])
    const found = new Map<string, T>()
    for (const [topic, list] of topics) {
      const values = await ask(topic, list)
      for (const partition of list) {
        const value = values[partition]
        if (value !== undefined) found.set(partitionKey({ topic, partition }), value)
      }
    }
    return found
  }

  return {
    async partitionsOf(topic) {
      try {
        return (await consumer.metadata({ topics: [topic], forceUpdate: true, retries: 0 })).topics.get(topic)?.partitionsCount
      } catch (error) {
        if (error instanceof Error && error.message === `Unknown topic ${topic}.`) return undefined
        throw error
      }
    },
    async join(topics, told) {
      hooks = told
      for (const topic of topics) consumer.topics.track(topic)
      await consumer.joinGroup({})
    },
    committed: (partitions) =>
      byPartition(partitions, async (topic, list) => {
        const offsets = await consumer.listCommittedOffsets({ topics: [{ topic, partitions: list }] })
        return (offsets.get(topic) ?? []).map((offset) => (offset < 0n ? undefined : Number(offset)))
      }),
    edges: (partitions, edge) =>
      byPartition(partitions, async (topic, list) => {
        const timestamp = edge === 'earliest' ? earliest : latest
        const offsets = await consumer.listOffsets({ topics: [topic], partitions: { [topic]: [...list] }, timestamp })
        return (offsets.get(topic) ?? []).map(Number)
      }),
    leaders: (partitions, fresh) =>
      byPartition(
        partitions,
        async (topic) => (await topicOf(topic, fresh)).topics.get(topic)?.partitions.map(({ leader }) => leader) ?? [],
      ),
    async fetch(node, positions, limits) {
      const connection = await fetches.get(await brokerOf(node))
      return decodeFetch(await request(connection, fetchApi, encodeFetch(positions, limits)))
    },
    async commit(offsets) {
      const { memberId, generationId } = consumer
      if (memberId === null) throw new Error('not a member of the group now')
      const node = consumer.coordinatorId ?? (await consumer.findGroupCoordinator())
      const connection = await commits.get(await brokerOf(node))
      return decodeOffsetCommit(await request(connection, offsetCommitApi, encodeOffsetCommit(group, generationId, memberId, offsets)))
    },
    async close() {
      hooks = undefined
      await within(closeMs, Promise.resolve(consumer.close(true)))
      await within(closeMs, Promise.all([fetches.close(), commits.close()]))
    },
  }
}
