/** What a gRPC listener declares: its methods over bytes, where it listens, what it allows. */

import type { BridgeError } from '../errors.ts'
import type { ProtoFile } from './grpc-descriptors.ts'
import type { Receipt, Receiver } from './receive.ts'
import type { GrpcLimits, GrpcTimeouts, ListenerAuth, ListenerTls } from './schema.ts'

/** Metadata of a call by lower-case name. */
export type GrpcHeader = (name: string) => string | undefined

/** One unary method: the bytes of the request message in, the bytes of the answer out. */
export interface GrpcMethod {
  /** `/jaeger.api_v2.SamplingManager/GetSamplingStrategy` */
  readonly path: string
  /** It brings no data: the old backend is asked while there is one that answers. */
  readonly isTheirs?: boolean | undefined
  /** Throws or rejects with a BridgeError, whose row gives the gRPC status. `message` must not be kept. */
  handle(message: Uint8Array, header: GrpcHeader): Promise<Uint8Array> | Uint8Array
}

/** A unary method whose message holds items for the intake. */
export interface GrpcBody {
  /** `/jaeger.api_v2.CollectorService/PostSpans` */
  readonly path: string
  readonly receiver: Receiver
  /** Looks at metadata before the message is taken. */
  readonly checkHead?: ((header: GrpcHeader) => BridgeError | undefined) | undefined
  /** The answer's message; empty unless given. */
  readonly answer?: ((receipt: Receipt) => Uint8Array) | undefined
}

/** What a call with any number of messages either way is made of, on our side. */
export interface GrpcStreamCall {
  message(message: Uint8Array): void
  /** The caller has said all. */
  end(): void
  /** The caller is gone. */
  closed(): void
}

/** Where such a call's answers go. */
export interface GrpcSink {
  send(message: Uint8Array): void
  finish(code: number, message: string): void
}

/** A method with any number of messages either way. */
export interface GrpcStreamMethod {
  readonly path: string
  open(sink: GrpcSink): GrpcStreamCall
  /** Called about once a second. */
  readonly tick?: (() => void) | undefined
}

/** What a listener declares. */
export interface GrpcOptions {
  /** Section of the configuration, for messages: `ingest.jaeger.grpc`. */
  readonly section: string
  readonly host: string
  readonly port: number
  readonly limits: GrpcLimits
  readonly timeouts: GrpcTimeouts
  readonly tls?: ListenerTls | undefined
  readonly auth?: ListenerAuth | undefined
  readonly bodies: readonly GrpcBody[]
  readonly methods?: readonly GrpcMethod[] | undefined
  /** Why the bridge is not well, for `grpc.health.v1.Health`; undefined: it is. */
  trouble(): string | undefined
  /** Whether `grpc.reflection` is answered, and the files of the services here. */
  readonly reflection?: boolean | undefined
  readonly files?: readonly ProtoFile[] | undefined
}
