import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Bridge, startBridge } from './bridge.ts'
import { expectedOfJaegerHttp, expectedOfJaegerUdp, expectedOfZipkin } from './expected.ts'
import { type Language, present, runClient } from './peers.ts'
import { clientRuns } from './runs.ts'
import { type Sink, type SunkSpan, startSink } from './sink.ts'
import { teeHttp, teeUdp } from './tee.ts'
import { until } from './wait.ts'

let sink: Sink
let bridge: Bridge
const bySpanId = (a: SunkSpan, b: SunkSpan): number => (a.spanId < b.spanId ? -1 : 1)

beforeAll(async () => {
  sink = await startSink()
  bridge = await startBridge(sink.url)
})

afterAll(async () => {
  await bridge?.stop()
  await sink?.close()
})

const sunk = (count: number): Promise<SunkSpan[]> =>
  until(`${count} spans at the sink`, () => (sink.spans.length >= count ? sink.spans : undefined), 10_000)

describe.each(clientRuns)('the bridge, given $title', ({ language, jaeger }) => {
  it.skipIf(!present(language))('delivers both spans with the ids, times and tags they were sent with', async () => {
    sink.spans.length = 0
    const { ports } = bridge
    const zipkin = await teeHttp([ports.zipkin])
    const http = await teeHttp([ports.jaegerHttp])
    const udp = await teeUdp([jaeger === 'binary' ? ports.binary : ports.compact])
    await runClient(language, {
      zipkinUrl: `http://127.0.0.1:${zipkin.port}/api/v2/spans`,
      jaegerUrl: `http://127.0.0.1:${http.port}/api/traces`,
      ...(jaeger === 'http' ? {} : { agent: `127.0.0.1:${udp.port}` }),
    })
    const delivered = await sunk(2)
    await Promise.all([zipkin.close(), http.close(), udp.close()])

    const sent = [...expectedOfZipkin(zipkin.seen), ...expectedOfJaegerHttp(http.seen), ...expectedOfJaegerUdp(udp.seen)]
    expect(delivered.toSorted(bySpanId)).toEqual(sent.toSorted(bySpanId))
    expect(sink.faults).toEqual([])
  })
})

describe('the bridge, with clients that know only its address', () => {
  const languages = [...new Set(clientRuns.map(({ language }) => language))] satisfies Language[]

  it.skipIf(!present(...languages))('delivers one span per service and balances its books', async () => {
    sink.spans.length = 0
    const { ports } = bridge
    const runs = clientRuns.filter(({ title }) => !title.includes('binary to the compact'))
    for (const { language, jaeger } of runs) {
      await runClient(language, {
        zipkinUrl: `http://127.0.0.1:${ports.zipkin}/api/v2/spans`,
        jaegerUrl: `http://127.0.0.1:${ports.jaegerHttp}/api/traces`,
        ...(jaeger === 'http' ? {} : { agent: `127.0.0.1:${jaeger === 'binary' ? ports.binary : ports.compact}` }),
      })
    }
    const delivered = await sunk(runs.length * 2)
    const services = delivered.map(({ resource }) => String(resource['service.name']?.['stringValue']))
    expect(services.toSorted()).toEqual(runs.flatMap((run) => run.services).toSorted())
    for (const { traceId, spanId, name } of delivered) {
      expect(traceId).toMatch(/^(?=.*[1-9a-f])[0-9a-f]{32}$/)
      expect(spanId).toMatch(/^(?=.*[1-9a-f])[0-9a-f]{16}$/)
      expect(name).toBe('checkout')
    }

    const sum = async (name: string): Promise<number> => [...(await bridge.metric(name)).values()].reduce((a, b) => a + b, 0)
    const received = await sum('otlp_bridge_received_items_total')
    expect(received).toBeGreaterThanOrEqual(runs.length * 2)
    await until('an empty queue', async () => ((await sum('otlp_bridge_queue_items')) === 0 ? true : undefined))
    expect(await sum('otlp_bridge_delivered_items_total')).toBe(received)
  })
})
