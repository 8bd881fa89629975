/**
 * A connection that is passed through to the old Logstash while a copy of it is decoded (`mode: tunnel`). What the old side acknowledges reaches the
 * client only once the new queue has the same window: section 1.4 of the mapping.
 *
 *     client ─► bytes ─┬─► old side ─► acks ─► gate ─► client
 *                      └─► windows ─► new queue ──┘ stored
 */

import type { MirrorDoor, TunnelWire } from '../mirror-door.ts'
import type { Connection, Wire } from './connection.ts'

const ackBytes = 6
/** Acks of the old side that may wait for the new one; windows that wait here are two at the most, and each has few acks. */
const mostHeld = 4096

const sequenceOf = (frame: Uint8Array): number =>
  (((frame[2] as number) << 24) | ((frame[3] as number) << 16) | ((frame[4] as number) << 8) | (frame[5] as number)) >>> 0

/** Holds acks of the old side back. */
export interface AckGate {
  /** Bytes of the old side, in any cuts. False for what are no acks. */
  data(bytes: Uint8Array): boolean
  /** The new queue has the next window; its last number is this. */
  stored(sequence: number): void
}

/** @param pass gets whole acks, as they came */
export function createAckGate(pass: (frame: Uint8Array) => void): AckGate {
  let rest: Uint8Array = new Uint8Array(0)
  const held: Uint8Array[] = []
  /** Windows that the new queue has and the old side has not acknowledged to their end. */
  const windows: number[] = []

  const open = (): void => {
    for (let frame = held[0]; frame !== undefined; frame = held[0]) {
      const [highest] = windows
      if (highest === undefined) return
      held.shift()
      if (sequenceOf(frame) === highest) windows.shift()
      pass(frame)
    }
  }

  return {
    data(bytes) {
      const all = rest.length === 0 ? bytes : Buffer.concat([rest, bytes])
      let at = 0
      for (; at + ackBytes <= all.length; at += ackBytes) {
        const frame = all.slice(at, at + ackBytes)
        if (frame[1] !== 0x41 || held.length >= mostHeld) return false
        // It says that the old side lives, and acknowledges nothing.
        if (sequenceOf(frame) === 0) pass(frame)
        else held.push(frame)
      }
      rest = all.slice(at)
      open()
      return true
    },
    stored(sequence) {
      windows.push(sequence)
      open()
    },
  }
}

/** What the server does with such a connection. */
export interface Through {
  readonly connection: Connection
  /** Takes bytes of the client. */
  data(bytes: Uint8Array): void
  /** The client sends nothing more. */
  ended(): void
  /** The client is gone. */
  closed(): void
}

/**
 * Begins one. @param connect makes the connection that decodes, with what its client is told; it may be held back through its `Wire`.
 * @param broken told why the old side is gone: for the log
 */
export function createThrough(
  tunnel: NonNullable<MirrorDoor['tunnel']>,
  client: Wire,
  connect: (wire: Wire, stored: (sequence: number) => void) => Connection,
  broken: (why: string) => void,
): Through {
  let decoderPaused = false
  let oldPaused = false
  let over = false

  const balance = (): void => {
    if (decoderPaused || oldPaused) client.pause()
    else client.resume()
  }

  const gate = createAckGate((frame) => client.write(frame))
  const wire: Wire = {
    ...client,
    get unsent() {
      return client.unsent
    },
    pause() {
      decoderPaused = true
      balance()
    },
    resume() {
      decoderPaused = false
      balance()
    },
    end() {
      over = true
      client.end()
    },
    destroy() {
      over = true
      client.destroy()
      old.destroy()
    },
  }
  const connection = connect(wire, gate.stored)
  const old: TunnelWire = tunnel({
    data(bytes) {
      if (over || gate.data(bytes)) return
      broken('it sent something that is no ack')
      connection.kill('old_side')
    },
    drained() {
      oldPaused = false
      if (!over) balance()
    },
    closed(why) {
      if (over) return
      over = true
      if (why !== undefined) broken(why)
      connection.kill('old_side')
      client.destroy()
    },
  })

  return {
    connection,
    data(bytes) {
      if (over) return
      if (!old.write(bytes)) {
        oldPaused = true
        client.pause()
      }
      connection.data(bytes)
    },
    ended() {
      if (!over) old.end()
      connection.ended()
    },
    closed() {
      over = true
      old.destroy()
      connection.closed()
    },
  }
}
