/** A worker of a run on several machines: takes jobs, and runs the engine over them, until the run is closed. */

import type { RunMeta } from '../ledger.ts'
import { always } from '../pacing.ts'
import { createRun, type Run, type RunDeps, type RunEnd, type RunResult } from '../run.ts'
import { parseWindows } from '../windows.ts'
import type { Connection } from './connect.ts'
import { type Control, readControl, readFrontier, tellPositions, tellWorker, type WorkerNote } from './control.ts'
import { openJobs } from './jobs.ts'
import { createRedisLedger } from './ledger-redis.ts'
import { createWorkerLedger } from './worker-ledger.ts'

export interface WorkerOptions {
  readonly connection: Connection
  readonly meta: RunMeta
  /** Source, destination and pace of this machine. */
  readonly deps: Omit<RunDeps, 'ledger' | 'windows'>
  /** Host and pid: names this worker. */
  readonly owner: string
  readonly parallel: number
  readonly abort: AbortSignal
  readonly kill?: AbortSignal
  readonly say: (text: string) => void
  /** For how long it may be silent before its slices are another's; see jobs.ts. */
  readonly lockMs?: number
  /** What the destination refused for its age, if it did. */
  readonly refused: () => string | undefined
  /** Between two notes, ms; default 1000. */
  readonly noteMs?: number
}

/** `closed`: nothing is left to do; `cannot_read`: this machine has not the files of the plan; others as of the engine. */
export interface WorkerResult {
  readonly end: Exclude<RunEnd, 'complete'> | 'closed' | 'cannot_read'
  readonly error: Error | undefined
}

/** Works until the run is closed, somebody says stop, or this machine cannot go on. Closes nothing that it was given. */
export async function runWorker(options: WorkerOptions): Promise<WorkerResult> {
  const { connection, meta, deps, owner, abort, say } = options
  const { redis } = connection
  const { nowMs, sleep } = deps
  const ledger = createRedisLedger({ redis, meta, nowMs })
  const jobs = await openJobs({ redis: connection.another(), run: meta.run, owner, lockMs: options.lockMs })
  let round: { readonly run: Run; readonly control: Control; readonly stop: AbortController } | undefined
  let frontierMs: number | undefined
  let control: Control | undefined
  let cannotRead: string | undefined
  let state = 'waiting'

  const note = (): WorkerNote => {
    const now = round?.run.progress()
    return {
      name: owner,
      atMs: nowMs(),
      state,
      slices: now?.running.length ?? 0,
      perSecond: now?.perSecond ?? 0,
      rate: now?.pace.itemsPerSecond,
      reason: now?.pace.reason ?? '',
      said: now?.said.at(-1),
      phases: now?.phases ?? { read: 0, translate: 0, send: 0, wait: 0, commit: 0 },
      refused: options.refused(),
    }
  }

  const tell = (): Promise<void> => tellWorker(redis, meta.run, note())

  /** Listens to the planner, and tells it how things are. */
  const look = async (): Promise<void> => {
    const progress = round?.run.progress()
    const positions = (progress?.running ?? []).flatMap(({ id, positionMs }) =>
      positionMs === undefined ? [] : [[id, positionMs] as const],
    )
    await tellPositions(redis, meta.run, positions)
    frontierMs = await readFrontier(redis, meta.run)
    control = await readControl(redis, meta.run)
    await tell()
    // Forgotten: the planner puts it back, and the ledger waits for that.
    if (round !== undefined && control !== undefined && control.state !== 'open') round.stop.abort()
  }

  const looking = async (over: AbortSignal): Promise<void> => {
    while (!over.aborted) {
      await look().catch((error: unknown) => deps.log.debug({ error }, 'the run in Redis could not be looked at'))
      await sleep(options.noteMs ?? 1000, over)
    }
  }

  const oneRound = async (now: Control): Promise<RunResult> => {
    const stop = new AbortController()
    const both = AbortSignal.any([stop.signal, abort])
    const run = createRun(
      {
        ...deps,
        windows: now.only === '' ? always : parseWindows(now.only),
        ledger: createWorkerLedger({
          ledger,
          jobs,
          isLocal: deps.source.isLocal,
          abort: both,
          sleep,
          onCannotRead(message) {
            cannotRead ??= message
            stop.abort()
          },
        }),
      },
      {
        owner,
        parallel: options.parallel,
        order: now.order,
        slackMs: now.slackMs,
        skipRefused: now.skipRefused,
        othersMs: () => frontierMs,
        abort: both,
        ...(options.kill === undefined ? {} : { kill: options.kill }),
      },
    )
    round = { run, control: now, stop }
    state = 'working'
    try {
      return await run.start()
    } finally {
      round = undefined
      state = 'waiting'
    }
  }

  const rounds = async (): Promise<WorkerResult> => {
    while (!abort.aborted) {
      const now = control
      if (now?.state === 'closed') return { end: 'closed', error: undefined }
      if (now?.state === 'open') {
        const { end, error } = await oneRound(now)
        if (cannotRead !== undefined) return { end: 'cannot_read', error: new Error(`cannot read: ${cannotRead}`) }
        if (end !== 'interrupted' && end !== 'complete') return { end, error }
      }
      await sleep(200, abort)
    }
    return { end: 'interrupted', error: undefined }
  }

  const over = new AbortController()
  control = await readControl(redis, meta.run)
  const lookings = looking(over.signal)
  say(`worker ${owner} of run ${meta.run} at ${connection.name}: ${deps.source.name} → ${deps.sink.name}\n`)
  try {
    const result = await rounds()
    state =
      result.end === 'closed'
        ? 'done'
        : result.end === 'cannot_read'
          ? (result.error?.message ?? '')
          : `stopped: ${result.error?.message ?? result.end}`
    return result
  } finally {
    over.abort()
    await lookings
    // Redis may be away for good, which is no reason to stay.
    await Promise.race([tell(), sleep(2000, new AbortController().signal)]).catch(() => {})
    await jobs.close()
    await ledger.close()
  }
}
