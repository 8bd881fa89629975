/** The disk queue's worker thread: carries out requests one by one, opens the store anew after faults, sets aside what cannot be read. */

import type { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import { freeWhole } from '../../otlp/encode/chunks.ts'
import { collectStartGarbage } from '../../telemetry/start-garbage.ts'
import { createBallast } from './ballast.ts'
import { createKeptRows, type KeptRows } from './kept.ts'
import type { BrokenLog } from './log-damage.ts'
import { alone, lockOwner, type OwnerLock } from './owners.ts'
import {
  type AdoptAnswer,
  type Answer,
  keepColumn,
  keepColumns,
  type PageRequest,
  type ReadRequest,
  type RecoverRequest,
  type Replaced,
  type Reply,
  type Request,
  type RoundAnswer,
  type RoundRequest,
  type WorkerOptions,
} from './protocol.ts'
import { prepareRows, type Rows } from './rows.ts'
import { createStagedRows, firstStagedId, type StagedRows } from './staged.ts'
import { fileIdentity, openStore, salvageStore, setAsideStore, storeFaultOf } from './store.ts'
import { createTenure } from './tenure.ts'

/** A store that is open, and what was prepared on it. */
interface Open {
  readonly db: DatabaseSync
  readonly identity: number
  readonly kept: KeptRows
  readonly staged: StagedRows
  rows: Rows
}

/** Ids in a new file begin here: above every id of the old one, so that what other processes store again keeps its id. */
const firstIdOfReplacement = (): number => Date.now() * 1000

/** The store is a new one: what the main thread believes to be on disk may not be. */
class StoreReplaced extends Error {
  readonly replaced: Replaced
  constructor(message: string, replaced: Replaced) {
    super(message)
    this.replaced = replaced
  }
}

/** A set-aside file and its followers wait for each other this long: what is readable is copied in the meantime. */
const setAsideWaitMs = 120_000

const pageBytes = 16_384
const maxCheckpointPages = 1000
const minCheckpointPages = 16

const noRequests = new Float64Array()

/** Rows that are removed in one transaction while the disk is full. */
const removalsPerCommit = 16

/** A file this large with next to nothing in it is made small again. */
const shrinkAboveBytes = 256 * 2 ** 20

const createSession = (options: WorkerOptions) => {
  const { path, run, slab } = options
  const ballast = createBallast(path, options.ballastBytes)
  const tenure = createTenure({ path, run, destinations: options.destinations })
  let lock: OwnerLock | undefined
  let open: Open | undefined
  let lastId = options.lastId
  let triedIdentity = 0
  let dead: RoundAnswer['dead'] = []
  let dataVersion = 0

  const transaction = <T>(db: DatabaseSync, work: () => T): T => {
    db.exec('BEGIN IMMEDIATE')
    try {
      const result = work()
      db.exec('COMMIT')
      return result
    } catch (error) {
      // After some faults SQLite has rolled back already.
      if (db.isTransaction) db.exec('ROLLBACK')
      throw error
    }
  }

  const brokenLogs: BrokenLog[] = []

  const close = (): void => {
    const was = open
    open = undefined
    was?.db.close()
  }

  /** Makes sure that our owners stand in the store, and removes what a commit in doubt may have left. */
  const enter = (db: DatabaseSync, kept: KeptRows, staged: StagedRows | undefined): void => {
    const entered = transaction(db, () => {
      const entering = tenure.enter(db)
      // Batches of an owner that nobody knows, as a damaged row may name one, are adopted like those of any ended run.
      if (lastId < 0) {
        db.exec(`INSERT OR IGNORE INTO owners (id, born, run, mark)
          SELECT DISTINCT owner, 'lost', 'retry-lost', ${Number.MAX_SAFE_INTEGER} FROM batches WHERE owner NOT IN (SELECT id FROM owners)`)
        lastId = Number(db.prepare('SELECT max(id) AS id FROM batches').get()?.['id'] ?? 0)
      } else if (db.prepare(`DELETE FROM batches WHERE owner IN (${entering.own().join(',')}) AND id > ?`).run(lastId).changes !== 0) {
        db.prepare(
          "DELETE FROM shared WHERE id > ? AND id < ? AND NOT EXISTS (SELECT 1 FROM batches WHERE typeof(data) = 'integer' AND data = shared.id)",
        ).run(lastId, firstStagedId)
      }
      if (lastId >= 0) kept.removeAbove(lastId)
      staged?.removeOwn()
      return entering
    })
    entered.done()
  }

  const prepare = (db: DatabaseSync): Rows => prepareRows(db, { mine: tenure.mine(), ownerOf: tenure.ownerOf })

  const takeBallast = (): void => {
    if (open === undefined) return
    try {
      ballast.take(open.rows.freeBytes())
      // What is in the -wal must find room in the file when the disk is full: then the ballast is that room.
      const pages = ballast.bytes === 0 ? maxCheckpointPages : Math.floor((ballast.bytes * 0.75) / pageBytes)
      open.db.exec(`PRAGMA wal_autocheckpoint = ${Math.min(maxCheckpointPages, Math.max(minCheckpointPages, pages))}`)
    } catch {
      // Without room kept back the queue works all the same until the disk is full; the probe tries again.
    }
  }

  const ensureOpen = (): Open => {
    if (open !== undefined) return open
    lock ??= lockOwner(path, run, 1000)
    if (lock === undefined) throw new Error(`another process holds the lock of run ${run}`)
    triedIdentity = fileIdentity(path)
    const db = openStore(path, options.synchronous, (broken) => brokenLogs.push(broken))
    try {
      triedIdentity = fileIdentity(path)
      const kept = createKeptRows(db, { path, run })
      const staged = createStagedRows(db, { path, run })
      enter(db, kept, staged)
      const rows = prepare(db)
      dead = rows.deadItems()
      open = { db, identity: triedIdentity, kept, staged, rows }
    } catch (error) {
      db.close()
      throw error
    }
    // After the answer to the first request: nobody waits for it.
    setImmediate(takeBallast)
    return open
  }

  const heldIds = ({ db }: Open): Float64Array => {
    const ids = db.prepare(`SELECT id FROM batches WHERE owner IN (${[...tenure.mine()].join(',')}) ORDER BY id`).all()
    return Float64Array.from(ids, (row) => Number(row['id']))
  }

  /** Sets the file aside, opens a new one and saves into it what can be read. One process does it, the others follow. */
  const replaceStore = (cause: unknown): StoreReplaced => {
    const identity = open?.identity ?? triedIdentity
    close()
    return alone(path, setAsideWaitMs, () => {
      let file: string | undefined
      // Another process may have been faster: then the file is a new one already.
      if ([0, identity].includes(fileIdentity(path))) {
        file = setAsideStore(path, Date.now())
        const db = openStore(path, options.synchronous)
        try {
          if (file !== undefined) salvageStore(file, db)
        } finally {
          db.close()
        }
      }
      const fresh = ensureOpen()
      lastId = Math.max(lastId, firstIdOfReplacement())
      return new StoreReplaced(cause instanceof Error ? cause.message : String(cause), { file, ids: heldIds(fresh) })
    })
  }

  const checkIdentity = (at: Open): void => {
    if (fileIdentity(path) === at.identity) return
    close()
    // The followers wait until the one who replaced it has copied everything.
    const fresh = alone(path, setAsideWaitMs, ensureOpen)
    lastId = Math.max(lastId, firstIdOfReplacement())
    throw new StoreReplaced('another process has set it aside', { file: undefined, ids: heldIds(fresh) })
  }

  const writeRound = (round: RoundRequest): RoundAnswer => {
    const at = ensureOpen()
    const { names, keeps, releases, accounts, stages, commits, discards } = round
    const values = new Uint8Array(round.large ?? slab)
    if (keeps !== undefined) at.kept.begin(keptNames(keeps, names))
    at.staged.begin(stages !== undefined)
    if (accounts !== undefined) at.rows.beginAccounts()
    const written = transaction(at.db, () => {
      if (releases !== undefined) at.kept.release(releases)
      if (discards !== undefined) at.staged.discard(discards)
      const bases = commits === undefined ? undefined : at.staged.bases(round)
      const floorId = keeps === undefined ? lastId : Math.max(lastId, at.kept.highest())
      const { firstId, lastId: last } = at.rows.write(round, slab, floorId, false, bases)
      return {
        firstId,
        lastId: keeps === undefined ? last : at.kept.write(round, values, last + 1),
        lost: bases === undefined ? undefined : at.staged.finish(round, bases),
        crcs: stages === undefined ? undefined : at.staged.write(round, values),
      }
    })
    at.staged.done()
    checkIdentity(at)
    if (written.lastId >= written.firstId) lastId = written.lastId
    if (round.buries.length > 0) dead = at.rows.deadItems()
    const { firstId, crcs, lost } = written
    return { kind: 'round', firstId, crcs, lost, usedBytes: at.rows.usedBytes(), ballastBytes: ballast.bytes, dead }
  }

  /** On a full disk: gives the ballast up and removes without putting. */
  const removeOnly = (round: RoundRequest): boolean => {
    ballast.give()
    try {
      const at = ensureOpen()
      // First the -wal goes into the file and begins anew: else the room given up is spent on making it longer.
      checkpoint(at)
      // A few rows a transaction: what each writes must fit into that room again.
      for (let from = 0; from < Math.max(round.deletes.length, round.sharedDeletes.length); from += removalsPerCommit) {
        const deletes = round.deletes.subarray(from, from + removalsPerCommit)
        const sharedDeletes = round.sharedDeletes.subarray(from, from + removalsPerCommit)
        transaction(at.db, () => at.rows.write({ ...round, deletes, sharedDeletes, buries: [] }, slab, lastId, true))
        checkpoint(at)
      }
      for (const release of round.releases ?? []) {
        while (transaction(at.db, () => at.kept.release([release], removalsPerCommit)) > 0) checkpoint(at)
      }
      at.staged.begin(false)
      const { discards = noRequests } = round
      while (transaction(at.db, () => at.staged.discard(discards, removalsPerCommit)) > 0) checkpoint(at)
      at.staged.done()
      const nothing = new Float64Array()
      transaction(at.db, () => at.rows.write({ ...round, deletes: nothing, sharedDeletes: nothing }, slab, lastId, true))
      return true
    } catch (error) {
      if (storeFaultOf(error) === 'damaged') throw error
      return false
    }
  }

  const adopt = (): AdoptAnswer => {
    const at = ensureOpen()
    checkIdentity(at)
    const adoption = tenure.adopt(at.db)
    try {
      const found = adoption.any ? transaction(at.db, () => adoption.take(at.rows.sums)) : []
      adoption.done()
      if (found.length > 0) at.rows = prepare(at.db)
      at.staged.removeDead()
      const stranded = tenure.stranded(at.db, at.rows.sums)
      const used = at.rows.usedBytes()
      if (used < shrinkAboveBytes / 16 && at.rows.freeBytes() > shrinkAboveBytes) shrink(at)
      // Other processes, such as `otlp-bridge queue retry`, move dead letters too.
      const version = Number(at.db.prepare('PRAGMA data_version').get()?.['data_version'])
      if (version !== dataVersion) dead = at.rows.deadItems()
      dataVersion = version
      return { kind: 'adopt', found, stranded, dead, usedBytes: used, brokenLogs: brokenLogs.splice(0) }
    } finally {
      adoption.release()
    }
  }

  const setDestinations = (destinations: readonly string[]): Answer => {
    tenure.setDestinations(destinations)
    if (open !== undefined) {
      const at = open
      // Requests that are under way go on.
      enter(at.db, at.kept, undefined)
      at.rows = prepare(at.db)
    } else ensureOpen()
    return { kind: 'done' }
  }

  const shrink = ({ db }: Open): void => {
    try {
      db.exec('VACUUM; PRAGMA wal_checkpoint(TRUNCATE)')
    } catch (error) {
      // Other processes are in the file, or there is no room: a large file is a nuisance, not a fault.
      if (storeFaultOf(error) === 'damaged') throw error
    }
  }

  /** Empties the -wal, which gives its room back. */
  const checkpoint = (at: Open): void => {
    try {
      at.db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    } catch (error) {
      if (storeFaultOf(error) !== 'full') throw error
      // The file would have to grow for pages that hold nothing any more: without them it need not.
      if (at.rows.freeBytes() > at.rows.usedBytes()) at.db.exec('VACUUM; PRAGMA wal_checkpoint(TRUNCATE)')
      else throw error
    }
  }

  const probe = (): Answer => {
    const at = ensureOpen()
    checkpoint(at)
    // An emptied file keeps its length: the ballast's room, and what the log needs beside it.
    if (ballast.isGivenUp() && at.rows.freeBytes() > at.rows.usedBytes()) shrink(at)
    if (!ballast.take(at.rows.freeBytes())) throw Object.assign(new Error('the disk has no room for the ballast'), { code: 'ENOSPC' })
    // A real write of some size, taken away again.
    transaction(at.db, () => at.db.exec("INSERT OR REPLACE INTO damaged VALUES (0, '', '', 0, 0, 0, 0, randomblob(262144))"))
    transaction(at.db, () => at.db.exec('DELETE FROM damaged WHERE id = 0'))
    return { kind: 'done' }
  }

  const read = ({ ids, into }: ReadRequest): Answer => {
    const at = ensureOpen()
    const values = ids.map((id, place) => {
      const value = at.rows.read(id)
      if (value !== 'damaged') return value === undefined ? undefined : moved(value, into[place])
      at.rows.setAside(id)
      return undefined
    })
    return { kind: 'read', values }
  }

  const recover = (request: RecoverRequest): Answer => {
    const at = ensureOpen()
    checkIdentity(at)
    return at.kept.recover(request)
  }

  const page = ({ destination, owners, afterId, limit }: PageRequest): Answer => {
    const { rows } = ensureOpen()
    // What is put by this run and paged in again was not handed out yet: mark 0.
    return { kind: 'page', rows: rows.page(owners ?? [{ id: tenure.ownerOf(destination), mark: 0 }], afterId, limit) }
  }

  const end = (empty: readonly string[]): Answer => {
    if (open !== undefined) {
      const { db, kept, staged } = open
      transaction(db, () => {
        tenure.leave(db, empty)
        kept.leave()
        staged.removeOwn()
      })
    }
    close()
    lock?.release()
    lock = undefined
    return { kind: 'done' }
  }

  const carryOut = (request: Request): Answer => {
    switch (request.kind) {
      case 'round':
        return writeRound(request)
      case 'destinations':
        return setDestinations(request.destinations)
      case 'page':
        return page(request)
      case 'read':
        return read(request)
      case 'recover':
        return recover(request)
      case 'adopt':
        return adopt()
      case 'probe':
        return probe()
      case 'close':
        return end(request.empty)
    }
  }

  const failed = (kind: 'full' | 'io', error: unknown, removalsDone: boolean): Reply => {
    const message = error instanceof Error ? error.message : String(error)
    return { answer: undefined, fault: { kind, message, removalsDone, replaced: undefined } }
  }

  const replacedReply = ({ message, replaced }: StoreReplaced): Reply => ({
    answer: undefined,
    fault: { kind: 'replaced', message, removalsDone: false, replaced },
  })

  const onError = (request: Request, error: unknown): Reply => {
    if (error instanceof StoreReplaced) return replacedReply(error)
    const kind = storeFaultOf(error)
    if (kind === 'damaged') return replacedReply(replaceStore(error))
    if (kind === 'full') return failed(kind, error, request.kind === 'round' && removeOnly(request))
    // After an I/O error what SQLite keeps in memory is not to be believed.
    close()
    return failed(kind, error, false)
  }

  return (request: Request): Reply => {
    try {
      return { answer: carryOut(request), fault: undefined }
    } catch (error) {
      try {
        return onError(request, error)
      } catch (second) {
        return failed('io', second, false)
      }
    }
  }
}

/** Under which names a round keeps something. */
function keptNames(keeps: Float64Array, names: readonly string[]): Set<string> {
  const found = new Set<string>()
  for (let at = 0; at < keeps.length; at += keepColumns) found.add(names[keeps[at + keepColumn.name] as number] as string)
  return found
}

/** A value in the memory that it is wanted in; its own is free for the next one. */
function moved(value: Uint8Array, memory: ArrayBuffer | undefined): Uint8Array {
  if (memory === undefined || memory.byteLength < value.length) return value
  const there = new Uint8Array(memory, 0, value.length)
  there.set(value)
  freeWhole(value)
  return there
}

const transfersOf = (reply: Reply): ArrayBuffer[] => {
  const { answer } = reply
  const values = answer?.kind === 'read' ? answer.values : answer?.kind === 'kept' ? answer.kept.map(({ data }) => data) : []
  return values.flatMap((value) => (value !== undefined && value.buffer instanceof ArrayBuffer ? [value.buffer] : []))
}

const port = parentPort
if (port === null) throw new Error('BUG: disk-worker.ts is a worker thread, not a program')
const answer = createSession(workerData as WorkerOptions)
collectStartGarbage()
port.on('message', (request: Request) => {
  const reply = answer(request)
  port.postMessage(reply, transfersOf(reply))
})
