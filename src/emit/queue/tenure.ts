/** Which owners of the store this run holds, and how it comes to hold those of runs that ended. Synchronous: for the worker. */

import type { DatabaseSync } from 'node:sqlite'
import { isOwnerless, isRunName, lockOwner, type OwnerLock, readMark } from './owners.ts'
import type { FoundSource, OwnerMark } from './protocol.ts'
import type { Stranded } from './queue.ts'
import type { OwnerSums } from './rows.ts'

export interface TenureOptions {
  /** State folder. */
  readonly path: string
  readonly run: string
  readonly destinations: readonly string[]
}

/** What is done in a transaction and counts only once it is committed. */
interface Entering {
  /** Owners of what this run puts. */
  own(): readonly number[]
  done(): void
}

type Sums = (owners: readonly number[]) => OwnerSums[]

interface Adoption {
  /** False: there is nothing to take. */
  readonly any: boolean
  /** Within a transaction: takes over what is for our destinations. Their rows are counted in one pass. */
  take(sums: Sums): FoundSource[]
  /** The transaction is committed. */
  done(): void
  /** Lets the locks of the ended runs go, in any case. */
  release(): void
}

export interface Tenure {
  /** Within a transaction: all that this run holds stands in the store, also when the file is a new one. */
  enter(db: DatabaseSync): Entering
  /** Looks for runs that ended. Their locks are held until `release`. */
  adopt(db: DatabaseSync): Adoption
  /** What waits in the store for destinations that nobody sends to. */
  stranded(db: DatabaseSync, sums: Sums): Stranded[]
  /** Those that go are let go at the next `enter`. */
  setDestinations(destinations: readonly string[]): void
  /** Within a transaction: this run ends. @param empty destinations for which it holds nothing */
  leave(db: DatabaseSync, empty: readonly string[]): void
  /** The owner of what this run puts for a destination. Throws when there is none. */
  ownerOf(destination: string): number
  /** All that it holds. */
  mine(): Iterable<number>
}

interface Holding {
  readonly destination: string
  readonly mark: number
}

interface Candidate extends OwnerMark {
  readonly run: string
  readonly destination: string
}

/** SQL: the owner's run needs no lock, nobody holds its rows. As `isOwnerless` of owners.ts. */
export const ownerlessText = "(run LIKE 'closed-%' OR run LIKE 'retry-%')"

/** Within a transaction: runs that ended without a word are written down as such, so that their rows can be given to others. */
export function closeEndedRuns(db: DatabaseSync, path: string): void {
  const close = db.prepare('UPDATE owners SET run = ?, mark = max(mark, ?) WHERE id = ?')
  for (const row of db.prepare(`SELECT DISTINCT run FROM owners WHERE NOT ${ownerlessText}`).all()) {
    const run = String(row['run'])
    const lock = isRunName(run) ? lockOwner(path, run) : undefined
    if (lock === undefined && isRunName(run)) continue
    for (const owner of db.prepare('SELECT id, destination FROM owners WHERE run = ?').all(run)) {
      const mark = lock === undefined ? Number.MAX_SAFE_INTEGER : readMark(path, run, String(owner['destination']))
      close.run(`closed-${run}`, mark, Number(owner['id']))
    }
    lock?.release()
  }
}

/** Creates the tenure of one run. It knows nothing until it has entered. */
export function createTenure({ path, run, destinations: first }: TenureOptions): Tenure {
  let destinations = first
  let own = new Map<string, number>()
  let held = new Map<number, Holding>()
  let strandedOwners = ''
  let strandedRows: Stranded[] = []

  /** Rows without a destination are of layout 1 or of nobody: the first takes them. */
  const named = (destination: unknown): string => (destination === '' ? (destinations[0] ?? '') : String(destination))

  const letGo = (db: DatabaseSync, id: number, { destination, mark }: Holding): void => {
    const highest = Math.max(mark, readMark(path, run, destination))
    db.prepare('UPDATE owners SET run = ?, mark = max(mark, ?) WHERE id = ?').run(`closed-${run}`, highest, id)
  }

  const enter = (db: DatabaseSync): Entering => {
    const nowHeld = new Map(held)
    const nowOwn = new Map(own)
    // A worker that died knew what it held.
    for (const row of db.prepare('SELECT id, born, mark, destination FROM owners WHERE run = ?').all(run)) {
      const id = Number(row['id'])
      const destination = named(row['destination'])
      if (!nowHeld.has(id)) nowHeld.set(id, { destination, mark: Number(row['mark']) })
      if (row['born'] === run) nowOwn.set(destination, id)
    }
    const restore = db.prepare('INSERT OR IGNORE INTO owners (id, born, run, mark, destination) VALUES (?, ?, ?, ?, ?)')
    for (const [id, { destination, mark }] of nowHeld) {
      restore.run(id, nowOwn.get(destination) === id ? run : 'lost', run, mark, destination)
      if (destinations.includes(destination)) continue
      letGo(db, id, { destination, mark })
      nowHeld.delete(id)
      if (nowOwn.get(destination) === id) nowOwn.delete(destination)
    }
    const begin = db.prepare('INSERT INTO owners (born, run, mark, destination) VALUES (?, ?, 0, ?)')
    for (const destination of destinations) {
      if (nowOwn.has(destination)) continue
      const id = Number(begin.run(run, run, destination).lastInsertRowid)
      nowOwn.set(destination, id)
      nowHeld.set(id, { destination, mark: 0 })
    }
    return {
      own: () => [...nowOwn.values()],
      done() {
        own = nowOwn
        held = nowHeld
      },
    }
  }

  const adopt = (db: DatabaseSync): Adoption => {
    const locks: OwnerLock[] = []
    const candidates: Candidate[] = []
    const release = (): void => {
      for (const lock of locks.splice(0)) lock.release()
    }
    const add = (theirRun: string): void => {
      const lockless = isOwnerless(theirRun)
      const lock = lockless || !isRunName(theirRun) ? undefined : lockOwner(path, theirRun)
      if (lock !== undefined) locks.push(lock)
      // It lives.
      else if (!lockless && isRunName(theirRun)) return
      for (const row of db.prepare('SELECT id, mark, destination FROM owners WHERE run = ?').all(theirRun)) {
        const destination = named(row['destination'])
        const mark = lockless ? 0 : lock === undefined ? Number.POSITIVE_INFINITY : readMark(path, theirRun, destination)
        candidates.push({ id: Number(row['id']), run: theirRun, destination, mark: Math.max(Number(row['mark']), mark) })
      }
    }
    try {
      for (const row of db.prepare('SELECT DISTINCT run FROM owners WHERE run <> ?').all(run)) add(String(row['run']))
    } catch (error) {
      release()
      throw error
    }
    let taken: Candidate[] = []

    const take = (sums: Sums): FoundSource[] => {
      // The run of an owner that is for others is over all the same: its mark must not go with its lock.
      const leave = db.prepare('UPDATE owners SET run = ?, mark = ? WHERE id = ?')
      for (const one of candidates) {
        if (!destinations.includes(one.destination) && !isOwnerless(one.run)) leave.run(`closed-${one.run}`, one.mark, one.id)
      }
      const wanted = candidates.filter((one) => destinations.includes(one.destination))
      if (wanted.length === 0) return []
      const rows = sums(wanted.map((one) => one.id))
      const remove = db.prepare('DELETE FROM owners WHERE id = ?')
      const update = db.prepare('UPDATE owners SET run = ?, mark = ?, destination = ? WHERE id = ?')
      const filled = new Set(rows.map((row) => row.owner))
      for (const one of wanted) {
        if (filled.has(one.id)) update.run(run, one.mark, one.destination, one.id)
        else remove.run(one.id)
      }
      taken = wanted.filter((one) => filled.has(one.id))
      return destinations.flatMap((destination) => {
        const owners = taken.filter((one) => one.destination === destination)
        const ids = new Set(owners.map((one) => one.id))
        const sum = rows.filter((row) => ids.has(row.owner))
        if (owners.length === 0) return []
        const found: FoundSource = {
          destination,
          owners: owners.map(({ id, mark }) => ({ id, mark })),
          sums: sum,
          oldestAtMs: Math.min(...sum.map((row) => row.oldestAtMs)),
        }
        return [found]
      })
    }

    return {
      any: candidates.length > 0,
      take,
      done() {
        for (const { id, destination, mark } of taken) held.set(id, { destination, mark })
      },
      release,
    }
  }

  return {
    enter,
    adopt,
    stranded(db, sums) {
      const owners = db
        .prepare(`SELECT id, destination FROM owners WHERE ${ownerlessText} AND destination <> ''`)
        .all()
        .map((row) => ({ id: Number(row['id']), destination: String(row['destination']) }))
        .filter((one) => !destinations.includes(one.destination))
      const key = owners.map(({ id }) => id).join()
      // Nobody puts rows to them, so they are counted once.
      if (key === strandedOwners) return strandedRows
      const rows = owners.length === 0 ? [] : sums(owners.map((one) => one.id))
      const filled = new Set(rows.map((row) => row.owner))
      const remove = db.prepare('DELETE FROM owners WHERE id = ?')
      for (const { id } of owners) if (!filled.has(id)) remove.run(id)
      const nameOf = new Map(owners.map((one) => [one.id, one.destination]))
      const byName = new Map<string, { destination: string; batches: number; items: number }>()
      for (const row of rows) {
        const destination = nameOf.get(row.owner) ?? ''
        const sum = byName.get(destination) ?? { destination, batches: 0, items: 0 }
        sum.batches += row.batches
        sum.items += row.items
        byName.set(destination, sum)
      }
      strandedOwners = owners
        .filter(({ id }) => filled.has(id))
        .map(({ id }) => id)
        .join()
      strandedRows = [...byName.values()]
      return strandedRows
    },
    setDestinations(next) {
      destinations = next
    },
    leave(db, empty) {
      const remove = db.prepare('DELETE FROM owners WHERE id = ?')
      for (const [id, holding] of held) {
        if (empty.includes(holding.destination)) remove.run(id)
        else letGo(db, id, holding)
      }
    },
    ownerOf(destination) {
      const id = own.get(destination)
      if (id === undefined) throw new Error(`BUG: destination ${destination} has no owner in the store`)
      return id
    },
    mine: () => held.keys(),
  }
}
