/**
 * Empties a mirror's lane of the queue into the old side: takes, keeps order, sends with a bound on what is under way, tries again, and settles.
 * A request stays in the queue until the old side has it or has refused it for good, so that nothing is lost by any end of the process.
 */

import type { DeadPart, Lane } from '../emit/queue/queue.ts'
import { backoffMs } from '../emit/retry.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Cell, Metrics } from '../telemetry/metrics.ts'
import { encodeEnvelope } from './envelope.ts'
import { type Errand, itemsOf, type OldSide } from './errand.ts'
import { withoutEncoding } from './headers.ts'
import type { FirstTry } from './live.ts'
import type { Order } from './order.ts'
import { type DeadBody, type DeadItem, mayHaveArrived, type Outcome } from './outcome.ts'
import { createTaking, type Taking } from './taking.ts'
import type { Watch } from './watch.ts'

export interface RunnerOptions {
  /** `mirror.zipkin` */
  readonly name: string
  readonly concurrency: number
  readonly retry: { readonly initial: number; readonly max: number; readonly elapsed?: number | undefined; readonly suspectTries: number }
  /** What is left at the stop survives it: then the stop does not wait for an old side that fails. */
  readonly queueSurvives: boolean
}

export interface RunnerDeps {
  readonly side: OldSide
  readonly order: Order
  readonly watch: Watch
  readonly metrics: Metrics
  readonly log: Logger
  /** 0 ≤ x < 1 */
  readonly random: () => number
  readonly monotonicMs: () => number
  /** Calls back after the time. Returns what ends that. */
  readonly timer: (ms: number, call: () => void) => () => void
  /** The switch of the cutover: what is queued waits. */
  readonly paused: () => boolean
  /** Items that the old side refused for good of a request that it took otherwise: they go to the dead letters, and are to be named. */
  readonly onDeadItems: (errand: Errand, dead: readonly DeadItem[], items: number) => void
  /** The first try of a request that is under way on behalf of its client, or was. */
  readonly firstTry: (id: string) => Promise<FirstTry> | undefined
}

/** One request that is being sent. */
export interface Flight {
  readonly errand: Errand
  readonly startedMs: number
}

export interface Runner {
  /** Begins anew, with this lane. */
  run(lane: Lane): void
  /** Looks again whether something may go: a switch was moved. */
  wake(): void
  /** Requests are out of the queue that have no place in the order yet. */
  readonly holdsBack: boolean
  flights(): ReadonlySet<Flight>
  /** Requests that wait to be tried again. */
  sleeping(): Iterable<Errand>
  stop(deadlineMs: number): Promise<void>
  handOver(deadlineMs: number): Promise<void>
}

/** At most one line of a kind a minute: what is frequent is counted, not logged. */
const logEveryMs = 60_000

/** How often a paused mirror looks whether it still is, and a stopping one whether it is done. */
const pausedLookMs = 1000
const drainLookMs = 5

interface Sleep {
  readonly cancel: () => void
  /** It may end before its time, when the old side is back. */
  readonly early: boolean
}

/** Requests of their own for what was refused of one: same head, and as many items as the books have of it at the most. */
function deadParts(errand: Errand, bodies: readonly DeadBody[]): DeadPart[] {
  const { part, last, length, lengths, ...head } = errand.head
  const plain = { ...head, headers: withoutEncoding(head.headers) }
  let room = itemsOf(errand)
  return bodies.map(({ status, items, body, message }) => {
    const own = Math.min(items, room)
    room -= own
    return { data: encodeEnvelope(plain, [body]), items: own, reason: `old_${status}`, message }
  })
}

/** Creates one that does nothing yet. */
export function createRunner(options: RunnerOptions, deps: RunnerDeps): Runner {
  const { side, order, watch, metrics, log, monotonicMs, timer } = deps
  const own = { destination: options.name }
  const policy = { initialIntervalMs: options.retry.initial, maxIntervalMs: options.retry.max, maxElapsedMs: undefined }
  const flights = new Set<Flight>()
  const leaving = new Set<Promise<void>>()
  const sleeps = new Map<Errand, Sleep>()
  const triesThat = (outcome: Outcome['class']): Cell => metrics.counter('otlp_bridge_mirror_tries_total', { ...own, outcome })
  const tried: Readonly<Record<Outcome['class'], Cell>> = {
    delivered: triesThat('delivered'),
    transient: triesThat('transient'),
    suspect: triesThat('suspect'),
    poison: triesThat('poison'),
    halt: triesThat('halt'),
    stopped: triesThat('stopped'),
  }
  const logged = new Map<string, number>()
  let taking: Taking | undefined
  let lane: Lane | undefined
  let phase: 'idle' | 'running' | 'draining' | 'leaving' = 'idle'
  let alarm: (() => void) | undefined

  const rarely = (kind: string, say: () => void): void => {
    const last = logged.get(kind)
    if (last !== undefined && monotonicMs() - last < logEveryMs) return
    logged.set(kind, monotonicMs())
    say()
  }

  const repeated = (kind: string, items: number): void => {
    if (items > 0) metrics.counter('otlp_bridge_mirror_repeats_total', { ...own, kind }).value += items
  }

  const wakeIn = (ms: number): void => {
    alarm?.()
    alarm = timer(ms, () => {
      alarm = undefined
      pump()
    })
  }

  const mayStart = (): boolean => {
    if (phase !== 'running' && phase !== 'draining') return false
    if (deps.paused()) {
      wakeIn(pausedLookMs)
      return false
    }
    const wait = watch.waitMs()
    if (wait === undefined) return false
    if (wait > 0) wakeIn(Math.ceil(wait))
    return wait === 0
  }

  /** {@link leave}, and then the next of its lane may go. */
  const letGo = (...of: Parameters<typeof leave>): void => {
    const [errand] = of
    const left = leave(...of).finally(() => {
      leaving.delete(left)
      order.done(errand)
      pump()
    })
    leaving.add(left)
  }

  /** They have left the queue, or are to leave it: nothing of the errand is under way. */
  const leave = async (
    errand: Errand,
    end: { readonly how: string | undefined; readonly dead: readonly DeadPart[] } | { readonly reason: string; readonly message: string },
  ) => {
    const from = lane
    if (from === undefined) return
    // Of a body that was answered before it was sent whole, the rest goes the same way.
    if (errand.more !== undefined) await taking?.finish(errand)
    taking?.gone(errand)
    if ('how' in end) {
      // Not awaited: the next request need not wait for the removal to be stored, and it never rejects.
      if (end.dead.length > 0) void from.settleBut(errand.parts, end.dead)
      else void from.settle(errand.parts, errand.more === undefined && errand.history.tries === 1, 0, end.how)
    } else await from.bury(errand.parts, end.reason, end.message)
  }

  const bury = (errand: Errand, reason: string, message: string): void => {
    const items = itemsOf(errand)
    rarely(`refused ${reason}`, () => log.error({ ...own, reason, items }, `${message}; to the dead letters`))
    letGo(errand, { reason, message: `${options.name}: ${message}` })
  }

  const sleep = (errand: Errand, ms: number, early: boolean): void => {
    order.again(errand)
    const end = (): void => {
      sleeps.delete(errand)
      order.due(errand)
      pump()
    }
    sleeps.set(errand, { cancel: timer(ms, end), early })
  }

  /** The old side is back: those who wait are older than what would be sent next. */
  const hurry = (): void => {
    for (const [errand, one] of sleeps) {
      if (!one.early) continue
      one.cancel()
      sleeps.delete(errand)
      order.due(errand)
    }
  }

  const tryAgain = (errand: Errand, outcome: Extract<Outcome, { class: 'transient' | 'suspect' }>): void => {
    const broken = taking?.broken(errand)
    if (broken !== undefined) {
      bury(errand, 'parts_missing', broken)
      return
    }
    const { history } = errand
    const { elapsed, suspectTries } = options.retry
    history.lastError = outcome.message
    if (outcome.progress === true) history.partly = true
    if (outcome.class === 'suspect' && ++history.suspects >= suspectTries) {
      bury(errand, outcome.reason, outcome.message)
      return
    }
    const waitMs = backoffMs(policy, Math.max(0, history.tries - 1), outcome.waitMs / 1000, deps.random())
    if (elapsed !== undefined && monotonicMs() - (history.firstTryMs ?? 0) + waitMs > elapsed) {
      bury(errand, 'retry_exhausted', `not within ${elapsed} ms (${options.name}.retry.elapsed): ${outcome.message}`)
      return
    }
    metrics.counter('otlp_bridge_mirror_retries_total', { ...own, reason: outcome.reason }).value++
    rarely(`retry ${outcome.reason}`, () => log.warn({ ...own, reason: outcome.reason, waitMs }, `${outcome.message}; it is tried again`))
    sleep(errand, waitMs, outcome.class === 'transient' && outcome.waitMs === 0)
  }

  const landed = (flight: Flight, outcome: Outcome, heard: boolean): void => {
    const { errand } = flight
    flights.delete(flight)
    const wasFailing = watch.failingSinceMs !== undefined
    if (mayHaveArrived(outcome)) errand.history.ambiguous = true
    if (!heard) watch.heard(outcome, monotonicMs() - flight.startedMs)
    tried[outcome.class].value++
    if (wasFailing && watch.failingSinceMs === undefined) {
      log.info(own, 'the old side takes requests again')
      hurry()
    }
    switch (outcome.class) {
      case 'delivered': {
        repeated('already_there', outcome.repeats?.alreadyThere ?? 0)
        repeated('repeat_absorbed', outcome.repeats?.absorbed ?? 0)
        const dead = deadParts(errand, outcome.deadBodies ?? [])
        if (outcome.dead !== undefined)
          deps.onDeadItems(
            errand,
            outcome.dead,
            dead.reduce((sum, { items }) => sum + items, 0),
          )
        const end = { how: outcome.sent === true ? 'sent' : undefined, dead }
        if (errand.more === undefined) {
          void leave(errand, end)
          order.done(errand)
        } else letGo(errand, end)
        break
      }
      case 'transient':
      case 'suspect':
        tryAgain(errand, outcome)
        break
      case 'poison':
        bury(errand, outcome.reason, outcome.message)
        break
      case 'halt':
        errand.history.lastError = outcome.message
        rarely(`halt ${outcome.reason}`, () => log.error({ ...own, reason: outcome.reason }, `${outcome.message}; nothing goes until then`))
        sleep(errand, options.retry.max, false)
        break
      case 'stopped':
        order.again(errand)
    }
    pump()
  }

  const launch = (errand: Errand): void => {
    const { history } = errand
    const flight: Flight = { errand, startedMs: monotonicMs() }
    flights.add(flight)
    history.tries++
    history.firstTryMs ??= flight.startedMs
    const first = history.tries === 1 ? deps.firstTry(errand.head.id) : undefined
    if (first === undefined) {
      watch.breaker.begin()
      if (history.ambiguous) repeated('repeat_possible', side.doubles?.(errand) ?? itemsOf(errand))
    } else {
      // It will say itself whether it may have arrived.
      history.ambiguous = false
    }
    const ofClient = first?.then(({ outcome, memo }) => {
      errand.memo = memo
      return outcome
    })
    const outcome = ofClient ?? side.exchange(errand, false).then((tried) => side.judge(errand, tried))
    outcome.then(
      (one) => landed(flight, one, first !== undefined),
      (error: unknown) => {
        // Only a fault of ours comes here; nothing may be lost by it, and nothing else held up.
        const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
        log.error(own, `BUG: cannot mirror: ${message}`)
        landed(
          flight,
          {
            class: 'poison',
            reason: 'internal',
            message: `cannot mirror request: ${message.split('\n')[0] ?? ''}`,
            status: 0,
          },
          false,
        )
      },
    )
  }

  const pump = (): void => {
    while (flights.size < options.concurrency && order.startable && mayStart()) {
      const errand = order.next()
      if (errand === undefined) break
      launch(errand)
    }
    if (flights.size < options.concurrency && !order.startable && mayStart()) taking?.more()
  }

  const end = async (deadlineMs: number): Promise<void> => {
    phase = 'leaving'
    alarm?.()
    alarm = undefined
    const until = monotonicMs() + deadlineMs
    while (flights.size > 0 && monotonicMs() < until) await new Promise<void>((resolve) => timer(drainLookMs, resolve))
    if (flights.size > 0) await side.close()
    while (flights.size > 0) await new Promise<void>((resolve) => timer(drainLookMs, resolve))
    // What is to be removed is nobody's to give back.
    const wait = Math.max(0, until - monotonicMs())
    if (leaving.size > 0) await Promise.race([Promise.all(leaving), new Promise<void>((resolve) => timer(wait, resolve))])
    for (const one of sleeps.values()) one.cancel()
    sleeps.clear()
    await taking?.end()
    const left = order.removeAll()
    for (const maybeSent of [false, true]) {
      const batches = left.filter(({ history: { ambiguous, partly } }) => (ambiguous || partly) === maybeSent).flatMap(({ parts }) => parts)
      if (batches.length > 0) lane?.release(batches, maybeSent)
    }
    lane = undefined
    taking = undefined
    phase = 'idle'
  }

  return {
    run(wanted) {
      lane = wanted
      phase = 'running'
      taking = createTaking({
        lane: wanted,
        mirror: options.name,
        log,
        timer,
        add: order.add,
        pump: () => pump(),
      })
      pump()
    },
    get holdsBack() {
      return taking?.holdsBack === true
    },
    wake: () => pump(),
    flights: () => flights,
    sleeping: () => sleeps.keys(),
    async stop(deadlineMs) {
      if (phase === 'idle') return
      phase = 'draining'
      const until = monotonicMs() + deadlineMs
      pump()
      const hopeless = (): boolean => deps.paused() || (options.queueSurvives && (sleeps.size > 0 || watch.waitMs() !== 0))
      while (monotonicMs() < until && (lane?.stats().batches ?? 0) > 0 && !(flights.size === 0 && hopeless())) {
        await new Promise<void>((resolve) => timer(drainLookMs, resolve))
      }
      await end(Math.max(0, until - monotonicMs()))
    },
    handOver: end,
  }
}
