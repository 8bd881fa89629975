/** One worker's place: its process, the processes after it, and what was last heard. */

import { BridgeError } from '../errors.ts'
import type { StopReport } from '../pipeline.ts'
import type { ReloadReport } from '../reload.ts'
import type { Logger } from '../telemetry/log.ts'
import { revived } from './errors.ts'
import type { FromWorker, PlainError, WorkerReport, WorkerStart } from './protocol.ts'
import type { Child } from './spawn.ts'

export interface SlotDeps {
  readonly spawn: () => Child
  readonly log: Logger
  readonly nowMs: () => number
  /** Made anew for every process, so that it starts with the configuration of the day. */
  readonly startMessage: (claimPorts: boolean) => WorkerStart
  /** A process that had started ended. @param last what it said last */
  readonly onEnd: (slot: Slot, last: WorkerReport) => void
  /** A process was started again and runs. */
  readonly onBack: (slot: Slot) => void
}

export type SlotState = 'starting' | 'running' | 'down' | 'stopping'

export interface Slot {
  /** From 1. */
  readonly worker: number
  readonly state: SlotState
  readonly pid: number | undefined
  /** Start of the process, or of the time without one. */
  readonly sinceMs: number
  readonly restarts: number
  /** Why it is down; empty while it is not. */
  readonly fault: string
  /** Undefined while no process runs. */
  readonly report: WorkerReport | undefined
  readonly heardMs: number
  /** Starts the first process. Rejects with what it failed of; it is not tried again then. */
  start(claimPorts: boolean): Promise<void>
  /** Asks for a report, and waits for it as long as given. */
  refresh(waitMs: number): Promise<void>
  /**
   * Rejects with what kept it from changing; a worker that does not answer in time is ended and started again. Undefined: it has
   * ended meanwhile. @param claimPorts as in {@link WorkerStart}
   */
  reload(config: WorkerStart['config'], claimPorts: boolean, waitMs: number): Promise<ReloadReport | undefined>
  /** A page of one of its listeners; undefined when it has none, or does not answer. */
  page(path: string, query: Readonly<Record<string, string>>, waitMs: number): Promise<{ readonly content: unknown } | undefined>
  /** Resolves when the process has ended, whatever that takes. Undefined: it did not say how. */
  stop(deadlineMs: number): Promise<StopReport | undefined>
}

/** A process that lived for less than this died quickly. */
const quickMs = 10_000
const firstWaitMs = 500
const longestWaitMs = 30_000
/** Beyond the time for draining: for closing files, then it is ended. */
const graceMs = 3000

/** Wait before a start, by how many processes died quickly one after the other. */
export function restartWaitMs(quickDeaths: number): number {
  return quickDeaths <= 1 ? 0 : Math.min(longestWaitMs, firstWaitMs * 2 ** (quickDeaths - 2))
}

type Answer = Extract<FromWorker, { kind: 'report' | 'reloaded' | 'page' }>

const isError = (outcome: ReloadReport | PlainError): outcome is PlainError => 'message' in outcome

/** Creates the place, without a process. */
export function createSlot(worker: number, deps: SlotDeps): Slot {
  const { log, nowMs } = deps
  let state: SlotState = 'starting'
  let child: Child | undefined
  let sinceMs = nowMs()
  let restarts = 0
  let quickDeaths = 0
  let fault = ''
  let report: WorkerReport | undefined
  let heardMs = 0
  let stopped: StopReport | undefined
  let nextCall = 1
  let timer: NodeJS.Timeout | undefined
  let onGone: () => void = () => {}
  const calls = new Map<number, (answer: Answer | undefined) => void>()

  const heard = (now: WorkerReport): void => {
    report = now
    heardMs = nowMs()
  }

  const launch = (claimPorts: boolean): Promise<void> => {
    const started = Promise.withResolvers<void>()
    const fresh = deps.spawn()
    child = fresh
    if (state !== 'stopping') state = 'starting'
    sinceMs = nowMs()
    let refusal: Error | undefined
    fresh.onMessage((message) => {
      switch (message.kind) {
        case 'started':
          if (state !== 'stopping') state = 'running'
          fault = ''
          heard(message.report)
          started.resolve()
          break
        case 'failed':
          refusal = revived(message.error)
          break
        case 'stopped':
          stopped = message.outcome
          heard(message.report)
          break
        case 'report':
          heard(message.report)
          answered(message)
          break
        case 'reloaded':
        case 'page':
          answered(message)
      }
    })
    fresh.onExit((why) => {
      child = undefined
      for (const done of calls.values()) done(undefined)
      calls.clear()
      const last = report
      report = undefined
      if (last === undefined) started.reject(refusal ?? new Error(`worker ${worker} ended while it started: ${why}`))
      else ended(last, why)
      onGone()
    })
    fresh.send(deps.startMessage(claimPorts))
    return started.promise
  }

  const answered = (message: Answer): void => {
    calls.get(message.call)?.(message)
    calls.delete(message.call)
  }

  const ended = (last: WorkerReport, why: string): void => {
    deps.onEnd(slot, last)
    if (state === 'stopping') return
    log.error({ worker, why, livedMs: nowMs() - sinceMs }, 'a worker ended and is started again; what it had queued is taken over')
    down(why)
  }

  const down = (why: string): void => {
    quickDeaths = nowMs() - sinceMs < quickMs ? quickDeaths + 1 : 0
    state = 'down'
    sinceMs = nowMs()
    fault = why
    timer = setTimeout(again, restartWaitMs(quickDeaths))
  }

  const again = (): void => {
    restarts++
    launch(false).then(
      () => deps.onBack(slot),
      (error: Error) => {
        if (state === 'stopping') return
        log.error({ worker, fault: error.message }, 'a worker could not be started again')
        down(error.message)
      },
    )
  }

  const call = (send: (call: number) => Parameters<Child['send']>[0], waitMs: number): Promise<Answer | undefined> =>
    new Promise((resolve) => {
      if (child === undefined) return resolve(undefined)
      const number = nextCall++
      const timeout = setTimeout(() => {
        calls.delete(number)
        resolve(undefined)
      }, waitMs)
      calls.set(number, (answer) => {
        clearTimeout(timeout)
        resolve(answer)
      })
      child.send(send(number))
    })

  const slot: Slot = {
    worker,
    get state() {
      return state
    },
    get pid() {
      return child?.pid
    },
    get sinceMs() {
      return sinceMs
    },
    get restarts() {
      return restarts
    },
    get fault() {
      return fault
    },
    get report() {
      return report
    },
    get heardMs() {
      return heardMs
    },
    start: launch,
    async refresh(waitMs) {
      if (report !== undefined) await call((number) => ({ kind: 'report', call: number }), waitMs)
    },
    async reload(config, claimPorts, waitMs) {
      const asked = child
      const answer = await call((number) => ({ kind: 'reload', call: number, config, claimPorts }), waitMs)
      if (answer?.kind !== 'reloaded') {
        if (child === undefined || child !== asked) return undefined
        child.kill('SIGKILL')
        throw new BridgeError('OB_INTERNAL', `cannot change the configuration: worker ${worker} does not answer`)
      }
      if (isError(answer.outcome)) throw revived(answer.outcome)
      return answer.outcome
    },
    async page(path, query, waitMs) {
      const answer = await call((number) => ({ kind: 'page', call: number, path, query }), waitMs)
      return answer?.kind === 'page' && answer.json !== undefined ? { content: JSON.parse(answer.json) } : undefined
    },
    async stop(deadlineMs) {
      state = 'stopping'
      clearTimeout(timer)
      const running = child
      if (running === undefined) return undefined
      await new Promise<void>((resolve) => {
        const tooLate = setTimeout(() => running.kill('SIGKILL'), deadlineMs + graceMs)
        onGone = () => {
          clearTimeout(tooLate)
          resolve()
        }
        running.send({ kind: 'stop', deadlineMs })
      })
      return stopped
    },
  }
  return slot
}
