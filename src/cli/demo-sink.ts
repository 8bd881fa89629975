/** The OTLP endpoint inside the demo: takes traces, metrics and logs over HTTP and remembers which items it saw. */

import { createServer } from 'node:http'
import type { Signal } from '../otlp/intake.ts'
import { requestToJson } from '../otlp/json/to-json.ts'
import { idsOf, type OtlpJson } from './fixtures.ts'

export interface DemoSink {
  /** `http://127.0.0.1:PORT` */
  readonly endpoint: string
  /** How often each item was seen, by {@link idsOf}. */
  readonly seen: ReadonlyMap<string, number>
  stop(): Promise<void>
}

const signals: ReadonlyMap<string, Signal> = new Map([
  ['/v1/traces', 'traces'],
  ['/v1/metrics', 'metrics'],
  ['/v1/logs', 'logs'],
])

/** Starts on a free port of 127.0.0.1. */
export async function startDemoSink(): Promise<DemoSink> {
  const seen = new Map<string, number>()
  const take = (signal: Signal, body: Uint8Array): void => {
    for (const id of idsOf(JSON.parse(requestToJson(signal, body).toString()) as OtlpJson)) seen.set(id, (seen.get(id) ?? 0) + 1)
  }
  const server = createServer((request, response) => {
    const pieces: Buffer[] = []
    request.on('data', (piece: Buffer) => pieces.push(piece))
    request.on('end', () => {
      const signal = request.method === 'POST' ? signals.get(request.url ?? '') : undefined
      if (signal === undefined) return void response.writeHead(404).end()
      take(signal, Buffer.concat(pieces))
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
