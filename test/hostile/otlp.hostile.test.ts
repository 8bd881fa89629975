/** Hostile OTLP over HTTP, and hostile questions about sampling, against a bridge in a process of its own. */

import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Live, startLive } from './support/live.ts'
import { otlpCases, otlpJson, otlpProto } from './support/otlp-cases.ts'
import { jsonType, protoType } from './support/payloads.ts'
import { type Sink, startSink } from './support/sink.ts'
import { eventually, expectBooksToBalance, type Range, throwRequest, under } from './support/throw.ts'
import { post, raw } from './support/wire.ts'

let live: Live
let sink: Sink
let range: Range

beforeAll(async () => {
  sink = await startSink()
  live = await startLive(sink.url)
  range = { live, sink, sent: new Set() }
})

afterAll(async () => {
  const code = await live?.stop()
  await sink?.close()
  expect(code, live?.output().slice(-2000)).toBe(0)
})

const light = otlpCases.filter((one) => one.riseMiB === undefined)
const heavy = otlpCases.filter((one) => one.riseMiB !== undefined)

describe('OTLP over HTTP', () => {
  it.each(light)('$name', (one) => throwRequest(range, one))

  it.each([
    ['JSON', jsonType, otlpJson],
    ['protobuf', protoType, otlpProto],
  ] as const)('%s cut at every byte is refused or taken, and never half', async (encoding, headers, encode) => {
    const whole = Buffer.from(encode(`${encoding} cut`))
    const statuses = new Set<number>()
    for (let length = 0; length < whole.length; length++) {
      const reply = await post(live.ports.otlpHttp, '/v1/traces', headers, whole.subarray(0, length))
      statuses.add(reply.status)
    }
    // Of protobuf, nothing at all is an empty request.
    expect([...statuses].sort()).toEqual(encoding === 'JSON' ? [400] : [200, 400])
    expect(sink.names.has(`${encoding} cut`)).toBe(false)
    expect((await post(live.ports.otlpHttp, '/v1/traces', headers, whole)).status).toBe(200)
    range.sent.add(`${encoding} cut`)
  })

  it('answers a refusal in the form of the request', async () => {
    const json = await post(live.ports.otlpHttp, '/v1/traces', jsonType, '[')
    expect(json.headers['content-type']).toBe('application/json')
    expect(JSON.parse(json.text)).toMatchObject({ code: 3, message: expect.stringContaining('cannot read JSON') })
    const proto = await post(live.ports.otlpHttp, '/v1/traces', protoType, Uint8Array.of(0x0a))
    expect(proto.headers['content-type']).toBe('application/x-protobuf')
    expect(proto.text).toContain('cannot read protobuf')
  })

  it('lives through many slow bodies', async () => {
    await under(range, 48, async () => {
      const sockets = Array.from({ length: 200 }, () => connect(live.ports.otlpHttp, '127.0.0.1'))
      for (const socket of sockets) {
        socket.on('error', () => {})
        socket.write('POST /v1/traces HTTP/1.1\r\nHost: b\r\nContent-Type: application/x-protobuf\r\nContent-Length: 20000000\r\n\r\n\n')
      }
      for (let i = 0; i < 20; i++) {
        for (const socket of sockets) socket.write('\x0a')
        expect((await post(live.ports.otlpHttp, '/v1/traces', jsonType, '{}')).status).toBe(200)
      }
      for (const socket of sockets) socket.destroy()
    })
  })
})

describe('after all of it', () => {
  it('the books balance and every good span arrived once', () => expectBooksToBalance(range))
})

describe('bodies that take memory, each against a process of its own', () => {
  it.each(heavy)('$name', async (one) => {
    const ownSink = await startSink()
    const own: Range = { live: await startLive(ownSink.url), sink: ownSink, sent: new Set() }
    try {
      await throwRequest(own, one)
      await expectBooksToBalance(own)
      expect(await own.live.stop()).toBe(0)
    } finally {
      await own.live.stop()
      await ownSink.close()
    }
  })
})

/** Asks for strategies of so many services, over a few connections, some questions in each packet. Gives how many were answered. */
async function askForServices(port: number, count: number): Promise<number> {
  const ask = (i: number): string => `GET /sampling?service=service-${i} HTTP/1.1\r\nHost: bridge\r\n\r\n`
  const atOnce = 20
  let next = 0
  let good = 0
  const lane = async (): Promise<void> => {
    const socket = connect(port, '127.0.0.1')
    socket.setEncoding('latin1')
    while (next < count) {
      const from = next
      next += atOnce
      socket.write(Array.from({ length: atOnce }, (_, i) => ask(from + i)).join(''))
      for (let text = '', answers = 0; answers < atOnce; ) {
        text += (await once(socket, 'data'))[0]
        answers = text.split('HTTP/1.1 ').length - 1
        if (answers === atOnce) good += text.split('HTTP/1.1 200 ').length - 1
      }
    }
    socket.destroy()
  }
  await Promise.all(Array.from({ length: 8 }, lane))
  return good
}

describe('questions about sampling', () => {
  const caps = async (of: Live): Promise<readonly [full: number | undefined, series: number, lines: number]> => {
    const metrics = await of.metrics()
    const lines = of.output().split('a service got a sampling strategy').length - 1
    return [metrics.get('otlp_bridge_cache_full{cache="sampling.services"}'), metrics.size, lines]
  }

  it('of 100,000 services are answered and not remembered', async () => {
    await under(range, 64, async () => {
      expect(await askForServices(live.ports.sampling, 100_000)).toBe(100_000)
    })
    const [full, series, lines] = await caps(live)
    expect([full, lines]).toEqual([1, 1000])
    expect(series).toBeLessThan(1000)
  })

  it('of 10,000 services that the old collector answers', async () => {
    let asked = 0
    const collector = createServer((_request, response) => {
      asked++
      response.setHeader('content-type', 'application/json')
      response.end('{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.5}}')
    }).listen(0, '127.0.0.1')
    await once(collector, 'listening')
    const upstream = `sampling.upstream=http://127.0.0.1:${(collector.address() as AddressInfo).port}/sampling`
    const own: Range = { live: await startLive(sink.url, [upstream]), sink, sent: new Set() }
    try {
      // Mostly what `fetch` leaves behind: four times as many services take no more.
      await under(own, 192, async () => {
        expect(await askForServices(own.live.ports.sampling, 10_000)).toBe(10_000)
      })
      expect(asked).toBe(10_000)
      const [full, , lines] = await caps(own.live)
      expect([full, lines]).toEqual([1, 1000])
    } finally {
      expect(await own.live.stop()).toBe(0)
      collector.closeAllConnections()
      collector.close()
    }
  })

  it('with hostile names are answered or refused', async () => {
    const ask = async (target: string): Promise<number> => {
      const answer = await raw(live.ports.sampling, [`GET ${target} HTTP/1.1\r\nHost: bridge\r\nConnection: close\r\n\r\n`], 2000)
      return Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1])
    }
    expect(await ask('/sampling')).toBe(400)
    expect(await ask('/sampling?service=a&service=b')).toBe(400)
    expect(await ask('/sampling?service=%')).toBe(200)
    expect(await ask('/sampling?service=__proto__')).toBe(200)
    expect(await ask('/sampling?service=%00%ff%f0%9f')).toBe(200)
    expect(await ask(`/sampling?service=${'x'.repeat(10_000)}`)).toBe(200)
    expect(await ask(`/sampling?service=${'x'.repeat(100_000)}`)).toBe(431)
    expect(await ask(`/sampling?${'a=b&'.repeat(3000)}service=x`)).toBe(200)
    expect(live.alive()).toBe(true)
    expect(await eventually(async () => (await live.metrics()).size < 1000)).toBe(true)
  })
})
