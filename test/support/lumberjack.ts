/** A small Lumberjack client, versions 1 and 2: frames, and a connection that waits for acks the way Beats do. */

import net from 'node:net'
import tls, { type ConnectionOptions } from 'node:tls'
import { deflateSync } from 'node:zlib'

const head = (version: number, type: string, ...numbers: number[]): Buffer => {
  const bytes = Buffer.alloc(2 + 4 * numbers.length)
  bytes.write(`${version}${type}`, 0, 'latin1')
  numbers.forEach((number, at) => {
    bytes.writeUInt32BE(number, 2 + 4 * at)
  })
  return bytes
}

/** `W`. */
export const windowFrame = (count: number, version = 2): Buffer => head(version, 'W', count)

/** `J`. @param event text, bytes, or an object */
export function jsonFrame(sequence: number, event: string | Uint8Array | object, version = 2): Buffer {
  const text = typeof event === 'string' || event instanceof Uint8Array ? event : JSON.stringify(event)
  const bytes = Buffer.from(text as string)
  return Buffer.concat([head(version, 'J', sequence, bytes.length), bytes])
}

const field = (text: string | Uint8Array): Buffer => {
  const bytes = Buffer.from(text as string)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

/** `D`. */
export function dataFrame(sequence: number, pairs: readonly (readonly [string, string | Uint8Array])[], version = 1): Buffer {
  return Buffer.concat([head(version, 'D', sequence, pairs.length), ...pairs.flatMap(([key, value]) => [field(key), field(value)])])
}

/** `C` around frames, or around a zlib stream as it is. */
export function compressedFrame(frames: Uint8Array | readonly Uint8Array[], version = 2, level = 3): Buffer {
  const plain = frames instanceof Uint8Array ? frames : Buffer.concat(frames)
  return rawCompressedFrame(deflateSync(plain, { level }), version)
}

export function rawCompressedFrame(stream: Uint8Array, version = 2): Buffer {
  return Buffer.concat([head(version, 'C', stream.length), stream])
}

export interface WindowOptions {
  /** 1: events are pairs of strings. Default 2. */
  readonly version?: 1 | 2
  readonly compressed?: boolean
  /** Sequence number of its first event. Default 1. */
  readonly from?: number
}

/** A whole window, as Beats send it. */
export function windowOf(events: readonly object[], { version = 2, compressed = true, from = 1 }: WindowOptions = {}): Buffer {
  const frames = events.map((event, at) =>
    version === 2 ? jsonFrame(from + at, event) : dataFrame(from + at, Object.entries(event) as [string, string][]),
  )
  const body = compressed ? [compressedFrame(frames, version)] : frames
  return Buffer.concat([windowFrame(events.length, version), ...body])
}

/** An answer: the version byte as a number, and what is acknowledged. */
export interface Ack {
  readonly version: number
  readonly sequence: number
}

/** Acks in bytes of an answer; throws at anything else. */
export function readAcks(bytes: Uint8Array): Ack[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const acks: Ack[] = []
  for (let at = 0; at + 6 <= bytes.length; at += 6) {
    if (bytes[at + 1] !== 0x41) throw new Error(`no ack at byte ${at}`)
    acks.push({ version: (bytes[at] as number) - 0x30, sequence: view.getUint32(at + 2) })
  }
  return acks
}

export interface LumberjackClient {
  /** Everything received. */
  readonly acks: readonly Ack[]
  /** Final acks, those of 0 left out. */
  readonly finals: readonly number[]
  readonly isClosed: boolean
  write(bytes: Uint8Array): void
  /** Resolves when so many final acks came; rejects when the connection ends before. */
  acknowledged(windows: number): Promise<void>
  /** Resolves when the connection is closed. */
  closed(): Promise<void>
  /** Says that nothing more comes. */
  end(): void
  destroy(): void
}

/** Connects. @param secure over TLS, with these options */
export async function connectLumberjack(port: number, secure?: ConnectionOptions, host = '127.0.0.1'): Promise<LumberjackClient> {
  const socket: net.Socket =
    secure === undefined
      ? net.connect({ port, host, allowHalfOpen: true })
      : tls.connect({ ...secure, port, host, allowHalfOpen: true } as ConnectionOptions)
  const acks: Ack[] = []
  const finals: number[] = []
  let rest: Buffer = Buffer.alloc(0)
  let isClosed = false
  const waiting = new Set<() => void>()
  const wake = (): void => {
    for (const check of waiting) check()
  }
  const when = (condition: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const check = (): void => {
        if (!condition()) return
        waiting.delete(check)
        resolve()
      }
      waiting.add(check)
      check()
    })
  socket.on('data', (piece: Buffer) => {
    rest = Buffer.concat([rest, piece])
    const whole = rest.length - (rest.length % 6)
    for (const ack of readAcks(rest.subarray(0, whole))) {
      acks.push(ack)
      if (ack.sequence > 0) finals.push(ack.sequence)
    }
    rest = rest.subarray(whole)
    wake()
  })
  socket.on('end', () => socket.end())
  socket.on('close', () => {
    isClosed = true
    wake()
  })
  await new Promise<void>((resolve, reject) => {
    socket.once(secure === undefined ? 'connect' : 'secureConnect', () => resolve())
    socket.once('error', reject)
  })
  socket.removeAllListeners('error')
  socket.on('error', () => {})
  return {
    acks,
    finals,
    get isClosed() {
      return isClosed
    },
    write: (bytes) => void socket.write(bytes),
    async acknowledged(windows) {
      await when(() => isClosed || finals.length >= windows)
      if (finals.length < windows) throw new Error(`the connection was closed after ${finals.length} of ${windows} acks`)
    },
    closed: () => when(() => isClosed),
    end: () => void socket.end(),
    destroy: () => void socket.destroy(),
  }
}
