/** Which OTLP shape a Prometheus type has: section 4 of the mapping. */

import { MetricType } from './model.ts'

/** What a backend tells metrics of one name apart by. */
export type MetricShape = 'gauge' | 'counter' | 'sum' | 'histogram' | 'summary'

/** The shape of a metric by its type. `counter` is a monotonic sum, `sum` one that is not. Numbers that are no type: gauge. */
export function shapeOf(type: number): MetricShape {
  switch (type) {
    case MetricType.Counter:
      return 'counter'
    case MetricType.Histogram:
      return 'histogram'
    case MetricType.Summary:
      return 'summary'
    case MetricType.Info:
    case MetricType.StateSet:
      return 'sum'
    default:
      return 'gauge'
  }
}
