/** Kinds of inputs and what converts them. A new kind is one line here. */

import type { Converted } from './model.ts'
import type { Context } from './options.ts'

export interface Source {
  /** As given, relative to the folder that was given; for reports and names of outputs. */
  readonly path: string
  readonly text: string
}

export interface Converter {
  /** `grafana-dashboard`, `prometheus-rules`, … as --from takes it. */
  readonly kind: string
  readonly family: 'dashboards' | 'alerts'
  /** What the kind is, in a few words. */
  readonly title: string
  convert(source: Source, context: Context): Converted
}
