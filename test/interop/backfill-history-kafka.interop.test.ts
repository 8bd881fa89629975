/**
 * Topics of a real Kafka that a real Jaeger wrote, one as api_v2 protobuf and one as Zipkin JSON: back-filled by a process that is killed five times.
 *
 * `OTLP_BRIDGE_BACKFILL_ITEMS` (20,000): how many spans are in each.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { historyTimeout, sampleSize, showHistory, wantedItems } from './backfill-history.ts'
import { type JaegerOnKafka, type RecordedSpan, readSpans, startJaegerOnKafka } from './backfill-kafka-records.ts'
import { ItemKey, isSampled, KeyCounts } from './backfill-keys.ts'
import { fillJaeger } from './backfill-load.ts'
import { keyText, spanKey, spanKeys, startRecorder } from './backfill-recorder.ts'
import { compareSpanSample } from './backfill-span-sample.ts'
import { type Broker, kafkaPresent, startBroker } from './kafka-broker.ts'
import { createTopic } from './kafka-lab.ts'
import { present } from './peers.ts'

const topics = { jaeger: 'jaeger-history', zipkin: 'zipkin-history' }

describe.skipIf(!kafkaPresent() || !present('jaeger-v2'))('history of spans in Kafka', () => {
  let broker: Broker
  let jaeger: JaegerOnKafka | undefined

  beforeAll(async () => {
    broker = await startBroker()
    for (const topic of Object.values(topics)) await createTopic(broker.address, topic, 3)
    jaeger = await startJaegerOnKafka(broker.address, topics)
    await fillJaeger(jaeger.otlp, wantedItems)
    // What it has taken is written when it has ended.
    await jaeger.stop()
    jaeger = undefined
  }, historyTimeout)

  afterAll(async () => {
    await jaeger?.stop()
    await broker?.remove()
  }, 60_000)

  it.each([
    ['jaeger', 'jaeger-proto'],
    ['zipkin', 'zipkin-json'],
  ] as const)(
    'kafka: a topic of %s comes whole, though the run is killed five times',
    async (format, wire) => {
      const key = new ItemKey()
      const source = new KeyCounts()
      const sampled = new Map<string, RecordedSpan>()
      const { records, spans } = await readSpans(broker.address, topics[format], format, (span) => {
        spanKey(key, span.traceId, span.spanId, BigInt(span.startUs) * 1000n)
        source.add(key)
        if (isSampled(key, sampleSize, wantedItems)) sampled.set(keyText(key), span)
      })
      expect(source.unique).toBe(wantedItems)
      const recorder = await startRecorder({ signal: 'traces', keysOf: spanKeys, sample: { wanted: sampleSize, items: wantedItems } })
      try {
        const words = ['kafka', '--brokers', broker.address, '--topic', topics[format], '--format', wire]
        // A record of Zipkin JSON holds hundreds of spans: a page of them is 4 MiB at the most, and a span 350 bytes at the least.
        const pageItems = format === 'zipkin' ? 12_000 : 2000
        const { report } = await showHistory({ name: `kafka ${wire}`, words, recorder, items: spans, pageItems })
        expect(report).toMatchObject({ read: records, translated: records, acknowledged: spans, skipped: [] })
        expect(recorder.counts.unique).toBe(wantedItems)

        let lost = 0
        await readSpans(broker.address, topics[format], format, (span) => {
          spanKey(key, span.traceId, span.spanId, BigInt(span.startUs) * 1000n)
          if (recorder.counts.count(key) < source.count(key)) lost++
        })
        expect(lost).toBe(0)
        const { compared, atoms, differences } = await compareSpanSample(
          format,
          sampled,
          recorder.sample,
          (span) => (span as RecordedSpan).legacy,
        )
        console.info(
          `  ${records} records, ${spans} spans, ${recorder.counts.unique} different ones came; ${compared} compared, ${atoms} scalars of them, ${differences.length} differences`,
        )
        expect(differences).toEqual([])
        expect(compared).toBe(recorder.sample.size)
        expect(compared).toBeGreaterThanOrEqual(Math.min(1000, wantedItems / 2))
      } finally {
        await recorder.close()
      }
    },
    historyTimeout,
  )
})
