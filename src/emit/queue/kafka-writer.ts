/** The writing end of a Kafka queue: topics that are there or made, requests cut into messages, and what is said while no broker takes them. */

import { setTimeout as delay } from 'node:timers/promises'
import { BridgeError } from '../../errors.ts'
import { type KafkaConnection, kafkaReason, loadKafka } from '../../net/kafka.ts'
import { createKafkaProducer, type KafkaProducer, type OutgoingMessage } from '../../net/kafka-producer.ts'
import type { Logger } from '../../telemetry/log.ts'
import type { KafkaQueueConfig } from './kafka-config.ts'

export interface KafkaWriter {
  /** How many partitions a topic has; made if need be. Rejects with OB_QUEUE_BROKEN. */
  partitionsOf(topic: string): Promise<number>
  /** Resolves when all replicas in sync have them; rejects with OB_QUEUE_BROKEN, then some may be stored all the same. */
  write(messages: readonly OutgoingMessage[]): Promise<void>
  /** Why nothing can be written now; undefined when all is well. */
  readonly fault: string | undefined
  /** Resolves when the brokers have answered for the first time, or after the time given. */
  ready(limitMs: number): Promise<void>
  close(): Promise<void>
}

/** What the writer needs of the cluster; made anew in tests. */
export interface KafkaCluster {
  readonly producer: KafkaProducer
  createTopic(topic: string): Promise<void>
  close(): Promise<void>
}

/** How long a number of partitions is believed. */
const believeMs = 60_000

const probeMs = 1000

const adminMs = 10_000

/** A sender is not kept waiting longer; what becomes of its data then is not known. */
const writeMs = 15_000

/** Rejects when it takes too long; whatever comes of it afterwards is not looked at. */
async function inTime(work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no acknowledgement within ${writeMs / 1000} s`)), writeMs)
  })
  try {
    await Promise.race([work, limit])
  } finally {
    clearTimeout(timer)
  }
}

/** Connects for real. */
export async function connectCluster(config: KafkaQueueConfig, connection: KafkaConnection): Promise<KafkaCluster> {
  const library = await loadKafka()
  const producer = createKafkaProducer(library, connection, { compression: config.compression, maxBatchBytes: config.maxMessage })
  return {
    producer,
    async createTopic(topic) {
      const admin = new library.Admin({ ...connection.options, retries: 1, timeout: adminMs, requestTimeout: adminMs })
      try {
        await admin.createTopics({ topics: [topic], partitions: config.partitions, replicas: config.replication ?? -1 })
      } catch (error) {
        // Another bridge was faster.
        const there = error instanceof Error && library.findErrorBy(error, 'apiId', 'TOPIC_ALREADY_EXISTS') !== null
        if (!there) throw error
      } finally {
        await Promise.resolve(admin.close()).catch(() => {})
      }
    },
    close: () => producer.close(),
  }
}

/**
 * Creates the writing end. It counts as broken until the brokers have answered once; after a failure senders are refused at the door
 * until they answer again. @param probe the topic that is asked for @param onCreated told of topics that were made
 */
export function createKafkaWriter(
  connect: () => Promise<KafkaCluster>,
  config: Pick<KafkaQueueConfig, 'createTopics'>,
  probe: string,
  log: Logger,
  onCreated: (topic: string) => void,
): KafkaWriter {
  const closing = new AbortController()
  const counts = new Map<string, { readonly partitions: number; readonly atMs: number }>()
  const asking = new Map<string, Promise<number>>()
  let cluster: Promise<KafkaCluster> | undefined
  let fault: string | undefined = 'not connected to Kafka yet'
  let answered: () => void = () => {}
  const first = new Promise<void>((resolve) => void (answered = resolve))
  let probing: Promise<void> | undefined

  const broken = (reason: string, cause?: unknown): BridgeError =>
    new BridgeError('OB_QUEUE_BROKEN', `cannot queue data: ${reason}`, { retryAfterSeconds: 5, cause })

  const clusterNow = (): Promise<KafkaCluster> => {
    cluster ??= connect().catch((error: unknown) => {
      cluster = undefined
      throw error
    })
    return cluster
  }

  const failed = (error: unknown): BridgeError => {
    const reason = kafkaReason(error)
    if (fault === undefined) log.error({ fault: reason }, 'Kafka does not take what is to be queued; senders are told to come back')
    fault = reason
    startProbing()
    return broken(reason, error)
  }

  const ask = async (topic: string): Promise<number> => {
    const { producer, createTopic } = await clusterNow()
    let partitions = await producer.partitionsOf(topic)
    if (partitions === undefined) {
      if (!config.createTopics) throw new Error(`there is no topic ${topic}, and queue.kafka.createTopics is false`)
      await createTopic(topic)
      // All brokers have to hear of it first.
      for (let tries = 0; partitions === undefined && tries < 20; tries++) {
        await delay(100)
        partitions = await producer.partitionsOf(topic)
      }
      if (partitions === undefined) throw new Error(`topic ${topic} was created and is not there`)
      log.info({ topic, partitions }, 'created a topic')
      onCreated(topic)
    }
    counts.set(topic, { partitions, atMs: performance.now() })
    return partitions
  }

  const partitionsOf = (topic: string): Promise<number> => {
    const known = counts.get(topic)
    if (known !== undefined && performance.now() - known.atMs < believeMs) return Promise.resolve(known.partitions)
    let pending = asking.get(topic)
    if (pending === undefined) {
      pending = ask(topic).finally(() => void asking.delete(topic))
      asking.set(topic, pending)
    }
    // A number that is a little old serves as well as none.
    return pending.catch((error: unknown) => {
      if (known !== undefined) return known.partitions
      throw failed(error)
    })
  }

  const probeUntilWell = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      try {
        await ask(probe)
        if (fault !== undefined) log.info({ topic: probe }, 'Kafka takes what is to be queued')
        fault = undefined
        answered()
        return
      } catch (error) {
        fault = kafkaReason(error)
        await delay(probeMs, undefined, { signal: closing.signal }).catch(() => {})
      }
    }
  }

  const startProbing = (): void => {
    probing ??= probeUntilWell().finally(() => void (probing = undefined))
  }
  startProbing()

  return {
    partitionsOf,
    async write(messages) {
      try {
        const { producer } = await clusterNow()
        await inTime(producer.send(messages))
      } catch (error) {
        throw failed(error)
      }
    },
    get fault() {
      return fault
    },
    async ready(limitMs) {
      const limit = new AbortController()
      await Promise.race([first, delay(limitMs, undefined, { signal: limit.signal }).catch(() => {})])
      limit.abort()
    },
    async close() {
      closing.abort()
      await (await cluster?.catch(() => undefined))?.close()
    },
  }
}
