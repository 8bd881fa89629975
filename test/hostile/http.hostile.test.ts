/** Hostile HTTP itself: framing, slowness, targets, many connections, many different values. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Live, startLive } from './support/live.ts'
import { jsonType, zipkinJson, zipkinSpan } from './support/payloads.ts'
import { type Sink, startSink } from './support/sink.ts'
import { eventually, expectBooksToBalance, type Range, stillServes, under } from './support/throw.ts'
import { chunk, openIdle, post, raw } from './support/wire.ts'

const connections = 500

let live: Live
let sink: Sink
let range: Range

beforeAll(async () => {
  sink = await startSink()
  live = await startLive(sink.url, [
    'ingest.zipkin.timeouts.request=1500ms',
    'ingest.zipkin.timeouts.header=800ms',
    `ingest.zipkin.limits.connections=${connections}`,
  ])
  range = { live, sink, sent: new Set() }
})

afterAll(async () => {
  const code = await live?.stop()
  await sink?.close()
  expect(code, live?.output().slice(-2000)).toBe(0)
})

const host = 'Host: bridge\r\n'
const json = 'Content-Type: application/json\r\n'
const spans = (name: string): string => zipkinJson(zipkinSpan(name))
const sized = (name: string, headers = '', target = '/api/v2/spans'): string =>
  `POST ${target} HTTP/1.1\r\n${host}${json}${headers}Content-Length: ${spans(name).length}\r\n\r\n${spans(name)}`
const head = (headers: string): string => `POST /api/v2/spans HTTP/1.1\r\n${host}${json}${headers}\r\n`

/** Status of each answer that came back, in order. */
const statusesOf = (answer: string): number[] => [...answer.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)].map((match) => Number(match[1]))

const refusals: readonly (readonly [what: string, request: string, status: number])[] = [
  [
    'Transfer-Encoding beside Content-Length',
    `${head('Transfer-Encoding: chunked\r\nContent-Length: 4\r\n')}${chunk(spans('smuggled 1'))}0\r\n\r\n`,
    400,
  ],
  ['two different Content-Lengths', `${head('Content-Length: 4\r\nContent-Length: 5\r\n')}[]  `, 400],
  ['a Content-Length that is no number', `${head('Content-Length: 4x\r\n')}[]  `, 400],
  ['a negative Content-Length', `${head('Content-Length: -4\r\n')}[]  `, 400],
  ['a transfer encoding that is none', `${head('Transfer-Encoding: xchunked\r\n')}${chunk(spans('smuggled 2'))}0\r\n\r\n`, 400],
  ['chunked not last', `${head('Transfer-Encoding: chunked, identity\r\n')}${chunk(spans('smuggled 3'))}0\r\n\r\n`, 400],
  ['a space before the colon', `${head('Content-Length : 4\r\n')}[]  `, 400],
  ['a header folded over two lines', `${head('X-Folded: a\r\n b\r\nContent-Length : 4\r\n')}[]  `, 400],
  ['a chunk size that is no number', `${head('Transfer-Encoding: chunked\r\n')}zz\r\n[]\r\n0\r\n\r\n`, 400],
  ['a chunk larger than it says', `${head('Transfer-Encoding: chunked\r\n')}1\r\n[]\r\n0\r\n\r\n`, 400],
  ['a chunk extension of 1 MB', `${head('Transfer-Encoding: chunked\r\n')}${chunk('[]', `;x=${'y'.repeat(1_000_000)}`)}0\r\n\r\n`, 413],
  ['headers of 1 MB', head(`X-Large: ${'y'.repeat(1_000_000)}\r\n`), 431],
  ['no HTTP at all', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
  ['an HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
  ['no Host', 'POST /api/v2/spans HTTP/1.1\r\nContent-Length: 2\r\n\r\n[]', 400],
  ['another path', sized('x', '', '/api/v3/spans'), 404],
  ['two slashes', sized('x', '', '//api/v2/spans'), 404],
  ['dots in the path', sized('x', '', '/api/%2e%2e/api/v2/spans'), 404],
  ['a path that does not decode', sized('x', '', '/api/%zz'), 404],
]

describe('HTTP that is not to be taken', () => {
  it.each(refusals)('%s', async (_what, request, status) => {
    await under(range, 32, async () => {
      expect(statusesOf(await raw(live.ports.zipkin, [request]))[0]).toBe(status)
    })
    expect([...sink.names.keys()].filter((name) => name.startsWith('smuggled'))).toEqual([])
  })
})

const expectArrived = async (...names: string[]): Promise<void> => {
  await eventually(() => names.every((name) => sink.names.has(name)))
  expect(names.map((name) => sink.names.get(name))).toEqual(names.map(() => 1))
}

describe('HTTP that is odd but good', () => {
  it.each<[string, string, string]>([
    ['an absolute target', 'absolute', sized('absolute', '', 'http://bridge/api/v2/spans')],
    ['a query', 'query', sized('query', '', '/api/v2/spans?a=b')],
    [
      'chunks of one byte, with extensions and trailers',
      'chunks',
      `${head('Transfer-Encoding: chunked\r\n')}${[...spans('chunks')].map((one) => chunk(one, ';a=b')).join('')}0\r\nX-Trailer: a\r\n\r\n`,
    ],
    ['a header name in odd case', 'odd case', sized('odd case').replace('Content-Length', 'cOnTeNt-LeNgTh')],
  ])('%s', async (_what, name, request) => {
    expect(statusesOf(await raw(live.ports.zipkin, [request]))).toEqual([202])
    await expectArrived(name)
  })

  it('answers 20 requests in one packet, in order', async () => {
    const names = Array.from({ length: 20 }, (_, i) => `pipelined ${i}`)
    const requests = names.map((name, i) => (i === 7 ? sized('x').replace('[', '{') : sized(name)))
    const answer = await raw(live.ports.zipkin, [requests.join('')])
    expect(statusesOf(answer)).toEqual(names.map((_, i) => (i === 7 ? 400 : 202)))
    await expectArrived(...names.filter((_, i) => i !== 7))
  })

  it('takes a request byte by byte', async () => {
    expect(statusesOf(await raw(live.ports.zipkin, [...sized('bytewise')], 300, 1))).toEqual([202])
    await expectArrived('bytewise')
  })
})

describe('senders that are slow or silent', () => {
  it('ends a body that comes at one byte a second', async () => {
    const answer = await raw(live.ports.zipkin, [head('Content-Length: 500\r\n'), ...'[{"a":'], 3000, 500)
    expect(statusesOf(answer)).toEqual([408])
    await stillServes(range)
  })

  it('ends headers that come at one byte a second', async () => {
    const answer = await raw(live.ports.zipkin, [...'POST /a'], 3000, 300)
    expect(statusesOf(answer)).toEqual([408])
  })

  it('does not wait for ever for the body of Expect: 100-continue', async () => {
    const startedAt = Date.now()
    const answer = await raw(live.ports.zipkin, [head('Expect: 100-continue\r\nContent-Length: 500\r\n')], 4000)
    expect(Date.now() - startedAt, 'closed by the bridge').toBeLessThan(4000)
    expect(statusesOf(answer)[0]).toBe(100)
    expect(statusesOf(answer)).not.toContain(202)
  })

  it('refuses before the body what it would refuse after it', async () => {
    const answer = await raw(live.ports.zipkin, [head('Expect: 100-continue\r\nContent-Length: 999999999\r\n')], 1000)
    expect(statusesOf(answer)).toEqual([413])
  })

  it('counts a body that is cut off', async () => {
    const before =
      (await live.metrics()).get('otlp_bridge_refused_requests_total{format="zipkin-json",transport="http",reason="cut_off"}') ?? 0
    await raw(live.ports.zipkin, [head('Content-Length: 500\r\n'), '[{"traceId"'], 50)
    const counted = await eventually(async () => {
      const all = [...(await live.metrics())].filter(([series]) => /refused_requests_total/.test(series) && /reason="cut_off"/.test(series))
      return all.reduce((sum, [, value]) => sum + value, 0) > before
    })
    expect(counted).toBe(true)
  })

  it(`closes connections beyond its limit of ${connections}, and those that say nothing`, async () => {
    await under(range, 48, async () => {
      const sockets = await openIdle(live.ports.zipkin, connections * 2)
      expect(await eventually(() => sockets.filter((one) => !one.destroyed && !one.readableEnded).length <= connections)).toBe(true)
      expect(live.alive()).toBe(true)
      expect(await eventually(() => sockets.every((one) => one.destroyed || one.readableEnded), 5000)).toBe(true)
      for (const socket of sockets) socket.destroy()
    })
    const closed = [...(await live.metrics())].filter(([series]) => series.startsWith('otlp_bridge_connections_closed_total'))
    expect(closed.some(([series, value]) => series.includes('max_connections') && value > 0)).toBe(true)
  })

  it('lives through connections that are torn down in the middle', async () => {
    await under(range, 32, async () => {
      for (let i = 0; i < 100; i++) {
        const [socket] = await openIdle(live.ports.zipkin, 1)
        socket?.write(head('Content-Length: 500\r\n'))
        socket?.resetAndDestroy()
      }
    })
  })
})

describe('values that a sender chooses', () => {
  it('does not grow with 10,000 different services, keys, types and paths', async () => {
    const count = 10_000
    await under(range, 64, async () => {
      for (let from = 0; from < count; from += 500) {
        const many = Array.from({ length: 500 }, (_, i) =>
          zipkinSpan('values', {
            localEndpoint: { serviceName: `service ${from + i}` },
            tags: { [`key ${from + i}`]: `value ${from + i}` },
          }),
        )
        const reply = await post(
          live.ports.zipkin,
          '/api/v2/spans',
          { ...jsonType, accept: `a/${from}`, 'x-tenant': `t ${from}` },
          zipkinJson(...many),
        )
        expect(reply.status).toBe(202)
        await post(live.ports.zipkin, `/path/${from}`, { 'content-type': `type/${from}` }, '')
      }
      await eventually(() => sink.names.get('values') === count)
    })
    expect(sink.names.get('values')).toBe(count)
    const metrics = await live.metrics()
    expect(metrics.size).toBeLessThan(1000)
    expect([...metrics.keys()].filter((series) => series.includes('service=')).length).toBeLessThanOrEqual(101)
  })
})

describe('after all of it', () => {
  it('the books balance and every good span arrived once', () => expectBooksToBalance(range))
})
