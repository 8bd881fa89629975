/** Messages that cannot be read, kept in a topic of their own as they were, with where they came from. */

import { setTimeout as delay } from 'node:timers/promises'
import { kafkaReason } from '../../net/kafka.ts'
import type { KafkaProducer } from '../../net/kafka-producer.ts'
import type { Logger } from '../../telemetry/log.ts'

export interface DeadLetter {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly reason: string
  readonly key: Uint8Array | undefined
  readonly value: Uint8Array | undefined
}

export interface DeadLetters {
  /** Resolves when it is stored, or when that has failed for so long that it is passed over: what cannot be read must not stop the rest. */
  keep(letter: DeadLetter): Promise<void>
  close(): Promise<void>
}

const tryForMs = 30_000
const pauseMs = 1000

/** @param producer made when the first letter comes @param onLost told of letters that could not be stored */
export function createDeadLetters(topic: string, producer: () => Promise<KafkaProducer>, log: Logger, onLost: () => void): DeadLetters {
  const stopping = new AbortController()
  let made: Promise<KafkaProducer> | undefined

  const send = async (letter: DeadLetter): Promise<void> => {
    made ??= producer()
    const headers = {
      'otlp-bridge-topic': letter.topic,
      'otlp-bridge-partition': String(letter.partition),
      'otlp-bridge-offset': String(letter.offset),
      'otlp-bridge-reason': letter.reason,
    }
    await (await made).send([{ topic, partition: undefined, key: letter.key, value: letter.value, headers }])
  }

  return {
    async keep(letter) {
      // The bytes are a view of a fetch.
      const own = {
        ...letter,
        key: letter.key === undefined ? undefined : new Uint8Array(letter.key),
        value: letter.value === undefined ? undefined : new Uint8Array(letter.value),
      }
      const until = performance.now() + tryForMs
      for (;;) {
        try {
          return await send(own)
        } catch (error) {
          if (performance.now() > until || stopping.signal.aborted) {
            onLost()
            log.error({ topic, fault: kafkaReason(error) }, 'cannot keep a message that cannot be read; it is passed over')
            return
          }
          await delay(pauseMs, undefined, { signal: stopping.signal }).catch(() => {})
        }
      }
    },
    async close() {
      stopping.abort()
      await (await made?.catch(() => undefined))?.close()
    },
  }
}
