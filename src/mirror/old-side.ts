/** Which protocol the old side of an endpoint speaks. */

import type { SecureContext } from 'node:tls'
import type { Metrics } from '../telemetry/metrics.ts'
import type { MirrorEndpointConfig } from './config.ts'
import { authorizationOf } from './credentials.ts'
import type { OldSide } from './errand.ts'
import { viaName } from './headers.ts'

export interface OldSideDeps {
  readonly instanceId: string
  readonly metrics: Metrics
  readonly nowMs: () => number
  readonly monotonicMs: () => number
  readonly timer?: ((ms: number, call: () => void) => () => void) | undefined
  readonly secureContext?: SecureContext | undefined
}

/** An old side whose certificates may be replaced while it runs. */
export interface RenewableOldSide extends OldSide {
  renew?(secureContext: SecureContext): void
}

/** Creates the sender that an endpoint's mirror needs, and loads no other. */
export async function createOldSide(endpoint: string, config: MirrorEndpointConfig, deps: OldSideDeps): Promise<RenewableOldSide> {
  const { nowMs, secureContext } = deps
  const rules = {
    via: `1.1 ${viaName(deps.instanceId)}`,
    authorization: authorizationOf(config),
    passHost: 'hostHeader' in config && config.hostHeader === 'pass',
    forwarded: config.forwarded,
  }
  const timeoutMs = 'timeout' in config ? config.timeout : 60_000
  const http = { endpoint, url: config.url, rules, timeoutMs, connections: config.concurrency, secureContext, nowMs }
  if ('maxPacketSize' in config) {
    const { createReframingOldSide, createUdpOldSide } = await import('./send-udp.ts')
    const { maxPacketSize } = config
    if (config.via === 'http') return createReframingOldSide({ ...http, metrics: deps.metrics })
    return createUdpOldSide({ url: config.url, maxPacketSize, name: `mirror.${endpoint}`, metrics: deps.metrics })
  }
  if ('assignIds' in config) {
    const { createBulkOldSide } = await import('./send-bulk.ts')
    return createBulkOldSide({ ...http, assignIds: config.assignIds })
  }
  if ('mode' in config) {
    const { createBeatsOldSide } = await import('./send-beats.ts')
    return createBeatsOldSide({ endpoint, url: config.url, compression: config.compression, silenceMs: timeoutMs, secureContext })
  }
  if (endpoint === 'jaeger.grpc') {
    const { createGrpcOldSide } = await import('./send-grpc.ts')
    return createGrpcOldSide({ ...http, monotonicMs: deps.monotonicMs })
  }
  const { createHttpOldSide } = await import('./send-http.ts')
  return createHttpOldSide(http)
}
