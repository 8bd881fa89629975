/** How to reach a Kafka cluster: brokers, TLS, SASL. The same keys for the source (`ingest.kafka`) and the queue (`queue.kafka`). */

import { readFile } from 'node:fs/promises'
import type { BaseOptions } from '@platformatic/kafka'
import { z } from 'zod'
import { BridgeError } from '../errors.ts'
import { clientTlsKeys, filePath } from './tls-config.ts'

const broker = z.string().regex(/^(\[[0-9a-fA-F:.]+\]|[^\s:/,]+)(:\d{1,5})?$/, { error: 'expected host:port' })

const tls = clientTlsKeys('brokers')
  .optional()
  .describe('TLS to the brokers; `{}` trusts the authorities that Node.js knows. The files are read at the start.')

const sasl = z
  .strictObject({
    mechanism: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']).describe('How we show who we are.'),
    username: z.string().min(1),
    password: z.string().min(1).optional().describe('Better taken from the environment, or out of `passwordFile`.'),
    passwordFile: filePath('File with the password, read at each connection; blanks and line ends around it are ignored.').optional(),
  })
  .refine((value) => (value.password === undefined) !== (value.passwordFile === undefined), {
    error: 'exactly one of password and passwordFile is needed',
    path: ['password'],
  })
  .optional()
  .describe('Credentials. Without `tls` they travel in the clear (plain) or can be guessed at (scram).')

/** Keys of every section that speaks to Kafka. */
export const kafkaConnectionKeys = {
  brokers: z
    .array(broker)
    .min(1)
    .default(['localhost:9092'])
    .describe('Brokers to ask first, `host:port`; the others of the cluster are learned from them.'),
  clientId: z.string().regex(/^\S+$/).default('otlp-bridge').describe('What the brokers know us by, in their logs and quotas.'),
  tls,
  sasl,
}

const connection = z.strictObject(kafkaConnectionKeys)

export type KafkaConnectionConfig = z.infer<typeof connection>

/** The library. It takes a third of a second and 60 MB to load: only where Kafka is configured. */
export type KafkaLibrary = typeof import('@platformatic/kafka')

/** Loads the library. */
export function loadKafka(): Promise<KafkaLibrary> {
  return import('@platformatic/kafka')
}

/** What every client of the library is made with. */
export interface KafkaConnection {
  readonly options: BaseOptions
  /** Sentences about certificates that are not valid now; empty when all is well. */
  trouble(nowMs: number): readonly string[]
}

const mechanisms = { plain: 'PLAIN', 'scram-sha-256': 'SCRAM-SHA-256', 'scram-sha-512': 'SCRAM-SHA-512' } as const

/** Longest wait for a connection. */
const connectTimeoutMs = 5000

/** Reads the files. Throws OB_CONFIG that names the key. @param section `ingest.kafka` or `queue.kafka` */
export async function kafkaConnection(config: KafkaConnectionConfig, section: string): Promise<KafkaConnection> {
  const { certificateTrouble, readTls } = await import('./tls.ts')
  const { material, faults } = config.tls === undefined ? { material: undefined, faults: [] } : await readTls(config.tls)
  if (faults.length > 0) {
    const keys = faults.map(({ key, message }) => `${section}.tls.${key} (${config.tls?.[key] ?? ''}): ${message}`)
    throw new BridgeError('OB_CONFIG', `cannot speak to Kafka over TLS: ${keys.join('; ')}`, {
      place: `${section}.tls.${faults[0]?.key ?? ''}`,
    })
  }
  const { sasl } = config
  const options: BaseOptions = {
    clientId: config.clientId,
    bootstrapBrokers: [...config.brokers],
    connectTimeout: connectTimeoutMs,
    retryDelay: 500,
    autocreateTopics: false,
    ...(material === undefined ? {} : { tls: { secureContext: material.context } }),
    ...(sasl === undefined
      ? {}
      : {
          sasl: {
            mechanism: mechanisms[sasl.mechanism],
            username: sasl.username,
            password: async () => sasl.password ?? (await readFile(sasl.passwordFile ?? '', 'utf8')).trim(),
          },
        }),
  }
  return {
    options,
    trouble: (nowMs) => (material === undefined ? [] : certificateTrouble(material, `${section}.tls`, nowMs)),
  }
}

/** What an error of the library means, in one line: the innermost cause says most, and the messages hold no payload and no secret. */
export function kafkaReason(error: unknown): string {
  let at: unknown = error
  for (let depth = 0; depth < 8; depth++) {
    const inner = at instanceof AggregateError ? at.errors.at(-1) : at instanceof Error ? at.cause : undefined
    if (!(inner instanceof Error)) break
    at = inner
  }
  if (!(at instanceof Error)) return String(at)
  const id = 'apiId' in at && typeof at.apiId === 'string' ? `${at.apiId}: ` : ''
  return `${id}${at.message}`
}
