/** The data of one chunk, of any of the six encodings → samples. Fails closed: what does not fit the index is no chunk. */

import { Bits } from './bits.ts'
import { decodeXor, decodeXor2 } from './decode-float.ts'
import { decodeFloatHistograms, decodeHistograms } from './decode-histogram.ts'
import { tsdbError } from './faults.ts'
import type { Samples } from './samples.ts'

/** Chunks of honest writers have some kilobytes. */
export const maxChunkBytes = 4 * 1024 * 1024

const bits = new Bits()

/**
 * Clears `into` and fills it with the samples of a chunk, ascending in time. Throws OB_SOURCE: `unknown_encoding`, `too_large`, or `corrupt` when the
 * data is no chunk, or its times are not those of the index. @param minMs of the first sample, as the index says @param maxMs of the last
 */
export function decodeChunk(encoding: number, data: Uint8Array, minMs: number, maxMs: number, into: Samples): void {
  into.clear()
  bits.load(data)
  switch (encoding) {
    case 1:
      decodeXor(bits, into)
      break
    case 2:
      decodeHistograms(bits, false, into)
      break
    case 3:
      decodeFloatHistograms(bits, false, into)
      break
    case 4:
      decodeXor2(bits, into)
      break
    case 5:
      decodeHistograms(bits, true, into)
      break
    case 6:
      decodeFloatHistograms(bits, true, into)
      break
    default:
      throw tsdbError('unknown_encoding', `cannot decode a chunk of encoding ${encoding}: it is of a later version, or none`)
  }
  const { ms, count } = into
  if (ms[0] !== minMs || ms[count - 1] !== maxMs) {
    throw tsdbError('corrupt', `cannot trust a chunk from ${ms[0]} to ${ms[count - 1]}: the index says ${minMs} to ${maxMs}`)
  }
  for (let at = 1; at < count; at++) {
    if (!((ms[at] as number) > (ms[at - 1] as number))) throw tsdbError('corrupt', 'cannot trust a chunk whose times do not ascend')
  }
}
