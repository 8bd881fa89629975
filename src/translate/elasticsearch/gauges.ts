/**
 * Documents of metrics → gauges, with `metricsDocs: gauges`: section 7 of the mapping. Each number of a document is a point, named by its path; what
 * else the document says are attributes of its points, and their resource.
 *
 * Left out: `event.created`, `event.ingested` and the document's own id, which would make a series of each document.
 */

import { textToString, valueToString } from '../../otlp/attributes.ts'
import { longestService, type ServiceCount } from '../../otlp/batch.ts'
import { encodeAttributes, encodeMetric, encodeScope, resourceOf } from '../../otlp/encode/metric-parts.ts'
import { mapKey } from '../../otlp/map-key.ts'
import { attributeTag, type EncodedMetric, type EncodedResource, MetricData, MetricPoints } from '../../otlp/metrics.ts'
import { type AnyValue, type KeyValue, ValueType } from '../../otlp/model.ts'
import { fromDouble, toSignedBigInt, type Words } from '../../otlp/time.ts'
import { DocumentParts } from './document-parts.ts'
import { LeafAttributes } from './leaf-attributes.ts'
import { readSamples, type Sample } from './metric-samples.ts'
import type { Leaves } from './model.ts'
import { isCoreName } from './placement.ts'
import { type FieldPlan, type Plans, planIn } from './plans.ts'
import { Role } from './rules.ts'
import type { Epoch } from './timestamps.ts'
import type { DocumentContext, IndexAttribute, LogCounts } from './to-otlp.ts'

export interface GaugeOptions {
  readonly epoch: Epoch
  readonly indexAttribute: IndexAttribute
  readonly deriveServiceName: boolean
  readonly maxResources: number
}

const Part = { Time: 0, Module: 1, Metricset: 2, Dataset: 3, StreamDataset: 4, Samples: 5 } as const

const parts: ReadonlyMap<string, number> = new Map([
  ['@timestamp', Part.Time],
  ['event.module', Part.Module],
  ['metricset.name', Part.Metricset],
  ['event.dataset', Part.Dataset],
  ['data_stream.dataset', Part.StreamDataset],
  ['metricset.samples', Part.Samples],
])

/** Numbers with these last names say which one it is, not how much of it. Those of a module's own fields are measured all the same. */
const identities: ReadonlySet<string> = new Set([
  'id',
  'pid',
  'ppid',
  'pgid',
  'vpid',
  'uid',
  'gid',
  'port',
  'status_code',
  'version',
  'number',
])

const labels = /^(?:numeric_)?labels\./

const noScope = encodeScope('', '', [], '')

/** Data points of documents, gathered for one request. */
export class GaugePoints {
  readonly counts: LogCounts
  /** What gathered; for `encodeMetrics`, while it is not cleared. */
  readonly points = new MetricPoints()
  private readonly options: GaugeOptions
  private readonly parts = new DocumentParts(parts)
  private readonly fields: LeafAttributes
  private metrics = new Map<string, EncodedMetric>()
  private resources = new Map<string, EncodedResource>()
  private serviceItems = new Map<string, number>()
  private readonly time: Words = { hi: 0, lo: 0 }
  private readonly words: Words = { hi: 0, lo: 0 }
  /** Rows that are points. */
  private readonly rows: number[] = []
  private prefixes: readonly string[] = []

  /** @param plans those that the fields of the leaves have */
  constructor(plans: Plans, options: GaugeOptions) {
    this.options = options
    this.fields = new LeafAttributes(plans)
    this.counts = this.fields.counts
  }

  /**
   * Makes points of the document in the leaves. False, and nothing is kept, when it has no numbers or no time that can be read, or something that
   * no gauge can hold: histograms and summaries, lists of numbers or objects, an integer that is no double. It is a log record then.
   * @param markers bits of `Marker` that the document has
   */
  add(leaves: Leaves, source: Uint8Array, markers: number, context: DocumentContext): boolean {
    const { parts, fields, points, rows } = this
    parts.open(leaves, source)
    const samples = this.samples(leaves)
    if (samples === undefined || !parts.time(Part.Time, this.options.epoch, this.time)) return false
    parts.use(Part.Time)
    this.prefixes = this.modulePrefixes()
    rows.length = 0
    for (let row = 0; row < leaves.count; row++) if (parts.used[row] === 0 && !this.look(leaves, row, markers)) return false
    if (rows.length === 0 && samples.length === 0) return false
    fields.fill(leaves, source, markers, { used: parts.used, bareLabels: false })
    this.about(leaves, markers, context)
    const resource = this.resource()
    const attributes = encodeAttributes(fields.attributes, attributeTag)
    const view = new DataView(attributes.buffer, attributes.byteOffset, attributes.byteLength)
    const put = (metric: EncodedMetric, hi: number, lo: number): void => {
      const at = points.add(resource, noScope, metric, undefined)
      points.attributes[at] = view
      points.attributesEnd[at] = attributes.length
      points.timeHi[at] = this.time.hi
      points.timeLo[at] = this.time.lo
      points.valueHi[at] = hi
      points.valueLo[at] = lo
    }
    for (const row of rows) {
      this.double(parts.at(row))
      put(this.metric(planAt(leaves, row, markers).rule.name, '', ''), this.words.hi, this.words.lo)
    }
    for (const { name, unit, type, value } of samples) {
      this.double(value)
      put(this.metric(name, unit, type), this.words.hi, this.words.lo)
    }
    this.countService(rows.length + samples.length)
    return true
  }

  /** Points by the `service.name` of their documents. */
  services(): readonly ServiceCount[] {
    return [...this.serviceItems].map(([service, items]) => ({ service, items }))
  }

  /** Forgets what gathered. */
  clear(): void {
    this.points.clear()
    this.parts.close()
    this.metrics = new Map()
    this.resources = new Map()
    this.serviceItems = new Map()
  }

  /** What APM Server sends as a list, by which nothing else is meant to be a number; undefined when it holds more than numbers. */
  private samples(leaves: Leaves): readonly Sample[] | undefined {
    const row = this.parts.row(Part.Samples)
    if (row < 0) return []
    if (leaves.types[row] !== ValueType.Array) return undefined
    const samples = readSamples(leaves.lists[leaves.a[row] as number] as readonly AnyValue[])
    if (samples?.every(({ value }) => this.double(value)) !== true) return undefined
    this.parts.used[row] = 1
    return samples
  }

  /** Below which fields all numbers are measured: `<module>.<metricset>`, or the data set, which is called so. */
  private modulePrefixes(): readonly string[] {
    const text = (part: number): string => {
      const found = this.parts.text(part)
      return found === undefined ? '' : textToString(found)
    }
    const module = text(Part.Module)
    const metricset = text(Part.Metricset)
    const names = [module !== '' && metricset !== '' ? `${module}.${metricset}` : '', text(Part.Dataset), text(Part.StreamDataset)]
    return names.filter((name) => name !== '').map((name) => `${name}.`)
  }

  /** Looks at a row: a point, an attribute, or left out. False when the document is none for gauges. */
  private look(leaves: Leaves, row: number, markers: number): boolean {
    const plan = planAt(leaves, row, markers)
    const { path, rule } = plan
    if (rule.role === Role.Dropped || rule.role === Role.Ignored) return true
    if (rule.role === Role.Observed && !plan.resource) {
      this.parts.used[row] = 1
      return true
    }
    const value = this.parts.at(row)
    const isNumber = value.type === ValueType.Int || value.type === ValueType.Double
    if (leaves.types[row] === ValueType.Array && !isNumber) {
      return rule.resource || labels.test(path) || (leaves.lists[leaves.a[row] as number] as readonly AnyValue[]).every(isWord)
    }
    if (!isNumber || !this.isMeasured(plan)) return true
    if (!this.double(value)) return false
    this.parts.used[row] = 1
    this.rows.push(row)
    return true
  }

  private isMeasured({ path, rule }: FieldPlan): boolean {
    for (const prefix of this.prefixes) if (path.startsWith(prefix)) return true
    return !rule.resource && !labels.test(path) && !identities.has(path.slice(path.lastIndexOf('.') + 1))
  }

  /** The words of a number as a double. False when it is an integer that is none. */
  private double({ type, a, b }: AnyValue): boolean {
    const { words } = this
    if (type === ValueType.Double) {
      words.hi = a
      words.lo = b
      return true
    }
    const value = a * 4294967296 + (b >>> 0)
    fromDouble(value, words)
    return Number.isSafeInteger(value) || BigInt(value) === toSignedBigInt(a, b)
  }

  private metric(name: string, unit: string, type: string): EncodedMetric {
    const key = mapKey(`${unit}\u0000${type}\u0000${name}`)
    let found = this.metrics.get(key)
    if (found === undefined) {
      const metadata = type === '' ? [] : [['elasticsearch.metric.type', type] as const]
      found = encodeMetric({ name, description: '', unit, data: MetricData.Gauge, monotonic: false, metadata })
      this.metrics.set(key, found)
    }
    return found
  }

  /** What is known of the document beside itself. */
  private about(leaves: Leaves, markers: number, context: DocumentContext): void {
    const { fields, options } = this
    fields.addContext(leaves, markers, context, options.indexAttribute)
    if (options.deriveServiceName) fields.deriveServiceName(leaves)
    fields.serviceFirst()
  }

  /** The resource, one object for equal ones; beyond the most there may be it keeps what tells who it is, and the rest goes to the points. */
  private resource(): EncodedResource {
    const { fields, options } = this
    const found = this.find(fields.resource, options.maxResources)
    if (found !== undefined) return found
    const core: KeyValue[] = []
    for (const one of fields.resource) (isCoreName(one.key.text) ? core : fields.attributes).push(one)
    return this.find(core, Number.POSITIVE_INFINITY) as EncodedResource
  }

  private find(attributes: readonly KeyValue[], most: number): EncodedResource | undefined {
    const resource = resourceOf(attributes)
    const { bytes } = resource
    const key = mapKey(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1'))
    const found = this.resources.get(key)
    if (found !== undefined) return found
    if (this.resources.size >= most) return undefined
    this.resources.set(key, resource)
    return resource
  }

  private countService(items: number): void {
    const [first] = this.fields.resource
    if (first?.key.text !== 'service.name') return
    const service = valueToString(first).slice(0, longestService)
    this.serviceItems.set(service, (this.serviceItems.get(service) ?? 0) + items)
  }
}

const planAt = (leaves: Leaves, row: number, markers: number): FieldPlan =>
  planIn((leaves.fields[row] as { readonly plan: FieldPlan }).plan, markers)

/** What can be an attribute of a point in a list: no number, and nothing nested. */
const isWord = ({ type }: AnyValue): boolean => type === ValueType.Text || type === ValueType.Bool || type === ValueType.Empty
