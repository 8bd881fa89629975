/** One mirror: an old backend, the lane of the queue that is emptied into it, and what is to be said of both. */

import type { SecureContext } from 'node:tls'
import type { EndpointState } from '../cutover/model.ts'
import { ruleOfPhase } from '../cutover/phase-rules.ts'
import type { ExtraLane } from '../emit/extra-lane.ts'
import type { EmitHealth } from '../emit/health.ts'
import type { Lane } from '../emit/queue/queue.ts'
import type { Asked } from '../ingest/mirror-door.ts'
import type { ClientTls } from '../net/client-tls.ts'
import type { Envelope } from '../otlp/intake.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { MirrorEndpointConfig } from './config.ts'
import type { Errand } from './errand.ts'
import { createLive } from './live.ts'
import { createOldSide } from './old-side.ts'
import { createOrder } from './order.ts'
import type { DeadItem } from './outcome.ts'
import { createRunner, type Flight } from './runner.ts'
import type { MirrorStatus, RefusedItem, StalledLane } from './status.ts'
import { createWatch } from './watch.ts'

export interface MirrorDeps {
  readonly log: Logger
  readonly metrics: Metrics
  /** Wall clock in milliseconds. */
  readonly nowMs: () => number
  readonly monotonicMs: () => number
  /** 0 ≤ x < 1 */
  readonly random: () => number
  /** Name of the bridge: part of `Via`. */
  readonly instanceId: string
  /** Where the endpoint stands; undefined before that is known: then as phase `dual`. */
  readonly state: () => EndpointState | undefined
  /** What is queued survives the process: then a stop does not wait for an old side that fails. */
  readonly queueSurvives: boolean
  /** Calls back after the time; returns what ends that. Default: timers of Node.js. */
  readonly timer?: ((ms: number, call: () => void) => () => void) | undefined
}

export interface Mirror {
  /** `zipkin`, `jaeger.http` */
  readonly endpoint: string
  /** Its place in the queue, named `mirror.<endpoint>`. */
  readonly lane: ExtraLane
  /** Sends now, for a client that waits: {@link createLive}. Never rejects. */
  ask(envelope: Envelope): Promise<Asked>
  /** A connection of a sender is gone. @param lane its name as in `EnvelopeHead.lane`, see `laneName` */
  closed(lane: string): void
  /** What was sent came back too often, and the mirror is being paused for it: said until somebody resumes it. */
  looped(): void
  /** A switch of the cutover was moved: look again. */
  wake(): void
  /** Red only where the phase requires the old side. */
  health(): EmitHealth
  /** What somebody should look at although everything works. */
  warnings(): readonly string[]
  status(): MirrorStatus
  /** That of the newest certificate files; undefined: those that Node.js knows are trusted. */
  secureContext(): SecureContext | undefined
  /** Looks at the certificate files now, as it does by itself every few seconds. */
  look(): Promise<void>
  /** Cuts what is under way. To be called after the lane's runner was stopped. */
  close(): Promise<void>
}

/** How long an old side may fail before that is said: a restart of it is no news. */
const toleratedFailureMs = 5000

const slowAnswerMs = 1000
const slowQueueMs = 30_000

/** A lane of the queue this full is about to refuse. */
const fullShare = 0.9

/** Items named that were refused. */
const maxRefused = 50

/** Senders named as stalled. */
const maxStalled = 10

/** Clients that wait for the old side's answer at a time, for each request of `concurrency`. */
const liveFactor = 32

const nodeTimer = (ms: number, call: () => void): (() => void) => {
  const timer = setTimeout(call, ms)
  return () => clearTimeout(timer)
}

const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`

/** Creates it; nothing is connected to yet. Throws OB_CONFIG for certificates that cannot be used. */
export async function createMirror(endpoint: string, config: MirrorEndpointConfig, deps: MirrorDeps): Promise<Mirror> {
  const { log, metrics, nowMs, monotonicMs } = deps
  const name = `mirror.${endpoint}`
  const own = { destination: name }
  const timer = deps.timer ?? nodeTimer
  let tls: ClientTls | undefined
  if ('tls' in config && (config.tls.ca !== undefined || config.tls.cert !== undefined)) {
    const { createClientTls } = await import('../net/client-tls.ts')
    tls = await createClientTls(config.tls, `${name}.tls`, { log, nowMs })
    for (const trouble of tls.trouble()) log.warn(own, trouble)
  }
  const side = await createOldSide(endpoint, config, { ...deps, secureContext: tls?.secureContext })
  tls?.onReload((context) => side.renew?.(context))
  const ordering = 'ordering' in config ? config.ordering : 'none'
  const order = createOrder(ordering)
  const { retry } = config
  const watch = createWatch({ failures: config.breaker.failures, openMs: config.breaker.open, maxOpenMs: retry.max, monotonicMs, nowMs })
  let queued: Lane | undefined

  const requires = (): boolean => ruleOfPhase(deps.state()?.phase ?? 'dual').old === 'required'
  const paused = (): boolean => deps.state()?.paused ?? false

  const legacy = 'legacy' in config ? config.legacy : undefined
  const live = createLive(
    {
      timeoutMs: legacy?.timeout ?? 10_000,
      fallback: legacy?.fallback ?? 'bridge',
      concurrency: config.concurrency * liveFactor,
    },
    {
      side,
      watch,
      monotonicMs,
      timer,
      paused,
      waitsBehind: (lane, from) =>
        ordering !== 'none' &&
        lane !== '' &&
        (order.holds(lane, from) || runner.holdsBack || (queued !== undefined && queued.waiting().bytes > 0)),
      onEnd: () => runner.wake(),
    },
  )
  let lastDead: readonly RefusedItem[] = []
  const onDeadItems = (errand: Errand, dead: readonly DeadItem[], items: number): void => {
    const at = nowMs()
    const named = dead.slice(0, maxRefused).map((one) => ({ ...one, at, envelope: errand.head.id }))
    lastDead = [...lastDead.slice(-(maxRefused - named.length)), ...named].slice(-maxRefused)
    const { index, id, error, from, to } = dead[0] as DeadItem
    const fields = { ...own, items, index, id, envelope: errand.head.id, from, to }
    log.error(fields, `the old side refused items of a request that it took otherwise, which go to the dead letters: ${error}`)
  }
  const runner = createRunner(
    { name, concurrency: config.concurrency, retry, queueSurvives: deps.queueSurvives },
    { side, order, watch, metrics, log, random: deps.random, monotonicMs, timer, paused, firstTry: live.take, onDeadItems },
  )

  const stalled = (): StalledLane[] => {
    const now = monotonicMs()
    const found: StalledLane[] = []
    const flying = [...runner.flights()].map(({ errand }: Flight) => errand)
    for (const errand of [...runner.sleeping(), ...flying]) {
      const { firstTryMs, tries, lastError } = errand.history
      if (firstTryMs === undefined || tries < 2 || now - firstTryMs < config.laneStall) continue
      const behind = order.behind(errand)
      found.push({ from: errand.head.from, sinceMs: nowMs() - (now - firstTryMs), tries, error: lastError ?? '', behind })
    }
    return found.sort((a, b) => a.sinceMs - b.sinceMs).slice(0, maxStalled)
  }

  let hasLooped = false

  const sentences = (): string[] => {
    const said: string[] = []
    if (hasLooped && paused())
      said.push(`${name} is paused: what was sent to the old side came back here; see ${name}.url, and resume it when that is mended`)
    const stats = queued?.stats()
    const items = stats?.items ?? 0
    const safe = `; the new side goes on, and what the old side has not got (${items} items) waits in the queue: nothing is lost`
    const { failingSinceMs, lastError, halted } = watch
    if (halted !== undefined) said.push(`${name}: nothing goes to the old side: ${halted}${safe}`)
    else if (failingSinceMs !== undefined && lastError !== undefined && monotonicMs() - failingSinceMs >= toleratedFailureMs) {
      said.push(`${name}: the old side is failing since ${seconds(monotonicMs() - failingSinceMs)}: ${lastError.text}${safe}`)
    }
    if (stats !== undefined && stats.bytes >= stats.maxBytes * fullShare) {
      said.push(`${name}: the queue for the old side is ${Math.floor((stats.bytes / stats.maxBytes) * 100)} % full (${name}.queue.maxSize)`)
    }
    return said
  }

  const status = (): MirrorStatus => {
    const stats = queued?.stats()
    const waiting = { requests: stats?.batches ?? 0, items: stats?.items ?? 0, bytes: stats?.bytes ?? 0, oldestMs: stats?.oldestMs }
    const now = monotonicMs()
    const failing = watch.failingSinceMs !== undefined && now - watch.failingSinceMs >= toleratedFailureMs
    const state = deps.state()
    const off = paused() || (waiting.requests === 0 && (state?.phase === 'new-only' || state?.share.old === 0))
    const breaker = watch.breaker.state()
    const down = failing || watch.halted !== undefined || (breaker !== 'closed' && breaker !== 'resting')
    const longest = Math.max(0, ...[...runner.flights()].map(({ startedMs }) => now - startedMs))
    const slow = (watch.answerMs ?? 0) > slowAnswerMs || longest > slowAnswerMs * 5 || (waiting.oldestMs ?? 0) > slowQueueMs
    return {
      state: off ? 'off' : down ? 'down' : slow ? 'slow' : 'up',
      lastError: watch.lastError,
      breaker,
      inFlight: runner.flights().size + live.underWay,
      waiting,
      answerMs: watch.answerMs,
      halted: watch.halted,
      refused: lastDead,
      stalled: stalled(),
    }
  }

  const isOpen = metrics.gauge('otlp_bridge_mirror_breaker_open', own)
  const inFlight = metrics.gauge('otlp_bridge_mirror_in_flight', own)
  const endGauges = metrics.onCollect(() => {
    const breaker = watch.breaker.state()
    isOpen.value = breaker === 'closed' || breaker === 'resting' ? 0 : 1
    inFlight.value = runner.flights().size + live.underWay
  })

  const health = (): EmitHealth => {
    const reasons = requires() ? sentences() : []
    return { ok: reasons.length === 0, reasons }
  }

  return {
    endpoint,
    lane: {
      name,
      maxSize: config.queue.maxSize,
      forwardMs: 'forwardTimeout' in config ? config.forwardTimeout : undefined,
      get whenFull() {
        if (config.onFull !== 'phase') return config.onFull === 'shed' ? 'drop' : 'refuse'
        return requires() ? 'refuse' : 'drop'
      },
      start(lane) {
        queued = lane
        runner.run(lane)
        return { health, stop: runner.stop, handOver: runner.handOver }
      },
    },
    ask: live.ask,
    closed(lane) {
      order.closed(lane)
      side.closed?.(lane)
    },
    looped() {
      hasLooped = true
    },
    wake() {
      if (!paused()) hasLooped = false
      runner.wake()
    },
    health,
    warnings: () => [
      ...(requires() ? [] : sentences()),
      ...(tls?.trouble() ?? []),
      ...stalled().map(
        ({ from, error, tries }) => `${name}: requests of ${from} wait, ${tries} tries of the oldest failed: ${error}; nothing is lost`,
      ),
    ],
    status,
    secureContext: () => tls?.secureContext,
    look: async () => tls?.look(),
    async close() {
      endGauges()
      // That of a mirror that takes its place says its own at the next reading.
      isOpen.value = 0
      inFlight.value = 0
      tls?.close()
      await side.close()
    },
  }
}
