/** An old backend that keeps what it gets, byte for byte, and answers as it is told. */

import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Heard {
  readonly method: string
  readonly url: string
  /** Names and values in turn, as they came. */
  readonly headers: readonly string[]
  readonly body: Buffer
  readonly sha256: string
}

export type Answering = (heard: Heard, response: ServerResponse, request: IncomingMessage) => void

export interface OldSide {
  readonly url: string
  readonly port: number
  readonly heard: Heard[]
  /** How it answers from now on. Default: 202 without a body. */
  answer: Answering
  stop(): Promise<void>
}

const accepts: Answering = (_heard, response) => {
  response.writeHead(202, { 'content-length': 0 })
  response.end()
}

/** @param port 0: any */
export async function startOldSide(port = 0): Promise<OldSide> {
  const heard: Heard[] = []
  const server = createServer((request, response) => {
    const pieces: Buffer[] = []
    request.on('error', () => {})
    request.on('data', (piece: Buffer) => pieces.push(piece))
    request.on('end', () => {
      const body = Buffer.concat(pieces)
      const sha256 = createHash('sha256').update(body).digest('hex')
      const one = { method: request.method ?? '', url: request.url ?? '', headers: request.rawHeaders, body, sha256 }
      heard.push(one)
      old.answer(one, response, request)
    })
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const own = (server.address() as AddressInfo).port
  const old: OldSide = {
    url: `http://127.0.0.1:${own}`,
    port: own,
    heard,
    answer: accepts,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return old
}

/** Names and values in turn as pairs, without those with these names. */
export const pairs = (headers: readonly string[], ...without: string[]): [string, string][] => {
  const found: [string, string][] = []
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at] as string
    if (!without.includes(name.toLowerCase())) found.push([name, headers[at + 1] as string])
  }
  return found
}
