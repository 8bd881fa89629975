/** The disk queue, main thread's side: puts, group commits and faults of all lanes. The store itself is in ./disk-worker.ts. */

import { randomUUID } from 'node:crypto'
import { resolve as resolvePath } from 'node:path'
import type { HoldingOptions } from '../../otlp/intake.ts'
import type { QueueSettings } from '../config.ts'
import { exposeGauges, totalsOf } from './accounts.ts'
import { createDiskLane, type DiskLane, type DiskLaneDeps } from './disk-lane.ts'
import { createFaults } from './faults.ts'
import { type Cursor, createKeeping } from './keeping.ts'
import { reportBrokenLogs } from './log-damage.ts'
import { type MarkWriter, openMark } from './owners.ts'
import type { AdoptAnswer, DeadItems, Replaced, RoundAnswer } from './protocol.ts'
import {
  type AdmittedBatch,
  deal,
  destinationNames,
  forwardDeal,
  fullAtTheDoor,
  fullLane,
  reserveIn,
  stoppingError,
  storeFullError,
} from './put.ts'
import type { LaneOptions, Queue, QueueDeps, QueueHolding, QueueStats, RoutedBatch, Stranded } from './queue.ts'
import { countOf, type PendingCommit, type PendingKeep, type PendingPut, type Round } from './round.ts'
import { createStagings } from './staging.ts'
import { createStagingStore, lostPartsError } from './staging-store.ts'
import { createWorkerLink } from './worker-link.ts'
import { createSlab, createWriter } from './writer.ts'

export interface DiskQueueOptions extends Pick<QueueSettings, 'path' | 'maxSize' | 'ack' | 'memoryTail' | 'ballast'> {
  /** Destinations, in their order; at least one. */
  readonly lanes: readonly LaneOptions[]
  /** How often runs that died are looked for, in milliseconds; default 5000. */
  readonly adoptEveryMs?: number
  /** Bytes of a request of several parts that stay in memory until its commit; default 1 MiB. */
  readonly heldPerRequest?: number
}

const defaultAdoptEveryMs = 5000
/** `ack: forwarded` batches are never on disk; their ids come after every row's. */
const firstForwardedId = 2 ** 52
const forwardedMaxBytes = 256 * 2 ** 20
/** What is kept beside the batches may be this part of `maxSize`. */
const keptShare = 1 / 4
/** The most in any case: at the next start all of it is in memory. */
const mostKept = 256 * 1024 * 1024
/** A worker silent for this long is a fault to be told. */
const stuckAfterMs = 15_000
const closeWaitMs = 5000
/** A lane that goes waits so long for what is on its way to the disk. */
const leaveWaitMs = 5000

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Opens the disk queue of a state folder. A store that cannot be opened now is a fault to be waited out, not a rejection. */
export async function createDiskQueue(options: DiskQueueOptions, deps: QueueDeps): Promise<Queue> {
  const { ack, maxSize, memoryTail } = options
  const { log, metrics } = deps
  const path = resolvePath(options.path)
  const run = randomUUID()
  const slab = createSlab()
  let lastId = -1
  let lanes: readonly DiskLane[] = []
  /** No longer in the list, but something of theirs is still on its way to the disk. */
  let leaving: readonly DiskLane[] = []
  const known = (): readonly DiskLane[] => [...lanes, ...leaving]
  const destinations = (): string[] => known().map((lane) => lane.destination)
  const link = createWorkerLink(
    { path, run, slab, synchronous: ack === 'durable' ? 'FULL' : 'NORMAL', ballastBytes: options.ballast },
    () => ({ lastId, destinations: destinations() }),
  )
  const setAsideFiles = metrics.counter('otlp_bridge_queue_set_aside_files_total')
  const storedBytes = metrics.gauge('otlp_bridge_queue_stored_bytes')
  let mark: MarkWriter | undefined
  let adopted = false
  let adopting = false
  let closing = false
  let closed = false
  /** Of the file: what all lanes may hold. */
  let mostBytes = 0
  let writeBehindBytes = 0
  let usedBytes = 0
  let nextForwardedId = firstForwardedId
  let stranded: readonly Stranded[] = []
  let saidStranded = ''

  // --- what happens to the store -------------------------------------------------------------------------------------

  const writer = createWriter(slab, {
    link,
    ballastBytes: options.ballast,
    isBroken: () => faults.now !== undefined,
    onCommitted: (round, answer) => onCommitted(round, answer),
    onFault: (fault) => faults.raise(fault),
  })

  const faults = createFaults({
    link,
    log,
    hasRemovals: writer.hasRemovals,
    removeNow: writer.removeNow,
    onReplaced: (replaced, message) => onReplaced(replaced, message),
    onBroken() {
      endStaged(faults.error())
      if (ack !== 'memory') for (const put of writer.takeOut(({ waiter }) => waiter !== undefined)) reject(put)
    },
    onOver() {
      if (!adopted) adopt()
      writer.schedule()
      keeping.resume()
      for (const lane of lanes) lane.ring()
    },
  })

  const keeping = createKeeping({
    link,
    metrics,
    log,
    maxBytes: Math.min(mostKept, Math.floor(maxSize * keptShare)),
    letGo: writer.letGo,
    // What is under way is with the worker before anything that is asked from now on.
    released: () => (writer.hasRemovals() ? writer.removed() : undefined),
    onFault: (fault) => faults.raise(fault),
  })

  const withdraw = ({ values, keep }: PendingPut): void => {
    if (keep !== undefined) keeping.withdrawn(keep)
    for (const { places } of values) for (const { lane, entry } of places) lane.withdrawn(entry)
  }

  const reject = (put: PendingPut, error: Error = closing ? stoppingError() : faults.error()): void => {
    withdraw(put)
    put.undo?.()
    put.waiter?.reject(error)
  }

  /** Requests of which parts are in the store, or on their way to it, are over: what is there may not be whole. */
  const endStaged = (error: Error): void => {
    stagings.failStored(error)
    for (const put of writer.takeOut(({ stage, commit }) => stage !== undefined || commit !== undefined)) reject(put, error)
  }

  const onReplaced = ({ file, ids }: Replaced, message: string): void => {
    if (file !== undefined) setAsideFiles.value++
    log.error({ file, saved: ids.length }, `the queue's store could not be read and was set aside: ${message}`)
    endStaged(lostPartsError())
    const saved = new Set(ids)
    writer.putBack(known().flatMap((lane) => lane.reconcile(saved)))
  }

  const readUse = (used: number, dead: readonly DeadItems[]): void => {
    usedBytes = used
    for (const lane of lanes) lane.setDeadItems(dead.find((one) => one.destination === lane.destination)?.items ?? 0)
  }

  const onCommitted = (round: Round, answer: RoundAnswer): void => {
    let id = answer.firstId
    let stages = 0
    let commits = 0
    for (const put of round.puts) {
      const { values, bytes, waiter, stage, commit } = put
      if (stage !== undefined) stage.crc = answer.crcs?.[stages++] ?? -1
      if (commit !== undefined && answer.lost?.includes(commits++)) {
        id += countOf(put)
        reject(put, lostPartsError())
        continue
      }
      let again = false
      for (const { places } of values) {
        for (const { lane, entry } of places) {
          again = entry.id !== 0
          if (!again) entry.id = id++
          lane.stored(entry, again)
        }
      }
      if (waiter === undefined && !again) writeBehindBytes -= bytes
      waiter?.resolve()
    }
    for (const { keep } of round.puts) if (keep !== undefined) keeping.stored(keep, id++)
    if (id > answer.firstId) lastId = id - 1
    readUse(answer.usedBytes, answer.dead)
    if (round.puts.length > 0) for (const lane of lanes) lane.ring()
  }

  const onAdopted = (answer: AdoptAnswer): void => {
    adopted = true
    mark ??= openMark(path, run)
    readUse(answer.usedBytes, answer.dead)
    reportBrokenLogs(answer.brokenLogs, metrics, log)
    for (const found of answer.found)
      known()
        .find((lane) => lane.destination === found.destination)
        ?.found(found)
    for (const one of stranded) metrics.gauge('otlp_bridge_queue_stranded_items', { destination: one.destination }).value = 0
    stranded = answer.stranded
    for (const one of stranded) metrics.gauge('otlp_bridge_queue_stranded_items', { destination: one.destination }).value = one.items
    const now = stranded.map((one) => `${one.destination}\n${one.items}`).join('\n')
    if (now === saidStranded) return
    saidStranded = now
    for (const one of stranded) log.warn({ ...one }, 'the queue holds data for a destination that is not configured; see otlp-bridge queue')
  }

  const adopt = (onDone?: () => void): void => {
    if (adopting || closed) {
      onDone?.()
      return
    }
    adopting = true
    link.call({ kind: 'adopt' }, (reply) => {
      adopting = false
      if (reply.answer?.kind === 'adopt') onAdopted(reply.answer)
      else if (reply.fault !== undefined) {
        faults.raise(reply.fault)
        if (reply.fault.kind === 'replaced') return adopt(onDone)
      }
      onDone?.()
    })
  }

  const adoptTimer = setInterval(() => faults.now === undefined && !closing && adopt(), options.adoptEveryMs ?? defaultAdoptEveryMs)
  adoptTimer.unref()

  // --- lanes -------------------------------------------------------------------------------------------------------

  const isFileFull = (): boolean => usedBytes > mostBytes

  const isFull: DiskLaneDeps['isFull'] = ({ accounts, staged, forwardedBytes, maxSize: most }, bytes) => {
    if (ack === 'forwarded') return forwardedBytes + staged + bytes > Math.min(most, forwardedMaxBytes)
    if (accounts.bytes + staged + bytes > most) return true
    if (!isFileFull()) return false
    // The file is full: who holds the most of it is to blame, not who passes through.
    let largest = 0
    for (const lane of lanes) largest = Math.max(largest, lane.accounts.bytes + lane.staged)
    return (accounts.bytes + staged) * 2 >= largest
  }

  const openLane = (lane: LaneOptions): DiskLane =>
    createDiskLane(
      { lane, maxSize, memoryTail },
      {
        link,
        writer,
        metrics,
        outcomes: deps.outcomes,
        log,
        nowMs: deps.nowMs,
        recycle: deps.recycle,
        takeMemory: deps.takeMemory,
        onFault: faults.raise,
        broken: faults.error,
        raiseMark: (destination, id) => mark?.raise(destination, id),
        isFull,
      },
    )

  /** What is on its way to the disk arrives; during a fault it cannot, then it is dropped. */
  const emptyHands = async (lane: DiskLane): Promise<void> => {
    lane.endForwarded(stoppingError())
    const endMs = performance.now() + leaveWaitMs
    const mayCome = (): boolean => faults.now === undefined && performance.now() < endMs
    while (writer.holds(lane) && (writer.isSending() || mayCome())) await pause(5)
    for (const entry of writer.withdraw(lane)) lane.dropped(entry, 'destination_removed')
    // What was settled should be removed before its owner is let go, else it is repeated.
    if (mayCome() && writer.hasRemovals()) await Promise.race([writer.removed(), pause(leaveWaitMs)])
  }

  const tellDestinations = (): Promise<void> =>
    new Promise((resolve) =>
      link.call({ kind: 'destinations', destinations: destinations() }, ({ fault }) => {
        if (fault !== undefined) faults.raise(fault)
        resolve()
      }),
    )

  const setList = (list: readonly DiskLane[]): void => {
    lanes = list
    mostBytes = list.reduce((sum, one) => sum + one.maxSize, 0)
  }

  const setLanes = async (wanted: readonly LaneOptions[]): Promise<void> => {
    if (closing) return
    const before = known()
    setList(
      wanted.map((options) => {
        const lane = before.find((one) => one.destination === options.destination)
        if (lane === undefined) return openLane(options)
        lane.options = options
        return lane
      }),
    )
    const going = before.filter((lane) => !lanes.includes(lane))
    leaving = going
    metrics.setDestinations(destinationNames(wanted))
    // Before the first round with something for the new ones.
    const told = tellDestinations()
    await Promise.all([told, ...going.map(emptyHands)])
    if (closing) return
    leaving = leaving.filter((lane) => !going.includes(lane))
    await tellDestinations()
    for (const lane of going) {
      if (lanes.includes(lane)) continue
      const items = lane.leave()
      if (items > 0) log.warn({ destination: lane.destination, items }, 'a destination was removed; what waits for it stays in the queue')
    }
    await new Promise<void>((resolve) => adopt(resolve))
  }

  // --- the queue ---------------------------------------------------------------------------------------------------

  const refusalFor = (bytes: number): Error | undefined => {
    if (closing) return stoppingError()
    const broken = ack !== 'forwarded' && faults.now !== undefined && (ack !== 'memory' || writeBehindBytes + bytes > memoryTail)
    return broken ? faults.error() : undefined
  }

  /** Why nothing can be written now, whoever waits for it. */
  const unstorable = (): Error | undefined => (closing ? stoppingError() : faults.now === undefined ? undefined : faults.error())

  /** For what no lane is to blame. */
  const fileFull = (): Error | undefined => (isFileFull() ? storeFullError(mostBytes) : undefined)

  const sizeOf = (parts: readonly (RoutedBatch | AdmittedBatch)[]): number => {
    let bytes = 0
    for (const { batch } of parts) bytes += batch.data.byteLength
    return bytes
  }

  const nextId = ack === 'forwarded' ? () => nextForwardedId++ : () => 0

  const refusalOf = (parts: readonly RoutedBatch[]): Error | undefined => refusalFor(sizeOf(parts)) ?? fullLane(lanes, parts)

  const put = (parts: readonly RoutedBatch[]): Promise<void> => {
    const refused = refusalOf(parts)
    return refused === undefined ? store(parts, undefined) : Promise.reject(refused)
  }

  const store = (parts: readonly (RoutedBatch | AdmittedBatch)[], keep: PendingKeep | undefined, commit?: PendingCommit): Promise<void> => {
    const { outcomes } = deps
    const dealt = deal(lanes, parts, { metrics, outcomes, nowMs: deps.nowMs(), stored: ack !== 'forwarded', nextId })
    const { batches, undo, tell } = dealt
    const bytes = dealt.bytes + (keep?.data.byteLength ?? 0)
    if (batches.length === 0 && keep === undefined) {
      if (commit !== undefined) writer.discard(commit.request)
      tell?.()
      return Promise.resolve()
    }
    if (ack === 'forwarded') {
      const done = forwardDeal(dealt)
      for (const { places } of batches) for (const { lane, entry } of places) lane.forward(entry)
      return done
    }
    if (ack === 'memory' && commit === undefined && writeBehindBytes + bytes <= memoryTail) {
      writeBehindBytes += bytes
      writer.put({ values: batches, keep, bytes, undo, waiter: undefined })
      tell?.()
      return Promise.resolve()
    }
    const done = new Promise<void>((resolve, reject) =>
      writer.put({ values: batches, keep, commit, bytes, undo, waiter: { resolve, reject } }),
    )
    return tell === undefined ? done : done.then(tell)
  }

  const stagings = createStagings<DiskLane>({
    lanes: () => lanes,
    refusal: refusalOf,
    reserve: reserveIn,
    heldPerRequest: options.heldPerRequest,
    take(parts, commit) {
      const refused = commit === undefined ? refusalFor(sizeOf(parts)) : unstorable()
      return refused === undefined ? store(parts, undefined, commit) : Promise.reject(refused)
    },
    ...(ack === 'forwarded' ? {} : { store: createStagingStore({ writer, refusal: unstorable, recycle: deps.recycle }) }),
  })

  const holding = (name: string, { makesRoom = false }: HoldingOptions = {}): QueueHolding => {
    const cursor: Cursor = { id: undefined }
    return {
      put: keptPut(name, makesRoom),
      release: (number) => keeping.release(name, number),
      recover: () => keeping.recover(name, cursor),
    }
  }

  const keptPut =
    (name: string, makesRoom: boolean): QueueHolding['put'] =>
    (parts, data) => {
      const refused =
        refusalFor(sizeOf(parts) + data.byteLength) ?? keeping.refusal(data.byteLength, makesRoom) ?? fileFull() ?? fullLane(lanes, parts)
      if (refused !== undefined) return Promise.reject(refused)
      const keep = keeping.begin(name, data, deps.nowMs())
      return store(parts, keep).then(() => keep.piece.number)
    }

  const stats = (): QueueStats => {
    const waitedMs = link.waitedMs()
    return {
      ...totalsOf(lanes),
      fault:
        faults.now?.message ?? (waitedMs > stuckAfterMs ? `the store has not answered for ${Math.round(waitedMs / 1000)} s` : undefined),
      stranded,
    }
  }

  const close = async (): Promise<void> => {
    if (closing) return
    closing = true
    clearInterval(adoptTimer)
    stagings.end(stoppingError())
    const deadline = setTimeout(() => void (closed = true), closeWaitMs)
    writer.hurry()
    while (!closed && faults.now === undefined && !writer.isIdle()) {
      writer.schedule()
      await pause(2)
    }
    clearTimeout(deadline)
    faults.end()
    keeping.end()
    for (const put of writer.end()) {
      const entry = put.values[0]?.places[0]?.entry
      // Put back after a fault: its lane still has it.
      if (entry !== undefined && entry.id !== 0) continue
      if (put.waiter === undefined) dropAtShutdown(put)
      else reject(put)
    }
    for (const lane of known()) lane.endForwarded(stoppingError())
    mark?.close()
    const empty = known()
      .filter((lane) => lane.accounts.batches === 0)
      .map((lane) => lane.destination)
    if (!closed) await new Promise<void>((resolve) => link.call({ kind: 'close', empty }, () => resolve()))
    closed = true
    await link.terminate()
  }

  const dropAtShutdown = (put: PendingPut): void => {
    if (put.keep !== undefined) keeping.withdrawn(put.keep)
    for (const { places } of put.values) for (const { lane, entry } of places) lane.dropped(entry, 'shutdown')
  }

  setList(options.lanes.map(openLane))
  metrics.setDestinations(destinationNames(options.lanes))
  exposeGauges(metrics, () => lanes)
  metrics.onCollect(() => void (storedBytes.value = usedBytes))
  await new Promise<void>((resolve) => adopt(resolve))
  return {
    get lanes() {
      return lanes
    },
    put,
    stage: stagings.begin,
    ...(ack === 'forwarded' ? {} : { holding }),
    refusal: (which) => refusalFor(1) ?? fullAtTheDoor(lanes, which),
    setLanes,
    stats,
    close,
  }
}
