/** Recognises what this bridge itself has sent (promise 9): it would come back for ever. */

import { BridgeError } from '../../errors.ts'

/** Header, or gRPC metadata, that every request of a bridge bears with its name. */
export const loopHeader = 'x-otlp-bridge'

/** OB_LOOP when the header names us. Those of other bridges pass: bridges may be chained. @param own undefined: we have no name */
export function loopFault(own: string | undefined, header: string | undefined): BridgeError | undefined {
  if (header === undefined || own === undefined) return undefined
  // Proxies join what comes twice.
  if (!header.split(',').some((one) => one.trim() === own)) return undefined
  return new BridgeError('OB_LOOP', 'cannot take the request: this bridge has sent it itself; emit.endpoint leads back here')
}
