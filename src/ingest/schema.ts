/** Parts of the configuration that every listener shares. The defaults stand here, beside their meaning. */

import { z } from 'zod'
import { byteSize, duration } from '../config/units.ts'
import { type DecodeLimits, defaultDecodeLimits } from './limits.ts'

const count = (fallback: number, meaning: string) => z.number().int().positive().default(fallback).describe(meaning)

/** Host of a listener. */
export const hostKey = z
  .string()
  .min(1)
  .default('localhost')
  .describe('Address to listen on. `localhost` is both 127.0.0.1 and ::1 where the machine has it; `0.0.0.0` or `::` is every interface.')

/** Port of a listener. */
export const portKey = (fallback: number) =>
  z.number().int().min(0).max(65535).default(fallback).describe(`Port to listen on; 0 takes any free one and prints it at start.`)

/** Keys that become {@link DecodeLimits}. */
export const decodeLimitKeys = {
  items: count(defaultDecodeLimits.maxItems, 'Spans a request or datagram; a request with more is refused whole.'),
  attributes: count(defaultDecodeLimits.maxAttributes, 'Tags of one span, fields of one log, tags of one process.'),
  events: count(defaultDecodeLimits.maxEvents, 'Annotations or logs of one span, and references of one span.'),
  depth: count(defaultDecodeLimits.maxDepth, 'Nesting of structs, lists and JSON values.'),
  string: byteSize.default(defaultDecodeLimits.maxStringBytes).describe('Bytes of one string or binary value.'),
}

/** The part of a `limits` section that decoders look at. */
export interface DecodeLimitConfig {
  readonly items: number
  readonly attributes: number
  readonly events: number
  readonly depth: number
  readonly string: number
}

/** The configured limits as the decoders take them. */
export function decodeLimitsOf(limits: DecodeLimitConfig): DecodeLimits {
  return {
    maxItems: limits.items,
    maxAttributes: limits.attributes,
    maxEvents: limits.events,
    maxDepth: limits.depth,
    maxStringBytes: limits.string,
  }
}

/** `limits` of a listener that speaks HTTP. */
export const httpLimits = z
  .strictObject({
    body: byteSize.default(20 * 1024 * 1024).describe('Bytes of one body after decompression; more is answered with 413.'),
    compressedBody: byteSize.default(20 * 1024 * 1024).describe('Bytes of one body on the wire; more is answered with 413.'),
    ratio: z
      .number()
      .min(1)
      .default(100)
      .describe('How many times its size a compressed body may expand to. Bodies that stay below 1 MiB are not held to it.'),
    ...decodeLimitKeys,
    connections: count(4096, 'Connections at once; further ones are closed at once.'),
    requestsPerConnection: z
      .number()
      .int()
      .nonnegative()
      .default(0)
      .describe('Requests after which a connection is closed, so that clients spread anew over replicas; 0 is no limit.'),
    header: byteSize.default(16 * 1024).describe('Bytes of all headers of a request.'),
  })
  .prefault({})
  .describe('What one sender may ask of the bridge.')

export type HttpLimits = z.infer<typeof httpLimits>

/** `timeouts` of a listener that speaks HTTP. */
export const httpTimeouts = z
  .strictObject({
    request: duration.default(30_000).describe('From the first byte of a request to the last byte of its body.'),
    header: duration
      .default(10_000)
      .describe('From the opening of a connection, or the first byte of a request, to the end of its headers.'),
    keepAlive: duration.default(75_000).describe('How long an idle connection is kept open between two requests.'),
  })
  .prefault({})
  .describe('When a connection is closed that says nothing, or says it too slowly.')

export type HttpTimeouts = z.infer<typeof httpTimeouts>

/** Keys of every section of a listener that speaks HTTP. */
export const httpKeys = (port: number) => ({ host: hostKey, port: portKey(port), limits: httpLimits, timeouts: httpTimeouts })
