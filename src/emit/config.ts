/** Sections `emit` and `queue` of the configuration: every key with its default, its unit and its meaning. */

import { z } from 'zod'
import { byteSize } from '../config/units.ts'
import { defaultEndpoint, destinationFaults } from './destinations.ts'
import { type EmitKeys, emitKeys } from './keys.ts'
import { type KafkaQueueConfig, kafkaQueueConfig } from './queue/kafka-config.ts'

const MiB = 2 ** 20
const GiB = 2 ** 30

/** Section `emit`. What is sent where, with all defaults filled in, is told by `destinationsOf` of destinations.ts. */
export const emitConfig = emitKeys
  .superRefine((emit, context) => {
    for (const { path, message } of destinationFaults(emit)) context.addIssue({ code: 'custom', path: [...path], message })
  })
  .transform((emit): EmitKeys => {
    const given = emit.endpoint ?? emit.endpoints ?? emit.destinations
    return given === undefined ? { ...emit, endpoint: defaultEndpoint(emit.protocol) } : emit
  })
  .prefault({})
  .describe('Where the translated data goes: an OTLP endpoint, or several.')

export type EmitConfig = z.infer<typeof emitConfig>

const type = z
  .enum(['disk', 'memory', 'kafka'])
  .default('disk')
  .describe('`disk` survives restarts and crashes; `memory` does not; `kafka` keeps everything in topics that any number of bridges share.')

const path = z
  .string()
  .min(1)
  .default('./otlp-bridge-data/queue')
  .describe('State folder of the disk queue. Several processes of one machine may share it; it must not be on a network file system.')

const maxSize = byteSize
  .refine((value) => value >= MiB, { error: 'expected at least 1MiB' })
  .optional()
  .describe(
    'Bytes the queue may hold for each destination; then senders are told to come back. Default: 10GiB for disk, 256MiB for memory. Not for kafka: there the topics decide.',
  )

const ack = z
  .enum(['durable', 'written', 'memory', 'forwarded'])
  .optional()
  .describe(
    'When a sender hears of success. `durable`: committed and flushed to the disk, nothing is lost by a crash or a power cut. `written`: committed, a power ' +
      'cut may lose the last second. `memory`: at once, a crash loses what is not yet written. `forwarded`: when the endpoint has it. Default: durable for disk, memory for memory. For kafka always `durable`: all replicas in sync have it.',
  )

const memoryTail = byteSize
  .default(16 * MiB)
  .describe('Bytes of queued data kept in memory too, for each destination, so that they need not be read from the disk again.')

const ballast = byteSize
  .default(16 * MiB)
  .describe('Bytes kept back in a file of their own and given up when the disk is full, so that the queue can still be drained.')

/** Section `queue`, before the defaults that depend on its type: see {@link queueSettings}. */
export const queueConfig = z
  .strictObject({ type, path, maxSize, ack, memoryTail, ballast, kafka: kafkaQueueConfig })
  .refine((value) => value.type !== 'memory' || value.ack === undefined || value.ack === 'memory' || value.ack === 'forwarded', {
    error: 'a memory queue can only acknowledge with `memory` or `forwarded`',
    path: ['ack'],
  })
  .refine((value) => value.type !== 'kafka' || value.ack === undefined || value.ack === 'durable', {
    error: 'a kafka queue can only acknowledge with `durable`',
    path: ['ack'],
  })
  .refine((value) => value.type !== 'kafka' || value.maxSize === undefined, {
    error: 'does not apply to a kafka queue: how much its topics hold is set at the brokers (retention.ms, retention.bytes)',
    path: ['maxSize'],
  })
  .prefault({})
  .describe('What lies between the answer to a sender and the confirmation of the endpoint.')

export type QueueConfig = z.infer<typeof queueConfig>

export type Ack = NonNullable<QueueConfig['ack']>

/** A {@link QueueConfig} with the defaults filled in that depend on its type. */
export interface QueueSettings {
  readonly type: 'disk' | 'memory' | 'kafka'
  readonly path: string
  readonly maxSize: number
  readonly ack: Ack
  readonly memoryTail: number
  readonly ballast: number
  readonly kafka: KafkaQueueConfig
}

/** Fills in `maxSize` and `ack` by the queue's type. */
export function queueSettings(config: QueueConfig): QueueSettings {
  const memory = config.type === 'memory'
  return {
    type: config.type,
    path: config.path,
    maxSize: config.maxSize ?? (memory ? 256 * MiB : 10 * GiB),
    ack: config.ack ?? (memory ? 'memory' : 'durable'),
    memoryTail: config.memoryTail,
    ballast: config.ballast,
    kafka: config.kafka,
  }
}
