/**
 * Record batches of Kafka, plain again, and never larger than a limit: the library's own way has none. Sizes are known, or
 * bounded by what the frame says of its blocks, before memory is spent.
 */

import { gunzipSync, zstdDecompressSync } from 'node:zlib'

/** What the library brings for the two codecs that Node.js has not. They are handed only what {@link decompressRecords} has measured. */
export interface KafkaCodecs {
  /** A raw snappy block, or xerial's framing of several. */
  snappy(data: Buffer): Uint8Array
  /** An LZ4 frame. */
  lz4(data: Buffer): Uint8Array
}

/** Why a batch could not be made plain. */
export type CompressionFault = 'batch_too_large' | 'decompression' | 'unknown_compression'

export type Decompressed = { readonly plain: Uint8Array } | { readonly fault: CompressionFault }

const tooLarge = { fault: 'batch_too_large' } as const

/** Bits 0 to 2 of a batch's attributes. */
export const Compression = { None: 0, Gzip: 1, Snappy: 2, Lz4: 3, Zstd: 4 } as const

const isTooLarge = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE'

/** Makes the records of a batch plain. Never throws. @param maxBytes of what comes out; more is `batch_too_large` */
export function decompressRecords(compression: number, data: Uint8Array, codecs: KafkaCodecs, maxBytes: number): Decompressed {
  const buffer = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  try {
    switch (compression) {
      case Compression.None:
        return { plain: data }
      case Compression.Gzip:
        return { plain: gunzipSync(buffer, { maxOutputLength: maxBytes }) }
      case Compression.Zstd:
        return { plain: zstdDecompressSync(buffer, { maxOutputLength: maxBytes }) }
      case Compression.Snappy:
        return snappySize(buffer) > maxBytes ? tooLarge : { plain: codecs.snappy(buffer) }
      case Compression.Lz4:
        return lz4Bound(buffer) > maxBytes ? tooLarge : { plain: codecs.lz4(buffer) }
      default:
        return { fault: 'unknown_compression' }
    }
  } catch (error) {
    return isTooLarge(error) ? tooLarge : { fault: 'decompression' }
  }
}

const xerial = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])

/** Bytes that come out of snappy, by its own word: each block begins with its plain length. NaN, which no limit holds, is thrown. */
function snappySize(data: Buffer): number {
  if (!data.subarray(0, xerial.length).equals(xerial)) return snappyBlockSize(data, 0, data.length)
  let sum = 0
  for (let at = 16; at < data.length; ) {
    const length = data.readUInt32BE(at)
    at += 4
    if (length > data.length - at) throw new RangeError('a snappy block is cut off')
    sum += snappyBlockSize(data, at, at + length)
    at += length
  }
  return sum
}

function snappyBlockSize(data: Buffer, from: number, end: number): number {
  let size = 0
  for (let at = from, shift = 0; at < end && shift < 35; at++, shift += 7) {
    const byte = data[at] as number
    size += (byte & 0x7f) * 2 ** shift
    if (byte < 0x80) return size
  }
  throw new RangeError('a snappy block has no length')
}

const lz4Magic = 0x184d2204
const lz4Largest = [0, 0, 0, 0, 64 * 1024, 256 * 1024, 1024 * 1024, 4 * 1024 * 1024]

/** The most that LZ4 can make of a byte. */
const lz4Ratio = 255

/** The most that can come out of an LZ4 frame: what it declares, or what its blocks may hold at their largest. */
function lz4Bound(data: Buffer): number {
  if (data.readUInt32LE(0) !== lz4Magic) throw new RangeError('not an LZ4 frame')
  const flags = data.readUInt8(4)
  const largest = lz4Largest[(data.readUInt8(5) >> 4) & 7] ?? 0
  const checksums = (flags & 0x10) !== 0
  // 6 bytes so far, the content's size and a dictionary's id where they are, and a checksum of the header.
  let at = 6 + ((flags & 8) === 0 ? 0 : 8) + ((flags & 1) === 0 ? 0 : 4) + 1
  let bound = 0
  while (at + 4 <= data.length) {
    const word = data.readUInt32LE(at)
    at += 4
    if (word === 0) break
    const length = word & 0x7fffffff
    bound += word >= 0x80000000 ? length : Math.min(largest, length * lz4Ratio)
    at += length + (checksums ? 4 : 0)
  }
  return bound
}
