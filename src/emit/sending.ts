/** Everything of one destination below its place in the queue: transports, endpoints, certificates, encoding. */

import type { ClientTls } from '../net/client-tls.ts'
import type { Signal } from '../otlp/intake.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { DestinationConfig, EndpointConfig } from './destinations.ts'
import { withEncoding } from './encode.ts'
import { createEndpoints, type EndpointStatus } from './endpoints.ts'
import type { OutgoingRequest, Sender } from './sender.ts'
import { withTimeout } from './timeout.ts'
import type { Transport, WireRequest } from './transport/wire.ts'

export interface SendingDeps {
  readonly metrics: Metrics
  readonly log: Logger
  /** Wall clock in milliseconds. */
  readonly nowMs: () => number
  readonly monotonicMs: () => number
  /** Name of this process, sent as `x-otlp-bridge` so that our own OTLP listener recognises a loop. */
  readonly instanceId: string
  /** Needed for `protocol: http/json` only: protobuf request → OTLP JSON. */
  readonly toJson?: ((signal: Signal, data: Uint8Array) => string | Uint8Array) | undefined
}

export interface Sending {
  /** One try: over all endpoints that may be asked now, each within `timeout`. Neither repeats nor waits. */
  readonly transport: Sender<WireRequest>
  /** Puts the body together once for all tries of a request. */
  encode(send: Sender<WireRequest>): Sender<OutgoingRequest>
  /** Sentences about certificates, and about endpoints that are left alone while others take their share; empty when all is well. */
  trouble(): readonly string[]
  /** For the page, in the order of the configuration. */
  endpoints(): readonly EndpointStatus[]
  /** Looks at the certificate files now, as it does by itself every few seconds. */
  look(): Promise<void>
  /** Cuts what is still under way. */
  close(): Promise<void>
}

/** Scheme, host, port and path: userinfo and query may be secrets. */
function nameOf(url: string): string {
  if (!/^https?:\/\//i.test(url)) return url
  const { origin, pathname } = new URL(url)
  return origin + (pathname === '/' ? '' : pathname)
}

/** Two entries of one URL stay apart. */
function namesOf(endpoints: readonly EndpointConfig[]): string[] {
  const names = endpoints.map(({ url }) => nameOf(url))
  return names.map((name, at) => (names.indexOf(name) === at ? name : `${name} (${at + 1})`))
}

async function createTransport(
  config: DestinationConfig,
  endpoint: EndpointConfig,
  tls: ClientTls | undefined,
  deps: SendingDeps,
): Promise<Transport> {
  const common = {
    urls: endpoint.urls,
    headers: { 'user-agent': 'otlp-bridge', ...endpoint.headers, 'x-otlp-bridge': deps.instanceId },
    secureContext: tls?.secureContext,
    nowMs: deps.nowMs,
  }
  if (config.protocol === 'grpc') {
    const { createGrpcTransport } = await import('./transport/grpc.ts')
    const { timeoutMs, keepAlive } = config
    return createGrpcTransport({ ...common, timeoutMs, keepAlive, monotonicMs: deps.monotonicMs })
  }
  const { createHttpTransport } = await import('./transport/http.ts')
  return createHttpTransport({ ...common, connections: config.concurrency })
}

/** Creates it; nothing is connected to yet. Throws OB_CONFIG for certificates that cannot be used. */
export async function createSending(config: DestinationConfig, deps: SendingDeps): Promise<Sending> {
  const { log, metrics, toJson } = deps
  const own = { destination: config.name }
  if (config.protocol === 'http/json' && toJson === undefined) throw new Error('BUG: http/json without an encoder')
  let tls: ClientTls | undefined
  if (config.tls.ca !== undefined || config.tls.cert !== undefined) {
    const { createClientTls } = await import('../net/client-tls.ts')
    tls = await createClientTls(config.tls, `${config.section}.tls`, deps)
    for (const trouble of tls.trouble()) log.warn(own, trouble)
  }
  const transports = await Promise.all(config.endpoints.map((endpoint) => createTransport(config, endpoint, tls, deps)))
  tls?.onReload((secureContext) => {
    for (const transport of transports) transport.renew(secureContext)
  })
  const names = namesOf(config.endpoints)
  for (const endpoint of names) metrics.gauge('otlp_bridge_endpoint_up', { ...own, endpoint }).value = 1
  const repeated = metrics.counter('otlp_bridge_repeated_items_total', own)
  const several = names.length > 1

  const endpoints = createEndpoints<WireRequest>(
    transports.map((transport, at) => ({ name: names[at] as string, send: withTimeout(transport.send, config) })),
    {
      balance: config.balance,
      breaker: { ...config.breaker, monotonicMs: deps.monotonicMs },
      onFailover(request, endpoint, { reason, mayHaveArrived }) {
        // The connection that failed may still hold the memory.
        request.onRepeat(mayHaveArrived)
        metrics.counter('otlp_bridge_failovers_total', { ...own, endpoint, reason }).value++
        if (mayHaveArrived) repeated.value += request.items
      },
      onState(endpoint, up, error) {
        metrics.gauge('otlp_bridge_endpoint_up', { ...own, endpoint }).value = up ? 1 : 0
        if (!several) return
        if (up) log.info({ ...own, endpoint }, 'an endpoint is back and gets its share again')
        else log.warn({ ...own, endpoint, reason: error?.reason }, `an endpoint is left alone for now: ${error?.message ?? ''}`)
      },
    },
  )

  return {
    transport: endpoints.send,
    encode: (send) =>
      withEncoding(send, {
        json: config.protocol === 'http/json',
        compression: config.compression,
        level: config.compressionLevel,
        toJson: toJson ?? (() => ''),
        onFallback: (from, to, error) =>
          log.warn({ ...own, from, to }, `the endpoint does not know ${from}, sending ${to} from now on: ${error.message}`),
      }),
    trouble() {
      const down = several ? endpoints.status().filter(({ up }) => !up) : []
      const left = down.map(
        ({ name, lastError }) => `endpoint ${name} of destination ${config.name} is left alone: ${lastError?.message ?? ''}`,
      )
      return [...(tls?.trouble() ?? []), ...left]
    },
    endpoints: endpoints.status,
    look: async () => tls?.look(),
    async close() {
      tls?.close()
      await Promise.all(transports.map((transport) => transport.close()))
    },
  }
}
