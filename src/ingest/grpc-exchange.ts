/** The road of a call: its door, its message, what it is handed to, its answer. */

import type { Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { BridgeError } from '../errors.ts'
import { encodeFields } from '../net/hpack.ts'
import type { Http2Connection } from '../net/http2.ts'
import type { Http2Stream } from '../net/http2-stream.ts'
import type { AdapterDeps, TranslatedBody } from './adapter.ts'
import { createBufferPool } from './buffers.ts'
import { createDecompressor } from './decompress.ts'
import { type MessageOptions, MessageReader } from './grpc-message.ts'
import type { GrpcBody, GrpcMethod, GrpcOptions, GrpcStreamCall, GrpcStreamMethod } from './grpc-method.ts'
import { answerEnd, answerHead, GrpcCode, refusalFields, statusFields, trailersOnly } from './grpc-status.ts'
import type { Guard } from './guard.ts'
import { type Along, LegacyRefusal, nothingOf, setOut, type Way } from './legacy.ts'
import type { LegacyAnswer, RequestHead } from './mirror-door.ts'
import { clientOf, peerOf } from './peer.ts'
import { asBridgeError, type Receiver } from './receive.ts'
import { showBody } from './show.ts'

type Route =
  | { readonly kind: 'body'; readonly body: GrpcBody }
  | { readonly kind: 'unary'; readonly method: GrpcMethod }
  | { readonly kind: 'stream'; readonly method: GrpcStreamMethod }

type Connection = Http2Connection<Call>

/** A call under way. */
export interface Call {
  readonly connection: Connection
  /** Its socket. */
  readonly socket: Socket
  readonly stream: Http2Stream<Call>
  readonly route: Route
  readonly reader: MessageReader
  /** Compressed messages may come. */
  readonly gzip: boolean
  /** performance.now() at its beginning. */
  readonly openedAt: number
  /** Its messages are here, or it is answered: nothing more is read. */
  done: boolean
  live: GrpcStreamCall | undefined
}

export interface Exchange {
  open(connection: Connection, stream: Http2Stream<Call>, socket: Socket): void
  data(stream: Http2Stream<Call>, bytes: Buffer, start: number, end: number): void
  end(stream: Http2Stream<Call>): void
  aborted(stream: Http2Stream<Call>): void
  /** Ends a call of any number of messages: its connection is about to end. Others come to their end by themselves. */
  leave(call: Call): void
  /** Looks whether a call takes too long. @param nowMs performance.now() */
  check(call: Call, nowMs: number): void
}

export interface ExchangeOptions extends Pick<GrpcOptions, 'section' | 'limits' | 'timeouts' | 'bodies' | 'methods'> {
  readonly guard: Guard | undefined
  readonly streams: readonly GrpcStreamMethod[]
}

const noBytes = new Uint8Array(0)

/** An empty message with its prefix: what most answers are. */
const emptyAnswer = new Uint8Array(5)

const prefixBytes = 5

/** An answer of gRPC has a status of two digits at most: this one is of a proxy that speaks plain HTTP. */
const firstHttpStatus = 100

/** What stands before a message: its flag and length. */
function prefixOf(flag: number, message: Uint8Array): Uint8Array {
  const prefix = Buffer.alloc(prefixBytes, flag)
  prefix.writeUInt32BE(message.length, 1)
  return prefix
}

/** A message with its prefix. */
function framed(message: Uint8Array): Uint8Array {
  if (message.length === 0) return emptyAnswer
  const bytes = Buffer.allocUnsafe(prefixBytes + message.length)
  bytes[0] = 0
  bytes.writeUInt32BE(message.length, 1)
  bytes.set(message, prefixBytes)
  return bytes
}

type Field = readonly [name: string, value: string]

/** Names and values in turn as fields, without those of the connection and these. */
function fieldsOf(list: readonly string[], ...without: string[]): Field[] {
  const fields: Field[] = []
  for (let at = 0; at + 1 < list.length; at += 2) {
    const name = (list[at] as string).toLowerCase()
    if (!name.startsWith(':') && !without.includes(name)) fields.push([name, list[at + 1] as string])
  }
  return fields
}

/** Metadata of a call in order, names and values in turn; what begins with a colon is the method's. */
function metadataOf({ names, values }: Http2Stream<Call>): readonly string[] {
  const list: string[] = []
  for (let at = 0; at < names.length; at++) {
    if (names[at]?.startsWith(':') === false) list.push(names[at] as string, values[at] as string)
  }
  return list
}

/** Goes before an answer of ours where the old backend's was wanted. */
const ownAnswerHead: Uint8Array = encodeFields([
  [':status', '200'],
  ['content-type', 'application/grpc'],
  ['x-otlp-bridge-answer', 'bridge'],
])

const unknownMethod = (path: string): Uint8Array =>
  trailersOnly(statusFields(GrpcCode.Unimplemented, `unknown method ${path.slice(0, 200)}`))

const timeoutUnits: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 0.001, n: 0.000_001 }

/** Milliseconds of a `grpc-timeout`; undefined for what is none. */
export function timeoutMs(value: string): number | undefined {
  const unit = timeoutUnits[value.at(-1) ?? '']
  const digits = value.slice(0, -1)
  return unit === undefined || !/^\d{1,8}$/.test(digits) ? undefined : Number(digits) * unit
}

/** `application/grpc`, with a message format we read or without. */
const isGrpc = (type: string | undefined): boolean => type !== undefined && /^application\/grpc(\+proto)?\s*(;|$)/i.test(type)

/** Creates the road of all calls of a listener. */
export function createExchange(options: ExchangeOptions, deps: AdapterDeps): Exchange {
  const { section, limits, timeouts, guard } = options
  const key = `${section}.limits`
  const endpoint = section.replace(/^ingest\./, '')
  const door = deps.mirrors?.(endpoint)
  const { observer } = deps
  const messages: MessageOptions = {
    maxBytes: limits.message,
    limitKey: `${key}.message`,
    pool: createBufferPool(limits.pending, `${key}.pending`),
  }
  const inflater = createDecompressor({ maxBytes: limits.body, maxRatio: limits.ratio, section: key })
  const routes = new Map<string, Route>([
    ...options.bodies.map((body) => [body.path, { kind: 'body', body }] as const),
    ...(options.methods ?? []).map((method) => [method.path, { kind: 'unary', method }] as const),
    ...options.streams.map((method) => [method.path, { kind: 'stream', method }] as const),
  ])

  /** Answers with an error. */
  const refuse = (call: Call, error: BridgeError): void => {
    call.done = true
    call.reader.release()
    // Where an answer has begun, the refusal is its end.
    if (call.live === undefined) call.connection.respondOnly(call.stream, trailersOnly(refusalFields(error)))
    else call.connection.finish(call.stream, encodeFields(refusalFields(error)))
  }

  /** Refuses a call whose message was not translated: it is counted here, and nowhere else. */
  const refuseWhole = (call: Call, error: BridgeError): void => {
    if (call.route.kind === 'body') {
      call.route.body.receiver.arrived(call.reader.wireBytes)
      call.route.body.receiver.refused(error)
    }
    refuse(call, error)
  }

  /** What can be said before a byte of the message is taken. */
  const doorFault = (stream: Http2Stream<Call>, path: string, route: Route, encoding: string | undefined): BridgeError | undefined => {
    const header = (name: string): string | undefined => stream.field(name)
    const refusal = guard === undefined || guard.isOpen(path) ? undefined : guard.refusal(header)
    if (refusal !== undefined) return refusal
    if (encoding !== undefined && encoding !== 'identity' && encoding !== 'gzip') {
      return new BridgeError('OB_UNSUPPORTED_ENCODING', 'cannot read message: its grpc-encoding is neither identity nor gzip')
    }
    if (route.kind !== 'body') return undefined
    if (door?.loops(header('via')) === true) {
      return new BridgeError('OB_LOOP', 'cannot take message: it went out here before, or through too many bridges (see its via)')
    }
    const full = deps.intake.refusal(door?.name)
    if (full === undefined) return route.body.checkHead?.(header)
    const known = asBridgeError(full)
    // Where the new side need not have it, the old one may get it still.
    return door === undefined || door.state().new === 'required' || known.code === 'OB_STOPPING' ? known : route.body.checkHead?.(header)
  }

  /** @param isOurs said where the old backend's answer was wanted */
  const answer = (call: Call, message: Uint8Array, isOurs = false): void => {
    call.connection.respond(call.stream, isOurs ? ownAnswerHead : answerHead, framed(message), answerEnd)
  }

  /** The old backend's own answer: its metadata, its message, its status and trailers. */
  const answerLegacy = (call: Call, { status, headers, body, trailers = [] }: LegacyAnswer): void => {
    const end = fieldsOf(trailers, 'grpc-status')
    if (status >= firstHttpStatus) {
      const why = `cannot get the old backend's answer: something before it answered HTTP ${status}`
      refuse(call, new BridgeError('OB_MIRROR_DOWN', why, { retryAfterSeconds: 5 }))
      return
    }
    const last: Field[] = [['grpc-status', String(status)], ...end]
    if (status !== 0) {
      const head = fieldsOf(headers, 'content-type')
      call.connection.respondOnly(call.stream, trailersOnly([...last, ...head]))
      return
    }
    const head: Field[] = [[':status', '200'], ['content-type', 'application/grpc'], ...fieldsOf(headers, 'content-type', 'grpc-encoding')]
    call.connection.respond(call.stream, encodeFields(head), framed(body), encodeFields(last))
  }

  const headOf = ({ stream, socket }: Call): RequestHead => {
    const { address, connection } = peerOf(socket, door)
    return { kind: 'grpc', method: 'POST', target: stream.field(':path') ?? '', headers: metadataOf(stream), address, connection }
  }

  /** Sends a message to the old side, too: with its prefix, as it came. */
  const setOutFrom = (
    call: Call,
    receiver: Receiver,
    message: Uint8Array,
    translated: TranslatedBody | undefined,
    fault: BridgeError | undefined,
  ): Way | undefined => {
    if (door === undefined) return undefined
    const client = clientOf(call.socket, (name) => call.stream.field(name))
    return setOut(door, headOf(call), [prefixOf(call.reader.flag, message), message], receiver.format, translated, fault, endpoint, client)
  }

  const show = (
    { stream, socket }: Call,
    receiver: Receiver,
    body: Uint8Array,
    translated: TranslatedBody,
    fault: BridgeError | undefined,
  ): void => {
    if (observer?.wants(endpoint) !== true) return
    const client = clientOf(socket, (name) => stream.field(name))
    const sight = { endpoint, atMs: deps.nowMs(), client, request: stream.field(':path') ?? '', headers: metadataOf(stream), body }
    showBody(observer, sight, receiver, translated, fault)
  }

  /** Puts what a message was translated to, and answers. */
  const put = async (call: Call, body: GrpcBody, translated: TranslatedBody, way: Way | undefined): Promise<void> => {
    const along: Along | Promise<Along> = way?.along ?? { endpoint, client: clientOf(call.socket, (name) => call.stream.field(name)) }
    try {
      const receipt = await body.receiver.put(translated, along)
      if (way?.answer !== undefined) answerLegacy(call, way.answer)
      else answer(call, body.answer === undefined ? noBytes : body.answer(receipt), way?.fellBack)
    } catch (error) {
      if (error instanceof LegacyRefusal) answerLegacy(call, error.answer)
      else refuse(call, asBridgeError(error))
    }
  }

  const take = async (call: Call, body: GrpcBody, message: Uint8Array): Promise<void> => {
    const { receiver } = body
    receiver.arrived(call.reader.wireBytes)
    let plain = message
    let translated = nothingOf
    let fault: BridgeError | undefined
    try {
      if (call.reader.flag === 1) {
        try {
          const inflated = inflater.decompress('gzip', message)
          plain = inflated instanceof Promise ? await inflated : inflated
        } catch (error) {
          const known = asBridgeError(error)
          receiver.refused(known)
          throw known
        }
      }
      translated = receiver.translate(plain)
    } catch (error) {
      fault = asBridgeError(error)
    }
    show(call, receiver, plain, translated, fault)
    const way = setOutFrom(call, receiver, message, translated, fault ?? receiver.fault?.(translated))
    call.reader.release()
    if (fault !== undefined && way === undefined) refuse(call, fault)
    else await put(call, body, translated, way)
  }

  /** The old backend's answer to what brings no data; undefined: ours is to be given. */
  const askTheirs = async (call: Call, message: Uint8Array): Promise<LegacyAnswer | undefined> => {
    if (door === undefined || !door.state().proxy) return undefined
    const envelope = door.wrap(headOf(call), [prefixOf(call.reader.flag, message), message], { format: '', items: 0, key: undefined })
    const asked = envelope === undefined ? undefined : await door.ask(envelope)
    return asked?.how === 'answered' && asked.answer.status < firstHttpStatus ? asked.answer : undefined
  }

  const handle = async (call: Call, method: GrpcMethod, message: Uint8Array): Promise<void> => {
    try {
      const theirs = method.isTheirs === true ? await askTheirs(call, message) : undefined
      if (theirs !== undefined) {
        call.reader.release()
        answerLegacy(call, theirs)
        return
      }
      const plain = call.reader.flag === 1 ? await inflater.decompress('gzip', message) : message
      const result = await method.handle(plain, (name) => call.stream.field(name))
      call.reader.release()
      answer(call, result)
    } catch (error) {
      refuse(call, asBridgeError(error))
    }
  }

  /** A message of a call that may have many. */
  const hear = (call: Call, live: GrpcStreamCall): void => {
    const message = call.reader.message()
    const plain = call.reader.flag === 1 ? inflater.decompress('gzip', message) : message
    // What these calls ask is a few bytes: larger messages, inflated on another thread, are none of theirs.
    if (plain instanceof Promise) {
      plain.catch(() => {})
      throw new BridgeError('OB_LIMIT_BODY', 'cannot take message: it is too large for this method')
    }
    live.message(plain)
    call.reader.release()
  }

  const frameFault = (why: string): BridgeError => new BridgeError('OB_DECODE_FRAME', `cannot read call: ${why}`)

  const deadlineFault = (call: Call): BridgeError | undefined => {
    const value = call.stream.field('grpc-timeout')
    const limitMs = value === undefined ? undefined : timeoutMs(value)
    if (limitMs === undefined || performance.now() - call.openedAt <= limitMs) return undefined
    return new BridgeError('OB_DEADLINE', "cannot take message: the caller's deadline is over")
  }

  const openStream = (call: Call, method: GrpcStreamMethod): void => {
    const { connection, stream } = call
    connection.begin(stream, answerHead)
    call.live = method.open({
      send(message) {
        const framed = Buffer.allocUnsafe(5 + message.length)
        framed[0] = 0
        framed.writeUInt32BE(message.length, 1)
        framed.set(message, 5)
        connection.write(stream, framed)
      },
      finish(code, message) {
        connection.finish(stream, code === GrpcCode.Ok ? answerEnd : encodeFields(statusFields(code, message)))
      },
    })
  }

  return {
    open(connection, stream, socket) {
      if (stream.tooLarge) {
        const fields = statusFields(GrpcCode.ResourceExhausted, `metadata larger than ${limits.header} bytes (${key}.header)`)
        connection.respondOnly(stream, trailersOnly(fields, 431))
        return
      }
      if (!isGrpc(stream.field('content-type'))) {
        connection.respondOnly(stream, trailersOnly(statusFields(GrpcCode.Internal, 'this port takes application/grpc'), 415))
        return
      }
      const path = stream.field(':path') ?? ''
      const route = stream.field(':method') === 'POST' ? routes.get(path) : undefined
      if (route === undefined) {
        connection.respondOnly(stream, unknownMethod(path))
        return
      }
      const encoding = stream.field('grpc-encoding')
      const call: Call = {
        connection,
        socket,
        stream,
        route,
        reader: new MessageReader(messages),
        gzip: encoding === 'gzip',
        openedAt: performance.now(),
        done: false,
        live: undefined,
      }
      const fault = doorFault(stream, path, route, encoding)
      if (fault !== undefined) {
        refuseWhole(call, fault)
        return
      }
      stream.context = call
      if (route.kind === 'stream') openStream(call, route.method)
    },
    data(stream, bytes, start, end) {
      const call = stream.context
      if (call === undefined || call.done) return
      const { reader, route } = call
      try {
        let at = start
        while (at < end && !call.done) {
          if (reader.whole) throw frameFault('a second message where one is expected')
          at = reader.take(bytes, at, end)
          if (reader.flag === 1 && !call.gzip) throw frameFault('a message is flagged compressed, without a grpc-encoding that says how')
          if (route.kind === 'stream' && reader.whole && call.live !== undefined) hear(call, call.live)
        }
      } catch (error) {
        refuseWhole(call, asBridgeError(error))
        call.live?.closed()
      }
    },
    end(stream) {
      const call = stream.context
      if (call === undefined || call.done) return
      const { reader, route, live } = call
      if (live !== undefined) {
        if (reader.between) live.end()
        else refuse(call, frameFault('it ends within a message'))
        return
      }
      const fault = reader.whole
        ? deadlineFault(call)
        : frameFault(reader.count === 0 ? 'it ends without a message' : 'it ends within its message')
      if (fault !== undefined) {
        refuseWhole(call, fault)
        return
      }
      call.done = true
      if (route.kind === 'body') void take(call, route.body, reader.message())
      else if (route.kind === 'unary') void handle(call, route.method, reader.message())
    },
    aborted(stream) {
      const call = stream.context
      if (call === undefined) return
      call.live?.closed()
      // What is being inflated or handled now gives its memory back by itself.
      if (call.done) return
      call.done = true
      if (call.route.kind === 'body') {
        call.route.body.receiver.arrived(call.reader.wireBytes)
        call.route.body.receiver.refused(new BridgeError('OB_CUT_OFF', 'cannot read message: the call ended before it'))
      }
      call.reader.release()
    },
    leave(call) {
      if (call.live === undefined || call.done) return
      call.live.closed()
      refuse(call, new BridgeError('OB_STOPPING', 'cannot go on with call: its connection is ending', { retryAfterSeconds: 1 }))
    },
    check(call, nowMs) {
      if (call.done || call.live !== undefined || nowMs - call.openedAt < timeouts.request) return
      refuseWhole(
        call,
        new BridgeError('OB_CUT_OFF', `cannot read message: it took longer than ${timeouts.request} ms (${section}.timeouts.request)`),
      )
    },
  }
}
