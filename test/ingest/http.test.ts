import { createHash } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Listener } from '../../src/ingest/adapter.ts'
import { replyText, retryAfter, startHttp } from '../../src/ingest/http.ts'
import { createReceiver } from '../../src/ingest/receive.ts'
import { httpLimits, httpTimeouts } from '../../src/ingest/schema.ts'
import { countsOf, createFakeDeps, eventually, type FakeDeps, openBooks, openRaw, queueFull, sumOf, toyTranslate } from './support/fakes.ts'

let deps: FakeDeps
let listener: Listener | undefined
let seen: string[]

beforeEach(() => {
  deps = createFakeDeps()
  seen = []
})

afterEach(async () => {
  await listener?.stop(0)
  listener = undefined
  expect(openBooks(deps.metrics)).toEqual([])
})

interface Knobs {
  readonly limits?: Record<string, unknown>
  readonly timeouts?: Record<string, unknown>
  readonly host?: string
}

/** A server with one path for bodies, `/in`, and one page, `/page`. */
async function start(knobs: Knobs = {}): Promise<string> {
  const receiver = createReceiver(
    {
      format: 'toy',
      transport: 'http',
      translate: (body, at) => {
        seen.push(`${body.length} ${createHash('sha1').update(body).digest('hex')}`)
        return toyTranslate(body, at)
      },
    },
    deps,
  )
  listener = await startHttp(
    {
      section: 'ingest.toy',
      host: knobs.host ?? '127.0.0.1',
      port: 0,
      limits: httpLimits.parse(knobs.limits ?? {}),
      timeouts: httpTimeouts.parse(knobs.timeouts ?? {}),
      bodies: [
        {
          path: '/in',
          choose: () => receiver,
          accepted(_request, response, receipt) {
            replyText(response, 202, `taken ${receipt.items}`)
          },
          refused(_request, response, error) {
            replyText(response, error.http, error.code, retryAfter(error))
          },
        },
      ],
      routes(app) {
        app.get('/page', (_request, reply) => void reply.send('a page'))
      },
      notFound(request, reply) {
        replyText(reply.raw, 404, `no ${request.raw.url}`)
      },
    },
    deps,
  )
  return listener.addresses[0] as string
}

const head = (length: number | string, more = ''): string => `POST /in HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n${more}\r\n`

const fingerprint = (body: Uint8Array): string => `${body.length} ${createHash('sha1').update(body).digest('hex')}`

/** Sends bytes on a connection of their own and gives back all that came before it was closed by the server. */
async function sendRaw(address: string, text: string): Promise<string> {
  const socket = await openRaw(address)
  socket.send(text)
  const got = await socket.closed()
  return got
}

describe('startHttp', () => {
  it('listens on both loopback families at one port', async () => {
    await start({ host: 'localhost' })
    const urls = listener?.addresses.map((one) => new URL(one)) ?? []
    expect(new Set(urls.map((one) => one.port)).size).toBe(1)
    for (const url of urls) expect((await fetch(new URL('/page', url))).status).toBe(200)
  })

  it('says which key to change when the port is taken', async () => {
    const address = await start()
    const port = Number(new URL(address).port)
    const again = startHttp(
      {
        section: 'ingest.toy',
        host: '127.0.0.1',
        port,
        limits: httpLimits.parse({}),
        timeouts: httpTimeouts.parse({}),
        bodies: [],
        routes() {},
        notFound() {},
      },
      deps,
    )
    await expect(again).rejects.toMatchObject({ code: 'OB_LISTEN', place: 'ingest.toy.port' })
  })

  it('hands every byte of a body on, whatever its size and pieces', async () => {
    const address = await start()
    for (const size of [0, 1, 1000, 65_536, 80_000, 131_072, 300_000, 3_000_000]) {
      const body = Buffer.from(Array.from({ length: size }, (_, at) => 0x41 + ((at * 7) % 10)))
      const answer = await fetch(`${address}/in`, { method: 'POST', body })
      expect([answer.status, seen.pop()]).toEqual([202, fingerprint(body)])
    }
  })

  it('keeps concurrent bodies apart', async () => {
    const address = await start()
    const bodies = Array.from({ length: 24 }, (_, at) => Buffer.alloc(150_000 + at, 0x41 + at))
    await Promise.all(bodies.map((body) => fetch(`${address}/in`, { method: 'POST', body })))
    expect([...seen].sort()).toEqual(bodies.map(fingerprint).sort())
  })

  it('takes chunked bodies', async () => {
    const address = await start()
    const socket = await openRaw(address)
    socket.send('POST /in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nss\r\n1\r\ns\r\n0\r\nX-Trailer: a\r\n\r\n')
    expect(await socket.until('taken 3')).toContain('202 Accepted')
    socket.destroy()
  })

  it.each(['', 'weird', 'a/b/c; ;;', 'text/plain; charset="', 'application/json', '\u00e4'])('takes any content type: %j', async (type) => {
    const socket = await openRaw(await start())
    socket.send(Buffer.from(head(1, `Content-Type: ${type}\r\n`).concat('s'), 'latin1'))
    expect(await socket.until('taken')).toContain('taken 1')
    socket.destroy()
  })

  it('routes a path with a query, an absolute form and a bad path as HTTP says', async () => {
    const address = await start()
    const post = async (target: string): Promise<string> => {
      const socket = await openRaw(address)
      socket.send(head(1).replace('/in', target).concat('s'))
      const got = await socket.until('\r\n\r\n')
      socket.destroy()
      return got.split(' ')[1] ?? ''
    }
    expect(await post('/in?format=jaeger.thrift')).toBe('202')
    expect(await post(`${address}/in`)).toBe('202')
    expect(await post('//in')).toBe('404')
    expect(await post('/in/')).toBe('404')
    expect(await post('/%2e%2e/in')).toBe('404')
    expect(await post('/%zz')).toBe('404')
    expect(await post('*')).toBe('404')
  })

  it('answers pipelined requests in order', async () => {
    const socket = await openRaw(await start())
    socket.send([1, 2, 3, 4].map((n) => `${head(n)}${'s'.repeat(n)}`).join(''))
    const got = await socket.until('taken 4')
    expect(got.match(/taken \d/g)).toEqual(['taken 1', 'taken 2', 'taken 3', 'taken 4'])
    socket.destroy()
  })

  it('sends 100 Continue only when it will read the body', async () => {
    const address = await start()
    const willing = await openRaw(address)
    willing.send(head(2, 'Expect: 100-continue\r\n'))
    expect(await willing.until('\r\n\r\n')).toContain('100 Continue')
    willing.send('ss')
    expect(await willing.until('taken')).toContain('taken 2')
    willing.destroy()

    deps.fake.refuseWith = queueFull()
    const refused = await openRaw(address)
    refused.send(head(2, 'Expect: 100-continue\r\n'))
    const got = await refused.closed()
    expect(got).not.toContain('100 Continue')
    expect(got).toContain('503 Service Unavailable')
  })

  it('closes a connection whose Expect was never followed by a body', async () => {
    const address = await start({ timeouts: { request: 150, header: 100 } })
    const socket = await openRaw(address)
    socket.send(head(2, 'Expect: 100-continue\r\n'))
    await socket.closed()
    await eventually(() => countsOf(deps.metrics, 'otlp_bridge_refused_requests_total', 'reason')['cut_off'] === 1)
  })

  it('cuts off a body that comes one byte at a time', async () => {
    const address = await start({ timeouts: { request: 150, header: 100 } })
    const socket = await openRaw(address)
    socket.send(head(1000))
    const drip = setInterval(() => socket.send('s'), 10)
    await socket.closed()
    clearInterval(drip)
    expect(seen).toEqual([])
    await eventually(() => countsOf(deps.metrics, 'otlp_bridge_refused_requests_total', 'reason')['cut_off'] === 1)
    expect(countsOf(deps.metrics, 'otlp_bridge_connections_closed_total', 'reason')).toEqual({ request_timeout: 1 })
  })

  it('closes connections that never say anything', async () => {
    const address = await start({ timeouts: { request: 150, header: 100 } })
    const sockets = await Promise.all(Array.from({ length: 50 }, () => openRaw(address)))
    await Promise.all(sockets.map((socket) => socket.closed()))
    expect(countsOf(deps.metrics, 'otlp_bridge_connections_closed_total', 'reason')).toEqual({ request_timeout: 50 })
  })

  it('counts a body whose sender went away', async () => {
    const address = await start()
    const socket = await openRaw(address)
    socket.send(`${head(1000)}sss`)
    await eventually(() => true)
    socket.destroy()
    await eventually(() => countsOf(deps.metrics, 'otlp_bridge_refused_requests_total', 'reason')['cut_off'] === 1)
    expect(seen).toEqual([])
  })

  it('holds no more connections than the limit', async () => {
    const address = await start({ limits: { connections: 2 } })
    const first = await openRaw(address)
    const second = await openRaw(address)
    const third = await openRaw(address)
    await third.closed()
    first.send(`${head(1)}s`)
    expect(await first.until('taken')).toContain('taken 1')
    expect(countsOf(deps.metrics, 'otlp_bridge_connections_closed_total', 'reason')).toEqual({ max_connections: 1 })
    first.destroy()
    second.destroy()
  })

  it.each([
    ['both lengths', 'POST /in HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', '400'],
    ['two lengths', 'POST /in HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nssss', '400'],
    ['a length that is none', 'POST /in HTTP/1.1\r\nHost: x\r\nContent-Length: +3\r\n\r\nsss', '400'],
    ['an unknown transfer encoding', 'POST /in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n', '400'],
    ['a space before the colon', 'POST /in HTTP/1.1\r\nHost: x\r\nContent-Length : 3\r\n\r\nsss', '400'],
    ['a folded header', 'POST /in HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nX-A: b\r\n c\r\n\r\ns', '400'],
    ['a bare line feed in the chunk size', 'POST /in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\ns\r\n0\r\n\r\n', '400'],
    ['no host', 'POST /in HTTP/1.1\r\nContent-Length: 1\r\n\r\ns', '400'],
    ['headers without end', `POST /in HTTP/1.1\r\nHost: x\r\nX-A: ${'a'.repeat(40_000)}\r\n\r\n`, '431'],
    [
      'a chunk extension of a megabyte',
      `POST /in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;${'a'.repeat(1_000_000)}\r\ns\r\n0\r\n\r\n`,
      '413',
    ],
    ['no HTTP at all', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n', '400'],
  ])('answers %s with an error and closes', async (_name, bytes, status) => {
    const got = await sendRaw(await start(), bytes)
    expect(got.split(' ')[1]).toBe(status)
    expect(got).not.toContain('taken')
    expect((await fetch(`${listener?.addresses[0]}/page`)).status).toBe(200)
  })

  it('refuses a body that declares too much before reading it, on a connection that stays usable', async () => {
    const address = await start({ limits: { compressedBody: 10 } })
    const socket = await openRaw(address)
    socket.send(`${head(11)}sssssssssss`)
    expect(await socket.until('OB_LIMIT_BODY')).toContain('413')
    socket.send(`${head(2)}ss`)
    expect(await socket.until('taken')).toContain('taken 2')
    socket.destroy()
  })

  it('refuses a chunked body as soon as it is over the limit', async () => {
    const address = await start({ limits: { compressedBody: 10 } })
    const socket = await openRaw(address)
    socket.send(`POST /in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nsssssssssss\r\n`)
    expect(await socket.until('OB_LIMIT_BODY')).toContain('413')
    socket.destroy()
    expect(seen).toEqual([])
  })

  it('gives its answer to a sender that is still sending and wants the connection closed', async () => {
    const address = await start({ limits: { compressedBody: 10 } })
    const answer = await new Promise<number | undefined>((resolve, reject) => {
      const request = httpRequest(`${address}/in`, {
        method: 'POST',
        agent: false,
        headers: { connection: 'close', 'content-length': 20_000_000 },
      })
      request.on('response', (response) => resolve(response.statusCode))
      request.on('error', reject)
      request.end(Buffer.alloc(20_000_000))
    })
    expect(answer).toBe(413)
  })

  it('does not believe a large length', async () => {
    const address = await start({ limits: { compressedBody: '1GiB' } })
    const before = process.memoryUsage()
    const sockets = await Promise.all(Array.from({ length: 20 }, () => openRaw(address)))
    for (const socket of sockets) socket.send(`${head(2 ** 30)}ssss`)
    await eventually(() => process.memoryUsage().external >= 0)
    const after = process.memoryUsage()
    expect(after.external + after.arrayBuffers - before.external - before.arrayBuffers).toBeLessThan(32 * 1024 * 1024)
    for (const socket of sockets) socket.destroy()
  })

  it('inflates gzip and refuses what it cannot inflate', async () => {
    const address = await start()
    const post = (body: Uint8Array, encoding: string): Promise<Response> =>
      fetch(`${address}/in`, { method: 'POST', body, headers: { 'content-encoding': encoding } })
    expect(await (await post(gzipSync('sss'), 'gzip')).text()).toBe('taken 3')
    expect(await (await post(gzipSync(Buffer.alloc(400_000, 's')), 'gzip')).text()).toBe('taken 400000')
    expect((await post(Buffer.from('sss'), 'gzip')).status).toBe(400)
    expect((await post(Buffer.from('sss'), 'br')).status).toBe(415)
    expect((await post(gzipSync(gzipSync('s')), 'gzip, gzip')).status).toBe(415)
    expect((await post(gzipSync(Buffer.alloc(50 * 1024 * 1024)), 'gzip')).status).toBe(413)
    expect(countsOf(deps.metrics, 'otlp_bridge_refused_requests_total', 'reason')).toEqual({
      decode_encoding: 1,
      unsupported_encoding: 2,
      limit_ratio: 1,
    })
  })

  it('turns requests away at the door while the intake takes nothing', async () => {
    const address = await start()
    deps.fake.refuseWith = queueFull()
    const answer = await fetch(`${address}/in`, { method: 'POST', body: 'ss' })
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '7'])
    expect(seen).toEqual([])
    expect(countsOf(deps.metrics, 'otlp_bridge_refused_requests_total', 'reason')).toEqual({ queue_full: 1 })
  })

  it('lets a sender that is turned away finish a large body, so that it reads the answer', async () => {
    const address = await start()
    deps.fake.refuseWith = queueFull()
    const answer = await fetch(`${address}/in`, { method: 'POST', body: Buffer.alloc(8 * 1024 * 1024) })
    expect([answer.status, await answer.text()]).toEqual([503, 'OB_QUEUE_FULL'])
  })

  it('refuses the items of a body that the intake does not take after all', async () => {
    const address = await start()
    deps.fake.putError = queueFull()
    const answer = await fetch(`${address}/in`, { method: 'POST', body: 'ssx' })
    expect(answer.status).toBe(503)
    expect(countsOf(deps.metrics, 'otlp_bridge_refused_items_total', 'reason')).toEqual({ queue_full: 2, bad_id: 1 })
    expect(sumOf(deps.metrics, 'otlp_bridge_received_items_total')).toBe(3)
  })

  it('answers a fault of its own with 500 and lives on', async () => {
    const address = await start()
    expect((await fetch(`${address}/in`, { method: 'POST', body: '?' })).status).toBe(500)
    expect((await fetch(`${address}/in`, { method: 'POST', body: 's' })).status).toBe(202)
    expect(countsOf(deps.metrics, 'otlp_bridge_refused_requests_total', 'reason')).toEqual({ internal: 1 })
    expect(deps.lines).toHaveLength(1)
  })

  it('counts requests, bytes and items', async () => {
    const address = await start()
    await fetch(`${address}/in`, { method: 'POST', body: 'sssx' })
    await fetch(`${address}/in`, { method: 'POST', body: '!' })
    expect(sumOf(deps.metrics, 'otlp_bridge_received_requests_total')).toBe(2)
    expect(sumOf(deps.metrics, 'otlp_bridge_received_bytes_total')).toBe(5)
    expect(sumOf(deps.metrics, 'otlp_bridge_received_items_total')).toBe(4)
    expect(sumOf(deps.metrics, 'otlp_bridge_translated_items_total')).toBe(3)
    expect(countsOf(deps.metrics, 'otlp_bridge_refused_items_total', 'reason')).toEqual({ bad_id: 1 })
    expect(countsOf(deps.metrics, 'otlp_bridge_refused_requests_total', 'reason')).toEqual({ decode_json: 1 })
    expect(countsOf(deps.metrics, 'otlp_bridge_notes_total', 'reason')).toEqual({ noticed: 1 })
  })

  it('answers requests under way before it stops, and takes no new connections meanwhile', async () => {
    const address = await start()
    let open = (): void => {}
    deps.fake.gate = new Promise((resolve) => (open = resolve))
    const idle = await openRaw(address)
    const answer = fetch(`${address}/in`, { method: 'POST', body: 'ss' })
    await eventually(() => seen.length === 1)
    const stopping = listener?.stop(2000)
    await expect(openRaw(address)).rejects.toThrow()
    open()
    expect(await (await answer).text()).toBe('taken 2')
    await stopping
    await idle.closed()
  })

  it('closes what is still open when the time to stop is over', async () => {
    const address = await start()
    const socket = await openRaw(address)
    socket.send(`${head(100)}s`)
    await eventually(() => true)
    await listener?.stop(50)
    await socket.closed()
  })
})
