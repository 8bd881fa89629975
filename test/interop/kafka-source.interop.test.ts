import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { normalizeOtlp } from '../support/normalize.ts'
import { vectorFiles } from '../support/shared.ts'
import { type Broker, kafkaPresent, startBroker } from './kafka-broker.ts'
import {
  committedOffsets,
  createTopic,
  type LabBridge,
  type OtlpSink,
  readAll,
  reconcile,
  startLabBridge,
  startOtlpSink,
  startTopicLoad,
  write,
  zipkinList,
} from './kafka-lab.ts'
import { until } from './wait.ts'

interface Golden {
  readonly format: string
  readonly otlp: unknown
  readonly now: string
}

const comparable = (otlp: unknown): unknown => normalizeOtlp(otlp, ['@jaeger@warnings'])

/** Vectors of Zipkin that come through a topic; spans without a time get that of the reading, which no golden can have. */
const zipkinVectors = vectorFiles('zipkin')
  .filter((file) => file.endsWith('.expected.json'))
  .flatMap((file) => {
    const golden = JSON.parse(readFileSync(file, 'utf8')) as Golden & { rejected: unknown[] }
    const binary = golden.format === 'v2proto' || golden.format === 'v1thrift'
    // A path says v1 or v2 where a topic says nothing: of JSON only those that say the same.
    const told = existsSync(file.replace('.expected.json', '.auto.expected.json'))
    if (!binary && !file.includes('.auto.') && (golden.format !== 'v2json' || told)) return []
    const input = file.replace(/(\.auto)?\.expected\.json$/, binary ? '.bin' : '.json')
    const timeless = JSON.stringify(golden.otlp).includes(golden.now)
    return timeless || golden.rejected.length > 0 ? [] : [{ name: basename(file), topic: 'zipkin', body: readFileSync(input), golden }]
  })

const jaegerVectors = vectorFiles('jaeger')
  .filter((file) => /\.kafka-(proto\.bin|json\.json)$/.test(file))
  .map((file) => ({
    name: basename(file),
    topic: file.includes('kafka-json') ? 'jaeger-json' : 'jaeger-spans',
    body: readFileSync(file),
    golden: JSON.parse(readFileSync(file.replace(/\.kafka-.*$/, '.expected.json'), 'utf8')) as Golden,
  }))

const vectors = [...jaegerVectors, ...zipkinVectors]

describe.skipIf(!kafkaPresent())('ingest.kafka, at a real broker', () => {
  let broker: Broker
  const said: string[] = []
  const folder = mkdtempSync(join(tmpdir(), 'otlp-bridge-queues-'))

  beforeAll(async () => {
    broker = await startBroker()
  })

  afterAll(async () => {
    console.log(said.join('\n'))
    await broker?.remove()
    rmSync(folder, { recursive: true, force: true })
  })

  const source = (
    sink: OtlpSink,
    topics: readonly object[],
    more: Record<string, unknown> = {},
    queue: object = { type: 'disk', path: './queue' },
  ) => ({
    ingest: { kafka: { brokers: [broker.address], topics, ...more } },
    emit: { endpoint: sink.url, batch: { delay: '20ms' }, retry: { initialInterval: '100ms', maxInterval: '500ms' } },
    queue,
  })

  const withBridges = async (work: (start: (config: Record<string, unknown>) => Promise<LabBridge>) => Promise<void>): Promise<void> => {
    const bridges: LabBridge[] = []
    try {
      await work(async (config) => {
        const bridge = await startLabBridge(config)
        bridges.push(bridge)
        return bridge
      })
    } catch (error) {
      throw new Error(`${bridges.map((one) => one.output().slice(-3000)).join('\n---\n')}`, { cause: error })
    } finally {
      await Promise.all(bridges.map((one) => one.kill()))
    }
  }

  it.skipIf(vectors.length === 0)(
    'brings every vector to its golden',
    async () => {
      const sink = await startOtlpSink(true)
      for (const topic of ['jaeger-spans', 'jaeger-json', 'zipkin']) await createTopic(broker.address, topic)
      await withBridges(async (start) => {
        const topics = [{ encoding: 'jaeger-proto' }, { encoding: 'jaeger-json', name: 'jaeger-json' }, { encoding: 'zipkin' }]
        await start(source(sink, topics, { batch: { delay: '10ms' } }))
        const wrong: string[] = []
        for (const { name, topic, body, golden } of vectors) {
          const before = sink.requests.length
          await write(broker.address, topic, [body])
          const empty = JSON.stringify(comparable(golden.otlp)) === '{}'
          if (empty) continue
          await until(`${name} at the sink`, () => (sink.requests.length > before ? true : undefined))
          const [got] = sink.requests.slice(before)
          if (!isDeepStrictEqual(comparable(got), comparable(golden.otlp))) wrong.push(name)
        }
        expect(wrong).toEqual([])
        said.push(`vectors through topics: ${vectors.length}`)
      })
      await sink.close()
    },
    120_000,
  )

  it('passes over what cannot be read, keeps it when told to, and reads the rest under every compression', async () => {
    const sink = await startOtlpSink()
    await createTopic(broker.address, 'mixed')
    await createTopic(broker.address, 'mixed-dead', 1)
    const deep = Buffer.from(`${'['.repeat(10_000)}${']'.repeat(10_000)}`)
    const poison = [
      Buffer.alloc(0),
      undefined,
      Buffer.from('nonsense'),
      Buffer.from('[{"traceId":'),
      deep,
      Buffer.from([0x0c, 0x7f, 0xff, 0xff, 0xff]),
    ]
    let next = 1
    for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
      await write(broker.address, 'mixed', [zipkinList(next, 3), ...poison, zipkinList(next + 3, 2)], compression)
      next += 5
    }
    // 200 MB of blanks are 200 kB of gzip; the batch is refused for its plain size, the neighbour goes on.
    await write(broker.address, 'mixed', [Buffer.alloc(200 * 1024 * 1024, ' ')], 'gzip')
    await write(broker.address, 'mixed', [zipkinList(next, 1)])
    await withBridges(async (start) => {
      const bridge = await start(source(sink, [{ encoding: 'zipkin', name: 'mixed' }], { deadLetterTopic: 'mixed-dead', groupId: 'mixed' }))
      await until('26 spans', () => (sink.spans.size === 26 ? true : undefined))
      const counted = await until('all poison counted', async () => {
        const found = await bridge.metric('otlp_bridge_kafka_poison_messages_total')
        return [...found.values()].reduce((sum, one) => sum + one, 0) === 31 ? found : undefined
      })
      expect(counted.get('topic="mixed",reason="batch_too_large"')).toBe(1)
      expect(counted.get('topic="mixed",reason="null_value"')).toBe(5)
      expect(counted.get('topic="mixed",reason="empty_value"')).toBe(5)
      const kept = await readAll(broker.address, 'mixed-dead', 30)
      expect(kept.filter(({ value }) => value?.toString() === 'nonsense')).toHaveLength(5)
      expect(kept[0]?.headers).toMatchObject({ 'otlp-bridge-topic': 'mixed', 'otlp-bridge-reason': expect.any(String) })
      await until('all committed', async () => {
        const offsets = await committedOffsets(broker.address, 'mixed', 'mixed', 3)
        return offsets.reduce((sum, one) => sum + Math.max(0, one), 0) === 42 ? true : undefined
      })
      expect(await bridge.reasons()).toEqual([])
      expect([...(await bridge.metric('otlp_bridge_kafka_lag_messages')).values()].every((lag) => lag === 0)).toBe(true)
    })
    await sink.close()
  }, 120_000)

  it('loses nothing when it is killed under load', async () => {
    const sink = await startOtlpSink()
    await createTopic(broker.address, 'killed', 4)
    const load = startTopicLoad(broker.address, 'killed')
    await withBridges(async (start) => {
      // The queue is gone with each process: what is lost then is what was committed and not yet queued for good, so the disk must hold it.
      const config = source(
        sink,
        [{ encoding: 'zipkin', name: 'killed' }],
        { groupId: 'killed' },
        { type: 'disk', path: join(folder, 'killed') },
      )
      for (let round = 0; round < 4; round++) {
        const bridge = await start(config)
        await delay(1500 + 500 * round)
        await bridge.kill()
      }
      await delay(500)
      await load.stop()
      await start(config)
      const { missing, repeats } = await reconcile(load, sink, 90_000)
      said.push(`killed 4 times: ${load.acknowledged.size} acknowledged, ${missing} missing, ${repeats} repeats`)
      expect(missing).toBe(0)
    })
    await sink.close()
  }, 180_000)

  it('loses nothing when the broker is killed and stopped under load', async () => {
    const sink = await startOtlpSink()
    await createTopic(broker.address, 'restarted', 4)
    const load = startTopicLoad(broker.address, 'restarted')
    await withBridges(async (start) => {
      const bridge = await start(source(sink, [{ encoding: 'zipkin', name: 'restarted' }], { groupId: 'restarted' }))
      await delay(3000)
      await broker.halt()
      await delay(12_000)
      expect(await bridge.reasons()).toContainEqual(expect.stringMatching(/^ingest\.kafka: cannot read restarted .*ECONNREFUSED/))
      await broker.start()
      await delay(5000)
      await broker.kill()
      await delay(1000)
      await broker.start()
      await delay(5000)
      await load.stop()
      const { missing, repeats } = await reconcile(load, sink, 90_000)
      said.push(`broker restarted twice: ${load.acknowledged.size} acknowledged, ${missing} missing, ${repeats} repeats`)
      expect(missing).toBe(0)
      await until('health', async () => ((await bridge.reasons()).length === 0 ? true : undefined), 30_000)
    })
    await sink.close()
  }, 180_000)

  it('shares the work of several bridges, and loses nothing as they come and go', async () => {
    const sink = await startOtlpSink()
    await createTopic(broker.address, 'shared', 6)
    const load = startTopicLoad(broker.address, 'shared')
    await withBridges(async (start) => {
      const config = (name: string) =>
        source(sink, [{ encoding: 'zipkin', name: 'shared' }], { groupId: 'shared' }, { type: 'disk', path: join(folder, name) })
      const first = await start(config('a'))
      await delay(2500)
      const second = await start(config('b'))
      const third = await start(config('c'))
      await until('all three reading', async () => {
        const lags = await Promise.all([first, second, third].map((one) => one.metric('otlp_bridge_kafka_lag_messages')))
        return lags.every((one) => one.size > 0) ? true : undefined
      })
      await delay(3000)
      await second.stop()
      await delay(2000)
      await third.kill()
      await delay(2000)
      await start(config('c'))
      await delay(2000)
      await load.stop()
      const { missing, repeats } = await reconcile(load, sink, 90_000)
      said.push(`three bridges, one stopped, one killed: ${load.acknowledged.size} acknowledged, ${missing} missing, ${repeats} repeats`)
      expect(missing).toBe(0)
    })
    await sink.close()
  }, 180_000)

  it('reads no more while the queue takes nothing, and drops nothing', async () => {
    const sink = await startOtlpSink()
    sink.refuseWith = 503
    await createTopic(broker.address, 'slow', 2)
    const load = startTopicLoad(broker.address, 'slow', 0)
    await withBridges(async (start) => {
      const bridge = await start(
        source(sink, [{ encoding: 'zipkin', name: 'slow' }], { groupId: 'slow', hold: '1MiB' }, { type: 'memory', maxSize: '1MiB' }),
      )
      await delay(6000)
      await load.stop()
      const lag = [...(await bridge.metric('otlp_bridge_kafka_lag_messages')).values()].reduce((sum, one) => sum + one, 0)
      expect(lag).toBeGreaterThan(0)
      sink.refuseWith = undefined
      const { missing, repeats } = await reconcile(load, sink, 60_000)
      expect(missing).toBe(0)
      expect([...(await bridge.metric('otlp_bridge_dropped_items_total')).values()].filter((one) => one > 0)).toEqual([])
      said.push(`queue full: lag ${lag} messages, then ${load.acknowledged.size} acknowledged, ${missing} missing, ${repeats} repeats`)
      await until('books that add up', async () => ((await bridge.reasons()).length === 0 ? true : undefined), 30_000)
    })
    await sink.close()
  }, 120_000)

  it('starts without a broker and without its topic, says so, and goes on when they come', async () => {
    const sink = await startOtlpSink()
    await withBridges(async (start) => {
      await broker.halt()
      const bridge = await start(source(sink, [{ encoding: 'zipkin', name: 'late' }], { groupId: 'late' }))
      await until(
        'health that says so',
        async () => ((await bridge.reasons()).some((one) => one.includes('ECONNREFUSED')) ? true : undefined),
        30_000,
      )
      await broker.start()
      await until(
        'health that names the topic',
        async () => ((await bridge.reasons()).some((one) => one.includes('there is no topic late')) ? true : undefined),
        30_000,
      )
      await createTopic(broker.address, 'late')
      await write(broker.address, 'late', [zipkinList(1, 4)])
      await until('four spans', () => (sink.spans.size === 4 ? true : undefined), 40_000)
      expect(await bridge.reasons()).toEqual([])
    })
    await sink.close()
  }, 120_000)
})
