/** A Jaeger that writes what it gets to topics of Kafka, and what stands in those, read by another client than the bridge's source has. */

import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Consumer } from '@platformatic/kafka'
import { stringify } from 'yaml'
import type { LegacySpan } from '../../src/parity/traces-legacy.ts'
import { type Json, listOf } from '../../src/read/otlp-json.ts'
import type { PlainTag } from '../support/jaeger-batches.ts'
import { officialBatch } from '../support/jaeger-proto.ts'
import type { SampledSpan } from './backfill-span-sample.ts'
import { binaries } from './peers.ts'
import { freeTcpPort } from './ports.ts'
import { until } from './wait.ts'

export interface JaegerOnKafka {
  /** OTLP/HTTP */
  readonly otlp: string
  stop(): Promise<void>
}

/** A Jaeger v2 with no store but two topics, one in each format. */
export async function startJaegerOnKafka(
  broker: string,
  topics: { readonly jaeger: string; readonly zipkin: string },
): Promise<JaegerOnKafka> {
  const folder = await mkdtemp(join(tmpdir(), 'otlp-bridge-interop-'))
  const endpoint = `127.0.0.1:${await freeTcpPort()}`
  const exporter = (topic: string, encoding: string) => ({ brokers: [broker], traces: { topic, encoding } })
  const config = {
    receivers: { otlp: { protocols: { http: { endpoint } } } },
    exporters: { 'kafka/jaeger': exporter(topics.jaeger, 'jaeger_proto'), 'kafka/zipkin': exporter(topics.zipkin, 'zipkin_json') },
    service: {
      telemetry: { metrics: { level: 'none' } },
      pipelines: { traces: { receivers: ['otlp'], exporters: ['kafka/jaeger', 'kafka/zipkin'] } },
    },
  }
  const file = join(folder, 'config.yaml')
  await writeFile(file, stringify(config))
  const program = join(binaries, readdirSync(binaries).find((name) => name.startsWith('jaeger-v')) ?? 'jaeger')
  const child = spawn(program, ['--config', file], { stdio: ['ignore', 'ignore', 'pipe'] })
  const lines: string[] = []
  child.stderr.setEncoding('utf8').on('data', (text: string) => lines.push(text))
  const ended = new Promise<void>((settle) => child.once('close', () => settle()))
  await until('Jaeger ready', () => {
    if (child.exitCode !== null) throw new Error(`exit code ${child.exitCode}\n${lines.join('').slice(-2000)}`)
    return lines.some((line) => line.includes('Everything is ready')) ? true : undefined
  })
  return {
    otlp: `http://${endpoint}`,
    async stop() {
      child.kill('SIGTERM')
      await ended
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** A span of a record: who it is, and all of it as the query API of its program would say it. */
export interface RecordedSpan extends SampledSpan {
  readonly legacy: LegacySpan
}

const zipkinSpans = (value: Buffer): readonly RecordedSpan[] =>
  listOf(JSON.parse(value.toString())).map((span) => ({
    traceId: String(span['traceId']).padStart(32, '0'),
    spanId: String(span['id']).padStart(16, '0'),
    startUs: Number(span['timestamp']),
    service: '',
    legacy: { format: 'zipkin', span },
  }))

/** As protobufjs reads a span of api_v2. */
interface PlainSpan {
  readonly traceId: string
  readonly spanId: string
  readonly operationName: string
  readonly flags: number
  readonly start: bigint
  readonly duration: bigint
  readonly references: readonly { readonly refType: number; readonly traceId: string; readonly spanId: string }[]
  readonly tags: readonly PlainTag[]
  readonly logs: readonly { readonly time: bigint; readonly fields: readonly PlainTag[] }[]
  readonly process: { readonly serviceName: string; readonly tags: readonly PlainTag[] } | undefined
}

function tagJson([key, type, value]: PlainTag): Json {
  if (type === 'bool') return { key, type, value: value === 'true' }
  if (type === 'double') return { key, type: 'float64', value: Buffer.from(String(value), 'hex').readDoubleBE() }
  if (type !== 'long') return { key, type, value }
  // The query service writes what JavaScript cannot hold as text.
  return { key, type: 'int64', value: Number.isSafeInteger(Number(value)) ? Number(value) : value }
}

const micros = (ns: bigint): number => Number(ns / 1000n)

function jaegerSpans(value: Buffer): readonly RecordedSpan[] {
  return (officialBatch('Span', value).spans as readonly PlainSpan[]).map((one) => ({
    traceId: one.traceId,
    spanId: one.spanId,
    startUs: micros(one.start),
    service: one.process?.serviceName ?? '',
    legacy: {
      format: 'jaeger',
      span: {
        traceID: one.traceId,
        spanID: one.spanId,
        operationName: one.operationName,
        ...(one.flags === 0 ? {} : { flags: one.flags }),
        references: one.references.map((to) => ({
          refType: to.refType === 0 ? 'CHILD_OF' : 'FOLLOWS_FROM',
          traceID: to.traceId,
          spanID: to.spanId,
        })),
        startTime: micros(one.start),
        duration: micros(one.duration),
        tags: one.tags.map(tagJson),
        logs: one.logs.map(({ time, fields }) => ({ timestamp: micros(time), fields: fields.map(tagJson) })),
      },
      process: { serviceName: one.process?.serviceName ?? '', tags: (one.process?.tags ?? []).map(tagJson) },
    },
  }))
}

/** Every span of a topic, record by record; ends when nothing more has come for a while. */
export async function readSpans(
  broker: string,
  topic: string,
  format: LegacySpan['format'],
  onSpan: (span: RecordedSpan) => void,
): Promise<{ readonly records: number; readonly spans: number }> {
  const consumer = new Consumer({ clientId: 'lab', bootstrapBrokers: [broker], groupId: `lab-${process.hrtime.bigint()}` })
  const stream = await consumer.consume({ topics: [topic], mode: 'earliest', autocommit: false, maxWaitTime: 200 })
  let [records, spans, quiet] = [0, 0, 0]
  const timer = setInterval(() => {
    if (++quiet > 6) void stream.close()
  }, 500)
  try {
    for await (const { value } of stream) {
      quiet = 0
      records++
      for (const span of (format === 'zipkin' ? zipkinSpans : jaegerSpans)(value)) {
        spans++
        onSpan(span)
      }
    }
  } finally {
    clearInterval(timer)
    await consumer.close(true)
  }
  return { records, spans }
}
