/**
 * The OTLP metric model, shaped for the hot path. What many points share (resource, scope, metric) is encoded once, when it is first met, and
 * kept by whoever met it; points are columns. `otlp/encode/metrics.ts` groups and writes them.
 *
 * 64-bit integers, times and doubles are int32 words, high word first, as in `otlp/model.ts`.
 * @see opentelemetry/proto/metrics/v1/metrics.proto (v1.9.0)
 */

/** Which of `Metric.data` a metric has: the number of its field. */
export const MetricData = { Gauge: 5, Sum: 7, Histogram: 9, ExponentialHistogram: 10, Summary: 11 } as const

/** Bit of `flags` of a point without a value: the series has ended. */
export const noRecordedValue = 1

/** A resource: the content of its `Resource` message. It may be exchanged between two requests (`target_info` came). */
export interface EncodedResource {
  bytes: Uint8Array
  /** Scratch of the encoder, here and below: 0 to begin with. */
  stamp: number
  place: number
}

/** A scope: the content of its `InstrumentationScope` message, and `ScopeMetrics.schema_url`. */
export interface EncodedScope {
  bytes: Uint8Array
  /** UTF-8; empty: none. */
  schemaUrl: Uint8Array
  stamp: number
  place: number
}

/** A metric: fields name, description, unit and metadata of its `Metric` message, encoded, and what its data is. */
export interface EncodedMetric {
  head: Uint8Array
  /** One of {@link MetricData}. Sums, histograms and exponential histograms are always cumulative. */
  data: number
  /** Of sums. */
  monotonic: boolean
  stamp: number
  place: number
}

/** Counts of buckets: numbers where all are below 2^53, else bigints. */
export type Counts = readonly number[] | readonly bigint[]

/** What an exponential histogram's point has beside times, attributes and flags. */
export interface ExponentialBody {
  readonly kind: 'exponential'
  readonly count: number | bigint
  /** Words of the double; undefined sum: `hasSum` false. */
  readonly hasSum: boolean
  readonly sumHi: number
  readonly sumLo: number
  readonly scale: number
  readonly zeroCount: number | bigint
  readonly zeroThreshold: number
  readonly positiveOffset: number
  readonly positiveCounts: Counts
  readonly negativeOffset: number
  readonly negativeCounts: Counts
}

/** The same for a histogram with explicit bounds: one count more than bounds, or none at all of either. */
export interface ExplicitBody {
  readonly kind: 'explicit'
  readonly count: number | bigint
  readonly hasSum: boolean
  readonly sumHi: number
  readonly sumLo: number
  readonly bounds: ArrayLike<number>
  readonly counts: Counts
}

/** The same for a summary. Quantiles ascend. */
export interface SummaryBody {
  readonly kind: 'summary'
  readonly count: number | bigint
  readonly sum: number
  readonly quantiles: ArrayLike<number>
  readonly values: ArrayLike<number>
}

export type PointBody = ExponentialBody | ExplicitBody | SummaryBody

/** An exemplar: its attributes are an encoded list as those of points. */
export interface EncodedExemplar {
  readonly timeHi: number
  readonly timeLo: number
  readonly valueHi: number
  readonly valueLo: number
  /** 16 bytes, or empty. */
  readonly traceId: Uint8Array
  /** 8 bytes, or empty. */
  readonly spanId: Uint8Array
  /** KeyValues one after the other, each as field 7 (tag 0x3a). */
  readonly attributes: Uint8Array
}

/** Tag of a KeyValue in every encoded list of attributes; the encoder puts the tag of the point's own field over it where that is another. */
export const attributeTag = 0x3a

const initial = 1024
/** Points whose columns stay allocated between requests. */
const largestKept = 262_144
const noBytes = new Uint8Array(0)
const noResource: EncodedResource = { bytes: noBytes, stamp: 0, place: 0 }
const noScope: EncodedScope = { bytes: noBytes, schemaUrl: noBytes, stamp: 0, place: 0 }
const noMetric: EncodedMetric = { head: noBytes, data: 0, monotonic: false, stamp: 0, place: 0 }
const none = new DataView(new ArrayBuffer(0))

/** Points of one request, in columns; used again for the next. */
export class MetricPoints {
  count = 0
  resources: EncodedResource[] = []
  scopes: EncodedScope[] = []
  metrics: EncodedMetric[] = []
  /** Attributes of point `i`: KeyValues with {@link attributeTag}, bytes `attributesStart[i]` to `attributesEnd[i]` of what `attributes[i]` views. */
  attributes: DataView[] = []
  attributesStart = new Int32Array(initial)
  attributesEnd = new Int32Array(initial)
  timeHi = new Int32Array(initial)
  timeLo = new Int32Array(initial)
  /** All zero: not set. */
  startHi = new Int32Array(initial)
  startLo = new Int32Array(initial)
  /** The double of a number point; of no meaning where there is a body. */
  valueHi = new Int32Array(initial)
  valueLo = new Int32Array(initial)
  flags = new Uint8Array(initial)
  /** Undefined for number points. */
  bodies: (PointBody | undefined)[] = []
  exemplars: (readonly EncodedExemplar[] | undefined)[] = []

  /** Adds a point without attributes, times, value: the caller fills in the columns at the place that is returned. */
  add(resource: EncodedResource, scope: EncodedScope, metric: EncodedMetric, body: PointBody | undefined): number {
    const at = this.count++
    if (at === this.flags.length) this.grow()
    this.resources[at] = resource
    this.scopes[at] = scope
    this.metrics[at] = metric
    this.attributes[at] = none
    this.attributesStart[at] = 0
    this.attributesEnd[at] = 0
    this.timeHi[at] = 0
    this.timeLo[at] = 0
    this.startHi[at] = 0
    this.startLo[at] = 0
    this.valueHi[at] = 0
    this.valueLo[at] = 0
    this.flags[at] = 0
    this.bodies[at] = body
    this.exemplars[at] = undefined
    return at
  }

  /** Empties it; nothing of the last request is kept alive but the memory of the columns, up to what an ordinary request needs. */
  clear(): void {
    const { count } = this
    // Filled, not cut to nothing: arrays that grow anew with each request cost more than all the rest of this.
    this.resources.fill(noResource, 0, count)
    this.scopes.fill(noScope, 0, count)
    this.metrics.fill(noMetric, 0, count)
    this.attributes.fill(none, 0, count)
    this.bodies.fill(undefined, 0, count)
    this.exemplars.fill(undefined, 0, count)
    this.count = 0
    if (this.flags.length > largestKept) Object.assign(this, new MetricPoints())
  }

  private grow(): void {
    const size = this.flags.length * 2
    const words = (column: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> => {
      const larger = new Int32Array(size)
      larger.set(column)
      return larger
    }
    this.attributesStart = words(this.attributesStart)
    this.attributesEnd = words(this.attributesEnd)
    this.timeHi = words(this.timeHi)
    this.timeLo = words(this.timeLo)
    this.startHi = words(this.startHi)
    this.startLo = words(this.startLo)
    this.valueHi = words(this.valueHi)
    this.valueLo = words(this.valueLo)
    const flags = new Uint8Array(size)
    flags.set(this.flags)
    this.flags = flags
  }
}
