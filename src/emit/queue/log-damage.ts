/**
 * Commits that SQLite lost without a word. It ends its write-ahead log at the first frame whose checksum does not hold;
 * commits that stand behind such a frame are gone, and nothing says so. Here they are counted, and the log is kept.
 *
 *     -wal   header 32 bytes (salts at 16)   then frames: 24 bytes (page, size after commit or 0, salts, checksum) and a page
 *
 * Only the -wal is read. SQLite holds locks on the store and its -shm, and on POSIX systems a process that opens and closes a file
 * loses every lock it has on it: another process would then take itself for the only one, and cut the -shm from under us.
 *
 * @see sqlite.org/fileformat2.html#walformat
 */

import { closeSync, copyFileSync, openSync, readSync, statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import type { Logger } from '../../telemetry/log.ts'
import type { Metrics } from '../../telemetry/metrics.ts'

export interface BrokenLog {
  /** Transactions that cannot be read; each held one batch or more, or removals of what was delivered. */
  readonly commits: number
  /** Where the log was kept; undefined when there was no room. */
  readonly file: string | undefined
}

const headerBytes = 32
const frameHeaderBytes = 24

/** Looks at the log of an open store while its write lock is held. Undefined: nothing is lost. Never throws. */
export function findBrokenLog(store: string, pageBytes: number, keepAs: string): BrokenLog | undefined {
  let commits: number
  try {
    commits = lostCommits(`${store}-wal`, recoveredFrames(store), pageBytes)
  } catch {
    // A log that cannot even be read is the store's own trouble, which opening it has shown or will show.
    return undefined
  }
  if (commits === 0) return undefined
  try {
    copyFileSync(`${store}-wal`, keepAs)
    return { commits, file: keepAs }
  } catch {
    // A full disk: the loss is told all the same.
    return { commits, file: undefined }
  }
}

/** How many frames SQLite has recovered; all there can be when it does not say. Asks over a connection of its own: ours is in a transaction. */
function recoveredFrames(store: string): number {
  const db = new DatabaseSync(store, { timeout: 1000 })
  try {
    // An SQLite that does not know NOOP makes a checkpoint, which does no harm.
    const frames = Number(db.prepare('PRAGMA wal_checkpoint(NOOP)').get()?.['log'] ?? -1)
    return frames < 0 ? Number.POSITIVE_INFINITY : frames
  } finally {
    db.close()
  }
}

function lostCommits(file: string, recovered: number, pageBytes: number): number {
  const frameBytes = frameHeaderBytes + pageBytes
  const frames = Math.floor((statSync(file).size - headerBytes) / frameBytes)
  if (frames <= recovered) return 0
  const fd = openSync(file, 'r')
  try {
    const read = (at: number, length: number): Buffer => {
      const bytes = Buffer.alloc(length)
      readSync(fd, bytes, 0, length, at)
      return bytes
    }
    const frame = (n: number): Buffer => read(headerBytes + n * frameBytes, frameHeaderBytes)
    const saltsOf = (n: number): string => frame(n).toString('latin1', 8, 16)
    // Frames of this log have its salts, those of an older one others. One of the three may be what is damaged.
    const [header, first, second] = [read(16, 8).toString('latin1'), saltsOf(0), frames > 1 ? saltsOf(1) : '']
    const salts = first === second && first !== header ? first : header
    let commits = 0
    for (let n = recovered; n < frames; n++) {
      const bytes = frame(n)
      if (bytes.readUInt32BE(4) !== 0 && bytes.toString('latin1', 8, 16) === salts) commits++
    }
    return commits
  } finally {
    closeSync(fd)
  }
}

/** Counts broken logs as files set aside and their commits as damaged batches, and says so. */
export function reportBrokenLogs(broken: readonly BrokenLog[], metrics: Metrics, log: Logger): void {
  for (const { commits, file } of broken) {
    metrics.counter('otlp_bridge_queue_set_aside_files_total').value++
    metrics.counter('otlp_bridge_queue_damaged_batches_total').value += commits
    log.error({ commits, file }, "the queue's log is damaged: what was committed behind the damage cannot be read; the log was kept")
  }
}
