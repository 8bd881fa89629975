/**
 * The queue that lives in Kafka: any number of bridges write to the same topics and share the sending, by one consumer group for each
 * destination. Nothing is kept here but what is on its way.
 *
 * ```
 *   put ── cut by trace ──▶ <prefix>_spans  0 │ … │ n ──▶ group <group>-<destination> ──▶ lane: take … settle ──▶ commit
 *                            <prefix>_metrics, _logs                                           └─ bury ──▶ <topic>_dead
 * ```
 *
 * - A batch is acknowledged when all replicas in sync have its messages (`acks=all`).
 * - An offset is committed when its message and all before it in the partition are settled, buried or for others.
 * - What goes to another bridge in a rebalance is given back first; what was under way then may arrive twice.
 */

import { BridgeError } from '../../errors.ts'
import { kafkaConnection, loadKafka } from '../../net/kafka.ts'
import { codecsOf, createGroupClient } from '../../net/kafka-client.ts'
import type { OutgoingMessage } from '../../net/kafka-producer.ts'
import { startReader } from '../../net/kafka-reader.ts'
import { readBatches } from '../../net/kafka-records.ts'
import type { Member } from '../../net/kafka-session.ts'
import { cutRequest } from '../../otlp/cut.ts'
import { ownsChunk } from '../../otlp/encode/chunks.ts'
import { exposeGauges, totalsOf } from './accounts.ts'
import { type KafkaQueueConfig, signals, topicOf } from './kafka-config.ts'
import { createKafkaLane, type KafkaLane, type StartReader } from './kafka-lane.ts'
import { encodeHead } from './kafka-message.ts'
import { connectCluster, createKafkaWriter, type KafkaCluster } from './kafka-writer.ts'
import { stoppingError } from './put.ts'
import type { LaneOptions, Queue, QueueDeps, RoutedBatch } from './queue.ts'

const section = 'queue.kafka'

export interface KafkaQueueOptions {
  /** Destinations, in their order; at least one. */
  readonly lanes: readonly LaneOptions[]
  readonly kafka: KafkaQueueConfig
}

/** What reaches the brokers; given in tests. */
export interface KafkaWay {
  readonly connect: () => Promise<KafkaCluster>
  readonly startReader: StartReader
}

/** How long the start waits for the brokers; they may come later. */
const startMs = 2000

/** How long what is under way is waited for at the end. */
const endMs = 5000

/** Bytes of a batch of messages once it is plain. */
const maxBatchBytes = 64 * 1024 * 1024

const fullRetryAfterSeconds = 5

/** Opens the queue. The brokers need not be there: until they are, nothing is taken. Throws OB_CONFIG for files of `tls`. */
export async function createKafkaQueue(options: KafkaQueueOptions, deps: QueueDeps, way?: KafkaWay): Promise<Queue> {
  const { kafka } = options
  const { metrics, log, nowMs } = deps
  const connection = await kafkaConnection(kafka, section)
  const signalByTopic = new Map(signals.map((signal) => [topicOf(kafka, signal), signal]))
  let lanes: readonly KafkaLane[] = []
  let pendingBytes = 0
  let closed = false

  const writer = createKafkaWriter(way?.connect ?? (() => connectCluster(kafka, connection)), kafka, topicOf(kafka, 'traces'), log, () => {
    for (const lane of lanes) lane.look()
  })

  const connectMember = async (group: string): Promise<Member> => {
    const library = await loadKafka()
    const records = { codecs: codecsOf(library), maxBatchBytes, checksum: (data: Buffer) => library.crc32c(data) >>> 0 }
    return {
      client: createGroupClient(library, connection, group),
      open: (fetched, from) => readBatches(fetched.records, from, fetched.aborted, records),
    }
  }

  const startLaneReader: StartReader =
    way?.startReader ??
    ((destination, take) => {
      const group = `${kafka.group ?? kafka.topicPrefix}-${destination}`
      return startReader(
        {
          section,
          group,
          topics: [...signalByTopic.keys()],
          needsTopics: false,
          startFrom: 'earliest',
          maxHeldBytes: kafka.prefetch,
          commitIntervalMs: kafka.commitInterval,
        },
        {
          connect: () => connectMember(group),
          metrics,
          log,
          ...take,
          onSetAside({ topic, partition }, { offset, messages, reason }) {
            metrics.counter('otlp_bridge_kafka_poison_messages_total', { topic, reason }).value += messages
            log.error({ topic, partition, offset, messages, reason }, 'messages in the queue could not be read and are passed over')
          },
        },
      )
    })

  const writeDead = async (message: Omit<OutgoingMessage, 'partition'>): Promise<void> => {
    const topic = `${message.topic}_dead`
    await writer.partitionsOf(topic)
    await writer.write([{ ...message, topic, partition: undefined }])
  }

  const createLane = (lane: LaneOptions): KafkaLane =>
    createKafkaLane(lane, {
      metrics,
      log,
      nowMs,
      startReader: startLaneReader,
      signalOf: (topic) => signalByTopic.get(topic) ?? 'traces',
      writeDead,
    })

  const setLanes = async (wanted: readonly LaneOptions[]): Promise<void> => {
    const before = lanes
    lanes = wanted.map((one) => {
      const known = before.find(({ destination }) => destination === one.destination)
      if (known === undefined) return createLane(one)
      known.options = one
      return known
    })
    metrics.setDestinations(wanted.map((one) => one.destination))
    await Promise.all(before.filter((lane) => !lanes.includes(lane)).map((lane) => lane.end(endMs)))
  }

  const refusalOf = (bytes: number): BridgeError | undefined => {
    if (closed) return stoppingError()
    if (writer.fault !== undefined) {
      return new BridgeError('OB_QUEUE_BROKEN', `cannot queue data: ${writer.fault}`, { retryAfterSeconds: fullRetryAfterSeconds })
    }
    if (pendingBytes === 0 || pendingBytes + bytes <= kafka.buffer) return undefined
    return new BridgeError('OB_QUEUE_FULL', `cannot queue data: ${kafka.buffer} bytes are on their way to Kafka (queue.kafka.buffer)`, {
      retryAfterSeconds: fullRetryAfterSeconds,
    })
  }

  /** One part as messages, and how many of its items no message can hold. */
  const messagesOf = async ({ batch, lanes: wanted }: RoutedBatch): Promise<{ messages: OutgoingMessage[]; tooLarge: number }> => {
    const { format, signal, data } = batch
    const topic = topicOf(kafka, signal)
    const { slices, tooLarge } = cutRequest(signal, data, { heaps: await writer.partitionsOf(topic), maxBytes: kafka.maxMessage })
    const destinations = wanted.map((at) => lanes[at]?.destination).filter((one) => one !== undefined)
    const queuedAtMs = nowMs()
    return {
      tooLarge,
      messages: slices.map(({ heap, items, data: value }) => ({
        topic,
        partition: heap,
        value,
        headers: encodeHead({ format, items, queuedAtMs, destinations }),
      })),
    }
  }

  /** Items are in the books as queued while they are on their way, then as handed on to Kafka. */
  const count = (parts: readonly RoutedBatch[], own: readonly KafkaLane[], sign: 1 | -1): void => {
    for (const { batch } of parts) for (const { accounts } of own) accounts.books(batch).queued.value += sign * batch.items
  }

  const write = async (parts: readonly RoutedBatch[]): Promise<void> => {
    const made = await Promise.all(parts.map(messagesOf))
    await writer.write(made.flatMap(({ messages }) => messages))
    parts.forEach(({ batch }, at) => {
      const tooLarge = made[at]?.tooLarge ?? 0
      const books = metrics.books(batch.format, batch.signal)
      books.consumed('queued_in_kafka').value += batch.items - tooLarge
      if (tooLarge === 0) return
      books.dropped('too_large').value += tooLarge
      log.error({ format: batch.format, items: tooLarge }, 'items are larger than queue.kafka.maxMessage and were dropped')
    })
  }

  const put = async (parts: readonly RoutedBatch[]): Promise<void> => {
    const routed = parts.filter(({ lanes: wanted }) => wanted.length > 0)
    const bytes = routed.reduce((sum, { batch }) => sum + batch.data.byteLength, 0)
    const refused = refusalOf(bytes)
    if (refused !== undefined) throw refused
    const own = lanes
    pendingBytes += bytes
    count(routed, own, 1)
    try {
      await write(routed)
    } finally {
      pendingBytes -= bytes
      count(routed, own, -1)
    }
    for (const { batch, lanes: wanted } of parts) {
      if (wanted.length === 0) metrics.books(batch.format, batch.signal).dropped('no_route').value += batch.items
      else if (ownsChunk(batch.data)) deps.recycle?.(batch.data.buffer)
    }
  }

  await setLanes(options.lanes)
  exposeGauges(metrics, () => lanes)
  await writer.ready(startMs)

  return {
    get lanes() {
      return lanes
    },
    put,
    refusal: () => refusalOf(1),
    setLanes,
    stats: () => ({
      ...totalsOf(lanes),
      maxBytes: Number.MAX_SAFE_INTEGER,
      fault: writer.fault ?? connection.trouble(nowMs())[0] ?? lanes.flatMap((lane) => lane.trouble())[0],
    }),
    async close() {
      closed = true
      await Promise.all(lanes.map((lane) => lane.end(endMs)))
      await writer.close()
    },
  }
}
