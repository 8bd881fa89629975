/** Passes requests that bring no data to the old backend, and its answers back: streamed both ways, never tried again. */

import { Agent, type ClientRequest, type IncomingMessage, request as requestOverHttp, type ServerResponse } from 'node:http'
import type { Agent as SecureAgent } from 'node:https'
import type { SecureContext } from 'node:tls'
import { BridgeError } from '../errors.ts'
import { beginBody } from '../ingest/body.ts'
import type { MirrorDoor, ProxyOptions } from '../ingest/mirror-door.ts'
import type { Authorization } from './credentials.ts'
import { createHeaderFilter, endToEnd, outgoingHeaders, viaName } from './headers.ts'

export interface ProxySettings {
  /** Name of the mirror without `mirror.`: `zipkin`. */
  readonly endpoint: string
  /** Scheme, host, port, and what stands before every path. */
  readonly url: string
  readonly instanceId: string
  readonly authorization: Authorization
  readonly passHost: boolean
  readonly forwarded: boolean
  readonly timeoutMs: number
  /** Requests at a time; more are told to come back. */
  readonly maxConcurrent: number
  /** That of the newest files; undefined: the authorities that Node.js knows. */
  readonly secureContext?: (() => SecureContext | undefined) | undefined
}

export interface MirrorProxy {
  readonly pass: MirrorDoor['proxy']
  close(): void
}

/** Longest answer that is rewritten; a longer one passes as it is. */
const rewrittenBytes = 4 * 1024 * 1024

const idleMs = 30_000

/** `http://host/path` → `/path`: clients of proxies may send the absolute form. */
const targetOf = (url: string): string => {
  if (url.startsWith('/') || !/^https?:\/\//i.test(url)) return url
  const slash = url.indexOf('/', url.indexOf('//') + 2)
  return slash < 0 ? '/' : url.slice(slash)
}

/** Creates the way of one mirror. Opens no connection before the first request. */
export function createProxy(settings: ProxySettings): MirrorProxy {
  const { endpoint, timeoutMs, maxConcurrent } = settings
  const section = `mirror.${endpoint}.proxy`
  const old = new URL(settings.url)
  const base = old.pathname.replace(/\/+$/, '')
  const secure = old.protocol === 'https:'
  const filter = createHeaderFilter()
  const rules = {
    via: `1.1 ${viaName(settings.instanceId)}`,
    authorization: settings.authorization,
    passHost: settings.passHost,
    forwarded: settings.forwarded,
  }
  const agentOptions = { keepAlive: true, maxSockets: maxConcurrent, maxFreeSockets: 4, timeout: idleMs }
  const plainAgent = secure ? undefined : new Agent(agentOptions)
  let secureAgent: SecureAgent | undefined
  let lastContext: SecureContext | undefined
  let active = 0

  /** With the body only where the client sent one: `Content-Length` as received, else chunked. */
  const headersOf = (request: IncomingMessage, options: ProxyOptions): string[] => {
    const received = filter({ kind: 'http', headers: request.rawHeaders }, true)
    const headers = outgoingHeaders(received, request.socket.remoteAddress ?? '', rules, options.rewrite === undefined)
    if (!settings.passHost) headers.push('Host', old.host)
    const { 'content-length': length, 'transfer-encoding': coding } = request.headers
    if (options.body !== undefined) headers.push('Content-Length', String(options.body.length))
    else if (length !== undefined) headers.push('Content-Length', length)
    else if (coding !== undefined) headers.push('Transfer-Encoding', 'chunked')
    return headers
  }

  const open = async (request: IncomingMessage, options: ProxyOptions): Promise<ClientRequest> => {
    const parts = {
      host: old.hostname.replace(/^\[|\]$/g, ''),
      port: old.port === '' ? (secure ? 443 : 80) : Number(old.port),
      method: request.method ?? 'GET',
      path: base + (options.target ?? targetOf(request.url ?? '/')),
      // A list is sent as it is: order, case and what comes twice.
      headers: headersOf(request, options),
      setHost: false,
    }
    if (!secure) return requestOverHttp({ ...parts, agent: plainAgent as Agent })
    // Not at the top: most old backends are spoken to without.
    const https = await import('node:https')
    const context = settings.secureContext?.()
    if (context !== lastContext) {
      // Connections of before the renewal: those under way end by themselves, none is used again.
      for (const sockets of Object.values(secureAgent?.freeSockets ?? {})) for (const socket of sockets ?? []) socket.destroy()
      secureAgent = undefined
      lastContext = context
    }
    secureAgent ??= new https.Agent(agentOptions)
    return https.request({ ...parts, agent: secureAgent, ...(context === undefined ? {} : { secureContext: context }) })
  }

  /** `Location` of the old host as a path, which is one of ours. */
  const locationOf = (value: string): string => {
    let path: string
    if (value.startsWith('/') && !value.startsWith('//')) path = value
    else {
      const found = URL.canParse(value) ? new URL(value) : undefined
      if (found === undefined || found.host !== old.host || !/^https?:$/.test(found.protocol)) return value
      path = found.pathname + found.search + found.hash
    }
    return base !== '' && (path === base || path.startsWith(`${base}/`)) ? path.slice(base.length) || '/' : path
  }

  const answerHeaders = (answer: IncomingMessage): string[] => {
    const headers = endToEnd(answer.rawHeaders)
    for (let at = 0; at < headers.length; at += 2) {
      if (/^(content-)?location$/i.test(headers[at] as string)) headers[at + 1] = locationOf(headers[at + 1] as string)
    }
    return headers
  }

  const pass = async (request: IncomingMessage, response: ServerResponse, options: ProxyOptions): Promise<void> => {
    let outgoing: ClientRequest | undefined
    let ended = false
    let timer: NodeJS.Timeout | undefined
    const end = (): void => {
      if (ended) return
      ended = true
      active--
      clearTimeout(timer)
    }
    const fail = (error: BridgeError): void => {
      if (ended) return
      end()
      outgoing?.destroy()
      if (response.headersSent) response.destroy()
      else refuse(request, response, error, options)
    }
    active++
    // Whoever has gone away wants no answer; after one this does nothing.
    response.on('close', () => {
      end()
      if (!response.writableFinished) outgoing?.destroy()
    })
    try {
      outgoing = await open(request, options)
    } catch (error) {
      return fail(new BridgeError('OB_MIRROR_DOWN', `cannot pass request on to the old backend: ${messageOf(error)}`, { cause: error }))
    }
    if (response.destroyed) return void outgoing.destroy()
    const slow = (): void =>
      fail(
        new BridgeError(
          'OB_MIRROR_SLOW',
          `cannot pass request on: the old backend did not answer within ${timeoutMs} ms (${section}.timeout)`,
        ),
      )
    timer = setTimeout(slow, timeoutMs)
    outgoing.on('error', (error) => {
      fail(
        new BridgeError('OB_MIRROR_DOWN', `cannot pass request on: the old backend cannot be reached: ${error.message}`, { cause: error }),
      )
    })
    outgoing.on('response', (answer) => {
      clearTimeout(timer)
      answer.setTimeout(timeoutMs, slow)
      answer.on('error', (error) => fail(new BridgeError('OB_MIRROR_DOWN', `cannot pass answer on: ${error.message}`, { cause: error })))
      const status = answer.statusCode ?? 0
      // What the parser lets through and node.js does not write.
      if (status < 200 || status > 999) {
        fail(new BridgeError('OB_MIRROR_DOWN', `cannot pass answer on: the old backend answered with status ${status}`))
        return
      }
      options.answered?.(status)
      const headers = answerHeaders(answer)
      if (
        options.rewrite !== undefined &&
        status === 200 &&
        request.method !== 'HEAD' &&
        answer.headers['content-encoding'] === undefined
      ) {
        rewritten(answer, response, headers, options.rewrite)
        return
      }
      response.writeHead(status, reasonOf(answer), headers)
      answer.pipe(response)
    })
    if (options.body !== undefined) outgoing.end(options.body)
    else if (request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined) {
      request.pipe(outgoing)
      beginBody(request, response)
    } else outgoing.end()
  }

  return {
    pass(request, response, options = {}) {
      if (request.headers.upgrade?.toLowerCase() === 'websocket') {
        options.answered?.(501)
        response.shouldKeepAlive = false
        text(response, 501, 'otlp-bridge passes no upgrades on\n')
      } else if (active >= maxConcurrent) {
        const why = `cannot pass request on: ${maxConcurrent} are on their way already (${section}.maxConcurrent)`
        refuse(request, response, new BridgeError('OB_MIRROR_BUSY', why, { retryAfterSeconds: 1 }), options)
      } else void pass(request, response, options)
    },
    close() {
      plainAgent?.destroy()
      secureAgent?.destroy()
    },
  }
}

/** What stands behind the status, without what cannot be written. */
const reasonOf = ({ statusMessage = '' }: IncomingMessage): string => statusMessage.replace(/[^\t\x20-\x7e\x80-\xff]/g, '')

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

function text(response: ServerResponse, status: number, line: string, headers: Record<string, string> = {}): void {
  response.writeHead(status, { ...headers, 'content-type': 'text/plain; charset=utf-8', 'content-length': Buffer.byteLength(line) })
  response.end(line)
}

function refuse(request: IncomingMessage, response: ServerResponse, error: BridgeError, options: ProxyOptions): void {
  if (response.headersSent || response.destroyed) return
  // What is left of its body is nobody's.
  if (!request.complete) response.shouldKeepAlive = false
  if (options.failed !== undefined) options.failed(error)
  else text(response, error.http, `${error.message}\n`, { 'retry-after': String(Math.max(1, error.retryAfterSeconds)) })
  options.answered?.(response.statusCode)
  request.resume()
}

/** An answer that is read whole, and changed; one that turns out too long goes on as it comes. */
function rewritten(answer: IncomingMessage, response: ServerResponse, headers: string[], rewrite: (body: Uint8Array) => Uint8Array): void {
  const reason = reasonOf(answer)
  let pieces: Buffer[] = []
  let size = 0
  const onData = (piece: Buffer): void => {
    pieces.push(piece)
    size += piece.length
    if (size <= rewrittenBytes) return
    answer.removeListener('data', onData)
    answer.removeListener('end', onEnd)
    response.writeHead(200, reason, headers)
    for (const one of pieces) response.write(one)
    pieces = []
    answer.pipe(response)
  }
  const onEnd = (): void => {
    let body: Uint8Array = Buffer.concat(pieces)
    try {
      body = rewrite(body)
    } catch {
      // It goes on as it was.
    }
    const kept: string[] = []
    for (let at = 0; at < headers.length; at += 2) {
      if (headers[at]?.toLowerCase() !== 'content-length') kept.push(headers[at] as string, headers[at + 1] as string)
    }
    response.writeHead(200, reason, [...kept, 'Content-Length', String(body.length)])
    response.end(body)
  }
  answer.on('data', onData)
  answer.on('end', onEnd)
}
