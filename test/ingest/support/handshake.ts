/** A listener that answers what is no document, and a client that shows everything of an answer. */

import { request as httpRequest } from 'node:http'
import net from 'node:net'
import type { Listener } from '../../../src/ingest/adapter.ts'
import { elasticsearchConfig } from '../../../src/ingest/elasticsearch/config.ts'
import { createHandshake } from '../../../src/ingest/elasticsearch/handshake.ts'
import { mayPass } from '../../../src/ingest/elasticsearch/handshake-replies.ts'
import { startServer } from '../../../src/ingest/http.ts'
import { type FakeDeps, quietPages } from './fakes.ts'

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly text: string
  /** The body as JSON; undefined where it is none. */
  readonly json: unknown
}

/** The endpoint without its part for documents. @param section of the configuration, below `ingest.elasticsearch` */
export async function startHandshake(section: object, deps: FakeDeps & { readonly dataPath?: string | undefined }): Promise<Listener> {
  const config = elasticsearchConfig.parse({ host: '127.0.0.1', port: 0, ...section })
  const handshake = createHandshake({ config, backend: quietPages.endpoint }, deps)
  const http = await startServer({ section: 'ingest.elasticsearch', ...config }, deps, async ({ guard }) => ({
    onRequest(request, response) {
      if (mayPass(guard, request, response)) handshake.answer(request, response)
    },
    close: handshake.close,
  }))
  return { ...http, warnings: handshake.warnings }
}

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

export interface AskOptions {
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array | object
}

/** Asks a listener; the path goes out as it stands. */
export function ask(listener: Listener, method: string, path: string, { headers = {}, body }: AskOptions = {}): Promise<Answer> {
  const { hostname, port } = new URL(listener.addresses[0] ?? '')
  const bytes = body === undefined || typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body)
  const length = bytes === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(bytes)) }
  return new Promise((done, failed) => {
    const request = httpRequest({ hostname, port, method, path, headers: { ...length, ...headers }, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (piece) => {
        text += piece
      })
      response.on('end', () => done({ status: response.statusCode ?? 0, headers: response.headers, text, json: jsonOf(text) }))
      response.on('error', failed)
    })
    request.on('error', failed)
    request.end(bytes)
  })
}

/** Sends requests on one connection, a bunch at a time, and counts answers by status. */
export async function flood(listener: Listener, count: number, requestOf: (at: number) => string): Promise<Record<string, number>> {
  const { hostname, port } = new URL(listener.addresses[0] ?? '')
  const socket = net.connect(Number(port), hostname)
  const statuses: Record<string, number> = {}
  let answered = 0
  let rest = ''
  let wake = (): void => {}
  socket.on('data', (piece) => {
    // A status line may come in two pieces.
    const text = rest + piece.toString('latin1')
    const found = [...text.matchAll(/HTTP\/1\.1 (\d{3}) [^\r]*\r\n/g)]
    for (const [, status = ''] of found) statuses[status] = (statuses[status] ?? 0) + 1
    answered += found.length
    const last = found.at(-1)
    rest = text.slice(Math.max(last === undefined ? 0 : (last.index ?? 0) + last[0].length, text.length - 64))
    wake()
  })
  for (let sent = 0; sent < count; ) {
    const bunch = Math.min(500, count - sent)
    let text = ''
    for (let at = 0; at < bunch; at++) text += requestOf(sent + at)
    sent += bunch
    socket.write(text)
    while (answered < sent) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
  socket.destroy()
  return statuses
}
