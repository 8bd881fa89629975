/** Reads many connections into one piece of memory. */

import { Socket } from 'node:net'

/** Told of bytes 0 to `length` of `bytes`, valid until it returns. */
export type OnBytes = (bytes: Buffer, length: number) => void

/** What the kernel gives at once, at most; libuv asks for no more either. */
const readBytes = 64 * 1024

let shared: Buffer | undefined

/** What an accepted socket has inside; `onread` is public, but only for sockets that are made anew. */
interface WithHandle {
  _handle?: object | null
}

/**
 * Reads an accepted connection that was paused (`pauseOnConnect`) and nobody has touched. Returns the socket to write to.
 *
 * Node allocates 64 KiB for every read and cuts them to size. With `onread` it reads into memory of ours, which halves the
 * cost of receiving; but that is an option of `new Socket`, so the connection is handed to another socket. Where that cannot
 * be done (TLS, another Node.js), 'data' does the same for more.
 */
export function readShared(socket: Socket, onBytes: OnBytes): Socket {
  const { _handle: handle } = socket as WithHandle
  if (socket.constructor !== Socket || typeof handle !== 'object' || handle === null || !('useUserBuffer' in handle)) {
    return readOn(socket, onBytes)
  }
  ;(socket as WithHandle)._handle = null
  socket.destroy()
  shared ??= Buffer.allocUnsafeSlow(readBytes)
  const onread = {
    buffer: shared,
    callback(length: number, bytes: Uint8Array): boolean {
      onBytes(bytes as Buffer, length)
      return true
    },
  }
  return new Socket({ handle, onread } as object)
}

/** Reads a connection that somebody has read from before. */
export function readOn(socket: Socket, onBytes: OnBytes): Socket {
  socket.on('data', (bytes: Buffer) => onBytes(bytes, bytes.length))
  socket.resume()
  return socket
}
