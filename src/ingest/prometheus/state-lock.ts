/**
 * Who may write to a folder of remembered state: one process. It holds an exclusive lock on a small SQLite file for as long as it lives; the
 * operating system ends the lock with the process, whatever ends it. No clock and no process id is believed.
 */

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'

/** A lock that is held. The file stays behind: removing it would let one who waits and one who comes new both in. */
export interface StateLock {
  release(): void
}

const isHeldByAnother = (error: unknown): boolean =>
  error instanceof Error && 'errcode' in error && (error.errcode === 5 || error.errcode === 6)

/** Takes the lock of a folder, which is made when it is not there. Undefined: another process has it. Throws when the folder cannot be written. */
export async function lockState(path: string): Promise<StateLock | undefined> {
  await mkdir(path, { recursive: true })
  const { DatabaseSync } = await import('node:sqlite')
  const database = new DatabaseSync(join(path, 'state.lock'), { timeout: 0 })
  try {
    // Nothing is ever written to it: no journal beside it.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    if (isHeldByAnother(error)) return undefined
    throw error
  }
  return { release: () => database.close() }
}
