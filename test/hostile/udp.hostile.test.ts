/** A burst of datagrams past the socket's buffer: what the kernel or the backlog drops is counted, the rest arrives. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Live, startLive } from './support/live.ts'
import { emitBatch, jaegerSpan } from './support/payloads.ts'
import { type Sink, startSink } from './support/sink.ts'
import { eventually, expectBooksToBalance, type Range, under } from './support/throw.ts'
import { sendDatagrams } from './support/wire.ts'

let live: Live
let sink: Sink
let range: Range

beforeAll(async () => {
  sink = await startSink()
  live = await startLive(sink.url, ['ingest.jaeger.compact.receiveBuffer=16KiB', 'ingest.jaeger.compact.backlog=256KiB'])
  range = { live, sink, sent: new Set() }
})

afterAll(async () => {
  const code = await live?.stop()
  await sink?.close()
  expect(code, live?.output().slice(-2000)).toBe(0)
})

const sumOf = async (pattern: RegExp): Promise<number> =>
  [...(await live.metrics())].reduce((sum, [series, value]) => (pattern.test(series) ? sum + value : sum), 0)

describe('a burst of datagrams', () => {
  it('loses none silently', async () => {
    const count = 5000
    const datagram = emitBatch('compact', ...Array.from({ length: 50 }, (_, i) => jaegerSpan('burst', BigInt(i + 1))))
    await under(range, 64, async () => {
      // Several sockets at once, so that they come faster than one reader empties them.
      await Promise.all(Array.from({ length: 5 }, () => sendDatagrams(live.ports.compact, new Array<Uint8Array>(count / 5).fill(datagram))))
    })
    const taken = (): Promise<number> => sumOf(/^otlp_bridge_received_requests_total\{.*jaeger-thrift-compact/)
    const kernel = (): Promise<number> => sumOf(/^otlp_bridge_udp_dropped_datagrams_total\{.*jaeger-thrift-compact/)
    const refused = (): Promise<number> => sumOf(/^otlp_bridge_refused_requests_total\{.*backlog_full/)
    expect(await eventually(async () => (await taken()) + (await kernel()) === count, 10_000)).toBe(true)
    const translated = (await taken()) - (await refused())
    await eventually(() => sink.names.get('burst') === translated * 50)
    expect({ spans: sink.names.get('burst'), kernel: await kernel(), refused: await refused() }).toMatchObject({ spans: translated * 50 })
    expect(translated).toBeGreaterThan(0)
  })

  it('leaves the books in balance', () => expectBooksToBalance(range))
})
