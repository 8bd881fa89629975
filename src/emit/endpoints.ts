/** Several endpoints that take the same data, as one: which of them gets a request, and who gets it when that one fails. */

import { type Breaker, type BreakerOptions, createBreaker } from './breaker.ts'
import { isSendError, SendError, type Sender } from './sender.ts'

export interface EndpointOptions<T> {
  /** As it appears in metrics, logs and `/health`. */
  readonly name: string
  readonly send: Sender<T>
}

export interface EndpointsDeps<T> {
  readonly balance: 'spread' | 'failover'
  readonly breaker: BreakerOptions
  /** One endpoint did not take it and another gets it now. */
  readonly onFailover: (item: T, from: string, error: SendError) => void
  /** An endpoint is given up, or taken back. */
  readonly onState: (name: string, up: boolean, error: SendError | undefined) => void
}

export interface EndpointStatus {
  readonly name: string
  /** False while it is left alone because it failed. */
  readonly up: boolean
  readonly inFlight: number
  /** The last failure; undefined after a success. */
  readonly lastError: SendError | undefined
}

export interface Endpoints<T> {
  readonly send: Sender<T>
  status(): readonly EndpointStatus[]
}

interface Member<T> {
  readonly name: string
  readonly send: Sender<T>
  readonly breaker: Breaker
  up: boolean
  inFlight: number
  lastError: SendError | undefined
}

const isUp = ({ breaker }: { readonly breaker: Breaker }): boolean => {
  const state = breaker.state()
  return state === 'closed' || state === 'resting'
}

/**
 * Creates the group. A request goes to one endpoint; a transient or throttled failure sends it to the next at once, each at most once
 * a try. When none is left the failure that lets us come back soonest is thrown. While all are left alone it fails without any being asked,
 * but for the one request that tries an endpoint whose time is over. A single endpoint has no breaker: whoever repeats asks it each time.
 */
export function createEndpoints<T>(list: readonly EndpointOptions<T>[], deps: EndpointsDeps<T>): Endpoints<T> {
  const members = list.map(
    ({ name, send }): Member<T> => ({ name, send, breaker: createBreaker(deps.breaker), up: true, inFlight: 0, lastError: undefined }),
  )
  const alone = members.length === 1
  let turn = 0

  /** The one for the next request, of those not asked yet in this try; undefined when all the others are left alone. */
  const pick = (asked: ReadonlySet<Member<T>>): Member<T> | undefined => {
    let best: Member<T> | undefined
    for (let step = 0; step < members.length; step++) {
      const member = members[deps.balance === 'spread' ? (turn + step) % members.length : step] as Member<T>
      if (asked.has(member)) continue
      const state = member.breaker.state()
      // An endpoint whose time is over is tried by the first request that comes: otherwise nobody would learn that it is back.
      if (state === 'due' || (state === 'closed' && deps.balance === 'failover')) return member
      if (state === 'closed' && (best === undefined || member.inFlight < best.inFlight)) best = member
    }
    return best
  }

  const changed = (member: Member<T>, error: SendError | undefined): void => {
    member.lastError = error
    const up = alone ? error === undefined : isUp(member)
    if (up === member.up) return
    member.up = up
    deps.onState(member.name, up, error)
  }

  const ask = async (member: Member<T>, item: T, abort: AbortSignal): Promise<void> => {
    member.breaker.begin()
    member.inFlight++
    try {
      await member.send(item, abort)
    } catch (error) {
      if (!isSendError(error)) member.breaker.abandoned()
      else if (error.failure === 'permanent') {
        // It answers; that it does not want this data is no fault of its.
        member.breaker.succeeded()
        changed(member, undefined)
      } else {
        member.breaker.failed(error.retryAfterSeconds * 1000)
        changed(member, error)
      }
      throw error
    } finally {
      member.inFlight--
    }
    member.breaker.succeeded()
    changed(member, undefined)
  }

  /** Nobody may be asked now. */
  const allLeftAlone = (): SendError => {
    const soonest = members.reduce((first, one) => (one.breaker.waitMs() < first.breaker.waitMs() ? one : first))
    const resting = members.filter(({ breaker }) => breaker.state() === 'resting')
    const because = soonest.lastError === undefined ? '' : `: ${soonest.lastError.message}`
    const message = `cannot reach any of ${members.length} endpoints, all are left alone for now${because}`
    if (resting.length === 0) return new SendError('transient', 'breaker_open', message, { cause: soonest.lastError })
    const seconds = Math.min(...resting.map(({ breaker }) => breaker.waitMs())) / 1000
    return new SendError('throttled', 'breaker_open', message, { retryAfterSeconds: seconds, cause: soonest.lastError })
  }

  /** Of the failures of one try the one with the shortest pause; that data may have arrived counts for the last alone: the others are told already. */
  const outcome = (errors: readonly SendError[]): SendError => {
    const last = errors.at(-1) as SendError
    const mildest = errors.reduce((first, one) => (one.retryAfterSeconds < first.retryAfterSeconds ? one : first), last)
    if (mildest === last || mildest.mayHaveArrived === last.mayHaveArrived) return mildest
    const { failure, reason, message, status, retryAfterSeconds } = mildest
    return new SendError(failure, reason, message, { status, retryAfterSeconds, mayHaveArrived: last.mayHaveArrived, cause: mildest })
  }

  return {
    async send(item, abort) {
      const [first] = members
      if (alone && first !== undefined) return ask(first, item, abort)
      const asked = new Set<Member<T>>()
      const errors: SendError[] = []
      for (;;) {
        const member = pick(asked)
        const before = errors.at(-1)
        if (member === undefined) throw before === undefined ? allLeftAlone() : outcome(errors)
        if (before !== undefined) deps.onFailover(item, [...asked].at(-1)?.name ?? '', before)
        asked.add(member)
        turn = (members.indexOf(member) + 1) % members.length
        try {
          return await ask(member, item, abort)
        } catch (error) {
          if (!isSendError(error) || error.failure === 'permanent') throw error
          errors.push(error)
        }
      }
    },
    status: () =>
      members.map((member) => ({
        name: member.name,
        up: member.up,
        inFlight: member.inFlight,
        lastError: member.lastError,
      })),
  }
}
