/**
 * Several workers as one bridge: starts them on shared ports, starts them again when they end, and has the one admin port,
 * which speaks for all of them.
 */

import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { startAdmin } from '../admin/routes.ts'
import type { ListenerStatus, StatusSource, WorkerStatus } from '../admin/status.ts'
import type { Config } from '../config/compose.ts'
import { queueSettings } from '../emit/config.ts'
import { BridgeError } from '../errors.ts'
import type { Listener } from '../ingest/adapter.ts'
import { canSharePorts } from '../ingest/claim.ts'
import type { StopReport } from '../pipeline.ts'
import { changeOf, pinPorts, type ReloadReport } from '../reload.ts'
import type { LogLevel } from '../telemetry/config.ts'
import { createExposition } from '../telemetry/exposition.ts'
import type { Health } from '../telemetry/health.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { createLedger } from './ledger.ts'
import { createOverseer, type Overseer } from './overseer.ts'
import { createRates } from './rates.ts'
import { createSlot, type Slot } from './slot.ts'
import type { Child } from './spawn.ts'

export interface FleetDeps {
  /** How many workers: at least 1. */
  readonly workers: number
  readonly spawn: () => Child
  readonly log: Logger
  readonly version: string
  /** Wall clock in milliseconds. */
  readonly nowMs: () => number
  readonly setLogLevel: (level: LogLevel) => void
  readonly terminal: boolean
}

/** What runs, whether as one process or as several. */
export interface Fleet {
  /** Those of the bridge itself; with those of its workers when read. */
  readonly metrics: Metrics
  readonly health: Health
  readonly listeners: readonly ListenerStatus[]
  readonly adminUrl: string | undefined
  reload(config: Config): Promise<ReloadReport>
  stop(deadlineMs: number): Promise<StopReport>
}

/** How often workers are asked how they are. */
const everyMs = 1000
/** How long a reader of the admin port waits for a worker that is busy; then what it said before counts. */
const patienceMs = 1000
/** For a page that one worker makes: it may have to load what it shows. */
const pageMs = 10_000
/** A worker silent for this long is unwell. */
const silentMs = 5000
/** For listeners that drain, and for starting the new ones. */
const reloadMs = 30_000

const MiB = 2 ** 20

/** The configuration of one worker of so many: no admin port, and its part of a queue in memory. */
export function workerConfig(config: Config, workers: number): Config {
  const { type, maxSize } = queueSettings(config.queue)
  const queue = type !== 'memory' ? config.queue : { ...config.queue, maxSize: Math.max(MiB, Math.floor(maxSize / workers)) }
  return { ...config, queue, admin: { ...config.admin, enabled: false } }
}

/** Starts all workers, then the admin port. Throws what the first that could not start failed of; the others are stopped then. */
export async function startFleet(config: Config, deps: FleetDeps): Promise<Fleet> {
  const { log, nowMs } = deps
  if (!canSharePorts) {
    throw new BridgeError('OB_CONFIG', `cannot run several workers: ${process.platform} does not share ports between processes`, {
      place: '--workers',
    })
  }
  const instanceId = randomUUID()
  let running = config
  let stopping = false
  let reloading: Promise<unknown> = Promise.resolve()
  let admin: Listener | undefined
  let overseer: Overseer | undefined
  /** Which configuration each worker was started with. */
  const has = new Map<number, Config>()

  const slots: readonly Slot[] = Array.from({ length: deps.workers }, (_, at) =>
    createSlot(at + 1, {
      spawn: deps.spawn,
      log,
      nowMs,
      startMessage(claimPorts) {
        has.set(at + 1, running)
        const { terminal } = deps
        return { kind: 'start', worker: at + 1, config: workerConfig(running, deps.workers), instanceId, claimPorts, terminal }
      },
      onEnd(slot, last) {
        ledger.died(last)
        if (!stopping) restarts(slot.worker).value++
      },
      onBack(slot) {
        log.info({ worker: slot.worker, pid: slot.pid }, 'a worker runs again')
        // A reload may have come while it started.
        void catchUp(slot)
      },
    }),
  )
  const living = () => slots.flatMap(({ worker, report }) => (report === undefined ? [] : [{ worker, report }]))
  const ledger = createLedger({ survives: config.queue.type !== 'memory', living, nowMs })
  const { metrics } = ledger
  const restarts = (worker: number) => metrics.counter('otlp_bridge_worker_restarts_total', { worker: String(worker) })
  const rates = createRates(nowMs)

  const health = ledger.health
  health.watch('workers', () =>
    slots.flatMap(({ worker, state, fault, sinceMs, heardMs, restarts: count }) => {
      const seconds = (since: number): number => Math.round((nowMs() - since) / 1000)
      if (state === 'down') return `worker ${worker} is down since ${seconds(sinceMs)} s, after ${count} restarts: ${fault}`
      if (state === 'starting') return `worker ${worker} is starting since ${seconds(sinceMs)} s`
      return nowMs() - heardMs > silentMs ? `worker ${worker} has not answered for ${seconds(heardMs)} s` : []
    }),
  )
  const count = metrics.gauge('otlp_bridge_workers')
  metrics.onCollect(() => {
    count.value = slots.filter(({ state }) => state === 'running').length
  })

  let asking: Promise<void> | undefined
  const refresh = (): Promise<void> => {
    asking ??= Promise.all(slots.map((slot) => slot.refresh(patienceMs))).then(() => {
      asking = undefined
      for (const { worker, report } of living()) rates.note(worker, report)
    })
    return asking
  }
  const poll = setInterval(() => void refresh(), everyMs)
  poll.unref()

  let known: readonly ListenerStatus[] = []
  const listeners = (): readonly ListenerStatus[] => {
    // The first one has all of them, the others not those of which there is one only: while it is down, what it said last holds.
    known = slots[0]?.report?.listeners ?? known
    return [...known, ...(admin === undefined ? [] : [{ section: 'admin', addresses: admin.addresses }])]
  }
  const status: StatusSource = {
    version: deps.version,
    startedMs: nowMs(),
    listeners,
    queue: ledger.queue,
    destinations: ledger.destinations,
    page: async (path, query) => slots[0]?.page(path, query, pageMs),
    workers: () =>
      slots.map(
        ({ worker, pid, state, sinceMs, restarts: times, report }): WorkerStatus => ({
          worker,
          ...(pid === undefined ? {} : { pid }),
          state,
          sinceMs,
          restarts: times,
          itemsPerSecond: report === undefined ? 0 : rates.of(worker),
          memoryBytes: report?.usage.residentBytes ?? 0,
        }),
      ),
  }

  const catchUp = async (slot: Slot): Promise<void> => {
    await reloading
    if (stopping || slot.state !== 'running' || has.get(slot.worker) === running) return
    await slot.reload(workerConfig(running, deps.workers), false, reloadMs).catch((error: Error) => {
      log.error({ worker: slot.worker, fault: error.message }, 'a worker that was started again could not take the new configuration')
    })
  }

  const reload = async (wanted: Config): Promise<ReloadReport> => {
    const change = changeOf(running, pinPorts(wanted, listeners()))
    const before = running
    let next = change.config
    let first: ReloadReport | undefined
    const done: Slot[] = []
    try {
      for (const slot of slots.filter(({ state }) => state === 'running')) {
        const report = await slot.reload(workerConfig(next, deps.workers), first === undefined, reloadMs)
        if (report === undefined) continue
        done.push(slot)
        if (first !== undefined) continue
        first = report
        await slot.refresh(patienceMs)
        next = pinPorts(next, slot.report?.listeners ?? [])
      }
    } catch (error) {
      for (const slot of done) {
        await slot.reload(workerConfig(before, deps.workers), false, reloadMs).catch((cause: Error) => {
          log.error({ worker: slot.worker, fault: cause.message }, 'a worker could not go back to the configuration before')
        })
      }
      throw error
    }
    running = next
    await overseer?.reload()
    for (const { worker } of done) has.set(worker, next)
    if (before.log.level !== next.log.level) deps.setLogLevel(next.log.level)
    const none = { kept: [], started: [], restarted: [], stopped: [] }
    return { changed: change.changed, nextStart: change.nextStart, endpoints: first?.endpoints ?? none }
  }

  const stop = async (deadlineMs: number): Promise<StopReport> => {
    stopping = true
    const endMs = nowMs() + deadlineMs
    await Promise.race([reloading, sleep(deadlineMs / 2, undefined, { ref: false })])
    clearInterval(poll)
    const reports = await Promise.all(slots.map((slot) => slot.stop(Math.max(0, endMs - nowMs()))))
    await admin?.stop(0)
    overseer?.stop()
    const told = reports.filter((one) => one !== undefined)
    return { left: told.reduce((sum, one) => sum + one.left, 0), lost: told.reduce((sum, one) => sum + one.lost, 0) }
  }

  try {
    const [first, ...others] = slots
    // The first one finds the ports: those that a stranger has, and free ones for port 0.
    await first?.start(true)
    running = pinPorts(config, listeners())
    await Promise.all(others.map((slot) => slot.start(false)))
    if (config.admin.enabled) {
      const expose = createExposition(metrics, ledger.usage)
      overseer = await createOverseer({ log, nowMs, instanceId, ledger, config: () => running })
      admin = await startAdmin(config.admin, { metrics, health, status, nowMs, expose, log, refresh, sources: overseer.sources })
    }
  } catch (error) {
    await stop(0)
    throw error
  }
  return {
    metrics,
    health,
    get listeners() {
      return listeners()
    },
    adminUrl: admin?.addresses[0],
    reload(wanted) {
      if (stopping) return Promise.reject(new BridgeError('OB_STOPPING', 'cannot change the configuration: the bridge is stopping'))
      const done = reload(wanted)
      reloading = done.catch(() => {})
      return done
    },
    stop,
  }
}
