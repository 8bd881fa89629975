/** One process at a time has a run: an exclusive lock of the operating system, which ends with the process, whatever ends it. */

import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { BridgeError } from '../errors.ts'

export interface LedgerLock {
  release(): void
}

const holder = (file: string): string => {
  try {
    return readFileSync(file, 'utf8').trim().slice(0, 200)
  } catch {
    // Between the lock and the name, or a folder that cannot be read.
    return 'another process'
  }
}

/**
 * Takes the lock `<path>.lock`, and writes into `<path>.pid` who has it. Throws OB_LEDGER with the holder's process id when it is held, or when the file
 * cannot be made. Nothing is decided by the process id.
 */
export function lockLedger(path: string): LedgerLock {
  const lock = `${path}.lock`
  const pid = `${path}.pid`
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(lock)
    database.exec('BEGIN EXCLUSIVE')
    writeFileSync(pid, `process ${process.pid}\n`)
  } catch (cause) {
    database?.close()
    const isHeld = cause instanceof Error && 'errcode' in cause && (cause.errcode === 5 || cause.errcode === 6)
    const why = isHeld
      ? `${holder(pid)} has it: wait until it has ended; backfill status and report look at it meanwhile`
      : cause instanceof Error
        ? cause.message
        : String(cause)
    throw new BridgeError('OB_LEDGER', `cannot take the run ${path}: ${why}`, { place: path, cause })
  }
  const held = database
  return {
    release() {
      // The lock's file stays: removing it would let one who has it open and one who comes new both in.
      rmSync(pid, { force: true })
      held.close()
    },
  }
}
