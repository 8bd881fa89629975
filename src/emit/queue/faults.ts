/** Whether the store can be used now, and how a fault ends: it is asked again and again. */

import { BridgeError } from '../../errors.ts'
import type { Logger } from '../../telemetry/log.ts'
import type { Fault, Replaced, Reply } from './protocol.ts'
import type { WorkerLink } from './worker-link.ts'

export interface FaultDeps {
  readonly link: WorkerLink
  readonly log: Logger
  readonly hasRemovals: () => boolean
  /** Tries removals alone. */
  readonly removeNow: () => void
  /** The store is a new one: no fault, but what is in memory and not in it has to be stored again. */
  readonly onReplaced: (replaced: Replaced, message: string) => void
  /** Nothing can be stored from now on; also called when a fault is told again. */
  readonly onBroken: () => void
  readonly onOver: () => void
}

export interface Faults {
  /** Why nothing can be stored now. */
  readonly now: Fault | undefined
  raise(fault: Fault): void
  /** What a putter is told. */
  error(): BridgeError
  end(): void
}

const firstProbeMs = 250
const lastProbeMs = 15_000
/** With a full disk, removals go on: they are what ends the fault. */
const removalProbeMs = 1000

/** Creates the watch over the faults of one disk queue. */
export function createFaults(deps: FaultDeps): Faults {
  const { link, log } = deps
  let now: Fault | undefined
  let timer: NodeJS.Timeout | undefined
  let waitMs = firstProbeMs
  let ended = false

  const startProbing = (): void => {
    if (timer !== undefined || ended) return
    const wait = now?.kind === 'full' && deps.hasRemovals() ? Math.min(waitMs, removalProbeMs) : waitMs
    timer = setTimeout(() => {
      timer = undefined
      waitMs = Math.min(lastProbeMs, waitMs * 2)
      if (deps.hasRemovals()) deps.removeNow()
      link.call({ kind: 'probe' }, onProbe)
    }, wait)
    timer.unref()
  }

  const raise = (fault: Fault): void => {
    if (fault.kind === 'replaced') {
      if (fault.replaced !== undefined) deps.onReplaced(fault.replaced, fault.message)
      return
    }
    if (now === undefined) log.error({ kind: fault.kind }, `the queue cannot store: ${fault.message}`)
    now = fault
    deps.onBroken()
    startProbing()
  }

  const onProbe = (reply: Reply): void => {
    if (ended) return
    if (reply.fault !== undefined) {
      raise(reply.fault)
      if (reply.fault.kind !== 'replaced') return
    }
    if (now !== undefined) log.info({}, 'the queue can store again')
    now = undefined
    waitMs = firstProbeMs
    deps.onOver()
  }

  return {
    get now() {
      return now
    },
    raise,
    error: () =>
      new BridgeError('OB_QUEUE_BROKEN', `cannot queue data: ${now?.message ?? 'the store is not open'}`, {
        retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)),
      }),
    end() {
      ended = true
      clearTimeout(timer)
    },
  }
}
