/**
 * A question to logs, whatever asked it: Grafana's Elasticsearch data source, Kibana (aggregation-based, TSVB, Lens), ElastAlert, Watcher, Kibana's
 * rules. And what becomes of it. Section 7.4 of the reference. Names of fields are those of the documents.
 */

import type { Strategy } from '../../src/translate/prometheus/back.ts'
import type { Filter } from '../filters/model.ts'
import type { Note, Status, Uses } from '../model.ts'
import type { FieldNaming } from '../naming/fields.ts'
import type { MetricNaming } from '../naming/metrics.ts'

/** One number made of documents. */
export interface Aggregate {
  readonly kind: 'aggregate'
  readonly op:
    | 'count'
    | 'sum'
    | 'avg'
    | 'min'
    | 'max'
    | 'median'
    /** `percent` says which. */
    | 'percentile'
    /** Share of documents with a value up to `threshold`, in percent. */
    | 'percentile_rank'
    | 'stddev'
    | 'variance'
    /** Number of different values. */
    | 'unique'
    /** The latest one. Of a text there is no number: a logs panel. */
    | 'last'
    /** Documents a second. */
    | 'rate'
    /** Whole documents: a logs panel. */
    | 'documents'
  /** Absent of `count`, `rate`, `documents`; `count` of a field counts documents that have it. */
  readonly field?: string | undefined
  /** 0 to 100. */
  readonly percent?: number | undefined
  readonly threshold?: number | undefined
  /** Only documents that it holds for: Lens' column filter, `count(kql='…')`. */
  readonly filter?: Filter | undefined
  /** How far back it looks, beside the query's own: `1w`. */
  readonly shift?: string | undefined
  /** True: the value is text (`last`). */
  readonly isText?: boolean | undefined
}

/** A number, or one made of others. */
export type Value =
  | Aggregate
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'arithmetic'; readonly op: '+' | '-' | '*' | '/' | '%' | '^'; readonly left: Value; readonly right: Value }
  | { readonly kind: 'compare'; readonly op: '>' | '>=' | '<' | '<=' | '==' | '!='; readonly left: Value; readonly right: Value }
  /** Value minus itself `lag` buckets ago. `positive`: what is below 0 is left out. `perSeconds`: for that many seconds; absent: for a bucket. */
  | {
      readonly kind: 'difference'
      readonly lag: number
      readonly positive: boolean
      readonly perSeconds?: number | undefined
      readonly of: Value
    }
  /** For that many seconds instead of a bucket: Lens' `normalizeByUnit`, TSVB's positive rate has it in `difference`. */
  | { readonly kind: 'per'; readonly seconds: number; readonly of: Value }
  /** Over several buckets: Grafana has to do it. `size`: number of buckets. */
  | {
      readonly kind: 'window'
      readonly fn: 'moving_avg' | 'cumulative_sum' | 'overall_avg' | 'overall_sum' | 'overall_min' | 'overall_max'
      readonly size?: number | undefined
      readonly of: Value
    }
  /** A function of a number that LogQL has not: Grafana's calculate-field. */
  | { readonly kind: 'function'; readonly name: 'abs' | 'round' | 'floor' | 'ceil' | 'sqrt' | 'ln' | 'exp'; readonly of: Value }
  /** Needs a counter: rate of a sum that only grows. */
  | { readonly kind: 'counter_rate'; readonly of: Aggregate; readonly perSeconds: number }
  /** Nothing that could be asked. `why`: a clause (`a script decides`). */
  | { readonly kind: 'unsupported'; readonly text: string; readonly why: string }

export interface Metric {
  /** Unique in the query: Grafana's and Kibana's id of it. */
  readonly id: string
  /** Shown as its name; undefined: there is none of its own. */
  readonly label?: string | undefined
  /** Only there for others: not shown. */
  readonly hidden?: boolean | undefined
  readonly value: Value
}

/** By what terms are ordered. */
export interface TermOrder {
  /** `count`, `key`, or id of a metric. */
  readonly by: 'count' | 'key' | { readonly metric: string }
  readonly direction: 'asc' | 'desc'
}

export interface RangeBucket {
  readonly from?: number | string | undefined
  readonly to?: number | string | undefined
  readonly label?: string | undefined
}

export type Bucket =
  /** Buckets of time. `interval` undefined: Grafana's own. `calendar`: months, weeks, days of a time zone. */
  | { readonly kind: 'time'; readonly interval?: string | undefined; readonly calendar?: boolean | undefined }
  /** One or several fields. `size` undefined: all. `include`, `exclude`: regular expressions of Lucene, or lists. */
  | {
      readonly kind: 'terms'
      readonly fields: readonly string[]
      readonly size?: number | undefined
      readonly order?: TermOrder | undefined
      readonly other?: boolean | undefined
      readonly missing?: boolean | undefined
      readonly include?: string | readonly string[] | undefined
      readonly exclude?: string | readonly string[] | undefined
    }
  | { readonly kind: 'filters'; readonly filters: readonly { readonly label: string; readonly filter: Filter }[] }
  | { readonly kind: 'histogram'; readonly field: string; readonly step: number }
  /** From (inclusive) to (exclusive); addresses as text, or a block in `from` alone. */
  | { readonly kind: 'ranges'; readonly field: string; readonly ranges: readonly RangeBucket[] }
  /** Date arithmetic in `from` and `to`: `now-1d`. */
  | { readonly kind: 'date_ranges'; readonly ranges: readonly RangeBucket[] }
  /** `significant_terms`, `geohash_grid`, … */
  | { readonly kind: 'unsupported'; readonly what: string; readonly field?: string | undefined }

export interface LogQuery {
  /** Index or pattern; undefined: unknown. */
  readonly index: string | undefined
  /** What all documents have to fit. */
  readonly filter: Filter
  /** In order. With none and shape `logs` the documents are shown. */
  readonly metrics: readonly Metric[]
  /** Outermost first. */
  readonly buckets: readonly Bucket[]
  /** `range`: over time; `instant`: one value for the whole time range; `logs`: the documents. */
  readonly shape: 'range' | 'instant' | 'logs'
  /** Of the ranges in brackets: `5m`. Undefined: that of the time bucket, else `$__interval` of `range`, `$__range` of `instant`. Alerts say it. */
  readonly interval?: string | undefined
  /** How far back everything looks: `1w`. */
  readonly shift?: string | undefined
  /** Most documents, of `logs`. */
  readonly limit?: number | undefined
  /** Field by which documents are ordered, other than time; direction of time. */
  readonly sort?: { readonly field?: string | undefined; readonly direction: 'asc' | 'desc' } | undefined
  /** Fields that are shown of documents; undefined: the line. */
  readonly columns?: readonly string[] | undefined
}

/** What is known of a variable of the dashboard. */
export interface QueryVariable {
  readonly name: string
  /** Several values, or "All", can be chosen. */
  readonly multi: boolean
}

/** What queries are made with. */
export interface LogContext {
  readonly fields: FieldNaming
  readonly metrics: MetricNaming
  /** The backend of metrics, for documents that became some. Default: one that keeps names, without promoted attributes. */
  readonly backend?: { readonly strategy: Strategy; readonly promoted: readonly string[] } | undefined
  /** Of the dashboard; empty for alerts. */
  readonly variables: readonly QueryVariable[]
  /** `loki`, or `elasticsearch-otel`, where only names change. */
  readonly flavour: 'loki' | 'elasticsearch-otel'
  /** For an alert: no transformations, no variables. */
  readonly alert: boolean
}

/** A transformation of Grafana that has to follow: `{ id: 'calculateField', options: {…} }`. */
export interface AfterStep {
  readonly id: string
  readonly options: Readonly<Record<string, unknown>>
}

/** One query that is written. */
export interface LogTarget {
  /** Id of the metric. */
  readonly metric: string
  /** Of several targets of one metric (filters, ranges, percentiles): the bucket's label. */
  readonly bucket?: string | undefined
  readonly language: 'logql' | 'promql'
  /** Empty: nothing can be written, and status is `unsupported`. */
  readonly expr: string
  readonly type: 'range' | 'instant'
  /** Legend format: `{{service_name}}`, `errors`; undefined: Grafana's own. */
  readonly legend: string | undefined
  /** Fixed step, where the source fixes its buckets. */
  readonly step?: string | undefined
  readonly hidden: boolean
  readonly status: Status
  readonly notes: readonly Note[]
}

export interface LogTargets {
  readonly targets: readonly LogTarget[]
  /** The worst of all. */
  readonly status: Status
  /** All notes, each once. */
  readonly notes: readonly Note[]
  readonly uses: Uses
  /** Transformations of Grafana, in order. */
  readonly afterSteps: readonly AfterStep[]
  /** Field of the documents → label or column that shows it. */
  readonly labels: Readonly<Record<string, string>>
  /** Result is lines, not numbers: a logs panel. */
  readonly isLogs: boolean
  /** Most lines. */
  readonly limit?: number | undefined
}
