/** `ingest.elasticsearch`: the endpoint of `_bulk`, and of what shippers ask before it. */

import { z } from 'zod'
import { byteSize, duration } from '../../config/units.ts'
import { hostKey, httpTimeoutsOf, portKey, securityKeys, serverLimitKeys } from '../schema.ts'
import type { DocumentLimits } from './decode-document.ts'

const count = (fallback: number, meaning: string) => z.number().int().positive().default(fallback).describe(meaning)

const mebibyte = 1024 * 1024

const limits = z
  .strictObject({
    body: byteSize
      .default(100 * mebibyte)
      .describe('Bytes of one body after decompression; more is answered with 413, as Elasticsearch does.'),
    compressedBody: byteSize.default(100 * mebibyte).describe('Bytes of one body on the wire; more is answered with 413.'),
    ratio: z
      .number()
      .min(1)
      .default(1000)
      .describe(
        'How many times its size a compressed body may expand to. Bodies that stay below 1 MiB are not held to it. Documents that repeat themselves shrink a lot, and a large body is never in memory whole.',
      ),
    items: count(1_000_000, 'Actions a request; a request with more is refused whole, with 413.'),
    document: byteSize
      .default(16 * mebibyte)
      .describe('Bytes of one document; a longer one is refused, the others of its request are taken.'),
    depth: count(100, 'Nesting of a document; one that nests deeper is refused.'),
    fields: count(10_000, 'Fields of a document; one with more is refused.'),
    ...serverLimitKeys,
  })
  .prefault({})
  .describe('What one sender may ask of the bridge.')

const dedupe = z
  .strictObject({
    ids: z
      .number()
      .int()
      .nonnegative()
      .max(10_000_000)
      .default(200_000)
      .describe('Ids of documents that are remembered, some 40 bytes each; 0 is none.'),
    ttl: duration.default(15 * 60_000).describe('How long an id is remembered.'),
  })
  .prefault({})
  .describe('`create` with an id that came before is answered with 409, so that a batch that is sent again becomes no second record.')

const backpressure = z
  .strictObject({
    hold: duration
      .default(8000)
      .describe('How long a request waits for room while the queue is full, before it is refused. Shippers give up after 10 s and more.'),
    answer: z
      .union([z.enum(['auto', 'items', 'close']), z.literal(429), z.literal(503)])
      .default('auto')
      .describe(
        'What a request is told that has waited. 429, 503: the request is refused with it; items: 200, with 429 for each item; close: the connection is closed without an answer; auto: whichever of them the client, by its User-Agent, repeats the request after.',
      ),
    requests: count(256, 'Requests that may wait at once; more are refused at once.'),
    bytes: byteSize.default(64 * mebibyte).describe('Bytes that those that wait may hold.'),
  })
  .prefault({})
  .describe('What happens while the queue is full. Eight of twelve usual clients lose a batch that is refused.')

const registry = z
  .strictObject({
    entries: count(1000, 'Entries; beyond that the one that was asked for the longest ago is forgotten.'),
    body: byteSize.default(mebibyte).describe('Bytes of one; a larger one is answered with 413.'),
    bytes: byteSize.default(32 * mebibyte).describe('Bytes of all; beyond that as for `entries`.'),
  })
  .prefault({})
  .describe(
    'Templates, policies, pipelines, data streams, indices and aliases that shippers put, and ask for again. Nothing here acts on them.',
  )

export const elasticsearchConfig = z
  .strictObject({
    host: hostKey,
    port: portKey(9200),
    prefix: z
      .string()
      .regex(/^(\/[\w.~@:%+-]+)*\/?$/, { error: 'expected a path such as /_es' })
      .transform((value) => (value.endsWith('/') ? value.slice(0, -1) : value))
      .default('')
      .describe('Path below which everything is served: `/_es` makes it `/_es/_bulk`. Other paths are 404 then.'),
    version: z
      .string()
      .regex(/^\d+\.\d+\.\d+$/, { error: 'expected three numbers such as 8.19.0' })
      .default('8.19.0')
      .describe('Version of Elasticsearch that clients are told. Some refuse a server that is older than they are.'),
    versionEcho: z.boolean().default(true).describe('Beats and Elastic Agents that are newer than `version` are told their own version.'),
    lenientContentType: z
      .boolean()
      .default(true)
      .describe('Takes bodies without Content-Type, and of text/plain, too; Elasticsearch answers 406.'),
    lenientNewline: z
      .boolean()
      .default(false)
      .describe('Takes bulk requests that do not end with a newline. One that was cut off may look like that.'),
    shortItems: z
      .boolean()
      .default(false)
      .describe('Leaves `_version`, `_shards`, `_seq_no` and `_primary_term` out of answers: some clients cut long ones.'),
    upsert: z
      .enum(['reject', 'append'])
      .default('reject')
      .describe('`update` with doc_as_upsert, or with upsert. reject: an error of the item; append: a record like any other.'),
    health: z
      .strictObject({
        reflectsQueue: z.boolean().default(false).describe('`GET /_cluster/health` is answered with 503 while the queue is full.'),
      })
      .prefault({})
      .describe('What health checks of clients see.'),
    publicAddress: z
      .string()
      .regex(/^(\[[\da-fA-F:.]+\]|[\w.-]+):\d{1,5}$/, { error: 'expected host and port such as logs.example.com:9200' })
      .optional()
      .describe(
        'Host and port at which clients reach this endpoint, for those that ask for the nodes of a cluster and then go to the addresses they are given. Without it they are told of no node, and stay where they are.',
      ),
    registry,
    newBackend: z
      .string()
      .optional()
      .describe('Where people find their logs now: named in the answer to searches, which the bridge cannot serve.'),
    dedupe,
    backpressure,
    limits,
    timeouts: httpTimeoutsOf(120_000),
    ...securityKeys,
  })
  .describe('Elasticsearch: `_bulk`, single documents, and what shippers ask before they send.')

export type ElasticsearchConfig = z.output<typeof elasticsearchConfig>

/** What the decoder of documents checks while it reads. Lists are long where objects are not: stack traces, arguments. */
export function documentLimitsOf({
  document,
  depth,
  fields,
}: Pick<ElasticsearchConfig['limits'], 'document' | 'depth' | 'fields'>): DocumentLimits {
  return { maxBytes: document, maxDepth: depth, maxFields: fields, maxListValues: 10 * fields }
}
