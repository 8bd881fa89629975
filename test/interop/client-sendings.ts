/** The real clients, each with every transport and encoding that it knows, tapped so that all receivers get the same bytes. */

import { postSpansOf } from './agent-sender.ts'
import type { Origin } from './differences.ts'
import { callGrpc } from './grpc-call.ts'
import type { Receivers, Sent } from './paths.ts'
import { type Language, runEmitter } from './peers.ts'
import { teeHttp, teeUdp } from './tee.ts'
import { readBatch, readDatagram } from './thrift-oracle.ts'

/** One client in one set-up. */
export interface ClientSending {
  readonly title: string
  readonly language: Language
  readonly origin: Origin
  send(receivers: readonly Receivers[]): Promise<Sent>
}

/** What an emitter says at its end. */
const traceOf = (output: string): { readonly traceId: string; readonly spans: number } => {
  const [, traceId, spans] = /^trace ([0-9a-f]{32}) (\d+)$/m.exec(output) ?? []
  if (traceId === undefined) throw new Error(`cannot tell what a client sent\n${output}`)
  return { traceId, spans: Number(spans) }
}

const zipkin = (title: string, language: Language, encoding: string, origin: Origin): ClientSending => ({
  title,
  language,
  origin,
  async send(receivers) {
    const tap = await teeHttp(receivers.map((one) => one.zipkin))
    const path = encoding === 'json_v1' ? 'v1' : 'v2'
    const output = await runEmitter(language, {
      DO: 'zipkin',
      SERVICE: `${language}-shop`,
      ZIPKIN_ENCODING: encoding,
      ZIPKIN_URL: `http://127.0.0.1:${tap.port}/api/${path}/spans`,
    })
    await tap.close()
    const { traceId, spans } = traceOf(output)
    // The clients of version 1 write an address annotation that makes Jaeger refuse the request (Z-V1).
    return { traceIds: [traceId], spans, accepted: encoding === 'json_v1' ? 0 : spans }
  },
})

type Way = 'http' | 'compact' | 'binary' | 'agent'

const jaeger = (title: string, language: Language, way: Way): ClientSending => ({
  title,
  language,
  origin: way === 'agent' ? 'jaeger-proto' : 'jaeger-thrift',
  async send(receivers) {
    const http = await teeHttp(way === 'http' ? receivers.map((one) => one.thriftHttp) : [])
    const udp = await teeUdp(way === 'compact' || way === 'binary' ? receivers.map((one) => one[way]) : [])
    // Python knows datagrams only; behind an agent it does not matter how the batch came there.
    const datagrams = way === 'compact' || way === 'binary' || (way === 'agent' && language === 'python')
    const output = await runEmitter(language, {
      DO: 'jaeger',
      SERVICE: `${language}-shop`,
      JAEGER_URL: `http://127.0.0.1:${http.port}/api/traces`,
      ...(datagrams ? { AGENT: `127.0.0.1:${udp.port}` } : {}),
    })
    await Promise.all([http.close(), udp.close()])
    const { traceId, spans } = traceOf(output)
    if (way === 'agent') {
      const batches = [...http.seen.map(({ body }) => readBatch(body)), ...udp.seen.map((bytes) => readDatagram(bytes).batch)]
      for (const { grpc } of receivers) {
        for (const batch of batches) {
          const { code, details } = await callGrpc(grpc, '/jaeger.api_v2.CollectorService/PostSpans', postSpansOf(batch))
          if (code !== 0) throw new Error(`cannot post spans: gRPC status ${code} ${details}`)
        }
      }
    }
    return { traceIds: [traceId], spans, accepted: spans }
  },
})

export const clientSendings: readonly ClientSending[] = [
  zipkin('zipkin-js, JSON', 'node', 'json_v2', 'zipkin-v2'),
  zipkin('zipkin-js, JSON of version 1', 'node', 'json_v1', 'zipkin-v1'),
  zipkin('py_zipkin, JSON', 'python', 'json_v2', 'zipkin-v2'),
  zipkin('py_zipkin, JSON of version 1', 'python', 'json_v1', 'zipkin-v1'),
  zipkin('zipkin-go, JSON', 'go', 'json_v2', 'zipkin-v2'),
  zipkin('zipkin-go, protobuf', 'go', 'proto3', 'zipkin-proto'),
  zipkin('Brave, JSON', 'java', 'json_v2', 'zipkin-v2'),
  zipkin('Brave, protobuf', 'java', 'proto3', 'zipkin-proto'),
  jaeger('jaeger-client-node over HTTP', 'node', 'http'),
  jaeger('jaeger-client-node over binary UDP', 'node', 'binary'),
  jaeger('jaeger-client-node behind an agent', 'node', 'agent'),
  jaeger('jaeger-client-python over compact UDP', 'python', 'compact'),
  jaeger('jaeger-client-python behind an agent', 'python', 'agent'),
  jaeger('jaeger-client-go over HTTP', 'go', 'http'),
  jaeger('jaeger-client-go over compact UDP', 'go', 'compact'),
  jaeger('jaeger-client-go behind an agent', 'go', 'agent'),
  jaeger('jaeger-client-java over HTTP', 'java', 'http'),
  jaeger('jaeger-client-java over compact UDP', 'java', 'compact'),
  jaeger('jaeger-client-java behind an agent', 'java', 'agent'),
]
