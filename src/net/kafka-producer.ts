/**
 * Writes messages to Kafka, acknowledged by all in-sync replicas. One request is under way at a time, with everything that came
 * together meanwhile: the library numbers the messages of an idempotent producer when it learns where they go, and two requests that
 * fail and overlap can get numbers that the broker takes for repeats of others, which it then acknowledges and does not store.
 */

import type { Producer } from '@platformatic/kafka'
import { type KafkaConnection, type KafkaLibrary, kafkaReason } from './kafka.ts'
import { within } from './kafka-client.ts'

export type KafkaCompression = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'

export interface OutgoingMessage {
  readonly topic: string
  /** Undefined: they take turns. */
  readonly partition: number | undefined
  readonly key?: Uint8Array | undefined
  readonly value: Uint8Array | undefined
  readonly headers: Readonly<Record<string, string | Uint8Array>>
}

export interface ProducerOptions {
  readonly compression: KafkaCompression
  /** Bytes of one partition in one request: the broker refuses larger ones (`max.message.bytes`). */
  readonly maxBatchBytes: number
}

export interface KafkaProducer {
  /** How many partitions a topic has; undefined when there is no such topic. Rejects when no broker answers. */
  partitionsOf(topic: string): Promise<number | undefined>
  /** Resolves when all replicas in sync have them. Rejects otherwise: then some of them may be stored all the same. */
  send(messages: readonly OutgoingMessage[]): Promise<void>
  /** Messages that are not yet acknowledged. */
  readonly pending: number
  /** Closes the connections; what is not acknowledged by then is rejected. Never rejects itself. */
  close(): Promise<void>
}

interface Waiting {
  readonly messages: readonly OutgoingMessage[]
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

const requestMs = 15_000
const tries = 3
const retryMs = 300
const closeMs = 5000

/** Bytes of one request over all partitions. */
const maxRequestBytes = 8 * 1024 * 1024

/** What a message takes beside its value: lengths, times, headers. */
const overheadBytes = 512

const buffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const toBuffer = (value: string | Uint8Array): Buffer => (typeof value === 'string' ? Buffer.from(value) : buffer(value))

const sizeOf = ({ key, value }: OutgoingMessage): number => (key?.length ?? 0) + (value?.length ?? 0) + overheadBytes

/** Creates a producer; nothing is connected until it is used. */
export function createKafkaProducer(library: KafkaLibrary, { options }: KafkaConnection, own: ProducerOptions): KafkaProducer {
  const producer: Producer = new library.Producer({
    ...options,
    idempotent: true,
    acks: library.ProduceAcks.ALL,
    compression: own.compression,
    retries: tries,
    retryDelay: retryMs,
    timeout: requestMs - 5000,
    requestTimeout: requestMs,
  })
  producer.connections.on('connecting', ({ connection }) => void connection.on('error', () => {}))
  const waiting: Waiting[] = []
  let pending = 0
  let sending = false
  let closed = false

  /** As many of those that wait as fit into one request: at least one. */
  const gather = (): Waiting[] => {
    const bytesOf = new Map<string, number>()
    let total = 0
    let count = 0
    for (const { messages } of waiting) {
      const grown = new Map<string, number>()
      let size = 0
      for (const message of messages) {
        const key = `${message.topic}/${message.partition ?? ''}`
        grown.set(key, (grown.get(key) ?? bytesOf.get(key) ?? 0) + sizeOf(message))
        size += sizeOf(message)
      }
      if (count > 0 && (total + size > maxRequestBytes || [...grown.values()].some((bytes) => bytes > own.maxBatchBytes))) break
      for (const [key, bytes] of grown) bytesOf.set(key, bytes)
      total += size
      count++
    }
    return waiting.splice(0, count)
  }

  const sendNow = async (messages: readonly OutgoingMessage[]): Promise<void> => {
    await producer.send({
      messages: messages.map(({ topic, partition, key, value, headers }) => ({
        topic,
        ...(partition === undefined ? {} : { partition }),
        ...(key === undefined ? {} : { key: buffer(key) }),
        // A tombstone stays one: the type knows values only.
        value: (value === undefined ? undefined : buffer(value)) as Buffer,
        headers: new Map(Object.entries(headers).map(([name, one]) => [Buffer.from(name), toBuffer(one)])),
      })),
    })
  }

  /** A request that is refused for what is in it is tried apart, so that one does not cost the others. */
  const refusedForItself = (error: unknown): boolean =>
    ['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE', 'INVALID_RECORD', 'CORRUPT_MESSAGE'].some(
      (id) => error instanceof Error && library.findErrorBy(error, 'apiId', id) !== null,
    )

  const settle = async (group: readonly Waiting[]): Promise<void> => {
    try {
      await sendNow(group.flatMap(({ messages }) => messages))
      for (const one of group) one.resolve()
    } catch (error) {
      if (group.length > 1 && refusedForItself(error)) {
        for (const one of group) await settle([one])
        return
      }
      for (const one of group) one.reject(error)
    }
  }

  const drain = async (): Promise<void> => {
    if (sending) return
    sending = true
    while (waiting.length > 0) await settle(gather())
    sending = false
  }

  return {
    async partitionsOf(topic) {
      try {
        return (await producer.metadata({ topics: [topic], forceUpdate: true, retries: 0 })).topics.get(topic)?.partitionsCount
      } catch (error) {
        if (kafkaReason(error) === `Unknown topic ${topic}.`) return undefined
        throw error
      }
    },
    send(messages) {
      if (closed) return Promise.reject(new Error('the producer is closed'))
      if (messages.length === 0) return Promise.resolve()
      pending += messages.length
      return new Promise<void>((resolve, reject) => {
        waiting.push({ messages, resolve, reject })
        void drain()
      }).finally(() => void (pending -= messages.length))
    },
    get pending() {
      return pending
    },
    async close() {
      closed = true
      const error = new Error('the producer is closed')
      for (const one of waiting.splice(0)) one.reject(error)
      await within(closeMs, Promise.resolve(producer.close()))
    },
  }
}
