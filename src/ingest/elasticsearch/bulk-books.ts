/** The books of documents: each that is received is translated, refused, used up or held, once; and what else is counted about them. */

import type { Signal } from '../../otlp/intake.ts'
import type { Cell, FormatBooks } from '../../telemetry/metrics.ts'
import type { AdapterDeps } from '../adapter.ts'
import { createItemBooks } from '../receive.ts'
import type { BulkResults } from './bulk-results.ts'
import { actionNames } from './decode-action.ts'
import type { Notices } from './notices.ts'
import type { Tally } from './tally.ts'

/** Label of the books of documents that come over HTTP. */
export const formatName = 'es-bulk'

/** Where requests wait that were translated, and for which the queue has no room. */
const waiting = 'backpressure'

export interface BulkBooks {
  /** What is good in a request is about to be handed to the queue; `taken` or `lost` is called for it, and `waits` before that. */
  offered(tally: Tally): void
  /** It waits for room from now on, or does no longer. */
  waits(tally: Tally, sign: 1 | -1): void
  /** The queue has it, and its sender will hear of all items. */
  taken(tally: Tally): void
  /** The queue has not, for this reason; the sender was told, or is gone. */
  lost(tally: Tally, reason: string): void
  /** The queue has not, and need not: the old side has it, and the sender was told so. */
  shed(tally: Tally): void
  /** What was wrong in a request: part of `taken`, to be called alone when nothing in it was good. */
  settled(tally: Tally): void
  /** Results as they were told. */
  results(results: BulkResults): void
}

export function createBulkBooks(deps: AdapterDeps, notices: Notices): BulkBooks {
  const { metrics } = deps
  const logs = createItemBooks(formatName, deps, 'refused', 'logs')
  const bySignal = new Map<Signal, FormatBooks>([['logs', logs.books]])
  const results = new Map<number, Cell>()
  const repeated = (action: string) => metrics.counter('otlp_bridge_elasticsearch_duplicate_ids_total', { action })
  const [again, alsoIndexed] = [repeated('create'), repeated('index')]
  const system = metrics.counter('otlp_bridge_elasticsearch_system_docs_discarded_total')
  const apmSpans = metrics.counter('otlp_bridge_elasticsearch_apm_spans_total')
  const named: Readonly<Record<string, Cell>> = {
    timestamp_invalid: metrics.counter('otlp_bridge_elasticsearch_timestamp_invalid_total'),
    bigint_as_string: metrics.counter('otlp_bridge_elasticsearch_bigint_as_string_total'),
    key_conflict: metrics.counter('otlp_bridge_elasticsearch_key_conflict_total'),
    rename_collision: metrics.counter('otlp_bridge_elasticsearch_rename_collision_total'),
    metrics_as_logs: metrics.counter('otlp_bridge_elasticsearch_metrics_as_logs_total'),
  }

  const booksOf = (signal: Signal): FormatBooks => {
    let books = bySignal.get(signal)
    if (books === undefined) bySignal.set(signal, (books = metrics.books(formatName, signal)))
    return books
  }

  const settled = (tally: Tally): void => {
    for (const [reason, count] of tally.refused) {
      logs.books.received.value += count
      logs.lost(reason).value += count
    }
    for (const [reason, count] of tally.consumed) {
      logs.books.received.value += count
      logs.consumed(reason).value += count
      if (reason === 'duplicate_id') again.value += count
      else if (reason === 'system_index') system.value += count
    }
    alsoIndexed.value += tally.repeated
    for (const [reason, count] of tally.notes) {
      const cell = named[reason]
      if (cell !== undefined) cell.value += count
      else logs.notes([{ reason, count }])
    }
    for (const [name, count] of tally.pipelines) notices.pipeline(name, count)
  }

  return {
    offered(tally) {
      for (const [signal, { items }] of tally.signals) booksOf(signal).received.value += items
    },
    waits(tally, sign) {
      for (const [signal, { items }] of tally.signals) booksOf(signal).held(waiting).value += sign * items
    },
    taken(tally) {
      for (const [signal, { items, services }] of tally.signals) {
        booksOf(signal).translated.value += items
        if (signal === 'traces') apmSpans.value += items
        logs.clients(services)
      }
      settled(tally)
    },
    lost(tally, reason) {
      for (const [signal, { items }] of tally.signals) booksOf(signal).refused(reason).value += items
    },
    shed(tally) {
      for (const [signal, { items }] of tally.signals) booksOf(signal).dropped('shed_full').value += items
    },
    settled,
    results(all) {
      for (const { kind, status, count } of all.counts()) {
        const key = status * 4 + kind
        let cell = results.get(key)
        if (cell === undefined) {
          const labels = { action: actionNames[kind] ?? '', status: String(status) }
          results.set(key, (cell = metrics.counter('otlp_bridge_elasticsearch_items_total', labels)))
        }
        cell.value += count
      }
    },
  }
}
