/** Bodies of requests that are no documents: small JSON objects, compressed or not. */

import { BridgeError } from '../../errors.ts'
import { createBodyReader } from '../body.ts'
import { createDecompressor, encodingOf } from '../decompress.ts'
import { asBridgeError } from '../receive.ts'
import { type Asked, replyError } from './handshake-replies.ts'

export interface BodiesOptions {
  /** Bytes of one, on the wire and plain. */
  readonly maxBytes: number
  /** Key of the configuration that holds the limit. */
  readonly section: string
}

export interface Bodies {
  /** The plain body; undefined when it could not be had, and the request is answered. */
  read(asked: Asked): Promise<Uint8Array | undefined>
  /** An object out of JSON; undefined as above, and when the body is no object. @param optional no body is an empty object */
  readObject(asked: Asked, optional?: boolean): Promise<Readonly<Record<string, unknown>> | undefined>
}

/** Bodies on their way in at once. */
const mostAtOnce = 64

/** Nesting of a body: of templates a dozen levels are usual. */
const deepest = 100

/** Deepest nesting of brackets in JSON text, texts left out. */
function depthOf(body: Uint8Array): number {
  let depth = 0
  let most = 0
  let inText = false
  for (let at = 0; at < body.length; at++) {
    const byte = body[at]
    if (inText) {
      if (byte === 0x5c) at++
      else if (byte === 0x22) inText = false
    } else if (byte === 0x22) inText = true
    else if (byte === 0x7b || byte === 0x5b) most = Math.max(most, ++depth)
    else if (byte === 0x7d || byte === 0x5d) depth--
  }
  return most
}

const decoder = new TextDecoder('utf-8', { fatal: true })

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Answers for a body that could not be taken. */
function refuse(asked: Asked, error: BridgeError): void {
  const type = error.code === 'OB_LIMIT_PENDING' ? 'es_rejected_execution_exception' : 'illegal_argument_exception'
  replyError(asked, error.code === 'OB_LIMIT_PENDING' ? 429 : error.http, type, error.message)
}

export function createBodies({ maxBytes, section }: BodiesOptions): Bodies {
  const reader = createBodyReader({ maxBytes, limitKey: section })
  const inflater = createDecompressor({ maxBytes, maxRatio: Number.POSITIVE_INFINITY, section })
  let reading = 0

  const take = async (asked: Asked): Promise<Uint8Array> => {
    const { request, response } = asked
    const tooLarge = reader.tooLarge(request)
    if (tooLarge !== undefined) throw tooLarge
    const encoding = encodingOf(request.headers['content-encoding'], true)
    if (reading >= mostAtOnce) {
      throw new BridgeError('OB_LIMIT_PENDING', `cannot take body: ${mostAtOnce} others are on their way in`)
    }
    reading++
    try {
      const body = await new Promise<Uint8Array>((done, failed) => reader.read(request, response, { done, failed }))
      try {
        const plain = await inflater.decompress(encoding, body)
        // The buffer that it was read into goes back.
        return plain === body ? plain.slice() : plain
      } finally {
        reader.release(body)
      }
    } finally {
      reading--
    }
  }

  const read = async (asked: Asked): Promise<Uint8Array | undefined> => {
    try {
      return await take(asked)
    } catch (error) {
      refuse(asked, asBridgeError(error))
      return undefined
    }
  }

  const parse = (asked: Asked, body: Uint8Array): Readonly<Record<string, unknown>> | undefined => {
    if (depthOf(body) > deepest) {
      replyError(asked, 400, 'x_content_parse_exception', `the body nests deeper than ${deepest} levels`)
      return undefined
    }
    try {
      const value: unknown = JSON.parse(decoder.decode(body))
      if (isObject(value)) return value
      replyError(asked, 400, 'parse_exception', 'Failed to parse content to map: it is no object')
    } catch (error) {
      // V8 quotes the text that it could not read.
      const reason = error instanceof SyntaxError ? 'it is no JSON' : 'it is no UTF-8'
      replyError(asked, 400, 'parse_exception', `Failed to parse content to map: ${reason}`)
    }
    return undefined
  }

  return {
    read,
    async readObject(asked, optional = false) {
      const body = await read(asked)
      if (body === undefined) return undefined
      if (body.length > 0) return parse(asked, body)
      if (optional) return {}
      replyError(asked, 400, 'parse_exception', 'request body is required')
      return undefined
    },
  }
}
