/** `queue.kafka`: the queue as topics, shared by any number of bridges that keep nothing themselves. */

import { z } from 'zod'
import { byteSize, duration } from '../../config/units.ts'
import { kafkaConnectionKeys } from '../../net/kafka.ts'
import type { Cargo } from './outcomes.ts'

const KiB = 1024
const MiB = 1024 * KiB

const topicPrefix = z
  .string()
  .regex(/^[a-zA-Z0-9._-]{1,200}$/, { error: 'expected letters, digits, `.`, `_` and `-`' })
  .default('otlp_bridge')
  .describe(
    'Topics are `<prefix>_spans`, `<prefix>_metrics` and `<prefix>_logs`, with mirrors also `<prefix>_legacy`; what an endpoint refuses for good goes to `<topic>_dead`. A message is an `Export…ServiceRequest`: `otlp_proto` for the OpenTelemetry Collector.',
  )

export const kafkaQueueConfig = z
  .strictObject({
    ...kafkaConnectionKeys,
    topicPrefix,
    group: z
      .string()
      .regex(/^\S+$/)
      .optional()
      .describe('Consumer groups are `<group>-<destination>`; all bridges of one group share the work. Default: `topicPrefix`.'),
    createTopics: z.boolean().default(true).describe('Topics that are missing are created. False: they must be there.'),
    partitions: z
      .number()
      .int()
      .min(1)
      .max(10_000)
      .default(6)
      .describe('Partitions of topics that we create: at most so many bridges share the work of one destination.'),
    replication: z
      .number()
      .int()
      .min(1)
      .max(32)
      .optional()
      .describe('Replicas of topics that we create. Not set: what the brokers have as their default.'),
    compression: z.enum(['none', 'gzip', 'snappy', 'lz4', 'zstd']).default('none').describe('Compression of what is written.'),
    maxMessage: byteSize
      .refine((value) => value >= 16 * KiB, { error: 'expected at least 16KiB' })
      .default(900 * KiB)
      .describe(
        'Bytes of one message; must stay below `max.message.bytes` of the topics. A single span that is larger is dropped and counted.',
      ),
    buffer: byteSize
      .default(32 * MiB)
      .describe('Bytes on their way to the brokers, for all senders together; above it senders are told to come back.'),
    prefetch: byteSize.default(16 * MiB).describe('Bytes read ahead for each destination.'),
    commitInterval: duration
      .refine((value) => value >= 100, { error: 'expected at least 100ms' })
      .default(500)
      .describe('How often it is stored what has been delivered: what was delivered since is repeated after a crash.'),
  })
  .prefault({})
  .describe('Of the type `kafka`.')

export type KafkaQueueConfig = z.infer<typeof kafkaQueueConfig>

const endings: Readonly<Record<Cargo, string>> = { traces: 'spans', metrics: 'metrics', logs: 'logs', legacy: 'legacy' }

/** What destinations get. */
export const signals: readonly Cargo[] = ['traces', 'metrics', 'logs']

/** The topic of a signal, or of envelopes. */
export function topicOf({ topicPrefix }: Pick<KafkaQueueConfig, 'topicPrefix'>, signal: Cargo): string {
  return `${topicPrefix}_${endings[signal]}`
}
