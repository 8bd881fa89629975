/**
 * Parts of requests that are not the queue's yet, in the store: statements, and how those of dead runs are removed. Synchronous: for the worker.
 *
 * A part is a value in `shared` to which no row of `batches` refers: nobody sends it, whatever program opens the store. To commit is to
 * add the rows. Which values are of requests that are under way is told by `stagings`: one row a request, and the ids of its values
 * follow from the row's.
 */

import type { DatabaseSync } from 'node:sqlite'
import { crc32 } from 'node:zlib'
import { isRunName, lockOwner } from './owners.ts'
import { commitColumn, commitColumns, putColumn, putColumns, type RoundRequest, stageColumn, stageColumns } from './protocol.ts'
import { createStatements } from './statements.ts'
import { addStagingTable, hasStagingTable } from './store.ts'

export interface StagedRowsOptions {
  /** State folder. */
  readonly path: string
  readonly run: string
}

export interface StagedRows {
  /** Before a transaction. @param writes it stores parts: the table is made, in a transaction of its own, where it is not there */
  begin(writes: boolean): void
  /** Within a transaction: stores parts. Returns their checksums, -1 where the parts before it are gone. */
  write(round: RoundRequest, values: Uint8Array): Float64Array
  /**
   * Within a transaction, before the rows are put: for each row of `puts` the id of part 0 of its request; -1 when a part of the request
   * is not in the store as it should be, then none of its rows may be put.
   */
  bases(round: RoundRequest): Float64Array
  /** Within a transaction, after the rows were put: the requests are over, and what no row refers to is removed. Places in `commits` of those that were lost. */
  finish(round: RoundRequest, bases: Float64Array): number[]
  /** Within a transaction: removes parts. @param most of each request. Returns how many. */
  discard(requests: Iterable<number>, most?: number): number
  /** The transaction is committed. */
  done(): void
  /** Within a transaction: this run has no request under way. */
  removeOwn(): void
  /** Removes parts of runs that ended, some at a time. */
  removeDead(): void
}

/**
 * Ids of staged values: 2^52 + 2^16 × the request + the part. Ids of rows stay below, also in a file that began with those of its time; SQLite's
 * integers are numbers up to 2^53.
 */
export const firstStagedId = 2 ** 52

/** Parts of one request. */
export const maxStagedParts = 2 ** 16

const baseOf = (id: number): number => firstStagedId + id * maxStagedParts

const unlimited = Number.MAX_SAFE_INTEGER

/** Values of dead runs that are removed in one go: the worker has other things to do. */
const deadPerLook = 128

/** Prepares nothing yet: a store in which nothing was ever staged does not have the table. */
export function createStagedRows(db: DatabaseSync, { path, run }: StagedRowsOptions): StagedRows {
  /** Requests of this run, since the store was opened: their rows in `stagings`. */
  const ids = new Map<number, number>()
  /** Of the transaction that is open. */
  let begun = new Map<number, number>()
  let over: number[] = []
  const { sql, inTransaction } = createStatements(db)
  let there = hasStagingTable(db)

  /** A new request. Its id is above those of requests whose values may still be there: in a file that was saved the sequence begins anew. */
  const insert = (): number =>
    Number(
      sql(
        `INSERT INTO stagings (id, run) SELECT max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'stagings'), 0),
           coalesce((SELECT (max(id) - ${firstStagedId}) / ${maxStagedParts} FROM shared), 0)) + 1, ?`,
      ).run(run).lastInsertRowid,
    )

  /** Removes a request's values but for those that a row refers to, and when none is left the request. */
  const remove = (id: number, most: number): number => {
    const unused = sql(
      `DELETE FROM shared WHERE id IN (SELECT id FROM shared WHERE id BETWEEN ?1 AND ?2
         AND NOT EXISTS (SELECT 1 FROM batches WHERE typeof(data) = 'integer' AND data = shared.id) LIMIT ?3)`,
    )
    const removed = Number(unused.run(baseOf(id), baseOf(id + 1) - 1, most).changes)
    if (removed < most) sql('DELETE FROM stagings WHERE id = ?').run(id)
    return removed
  }

  const isWhole = (id: number, { puts }: RoundRequest, from: number, end: number): boolean => {
    if (sql('SELECT 1 FROM stagings WHERE id = ? AND run = ?').get(id, run) === undefined) return false
    // Its length stands before the value, which is not touched.
    const lengthOf = sql('SELECT length(data) AS bytes FROM shared WHERE id = ?')
    for (let at = from; at < end; at += (puts[at + putColumn.sharedBy] as number) * putColumns) {
      if ((puts[at + putColumn.crc] as number) < 0) continue
      const row = lengthOf.get(baseOf(id) + (puts[at + putColumn.offset] as number))
      if (row?.['bytes'] !== puts[at + putColumn.length]) return false
    }
    return true
  }

  const commitsOf = (round: RoundRequest) => {
    const commits = round.commits ?? new Float64Array()
    return Array.from({ length: commits.length / commitColumns }, (_, at) => {
      const column = (name: keyof typeof commitColumn): number => commits[at * commitColumns + commitColumn[name]] as number
      return { request: column('request'), first: column('first'), rows: column('rows'), parts: column('parts') }
    })
  }

  /** Parts that no destination wanted in the end. */
  const removeUnused = (id: number, { puts }: RoundRequest, from: number, end: number, parts: number): void => {
    const used = new Set<number>()
    for (let at = from; at < end; at += putColumns) {
      if ((puts[at + putColumn.crc] as number) >= 0) used.add(puts[at + putColumn.offset] as number)
    }
    if (used.size === parts) sql('DELETE FROM stagings WHERE id = ?').run(id)
    else remove(id, unlimited)
  }

  return {
    begin(writes) {
      // The one before may have been rolled back.
      begun = new Map()
      over = []
      if (there || !writes) return
      inTransaction(() => addStagingTable(db))
      there = true
    },
    write({ stages = new Float64Array() }, values) {
      const store = sql('INSERT INTO shared (id, data) VALUES (?, ?)')
      const crcs = new Float64Array(stages.length / stageColumns)
      for (let at = 0; at < stages.length; at += stageColumns) {
        const column = (name: keyof typeof stageColumn): number => stages[at + stageColumn[name]] as number
        const request = column('request')
        let id = ids.get(request) ?? begun.get(request)
        if (id === undefined && column('part') === 0) begun.set(request, (id = insert()))
        if (id === undefined) {
          crcs[at / stageColumns] = -1
          continue
        }
        const data = values.subarray(column('offset'), column('offset') + column('length'))
        store.run(baseOf(id) + column('part'), data)
        crcs[at / stageColumns] = crc32(data)
      }
      return crcs
    },
    bases(round) {
      const bases = new Float64Array(round.puts.length / putColumns)
      for (const { request, first, rows } of commitsOf(round)) {
        const id = ids.get(request)
        const whole = id !== undefined && isWhole(id, round, first * putColumns, (first + rows) * putColumns)
        bases.fill(whole ? baseOf(id) : -1, first, first + rows)
      }
      return bases
    },
    finish(round, bases) {
      const lost: number[] = []
      for (const [at, { request, first, rows, parts }] of commitsOf(round).entries()) {
        const id = ids.get(request)
        const isLost = rows > 0 && bases[first] === -1
        if (isLost) lost.push(at)
        if (id !== undefined) removeUnused(id, round, first * putColumns, (first + rows) * putColumns, isLost ? -1 : parts)
        over.push(request)
      }
      return lost
    },
    discard(requests, most = unlimited) {
      let removed = 0
      for (const request of requests) {
        const id = ids.get(request)
        if (id === undefined) continue
        const some = remove(id, most)
        if (some < most) over.push(request)
        removed += some
      }
      return removed
    },
    done() {
      for (const [request, id] of begun) ids.set(request, id)
      for (const request of over) ids.delete(request)
    },
    removeOwn() {
      if (!there) return
      for (const row of sql('SELECT id FROM stagings WHERE run = ?').all(run)) remove(Number(row['id']), unlimited)
      ids.clear()
    },
    removeDead() {
      if (!there && !(there = hasStagingTable(db))) return
      let left = deadPerLook
      for (const found of sql('SELECT DISTINCT run FROM stagings WHERE run <> ?').all(run)) {
        const theirs = String(found['run'])
        const lock = isRunName(theirs) ? lockOwner(path, theirs) : undefined
        // It lives, or somebody looks: the next time, then.
        if (lock === undefined && isRunName(theirs)) continue
        try {
          inTransaction(() => {
            for (const row of sql('SELECT id FROM stagings WHERE run = ?').all(theirs)) {
              if (left > 0) left -= remove(Number(row['id']), left)
            }
          })
        } finally {
          // Whoever takes its batches over wants its mark.
          lock?.release(sql('SELECT 1 FROM owners WHERE run = ? LIMIT 1').get(theirs) !== undefined)
        }
        if (left <= 0) return
      }
    },
  }
}
