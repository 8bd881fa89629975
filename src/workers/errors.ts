/** Errors between processes. */

import { BridgeError, isBridgeError } from '../errors.ts'
import type { PlainError } from './protocol.ts'

/** An error as it can be sent; of what is our own fault with its stack. */
export function plainError(error: unknown): PlainError {
  if (isBridgeError(error)) return { code: error.code, message: error.message, place: error.place }
  return { code: undefined, message: error instanceof Error ? (error.stack ?? error.message) : String(error), place: '' }
}

/** An error of another process as one of this. */
export function revived({ code, message, place }: PlainError): Error {
  return code === undefined ? new Error(message) : new BridgeError(code, message, { place })
}
