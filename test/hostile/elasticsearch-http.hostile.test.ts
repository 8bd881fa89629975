/** Hostile HTTP on the endpoint of `_bulk`: framing, slowness, targets, many connections. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Live, startLive } from './support/live.ts'
import { type Sink, startSink } from './support/sink.ts'
import { eventually, type Range } from './support/throw.ts'
import { stillBulks } from './support/throw-bulk.ts'
import { expectWriteBooks } from './support/throw-write.ts'
import { chunk, openIdle, raw } from './support/wire.ts'

const connections = 500

let live: Live
let sink: Sink
let range: Range

beforeAll(async () => {
  sink = await startSink()
  live = await startLive(sink.url, [
    'ingest.elasticsearch.timeouts.request=1500ms',
    'ingest.elasticsearch.timeouts.header=800ms',
    `ingest.elasticsearch.limits.connections=${connections}`,
  ])
  range = { live, sink, sent: new Set() }
  // What is loaded with the first request is not what is looked for.
  await stillBulks(range)
})

afterAll(async () => {
  const code = await live?.stop()
  await sink?.close()
  expect(code, live?.output().slice(-2000)).toBe(0)
})

const send = (pieces: readonly (string | Uint8Array)[], quietMs = 300, pauseMs = 0): Promise<string> =>
  raw(live.ports.elasticsearch, pieces, quietMs, pauseMs)

const host = 'Host: bridge\r\n'
const json = 'Content-Type: application/x-ndjson\r\n'
const line = (message: string): string => `{"create":{"_index":"logs"}}\n{"message":"${message}"}\n`
const sized = (message: string, headers = '', target = '/_bulk', method = 'POST'): string =>
  `${method} ${target} HTTP/1.1\r\n${host}${json}${headers}Content-Length: ${line(message).length}\r\n\r\n${line(message)}`
const head = (headers: string): string => `POST /_bulk HTTP/1.1\r\n${host}${json}${headers}\r\n`
const chunked = head('Transfer-Encoding: chunked\r\n')

/** Status of each answer that came back, in order. */
const statusesOf = (answer: string): number[] => [...answer.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]))

/** Runs it; memory may rise by so many MiB, and another client is served as ever. */
async function under(riseMiB: number, act: () => Promise<void>): Promise<void> {
  live.resetPeak()
  const before = live.residentBytes()
  await act()
  await stillBulks(range)
  const rise = (live.peakBytes() - before) / 2 ** 20
  console.log(`${expect.getState().currentTestName?.split(' > ').at(-1)}: ${rise.toFixed(0)} MiB`)
  expect(rise, `memory rose by ${rise.toFixed(0)} MiB`).toBeLessThan(riseMiB)
}

const refusals: readonly (readonly [what: string, request: string, status: number])[] = [
  [
    'Transfer-Encoding beside Content-Length',
    `${head('Transfer-Encoding: chunked\r\nContent-Length: 4\r\n')}${chunk(line('smuggled 1'))}0\r\n\r\n`,
    400,
  ],
  ['two different Content-Lengths', `${head('Content-Length: 4\r\nContent-Length: 5\r\n')}{}\n\n `, 400],
  ['a Content-Length that is no number', `${head('Content-Length: 4x\r\n')}{}\n\n`, 400],
  ['a negative Content-Length', `${head('Content-Length: -4\r\n')}{}\n\n`, 400],
  ['a Content-Length of 2^64', head('Content-Length: 18446744073709551616\r\n'), 400],
  ['a transfer encoding that is none', `${head('Transfer-Encoding: xchunked\r\n')}${chunk(line('smuggled 2'))}0\r\n\r\n`, 400],
  ['chunked not last', `${head('Transfer-Encoding: chunked, identity\r\n')}${chunk(line('smuggled 3'))}0\r\n\r\n`, 400],
  ['a space before the colon', `${head('Content-Length : 4\r\n')}{}\n\n`, 400],
  ['a header folded over two lines', `${head('X-Folded: a\r\n b\r\nContent-Length : 4\r\n')}{}\n\n`, 400],
  ['a chunk size that is no number', `${chunked}zz\r\n{}\r\n0\r\n\r\n`, 400],
  ['a chunk larger than it says', `${chunked}1\r\n{}\r\n0\r\n\r\n`, 400],
  ['a chunk extension of 1 MB', `${chunked}${chunk('{}', `;x=${'y'.repeat(1_000_000)}`)}0\r\n\r\n`, 413],
  ['headers of 1 MB', head(`X-Large: ${'y'.repeat(1_000_000)}\r\n`), 431],
  ['a target of 1 MB', sized('x', '', `/_bulk?filter_path=${'y'.repeat(1_000_000)}`), 431],
  ['no HTTP at all', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
  ['Lumberjack', '2W\x00\x00\x00\x01', 400],
  ['an HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
  ['no Host', 'POST /_bulk HTTP/1.1\r\nContent-Length: 3\r\n\r\n{}\n', 400],
  ['a path that does not decode', sized('x', '', '/%zz/_bulk'), 400],
  ['a body behind GET', sized('x', '', '/_bulk', 'GET'), 405],
  ['a method nobody knows', sized('x', '', '/_bulk', 'PROPFIND'), 405],
  ['TRACE', sized('x', '', '/_bulk', 'TRACE'), 405],
  ['a length among the trailers', `${chunked}${chunk(line('smuggled 4'))}0\r\nContent-Length: 5\r\n\r\n`, 400],
  ['a body that says it is of 500 MB', head('Content-Length: 500000000\r\n'), 413],
]

describe('HTTP that is not to be taken', () => {
  it.each(refusals)('%s', async (_what, request, status) => {
    await under(32, async () => {
      expect(statusesOf(await send([request]))[0]).toBe(status)
    })
    expect([...sink.bodies.keys()].filter((body) => body.startsWith('smuggled'))).toEqual([])
  })
})

const expectArrived = async (...bodies: string[]): Promise<void> => {
  await eventually(() => bodies.every((body) => sink.bodies.has(body)))
  expect(bodies.map((body) => sink.bodies.get(body))).toEqual(bodies.map(() => 1))
}

describe('HTTP that is odd but good', () => {
  it.each<[string, string, string]>([
    ['an absolute target', 'absolute', sized('absolute', '', 'http://bridge/_bulk')],
    ['an absolute target of somebody else', 'elsewhere', sized('elsewhere', '', 'http://elsewhere.example:9200/logs/_bulk')],
    ['two slashes', 'slashes', sized('slashes', '', '//logs//_bulk')],
    ['a slash at the end', 'slash at the end', sized('slash at the end', '', '/_bulk/')],
    ['PUT', 'put', sized('put', '', '/_bulk', 'PUT')],
    ['letters that are escaped', 'escaped', sized('escaped', '', '/%6cogs/%5Fbulk')],
    ['a query of 100 unknown names', 'query', sized('query', '', `/_bulk?${Array.from({ length: 100 }, (_, i) => `a${i}=b`).join('&')}`)],
    [
      'chunks of one byte, with extensions and trailers',
      'chunks',
      `${chunked}${[...line('chunks')].map((one) => chunk(one, ';a=b')).join('')}0\r\nX-Trailer: a\r\n\r\n`,
    ],
    ['a header name in odd case', 'odd case', sized('odd case').replace('Content-Length', 'cOnTeNt-LeNgTh')],
    ['a User-Agent of 10 KB', 'agent', sized('agent', `User-Agent: ${'a'.repeat(10_000)}\r\n`)],
  ])('%s', async (_what, message, request) => {
    expect(statusesOf(await send([request]))).toEqual([200])
    await expectArrived(message)
  })

  it.each(['/../_bulk', '/%2e%2e/_bulk', '/%2e%2e%2f%2e%2e/_bulk'])('takes %s for a name that no index may have', async (target) => {
    const body = '{"create":{}}\n{"message":"dots"}\n'
    const answer = await send([`POST ${target} HTTP/1.1\r\n${host}${json}Content-Length: ${body.length}\r\n\r\n${body}`])
    expect(statusesOf(answer)).toEqual([200])
    expect(answer).toMatch(/"status":400,"error":\{"type":"invalid_index_name_exception"/)
    expect(sink.bodies.has('dots')).toBe(false)
  })

  it('closes the connection of who asks for a tunnel', async () => {
    const startedAt = Date.now()
    expect(await send(['CONNECT bridge:9200 HTTP/1.1\r\nHost: bridge\r\n\r\n'], 3000)).toBe('')
    expect(Date.now() - startedAt).toBeLessThan(3000)
    await stillBulks(range)
  })

  it('answers 20 requests in one packet, in order', async () => {
    const bodies = Array.from({ length: 20 }, (_, i) => `pipelined ${i}`)
    const requests = bodies.map((body, i) => (i === 7 ? sized('x').replace('{"create"', '["create"') : sized(body)))
    expect(statusesOf(await send([requests.join('')], 1000))).toEqual(bodies.map((_, i) => (i === 7 ? 400 : 200)))
    await expectArrived(...bodies.filter((_, i) => i !== 7))
  })

  it('answers requests behind each other when the first are large', async () => {
    const filler = `{"filler":"${'f'.repeat(10_000)}"}`
    const large = `${`{"create":{"_index":"logs"}}\n${filler}\n`.repeat(600)}`
    const request = `${head(`Content-Length: ${large.length}\r\n`)}${large}`
    const answer = await send([request, sized('behind'), request, sized('far behind')], 2000)
    expect(statusesOf(answer)).toEqual([200, 200, 200, 200])
    await expectArrived('behind', 'far behind')
  })

  it('takes a request byte by byte', async () => {
    expect(statusesOf(await send([...sized('bytewise')], 300, 1))).toEqual([200])
    await expectArrived('bytewise')
  })

  it('takes a request with Expect: 100-continue', async () => {
    const [before = '', body = ''] = sized('expected', 'Expect: 100-continue\r\n').split(/(?<=\r\n\r\n)/)
    expect(statusesOf(await send([before, body], 500, 200))).toEqual([100, 200])
    await expectArrived('expected')
  })
})

const cutOffs = async (): Promise<number> => {
  let sum = 0
  for (const [series, value] of await live.metrics()) {
    if (/refused_requests_total/.test(series) && /"es-bulk"/.test(series) && /reason="cut_off"/.test(series)) sum += value
  }
  return sum
}

describe('senders that are slow or silent', () => {
  it('ends a body that comes at one byte a second', async () => {
    const answer = await send([head('Content-Length: 500\r\n'), ...'{"inde'], 3000, 500)
    expect(statusesOf(answer)).toEqual([408])
    await stillBulks(range)
  })

  it('ends a large body that stops in the middle, and takes nothing of it', async () => {
    const before = await cutOffs()
    const answer = await send([head('Content-Length: 50000000\r\n'), line('stopped').repeat(100_000)], 3000)
    expect(statusesOf(answer)).toEqual([408])
    expect(await eventually(async () => (await cutOffs()) > before)).toBe(true)
    await stillBulks(range)
    expect(sink.bodies.has('stopped')).toBe(false)
  })

  it('ends headers that come at one byte a second', async () => {
    expect(statusesOf(await send([...'POST /_'], 3000, 300))).toEqual([408])
  })

  it('does not wait for ever for the body of Expect: 100-continue', async () => {
    const startedAt = Date.now()
    const answer = await send([head('Expect: 100-continue\r\nContent-Length: 500\r\n')], 4000)
    expect(Date.now() - startedAt, 'closed by the bridge').toBeLessThan(4000)
    expect(statusesOf(answer)[0]).toBe(100)
    expect(statusesOf(answer)).not.toContain(200)
  })

  it('refuses before the body what it would refuse after it', async () => {
    expect(statusesOf(await send([head('Expect: 100-continue\r\nContent-Length: 999999999\r\n')], 1000))).toEqual([413])
    expect(statusesOf(await send([head('Expect: 100-continue\r\nContent-Length: 50\r\n').replace('x-ndjson', 'cbor')], 1000))).toEqual([
      406,
    ])
  })

  it('counts a body that is cut off', async () => {
    const before = await cutOffs()
    await send([head('Content-Length: 500\r\n'), '{"create"'], 50)
    expect(await eventually(async () => (await cutOffs()) > before)).toBe(true)
  })

  it(`closes connections beyond its limit of ${connections}, and those that say nothing`, async () => {
    await under(48, async () => {
      const sockets = await openIdle(live.ports.elasticsearch, connections * 2)
      expect(await eventually(() => sockets.filter((one) => !one.destroyed && !one.readableEnded).length <= connections)).toBe(true)
      expect(live.alive()).toBe(true)
      expect(await eventually(() => sockets.every((one) => one.destroyed || one.readableEnded), 5000)).toBe(true)
      for (const socket of sockets) socket.destroy()
    })
    const closed = [...(await live.metrics())].filter(([series]) => series.startsWith('otlp_bridge_connections_closed_total'))
    expect(closed.some(([series, value]) => series.includes('max_connections') && value > 0)).toBe(true)
  })

  it('holds 400 bodies that have begun and do not go on', async () => {
    await under(64, async () => {
      const sockets = await openIdle(live.ports.elasticsearch, 400)
      for (const socket of sockets) socket.write(`${head('Content-Length: 104857600\r\n')}${line('begun').repeat(10)}`)
      expect(await eventually(() => sockets.every((one) => one.destroyed || one.readableEnded), 6000)).toBe(true)
      for (const socket of sockets) socket.destroy()
    })
    expect(sink.bodies.has('begun')).toBe(false)
  })

  it('lives through connections that are torn down in the middle', async () => {
    await under(32, async () => {
      for (let i = 0; i < 100; i++) {
        const [socket] = await openIdle(live.ports.elasticsearch, 1)
        socket?.write(head('Content-Length: 500\r\n'))
        if (i % 2 === 0) socket?.write(line('torn'))
        socket?.resetAndDestroy()
      }
    })
    expect(sink.bodies.has('torn')).toBe(false)
  })

  it('lives through clients that go while they are answered', async () => {
    await under(96, async () => {
      const body = '{"index":{"_index":"logs"}}\n{}\n'.repeat(50_000)
      for (let i = 0; i < 20; i++) {
        const [socket] = await openIdle(live.ports.elasticsearch, 1)
        socket?.pause()
        socket?.write(`${head(`Content-Length: ${body.length}\r\n`)}${body}`)
        await new Promise((resolve) => setTimeout(resolve, 20 * i))
        socket?.resetAndDestroy()
      }
    })
  })
})

describe('after all of it', () => {
  it('the books balance and the bridge is well', () => expectWriteBooks(range))
})
