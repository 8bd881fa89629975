/** What an endpoint with a mirror hands its requests to: the types of it. Ingest never imports mirror; it is handed a {@link MirrorDoor}. */

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { BridgeError } from '../errors.ts'
import type { Envelope } from '../otlp/intake.ts'

/** How things stand for an endpoint; asked for every request, since it changes while the bridge runs. */
export interface MirrorState {
  /** Whose answer the client gets. */
  readonly answer: 'bridge' | 'legacy'
  /** Whether the old side must have the data (`required`), may have it, or gets none. */
  readonly old: 'required' | 'optional' | 'off'
  /** Whether the new side must have it; where it need not, what its queue cannot take is left out and counted `shed_full`. */
  readonly new: 'required' | 'optional'
  /** What becomes of a body that we cannot decode. */
  readonly undecodable: 'mirror' | 'refuse'
  /** Requests that bring no data are passed to the old backend. */
  readonly proxy: boolean
  /** Those that change the cluster itself, too: `proxy.admin`. */
  readonly admin?: boolean | undefined
  /** `answer: legacy`: what the old backend refuses for good is kept for the new side all the same. */
  readonly keepRefused: boolean
  /** What clients are told who ask the bridge for data that it does not have; undefined: nothing. */
  readonly newUi: string | undefined
}

/** The parts of a received request that the old side gets beside its body. */
export interface RequestHead {
  readonly kind: 'http' | 'grpc' | 'udp' | 'beats'
  /** `POST`; empty where there is none. */
  readonly method: string
  /** Path and query as received; the method's path for gRPC. */
  readonly target: string
  /** Names and values in turn, as received, pseudo headers left out. What belongs to the connection is dropped by the mirror. */
  readonly headers: readonly string[]
  /** Address of the sender, without a port. */
  readonly address: string
  /** What tells its connection from others of this process: requests of one are sent in order. Empty: no order. */
  readonly connection: string
}

/** What is known of a body. */
export interface MirroredBody {
  readonly format: string
  /** Items in it, as far as they could be decoded; 0 when it could not be. */
  readonly items: number
  /** Whose it is (first service, job, index): decides about `share.old`. */
  readonly key: string | undefined
  /** {@link MirrorDoor.shares} was asked for each of its datagrams. */
  readonly isShared?: boolean | undefined
}

/** The old backend's answer. */
export interface LegacyAnswer {
  readonly status: number
  /** Names and values in turn, hop-by-hop headers left out. Of gRPC: metadata. */
  readonly headers: readonly string[]
  readonly body: Uint8Array
  /** gRPC: status, message and trailers. */
  readonly trailers?: readonly string[] | undefined
}

/** What became of asking the old backend while the client waits. */
export type Asked =
  | { readonly how: 'answered'; readonly answer: LegacyAnswer }
  /**
   * Down, too slow or left alone by the breaker. The envelope is to be queued; a request still under way is its first try.
   * `slow`: it did not answer in time, which is 504 and not 502.
   */
  | { readonly how: 'none'; readonly why: string; readonly slow?: boolean; readonly fallback: 'bridge' | 'fail' }

/** What an endpoint does with a request that it passes on. */
export interface ProxyOptions {
  /** Path and query to ask for instead of the request's own. */
  readonly target?: string | undefined
  /** The body, where it has been read already; absent: what the client still sends is streamed. */
  readonly body?: Uint8Array | undefined
  /** Called with the status that the client gets: of the old backend, or 502, 503, 504 of ours. */
  readonly answered?: ((status: number) => void) | undefined
  /**
   * Changes the body of an answer with status 200, at most 4 MiB and not compressed (the old backend is asked for it plain). What it throws leaves the
   * answer as it was.
   */
  readonly rewrite?: ((body: Uint8Array) => Uint8Array) | undefined
  /** Answers in the protocol's form when the old backend cannot: OB_MIRROR_DOWN, OB_MIRROR_BUSY or OB_MIRROR_SLOW. Default: a line of text. */
  readonly failed?: ((error: BridgeError) => void) | undefined
}

/** The parts of a body that is too large to be in memory, each an envelope to be staged with the parts of the batch. */
export interface LargeMirror {
  /** Copies the bytes. @param last the body ends with them @param lengths of the events in them: Beats alone */
  part(bytes: Uint8Array, items: number, last: boolean, lengths?: readonly number[]): Envelope
}

/** A connection that is passed through to the old Logstash. */
export interface TunnelWire {
  /** Passes bytes on. False when no more should come before `drained`. */
  write(bytes: Uint8Array): boolean
  /** The client sends nothing more. */
  end(): void
  destroy(): void
}

export interface TunnelEnd {
  /** Bytes of the old side: acks. */
  data(bytes: Uint8Array): void
  drained(): void
  /** The connection is gone, or was never made: `why` is told in the log. Called once, and nothing after it. */
  closed(why: string | undefined): void
}

/** The way to the old side of one endpoint. */
export interface MirrorDoor {
  /** `mirror.zipkin` */
  readonly name: string
  state(): MirrorState
  /** True, and counted, when the request went out here (`Via` holds our own name), or through too many bridges: to be refused. */
  loops(via: string | undefined): boolean
  /** Whether the old side still gets what is of this key, by `share.old`: for datagrams, which are asked about before they are put together. */
  shares?(key: string): boolean
  /**
   * The envelope of a request; undefined when this one does not go to the old side (phase, share). Copies the body.
   * @param pieces as it came: still compressed; a gRPC message with its five bytes of prefix; one piece a datagram
   */
  wrap(head: RequestHead, pieces: readonly Uint8Array[], body: MirroredBody): Envelope | undefined
  /** As `wrap`, of a body that comes in pieces. */
  wrapLarge(head: RequestHead, body: Omit<MirroredBody, 'items'>): LargeMirror | undefined
  /** `answer: legacy`: sends now. Never rejects. The envelope stays the caller's, to be put when there is no answer; its bytes then say whether it may have arrived. */
  ask(envelope: Envelope): Promise<Asked>
  /** Passes a request that brings no data to the old backend and its answer back. Answers by itself in every case. */
  proxy(request: IncomingMessage, response: ServerResponse, options?: ProxyOptions): void
  /** Counts what passes us untranslated (`write_not_translated`, `extra_old`), for the verdict. */
  count(reason: string, items: number): void
  /** What was wrapped last for a connection is about to be answered: what its sender sends from now on may build on it. */
  answered?: ((address: string, connection: string) => void) | undefined
  /** A connection that requests were wrapped for is gone: those from its address that begin now wait for what it left. */
  closed?: ((connection: string) => void) | undefined
  /** Opens a connection to the old side for one of a client: Beats with `mode: tunnel` alone. */
  tunnel?: ((end: TunnelEnd) => TunnelWire) | undefined
}

/** The door of an endpoint by its name as in `interface.md` (`zipkin`, `jaeger.http`); undefined without a mirror. */
export type MirrorDoors = (endpoint: string) => MirrorDoor | undefined
