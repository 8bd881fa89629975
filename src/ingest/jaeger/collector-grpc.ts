/** The Jaeger collector's gRPC endpoint, 14250. Rules J-R1 to J-R7 of the mapping. */

import type { AdapterDeps, BodyTranslator, Listener } from '../adapter.ts'
import { startGrpc } from '../grpc.ts'
import type { GrpcMethod } from '../grpc-method.ts'
import type { Pages } from '../pages.ts'
import { createReceiver } from '../receive.ts'
import { collectorFiles } from './api-v2.ts'
import type { JaegerGrpcConfig } from './config.ts'

/** What the endpoint serves. */
export interface JaegerGrpcServices {
  /** A `PostSpansRequest`. */
  readonly postSpans: BodyTranslator
  /** `SamplingManager/GetSamplingStrategy`, which clients ask for on this port too. */
  readonly sampling: GrpcMethod
}

/** Starts the endpoint. Throws OB_LISTEN, or OB_CONFIG for the files of `tls` and `auth`. */
export function startJaegerGrpc(
  config: JaegerGrpcConfig,
  services: JaegerGrpcServices,
  pages: Pages,
  deps: AdapterDeps,
): Promise<Listener> {
  const receiver = createReceiver({ format: 'jaeger-proto', transport: 'grpc', translate: services.postSpans }, deps)
  return startGrpc(
    {
      ...config,
      section: 'ingest.jaeger.grpc',
      bodies: [{ path: '/jaeger.api_v2.CollectorService/PostSpans', receiver }],
      methods: [services.sampling],
      trouble: pages.trouble,
      files: collectorFiles,
    },
    deps,
  )
}
