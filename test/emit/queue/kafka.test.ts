import { afterEach, describe, expect, it } from 'vitest'
import { createKafkaQueue } from '../../../src/emit/queue/kafka.ts'
import { kafkaQueueConfig } from '../../../src/emit/queue/kafka-config.ts'
import type { LaneOptions, Queue } from '../../../src/emit/queue/queue.ts'
import type { OutgoingMessage } from '../../../src/net/kafka-producer.ts'
import { startReader } from '../../../src/net/kafka-reader.ts'
import type { Logger } from '../../../src/telemetry/log.ts'
import { createMetrics, type Metrics } from '../../../src/telemetry/metrics.ts'
import { createFakeCluster, type FakeCluster } from '../../net/support/fake-kafka.ts'

const quiet = (): void => {}
const log: Logger = { trace: quiet, debug: quiet, info: quiet, warn: quiet, error: quiet }

/** A request of one resource with spans of these traces. */
function request(...traces: number[]): Uint8Array {
  const field = (number: number, value: Uint8Array): Buffer => Buffer.concat([Buffer.from([(number << 3) | 2, value.length]), value])
  const spans = traces.map((id) => field(2, field(1, Buffer.from([...Array<number>(15).fill(0), id]))))
  return field(1, field(2, Buffer.concat(spans)))
}

const batch = (...traces: number[]) => ({
  format: 'zipkin-json',
  signal: 'traces' as const,
  items: traces.length,
  data: request(...traces),
})

const lane = (destination: string): LaneOptions => ({ destination, whenFull: 'refuse' })

interface Lab {
  readonly cluster: FakeCluster
  readonly queue: Queue
  readonly metrics: Metrics
  readonly written: OutgoingMessage[]
  /** While set, writing fails. */
  fault: Error | undefined
  /** After so many more writes there is a fault. */
  failAfter: number
  balances(): number[]
}

const queues: Queue[] = []

afterEach(async () => {
  await Promise.all(queues.splice(0).map((queue) => queue.close()))
})

const places = [0, 1].map((partition) => ({ topic: 'otlp_bridge_spans', partition }))

async function start(destinations: readonly string[] = ['default'], fault?: Error): Promise<Lab> {
  const clusters = new Map<string, FakeCluster>()
  const metrics = createMetrics()
  const written: OutgoingMessage[] = []
  const clusterOf = (destination: string): FakeCluster => {
    let found = clusters.get(destination)
    if (found === undefined) clusters.set(destination, (found = createFakeCluster(places)))
    return found
  }
  // All lanes read the same topics: what is written goes to each.
  for (const destination of destinations) {
    const cluster = clusterOf(destination)
    for (const { partition } of places) {
      cluster.append('otlp_bridge_spans', partition, request(9), { items: '1', destinations: 'somebody-else' })
    }
  }
  const state = { fault, failAfter: -1 }
  const queue = await createKafkaQueue(
    { lanes: destinations.map(lane), kafka: kafkaQueueConfig.parse({ commitInterval: 100 }) },
    { metrics, log, nowMs: () => 5000 },
    {
      connect: async () => ({
        producer: {
          partitionsOf: async () => {
            if (state.fault !== undefined) throw state.fault
            return 2
          },
          async send(messages) {
            if (state.failAfter-- === 0) state.fault = new Error('a broker is gone')
            if (state.fault !== undefined) throw state.fault
            written.push(...messages)
            for (const { topic, partition, value, headers } of messages)
              for (const cluster of clusters.values()) cluster.append(topic, partition ?? 0, value, headers as Record<string, string>)
          },
          pending: 0,
          close: async () => {},
        },
        createTopic: async () => {},
        close: async () => {},
      }),
      startReader: ({ destination }, take) =>
        startReader(
          {
            section: 'queue.kafka',
            group: destination,
            topics: ['otlp_bridge_spans'],
            startFrom: 'earliest',
            maxHeldBytes: 1e6,
            commitIntervalMs: 20,
          },
          { connect: async () => clusterOf(destination).member(), metrics, log, onSetAside: quiet, ...take },
        ),
    },
  )
  queues.push(queue)
  return {
    cluster: clusterOf(destinations[0] ?? ''),
    queue,
    metrics,
    written,
    get fault() {
      return state.fault
    },
    set fault(error) {
      state.fault = error
    },
    get failAfter() {
      return state.failAfter
    },
    set failAfter(writes) {
      state.failAfter = writes
    },
    balances: () => metrics.sums().map(({ balance }) => balance),
  }
}

async function eventually(condition: () => boolean): Promise<void> {
  const until = Date.now() + 4000
  while (!condition()) {
    if (Date.now() > until) throw new Error(`the condition did not come to hold: ${condition}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

const limits = { maxItems: 1000, maxBytes: 1e6 }

const laneAt = (queue: Queue, at = 0) => {
  const found = queue.lanes[at]
  if (found === undefined) throw new Error('no lane')
  return found
}

/** As a receiver does. */
async function put(lab: Lab, lanes: readonly number[], ...traces: number[]): Promise<void> {
  const books = lab.metrics.books('zipkin-json', 'traces')
  books.received.value += traces.length
  try {
    await lab.queue.put([{ batch: batch(...traces), lanes }])
  } catch (error) {
    books.received.value -= traces.length
    throw error
  }
}

describe('createKafkaQueue', () => {
  it('deals a batch by trace, one message a partition, and hands it out again', async () => {
    const lab = await start()
    await put(lab, [0], 0, 1, 2, 3, 2)
    expect(lab.written.map(({ partition, headers }) => [partition, headers['items'], headers['format'], headers['destinations']])).toEqual([
      [0, '3', 'zipkin-json', 'default'],
      [1, '2', 'zipkin-json', 'default'],
    ])
    const first = laneAt(lab.queue)
    await eventually(() => first.waiting().items === 5)
    expect(first.stats()).toMatchObject({ batches: 2, items: 5, oldestMs: 0 })
    const taken = await first.take(limits)
    expect(taken.map(({ items, format, queuedAtMs }) => [items, format, queuedAtMs])).toEqual([
      [3, 'zipkin-json', 5000],
      [2, 'zipkin-json', 5000],
    ])
    expect(lab.balances()).toEqual([0])
    await first.settle(taken)
    lab.metrics.books('zipkin-json', 'traces').at('default').delivered.value += 5
    await eventually(() => lab.cluster.committed.get('otlp_bridge_spans/0') === 2 && lab.cluster.committed.get('otlp_bridge_spans/1') === 2)
    expect(lab.balances()).toEqual([0])
    expect(first.stats().batches).toBe(0)
  })

  it('commits nothing that is taken or released, and hands it out again', async () => {
    const lab = await start()
    await put(lab, [0], 0)
    const first = laneAt(lab.queue)
    await eventually(() => first.waiting().items === 1)
    first.release(await first.take(limits))
    const taken = await first.take(limits)
    expect(taken).toHaveLength(1)
    await new Promise((resolve) => setTimeout(resolve, 250))
    expect(lab.cluster.committed.get('otlp_bridge_spans/0')).toBe(1)
    await first.settle(taken)
    await eventually(() => lab.cluster.committed.get('otlp_bridge_spans/0') === 2)
  })

  it('gives back what was not sent when a partition goes, without counting or committing it', async () => {
    const lab = await start()
    await put(lab, [0], 0, 0)
    const first = laneAt(lab.queue)
    await eventually(() => first.waiting().items === 2)
    await lab.cluster.revoke()
    expect(first.stats()).toMatchObject({ batches: 0, items: 0, bytes: 0 })
    expect(lab.cluster.committed.get('otlp_bridge_spans/0')).toBe(1)
    expect(lab.balances()).toEqual([0])
  })

  it('keeps what is buried in a topic of its own', async () => {
    const lab = await start()
    await put(lab, [0], 0)
    const first = laneAt(lab.queue)
    await eventually(() => first.waiting().items === 1)
    await first.bury(await first.take(limits), 'http_400', 'the endpoint answered 400')
    const letter = lab.written.at(-1)
    expect([letter?.topic, letter?.headers['reason'], letter?.headers['destination']]).toEqual([
      'otlp_bridge_spans_dead',
      'http_400',
      'default',
    ])
    expect(Buffer.from(letter?.value ?? [])).toEqual(Buffer.from(request(0)))
    expect(lab.metrics.books('zipkin-json', 'traces').at('default').dead('http_400').value).toBe(1)
    await eventually(() => lab.cluster.committed.get('otlp_bridge_spans/0') === 2)
    expect(lab.balances()).toEqual([0])
  })

  it('gives a destination what is for it, and passes over the rest', async () => {
    const lab = await start(['a', 'b'])
    await put(lab, [1], 0)
    await put(lab, [0, 1], 2)
    const [a, b] = [laneAt(lab.queue, 0), laneAt(lab.queue, 1)]
    await eventually(() => b.waiting().items === 2 && a.waiting().items === 1)
    // What is for others is behind us at once.
    await eventually(() => lab.cluster.committed.get('otlp_bridge_spans/0') === 2)
    expect(lab.balances()).toEqual([0, 0])
  })

  it('counts what others have written by what is in it, and sets aside what is no request', async () => {
    const lab = await start()
    lab.cluster.append('otlp_bridge_spans', 0, request(1, 2, 3))
    lab.cluster.append('otlp_bridge_spans', 0, 'no request')
    lab.cluster.append('otlp_bridge_spans', 0, request(4), { items: '-7', format: 'Bad Label' })
    const first = laneAt(lab.queue)
    await eventually(() => first.waiting().items === 4)
    expect((await first.take(limits)).map(({ format, items }) => [format, items])).toEqual([
      ['otlp-proto', 3],
      ['otlp-proto', 1],
    ])
    await eventually(() => lab.written.some(({ topic }) => topic === 'otlp_bridge_spans_dead'))
    expect(lab.balances()).toEqual([0])
  })

  it('refuses at the door while no broker takes anything, and takes again by itself', async () => {
    const lab = await start(['default'], new Error('connection refused'))
    expect(lab.queue.refusal()).toMatchObject({ code: 'OB_QUEUE_BROKEN', message: 'cannot queue data: connection refused' })
    await expect(put(lab, [0], 1)).rejects.toMatchObject({ code: 'OB_QUEUE_BROKEN', retryAfterSeconds: 5 })
    expect(lab.queue.stats().fault).toBe('connection refused')
    lab.fault = undefined
    await eventually(() => lab.queue.refusal() === undefined)
    await put(lab, [0], 1)
    expect(lab.balances()).toEqual([0])
  })

  it('tells the sender when writing fails, with the books as before', async () => {
    const lab = await start()
    lab.fault = new Error('not enough replicas')
    await expect(put(lab, [0], 1)).rejects.toMatchObject({ code: 'OB_QUEUE_BROKEN', message: 'cannot queue data: not enough replicas' })
    expect(lab.balances().every((balance) => balance === 0)).toBe(true)
    expect(lab.queue.refusal()).toMatchObject({ code: 'OB_QUEUE_BROKEN' })
  })

  it('writes a request of several parts when it is committed, and nothing of one that is discarded', async () => {
    const lab = await start()
    const [whole, discarded] = [lab.queue.stage(), lab.queue.stage()]
    lab.metrics.books('zipkin-json', 'traces').received.value += 3
    for (const one of [1, 2]) await whole.add([{ batch: batch(one), lanes: [0] }])
    await discarded.add([{ batch: batch(7), lanes: [0] }])
    await whole.add([{ batch: batch(3), lanes: [] }])
    discarded.discard()
    expect(lab.written).toEqual([])
    await whole.commit()
    expect(lab.written).toHaveLength(2)
    expect(lab.metrics.books('zipkin-json', 'traces').dropped('no_route').value).toBe(1)
    await eventually(() => laneAt(lab.queue).waiting().items === 2)
    expect(lab.balances()).toEqual([0])
  })

  it('rejects a commit of which a part is not acknowledged, with the books as before: what is written by then comes all the same', async () => {
    const lab = await start()
    const staging = lab.queue.stage()
    for (const one of [1, 2]) await staging.add([{ batch: batch(one), lanes: [0] }])
    lab.failAfter = 1
    await expect(staging.commit()).rejects.toMatchObject({ code: 'OB_QUEUE_BROKEN' })
    expect(lab.written).toHaveLength(1)
    await eventually(() => laneAt(lab.queue).waiting().items === 1)
    expect(lab.balances()).toEqual([0])
    await expect(staging.commit()).rejects.toMatchObject({ code: 'OB_QUEUE_BROKEN' })
  })

  it('has 256 MiB for requests that are not complete', async () => {
    const lab = await start()
    const staging = lab.queue.stage()
    const large = { batch: { ...batch(1), data: new Uint8Array(128 * 2 ** 20) }, lanes: [0] }
    await staging.add([large])
    await lab.queue.stage().add([large])
    await expect(lab.queue.stage().add([{ batch: batch(1), lanes: [0] }])).rejects.toMatchObject({
      code: 'OB_QUEUE_FULL',
      retryAfterSeconds: 5,
    })
    staging.discard()
    const after = lab.queue.stage()
    await after.add([{ batch: batch(1), lanes: [0] }])
    await after.commit()
  })

  it('counts what has no destination as dropped', async () => {
    const lab = await start()
    await put(lab, [], 1)
    expect(lab.written).toEqual([])
    expect(lab.metrics.books('zipkin-json', 'traces').dropped('no_route').value).toBe(1)
  })
})
