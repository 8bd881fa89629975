import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { decodeTraces } from '../../src/otlp/decode/traces.ts'
import { tracesToPlain } from '../../src/otlp/encode/json.ts'
import { type Broker, kafkaPresent, startBroker } from './kafka-broker.ts'
import {
  type LabBridge,
  type OtlpSink,
  readAll,
  reconcile,
  startHttpLoad,
  startLabBridge,
  startOtlpSink,
  write,
  zipkinList,
} from './kafka-lab.ts'
import { freeTcpPort } from './ports.ts'
import { until } from './wait.ts'

interface Edge extends LabBridge {
  readonly zipkin: string
}

describe.skipIf(!kafkaPresent())('queue.type kafka, at a real broker', () => {
  let broker: Broker
  const said: string[] = []

  beforeAll(async () => {
    broker = await startBroker()
  })

  afterAll(async () => {
    console.log(said.join('\n'))
    await broker?.remove()
  })

  /** A bridge without a disk: Zipkin over HTTP in, topics `<prefix>_…` between. */
  const startEdge = async (prefix: string, emit: object, kafka: object = {}): Promise<Edge> => {
    const port = await freeTcpPort()
    const bridge = await startLabBridge({
      ingest: { zipkin: { port } },
      queue: { type: 'kafka', kafka: { brokers: [broker.address], topicPrefix: prefix, ...kafka } },
      emit: { batch: { delay: '20ms' }, retry: { initialInterval: '100ms', maxInterval: '500ms' }, ...emit },
    })
    return { ...bridge, zipkin: `http://127.0.0.1:${port}` }
  }

  const post = async (edge: Edge, body: Buffer): Promise<number> => {
    const reply = await fetch(`${edge.zipkin}/api/v2/spans`, { method: 'POST', body, headers: { 'content-type': 'application/json' } })
    await reply.arrayBuffer()
    return reply.status
  }

  const withEdges = async (work: (start: typeof startEdge) => Promise<void>): Promise<void> => {
    const edges: Edge[] = []
    try {
      await work(async (...args) => {
        const edge = await startEdge(...args)
        edges.push(edge)
        return edge
      })
    } catch (error) {
      throw new Error(`${edges.map((one) => one.output().slice(-3000)).join('\n---\n')}`, { cause: error })
    } finally {
      await Promise.all(edges.map((one) => one.kill()))
    }
  }

  it('acknowledges what all replicas have, and forwards it; others can read the topic and write to it', async () => {
    const sink = await startOtlpSink(true)
    await withEdges(async (start) => {
      const edge = await start('plain', { endpoint: sink.url }, { partitions: 3 })
      expect(await post(edge, zipkinList(1, 30))).toBe(202)
      await until('30 spans', () => (sink.spans.size === 30 ? true : undefined))
      // 30 traces over 3 partitions are 3 messages.
      const messages = await readAll(broker.address, 'plain_spans', 3)
      expect(messages.map(({ headers }) => headers['format'])).toEqual(['zipkin-json', 'zipkin-json', 'zipkin-json'])
      expect(messages.reduce((sum, { headers }) => sum + Number(headers['items']), 0)).toBe(30)
      const traces = messages.flatMap(
        ({ value }) => (tracesToPlain(decodeTraces(value ?? new Uint8Array(0))) as { resourceSpans: unknown[] }).resourceSpans,
      )
      expect(traces.length).toBeGreaterThanOrEqual(3)
      // A message of another producer has no headers: it is counted by what is in it.
      sink.spans.clear()
      await write(broker.address, 'plain_spans', [messages[0]?.value, Buffer.from('no request at all')])
      await until('the foreign message', () => (sink.spans.size > 0 ? true : undefined))
      await until('poison among the dead', async () =>
        (await readAll(broker.address, 'plain_spans_dead', 1)).length === 1 ? true : undefined,
      )
      const delivered = await edge.metric('otlp_bridge_delivered_items_total')
      expect(delivered.get('format="otlp-proto",signal="traces",destination="default"')).toBe(Number(messages[0]?.headers['items']))
      await until('books that add up', async () => ((await edge.reasons()).length === 0 ? true : undefined))
    })
    await sink.close()
  }, 90_000)

  it('keeps what an endpoint refuses for good in a topic, and goes on', async () => {
    const sink = await startOtlpSink()
    sink.refuseWith = 400
    await withEdges(async (start) => {
      const edge = await start('dead', { endpoint: sink.url }, { partitions: 1 })
      expect(await post(edge, zipkinList(1, 3))).toBe(202)
      const [letter] = await until('a dead letter', async () => {
        const dead = await edge.metric('otlp_bridge_dead_items_total')
        return [...dead.values()].includes(3) ? readAll(broker.address, 'dead_spans_dead', 1) : undefined
      })
      expect(letter?.headers).toMatchObject({ destination: 'default', items: '3', format: 'zipkin-json' })
      sink.refuseWith = undefined
      expect(await post(edge, zipkinList(10, 2))).toBe(202)
      await until('two spans', () => (sink.spans.size === 2 ? true : undefined))
    })
    await sink.close()
  }, 60_000)

  it('gives every destination all of it, each at its own pace', async () => {
    const [fast, slow] = [await startOtlpSink(), await startOtlpSink()]
    slow.refuseWith = 503
    await withEdges(async (start) => {
      const edge = await start(
        'two',
        {
          destinations: [
            { name: 'fast', endpoint: fast.url },
            { name: 'slow', endpoint: slow.url },
          ],
        },
        { partitions: 2 },
      )
      for (let first = 1; first <= 100; first += 10) expect(await post(edge, zipkinList(first, 10))).toBe(202)
      await until('100 spans at the fast one', () => (fast.spans.size === 100 ? true : undefined))
      expect(slow.spans.size).toBe(0)
      slow.refuseWith = undefined
      await until('100 spans at the slow one', () => (slow.spans.size === 100 ? true : undefined))
      expect([fast, slow].map((sink) => [...sink.spans.values()].every((count) => count === 1))).toEqual([true, true])
    })
    await Promise.all([fast.close(), slow.close()])
  }, 60_000)

  it('loses nothing when bridges without a disk are killed, stopped and started under load', async () => {
    const sink = await startOtlpSink()
    await withEdges(async (start) => {
      const edges = new Set<Edge>([await start('many', { endpoint: sink.url }), await start('many', { endpoint: sink.url })])
      const load = startHttpLoad(() => [...edges].map(({ zipkin }) => zipkin))
      for (let round = 0; round < 3; round++) {
        await delay(3000)
        const [victim] = edges
        if (victim === undefined) throw new Error('no bridge')
        edges.delete(victim)
        await (round === 1 ? victim.stop() : victim.kill())
        edges.add(await start('many', { endpoint: sink.url }))
      }
      await delay(2000)
      await load.stop()
      const { missing, repeats } = await reconcile(load, sink, 90_000)
      said.push(`killed, stopped, killed: ${load.acknowledged.size} acknowledged, ${missing} missing, ${repeats} repeats`)
      expect(missing).toBe(0)
    })
    await sink.close()
  }, 180_000)

  it('refuses while the broker is away, says so, and loses nothing that it acknowledged', async () => {
    const sink = await startOtlpSink()
    await withEdges(async (start) => {
      const edge = await start('away', { endpoint: sink.url })
      const load = startHttpLoad(() => [edge.zipkin])
      await delay(3000)
      await broker.kill()
      await until('refusals', () => ((load.refused.get(503) ?? 0) > 0 ? true : undefined), 30_000)
      expect(await edge.reasons()).toContainEqual(expect.stringContaining('queue cannot store'))
      await broker.start()
      const before = load.acknowledged.size
      await until('data taken again', () => (load.acknowledged.size > before + 100 ? true : undefined), 30_000)
      await load.stop()
      const { missing, repeats } = await reconcile(load, sink, 90_000)
      said.push(
        `broker killed: ${load.acknowledged.size} acknowledged, ${missing} missing, ${repeats} repeats, refused ${[...load.refused].map(([status, count]) => `${count} × ${status}`).join(', ')}`,
      )
      expect(missing).toBe(0)
      expect([...load.refused.keys()]).toEqual([503])
      await until('health', async () => ((await edge.reasons()).length === 0 ? true : undefined), 40_000)
    })
    await sink.close()
  }, 180_000)

  it('starts without a broker, refuses until there is one, and cuts what is too large for a message', async () => {
    const sink: OtlpSink = await startOtlpSink()
    await withEdges(async (start) => {
      await broker.halt()
      const edge = await start('early', { endpoint: sink.url }, { maxMessage: '16KiB', partitions: 2 })
      expect(await post(edge, zipkinList(1, 1))).toBe(503)
      await broker.start()
      await until('taken', async () => ((await post(edge, zipkinList(1, 1000))) === 202 ? true : undefined), 40_000)
      await until('1000 spans', () => (sink.spans.size === 1000 ? true : undefined))
      const large = JSON.parse(String(zipkinList(2000, 3))) as { tags?: object }[]
      ;(large[1] as { tags?: object }).tags = { blob: 'x'.repeat(30_000) }
      expect(await post(edge, Buffer.from(JSON.stringify(large)))).toBe(202)
      await until('the neighbours', () => (sink.spans.size === 1002 ? true : undefined))
      expect((await edge.metric('otlp_bridge_dropped_items_total')).get('format="zipkin-json",signal="traces",reason="too_large"')).toBe(1)
    })
    await sink.close()
  }, 120_000)
})
