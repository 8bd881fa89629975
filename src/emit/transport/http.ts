/** OTLP over HTTP: one POST a request, on kept connections. */

import type { Readable } from 'node:stream'
import type { SecureContext } from 'node:tls'
// The two parts that are needed: the package's entry brings fetch, WebSocket and caches along, 13 MB in memory.
import requestFrom from 'undici/lib/api/api-request.js'
import Pool from 'undici/lib/dispatcher/pool.js'
import { decodePartialSuccess, decodeStatusMessage, partialSuccessFromJson } from '../../otlp/decode/response.ts'
import type { Signal } from '../../otlp/intake.ts'
import type { PartialSuccess, Sender } from '../sender.ts'
import { stoppingError } from '../sender.ts'
import { classifyFault, classifyStatus } from './classify.ts'

/** A request as it goes over the wire. The concatenation of `body` is `bytes` long. */
export interface WireRequest {
  readonly signal: Signal
  readonly items: number
  readonly body: readonly Uint8Array[]
  readonly bytes: number
  readonly contentType: string
  readonly contentEncoding: 'gzip' | undefined
  onRepeat(): void
  onPartialSuccess(partial: PartialSuccess): void
}

export interface HttpTransportOptions {
  /** Full URL of each signal. */
  readonly urls: Readonly<Record<Signal, string>>
  readonly headers: Readonly<Record<string, string>>
  readonly connections: number
  /** For https URLs; without one, the authorities that Node.js knows are trusted. */
  readonly secureContext?: SecureContext | undefined
  readonly nowMs: () => number
}

export interface HttpTransport {
  readonly send: Sender<WireRequest>
  close(): Promise<void>
}

interface Target {
  readonly pool: InstanceType<typeof Pool>
  readonly path: string
  readonly secure: boolean
  /** Whether there was any answer yet, good or bad. */
  answered: boolean
}

/** More of an answer is not read: it says nothing we need, and an endpoint must not fill our memory. */
const maxResponseBytes = 64 * 1024

/** More of what an endpoint says is not put into logs, dead letters or `/health`. */
const maxSaidChars = 300

const printable = (said: string): string => {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  const line = said.replace(/[\x00-\x1f\x7f]+/g, ' ').trim()
  return line.length > maxSaidChars ? `${line.slice(0, maxSaidChars)}…` : line
}

const readBounded = async (body: AsyncIterable<Uint8Array>): Promise<Buffer> => {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.byteLength
    // Leaving the loop ends the connection, which is right for an answer that long.
    if (size > maxResponseBytes) break
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

const parseJson = (body: Buffer): unknown => {
  try {
    return JSON.parse(body.toString())
  } catch {
    // An answer we cannot read is an answer without a reason; the status says the rest.
    return undefined
  }
}

const readProto = <T>(body: Buffer, decode: (bytes: Uint8Array) => T): T | undefined => {
  try {
    return decode(body)
  } catch {
    // As above.
    return undefined
  }
}

const reasonIn = (type: string, body: Buffer): string => {
  if (type.startsWith('application/x-protobuf')) return printable(readProto(body, decodeStatusMessage) ?? '')
  if (type.startsWith('application/json')) {
    const value = parseJson(body)
    const message = typeof value === 'object' && value !== null && 'message' in value ? value.message : undefined
    return typeof message === 'string' ? printable(message) : ''
  }
  return type.startsWith('text/plain') ? printable(body.toString()) : ''
}

const partialIn = (type: string, body: Buffer): PartialSuccess | undefined => {
  if (body.length === 0) return undefined
  const found = type.startsWith('application/json')
    ? partialSuccessFromJson(parseJson(body))
    : type.startsWith('application/x-protobuf')
      ? readProto(body, decodePartialSuccess)
      : undefined
  return found && { rejectedItems: found.rejectedItems, message: printable(found.errorMessage) }
}

const one = (header: string | string[] | undefined): string | undefined => (Array.isArray(header) ? header[0] : header)

/**
 * Creates the transport. Connections are opened on first use and kept. `send` rejects with a `SendError` for every
 * answer but 2xx and for every fault; it does not follow redirects, and does not repeat.
 */
export function createHttpTransport(options: HttpTransportOptions): HttpTransport {
  const { secureContext } = options
  const poolOptions = {
    connections: options.connections,
    pipelining: 1,
    // HTTP/1.1 alone, over TLS as without: what is sent, and what happens to it when a connection breaks, is the same for all endpoints.
    allowH2: false,
    ...(secureContext === undefined ? {} : { connect: { secureContext } }),
  }
  const pools = new Map<string, InstanceType<typeof Pool>>()
  const targets = new Map<Signal, Target>()
  for (const signal of ['traces', 'metrics', 'logs'] as const) {
    const url = new URL(options.urls[signal])
    let pool = pools.get(url.origin)
    if (pool === undefined) pools.set(url.origin, (pool = new Pool(url.origin, poolOptions)))
    targets.set(signal, { pool, path: url.pathname + url.search, secure: url.protocol === 'https:', answered: false })
  }

  const send: Sender<WireRequest> = async (request, abort) => {
    const target = targets.get(request.signal)
    if (target === undefined) throw new Error(`BUG: no URL for ${request.signal}`)
    const headers: Record<string, string> = {
      ...options.headers,
      'content-type': request.contentType,
      'content-length': String(request.bytes),
    }
    if (request.contentEncoding !== undefined) headers['content-encoding'] = request.contentEncoding
    let status: number
    let type: string
    let retryAfter: string | undefined
    let body: Buffer
    try {
      const single = request.body.length === 1 ? request.body[0] : undefined
      const answer = await requestFrom.call(target.pool, {
        method: 'POST',
        path: target.path,
        headers,
        // undici takes any iterable of buffers and writes them one by one, uncopied; its types name streams only.
        body: single ?? (request.body as unknown as Readable),
        signal: abort,
        // The time limit of the whole request is ours: see ../timeout.ts.
        headersTimeout: 0,
        bodyTimeout: 0,
      })
      target.answered = true
      status = answer.statusCode
      type = (one(answer.headers['content-type']) ?? '').toLowerCase()
      retryAfter = one(answer.headers['retry-after'])
      body = await readBounded(answer.body)
    } catch (fault) {
      if (abort.aborted) throw stoppingError()
      throw classifyFault(fault, target.secure && !target.answered)
    }
    const error = classifyStatus(status, status >= 300 ? reasonIn(type, body) : '', retryAfter, options.nowMs())
    if (error !== undefined) throw error
    const partial = partialIn(type, body)
    if (partial !== undefined && (partial.rejectedItems > 0 || partial.message !== '')) request.onPartialSuccess(partial)
  }

  return {
    send,
    async close() {
      await Promise.all([...pools.values()].map((pool) => pool.destroy()))
    },
  }
}
