/** What a gRPC status means for the data that was sent. @see https://opentelemetry.io/docs/specs/otlp/#failures */

import { SendError } from '../sender.ts'
import { maxRetryAfterSeconds } from './classify.ts'

interface StatusRow {
  /** For metrics and dead letters. */
  readonly reason: string
  /** Whether the OTLP specification calls it retryable; `told`: only with a RetryInfo. */
  readonly retryable: boolean | 'told'
  /** Whether the server may have worked on the data before it answered so. */
  readonly mayHaveArrived: boolean
  /** The nearest HTTP status: it decides about splitting and health as over HTTP. */
  readonly http: number
}

const row = (reason: string, retryable: StatusRow['retryable'], mayHaveArrived: boolean, http: number): StatusRow => ({
  reason: `grpc_${reason}`,
  retryable,
  mayHaveArrived,
  http,
})

/** By code, from 0. A server that says UNAVAILABLE did not take the data, as with HTTP 503; one that lost its own backend says so otherwise. */
const table: readonly StatusRow[] = [
  row('ok', false, true, 200),
  row('cancelled', true, true, 499),
  row('unknown', false, true, 500),
  row('invalid_argument', false, false, 400),
  row('deadline_exceeded', true, true, 504),
  row('not_found', false, false, 404),
  row('already_exists', false, false, 409),
  row('permission_denied', false, false, 403),
  row('resource_exhausted', 'told', false, 429),
  row('failed_precondition', false, false, 400),
  row('aborted', true, true, 409),
  row('out_of_range', true, false, 400),
  row('unimplemented', false, false, 404),
  row('internal', false, true, 500),
  row('unavailable', true, false, 503),
  row('data_loss', true, true, 500),
  row('unauthenticated', false, false, 401),
]

/** A RESOURCE_EXHAUSTED without a RetryInfo is most often a message above the server's limit: smaller ones may pass. */
const tooLarge = 413

/**
 * The error for a gRPC status, or undefined for OK. CANCELLED, DEADLINE_EXCEEDED, ABORTED, OUT_OF_RANGE, UNAVAILABLE and DATA_LOSS are
 * transient, with a delay throttled; RESOURCE_EXHAUSTED is throttled with a RetryInfo and permanent without; everything else, codes
 * nobody knows included, is permanent.
 * @param said what the server gave as its reason, empty when nothing
 * @param retryDelaySeconds the delay of a RetryInfo; undefined when there is none
 */
export function classifyGrpcStatus(code: number, said: string, retryDelaySeconds: number | undefined): SendError | undefined {
  if (code === 0) return undefined
  const { reason, retryable, mayHaveArrived, http } = table[code] ?? (table[2] as StatusRow)
  const name = table[code] === undefined ? `status ${code}` : reason.slice(5).toUpperCase()
  const message = `cannot deliver to the endpoint: gRPC ${name}${said === '' ? '' : `: ${said}`}`
  const told = retryDelaySeconds !== undefined
  if (retryable === false || (retryable === 'told' && !told)) {
    return new SendError('permanent', reason, message, { status: retryable === 'told' ? tooLarge : http, said })
  }
  const seconds = Math.min(retryDelaySeconds ?? 0, maxRetryAfterSeconds)
  const failure = retryable === 'told' || seconds > 0 ? 'throttled' : 'transient'
  return new SendError(failure, reason, message, { status: http, mayHaveArrived, retryAfterSeconds: seconds, said })
}
