/**
 * What a C frame holds, a piece at a time and never more than its limits: the plain bytes are handed on as they come and are not gathered.
 * Small frames are inflated at once, which costs a sixth of a stream.
 */

import { createInflate, type Inflate, inflateSync } from 'node:zlib'
import { FrameFault } from './decode-frames.ts'

export interface InflateLimits {
  /** Plain bytes of one frame. */
  readonly maxBytes: number
  /** Plain bytes ÷ compressed ones, above {@link ratioFloorBytes}. */
  readonly maxRatio: number
}

/** Frames that stay below are not held to a ratio. */
const ratioFloorBytes = 1024 * 1024

/** Compressed bytes of a frame that is inflated in one step: some MiB at most come out of it. */
export const smallBytes = 8 * 1024

/** Plain bytes handed on at once. */
const pieceBytes = 64 * 1024

/** Takes plain bytes, valid until it returns; those that follow wait for the promise. Throws what ends the frame. */
export type OnPlain = (bytes: Uint8Array) => Promise<void> | undefined

/** One frame being inflated. */
export interface Inflating {
  /** Resolves when the next bytes may come. Rejects with a {@link FrameFault}, or with what `onPlain` threw. The bytes may change then. */
  write(bytes: Uint8Array): Promise<void>
  /** There are no more bytes. Resolves when the frame was whole and all of it was handed on, rejects as `write` does. */
  end(): Promise<void>
  /** Lets go of it, whatever it is doing: what waits is rejected. */
  destroy(): void
}

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '')

/** Words of zlib for what is wrong, as reasons. */
function faultOf(error: unknown): FrameFault {
  if (error instanceof FrameFault) return error
  const code = codeOf(error)
  const why = error instanceof Error ? error.message : 'unknown fault'
  const reason = code === 'ERR_TRAILING_JUNK_AFTER_STREAM_END' ? 'trailing' : 'zlib'
  return new FrameFault(reason, `cannot inflate frame: ${why}`, 'OB_DECODE_BEATS', error)
}

const inflatedLimit = (limit: number): FrameFault =>
  new FrameFault('inflated_limit', `cannot inflate frame: it holds more than ${limit} bytes (maxInflated)`, 'OB_LIMIT_BODY')

const ratioLimit = (limit: number): FrameFault =>
  new FrameFault('ratio', `cannot inflate frame: it expands more than ${limit} times (limits.ratio)`, 'OB_LIMIT_RATIO')

/** Plain bytes that so many compressed ones may give. */
const ceilingOf = ({ maxBytes, maxRatio }: InflateLimits, compressed: number): number =>
  Math.min(maxBytes, Math.max(ratioFloorBytes, maxRatio * compressed))

/** All of a small frame. Throws a {@link FrameFault}. */
export function inflateSmall(bytes: Uint8Array, limits: InflateLimits): Uint8Array {
  const maxOutputLength = ceilingOf(limits, bytes.length)
  try {
    return inflateSync(bytes, { maxOutputLength, chunkSize: pieceBytes, rejectGarbageAfterEnd: true })
  } catch (error) {
    if (codeOf(error) !== 'ERR_BUFFER_TOO_LARGE') throw faultOf(error)
    throw maxOutputLength === limits.maxBytes ? inflatedLimit(limits.maxBytes) : ratioLimit(limits.maxRatio)
  }
}

/** Begins a frame. */
export function startInflating(limits: InflateLimits, onPlain: OnPlain): Inflating {
  const stream: Inflate = createInflate({ chunkSize: pieceBytes, rejectGarbageAfterEnd: true })
  let compressed = 0
  let plain = 0
  let failed: unknown
  let waiting: { resolve(): void; reject(error: unknown): void } | undefined

  const fail = (error: unknown): void => {
    failed ??= error
    stream.destroy()
    waiting?.reject(failed)
    waiting = undefined
  }
  const done = (): void => {
    waiting?.resolve()
    waiting = undefined
  }
  const take = (bytes: Uint8Array): void => {
    plain += bytes.length
    if (plain > limits.maxBytes) throw inflatedLimit(limits.maxBytes)
    if (plain > ceilingOf(limits, compressed)) throw ratioLimit(limits.maxRatio)
    const taken = onPlain(bytes)
    if (taken === undefined) return
    stream.pause()
    taken.then(() => void stream.resume(), fail)
  }
  stream.on('data', (bytes: Buffer) => {
    if (failed !== undefined) return
    try {
      take(bytes)
    } catch (error) {
      fail(error)
    }
  })
  stream.on('error', (error) => fail(faultOf(error)))
  stream.on('end', done)

  return {
    write(bytes) {
      if (failed !== undefined) return Promise.reject(failed)
      compressed += bytes.length
      return new Promise((resolve, reject) => {
        waiting = { resolve, reject }
        // It calls back once the bytes are used up; not while the stream is paused and full.
        stream.write(bytes, (error) => {
          if (error === null || error === undefined) done()
        })
      })
    },
    end() {
      if (failed !== undefined) return Promise.reject(failed)
      return new Promise((resolve, reject) => {
        waiting = { resolve, reject }
        stream.end()
      })
    },
    destroy() {
      fail(new FrameFault('closed', 'cannot inflate frame: its connection was closed'))
    },
  }
}
