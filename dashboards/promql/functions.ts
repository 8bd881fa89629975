/** What functions and aggregations do to the scale of their operand: the table of section 6.2. */

/**
 * `keep`: as the operand; `square`: twice; `one`: it counts, and has no scale; `bounds`: that of the bounds of buckets; `restore`: the operand has to have its old scale.
 */
export type Scale = 'keep' | 'square' | 'one' | 'bounds' | 'bounds squared' | 'restore'

interface FunctionRow {
  readonly scale: Scale
  /** Place of the operand among the arguments; default 0. */
  readonly operand?: number | undefined
  /** Over a range, it makes histograms of histograms. */
  readonly linear?: boolean | undefined
  /** Over histograms: the result is a number. */
  readonly takesHistogram?: boolean | undefined
}

const rows = (names: string, row: FunctionRow): [string, FunctionRow][] => names.split(' ').map((name) => [name, row])

const functions: ReadonlyMap<string, FunctionRow> = new Map([
  ...rows('rate irate increase delta idelta avg_over_time sum_over_time last_over_time first_over_time', { scale: 'keep', linear: true }),
  ...rows('deriv predict_linear double_exponential_smoothing min_over_time max_over_time stddev_over_time mad_over_time', {
    scale: 'keep',
  }),
  ...rows('abs scalar vector label_replace label_join sort_by_label sort_by_label_desc info', { scale: 'keep' }),
  ['quantile_over_time', { scale: 'keep', operand: 1 }],
  ['stdvar_over_time', { scale: 'square' }],
  ...rows('count_over_time present_over_time changes resets absent absent_over_time timestamp start_timestamp sgn', { scale: 'one' }),
  ...rows('ts_of_max_over_time ts_of_min_over_time ts_of_first_over_time ts_of_last_over_time time pi', { scale: 'one' }),
  ['histogram_count', { scale: 'one', takesHistogram: true }],
  ...rows('histogram_avg histogram_sum histogram_stddev', { scale: 'bounds', takesHistogram: true }),
  ['histogram_stdvar', { scale: 'bounds squared', takesHistogram: true }],
  ['histogram_quantile', { scale: 'bounds', operand: 1, takesHistogram: true }],
  ['histogram_quantiles', { scale: 'bounds', operand: 0, takesHistogram: true }],
  ['histogram_fraction', { scale: 'one', operand: 2, takesHistogram: true }],
])

const other: FunctionRow = { scale: 'restore' }

export const functionRow = (name: string): FunctionRow => functions.get(name.toLowerCase()) ?? other

const aggregations: ReadonlyMap<string, Scale> = new Map<string, Scale>([
  ...['sum', 'avg', 'min', 'max', 'topk', 'bottomk', 'quantile', 'stddev', 'limitk', 'limit_ratio'].map((op) => [op, 'keep'] as const),
  ['stdvar', 'square'],
  ['count', 'one'],
  ['group', 'one'],
  ['count_values', 'restore'],
])

export const aggregationScale = (op: string): Scale => aggregations.get(op) ?? 'restore'
