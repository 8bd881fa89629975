/**
 * A decoded remote-write request, 1.0 or 2.0, in columns: series of one shape need no object each. Decoders fill it, the translator reads it,
 * and it is used again for the next request.
 *
 * Text is never made into strings here: a symbol is a place in `body`. 2.0 has a symbol table of its own; of 1.0 every name and value is a
 * symbol, so that what follows is one path. 64-bit integers and doubles are int32 words, high word first (see `otlp/model.ts`).
 * Times are milliseconds since the epoch as numbers: exact below 2^53, and what is beyond is refused for being out of range anyway.
 * @see prometheus/prompb/types.proto, io/prometheus/write/v2/types.proto
 */

/** Values of `MetricMetadata.type`, the same in 1.0 and 2.0. */
export const MetricType = { Unknown: 0, Counter: 1, Gauge: 2, Histogram: 3, GaugeHistogram: 4, Summary: 5, Info: 6, StateSet: 7 } as const

/** Values of `Histogram.reset_hint`. */
export const ResetHint = { Unknown: 0, Yes: 1, No: 2, Gauge: 3 } as const

/** Schema of native histograms with bounds of their own. */
export const customBucketsSchema = -53

/** The words of the double that marks a series as stale, `0x7ff0000000000002`: compared as bits, an engine may change the payload of a NaN. */
export const staleHi = 0x7ff00000
export const staleLo = 2

/** Why a series cannot be taken although its request could be read. */
export const SeriesFault = { None: 0, TooManyLabels: 1, TooManyBuckets: 2 } as const

/** Metadata of one family as 1.0 sends it: its own message, seldom, and not with the series. Symbols are places in `symbolStart`. */
export interface MetadataRecord {
  /** One of {@link MetricType}; other numbers as received. */
  readonly type: number
  readonly family: number
  readonly help: number
  readonly unit: number
}

/** One native histogram as received: nothing of it is checked but that it could be read. Lists hold what is in the message, unexpanded. */
export interface NativeHistogram {
  readonly timeMs: number
  /** 0: not set. */
  readonly startMs: number
  /** True when `count_float`, `zero_count_float`, `negative_counts` or `positive_counts` was in the message. */
  readonly hasFloats: boolean
  /** True when `count_int`, `zero_count_int`, `negative_deltas` or `positive_deltas` was. Both: refused. */
  readonly hasInts: boolean
  /** uint64 */
  readonly countHi: number
  readonly countLo: number
  readonly countFloat: number
  /** Bits of the double: it may be the stale marker. */
  readonly sumHi: number
  readonly sumLo: number
  readonly schema: number
  readonly zeroThreshold: number
  /** uint64 */
  readonly zeroCountHi: number
  readonly zeroCountLo: number
  readonly zeroCountFloat: number
  readonly resetHint: number
  /** `offset, length` two by two: int32, uint32. */
  readonly negativeSpans: ArrayLike<number>
  readonly positiveSpans: ArrayLike<number>
  /** int64; numbers where all of a list are within ±(2^53 − 1), else bigints. */
  readonly negativeDeltas: readonly number[] | readonly bigint[]
  readonly positiveDeltas: readonly number[] | readonly bigint[]
  readonly negativeCounts: readonly number[]
  readonly positiveCounts: readonly number[]
  readonly customValues: readonly number[]
}

const initial = 1024

/** The columns. Arrays are longer than what is in them: counts say how much holds. Whoever writes calls the `ensure…` methods first. */
export class WriteRequest {
  /** 1 or 2. */
  version = 1
  /** The plain body; valid until the request is translated. */
  body: Uint8Array = new Uint8Array(0)

  /** Symbols: bytes `symbolStart[i]` to `symbolEnd[i]` of `body`. In both versions symbol 0 is the empty text. */
  symbolCount = 0
  symbolStart = new Int32Array(initial)
  symbolEnd = new Int32Array(initial)

  /** Pairs of symbols: labels of series and of exemplars, in one list. */
  labelCount = 0
  labelName = new Int32Array(initial)
  labelValue = new Int32Array(initial)

  /** Series. What belongs to series `i` stands from `series…[i]` up to `series…[i + 1]`: these four have one entry more than there are series. */
  seriesCount = 0
  seriesLabels = new Int32Array(initial)
  seriesSamples = new Int32Array(initial)
  seriesHistograms = new Int32Array(initial)
  seriesExemplars = new Int32Array(initial)
  /** One of {@link SeriesFault}; labels of such a series are not all there. */
  seriesFault = new Uint8Array(initial)
  /** 2.0 only, else 0: {@link MetricType} (255: one beyond), symbols of help and unit, and `created_timestamp` of rc.0 to rc.3 in ms (0: not set). */
  seriesType = new Uint8Array(initial)
  seriesHelp = new Int32Array(initial)
  seriesUnit = new Int32Array(initial)
  seriesCreatedMs = new Float64Array(initial)

  sampleCount = 0
  sampleHi = new Int32Array(initial)
  sampleLo = new Int32Array(initial)
  sampleMs = new Float64Array(initial)
  /** 0: not set. rc.4 of 2.0 only. */
  sampleStartMs = new Float64Array(initial)

  /** Exemplars; labels of exemplar `i` from `exemplarLabels[i]` up to `exemplarLabelsEnd[i]`, in the list of labels behind those of all series. */
  exemplarCount = 0
  exemplarLabels = new Int32Array(initial)
  exemplarLabelsEnd = new Int32Array(initial)
  exemplarHi = new Int32Array(initial)
  exemplarLo = new Int32Array(initial)
  exemplarMs = new Float64Array(initial)

  histograms: NativeHistogram[] = []
  metadata: MetadataRecord[] = []

  /** Bytes of labels that may yet be read as text: the same symbol may be in every series, so that the body's size is no bound. */
  labelRoom = 0

  /** Float samples of a series. */
  floatsOf(series: number): number {
    return (this.seriesSamples[series + 1] as number) - (this.seriesSamples[series] as number)
  }

  /** Native histograms of a series. */
  nativesOf(series: number): number {
    return (this.seriesHistograms[series + 1] as number) - (this.seriesHistograms[series] as number)
  }

  exemplarsOf(series: number): number {
    return (this.seriesExemplars[series + 1] as number) - (this.seriesExemplars[series] as number)
  }

  /** Empties it for the next request; the memory stays, up to what an ordinary request needs. */
  clear(version: number, body: Uint8Array): void {
    this.version = version
    this.body = body
    this.symbolCount = 0
    this.labelCount = 0
    this.seriesCount = 0
    this.seriesLabels[0] = this.seriesSamples[0] = this.seriesHistograms[0] = this.seriesExemplars[0] = 0
    this.sampleCount = 0
    this.exemplarCount = 0
    this.histograms.length = 0
    this.metadata.length = 0
    const { symbolStart, labelName, seriesLabels, sampleMs, exemplarMs } = this
    const longest = Math.max(symbolStart.length, labelName.length, seriesLabels.length, sampleMs.length, exemplarMs.length)
    if (longest > largestKept) this.shrink()
  }

  ensureSymbols(count: number): void {
    if (count <= this.symbolStart.length) return
    this.symbolStart = grown(this.symbolStart, count)
    this.symbolEnd = grown(this.symbolEnd, count)
  }

  ensureLabels(count: number): void {
    if (count <= this.labelName.length) return
    this.labelName = grown(this.labelName, count)
    this.labelValue = grown(this.labelValue, count)
  }

  /** @param count series, to which one entry more is made where it is needed */
  ensureSeries(count: number): void {
    if (count + 1 <= this.seriesLabels.length) return
    const size = count + 1
    this.seriesLabels = grown(this.seriesLabels, size)
    this.seriesSamples = grown(this.seriesSamples, size)
    this.seriesHistograms = grown(this.seriesHistograms, size)
    this.seriesExemplars = grown(this.seriesExemplars, size)
    this.seriesHelp = grown(this.seriesHelp, size)
    this.seriesUnit = grown(this.seriesUnit, size)
    this.seriesFault = grownBytes(this.seriesFault, size)
    this.seriesType = grownBytes(this.seriesType, size)
    this.seriesCreatedMs = grownDoubles(this.seriesCreatedMs, size)
  }

  ensureSamples(count: number): void {
    if (count <= this.sampleMs.length) return
    this.sampleHi = grown(this.sampleHi, count)
    this.sampleLo = grown(this.sampleLo, count)
    this.sampleMs = grownDoubles(this.sampleMs, count)
    this.sampleStartMs = grownDoubles(this.sampleStartMs, count)
  }

  ensureExemplars(count: number): void {
    if (count <= this.exemplarMs.length) return
    this.exemplarLabels = grown(this.exemplarLabels, count)
    this.exemplarLabelsEnd = grown(this.exemplarLabelsEnd, count)
    this.exemplarHi = grown(this.exemplarHi, count)
    this.exemplarLo = grown(this.exemplarLo, count)
    this.exemplarMs = grownDoubles(this.exemplarMs, count)
  }

  private shrink(): void {
    Object.assign(this, new WriteRequest(), { version: this.version, body: this.body })
  }
}

/** Entries of a column that stay allocated between requests. */
const largestKept = 262_144

const sizeFor = (now: number, wanted: number): number => Math.max(wanted, now * 2)

function grown(column: Int32Array<ArrayBuffer>, wanted: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(sizeFor(column.length, wanted))
  larger.set(column)
  return larger
}

function grownBytes(column: Uint8Array<ArrayBuffer>, wanted: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(sizeFor(column.length, wanted))
  larger.set(column)
  return larger
}

function grownDoubles(column: Float64Array<ArrayBuffer>, wanted: number): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(sizeFor(column.length, wanted))
  larger.set(column)
  return larger
}
