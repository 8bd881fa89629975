/**
 * Who lives. Each process holds an exclusive lock on a small SQLite file of its own, `owners/<run>.lock`, for as long as
 * it lives; the operating system ends the lock with the process, whatever ends it. No clock and no process id is believed.
 *
 * Beside it lies `owners/<run>.mark`: of each destination the highest id ever handed out for sending, 16 bytes: a key made
 * of its name, and the id (doubles, little-endian). Written without a flush, so it is exact after a crash of the process;
 * after a power cut it may be behind, which costs a count of repeats, no data. A mark of 8 bytes is one of layout 1: the id
 * for all.
 */

import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { crc32 } from 'node:zlib'

/** The lock of one run; `release` ends it and removes its files. */
export interface OwnerLock {
  /** @param keepFiles the mark is wanted by whoever comes next */
  release(keepFiles?: boolean): void
}

/**
 * Does the work while no other process does it, waiting up to `waitMs` for others. Throws when the wait was in vain. The
 * lock file stays: removing it would let one who waits and one who comes new both in.
 */
export function alone<T>(path: string, waitMs: number, work: () => T): T {
  mkdirSync(join(path, 'owners'), { recursive: true })
  const database = new DatabaseSync(join(path, 'owners', 'set-aside.lock'), { timeout: waitMs })
  try {
    database.exec('BEGIN EXCLUSIVE')
    return work()
  } finally {
    database.close()
  }
}

const lockFile = (path: string, run: string): string => join(path, 'owners', `${run}.lock`)

const markFile = (path: string, run: string): string => join(path, 'owners', `${run}.mark`)

/** Names of runs come from us, but the store is a file that anybody may have written: they must not leave the folder. */
export function isRunName(run: string): boolean {
  return /^[0-9a-z-]{1,64}$/.test(run)
}

/**
 * Takes the lock of a run. Undefined when another process holds it. Throws when the file cannot be made.
 * @param waitMs how long to wait for it
 */
export function lockOwner(path: string, run: string, waitMs = 0): OwnerLock | undefined {
  mkdirSync(join(path, 'owners'), { recursive: true })
  const file = lockFile(path, run)
  const database = new DatabaseSync(file, { timeout: waitMs })
  try {
    database.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    if (error instanceof Error && 'errcode' in error && (error.errcode === 5 || error.errcode === 6)) return undefined
    throw error
  }
  return {
    release(keepFiles = false) {
      // Removed while still held: nobody can come to hold a lock on a file that is about to vanish.
      for (const one of keepFiles ? [] : [file, `${file}-journal`, markFile(path, run)]) rmSync(one, { force: true })
      database.close()
    },
  }
}

/** True while the process of a run lives. A look that may find the lock held by one who looks too: for what is shown, not for what is done. */
export function isRunning(path: string, run: string): boolean {
  if (isOwnerless(run) || !isRunName(run) || !existsSync(lockFile(path, run))) return false
  const lock = lockOwner(path, run)
  lock?.release(true)
  return lock === undefined
}

/** Runs that ended in order, and dead letters sent back: they need no lock, and their mark stands in the store. */
export function isOwnerless(run: string): boolean {
  return run.startsWith('closed-') || run.startsWith('retry-')
}

const recordBytes = 16

/** A number for a name; two names of one number share a mark, which costs a count of repeats. */
const keyOf = (destination: string): number => crc32(destination)

/** The mark of a run for a destination; Infinity (anything may have been sent) when there is none or it cannot be read. */
export function readMark(path: string, run: string, destination: string): number {
  try {
    const bytes = readFileSync(markFile(path, run))
    if (bytes.length === 8) return bytes.readDoubleLE(0)
    let mark = -1
    for (let at = 0; at + recordBytes <= bytes.length; at += recordBytes) {
      if (bytes.readDoubleLE(at) === keyOf(destination)) mark = Math.max(mark, bytes.readDoubleLE(at + 8))
    }
    return bytes.length % recordBytes === 0 ? mark : Number.POSITIVE_INFINITY
  } catch {
    // Not knowing means assuming the worst.
    return Number.POSITIVE_INFINITY
  }
}

/** The writing end of a run's mark. */
export interface MarkWriter {
  /** Notes that batches of a destination up to this id are about to be sent. Some microseconds; never throws. */
  raise(destination: string, id: number): void
  close(): void
}

interface Slot {
  readonly offset: number
  readonly bytes: Buffer
  highest: number
}

/** Opens the mark of this run. When it cannot be written, the file is removed, so that everything counts as maybe sent. */
export function openMark(path: string, run: string): MarkWriter {
  const file = markFile(path, run)
  const slots = new Map<string, Slot>()
  let fd: number | undefined
  const open = (): number => {
    mkdirSync(join(path, 'owners'), { recursive: true })
    return openSync(file, 'w')
  }
  const write = (slot: Slot): void => {
    try {
      if (fd === undefined) {
        fd = open()
        for (const one of slots.values()) writeSync(fd, one.bytes, 0, recordBytes, one.offset)
      } else writeSync(fd, slot.bytes, 0, recordBytes, slot.offset)
    } catch {
      // No mark is a mark of Infinity: see readMark.
      close()
      remove()
    }
  }
  const remove = (): void => {
    try {
      rmSync(file, { force: true })
    } catch {
      // A folder that cannot be written keeps its old mark; all it costs is a count of repeats that is too low.
    }
  }
  const close = (): void => {
    if (fd !== undefined) closeSync(fd)
    fd = undefined
  }
  try {
    // An empty one: nothing was handed out.
    fd = open()
  } catch {
    remove()
  }
  return {
    raise(destination, id) {
      let slot = slots.get(destination)
      if (slot === undefined) {
        slot = { offset: slots.size * recordBytes, bytes: Buffer.alloc(recordBytes), highest: -1 }
        slot.bytes.writeDoubleLE(keyOf(destination), 0)
        slots.set(destination, slot)
      }
      if (id <= slot.highest) return
      slot.highest = id
      slot.bytes.writeDoubleLE(id, 8)
      write(slot)
    },
    close,
  }
}
