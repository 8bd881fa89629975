/** A slice as it stands in Redis: a hash, of which the record and the intent are JSON with sums in hex. */

import { BridgeError } from '../../errors.ts'
import { addReasons, countsFromJson, countsToJson } from '../counts.ts'
import { canonicalJson, sumFromHex, sumToHex } from '../identity.ts'
import type { Intent, SliceRecord } from '../ledger.ts'
import type { Json, SliceSpec, SliceState } from '../model.ts'
import type { Held } from './steps.ts'

/** With the tag that the next write has to name. */
export interface Row extends Held {
  readonly tag: string
  /** Set anew when the slice was put back from the mirror. */
  readonly mark: string
  /** Counted beside the record, since somebody else than its owner counts it. */
  readonly aside: { readonly resent: number; readonly full: number }
}

/** A slice without a time comes before all that have one. */
const noTime = -1e15

export const fields = ['tag', 'mark', 'state', 'epoch', 'page', 'record', 'spec', 'order', 'intent', 'resent', 'full'] as const

export const specToJson = ({ key, group, fromMs, toMs, items, bytes }: SliceSpec): string =>
  canonicalJson({ key, group, fromMs: fromMs ?? null, toMs: toMs ?? null, items, bytes })

export function recordToJson({ record, stuck }: Held): string {
  const { cursor, owner, attempts, reason, error, startedMs, endedMs, counts } = record
  return JSON.stringify({
    cursor: cursor === undefined ? undefined : canonicalJson(cursor),
    owner,
    attempts,
    reason,
    error,
    startedMs,
    endedMs,
    counts: countsToJson(counts),
    stuck,
  })
}

export const intentToJson = (intent: Intent | undefined): string =>
  intent === undefined ? '' : JSON.stringify({ ...intent, sum: sumToHex(intent.sum) })

const intentFromJson = (text: string): Intent => {
  const { sum, ...intent } = JSON.parse(text) as Omit<Intent, 'sum'> & { readonly sum: string }
  return { ...intent, sink: intent.sink, sum: sumFromHex(sum) }
}

interface Kept {
  readonly cursor?: string
  readonly owner: string
  readonly attempts: number
  readonly reason: string
  readonly error: string
  readonly startedMs?: number
  readonly endedMs?: number
  readonly counts: string
  readonly stuck: number
}

/** Values of {@link fields} → the slice; undefined: it is not there. Throws OB_LEDGER for what is not what was written. */
export function rowOf(id: string, values: readonly (string | null)[]): Row | undefined {
  const [tag, mark, state, epoch, page, recordText, specText, order, intent, resent, full] = values
  if (typeof tag !== 'string') return undefined
  try {
    const { fromMs, toMs, ...spec } = JSON.parse(specText ?? '') as Omit<SliceSpec, 'fromMs' | 'toMs'> & {
      readonly fromMs: number | null
      readonly toMs: number | null
    }
    const { cursor, counts: countsText, stuck, ...kept } = JSON.parse(recordText ?? '') as Kept
    const bare = countsFromJson(countsText)
    const record: SliceRecord = {
      ...spec,
      fromMs: fromMs ?? undefined,
      toMs: toMs ?? undefined,
      id,
      order: Number(order),
      state: state as SliceState,
      cursor: cursor === undefined ? undefined : (JSON.parse(cursor) as Json),
      page: Number(page),
      epoch: Number(epoch),
      owner: kept.owner,
      attempts: kept.attempts,
      reason: kept.reason,
      error: kept.error,
      startedMs: kept.startedMs,
      endedMs: kept.endedMs,
      counts: bare,
    }
    return {
      tag,
      mark: mark ?? '',
      record,
      intent: typeof intent === 'string' ? intentFromJson(intent) : undefined,
      stuck,
      aside: { resent: Number(resent ?? 0), full: Number(full ?? 0) },
    }
  } catch (cause) {
    throw new BridgeError('OB_LEDGER', `cannot read slice ${id} out of Redis: it is not what was written`, { place: id, cause })
  }
}

/** The record with what was counted beside it. */
export function wholeRecord({ record, aside }: Row): SliceRecord {
  if (aside.resent === 0 && aside.full === 0) return record
  const { counts } = record
  const notes = aside.full === 0 ? counts.notes : addReasons(counts.notes, { dead_letters_full: aside.full })
  return { ...record, counts: { ...counts, resent: counts.resent + aside.resent, notes } }
}

const isOpen = (state: SliceState): boolean => state === 'pending' || state === 'running'

/** Place among the unfinished ones that have a time; empty: it is none. */
export const openPlace = ({ state, fromMs, counts }: SliceRecord): string =>
  isOpen(state) && fromMs !== undefined ? String(counts.maxMs ?? fromMs) : ''

/** Place among those that wait; empty: it does not. */
export const todoPlace = ({ state, fromMs }: SliceRecord): string => (state === 'pending' ? String(fromMs ?? noTime) : '')
