/** `ingest.jaeger`: the Jaeger collector's HTTP and gRPC endpoints, the agent's UDP ports, the collector's admin port. */

import { z } from 'zod'
import { byteSize, duration } from '../../config/units.ts'
import { decodeLimitKeys, grpcKeys, hostKey, httpKeys, portKey } from '../schema.ts'

const enabled = z.boolean().default(true).describe('False switches this endpoint off while the others stay.')

const agentPort = (port: number, speaks: string) =>
  z
    .strictObject({
      enabled,
      host: hostKey,
      port: portKey(port),
      receiveBuffer: byteSize
        .default(4 * 1024 * 1024)
        .describe('Receive buffer asked of the kernel, which caps it at `net.core.rmem_max`; what it grants is logged and counted.'),
      backlog: byteSize
        .default(16 * 1024 * 1024)
        .describe('Bytes of datagrams that may wait for translation; further ones are dropped and counted.'),
      batch: z
        .strictObject({
          items: z.number().int().positive().default(2000).describe('Spans after which what has come together is queued.'),
          bytes: byteSize.default(512 * 1024).describe('Bytes after which what has come together is queued.'),
          delay: duration.default(50).describe('How long spans of several datagrams are gathered before they are queued together.'),
          hold: byteSize.default(8 * 1024 * 1024).describe('Bytes of spans kept while the queue is full; beyond it spans are dropped.'),
        })
        .prefault({})
        .describe('Datagrams are small and nobody waits for an answer: their spans are queued together.'),
      limits: z.strictObject(decodeLimitKeys).prefault({}).describe('What one datagram may hold.'),
    })
    .describe(speaks)

export const agentPortConfig = agentPort(6831, '')
export type AgentPortConfig = z.infer<typeof agentPortConfig>

const collector = z.strictObject({ enabled, ...httpKeys(14268) }).describe('The collector: `POST /api/traces` with Thrift.')
export type JaegerHttpConfig = z.infer<typeof collector>

const grpc = z
  .strictObject({ enabled, ...grpcKeys(14250) })
  .describe('The collector over gRPC: `PostSpans`, `GetSamplingStrategy`, health.')
export type JaegerGrpcConfig = z.infer<typeof grpc>

const health = z
  .strictObject({ enabled, ...httpKeys(14269) })
  .describe('The admin port of the Jaeger collector: `GET /` and `GET /metrics`. Off unless it is named here.')
export type JaegerHealthConfig = z.infer<typeof health>

const sampling = z
  .strictObject({ enabled, ...httpKeys(5778) })
  .describe("The agent's port for sampling strategies: `GET /sampling?service=`, `GET /baggageRestrictions`.")
export type JaegerSamplingConfig = z.infer<typeof sampling>

const samplingGrpc = z
  .strictObject({ enabled, ...grpcKeys(5779) })
  .describe('The port of Jaeger v2 for sampling strategies: `jaeger.api_v2.SamplingManager/GetSamplingStrategy`.')
export type JaegerSamplingGrpcConfig = z.infer<typeof samplingGrpc>

export const jaegerConfig = z
  .strictObject({
    http: collector.optional(),
    grpc: grpc.optional(),
    compact: agentPort(6831, "The agent's port for Thrift compact.").optional(),
    binary: agentPort(6832, "The agent's port for Thrift binary.").optional(),
    zipkin: agentPort(5775, "The agent's old port for Zipkin Thrift.").optional(),
    sampling: sampling.optional(),
    samplingGrpc: samplingGrpc.optional(),
    health: health.optional(),
  })
  .describe('Jaeger: where no endpoint is named here, all but the admin port are started; where some are, only those.')

export type JaegerConfig = z.infer<typeof jaegerConfig>

/** The endpoints to start: those named and not switched off; when none is, all but `health` that are not switched off. */
export interface JaegerEndpoints {
  readonly http: JaegerHttpConfig | undefined
  readonly grpc: JaegerGrpcConfig | undefined
  readonly compact: AgentPortConfig | undefined
  readonly binary: AgentPortConfig | undefined
  readonly zipkin: AgentPortConfig | undefined
  readonly sampling: JaegerSamplingConfig | undefined
  readonly samplingGrpc: JaegerSamplingGrpcConfig | undefined
  readonly health: JaegerHealthConfig | undefined
}

/** Resolves which endpoints a section means, with their defaults filled in. */
export function jaegerEndpoints(config: JaegerConfig): JaegerEndpoints {
  const named = [config.http, config.grpc, config.compact, config.binary, config.zipkin, config.sampling, config.samplingGrpc].some(
    (one) => one?.enabled === true,
  )
  const wanted = <T extends { enabled: boolean }>(one: T | undefined, fallback: () => T): T | undefined =>
    one === undefined ? (named ? undefined : fallback()) : one.enabled ? one : undefined
  return {
    http: wanted(config.http, () => collector.parse({})),
    grpc: wanted(config.grpc, () => grpc.parse({})),
    compact: wanted(config.compact, () => agentPort(6831, '').parse({})),
    binary: wanted(config.binary, () => agentPort(6832, '').parse({})),
    zipkin: wanted(config.zipkin, () => agentPort(5775, '').parse({})),
    sampling: wanted(config.sampling, () => sampling.parse({})),
    samplingGrpc: wanted(config.samplingGrpc, () => samplingGrpc.parse({})),
    health: config.health?.enabled === true ? config.health : undefined,
  }
}
