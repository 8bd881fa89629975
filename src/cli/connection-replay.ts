/** A recorded connection of Beats, sent as its client sent it: all bytes, then the wait for what acknowledges them. */

import { connect } from 'node:net'

/** Bytes of an acknowledgement: version, `A`, and the number. */
const ackBytes = 6

/**
 * Sends the bytes and waits for these numbers, one a window, in order; answers of 0 say that a window is still being stored.
 * @returns what went wrong, if anything
 */
export function replayConnection({ hostname, port }: URL, bytes: Uint8Array, acks: readonly number[]): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) })
    const left = [...acks]
    let rest: Buffer = Buffer.alloc(0)
    let fault: string | undefined = 'the connection was closed before all was acknowledged'
    const end = (what: string | undefined): void => {
      fault = what
      socket.end()
    }
    socket.on('data', (piece: Buffer) => {
      rest = Buffer.concat([rest, piece])
      for (; rest.length >= ackBytes; rest = rest.subarray(ackBytes)) {
        const acknowledged = rest.readUInt32BE(2)
        if (acknowledged === 0) continue
        const wanted = left.shift()
        if (acknowledged !== wanted) return end(`acknowledged ${acknowledged} instead of ${wanted ?? 'nothing'}`)
        if (left.length === 0) end(undefined)
      }
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(fault))
    socket.write(bytes)
  })
}
