/** An OTLP endpoint in this process that does as it is told. */

import { createServer, type IncomingHttpHeaders, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { onTestFinished } from 'vitest'

export interface Received {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  /** After decompression. */
  readonly body: Buffer
}

export type Answer = (response: ServerResponse, received: Received) => void

/** Answers 200 with an empty body. */
export const accept: Answer = (response) => void response.setHeader('content-type', 'application/x-protobuf').end()

/** Answers with a status and a text. */
export const refuse =
  (status: number, text = '', headers: Record<string, string> = {}): Answer =>
  (response) =>
    void response.writeHead(status, { 'content-type': 'text/plain', ...headers }).end(text)

export interface Sink {
  readonly url: string
  readonly received: Received[]
  /** How it answers from now on. */
  answer: Answer
}

/** @param tls makes it an https endpoint */
export async function startSink(answer: Answer = accept, tls?: ServerOptions): Promise<Sink> {
  const received: Received[] = []
  const listener: RequestListener = (request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('error', () => {
      // A client that went away: what the test wanted.
    })
    request.on('end', () => {
      const body = Buffer.concat(chunks)
      const one = {
        path: request.url ?? '',
        headers: request.headers,
        body: request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body,
      }
      received.push(one)
      sink.answer(response, one)
    })
  }
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const sink: Sink = {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    answer,
  }
  return sink
}
