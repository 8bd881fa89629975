/** Content-Encoding of a request body: gzip, deflate (zlib or raw), zstd and identity, under a ceiling of decompressed bytes and of ratio. */

import { promisify } from 'node:util'
import {
  constants,
  crc32,
  gunzip,
  gunzipSync,
  inflate,
  inflateRaw,
  inflateRawSync,
  inflateSync,
  type ZlibOptions,
  type ZstdOptions,
  zstdDecompress,
  zstdDecompressSync,
} from 'node:zlib'
import PQueue from 'p-queue'
import { BridgeError } from '../errors.ts'

export type Encoding = 'identity' | 'gzip' | 'deflate' | 'zstd'

export interface DecompressOptions {
  /** Bytes after decompression; more is OB_LIMIT_BODY. */
  readonly maxBytes: number
  /** Decompressed ÷ compressed; more is OB_LIMIT_RATIO. Looked at only above {@link ratioFloorBytes}. */
  readonly maxRatio: number
  /** Section of the configuration that holds the limits, for messages: `ingest.zipkin.limits`. */
  readonly section: string
}

/** What a body is inflated by. */
export interface Decompressor {
  /**
   * The plain body: at once when it is small, as a promise when another thread inflates it. Never grows memory past the limits.
   * Identity gives back `body` itself. Throws or rejects with OB_DECODE_ENCODING, OB_LIMIT_BODY or OB_LIMIT_RATIO.
   */
  decompress(encoding: Encoding, body: Uint8Array): Uint8Array | Promise<Uint8Array>
}

/** Bodies that stay below this many bytes are never refused for their ratio: small bodies of equal spans shrink a lot. */
export const ratioFloorBytes = 1024 * 1024

/** Compressed bytes up to which inflating here and now is cheaper than a round trip through the thread pool. */
const syncBytes = 128 * 1024

/** Bodies inflated at once on the thread pool; the others wait. */
const asyncAtOnce = 2

/** Members of one gzip body. Honest senders write one; each costs time out of proportion to its bytes. */
const maxMembers = 16

const gunzipAsync = promisify<Uint8Array, ZlibOptions, Uint8Array>(gunzip)
const inflateAsync = promisify<Uint8Array, ZlibOptions, Uint8Array>(inflate)
const inflateRawAsync = promisify<Uint8Array, ZlibOptions, Uint8Array>(inflateRaw)
const zstdAsync = promisify<Uint8Array, ZstdOptions, Uint8Array>(zstdDecompress)

/** Memory that a zstd stream may ask for, as a power of two: 8 MiB, what HTTP allows. @see RFC 9659 */
export const zstdWindowLog = 23

/**
 * Reads a Content-Encoding header. `x-gzip` is gzip, `zlib` is deflate, `identity` counts as nothing.
 * Throws OB_UNSUPPORTED_ENCODING for any other word and for two encodings on top of each other. @param zstd take that, too
 */
export function encodingOf(header: string | undefined, zstd = false): Encoding {
  if (header === undefined || header === '') return 'identity'
  if (header === 'gzip') return 'gzip'
  let found: Encoding = 'identity'
  for (const part of header.split(',')) {
    const word = part.trim().toLowerCase()
    if (word === '' || word === 'identity') continue
    if (found !== 'identity') {
      throw new BridgeError('OB_UNSUPPORTED_ENCODING', 'cannot read body: it is compressed more than once')
    }
    if (word === 'gzip' || word === 'x-gzip') found = 'gzip'
    else if (word === 'deflate' || word === 'zlib') found = 'deflate'
    else if (zstd && word === 'zstd') found = 'zstd'
    else {
      const known = zstd ? 'gzip, deflate nor zstd' : 'gzip nor deflate'
      throw new BridgeError('OB_UNSUPPORTED_ENCODING', `cannot read body: its Content-Encoding is neither ${known}`)
    }
  }
  return found
}

/** The most that deflate can make of a byte. */
const largestRatio = 1032

/**
 * Bytes to allocate at first: gzip says at its end how much comes out, and one piece saves joining many of 16 KiB.
 * What it says is believed up to what its size can hold, and up to 1 MiB; a wrong number costs pieces, nothing else.
 */
function firstPieceBytes(encoding: Encoding, body: Uint8Array): number {
  if (encoding !== 'gzip' || body.length < 18) return 64 * 1024
  const declared = new DataView(body.buffer, body.byteOffset + body.length - 4, 4).getUint32(0, true)
  // One byte more, or a full piece would make zlib ask for another.
  return Math.max(1024, Math.min(declared + 1, body.length * largestRatio, ratioFloorBytes))
}

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '')

/** The two ways to write `deflate`: RFC 9110 means zlib, some clients send the bare stream. A zlib header is a multiple of 31. */
export const hasZlibHeader = (body: Uint8Array): boolean =>
  body.length >= 2 && ((body[0] as number) & 0x0f) === 8 && (((body[0] as number) << 8) | (body[1] as number)) % 31 === 0

/** Creates a {@link Decompressor}; each listener has one, so that one sender's large bodies hold up only its own listener. */
export function createDecompressor(options: DecompressOptions): Decompressor {
  const waiting = new PQueue({ concurrency: asyncAtOnce })

  const ceilingOf = (body: Uint8Array): number => Math.min(options.maxBytes, Math.max(ratioFloorBytes, options.maxRatio * body.length))

  const tooLarge = (body: Uint8Array): BridgeError =>
    ceilingOf(body) >= options.maxBytes
      ? new BridgeError('OB_LIMIT_BODY', `cannot take body: it is larger than ${options.maxBytes} bytes (${options.section}.body)`)
      : new BridgeError('OB_LIMIT_RATIO', `cannot take body: it expands more than ${options.maxRatio} times (${options.section}.ratio)`)

  const explain = (error: unknown, body: Uint8Array): BridgeError => {
    if (codeOf(error) === 'ERR_BUFFER_TOO_LARGE') return tooLarge(body)
    const why = error instanceof Error ? error.message : 'unknown fault'
    return new BridgeError('OB_DECODE_ENCODING', `cannot decompress body: ${why}`, { cause: error })
  }

  const zlibOptions = (encoding: Encoding, body: Uint8Array): ZlibOptions => ({
    maxOutputLength: ceilingOf(body),
    chunkSize: firstPieceBytes(encoding, body),
    rejectGarbageAfterEnd: true,
  })

  const zstdOptions = (body: Uint8Array): ZstdOptions => ({
    maxOutputLength: ceilingOf(body),
    params: { [constants.ZSTD_d_windowLogMax]: zstdWindowLog },
    // A second frame, too, is refused: without this, node would leave it out and say nothing.
    rejectGarbageAfterEnd: true,
  })

  const inflateNow = (encoding: Encoding, body: Uint8Array): Uint8Array => {
    try {
      if (encoding === 'zstd') return zstdDecompressSync(body, zstdOptions(body))
      if (encoding === 'gzip') return gunzipSync(body, zlibOptions(encoding, body))
      return hasZlibHeader(body) ? inflateSync(body, zlibOptions(encoding, body)) : inflateRawSync(body, zlibOptions(encoding, body))
    } catch (error) {
      if (encoding === 'gzip' && codeOf(error) === 'ERR_TRAILING_JUNK_AFTER_STREAM_END') return joinMembers(body)
      throw explain(error, body)
    }
  }

  /** A gzip body of several members, one after the other; zeros after the last are padding. */
  const joinMembers = (body: Uint8Array): Uint8Array => {
    const ceiling = ceilingOf(body)
    const parts: Uint8Array[] = []
    let total = 0
    let at = 0
    while (at < body.length && !(at > 0 && isZeros(body, at))) {
      if (parts.length === maxMembers) {
        throw new BridgeError('OB_DECODE_ENCODING', `cannot decompress body: it has more than ${maxMembers} gzip members`)
      }
      const start = at + gzipHeaderLength(body, at)
      if (total >= ceiling) throw tooLarge(body)
      const { buffer, consumed } = inflateMember(body.subarray(start), ceiling - total, body)
      at = start + consumed + 8
      checkTrailer(body, at, buffer)
      parts.push(buffer)
      total += buffer.length
    }
    return Buffer.concat(parts, total)
  }

  const inflateMember = (from: Uint8Array, ceiling: number, body: Uint8Array): { buffer: Uint8Array; consumed: number } => {
    try {
      const result = inflateRawSync(from, { maxOutputLength: ceiling, info: true }) as unknown as {
        buffer: Uint8Array
        engine: { bytesWritten: number }
      }
      return { buffer: result.buffer, consumed: result.engine.bytesWritten }
    } catch (error) {
      throw explain(error, body)
    }
  }

  const inflateLater = async (encoding: Encoding, body: Uint8Array): Promise<Uint8Array> => {
    try {
      const result = await waiting.add(() => {
        if (encoding === 'zstd') return zstdAsync(body, zstdOptions(body))
        if (encoding === 'gzip') return gunzipAsync(body, zlibOptions(encoding, body))
        return hasZlibHeader(body) ? inflateAsync(body, zlibOptions(encoding, body)) : inflateRawAsync(body, zlibOptions(encoding, body))
      })
      return result
    } catch (error) {
      throw explain(error, body)
    }
  }

  return {
    decompress(encoding, body) {
      if (encoding === 'identity') return body
      return body.length <= syncBytes ? inflateNow(encoding, body) : inflateLater(encoding, body)
    },
  }
}

const isZeros = (body: Uint8Array, from: number): boolean => {
  for (let at = from; at < body.length; at++) if (body[at] !== 0) return false
  return true
}

const badMember = (why: string): BridgeError => new BridgeError('OB_DECODE_ENCODING', `cannot decompress body: ${why}`)

/** Length of the header of a gzip member. @see RFC 1952, 2.3 */
function gzipHeaderLength(body: Uint8Array, from: number): number {
  if (body.length - from < 18 || body[from] !== 0x1f || body[from + 1] !== 0x8b || body[from + 2] !== 8) {
    throw badMember('there are other bytes after the gzip stream')
  }
  const flags = body[from + 3] as number
  let at = from + 10
  if (flags & 4) at += 2 + ((body[at] ?? 0) | ((body[at + 1] ?? 0) << 8))
  if (flags & 8) at = afterZero(body, at)
  if (flags & 16) at = afterZero(body, at)
  if (flags & 2) at += 2
  if (at >= body.length) throw badMember('a gzip header is cut off')
  return at - from
}

const afterZero = (body: Uint8Array, from: number): number => {
  const at = body.indexOf(0, from)
  return at < 0 ? body.length : at + 1
}

/** Checks the CRC and length that end the member before `end`. */
function checkTrailer(body: Uint8Array, end: number, plain: Uint8Array): void {
  if (end > body.length) throw badMember('a gzip member is cut off')
  const view = new DataView(body.buffer, body.byteOffset + end - 8, 8)
  if (view.getUint32(0, true) !== crc32(plain) || view.getUint32(4, true) !== plain.length) throw badMember('a gzip checksum does not hold')
}
