/**
 * What is remembered between requests, kept over a restart: one file for each section in a folder, written anew every minute and at the end.
 *
 *     <section>.state         frames with checksums (state-frames.ts)
 *     <section>.state.tmp     being written; takes the place of the other when it is flushed
 *     <section>.state.aside   the last one that could not be read at all, or is a newer version's; never read by us
 *     state.lock              held by the process that writes
 *
 * All of it may be lost: it is worth time, never data. So nothing here stops a start, a request or an end: what cannot be read is counted and
 * left out, what cannot be written is tried again, and both are said. Works in small pieces, the loop is never held for longer than one takes.
 */

import { randomInt } from 'node:crypto'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from '../../telemetry/log.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import { type FramesFound, frameHeadBytes, maxPieceBytes, readFrames, writeFrameHead } from './state-frames.ts'
import { lockState, type StateLock } from './state-lock.ts'

/** One thing that is remembered. */
export interface StateSection {
  /** Of its file: small letters and `-`. */
  readonly name: string
  /** Another number whenever there is something new to be saved. */
  revision(): number
  /**
   * Gives all of it in pieces of at most 4 MiB, better 1, each valid until the next is asked for. Other things happen between two pieces, so each
   * has to be of use without the others.
   */
  save(): Iterable<Uint8Array>
  /** Takes a piece back, in the order of saving; pieces may be missing. What it throws is counted as damage. The bytes may be kept. */
  load(piece: Uint8Array): void
}

export interface StateFilesOptions {
  /** The folder; made when it is not there. Processes that share it take turns in writing: one does as long as it lives. */
  readonly path: string
  readonly sections: readonly StateSection[]
  readonly log: Logger
  readonly metrics: Metrics
  /** Between two savings. Default: 60,000. */
  readonly intervalMs?: number
}

export interface StateFiles {
  /** Reads every section, then saves at intervals; does not keep the process alive. Never rejects. Called once, before requests are taken. */
  open(): Promise<void>
  /** Saves the sections that have changed, now; waits when that is under way. Never rejects. */
  save(): Promise<void>
  /** Why nothing is saved now, for warnings; undefined when all is well. */
  fault(): string | undefined
  /** Saves once more and lets go of the folder. Never rejects. */
  close(): Promise<void>
}

const defaultIntervalMs = 60_000

/** Written bytes are flushed so often: one large flush would hold up those of the queue on the same disk. */
const flushedBytes = 4 * 2 ** 20

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined)

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at, bytes.length - at)).bytesWritten
}

/** Writes the pieces into a new file and flushes it. Throws what the file system, or the section, says. */
async function writeFrames(path: string, pieces: Iterable<Uint8Array>): Promise<void> {
  const file = await open(path, 'w', 0o600)
  try {
    const head = Buffer.alloc(frameHeadBytes)
    const writing = randomInt(2 ** 32)
    let number = 0
    let unflushed = 0
    const write = async (piece: Uint8Array): Promise<void> => {
      writeFrameHead(head, writing, number++, piece)
      await writeAll(file, head)
      await writeAll(file, piece)
      unflushed += piece.length
      if (unflushed < flushedBytes) return
      await file.datasync()
      unflushed = 0
    }
    for (const piece of pieces) {
      if (piece.length > maxPieceBytes) throw new Error(`BUG: a piece of ${piece.length} bytes`)
      if (piece.length > 0) await write(piece)
    }
    await write(new Uint8Array(0))
    await file.sync()
  } finally {
    await file.close()
  }
}

/** A renamed file is safe only when the folder that names it is flushed too. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

async function readFile(path: string, take: (piece: Buffer) => void): Promise<FramesFound> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    const read = async (position: number, length: number): Promise<Buffer> => {
      const bytes = Buffer.alloc(Math.max(0, Math.min(length, size - position)))
      let got = 0
      while (got < bytes.length) {
        const { bytesRead } = await file.read(bytes, got, bytes.length - got, position + got)
        if (bytesRead === 0) break
        got += bytesRead
      }
      return bytes.subarray(0, got)
    }
    return await readFrames(size, read, take)
  } finally {
    await file.close()
  }
}

/** Creates the keeper of a folder; `open` begins. */
export function createStateFiles({ path, sections, log, metrics, intervalMs = defaultIntervalMs }: StateFilesOptions): StateFiles {
  const saved = new Map<StateSection, number>()
  let lock: StateLock | undefined
  let fault: string | undefined
  let timer: NodeJS.Timeout | undefined
  let underWay: Promise<void> | undefined

  const fileOf = (section: StateSection): string => join(path, `${section.name}.state`)

  const countFault = (section: StateSection, reason: string, count = 1): void => {
    if (count > 0) metrics.counter('otlp_bridge_state_faults_total', { section: section.name, reason }).value += count
  }

  const countSave = (section: StateSection, outcome: string): void => {
    metrics.counter('otlp_bridge_state_saves_total', { section: section.name, outcome }).value++
  }

  const setFault = (now: string | undefined): void => {
    if (now !== undefined && fault === undefined) log.warn({ path }, now)
    if (now === undefined && fault !== undefined) log.info({ path }, 'what is remembered of senders is saved again')
    fault = now
  }

  /** Takes the lock when it is not held. False: somebody else writes, or nobody can. */
  const mayWrite = async (): Promise<boolean> => {
    if (lock !== undefined) return true
    try {
      lock = await lockState(path)
      if (lock === undefined) setFault(`cannot save what is remembered of senders: another process writes to ${path}`)
    } catch (error) {
      setFault(`cannot save what is remembered of senders: ${messageOf(error)}`)
    }
    return lock !== undefined
  }

  /** Out of the way of the next saving. Nothing that is worth a failure: at the worst the file is written over. */
  const setAside = async (section: StateSection, reason: string): Promise<void> => {
    countFault(section, reason)
    const file = fileOf(section)
    try {
      if (lock !== undefined) await rename(file, `${file}.aside`)
    } catch (error) {
      log.debug({ file, error }, 'a file of remembered state could not be set aside')
    }
    const what = reason === 'newer' ? 'it is of a newer version' : 'it is none of ours, or damaged from end to end'
    log.warn({ file, aside: lock !== undefined }, `cannot read what was remembered (${section.name}): ${what}; it is learnt anew`)
  }

  const loadSection = async (section: StateSection): Promise<void> => {
    const file = fileOf(section)
    let refused = 0
    try {
      const found = await readFile(file, (piece) => {
        try {
          section.load(piece)
        } catch (error) {
          refused++
          log.debug({ file, error }, 'a piece of remembered state was refused')
        }
      })
      if (found.newer) return await setAside(section, 'newer')
      if (found.foreign) return await setAside(section, 'foreign')
      countFault(section, 'damaged', found.damaged + refused)
      if (found.torn) countFault(section, 'torn')
      const { pieces } = found
      if (found.damaged + refused === 0 && !found.torn) log.debug({ file, pieces }, 'what was remembered has been read')
      else log.warn({ file, pieces, damaged: found.damaged + refused, torn: found.torn }, 'some of what was remembered cannot be read')
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return
      countFault(section, 'unreadable')
      log.warn({ file, error }, `cannot read what was remembered (${section.name}): ${messageOf(error)}; it is learnt anew`)
    }
  }

  /** True when it is on disk, or was. */
  const saveSection = async (section: StateSection): Promise<boolean> => {
    const revision = section.revision()
    if (saved.get(section) === revision) return true
    const file = fileOf(section)
    const temporary = `${file}.tmp`
    try {
      await writeFrames(temporary, section.save())
      await rename(temporary, file)
      await syncFolder(path)
      saved.set(section, revision)
      countSave(section, 'saved')
      return true
    } catch (error) {
      countSave(section, 'failed')
      setFault(`cannot save what is remembered of senders (${section.name}): ${messageOf(error)}`)
      // On a full disk a half of it would be in the way of data.
      await rm(temporary, { force: true }).catch((cause) => log.debug({ file: temporary, cause }, 'a half-written file stays'))
      return false
    }
  }

  const saveAll = async (): Promise<void> => {
    if (sections.every((section) => saved.get(section) === section.revision()) && fault === undefined) return
    if (!(await mayWrite())) {
      for (const section of sections) countSave(section, 'failed')
      return
    }
    let isWell = true
    for (const section of sections) if (!(await saveSection(section))) isWell = false
    if (isWell) setFault(undefined)
  }

  const save = (): Promise<void> => {
    underWay ??= saveAll().finally(() => {
      underWay = undefined
    })
    return underWay
  }

  return {
    async open() {
      if (await mayWrite()) {
        // Left by a process that was killed; one that cannot be removed is written over.
        for (const section of sections) await rm(`${fileOf(section)}.tmp`, { force: true }).catch(() => undefined)
      }
      for (const section of sections) {
        await loadSection(section)
        saved.set(section, section.revision())
      }
      timer = setInterval(() => void save(), intervalMs)
      timer.unref()
    },
    save,
    fault: () => fault,
    async close() {
      clearInterval(timer)
      // What is under way may have begun before the last request.
      await underWay
      await save()
      lock?.release()
      lock = undefined
    },
  }
}
