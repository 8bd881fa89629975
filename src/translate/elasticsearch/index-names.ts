/** What an index name says of the documents in it: sections 5.8 and 7 of the mapping. */

/** What kind of documents an index holds. */
export const IndexKind = {
  /** Everything that is none of the others. */
  Logs: 0,
  /** `metrics-*`, `metricbeat-*` */
  Metrics: 1,
  /** `traces-apm*`, and transactions and spans of APM Server 7 */
  ApmTraces: 2,
  /** `logs-apm.error*`, and errors of APM Server 7 */
  ApmErrors: 3,
  /** `metrics-apm*`, and metrics of APM Server 7 */
  ApmMetrics: 4,
  /** `jaeger-span-*` and what else Jaeger stores, with a prefix, too */
  Jaeger: 5,
  /** Names that begin with a dot */
  System: 6,
  /** `profiling-*` */
  Profiling: 7,
} as const

/** The parts of a data stream's name. */
export interface DataStream {
  readonly type: string
  readonly dataset: string
  readonly namespace: string
}

export interface IndexInfo {
  readonly name: string
  /** One of {@link IndexKind}. */
  readonly kind: number
  /** Undefined when the name is not `<type>-<dataset>-<namespace>` of a known type. */
  readonly dataStream: DataStream | undefined
}

/** Elasticsearch allows 255 bytes. */
const longestName = 1024

/** Neither data sets nor namespaces have dashes in them. */
const dataStreamName = /^(logs|metrics|traces|synthetics)-([^-<>{}]+)-([^-<>{}]+)$/

/** The index behind a data stream, as hits of a search name it; without the date before Elasticsearch 7.11. */
const backingIndex = /^\.ds-(.+?)-(?:\d{4}\.\d\d\.\d\d-)?\d{6,}$/

/** Date and roll-over are looked at where a name has something in front, for it might be that of logs about Jaeger. */
const jaegerIndex =
  /^(?:jaeger-(?:span|service|dependencies|sampling)-|.+-jaeger-(?:span|service)-(?:archive-)?(?:\d{4}.\d\d.\d\d|\d{6}|write$|read$))/

const apmIndex = /^apm-.*-(transaction|span|error|metric)/

const ofApm: Readonly<Record<string, number>> = {
  transaction: IndexKind.ApmTraces,
  span: IndexKind.ApmTraces,
  error: IndexKind.ApmErrors,
  metric: IndexKind.ApmMetrics,
}

function kindOf(name: string): number {
  if (name.startsWith('.')) return IndexKind.System
  if (name.startsWith('traces-apm')) return IndexKind.ApmTraces
  if (name.startsWith('logs-apm.error')) return IndexKind.ApmErrors
  if (name.startsWith('metrics-apm')) return IndexKind.ApmMetrics
  if (name.startsWith('metrics-') || name.startsWith('metricbeat-')) return IndexKind.Metrics
  if (name.startsWith('profiling-')) return IndexKind.Profiling
  const part = apmIndex.exec(name)?.[1]
  if (part !== undefined) return ofApm[part] ?? IndexKind.Logs
  return jaegerIndex.test(name) ? IndexKind.Jaeger : IndexKind.Logs
}

/**
 * What a name says. Date math (`<metricbeat-{now/d}>`) is not resolved, and the index behind a data stream (`.ds-…`) is of the stream's kind.
 * Slow: for callers that keep it.
 */
export function indexInfo(name: string): IndexInfo {
  if (name.length > longestName) return { name, kind: IndexKind.Logs, dataStream: undefined }
  const plain = backingIndex.exec(name)?.[1] ?? (name.startsWith('<') ? name.slice(1) : name)
  const [, type, dataset, namespace] = dataStreamName.exec(plain) ?? []
  const isStream = type !== undefined && dataset !== undefined && namespace !== undefined
  return { name, kind: kindOf(plain), dataStream: isStream ? { type, dataset, namespace } : undefined }
}
