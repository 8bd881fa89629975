/**
 * `answer: legacy`: a request that is sent at once because its client waits for the old side's answer. One that takes too long goes on, and is the
 * first try of what the client's endpoint then puts into the queue: cutover.md 1.7, rows 6 to 11.
 */

import type { QueuedBatch } from '../emit/queue/queue.ts'
import type { Asked } from '../ingest/mirror-door.ts'
import type { Envelope } from '../otlp/intake.ts'
import { decodeEnvelope, markSent } from './envelope.ts'
import { type Errand, newHistory, type OldSide } from './errand.ts'
import { mayHaveArrived, type Outcome } from './outcome.ts'
import type { Watch } from './watch.ts'

export interface LiveOptions {
  /** How long a client waits. */
  readonly timeoutMs: number
  readonly fallback: 'bridge' | 'fail'
  /** Such requests at a time; more are answered as if the old side were too slow. */
  readonly concurrency: number
}

export interface LiveDeps {
  readonly side: OldSide
  readonly watch: Watch
  readonly monotonicMs: () => number
  readonly timer: (ms: number, call: () => void) => () => void
  readonly paused: () => boolean
  /** Earlier requests of this connection wait in the queue: this one must not overtake them. */
  readonly waitsBehind: (lane: string, from: string) => boolean
  /** A try has ended: something may go now. */
  readonly onEnd: () => void
}

export interface FirstTry {
  readonly outcome: Outcome
  /** What its sender keeps for the next try. */
  readonly memo: unknown
}

export interface Live {
  ask(envelope: Envelope): Promise<Asked>
  /** The first try of a request, under way or over; known for a minute after its end, and once. */
  take(id: string): Promise<FirstTry> | undefined
  readonly underWay: number
}

/** A first try that nobody asks for is forgotten after so long: its envelope was not put. */
const keptMs = 60_000

/** First tries that are remembered. */
const maxKept = 10_000

/** Creates it. */
export function createLive(options: LiveOptions, deps: LiveDeps): Live {
  const { side, watch, monotonicMs, timer } = deps
  const kept = new Map<string, Promise<FirstTry>>()
  let underWay = 0

  const none = (why: string, slow = false): Asked => ({ how: 'none', why, slow, fallback: options.fallback })

  const keep = (id: string, outcome: Promise<FirstTry>): void => {
    if (options.fallback !== 'bridge' || kept.size >= maxKept) return
    kept.set(id, outcome)
    void outcome.then(() => timer(keptMs, () => kept.delete(id)))
  }

  const errandOf = (envelope: Envelope): Errand => {
    // A copy: the queue may use the memory of the envelope again while a request that nobody waits for any more is still being written.
    const { head, body } = decodeEnvelope(envelope.data.slice())
    const batch: QueuedBatch = {
      id: 0,
      queuedAtMs: 0,
      maybeSent: false,
      format: envelope.format,
      signal: 'legacy',
      items: envelope.items,
      data: body,
    }
    return { batch, head, body, parts: [batch], more: undefined, history: newHistory(false), memo: undefined }
  }

  const ask = async (envelope: Envelope): Promise<Asked> => {
    if (deps.paused()) return none('the mirror is paused')
    const wait = watch.waitMs()
    if (wait !== 0) return none(`the old side is left alone for now: ${watch.halted ?? watch.lastError?.text ?? 'it asked for that'}`)
    if (underWay >= options.concurrency) return none(`${options.concurrency} clients wait for the old side already`)
    const errand = errandOf(envelope)
    if (deps.waitsBehind(errand.head.lane, errand.head.from)) return none('earlier requests of this connection wait for the old side')
    const startedMs = monotonicMs()
    underWay++
    watch.breaker.begin()
    const trying = side.exchange(errand, true)
    const outcome = trying.then(async (tried) => {
      underWay--
      const judged = await side.judge(errand, tried)
      watch.heard(judged, monotonicMs() - startedMs)
      deps.onEnd()
      return { outcome: judged, memo: errand.memo }
    })
    const late = new Promise<'late'>((resolve) => {
      const cancel = timer(options.timeoutMs, () => resolve('late'))
      void trying.then(cancel)
    })
    const first = await Promise.race([trying, late])
    if (first === 'late') {
      // What is kept here does not outlive a minute, nor this mirror.
      markSent(envelope.data)
      keep(errand.head.id, outcome)
      return none(`no answer within ${options.timeoutMs} ms (legacy.timeout)`, true)
    }
    const { outcome: judged } = await outcome
    // That the old side refuses us is nothing a client could mend.
    if (first.how === 'answered' && judged.class !== 'halt') return { how: 'answered', answer: first.answer }
    if (mayHaveArrived(judged)) markSent(envelope.data)
    keep(errand.head.id, outcome)
    return none('message' in judged ? judged.message : 'the bridge is stopping')
  }

  return {
    async ask(envelope) {
      try {
        return await ask(envelope)
      } catch (error) {
        return none(`BUG: ${error instanceof Error ? error.message : String(error)}`)
      }
    },
    take(id) {
      const outcome = kept.get(id)
      kept.delete(id)
      return outcome
    },
    get underWay() {
      return underWay
    },
  }
}
