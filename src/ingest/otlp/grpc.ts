/** OTLP over gRPC. @see opentelemetry.io/docs/specs/otlp/#otlpgrpc (1.9.0) */

import type { Signal } from '../../otlp/intake.ts'
import type { AdapterDeps, Listener, OtlpTranslators } from '../adapter.ts'
import { startGrpc } from '../grpc.ts'
import type { GrpcBody } from '../grpc-method.ts'
import type { Pages } from '../pages.ts'
import { createReceiver } from '../receive.ts'
import type { OtlpGrpcConfig } from './config.ts'
import { loopFault, loopHeader } from './loop.ts'

const services: readonly (readonly [signal: Signal, service: string])[] = [
  ['traces', 'trace.v1.TraceService'],
  ['metrics', 'metrics.v1.MetricsService'],
  ['logs', 'logs.v1.LogsService'],
]

/** Starts the endpoint: `Export` of the three services, answered without a partial success. Throws OB_LISTEN, or OB_CONFIG for the files of `tls` and `auth`. */
export function startOtlpGrpc(config: OtlpGrpcConfig, translators: OtlpTranslators, pages: Pages, deps: AdapterDeps): Promise<Listener> {
  const { enabled: _, ...options } = config
  const bodies = services.map(
    ([signal, service]): GrpcBody => ({
      path: `/opentelemetry.proto.collector.${service}/Export`,
      receiver: createReceiver({ format: 'otlp-proto', signal, transport: 'grpc', translate: translators.proto[signal] }, deps),
      checkHead: (header) => loopFault(deps.instanceId, header(loopHeader)),
    }),
  )
  return startGrpc({ ...options, section: 'ingest.otlp.grpc', bodies, trouble: pages.trouble }, deps)
}
