import { afterEach, describe, expect, it } from 'vitest'
import { createKafkaQueue } from '../../../src/emit/queue/kafka.ts'
import { kafkaQueueConfig } from '../../../src/emit/queue/kafka-config.ts'
import type { LaneOptions, Queue } from '../../../src/emit/queue/queue.ts'
import type { OutgoingMessage } from '../../../src/net/kafka-producer.ts'
import { startReader } from '../../../src/net/kafka-reader.ts'
import type { Logger } from '../../../src/telemetry/log.ts'
import { createMetrics, type Metrics } from '../../../src/telemetry/metrics.ts'
import { createFakeCluster, type FakeCluster } from '../../net/support/fake-kafka.ts'
import { recordOutcomes } from '../support/mirrored.ts'

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

const lane = (destination: string): LaneOptions => ({ destination, whenFull: 'refuse', mirror: destination.startsWith('mirror.') })

interface Lab {
  readonly cluster: FakeCluster
  readonly queue: Queue
  readonly metrics: Metrics
  readonly written: OutgoingMessage[]
  /** What left. */
  readonly lines: string[]
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

const placesOf = (topic: string) => [0, 1].map((partition) => ({ topic, partition }))

const places = placesOf('otlp_bridge_spans')

const topicsOf = (destination: string): string[] => [destination.startsWith('mirror.') ? 'otlp_bridge_legacy' : 'otlp_bridge_spans']

async function start(destinations: readonly string[] = ['default'], fault?: Error): Promise<Lab> {
  const clusters = new Map<string, FakeCluster>()
  const metrics = createMetrics()
  const written: OutgoingMessage[] = []
  const clusterOf = (destination: string): FakeCluster => {
    let found = clusters.get(destination)
    if (found === undefined) clusters.set(destination, (found = createFakeCluster(topicsOf(destination).flatMap(placesOf))))
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
  const record = recordOutcomes()
  const queue = await createKafkaQueue(
    { lanes: destinations.map(lane), kafka: kafkaQueueConfig.parse({ commitInterval: 100 }) },
    { metrics, log, nowMs: () => 5000, outcomes: record.outcomes },
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
            topics: topicsOf(destination),
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
    lines: record.lines,
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
    expect(first.waiting().items).toBe(1)
    first.release(await first.take(limits), true)
    const taken = await first.take(limits)
    expect(taken.map((one) => one.maybeSent)).toEqual([true])
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

describe('mirrors of a Kafka queue', () => {
  const envelope = (number: number, bytes = 40) => ({
    batch: {
      format: 'zipkin-json',
      signal: 'legacy' as const,
      mirror: 'mirror.zipkin',
      items: number,
      data: new Uint8Array(bytes).fill(number),
      account: new TextEncoder().encode(`a${number}`),
    },
    lanes: [1],
  })

  it('have a topic of their own, in one partition, uncut, with their accounts', async () => {
    const lab = await start(['default', 'mirror.zipkin'])
    lab.metrics.books('zipkin-json', 'traces').received.value += 3
    await lab.queue.put([{ batch: { ...batch(0, 1, 2), account: new TextEncoder().encode('b') }, lanes: [0] }, envelope(3)])
    // Nothing that could be decoded in it.
    for (const number of [0, 5]) await lab.queue.put([envelope(number)])
    const legacy = lab.written.filter(({ topic }) => topic === 'otlp_bridge_legacy')
    expect(new Set(legacy.map(({ partition }) => partition)).size).toBe(1)
    expect(legacy.map(({ headers }) => [headers['items'], headers['destinations'], headers['account']])).toEqual(
      [3, 0, 5].map((number) => [String(number), 'mirror.zipkin', Buffer.from(`a${number}`).toString('base64')]),
    )
    const [destination, mirror] = [laneAt(lab.queue), laneAt(lab.queue, 1)]
    await eventually(() => mirror.stats().batches === 3 && destination.waiting().items === 3)
    const taken = await mirror.take(limits)
    expect(taken.map(({ items, signal, data }) => [items, signal, data.byteLength])).toEqual(
      [3, 0, 5].map((items) => [items, 'legacy', 40]),
    )
    await mirror.settle(taken.slice(0, 2))
    await mirror.bury(taken.slice(2), 'old_400', 'no')
    await destination.settle(await destination.take(limits))
    expect(lab.lines).toEqual([
      'mirror.zipkin legacy delivered 3 a3',
      'mirror.zipkin legacy delivered 0 a0',
      'mirror.zipkin legacy dead 5 old_400 a5',
      'default traces delivered 2 b',
      'default traces delivered 1 b',
    ])
    expect(lab.written.at(-1)).toMatchObject({
      topic: 'otlp_bridge_legacy_dead',
      headers: { account: Buffer.from('a5').toString('base64') },
    })
    await lab.queue.put([envelope(7)])
    await eventually(() => mirror.stats().batches === 1)
    await mirror.settleBut(await mirror.take(limits), [{ data: Buffer.from('refused'), items: 2, reason: 'old_400', message: 'bad' }])
    expect(lab.lines.slice(-2)).toEqual(['mirror.zipkin legacy dead 2 old_400 a7', 'mirror.zipkin legacy delivered 5 a7'])
    expect(lab.written.at(-1)).toMatchObject({
      topic: 'otlp_bridge_legacy_dead',
      headers: { items: '2', reason: 'old_400', message: 'bad', account: Buffer.from('a7').toString('base64') },
    })
    lab.metrics.books('zipkin-json', 'traces').at('default').delivered.value += 3
    expect(lab.metrics.sums()).toMatchObject([
      { signal: 'traces', destination: 'default', received: 3, consumed: 3, carried: 3, balance: 0 },
      {
        signal: 'legacy',
        destination: 'mirror.zipkin',
        received: 15,
        elsewhere: 15,
        carried: 15,
        delivered: 8,
        dead: 7,
        queued: 0,
        balance: 0,
      },
    ])
  })

  it('lose what no message can hold, counted, and what nobody is there for', async () => {
    const lab = await start(['default', 'mirror.zipkin'])
    await lab.queue.put([envelope(2, 2 ** 20)])
    await lab.queue.put([{ ...envelope(1), lanes: [] }])
    expect(lab.lines).toEqual(['mirror.zipkin legacy dropped 2 too_large a2', 'mirror.zipkin legacy dropped 1 no_route a1'])
    expect(lab.metrics.sums()).toMatchObject([{ signal: 'legacy', received: 3, dropped: 3, balance: 0 }])
  })
})
