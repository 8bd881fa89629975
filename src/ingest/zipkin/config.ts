/** `ingest.zipkin`: the Zipkin collector's endpoint, over HTTP and, where wanted, gRPC. */

import { z } from 'zod'
import { grpcLimits, grpcTimeouts, httpKeys, reflectionKey } from '../schema.ts'

const grpc = z
  .strictObject({
    enabled: z.boolean().default(true).describe('False switches gRPC off again.'),
    port: z
      .number()
      .int()
      .min(0)
      .max(65535)
      .optional()
      .describe("A port of its own. Without it gRPC is spoken on the port of HTTP, as by Zipkin's own server."),
    limits: grpcLimits,
    timeouts: grpcTimeouts,
    reflection: reflectionKey,
  })
  .describe('`zipkin.proto3.SpanService/Report` over gRPC, under the host, `tls` and `auth` of this section. Off unless it is named here.')

export type ZipkinGrpcConfig = z.infer<typeof grpc>

export const zipkinConfig = z
  .strictObject({
    ...httpKeys(9411),
    strict: z
      .boolean()
      .default(false)
      .describe(
        'Refuse a whole request for one bad span, or for spans of the other version, as Zipkin does. Otherwise the good ones go on.',
      ),
    cors: z
      .strictObject({
        origins: z
          .array(z.string())
          .default(['*'])
          .describe('Origins of web pages that may post spans (zipkin-js does); `*` is any, an empty list is none.'),
      })
      .prefault({})
      .describe('What browsers are told about cross-origin requests.'),
    grpc: grpc.optional(),
    newBackend: z
      .string()
      .optional()
      .describe('Where people find their traces now: named in the answer to read requests, which the bridge cannot serve.'),
  })
  .describe('Zipkin: `POST /api/v2/spans` and `POST /api/v1/spans`.')

export type ZipkinConfig = z.infer<typeof zipkinConfig>
