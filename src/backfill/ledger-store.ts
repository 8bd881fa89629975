/** A ledger file that is open: what each request does to its tables, and the totals, which are counted anew at the start. Synchronous. */

import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import { BridgeError } from '../errors.ts'
import { addCounts, addReasons, imbalance, noCounts, subtractCounts, sumReasons } from './counts.ts'
import { freshSlice } from './fresh-slice.ts'
import type { Counts, DeadItem, DeadRecord, SliceRecord, Summary, Taken, Wanted } from './ledger.ts'
import type { Answer, DeadFilter, LedgerRequest, MirroredSlice, NewSlice, SliceFilter, WriteRequest } from './ledger-protocol.ts'
import {
  insertSlice,
  intentToRow,
  putIntent,
  type Row,
  rowToIntent,
  rowToSlice,
  type SliceRow,
  sliceToInsert,
  sliceToUpdate,
  updateSlice,
} from './ledger-schema.ts'
import { losses } from './losses.ts'
import type { Reasons, SliceState } from './model.ts'

export interface LedgerStore {
  /** Within a transaction. Throws, and has changed nothing then that a rollback does not undo; see `mark`. */
  run(request: LedgerRequest): Answer
  /** Totals as they are, to go back to when a transaction is undone. */
  mark(): () => void
}

export interface StoreOptions {
  readonly nowMs: () => number
  readonly deadBytes: number
  /** Totals are counted for each summary: somebody else writes. */
  readonly readOnly: boolean
}

interface Totals {
  readonly slices: Readonly<Record<SliceState, number>>
  readonly planned: number
  readonly counts: Counts
  readonly failures: Reasons
  readonly deadBytes: number
}

const noSlices = { pending: 0, running: 0, done: 0, done_with_losses: 0, failed: 0, verified: 0, mismatch: 0 }

/** Of a source's item. */
const mostRaw = 64 * 2 ** 10
const mostCursor = 2 ** 20
/** A row of the dead letters without its bytes, about. */
const deadRowBytes = 300
const mostText = 2000

const bug = (what: string): BridgeError => new BridgeError('OB_INTERNAL', `BUG: ${what}`)

/** Reads all slices once: damage is found now, and not in the middle of the night. Throws for a damaged row. */
function countAll(db: DatabaseSync): Totals {
  const slices = { ...noSlices }
  let planned = 0
  let counts = noCounts
  let failures: Reasons = {}
  for (const row of db.prepare('SELECT * FROM slices').iterate()) {
    const { record } = rowToSlice(row as Row)
    slices[record.state]++
    planned += record.items
    counts = addCounts(counts, record.counts)
    if (record.state === 'failed') failures = addReasons(failures, { [record.reason]: 1 })
  }
  for (const row of db.prepare('SELECT * FROM intents').iterate()) rowToIntent(row as Row)
  const dead = db.prepare(`SELECT total(length(raw)) + ${deadRowBytes} * count(*) AS bytes FROM dead`).get()
  return { slices, planned, counts, failures, deadBytes: Number(dead?.['bytes'] ?? 0) }
}

/** Opens the tables of a file that `prepareLedger` has set up. Throws `DamagedRow`, and what SQLite throws. */
export function createLedgerStore(db: DatabaseSync, options: StoreOptions): LedgerStore {
  const statements = new Map<string, StatementSync>()
  const prepared = (sql: string): StatementSync => {
    let statement = statements.get(sql)
    if (statement === undefined) {
      statement = db.prepare(sql)
      statements.set(sql, statement)
    }
    return statement
  }
  const one = (sql: string, ...values: SQLInputValue[]): Row | undefined => prepared(sql).get(...values) as Row | undefined
  const change = (sql: string, ...values: SQLInputValue[]): number => Number(prepared(sql).run(...values).changes)

  let totals = countAll(db)

  const put = (before: SliceRow, record: SliceRecord): void => {
    const row = { record, spec: before.spec }
    change(updateSlice, ...sliceToUpdate(row))
    const was = before.record
    let { slices, failures } = totals
    if (was.state !== record.state) {
      slices = { ...slices, [was.state]: slices[was.state] - 1 }
      slices = { ...slices, [record.state]: slices[record.state] + 1 }
    }
    if (was.state === 'failed') failures = addReasons(failures, { [was.reason]: 1 }, -1)
    if (record.state === 'failed') failures = addReasons(failures, { [record.reason]: 1 })
    const counts = was.counts === record.counts ? totals.counts : addCounts(subtractCounts(totals.counts, was.counts), record.counts)
    totals = { ...totals, slices, failures, counts }
  }

  const slice = (id: string): SliceRow => {
    const row = one('SELECT * FROM slices WHERE id = ?', id)
    if (row === undefined) throw bug(`no slice ${id} in the ledger`)
    return rowToSlice(row)
  }

  /** I4 */
  const owned = (id: string, epoch: number): SliceRow => {
    const row = slice(id)
    if (row.record.state === 'running' && row.record.epoch === epoch) return row
    const now = row.record.state === 'running' ? `taken by ${row.record.owner}` : row.record.state
    throw new BridgeError('OB_FENCED', `cannot write slice ${id} with epoch ${epoch}: it is ${now}, epoch ${row.record.epoch}`)
  }

  const intentOf = (id: string) => {
    const row = one('SELECT * FROM intents WHERE slice = ?', id)
    return row === undefined ? undefined : rowToIntent(row)
  }

  const add = (slices: readonly NewSlice[], whole: readonly string[]): number => {
    let added = 0
    for (const { id, spec } of slices) {
      if (change(insertSlice, ...sliceToInsert(freshSlice(id, spec))) === 0) continue
      added++
      totals = { ...totals, planned: totals.planned + spec.items, slices: { ...totals.slices, pending: totals.slices.pending + 1 } }
    }
    for (const name of whole) change('INSERT INTO plans (name) VALUES (?) ON CONFLICT (name) DO NOTHING', name)
    return added
  }

  const first = ({ skip, beginsByMs, endsAfterMs }: Wanted): Row | undefined => {
    const found = prepared("SELECT * FROM slices WHERE state = 'pending' AND starts <= ? AND ends > ? ORDER BY starts, ord").iterate(
      beginsByMs ?? 1e300,
      endsAfterMs ?? -1e300,
    )
    for (const row of found) if (skip === undefined || !skip.has(String(row['id']))) return row as Row
    return undefined
  }

  const take = (owner: string, wanted: Wanted): Taken | undefined => {
    const found = first(wanted)
    if (found === undefined) return undefined
    const before = rowToSlice(found)
    const record: SliceRecord = {
      ...before.record,
      state: 'running',
      epoch: before.record.epoch + 1,
      attempts: before.record.attempts + 1,
      owner,
      reason: '',
      error: '',
      startedMs: before.record.startedMs ?? options.nowMs(),
      endedMs: undefined,
    }
    put(before, record)
    return { slice: record, intent: intentOf(record.id) }
  }

  /** How many were not kept, because there is no room. */
  const bury = (record: SliceRecord, items: readonly DeadItem[]): number => {
    let left = 0
    for (const item of items) {
      const raw = item.signal === undefined ? item.raw?.subarray(0, mostRaw) : item.raw
      const bytes = deadRowBytes + (raw?.length ?? 0)
      if (totals.deadBytes + bytes > options.deadBytes) {
        left++
        continue
      }
      change(
        'INSERT INTO dead (slice, grp, page, ordinal, reason, place, message, signal, items, raw) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
        record.id,
        record.group,
        item.page,
        item.ordinal,
        item.reason,
        item.where.slice(0, mostText),
        item.message.slice(0, mostText),
        item.signal ?? null,
        item.items,
        raw ?? null,
      )
      totals = { ...totals, deadBytes: totals.deadBytes + bytes }
    }
    return left
  }

  const commit = ({ id, epoch, step }: WriteRequest & { kind: 'commit' }): void => {
    const before = owned(id, epoch)
    let record = before.record
    const { ack, intent, resent = 0 } = step
    if (ack !== undefined) {
      if (ack.page < record.page) throw bug(`page ${ack.page} of slice ${id} was acknowledged already, the next is ${record.page}`)
      if (JSON.stringify(ack.cursor).length > mostCursor) throw bug(`the cursor of slice ${id} is longer than ${mostCursor} characters`)
      let counts = addCounts(record.counts, ack.counts)
      const left = bury(record, ack.dead)
      if (left > 0) counts = { ...counts, notes: addReasons(counts.notes, { dead_letters_full: left }) }
      record = { ...record, cursor: ack.cursor, page: ack.page + 1, counts }
      change('DELETE FROM intents WHERE slice = ?', id)
    }
    if (resent > 0) record = { ...record, counts: { ...record.counts, resent: record.counts.resent + resent } }
    if (intent !== undefined) {
      if (intent.page !== record.page) throw bug(`page ${intent.page} of slice ${id} is intended, the next is ${record.page}`)
      change(putIntent, ...intentToRow(id, intent))
    }
    if (record !== before.record) put(before, record)
  }

  const end = ({ id, epoch, state, reason, error }: WriteRequest & { kind: 'end' }): void => {
    const before = owned(id, epoch)
    const { counts } = before.record
    // I6
    if (state !== 'failed') {
      const wrong = intentOf(id) === undefined ? imbalance(counts) : 'a page is out'
      if (wrong !== undefined) throw bug(`slice ${id} cannot be ${state}: ${wrong}`)
      if (state === 'done' && (losses(counts) > 0 || counts.srcSum !== counts.ackSum))
        throw bug(`slice ${id} cannot be done: it has losses`)
    }
    put(before, { ...before.record, state, reason, error: error.slice(0, mostText), owner: '', endedMs: options.nowMs() })
  }

  const release = ({ id, epoch, how }: WriteRequest & { kind: 'release' }): void => {
    const before = owned(id, epoch)
    if (how.intent === 'drop') change('DELETE FROM intents WHERE slice = ?', id)
    put(before, { ...before.record, state: 'pending', owner: '', reason: how.reason ?? '', error: (how.error ?? '').slice(0, mostText) })
  }

  const verified = ({ id, state, error }: WriteRequest & { kind: 'verified' }): void => {
    const before = slice(id)
    if (!['done', 'done_with_losses', 'verified', 'mismatch'].includes(before.record.state)) {
      throw new BridgeError('OB_FENCED', `cannot note what was verified of slice ${id}: it is ${before.record.state}`)
    }
    // What it lost stays known: only a slice without losses becomes `verified`.
    const next = state === 'verified' && losses(before.record.counts) > 0 ? 'done_with_losses' : state
    put(before, { ...before.record, state: next, error: error.slice(0, mostText) })
  }

  const removeRows = (where: string, value: string | number): void => {
    const row = one(`SELECT total(length(raw)) + ${deadRowBytes} * count(*) AS bytes FROM dead WHERE ${where} = ?`, value)
    change(`DELETE FROM dead WHERE ${where} = ?`, value)
    totals = { ...totals, deadBytes: totals.deadBytes - Number(row?.['bytes'] ?? 0) }
  }

  const afresh = ({ record }: SliceRow): SliceRecord => {
    const { acked, resent } = record.counts
    change('DELETE FROM intents WHERE slice = ?', record.id)
    removeRows('slice', record.id)
    return { ...record, cursor: undefined, page: 0, counts: { ...noCounts, resent: resent + acked } }
  }

  const retry = (states: readonly SliceState[], reason: string | undefined): number => {
    let count = 0
    for (const state of states) {
      if (state === 'pending' || state === 'running') continue
      const sql = `SELECT * FROM slices WHERE state = ?${reason === undefined ? '' : ' AND reason = ?'} ORDER BY starts, ord LIMIT 500`
      for (;;) {
        const rows = prepared(sql).all(state, ...(reason === undefined ? [] : [reason]))
        for (const row of rows) {
          const before = rowToSlice(row as Row)
          const record = state === 'failed' ? before.record : afresh(before)
          put(before, { ...record, state: 'pending', epoch: record.epoch + 1, reason: '', error: '', endedMs: undefined })
          count++
        }
        if (rows.length < 500) break
      }
    }
    return count
  }

  const removeDead = (ids: readonly number[]): void => {
    for (const id of ids) {
      const row = one('SELECT slice, reason, signal, items FROM dead WHERE id = ?', id)
      if (row === undefined) continue
      removeRows('id', id)
      if (row['signal'] === null) continue
      const before = slice(String(row['slice']))
      const items = Number(row['items'])
      const { counts: was } = before.record
      let counts: Counts = { ...was, acked: was.acked + items, dead: addReasons(was.dead, { [String(row['reason'])]: items }, -1) }
      let { state } = before.record
      if (sumReasons(counts.dead) + sumReasons(counts.rejected) === 0) {
        counts = { ...counts, ackSum: counts.srcSum }
        if (state === 'done_with_losses' && losses(counts) === 0) state = 'done'
      }
      put(before, { ...before.record, state, counts, reason: state === 'done' ? '' : before.record.reason })
    }
  }

  /** What is written elsewhere (../redis): taken as it is. Slices that are not here are not of this plan. */
  const mirror = ({ slices: changed, dead: letters, gone }: WriteRequest & { kind: 'mirror' }): void => {
    for (const { record, intent } of changed) {
      const row = one('SELECT * FROM slices WHERE id = ?', record.id)
      if (row === undefined) continue
      const before = rowToSlice(row)
      // It was begun anew.
      if (record.page === 0 && before.record.page > 0) removeRows('slice', record.id)
      put(before, { ...record, order: before.record.order })
      if (intent === undefined) change('DELETE FROM intents WHERE slice = ?', record.id)
      else change(putIntent, ...intentToRow(record.id, intent))
    }
    for (const id of gone) removeRows('id', id)
    for (const { id, slice: of, group, page, ordinal, reason, where, message, signal, items, raw } of letters) {
      const bytes = deadRowBytes + (raw?.length ?? 0)
      if (totals.deadBytes + bytes > options.deadBytes) continue
      const added = change(
        `INSERT INTO dead (id, slice, grp, page, ordinal, reason, place, message, signal, items, raw)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
        ...[id, of, group, page, ordinal, reason, where, message, signal ?? null, items, raw ?? null],
      )
      if (added > 0) totals = { ...totals, deadBytes: totals.deadBytes + bytes }
    }
  }

  const mirrored = (filter: SliceFilter): MirroredSlice[] => slices(filter).map((record) => ({ record, intent: intentOf(record.id) }))

  const summary = (): Summary => {
    if (options.readOnly) totals = countAll(db)
    return { slices: totals.slices, planned: totals.planned, counts: totals.counts, failures: totals.failures }
  }

  const slices = ({ states, after = 0, limit = 1000 }: SliceFilter): SliceRecord[] => {
    const where = states === undefined ? '' : ` AND state IN (${states.map(() => '?').join(', ')})`
    return prepared(`SELECT * FROM slices WHERE ord > ?${where} ORDER BY ord LIMIT ?`)
      .all(after, ...(states ?? []), limit)
      .map((row) => rowToSlice(row as Row).record)
  }

  const dead = ({ slice: of, after = 0, limit = 100 }: DeadFilter): DeadRecord[] =>
    prepared(`SELECT * FROM dead WHERE id > ?${of === undefined ? '' : ' AND slice = ?'} ORDER BY id LIMIT ?`)
      .all(after, ...(of === undefined ? [] : [of]), limit)
      .map((row) => ({
        id: Number(row['id']),
        slice: String(row['slice']),
        group: String(row['grp']),
        page: Number(row['page']),
        ordinal: Number(row['ordinal']),
        reason: String(row['reason']),
        where: String(row['place']),
        message: String(row['message']),
        signal: row['signal'] === null ? undefined : (String(row['signal']) as DeadItem['signal']),
        items: Number(row['items']),
        raw: row['raw'] instanceof Uint8Array ? row['raw'] : undefined,
      }))

  const run = (request: LedgerRequest): Answer => {
    switch (request.kind) {
      case 'add':
        return add(request.slices, request.whole)
      case 'take':
        return take(request.owner, request.wanted)
      case 'commit':
        return void commit(request)
      case 'end':
        return void end(request)
      case 'release':
        return void release(request)
      case 'verified':
        return void verified(request)
      case 'retry':
        return retry(request.states, request.reason)
      case 'removeDead':
        return void removeDead(request.ids)
      case 'mirror':
        return void mirror(request)
      case 'planned':
        return prepared('SELECT name FROM plans')
          .all()
          .map((row) => String(row['name']))
      case 'summary':
        return summary()
      case 'slices':
        return slices(request.filter)
      case 'dead':
        return dead(request.filter)
      case 'mirrored':
        return mirrored(request.filter)
    }
  }

  return {
    run,
    mark() {
      const before = totals
      return () => {
        totals = before
      }
    },
  }
}
