/** gRPC servers of ingest: limits, compression, health, status mapping; unary methods over bytes. */

import type { ServerTls } from '../net/server-tls.ts'
import type { Listener } from './adapter.ts'
import type { Guard } from './guard.ts'

/** Metadata of a call by lower-case name. */
export type GrpcHeader = (name: string) => string | undefined

/** One unary method: the bytes of the request message in, the bytes of the answer out. */
export interface GrpcMethod {
  /** `/jaeger.api_v2.SamplingManager/GetSamplingStrategy` */
  readonly path: string
  /** Throws or rejects with a BridgeError, whose row gives the gRPC status. `message` must not be kept. */
  handle(message: Uint8Array, header: GrpcHeader): Promise<Uint8Array> | Uint8Array
}

/** What every gRPC listener is made with; a listener adds its limits and its methods. */
export interface GrpcSecurity {
  readonly tls?: ServerTls | undefined
  readonly guard?: Guard | undefined
}

export type StartGrpc = (...args: never[]) => Promise<Listener>
