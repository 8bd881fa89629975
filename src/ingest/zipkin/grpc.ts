/** Zipkin over gRPC: `zipkin.proto3.SpanService/Report`, on the port of HTTP or one of its own (mapping, other transports). */

import type { AdapterDeps, BodyTranslator, Listener } from '../adapter.ts'
import { startGrpc } from '../grpc.ts'
import type { GrpcOptions } from '../grpc-method.ts'
import { createGrpcServer, type GrpcServer } from '../grpc-server.ts'
import type { Guard } from '../guard.ts'
import type { Pages } from '../pages.ts'
import { createReceiver } from '../receive.ts'
import type { ZipkinConfig, ZipkinGrpcConfig } from './config.ts'
import { zipkinFiles } from './proto3.ts'

type Options = Omit<GrpcOptions, 'host' | 'port' | 'tls' | 'auth'>

/** A `ListOfSpans` is answered with a `ReportResponse`, which has no fields. */
function optionsOf(config: ZipkinConfig, grpc: ZipkinGrpcConfig, translate: BodyTranslator, pages: Pages, deps: AdapterDeps): Options {
  const receiver = createReceiver({ format: 'zipkin-proto', transport: 'grpc', translate, strict: config.strict }, deps)
  return {
    ...grpc,
    section: 'ingest.zipkin.grpc',
    bodies: [{ path: '/zipkin.proto3.SpanService/Report', receiver }],
    trouble: pages.trouble,
    files: zipkinFiles,
  }
}

/** For connections that the HTTP endpoint hands over. @param translate a `ListOfSpans`. @param guard that of the endpoint */
export function createZipkinGrpc(
  config: ZipkinConfig,
  grpc: ZipkinGrpcConfig,
  translate: BodyTranslator,
  guard: Guard | undefined,
  pages: Pages,
  deps: AdapterDeps,
): GrpcServer {
  return createGrpcServer({ ...optionsOf(config, grpc, translate, pages, deps), guard }, deps)
}

/** Starts a port of its own. Throws OB_LISTEN, or OB_CONFIG for the files of `tls` and `auth`. */
export function startZipkinGrpc(
  config: ZipkinConfig,
  grpc: ZipkinGrpcConfig,
  port: number,
  translate: BodyTranslator,
  pages: Pages,
  deps: AdapterDeps,
): Promise<Listener> {
  const { host, tls, auth } = config
  return startGrpc({ ...optionsOf(config, grpc, translate, pages, deps), host, port, tls, auth }, deps)
}
