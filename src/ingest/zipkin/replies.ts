/** Answers in Zipkin's own words: what its HTTP collector says to a body it cannot take. */

import type { BridgeError } from '../../errors.ts'

/** Encoding that a request claims, by path and content type; Zipkin's own names of them. */
export type Claim = 'JSON_V2' | 'JSON_V1' | 'PROTO3' | 'THRIFT'

const codecs: Readonly<Record<Claim, string>> = { JSON_V2: 'json', JSON_V1: 'json', PROTO3: 'proto3', THRIFT: 'TBinary' }

/** `place` of the error that {@link wrongVersion} texts travel in. */
export const versionPlace = 'version'

const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09

/** True when the first byte that matters can begin a list of spans in this encoding. */
function canBegin(claim: Claim, body: Uint8Array): boolean {
  let at = 0
  if (claim === 'PROTO3') return body[0] === 0x0a
  if (claim === 'THRIFT') return body[0] === 0x0c || body[0] === 0x0b
  if (body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf) at = 3
  while (at < body.length && isSpace(body[at] as number)) at++
  return body[at] === 0x5b
}

/**
 * Zipkin's test for spans of the other version, by the bytes it looks for itself. Gives its text back, or undefined.
 * Only `strict` asks; otherwise spans of either version are taken on either path.
 */
export function wrongVersion(claim: Claim, body: Uint8Array): string | undefined {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  if (claim === 'JSON_V2' && bytes.includes('yAnnotations"')) return 'Expected a JSON_V2 encoded list, but received: JSON_V1\n'
  if (claim === 'JSON_V1' && (bytes.includes('Endpoint"') || bytes.includes('"tags"'))) {
    return 'Expected a JSON_V1 encoded list, but received: JSON_V2\n'
  }
  return undefined
}

const cutOff = /unexpected end|end of (input|body|data)|unterminated|cut off|truncated|past the end|bytes (left|remain|available)/i

/**
 * The text of a refusal. It begins and ends as Zipkin's does, since people search for it; what stands between is ours and says more.
 * @param body the plain body, where it could be read
 */
export function refusalText(claim: Claim, error: BridgeError, body: Uint8Array | undefined): string {
  const tail = ` reading List<Span> from ${codecs[claim]}`
  switch (error.code) {
    case 'OB_DECODE_ENCODING':
      return 'Cannot gunzip spans'
    case 'OB_ALL_REJECTED':
      return error.message.endsWith(tail) ? error.message : `${error.message}${tail}`
    case 'OB_DECODE_JSON':
    case 'OB_DECODE_PROTO':
    case 'OB_DECODE_THRIFT':
    case 'OB_LIMIT_DEPTH':
    case 'OB_LIMIT_LENGTH': {
      if (error.place === versionPlace) return error.message
      if (body !== undefined && !canBegin(claim, body)) return `Expected a ${claim} encoded list\n`
      const available = /length \d+ > bytes available \d+/.exec(error.message)
      if (available !== null) return `Truncated: ${available[0]}${tail}`
      const start = cutOff.test(error.message) ? (codecs[claim] === 'json' ? 'End of input' : 'Truncated') : 'Malformed'
      return error.message.startsWith(start) ? `${error.message}${tail}` : `${start}: ${error.message}${tail}`
    }
    default:
      return error.message
  }
}
