/** Sections `emit` and `queue` of the configuration: every key with its default, its unit and its meaning. */

import { z } from 'zod'
import { byteSize, duration } from '../config/units.ts'

const MiB = 2 ** 20
const GiB = 2 ** 30

const url = z.url({ protocol: /^https?$/, error: () => 'expected an http:// or https:// URL' })

const endpoint = url
  .default('http://localhost:4318')
  .describe('Base URL of the OTLP endpoint; `/v1/traces` (`/v1/metrics`, `/v1/logs`) is appended.')

const tracesEndpoint = url.optional().describe('URL for traces alone, used as it is: nothing is appended.')

const protocol = z
  .enum(['http/protobuf', 'http/json', 'grpc'])
  .refine((value) => value !== 'grpc', { error: 'cannot use grpc: it comes with a later version; use http/protobuf' })
  .default('http/protobuf')
  .describe('Wire protocol to the endpoint. `grpc` is a known value, but comes with a later version.')

const compression = z.enum(['none', 'gzip']).default('none').describe('Compression of request bodies.')

const compressionLevel = z
  .number()
  .int()
  .min(1)
  .max(9)
  .default(1)
  .describe('Level of gzip: 1 costs the least CPU, 9 the most; above 6 little is won.')

const headers = z
  .record(z.string(), z.string())
  .default({})
  .describe('Headers of every request, such as `authorization`; values are masked wherever the configuration is printed.')

const timeout = duration.default(10_000).describe('Time for one request, from connecting to the end of the answer.')

const retry = z
  .strictObject({
    initialInterval: duration.default(1000).describe('Wait before the first repeat; it doubles with every further one.'),
    maxInterval: duration.default(30_000).describe('Longest wait between two tries, a Retry-After of the endpoint excepted.'),
    maxElapsed: duration
      .optional()
      .describe(
        'Time after which a request goes to the dead letters although the endpoint might still take it. Not set: tried without end.',
      ),
  })
  .refine((value) => value.initialInterval <= value.maxInterval, {
    error: 'initialInterval is longer than maxInterval',
    path: ['initialInterval'],
  })
  .prefault({})
  .describe('Repeats of requests that failed for a passing reason (429, 502, 503, 504, connection faults, time-outs).')

const batch = z
  .strictObject({
    delay: duration.default(200).describe('How long a batch may wait for others to be merged with.'),
    maxItems: z.number().int().positive().default(8192).describe('Items (spans) after which a request is not merged further.'),
    maxBytes: byteSize.default(4 * MiB).describe('Bytes, before compression, after which a request is not merged further.'),
  })
  .prefault({})
  .describe('Merging of queued batches into one request. Only batches of one format and signal are merged.')

const concurrency = z.number().int().min(1).max(256).default(4).describe('Requests under way at the same time.')

const file = (what: string) =>
  z
    .string()
    .min(1)
    .refine((value) => !value.includes('-----BEGIN'), { error: 'expected the path of a PEM file, not what is in it' })
    .optional()
    .describe(what)

const tls = z
  .strictObject({
    ca: file('PEM file with the authorities to trust, instead of those that Node.js knows.'),
    cert: file('PEM file with our certificate, for endpoints that ask for one; intermediate authorities behind it.'),
    key: file('PEM file with the private key of `cert`, not encrypted.'),
  })
  .refine((value) => value.key === undefined || value.cert !== undefined, { error: 'missing: key is given without it', path: ['cert'] })
  .refine((value) => value.cert === undefined || value.key !== undefined, { error: 'missing: cert is given without it', path: ['key'] })
  .prefault({})
  .describe('Certificates for https:// endpoints. The files are read at the start.')

const destination = z.string().min(1).max(64).default('default').describe('Name of the destination in metrics and logs.')

/** Section `emit`. */
export const emitConfig = z
  .strictObject({
    endpoint,
    tracesEndpoint,
    protocol,
    compression,
    compressionLevel,
    headers,
    timeout,
    retry,
    batch,
    concurrency,
    tls,
    destination,
  })
  .prefault({})
  .describe('Where the translated data goes: an OTLP endpoint.')

export type EmitConfig = z.infer<typeof emitConfig>

const type = z.enum(['disk', 'memory']).default('disk').describe('`disk` survives restarts and crashes; `memory` does not.')

const path = z
  .string()
  .min(1)
  .default('./otlp-bridge-data/queue')
  .describe('State folder of the disk queue. Several processes of one machine may share it; it must not be on a network file system.')

const maxSize = byteSize
  .refine((value) => value >= MiB, { error: 'expected at least 1MiB' })
  .optional()
  .describe('Bytes the queue may hold; then senders are told to come back. Default: 10GiB for disk, 256MiB for memory.')

const ack = z
  .enum(['durable', 'written', 'memory', 'forwarded'])
  .optional()
  .describe(
    'When a sender hears of success. `durable`: committed and flushed to the disk, nothing is lost by a crash or a power cut. `written`: committed, a power ' +
      'cut may lose the last second. `memory`: at once, a crash loses what is not yet written. `forwarded`: when the endpoint has it. Default: durable for disk, memory for memory.',
  )

const memoryTail = byteSize
  .default(16 * MiB)
  .describe('Bytes of queued data kept in memory too, so that they need not be read from the disk again.')

const ballast = byteSize
  .default(16 * MiB)
  .describe('Bytes kept back in a file of their own and given up when the disk is full, so that the queue can still be drained.')

/** Section `queue`, before the defaults that depend on its type: see {@link queueSettings}. */
export const queueConfig = z
  .strictObject({ type, path, maxSize, ack, memoryTail, ballast })
  .refine((value) => value.type !== 'memory' || value.ack === undefined || value.ack === 'memory' || value.ack === 'forwarded', {
    error: 'a memory queue can only acknowledge with `memory` or `forwarded`',
    path: ['ack'],
  })
  .prefault({})
  .describe('What lies between the answer to a sender and the confirmation of the endpoint.')

export type QueueConfig = z.infer<typeof queueConfig>

export type Ack = NonNullable<QueueConfig['ack']>

/** A {@link QueueConfig} with the defaults filled in that depend on its type. */
export interface QueueSettings {
  readonly type: 'disk' | 'memory'
  readonly path: string
  readonly maxSize: number
  readonly ack: Ack
  readonly memoryTail: number
  readonly ballast: number
}

/** Fills in `maxSize` and `ack` by the queue's type. */
export function queueSettings(config: QueueConfig): QueueSettings {
  const disk = config.type === 'disk'
  return {
    type: config.type,
    path: config.path,
    maxSize: config.maxSize ?? (disk ? 10 * GiB : 256 * MiB),
    ack: config.ack ?? (disk ? 'durable' : 'memory'),
    memoryTail: config.memoryTail,
    ballast: config.ballast,
  }
}
