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
 * - A request of several parts is written when all are there, part by part: a crash in the middle of that leaves the first ones, and the sender repeats it.
 * - What goes to another bridge in a rebalance is given back first; what was under way then may arrive twice.
 */

import { crc32 } from 'node:zlib'
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
import { encodeHead, inRequests } from './kafka-message.ts'
import { connectCluster, createKafkaWriter, type KafkaCluster } from './kafka-writer.ts'
import { countUnrouted, destinationNames, stoppingError } from './put.ts'
import type { LaneOptions, Queue, QueueDeps, RoutedBatch } from './queue.ts'
import { createStagings } from './staging.ts'

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

/** Parts of requests that are not committed yet, all together: they are in memory. */
const stagedMaxBytes = 256 * 1024 * 1024

/** Bytes of a batch of messages once it is plain. */
const maxBatchBytes = 64 * 1024 * 1024

const fullRetryAfterSeconds = 5

const sizeOf = (parts: readonly RoutedBatch[]): number => parts.reduce((sum, { batch }) => sum + batch.data.byteLength, 0)

/** Opens the queue. The brokers need not be there: until they are, nothing is taken. Throws OB_CONFIG for files of `tls`. */
export async function createKafkaQueue(options: KafkaQueueOptions, deps: QueueDeps, way?: KafkaWay): Promise<Queue> {
  const { kafka } = options
  const { metrics, log, nowMs } = deps
  const connection = await kafkaConnection(kafka, section)
  const signalByTopic = new Map([...signals, 'legacy' as const].map((signal) => [topicOf(kafka, signal), signal]))
  const topics = signals.map((signal) => topicOf(kafka, signal))
  let lanes: readonly KafkaLane[] = []
  let pendingBytes = 0
  let stagedBytes = 0
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
    (({ destination, mirror }, take) => {
      const group = `${kafka.group ?? kafka.topicPrefix}-${destination}`
      return startReader(
        {
          section,
          group,
          topics: mirror === true ? [topicOf(kafka, 'legacy')] : topics,
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
      ...(deps.outcomes === undefined ? {} : { outcomes: deps.outcomes }),
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
    metrics.setDestinations(destinationNames(wanted))
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
  const messagesOf = async ({
    batch,
    lanes: wanted,
  }: RoutedBatch): Promise<{ messages: OutgoingMessage[]; tooLarge: number | undefined }> => {
    const { format, signal, data, account } = batch
    const topic = topicOf(kafka, signal)
    const partitions = await writer.partitionsOf(topic)
    const destinations = wanted.map((at) => lanes[at]?.destination).filter((one) => one !== undefined)
    const queuedAtMs = nowMs()
    const headersOf = (items: number) => encodeHead({ format, items, queuedAtMs, destinations, account })
    if (signal === 'legacy') {
      if (data.byteLength > kafka.maxMessage) return { tooLarge: batch.items, messages: [] }
      // Each mirror has a partition: what one sender sends stays in its order.
      const partition = crc32(batch.mirror ?? '') % partitions
      return { tooLarge: undefined, messages: [{ topic, partition, value: data, headers: headersOf(batch.items) }] }
    }
    const { slices, tooLarge } = cutRequest(signal, data, { heaps: partitions, maxBytes: kafka.maxMessage })
    return {
      tooLarge: tooLarge === 0 ? undefined : tooLarge,
      messages: slices.map(({ heap, items, data: value }) => ({ topic, partition: heap, value, headers: headersOf(items) })),
    }
  }

  const ownOf = ({ batch, lanes: wanted }: RoutedBatch, own: readonly KafkaLane[]): KafkaLane[] =>
    own.filter(({ accounts }, at) => (batch.signal === 'legacy' ? wanted.includes(at) : !accounts.isMirror))

  /** Items are in the books as queued while they are on their way, then as handed on to Kafka. A mirror's are not there before. */
  const count = (parts: readonly RoutedBatch[], own: readonly KafkaLane[], sign: 1 | -1): void => {
    for (const part of parts) {
      if (part.batch.signal === 'legacy') continue
      for (const { accounts } of ownOf(part, own)) accounts.books(part.batch).queued.value += sign * part.batch.items
    }
  }

  /** Returns for each part how many of its items no message can hold; undefined: all fit. */
  const write = async (parts: readonly RoutedBatch[]): Promise<(number | undefined)[]> => {
    const made = await Promise.all(parts.map(messagesOf))
    const messages = made.flatMap((one) => one.messages)
    for (const some of inRequests(messages, kafka.maxMessage)) await writer.write(some)
    return made.map(({ tooLarge }) => tooLarge)
  }

  const countWritten = (parts: readonly RoutedBatch[], own: readonly KafkaLane[], tooLargeOf: readonly (number | undefined)[]): void => {
    parts.forEach((part, at) => {
      const { batch } = part
      const { format, signal, account, data } = batch
      const tooLarge = tooLargeOf[at]
      const items = tooLarge ?? 0
      if (signal === 'legacy') {
        const held = { ...batch, bytes: data.byteLength }
        for (const { accounts } of ownOf(part, own)) {
          if (tooLarge === undefined) accounts.handOn(held)
          else accounts.turnAway(held, 'too_large', 1)
        }
      } else {
        const books = metrics.books(format, signal)
        books.consumed('queued_in_kafka').value += batch.items - items
        if (items > 0) books.dropped('too_large').value += items
      }
      if (tooLarge === undefined) return
      for (const lane of part.lanes) own[lane]?.accounts.tell({ format, signal, items, account }, 'dropped', 'too_large', 0)
      log.error({ format, items }, 'items are larger than queue.kafka.maxMessage and were dropped')
    })
  }

  const put = async (parts: readonly RoutedBatch[]): Promise<void> => {
    const routed = parts.filter(({ lanes: wanted }) => wanted.length > 0)
    const refused = refusalOf(sizeOf(routed))
    if (refused !== undefined) throw refused
    await hand(parts, [routed])
  }

  /** @param groups what is on its way together; one after the other */
  const hand = async (parts: readonly RoutedBatch[], groups: readonly (readonly RoutedBatch[])[]): Promise<void> => {
    const routed = groups.flat()
    const tooLarge: (number | undefined)[] = []
    const own = lanes
    count(routed, own, 1)
    try {
      for (const group of groups) {
        const bytes = sizeOf(group)
        pendingBytes += bytes
        try {
          tooLarge.push(...(await write(group)))
        } finally {
          pendingBytes -= bytes
        }
      }
    } finally {
      count(routed, own, -1)
    }
    countWritten(routed, own, tooLarge)
    for (const { batch, lanes: wanted } of parts) {
      if (wanted.length === 0) {
        countUnrouted({ ...batch, bytes: batch.data.byteLength }, metrics, 1)
        deps.outcomes?.left(batch.mirror ?? '', batch, 'dropped', 'no_route', 0)
      } else if (ownsChunk(batch.data)) deps.recycle?.(batch.data.buffer)
    }
  }

  const stagings = createStagings<KafkaLane>({
    lanes: () => lanes,
    refusal(parts) {
      const bytes = sizeOf(parts)
      if (closed || writer.fault !== undefined) return refusalOf(0)
      if (stagedBytes + bytes <= stagedMaxBytes) return undefined
      return new BridgeError(
        'OB_QUEUE_FULL',
        `cannot queue data: ${stagedMaxBytes} bytes of requests are in memory that are not complete`,
        {
          retryAfterSeconds: fullRetryAfterSeconds,
        },
      )
    },
    // In memory once, however many lanes there are.
    reserve: (_, bytes) => void (stagedBytes += bytes),
    async take(admitted) {
      const parts = admitted.flatMap(({ batch: { data, ...batch }, lanes: wanted }) =>
        data instanceof Uint8Array ? [{ batch: { ...batch, data }, lanes: wanted }] : [],
      )
      // Not all at once: each has its own time, and is at most doubled in memory.
      const groups = parts.filter(({ lanes: wanted }) => wanted.length > 0).map((part) => [part])
      const bytes = sizeOf(parts)
      stagedBytes += bytes
      await hand(parts, groups).finally(() => void (stagedBytes -= bytes))
    },
  })

  await setLanes(options.lanes)
  exposeGauges(metrics, () => lanes)
  await writer.ready(startMs)

  return {
    get lanes() {
      return lanes
    },
    put,
    stage: stagings.begin,
    refusal: () => refusalOf(1),
    setLanes,
    stats: () => ({
      ...totalsOf(lanes),
      maxBytes: Number.MAX_SAFE_INTEGER,
      fault: writer.fault ?? connection.trouble(nowMs())[0] ?? lanes.flatMap((lane) => lane.trouble())[0],
    }),
    async close() {
      closed = true
      stagings.end(stoppingError())
      await Promise.all(lanes.map((lane) => lane.end(endMs)))
      await writer.close()
    },
  }
}
