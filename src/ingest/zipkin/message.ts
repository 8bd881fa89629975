/**
 * The value of a message on Zipkin's Kafka topic, which says nothing of its encoding: it is known by its first bytes. Section 11 of
 * the mapping.
 */

import { BridgeError } from '../../errors.ts'
import type { BodyTranslator } from '../adapter.ts'

/** Format label of each encoding. */
export type ZipkinMessageFormat = 'zipkin-json' | 'zipkin-proto' | 'zipkin-thrift'

/** One translator for each encoding, of lists. */
export interface ZipkinListTranslators {
  readonly json: BodyTranslator
  readonly v2Proto: BodyTranslator
  readonly v1Thrift: BodyTranslator
}

const openBracket = 0x5b
const closeBracket = 0x5d
const openBrace = 0x7b

/** Thrift types: of a list's elements, or of a span's first field. */
const i64Type = 0x0a
const stringType = 0x0b
const structType = 0x0c

/** The highest of Thrift's types. */
const lastType = 0x10

/** Tells the encoding. Undefined for what is none of them, and for less than two bytes. No blanks in front of JSON, as for Zipkin. */
export function zipkinMessageFormat(body: Uint8Array): ZipkinMessageFormat | undefined {
  const first = body[0]
  if (first === undefined || body.length < 2) return undefined
  if (first === openBracket || first === openBrace) return 'zipkin-json'
  // `ListOfSpans.spans` and the length of a span, which is never 0; a Thrift span goes on with the number of its field, 00 01.
  if (first === i64Type && body[1] !== 0) return 'zipkin-proto'
  return first > 0 && first <= lastType ? 'zipkin-thrift' : undefined
}

/** A single JSON span as a list of one. */
function jsonList(body: Uint8Array): Uint8Array {
  if (body[0] !== openBrace) return body
  const list = new Uint8Array(body.length + 2)
  list[0] = openBracket
  list.set(body, 1)
  list[list.length - 1] = closeBracket
  return list
}

/**
 * A list of structs, whatever an old sender wrote: lists headed by the type of strings (zipkin-reporter-java#133), and single spans,
 * which begin with the type and number of their first field.
 */
function thriftList(body: Uint8Array): Uint8Array {
  if (body[0] === structType) return body
  if (body[0] === stringType && body[1] === 0 && body[2] === 0) {
    const list = new Uint8Array(body)
    list[0] = structType
    return list
  }
  const list = new Uint8Array(body.length + 5)
  list[0] = structType
  list[4] = 1
  list.set(body, 5)
  return list
}

/** Creates the translator of messages. Throws OB_DECODE_JSON when the first bytes are those of no encoding. */
export function createMessageTranslator(lists: ZipkinListTranslators): BodyTranslator {
  return (body, receivedAtMs) => {
    switch (zipkinMessageFormat(body)) {
      case 'zipkin-json':
        return lists.json(jsonList(body), receivedAtMs)
      case 'zipkin-proto':
        return lists.v2Proto(body, receivedAtMs)
      case 'zipkin-thrift':
        return lists.v1Thrift(thriftList(body), receivedAtMs)
      default:
        throw new BridgeError('OB_DECODE_JSON', 'cannot read message: it is neither JSON nor protobuf nor Thrift at byte 0', {
          place: 'byte 0',
        })
    }
  }
}
