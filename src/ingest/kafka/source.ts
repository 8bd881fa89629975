/**
 * Topics in, batches out. A message is committed when its items are queued, and all before it in its partition are; while the queue
 * takes nothing, nothing is read. What cannot be read is set aside and never holds up the rest.
 */

import { performance } from 'node:perf_hooks'
import { kafkaConnection, loadKafka } from '../../net/kafka.ts'
import { codecsOf, createGroupClient } from '../../net/kafka-client.ts'
import type { TopicPartition } from '../../net/kafka-fetch.ts'
import type { Hold } from '../../net/kafka-lease.ts'
import { createKafkaProducer } from '../../net/kafka-producer.ts'
import { type KafkaReader, startReader } from '../../net/kafka-reader.ts'
import { type KafkaMessage, readBatches } from '../../net/kafka-records.ts'
import type { Member } from '../../net/kafka-session.ts'
import type { Signal } from '../../otlp/intake.ts'
import type { AdapterDeps, Listener } from '../adapter.ts'
import type { MessageTranslator } from '../messages.ts'
import { asBridgeError, cellsByReason, createItemBooks, reasonOf } from '../receive.ts'
import { type KafkaConfig, type KafkaTopic, kafkaTopics } from './config.ts'
import { createDeadLetters } from './dead-letters.ts'
import { createGatherer } from './gather.ts'

const section = 'ingest.kafka'

export interface KafkaSourceDeps extends AdapterDeps {
  /** How the messages of a topic are read. */
  readonly translatorOf: (topic: KafkaTopic) => MessageTranslator | Promise<MessageTranslator>
  /** Makes members of a group; given in tests. */
  readonly connect?: (group: string) => Promise<Member>
}

/** What is counted and gathered of one format and signal. */
function createStream(format: string, signal: Signal, config: KafkaConfig, deps: AdapterDeps, watch: Parameters<typeof createGatherer>[3]) {
  const labels = { format, transport: 'kafka' }
  const books = createItemBooks(format, deps, 'dropped', signal)
  return {
    books,
    messages: deps.metrics.counter('otlp_bridge_received_requests_total', labels),
    bytes: deps.metrics.counter('otlp_bridge_received_bytes_total', labels),
    refused: cellsByReason((reason) => deps.metrics.counter('otlp_bridge_refused_requests_total', { ...labels, reason })),
    translateSeconds: deps.metrics.histogram('otlp_bridge_stage_seconds', { stage: 'translate', format }),
    gatherer: createGatherer({ format, signal, ...config.batch }, deps, books, watch),
  }
}

type Stream = ReturnType<typeof createStream>

/** Starts reading. The brokers need not be there; health tells while they are not. Throws OB_CONFIG for files of `tls` that cannot be used. */
export async function startKafkaSource(config: KafkaConfig, deps: KafkaSourceDeps): Promise<Listener> {
  const { metrics, log, nowMs } = deps
  const connection = await kafkaConnection(config, section)
  const streams = new Map<string, Stream>()
  const readers: KafkaReader[] = []

  const connect =
    deps.connect ??
    (async (group: string): Promise<Member> => {
      const library = await loadKafka()
      const records = {
        codecs: codecsOf(library),
        maxBatchBytes: config.limits.recordBatch,
        checksum: (data: Buffer) => library.crc32c(data) >>> 0,
      }
      return {
        client: createGroupClient(library, connection, group),
        open: (fetched, from) => readBatches(fetched.records, from, fetched.aborted, records),
      }
    })

  const deadLetters =
    config.deadLetterTopic === undefined
      ? undefined
      : createDeadLetters(
          config.deadLetterTopic,
          async () => createKafkaProducer(await loadKafka(), connection, { compression: 'none', maxBatchBytes: config.limits.message }),
          log,
          () =>
            void metrics.counter('otlp_bridge_kafka_poison_messages_total', { topic: config.deadLetterTopic ?? '', reason: 'not_kept' })
              .value++,
        )

  const watch = {
    refused: () => {
      for (const reader of readers) reader.pause()
    },
    taken: () => {
      for (const reader of readers) reader.resume()
    },
  }

  const streamOf = (format: string, signal: Signal): Stream => {
    const key = `${format} ${signal}`
    let stream = streams.get(key)
    if (stream === undefined) streams.set(key, (stream = createStream(format, signal, config, deps, watch)))
    return stream
  }

  const countPoison = (topic: string, reason: string, messages = 1): void => {
    metrics.counter('otlp_bridge_kafka_poison_messages_total', { topic, reason }).value += messages
  }

  const setAside = (place: TopicPartition, message: KafkaMessage, reason: string, done: () => void): void => {
    const { topic, partition } = place
    const { offset, key, value } = message
    countPoison(topic, reason)
    log.warn({ topic, partition, offset, reason }, 'a message could not be read and is passed over')
    if (deadLetters === undefined) done()
    else void deadLetters.keep({ topic, partition, offset, reason, key, value }).then(done)
  }

  const sizeFault = (bytes: number): string | undefined =>
    bytes === 0 ? 'empty_value' : bytes > config.limits.message ? 'limit_message' : undefined

  const read = async (topics: readonly KafkaTopic[]) => {
    const translators = new Map(await Promise.all(topics.map(async (topic) => [topic.name, await deps.translatorOf(topic)] as const)))
    return (place: TopicPartition, message: KafkaMessage, done: () => void): void => {
      const translator = translators.get(place.topic)
      const { value } = message
      if (translator === undefined) throw new Error(`BUG: a message of ${place.topic}`)
      if (value === undefined) {
        setAside(place, message, 'null_value', done)
        return
      }
      const stream = streamOf(translator.formatOf(value), translator.signal)
      stream.messages.value++
      stream.bytes.value += value.length
      const refuse = (reason: string): void => {
        stream.refused(reason).value++
        setAside(place, message, reason, done)
      }
      const size = sizeFault(value.length)
      if (size !== undefined) {
        refuse(size)
        return
      }
      const startedAt = performance.now()
      try {
        const body = translator.translate(value, nowMs())
        stream.translateSeconds.observe((performance.now() - startedAt) / 1000)
        stream.books.drops(body.drops)
        stream.books.notes(body.notes)
        stream.books.clients(body.services)
        if (body.items > 0) stream.gatherer.add(body.items, body.data, done)
        else done()
      } catch (error) {
        const known = asBridgeError(error)
        if (known.code === 'OB_INTERNAL') log.error({ topic: place.topic, error }, 'a translator failed on a message; it is passed over')
        refuse(reasonOf(known.code))
      }
    }
  }

  for (const [group, topics] of kafkaTopics(config)) {
    const take = await read(topics)
    const reader = startReader(
      {
        section,
        group,
        topics: topics.map(({ name }) => name),
        startFrom: config.startFrom,
        maxHeldBytes: config.hold,
        commitIntervalMs: config.commitInterval,
      },
      {
        connect: () => connect(group),
        metrics,
        log,
        onMessage: (place, message, hold: Hold) => take(place, message, () => reader.done(hold)),
        onSetAside({ topic, partition }, { offset, messages, reason }) {
          countPoison(topic, reason, messages)
          log.warn({ topic, partition, offset, messages, reason }, 'a batch of messages could not be read and is passed over')
        },
        hurry: () => {
          for (const { gatherer } of streams.values()) gatherer.flush()
        },
      },
    )
    readers.push(reader)
  }

  return {
    addresses: [...kafkaTopics(config).values()].flatMap((topics) =>
      topics.map(({ name }) => `kafka://${config.brokers[0] ?? ''}/${name}`),
    ),
    trouble: () => [...connection.trouble(nowMs()), ...readers.flatMap((reader) => reader.trouble())],
    async stop(deadlineMs) {
      for (const { gatherer } of streams.values()) gatherer.flush()
      await Promise.all(readers.map((reader) => reader.stop(deadlineMs)))
      for (const { gatherer } of streams.values()) gatherer.stop()
      await deadLetters?.close()
    },
  }
}
