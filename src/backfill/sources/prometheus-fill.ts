/** Series of a page → the columns of a remote-write request, the form in which everything of Prometheus is translated. */

import type { Samples } from '../../read/prometheus-tsdb/samples.ts'
import { type NativeHistogram, SeriesFault, WriteRequest } from '../../translate/prometheus/model.ts'
import { type LabelText, labelOf } from './prometheus-series.ts'

const firstBytes = 64 * 1024

/** Where labels were put that {@link RequestFiller.labels} took in. */
export interface LabelPlace {
  readonly from: number
  readonly to: number
}

/** Fills one request after the other; the request is its own, and valid until `begin`. */
export class RequestFiller {
  readonly request = new WriteRequest()
  private body = Buffer.allocUnsafeSlow(firstBytes)
  private used = 0
  private readonly symbols = new Map<LabelText, number>()
  /** Symbols of the labels of all series, each once. */
  private names = new Int32Array(1024)
  private values = new Int32Array(1024)
  private labelCount = 0

  begin(): void {
    const { request } = this
    if (this.body.length > 16 * firstBytes) this.body = Buffer.allocUnsafeSlow(firstBytes)
    request.clear(2, this.body)
    this.used = 0
    this.symbols.clear()
    this.labelCount = 0
    this.symbol('')
  }

  /** Takes in the labels of a series, for one or more entries of it. @param more name, value, … of labels that it gets unless it has them */
  labels(labels: readonly LabelText[], more: readonly string[]): LabelPlace {
    const from = this.labelCount
    this.ensureLabels(from + (labels.length + more.length) / 2)
    for (let at = 0; at < labels.length; at += 2) this.label(labels[at] as LabelText, labels[at + 1] as LabelText)
    for (let at = 0; at < more.length; at += 2) {
      if (labelOf(labels, more[at] as string) === '') this.label(more[at] as string, more[at + 1] as string)
    }
    return { from, to: this.labelCount }
  }

  /** Begins an entry: a series, or a part of it. */
  entry({ from, to }: LabelPlace): void {
    const { request, names, values } = this
    const at = request.seriesCount
    let label = request.labelCount
    request.ensureLabels(label + to - from)
    request.ensureSeries(at + 1)
    request.seriesLabels[at] = label
    for (let i = from; i < to; i++, label++) {
      request.labelName[label] = names[i] as number
      request.labelValue[label] = values[i] as number
    }
    request.labelCount = label
    request.seriesLabels[at + 1] = label
    request.seriesSamples[at + 1] = request.sampleCount
    request.seriesHistograms[at + 1] = request.histograms.length
    request.seriesExemplars[at + 1] = 0
    request.seriesFault[at] = SeriesFault.None
    request.seriesType[at] = 0
    request.seriesHelp[at] = 0
    request.seriesUnit[at] = 0
    request.seriesCreatedMs[at] = 0
    request.seriesCount = at + 1
  }

  /** Adds float samples to the entry. @param starts those of samples `from` to `to`, instead of their own */
  floats({ ms, hi, lo, startMs }: Samples, from: number, to: number, starts?: Float64Array): void {
    const { request } = this
    const at = request.sampleCount
    const count = to - from
    request.ensureSamples(at + count)
    if (count > 8) {
      request.sampleHi.set(hi.subarray(from, to), at)
      request.sampleLo.set(lo.subarray(from, to), at)
      request.sampleMs.set(ms.subarray(from, to), at)
      request.sampleStartMs.set(starts ?? startMs.subarray(from, to), at)
    } else {
      for (let i = 0; i < count; i++) {
        request.sampleHi[at + i] = hi[from + i] as number
        request.sampleLo[at + i] = lo[from + i] as number
        request.sampleMs[at + i] = ms[from + i] as number
        request.sampleStartMs[at + i] = (starts === undefined ? startMs[from + i] : starts[i]) as number
      }
    }
    request.sampleCount = at + count
    request.seriesSamples[request.seriesCount] = at + count
  }

  sample(ms: number, hi: number, lo: number, startMs: number): void {
    const { request } = this
    const at = request.sampleCount
    request.ensureSamples(at + 1)
    request.sampleHi[at] = hi
    request.sampleLo[at] = lo
    request.sampleMs[at] = ms
    request.sampleStartMs[at] = startMs
    request.sampleCount = at + 1
    request.seriesSamples[request.seriesCount] = at + 1
  }

  histogram(one: NativeHistogram): void {
    const { request } = this
    request.histograms.push(one)
    request.seriesHistograms[request.seriesCount] = request.histograms.length
  }

  /** To be called when all is in it. */
  end(): WriteRequest {
    this.request.body = this.body.subarray(0, this.used)
    return this.request
  }

  private label(name: LabelText, value: LabelText): void {
    this.names[this.labelCount] = this.symbol(name)
    this.values[this.labelCount++] = this.symbol(value)
  }

  private ensureLabels(count: number): void {
    if (count <= this.names.length) return
    const [names, values] = [this.names, this.values]
    this.names = new Int32Array(count * 2)
    this.values = new Int32Array(count * 2)
    this.names.set(names)
    this.values.set(values)
  }

  private symbol(text: LabelText): number {
    const known = this.symbols.get(text)
    if (known !== undefined) return known
    const { request } = this
    const at = request.symbolCount
    request.ensureSymbols(at + 1)
    const most = typeof text === 'string' ? text.length * 3 : text.length
    if (this.used + most > this.body.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(this.body.length * 2, this.used + most))
      larger.set(this.body.subarray(0, this.used))
      this.body = larger
    }
    request.symbolStart[at] = this.used
    if (typeof text === 'string') this.used += this.body.write(text, this.used)
    else {
      this.body.set(text, this.used)
      this.used += text.length
    }
    request.symbolEnd[at] = this.used
    request.symbolCount = at + 1
    this.symbols.set(text, at)
    return at
  }
}
