/** Honest bodies of 100 MB, and an endpoint that counts what becomes of them without taking long. */

import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'

const words = [
  'GET',
  'POST',
  '/api/v1/items',
  'checkout',
  'payment',
  'timeout',
  'connection',
  'refused',
  'user',
  'session',
  'cache',
  'hit',
  'miss',
]

export interface LargeBody {
  readonly documents: number
  readonly bytes: Buffer
}

/** Log lines of some 850 bytes as a Beat sends them, no two alike. */
export function largeBody(bytes: number): LargeBody {
  const out = Buffer.allocUnsafe(bytes)
  let seed = 12_345
  const random = (): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
    return seed
  }
  let at = 0
  for (let documents = 0; ; documents++) {
    let message = ''
    while (message.length < 350) message += `${words[(random() >>> 8) % words.length]} ${random().toString(36)} `
    const line = `{"create":{"_index":"logs-app-prod"}}\n${JSON.stringify({
      '@timestamp': new Date(1_700_000_000_000 + documents * 10).toISOString(),
      message,
      log: { level: 'info', offset: documents, file: { path: '/var/log/app.log' } },
      host: { name: `host-${documents % 20}`, ip: ['10.0.0.1'] },
      agent: { type: 'filebeat', version: '8.19.0' },
      http: { request: { method: 'GET', bytes: documents }, response: { status_code: 200 } },
      trace: { id: '0123456789abcdef0123456789abcdef' },
      labels: { env: 'prod', build: random().toString(36) },
      event: { dataset: 'app.log', duration: random() },
    })}\n`
    if (at + line.length > bytes) return { documents, bytes: out.subarray(0, at) }
    at += out.write(line, at, 'latin1')
  }
}

/** How many log records a request has, by its lengths alone. */
function countRecords(body: Buffer): number {
  const within = (from: number, to: number, depth: number): number => {
    let count = 0
    for (let at = from; at < to; ) {
      const tag = body[at++] as number
      let length = 0
      for (let shift = 1, byte = 0x80; byte >= 0x80; shift *= 128) {
        byte = body[at++] as number
        length += (byte & 0x7f) * shift
      }
      if ((tag & 7) !== 2) throw new Error(`a field of type ${tag & 7} at byte ${at}`)
      // resource_logs = 1, scope_logs = 2, log_records = 2
      if (tag >> 3 === (depth === 0 ? 1 : 2)) count += depth === 2 ? 1 : within(at, at + length, depth + 1)
      at += length
    }
    return count
  }
  return within(0, body.length, 0)
}

export interface CountingSink {
  readonly url: string
  readonly records: number
  close(): Promise<void>
}

/** Starts it on a free port of 127.0.0.1. */
export async function startCountingSink(): Promise<CountingSink> {
  let records = 0
  const server = createServer((received, response) => {
    const parts: Buffer[] = []
    received.on('data', (part: Buffer) => parts.push(part))
    received.on('end', () => {
      records += countRecords(Buffer.concat(parts))
      response.writeHead(200, { 'content-type': 'application/x-protobuf', 'content-length': 0 }).end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get records() {
      return records
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Posts a body as fast as it is taken, and throws away the answer but for its beginning. */
export function postLarge(port: number, body: Uint8Array, encoding: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/x-ndjson',
      'content-length': body.length,
      'content-encoding': encoding,
      'user-agent': 'large',
    }
    const sent = request({ host: '127.0.0.1', port, path: '/_bulk', method: 'POST', headers, agent: false }, (response) => {
      let begin = ''
      response.setEncoding('latin1').on('data', (part: string) => {
        if (begin.length < 200) begin += part.slice(0, 200)
      })
      response.on('end', () => resolve(`${response.statusCode} ${begin.replace(/"took":\d+/, '"took":0').slice(0, 60)}`))
    })
    sent.on('error', reject)
    let at = 0
    const send = (): void => {
      while (at < body.length) {
        const piece = body.subarray(at, at + 64 * 1024)
        at += piece.length
        if (!sent.write(piece)) return void sent.once('drain', () => setImmediate(send))
      }
      sent.end()
    }
    send()
  })
}
