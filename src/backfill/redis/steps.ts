/** What each step makes of a slice, by the laws of the ledger (../README.md); pure. */

import { BridgeError } from '../../errors.ts'
import { addCounts, addReasons, imbalance, noCounts, sumReasons } from '../counts.ts'
import { freshSlice } from '../fresh-slice.ts'
import type { Counts, DeadItem, DeadRecord, Intent, Release, SliceRecord, Step } from '../ledger.ts'
import { losses } from '../losses.ts'
import type { SliceSpec } from '../model.ts'

/** A slice with its intent. */
export interface Held {
  readonly record: SliceRecord
  readonly intent: Intent | undefined
  /** Takings from a worker that went silent, since a page was last acknowledged. */
  readonly stuck: number
}

const mostCursor = 2 ** 20
const mostText = 2000

/** Takings without progress, after which a slice is given up. */
const mostStuck = 3

/** Note in `counts.notes`: the slice was taken from a worker that went silent. */
export const takeoverNote = 'taken_over'

const bug = (what: string): BridgeError => new BridgeError('OB_INTERNAL', `BUG: ${what}`)

const fenced = (record: SliceRecord, epoch: number): BridgeError => {
  const now = record.state === 'running' ? `taken by ${record.owner}` : record.state
  return new BridgeError('OB_FENCED', `cannot write slice ${record.id} with epoch ${epoch}: it is ${now}, epoch ${record.epoch}`)
}

/** I4. Throws OB_FENCED. */
export function owned(held: Held, epoch: number): Held {
  if (held.record.state === 'running' && held.record.epoch === epoch) return held
  throw fenced(held.record, epoch)
}

/** A slice of a plan. */
export const newSlice = (id: string, order: number, spec: SliceSpec): Held => ({
  record: { ...freshSlice(id, spec), order },
  intent: undefined,
  stuck: 0,
})

/** It is this owner's from now on; what another had is taken over, which is counted, and given up when nobody gets on with it. */
export function taken({ record, intent, stuck }: Held, owner: string, nowMs: number): Held {
  const isTakeover = record.state === 'running'
  const tries = isTakeover ? stuck + 1 : stuck
  const counts = isTakeover ? { ...record.counts, notes: addReasons(record.counts.notes, { [takeoverNote]: 1 }) } : record.counts
  const base = { ...record, counts, epoch: record.epoch + 1, startedMs: record.startedMs ?? nowMs }
  if (tries >= mostStuck) {
    const error = `given up: ${tries} workers one after the other went silent at page ${record.page} of it`
    return { record: { ...base, state: 'failed', owner: '', reason: 'poison', error, endedMs: nowMs }, intent, stuck: 0 }
  }
  return {
    record: { ...base, state: 'running', attempts: record.attempts + 1, owner, reason: '', error: '', endedMs: undefined },
    intent,
    stuck: tries,
  }
}

/** I2. Throws OB_FENCED, and OB_INTERNAL for a step that cannot be. */
export function stepped(held: Held, epoch: number, { ack, intent, resent = 0 }: Step): Held {
  let { record, intent: out, stuck } = owned(held, epoch)
  const { id } = record
  if (ack !== undefined) {
    if (ack.page < record.page) throw bug(`page ${ack.page} of slice ${id} was acknowledged already, the next is ${record.page}`)
    if (JSON.stringify(ack.cursor).length > mostCursor) throw bug(`the cursor of slice ${id} is longer than ${mostCursor} characters`)
    record = { ...record, cursor: ack.cursor, page: ack.page + 1, counts: addCounts(record.counts, ack.counts) }
    out = undefined
    stuck = 0
  }
  if (resent > 0) record = { ...record, counts: { ...record.counts, resent: record.counts.resent + resent } }
  if (intent !== undefined) {
    if (intent.page !== record.page) throw bug(`page ${intent.page} of slice ${id} is intended, the next is ${record.page}`)
    out = intent
  }
  return { record, intent: out, stuck }
}

/** I6. Throws OB_FENCED, and OB_INTERNAL for a slice that is not done. */
export function ended(
  held: Held,
  epoch: number,
  state: 'done' | 'done_with_losses' | 'failed',
  reason: string,
  error: string,
  nowMs: number,
): Held {
  const { record, intent } = owned(held, epoch)
  const { counts, id } = record
  if (state !== 'failed') {
    const wrong = intent === undefined ? imbalance(counts) : 'a page is out'
    if (wrong !== undefined) throw bug(`slice ${id} cannot be ${state}: ${wrong}`)
    if (state === 'done' && (losses(counts) > 0 || counts.srcSum !== counts.ackSum)) throw bug(`slice ${id} cannot be done: it has losses`)
  }
  return { record: { ...record, state, reason, error: error.slice(0, mostText), owner: '', endedMs: nowMs }, intent, stuck: 0 }
}

/** Throws OB_FENCED. */
export function released(held: Held, epoch: number, how: Release): Held {
  const { record, intent } = owned(held, epoch)
  return {
    record: { ...record, state: 'pending', owner: '', reason: how.reason ?? '', error: (how.error ?? '').slice(0, mostText) },
    intent: how.intent === 'drop' ? undefined : intent,
    stuck: 0,
  }
}

/** Throws OB_FENCED for a slice that is not finished. */
export function verifiedAs({ record, intent }: Held, state: 'verified' | 'mismatch', error: string): Held {
  if (!['done', 'done_with_losses', 'verified', 'mismatch'].includes(record.state)) {
    throw new BridgeError('OB_FENCED', `cannot note what was verified of slice ${record.id}: it is ${record.state}`)
  }
  const next = state === 'verified' && losses(record.counts) > 0 ? 'done_with_losses' : state
  return { record: { ...record, state: next, error: error.slice(0, mostText) }, intent, stuck: 0 }
}

/** A failed one goes on at its cursor, any other begins anew. */
export function retried({ record, intent }: Held): Held {
  const { acked, resent } = record.counts
  const base = { ...record, state: 'pending', epoch: record.epoch + 1, reason: '', error: '', endedMs: undefined } as const
  if (record.state === 'failed') return { record: base, intent, stuck: 0 }
  const counts: Counts = { ...noCounts, resent: resent + acked }
  return { record: { ...base, cursor: undefined, page: 0, counts }, intent: undefined, stuck: 0 }
}

/** A dead letter that was sent after all. */
export function revived({ record, intent, stuck }: Held, { reason, items }: Pick<DeadRecord, 'reason' | 'items'>): Held {
  const was = record.counts
  let counts: Counts = { ...was, acked: was.acked + items, dead: addReasons(was.dead, { [reason]: items }, -1) }
  let { state } = record
  if (sumReasons(counts.dead) + sumReasons(counts.rejected) === 0) {
    counts = { ...counts, ackSum: counts.srcSum }
    if (state === 'done_with_losses' && losses(counts) === 0) state = 'done'
  }
  return { record: { ...record, state, counts, reason: state === 'done' ? '' : record.reason }, intent, stuck }
}

const mostRaw = 64 * 2 ** 10

/** A dead letter without its number, as JSON; bytes in base64. */
export function letterOf(slice: string, group: string, item: DeadItem): string {
  const raw = item.signal === undefined ? item.raw?.subarray(0, mostRaw) : item.raw
  return JSON.stringify({
    ...item,
    slice,
    group,
    where: item.where.slice(0, mostText),
    message: item.message.slice(0, mostText),
    raw: raw === undefined ? undefined : Buffer.from(raw).toString('base64'),
  })
}

/** What {@link letterOf} wrote. */
export function letterFrom(id: number, text: string): DeadRecord {
  const { raw, ...letter } = JSON.parse(text) as Omit<DeadRecord, 'id' | 'raw'> & { readonly raw?: string }
  return { ...letter, id, signal: letter.signal, raw: raw === undefined ? undefined : Buffer.from(raw, 'base64') }
}
