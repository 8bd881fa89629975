/** Section `mirror` of the configuration: the old backends, by endpoint. */

import { z } from 'zod'
import { booksConfig } from '../books/config.ts'
import { byteSize, duration } from '../config/units.ts'
import { clientTlsKeys } from '../net/tls-config.ts'

const GiB = 2 ** 30

const phase = z.enum(['shadow', 'dual', 'new-primary', 'new-only'])
const portion = z
  .number()
  .min(0)
  .max(1)
  .refine((value) => Number.isInteger(Math.round(value * 1e8) / 1e4), { error: 'expected at most four decimals' })

const share = z
  .strictObject({
    new: portion
      .default(1)
      .describe('Part of the data that the new side gets: traces by their id, metrics by their target, logs by stream.'),
    old: portion.default(1).describe('Part of the senders whose requests the old side gets.'),
    traces: z
      .enum(['mixed', 'raw'])
      .default('mixed')
      .describe(
        '`mixed` works behind any sampler; `raw` takes the low 56 bits of the trace id themselves, for samplers downstream that use thresholds of OpenTelemetry.',
      ),
    metrics: z
      .enum(['target', 'family'])
      .default('target')
      .describe('What stays together: all series of a target (`job`, `instance`), or of a metric family.'),
  })
  .prefault({})
  .describe('What part of the data goes to each side; changed while the bridge runs by `otlp-bridge share set`.')

const commonKeys = {
  phase: phase
    .default('dual')
    .describe(
      'Where the endpoint stands. `shadow`: the old side must have the data, the new one may. `dual`: both must. `new-primary`: the new side must. `new-only`: the old side gets nothing. What `otlp-bridge phase set` or the page changed later wins over the file.',
    ),
  phaseUntil: z
    .string()
    .regex(/^\d{4}-\d\d-\d\d$/, { error: 'expected a day such as 2026-12-31' })
    .optional()
    .describe('Day by which the phase should be over: a warning from a week before, red afterwards. Nothing switches by itself.'),
  auth: z
    .enum(['pass', 'own', 'none'])
    .default('pass')
    .describe('`pass`: the credentials of the client go on. `own`: those of `credentials`. `none`: none.'),
  credentials: z
    .strictObject({
      username: z.string().optional().describe('With `password`: HTTP Basic.'),
      password: z.string().optional().describe('Password, best out of the environment.'),
      bearer: z.string().optional().describe('Token sent as `Authorization: Bearer`.'),
      apiKey: z.string().optional().describe('Key sent as `Authorization: ApiKey`.'),
    })
    .prefault({})
    .describe('Who we are at the old backend, with `auth: own`.'),
  forwarded: z.boolean().default(false).describe('Send the address of the client along as `X-Forwarded-For`.'),
  undecodable: z
    .enum(['mirror', 'refuse'])
    .optional()
    .describe('What becomes of a body that cannot be decoded here. Default: `mirror` in phase `shadow`, `refuse` afterwards.'),
  queue: z
    .strictObject({ maxSize: byteSize.default(10 * GiB).describe('Bytes that may wait for the old side.') })
    .prefault({})
    .describe(
      'What waits for the old side lies in the queue of section `queue`, and has its own limit. With a memory queue the smaller of this and `queue.maxSize` holds.',
    ),
  onFull: z
    .enum(['phase', 'refuse', 'shed'])
    .default('phase')
    .describe(
      'When as much waits: `refuse` tells senders to come back, `shed` leaves the old side out and counts it; `phase`: refuse where the phase requires the old side.',
    ),
  concurrency: z
    .number()
    .int()
    .min(1)
    .max(256)
    .default(32)
    .describe('Requests to the old backend at a time. Its clients had a connection each; with few, what it gets falls behind under load.'),
  laneStall: duration.default(600_000).describe('A sender whose oldest request is being repeated for so long is named on the page.'),
  retry: z
    .strictObject({
      initial: duration.default(500).describe('Wait before the second try.'),
      max: duration.default(60_000).describe('Longest wait between tries.'),
      elapsed: duration.optional().describe('Give up after so long: dead letter. Default: never.'),
      suspectTries: z.number().int().min(1).default(8).describe('Tries of a request that the old side answers with 500.'),
    })
    .prefault({})
    .describe('How what the old side could not take is tried again.'),
  breaker: z
    .strictObject({
      failures: z.number().int().min(1).default(5).describe('Failures in a row after which the old side is left alone.'),
      open: duration.default(10_000).describe('For how long.'),
    })
    .prefault({})
    .describe('Leaves an old backend alone that does not answer.'),
}

const httpKeys = {
  ...commonKeys,
  url: z.url({ protocol: /^https?$/ }).describe('The old backend: scheme, host, port, and what stands before the path of each request.'),
  answer: z
    .enum(['bridge', 'legacy'])
    .optional()
    .describe(
      'Whose answer clients get: `bridge` when both queues have the data, `legacy` that of the old backend. Default: `legacy` in phase `shadow`, else `bridge`.',
    ),
  hostHeader: z.enum(['old', 'pass']).default('old').describe('`old`: the host of `url`; `pass`: the one the client sent.'),
  timeout: duration.default(60_000).describe('How long one try may take.'),
  forwardTimeout: duration.default(8_000).describe('With `queue.ack: forwarded`: how long a client waits for the old side.'),
  legacy: z
    .strictObject({
      timeout: duration.default(10_000).describe('With `answer: legacy`: how long the client waits for the old backend.'),
      fallback: z
        .enum(['bridge', 'fail'])
        .default('bridge')
        .describe('What the client gets when it does not answer: our own answer, or 504 and 502.'),
      keepRefused: z.boolean().default(false).describe('What the old backend refuses is kept for the new side all the same.'),
    })
    .prefault({})
    .describe('For `answer: legacy`.'),
  share,
  tls: clientTlsKeys('old backends').prefault({}).describe('TLS to the old backend.'),
  newUi: z.string().optional().describe('Where people find the data now: clients that ask for it are told once the old side is gone.'),
}

const proxy = (enabled: boolean) =>
  z
    .strictObject({
      enabled: z.boolean().default(enabled).describe('Pass requests that bring no data on to the old backend.'),
      timeout: duration.default(60_000).describe('How long the old backend may take to answer them.'),
      maxConcurrent: z.number().int().min(1).default(64).describe('Such requests at a time; more are told to come back.'),
      admin: z.boolean().default(false).describe('Pass those on, too, that change the cluster: snapshots, settings, security.'),
    })
    .prefault({})
    .describe('Requests that bring no data.')

type Ordering = 'sender' | 'lane' | 'none'

const orders = '`lane`: requests of one connection go one after the other. `none`: as many at a time as `concurrency` allows.'

const ordering = (byDefault: Ordering) => {
  const bySender = byDefault === 'sender'
  const names: readonly Ordering[] = bySender ? ['sender', 'lane', 'none'] : ['lane', 'none']
  const first = '`sender`: what an address sent after something was answered goes after that, whatever connections both took. '
  return z
    .enum(names)
    .default(byDefault)
    .describe(`${bySender ? first : ''}${orders}`)
}

const http = (path: { readonly proxy: boolean; readonly ordering: Ordering }) => ({
  ...httpKeys,
  proxy: proxy(path.proxy),
  ordering: ordering(path.ordering),
})

const udp = (what: string) =>
  z
    .strictObject({
      ...commonKeys,
      url: z
        .string()
        .regex(/^(udp|https?):\/\/\S+$/, { error: 'expected udp://host:port, or with via: http the URL of a collector' })
        .describe('The old agent: `udp://host:port`; with `via: http` the URL of an old collector.'),
      via: z
        .enum(['udp', 'http'])
        .default('udp')
        .describe(
          '`udp`: each datagram goes on as it is. `http`: what is in it goes to an old collector as Thrift over HTTP: the same content, other bytes, for sites without an agent.',
        ),
      maxPacketSize: byteSize.default(65_000).describe('Larger datagrams are left out and counted: the old agent would not take them.'),
      share,
    })
    .describe(what)

/** Section `mirror`: an absent key is an endpoint whose data goes to the new side alone. */
export const mirrorConfig = z
  .strictObject({
    zipkin: z
      .strictObject(http({ proxy: true, ordering: 'none' }))
      .optional()
      .describe('The old Zipkin.'),
    jaeger: z
      .strictObject({
        http: z
          .strictObject(http({ proxy: true, ordering: 'none' }))
          .optional()
          .describe('The old Jaeger collector, for what comes over HTTP.'),
        grpc: z
          .strictObject(http({ proxy: true, ordering: 'none' }))
          .optional()
          .describe('The old Jaeger collector, for what comes over gRPC.'),
        compact: udp('The old Jaeger agent, for Thrift compact.').optional(),
        binary: udp('The old Jaeger agent, for Thrift binary.').optional(),
        zipkin: udp('The old Jaeger agent, for Zipkin Thrift.').optional(),
      })
      .optional()
      .describe('The old Jaeger.'),
    prometheus: z
      .strictObject(http({ proxy: false, ordering: 'sender' }))
      .optional()
      .describe('The old remote-write receiver.'),
    elasticsearch: z
      .strictObject({
        ...http({ proxy: true, ordering: 'lane' }),
        assignIds: z
          .boolean()
          .default(false)
          .describe(
            'Write an `_id` into actions that have none, so that a repeat is recognised. The only option that changes what the old side gets.',
          ),
      })
      .optional()
      .describe('The old Elasticsearch or OpenSearch.'),
    beats: z
      .strictObject({
        ...http({ proxy: false, ordering: 'lane' }),
        url: z
          .string()
          .regex(/^(tcp|tls):\/\/\S+$/, { error: 'expected tcp://host:port or tls://host:port' })
          .describe('The old Logstash: `tcp://host:port` or `tls://host:port`.'),
        mode: z
          .enum(['reframe', 'tunnel'])
          .default('reframe')
          .describe(
            '`reframe`: events wait in the queue and go in windows of our own. `tunnel`: the connection is passed through, and the old side holds clients back.',
          ),
        compression: z.number().int().min(0).max(9).default(3).describe('Level of compression of our windows; 0 for none.'),
      })
      .optional()
      .describe('The old Logstash.'),
    books: booksConfig,
  })
  .prefault({})
  .describe('The old backends: what an endpoint receives goes on to them, byte for byte.')

export type MirrorConfig = z.output<typeof mirrorConfig>

/** One mirror with its defaults, whatever its protocol; keys that a protocol does not have are undefined. */
export type MirrorEndpointConfig =
  | NonNullable<MirrorConfig['zipkin']>
  | NonNullable<MirrorConfig['elasticsearch']>
  | NonNullable<MirrorConfig['beats']>
  | NonNullable<NonNullable<MirrorConfig['jaeger']>['compact']>

/** Every mirror that is configured, by the endpoint it belongs to as `interface.md` names it. */
export function mirrorsOf(config: MirrorConfig): ReadonlyMap<string, MirrorEndpointConfig> {
  const { zipkin, jaeger = {}, prometheus, elasticsearch, beats } = config
  const all: Record<string, MirrorEndpointConfig | undefined> = {
    zipkin,
    ...Object.fromEntries(Object.entries(jaeger).map(([name, one]) => [`jaeger.${name}`, one])),
    prometheus,
    elasticsearch,
    beats,
  }
  return new Map(Object.entries(all).flatMap(([name, one]) => (one === undefined ? [] : [[name, one] as const])))
}
