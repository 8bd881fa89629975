/** What the old side's answer, or the lack of one, means for a mirrored request: the table of it. */

import { gateways, retryAfterMs } from '../emit/transport/classify.ts'
import type { LegacyAnswer } from '../ingest/mirror-door.ts'

/** Why there was no answer. */
export interface Fault {
  readonly reason: 'connection' | 'timeout' | 'tls'
  /** One sentence, without a name of the mirror. */
  readonly message: string
  /** Some of the request may have arrived: the old side may have it all the same. */
  readonly sent: boolean
}

/** One try as it ended on the wire. */
export type Tried =
  | { readonly how: 'answered'; readonly answer: LegacyAnswer }
  | { readonly how: 'failed'; readonly fault: Fault }
  /** We cut it ourselves: it says nothing about the old side. */
  | { readonly how: 'stopped' }
  /** A fault of ours: the request cannot be written, and never will be. */
  | { readonly how: 'impossible'; readonly message: string }

/** What became of repeats, in items. */
export interface Repeats {
  /** The old side had them before we sent them the first time. */
  readonly alreadyThere?: number
  /** It recognised what an earlier try had brought. */
  readonly absorbed?: number
}

/** An item of a request that the old side refused for good while it took others. */
export interface DeadItem {
  readonly index: string
  readonly id: string | undefined
  readonly status: number
  readonly error: string
  /** Where its bytes are in the uncompressed body as it was sent first: first and the one after the last. */
  readonly from: number
  readonly to: number
}

/** What the old side refused for good of a request that it took otherwise, as a request of its own. */
export interface DeadBody {
  /** What it was answered with. */
  readonly status: number
  /** Those of them that the books know: what is changed or deleted are none. */
  readonly items: number
  /** Without Content-Encoding. */
  readonly body: Uint8Array
  /** Names the first items and why they were refused. */
  readonly message: string
}

/** What a try means. */
export type Outcome =
  /** The old side has it; `sent`: it was handed to the network, and there is no answer to wait for. */
  | {
      readonly class: 'delivered'
      readonly sent?: true | undefined
      readonly repeats?: Repeats | undefined
      /** The first of the items that were refused for good, and all of them as they were sent. */
      readonly dead?: readonly DeadItem[] | undefined
      readonly deadBodies?: readonly DeadBody[] | undefined
    }
  /** `transient`: later. `suspect`: later, but not for ever: the data may be the reason. */
  | {
      readonly class: 'transient' | 'suspect'
      /** A word for metrics: `old_503`, `timeout`. */
      readonly reason: string
      readonly message: string
      /** 0: no answer. */
      readonly status: number
      /** How long the old side asked to be left alone; 0 when it did not. */
      readonly waitMs: number
      /** The old side may have it all the same. */
      readonly ambiguous: boolean
      /** Some of it was taken, so this says nothing bad about the old side: only the rest goes again. */
      readonly progress?: boolean | undefined
    }
  /** Refused for good, for what is in it. */
  | { readonly class: 'poison'; readonly reason: string; readonly message: string; readonly status: number }
  /** Refused for what we are, not for what is in it: nothing goes until that is mended. */
  | { readonly class: 'halt'; readonly reason: string; readonly message: string; readonly status: number }
  | { readonly class: 'stopped' }

/** Whether the old side may have the request although it did not say so; of one that was cut nobody knows. */
export function mayHaveArrived(outcome: Outcome): boolean {
  return outcome.class === 'transient' || outcome.class === 'suspect' ? outcome.ambiguous : outcome.class === 'stopped'
}

/** Of what the old side says, this many characters are kept with a dead letter. */
const saidCharacters = 512

const transientStatuses: ReadonlySet<number> = new Set([408, 425, 429, 502, 503, 504])

/** What Prometheus says of samples that it has, or has newer ones than. */
const repeatWords = /out of order|duplicate sample|too old sample|out of bounds/

const utf8 = new TextDecoder()

/** The first {@link saidCharacters} characters of what the old side said, on one line, control characters left out. */
export function saidIn(body: Uint8Array): string {
  return utf8
    .decode(body.subarray(0, saidCharacters * 4))
    .replace(/[\p{Cc}\s]+/gu, ' ')
    .trim()
    .slice(0, saidCharacters)
}

/** The value of a header; undefined when there is none. @param name in lower case @param headers names and values in turn */
export function headerIn(headers: readonly string[], name: string): string | undefined {
  for (let at = 0; at < headers.length; at += 2) {
    if (headers[at]?.length === name.length && headers[at]?.toLowerCase() === name) return headers[at + 1]
  }
  return undefined
}

/** What one has to know of the request to judge an answer to it. */
export interface Circumstances {
  /** `zipkin`, `prometheus`: some have their own words. */
  readonly endpoint: string
  readonly auth: 'pass' | 'own' | 'none'
  /** Items in the request. */
  readonly items: number
  /** An earlier try may have arrived. */
  readonly ambiguous: boolean
  readonly nowMs: number
}

/** A fault as an outcome. */
export function judgeFault(fault: Fault): Outcome {
  return { class: 'transient', reason: fault.reason, message: fault.message, status: 0, waitMs: 0, ambiguous: fault.sent }
}

/** An answer of HTTP as an outcome: cutover.md 1.6. Bodies of 2xx are not looked at. */
export function judgeHttp(answer: LegacyAnswer, about: Circumstances): Outcome {
  const { status } = answer
  if (status >= 200 && status < 300) return { class: 'delivered' }
  const said = saidIn(answer.body)
  const message = `the old side answered HTTP ${status}${said === '' ? '' : `: ${said}`}`
  const reason = `old_${status}`
  if (status < 400) {
    const to = headerIn(answer.headers, 'location')
    const where = to === undefined ? '' : ` to ${to.slice(0, 200)}`
    return {
      class: 'halt',
      reason,
      status,
      message: `${message}; it sends us elsewhere${where}, which is not followed: see the mirror's url`,
    }
  }
  if (transientStatuses.has(status)) {
    const waitMs = retryAfterMs(headerIn(answer.headers, 'retry-after'), about.nowMs)
    return { class: 'transient', reason, message, status, waitMs, ambiguous: gateways.has(status) }
  }
  if (status === 401 || status === 403) {
    if (about.auth === 'own')
      return { class: 'halt', reason: 'old_auth', message: `the old side refuses our credentials: ${message}`, status }
    return { class: 'poison', reason: 'old_auth', message, status }
  }
  if (status >= 500) {
    // Zipkin's way to say that the request is larger than it takes.
    if (about.endpoint === 'zipkin' && said.startsWith('413 ')) return { class: 'poison', reason: 'old_413', message, status }
    return { class: 'suspect', reason, message, status, waitMs: 0, ambiguous: false }
  }
  if (about.endpoint === 'prometheus') {
    if (status === 400 && repeatWords.test(said)) {
      if (about.ambiguous) return { class: 'delivered', repeats: { absorbed: about.items } }
      const hint = 'if this came after an outage, see out_of_order_time_window of the old server'
      return { class: 'poison', reason: 'old_out_of_order', message: `${message}; ${hint}`, status }
    }
    if (status === 415) return { class: 'poison', reason: 'old_unsupported', message, status }
  }
  return { class: 'poison', reason, message, status }
}

/** Statuses of gRPC that pass by themselves: DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, ABORTED, UNAVAILABLE. */
const transientGrpc: ReadonlySet<number> = new Set([4, 8, 10, 14])

/** UNKNOWN, INTERNAL. */
const suspectGrpc: ReadonlySet<number> = new Set([2, 13])

const grpcNames: readonly string[] = [
  'ok',
  'cancelled',
  'unknown',
  'invalid_argument',
  'deadline_exceeded',
  'not_found',
  'already_exists',
  'permission_denied',
  'resource_exhausted',
  'failed_precondition',
  'aborted',
  'out_of_range',
  'unimplemented',
  'internal',
  'unavailable',
  'data_loss',
  'unauthenticated',
]

/** A status of gRPC as an outcome: cutover.md 1.6. @param waitMs how long it asked to be left alone */
export function judgeGrpc(status: number, said: string, about: Circumstances, waitMs = 0): Outcome {
  if (status === 0) return { class: 'delivered' }
  const name = grpcNames[status] ?? String(status)
  const text = said.slice(0, saidCharacters)
  const message = `the old side answered ${name.toUpperCase()} (gRPC ${status})${text === '' ? '' : `: ${text}`}`
  const reason = `old_${name}`
  // CANCELLED is what a proxy or a server that stops says.
  if (transientGrpc.has(status) || status === 1) {
    return { class: 'transient', reason, message, status, waitMs, ambiguous: status === 4 || status === 1 }
  }
  if (suspectGrpc.has(status)) return { class: 'suspect', reason, message, status, waitMs, ambiguous: status === 2 }
  if (status === 7 || status === 16) {
    if (about.auth === 'own')
      return { class: 'halt', reason: 'old_auth', message: `the old side refuses our credentials: ${message}`, status }
    return { class: 'poison', reason: 'old_auth', message, status }
  }
  return { class: 'poison', reason, message, status }
}
