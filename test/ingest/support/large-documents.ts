/** Bodies of `_bulk` that are large, compressed too. */

import { create, lines } from './elasticsearch.ts'
import { openRaw, type RawSocket } from './fakes.ts'

/** Text that does not shrink to nothing. */
export const filler = (bytes: number, seed: number): string => {
  let text = ''
  for (let state = seed + 1; text.length < bytes; ) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    text += state.toString(36)
  }
  return text.slice(0, bytes)
}

/** So many documents of so many bytes; their messages are their numbers. */
export const documents = (count: number, bytes: number): string =>
  Array.from({ length: count }, (_, at) => lines(create('logs'), { message: String(at), filler: filler(bytes, at) })).join('')

/** Messages of {@link documents}. */
export const numbers = (count: number): string[] => Array.from({ length: count }, (_, at) => String(at))

/** Posts a body in ASCII without its length, chunk by chunk. Gives the connection. */
export async function sendChunked(url: string, path: string, body: string): Promise<RawSocket> {
  const socket = await openRaw(url)
  socket.send(`POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`)
  for (let at = 0; at < body.length; at += 70_001) {
    const chunk = body.slice(at, at + 70_001)
    socket.send(`${chunk.length.toString(16)}\r\n${chunk}\r\n`)
  }
  socket.send('0\r\n\r\n')
  return socket
}
