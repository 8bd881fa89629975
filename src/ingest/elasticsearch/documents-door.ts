/** What can be said of a request with documents before a byte of its body is read. */

import type { IncomingMessage } from 'node:http'
import { BridgeError, isBridgeError } from '../../errors.ts'
import { type Encoding, encodingOf } from '../decompress.ts'
import type { LineReader } from './body-lines.ts'
import { createTypeCheck } from './content-type.ts'

/** A request whose body may be read. */
export interface Head {
  readonly encoding: Encoding
  /** Bytes of the body on the wire, −1 when they are not known. */
  readonly length: number
}

/** Looks at headers; an error is what the request is refused with. */
export type DocumentsDoor = (request: IncomingMessage) => Head | BridgeError

/** @param lenient takes bodies without Content-Type, too */
export function createDoor(lenient: boolean, lines: LineReader): DocumentsDoor {
  const typeFault = createTypeCheck(lenient)
  return (request) => {
    const { headers } = request
    const declared = headers['content-length']
    const length = declared === undefined ? (headers['transfer-encoding'] === undefined ? 0 : -1) : Number(declared)
    const fault = typeFault(headers['content-type'])
    // A request without a body has no type of it.
    if (fault !== undefined && length !== 0) return new BridgeError('OB_UNSUPPORTED_TYPE', fault)
    try {
      const encoding = encodingOf(headers['content-encoding'], true)
      return lines.tooLarge(encoding, length) ?? { encoding, length }
    } catch (error) {
      if (isBridgeError(error)) return error
      throw error
    }
  }
}
