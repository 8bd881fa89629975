/**
 * The books of the cutover: what came in, by minute, format and key, and what became of it on the old side and on the new one. They stand on two
 * legs: the {@link Books.intake} counts what is put and gives it an account, {@link Books.outcomes} counts what leaves the queue by that account.
 */

import { randomBytes } from 'node:crypto'
import type { Outcomes } from '../emit/extra-lane.ts'
import { isBridgeError } from '../errors.ts'
import type { EncodedBatch, Holding, Intake, Staging } from '../otlp/intake.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { decodeAccount, encodeAccount, encodeOne } from './account.ts'
import { type Cell, createCells, type Group, otherKey } from './cells.ts'
import { createBooksClock } from './clock.ts'
import { Column, type ColumnName } from './columns.ts'
import type { BooksConfig } from './config.ts'
import { endpointOf, endpointOfBatch, isMirror } from './endpoint.ts'
import { type BooksFile, createBooksFile } from './file.ts'
import { createPartSplitter } from './partial.ts'
import { splitByRemainder } from './remainder.ts'
import { createStore, type Waiting } from './store.ts'

export type Side = 'old' | 'new'

export interface BooksDeps {
  readonly config: BooksConfig
  /** Folder of the disk queue; undefined where there is none. */
  readonly dataPath: string | undefined
  readonly log: Logger
  readonly metrics: Metrics
  /** Wall clock, ms. */
  readonly nowMs: () => number
  readonly monotonicMs: () => number
  /** What waits now, for the charts: by endpoint, both sides. Asked once a second. */
  readonly waiting?: () => readonly Waiting[]
  /** Whether a destination stands for the new side, where several get the same; default: all whose names do not begin with `mirror.` */
  readonly counts?: (destination: string, signal: string) => boolean
  /** Calls back again and again; returns what ends that. Default: a timer that does not keep the process alive. */
  readonly every?: (ms: number, call: () => void) => () => void
}

/** Sees batches pass; must not throw, and keeps nothing of their bytes. */
export interface Watcher {
  received(batch: EncodedBatch): void
  refused(batch: EncodedBatch): void
  /** Once a second. */
  tick(): void
  /** The books are about to close. */
  stop?(): void
}

export interface Books {
  /** The file, for those who keep tables of their own in it. */
  readonly file: BooksFile
  /** Counts what is put through it, and what is refused then; gives each batch its account. */
  intake(inner: Intake): Intake
  readonly outcomes: Outcomes
  /** Tells somebody of every batch that comes in and of every one that was not taken. */
  watch(watcher: Watcher): void
  /**
   * Items that are not for a side on purpose: `share`, `phase`. To be called once they are certain not to come again: after the put that left them
   * out. @param endpoint as that of the batch; undefined: the usual one of the format
   */
  skipped(format: string, key: string, side: Side, reason: string, items: number, endpoint?: string): void
  /** The account of a batch that lost items on its way to the queue. @param keys whose items are left */
  narrowed(
    account: Uint8Array,
    batch: Pick<EncodedBatch, 'format' | 'endpoint' | 'envelope'>,
    keys: NonNullable<EncodedBatch['keys']>,
  ): Uint8Array
  /** Writes what was counted; for readers, who want all of it. */
  flush(): void
  /** Sums since the start of this process, both sides, by format. */
  sums(): readonly Sums[]
  /** Wall clock as the books see it. */
  nowMs(): number
  /** Why the books cannot be written; undefined when all is well. */
  trouble(): string | undefined
  /** What somebody should look at. */
  warnings(): readonly string[]
  /** Writes the rest and closes the file. */
  stop(): void
}

/** Counts of one endpoint's format. */
export interface Sums {
  readonly endpoint: string
  readonly format: string
  readonly counts: Readonly<Record<ColumnName, number>>
}

/** Keys of one request that have an account of their own; the others are `(other)`. */
const maxAccountKeys = 1024

/** Lines that may wait while nothing can be written. */
const maxWaiting = 50_000

const defaultEvery = (ms: number, call: () => void): (() => void) => {
  const timer = setInterval(call, ms)
  timer.unref()
  return () => clearInterval(timer)
}

/** Items by cell, of one request. */
interface Tally {
  readonly cells: Cell[]
  readonly items: number[]
}

/** Longest reason that is told apart. */
const longestReason = 64

/** Opens the books. Nothing is written, and no file opened, before something is counted. */
export function createBooks(deps: BooksDeps): Books {
  const { config, log, metrics } = deps
  const clock = createBooksClock(deps)
  const run = randomBytes(4).readUInt32LE()
  const path = config.path ?? deps.dataPath
  const file = createBooksFile({ path, nowMs: deps.nowMs, log })
  const store = createStore(
    file,
    {
      run,
      minutes: config.minutes,
      hours: config.hours,
      maxSize: path === undefined ? Math.min(config.maxSize, 16 * 2 ** 20) : config.maxSize,
    },
    deps.nowMs(),
  )
  const cells = createCells({
    maxKeys: config.maxKeys,
    nameOf(id) {
      // Only what an earlier run left behind is asked for, once each.
      if (!file.present) return undefined
      const row = file.read((open) => open.get('SELECT endpoint, format, key FROM keys WHERE id = ?', id))
      return row === undefined ? undefined : { endpoint: String(row['endpoint']), format: String(row['format']), key: String(row['key']) }
    },
  })
  file.onOpen(() => cells.rename())
  const splitPart = createPartSplitter()
  const unaccounted = metrics.counter('otlp_bridge_books_unaccounted_items_total', {})
  const lostLines = metrics.counter('otlp_bridge_books_lost_lines_total', {})
  const counts = deps.counts ?? (() => true)
  const watchers: Watcher[] = []
  let lastForgotten = 0

  const groupOf = (batch: Pick<EncodedBatch, 'endpoint' | 'envelope' | 'format'>): Group =>
    cells.group(endpointOfBatch(batch), batch.format)

  const add = (cell: Cell, minute: number, column: number, items: number): void => {
    const counted = cells.row(cell, minute).counts
    counted[column] = (counted[column] as number) + items
  }

  const because = (cell: Cell, minute: number, side: Side, outcome: string, reason: string, items: number): void => {
    const row = cells.row(cell, minute)
    const what = `${side} ${outcome} ${reason.slice(0, longestReason)}`
    row.reasons ??= new Map()
    row.reasons.set(what, (row.reasons.get(what) ?? 0) + items)
  }

  /** Whose the items are. What the keys do not tell is that of the key without a name. */
  const tally = (group: Group, keys: NonNullable<EncodedBatch['keys']>, items: number, minute: number): Tally => {
    const found: Tally = { cells: [], items: [] }
    const places = keys.length > 16 ? new Map<Cell, number>() : undefined
    const put = (cell: Cell, count: number): void => {
      const at = places === undefined ? found.cells.indexOf(cell) : (places.get(cell) ?? -1)
      if (at < 0) {
        places?.set(cell, found.cells.length)
        found.cells.push(cell)
        found.items.push(count)
      } else found.items[at] = (found.items[at] as number) + count
    }
    let rest = items
    for (const { service, items: count } of keys) {
      const taken = Math.min(count, rest)
      if (taken <= 0) continue
      rest -= taken
      put(cells.cell(group, found.cells.length < maxAccountKeys ? service : otherKey, minute), taken)
    }
    if (rest > 0 || found.cells.length === 0) put(cells.cell(group, '', minute), Math.max(0, rest))
    return found
  }

  const countRequest = (cell: Cell, minute: number, requests: number, bytes: number, empty: boolean): void => {
    const counted = cells.row(cell, minute).counts
    counted[Column.requests] = (counted[Column.requests] as number) + requests
    counted[Column.bytes] = (counted[Column.bytes] as number) + bytes
    if (empty) counted[Column.empty] = (counted[Column.empty] as number) + requests
  }

  const countItems = (cell: Cell, minute: number, items: number, legacy: number, batch: EncodedBatch): void => {
    const counted = cells.row(cell, minute).counts
    const { received, receivedIn, oldPut, oldDelivered } = Column
    counted[received] = (counted[received] as number) + items
    counted[receivedIn] = (counted[receivedIn] as number) + legacy
    if (batch.envelope === undefined && batch.answered === undefined) return
    counted[oldPut] = (counted[oldPut] as number) + legacy
    if (batch.envelope === undefined) counted[oldDelivered] = (counted[oldDelivered] as number) + legacy
  }

  /** Counts a batch as received and returns its account. @param legacy items of the legacy format in it */
  const receive = (batch: EncodedBatch, minute: number, legacy: number, requests: number, bytes: number): Uint8Array => {
    for (const watcher of watchers) watcher.received(batch)
    const group = groupOf(batch)
    const { items, keys } = batch
    const empty = items === 0 && legacy === 0
    const first = keys?.[0]
    if (first === undefined || (keys?.length === 1 && first.items >= items)) {
      const cell = cells.cell(group, first?.service ?? '', minute)
      countRequest(cell, minute, requests, bytes, empty)
      countItems(cell, minute, items, legacy, batch)
      return encodeOne(run, minute, cell.id, items, legacy)
    }
    const split = tally(group, keys ?? [], items, minute)
    const legacies = splitByRemainder(legacy, split.items)
    countRequest(split.cells[0] as Cell, minute, requests, bytes, empty)
    for (let at = 0; at < split.cells.length; at++)
      countItems(split.cells[at] as Cell, minute, split.items[at] as number, legacies[at] as number, batch)
    return encodeAccount({ run, minute, ids: split.cells.map(({ id }) => id), items: split.items, legacy: legacies, kept: split.items })
  }

  /** What comes as one batch; one that is late came with others. */
  const receiveWhole = (batch: EncodedBatch): Uint8Array => {
    const isLate = batch.late === true
    return receive(batch, clock.minute(), legacyOf(batch), isLate ? 0 : 1, isLate ? 0 : bytesOf(batch))
  }

  /** What was received was not taken: the client knows. */
  const refuse = (batch: EncodedBatch, account: Uint8Array, error: unknown): void => {
    for (const watcher of watchers) watcher.refused(batch)
    const opened = decodeAccount(account)
    if (opened === undefined) return
    const reason = isBridgeError(error) ? error.code : 'error'
    for (let at = 0; at < opened.ids.length; at++) {
      const cell = cells.byId(opened.ids[at] as number, () => groupOf(batch), opened.minute)
      const [items, legacy] = [opened.items[at] as number, opened.legacy[at] as number]
      add(cell, opened.minute, Column.refused, items)
      add(cell, opened.minute, Column.refusedIn, legacy)
      if (batch.envelope !== undefined) add(cell, opened.minute, Column.oldRefused, legacy)
      because(cell, opened.minute, 'new', 'refused', reason, items)
    }
  }

  const stageOf = (inner: Intake): Staging => {
    const staging = inner.stage()
    const minute = clock.minute()
    const parts: { readonly batch: EncodedBatch; readonly bytes: number }[] = []
    return {
      add(batch) {
        const { envelope } = batch
        parts.push({
          // Without the bytes, which are not ours to keep.
          batch: { ...batch, data: noBytes, envelope: envelope && { ...envelope, data: noBytes } },
          bytes: bytesOf(batch),
        })
        return staging.add({ ...batch, account: accountOf(batch, minute) })
      },
      commit() {
        // Where one part holds what came in, the others are its OTLP: what came in counts once.
        const mirrored = parts.some(({ batch }) => batch.envelope !== undefined)
        // Counted before it is the queue's, since it may have left it again when that is known.
        const accounts = parts.map(({ batch, bytes }, at) => {
          const own = batch.envelope !== undefined || !mirrored
          return receive(batch, minute, own ? legacyOf(batch) : 0, at === 0 ? 1 : 0, own ? bytes : 0)
        })
        return staging.commit().catch((error: unknown) => {
          for (const [at, account] of accounts.entries()) refuse((parts[at] as (typeof parts)[number]).batch, account, error)
          throw error
        })
      },
      discard: () => staging.discard(),
    }
  }

  const holdingOf = (holding: Holding): Holding => ({
    put(batch, keep) {
      if (batch === undefined) return holding.put(batch, keep)
      const account = receiveWhole(batch)
      return holding.put({ ...batch, account }, keep).catch((error: unknown) => {
        refuse(batch, account, error)
        throw error
      })
    },
    release: (id) => holding.release(id),
    recover: () => holding.recover(),
  })

  /** As `receive` makes it of a part, and counts nothing. */
  const accountOf = (batch: EncodedBatch, minute: number): Uint8Array => {
    const split = tally(groupOf(batch), batch.keys ?? [], batch.items, minute)
    const legacy = splitByRemainder(legacyOf(batch), split.items)
    return encodeAccount({ run, minute, ids: split.cells.map(({ id }) => id), items: split.items, legacy, kept: split.items })
  }

  const outcomes: Outcomes = {
    left(destination, batch, outcome, reason, rejectedItems) {
      const side: Side = batch.signal === 'legacy' || isMirror(destination) ? 'old' : 'new'
      if (side === 'new' && destination !== '' && !counts(destination, batch.signal)) return
      const opened = batch.account === undefined ? undefined : decodeAccount(batch.account)
      if (opened === undefined) {
        unaccounted.value += batch.items
        return
      }
      const weights = side === 'old' ? opened.legacy : opened.kept
      let sum = 0
      for (const weight of weights) sum += weight
      const whole = (): string => `${side} ${destination} ${Buffer.from(batch.account as Uint8Array).toString('latin1')}`
      const parts = sum === batch.items ? weights : splitPart(whole(), weights, batch.items)
      const rejected = rejectedItems === 0 ? undefined : splitByRemainder(Math.min(rejectedItems, batch.items), parts)
      const column = columnOf(side, outcome, reason)
      for (let at = 0; at < parts.length; at++) {
        const cell = cells.byId(opened.ids[at] as number, () => cells.group(endpointOf(batch.format), batch.format), opened.minute)
        const out = rejected?.[at] ?? 0
        const items = (parts[at] as number) - out
        if (items > 0) add(cell, opened.minute, column, items)
        if (outcome !== 'delivered' && items > 0) because(cell, opened.minute, side, outcome, reason, items)
        if (out === 0) continue
        add(cell, opened.minute, side === 'old' ? Column.oldRejected : Column.newRejected, out)
        because(cell, opened.minute, side, 'rejected', reason === '' ? 'partial_success' : reason, out)
      }
    },
  }

  const flush = (): void => {
    if (store.write(cells.dirty, clock.nowMs(), deps.waiting?.() ?? [])) {
      cells.written()
      return
    }
    const lost = cells.dirty.length
    const minutes = cells.shed(maxWaiting)
    if (minutes.length === 0) return
    lostLines.value += lost - cells.dirty.length
    store.mark(minutes, 'lost')
  }

  const tick = (): void => {
    clock.check()
    for (const watcher of watchers) watcher.tick()
    flush()
    store.tidy(clock.nowMs())
    const minute = clock.minute()
    if (minute - lastForgotten < 60) return
    lastForgotten = minute
    cells.forget(minute - Math.max(60, Math.floor(config.minutes / 60_000)))
  }
  const stopTicking = (deps.every ?? defaultEvery)(1000, tick)

  return {
    file,
    intake: (inner) => ({
      put(batch) {
        const account = receiveWhole(batch)
        // Written out: a spread of so many keys costs more than all of the counting.
        return inner
          .put({
            format: batch.format,
            signal: batch.signal,
            items: batch.items,
            data: batch.data,
            envelope: batch.envelope,
            endpoint: batch.endpoint,
            keys: batch.keys,
            client: batch.client,
            answered: batch.answered,
            account,
            onRejected: batch.onRejected,
          })
          .catch((error: unknown) => {
            refuse(batch, account, error)
            throw error
          })
      },
      stage: () => stageOf(inner),
      refusal: (mirror) => inner.refusal(mirror),
      ...(inner.holding === undefined
        ? {}
        : {
            holding(name, options) {
              const holding = inner.holding?.(name, options)
              return holding && holdingOf(holding)
            },
          }),
    }),
    outcomes,
    watch: (watcher) => void watchers.push(watcher),
    skipped(format, key, side, reason, items, endpoint) {
      const minute = clock.minute()
      const cell = cells.cell(cells.group(endpoint ?? endpointOf(format), format), key, minute)
      add(cell, minute, side === 'old' ? Column.oldSkipped : Column.newSkipped, items)
      because(cell, minute, side, 'skipped', reason, items)
    },
    narrowed(account, batch, keys) {
      const opened = decodeAccount(account)
      if (opened === undefined) return account
      const group = groupOf(batch)
      const kept = opened.ids.map(() => 0)
      const last = kept.length - 1
      for (const { service, items } of keys) {
        const at = opened.ids.indexOf(cells.cell(group, service, opened.minute).id)
        // `(other)`, or the key without a name, stands last.
        const to = at < 0 ? last : at
        kept[to] = (kept[to] ?? 0) + items
      }
      return encodeAccount({ ...opened, kept })
    },
    flush,
    sums() {
      const sums = [...cells.groups].map(({ endpoint, format, sums: written }) => ({ endpoint, format, counts: written.slice() }))
      for (const { cell, counts: counted } of cells.dirty) {
        const found = sums.find(({ endpoint, format }) => endpoint === cell.group.endpoint && format === cell.group.format)
        if (found !== undefined)
          for (let at = 0; at < counted.length; at++) found.counts[at] = (found.counts[at] as number) + (counted[at] as number)
      }
      return sums.map(({ counts: all, ...rest }) => ({ ...rest, counts: lineOf(all) }))
    },
    nowMs: clock.nowMs,
    trouble: () => file.trouble,
    warnings: () => (cells.full ? [`more than ${config.maxKeys} services, jobs or indices: the books count the rest as ${otherKey}`] : []),
    stop() {
      stopTicking()
      for (const watcher of watchers) watcher.stop?.()
      flush()
      store.leave()
      file.close()
    },
  }
}

const noBytes = new Uint8Array()

const bytesOf = (batch: EncodedBatch): number => batch.envelope?.data.length ?? batch.data.length

const legacyOf = (batch: EncodedBatch): number => batch.envelope?.items ?? batch.answered ?? (batch.late === true ? 0 : batch.items)

function columnOf(side: Side, outcome: 'delivered' | 'dead' | 'dropped', reason: string): number {
  if (side === 'old') {
    if (outcome === 'delivered') return reason === 'sent' ? Column.oldSent : Column.oldDelivered
    return outcome === 'dead' ? Column.oldDead : Column.oldShed
  }
  if (outcome === 'delivered') return Column.newDelivered
  return outcome === 'dead' ? Column.newDead : Column.newShed
}

function lineOf(counts: Float64Array): Readonly<Record<ColumnName, number>> {
  return Object.fromEntries(Object.entries(Column).map(([name, at]) => [name, counts[at] as number])) as Record<ColumnName, number>
}
