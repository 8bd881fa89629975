/** `ingest.otlp`: OTLP that passes through, so that a mixed fleet has one address. */

import { z } from 'zod'
import { grpcKeys, httpKeys } from '../schema.ts'

const enabled = z.boolean().default(true).describe('False switches this endpoint off while the other stays.')

const grpc = z
  .strictObject({ enabled, ...grpcKeys(4317) })
  .describe('OTLP over gRPC: `Export` of the services for traces, metrics and logs.')

export type OtlpGrpcConfig = z.infer<typeof grpc>

const http = z
  .strictObject({
    enabled,
    ...httpKeys(4318),
    cors: z
      .strictObject({
        origins: z
          .array(z.string())
          .default([])
          .describe('Origins of web pages that may send telemetry; `*` is any. Without any, browsers may not.'),
      })
      .prefault({})
      .describe('What browsers are told about cross-origin requests.'),
  })
  .describe('OTLP over HTTP: `POST /v1/traces`, `/v1/metrics`, `/v1/logs` with protobuf or JSON.')

export type OtlpHttpConfig = z.infer<typeof http>

export const otlpConfig = z
  .strictObject({ grpc: grpc.optional(), http: http.optional() })
  .describe('OTLP passes through unchanged. Off unless it is named here; where no endpoint is named, both are started.')

export type OtlpConfig = z.infer<typeof otlpConfig>

/** The endpoints to start: those named and not switched off; when none is, all that are not switched off. */
export interface OtlpEndpoints {
  readonly grpc: OtlpGrpcConfig | undefined
  readonly http: OtlpHttpConfig | undefined
}

/** Resolves which endpoints a section means, with their defaults filled in. */
export function otlpEndpoints(config: OtlpConfig): OtlpEndpoints {
  const named = [config.grpc, config.http].some((one) => one?.enabled === true)
  const wanted = <T extends { enabled: boolean }>(one: T | undefined, fallback: () => T): T | undefined =>
    one === undefined ? (named ? undefined : fallback()) : one.enabled ? one : undefined
  return { grpc: wanted(config.grpc, () => grpc.parse({})), http: wanted(config.http, () => http.parse({})) }
}
