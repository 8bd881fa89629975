import { afterEach, describe, expect, it } from 'vitest'
import type { TopicPartition } from '../../src/net/kafka-fetch.ts'
import type { Hold } from '../../src/net/kafka-lease.ts'
import { type KafkaReader, type ReaderOptions, startReader } from '../../src/net/kafka-reader.ts'
import type { SetAside } from '../../src/net/kafka-records.ts'
import type { Logger } from '../../src/telemetry/log.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { createFakeCluster, type FakeCluster } from './support/fake-kafka.ts'

const at = (partition: number): TopicPartition => ({ topic: 't', partition })

const quiet = (): void => {}
const log: Logger = { trace: quiet, debug: quiet, info: quiet, warn: quiet, error: quiet }

interface Taken {
  readonly partition: number
  readonly offset: number
  readonly text: string | undefined
  readonly hold: Hold
}

interface Lab {
  readonly cluster: FakeCluster
  readonly reader: KafkaReader
  readonly taken: Taken[]
  readonly setAside: (SetAside & TopicPartition)[]
  readonly metrics: ReturnType<typeof createMetrics>
  hurried: number
  onHurry: () => void
  done(...offsets: [partition: number, offset: number][]): void
}

const readers: KafkaReader[] = []

afterEach(async () => {
  await Promise.all(readers.splice(0).map((reader) => reader.stop(0)))
})

function start(cluster: FakeCluster, options: Partial<ReaderOptions> = {}): Lab {
  const taken: Taken[] = []
  const setAside: (SetAside & TopicPartition)[] = []
  const metrics = createMetrics()
  const lab: Lab = {
    cluster,
    taken,
    setAside,
    metrics,
    hurried: 0,
    onHurry: quiet,
    get reader() {
      return reader
    },
    done(...offsets) {
      for (const [partition, offset] of offsets) {
        const found = taken.findLast((one) => one.partition === partition && one.offset === offset)
        if (found === undefined) throw new Error(`nothing taken at ${partition}/${offset}`)
        reader.done(found.hold)
      }
    },
  }
  const reader = startReader(
    {
      section: 'ingest.kafka',
      group: 'g',
      topics: ['t'],
      startFrom: 'earliest',
      maxHeldBytes: 1e6,
      commitIntervalMs: 20,
      topicCheckMs: 30,
      ...options,
    },
    {
      connect: async () => {
        if (cluster.connectError !== undefined) throw cluster.connectError
        return cluster.member()
      },
      metrics,
      log,
      onMessage: ({ partition }, { offset, value }, hold) =>
        void taken.push({ partition, offset, text: value === undefined ? undefined : Buffer.from(value).toString(), hold }),
      onSetAside: (place, one) => void setAside.push({ topic: place.topic, partition: place.partition, ...one }),
      hurry() {
        lab.hurried++
        lab.onHurry()
      },
    },
  )
  readers.push(reader)
  return lab
}

async function eventually(condition: () => boolean): Promise<void> {
  const until = Date.now() + 4000
  while (!condition()) {
    if (Date.now() > until) throw new Error(`the condition did not come to hold: ${condition}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

const fill = (cluster: FakeCluster, partition: number, ...texts: string[]): void => {
  for (const text of texts) cluster.append('t', partition, text)
}

describe('startReader', () => {
  it('commits what is done up to the oldest message that is not, partition by partition', async () => {
    const cluster = createFakeCluster([at(0), at(1)])
    fill(cluster, 0, 'a', 'b', 'c')
    fill(cluster, 1, 'x')
    const lab = start(cluster)
    await eventually(() => lab.taken.length === 4)
    lab.done([0, 2], [0, 0], [1, 0])
    await eventually(() => cluster.committed.get('t/1') === 1 && cluster.committed.get('t/0') === 1)
    lab.done([0, 1])
    await eventually(() => cluster.committed.get('t/0') === 3)
    const ofFirst = cluster.commits.flat().filter(({ partition }) => partition === 0)
    expect(ofFirst.map(({ offset }) => offset)).toEqual([...ofFirst.map(({ offset }) => offset)].sort((a, b) => a - b))
  })

  it('goes on where the group has stopped, and stores at once where it began when the group has stored nothing', async () => {
    const cluster = createFakeCluster([at(0), at(1)])
    fill(cluster, 0, 'a', 'b', 'c')
    fill(cluster, 1, 'x', 'y')
    cluster.committed.set('t/0', 2)
    const lab = start(cluster, { startFrom: 'latest' })
    await eventually(() => lab.taken.length === 1 && cluster.committed.has('t/1'))
    expect(lab.taken[0]).toMatchObject({ partition: 0, offset: 2, text: 'c' })
    expect(cluster.committed.get('t/1')).toBe(2)
    fill(cluster, 1, 'z')
    await eventually(() => lab.taken.length === 2)
    expect(lab.taken[1]).toMatchObject({ partition: 1, offset: 2 })
  })

  it('fetches nothing while it is paused or too much is under way', async () => {
    const cluster = createFakeCluster([at(0)])
    fill(cluster, 0, ...Array.from({ length: 50 }, (_, n) => String(n)))
    const lab = start(cluster, { maxHeldBytes: 1000 })
    await eventually(() => lab.taken.length >= 4)
    const fetches = cluster.fetches
    const taken = lab.taken.length
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect([cluster.fetches, lab.taken.length]).toEqual([fetches, taken])
    expect(taken).toBeLessThan(8)
    lab.reader.pause()
    for (const { hold } of [...lab.taken]) lab.reader.done(hold)
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(lab.taken.length).toBe(taken)
    lab.reader.resume()
    await eventually(() => {
      for (const { hold } of [...lab.taken]) lab.reader.done(hold)
      return lab.taken.length === 50
    })
    expect(lab.taken.map(({ offset }) => offset)).toEqual(Array.from({ length: 50 }, (_, n) => n))
    expect(lab.reader.heldBytes).toBe(0)
  })

  it('finishes and commits what goes to another member before it lets go, and hands on nothing more of it', async () => {
    const cluster = createFakeCluster([at(0), at(1)])
    fill(cluster, 0, 'a', 'b')
    fill(cluster, 1, 'x')
    const lab = start(cluster, { commitIntervalMs: 60_000 })
    await eventually(() => lab.taken.length === 3)
    let gone = false
    const revoking = cluster.revoke(at(1)).then(() => void (gone = true))
    await eventually(() => lab.hurried > 0)
    fill(cluster, 0, 'c')
    lab.done([0, 0])
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(gone).toBe(false)
    lab.done([0, 1])
    await revoking
    expect(cluster.committed.get('t/0')).toBe(2)
    fill(cluster, 1, 'y')
    await eventually(() => lab.taken.some(({ text }) => text === 'y'))
    expect(lab.taken.map(({ text }) => text)).not.toContain('c')
  })

  it('lets go without committing what was abandoned', async () => {
    const cluster = createFakeCluster([at(0)])
    fill(cluster, 0, 'a', 'b', 'c')
    const lab = start(cluster, { commitIntervalMs: 60_000 })
    await eventually(() => lab.taken.length === 3)
    lab.done([0, 0], [0, 2])
    lab.onHurry = () => {
      for (const { hold } of lab.taken) if (hold.lease.going) lab.reader.abandon(hold)
    }
    await cluster.revoke()
    expect(cluster.committed.get('t/0')).toBe(1)
    expect(lab.reader.heldBytes).toBe(0)
    cluster.assign(at(0))
    await eventually(() => lab.taken.filter(({ offset }) => offset === 1).length === 2)
  })

  it('reads a partition again from what was committed when it comes back, and forgets what was under way', async () => {
    const cluster = createFakeCluster([at(0)])
    fill(cluster, 0, 'a', 'b')
    const lab = start(cluster)
    await eventually(() => lab.taken.length === 2)
    lab.done([0, 0])
    await eventually(() => cluster.committed.get('t/0') === 1)
    cluster.assign()
    // Done too late: it is another's, who may be further.
    cluster.committed.set('t/0', 1)
    const before = cluster.commits.length
    lab.done([0, 1])
    await new Promise((resolve) => setTimeout(resolve, 60))
    expect(cluster.commits.length).toBe(before)
    cluster.assign(at(0))
    await eventually(() => lab.taken.length === 3)
    expect(lab.taken[2]).toMatchObject({ offset: 1, text: 'b' })
  })

  it('goes on from the first message there is when the one that comes next was deleted, and counts what was missed', async () => {
    const cluster = createFakeCluster([at(0)])
    fill(cluster, 0, 'a', 'b', 'c', 'd')
    cluster.committed.set('t/0', 1)
    cluster.expire('t', 0, 3)
    const lab = start(cluster)
    await eventually(() => lab.taken.length === 1)
    expect(lab.taken[0]).toMatchObject({ offset: 3 })
    expect(lab.metrics.counter('otlp_bridge_kafka_missed_messages_total', { group: 'g', topic: 't' }).value).toBe(2)
    lab.done([0, 3])
    await eventually(() => cluster.committed.get('t/0') === 4)
  })

  it('begins anew when the topic was made anew and is shorter than what was committed', async () => {
    const cluster = createFakeCluster([at(0)])
    fill(cluster, 0, 'a')
    cluster.committed.set('t/0', 500)
    const lab = start(cluster)
    await eventually(() => lab.taken.length === 1)
    lab.done([0, 0])
    await eventually(() => cluster.committed.get('t/0') === 1)
  })

  it('fetches a batch with a bad checksum once more before it passes over it', async () => {
    const cluster = createFakeCluster([at(0)])
    fill(cluster, 0, 'a', 'b')
    cluster.appendBad('t', 0, 'checksum')
    fill(cluster, 0, 'c')
    const lab = start(cluster)
    await eventually(() => lab.taken.length === 3)
    expect(lab.setAside).toEqual([{ topic: 't', partition: 0, offset: 2, messages: 1, reason: 'checksum' }])
    expect(cluster.fetches).toBeGreaterThanOrEqual(2)
    lab.done([0, 0], [0, 1], [0, 3])
    await eventually(() => cluster.committed.get('t/0') === 4)
  })

  it('tries again after every failure, and says what fails meanwhile', async () => {
    const cluster = createFakeCluster([at(0)])
    fill(cluster, 0, 'a')
    cluster.fetchError = new Error('connection refused')
    const lab = start(cluster)
    await eventually(() => lab.reader.trouble().length === 1)
    expect(lab.reader.trouble()).toEqual(['ingest.kafka: cannot read t (partition 0): connection refused'])
    cluster.fetchError = undefined
    cluster.commitError = 27
    await eventually(() => lab.taken.length === 1)
    lab.done([0, 0])
    await eventually(() => lab.reader.trouble().some((one) => one.includes('cannot commit offsets: error 27')))
    cluster.commitError = undefined
    await eventually(() => cluster.committed.get('t/0') === 1 && lab.reader.trouble().length === 0)
  })

  it('joins anew when the membership is lost, and when a topic comes or grows', async () => {
    const cluster = createFakeCluster([at(0)])
    const lab = start(cluster)
    await eventually(() => lab.reader.trouble().includes('ingest.kafka: there is no topic t'))
    fill(cluster, 0, 'a')
    await eventually(() => lab.taken.length === 1)
    lab.done([0, 0])
    await eventually(() => cluster.committed.get('t/0') === 1)
    cluster.hooks.lost(new Error('fenced'))
    fill(cluster, 0, 'b')
    await eventually(() => lab.taken.length === 2)
    lab.done([0, 1])
    const { closed } = cluster
    // A second partition: everybody must join for it.
    fill(cluster, 1, 'x')
    await eventually(() => cluster.closed > closed)
    await eventually(() => cluster.committed.get('t/0') === 2)
  })

  it('commits and leaves when it is stopped', async () => {
    const cluster = createFakeCluster([at(0)])
    fill(cluster, 0, 'a', 'b')
    const lab = start(cluster, { commitIntervalMs: 60_000 })
    await eventually(() => lab.taken.length === 2)
    lab.onHurry = () => lab.done([0, 0], [0, 1])
    await lab.reader.stop(1000)
    expect(cluster.committed.get('t/0')).toBe(2)
    expect(cluster.closed).toBe(1)
  })
})
