/** What goes over the wire, and what carries it. */

import type { SecureContext } from 'node:tls'
import type { Signal } from '../../otlp/intake.ts'
import type { PartialSuccess, Sender } from '../sender.ts'

/** A request as it goes over the wire. The concatenation of `body` is `bytes` long. */
export interface WireRequest {
  readonly signal: Signal
  readonly items: number
  readonly body: readonly Uint8Array[]
  readonly bytes: number
  /** Over HTTP; gRPC has one of its own. */
  readonly contentType: string
  readonly contentEncoding: 'gzip' | 'zstd' | undefined
  /** Called when a try that failed, or whose answer came too early, may still hold the memory of `body`. @param mayHaveArrived the endpoint may have it all the same */
  onRepeat(mayHaveArrived?: boolean): void
  onPartialSuccess(partial: PartialSuccess): void
}

/** Carries requests to one endpoint, over connections that it keeps. */
export interface Transport {
  /** Rejects with a `SendError` for every answer but success and for every fault, with OB_STOPPING when aborted. Does not repeat. */
  readonly send: Sender<WireRequest>
  /** New connections use these certificates from now on; what is under way on old ones is finished there. */
  renew(secureContext: SecureContext): void
  close(): Promise<void>
}

/** More of an answer is not read: it says nothing we need, and an endpoint must not fill our memory. */
export const maxAnswerBytes = 64 * 1024

/** More of what an endpoint says is not put into logs, dead letters or `/health`. */
const maxSaidChars = 300

/** What an endpoint said, as one bounded line. */
export function printable(said: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  const line = said.replace(/[\x00-\x1f\x7f]+/g, ' ').trim()
  return line.length > maxSaidChars ? `${line.slice(0, maxSaidChars)}…` : line
}

/** What `decode` makes of an answer's bytes; undefined when it cannot be read: then the status says the rest. */
export function decodedOr<T>(body: Uint8Array, decode: (bytes: Uint8Array) => T): T | undefined {
  try {
    return decode(body)
  } catch {
    // An answer we cannot read is an answer without a reason.
    return undefined
  }
}
