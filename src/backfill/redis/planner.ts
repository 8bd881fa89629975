/** The planner's side of a run on several machines: hands out slices in their order, keeps the mirror, and watches until nothing is left. */

import { noCounts, subtractCounts } from '../counts.ts'
import type { Counts, Summary } from '../ledger.ts'
import type { FileLedger } from '../ledger-file.ts'
import type { Progress, Said } from '../progress.ts'
import type { RunEnd, RunResult } from '../run.ts'
import type { Connection } from './connect.ts'
import {
  type Control,
  cleanRun,
  putControl,
  putMeta,
  readControl,
  readFrontier,
  readMeta,
  readWorkers,
  silentMs,
  type WorkerNote,
} from './control.ts'
import { openFeed } from './jobs.ts'
import { keysOf } from './keys.ts'
import { createRedisLedger } from './ledger-redis.ts'
import { createMirror } from './mirror.ts'
import { setSharedRate } from './shared-pace.ts'

export interface PlannerOptions {
  readonly connection: Connection
  /** With the plan in it; the mirror from then on. */
  readonly file: FileLedger
  readonly control: Omit<Control, 'state'>
  readonly rate: number | undefined
  readonly rateBytes: number | undefined
  readonly abort: AbortSignal
  readonly nowMs: () => number
  readonly monotonicMs: () => number
  readonly sleep: (ms: number, abort: AbortSignal) => Promise<void>
  /** A sentence for whoever looks. */
  readonly say: (text: string) => void
  /** Between two looks at slices and mirror, ms; defaults 250 and 1000. */
  readonly feedMs?: number
  readonly mirrorMs?: number
  /** When everything is over: removes the run from Redis. */
  readonly clean?: boolean
}

export interface Planner {
  start(): Promise<RunResult>
  progress(): Progress
}

/** Jobs that wait in the queue at the most: it does not grow with the history. */
const mostWaiting = 2000
const pieceOf = 500
/** Told again that nobody works. */
const tellNobodyMs = 60_000
/** After a stop the workers have so long to let go of their pages. */
const graceMs = 12_000

const noSummary: Summary = {
  slices: { pending: 0, running: 0, done: 0, done_with_losses: 0, failed: 0, verified: 0, mismatch: 0 },
  planned: 0,
  counts: noCounts,
  failures: {},
}

/** Prepares it. Closes nothing that it was given. */
export function createPlanner(options: PlannerOptions): Planner {
  const { connection, file, abort, nowMs, monotonicMs, sleep, say } = options
  const { redis } = connection
  const { meta } = file
  const keys = keysOf(meta.run)
  const ledger = createRedisLedger({ redis, meta, nowMs })
  const mirror = createMirror({ file, ledger, redis })
  const startedMs = nowMs()
  const startedAt = monotonicMs()
  let state: Progress['state'] = 'running'
  let summary: Summary = noSummary
  let atStart: Counts | undefined
  let workers: readonly WorkerNote[] = []
  let server = ''
  let frontier: number | undefined
  let toldNobodyAt = Number.NEGATIVE_INFINITY
  const known = new Map<string, string>()

  const living = (): readonly WorkerNote[] => workers.filter(({ atMs }) => nowMs() - atMs < silentMs)

  const control = (now: Control['state']): Promise<void> => putControl(redis, meta.run, { ...options.control, state: now })

  const progress = (): Progress => {
    const alive = living()
    const sum = (of: (note: WorkerNote) => number): number => alive.reduce((all, note) => all + of(note), 0)
    const said = workers.flatMap(({ said: one, name }): Said[] =>
      one === undefined ? [] : [{ ...one, message: `${name}: ${one.message}` }],
    )
    const slowest = alive.find(({ reason }) => reason !== '')
    return {
      state,
      waitingUntilMs: undefined,
      startedMs,
      elapsedMs: monotonicMs() - startedAt,
      counts: atStart === undefined ? noCounts : subtractCounts(summary.counts, atStart),
      perSecond: sum((note) => note.perSecond),
      phases: {
        read: sum((note) => note.phases.read),
        translate: sum((note) => note.phases.translate),
        send: sum((note) => note.phases.send),
        wait: sum((note) => note.phases.wait),
        commit: sum((note) => note.phases.commit),
      },
      running: [],
      parallel: sum((note) => note.slices),
      parallelReason: '',
      frontierMs: frontier,
      pace: { itemsPerSecond: slowest?.rate, reason: slowest?.reason ?? '', pausedUntilMs: undefined },
      ended: { done: 0, done_with_losses: 0, failed: 0 },
      said: said.slice(-10),
    }
  }

  const follow = async (): Promise<void> => {
    await mirror.follow()
    summary = await file.summary()
    atStart ??= summary.counts
  }

  /** A server that was restarted may have forgotten everything, or the last second. */
  const checkServer = async (): Promise<void> => {
    const now = await connection.serverId()
    if (now === server && (await readMeta(redis, meta.run)) !== undefined) return
    say(`${connection.name} was restarted: what it has forgotten is put back from ${meta.run}.db`)
    await putMeta(redis, meta)
    const { put } = await mirror.restore(true)
    await setSharedRate(redis, meta.run, options.rate, options.rateBytes)
    await control('open')
    server = now
    say(`${put} slices put back; what was sent since goes out again, and is counted`)
  }

  const watchWorkers = async (): Promise<void> => {
    workers = await readWorkers(redis, meta.run)
    for (const { name, state: now } of workers) {
      if (known.get(name) === now) continue
      known.set(name, now)
      say(`worker ${name}: ${now}`)
    }
    if (living().some((note) => note.state === 'working' || note.state === 'waiting')) toldNobodyAt = monotonicMs()
    else if (monotonicMs() - toldNobodyAt > tellNobodyMs) {
      toldNobodyAt = monotonicMs()
      say(`nobody works on this run: start \`otlp-bridge backfill worker ${connection.name}\`, on as many machines as you like`)
    }
  }

  const feed = async (queue: Awaited<ReturnType<typeof openFeed>>): Promise<void> => {
    const room = mostWaiting - (await queue.waiting())
    if (room <= 0) return
    frontier = await readFrontier(redis, meta.run)
    const upTo = options.control.order === 'any' || frontier === undefined ? '+inf' : frontier + options.control.slackMs
    const ids = await redis.zrangebyscore(keys.todo, '-inf', upTo, 'LIMIT', 0, Math.min(room, pieceOf))
    if (ids.length === 0) return
    const again = new Set((await ledger.rows(ids)).flatMap((row) => (row !== undefined && row.record.epoch > 0 ? [row.record.id] : [])))
    await queue.add(ids, again)
    await redis.zrem(keys.todo, ...ids)
  }

  const isOver = ({ slices }: Summary): boolean => slices.pending + slices.running === 0

  const loop = async (queue: Awaited<ReturnType<typeof openFeed>>): Promise<RunEnd> => {
    let lookedAt = Number.NEGATIVE_INFINITY
    while (!abort.aborted) {
      if (monotonicMs() - lookedAt >= (options.mirrorMs ?? 1000)) {
        lookedAt = monotonicMs()
        await checkServer()
        await follow()
        await watchWorkers()
        if (isOver(summary)) return 'complete'
        const refused = workers.find((note) => note.refused !== undefined && note.atMs >= startedMs)
        if (refused !== undefined && !options.control.skipRefused) return 'refused'
      }
      await feed(queue)
      await sleep(options.feedMs ?? 250, abort)
    }
    return 'interrupted'
  }

  /** Pages that are out have a while. */
  const pauseAll = async (queue: Awaited<ReturnType<typeof openFeed>>): Promise<void> => {
    state = 'stopping'
    await control('paused')
    await queue.pause()
    const since = monotonicMs()
    const never = new AbortController().signal
    for (;;) {
      await follow()
      await watchWorkers()
      if (summary.slices.running === 0 || living().length === 0 || monotonicMs() - since > graceMs) return
      await sleep(100, never)
    }
  }

  const close = async (queue: Awaited<ReturnType<typeof openFeed>>): Promise<void> => {
    await control('closed')
    if (options.clean !== true) return
    await queue.clean()
    await cleanRun(redis, meta.run, { ...options.control, state: 'closed' })
  }

  const run = async (): Promise<RunEnd> => {
    const queue = await openFeed(redis, meta.run)
    try {
      server = await connection.serverId()
      await putMeta(redis, meta)
      await mirror.restore(false)
      const before = await readControl(redis, meta.run)
      if (before === undefined || before.state !== 'open') await setSharedRate(redis, meta.run, options.rate, options.rateBytes)
      await redis.del(keys.workers)
      await control('open')
      await queue.resume()
      const end = await loop(queue)
      if (end === 'complete') await close(queue)
      else await pauseAll(queue)
      return end
    } finally {
      await queue.close()
    }
  }

  /** Redis may be away when it shall stop. */
  const stoppedLate = async (over: AbortSignal): Promise<RunEnd> => {
    await new Promise<void>((resolve) => {
      if (abort.aborted) resolve()
      else abort.addEventListener('abort', () => resolve(), { once: true, signal: over })
    })
    await sleep(graceMs + 3000, over)
    return 'interrupted'
  }

  return {
    progress,
    async start() {
      let end: RunEnd = 'ledger'
      let error: Error | undefined
      try {
        const late = new AbortController()
        end = await Promise.race([run(), stoppedLate(late.signal)]).finally(() => late.abort())
        const refused = workers.find((note) => note.refused !== undefined)?.refused
        if (end === 'refused' && refused !== undefined) error = new Error(refused)
      } catch (cause) {
        error = cause instanceof Error ? cause : new Error(String(cause))
      }
      state = 'ended'
      await ledger.close()
      return { end, error, summary: await file.summary().catch(() => undefined), progress: progress() }
    },
  }
}
