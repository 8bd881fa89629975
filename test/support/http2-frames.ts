/** The client's side of HTTP/2 by hand: frames to send, and those that came. */

import { encodeFields } from '../../src/net/hpack.ts'
import { Flag, FrameType, frame, preface, settingsFrame } from '../../src/net/http2-frames.ts'

export interface Frame {
  readonly type: number
  readonly flags: number
  readonly id: number
  readonly payload: Buffer
}

/** What every connection begins with. */
export const hello = (settings: readonly (readonly [number, number])[] = []): Buffer => Buffer.concat([preface, settingsFrame(settings)])

/** A frame; its length may be a lie. */
export function rawFrame(type: number, flags: number, id: number, payload: Uint8Array | string = '', length?: number): Buffer {
  const bytes = frame(type, flags, id, typeof payload === 'string' ? Buffer.from(payload, 'hex') : payload)
  if (length !== undefined) bytes.writeUIntBE(length, 0, 3)
  return bytes
}

export type Fields = readonly (readonly [name: string, value: string])[]

/** Header fields of a gRPC call. */
export const callFields = (path: string, more: Fields = []): Fields => [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', path],
  [':authority', 'bridge'],
  ['content-type', 'application/grpc'],
  ['te', 'trailers'],
  ...more,
]

/** HEADERS in one frame. */
export const headers = (id: number, fields: Fields, flags: number = Flag.EndHeaders): Buffer =>
  rawFrame(FrameType.Headers, flags, id, encodeFields(fields))

/** A message of gRPC in DATA frames of at most 16 KiB, the last of which ends the stream. */
export function message(id: number, body: Uint8Array, flag = 0): Buffer {
  const whole = Buffer.concat([Uint8Array.of(flag, 0, 0, 0, 0), body])
  whole.writeUInt32BE(body.length, 1)
  const frames: Buffer[] = []
  for (let at = 0; at < whole.length; at += 16_384) {
    const last = at + 16_384 >= whole.length
    frames.push(rawFrame(FrameType.Data, last ? Flag.EndStream : 0, id, whole.subarray(at, at + 16_384)))
  }
  return Buffer.concat(frames)
}

/** Whole frames in what came. */
export function framesIn(bytes: Uint8Array): Frame[] {
  const all = Buffer.from(bytes)
  const frames: Frame[] = []
  for (let at = 0; all.length - at >= 9; ) {
    const end = at + 9 + all.readUIntBE(at, 3)
    if (end > all.length) break
    frames.push({ type: all[at + 3] ?? 0, flags: all[at + 4] ?? 0, id: all.readUInt32BE(at + 5), payload: all.subarray(at + 9, end) })
    at = end
  }
  return frames
}
