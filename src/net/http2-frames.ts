/** Frames of HTTP/2: numbers, and how one is laid out. @see RFC 9113, 4.1 and 6 */

export const FrameType = {
  Data: 0,
  Headers: 1,
  Priority: 2,
  RstStream: 3,
  Settings: 4,
  PushPromise: 5,
  Ping: 6,
  GoAway: 7,
  WindowUpdate: 8,
  Continuation: 9,
} as const

export const Flag = { EndStream: 1, Ack: 1, EndHeaders: 4, Padded: 8, Priority: 0x20 } as const

/** Error codes of RST_STREAM and GOAWAY. */
export const Http2Code = {
  NoError: 0,
  ProtocolError: 1,
  InternalError: 2,
  FlowControlError: 3,
  StreamClosed: 5,
  FrameSizeError: 6,
  RefusedStream: 7,
  Cancel: 8,
  CompressionError: 9,
  EnhanceYourCalm: 11,
} as const

export const Setting = {
  HeaderTableSize: 1,
  EnablePush: 2,
  MaxConcurrentStreams: 3,
  InitialWindowSize: 4,
  MaxFrameSize: 5,
  MaxHeaderListSize: 6,
} as const

/** What a client sends first. */
export const preface: Buffer = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')

export const frameHeadBytes = 9

/** The largest frame we take, and send to whom has not said more: the least that everybody must take. */
export const frameBytes = 16_384

/** Windows before anybody has said anything, and the size no window may pass. */
export const firstWindow = 65_535
export const largestWindow = 0x7fffffff

/** Writes the head of a frame; returns where its payload begins. */
export function putFrameHead(out: Uint8Array, at: number, length: number, type: number, flags: number, streamId: number): number {
  out[at] = length >>> 16
  out[at + 1] = length >>> 8
  out[at + 2] = length
  out[at + 3] = type
  out[at + 4] = flags
  out[at + 5] = streamId >>> 24
  out[at + 6] = streamId >>> 16
  out[at + 7] = streamId >>> 8
  out[at + 8] = streamId
  return at + frameHeadBytes
}

/** A whole frame. */
export function frame(type: number, flags: number, streamId: number, payload: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(frameHeadBytes + payload.length)
  out.set(payload, putFrameHead(out, 0, payload.length, type, flags, streamId))
  return out
}

/** A frame of one 32-bit number: WINDOW_UPDATE, RST_STREAM. */
export function numberFrame(type: number, streamId: number, value: number): Buffer {
  const out = Buffer.allocUnsafe(frameHeadBytes + 4)
  out.writeUInt32BE(value, putFrameHead(out, 0, 4, type, 0, streamId))
  return out
}

/** SETTINGS of these values. */
export function settingsFrame(settings: readonly (readonly [setting: number, value: number])[]): Buffer {
  const out = Buffer.allocUnsafe(frameHeadBytes + settings.length * 6)
  let at = putFrameHead(out, 0, settings.length * 6, FrameType.Settings, 0, 0)
  for (const [setting, value] of settings) {
    at = out.writeUInt16BE(setting, at)
    at = out.writeUInt32BE(value, at)
  }
  return out
}

/** GOAWAY; `text` is for people who look at the wire. */
export function goAwayFrame(lastStreamId: number, code: number, text: string): Buffer {
  const payload = Buffer.allocUnsafe(8 + text.length)
  payload.writeUInt32BE(lastStreamId, 0)
  payload.writeUInt32BE(code, 4)
  payload.write(text, 8, 'latin1')
  return frame(FrameType.GoAway, 0, 0, payload)
}
