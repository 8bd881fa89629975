/** Families of OpenMetrics text → OTLP, through what all sources of Prometheus share. Samples without a time are left out: none is made up. */

import { Samples } from '../../../read/prometheus-tsdb/samples.ts'
import type { SourceDeps } from '../../source.ts'
import type { PageBuilder } from '../payload-page.ts'
import { parseMetadata } from '../prometheus-metadata.ts'
import { createPrometheusPoints } from '../prometheus-points.ts'
import type { PageSeries } from '../prometheus-series.ts'
import { commentOf, sampleOf, type TextSample } from './openmetrics-lines.ts'
import type { RecordsTranslator } from './translator.ts'

/** An ordinary NaN, as Prometheus writes it; text does not tell it from a marker of staleness. */
const nanHi = 0x7ff80000
const nanLo = 1

interface Family {
  readonly series: Map<string, { readonly labels: readonly string[]; readonly list: TextSample[] }>
  /** As `/api/v1/metadata` has it. */
  readonly metadata: Record<string, { type: string; help: string; unit: string }[]>
}

function readFamily(text: string, where: string, page: PageBuilder): Family {
  const family: Family = { series: new Map(), metadata: {} }
  for (const line of text.split('\n')) {
    if (line === '') continue
    if (line.startsWith('#')) {
      const said = commentOf(line)
      if (said === undefined) continue
      const [entry = { type: '', help: '', unit: '' }] = family.metadata[said.family] ?? []
      if (said.word === 'TYPE') entry.type = said.text.trim()
      else if (said.word === 'HELP') entry.help = said.text
      else entry.unit = said.text.trim()
      Object.defineProperty(family.metadata, said.family, { value: [entry], enumerable: true, configurable: true })
      continue
    }
    const sample = sampleOf(line)
    if (sample === undefined || sample.ms === undefined) {
      page.read++
      const reason = sample === undefined ? 'not_a_sample' : 'no_timestamp'
      page.skip(reason, 1, {
        where,
        message: `${reason === 'no_timestamp' ? 'the line has no time' : 'the line is no sample'}: ${line.slice(0, 100)}`,
      })
      continue
    }
    if (sample.hasExemplar) page.note('exemplar_left_out', 1)
    const key = [sample.name, ...sample.labels].join('\u0000')
    const found = family.series.get(key)
    if (found === undefined) family.series.set(key, { labels: labelsOf(sample), list: [sample] })
    else found.list.push(sample)
  }
  return family
}

/** With `__name__`, ascending. */
function labelsOf({ name, labels }: TextSample): readonly string[] {
  const pairs: [string, string][] = [['__name__', name]]
  for (let at = 0; at < labels.length; at += 2) pairs.push([labels[at] as string, labels[at + 1] as string])
  return pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).flat()
}

const view = new DataView(new ArrayBuffer(8))

function samplesOf(list: readonly TextSample[], where: string, page: PageBuilder): Samples {
  const samples = new Samples()
  const sorted = list.map((sample, at) => ({ ms: sample.ms ?? 0, value: sample.value, at })).sort((a, b) => a.ms - b.ms || a.at - b.at)
  sorted.forEach(({ ms, value }, at) => {
    // Of several at one time the last counts, as the last one scraped would.
    if (sorted[at + 1]?.ms === ms) {
      page.read++
      page.skip('duplicate_in_source', 1, { where, message: `two samples at ${ms}` })
      return
    }
    view.setFloat64(0, value)
    const isNan = Number.isNaN(value)
    samples.push(ms, isNan ? nanHi : view.getInt32(0), isNan ? nanLo : view.getInt32(4), 0, undefined)
  })
  return samples
}

/** Creates the translator of families; see `familyRecords`. */
export async function createOpenMetricsTranslator(deps: SourceDeps): Promise<RecordsTranslator> {
  const translate = deps.translate.prometheus
  const mapping = translate.mapping === undefined ? undefined : (await deps.userMapping?.(translate.mapping, 'prometheus'))?.metrics
  let metadata = parseMetadata({}, 'file')
  const points = createPrometheusPoints({
    translate,
    mapping,
    version: deps.version,
    metadata: {
      of: (name) => metadata.of(name),
      get size() {
        return metadata.size
      },
    },
  })
  return (records, page, whereOf) =>
    records.map((record) => {
      const where = whereOf(record)
      const family = readFamily(Buffer.from(record.bytes).toString(), where, page)
      metadata = parseMetadata(family.metadata, 'file')
      const series: PageSeries[] = [...family.series.values()].map(({ labels, list }) => {
        const samples = samplesOf(list, where, page)
        return { labels, samples, from: 0, to: samples.count }
      })
      if (series.length === 0) return false
      const made = points.translate({ series, bytes: record.bytes.length, where })
      page.read += made.read
      for (const { signal, items, data } of made.requests) page.request(signal, items, data)
      for (const [reason, count] of Object.entries(made.skipped)) {
        const fault = made.faults.find((one) => one.reason === reason)
        page.skip(reason, count, fault)
      }
      for (const [reason, count] of Object.entries(made.notes ?? {})) page.note(reason, count)
      if (made.minMs !== undefined) page.time(made.minMs)
      if (made.maxMs !== undefined) page.time(made.maxMs)
      return made.translated > 0
    })
}
