/** What is kept in the store beside the batches: statements, and how what dead runs have kept changes hands. Synchronous: for the worker. */

import type { DatabaseSync } from 'node:sqlite'
import { crc32 } from 'node:zlib'
import { isOwnerless, isRunName, lockOwner, type OwnerLock } from './owners.ts'
import { type KeptAnswer, keepColumn, keepColumns, type RecoverRequest, type Release, type RoundRequest } from './protocol.ts'
import { createStatements } from './statements.ts'
import { addKeptTables, adoptLostKeepers, hasKeptTables } from './store.ts'

export interface KeptRowsOptions {
  /** State folder. */
  readonly path: string
  readonly run: string
}

export interface KeptRows {
  /** Makes the tables and our place in them for these names, in a transaction of its own. Nothing to do but for the first time. */
  begin(names: Iterable<string>): void
  /** The highest id of all processes. */
  highest(): number
  /** Within a transaction: stores what a round keeps, from `firstId` on. Returns the last id given. */
  write(round: RoundRequest, values: Uint8Array, firstId: number): number
  /** Within a transaction: removes what was let go of. @param most rows at the most. Returns how many. */
  release(releases: readonly Release[], most?: number): number
  /** Within a transaction: removes what a commit in doubt may have left. */
  removeAbove(id: number): void
  /** Takes over what dead runs have kept when asked to, and reads of all that is ours what comes next. */
  recover(request: RecoverRequest): KeptAnswer
  /** Within a transaction: this run ends; what it still keeps is for the next. */
  leave(): void
}

/** The lock of a run may be taken by one who only looks: so long a look is waited for, in milliseconds and for all runs together. */
const lookMs = 300

const pageRows = 4096

const unlimited = Number.MAX_SAFE_INTEGER

/** Prepares nothing yet: a store in which nothing was ever kept does not have the tables. */
export function createKeptRows(db: DatabaseSync, { path, run }: KeptRowsOptions): KeptRows {
  const keepers = new Map<string, number>()
  const { sql, inTransaction } = createStatements(db)
  let there = hasKeptTables(db)

  const beginOne = (name: string): void => {
    let id = 0
    inTransaction(() => {
      if (!there) addKeptTables(db)
      const known = sql('SELECT id FROM keepers WHERE run = ?1 AND born = ?1 AND name = ?2').get(run, name)
      id = Number(known?.['id'] ?? sql('INSERT INTO keepers (born, run, name) VALUES (?1, ?1, ?2)').run(run, name).lastInsertRowid)
    })
    there = true
    keepers.set(name, id)
  }

  /** Runs that ended, their locks held: nobody else takes them over meanwhile. */
  const lockDead = (runs: readonly string[]): { readonly dead: string[]; readonly locks: Map<string, OwnerLock> } => {
    const dead: string[] = []
    const locks = new Map<string, OwnerLock>()
    const endMs = performance.now() + lookMs
    const tryLock = (name: string, waitMs: number): boolean => {
      const lock = lockOwner(path, name, waitMs)
      if (lock === undefined) return false
      locks.set(name, lock)
      dead.push(name)
      return true
    }
    const busy: string[] = []
    for (const name of runs) {
      if (isOwnerless(name) || !isRunName(name)) dead.push(name)
      else if (!tryLock(name, 0)) busy.push(name)
    }
    for (const name of busy) tryLock(name, Math.max(0, Math.ceil(endMs - performance.now())))
    return { dead, locks }
  }

  const letLocksGo = (locks: ReadonlyMap<string, OwnerLock>): void => {
    for (const [name, lock] of locks) {
      // Whoever takes its batches over wants its mark.
      const hasBatches = sql('SELECT 1 FROM owners WHERE run = ? LIMIT 1').get(name) !== undefined
      lock.release(hasBatches)
    }
  }

  /** What dead runs have kept becomes ours. */
  const adopt = (name: string): void => {
    inTransaction(() => adoptLostKeepers(db))
    const runs = sql('SELECT DISTINCT run FROM keepers WHERE run <> ? AND name = ?').all(run, name)
    if (runs.length === 0) return
    const { dead, locks } = lockDead(runs.map((row) => String(row['run'])))
    try {
      inTransaction(() => {
        const filled = new Set(
          sql('SELECT DISTINCT keeper FROM kept')
            .all()
            .map((row) => Number(row['keeper'])),
        )
        for (const theirs of dead) {
          for (const row of sql('SELECT id FROM keepers WHERE run = ? AND name = ?').all(theirs, name)) {
            const id = Number(row['id'])
            if (filled.has(id)) sql('UPDATE keepers SET run = ? WHERE id = ?').run(run, id)
            else sql('DELETE FROM keepers WHERE id = ?').run(id)
          }
        }
      })
    } finally {
      letLocksGo(locks)
    }
  }

  const setAside = (id: number): void =>
    inTransaction(() => {
      // Below 0: ids of batches stand in the same table.
      sql(
        `INSERT OR REPLACE INTO damaged (id, format, signal, items, bytes, queued_at, crc, data)
         SELECT -id, name, '', 0, length(data), queued_at, crc, data FROM kept WHERE id = ?`,
      ).run(id)
      sql('DELETE FROM kept WHERE id = ?').run(id)
    })

  return {
    begin(names) {
      for (const name of names) if (!keepers.has(name)) beginOne(name)
    },
    highest: () => Number(sql('SELECT max(id) AS id FROM kept').get()?.['id'] ?? 0),
    write({ keeps, names }, values, firstId) {
      let id = firstId
      if (keeps === undefined) return id - 1
      const insert = sql('INSERT INTO kept (id, keeper, name, queued_at, crc, data) VALUES (?, ?, ?, ?, ?, ?)')
      for (let at = 0; at < keeps.length; at += keepColumns) {
        const column = (name: keyof typeof keepColumn): number => keeps[at + keepColumn[name]] as number
        const name = names[column('name')] as string
        const data = values.subarray(column('offset'), column('offset') + column('length'))
        insert.run(id++, keepers.get(name) as number, name, column('queuedAtMs'), crc32(data), data)
      }
      return id - 1
    },
    release(releases, most = unlimited) {
      let removed = 0
      if (!there) return removed
      const remove =
        most === unlimited
          ? 'DELETE FROM kept WHERE id <= ?1 AND keeper IN (SELECT id FROM keepers WHERE run = ?2 AND name = ?3)'
          : `DELETE FROM kept WHERE id IN (SELECT id FROM kept WHERE id <= ?1 AND keeper IN
             (SELECT id FROM keepers WHERE run = ?2 AND name = ?3) ORDER BY id LIMIT ${most})`
      for (const { name, id } of releases) removed += Number(sql(remove).run(id, run, name).changes)
      return removed
    },
    removeAbove(id) {
      if (!there) return
      sql('DELETE FROM kept WHERE id > ?1 AND keeper IN (SELECT id FROM keepers WHERE run = ?2 AND born = ?2)').run(id, run)
    },
    recover(request) {
      if (!there && !(there = hasKeptTables(db))) return { kind: 'kept', kept: [], damaged: 0 }
      const { name, afterId, maxBytes } = request
      if (request.adopt) adopt(name)
      const rows = sql(
        `SELECT id, length(data) AS bytes FROM kept WHERE id > ? AND keeper IN
         (SELECT id FROM keepers WHERE run = ? AND name = ?) ORDER BY id LIMIT ${pageRows}`,
      ).all(afterId, run, name)
      const kept: { id: number; data: Uint8Array }[] = []
      let bytes = 0
      let damaged = 0
      for (const row of rows) {
        bytes += Number(row['bytes'])
        if (kept.length > 0 && bytes > maxBytes) break
        const id = Number(row['id'])
        const value = sql('SELECT crc, data FROM kept WHERE id = ?').get(id)
        const data = value?.['data']
        if (data instanceof Uint8Array && crc32(data) === value?.['crc']) kept.push({ id, data })
        else {
          setAside(id)
          damaged++
        }
      }
      return { kind: 'kept', kept, damaged }
    },
    leave() {
      if (!there) return
      sql('DELETE FROM keepers WHERE run = ? AND id NOT IN (SELECT keeper FROM kept)').run(run)
      sql('UPDATE keepers SET run = ? WHERE run = ?').run(`closed-${run}`, run)
    },
  }
}
