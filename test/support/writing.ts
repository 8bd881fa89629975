/** Remote-write in plain words: requests of series, the translator they go through, and points as plain objects. */

import { decodeWriteV1 } from '../../src/ingest/prometheus/decode-v1.ts'
import { decodeWriteV2 } from '../../src/ingest/prometheus/decode-v2.ts'
import { encodeMetrics } from '../../src/otlp/encode/metrics.ts'
import { ReverseWriter } from '../../src/otlp/encode/writer.ts'
import { MetricPoints } from '../../src/otlp/metrics.ts'
import { type PrometheusTranslateConfig, prometheusTranslateConfig } from '../../src/translate/prometheus/config.ts'
import { WriteRequest } from '../../src/translate/prometheus/model.ts'
import { createState, type PrometheusState, type StateOptions } from '../../src/translate/prometheus/state.ts'
import { createWriteTranslator, type WriteTranslator } from '../../src/translate/prometheus/to-otlp.ts'
import type { WriteContext } from '../../src/translate/prometheus/write-context.ts'
import type { WriteOutcome } from '../../src/translate/prometheus/write-outcome.ts'
import { goldenMetrics } from './metrics-sink.ts'
import { bitsOf, encodeWrite, type Version } from './remote-write.ts'

export const stale = 'stale'
export type Value = number | typeof stale
/** Its time in ms, its value, and the start that came with it (2.0). */
export type PlainSample = readonly [timeMs: number, value: Value, startMs?: number]

export interface PlainExemplar {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
  readonly timeMs?: number
}

export interface PlainSeries {
  /** `up{job="a"}`, or pairs where their order, or one that comes twice, matters. */
  readonly labels: string | readonly (readonly [string, string])[]
  readonly samples?: readonly PlainSample[]
  /** As protobuf has them. */
  readonly histograms?: readonly object[]
  readonly exemplars?: readonly PlainExemplar[]
  /** 2.0 only. */
  readonly type?: number
  readonly help?: string
  readonly unit?: string
  readonly createdMs?: number
}

export interface PlainMetadata {
  readonly family: string
  readonly type: number
  readonly help?: string
  readonly unit?: string
}

/** Bits of a value. */
export const valueBits = (value: Value): string => (value === stale ? 0x7ff0000000000002n.toString() : bitsOf(value))

const selector = /^([^{]*)(?:\{(.*)\})?$/s

/** `up{job="a",instance="i"}` → its labels, the name among them. */
export function labelsOf(text: string): [string, string][] {
  const [, name = '', rest = ''] = selector.exec(text) ?? []
  const labels: [string, string][] = name === '' ? [] : [['__name__', name]]
  for (const [, key = '', value = ''] of rest.matchAll(/([^,=]+)="([^"]*)"/g)) labels.push([key, value])
  return labels
}

const pairsOf = (labels: PlainSeries['labels']): readonly (readonly [string, string])[] =>
  typeof labels === 'string' ? labelsOf(labels) : labels

/** The body of a request, not compressed. */
export function writeBody(version: Version, series: readonly PlainSeries[], metadata: readonly PlainMetadata[] = []): Uint8Array {
  return version === 1 ? bodyV1(series, metadata) : bodyV2(series)
}

const labelOf = ([name, value]: readonly [string, string]): object => ({ name, value })

function bodyV1(series: readonly PlainSeries[], metadata: readonly PlainMetadata[]): Uint8Array {
  return encodeWrite(1, {
    timeseries: series.map((one) => ({
      labels: pairsOf(one.labels).map(labelOf),
      samples: one.samples?.map(([timestamp, value]) => ({ timestamp: String(timestamp), value: valueBits(value) })),
      histograms: one.histograms,
      exemplars: one.exemplars?.map(({ labels, value, timeMs = 0 }) => ({
        labels: Object.entries(labels).map(labelOf),
        value: bitsOf(value),
        timestamp: String(timeMs),
      })),
    })),
    metadata: metadata.map(({ family, ...rest }) => ({ metric_family_name: family, ...rest })),
  })
}

function bodyV2(series: readonly PlainSeries[]): Uint8Array {
  const symbols = ['']
  const known = new Map([['', 0]])
  const symbol = (text: string): number => {
    let found = known.get(text)
    if (found === undefined) {
      known.set(text, (found = symbols.length))
      symbols.push(text)
    }
    return found
  }
  const refs = (pairs: readonly (readonly [string, string])[]): number[] => pairs.flat().map(symbol)
  const timeseries = series.map((one) => ({
    labels_refs: refs(pairsOf(one.labels)),
    samples: one.samples?.map(([timestamp, value, startMs = 0]) => ({
      timestamp: String(timestamp),
      value: valueBits(value),
      start_timestamp: String(startMs),
    })),
    histograms: one.histograms,
    exemplars: one.exemplars?.map(({ labels, value, timeMs = 0 }) => ({
      labels_refs: refs(Object.entries(labels)),
      value: bitsOf(value),
      timestamp: String(timeMs),
    })),
    metadata: { type: one.type ?? 0, help_ref: symbol(one.help ?? ''), unit_ref: symbol(one.unit ?? '') },
    created_timestamp: String(one.createdMs ?? 0),
  }))
  return encodeWrite(2, { symbols, timeseries })
}

/** A point, with what it is found under. */
export interface PlainPoint {
  readonly metric: string
  readonly type: string
  readonly unit: string
  readonly resource: Readonly<Record<string, unknown>>
  readonly attributes: Readonly<Record<string, unknown>>
  readonly time_unix_nano: string
  readonly value?: number
  readonly [field: string]: unknown
}

/** All points of encoded requests, each by itself. */
export function pointsOf(bodies: readonly Uint8Array[]): PlainPoint[] {
  return goldenMetrics(bodies).flatMap(({ points, ...head }) => points.map((point) => ({ ...head, ...point }) as unknown as PlainPoint))
}

/** Times as points have them. */
export const nanos = (ms: number): string => (BigInt(ms) * 1_000_000n).toString()

export const nowMs = 1_700_000_000_000

export const writeLimits = {
  maxSeries: 10_000,
  maxSamples: 100_000,
  maxHistograms: 10_000,
  maxLabels: 1000,
  maxRequestLabels: 1_000_000,
  maxSymbols: 1_000_000,
  maxBuckets: 16_384,
  maxRequestBuckets: 2_000_000,
  maxUnknownFields: 1000,
}

/** Defaults, with some of them changed. @param options as they stand in a file, durations in ms */
export const translateOptions = (options: object = {}): PrometheusTranslateConfig => prometheusTranslateConfig.parse(options)

/** A translator with a hand on its clock. */
export class Writing {
  readonly state: PrometheusState
  readonly translator: WriteTranslator
  readonly request = new WriteRequest()
  nowMs = nowMs
  tenant = ''
  private readonly writer = new ReverseWriter()

  /** @param state what it is made of, or one that is there already */
  constructor(options: object = {}, state: Partial<StateOptions> | PrometheusState = {}) {
    const isMade = 'streams' in state
    this.state = isMade ? state : createState({ translate: translateOptions(options), version: '1.2.3', seed: [1, 2, 3, 4], ...state })
    this.translator = createWriteTranslator(this.state)
  }

  decode(version: Version, body: Uint8Array): void {
    if (version === 1) decodeWriteV1(body, writeLimits, this.request)
    else decodeWriteV2(body, writeLimits, this.request)
  }

  /** The outcome is valid until the next request; what it emits is committed. */
  outcome(version: Version, series: readonly PlainSeries[], metadata: readonly PlainMetadata[] = [], context: Partial<WriteContext> = {}) {
    this.decode(version, writeBody(version, series, metadata))
    const outcome = this.translator.translate(this.request, { tenant: this.tenant, nowMs: this.nowMs, ...context })
    if (outcome.emission !== undefined) this.state.assembler.commit(outcome.emission)
    return outcome
  }

  pointsOf(outcome: WriteOutcome): PlainPoint[] {
    return pointsOf([encodeMetrics(outcome.points, this.writer, 1000)])
  }

  write(version: Version, series: readonly PlainSeries[], metadata: readonly PlainMetadata[] = []): PlainPoint[] {
    return this.pointsOf(this.outcome(version, series, metadata))
  }

  /** Lets time pass and takes what is due. */
  after(passedMs: number, all = false): PlainPoint[] {
    this.nowMs += passedMs
    const points = new MetricPoints()
    const emission = this.state.assembler.take(this.nowMs, points, all)
    if (emission !== undefined) this.state.assembler.commit(emission)
    return pointsOf([encodeMetrics(points, this.writer, 1000)])
  }
}
