/** A cluster in memory behind our own narrow interface: one broker, topics as lists, a group whose assignment the test decides. */

import { type GroupClient, type GroupHooks, partitionKey } from '../../../src/net/kafka-client.ts'
import type { CommitAnswer, PartitionOffset, TopicPartition } from '../../../src/net/kafka-fetch.ts'
import type { KafkaMessage, SetAside } from '../../../src/net/kafka-records.ts'
import type { Member } from '../../../src/net/kafka-session.ts'

/** Raw headers of a message: names and values. */
export function rawHeaders(headers: Readonly<Record<string, string>>): Uint8Array {
  const zigzag = (value: number): number[] => {
    const bytes: number[] = []
    let left = value * 2
    for (; left > 0x7f; left = Math.floor(left / 128)) bytes.push((left & 0x7f) | 0x80)
    return [...bytes, left]
  }
  const text = (value: string): number[] => [...zigzag(Buffer.byteLength(value)), ...Buffer.from(value)]
  return Uint8Array.from([
    ...zigzag(Object.keys(headers).length),
    ...Object.entries(headers).flatMap(([name, value]) => [...text(name), ...text(value)]),
  ])
}

interface Log {
  first: number
  readonly entries: (KafkaMessage | SetAside)[]
}

export interface FakeCluster {
  /** Makes a topic, or appends to one. */
  append(topic: string, partition: number, value: string | Uint8Array | undefined, headers?: Record<string, string>): void
  /** A batch that cannot be read. */
  appendBad(topic: string, partition: number, reason: SetAside['reason']): void
  /** Deletes everything before an offset. */
  expire(topic: string, partition: number, first: number): void
  /** By {@link partitionKey}. */
  readonly committed: Map<string, number>
  /** Every commit, in order. */
  readonly commits: PartitionOffset[][]
  /** Fetches asked for so far. */
  fetches: number
  /** While set, fetches fail with it. */
  fetchError: Error | undefined
  /** While set, commits fail with it, or are answered with the code. */
  commitError: Error | number | undefined
  /** While set, a member cannot be made. */
  connectError: Error | undefined
  /** Hooks of the member that joined last. */
  readonly hooks: GroupHooks
  /** Members that were closed. */
  closed: number
  member(): Member
  /** Gives partitions to the member, as a joining does. */
  assign(...partitions: TopicPartition[]): void
  /** Leaves it only these. */
  revoke(...kept: TopicPartition[]): Promise<void>
}

/** @param auto what a member is given as soon as it joins */
export function createFakeCluster(auto: readonly TopicPartition[] = []): FakeCluster {
  const logs = new Map<string, Log>()
  let hooks: GroupHooks | undefined

  const logOf = (place: TopicPartition): Log => {
    const key = partitionKey(place)
    let log = logs.get(key)
    if (log === undefined) logs.set(key, (log = { first: 0, entries: [] }))
    return log
  }

  const partitionsOf = (topic: string): number | undefined => {
    const found = [...logs.keys()].filter((key) => key.startsWith(`${topic}/`)).map((key) => Number(key.slice(topic.length + 1)))
    return found.length === 0 ? undefined : Math.max(...found) + 1
  }

  const client = (): GroupClient => ({
    partitionsOf: async (topic) => partitionsOf(topic),
    async join(_topics, told) {
      hooks = told
      told.assigned(auto)
    },
    committed: async (list) => new Map(list.flatMap((place) => [...cluster.committed].filter(([key]) => key === partitionKey(place)))),
    edges: async (list, edge) =>
      new Map(
        list.map((place) => {
          const { first, entries } = logOf(place)
          return [partitionKey(place), edge === 'earliest' ? first : entries.length] as const
        }),
      ),
    leaders: async (list) => new Map(list.map((place) => [partitionKey(place), 1] as const)),
    async fetch(_node, positions) {
      cluster.fetches++
      await new Promise((resolve) => setTimeout(resolve, 1))
      if (cluster.fetchError !== undefined) throw cluster.fetchError
      return positions.map(({ topic, partition, offset }) => {
        const { first, entries } = logOf({ topic, partition })
        const error = offset < first || offset > entries.length ? 1 : 0
        const records = error === 0 && offset < entries.length ? Buffer.from([1]) : Buffer.alloc(0)
        return { topic, partition, error, highWatermark: entries.length, aborted: [], records }
      })
    },
    async commit(offsets): Promise<readonly CommitAnswer[]> {
      const fault = cluster.commitError
      if (fault instanceof Error) throw fault
      cluster.commits.push([...offsets])
      if (fault === undefined) for (const one of offsets) cluster.committed.set(partitionKey(one), one.offset)
      return offsets.map(({ topic, partition }) => ({ topic, partition, error: fault ?? 0 }))
    },
    async close() {
      cluster.closed++
    },
  })

  const cluster: FakeCluster = {
    append(topic, partition, value, headers = {}) {
      const { entries } = logOf({ topic, partition })
      const bytes = typeof value === 'string' ? Buffer.from(value) : value
      entries.push({ offset: entries.length, timestampMs: 1000, key: undefined, value: bytes, rawHeaders: rawHeaders(headers) })
    },
    appendBad(topic, partition, reason) {
      const { entries } = logOf({ topic, partition })
      entries.push({ offset: entries.length, messages: 1, reason })
    },
    expire(topic, partition, first) {
      logOf({ topic, partition }).first = first
    },
    committed: new Map(),
    commits: [],
    fetches: 0,
    fetchError: undefined,
    commitError: undefined,
    connectError: undefined,
    get hooks() {
      if (hooks === undefined) throw new Error('nobody has joined')
      return hooks
    },
    closed: 0,
    member: () => ({
      client: client(),
      open({ topic, partition }, from) {
        // Two messages a batch.
        let at = from
        return {
          next() {
            const { entries } = logOf({ topic, partition })
            const one = entries[at]
            if (one === undefined) return undefined
            if ('reason' in one) {
              at++
              return { messages: [], setAside: one, nextOffset: at }
            }
            const second = entries[at + 1]
            const messages = second === undefined || 'reason' in second ? [one] : [one, second]
            at += messages.length
            return { messages, setAside: undefined, nextOffset: at }
          },
        }
      },
    }),
    assign: (...partitions) => cluster.hooks.assigned(partitions),
    revoke: (...kept) => cluster.hooks.revoking(kept),
  }
  return cluster
}
