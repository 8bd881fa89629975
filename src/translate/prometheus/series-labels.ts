/** The labels of one series as text, checked: section 3 of the mapping. Runs when a series is first met, not for each sample. */

import { SeriesFault, type WriteRequest } from './model.ts'
import { createTextCache } from './text-cache.ts'

/** How much of one series is taken. Bytes are of UTF-8. */
export interface SeriesLimits {
  readonly labels: number
  readonly nameBytes: number
  readonly valueBytes: number
}

export const defaultSeriesLimits: SeriesLimits = { labels: 1000, nameBytes: 1024, valueBytes: 65_536 }

export type Label = readonly [name: string, value: string]

/** Why a series, or something in it, is refused: a label value of the counters, and a sentence for the sender. */
export interface Refusal {
  readonly reason: string
  readonly why: string
}

export interface SeriesLabels {
  /** Value of `__name__`. */
  readonly name: string
  /** All labels with a value, `__name__` among them, by name in ascending order. */
  readonly labels: readonly Label[]
}

const texts = createTextCache()
const lenient = new TextDecoder('utf-8', { ignoreBOM: true })

/** Bytes of all labels of one series: so many values of the longest. */
const longValues = 4

/**
 * Bytes of labels of one request that are read: those of series that are met for the first time. Without it a table of few symbols would become
 * gigabytes of text, as every series may refer to the longest.
 */
export const maxLabelBytes = 32 * 1024 * 1024

/** Longest text of a series in a message. */
const shownLength = 300

const textOf = (request: WriteRequest, symbol: number): string | undefined =>
  texts.read(request.body, request.symbolStart[symbol] as number, request.symbolEnd[symbol] as number)

/** Help and units, bytes: twice what is remembered of help, in the longest characters. */
const maxTextBytes = 16_384

/** Help or unit of a request. Of a text that is too long the first part: nothing may hold on to all of it. */
export function metaText(request: WriteRequest, symbol: number): string {
  const start = request.symbolStart[symbol] as number
  const end = Math.min(request.symbolEnd[symbol] as number, start + maxTextBytes)
  return texts.read(request.body, start, end) ?? lenient.decode(request.body.subarray(start, end))
}

const bytesOf = (request: WriteRequest, symbol: number): number =>
  (request.symbolEnd[symbol] as number) - (request.symbolStart[symbol] as number)

/** `{__name__="up", job="node"}` of a series, as far as it fits into a message. Never throws. */
export function describeSeries(request: WriteRequest, series: number): string {
  const from = request.seriesLabels[series] as number
  const to = request.seriesLabels[series + 1] as number
  let text = ''
  for (let at = from; at < to && text.length < shownLength; at++) {
    const part = (symbol: number): string => {
      const start = request.symbolStart[symbol] as number
      const end = Math.min(request.symbolEnd[symbol] as number, start + shownLength)
      return lenient.decode(request.body.subarray(start, end))
    }
    text += `${text === '' ? '' : ', '}${part(request.labelName[at] as number)}=${JSON.stringify(part(request.labelValue[at] as number))}`
  }
  return text.length > shownLength ? `{${text.slice(0, shownLength)}…}` : `{${text}}`
}

const byName = (left: Label, right: Label): number => (left[0] < right[0] ? -1 : left[0] > right[0] ? 1 : 0)

/** Reads and checks the labels of a series. Labels without a value are absent labels, as in Prometheus; order does not matter. */
export function readLabels(request: WriteRequest, series: number, limits: SeriesLimits): SeriesLabels | Refusal {
  const from = request.seriesLabels[series] as number
  const to = request.seriesLabels[series + 1] as number
  if (request.seriesFault[series] === SeriesFault.TooManyLabels || to - from > limits.labels) {
    return { reason: 'too_many_labels', why: `it has more than ${limits.labels} labels` }
  }
  let bytes = 0
  for (let at = from; at < to; at++) {
    const nameBytes = bytesOf(request, request.labelName[at] as number)
    const valueBytes = bytesOf(request, request.labelValue[at] as number)
    if (nameBytes > limits.nameBytes) {
      return { reason: 'label_name_too_long', why: `a label name is longer than ${limits.nameBytes} bytes` }
    }
    if (valueBytes > limits.valueBytes) {
      return { reason: 'label_value_too_long', why: `a label value is longer than ${limits.valueBytes} bytes` }
    }
    bytes += nameBytes + valueBytes
  }
  if (bytes > longValues * limits.valueBytes) {
    return { reason: 'labels_too_large', why: `its labels have ${bytes} bytes, more than ${longValues * limits.valueBytes}` }
  }
  if (bytes > request.labelRoom) {
    return { reason: 'request_labels_too_large', why: `the labels of new series in this request have more than ${maxLabelBytes} bytes` }
  }
  request.labelRoom -= bytes
  const labels: Label[] = []
  let name = ''
  let before = ''
  let isSorted = true
  for (let at = from; at < to; at++) {
    const nameSymbol = request.labelName[at] as number
    const valueSymbol = request.labelValue[at] as number
    const label = textOf(request, nameSymbol)
    const value = textOf(request, valueSymbol)
    if (label === undefined || value === undefined) return { reason: 'invalid_utf8', why: 'a label is not UTF-8' }
    if (label === '') return { reason: 'empty_label_name', why: 'a label has no name' }
    if (value === '') continue
    if (label === '__name__') {
      if (bytesOf(request, valueSymbol) > limits.nameBytes) {
        return { reason: 'name_too_long', why: `its name is longer than ${limits.nameBytes} bytes` }
      }
      name = value
    }
    if (label <= before) isSorted = false
    before = label
    labels.push([label, value])
  }
  // Senders sort them. Sorted ones are there once each.
  if (!isSorted) {
    labels.sort(byName)
    for (let at = 1; at < labels.length; at++) {
      const label = (labels[at] as Label)[0]
      if (label === (labels[at - 1] as Label)[0]) return { reason: 'duplicate_label', why: `it has label ${JSON.stringify(label)} twice` }
    }
  }
  if (name === '') return { reason: 'no_name', why: 'it has no metric name (label __name__)' }
  return { name, labels }
}

/** `1`, `1.0`, `+Inf` of a label `le` or `quantile` as a number; undefined when it is none. */
export function boundOf(text: string): number | undefined {
  if (/^\+?inf(inity)?$/i.test(text)) return Number.POSITIVE_INFINITY
  if (!/^[+-]?(\d|\.\d)/.test(text)) return undefined
  const value = Number(text)
  return Number.isNaN(value) ? undefined : value
}

/** What is removed from the series of HA pairs. */
export interface ReplicaLabels {
  readonly enabled: boolean
  readonly clusterLabel: string
  readonly replicaLabels: readonly string[]
}

/** The labels of a series without those that name the replica; all of them where it belongs to no cluster, as nobody is elected there. */
export function withoutReplica(labels: readonly Label[], { enabled, clusterLabel, replicaLabels }: ReplicaLabels): readonly Label[] {
  if (!enabled || !labels.some(([name]) => name === clusterLabel)) return labels
  return labels.filter(([name]) => !replicaLabels.includes(name))
}
