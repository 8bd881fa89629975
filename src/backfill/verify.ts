/** Holds what was read against what the source has now, slice by slice (mapping backfill.md §3.7). Reads only. */

import { isBridgeError } from '../errors.ts'
import { imbalance } from './counts.ts'
import { addSum } from './identity.ts'
import type { Ledger, SliceRecord } from './ledger.ts'
import { losses } from './losses.ts'
import type { SliceState } from './model.ts'
import type { SliceCount, Source } from './source.ts'

/**
 * `complete`: the source has what was read · `grew`, `shrank`: it has more or fewer by now · `mismatch`: as many, but others; as many as it was planned with,
 * but not as were read; or the counts of the slice do not add up · `unchecked`: not in the sample of a source that cannot count · `unreadable`: it cannot be asked any more · `open`: not done yet, or failed
 */
export type VerdictWord = 'complete' | 'grew' | 'shrank' | 'mismatch' | 'unchecked' | 'unreadable' | 'open'

export interface SliceVerdict {
  readonly id: string
  readonly group: string
  readonly state: SliceState
  readonly verdict: VerdictWord
  /** Items of the source. */
  readonly read: number
  readonly now: number | undefined
  /** True when contents were compared, not only numbers. */
  readonly isDeep: boolean
  /** Items that did not get to the destination: skipped, rejected, dead. */
  readonly lost: number
  readonly message: string
}

export interface VerifyOptions {
  readonly ledger: Ledger
  readonly source: Source
  /** Compares contents by sums over identities. */
  readonly deep: boolean
  readonly abort: AbortSignal
  readonly onVerdict?: ((verdict: SliceVerdict) => void) | undefined
}

export interface Verification {
  readonly slices: number
  readonly verdicts: Readonly<Record<VerdictWord, number>>
  /** Items that the source has more or fewer by now. */
  readonly grew: number
  readonly shrank: number
  readonly lost: number
  /** Items that were read of the slices that were not looked at. */
  readonly unchecked: number
  /** The first of those that are not complete; slices that were not looked at are not among them. */
  readonly trouble: readonly SliceVerdict[]
  readonly troubleMore: number
  /** True when nothing is wrong on our side: every slice is complete, or what differs is the source's own doing. */
  readonly ok: boolean
}

const mostTrouble = 50
const pageSize = 200
const finished: readonly SliceState[] = ['done', 'done_with_losses', 'verified', 'mismatch']

/** Sources that cannot count are read again: one slice in so many, unless `--deep`. */
export const sampled = 20

/** Chosen by the id, so that the next time it is the same ones. */
const inSample = (id: string): boolean => Number.parseInt(id.slice(-4), 16) % sampled === 0

/** Reads a slice from its beginning, as the run did. */
async function readAgain(source: Source, slice: SliceRecord, abort: AbortSignal): Promise<SliceCount> {
  const reader = source.open(slice, undefined)
  let [items, sum] = [0, 0n]
  try {
    for (;;) {
      const page = await reader.next(abort)
      if (page === undefined) break
      const translated = page.translate()
      items += translated.read
      sum = addSum(sum, translated.sum)
      if (page.last) break
    }
  } finally {
    await reader.close()
  }
  return { items, sum }
}

async function countNow(slice: SliceRecord, { source, deep, abort }: VerifyOptions, isFirst: boolean): Promise<SliceCount | undefined> {
  const counted = await source.count(slice, deep, abort)
  if (counted === undefined) return deep || isFirst || inSample(slice.id) ? readAgain(source, slice, abort) : undefined
  // A count may sum up over what the run left out; what it reads itself is the same again.
  const differs = counted.sum !== undefined && counted.sum !== slice.counts.srcSum && counted.items === slice.counts.read
  return differs ? readAgain(source, slice, abort) : counted
}

function judged(slice: SliceRecord, now: SliceCount | undefined): Omit<SliceVerdict, 'id' | 'group' | 'state' | 'read' | 'lost'> {
  const { counts } = slice
  if (now === undefined)
    return { verdict: 'unchecked', now: undefined, isDeep: false, message: 'the source cannot count; --deep reads it again' }
  const isDeep = now.sum !== undefined
  const seen = { now: now.items, isDeep }
  if (imbalance(counts) !== undefined) return { ...seen, verdict: 'mismatch', message: 'the counts of this slice do not add up' }
  // Neither late writers nor a retention: nothing has come or gone since the plan.
  if (now.items === slice.items && now.items !== counts.read) {
    const message = `the source has the ${now.items} items that it was planned with, but ${counts.read} were read`
    return { ...seen, verdict: 'mismatch', message }
  }
  if (now.items > counts.read) return { ...seen, verdict: 'grew', message: `source grew +${now.items - counts.read}` }
  if (now.items < counts.read) return { ...seen, verdict: 'shrank', message: `source shrank −${counts.read - now.items}` }
  if (isDeep && now.sum !== counts.srcSum)
    return { ...seen, verdict: 'mismatch', message: 'as many items as were read, but not the same ones' }
  return { ...seen, verdict: 'complete', message: '' }
}

async function verdictOf(slice: SliceRecord, options: VerifyOptions, isFirst: boolean): Promise<SliceVerdict> {
  const { counts } = slice
  const head = {
    id: slice.id,
    group: slice.group,
    state: slice.state,
    read: counts.read,
    lost: losses(counts),
  }
  if (!finished.includes(slice.state)) {
    const message = slice.state === 'failed' ? `failed: ${slice.error}` : 'not done yet'
    return { ...head, verdict: 'open', now: undefined, isDeep: false, message }
  }
  try {
    return { ...head, ...judged(slice, await countNow(slice, options, isFirst)) }
  } catch (error) {
    if (!isBridgeError(error) || error.code !== 'OB_SOURCE') throw error
    return { ...head, verdict: 'unreadable', now: undefined, isDeep: false, message: error.message }
  }
}

/** Asks for every slice and writes the verdicts into the ledger. Rejects with OB_STOPPING when aborted; what was found until then is kept. */
export async function verifyRun(options: VerifyOptions): Promise<Verification> {
  const { ledger, abort, onVerdict } = options
  const verdicts: Record<VerdictWord, number> = { complete: 0, grew: 0, shrank: 0, mismatch: 0, unchecked: 0, unreadable: 0, open: 0 }
  const trouble: SliceVerdict[] = []
  let [slices, grew, shrank, lost, unchecked, found] = [0, 0, 0, 0, 0, 0]
  let after: number | undefined
  for (;;) {
    const page = await ledger.slices({ limit: pageSize, ...(after === undefined ? {} : { after }) })
    for (const slice of page) {
      abort.throwIfAborted()
      const one = await verdictOf(slice, options, slices === 0)
      slices++
      verdicts[one.verdict]++
      lost += one.lost
      if (one.verdict === 'grew') grew += (one.now ?? 0) - one.read
      if (one.verdict === 'shrank') shrank += one.read - (one.now ?? 0)
      if (one.verdict === 'mismatch') await ledger.verified(slice.id, 'mismatch', one.message)
      // What was lost stays said: such a slice keeps its state.
      else if (['complete', 'grew', 'shrank'].includes(one.verdict) && slice.state !== 'done_with_losses')
        await ledger.verified(slice.id, 'verified', one.message)
      if (one.verdict === 'unchecked') unchecked += one.read
      if ((one.verdict !== 'complete' && one.verdict !== 'unchecked') || one.lost > 0) {
        found++
        if (trouble.length < mostTrouble) trouble.push(one)
      }
      onVerdict?.(one)
    }
    after = page.at(-1)?.order
    if (page.length < pageSize || after === undefined) break
  }
  const ok = verdicts.mismatch + verdicts.open + verdicts.unreadable + lost === 0
  return { slices, verdicts, grew, shrank, lost, unchecked, trouble, troubleMore: found - trouble.length, ok }
}
