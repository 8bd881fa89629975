/** A panel without its product: what a panel of Kibana asks and how it shows it, before it is written as one of Grafana. */

import type { LogQuery } from '../logql/query.ts'
import type { ItemKind, Language, Note, Status } from '../model.ts'
import type { IndexView } from './data-views.ts'
import type { NumberStyle } from './units.ts'
import type { Json } from './value.ts'

export type PanelType =
  | 'timeseries'
  | 'barchart'
  | 'stat'
  | 'gauge'
  | 'bargauge'
  | 'table'
  | 'piechart'
  | 'heatmap'
  | 'logs'
  | 'text'
  | 'geomap'

export interface Step {
  readonly color: string
  /** From here on; null: from the beginning. */
  readonly value: number | null
}

/** How one series is drawn, where it differs from its panel. */
export interface SeriesStyle extends NumberStyle {
  readonly color?: string | undefined
  readonly axis?: 'left' | 'right' | undefined
  readonly draw?: 'line' | 'bars' | 'points' | undefined
  /** 0 to 100. */
  readonly fill?: number | undefined
  readonly lineWidth?: number | undefined
  readonly stack?: 'none' | 'normal' | 'percent' | undefined
  readonly hiddenInLegend?: boolean | undefined
}

/** One query of the source: one item of the report. */
export interface Asked {
  /** Unique in the panel: `series/61ca`, `metric/1`. */
  readonly id: string
  /** Ids of its metrics in its layer's query; percentiles are one query and several metrics. */
  readonly metrics: readonly string[]
  readonly where: string
  readonly title: string
  readonly before: string
  readonly language: Language
  readonly style: SeriesStyle
  /** What the groups' values are joined by, behind the query: TSVB's series aggregation. */
  readonly joined?: 'sum' | 'avg' | 'min' | 'max' | undefined
  /** Legend, where the source has a template for it; `{{label}}` of the documents' field names. */
  readonly legend?: string | undefined
  /** At least this bad, whatever becomes of the query. */
  readonly floor: Status
  readonly notes: readonly Note[]
}

/** Queries that share documents and groups. */
export interface Layer {
  readonly id: string
  /** Undefined: nothing that could be asked; notes of `asked` say why. */
  readonly query: LogQuery | undefined
  readonly asked: readonly Asked[]
  /** Data view of its documents; `timeField`: the field of time, where the panel names another than the view. */
  readonly view?: IndexView | undefined
  readonly timeField?: string | undefined
}

/** How a panel shows what it asks. */
export interface Display extends NumberStyle {
  readonly legend?: 'right' | 'bottom' | 'hidden' | undefined
  readonly draw?: 'line' | 'bars' | 'points' | undefined
  readonly fill?: number | undefined
  readonly lineWidth?: number | undefined
  readonly interpolation?: 'linear' | 'smooth' | 'stepAfter' | undefined
  readonly stack?: 'none' | 'normal' | 'percent' | undefined
  readonly horizontal?: boolean | undefined
  readonly axisTitle?: string | undefined
  readonly isLog?: boolean | undefined
  readonly min?: number | undefined
  readonly max?: number | undefined
  readonly steps?: readonly Step[] | undefined
  /** Lines at the steps rather than colours of values. */
  readonly stepLines?: boolean | undefined
  /** What is coloured by the steps. */
  readonly colour?: 'none' | 'value' | 'background' | undefined
  readonly trend?: boolean | undefined
  /** How a series becomes one number. */
  readonly reducer?: string | undefined
  readonly donut?: boolean | undefined
  /** Titles of columns and labels: field of the documents → title. */
  readonly columns?: ReadonlyMap<string, string> | undefined
  /** Columns of a table that stand across: field. */
  readonly transpose?: string | undefined
  /** Column by which a table is sorted: title; true: from high to low. */
  readonly sort?: { readonly column: string; readonly desc: boolean } | undefined
  /** Of gaps: lines go on over them. */
  readonly spanGaps?: boolean | undefined
}

/** A constant drawn over a graph. */
export interface ReferenceLine {
  readonly title: string
  readonly value: number
  readonly color?: string | undefined
}

/** Something around queries that the report has a word about. */
export interface PartNote {
  readonly kind: ItemKind
  readonly id: string
  readonly title: string
  readonly status: Status
  readonly before: string
  readonly after: string | undefined
  readonly notes: readonly Note[]
}

/** A query that lives beside the panels: annotations. */
export interface AnnotationQuery {
  readonly id: string
  readonly name: string
  readonly color: string | undefined
  readonly query: LogQuery | undefined
  readonly asked: Asked
}

export interface NeutralPanel {
  readonly type: PanelType
  readonly layers: readonly Layer[]
  readonly display: Display
  readonly lines: readonly ReferenceLine[]
  readonly annotations: readonly AnnotationQuery[]
  /** Of a text panel: Markdown. */
  readonly text?: string | undefined
  readonly parts: readonly PartNote[]
  /** True: it cannot be shown at all; a placeholder stands in its place. */
  readonly isPlaceholder: boolean
  /** Of a placeholder: why. */
  readonly notes: readonly Note[]
  /** Placeholders show this. */
  readonly original?: Json | undefined
  /** Buckets of the source are at least that wide: `1m`. */
  readonly minInterval?: string | undefined
}

export const emptyPanel: NeutralPanel = {
  type: 'text',
  layers: [],
  display: {},
  lines: [],
  annotations: [],
  parts: [],
  isPlaceholder: false,
  notes: [],
}
