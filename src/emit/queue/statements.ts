/** Statements of a store, prepared when they are first used, and transactions. */

import type { DatabaseSync, StatementSync } from 'node:sqlite'

export interface Statements {
  /** The statement of a text. */
  sql(text: string): StatementSync
  /** Does work in a transaction of its own; what it throws is thrown on, and nothing was done then. */
  inTransaction(work: () => void): void
}

/** Creates {@link Statements}. Tables need not be there before one of their statements is used. */
export function createStatements(db: DatabaseSync): Statements {
  const prepared = new Map<string, StatementSync>()
  return {
    sql(text) {
      let found = prepared.get(text)
      if (found === undefined) prepared.set(text, (found = db.prepare(text)))
      return found
    },
    inTransaction(work) {
      db.exec('BEGIN IMMEDIATE')
      try {
        work()
        db.exec('COMMIT')
      } catch (error) {
        if (db.isTransaction) db.exec('ROLLBACK')
        throw error
      }
    },
  }
}
