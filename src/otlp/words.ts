/** Words that tags use for values of OTLP's enums, whatever the format they came in. */

import { SpanKind, StatusCode } from './model.ts'

/** The kind of a word, in any case; SpanKind.Unspecified when it is none of the five. */
export function spanKindOf(word: string): number {
  if (word.length > 8) return SpanKind.Unspecified
  switch (word.toLowerCase()) {
    case 'client':
      return SpanKind.Client
    case 'server':
      return SpanKind.Server
    case 'producer':
      return SpanKind.Producer
    case 'consumer':
      return SpanKind.Consumer
    case 'internal':
      return SpanKind.Internal
    default:
      return SpanKind.Unspecified
  }
}

const statusPrefix = 'STATUS_CODE_'

/** OK, ERROR, UNSET, in any case, with or without `STATUS_CODE_`, or the number; −1 when it is none. */
export function statusCodeOf(word: string): number {
  if (word.length > 24) return -1
  const upper = word.toUpperCase()
  switch (upper.startsWith(statusPrefix) ? upper.slice(statusPrefix.length) : upper) {
    case 'UNSET':
    case '0':
      return StatusCode.Unset
    case 'OK':
    case '1':
      return StatusCode.Ok
    case 'ERROR':
    case '2':
      return StatusCode.Error
    default:
      return -1
  }
}
