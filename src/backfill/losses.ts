/** Which skipped items are a loss. A slice with one ends as `done_with_losses`. */

import type { Counts } from './ledger.ts'

/**
 * Reasons for leaving an item out that lose nothing: it is no item of this signal, it is there once already, it is another slice's, it was deleted, or it
 * was left out because somebody asked for that. Every other word counts as a loss, so that a forgotten one is seen. Append.
 */
export const harmlessSkips: ReadonlySet<string> = new Set([
  'not_a_span',
  'not_a_log',
  'duplicate_in_source',
  'other_window',
  'other_service',
  'outside_window',
  'duplicate',
  'duplicate_id',
  'document_of_another_index',
  'filtered',
  'tombstone',
  'stale_marker',
  'expired',
  'too_old',
  'in_live',
  'after_cutover',
  'seam_duplicate',
  'system_index',
  'apm_docs',
  'metrics_docs',
])

const sum = (reasons: Readonly<Record<string, number>>): number => Object.values(reasons).reduce((all, one) => all + one, 0)

/** Items that are gone: skipped by corruption and the like, refused, dead. Of the source and of OTLP, added up: 0 or not is what counts. */
export function losses(counts: Pick<Counts, 'skipped' | 'rejected' | 'dead'>): number {
  let lost = sum(counts.rejected) + sum(counts.dead)
  for (const [reason, items] of Object.entries(counts.skipped)) if (!harmlessSkips.has(reason)) lost += items
  return lost
}

/** The word for the largest part of the losses; `unknown` where none is told apart. */
export function mainLoss(counts: Pick<Counts, 'skipped' | 'rejected' | 'dead'>): string {
  let word = 'unknown'
  let items = 0
  for (const reasons of [counts.skipped, counts.rejected, counts.dead]) {
    for (const [reason, of] of Object.entries(reasons)) {
      if (of <= items || (reasons === counts.skipped && harmlessSkips.has(reason))) continue
      word = reason
      items = of
    }
  }
  return word
}
