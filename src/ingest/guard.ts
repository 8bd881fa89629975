/** Who may send: basic, bearer and API-key authentication, the same over HTTP and gRPC. */

import type { BridgeError } from '../errors.ts'

/** Looks at the head of a request or call. */
export interface Guard {
  /**
   * Undefined when the sender may go on, else the error to answer with (OB_AUTH: HTTP 401, gRPC UNAUTHENTICATED).
   * @param header the value of a header or of gRPC metadata by its lower-case name; undefined when absent
   */
  refusal(header: (name: string) => string | undefined): BridgeError | undefined
  /** What a 401 names in `WWW-Authenticate`. */
  readonly challenge: string
}
