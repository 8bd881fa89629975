/** The keys of section `emit` and of one destination below it, each by itself: what goes together is told by destinations.ts. */

import { z } from 'zod'
import { byteSize, duration } from '../config/units.ts'
import { clientTlsKeys } from '../net/tls-config.ts'

const MiB = 2 ** 20

const expectedEndpoint = 'expected an http:// or https:// URL, or host:port for grpc'

const hostAndPort = /^(\[[0-9a-fA-F:.]+\]|[^\s:/@[\]]+):\d{1,5}$/

/** True for a URL of http or https, and for `host:port`. */
export const isEndpoint = (text: string): boolean =>
  hostAndPort.test(text) ? URL.canParse(`http://${text}`) : URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)

const endpointText = z.string({ error: () => expectedEndpoint }).refine(isEndpoint, { error: expectedEndpoint })

const headerNames = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

// Node.js and HTTP/2 refuse anything else, and only when the first request is sent.
const headerValue = z
  .string()
  .regex(/^[\t\x20-\x7e\x80-\xff]*$/, { error: 'expected a header value: no line breaks, no control characters' })

const headersOf = z.record(z.string().regex(headerNames, { error: 'expected the name of a header' }), headerValue)

const endpoint = endpointText.describe(
  'Base URL of the OTLP endpoint; over HTTP `/v1/traces` (`/v1/metrics`, `/v1/logs`) is appended. For `grpc` also `host:port`. ' +
    'Default: http://localhost:4318, for `grpc` http://localhost:4317.',
)

const tracesEndpoint = endpointText.describe('URL for traces alone, used as it is: nothing is appended. Not with `endpoints`.')

const endpoints = z
  .array(
    z.union([
      endpointText,
      z.strictObject({
        url: endpointText.describe('As `endpoint`.'),
        tracesUrl: endpointText.optional().describe('As `tracesEndpoint`.'),
        headers: headersOf.optional().describe('Headers for this one, in addition to `headers`.'),
      }),
    ]),
  )
  .min(1)
  .max(64)
  .describe(
    'Several endpoints that take the same data, in place of `endpoint`: URLs, or sections of `url`, `tracesUrl` and `headers`. Each has a circuit breaker; ' +
      'what one does not take another gets at once.',
  )

const balance = z
  .enum(['spread', 'failover'])
  .describe(
    'Which of several `endpoints` gets a request. `spread`: the one with the least under way. `failover`: the first that works, in the order given.',
  )

const protocol = z.enum(['http/protobuf', 'http/json', 'grpc']).describe('Wire protocol to the endpoint.')

const insecure = z
  .boolean()
  .describe('For `grpc` and endpoints given as `host:port`: true is without TLS. Where there is `http://` or `https://`, that decides.')

const compression = z
  .enum(['none', 'gzip', 'zstd'])
  .describe(
    'Compression of request bodies. An endpoint that says it does not know `zstd` or `gzip` is sent `gzip` or plain bodies from then on, and the log says so.',
  )

const compressionLevel = z
  .number()
  .int()
  .min(1)
  .max(19)
  .describe('Level of gzip (1 to 9) or zstd (1 to 19): 1 costs the least CPU; above 6 little is won.')

const headers = headersOf.describe(
  'Headers of every request (metadata, for grpc), such as `authorization`; values are masked wherever the configuration is printed.',
)

const timeout = duration.describe('Time for one request to one endpoint, from connecting to the end of the answer.')

const retryKeys = {
  initialInterval: duration.describe('Wait before the first repeat; it doubles with every further one.'),
  maxInterval: duration.describe('Longest wait between two tries, a Retry-After of the endpoint excepted.'),
  maxElapsed: duration
    .optional()
    .describe('Time after which a request goes to the dead letters although the endpoint might still take it. Not set: tried without end.'),
}

const batchKeys = {
  delay: duration.describe('How long a batch may wait for others to be merged with.'),
  maxItems: z.number().int().positive().describe('Items (spans) after which a request is not merged further.'),
  maxBytes: byteSize.describe('Bytes, before compression, after which a request is not merged further.'),
}

const breakerKeys = {
  failures: z.number().int().min(1).max(1000).describe('Failures in a row after which an endpoint is left alone.'),
  cooldown: duration.describe('How long it is left alone; then one request tries it. It doubles with every such try that fails.'),
  maxCooldown: duration.describe('Longest time it is left alone.'),
}

const keepAliveKeys = {
  time: duration.describe('Silence of an endpoint, while requests are under way, after which it is asked for a sign of life; 0 is never.'),
  timeout: duration.describe('Time for that sign; then the connection is given up.'),
}

const concurrency = z.number().int().min(1).max(256).describe('Requests under way at the same time.')

const tls = clientTlsKeys('endpoints').describe(
  'Certificates for TLS. The files are read at the start, and again when they change: new connections use what is new.',
)

const destination = z.string().min(1).max(64).describe('Name of the destination in metrics and logs.')

const signals = z
  .array(z.enum(['traces', 'metrics', 'logs']))
  .min(1)
  .describe('Signals that it takes. Not set: all.')

const attributeValues = z.array(z.union([z.string(), z.number(), z.boolean()])).min(1)

const where = z
  .strictObject({
    attribute: z.string().min(1).max(256).describe('Attribute of the resource; of a span or log record where the resource has none.'),
    in: attributeValues.optional().describe('Values that it takes.'),
    notIn: attributeValues.optional().describe('Values that it does not take; what has no such attribute it takes.'),
  })
  .refine((value) => (value.in === undefined) !== (value.notIn === undefined), {
    error: 'expected the values: either `in` or `notIn`, a list',
  })
  .describe('What it takes, by an attribute. Not set: everything.')

/** What a destination may set for itself; what it does not set, it has from `emit`. */
const destinationEntry = z.strictObject({
  name: destination,
  signals: signals.optional(),
  where: where.optional(),
  otherwise: z.boolean().optional().describe('True: it takes what no other destination takes.'),
  whenFull: z
    .enum(['refuse', 'drop'])
    .optional()
    .describe(
      'When its share of the queue is full. `refuse`: senders are told to come back, for all destinations. `drop`: what is for this one is lost and counted.',
    ),
  endpoint: endpoint.optional(),
  endpoints: endpoints.optional(),
  tracesEndpoint: tracesEndpoint.optional(),
  balance: balance.optional(),
  protocol: protocol.optional(),
  insecure: insecure.optional(),
  compression: compression.optional(),
  compressionLevel: compressionLevel.optional(),
  headers: headers.optional(),
  timeout: timeout.optional(),
  retry: z.strictObject(retryKeys).partial().optional(),
  batch: z.strictObject(batchKeys).partial().optional(),
  concurrency: concurrency.optional(),
  breaker: z.strictObject(breakerKeys).partial().optional(),
  keepAlive: z.strictObject(keepAliveKeys).partial().optional(),
  tls: tls.optional(),
})

/** One entry of `emit.destinations` as parsed: only what it sets for itself. */
export type DestinationEntry = z.infer<typeof destinationEntry>

const destinations = z
  .array(destinationEntry)
  .min(1)
  .max(32)
  .describe(
    'Several destinations, each with a name, a place of its own in the queue, and of the keys here those that it sets for itself; the others it has from `emit`. ' +
      '`signals`, `where` and `otherwise` say what it takes, `whenFull` what becomes of data when its share is full. Not set: one destination, which takes everything.',
  )

/** Section `emit` before its keys are held against each other. */
export const emitKeys = z.strictObject({
  endpoint: endpoint.optional(),
  endpoints: endpoints.optional(),
  tracesEndpoint: tracesEndpoint.optional(),
  balance: balance.default('spread'),
  protocol: protocol.default('http/protobuf'),
  insecure: insecure.default(false),
  compression: compression.default('none'),
  compressionLevel: compressionLevel.default(1),
  headers: headers.default({}),
  timeout: timeout.default(10_000),
  retry: z
    .strictObject({
      ...retryKeys,
      initialInterval: retryKeys.initialInterval.default(1000),
      maxInterval: retryKeys.maxInterval.default(30_000),
    })
    .prefault({})
    .describe(
      'Repeats of requests that failed for a passing reason (429, 502, 503, 504 or their like of gRPC, connection faults, time-outs).',
    ),
  batch: z
    .strictObject({
      delay: batchKeys.delay.default(200),
      maxItems: batchKeys.maxItems.default(8192),
      maxBytes: batchKeys.maxBytes.default(4 * MiB),
    })
    .prefault({})
    .describe('Merging of queued batches into one request. Only batches of one format and signal are merged.'),
  concurrency: concurrency.default(4),
  breaker: z
    .strictObject({
      failures: breakerKeys.failures.default(3),
      cooldown: breakerKeys.cooldown.default(5000),
      maxCooldown: breakerKeys.maxCooldown.default(60_000),
    })
    .prefault({})
    .describe('Of several `endpoints`, when one that fails is left alone. A single endpoint has none: `retry` says how often it is tried.'),
  keepAlive: z
    .strictObject({ time: keepAliveKeys.time.default(60_000), timeout: keepAliveKeys.timeout.default(10_000) })
    .prefault({})
    .describe('Of gRPC connections: how a dead one is noticed.'),
  tls: tls.prefault({}),
  destination: destination.default('default'),
  destinations: destinations.optional(),
})

/** Section `emit` as parsed, before a default endpoint is filled in. */
export type EmitKeys = z.infer<typeof emitKeys>
