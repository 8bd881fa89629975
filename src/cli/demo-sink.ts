/** The OTLP endpoint inside the demo: takes traces over HTTP and remembers which spans it saw. */

import { createServer } from 'node:http'
import { decodeTraces } from '../otlp/decode/traces.ts'
import { spanIdToHex, traceIdToHex } from '../otlp/ids.ts'

export interface DemoSink {
  /** `http://127.0.0.1:PORT` */
  readonly endpoint: string
  /** How often each span was seen, by `traceId/spanId` in hex. */
  readonly seen: ReadonlyMap<string, number>
  stop(): Promise<void>
}

/** Starts on a free port of 127.0.0.1. */
export async function startDemoSink(): Promise<DemoSink> {
  const seen = new Map<string, number>()
  const take = (body: Uint8Array): void => {
    for (const resource of decodeTraces(body).resourceSpans) {
      for (const scope of resource.scopeSpans) {
        for (const span of scope.spans) {
          const id = `${traceIdToHex(span.trace0, span.trace1, span.trace2, span.trace3)}/${spanIdToHex(span.span0, span.span1)}`
          seen.set(id, (seen.get(id) ?? 0) + 1)
        }
      }
    }
  }
  const server = createServer((request, response) => {
    const pieces: Buffer[] = []
    request.on('data', (piece: Buffer) => pieces.push(piece))
    request.on('end', () => {
      if (request.method !== 'POST' || request.url !== '/v1/traces') return void response.writeHead(404).end()
      take(Buffer.concat(pieces))
      response.writeHead(200, { 'content-type': 'application/x-protobuf', 'content-length': 0 }).end()
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const at = server.address()
  return {
    endpoint: `http://127.0.0.1:${at !== null && typeof at === 'object' ? at.port : 0}`,
    seen,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
