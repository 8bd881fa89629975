/** The queue of a run: a job a slice. It says who may take which slice next; what became of it is in the ledger alone. */

import type { Job, Queue, Worker } from 'bullmq'
import type { Redis } from 'ioredis'
import { keyPrefix, queueName } from './keys.ts'

/** Everything that a job holds. */
export interface JobData {
  readonly run: string
  readonly slice: string
}

/** How long a worker may be silent before its slices are another's, ms. Looked at twice in that time. */
export const lockMs = 30_000

export const mostAttempts = 5
const backoffMs = 10_000

/** The queue refuses a number as an id, which the id of a slice may look like. */
const jobIdOf = (slice: string): string => `slice-${slice}`

export interface Feed {
  /** Puts slices into the queue, those that are there already stay as they are. @param again ids that may have a job that is over */
  add(slices: readonly string[], again: ReadonlySet<string>): Promise<void>
  /** Jobs that wait to be taken. */
  waiting(): Promise<number>
  pause(): Promise<void>
  resume(): Promise<void>
  /** Removes the queue. */
  clean(): Promise<void>
  close(): Promise<void>
}

/** The planner's end. */
export async function openFeed(redis: Redis, run: string): Promise<Feed> {
  const { Queue: Client } = await import('bullmq')
  const queue: Queue<JobData> = new Client(queueName(run), { connection: redis, prefix: keyPrefix })
  // Told by the connection, which waits for it.
  queue.on('error', () => {})
  await queue.waitUntilReady()
  return {
    async add(slices, again) {
      for (const slice of slices) {
        if (!again.has(slice)) continue
        const job = await queue.getJob(jobIdOf(slice))
        if (job !== undefined && ((await job.isCompleted()) || (await job.isFailed()))) await job.remove()
      }
      await queue.addBulk(
        slices.map((slice) => ({
          name: 'slice',
          data: { run, slice },
          opts: {
            jobId: jobIdOf(slice),
            attempts: mostAttempts,
            backoff: { type: 'exponential', delay: backoffMs },
            removeOnComplete: false,
            removeOnFail: false,
          },
        })),
      )
    },
    waiting: () => queue.getWaitingCount(),
    pause: () => queue.pause(),
    resume: () => queue.resume(),
    clean: () => queue.obliterate({ force: true }),
    close: () => queue.close(),
  }
}

/** A job that this worker has; its lock is renewed until it is let go of. */
export interface HeldJob {
  readonly slice: string
  /** This is the last time that it is tried. */
  readonly isLast: boolean
  /** Nothing is left to do. */
  finish(): Promise<void>
  /** For whoever comes, at once or after a while. */
  giveBack(delayMs: number): Promise<void>
  /** It went wrong: again later, by the rule of the queue. */
  fail(error: Error): Promise<void>
}

export interface Jobs {
  /** The next, if there is one now. */
  next(): Promise<HeldJob | undefined>
  close(): Promise<void>
}

export interface JobsOptions {
  readonly redis: Redis
  readonly run: string
  /** Names this worker. */
  readonly owner: string
  /** Default {@link lockMs}. */
  readonly lockMs?: number | undefined
}

/** A worker's end. */
export async function openJobs(options: JobsOptions): Promise<Jobs> {
  const { Worker: Client } = await import('bullmq')
  const forMs = options.lockMs ?? lockMs
  const worker: Worker<JobData> = new Client(queueName(options.run), null, {
    connection: options.redis,
    prefix: keyPrefix,
    lockDuration: forMs,
    stalledInterval: forMs / 2,
    // Who takes over is counted in the ledger, which also gives up.
    maxStalledCount: 1000,
    autorun: false,
  })
  worker.on('error', () => {})
  await worker.waitUntilReady()
  await worker.startStalledCheckTimer()
  let count = 0
  const timers = new Set<NodeJS.Timeout>()

  const hold = (job: Job<JobData>, token: string): HeldJob => {
    const timer = setInterval(() => {
      // Lost: the ledger refuses what is written then.
      job.extendLock(token, forMs).catch(() => {})
    }, forMs / 2)
    timers.add(timer)
    const let_ = async (work: () => Promise<unknown>): Promise<void> => {
      clearInterval(timer)
      timers.delete(timer)
      // The lock is another's, or Redis has forgotten the job: the ledger knows.
      await work().catch(() => {})
    }
    return {
      slice: job.data.slice,
      isLast: job.attemptsMade + 1 >= mostAttempts,
      finish: () => let_(() => job.moveToCompleted('', token, false)),
      giveBack: (delayMs) => let_(() => job.moveToDelayed(Date.now() + delayMs, token)),
      fail: (error) => let_(() => job.moveToFailed(error, token, false)),
    }
  }

  return {
    async next() {
      const token = `${options.owner}#${++count}`
      const job = await worker.getNextJob(token, { block: false })
      return job === undefined || job === null ? undefined : hold(job, token)
    },
    async close() {
      for (const timer of timers) clearInterval(timer)
      await worker.close(true)
    },
  }
}
