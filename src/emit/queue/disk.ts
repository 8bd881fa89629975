/** The disk queue, main thread's side: what waits where, group commits, faults. The store itself is in ./disk-worker.ts. */

import { randomUUID } from 'node:crypto'
import { resolve as resolvePath } from 'node:path'
import { BridgeError } from '../../errors.ts'
import { ownsChunk } from '../../otlp/encode/chunks.ts'
import type { EncodedBatch } from '../../otlp/intake.ts'
import type { QueueSettings } from '../config.ts'
import { createAccounts, exposeGauges, type Held } from './accounts.ts'
import { createDoorbell } from './doorbell.ts'
import { reportBrokenLogs } from './log-damage.ts'
import { type MarkWriter, openMark } from './owners.ts'
import type { Fault, FoundSource, Replaced, Reply, RoundAnswer } from './protocol.ts'
import type { Lane, LaneOptions, Queue, QueueDeps, QueuedBatch, QueueStats, RoutedBatch, TakeLimits } from './queue.ts'
import { createReader } from './reader.ts'
import { gatherRound, type Pending, type PendingPut, type Round } from './round.ts'
import { createSource, oldestQueuedAt, type Source, windowRows } from './source.ts'
import { createTail } from './tail.ts'
import { asQueued, createWaiting, type Entry, ownBytes } from './waiting.ts'
import { createWorkerLink } from './worker-link.ts'

export interface DiskQueueOptions extends Pick<QueueSettings, 'path' | 'maxSize' | 'ack' | 'memoryTail' | 'ballast'> {
  /** Destinations, in their order; at least one. */
  readonly lanes: readonly LaneOptions[]
  /** How often runs that died are looked for, in milliseconds; default 5000. */
  readonly adoptEveryMs?: number
}

const slabBytes = 4 * 2 ** 20
/** Removals wait this long for puts to share a transaction with. */
const removalDelayMs = 25
const defaultAdoptEveryMs = 5000
const firstProbeMs = 250
const lastProbeMs = 15_000
/** With a full disk, removals go on: they are what ends the fault. */
const removalProbeMs = 1000
const fullRetryAfterSeconds = 5
/** `ack: forwarded` batches are never on disk; their ids come after every row's. */
const firstForwardedId = 2 ** 52
const forwardedMaxBytes = 256 * 2 ** 20
/** A worker silent for this long is a fault to be told. */
const stuckAfterMs = 15_000
const closeWaitMs = 5000

/** Opens the disk queue of a state folder. A store that cannot be opened now is a fault to be waited out, not a rejection. */
export async function createDiskQueue(options: DiskQueueOptions, deps: QueueDeps): Promise<Queue> {
  const { ack, maxSize, memoryTail } = options
  const { log, metrics } = deps
  const path = resolvePath(options.path)
  const run = randomUUID()
  const slab = new SharedArrayBuffer(slabBytes)
  let lastId = -1
  const link = createWorkerLink(
    { path, run, slab, synchronous: ack === 'durable' ? 'FULL' : 'NORMAL', ballastBytes: options.ballast },
    () => lastId,
  )
  const accounts = createAccounts(metrics)
  const own = createSource(0)
  const sources: Source[] = [own]
  const forwarded = createWaiting()
  const underWay = new Map<number, Entry>()
  const tail = createTail(memoryTail)
  const pending: Pending = { puts: [], deletes: [], buries: [], waiters: [] }
  const setAsideFiles = metrics.counter('otlp_bridge_queue_set_aside_files_total')
  const damagedBatches = metrics.counter('otlp_bridge_queue_damaged_batches_total')
  /** In memory only, until they are stored in the new file: their data must not be dropped. */
  const repairing = new Set<Entry>()
  let mark: MarkWriter | undefined
  let underRound: Round | undefined
  let scheduled: NodeJS.Immediate | undefined
  let removalTimer: NodeJS.Timeout | undefined
  let probeTimer: NodeJS.Timeout | undefined
  let probeMs = firstProbeMs
  let fault: Fault | undefined
  let adopted = false
  let adopting = false
  let closing = false
  let closed = false
  let writeBehindBytes = 0
  let usedBytes = 0
  let deadItems = 0
  let oldestFoundAtMs = Number.POSITIVE_INFINITY
  let nextForwardedId = firstForwardedId

  const totals = () => {
    let items = forwarded.items
    let bytes = forwarded.bytes
    for (const source of sources) {
      items += source.waiting.items + source.totals.items
      bytes += source.waiting.bytes + source.totals.bytes
    }
    return { items, bytes }
  }
  const anyWaiting = (): boolean => forwarded.size > 0 || sources.some((source) => source.waiting.size > 0 || source.more)
  const bell = createDoorbell(totals, anyWaiting)

  // --- faults ------------------------------------------------------------------------------------------------------

  const brokenError = (): BridgeError => {
    const seconds = Math.max(1, Math.ceil(probeMs / 1000))
    return new BridgeError('OB_QUEUE_BROKEN', `cannot queue data: ${fault?.message ?? 'the store is not open'}`, {
      retryAfterSeconds: seconds,
    })
  }

  const lose = (batch: Held & { batches?: number }): void => {
    accounts.lose(batch, batch.batches ?? 1)
    accounts.books(batch).dropped('damaged').value += batch.items
    damagedBatches.value += batch.batches ?? 1
  }

  /** The file is a new one: what is in memory but not in it is stored again, what is in neither is lost and counted. */
  const reconcile = (replaced: Replaced, message: string): void => {
    if (replaced.file !== undefined) setAsideFiles.value++
    log.error({ file: replaced.file, saved: replaced.ids.length }, `the queue's store could not be read and was set aside: ${message}`)
    const saved = new Set(replaced.ids)
    const again: PendingPut[] = []
    for (const entry of underWay.values()) {
      if (entry.stored && !saved.has(entry.id) && entry.data !== undefined) again.push({ entry, waiter: undefined })
    }
    for (const source of sources) {
      for (const entry of source.waiting.removeAll()) {
        if (saved.has(entry.id) || entry.data !== undefined) source.waiting.add(entry)
        else lose(entry)
        if (!saved.has(entry.id) && entry.data !== undefined) again.push({ entry, waiter: undefined })
      }
    }
    for (const { entry } of again) repairing.add(entry)
    pending.puts.unshift(...again)
  }

  const startProbing = (): void => {
    if (probeTimer !== undefined || closed) return
    const wait = fault?.kind === 'full' && hasRemovals() ? Math.min(probeMs, removalProbeMs) : probeMs
    probeTimer = setTimeout(() => {
      probeTimer = undefined
      probeMs = Math.min(lastProbeMs, probeMs * 2)
      if (hasRemovals()) sendRound(false)
      link.call({ kind: 'probe' }, onProbe)
    }, wait)
    probeTimer.unref()
  }

  const onFault = (now: Fault): void => {
    if (now.kind === 'replaced') {
      if (now.replaced !== undefined) reconcile(now.replaced, now.message)
      return
    }
    if (fault === undefined) log.error({ kind: now.kind }, `the queue cannot store: ${now.message}`)
    fault = now
    if (ack !== 'memory') for (const put of takePendingPuts()) reject(put)
    startProbing()
  }

  const onProbe = (reply: Reply): void => {
    if (closed) return
    if (reply.fault !== undefined) {
      onFault(reply.fault)
      if (reply.fault.kind !== 'replaced') return
    }
    if (fault !== undefined) log.info({}, 'the queue can store again')
    fault = undefined
    probeMs = firstProbeMs
    if (!adopted) adopt()
    schedule()
    bell.ring()
  }

  const takePendingPuts = (): PendingPut[] => {
    const mayWait = (put: PendingPut): boolean => put.waiter === undefined
    const waiting = pending.puts.filter(mayWait)
    const others = pending.puts.filter((put) => !mayWait(put))
    pending.puts.splice(0, pending.puts.length, ...waiting)
    return others
  }

  const reject = ({ entry, waiter }: PendingPut): void => {
    accounts.remove(entry)
    waiter?.reject(closing ? stoppingError() : brokenError())
  }

  // --- rounds ------------------------------------------------------------------------------------------------------

  const hasRemovals = (): boolean => pending.deletes.length > 0 || pending.buries.length > 0

  const schedule = (): void => {
    if (underRound !== undefined || scheduled !== undefined || fault !== undefined || closed) return
    if (pending.puts.length > 0 || pending.buries.length > 0 || pending.deletes.length > 256 || (closing && hasRemovals())) {
      clearTimeout(removalTimer)
      removalTimer = undefined
      // The requests of one turn of the event loop share a commit.
      scheduled = setImmediate(() => {
        scheduled = undefined
        sendRound(true)
      })
    } else if (pending.deletes.length > 0 && removalTimer === undefined) {
      removalTimer = setTimeout(() => {
        removalTimer = undefined
        sendRound(true)
      }, removalDelayMs)
      removalTimer.unref()
    }
  }

  const sendRound = (withPuts: boolean): void => {
    if (underRound !== undefined || closed || (withPuts && fault !== undefined)) return
    const { round, request } = gatherRound(pending, slab, withPuts)
    underRound = round
    link.call(request, (reply) => {
      underRound = undefined
      if (reply.answer?.kind === 'round') onCommitted(round, reply.answer)
      else if (reply.fault !== undefined) onRoundFailed(round, reply.fault)
      schedule()
    })
  }

  const onCommitted = (round: Round, answer: RoundAnswer): void => {
    let id = answer.firstId
    for (const { entry, waiter } of round.puts) {
      const data = entry.data as Uint8Array
      const again = entry.id !== 0
      if (again) repairing.delete(entry)
      else entry.id = id++
      if (waiter === undefined && !again) writeBehindBytes -= entry.bytes
      if (!again) index(entry, data)
      waiter?.resolve()
    }
    if (id > answer.firstId) lastId = id - 1
    usedBytes = answer.usedBytes
    deadItems = answer.deadItems
    for (const wake of round.waiters) wake()
    if (round.puts.length > 0) bell.ring()
  }

  const index = (entry: Entry, data: Uint8Array): void => {
    if (own.more || own.waiting.size >= windowRows) {
      entry.data = undefined
      own.leaveOnDisk(entry)
      return
    }
    tail.keep(entry, data)
    own.cursor = entry.id
    own.waiting.add(entry)
  }

  const onRoundFailed = (round: Round, now: Fault): void => {
    if (!now.removalsDone) {
      pending.deletes = round.deletes.concat(pending.deletes)
      pending.buries = round.buries.concat(pending.buries)
      pending.waiters = round.waiters.concat(pending.waiters)
    } else for (const wake of round.waiters) wake()
    pending.puts.unshift(...round.puts)
    onFault(now)
  }

  // --- reading back ------------------------------------------------------------------------------------------------

  const addSource = (found: FoundSource): void => {
    const source = createSource(found.source)
    for (const sum of found.sums) {
      accounts.carry(sum, sum.batches)
      source.leaveOnDisk(sum, sum.batches)
    }
    oldestFoundAtMs = Math.min(oldestFoundAtMs, found.oldestAtMs)
    sources.push(source)
    const items = found.sums.reduce((sum, one) => sum + one.items, 0)
    log.info({ items }, 'found batches of an earlier or ended process in the queue')
  }

  const adopt = (onDone?: () => void): void => {
    if (adopting || closed) {
      onDone?.()
      return
    }
    adopting = true
    link.call({ kind: 'adopt' }, (reply) => {
      adopting = false
      if (reply.answer?.kind === 'adopt') {
        adopted = true
        mark ??= openMark(path, run)
        usedBytes = reply.answer.usedBytes
        deadItems = reply.answer.deadItems
        reportBrokenLogs(reply.answer.brokenLogs, metrics, log)
        for (const found of reply.answer.found) addSource(found)
        if (reply.answer.found.length > 0) bell.ring()
      } else if (reply.fault !== undefined) {
        onFault(reply.fault)
        if (reply.fault.kind === 'replaced') return adopt(onDone)
      }
      onDone?.()
    })
  }

  const reader = createReader({
    link,
    sources,
    own,
    forwarded,
    tail,
    onFault,
    broken: brokenError,
    onMissing(missing) {
      if (missing.batches > 0) lose(missing)
      else accounts.carry({ ...missing, items: -missing.items, bytes: -missing.bytes }, -missing.batches)
    },
    onDamaged(entry) {
      underWay.delete(entry.id)
      lose(entry)
      log.error({ id: entry.id, items: entry.items }, 'a batch in the queue is damaged and was set aside')
    },
  })

  const take = async (limits: TakeLimits): Promise<readonly QueuedBatch[]> => {
    for (;;) {
      const waiting = await reader.oldestLine()
      const taken = waiting.take(limits)
      if (taken.length === 0) return []
      for (const entry of taken) underWay.set(entry.id, entry)
      try {
        await reader.load(taken)
      } catch (error) {
        giveBack(taken)
        throw error
      }
      const good = taken.filter((entry) => entry.data !== undefined)
      if (good.length === 0) continue
      const highest = good[good.length - 1] as Entry
      if (highest.stored) mark?.raise(highest.id)
      return good.map(asQueued)
    }
  }

  /** Entries that are under way, out of the batches handed back; each is under way once only. */
  const landed = (batches: readonly { readonly id: number }[]): Entry[] => {
    const entries: Entry[] = []
    for (const { id } of batches) {
      const entry = underWay.get(id)
      if (entry === undefined) continue
      underWay.delete(id)
      entries.push(entry)
    }
    return entries
  }

  const giveBack = (batches: readonly { readonly id: number }[]): void => {
    for (const entry of landed(batches)) {
      if (!entry.stored) forwarded.add(entry)
      else {
        if (tail.isOver() && !repairing.has(entry)) tail.drop(entry)
        own.waiting.add(entry)
      }
    }
    bell.ring()
  }

  const gone = (entry: Entry): void => {
    accounts.remove(entry)
    tail.drop(entry)
  }

  const removed = (): Promise<void> => {
    const stored = new Promise<void>((resolve) => pending.waiters.push(resolve))
    schedule()
    return stored
  }

  // --- the queue ---------------------------------------------------------------------------------------------------

  const stoppingError = (): BridgeError =>
    new BridgeError('OB_STOPPING', 'cannot queue data: the bridge is stopping', { retryAfterSeconds: 1 })

  const refusalOf = (bytes: number): BridgeError | undefined => {
    if (closing) return stoppingError()
    if (ack === 'forwarded') return forwarded.bytes + bytes > Math.min(maxSize, forwardedMaxBytes) ? fullError() : undefined
    if (fault !== undefined && (ack !== 'memory' || writeBehindBytes + bytes > memoryTail)) return brokenError()
    return accounts.bytes + bytes > maxSize || usedBytes > maxSize ? fullError() : undefined
  }

  const fullError = (): BridgeError =>
    new BridgeError('OB_QUEUE_FULL', `cannot queue data: the queue is at queue.maxSize (${maxSize} bytes)`, {
      retryAfterSeconds: fullRetryAfterSeconds,
    })

  const oldestMs = (): number | undefined => {
    let oldest = Math.min(oldestQueuedAt(sources, oldestFoundAtMs), forwarded.oldest()?.queuedAtMs ?? Number.POSITIVE_INFINITY)
    for (const entry of underWay.values()) oldest = Math.min(oldest, entry.queuedAtMs)
    return Number.isFinite(oldest) ? Math.max(0, deps.nowMs() - oldest) : undefined
  }

  const adoptTimer = setInterval(() => fault === undefined && !closing && adopt(), options.adoptEveryMs ?? defaultAdoptEveryMs)
  adoptTimer.unref()

  const put = (batch: EncodedBatch): Promise<void> => {
    const bytes = batch.data.byteLength
    const refused = refusalOf(bytes)
    if (refused !== undefined) return Promise.reject(refused)
    const entry: Entry = {
      id: 0,
      format: batch.format,
      signal: batch.signal,
      items: batch.items,
      bytes,
      queuedAtMs: deps.nowMs(),
      maybeSent: false,
      data: ownBytes(batch.data),
      stored: ack !== 'forwarded',
      forwarded: undefined,
    }
    accounts.add(entry)
    if (ack === 'forwarded') {
      entry.id = nextForwardedId++
      const done = new Promise<void>((resolve, reject) => void (entry.forwarded = { resolve, reject }))
      forwarded.add(entry)
      bell.ring()
      return done
    }
    if (ack === 'memory' && writeBehindBytes + bytes <= memoryTail) {
      writeBehindBytes += bytes
      pending.puts.push({ entry, waiter: undefined })
      schedule()
      return Promise.resolve()
    }
    return new Promise<void>((resolve, reject) => {
      pending.puts.push({ entry, waiter: { resolve, reject } })
      schedule()
    })
  }

  const stats = (): QueueStats => ({
    batches: accounts.batches,
    items: accounts.items,
    bytes: accounts.bytes,
    maxBytes: maxSize,
    oldestMs: oldestMs(),
    deadItems,
    fault:
      fault?.message ??
      (link.waitedMs() > stuckAfterMs ? `the store has not answered for ${Math.round(link.waitedMs() / 1000)} s` : undefined),
  })

  const lane: Lane = {
    destination: options.lanes[0]?.destination ?? 'default',
    take,
    settle(batches, memoryIsFree = false) {
      let stored = false
      for (const entry of landed(batches)) {
        if (memoryIsFree && entry.data !== undefined && ownsChunk(entry.data)) deps.recycle?.(entry.data.buffer)
        gone(entry)
        entry.forwarded?.resolve()
        if (!entry.stored) continue
        pending.deletes.push(entry.id)
        stored = true
      }
      return stored ? removed() : Promise.resolve()
    },
    release: giveBack,
    bury(batches, reason, message) {
      const ids: number[] = []
      for (const entry of landed(batches)) {
        gone(entry)
        if (entry.stored) {
          ids.push(entry.id)
          accounts.books(entry).dead(reason).value += entry.items
          deadItems += entry.items
        } else entry.forwarded?.reject(new BridgeError('OB_SEND_PERMANENT', `cannot forward data: ${message}`))
      }
      if (ids.length === 0) return Promise.resolve()
      pending.buries.push({ ids, reason, message, diedAtMs: deps.nowMs() })
      return removed()
    },
    ready: (atLeast) => bell.ready(atLeast),
    waiting: totals,
    stats,
  }

  const queue: Queue = {
    lanes: [lane],
    put: (parts: readonly RoutedBatch[]) => Promise.all(parts.map(({ batch }) => put(batch))).then(() => undefined),
    refusal: () => refusalOf(1),
    async setLanes() {
      throw new Error('BUG: one lane')
    },
    stats,
    async close() {
      if (closing) return
      closing = true
      clearInterval(adoptTimer)
      const deadline = setTimeout(() => void (closed = true), closeWaitMs)
      while (!closed && fault === undefined && (underRound !== undefined || pending.puts.length > 0 || hasRemovals())) {
        schedule()
        await new Promise((resolve) => setTimeout(resolve, 2))
      }
      clearTimeout(deadline)
      clearTimeout(probeTimer)
      clearTimeout(removalTimer)
      if (scheduled !== undefined) clearImmediate(scheduled)
      for (const { entry, waiter } of pending.puts.splice(0)) {
        if (entry.id !== 0) continue
        accounts.remove(entry)
        if (waiter === undefined) accounts.books(entry).dropped('shutdown').value += entry.items
        else waiter.reject(stoppingError())
      }
      for (const entry of [...forwarded.removeAll(), ...[...underWay.values()].filter((one) => !one.stored)]) {
        accounts.remove(entry)
        entry.forwarded?.reject(stoppingError())
      }
      for (const wake of pending.waiters.splice(0)) wake()
      mark?.close()
      if (!closed) await new Promise<void>((resolve) => link.call({ kind: 'close', empty: accounts.batches === 0 }, () => resolve()))
      closed = true
      await link.terminate()
    },
  }
  exposeGauges(metrics, stats)
  await new Promise<void>((resolve) => adopt(resolve))
  return queue
}
