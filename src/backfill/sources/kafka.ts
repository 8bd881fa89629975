/**
 * `kafka`: a topic from an offset or a time up to where it ended when it was planned (mapping/backfill.md 2.10). No group is joined and no offset is
 * committed. Of transactions only what is committed is read.
 */

import { z } from 'zod'
import { BridgeError } from '../../errors.ts'
import { kafkaConnection, kafkaReason, loadKafka } from '../../net/kafka.ts'
import { codecsOf } from '../../net/kafka-client.ts'
import { readBatches } from '../../net/kafka-records.ts'
import { createTopicClient, type TopicClient } from '../../net/kafka-topic.ts'
import { filePath } from '../../net/tls-config.ts'
import { freeWhole } from '../../otlp/encode/chunks.ts'
import { sourceFault } from '../../read/patient-client.ts'
import type { Json, Plan, PlanGroup, SliceSpec } from '../model.ts'
import type { Source, SourceDeps } from '../source.ts'
import type { SourceKind } from '../source-kind.ts'
import { createPageTranslator, recordFormats } from './kafka-messages.ts'
import { createRecordReader } from './kafka-reader.ts'
import { countByReading } from './payload-page.ts'

const fromText = /^(?:earliest|offset:\d{1,15}|time:.+)$/

const options = z.strictObject({
  brokers: z
    .string()
    .regex(/^[^\s,]+(,[^\s,]+)*$/, { error: 'expected host:port, several with commas' })
    .default('localhost:9092')
    .describe('Brokers to ask first, as host:port, several with commas; the others of the cluster are learned from them.'),
  topic: z
    .string()
    .regex(/^[a-zA-Z0-9._-]{1,249}$/, { error: 'expected the name of a topic: letters, digits, `.`, `_` and `-`' })
    .describe('What is read.'),
  from: z
    .string()
    .regex(fromText, { error: 'expected earliest, offset:N or time:ISO 8601' })
    .optional()
    .describe(
      'Where reading begins: `earliest`, `offset:N` in each partition, `time:2026-11-07T00:00:00Z`. Default: --since, else earliest.',
    ),
  format: z.enum(recordFormats).describe('What the records are, as in `ingest.kafka.topics`; `beats-json`: what Beats write.'),
  signal: z.enum(['traces', 'metrics', 'logs']).default('traces').describe('What records in OTLP hold.'),
  tls: z.boolean().default(false).describe('TLS to the brokers; --ca, --cert and --key say so as well.'),
  ca: filePath('PEM file with the authorities to trust, instead of those that Node.js knows.', 'PEM file').optional(),
  cert: filePath('PEM file with our certificate, if we are asked for one.', 'PEM file').optional(),
  key: filePath('PEM file with the private key of `cert`, not encrypted.', 'PEM file').optional(),
  sasl: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']).default('scram-sha-256').describe('How we show who we are, with --user.'),
  user: z
    .string()
    .regex(/^[^:]+:/, { error: 'expected name:password' })
    .optional()
    .meta({ secret: true })
    .describe('Name and password for SASL, as name:password. Better in OTLP_BRIDGE_SOURCE_USER: other users of the machine see flags.'),
})

type Options = z.output<typeof options>

/** Offsets of a slice. */
const sliceOffsets = 1_000_000
/** Bytes of one batch of records once it is plain. */
const maxBatchBytes = 64 * 1024 * 1024

async function connect(given: Options): Promise<{ client: TopicClient; open: Parameters<typeof createRecordReader>[1]['open'] }> {
  const { ca, cert, key } = given
  const user = given.user ?? process.env['OTLP_BRIDGE_SOURCE_USER']
  const [username = '', ...password] = user?.split(':') ?? []
  const isTls = given.tls || ca !== undefined || cert !== undefined
  const connection = await kafkaConnection(
    {
      brokers: given.brokers.split(','),
      clientId: 'otlp-bridge-backfill',
      tls: isTls ? { ca, cert, key } : undefined,
      sasl: user === undefined ? undefined : { mechanism: given.sasl, username, password: password.join(':') },
    },
    'backfill kafka',
  )
  const library = await loadKafka()
  const records = { codecs: codecsOf(library), maxBatchBytes, checksum: (data: Buffer) => library.crc32c(data) >>> 0 }
  return {
    client: createTopicClient(library, connection, freeWhole),
    open: (fetched, from) => readBatches(fetched.records, from, fetched.aborted, records),
  }
}

/** Offset to begin with, by partition. */
async function beginnings(client: TopicClient, { topic, from }: Options, sinceMs: number | undefined, partitions: readonly number[]) {
  const first = await client.offsets(topic, partitions, 'earliest')
  const timeMs = from?.startsWith('time:') === true ? Date.parse(from.slice(5)) : from === undefined ? sinceMs : undefined
  if (timeMs !== undefined) {
    if (Number.isNaN(timeMs)) throw new BridgeError('OB_CONFIG', `cannot begin at ${from ?? ''}: expected time:ISO 8601`, { place: 'from' })
    const later = await client.offsets(topic, partitions, timeMs)
    // Partitions with nothing that late have nothing for us.
    return new Map(partitions.map((one) => [one, later.get(one) ?? Number.POSITIVE_INFINITY]))
  }
  const offset = from?.startsWith('offset:') === true ? Number(from.slice(7)) : 0
  return new Map(partitions.map((one) => [one, from?.startsWith('offset:') === true ? offset : (first.get(one) ?? 0)]))
}

async function planTopic(client: TopicClient, given: Options, deps: SourceDeps): Promise<Plan> {
  const { topic } = given
  const found = await client.describe(topic)
  if (found === undefined) throw sourceFault('vanished', `cannot read ${topic}: there is no such topic`, topic)
  const { sinceMs, untilMs } = deps.filter
  const partitions = Array.from({ length: found.partitions }, (_, index) => index)
  const starts = await beginnings(client, given, sinceMs, partitions)
  const ends = await client.offsets(topic, partitions, 'latest')
  const bound = untilMs === undefined ? undefined : await client.offsets(topic, partitions, untilMs)
  const groups: PlanGroup[] = []
  const slices: SliceSpec[] = []
  for (const partition of partitions) {
    const end = Math.min(ends.get(partition) ?? 0, bound?.get(partition) ?? Number.POSITIVE_INFINITY)
    const start = Math.min(starts.get(partition) ?? 0, end)
    const group = `${topic}/${partition}`
    const note = start === end ? 'nothing in it' : `offsets ${start} to ${end}`
    groups.push({ name: group, items: end - start, bytes: 0, fromMs: sinceMs, toMs: untilMs, note })
    for (let from = start; from < end; ) {
      const to = Math.min((Math.floor(from / sliceOffsets) + 1) * sliceOffsets, end)
      slices.push({ key: { topic, partition, from, to }, group, fromMs: undefined, toMs: undefined, items: to - from, bytes: 0 })
      from = to
    }
  }
  const filters = deps.filter.services.length > 0 ? ['Records are not told apart by service: --service is not looked at.'] : []
  return { groups, slices, notes: ['Reading ends where each partition ends now; what is written later is for the bridge.', ...filters] }
}

const patience = 4

async function open(given: Options, deps: SourceDeps): Promise<Source> {
  const { topic } = given
  const { client, open: openBatches } = await connect(given)
  const translate = await createPageTranslator(given.format, given.signal, deps, topic)

  /** Brokers that do not answer at first are a wrong address sooner than a passing fault. */
  const firmly = async <T>(work: () => Promise<T>): Promise<T> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work()
      } catch (error) {
        if (error instanceof BridgeError) throw error
        if (attempt >= patience)
          throw sourceFault('source_error', `cannot read ${topic} of ${given.brokers}: ${kafkaReason(error)}`, topic, error)
        await deps.sleep(500 * attempt)
      }
    }
  }

  let identity: string
  try {
    identity = await firmly(async () => {
      const found = await client.describe(topic)
      if (found === undefined) throw sourceFault('vanished', `cannot read ${topic}: there is no such topic`, topic)
      return `${found.id}/${topic} ${given.format}`
    })
  } catch (error) {
    await client.close()
    throw error
  }

  const read = (slice: SliceSpec, cursor: Json | undefined) => {
    const { partition, from, to } = slice.key
    if (typeof partition !== 'number' || typeof from !== 'number' || typeof to !== 'number') throw new Error('BUG: a slice without offsets')
    return createRecordReader(
      client,
      { topic, partition, from, to, cursor, page: deps.page, open: openBatches, translate: (page) => translate(partition, page) },
      deps,
    )
  }

  return {
    kind: 'kafka',
    name: `kafka://${given.brokers.split(',')[0] ?? ''}/${topic}`,
    identity,
    unit: 'record',
    approximate: undefined,
    isLocal: false,
    plansOnce: 'whole',
    plan: () => firmly(() => planTopic(client, given, deps)),
    open: read,
    count: async (slice, deep, abort) => (deep ? countByReading(read(slice, undefined), abort) : undefined),
    close: () => client.close(),
  }
}

/** Command `otlp-bridge backfill kafka --topic jaeger-spans --format jaeger-proto`. */
export const kafka: SourceKind = { options, open: (given, _args, deps) => open(options.parse(given), deps) }
