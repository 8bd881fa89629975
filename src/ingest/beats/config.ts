/** `ingest.beats`: the endpoint that Beats, Elastic Agents and Logstash send to with their Logstash output. */

import { z } from 'zod'
import { byteSize, duration } from '../../config/units.ts'
import { hostKey, listenerTls, portKey } from '../schema.ts'
import type { FrameLimits } from './decode-frames.ts'

const count = (fallback: number, meaning: string) => z.number().int().positive().default(fallback).describe(meaning)

const mebibyte = 1024 * 1024

const limits = z
  .strictObject({
    compressed: byteSize
      .default(32 * mebibyte)
      .describe('Bytes of one compressed frame on the wire; the connection of a larger one is closed.'),
    ratio: z
      .number()
      .min(1)
      .default(200)
      .describe('How many times its size a compressed frame may expand to. Frames that stay below 1 MiB are not held to it.'),
    pairs: count(65_536, 'Pairs of one data frame of version 1; the connection of one with more is closed.'),
    connections: count(4096, 'Connections at once; further ones are closed at once.'),
    connectionsPerAddress: count(512, 'Connections at once from one address; further ones are closed at once.'),
    memory: byteSize
      .default(256 * mebibyte)
      .describe('Bytes of windows that have begun, over all connections. While there are more, the oldest window alone is read on.'),
    depth: count(100, 'Nesting of an event; one that nests deeper is kept as text.'),
    fields: count(10_000, 'Fields of an event; one with more is kept as text.'),
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
      .describe('Ids of events that are remembered, some 40 bytes each; 0 is none.'),
    ttl: duration.default(15 * 60_000).describe('How long an id is remembered.'),
  })
  .prefault({})
  .describe(
    'Events with `@metadata._id` and `op_type: create` are taken once: a window that is sent again becomes no second records. Beats set an id when they are told to (processor `add_id` or `fingerprint`).',
  )

const source = z.enum(['source', 'tls'])

/** Section `ingest.beats`. */
export const beatsConfig = z
  .strictObject({
    host: hostKey,
    port: portKey(5044),
    clientInactivityTimeout: duration
      .default(60_000)
      .describe('How long a connection is kept on which nothing is under way and nothing comes.'),
    progressTimeout: duration.default(30_000).describe('How long the next bytes of a window that has begun may take.'),
    handshakeTimeout: duration.default(10_000).describe('For `tls`: from the opening of a connection to the end of the handshake.'),
    keepalive: duration
      .refine((value) => value >= 100, { error: 'expected at least 100ms' })
      .default(5000)
      .describe(
        'How often a client is told that its window is still being stored. Beats give up after 30 s of silence, and send it again.',
      ),
    maxWindow: count(65_536, 'Events of one window; the connection of a larger one is closed.'),
    maxFrame: byteSize.default(16 * mebibyte).describe('Bytes of one event; the connection of a larger one is closed.'),
    maxInflated: byteSize
      .default(128 * mebibyte)
      .describe('Bytes of one compressed frame once it is plain; the connection of a larger one is closed.'),
    enrich: z
      .union([z.literal('none'), source, z.array(source)])
      .default('none')
      .describe(
        'What is added to events about who sent them. source: its address, as network.peer.address; tls: the subject of its certificate, as tls.client.subject. Both: [source, tls].',
      ),
    dedupe,
    tls: listenerTls.optional(),
    limits,
  })
  .describe(
    'Beats, Elastic Agents and Logstash: the Lumberjack protocol, versions 1 and 2. Who may send is decided by certificates of clients (`tls.clientCa`) or by the network: the protocol has no passwords.',
  )

export type BeatsConfig = z.output<typeof beatsConfig>

/** What is checked of frames while they are read. */
export function frameLimitsOf({ maxWindow, maxFrame, limits }: Pick<BeatsConfig, 'maxWindow' | 'maxFrame' | 'limits'>): FrameLimits {
  return { maxWindow, maxFrameBytes: maxFrame, maxCompressedBytes: limits.compressed, maxPairs: limits.pairs }
}

/** What is checked of events while they are read: those that go beyond are kept as text. */
export function eventLimitsOf({ maxFrame, limits }: Pick<BeatsConfig, 'maxFrame' | 'limits'>) {
  return { maxFields: limits.fields, maxListValues: 10 * limits.fields, maxDepth: limits.depth, maxBytes: 2 * maxFrame }
}

/** What is added to events. */
export function enrichedBy({ enrich }: Pick<BeatsConfig, 'enrich'>): { readonly source: boolean; readonly tls: boolean } {
  const wanted: readonly string[] = typeof enrich === 'string' ? [enrich] : enrich
  return { source: wanted.includes('source'), tls: wanted.includes('tls') }
}
