/** What destinations say when they refuse: a word for the reason, whether it is about age, what they did with the rest, and what helps. */

/**
 * `atomic`: a refused request leaves nothing behind, or only what may be sent again (equal samples); `partial`: what was good in it is stored, and
 * sending it again would repeat it.
 */
export type DestinationKind = 'atomic' | 'partial' | 'unknown'

/** What a text says. */
export interface Rejection {
  /** A word for ledgers and reports. */
  readonly reason: string
  readonly kind: DestinationKind
  /** The destination takes nothing so old: with other items of that age it will be the same. */
  readonly age: boolean
  /** One limit holds for all that it has: what is older than something refused is refused as well. */
  readonly wholesale: boolean
  /** The setting of the destination that decides, in a sentence; empty where there is none. */
  readonly knob: string
}

interface Row extends Rejection {
  readonly pattern: RegExp
}

const row = (pattern: RegExp, kind: DestinationKind, reason: string, knob = '', age = false, wholesale = false): Row => ({
  pattern,
  kind,
  reason,
  knob,
  age,
  wholesale,
})

const prometheusWindow = 'Prometheus: storage.tsdb.out_of_order_time_window must reach back to the oldest sample (it can be reloaded)'
const mimirWindow = 'Mimir: limits.out_of_order_time_window of the tenant must reach back to the oldest sample'
const lokiChunks =
  'Loki: entries more than half of ingester.max_chunk_age older than the newest of their stream are refused; raise it, or give history streams of its own'
const lokiAge = 'Loki: limits_config.reject_old_samples: false, or a longer reject_old_samples_max_age'
const grace = 'the clock of whoever wrote them was ahead'

/** First match wins: what names its program stands before what several may say. */
const table: readonly Row[] = [
  row(/entry too far behind/i, 'partial', 'too_far_behind', lokiChunks, true),
  row(/greater_than_max_sample_age|has timestamp too old/i, 'partial', 'too_old', lokiAge, true, true),
  row(/has timestamp too new/i, 'partial', 'too_new', `Loki: limits_config.creation_grace_period; ${grace}`),
  row(/max entry size|line_too_long/i, 'partial', 'line_too_long', 'Loki: limits_config.max_line_size, or max_line_size_truncate'),
  row(/entry out of order/i, 'partial', 'out_of_order', lokiChunks),
  row(/total ignored: \d+ out of \d+/i, 'partial', 'refused_by_loki'),
  row(/err-mimir-(?:sample-)?timestamp-too-old/i, 'atomic', 'too_old', mimirWindow, true, true),
  row(/err-mimir-(?:sample-)?out-of-order/i, 'atomic', 'out_of_order', mimirWindow),
  row(/err-mimir-(?:sample-)?duplicate-timestamp/i, 'atomic', 'duplicate_sample'),
  row(/err-mimir-too-far-in-future|past_grace_period.*future/i, 'atomic', 'too_new', `Mimir: creation_grace_period; ${grace}`),
  row(/past_grace_period/i, 'atomic', 'too_old', 'Mimir: limits.past_grace_period', true, true),
  row(
    /err-mimir-[a-z-]+/i,
    'atomic',
    'refused_by_mimir',
    "Mimir: its runbook has a paragraph on each err-mimir-… code, with the limit's name",
  ),
  row(/too far in the future/i, 'atomic', 'too_new', grace),
  row(/out of bounds/i, 'atomic', 'out_of_bounds', prometheusWindow, true, true),
  row(/too old sample|sample too old/i, 'atomic', 'too_old', prometheusWindow, true, true),
  // Not age: what is sent a second time is out of order as well.
  row(/out of order/i, 'atomic', 'out_of_order', prometheusWindow),
  row(/duplicate sample for timestamp/i, 'atomic', 'duplicate_sample'),
  row(/observations found in buckets|histogram's|invalid temporality|normalization for metric/i, 'atomic', 'destination_error'),
  row(
    /timestamp_error|time stamp .* outside|outside of the range of the current|is not within the accepted range/i,
    'unknown',
    'too_old',
    'Elasticsearch: index.look_back_time of the data stream (7d at the most), or time_series.start_time',
    true,
  ),
  row(/max_bytes_per_trace|trace_too_large|TRACE_TOO_LARGE/i, 'unknown', 'trace_too_large', 'Tempo: overrides max_bytes_per_trace'),
]

/** Of a text that nobody knows. @param reason the word to use then: `http_400` */
export function classifyRejection(text: string, reason: string): Rejection {
  return table.find(({ pattern }) => pattern.test(text)) ?? { reason, kind: 'unknown', age: false, wholesale: false, knob: '' }
}

/** True when a request is larger than its reader allows: a half of it may be taken. */
export const isTooLarge = (status: number, text: string): boolean =>
  status === 413 || /(?:request body|message|payload|content) (?:is )?(?:too large|larger than)|too large a request/i.test(text)

/** Items of one request that a partial destination refused, by reason. */
export interface Ignored {
  readonly reasons: Readonly<Record<string, number>>
  readonly items: number
}

/**
 * How many of the `sent` items of one stream the text says were not taken; undefined when it does not say.
 *
 * Loki leaves out what it cannot validate (`2 errors like: … has timestamp too new`) before it looks at the order (`total ignored: 1 out of 2`), and
 * tells but the last of these: what is missing in `out of` fell to the first. Of several streams it tells only one: send each by itself.
 */
export function ignoredIn(text: string, sent: number): Ignored | undefined {
  const counted = [...text.matchAll(/total ignored: (\d+) out of (\d+)/g)]
  const reasons: Record<string, number> = {}
  let items = 0
  const add = (reason: string, count: number): void => {
    const some = Math.min(count, sent - items)
    if (some <= 0) return
    reasons[reason] = (reasons[reason] ?? 0) + some
    items += some
  }
  if (counted.length > 0) {
    let seen = 0
    for (const [, ignored, of] of counted) {
      add(classifyRejection(text, 'refused_by_loki').reason, Number(ignored))
      seen += Number(of)
    }
    if (counted.length === 1) add('invalid', sent - seen)
    return { reasons, items }
  }
  for (const [, count, words] of text.matchAll(/(\d+) errors like: ([^;]*)/g))
    add(classifyRejection(words ?? '', 'invalid').reason, Number(count))
  if (items > 0) return { reasons, items }
  const { reason, kind } = classifyRejection(text, '')
  if (kind !== 'partial') return undefined
  // One fault comes without a count.
  add(reason, 1)
  return { reasons, items }
}

/** The limit of age that a text names, ms: `oldest acceptable timestamp is: 2026-11-22T03:50:13Z`. */
export function oldestAcceptable(text: string): number | undefined {
  const [, time] = /oldest acceptable timestamp is:? ([0-9T:.+Z-]+)/.exec(text) ?? []
  const ms = time === undefined ? Number.NaN : Date.parse(time)
  return Number.isNaN(ms) ? undefined : ms
}
