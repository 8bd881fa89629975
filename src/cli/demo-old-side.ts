/** The old Zipkin inside the demo: takes what the mirror sends it, and remembers which bodies it saw. */

import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import type { Fixture } from './fixtures.ts'

export interface DemoOldSide {
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  /** How many requests there should be by now, and how many there are with the same bytes on the same path. */
  compare(fixtures: readonly Fixture[], rounds: number): { readonly requests: number; readonly identical: number }
  stop(): Promise<void>
}

const nameOf = (path: string | undefined, body: Uint8Array): string => `${path ?? ''} ${createHash('sha256').update(body).digest('hex')}`

/** Starts on a free port of 127.0.0.1. */
export async function startDemoOldSide(): Promise<DemoOldSide> {
  const seen = new Map<string, number>()
  const server = createServer((request, response) => {
    const pieces: Buffer[] = []
    request.on('data', (piece: Buffer) => pieces.push(piece))
    request.on('end', () => {
      if (request.method !== 'POST') return void response.writeHead(200, { 'content-type': 'application/json' }).end('[]')
      const name = nameOf(request.url, Buffer.concat(pieces))
      seen.set(name, (seen.get(name) ?? 0) + 1)
      response.writeHead(202, { 'content-length': 0 }).end()
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const at = server.address()
  return {
    url: `http://127.0.0.1:${at !== null && typeof at === 'object' ? at.port : 0}`,
    compare(fixtures, rounds) {
      const wanted = new Map<string, number>()
      for (const { endpoint, path, body } of fixtures) {
        if (endpoint !== 'zipkin') continue
        const name = nameOf(path, body)
        wanted.set(name, (wanted.get(name) ?? 0) + rounds)
      }
      let [requests, identical] = [0, 0]
      for (const [name, count] of wanted) {
        requests += count
        identical += Math.min(count, seen.get(name) ?? 0)
      }
      return { requests, identical }
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
