/** The ledger in a file of its own, `<folder>/<run>.db`; see README.md for its layout and what it promises. */

import { existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { BridgeError } from '../errors.ts'
import type { DeadRecord, Ledger, PlanLedger, RunMeta } from './ledger.ts'
import { type LedgerLock, lockLedger } from './ledger-lock.ts'
import type { Answers, LedgerFault, LedgerRequest, MirroredSlice, Opened, ServiceMessage, ServiceOptions } from './ledger-protocol.ts'
import { createLedgerService } from './ledger-service.ts'

export interface FileLedgerOptions {
  /** `./otlp-bridge-data/backfill`; made when it is not there. */
  readonly folder: string
  /** See `runId`. */
  readonly run: string
  /** Written when the run is new; undefined: it must be there. */
  readonly create?: RunMeta | undefined
  /** `own` (default): alone, and may write. `read`: looks only, also while another process has it. */
  readonly mode?: 'own' | 'read'
  /** Begin anew, whether the ledger that is there can be read or not: for the new one everything counts as sent again. */
  readonly rebuild?: boolean
  /** Where the writing is done. Default: a thread in mode `own`, here in mode `read`. */
  readonly thread?: boolean
  /** Dead letters that are kept; default 256 MiB. Those beyond it are counted (`dead_letters_full`), not kept. */
  readonly deadBytes?: number
  /** Least time between two flushes; default 20 ms. */
  readonly flushMs?: number
  /** The file cannot be written for the moment (a full disk); it is tried again until it can, which is told with undefined. */
  readonly onTrouble?: (message: string | undefined) => void
  /** Wall clock, for the name of a file that is set aside. */
  readonly nowMs?: () => number
}

/** A ledger that can follow another one, which several machines write. */
export interface FileLedger extends Omit<Ledger, 'add'>, PlanLedger {
  /** Slices and dead letters as they are there, in one step; what has no place here any more (`deadBytes`) is left out. */
  mirror(slices: readonly MirroredSlice[], dead: readonly DeadRecord[], gone: readonly number[]): Promise<void>
  /** As `slices`, with what is out. */
  mirrored(filter: { readonly after?: number; readonly limit?: number }): Promise<readonly MirroredSlice[]>
}

/** The far end: a thread, or this one. */
interface Link {
  ask(number: number, request: LedgerRequest): void
  close(): Promise<void>
}

/** Published code is JavaScript beside this file, a checkout runs the TypeScript. */
const workerUrl = new URL(import.meta.url.endsWith('.ts') ? './ledger-worker.ts' : './ledger-worker.js', import.meta.url)

const threadLink = (options: ServiceOptions, receive: (message: ServiceMessage) => void, lost: (why: string) => void): Link => {
  const worker = new Worker(workerUrl, { workerData: options, resourceLimits: { maxYoungGenerationSizeMb: 2 } })
  let over: () => void = () => {}
  const ended = new Promise<void>((resolve) => {
    over = resolve
  })
  worker.on('message', receive)
  worker.on('error', (error) => lost(error instanceof Error ? error.message : String(error)))
  worker.on('exit', (code) => {
    lost(`exit code ${code}`)
    over()
  })
  return {
    ask: (number, request) => worker.postMessage({ number, request }),
    async close() {
      worker.postMessage('close')
      await ended
    },
  }
}

const ownLink = (options: ServiceOptions, receive: (message: ServiceMessage) => void): Link => {
  const service = createLedgerService(options, (message) => queueMicrotask(() => receive(message)))
  return {
    ask: (number, request) => service.ask(number, request),
    async close() {
      service.close()
    },
  }
}

const toError = ({ code, message }: LedgerFault, place: string): BridgeError => new BridgeError(code, message, { place })

const setAsidePattern = '.corrupt-'
/** One that could be read, and was begun anew all the same. */
const replacedPattern = '.replaced-'

/** Ledgers of a run that could not be read, oldest first; names within the folder. */
export function setAside(folder: string, run: string): readonly string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter((name) => name.startsWith(`${run}.db${setAsidePattern}`) && !/-(wal|shm)$/.test(name))
    .sort()
}

/** Renames it with what belongs to it. Returns its new name. */
function putAside(file: string, nowMs: number, pattern: string = setAsidePattern): string {
  const name = `${file}${pattern}${new Date(nowMs).toISOString().replaceAll(':', '-')}`
  for (const end of ['', '-wal', '-shm']) if (existsSync(`${file}${end}`)) renameSync(`${file}${end}`, `${name}${end}`)
  return name
}

interface Open {
  readonly link: Link
  readonly opened: Opened
  ask<K extends LedgerRequest['kind']>(request: LedgerRequest & { kind: K }): Promise<Answers[K]>
}

/** Rejects with the fault of the opening. */
function openLink(options: ServiceOptions, thread: boolean, onTrouble: FileLedgerOptions['onTrouble']): Promise<Open | LedgerFault> {
  const calls = new Map<number, { resolve: (answer: never) => void; reject: (error: Error) => void }>()
  let next = 0
  let lostWhy: string | undefined
  const { promise, resolve } = Promise.withResolvers<Open | LedgerFault>()

  const receive = (message: ServiceMessage): void => {
    if (message.kind === 'opened') resolve({ link, opened: message.opened, ask })
    else if (message.kind === 'failed') resolve(message.fault)
    else if (message.kind === 'trouble') onTrouble?.(message.message)
    else {
      const call = calls.get(message.number)
      calls.delete(message.number)
      if ('fault' in message.outcome) call?.reject(toError(message.outcome.fault, options.file))
      else call?.resolve(message.outcome.answer as never)
    }
  }
  const lost = (why: string): void => {
    lostWhy = `cannot write the ledger: its thread ended: ${why}`
    const fault: LedgerFault = { code: 'OB_LEDGER', message: lostWhy, damaged: false }
    resolve(fault)
    for (const call of calls.values()) call.reject(toError(fault, options.file))
    calls.clear()
  }
  const ask: Open['ask'] = (request) =>
    new Promise((done, reject) => {
      if (lostWhy !== undefined) return reject(new BridgeError('OB_LEDGER', lostWhy, { place: options.file }))
      const number = next++
      calls.set(number, { resolve: done, reject })
      link.ask(number, request)
    })
  const link = thread ? threadLink(options, receive, lost) : ownLink(options, receive)
  return promise
}

/** True for a ledger that was begun anew and has not come to its end: the same command goes on with it. One without slices has nothing to begin anew. */
async function isUnderWay({ opened, ask }: Open): Promise<boolean> {
  const { slices } = await ask({ kind: 'summary' })
  const all = Object.values(slices).reduce((sum, count) => sum + count, 0)
  return all === 0 || (opened.rebuilt && slices.pending + slices.running > 0)
}

/** What a process must have of a run before it opens its file. */
function enter(options: FileLedgerOptions, base: string): { readonly lock: LedgerLock | undefined; readonly rebuilt: boolean } {
  if (!/^[0-9a-zA-Z_-]{1,64}$/.test(options.run))
    throw new BridgeError('OB_LEDGER', `cannot open a ledger: "${options.run}" is no id of a run`)
  const own = options.mode !== 'read'
  const file = `${base}.db`
  const exists = existsSync(file)
  const aside = setAside(options.folder, options.run)
  if (!exists && !own) throw new BridgeError('OB_LEDGER', `cannot open the ledger ${file}: there is none`, { place: file })
  if (!exists && options.create === undefined)
    throw new BridgeError('OB_LEDGER', `cannot open the ledger ${file}: there is none`, { place: file })
  if (!exists && aside.length > 0 && options.rebuild !== true) {
    const which = join(options.folder, aside.at(-1) ?? '')
    throw new BridgeError(
      'OB_LEDGER',
      `cannot go on with run ${options.run}: its ledger could not be read and is set aside as ${which}; --rebuild plans anew and sends everything again`,
      { place: which },
    )
  }
  if (own) mkdirSync(options.folder, { recursive: true })
  return { lock: own ? lockLedger(base) : undefined, rebuilt: !exists && aside.length > 0 }
}

/**
 * Opens the ledger of a run, or begins it. Rejects with OB_LEDGER: held by another process (which is named), not there, of another layout or plan version,
 * not readable; the last is set aside as `<run>.db.corrupt-<time>`, and refused from then on unless `rebuild` is asked for. With `rebuild`, one that can be
 * read is set aside as `<run>.db.replaced-<time>`, unless it was begun anew itself and is not done yet.
 */
export async function createFileLedger(options: FileLedgerOptions): Promise<FileLedger> {
  const base = join(options.folder, options.run)
  const file = `${base}.db`
  const readOnly = options.mode === 'read'
  const existed = existsSync(file)
  const { lock, rebuilt } = enter(options, base)
  const service: ServiceOptions = {
    file,
    readOnly,
    create: options.create,
    rebuilt,
    deadBytes: options.deadBytes ?? 256 * 2 ** 20,
    flushMs: options.flushMs ?? 20,
  }
  const thread = options.thread ?? !readOnly
  try {
    let open = await openLink(service, thread, options.onTrouble)
    if ('code' in open && open.damaged && !readOnly) {
      const aside = putAside(file, (options.nowMs ?? Date.now)())
      if (options.rebuild !== true || options.create === undefined) {
        throw new BridgeError(
          'OB_LEDGER',
          `${open.message}; it is set aside as ${aside}, and nobody knows what was sent: --rebuild plans anew and sends everything again`,
          { place: aside },
        )
      }
      open = await openLink({ ...service, rebuilt: true }, thread, options.onTrouble)
    }
    if (!('code' in open) && options.rebuild === true && options.create !== undefined && existed && !(await isUnderWay(open))) {
      await open.link.close()
      putAside(file, (options.nowMs ?? Date.now)(), replacedPattern)
      open = await openLink({ ...service, rebuilt: true }, thread, options.onTrouble)
    }
    if ('code' in open) throw toError(open, file)
    const { meta } = open.opened
    const wrong =
      meta.run !== options.run
        ? `it is of run ${meta.run}`
        : options.create !== undefined && options.create.planVersion !== meta.planVersion
          ? `its plan is of version ${meta.planVersion}, this program plans by version ${options.create.planVersion}`
          : undefined
    if (wrong === undefined) return facade(open, lock)
    await open.link.close()
    throw new BridgeError('OB_LEDGER', `cannot use the ledger ${file}: ${wrong}`, { place: file })
  } catch (error) {
    lock?.release()
    throw error
  }
}

/** Slices that go to the other thread at a time. */
const chunk = 2000

function facade({ link, opened, ask }: Open, lock: LedgerLock | undefined): FileLedger {
  let closed: Promise<void> | undefined
  return {
    meta: opened.meta,
    rebuilt: opened.rebuilt,
    async add(slices, whole = []) {
      // One request is one step.
      if (whole.length > 0) return ask({ kind: 'add', slices, whole })
      let added = 0
      for (let at = 0; at < slices.length; at += chunk) added += await ask({ kind: 'add', slices: slices.slice(at, at + chunk), whole })
      return added
    },
    planned: async () => new Set(await ask({ kind: 'planned' })),
    take: (owner, wanted = {}) => ask({ kind: 'take', owner, wanted }),
    commit: (id, epoch, step) => ask({ kind: 'commit', id, epoch, step }),
    end: (id, epoch, state, reason, error) => ask({ kind: 'end', id, epoch, state, reason, error }),
    release: (id, epoch, how) => ask({ kind: 'release', id, epoch, how }),
    verified: (id, state, error) => ask({ kind: 'verified', id, state, error }),
    retry: ({ states, reason }) => ask({ kind: 'retry', states, reason }),
    summary: () => ask({ kind: 'summary' }),
    slices: (filter = {}) => ask({ kind: 'slices', filter }),
    dead: (filter = {}) => ask({ kind: 'dead', filter }),
    removeDead: (ids) => ask({ kind: 'removeDead', ids }),
    mirror: (slices, dead, gone) => ask({ kind: 'mirror', slices, dead, gone }),
    mirrored: (filter) => ask({ kind: 'mirrored', filter }),
    close() {
      closed ??= link.close().finally(() => lock?.release())
      return closed
    },
  }
}
