/** Parts of the configuration that every listener shares. The defaults stand here, beside their meaning. */

import { z } from 'zod'
import { byteSize, duration } from '../config/units.ts'
import { filePath } from '../net/tls-config.ts'
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

/** Keys of `limits` that hold for every server of HTTP, whatever is posted to it. */
export const serverLimitKeys = {
  connections: count(4096, 'Connections at once; further ones are closed at once.'),
  requestsPerConnection: z
    .number()
    .int()
    .nonnegative()
    .default(0)
    .describe('Requests after which a connection is closed, so that clients spread anew over replicas; 0 is no limit.'),
  header: byteSize.default(16 * 1024).describe('Bytes of all headers of a request.'),
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
    ...serverLimitKeys,
  })
  .prefault({})
  .describe('What one sender may ask of the bridge.')

export type HttpLimits = z.infer<typeof httpLimits>

/** `timeouts` of a listener that speaks HTTP. @param requestMs default of `request` */
export const httpTimeoutsOf = (requestMs: number) =>
  z
    .strictObject({
      request: duration.default(requestMs).describe('From the first byte of a request to the last byte of its body.'),
      header: duration
        .default(10_000)
        .describe('From the opening of a connection, or the first byte of a request, to the end of its headers.'),
      keepAlive: duration.default(75_000).describe('How long an idle connection is kept open between two requests.'),
    })
    .prefault({})
    .describe('When a connection is closed that says nothing, or says it too slowly.')

export const httpTimeouts = httpTimeoutsOf(30_000)

export type HttpTimeouts = z.infer<typeof httpTimeouts>

const reload = duration
  .refine((value) => value >= 100, { error: 'expected at least 100ms' })
  .default(10_000)
  .describe('How often the files are looked at; new ones are taken without a restart.')

/** `tls` of a listener over TCP. */
export const listenerTls = z
  .strictObject({
    cert: filePath('PEM file with our certificate, intermediate authorities behind it.'),
    key: filePath('PEM file with the private key of `cert`, not encrypted.'),
    clientCa: filePath('PEM file with the authorities of clients: given, clients are asked for a certificate.').optional(),
    clientAuth: z
      .enum(['require', 'request'])
      .optional()
      .describe(
        '`require`: clients without a certificate of `clientCa` are refused. `request`: those without one are let in, those with another are refused. Default, with `clientCa`: require.',
      ),
    minVersion: z.enum(['TLSv1.2', 'TLSv1.3']).default('TLSv1.2').describe('Oldest version of TLS that is spoken.'),
    reload,
  })
  .refine((value) => value.clientAuth === undefined || value.clientCa !== undefined, {
    error: 'missing: clientAuth is given without it',
    path: ['clientCa'],
  })
  .describe('Given, this endpoint speaks TLS alone.')

export type ListenerTls = z.infer<typeof listenerTls>

/** A secret that goes over the wire as it is; empty means mostly that its environment variable is not set. */
const token = z
  .string()
  .regex(/^[\x21-\x7e]+$/, { error: 'expected a text of visible ASCII characters, not empty; is its environment variable set?' })

const user = z
  .strictObject({
    user: z
      .string()
      .regex(/^[^:]+$/, { error: 'expected a name without a colon, not empty' })
      .describe('Name.'),
    password: z
      .string()
      .min(1, { error: 'expected a password, not empty; is its environment variable set?' })
      .optional()
      .describe('Password; best out of the environment.'),
    passwordFile: filePath('File that holds the password and nothing else.').optional(),
  })
  .refine((value) => (value.password === undefined) !== (value.passwordFile === undefined), {
    error: 'expected either password or passwordFile',
    path: ['password'],
  })

const apiKey = z
  .strictObject({
    header: z
      .string()
      .regex(/^[A-Za-z0-9_.-]+$/, { error: 'expected the name of a header' })
      .default('x-api-key')
      .transform((value) => value.toLowerCase())
      .describe('Header, or gRPC metadata, that holds the key.'),
    keys: z
      .array(token)
      .default([])
      .describe(
        'Keys; best out of the environment. `Authorization: ApiKey …` is understood, too: with the key as it stands here, or in base64 (`id:key` of Elastic clients).',
      ),
    keysFile: filePath('File with one key a line.').optional(),
  })
  .refine((value) => value.keys.length > 0 || value.keysFile !== undefined, { error: 'expected keys or keysFile', path: ['keys'] })

/** `auth` of a listener that speaks HTTP or gRPC. */
export const listenerAuth = z
  .strictObject({
    basic: z.array(user).default([]).describe('Users and passwords: `{ user, password }` or `{ user, passwordFile }`.'),
    htpasswdFile: filePath('File with `user:password`, `user:{SHA256}digest` or `user:{SHA}digest` a line, digests in base64.').optional(),
    bearer: z.array(token).default([]).describe('Bearer tokens; best out of the environment.'),
    bearerFile: filePath('File with one bearer token a line.').optional(),
    apiKey: apiKey.optional().describe('Keys in a header of their own.'),
    except: z
      .array(z.string().regex(/^\//, { error: 'expected a path such as /health' }))
      .optional()
      .describe(
        'Paths (and gRPC methods) that need no credentials. Default: those that tell an orchestrator whether the bridge is well; `[]` is none.',
      ),
    reload,
  })
  .refine(
    (value) => value.basic.length + value.bearer.length > 0 || (value.htpasswdFile ?? value.bearerFile ?? value.apiKey) !== undefined,
    { error: 'expected at least one of basic, htpasswdFile, bearer, bearerFile, apiKey: without any, nobody could send' },
  )
  .describe('Given, senders must show one of these credentials. Without `tls` they cross the network readable.')

export type ListenerAuth = z.infer<typeof listenerAuth>

/** Keys of every listener over TCP that say who may send. */
export const securityKeys = { tls: listenerTls.optional(), auth: listenerAuth.optional() }

/** Keys of every section of a listener that speaks HTTP. */
export const httpKeys = (port: number) => ({
  host: hostKey,
  port: portKey(port),
  limits: httpLimits,
  timeouts: httpTimeouts,
  ...securityKeys,
})

/** `limits` of a listener that speaks gRPC. */
export const grpcLimits = z
  .strictObject({
    message: byteSize
      .default(4 * 1024 * 1024)
      .describe('Bytes of one message on the wire, compared with the length it declares; more is answered with RESOURCE_EXHAUSTED.'),
    body: byteSize.default(4 * 1024 * 1024).describe('Bytes of one message after decompression.'),
    ratio: z
      .number()
      .min(1)
      .default(100)
      .describe('How many times its size a compressed message may expand to. Messages that stay below 1 MiB are not held to it.'),
    pending: byteSize
      .default(64 * 1024 * 1024)
      .describe('Bytes of all messages that are on their way in; calls beyond it are told to come back.'),
    ...decodeLimitKeys,
    connections: count(4096, 'Connections at once; further ones are closed at once.'),
    streams: count(100, 'Calls under way on one connection; further ones are refused, and clients wait by themselves.'),
    header: byteSize.default(16 * 1024).describe('Bytes of all metadata of a call; more is answered with RESOURCE_EXHAUSTED.'),
  })
  .prefault({})
  .describe('What one sender may ask of the bridge.')

export type GrpcLimits = z.infer<typeof grpcLimits>

/** `timeouts` of a listener that speaks gRPC. */
export const grpcTimeouts = z
  .strictObject({
    request: duration.default(30_000).describe('From the beginning of a call to the last byte of its message.'),
    header: duration
      .default(10_000)
      .describe('From the opening of a connection to the end of its greeting, or from the first byte of metadata to the last.'),
    idle: duration.default(1_800_000).describe('How long a connection without calls is kept; clients open another when they need it.'),
    age: duration
      .default(0)
      .describe('Age at which a connection is ended in peace, so that clients spread anew over replicas; 0 is never.'),
    ping: duration.default(60_000).describe('Silence after which a client is asked whether it is still there; 0 is never.'),
    pong: duration.default(20_000).describe('How long its answer may take.'),
  })
  .prefault({})
  .describe('When a connection is closed that says nothing, or says it too slowly.')

export type GrpcTimeouts = z.infer<typeof grpcTimeouts>

/** `reflection` of a listener that speaks gRPC. */
export const reflectionKey = z
  .boolean()
  .default(false)
  .describe('Answers `grpc.reflection`, so that tools such as grpcurl find the services by themselves.')

/** Keys of every section of a listener that speaks gRPC. */
export const grpcKeys = (port: number) => ({
  host: hostKey,
  port: portKey(port),
  limits: grpcLimits,
  timeouts: grpcTimeouts,
  reflection: reflectionKey,
  ...securityKeys,
})
