/** The bytes of a file or of standard input, plain, in pieces, from any place on. */

import { type FileHandle, open } from 'node:fs/promises'
import { sourceFault } from '../../../read/patient-client.ts'
import { type Compression, compressionOf, createInflater, InflateFault } from './inflate.ts'

const pieceBytes = 256 * 1024

/** Pieces in order; each is the reader's to keep. */
export interface ByteSource {
  /** Undefined at the end. Rejects with OB_SOURCE, `corrupt`; what is cut off ends with `isTruncated`. */
  next(): Promise<Uint8Array | undefined>
  /** The compressed data ended too soon. */
  readonly isTruncated: boolean
  close(): Promise<void>
}

/** What a file begins with. */
export interface Head {
  readonly compression: Compression
  /** The first 4 KiB as they stand. */
  readonly raw: Uint8Array
  /** The first 64 KiB of what it holds. */
  readonly plain: Uint8Array
}

async function* piecesOf(file: FileHandle, from: number): AsyncGenerator<Uint8Array, void> {
  for (let position = from; ; ) {
    const buffer = Buffer.allocUnsafeSlow(pieceBytes)
    const { bytesRead } = await file.read(buffer, 0, pieceBytes, position)
    if (bytesRead === 0) return
    position += bytesRead
    yield buffer.subarray(0, bytesRead)
  }
}

/** @param skip plain bytes to leave out in front */
function plainSource(
  pieces: AsyncIterable<Uint8Array>,
  compression: Compression,
  skip: number,
  name: string,
  done: () => Promise<void>,
): ByteSource {
  let isTruncated = false
  const inflater = compression === 'none' ? undefined : createInflater(compression)

  async function* inflated(): AsyncGenerator<Uint8Array, void> {
    if (inflater === undefined) {
      yield* pieces
      return
    }
    for await (const piece of pieces) yield* inflater.push(piece)
    yield* inflater.end()
  }

  const iterator = inflated()
  let left = skip
  let at = 0
  return {
    get isTruncated() {
      return isTruncated
    },
    async next() {
      for (;;) {
        let piece: Uint8Array
        try {
          const next = await iterator.next()
          if (next.done === true) return undefined
          piece = next.value
        } catch (error) {
          if (!(error instanceof InflateFault)) throw error
          isTruncated = error.reason === 'truncated'
          if (isTruncated) return undefined
          throw sourceFault('corrupt', `cannot read ${name} behind byte ${at} of its content: ${error.message}`, name, error)
        }
        at += piece.length
        if (left >= piece.length) {
          left -= piece.length
          continue
        }
        const rest = left === 0 ? piece : piece.subarray(left)
        left = 0
        return rest
      }
    },
    async close() {
      await iterator.return()
      inflater?.close()
      await done()
    },
  }
}

const unreadable = (name: string, error: unknown): Error => {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return sourceFault(
    code === 'ENOENT' ? 'vanished' : code === 'EACCES' ? 'unauthorised' : 'source_error',
    `cannot read ${name}: ${error instanceof Error ? error.message : String(error)}`,
    name,
    error,
  )
}

/** Opens a file at a byte of its content: plain files by seeking, others by inflating and leaving out. Rejects with OB_SOURCE. */
export async function openFile(path: string, compression: Compression, offset: number): Promise<ByteSource> {
  let file: FileHandle
  try {
    file = await open(path, 'r')
  } catch (error) {
    throw unreadable(path, error)
  }
  const isPlain = compression === 'none'
  return plainSource(piecesOf(file, isPlain ? offset : 0), compression, isPlain ? 0 : offset, path, () => file.close())
}

async function firstBytes(source: ByteSource, most: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  let size = 0
  try {
    while (size < most) {
      const piece = await source.next()
      if (piece === undefined) break
      pieces.push(piece)
      size += piece.length
    }
  } catch {
    // What is damaged is told when it is read.
  } finally {
    await source.close()
  }
  return Buffer.concat(pieces).subarray(0, most)
}

const rawHeadBytes = 4096
/** What is looked at to tell a format. */
export const headBytes = 64 * 1024

/** Looks at the beginning of a file. Rejects with OB_SOURCE. */
export async function headOf(path: string): Promise<Head> {
  const raw = (await firstBytes(await openFile(path, 'none', 0), rawHeadBytes)).slice()
  const compression = compressionOf(raw)
  const plain = (await firstBytes(await openFile(path, compression, 0), headBytes)).slice()
  return { compression, raw, plain }
}

/** Standard input, which is looked at before it is read: it comes once. */
export async function openInput(stream: AsyncIterable<Uint8Array>): Promise<{ readonly head: Head; readonly source: ByteSource }> {
  const iterator = stream[Symbol.asyncIterator]()
  const seen: Uint8Array[] = []
  let size = 0
  while (size < headBytes) {
    const next = await iterator.next()
    if (next.done === true) break
    seen.push(next.value)
    size += next.value.length
  }
  const first = Buffer.concat(seen)
  const compression = compressionOf(first)
  async function* all(): AsyncGenerator<Uint8Array, void> {
    yield first
    for (;;) {
      const next = await iterator.next()
      if (next.done === true) return
      yield next.value
    }
  }
  async function* once(): AsyncGenerator<Uint8Array, void> {
    yield first
  }
  const none = async (): Promise<void> => {}
  const plain = (await firstBytes(plainSource(once(), compression, 0, 'stdin', none), headBytes)).slice()
  return { head: { compression, raw: first.subarray(0, rawHeadBytes), plain }, source: plainSource(all(), compression, 0, 'stdin', none) }
}
