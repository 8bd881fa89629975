/**
 * What stands around a bridge that is measured, each in a process of its own: the OTLP sink, the old side, and who sends. Started by
 * `bench/mirror.ts`, told by messages.
 */

import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { drivenFormats } from './mirror-bodies.ts'

/** Sends requests over kept connections, each waiting for the answer to the one before. */
export interface Drive {
  readonly kind: 'drive'
  readonly port: number
  readonly format: string
  readonly items: number
  readonly connections: number
  /** Requests that are to be taken. */
  readonly requests: number
  /** A second, over all connections; 0: as fast as they are answered. */
  readonly rate: number
}

export interface Driven {
  readonly kind: 'driven'
  readonly seconds: number
  readonly perSecond: number
  /** Answers of 429 and 503: these requests were sent again a little later. */
  readonly refused: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** What an end has got so far. */
export interface Count {
  readonly kind: 'count'
  readonly requests: number
  readonly bytes: number
}

export type PeerAnswer =
  | { readonly kind: 'ready'; readonly port: number }
  | Driven
  | Count
  | { readonly kind: 'failed'; readonly message: string }

/** How an end answers. A message with another `delayMs` changes that; every message is answered with its `Count`. */
export interface End {
  readonly status: number
  readonly delayMs: number
  /** Above 0: as Elasticsearch answers a `_bulk` of so many items. */
  readonly results: number
}

/** Different requests of a format. */
const bodyCount = 32

/** What is told when nothing is taken for so long. */
const stuckMs = 10_000

/** How soon a refused request is sent again. */
const againMs = 20

const say = (answer: PeerAnswer): void => void process.send?.(answer)

function runEnd({ status, delayMs: firstDelayMs, results }: End): void {
  let delayMs = firstDelayMs
  const item = '{"create":{"_index":"logs-shop-prod","_id":"Zm9vYmFyZm9vYmFyZm9v","status":201}}'
  const text = results === 0 ? '' : `{"errors":false,"took":3,"items":[${Array(results).fill(item).join(',')}]}`
  const headers = {
    ...(results === 0 ? {} : { 'Content-Type': 'application/json' }),
    ...(status === 204 ? {} : { 'Content-Length': text.length }),
  }
  let requests = 0
  let bytes = 0
  const server = createServer((request, response) => {
    request.on('data', (piece: Buffer) => void (bytes += piece.length))
    request.on('end', () => {
      requests++
      const answer = (): void => void response.writeHead(status, headers).end(text)
      if (delayMs === 0) answer()
      else setTimeout(answer, delayMs)
    })
  })
  server.keepAliveTimeout = 120_000
  server.listen(0, '127.0.0.1', () => say({ kind: 'ready', port: (server.address() as AddressInfo).port }))
  process.on('message', (wanted: { readonly delayMs?: number }) => {
    delayMs = wanted.delayMs ?? delayMs
    say({ kind: 'count', requests, bytes })
  })
}

function requestsOf(format: string, items: number): Buffer[] {
  const one = drivenFormats.find(({ name }) => name === format)
  if (one === undefined) throw new Error(`no format ${format}`)
  return one.bodies(items, bodyCount).map((body) => {
    const head = [
      `POST ${one.target} HTTP/1.1`,
      'Host: old.example:9411',
      'User-Agent: bench/1',
      ...one.headers,
      `Content-Length: ${body.length}`,
    ]
    return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body])
  })
}

/** Status of the first answer in what was read, and where it ends; undefined when it is not whole. */
function answerIn(text: string): { readonly status: number; readonly end: number; readonly last: boolean } | undefined {
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const head = text.slice(0, end)
  const status = Number(head.slice(9, 12))
  const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0)
  if (text.length < end + 4 + length) return undefined
  return { status, end: end + 4 + length, last: /\r\nconnection: *close/i.test(head) }
}

function drive(wanted: Drive, requests: readonly Buffer[]): Promise<Driven> {
  const { connections, rate } = wanted
  const latencies: number[] = []
  const begun = performance.now()
  let sent = 0
  let taken = 0
  let refused = 0
  return new Promise((resolve, reject) => {
    let seen = 0
    const watch = setInterval(() => {
      if (taken === seen) give(new Error(`nothing was taken for ${stuckMs / 1000} s after ${taken} requests; ${refused} were refused`))
      seen = taken
    }, stuckMs)
    const sockets: Socket[] = []
    const give = (end: Error | Driven): void => {
      clearInterval(watch)
      for (const socket of sockets) socket.destroy()
      if (end instanceof Error) reject(end)
      else resolve(end)
    }
    const one = (): void => {
      const socket = connect(wanted.port, '127.0.0.1').setNoDelay(true).setEncoding('latin1')
      sockets.push(socket)
      let read = ''
      let begunMs = 0
      let over = false
      const send = (request: Buffer): void => {
        begunMs = performance.now()
        socket.write(request)
        current = request
      }
      let current: Buffer | undefined
      const next = (): void => {
        if (over || sent >= wanted.requests) return void socket.end()
        const request = requests[sent % requests.length] as Buffer
        const dueMs = rate === 0 ? 0 : (sent * 1000) / rate - (performance.now() - begun)
        sent++
        if (dueMs <= 0) send(request)
        else setTimeout(send, dueMs, request)
      }
      socket.once('connect', next)
      socket.on('data', (piece: string) => {
        read += piece
        const answer = answerIn(read)
        if (answer === undefined) return
        read = read.slice(answer.end)
        if (answer.status === 429 || answer.status === 503) {
          refused++
          setTimeout(() => current !== undefined && !over && send(current), againMs)
          return
        }
        if (answer.status < 200 || answer.status >= 300 || answer.last) {
          over = true
          give(new Error(`answered with ${answer.status}${answer.last ? ', and closed' : ''}`))
          return
        }
        latencies.push(performance.now() - begunMs)
        current = undefined
        if (++taken === wanted.requests) {
          latencies.sort((a, b) => a - b)
          const at = (share: number): number => latencies[Math.floor(latencies.length * share)] ?? 0
          const seconds = (performance.now() - begun) / 1000
          give({ kind: 'driven', seconds, perSecond: taken / seconds, refused, p50Ms: at(0.5), p99Ms: at(0.99) })
        }
        next()
      })
      socket.on('error', give)
    }
    for (let count = 0; count < connections; count++) one()
  })
}

function runDriver(): void {
  const made = new Map<string, Buffer[]>()
  say({ kind: 'ready', port: 0 })
  process.on('message', (message) => {
    const wanted = message as Drive
    const name = `${wanted.format} ${wanted.items}`
    let requests = made.get(name)
    if (requests === undefined) made.set(name, (requests = requestsOf(wanted.format, wanted.items)))
    drive(wanted, requests).then(say, (error: unknown) => say({ kind: 'failed', message: String(error) }))
  })
}

const [role = '', options = '{}'] = process.argv.slice(2)
if (role === 'end') runEnd(JSON.parse(options) as End)
if (role === 'driver') runDriver()
