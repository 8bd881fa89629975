/** The ledger as the engine of a worker sees it: a slice is taken by taking its job, and when it is left the job is settled with it. */

import type { Ledger } from '../ledger.ts'
import type { HeldJob, Jobs } from './jobs.ts'
import type { RedisLedger } from './ledger-redis.ts'

export interface WorkerLedgerOptions {
  readonly ledger: RedisLedger
  readonly jobs: Jobs
  /** Its files have to be on every machine: what this one does not find, another may. */
  readonly isLocal: boolean
  /** No slice is taken any more. */
  readonly abort: AbortSignal
  readonly sleep: (ms: number, abort: AbortSignal) => Promise<void>
  /** Between two looks for a job, ms; default 200. */
  readonly lookMs?: number
  /** This machine cannot read what the plan names. */
  readonly onCannotRead: (message: string) => void
}

/** Reasons for which a slice is tried again by itself. */
const mayPass: ReadonlySet<string> = new Set(['source_error', 'pit_lost', 'partial_results'])
/** And those that another machine may not have, where files have to be on each. */
const localReasons: ReadonlySet<string> = new Set(['vanished', 'source_error'])

/** A slice that the run itself could not go on with is left alone for so long. */
const heldBackMs = 10_000

/** For one run of the engine. `take` waits for a job while the engine has nothing else to do. */
export function createWorkerLedger(options: WorkerLedgerOptions): Ledger {
  const { ledger, jobs, isLocal, abort, sleep, lookMs = 200, onCannotRead } = options
  const held = new Map<string, HeldJob>()

  const settle = async (id: string, how: (job: HeldJob) => Promise<void>): Promise<void> => {
    const job = held.get(id)
    held.delete(id)
    if (job !== undefined) await how(job)
  }

  /** What was fenced is another's: so is its job. */
  const orLeave = async (id: string, work: Promise<void>): Promise<void> => {
    try {
      await work
    } catch (error) {
      await settle(id, (job) => job.giveBack(0))
      throw error
    }
  }

  const takeNow = async (owner: string) => {
    for (;;) {
      const job = await jobs.next()
      if (job === undefined) return undefined
      const taken = await ledger.takeOne(job.slice, owner)
      if (taken === undefined) {
        // Finished before its job was, or given up.
        await job.finish()
        continue
      }
      held.set(job.slice, job)
      return taken
    }
  }

  return {
    ...ledger,
    async take(owner) {
      for (;;) {
        if (abort.aborted) return undefined
        const taken = await takeNow(owner)
        if (taken !== undefined || held.size > 0) return taken
        await ledger.tellPast()
        await sleep(lookMs, abort)
      }
    },
    commit: (id, epoch, step) => orLeave(id, ledger.commit(id, epoch, step)),
    async end(id, epoch, state, reason, error) {
      const job = held.get(id)
      const isElsewhere = isLocal && localReasons.has(reason)
      if (state === 'failed' && job !== undefined && !job.isLast && (mayPass.has(reason) || isElsewhere)) {
        await orLeave(id, ledger.release(id, epoch, { intent: 'keep', error: `${reason}: ${error}` }))
        await settle(id, (one) => one.fail(new Error(reason)))
        if (isElsewhere) onCannotRead(error)
        return
      }
      await orLeave(id, ledger.end(id, epoch, state, reason, error))
      await settle(id, (one) => one.finish())
    },
    async release(id, epoch, how) {
      await orLeave(id, ledger.release(id, epoch, how))
      const isHeldBack = (how.error ?? '') !== '' || (how.reason ?? '') !== ''
      await settle(id, (job) => job.giveBack(isHeldBack ? heldBackMs : 0))
    },
    async close() {
      await ledger.tellPast().catch(() => {})
    },
  }
}
