/** Plain bodies of remote-write, of either version, into columns. */

import type { WriteRequest } from '../../translate/prometheus/model.ts'
import type { WriteLimits } from './decode-limits.ts'
import { decodeWriteV1 } from './decode-v1.ts'
import { decodeWriteV2 } from './decode-v2.ts'

/** Decodes a request of the version that its Content-Type says. Throws as {@link decodeWriteV1} and {@link decodeWriteV2} do. */
export function decodeWrite(version: 1 | 2, body: Uint8Array, limits: WriteLimits, into: WriteRequest): void {
  if (version === 1) decodeWriteV1(body, limits, into)
  else decodeWriteV2(body, limits, into)
}
