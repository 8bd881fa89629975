/** `ingest.kafka`: topics that Jaeger's collectors, Zipkin's reporters or OTLP exporters write to. */

import { z } from 'zod'
import { byteSize, duration } from '../../config/units.ts'
import { kafkaConnectionKeys } from '../../net/kafka.ts'
import { type MessageEncoding, messageEncodings } from '../messages.ts'
import { decodeLimitKeys } from '../schema.ts'

const MiB = 1024 * 1024

/** Topic and group of the consumers that we take the place of. */
const customs: Readonly<Record<MessageEncoding, { readonly topic: string; readonly group: string }>> = {
  'jaeger-proto': { topic: 'jaeger-spans', group: 'jaeger-ingester' },
  'jaeger-json': { topic: 'jaeger-spans', group: 'jaeger-ingester' },
  zipkin: { topic: 'zipkin', group: 'zipkin' },
  'zipkin-json': { topic: 'zipkin', group: 'zipkin' },
  'zipkin-proto': { topic: 'zipkin', group: 'zipkin' },
  'zipkin-thrift': { topic: 'zipkin', group: 'zipkin' },
  'otlp-proto': { topic: 'otlp_spans', group: 'otel-collector' },
  'otlp-json': { topic: 'otlp_spans', group: 'otel-collector' },
}

const otlpTopics = { traces: 'otlp_spans', metrics: 'otlp_metrics', logs: 'otlp_logs' } as const

const topicName = z.string().regex(/^[a-zA-Z0-9._-]{1,249}$/, { error: 'expected the name of a topic: letters, digits, `.`, `_` and `-`' })

const groupId = z.string().regex(/^\S+$/, { error: 'expected the name of a group, without blanks' }).optional()

const topic = z.strictObject({
  encoding: z
    .enum(messageEncodings)
    .describe('What the messages are. `zipkin` tells JSON, protobuf and Thrift apart by their first bytes, as Zipkin does.'),
  name: topicName
    .optional()
    .describe('Default: that of the consumer we stand in for: jaeger-spans, zipkin, otlp_spans (otlp_metrics, otlp_logs).'),
  groupId: groupId.describe('Consumer group for this topic alone.'),
  signal: z.enum(['traces', 'metrics', 'logs']).default('traces').describe('What OTLP messages hold; all others hold traces.'),
})

/** Section `ingest.kafka`. */
export const kafkaConfig = z
  .strictObject({
    ...kafkaConnectionKeys,
    groupId: groupId.describe(
      'Consumer group. Default: that of the consumer we stand in for (jaeger-ingester, zipkin, otel-collector), so that reading goes on where it stopped.',
    ),
    topics: z
      .array(topic)
      .min(1)
      .default([{ encoding: 'jaeger-proto', signal: 'traces' }])
      .describe('What is read. Default: the topic of Jaeger, as its collectors write it.'),
    startFrom: z
      .enum(['earliest', 'latest'])
      .default('earliest')
      .describe('Where reading begins when the group has committed nothing; afterwards it goes on where it stopped.'),
    deadLetterTopic: topicName
      .optional()
      .describe('Topic for messages that cannot be read, which must exist. Without it they are counted, named in the log and passed over.'),
    commitInterval: duration
      .refine((value) => value >= 100, { error: 'expected at least 100ms' })
      .default(1000)
      .describe('How often offsets are committed: what was queued since is repeated after a crash.'),
    batch: z
      .strictObject({
        items: z.number().int().positive().default(2000).describe('Items after which what has come together is queued.'),
        bytes: byteSize.default(MiB / 2).describe('Bytes after which what has come together is queued.'),
        delay: duration.default(50).describe('How long items of several messages are gathered before they are queued together.'),
      })
      .prefault({})
      .describe('Messages are small: their items are queued together.'),
    hold: byteSize
      .default(16 * MiB)
      .describe('Bytes of messages read and not yet queued; nothing is fetched while there are more, such as while the queue is full.'),
    limits: z
      .strictObject({
        message: byteSize.default(20 * MiB).describe('Bytes of one message; a larger one is passed over.'),
        recordBatch: byteSize
          .default(64 * MiB)
          .describe('Bytes of one compressed batch of messages once it is plain; a larger one is passed over.'),
        ...decodeLimitKeys,
      })
      .prefault({})
      .describe('What one message may hold.'),
  })
  .superRefine(({ topics }, context) => {
    const names = new Set<string>()
    topics.forEach((one, at) => {
      const name = topicOf(one).name
      if (names.has(name)) context.addIssue({ code: 'custom', path: ['topics', at, 'name'], message: `${name} is there twice` })
      names.add(name)
      if (one.signal !== 'traces' && !one.encoding.startsWith('otlp')) {
        context.addIssue({ code: 'custom', path: ['topics', at, 'signal'], message: `${one.encoding} holds traces only` })
      }
    })
  })
  .describe('Kafka: topics that Jaeger collectors, Zipkin reporters or OTLP exporters write to. Off unless named.')

export type KafkaConfig = z.infer<typeof kafkaConfig>

/** A topic with its defaults filled in. */
export interface KafkaTopic {
  readonly name: string
  readonly group: string
  readonly encoding: MessageEncoding
  readonly signal: 'traces' | 'metrics' | 'logs'
}

function topicOf(one: z.infer<typeof topic>, group?: string): KafkaTopic {
  const { encoding, signal } = one
  const usual = customs[encoding]
  const name = one.name ?? (encoding.startsWith('otlp') ? otlpTopics[signal] : usual.topic)
  return { name, group: one.groupId ?? group ?? usual.group, encoding, signal }
}

/** The topics of a section, by consumer group. */
export function kafkaTopics(config: KafkaConfig): ReadonlyMap<string, readonly KafkaTopic[]> {
  const groups = new Map<string, KafkaTopic[]>()
  for (const one of config.topics) {
    const filled = topicOf(one, config.groupId)
    groups.set(filled.group, [...(groups.get(filled.group) ?? []), filled])
  }
  return groups
}
