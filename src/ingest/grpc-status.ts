/** How gRPC says what became of a call: header blocks and trailers. @see grpc/doc/PROTOCOL-HTTP2.md */

import { type BridgeError, errorTable } from '../errors.ts'
import { encodeFields } from '../net/hpack.ts'
import { lengthField, varint } from './grpc-proto.ts'

/** Codes that no error of ours has. @see grpc/doc/statuscodes.md */
export const GrpcCode = { Ok: 0, NotFound: 5, ResourceExhausted: 8, Unimplemented: 12, Internal: 13 } as const

type Field = readonly [name: string, value: string]

/** What goes before the message of every answer. */
export const answerHead: Uint8Array = encodeFields([
  [':status', '200'],
  ['content-type', 'application/grpc'],
])

/** What goes behind it. */
export const answerEnd: Uint8Array = encodeFields([['grpc-status', '0']])

/** The compressions we take. */
export const acceptedEncodings: Field = ['grpc-accept-encoding', 'identity,gzip']

/** Longest message of a refusal, so that no client chokes on its headers. */
const longestMessage = 1024

/** Visible ASCII but for `%` as it is, every other byte of UTF-8 as `%XX`. */
export function encodeMessage(text: string): string {
  let encoded = ''
  for (const byte of Buffer.from(text.slice(0, longestMessage))) {
    encoded +=
      byte >= 0x20 && byte < 0x7f && byte !== 0x25 ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return encoded
}

/**
 * `google.rpc.Status` with a `RetryInfo`, for `grpc-status-details-bin`.
 *
 *     Status     code 1  message 2  details 3      Any  type_url 1  value 2
 *     RetryInfo  retry_delay 1                     Duration  seconds 1
 */
export function encodeRetryInfo(code: number, message: string, seconds: number): string {
  const delay = Uint8Array.of(0x08, ...varint(seconds))
  const any = Buffer.concat([
    lengthField(1, Buffer.from('type.googleapis.com/google.rpc.RetryInfo')),
    lengthField(2, lengthField(1, delay)),
  ])
  const text = Buffer.from(message.slice(0, longestMessage))
  return Buffer.concat([Uint8Array.of(0x08, code), lengthField(2, text), lengthField(3, any)]).toString('base64')
}

/** The fields of a status other than OK. */
export function statusFields(code: number, message: string, more: readonly Field[] = []): Field[] {
  return [['grpc-status', String(code)], ['grpc-message', encodeMessage(message)], ...more]
}

/** An error as a status; one that passes says when to come back. */
export function refusalFields(error: BridgeError): Field[] {
  const { grpc } = errorTable[error.code]
  if (error.code === 'OB_UNSUPPORTED_ENCODING') return statusFields(grpc, error.message, [acceptedEncodings])
  if (error.retry !== 'later') return statusFields(grpc, error.message)
  const seconds = Math.max(1, Math.ceil(error.retryAfterSeconds))
  return statusFields(grpc, error.message, [['grpc-status-details-bin', encodeRetryInfo(grpc, error.message, seconds)]])
}

/** An answer without a message ("Trailers-Only"). @param status of HTTP */
export function trailersOnly(fields: readonly Field[], status = 200): Uint8Array {
  return encodeFields([[':status', String(status)], ['content-type', 'application/grpc'], ...fields])
}
