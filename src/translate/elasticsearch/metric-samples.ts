/** `metricset.samples` of documents of APM Server: numbers as a list of objects, of which Elasticsearch makes fields by an ingest pipeline. */

import { textOf, textToString } from '../../otlp/attributes.ts'
import { type AnyValue, type KeyValue, ValueType } from '../../otlp/model.ts'

export interface Sample {
  readonly name: string
  /** UCUM where it is one that Elasticsearch has a word for; '' for none. */
  readonly unit: string
  /** `gauge`, `counter`; '' for none. */
  readonly type: string
  /** An Int or a Double. */
  readonly value: AnyValue
}

/** Units of Elasticsearch that are written in another way by OpenTelemetry. */
const units: ReadonlyMap<string, string> = new Map([
  ['byte', 'By'],
  ['percent', '1'],
  ['m', 'min'],
  ['micros', 'us'],
  ['nanos', 'ns'],
])

/** Reads the samples; undefined when one of them is no single number (histograms, summaries), or has something else besides. */
export function readSamples(list: readonly AnyValue[]): readonly Sample[] | undefined {
  const samples: Sample[] = []
  for (const one of list) {
    const sample = one.type === ValueType.KvList ? sampleOf(one.ref as readonly KeyValue[]) : undefined
    if (sample === undefined) return undefined
    samples.push(sample)
  }
  return samples
}

function sampleOf(members: readonly KeyValue[]): Sample | undefined {
  let name = ''
  let unit = ''
  let type = ''
  let value: AnyValue | undefined
  for (const member of members) {
    const isNumber = member.type === ValueType.Int || member.type === ValueType.Double
    if (member.key.text === 'value' && isNumber) {
      value = member
      continue
    }
    const text = textOf(member)
    if (text === undefined) return undefined
    if (member.key.text === 'name') name = textToString(text)
    else if (member.key.text === 'unit') unit = textToString(text)
    else if (member.key.text === 'type') type = textToString(text)
    else return undefined
  }
  return name === '' || value === undefined ? undefined : { name, unit: units.get(unit) ?? unit, type, value }
}
