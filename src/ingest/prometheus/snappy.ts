/**
 * The block format of snappy, in which bodies of remote-write come: a length as varint, then literals and copies.
 * @see google/snappy format_description.txt
 */

import { BridgeError } from '../../errors.ts'

export interface SnappyOptions {
  /** Bytes after decompression; more is OB_LIMIT_BODY. */
  readonly maxBytes: number
  /** Key of the configuration that raises `maxBytes`, for the message. */
  readonly limitKey: string
}

export interface Snappy {
  /**
   * The plain body, in memory of its own. What is declared is compared with the limit and with what such a body can hold before anything is
   * allocated, and with what came out of it afterwards.
   * @throws OB_LIMIT_BODY; OB_DECODE_ENCODING for what is no block of snappy
   */
  uncompress(body: Uint8Array): Uint8Array
}

/** No three bytes of a block make more than 64: the longest copy with an offset of two bytes. */
const mostBytesOfThree = 64

const corrupt = (cause: string, error?: unknown): BridgeError =>
  new BridgeError('OB_DECODE_ENCODING', `cannot decompress body: ${cause}`, error === undefined ? {} : { cause: error })

interface Preamble {
  readonly declared: number
  /** Bytes of the body that say so. */
  readonly bytes: number
}

function preamble(body: Uint8Array): Preamble {
  let declared = 0
  for (let at = 0; at < 5; at++) {
    const byte = body[at]
    if (byte === undefined) throw corrupt('the length at the start of the snappy block is cut off')
    if (at === 4 && byte > 0x0f) break
    declared += (byte & 0x7f) * 2 ** (7 * at)
    if (byte < 0x80) return { declared, bytes: at + 1 }
  }
  throw corrupt('the length at the start of the snappy block is beyond 32 bits')
}

/** Bytes a block says it will be: 0 to 2^32 − 1, not to be believed. Throws OB_DECODE_ENCODING when that cannot be read. */
export function declaredLength(body: Uint8Array): number {
  return preamble(body).declared
}

const framedStart = [0xff, 0x06, 0x00, 0x00, 0x73, 0x4e, 0x61, 0x50, 0x70, 0x59]

/** True for the framed format, which remote-write does not allow. No block begins like that. */
export const isFramed = (body: Uint8Array): boolean => framedStart.every((byte, at) => body[at] === byte)

/** Loads the native library, which takes some 10 ms and 8 MB: nobody does without a listener that needs it. */
export async function createSnappy(options: SnappyOptions): Promise<Snappy> {
  const { uncompressSync } = await import('snappy')
  const { maxBytes, limitKey } = options
  // What V8 only borrows is given back after a turn of the loop at the earliest: kept bodies that are read one after another at start would
  // pile up, and under load the process is larger by a third. The copy costs a few µs.
  const inOwnMemory = { copyOutputData: true }
  return {
    uncompress(body) {
      if (isFramed(body)) throw corrupt('it is framed snappy, remote-write uses the block format')
      const { declared, bytes } = preamble(body)
      if (declared > maxBytes) {
        throw new BridgeError('OB_LIMIT_BODY', `cannot decompress body: ${declared} bytes declared, the limit is ${maxBytes} (${limitKey})`)
      }
      const rest = body.length - bytes
      if (declared > (rest * mostBytesOfThree) / 3) throw corrupt(`${rest} bytes of snappy cannot hold the ${declared} declared`)
      let plain: string | Uint8Array
      try {
        plain = uncompressSync(body, inOwnMemory)
      } catch (error) {
        throw corrupt('the snappy block is damaged', error)
      }
      if (typeof plain === 'string' || plain.length !== declared) {
        throw corrupt(`the snappy block holds ${plain.length} bytes, ${declared} are declared`)
      }
      return plain
    },
  }
}
