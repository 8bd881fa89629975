/** Clients of node:http2 over real connections: what they compress is what we read, and what we write is what they read. */

import { connect as connectHttp2, sensitiveHeaders } from 'node:http2'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { encodeFields } from '../../src/net/hpack.ts'
import { Http2Connection } from '../../src/net/http2.ts'
import type { Http2Handler, Http2Stream } from '../../src/net/http2-stream.ts'

const limits = { streams: 100, headerBytes: 64 * 1024, streamWindow: 100_000, connectionWindow: 200_000 }

interface Got {
  readonly fields: readonly (readonly [string, string])[]
  body: string
}

let server: Server
let got: Got[]
let answer: Uint8Array
const sockets = new Set<Socket>()

/** Serves one connection: remembers each request and answers it with `answer`. */
function serve(socket: Socket): void {
  sockets.add(socket)
  const flush = (): void => void setImmediate(() => socket.write(connection.take()))
  const handler: Http2Handler<Got> = {
    open(stream: Http2Stream<Got>) {
      stream.context = { fields: stream.names.map((name, i) => [name, stream.values[i] ?? '']), body: '' }
      got.push(stream.context)
    },
    data(stream, bytes, start, end) {
      if (stream.context !== undefined) stream.context.body += bytes.toString('latin1', start, end)
    },
    end: (stream) => connection.respond(stream, encodeFields([[':status', '200']]), answer, encodeFields([['grpc-status', '0']])),
    aborted() {},
    foreign() {},
    pending: flush,
    over: flush,
  }
  const connection = new Http2Connection<Got>(limits, handler)
  socket.on('data', (bytes: Buffer) => connection.feed(bytes, bytes.length))
  socket.on('error', () => {})
  socket.on('close', () => connection.lost())
}

beforeEach(async () => {
  got = []
  answer = Buffer.from('answer')
  server = createServer(serve)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})

afterEach(async () => {
  for (const socket of sockets) socket.destroy()
  sockets.clear()
  await new Promise((resolve) => server.close(resolve))
})

type Headers = Readonly<Record<string, string | string[]>>

interface Sent {
  readonly status: number
  readonly body: Buffer
  readonly trailers: Record<string, unknown>
}

type Session = ReturnType<typeof connectHttp2>

const open = (options: object = {}): Session => {
  const session = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, options)
  session.on('error', () => {})
  return session
}

const send = (session: Session, headers: Headers, body = 'body', secret: string[] = []): Promise<Sent> =>
  new Promise((resolve, reject) => {
    const request = session.request({ ':method': 'POST', ':path': '/', ...headers, [sensitiveHeaders]: secret })
    const parts: Buffer[] = []
    let status = 0
    let trailers = {}
    request.on('response', (head) => {
      status = head[':status'] ?? 0
    })
    request.on('trailers', (fields) => {
      trailers = { ...fields }
    })
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('error', reject)
    request.on('close', () => resolve({ status, body: Buffer.concat(parts), trailers }))
    request.end(body, 'latin1')
  })

/** Fields of a request but those that every request has. */
const ownFields = (one: Got | undefined): (readonly [string, string])[] => (one?.fields ?? []).filter(([name]) => !name.startsWith(':'))

const expected = (headers: Headers): [string, string][] =>
  Object.entries(headers).flatMap(([name, values]) => [values].flat().map((value): [string, string] => [name, value]))

const sorted = (fields: readonly (readonly [string, string])[]): string[] => fields.map(([name, value]) => `${name}: ${value}`).sort()

describe('Http2Connection with clients of node:http2', () => {
  it('reads every byte that a value may hold, compressed or not', async () => {
    const session = open()
    const bytes = Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).filter((one) => /[\t\x20-\x7e\x80-\xff]/.test(one))
    // Long runs of one byte are compressed where its code is short, and left alone where it is long: both are of use.
    const headers = Object.fromEntries(bytes.map((one, i) => [`x-${i}`, `aaaaaaaaaaaaaaaa${one}aaaaaaaaaaaaaaaa`]))
    await send(session, headers)
    expect(sorted(ownFields(got[0]))).toEqual(sorted(expected(headers)))
    session.destroy()
  })

  it.each([4096, 0, 100, 1000, 1_000_000])(
    'stays in step with a client whose table is at most %s bytes',
    async (maxDeflateDynamicTableSize) => {
      const session = open({ maxDeflateDynamicTableSize })
      const name = fc
        .string({ unit: fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz0123456789-_.'), minLength: 1, maxLength: 20 })
        .map((one) => `x-${one}`)
      const known = fc.constantFrom('x-often', 'authorization', 'user-agent', 'grpc-timeout', 'content-type', 'accept-encoding')
      const value = fc.oneof(
        fc.constantFrom('', 'one', 'another', 'gzip, deflate'),
        fc.string({ unit: fc.constantFrom(...'aZ09 /%é\xff~"\\'), maxLength: 60 }).map((one) => one.trim()),
        fc.string({ unit: fc.constantFrom(...'ab'), minLength: 3000, maxLength: 6000 }),
      )
      const request = fc.record({
        headers: fc.dictionary(fc.oneof(name, known), value, { maxKeys: 12 }),
        secret: fc.boolean(),
      })
      await fc.assert(
        fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 4 }), async (requests) => {
          got = []
          for (const { headers, secret } of requests) await send(session, headers, '', secret ? Object.keys(headers) : [])
          expect(got.map((one) => sorted(ownFields(one)))).toEqual(requests.map(({ headers }) => sorted(expected(headers))))
        }),
        { numRuns: 40 },
      )
      session.destroy()
    },
  )

  it('reads headers that need several frames', async () => {
    const session = open({ maxSendHeaderBlockLength: 200_000 })
    const headers = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`x-${i}`, '\xfe'.repeat(1000)]))
    await send(session, headers)
    expect(sorted(ownFields(got[0]))).toEqual(sorted(expected(headers)))
    session.destroy()
  })

  it.each([0, 1, 16_383, 16_384, 65_535, 65_536, 1_000_000])('answers with %s bytes through windows of any size', async (bytes) => {
    answer = Buffer.alloc(bytes, 'abcdefg')
    for (const initialWindowSize of [100, 65_535, 1_000_000]) {
      if (bytes / initialWindowSize > 1000) continue
      const session = open({ settings: { initialWindowSize, maxFrameSize: 16_384 + (initialWindowSize % 1000) } })
      const replies = await Promise.all(['a', 'b', 'c'].map((body) => send(session, {}, body)))
      for (const { status, body, trailers } of replies) {
        expect([status, body.length, body.equals(answer), trailers['grpc-status']]).toEqual([200, bytes, true, '0'])
      }
      session.destroy()
    }
  })

  it('takes bodies larger than its windows over many streams at once', async () => {
    const session = open()
    const bodies = Array.from({ length: 20 }, (_, i) => String.fromCharCode(97 + i).repeat(50_000 * i + 1))
    const replies = await Promise.all(bodies.map((body) => send(session, {}, body)))
    expect(replies.every(({ status }) => status === 200)).toBe(true)
    expect(got.map((one) => one.body.length).sort((a, b) => a - b)).toEqual(bodies.map((body) => body.length))
    expect(got.every((one) => one.body === one.body.charAt(0).repeat(one.body.length))).toBe(true)
    session.destroy()
  })

  it('answers a client whose own table is small, or changes its size', async () => {
    for (const headerTableSize of [0, 100]) {
      const session = open({ settings: { headerTableSize } })
      expect((await send(session, {})).status).toBe(200)
      await new Promise<void>((resolve) => session.settings({ headerTableSize: 50 }, () => resolve()))
      expect((await send(session, {})).status).toBe(200)
      session.destroy()
    }
  })
})
