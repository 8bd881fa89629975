import { describe, expect, it } from 'vitest'
import { emitConfig } from '../../src/emit/config.ts'
import { envelopeOnly, fakeMirror, mirroredBatch, startMirrored } from './support/mirrored.ts'
import { refuse, startSink } from './support/otlp-sink.ts'
import { drain, range, stateFolder, until } from './support/queues.ts'

const queues = [
  ['memory', () => ({ type: 'memory' })],
  ['disk', () => ({ type: 'disk', path: stateFolder() })],
] as const

const limits = { maxItems: 1000, maxBytes: 1e7 }

const itemsOf = (metrics: { collect(): ReadonlyMap<string, readonly { labels: object; value?: number }[]> }, name: string) =>
  Object.fromEntries(
    (metrics.collect().get(name) ?? [])
      .filter(({ value }) => value !== 0)
      .map(({ labels, value }) => [
        Object.entries(labels)
          .filter(([key, text]) => key !== 'format' && text !== '')
          .map(([, text]) => text)
          .join(' '),
        value,
      ]),
  )

describe.each(queues)('extra lanes of a queue of type %s', (_, queue) => {
  it('get the envelopes, destinations the OTLP, and each has its own books', async () => {
    const sink = await startSink()
    const [zipkin, jaeger] = [fakeMirror('mirror.zipkin'), fakeMirror('mirror.jaeger.http')]
    const { emit, metrics, lines } = await startMirrored(sink.url, [zipkin, jaeger], queue())
    for (const number of range(0, 5)) {
      metrics.books('zipkin-json', 'traces').received.value++
      await emit.intake.put(mirroredBatch(number, 'mirror.zipkin', 300))
    }
    await emit.intake.put(envelopeOnly(7, 'mirror.jaeger.http', 200, 3))
    await until(() => lines.length === 5)
    expect(lines).toEqual(range(0, 5).map((number) => `default traces delivered 1 a${number}`))
    expect(metrics.sums()).toMatchObject([
      { signal: 'traces', destination: 'default', received: 5, delivered: 5, elsewhere: 0, balance: 0 },
      { signal: 'legacy', destination: 'mirror.zipkin', received: 5, queued: 5, elsewhere: 0, balance: 0 },
      { signal: 'legacy', destination: 'mirror.jaeger.http', received: 3, queued: 3, balance: 0 },
    ])
    expect(await drain(zipkin.lane)).toEqual(range(0, 5))
    const taken = await jaeger.lane.take(limits)
    expect(taken).toMatchObject([{ signal: 'legacy', items: 3 }])
    await jaeger.lane.settle(taken, false, 1, 'old_400')
    expect(lines.slice(5)).toEqual([
      ...range(0, 5).map((number) => `mirror.zipkin legacy delivered 1 a${number}`),
      'mirror.jaeger.http legacy delivered 3 old_400 -1 a7',
    ])
    expect(metrics.sums().map(({ balance, queued }) => [balance, queued])).toEqual([
      [0, 0],
      [0, 0],
      [0, 0],
    ])
    expect(itemsOf(metrics, 'otlp_bridge_mirror_items_total')).toEqual({
      'mirror.zipkin received': 5,
      'mirror.zipkin delivered': 5,
      'mirror.jaeger.http received': 3,
      'mirror.jaeger.http delivered': 2,
      'mirror.jaeger.http shed old_400': 1,
    })
    expect(itemsOf(metrics, 'otlp_bridge_mirror_bytes_total')).toMatchObject({
      'mirror.zipkin received': 1500,
      'mirror.zipkin delivered': 1500,
    })
    expect(itemsOf(metrics, 'otlp_bridge_mirror_requests_total')).toMatchObject({ 'mirror.jaeger.http delivered': 1 })
    expect(metrics.total('otlp_bridge_routed_elsewhere_items_total')).toBe(0)
    expect(Object.keys(itemsOf(metrics, 'otlp_bridge_queue_items')).join()).not.toContain('mirror')
  })

  it('hand out envelopes of all formats in the order in which they came', async () => {
    const mirror = fakeMirror('mirror.prometheus')
    const { emit } = await startMirrored('http://127.0.0.1:1', [mirror], queue())
    for (const number of range(0, 9)) {
      const one = envelopeOnly(number, 'mirror.prometheus')
      const format = `format-${number % 3}`
      await emit.intake.put({
        ...one,
        envelope: { mirror: 'mirror.prometheus', items: 1, data: one.envelope?.data ?? new Uint8Array(0), format },
      })
    }
    expect(await drain(mirror.lane)).toEqual(range(0, 9))
  })

  it('count an envelope that nobody is there for, and take its OTLP', async () => {
    const sink = await startSink()
    const { emit, metrics, lines } = await startMirrored(sink.url, [], queue())
    await emit.intake.put(mirroredBatch(1, 'mirror.gone'))
    await until(() => lines.length === 2)
    expect(lines.sort()).toEqual(['default traces delivered 1 a1', 'mirror.gone legacy dropped 1 no_route a1'])
    expect(metrics.sums()[1]).toMatchObject({ signal: 'legacy', destination: 'mirror.gone', received: 1, dropped: 1, balance: 0 })
  })

  it('refuse the whole of it when one that must have the data is full, and shed when it may', async () => {
    const sink = await startSink()
    const mirror = fakeMirror('mirror.zipkin', 1000)
    const { emit, metrics, lines } = await startMirrored(sink.url, [mirror], queue())
    await emit.intake.put(envelopeOnly(1, 'mirror.zipkin', 900))
    const refused = await emit.intake.put(mirroredBatch(2, 'mirror.zipkin', 200)).catch((error: unknown) => error)
    expect(refused).toMatchObject({
      code: 'OB_QUEUE_FULL',
      message: expect.stringContaining('mirror.zipkin is at its maxSize (1000 bytes)'),
    })
    expect(sink.received).toEqual([])
    await emit.intake.put(envelopeOnly(3, 'mirror.zipkin', 100))
    // At the door: only those whose data goes there are refused.
    expect(emit.intake.refusal()).toBeUndefined()
    expect(emit.intake.refusal('mirror.other')).toBeUndefined()
    expect(emit.intake.refusal('mirror.zipkin')).toMatchObject({ code: 'OB_QUEUE_FULL' })

    mirror.whenFull = 'drop'
    expect(emit.intake.refusal('mirror.zipkin')).toBeUndefined()
    await emit.intake.put(mirroredBatch(4, 'mirror.zipkin', 200))
    await until(() => lines.length === 2)
    expect(lines.sort()).toEqual(['default traces delivered 1 a4', 'mirror.zipkin legacy dropped 1 destination_full a4'])
    expect(metrics.sums().at(-1)).toMatchObject({ destination: 'mirror.zipkin', received: 1, dropped: 1, balance: 0 })
    expect(itemsOf(metrics, 'otlp_bridge_mirror_requests_total')).toEqual({
      'mirror.zipkin received': 3,
      'mirror.zipkin shed destination_full': 1,
    })

    mirror.whenFull = 'refuse'
    await expect(emit.intake.put(mirroredBatch(5, 'mirror.zipkin', 200))).rejects.toMatchObject({ code: 'OB_QUEUE_FULL' })
    expect(await drain(mirror.lane)).toEqual([1, 3])
    await emit.intake.put(mirroredBatch(6, 'mirror.zipkin', 200))
    expect(await drain(mirror.lane)).toEqual([6])
  })

  it('have a limit of their own: a full one does not make a destination full', async () => {
    const mirror = fakeMirror('mirror.zipkin', 2 ** 20)
    const { emit } = await startMirrored('http://127.0.0.1:1', [mirror], { ...queue(), maxSize: 2 ** 22 })
    await emit.intake.put(envelopeOnly(1, 'mirror.zipkin', 2 ** 20))
    expect(emit.intake.refusal('mirror.zipkin')).toMatchObject({ code: 'OB_QUEUE_FULL' })
    expect(emit.intake.refusal()).toBeUndefined()
    expect(emit.extra()).toMatchObject([{ name: 'mirror.zipkin', lane: { batches: 1, bytes: 2 ** 20, maxBytes: 2 ** 20 } }])
    await emit.intake.put({ ...mirroredBatch(2, ''), envelope: undefined })
  })

  it('get the parts of a staged request one after the other, in order', async () => {
    const mirror = fakeMirror('mirror.elasticsearch')
    const { emit } = await startMirrored('http://127.0.0.1:1', [mirror], queue())
    const stage = async (first: number): Promise<void> => {
      const staging = emit.intake.stage()
      for (const number of range(first, first + 8)) {
        await staging.add(
          number % 3 === 0 ? envelopeOnly(number, 'mirror.elasticsearch', 300_000) : mirroredBatch(number, 'mirror.elasticsearch', 300_000),
        )
        await new Promise(setImmediate)
      }
      await staging.commit()
    }
    await Promise.all([stage(0), emit.intake.put(envelopeOnly(100, 'mirror.elasticsearch')), stage(20), stage(40)])
    const numbers = await drain(mirror.lane)
    expect(numbers.toSorted((a, b) => a - b)).toEqual([...range(0, 8), ...range(20, 28), ...range(40, 48), 100])
    for (const first of [0, 20, 40])
      expect(numbers.slice(numbers.indexOf(first), numbers.indexOf(first) + 8)).toEqual(range(first, first + 8))
  })

  it('get all of a staged request or nothing', async () => {
    const sink = await startSink()
    const mirror = fakeMirror('mirror.elasticsearch', 2500, 'drop')
    const { emit, metrics, lines } = await startMirrored(sink.url, [mirror], queue())
    const staging = emit.intake.stage()
    for (const number of range(0, 4)) await staging.add(mirroredBatch(number, 'mirror.elasticsearch', 1000))
    await staging.commit()
    await until(() => lines.length === 8)
    expect(lines.filter((line) => line.startsWith('mirror'))).toEqual(
      range(0, 4).map((number) => `mirror.elasticsearch legacy dropped 1 destination_full a${number}`),
    )
    expect(mirror.lane.stats().batches).toBe(0)
    expect(metrics.sums().at(-1)).toMatchObject({ received: 4, dropped: 4, balance: 0 })
    // Its room is free again.
    await emit.intake.put(envelopeOnly(9, 'mirror.elasticsearch', 2000))
    expect(await drain(mirror.lane)).toEqual([9])
  })

  it('come and go while the bridge runs, and the others keep their places', async () => {
    const sink = await startSink()
    const [one, two, three] = [fakeMirror('mirror.one'), fakeMirror('mirror.two'), fakeMirror('mirror.three')]
    const { emit, metrics } = await startMirrored(sink.url, [one, two], queue())
    await emit.intake.put(envelopeOnly(1, 'mirror.one'))
    await emit.intake.put(envelopeOnly(2, 'mirror.two'))
    const config = (...names: string[]) =>
      emitConfig.parse({ batch: { delay: 5 }, destinations: names.map((name) => ({ name, endpoint: sink.url })) })
    // More destinations: the places of the mirrors move.
    const [both] = await Promise.allSettled([emit.reconfigure(config('default', 'b', 'c')), emit.setExtra([three, two])])
    expect(both.status).toBe('fulfilled')
    expect([one.calls, two.calls, three.calls]).toEqual([['start', 'handOver'], ['start'], ['start']])
    for (const name of ['mirror.two', 'mirror.three']) await emit.intake.put(mirroredBatch(5, name))
    expect([await drain(two.lane), await drain(three.lane)]).toEqual([[2, 5], [5]])
    await emit.reconfigure(config('default'))
    await emit.intake.put(mirroredBatch(6, 'mirror.two'))
    expect(await drain(two.lane)).toEqual([6])
    expect(emit.queue.lanes.map(({ destination }) => destination)).toEqual(['default', 'mirror.three', 'mirror.two'])
    // Another object of the same name takes over what waits.
    await emit.intake.put(mirroredBatch(7, 'mirror.two'))
    const again = fakeMirror('mirror.two')
    await emit.setExtra([again])
    expect(two.calls).toEqual(['start', 'handOver'])
    expect(await drain(again.lane)).toEqual([7])
    expect(new Set(metrics.sums().map(({ balance }) => balance))).toContain(0)
    expect(metrics.sums().filter(({ signal, balance }) => signal === 'legacy' && balance !== 0)).toEqual([])
  })

  it('have names that no destination has', async () => {
    const named = (name: string) => ({ destinations: [{ name, endpoint: 'http://127.0.0.1:1' }] })
    const mirror = fakeMirror('mirror.one')
    const clash = { code: 'OB_CONFIG', message: expect.stringContaining('a mirror has this name') }
    await expect(startMirrored('', [mirror], queue(), { endpoint: undefined, ...named('mirror.one') })).rejects.toMatchObject(clash)
    const { emit } = await startMirrored('http://127.0.0.1:1', [mirror], queue())
    await expect(emit.reconfigure(emitConfig.parse(named('mirror.one')))).rejects.toMatchObject(clash)
    await expect(emit.setExtra([mirror, fakeMirror('default')])).rejects.toMatchObject(clash)
    await emit.setExtra([])
    expect(emit.extra()).toEqual([])
  })

  it('say how they do', async () => {
    const mirror = fakeMirror('mirror.one')
    const { emit } = await startMirrored('http://127.0.0.1:1', [mirror], queue())
    mirror.calls.push('ill')
    expect(emit.health().reasons).toEqual(['mirror mirror.one is ill'])
    await emit.stop(100)
    expect(mirror.calls.at(-1)).toBe('stop')
  })

  it('send their dead letters to where those of destinations are, counted', async () => {
    const sink = await startSink(refuse(400, 'no'))
    const mirror = fakeMirror('mirror.zipkin')
    const { emit, metrics, lines } = await startMirrored(sink.url, [mirror], queue())
    await emit.intake.put(mirroredBatch(1, 'mirror.zipkin'))
    await mirror.lane.bury(await mirror.lane.take(limits), 'old_400', 'it said no')
    await until(() => lines.length === 2)
    const gone = _ === 'disk' ? 'dead' : 'dropped'
    expect(lines.sort()).toEqual([`default traces ${gone} 1 http_400 a1`, `mirror.zipkin legacy ${gone} 1 old_400 a1`])
    expect(metrics.sums().at(-1)).toMatchObject({ received: 1, balance: 0, [gone]: 1 })
  })
})

describe.each([
  ['memory', () => ({ type: 'memory', ack: 'forwarded' })],
  ['disk', () => ({ type: 'disk', ack: 'forwarded', path: stateFolder() })],
] as const)('extra lanes with ack forwarded, type %s', (_, queue) => {
  it('hold the sender while they must have the data', async () => {
    const sink = await startSink()
    const mirror = fakeMirror('mirror.zipkin')
    const { emit, lines, metrics } = await startMirrored(sink.url, [mirror], queue())
    let done = false
    const put = emit.intake.put(mirroredBatch(1, 'mirror.zipkin')).then(() => void (done = true))
    await until(() => sink.received.length === 1)
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect([done, lines]).toEqual([false, []])
    await mirror.lane.settle(await mirror.lane.take(limits))
    await put
    expect(lines.toSorted()).toEqual(['default traces delivered 1 a1', 'mirror.zipkin legacy delivered 1 a1'])
    expect(metrics.sums().at(-1)).toMatchObject({ received: 1, delivered: 1, balance: 0 })
  })

  it('hold the sender no longer than they are told, and balance whatever comes of it', async () => {
    const sink = await startSink()
    const mirror = { ...fakeMirror('mirror.zipkin'), forwardMs: 40 }
    const { emit, lines, metrics } = await startMirrored(sink.url, [mirror], queue())
    metrics.books('zipkin-json', 'traces').received.value++
    const put = emit.intake.put(mirroredBatch(1, 'mirror.zipkin'))
    await expect(put).rejects.toMatchObject({ code: 'OB_FORWARD_SLOW', http: 503 })
    metrics.books('zipkin-json', 'traces').refused('forward_slow').value++
    await until(() => sink.received.length === 1)
    const lane = emit.queue.lanes.find(({ destination }) => destination === 'mirror.zipkin')
    if (lane === undefined) throw new Error('no lane')
    expect(lane.stats().items).toBe(1)
    await lane.settle(await lane.take(limits))
    await until(() => emit.queue.stats().items === 0)
    expect(lines).toEqual([])
    expect(metrics.sums().map(({ balance, delivered }) => [balance, delivered])).toEqual([
      [0, 1],
      [0, 1],
    ])
  })

  it('hold nobody when they need not have it', async () => {
    const sink = await startSink()
    const mirror = fakeMirror('mirror.zipkin', 2 ** 20, 'drop')
    const { emit, lines, metrics } = await startMirrored(sink.url, [mirror], queue())
    await emit.intake.put(mirroredBatch(1, 'mirror.zipkin'))
    await emit.intake.put(envelopeOnly(2, 'mirror.zipkin', 100, 1))
    expect(lines).toEqual(['default traces delivered 1 a1'])
    await mirror.lane.bury(await mirror.lane.take({ ...limits, maxItems: 1 }), 'old_500', 'no')
    await mirror.lane.settle(await mirror.lane.take(limits))
    expect(lines.slice(1)).toEqual(['mirror.zipkin legacy dropped 1 old_500 a1', 'mirror.zipkin legacy delivered 1 a2'])
    expect(metrics.sums().at(-1)).toMatchObject({ received: 2, delivered: 1, dropped: 1, balance: 0 })
  })

  it('make the put fail, and nobody is told of batches that were not taken', async () => {
    const sink = await startSink()
    const mirror = fakeMirror('mirror.zipkin')
    const { emit, lines, metrics } = await startMirrored(sink.url, [mirror], queue())
    const put = emit.intake.put(mirroredBatch(1, 'mirror.zipkin')).catch((error: unknown) => error)
    await until(() => sink.received.length === 1)
    await mirror.lane.bury(await mirror.lane.take(limits), 'old_timeout', 'the old side did not answer')
    expect(await put).toMatchObject({ code: 'OB_SEND_PERMANENT' })
    expect(lines).toEqual([])
    expect(metrics.sums().at(-1)).toMatchObject({ received: 1, dropped: 1, balance: 0 })
  })
})
