/** The road of a body over HTTP: door, reading, decompression, translation, intake, answer. Who routes it and what is answered is others' to say. */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { BridgeError } from '../errors.ts'
import type { AdapterDeps, TranslatedBody } from './adapter.ts'
import { createBodyReader, isWaiting } from './body.ts'
import { createDecompressor, type Encoding, encodingOf } from './decompress.ts'
import type { Guard } from './guard.ts'
import { LegacyRefusal, nothingOf, setOut, type Way } from './legacy.ts'
import type { LegacyAnswer, MirrorDoor } from './mirror-door.ts'
import { clientOfRequest, peerOf } from './peer.ts'
import { asBridgeError, type Receipt, type Receiver } from './receive.ts'
import type { HttpLimits } from './schema.ts'
import { showBody } from './show.ts'

/** What a protocol does with bodies posted to one path. */
export interface BodyRoute {
  /** Exact path; a part in braces (`/insert/{tenant}/write`) stands for any part of a path that is not empty. */
  readonly path: string
  /**
   * Asked first: what has to be there before a request can be looked at, such as a translator that is loaded when it is first needed; undefined
   * when all of it is. What it rejects with is answered through `refused`, and counted by whoever made the promise.
   */
  readonly ready?: ((request: IncomingMessage) => Promise<void> | undefined) | undefined
  /** The way in for this request, by its headers. @param refused true when it is only to count a request that was refused for its head */
  choose(request: IncomingMessage, refused: boolean): Receiver
  /** Looks at headers before the body is read; what it gives back is answered through `refused`. */
  readonly checkHead?: (request: IncomingMessage) => BridgeError | undefined
  /**
   * Makes the plain body, for protocols with a compression of their own: `Content-Encoding` is for `checkHead` to judge then. Throws
   * {@link BridgeError}; what it gives back is used before it is called again.
   */
  readonly decode?: ((body: Uint8Array) => Uint8Array) | undefined
  /** Looks at the plain body before it is translated. */
  readonly checkBody?: ((request: IncomingMessage, body: Uint8Array) => BridgeError | undefined) | undefined
  /** Answers 2xx. */
  accepted(request: IncomingMessage, response: ServerResponse, receipt: Receipt): void
  /**
   * Answers an error in the protocol's own form. @param head the plain body, where it could be read; not to be kept.
   * @param translated true when the body was good, and the intake did not take what came of it
   */
  refused(request: IncomingMessage, response: ServerResponse, error: BridgeError, head: Uint8Array | undefined, translated: boolean): void
}

export interface ExchangeOptions {
  /** Section of the configuration, for messages: `ingest.zipkin`. */
  readonly section: string
  readonly limits: Pick<HttpLimits, 'body' | 'compressedBody'> & Partial<Pick<HttpLimits, 'ratio'>>
  /** Take bodies compressed with zstd, too. */
  readonly zstd?: boolean
}

/** How long, and for how many bytes, the rest of a refused body is thrown away so that its sender reads the answer. */
const lingerMs = 5000
const lingerBytes = 64 * 1024 * 1024

/** The value of a header that may come more than once as one text. */
export const headerOf = (request: IncomingMessage, name: string): string | undefined => {
  const value = request.headers[name]
  return Array.isArray(value) ? value.join(', ') : value
}

/** `http://host/path` → `/path`: proxies may send the absolute form. @see RFC 9112, 3.2.2 */
export function pathOf(url: string): string {
  if (url.startsWith('/') || !/^https?:\/\//i.test(url)) return url
  const slash = url.indexOf('/', url.indexOf('//') + 2)
  return slash < 0 ? '/' : url.slice(slash)
}

/** Finds what is posted to by the target of a request, whatever query or host stands in it. Fastify finds what is written in other ways still. */
export function createFinder(routes: readonly BodyRoute[]): (url: string) => BodyRoute | undefined {
  const exact = new Map(routes.map((route) => [route.path, route]))
  const patterns = routes
    .filter(({ path }) => path.includes('{'))
    .map((route) => {
      const parts = route.path.split(/\{\w+\}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
      return [new RegExp(`^${parts.join('[^/]+')}$`), route] as const
    })
  return (url) => {
    const found = exact.get(url)
    if (found !== undefined) return found
    const [path = ''] = pathOf(url).split('?', 1)
    return exact.get(path) ?? patterns.find(([pattern]) => pattern.test(path))?.[1]
  }
}

/** Creates the road of a body: door, reading, decompression, translation, intake, answer. */
export function createExchange(
  options: ExchangeOptions,
  deps: AdapterDeps,
  state: { readonly draining: boolean },
  guard: Guard | undefined,
) {
  const { limits } = options
  const endpoint = options.section.replace(/^ingest\./, '')
  const door = deps.mirrors?.(endpoint)
  const { observer } = deps
  const reader = createBodyReader({ maxBytes: limits.compressedBody, limitKey: `${options.section}.limits.compressedBody` })
  const inflater = createDecompressor({
    maxBytes: limits.body,
    maxRatio: limits.ratio ?? Number.POSITIVE_INFINITY,
    section: `${options.section}.limits`,
  })

  const refuse = (
    request: IncomingMessage,
    response: ServerResponse,
    route: BodyRoute,
    error: BridgeError,
    head?: Uint8Array,
    translated = false,
  ): void => {
    if (response.headersSent || response.destroyed) return
    if (state.draining || isWaiting(request)) response.shouldKeepAlive = false
    if (guard !== undefined && error.code === 'OB_AUTH') response.setHeader('www-authenticate', guard.challenge)
    route.refused(request, response, error, head, translated)
    if (!request.complete) discard(request)
  }

  /** @param way to the old side; undefined: it goes to the new one alone */
  const put = async (
    request: IncomingMessage,
    response: ServerResponse,
    route: BodyRoute,
    receiver: Receiver,
    translated: TranslatedBody,
    way: Way | undefined,
  ): Promise<void> => {
    try {
      const receipt = await receiver.put(translated, way === undefined ? { endpoint, client: clientOfRequest(request) } : way.along)
      if (way !== undefined && door?.answered !== undefined) {
        const { address, connection } = peerOf(request.socket)
        door.answered(address, connection)
      }
      if (response.destroyed) return
      if (way?.answer !== undefined) replyLegacy(response, way.answer)
      else {
        if (way?.fellBack === true) response.setHeader('X-Otlp-Bridge-Answer', 'bridge')
        route.accepted(request, response, receipt)
      }
    } catch (error) {
      if (!(error instanceof LegacyRefusal)) refuse(request, response, route, asBridgeError(error), undefined, true)
      else if (!response.destroyed) replyLegacy(response, error.answer)
    }
  }

  /** The body goes to the old side, too. @param wire as it came */
  const setOutFrom = (
    request: IncomingMessage,
    receiver: Receiver,
    wire: Uint8Array,
    translated: TranslatedBody | undefined,
    fault: BridgeError | undefined,
    to: MirrorDoor,
  ): Way | undefined => {
    const { address, connection } = peerOf(request.socket, to)
    const target = pathOf(request.url ?? '/')
    const head = { kind: 'http', method: request.method ?? 'POST', target, headers: request.rawHeaders, address, connection } as const
    return setOut(to, head, [wire], receiver.format, translated, fault, endpoint, clientOfRequest(request))
  }

  const show = (
    request: IncomingMessage,
    receiver: Receiver,
    body: Uint8Array,
    translated: TranslatedBody,
    fault: BridgeError | undefined,
  ): void => {
    if (observer?.wants(endpoint) !== true) return
    const client = clientOfRequest(request)
    const target = `${request.method} ${pathOf(request.url ?? '/')}`
    const sight = { endpoint, atMs: deps.nowMs(), client, request: target, headers: request.rawHeaders, body }
    showBody(observer, sight, receiver, translated, fault)
  }

  /** A body that cannot be read. */
  const spoiled = (
    request: IncomingMessage,
    response: ServerResponse,
    route: BodyRoute,
    receiver: Receiver,
    error: BridgeError,
    plain: Uint8Array | undefined,
    wire: Uint8Array,
  ): void => {
    show(request, receiver, plain ?? wire, nothingOf, error)
    const way = door === undefined ? undefined : setOutFrom(request, receiver, wire, undefined, error, door)
    if (way === undefined) refuse(request, response, route, error, plain)
    else void put(request, response, route, receiver, nothingOf, way)
  }

  /** A body that does not come as far as its translator, which would count it. */
  const spoiledBefore = (
    request: IncomingMessage,
    response: ServerResponse,
    route: BodyRoute,
    receiver: Receiver,
    error: unknown,
    plain: Uint8Array | undefined,
    wire: Uint8Array,
  ): void => {
    const known = asBridgeError(error)
    receiver.refused(known)
    spoiled(request, response, route, receiver, known, plain, wire)
  }

  /** @param wire the body as it came */
  const translate = (
    request: IncomingMessage,
    response: ServerResponse,
    route: BodyRoute,
    receiver: Receiver,
    plain: Uint8Array,
    wire: Uint8Array,
  ): void => {
    const fault = route.checkBody?.(request, plain)
    if (fault !== undefined) {
      spoiledBefore(request, response, route, receiver, fault, plain, wire)
      return
    }
    let translated: TranslatedBody
    try {
      translated = receiver.translate(plain, wire)
    } catch (error) {
      spoiled(request, response, route, receiver, asBridgeError(error), plain, wire)
      return
    }
    show(request, receiver, plain, translated, undefined)
    const way = door === undefined ? undefined : setOutFrom(request, receiver, wire, translated, receiver.fault?.(translated), door)
    void put(request, response, route, receiver, translated, way)
  }

  const inflate = async (
    request: IncomingMessage,
    response: ServerResponse,
    route: BodyRoute,
    receiver: Receiver,
    encoding: Encoding,
    body: Uint8Array,
  ): Promise<void> => {
    try {
      let plain: Uint8Array
      try {
        const result = inflater.decompress(encoding, body)
        plain = result instanceof Promise ? await result : result
      } catch (error) {
        spoiledBefore(request, response, route, receiver, error, undefined, body)
        return
      }
      translate(request, response, route, receiver, plain, body)
    } finally {
      reader.release(body)
    }
  }

  /** As {@link translate}, by the route's own codec. */
  const decode = (
    request: IncomingMessage,
    response: ServerResponse,
    route: BodyRoute,
    receiver: Receiver,
    decoder: (body: Uint8Array) => Uint8Array,
    body: Uint8Array,
  ): void => {
    let plain: Uint8Array
    try {
      plain = decoder(body)
    } catch (error) {
      spoiledBefore(request, response, route, receiver, error, undefined, body)
      return
    }
    translate(request, response, route, receiver, plain, body)
  }

  const exchange = (request: IncomingMessage, response: ServerResponse, route: BodyRoute): void => {
    const fault = doorFault(request, route)
    const receiver = route.choose(request, fault !== undefined)
    if (fault !== undefined) {
      receiver.arrived(0)
      receiver.refused(fault)
      refuse(request, response, route, fault)
      return
    }
    const encoding = route.decode === undefined ? encodingOf(request.headers['content-encoding'], options.zstd) : 'identity'
    reader.read(request, response, {
      done(body) {
        receiver.arrived(body.length)
        if (encoding !== 'identity') return void inflate(request, response, route, receiver, encoding, body)
        if (route.decode !== undefined) decode(request, response, route, receiver, route.decode, body)
        else translate(request, response, route, receiver, body, body)
        reader.release(body)
      },
      failed(error, readBytes) {
        receiver.arrived(readBytes)
        receiver.refused(error)
        refuse(request, response, route, error)
      },
    })
  }

  /** Where something has to be loaded first, the body waits in the socket. */
  const wait = async (request: IncomingMessage, response: ServerResponse, route: BodyRoute, ready: Promise<void>): Promise<void> => {
    try {
      await ready
    } catch (error) {
      refuse(request, response, route, asBridgeError(error))
      return
    }
    if (!response.destroyed) exchange(request, response, route)
  }

  return (request: IncomingMessage, response: ServerResponse, route: BodyRoute): void => {
    const ready = route.ready?.(request)
    if (ready === undefined) exchange(request, response, route)
    else void wait(request, response, route, ready)
  }

  /** What can be said before a byte of the body is read. */
  function doorFault(request: IncomingMessage, route: BodyRoute): BridgeError | undefined {
    if (guard !== undefined && !guard.isOpen(route.path)) {
      const unknown = guard.refusal((name) => headerOf(request, name))
      if (unknown !== undefined) return unknown
    }
    try {
      if (route.decode === undefined) encodingOf(request.headers['content-encoding'], options.zstd)
    } catch (error) {
      return asBridgeError(error)
    }
    // What can never be taken is told so also while nothing can: its sender would come back for ever.
    const fault = route.checkHead?.(request) ?? reader.tooLarge(request)
    if (fault !== undefined) return fault
    if (door?.loops(request.headers.via) === true) {
      return new BridgeError('OB_LOOP', 'cannot take request: it went out here before, or through too many bridges (see its Via)')
    }
    const refusal = deps.intake.refusal(door?.name)
    if (refusal === undefined) return undefined
    const known = asBridgeError(refusal)
    // Where the new side need not have it, the old one may get it still.
    return door === undefined || door.state().new === 'required' || known.code === 'OB_STOPPING' ? known : undefined
  }
}

/** Passes the old backend's answer on as it is; what belongs to its connection has been left out. */
export function replyLegacy(response: ServerResponse, { status, headers, body }: LegacyAnswer): void {
  const lengthless = status === 204 || status === 304
  const kept: string[] = []
  for (let at = 0; at < headers.length; at += 2) {
    if (headers[at]?.toLowerCase() !== 'content-length') kept.push(headers[at] as string, headers[at + 1] as string)
  }
  if (!lengthless) kept.push('Content-Length', String(body.length))
  response.writeHead(status, kept)
  response.end(lengthless ? undefined : body)
}

/** Throws the rest of a refused body away for a while: closing at once would reset the connection before the answer is read. */
export function discard(request: IncomingMessage): void {
  const socket = request.socket
  const timer = setTimeout(() => socket.destroy(), lingerMs)
  timer.unref()
  // Told `Connection: close`, node destroys the socket with the answer; half of it must stay open until the sender is done.
  socket.destroySoon = () => socket.end()
  request.on('end', () => {
    if (socket.writableEnded) socket.destroy()
  })
  let seen = 0
  request.on('data', (piece: Buffer) => {
    seen += piece.length
    if (seen > lingerBytes) socket.destroy()
  })
  request.on('close', () => clearTimeout(timer))
  request.resume()
}
