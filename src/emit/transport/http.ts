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
import { decodedOr, maxAnswerBytes, printable, type Transport, type WireRequest } from './wire.ts'

export interface HttpTransportOptions {
  /** Full URL of each signal. */
  readonly urls: Readonly<Record<Signal, string>>
  readonly headers: Readonly<Record<string, string>>
  readonly connections: number
  /** For https URLs; without one, the authorities that Node.js knows are trusted. */
  readonly secureContext?: SecureContext | undefined
  readonly nowMs: () => number
}

type ConnectionPool = InstanceType<typeof Pool>

interface Target {
  readonly origin: string
  readonly path: string
  readonly secure: boolean
  /** Whether there was any answer yet, good or bad. */
  answered: boolean
}

const readBounded = async (body: AsyncIterable<Uint8Array>): Promise<Buffer> => {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.byteLength
    // Leaving the loop ends the connection, which is right for an answer that long.
    if (size > maxAnswerBytes) break
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

const reasonIn = (type: string, body: Buffer): string => {
  // Loki sends its status as bytes of no type.
  if (type.startsWith('application/x-protobuf') || type.startsWith('application/octet-stream'))
    return decodedOr(body, decodeStatusMessage) ?? ''
  if (type.startsWith('application/json')) {
    const value = parseJson(body)
    const message = typeof value === 'object' && value !== null && 'message' in value ? value.message : undefined
    return typeof message === 'string' ? message : ''
  }
  return type.startsWith('text/plain') ? body.toString() : ''
}

const partialIn = (type: string, body: Buffer): PartialSuccess | undefined => {
  if (body.length === 0) return undefined
  const found = type.startsWith('application/json')
    ? partialSuccessFromJson(parseJson(body))
    : type.startsWith('application/x-protobuf')
      ? decodedOr(body, decodePartialSuccess)
      : undefined
  return found && { rejectedItems: found.rejectedItems, message: printable(found.errorMessage) }
}

const one = (header: string | string[] | undefined): string | undefined => (Array.isArray(header) ? header[0] : header)

/** Creates the transport. Connections are opened on first use and kept. It does not follow redirects. */
export function createHttpTransport(options: HttpTransportOptions): Transport {
  const poolOptions = (secureContext: SecureContext | undefined) => ({
    connections: options.connections,
    pipelining: 1,
    // HTTP/1.1 alone, over TLS as without: what is sent, and what happens to it when a connection breaks, is the same for all endpoints.
    allowH2: false,
    ...(secureContext === undefined ? {} : { connect: { secureContext } }),
  })
  const pools = new Map<string, ConnectionPool>()
  const retired = new Set<ConnectionPool>()
  const targets = new Map<Signal, Target>()
  for (const signal of ['traces', 'metrics', 'logs'] as const) {
    const { origin, pathname, search, protocol } = new URL(options.urls[signal])
    if (!pools.has(origin)) pools.set(origin, new Pool(origin, poolOptions(options.secureContext)))
    targets.set(signal, { origin, path: pathname + search, secure: protocol === 'https:', answered: false })
  }

  const send: Sender<WireRequest> = async (request, abort) => {
    const target = targets.get(request.signal)
    const pool = target === undefined ? undefined : pools.get(target.origin)
    if (target === undefined || pool === undefined) throw new Error(`BUG: no URL for ${request.signal}`)
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
      const answer = await requestFrom.call(pool, {
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
    renew(secureContext) {
      for (const [origin, pool] of pools) {
        if (!origin.startsWith('https:')) continue
        pools.set(origin, new Pool(origin, poolOptions(secureContext)))
        retired.add(pool)
        void pool.close().finally(() => retired.delete(pool))
      }
    },
    async close() {
      await Promise.all([...pools.values(), ...retired].map((pool) => pool.destroy()))
    },
  }
}
