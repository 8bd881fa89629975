/**
 * gzip and zstd as a stream of plain bytes, member by member and frame by frame: what Node.js has stops at the first frame of zstd, and loses what it had
 * when the rest is damaged. One piece goes in at a time, all that it becomes comes out before the next.
 */

import { constants, crc32, createInflateRaw, createZstdDecompress, type InflateRaw, type ZstdDecompress } from 'node:zlib'

export type Compression = 'none' | 'gzip' | 'zstd'

/** By the first bytes, never by the name. */
export function compressionOf(head: Uint8Array): Compression {
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip'
  return head[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd ? 'zstd' : 'none'
}

/** What ails compressed bytes. `truncated`: they end too soon. */
export class InflateFault extends Error {
  readonly reason: 'corrupt' | 'truncated'

  constructor(reason: 'corrupt' | 'truncated', message: string) {
    super(message)
    this.reason = reason
  }
}

export interface Inflater {
  /** Plain bytes, in order. Rejects with {@link InflateFault}. */
  push(piece: Uint8Array): AsyncIterable<Uint8Array>
  /** Nothing more comes. Rejects with {@link InflateFault} when something is missing. */
  end(): AsyncIterable<Uint8Array>
  close(): void
}

/** Windows of zstd up to 128 MiB. */
const windowLogMax = 27
/** Compressed bytes given at once: what they become is in memory together, and deflate makes up to 1,032 of each. */
const stepBytes = 8 * 1024

type Engine = InflateRaw | ZstdDecompress

/** One compressed stream, up to its own end. */
class Stream {
  readonly engine: Engine
  ended = false
  fault: Error | undefined
  private out: Uint8Array[] = []
  private settle: () => void = () => {}

  constructor(engine: Engine) {
    this.engine = engine
    engine.on('data', (piece: Uint8Array) => void this.out.push(piece))
    engine.on('end', () => {
      this.ended = true
      this.settle()
    })
    engine.on('error', (error) => {
      this.fault = error
      this.settle()
    })
  }

  /** Gives bytes; resolves with how many of them were taken, once all that came of them is in `take`. */
  async write(bytes: Uint8Array): Promise<number> {
    const before = this.engine.bytesWritten
    await new Promise<void>((resolve) => {
      this.settle = resolve
      this.engine.write(bytes, () => resolve())
    })
    // The end of a stream is told a turn later.
    if (this.engine.bytesWritten - before < bytes.length && !this.ended && this.fault === undefined)
      await new Promise<void>((resolve) => void (this.settle = resolve))
    return this.engine.bytesWritten - before
  }

  take(): Uint8Array[] {
    const pieces = this.out
    this.out = []
    return pieces
  }

  close(): void {
    this.engine.destroy()
  }
}

const nothing = new Uint8Array(0)
const join = (a: Uint8Array, b: Uint8Array): Uint8Array => (a.length === 0 ? b : Buffer.concat([a, b]))

/** Bytes of a gzip header; undefined while it is not whole. Throws for what is none. */
function gzipHeader(bytes: Uint8Array): number | undefined {
  if (bytes.length < 10) return undefined
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b || bytes[2] !== 8) throw new InflateFault('corrupt', 'no gzip member begins here')
  const flags = bytes[3] as number
  let at = 10
  if ((flags & 4) !== 0) {
    if (bytes.length < at + 2) return undefined
    at += 2 + ((bytes[at] as number) | ((bytes[at + 1] as number) << 8))
  }
  for (const flag of [8, 16]) {
    if ((flags & flag) === 0) continue
    const zero = bytes.indexOf(0, at)
    if (zero < 0) return undefined
    at = zero + 1
  }
  if ((flags & 2) !== 0) at += 2
  return bytes.length < at ? undefined : at
}

/** Names and comments in a gzip header longer than this are none. */
const longestHeader = 128 * 1024

/** Bytes to pass over in front of the next zstd frame; undefined while that cannot be told; -1: a frame begins here. */
function zstdSkippable(bytes: Uint8Array): number | undefined {
  if (bytes.length < 8) return bytes.length >= 4 && compressionOf(bytes) === 'zstd' ? -1 : undefined
  if (compressionOf(bytes) === 'zstd') return -1
  const view = new DataView(bytes.buffer, bytes.byteOffset, 8)
  if ((view.getUint32(0, true) & 0xfffffff0) >>> 0 === 0x184d2a50) return 8 + view.getUint32(4, true)
  throw new InflateFault('corrupt', 'no zstd frame begins here')
}

/** Follows a zstd frame from its first byte: where it ends is told by its blocks, not by who inflates it. @see RFC 8878, 3.1.1 */
class ZstdFrame {
  done = false
  /** Bytes of the part that is next or under way: `head` collects it when it has to be read. */
  private left = 5
  private part: 'descriptor' | 'header' | 'block' | 'content' | 'checksum' = 'descriptor'
  private readonly head = new Uint8Array(5)
  private at = 0
  private isLast = false
  private hasChecksum = false

  /** How many of the bytes are of this frame. */
  take(bytes: Uint8Array): number {
    let taken = 0
    while (!this.done && taken < bytes.length) {
      const some = Math.min(this.left, bytes.length - taken)
      if (this.part === 'descriptor' || this.part === 'block') this.head.set(bytes.subarray(taken, taken + some), this.at)
      this.at += some
      taken += some
      this.left -= some
      while (this.left === 0 && !this.done) this.turn()
    }
    return taken
  }

  private next(part: ZstdFrame['part'], left: number): void {
    this.part = part
    this.left = left
    this.at = 0
  }

  private turn(): void {
    switch (this.part) {
      case 'descriptor': {
        const flags = this.head[4] as number
        const isSingle = (flags & 0x20) !== 0
        this.hasChecksum = (flags & 4) !== 0
        const size = flags >> 6 === 0 ? (isSingle ? 1 : 0) : 1 << (flags >> 6)
        this.next('header', (isSingle ? 0 : 1) + ([0, 1, 2, 4][flags & 3] as number) + size)
        return
      }
      case 'block': {
        const [a = 0, b = 0, c = 0] = this.head
        const type = (a >> 1) & 3
        if (type === 3) throw new InflateFault('corrupt', 'a block of zstd is of no known type')
        this.isLast = (a & 1) === 1
        this.next('content', type === 1 ? 1 : (a >> 3) | (b << 5) | (c << 13))
        return
      }
      case 'header':
        this.next('block', 3)
        return
      case 'content':
        if (!this.isLast) this.next('block', 3)
        else if (this.hasChecksum) this.next('checksum', 4)
        else this.done = true
        return
      case 'checksum':
        this.done = true
    }
  }
}

/** Creates one for a whole file. */
export function createInflater(kind: Exclude<Compression, 'none'>): Inflater {
  let held: Uint8Array = nothing
  let stream: Stream | undefined
  let frame: ZstdFrame | undefined
  let crc = 0
  let size = 0
  /** Bytes to pass over. */
  let skip = 0
  let isTrailer = false
  let members = 0

  const isPadding = (): boolean => kind === 'gzip' && members > 0 && held.every((byte) => byte === 0)

  /** Begins the next member or frame where `held` begins; false: more bytes are needed. */
  const begin = (): boolean => {
    if (kind === 'gzip') {
      // Tapes and disks fill up with zeros.
      if (isPadding()) {
        held = nothing
        return false
      }
      const header = gzipHeader(held)
      if (header === undefined) {
        if (held.length > longestHeader) throw new InflateFault('corrupt', 'the header of a gzip member does not end')
        return false
      }
      held = held.subarray(header)
      crc = 0
      size = 0
      stream = new Stream(createInflateRaw({ chunkSize: 64 * 1024 }))
      return true
    }
    const ahead = zstdSkippable(held)
    if (ahead === undefined) return false
    if (ahead >= 0) {
      skip = ahead
      return true
    }
    frame = new ZstdFrame()
    stream = new Stream(createZstdDecompress({ chunkSize: 64 * 1024, params: { [constants.ZSTD_d_windowLogMax]: windowLogMax } }))
    return true
  }

  const trailer = (): boolean => {
    if (held.length < 8) return false
    const view = new DataView(held.buffer, held.byteOffset, 8)
    if (view.getUint32(0, true) !== crc >>> 0 || view.getUint32(4, true) !== size >>> 0)
      throw new InflateFault('corrupt', 'the checksum of a gzip member does not match')
    held = held.subarray(8)
    isTrailer = false
    return true
  }

  async function* feed(current: Stream): AsyncGenerator<Uint8Array, boolean> {
    const step = held.subarray(0, stepBytes)
    const piece = frame === undefined ? step : step.subarray(0, frame.take(step))
    const taken = await current.write(piece)
    for (const plain of current.take()) {
      if (kind === 'gzip') {
        crc = crc32(plain, crc)
        size += plain.length
      }
      yield plain
    }
    if (current.fault !== undefined) throw new InflateFault('corrupt', current.fault.message)
    held = held.subarray(taken)
    if (frame === undefined ? !current.ended : !frame.done) return held.length > 0
    current.close()
    stream = undefined
    frame = undefined
    members++
    isTrailer = kind === 'gzip'
    return held.length > 0
  }

  async function* run(): AsyncGenerator<Uint8Array, void> {
    for (;;) {
      if (skip > 0) {
        const passed = Math.min(skip, held.length)
        skip -= passed
        held = held.subarray(passed)
        if (skip > 0) return
      }
      if (isTrailer) {
        if (!trailer()) return
      } else if (stream === undefined) {
        if (held.length === 0 || !begin()) return
      } else if (held.length === 0 || !(yield* feed(stream))) return
    }
  }

  return {
    async *push(piece) {
      held = join(held, piece)
      yield* run()
    },
    async *end() {
      yield* run()
      if (stream !== undefined || isTrailer || skip > 0 || (held.length > 0 && !isPadding()))
        throw new InflateFault('truncated', 'the compressed data ends in the middle')
    },
    close: () => stream?.close(),
  }
}
