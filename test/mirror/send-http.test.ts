import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createHttpLine, type HttpLine, type HttpRequest } from '../../src/mirror/send-http.ts'

let server: Server
let line: HttpLine
let answer: { readonly pieces: number; readonly ends: boolean }
let cut: number

const piece = Buffer.alloc(64 * 1024, 'x')

beforeEach(async () => {
  cut = 0
  server = createServer((request, response) => {
    request.resume()
    response.on('close', () => {
      if (!response.writableFinished) cut++
    })
    response.writeHead(200)
    const write = (left: number): void => {
      if (left > 0) response.write(piece, () => write(left - 1))
      else if (answer.ends) response.end()
    }
    write(answer.pieces)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  line = createHttpLine({ endpoint: 'zipkin', url, timeoutMs: 10_000, connections: 1 })
})
afterEach(async () => {
  await line.close()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

const request = (more: Partial<HttpRequest> = {}): HttpRequest => ({
  method: 'POST',
  target: '/',
  headers: [],
  body: new Uint8Array(1),
  keep: 128 * 1024,
  ...more,
})

describe('createHttpLine', () => {
  it('keeps what it is told to of an answer, and no answer for a client that is longer', async () => {
    answer = { pieces: 2, ends: true }
    expect(await line.send(request(), true)).toMatchObject({ how: 'answered', answer: { status: 200, body: { length: 128 * 1024 } } })
    answer = { pieces: 3, ends: true }
    expect(await line.send(request(), false)).toMatchObject({ how: 'answered', answer: { status: 200, body: { length: 0 } } })
    expect(await line.send(request(), true)).toEqual({
      how: 'failed',
      fault: { reason: 'connection', message: 'the answer of the old side is longer than 131072 bytes', sent: true },
    })
  })

  it('reads no answer for ever', async () => {
    answer = { pieces: 10_000, ends: false }
    expect(await line.send(request({ keep: 8 * 1024 }), false)).toMatchObject({ how: 'answered', answer: { status: 200 } })
    await expect.poll(() => cut).toBe(1)
  })

  it('hands the body of an answer to its reader, and keeps none of it', async () => {
    answer = { pieces: 40, ends: true }
    let size = 0
    const reader = (status: number) => (status === 200 ? (chunk: Uint8Array) => void (size += chunk.length) : undefined)
    expect(await line.send(request({ reader }), false)).toMatchObject({ how: 'answered', answer: { body: { length: 0 } } })
    expect(size).toBe(40 * 64 * 1024)
  })
})
