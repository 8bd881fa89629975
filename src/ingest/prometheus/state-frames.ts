/**
 * Pieces of remembered state in a file, each in a frame with a checksum, so that what is damaged or torn off costs itself only. A frame, in
 * little-endian words: magic, version, a random number of the writing, number of the piece from 0, its bytes, its CRC-32, CRC-32 of the six words
 * before; then the piece. The last frame has no piece, and its number is how many there are before it. The random number keeps what looks like
 * a frame inside of a piece from being taken for one.
 */

import { crc32 } from 'node:zlib'

/** Version of the frames. A new one gets a new number and reads the old. */
export const framesVersion = 1

/** Bytes before each piece. */
export const frameHeadBytes = 28

/** The longest piece that is written or read. */
export const maxPieceBytes = 4 * 2 ** 20

/** `OBsf` */
const magic = Buffer.from('OBsf')

/** Behind damage a file is searched so far for the next frame. */
const maxSearchedBytes = 2 ** 28
const searchWindow = 65_536

/** Writes the head of a frame. @param writing random, uint32, the same in all of a file @param piece empty: the end */
export function writeFrameHead(head: Buffer, writing: number, number: number, piece: Uint8Array): void {
  magic.copy(head, 0)
  head.writeUInt32LE(framesVersion, 4)
  head.writeUInt32LE(writing, 8)
  head.writeUInt32LE(number, 12)
  head.writeUInt32LE(piece.length, 16)
  head.writeUInt32LE(crc32(piece), 20)
  head.writeUInt32LE(crc32(head.subarray(0, 24)), 24)
}

interface Head {
  readonly version: number
  readonly writing: number
  readonly number: number
  readonly bytes: number
  readonly crc: number
}

function readHead(bytes: Buffer): Head | undefined {
  if (bytes.length < frameHeadBytes || bytes.compare(magic, 0, 4, 0, 4) !== 0) return undefined
  if (bytes.readUInt32LE(24) !== crc32(bytes.subarray(0, 24))) return undefined
  const [version, writing, number, length, crc] = [4, 8, 12, 16, 20].map((at) => bytes.readUInt32LE(at)) as [
    number,
    number,
    number,
    number,
    number,
  ]
  const head = { version, writing, number, bytes: length, crc }
  return head.version <= framesVersion && head.bytes > maxPieceBytes ? undefined : head
}

/** What was found in a file beside its pieces. */
export interface FramesFound {
  pieces: number
  /** Pieces that are lost, as far as they can be counted. */
  damaged: number
  /** True when the file ends before its end. */
  torn: boolean
  /** True when not one frame is in it. */
  foreign: boolean
  /** True when a newer version wrote it: nothing of it was read from there on. */
  newer: boolean
}

/**
 * Reads the pieces of a file in their order. Throws what `read` throws.
 * @param read so many bytes from a position, fewer at the end
 * @param take called for each piece that is as it was written; the bytes are its own
 */
export async function readFrames(
  size: number,
  read: (position: number, length: number) => Promise<Buffer>,
  take: (piece: Buffer) => void,
): Promise<FramesFound> {
  const found: FramesFound = { pieces: 0, damaged: 0, torn: true, foreign: true, newer: false }
  let searched = 0

  /** The position of the next magic, or the size. */
  const search = async (from: number): Promise<number> => {
    for (let at = from; at < size && searched < maxSearchedBytes; at += searchWindow) {
      const window = await read(at, searchWindow + magic.length - 1)
      searched += searchWindow
      const place = window.indexOf(magic)
      if (place >= 0) return at + place
    }
    return size
  }

  let position = 0
  let number = 0
  let writing: number | undefined
  while (position < size) {
    const head = readHead(await read(position, frameHeadBytes))
    if (head === undefined) {
      position = await search(position + 1)
      continue
    }
    found.foreign = false
    writing ??= head.writing
    if (head.version > framesVersion) return { ...found, newer: true }
    if (head.writing !== writing || head.number < number) {
      position = await search(position + 1)
      continue
    }
    found.damaged += head.number - number
    number = head.number + 1
    position += frameHeadBytes
    if (head.bytes === 0) return { ...found, torn: false }
    const piece = await read(position, head.bytes)
    position += head.bytes
    if (piece.length < head.bytes || crc32(piece) !== head.crc) found.damaged++
    else {
      found.pieces++
      take(piece)
    }
  }
  return found
}
