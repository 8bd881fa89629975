/** What an answer, or the lack of one, means for the data that was sent. */

import { SendError } from '../sender.ts'
import { printable } from './wire.ts'

/** Statuses the OTLP/HTTP specification lists as retryable. @see https://opentelemetry.io/docs/specs/otlp/#retryable-response-codes */
const retryable: ReadonlySet<number> = new Set([429, 502, 503, 504])

/** Statuses behind which another server may have taken the data before the answer got lost. */
export const gateways: ReadonlySet<number> = new Set([502, 504])

/** Refusals that have nothing to do with the data sent: splitting a request would not help. */
const aboutTheRequest: ReadonlySet<number> = new Set([
  401, 402, 403, 404, 405, 406, 407, 410, 411, 415, 417, 421, 426, 431, 451, 501, 505, 511,
])

/** A wait longer than this asked for by Retry-After is cut to it: one bad header must not stop the bridge for a year. */
export const maxRetryAfterSeconds = 600

/** What `Retry-After` asks for, in seconds or as an HTTP-date, as milliseconds; 0 when absent, in the past or not understood. */
export function retryAfterMs(header: string | undefined, nowMs: number): number {
  if (header === undefined) return 0
  const text = header.trim()
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - nowMs
  return Number.isNaN(ms) ? 0 : Math.min(Math.max(0, ms), maxRetryAfterSeconds * 1000)
}

/** As {@link retryAfterMs}, in whole seconds, rounded up. */
export function retryAfterSeconds(header: string | undefined, nowMs: number): number {
  return Math.ceil(retryAfterMs(header, nowMs) / 1000)
}

/**
 * The error for an HTTP answer, or undefined when it is a success (2xx). 429 and any retryable status with a
 * Retry-After are throttled, the other retryable ones transient, everything else (3xx too) permanent.
 * @param said what the endpoint gave as its reason, empty when nothing
 */
export function classifyStatus(status: number, said: string, retryAfter: string | undefined, nowMs: number): SendError | undefined {
  if (status >= 200 && status < 300) return undefined
  const reason = `http_${status}`
  const line = printable(said)
  const message = `cannot deliver to the endpoint: HTTP ${status}${line === '' ? '' : `: ${line}`}`
  if (!retryable.has(status)) return new SendError('permanent', reason, message, { status, said })
  const seconds = retryAfterSeconds(retryAfter, nowMs)
  const options = { status, mayHaveArrived: gateways.has(status), retryAfterSeconds: seconds, said }
  return new SendError(status === 429 || seconds > 0 ? 'throttled' : 'transient', reason, message, options)
}

/** True when a permanent refusal may be about one of several merged batches, so that sending them apart may save the others. */
export function worthSplitting(error: SendError): boolean {
  return error.status >= 400 && !aboutTheRequest.has(error.status)
}

/** Codes of faults before a single byte was written. */
const beforeTheFirstByte: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'EMFILE',
  'UND_ERR_CONNECT_TIMEOUT',
])

const timeouts: ReadonlySet<string> = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'ETIMEDOUT'])

const codeIn = (error: unknown): string => {
  if (typeof error !== 'object' || error === null) return ''
  if ('code' in error && typeof error.code === 'string') return error.code
  // A host name with several addresses fails with one error per address.
  if (error instanceof AggregateError) return codeIn(error.errors[0])
  return ''
}

const unknownAuthority = 'its certificate is not signed by an authority that is trusted here; see emit.tls.ca'

/** What is wrong, for faults of TLS whose own words say little to whoever runs the bridge. */
const tlsWords: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'its certificate, or that of an authority above it, has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet; compare the clocks',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownAuthority,
  SELF_SIGNED_CERT_IN_CHAIN: unknownAuthority,
  DEPTH_ZERO_SELF_SIGNED_CERT: unknownAuthority,
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS; see emit.endpoint',
  ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: 'it does not speak HTTP/2; see emit.protocol',
  ERR_HTTP2_ERROR: 'it does not speak HTTP/2; see emit.protocol',
}

const tlsCode = /^(ERR_TLS|ERR_SSL|CERT_|CRL_|DEPTH_ZERO|ERROR_IN_CERT|HOSTNAME_MISMATCH|INVALID_|PATH_LENGTH|SELF_SIGNED|UNABLE_TO|EPROTO)/

/** Alerts with which a server refuses a client certificate, or that there is none. */
const aboutOurCertificate =
  /_ALERT_(ACCESS_DENIED|BAD_CERTIFICATE|CERTIFICATE_|HANDSHAKE_FAILURE|NO_CERTIFICATE|UNKNOWN_CA|UNSUPPORTED_CERT)/

/** How a connection looks whose other end hung up. */
const hungUp: ReadonlySet<string> = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE', 'ERR_HTTP2_STREAM_CANCEL'])

const wordsOf = (code: string, cause: Error, neverAnswered: boolean): string => {
  const known = tlsWords[code]
  if (known !== undefined) return known
  // OpenSSL's messages are several lines with places in its own source; the reason says what is meant.
  const text = 'reason' in cause && typeof cause.reason === 'string' ? cause.reason : cause.message === '' ? code : cause.message
  if (aboutOurCertificate.test(code)) return `${text}; see emit.tls.cert`
  // In TLS 1.3 a client learns that its certificate was refused only when it has begun to send, and often sees but the closed connection.
  if (neverAnswered && hungUp.has(code))
    return `${text}; it may be refusing our client certificate, or that there is none: see emit.tls.cert`
  return text
}

/**
 * The error for a request that got no whole answer. Connection faults, TLS faults and time-outs are all transient.
 * @param neverAnswered true for an https endpoint that has not answered one request yet
 * @param sent whether any of the request was sent; not given: as the fault's code says
 */
export function classifyFault(fault: unknown, neverAnswered = false, sent?: boolean): SendError {
  const code = codeIn(fault)
  const cause = fault instanceof Error ? fault : new Error(String(fault))
  const text = wordsOf(code, cause, neverAnswered)
  const tls = tlsCode.test(code)
  const reason = timeouts.has(code) ? 'timeout' : tls ? 'tls' : 'connection'
  return new SendError('transient', reason, `cannot reach the endpoint: ${text}${code === '' || text.includes(code) ? '' : ` (${code})`}`, {
    mayHaveArrived: sent ?? (!tls && !beforeTheFirstByte.has(code)),
    cause,
  })
}
