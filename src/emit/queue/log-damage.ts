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
    // Frames of this log have its salts, those of an older one others. A header that is damaged cannot say which.
    const [header, first, second] = [read(16, 8).toString('latin1'), saltsOf(0), frames > 1 ? saltsOf(1) : '']
    const salts = !isHeaderWhole(read(0, headerBytes)) && first === second ? first : header
    let commits = 0
    let last = -1
    for (let n = recovered; n < frames; n++) {
      const bytes = frame(n)
      if (bytes.toString('latin1', 8, 16) !== salts) continue
      last = n
      if (bytes.readUInt32BE(4) !== 0) commits++
    }
    return commits === 1 && isOfKilled(read, last, recovered, pageBytes) ? 0 : commits
  } finally {
    closeSync(fd)
  }
}

/** Of a log that was begun anew, header and first frame are written one after the other: frames with other salts alone mean no damage. */
function isHeaderWhole(header: Buffer): boolean {
  const [one, two] = checksum([0, 0], header, 0, 24, (header.readUInt32BE(0) & 1) === 0)
  return one === header.readUInt32BE(24) && two === header.readUInt32BE(28)
}

/**
 * True when a killed process left this. Its last frame is half written, or another process has begun over it, since the commit was not
 * to be seen yet: then the first frame behind does not go on from those before. Nobody was told of that commit. A frame that is
 * one word away from what was written is damage.
 */
function isOfKilled(read: (at: number, length: number) => Buffer, last: number, recovered: number, pageBytes: number): boolean {
  const frameAt = (n: number): number => headerBytes + n * (frameHeaderBytes + pageBytes)
  if (read(frameAt(last) + 4, 4).readUInt32BE(0) === 0) return false
  const littleEndian = (read(0, 4).readUInt32BE(0) & 1) === 0
  for (let n = recovered; n <= last; n++) {
    // Each checksum goes on from the one before.
    const before = n === 0 ? read(24, 8) : read(frameAt(n - 1) + 16, 8)
    const bytes = read(frameAt(n), frameHeaderBytes + pageBytes)
    const head = checksum([before.readUInt32BE(0), before.readUInt32BE(4)], bytes, 0, 8, littleEndian)
    const [one, two] = checksum(head, bytes, frameHeaderBytes, bytes.length, littleEndian)
    const difference = [(bytes.readUInt32BE(16) - one) | 0, (bytes.readUInt32BE(20) - two) | 0] as const
    const whole = difference[0] === 0 && difference[1] === 0
    if (!whole) return (n === recovered || n === last) && !isOneWord(difference, (8 + pageBytes) / 8)
  }
  return false
}

/** True when a change of one word alone explains by how much a checksum over so many pairs of words is out. The checksum is linear. */
function isOneWord([one, two]: readonly [number, number], pairs: number): boolean {
  // What a change by 1 in the first or the second word of a pair does to the two sums at the end.
  let [first, second] = [
    [1, 1],
    [0, 1],
  ] as [[number, number], [number, number]]
  const explains = ([a, b]: readonly [number, number]): boolean => {
    const change = a & 1 ? Math.imul(one, inverse(a)) : Math.imul(two, inverse(b))
    return change !== 0 && Math.imul(change, a) === one && Math.imul(change, b) === two
  }
  for (let pair = 0; pair < pairs; pair++) {
    if (explains(first) || explains(second)) return true
    first = further(first)
    second = further(second)
  }
  return false
}

/** One pair of words later. */
const further = ([a, b]: readonly [number, number]): [number, number] => [(a + b) | 0, (a + b + b) | 0]

/** Of an odd number, modulo 2^32. */
function inverse(odd: number): number {
  let found = odd
  for (let n = 0; n < 5; n++) found = Math.imul(found, 2 - Math.imul(odd, found))
  return found
}

/** The checksum of the log over pairs of 32-bit words. @see sqlite.org/fileformat2.html#checksum_algorithm */
function checksum(before: readonly [number, number], bytes: Buffer, from: number, to: number, littleEndian: boolean): [number, number] {
  let [one, two] = before
  const word = (at: number): number => (littleEndian ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at))
  for (let at = from; at < to; at += 8) {
    one = (one + word(at) + two) >>> 0
    two = (two + word(at + 4) + one) >>> 0
  }
  return [one, two]
}

/** Counts broken logs as files set aside and their commits as damaged batches, and says so. */
export function reportBrokenLogs(broken: readonly BrokenLog[], metrics: Metrics, log: Logger): void {
  for (const { commits, file } of broken) {
    metrics.counter('otlp_bridge_queue_set_aside_files_total').value++
    metrics.counter('otlp_bridge_queue_damaged_batches_total').value += commits
    log.error({ commits, file }, "the queue's log is damaged: what was committed behind the damage cannot be read; the log was kept")
  }
}
