/** An OTLP endpoint over gRPC in this process, made by @grpc/grpc-js, that does as it is told. */

import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceDefinition,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js'
import { onTestFinished } from 'vitest'

export interface GrpcReceived {
  readonly method: string
  readonly metadata: Metadata
  readonly body: Buffer
  readonly deadlineMs: number
  /** Name in the client's certificate. */
  readonly peer: string | undefined
}

export interface GrpcAnswer {
  readonly code?: number
  readonly details?: string
  readonly trailers?: Readonly<Record<string, string | Buffer>>
  /** `Export…ServiceResponse`, for code 0. */
  readonly body?: Buffer
}

export interface GrpcSink {
  readonly port: number
  readonly url: string
  readonly received: GrpcReceived[]
  readonly server: Server
  /** Undefined: never answers. */
  answer: (received: GrpcReceived) => GrpcAnswer | undefined | Promise<GrpcAnswer | undefined>
  /** Stops taking new connections and says so on those there are. */
  drain(): void
}

const identity = (bytes: Buffer): Buffer => bytes

const peerOf = (call: ServerUnaryCall<Buffer, Buffer>): string | undefined => {
  const name = call.getAuthContext().sslPeerCertificate?.subject?.CN
  return name === undefined ? undefined : String(name)
}

const methods = ['trace.v1.TraceService', 'metrics.v1.MetricsService', 'logs.v1.LogsService'].map(
  (name) => `/opentelemetry.proto.collector.${name}/Export`,
)

export async function startGrpcSink(
  options: { readonly credentials?: ServerCredentials; readonly port?: number; readonly settings?: Record<string, number> } = {},
): Promise<GrpcSink> {
  const received: GrpcReceived[] = []
  const server = new Server({ 'grpc.max_receive_message_length': -1, ...options.settings })
  const handle = (method: string) => async (call: ServerUnaryCall<Buffer, Buffer>, reply: sendUnaryData<Buffer>) => {
    const deadline = call.getDeadline()
    const one = { method, metadata: call.metadata, body: call.request, deadlineMs: Number(deadline) - Date.now(), peer: peerOf(call) }
    received.push(one)
    const answer = await sink.answer(one)
    if (answer === undefined) return
    const trailers = new Metadata()
    for (const [name, value] of Object.entries(answer.trailers ?? {})) trailers.set(name, value)
    if ((answer.code ?? status.OK) === status.OK) reply(null, answer.body ?? Buffer.alloc(0), trailers)
    else reply({ code: answer.code as status, details: answer.details ?? '', metadata: trailers })
  }
  for (const path of methods) {
    const definition: ServiceDefinition = {
      Export: {
        path,
        requestStream: false,
        responseStream: false,
        requestSerialize: identity,
        requestDeserialize: identity,
        responseSerialize: identity,
        responseDeserialize: identity,
      },
    }
    server.addService(definition, { Export: handle(path) })
  }
  const credentials = options.credentials ?? ServerCredentials.createInsecure()
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${options.port ?? 0}`, credentials, (error, bound) => (error === null ? resolve(bound) : reject(error)))
  })
  onTestFinished(() => server.forceShutdown())
  const sink: GrpcSink = {
    port,
    url: `${options.credentials === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    received,
    server,
    answer: () => ({}),
    drain: () => server.drain(`127.0.0.1:${port}`, 50),
  }
  return sink
}
