/** Bytes on the wire as a hostile sender writes them: raw HTTP over TCP, datagrams, whole requests. */

import { createSocket } from 'node:dgram'
import { request as httpRequest } from 'node:http'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

export interface Reply {
  readonly status: number
  readonly text: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

const pieceBytes = 256 * 1024

/** POSTs a body piece by piece; resolves with the answer, which may come before the whole body is sent. Rejects when there is none. */
export function post(port: number, path: string, headers: Readonly<Record<string, string>>, body: Uint8Array | string): Promise<Reply> {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  return new Promise((resolve, reject) => {
    let answered = false
    const lengths = { 'content-length': String(bytes.length), connection: 'keep-alive' }
    const request = httpRequest(
      { host: '127.0.0.1', port, path, method: 'POST', headers: { ...lengths, ...headers }, agent: false },
      (response) => {
        answered = true
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (part: string) => {
          text += part
        })
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, text, headers: response.headers })
          request.destroy()
        })
      },
    )
    request.on('error', reject)
    let at = 0
    const send = (): void => {
      while (at < bytes.length && !answered && !request.destroyed) {
        const piece = bytes.subarray(at, at + pieceBytes)
        at += piece.length
        // Not at once: writes to the loopback never block, and the answer would be read only when all is written.
        if (!request.write(piece)) return void request.once('drain', () => setImmediate(send))
      }
      if (answered && at < bytes.length) return
      request.end()
    }
    send()
  })
}

/**
 * Writes pieces one after the other to a connection and gives everything that came back until it was closed, or until
 * nothing came for `quietMs`.
 */
export async function raw(port: number, pieces: readonly (string | Uint8Array)[], quietMs = 300, pauseMs = 0): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  const parts: Buffer[] = []
  let last = Date.now()
  let closed = false
  socket.on('data', (part: Buffer) => {
    parts.push(part)
    last = Date.now()
  })
  socket.on('error', () => {})
  socket.on('close', () => {
    closed = true
  })
  for (const piece of pieces) {
    if (closed) break
    socket.write(piece)
    if (pauseMs > 0) await delay(pauseMs)
    last = Date.now()
  }
  while (!closed && Date.now() - last < quietMs) await delay(10)
  socket.destroy()
  return Buffer.concat(parts).toString('latin1')
}

/** Opens connections and leaves them alone; resolves when all are open or closed. */
export async function openIdle(port: number, count: number): Promise<Socket[]> {
  const sockets: Socket[] = []
  for (let i = 0; i < count; i++) {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.resume()
    sockets.push(socket)
    if (i % 50 === 49) await delay(5)
  }
  for (const end = Date.now() + 5000; Date.now() < end && sockets.some((one) => one.connecting); ) await delay(10)
  return sockets
}

/** Sends datagrams to a port of 127.0.0.1, one after the other. */
export async function sendDatagrams(port: number, datagrams: readonly Uint8Array[]): Promise<void> {
  const socket = createSocket('udp4')
  for (const datagram of datagrams) {
    await new Promise<void>((resolve, reject) => {
      socket.send(datagram, port, '127.0.0.1', (error) => (error === null ? resolve() : reject(error)))
    })
  }
  socket.close()
}

/** A chunk of a chunked body. */
export const chunk = (data: string, extension = ''): string => `${Buffer.byteLength(data).toString(16)}${extension}\r\n${data}\r\n`
