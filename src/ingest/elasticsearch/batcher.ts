/** Documents in, encoded batches out: decode, translate and encode, for whatever protocol brings them. Section 5 to 7 of the mapping. */

import { isUtf8 } from 'node:buffer'
import { isBridgeError } from '../../errors.ts'
import { slice, sliceToString } from '../../otlp/attributes.ts'
import { type ChunkPool, freeWhole } from '../../otlp/encode/chunks.ts'
import { encodeLogs } from '../../otlp/encode/logs.ts'
import { encodeMetrics } from '../../otlp/encode/metrics.ts'
import { encodeTraces } from '../../otlp/encode/traces.ts'
import { createSizeGuess, ReverseWriter } from '../../otlp/encode/writer.ts'
import { LogRecords } from '../../otlp/logs.ts'
import type { Text } from '../../otlp/model.ts'
import { millisToNanos, type Words } from '../../otlp/time.ts'
import { ApmSpans } from '../../translate/elasticsearch/apm.ts'
import type { ElasticsearchTranslateConfig } from '../../translate/elasticsearch/config.ts'
import { createDocumentIndex, type DocumentIndex as Index } from '../../translate/elasticsearch/document-index.ts'
import { DocumentKind, documentKind } from '../../translate/elasticsearch/document-kind.ts'
import { createFieldTable } from '../../translate/elasticsearch/fields.ts'
import { GaugePoints } from '../../translate/elasticsearch/gauges.ts'
import { IndexKind } from '../../translate/elasticsearch/index-names.ts'
import { Leaves } from '../../translate/elasticsearch/model.ts'
import { type FieldOptions, ruleOf } from '../../translate/elasticsearch/names.ts'
import { createPlans, type FieldPlan } from '../../translate/elasticsearch/plans.ts'
import { type DocumentContext, type LogCounts, LogTranslator, type NamedRow } from '../../translate/elasticsearch/to-otlp.ts'
import { type DocumentBatcher, DocumentFate, type DocumentIds, type DocumentMeta, type DocumentPart } from '../documents.ts'
import { DocumentDecoder, type DocumentLimits } from './decode-document.ts'
import { IndexCounts } from './index-counts.ts'
import { createMetadata, type Metadata, metadataRule } from './metadata.ts'
import type { Notices } from './notices.ts'
import { createServiceCounter } from './services.ts'

export interface DocumentBatcherOptions {
  readonly limits: DocumentLimits
  readonly translate: ElasticsearchTranslateConfig
  /** The user's own rules for fields. */
  readonly fields?: FieldOptions['fields']
  /** Documents bring `@metadata` of their own, as Beats send them. */
  readonly metadata?: boolean
  /** Told of documents of metrics that become log records, and of pipelines in `@metadata`. */
  readonly notices?: Notices | undefined
  /** Wall clock in milliseconds. */
  readonly nowMs: () => number
  readonly chunks?: ChunkPool | undefined
}

const Backslash = 0x5c
/** Names of indices that are kept, and the longest of them: Elasticsearch allows 255 bytes. */
const mostIndices = 10_000
const longestIndex = 255
/** Memory for a copy of a piece that is kept. */
const keptCopy = 4 * 1024 * 1024
/** A guess at what a span takes; a wrong one costs a copy. */
const spanBytes = 1024
/** The same for a data point. */
const pointBytes = 256
/** What a record has beside its document: times, keys, lengths. */
const recordBytes = 64
const noBytes = new Uint8Array(0)
const noRows: readonly NamedRow[] = []

/** Creates a {@link DocumentBatcher}. */
export function createDocumentBatcher(options: DocumentBatcherOptions): DocumentBatcher {
  const { translate, limits } = options
  const rules: FieldOptions = { renames: translate.ecs.renames, fields: options.fields }
  const plans = createPlans((path) => (options.metadata === true ? metadataRule(path) : undefined) ?? ruleOf(path, rules))
  const table = createFieldTable<FieldPlan>({ plan: plans.plan, onForget: plans.forget, onRenew: plans.renew })
  const leaves = new Leaves()
  const records = new LogRecords()
  const decoder = new DocumentDecoder(table, leaves, limits, { keepEmpty: translate.keepEmpty })
  const metadata = options.metadata === true ? createMetadata(leaves) : undefined
  const translator = new LogTranslator(records, leaves, plans, {
    body: translate.body,
    nested: translate.nested,
    epoch: translate.epoch,
    indexAttribute: translate.indexAttribute,
    deriveServiceName: translate.serviceName.derive,
    strictTimestamp: translate.strictTimestamp,
    maxResources: translate.maxResources,
    parseBody: translate.parseJsonBody
      ? (start, end) => (end - start < 2 ? undefined : decoder.members(text.slice(start, end)))
      : undefined,
  })
  const spans = new ApmSpans(plans, { ...translate, deriveServiceName: translate.serviceName.derive })
  const gauges =
    translate.metricsDocs === 'gauges'
      ? new GaugePoints(plans, { ...translate, deriveServiceName: translate.serviceName.derive })
      : undefined
  const writer = new ReverseWriter(options.chunks)
  const guess = createSizeGuess()
  const countServices = createServiceCounter()
  const indices = new Map<string, Index>()
  const logIndices = new IndexCounts()
  const spanIndices = new IndexCounts()
  const pointIndices = new IndexCounts()
  const received: Words = { hi: 0, lo: 0 }

  let copy: Uint8Array = noBytes
  let piece: Uint8Array = noBytes
  let text: Uint8Array = noBytes
  let isText = true
  let documents = 0
  let pointDocuments = 0
  let sourceBytes = 0
  let weight = 0
  let ids: DocumentIds | undefined
  /** The document has an id that `ids` are to keep when it is taken. */
  let isNewId = false
  let metricsAsLogs = 0
  let reason = ''
  let message = ''

  const indexOf = (name: string): Index => {
    let found = indices.get(name)
    if (found === undefined) {
      found = createDocumentIndex(name, translate.indexAttribute === 'record')
      if (name.length > longestIndex) return found
      if (indices.size >= mostIndices) indices.clear()
      indices.set(name, found)
    }
    return found
  }

  /** Bytes that may be unescaped in place: those of the piece belong to whoever mirrors it. */
  const working = (bytes: Uint8Array): Uint8Array => {
    if (!bytes.includes(Backslash)) return bytes
    if (copy.length < bytes.length) copy = new Uint8Array(Math.max(bytes.length, 64 * 1024))
    copy.set(bytes)
    return copy.subarray(0, bytes.length)
  }

  const refuse = (why: string, words: string): number => {
    reason = why
    message = words
    return DocumentFate.Refused
  }

  const discard = (why: string): number => {
    reason = why
    return DocumentFate.Discarded
  }

  /** What the name of the index alone decides; −1 when that is nothing. */
  const byIndex = (index: DocumentContext['index']): number => {
    switch (index?.kind) {
      case IndexKind.System:
        return translate.systemIndices === 'discard' ? discard('system_index') : -1
      case IndexKind.Jaeger:
        return refuse('jaeger', 'spans of Jaeger are not taken here: send them to the Jaeger endpoint of the bridge, ingest.jaeger')
      case IndexKind.Profiling:
        return refuse('profiling', 'profiles are not taken')
      default:
        return -1
    }
  }

  const asSpan = (markers: number, about: DocumentContext): number => {
    switch (translate.apmDocs) {
      case 'spans':
        // Without ids or a duration it is no span.
        if (!spans.add(leaves, text, markers, about)) return -1
        spanIndices.add(about.index?.name, 1)
        return DocumentFate.Span
      case 'logs':
        return -1
      case 'drop':
        return discard('apm_docs')
      case 'reject':
        return refuse('apm_docs', 'documents of Elastic APM are not taken (translate.elasticsearch.apmDocs)')
    }
  }

  const asPoints = (markers: number, about: DocumentContext): boolean => {
    if (gauges === undefined) return false
    const before = gauges.points.count
    if (!gauges.add(leaves, text, markers, about)) return false
    pointDocuments++
    pointIndices.add(about.index?.name, gauges.points.count - before)
    return true
  }

  const asMetrics = (markers: number, about: DocumentContext): number => {
    switch (translate.metricsDocs) {
      case 'gauges':
      case 'logs':
        if (asPoints(markers, about)) return DocumentFate.Points
        metricsAsLogs++
        options.notices?.metricsAsLogs(about.index?.dataStream?.dataset ?? about.index?.name ?? '')
        return -1
      case 'drop':
        return discard('metrics_docs')
      case 'reject':
        return refuse('metrics_docs', 'documents of metrics are not taken (translate.elasticsearch.metricsDocs)')
    }
  }

  /** What is done with a document that is no log; −1: a log record is made of it. */
  const byKind = (kind: number, markers: number, about: DocumentContext): number =>
    kind === DocumentKind.Span ? asSpan(markers, about) : asMetrics(markers, about)

  /** Makes of the document in the leaves what it is. */
  const append = (markers: number, about: DocumentContext, bytes: number): number => {
    weight += bytes + recordBytes + (about.index?.withStream.length ?? 0) + about.pipeline.length
    const kind = documentKind(about.index?.kind ?? IndexKind.Logs, markers, leaves, text)
    if (kind !== DocumentKind.Log) {
      const fate = byKind(kind, markers, about)
      if (fate >= 0) return fate
    }
    if (!translator.add(about, received.hi, received.lo)) return refuse('timestamp', '@timestamp cannot be read')
    documents++
    sourceBytes += bytes
    logIndices.add(about.index?.name, 1)
    return DocumentFate.Log
  }

  const refusal = (error: unknown): number => {
    if (!isBridgeError(error)) throw error
    const why =
      error.code === 'OB_LIMIT_DEPTH'
        ? 'depth'
        : error.code === 'OB_LIMIT_LENGTH'
          ? 'length'
          : error.code === 'OB_LIMIT_ITEMS'
            ? 'fields'
            : 'json'
    return refuse(why, error.message)
  }

  /** The text of a row of `@metadata`; '' without one. */
  const textOf = (row: number): string => (row < 0 ? '' : sliceToString(text, leaves.a[row] as number, leaves.b[row] as number))

  /** What a document says of itself in `@metadata`; undefined when it came before. */
  const ownContext = (own: Metadata): DocumentContext | undefined => {
    own.read()
    const indexRow = own.row('raw_index') >= 0 ? own.row('raw_index') : own.row('index')
    const name = textOf(indexRow)
    const idRow = own.row('_id') >= 0 ? own.row('_id') : own.row('id')
    const id: Text = idRow < 0 ? '' : slice(text, leaves.a[idRow] as number, leaves.b[idRow] as number)
    isNewId = ids !== undefined && id !== '' && textOf(own.row('op_type')) === 'create'
    if (isNewId && ids?.has(name, id) === true) return undefined
    const typeRow = own.row('type')
    const type = textOf(typeRow)
    const pipeline = textOf(own.row('pipeline'))
    if (pipeline !== '') options.notices?.pipeline(pipeline, 1)
    return {
      index: name === '' ? undefined : indexOf(name),
      id,
      pipeline,
      named: type === '' || type === 'doc' || type === '_doc' ? noRows : [{ name: 'beats.type', row: typeRow }],
    }
  }

  const context = (meta: DocumentMeta, named: readonly NamedRow[]): DocumentContext => {
    const id =
      typeof meta.id === 'string' || meta.id.source === piece || meta.id.source === text
        ? meta.id
        : sliceToString(meta.id.source, meta.id.start, meta.id.end)
    return { index: meta.index as Index | undefined, id, pipeline: meta.pipeline, named }
  }

  const clear = (): void => {
    records.clear()
    spans.clear()
    gauges?.clear()
    pointDocuments = 0
    logIndices.clear()
    spanIndices.clear()
    pointIndices.clear()
    decoder.close()
    documents = 0
    sourceBytes = 0
    weight = 0
    piece = noBytes
    text = noBytes
    if (copy.length > keptCopy) {
      freeWhole(copy)
      copy = noBytes
    }
  }

  return {
    index: indexOf,
    get weight() {
      return weight
    },
    get reason() {
      return reason
    },
    get message() {
      return message
    },
    open(bytes) {
      piece = bytes
      isText = isUtf8(bytes)
      text = working(bytes)
      records.open(text)
      decoder.open(text)
      millisToNanos(options.nowMs(), received)
    },
    add(start, end, meta) {
      const decided = byIndex(meta.index as Index | undefined)
      if (decided >= 0) return decided
      if (!isText && !isUtf8(piece.subarray(start, end))) return refuse('utf8', 'it is not UTF-8')
      try {
        if (!decoder.read(start, end)) return refuse('not_object', 'it is no JSON object')
      } catch (error) {
        return refusal(error)
      }
      const markers = translator.survey()
      if (metadata === undefined) return append(markers, context(meta, noRows), end - start)
      const about = ownContext(metadata)
      if (about === undefined) return discard('duplicate')
      const decidedByOwn = byIndex(about.index)
      if (decidedByOwn >= 0) return decidedByOwn
      const fate = append(markers, about, end - start)
      if (isNewId && fate < DocumentFate.Discarded) ids?.keep()
      return fate
    },
    addRaw(start, end, meta, attribute, why) {
      const bytes = piece.subarray(start, end)
      const body = isUtf8(bytes) ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString() : bytes.slice()
      translator.addRaw(body, context(meta, noRows), attribute, why, received.hi, received.lo)
      documents++
      sourceBytes += end - start
      logIndices.add((meta.index as Index | undefined)?.name, 1)
      weight += end - start + recordBytes
    },
    remember(whom) {
      ids = whom
    },
    notes() {
      const all: Record<string, number> = { metrics_as_logs: metricsAsLogs }
      for (const counts of [translator.counts, spans.counts, ...(gauges === undefined ? [] : [gauges.counts])]) {
        for (const reason of Object.keys(counts) as (keyof LogCounts)[]) {
          all[reason] = (all[reason] ?? 0) + counts[reason]
          counts[reason] = 0
        }
      }
      metricsAsLogs = 0
      return Object.entries(all).flatMap(([reason, count]) => (count === 0 ? [] : [{ reason, count }]))
    },
    take(): readonly DocumentPart[] {
      const parts: DocumentPart[] = []
      if (records.count > 0) {
        const data = encodeLogs(records, writer, guess.expected(sourceBytes))
        guess.learn(sourceBytes, data.length)
        const services = countServices(records)
        parts.push({ signal: 'logs', items: records.count, documents, data, services, indices: logIndices.take() })
      }
      if (spans.count > 0) {
        const { traces, spans: items, services } = spans.take()
        const data = encodeTraces(traces, writer, spanBytes * items)
        parts.push({ signal: 'traces', items, documents: items, data, services, indices: spanIndices.take() })
      }
      if (gauges !== undefined && gauges.points.count > 0) {
        const { points } = gauges
        const data = encodeMetrics(points, writer, pointBytes * points.count)
        const services = gauges.services()
        parts.push({ signal: 'metrics', items: points.count, documents: pointDocuments, data, services, indices: pointIndices.take() })
      }
      clear()
      return parts
    },
    clear,
  }
}
