import { afterEach, describe, expect, it } from 'vitest'
import { BridgeError } from '../../../src/errors.ts'
import type { Listener } from '../../../src/ingest/adapter.ts'
import { kafkaConfig } from '../../../src/ingest/kafka/config.ts'
import { startKafkaSource } from '../../../src/ingest/kafka/source.ts'
import { createFakeCluster, type FakeCluster } from '../../net/support/fake-kafka.ts'
import { countsOf, createFakeDeps, type FakeDeps, openBooks, queueFull, sumOf, toyTranslate } from '../support/fakes.ts'

const started: Listener[] = []

afterEach(async () => {
  await Promise.all(started.splice(0).map((one) => one.stop(0)))
})

async function start(cluster: FakeCluster, input: object = {}): Promise<{ deps: FakeDeps; source: Listener }> {
  const deps = createFakeDeps()
  const config = kafkaConfig.parse({ topics: [{ encoding: 'zipkin', name: 't' }], commitInterval: 100, batch: { delay: 5 }, ...input })
  const source = await startKafkaSource(config, {
    ...deps,
    connect: async () => cluster.member(),
    translatorOf: () => ({ formatOf: () => 'toy', signal: 'traces', translate: toyTranslate }),
  })
  started.push(source)
  return { deps, source }
}

async function eventually(condition: () => boolean): Promise<void> {
  const until = Date.now() + 4000
  while (!condition()) {
    if (Date.now() > until) throw new Error(`the condition did not come to hold: ${condition}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

const place = { topic: 't', partition: 0 }

describe('startKafkaSource', () => {
  it('queues the items of several messages together, and commits once they are queued', async () => {
    const cluster = createFakeCluster([place])
    for (const value of ['s', 'ss', 'sss']) cluster.append('t', 0, value)
    const { deps } = await start(cluster)
    let open = (): void => {}
    deps.fake.gate = new Promise((resolve) => void (open = resolve))
    await eventually(() => sumOf(deps.metrics, 'otlp_bridge_queue_items') === 6)
    await new Promise((resolve) => setTimeout(resolve, 250))
    expect(cluster.committed.get('t/0') ?? 0).toBe(0)
    open()
    await eventually(() => cluster.committed.get('t/0') === 3)
    expect(deps.fake.batches.map(({ format, items }) => [format, items])).toEqual([['toy', 6]])
    expect(openBooks(deps.metrics)).toEqual([])
    expect(countsOf(deps.metrics, 'otlp_bridge_received_requests_total', 'transport')).toEqual({ kafka: 3 })
  })

  it('passes over what cannot be read, counted by its reason, without holding up the rest', async () => {
    const cluster = createFakeCluster([place])
    for (const value of ['s', '!', '', undefined, '?', 'sx', 'ssssssssssss']) cluster.append('t', 0, value)
    cluster.appendBad('t', 0, 'batch_too_large')
    cluster.append('t', 0, 's')
    const { deps } = await start(cluster, { limits: { message: 10 } })
    await eventually(() => cluster.committed.get('t/0') === 9)
    expect(countsOf(deps.metrics, 'otlp_bridge_kafka_poison_messages_total', 'reason')).toEqual({
      decode_json: 1,
      empty_value: 1,
      null_value: 1,
      internal: 1,
      limit_message: 1,
      batch_too_large: 1,
    })
    expect(countsOf(deps.metrics, 'otlp_bridge_dropped_items_total', 'reason')).toEqual({ bad_id: 1 })
    expect(deps.fake.batches.reduce((sum, { items }) => sum + items, 0)).toBe(3)
    expect(openBooks(deps.metrics)).toEqual([])
    expect(deps.lines.join()).not.toContain('ssss')
  })

  it('reads no more while the queue takes nothing, and drops nothing', async () => {
    const cluster = createFakeCluster([place])
    for (let count = 0; count < 200; count++) cluster.append('t', 0, 's')
    const { deps } = await start(cluster, { hold: '8KiB', batch: { items: 5, delay: 5 } })
    deps.fake.refuseWith = queueFull()
    await new Promise((resolve) => setTimeout(resolve, 400))
    expect(cluster.committed.get('t/0') ?? 0).toBe(0)
    expect(deps.fake.batches).toEqual([])
    const taken = sumOf(deps.metrics, 'otlp_bridge_received_requests_total')
    expect(taken).toBeLessThan(100)
    deps.fake.refuseWith = undefined
    await eventually(() => cluster.committed.get('t/0') === 200)
    expect(deps.fake.batches.reduce((sum, { items }) => sum + items, 0)).toBe(200)
    expect(sumOf(deps.metrics, 'otlp_bridge_dropped_items_total')).toBe(0)
    expect(openBooks(deps.metrics)).toEqual([])
  })

  it('tries a batch again that the queue took for a moment only, and gives up one that it never takes', async () => {
    const cluster = createFakeCluster([place])
    cluster.append('t', 0, 's')
    const { deps } = await start(cluster)
    deps.fake.putError = new BridgeError('OB_QUEUE_BROKEN', 'cannot queue data: full disk')
    await new Promise((resolve) => setTimeout(resolve, 150))
    expect(openBooks(deps.metrics)).toEqual([])
    deps.fake.putError = undefined
    await eventually(() => deps.fake.batches.length === 1)
    deps.fake.putError = new BridgeError('OB_LIMIT_BODY', 'cannot queue data: too large')
    cluster.append('t', 0, 's')
    await eventually(() => cluster.committed.get('t/0') === 2)
    expect(countsOf(deps.metrics, 'otlp_bridge_dropped_items_total', 'reason')).toEqual({ limit_body: 1 })
    deps.fake.putError = undefined
    cluster.append('t', 0, 's')
    await eventually(() => cluster.committed.get('t/0') === 3)
  })

  it('queues what is on hand at once when a partition goes', async () => {
    const cluster = createFakeCluster([place])
    cluster.append('t', 0, 's')
    const { deps } = await start(cluster, { batch: { delay: 60_000 }, commitInterval: 60_000 })
    await eventually(() => sumOf(deps.metrics, 'otlp_bridge_received_requests_total') === 1)
    await cluster.revoke()
    expect(deps.fake.batches).toHaveLength(1)
    expect(cluster.committed.get('t/0')).toBe(1)
  })

  it('names its topics, and says what is missing', async () => {
    const { source } = await start(createFakeCluster())
    expect(source.addresses).toEqual(['kafka://localhost:9092/t'])
    await eventually(() => source.trouble?.().includes('ingest.kafka: there is no topic t') === true)
  })
})
