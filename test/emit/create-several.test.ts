import { describe, expect, it, onTestFinished } from 'vitest'
import { emitConfig, queueConfig } from '../../src/emit/config.ts'
import { createEmit, type Emit } from '../../src/emit/create.ts'
import { createChunkPool } from '../../src/otlp/encode/chunks.ts'
import { silentLog } from '../../src/telemetry/log.ts'
import { createMetrics, type Metrics } from '../../src/telemetry/metrics.ts'
import { accept, refuse, type Sink, startSink } from './support/otlp-sink.ts'
import { batch, booksByDestination, range, stateFolder, until } from './support/queues.ts'

interface Bridge {
  readonly emit: Emit
  readonly metrics: Metrics
  put(number: number): Promise<void>
}

const emitOf = (destinations: readonly object[]) =>
  emitConfig.parse({ retry: { initialInterval: 5, maxInterval: 20 }, batch: { delay: 5 }, breaker: { failures: 1000 }, destinations })

const start = async (
  destinations: readonly object[],
  queue: object = { type: 'memory' },
  recycle: (memory: ArrayBufferLike) => void = () => {},
): Promise<Bridge> => {
  const metrics = createMetrics()
  const deps = { metrics, log: silentLog, nowMs: Date.now, random: () => 0.5, instanceId: 'test-instance', recycle }
  const emit = await createEmit({ emit: emitOf(destinations), queue: queueConfig.parse(queue), ...deps })
  onTestFinished(() => emit.stop(200))
  return {
    emit,
    metrics,
    async put(number) {
      metrics.books('zipkin-json', 'traces').received.value++
      await emit.intake.put(batch(number, 100))
    },
  }
}

/** Numbers that came more than once are there more than once. */
const numbersIn = ({ received }: Sink): number[] =>
  received.flatMap(({ body }) => range(0, body.length / 100).map((at) => body.readUInt32BE(at * 100))).sort((a, b) => a - b)

const disk = (path: string) => ({ type: 'disk', path, ballast: 0 })

describe('createEmit with several destinations', () => {
  it.each([
    ['memory', () => ({ type: 'memory' })],
    ['disk', () => disk(stateFolder())],
  ])('delivers to the living at once while another is dead, and to that one once it is back (%s)', async (_, queue) => {
    const live = await startSink()
    const dead = await startSink(refuse(503))
    const { put, metrics, emit } = await start(
      [
        { name: 'live', endpoint: live.url },
        { name: 'dead', endpoint: dead.url },
      ],
      queue(),
    )
    for (const number of range(0, 50)) await put(number)
    await until(() => numbersIn(live).length === 50)
    expect(numbersIn(live)).toEqual(range(0, 50))
    await until(() => emit.queue.lanes[0]?.stats().batches === 0)
    expect(booksByDestination(metrics)).toEqual({
      live: { received: 50, delivered: 50 },
      dead: { received: 50, queued: 50 },
    })

    dead.received.length = 0
    dead.answer = accept
    await until(() => emit.queue.stats().batches === 0)
    expect(numbersIn(dead)).toEqual(range(0, 50))
    expect(booksByDestination(metrics)['dead']).toEqual({ received: 50, delivered: 50 })
  })

  it.each([
    ['memory', () => ({ type: 'memory' })],
    ['disk', () => disk(stateFolder())],
    ['forwarded', () => ({ ...disk(stateFolder()), ack: 'forwarded' })],
  ])('routes the parts of a request, which come with its commit or not at all (%s)', async (_, queue) => {
    const spans = await startSink()
    const logs = await startSink()
    const { emit } = await start(
      [
        { name: 'spans', endpoint: spans.url, signals: ['traces'] },
        { name: 'logs', endpoint: logs.url, signals: ['logs'] },
      ],
      queue(),
    )
    const [whole, discarded] = [emit.intake.stage(), emit.intake.stage()]
    for (const number of [1, 2, 3]) {
      // Enough for the disk.
      await whole.add({ ...batch(number, 600_000), signal: number === 2 ? 'logs' : 'traces' })
      await discarded.add(batch(10 + number, 600_000))
    }
    discarded.discard()
    await whole.commit()
    await until(() => emit.queue.stats().batches === 0)
    const numbers = ({ received }: Sink): number[] =>
      received.flatMap(({ body }) => range(0, body.length / 600_000).map((at) => body.readUInt32BE(at * 600_000)))
    expect([numbers(spans).toSorted(), numbers(logs)]).toEqual([[1, 3], [2]])
  })

  it('says which destination is ill, and keeps the health of the others', async () => {
    const live = await startSink()
    const dead = await startSink(refuse(401))
    const { put, emit } = await start([
      { name: 'live', endpoint: live.url },
      { name: 'dead', endpoint: dead.url },
    ])
    await put(1)
    await until(() => !emit.health().ok)
    expect(emit.health().reasons).toEqual([expect.stringMatching(/^destination dead refuses everything/)])
    expect(emit.destinations().map(({ config, reasons }) => [config.name, reasons.length])).toEqual([
      ['live', 0],
      ['dead', 1],
    ])
  })

  it('goes on where each was after a restart in the middle', async () => {
    const path = stateFolder()
    const live = await startSink()
    const dead = await startSink(refuse(503))
    const destinations = [
      { name: 'live', endpoint: live.url },
      { name: 'dead', endpoint: dead.url },
    ]
    const before = await start(destinations, disk(path))
    for (const number of range(0, 20)) await before.put(number)
    await until(() => before.emit.queue.lanes[0]?.stats().batches === 0)
    await before.emit.stop(2000)

    dead.received.length = 0
    dead.answer = accept
    const after = await start(destinations, disk(path))
    for (const number of range(20, 30)) await after.put(number)
    await until(() => after.emit.queue.stats().batches === 0)
    expect([numbersIn(live), numbersIn(dead)]).toEqual([range(0, 30), range(0, 30)])
    expect(booksByDestination(after.metrics)).toEqual({
      live: { received: 10, delivered: 10 },
      dead: { received: 10, carried: 20, delivered: 30 },
    })
  })

  it('routes by signal, and the books of each say what went elsewhere', async () => {
    const traces = await startSink()
    const logs = await startSink()
    const { put, metrics, emit } = await start([
      { name: 'traces', endpoint: traces.url, signals: ['traces'] },
      { name: 'logs', endpoint: logs.url, signals: ['logs'] },
    ])
    await put(1)
    metrics.books('es-bulk', 'metrics').received.value++
    await emit.intake.put({ ...batch(2), format: 'es-bulk', signal: 'metrics' })
    await until(() => emit.queue.stats().batches === 0)
    expect([traces.received.length, logs.received.length]).toEqual([1, 0])
    const rows = metrics.sums().map(({ format, destination, delivered, elsewhere, dropped, balance }) => ({
      format,
      destination,
      delivered,
      elsewhere,
      dropped,
      balance,
    }))
    expect(rows).toEqual([
      { format: 'zipkin-json', destination: 'traces', delivered: 1, elsewhere: 0, dropped: 0, balance: 0 },
      { format: 'zipkin-json', destination: 'logs', delivered: 0, elsewhere: 1, dropped: 0, balance: 0 },
      { format: 'es-bulk', destination: 'traces', delivered: 0, elsewhere: 0, dropped: 1, balance: 0 },
      { format: 'es-bulk', destination: 'logs', delivered: 0, elsewhere: 0, dropped: 1, balance: 0 },
    ])
    expect(metrics.total('otlp_bridge_dropped_items_total')).toBe(1)
  })

  it('gives memory back when the last destination is done with it, not before', async () => {
    const live = await startSink()
    const slow = await startSink(refuse(503))
    const pool = createChunkPool()
    const given: ArrayBufferLike[] = []
    const { emit } = await start(
      [
        { name: 'live', endpoint: live.url },
        { name: 'slow', endpoint: slow.url },
      ],
      { type: 'memory' },
      (memory) => given.push(memory),
    )
    const memory = pool.take(16_384)
    const data = new Uint8Array(memory, 0, 16_000).fill(7)
    await emit.intake.put({ format: 'f', signal: 'traces', items: 1, data })
    await until(() => emit.queue.lanes[0]?.stats().batches === 0)
    expect(given).toEqual([])
    await emit.stop(100)
    // The slow one was tried in vain: a connection may still hold it.
    expect(given).toEqual([])

    const other = await start(
      [
        { name: 'a', endpoint: live.url },
        { name: 'b', endpoint: live.url },
      ],
      { type: 'memory' },
      (one) => given.push(one),
    )
    await other.emit.intake.put({ format: 'f', signal: 'traces', items: 1, data })
    await until(() => other.emit.queue.stats().batches === 0)
    expect(given).toEqual([memory])
  })
})

describe('reconfigure', () => {
  it('adds, changes and removes destinations while data flows; those that stay go on, nothing is lost', async () => {
    const [one, two, three] = [await startSink(), await startSink(), await startSink()]
    const { put, emit, metrics } = await start(
      [
        { name: 'one', endpoint: one.url },
        { name: 'two', endpoint: two.url },
      ],
      disk(stateFolder()),
    )
    let number = 0
    const some = async (): Promise<void> => {
      for (let n = 0; n < 20; n++) await put(number++)
    }
    await some()
    const steady = emit.queue.lanes[0]
    await Promise.all([
      some(),
      emit.reconfigure(
        emitOf([
          { name: 'one', endpoint: one.url },
          { name: 'two', endpoint: three.url, headers: { 'x-new': 'yes' } },
          { name: 'three', endpoint: three.url },
        ]),
      ),
    ])
    expect(emit.queue.lanes[0]).toBe(steady)
    await some()
    await until(() => emit.queue.stats().batches === 0)
    expect(new Set(numbersIn(one))).toEqual(new Set(range(0, 60)))
    expect(new Set([...numbersIn(two), ...numbersIn(three)])).toEqual(new Set(range(0, 60)))
    expect(three.received.filter(({ headers }) => headers['x-new'] === 'yes').length).toBeGreaterThan(0)
    expect(metrics.sums().map(({ destination, balance }) => [destination, balance])).toEqual([
      ['one', 0],
      ['two', 0],
      ['three', 0],
    ])
    await emit.reconfigure(emitOf([{ name: 'three', endpoint: three.url }]))
    expect(metrics.sums().map(({ destination, balance }) => [destination, balance])).toEqual([['three', 0]])
  })

  it('lets another endpoint have what the old one did not take', async () => {
    const dead = await startSink(refuse(503))
    const live = await startSink()
    const { put, emit, metrics } = await start([{ name: 'one', endpoint: dead.url }])
    for (const number of range(0, 10)) await put(number)
    await until(() => dead.received.length > 0)
    await emit.reconfigure(emitOf([{ name: 'one', endpoint: live.url }]))
    await until(() => emit.queue.stats().batches === 0)
    expect(numbersIn(live)).toEqual(range(0, 10))
    expect(booksByDestination(metrics)).toEqual({ one: { received: 10, delivered: 10 } })
  })

  it('counts what was under way as sent again, and what only waited for its next try not', async () => {
    const own = { destination: 'one' }
    const silent = await startSink(() => new Promise(() => {}))
    const refusing = await startSink(refuse(503))
    const live = await startSink()
    for (const [first, repeated] of [
      [silent, 3],
      [refusing, 0],
    ] as const) {
      const { put, emit, metrics } = await start([{ name: 'one', endpoint: first.url }])
      for (const number of range(0, 3)) await put(number)
      await until(() => first.received.length > 0)
      await emit.reconfigure(emitOf([{ name: 'one', endpoint: live.url }]))
      await until(() => emit.queue.stats().batches === 0)
      expect(metrics.counter('otlp_bridge_repeated_items_total', own).value).toBe(repeated)
    }
  })

  it('changes nothing when the new configuration cannot be used', async () => {
    const sink = await startSink()
    const { put, emit } = await start([{ name: 'one', endpoint: sink.url }])
    const bad = emitOf([{ name: 'two', endpoint: 'https://127.0.0.1:1', tls: { ca: '/nowhere/ca.pem' } }])
    await expect(emit.reconfigure(bad)).rejects.toMatchObject({ code: 'OB_CONFIG' })
    await put(1)
    await until(() => emit.queue.stats().batches === 0)
    expect(emit.destinations().map(({ config }) => config.name)).toEqual(['one'])
    expect(numbersIn(sink)).toEqual([1])
  })

  it('warns of what is stored for a destination that went', async () => {
    const path = stateFolder()
    const dead = await startSink(refuse(503))
    const live = await startSink()
    const { put, emit } = await start(
      [
        { name: 'live', endpoint: live.url },
        { name: 'old', endpoint: dead.url },
      ],
      disk(path),
    )
    for (const number of range(0, 5)) await put(number)
    await emit.reconfigure(emitOf([{ name: 'live', endpoint: live.url }]))
    expect(emit.warnings()).toEqual([expect.stringMatching(/holds 5 items for destination old, which is not configured/)])
    expect(emit.health().ok).toBe(true)
  })
})
