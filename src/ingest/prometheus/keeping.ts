/**
 * Makes what was answered and waits survive the process: requests with members that wait, and what was sent of them, go into the queue's store.
 * A point and the word that it was sent are one transaction, so that after a crash both are there or none.
 */

import type { EncodedBatch, Holding, Intake } from '../../otlp/intake.ts'
import type { Assembler, Emission, KeepToken } from '../../translate/prometheus/assembler.ts'
import type { PrometheusState } from '../../translate/prometheus/state.ts'
import type { WriteOutcome } from '../../translate/prometheus/write-outcome.ts'
import { createJournal } from './journal.ts'
import { type DoneSeries, encodeKeep, type SentGroup } from './keep.ts'

/** Where records are kept. */
export interface Holdings {
  readonly requests: Holding
  readonly sent: Holding
}

/** What has to be kept with a put. */
export interface Keeping {
  /** The request: series of it wait. */
  readonly request: { readonly data: Uint8Array; readonly token: KeepToken } | undefined
  /** Groups that are sent with it, of which members came in requests before. */
  readonly sent: Uint8Array | undefined
}

/** How the parts of a put ended: the batch may be stored and the request not. */
export interface Stored {
  readonly batch: PromiseSettledResult<unknown>
  /** With the id of the request's record. */
  readonly request: PromiseSettledResult<number>
}

export interface Keeper {
  /** Series of an outcome with samples in groups that are incomplete still; each of these groups waits for the token. */
  waiting(outcome: Pick<WriteOutcome, 'members'>, token: KeepToken): number[]
  /** Undefined: nothing has to be kept. @param wire copied into the record */
  of(outcome: Pick<WriteOutcome, 'members' | 'waits' | 'emission'>, version: 1 | 2, tenant: string, wire: Uint8Array): Keeping | undefined
  /** @param done what is sent beside the emission of a request that has waited */
  ofEmission(emission: Emission | undefined, done?: DoneSeries): Keeping | undefined
  /** Stores a batch with what has to be kept. */
  put(batch: EncodedBatch | undefined, keeping: Keeping): Promise<Stored>
  /** A request of an earlier run that was taken in. */
  recovered(id: number, token: KeepToken): void
  /** A record of an earlier run of what was sent. */
  recoveredSent(id: number): void
  /** Lets go of what may go; called when groups were sent, and now and then. */
  settle(): void
}

const noBody = new Uint8Array(0)
const nothing: readonly never[] = []
const done = Promise.resolve(0)

export function createKeeper(
  state: Pick<PrometheusState, 'hasher'> & { readonly assembler: Assembler },
  holdings: Holdings,
  intake: Pick<Intake, 'put'>,
  nowMs: () => number,
): Keeper {
  const { assembler, hasher } = state
  const journal = createJournal(holdings.requests, holdings.sent)

  const sentOf = (emission: Emission | undefined, one?: DoneSeries): Uint8Array | undefined => {
    const groups = emission === undefined ? nothing : assembler.emitted(emission)
    const sent = groups.map(({ a, b, c, timeMs }): SentGroup => [a, b, c, timeMs])
    if (sent.length === 0 && one === undefined) return undefined
    const done = one === undefined ? undefined : [one]
    return encodeKeep({ layout: 1, seed: hasher.seed, version: 1, tenant: '', series: nothing, sent, done, body: noBody })
  }

  const waiting: Keeper['waiting'] = ({ members }, token) => {
    const series: number[] = []
    for (let at = 0; at < members.length; at += 3) {
      const family = members[at + 1] as number
      const timeMs = members[at + 2] as number
      if (!assembler.isPending(family, timeMs)) continue
      assembler.attach(family, timeMs, token)
      const one = members[at] as number
      if (series[series.length - 1] !== one) series.push(one)
    }
    return series
  }

  const putBatch = async (batch: EncodedBatch | undefined, sent: Uint8Array | undefined): Promise<void> => {
    if (sent !== undefined) journal.sent(await holdings.sent.put(batch, sent), nowMs())
    else if (batch !== undefined) await intake.put(batch)
  }

  const putRequest = async (batch: EncodedBatch | undefined, { data, token }: NonNullable<Keeping['request']>): Promise<number> => {
    const id = await holdings.requests.put(batch, data)
    journal.waits(id, token, nowMs())
    return id
  }

  return {
    waiting,
    of(outcome, version, tenant, wire) {
      const token: KeepToken = { open: 0 }
      const series = outcome.members.length === 0 ? [] : waiting(outcome, token)
      if (outcome.waits.length > 0) {
        // They wait together, and let go of it together.
        token.open++
        for (const one of outcome.waits) series.push(one.series)
        series.sort((left, right) => left - right)
      }
      const sent = sentOf(outcome.emission)
      if (series.length === 0) return sent === undefined ? undefined : { request: undefined, sent }
      const data = encodeKeep({ layout: 1, seed: hasher.seed, version, tenant, series, sent: nothing, body: wire })
      return { request: { data, token }, sent }
    },
    ofEmission(emission, done) {
      const sent = sentOf(emission, done)
      return sent === undefined ? undefined : { request: undefined, sent }
    },
    async put(batch, { request, sent }) {
      // One transaction where that will do; else two, of which the request's own may be missing: then nobody is told that it was taken.
      const alone = sent === undefined && request !== undefined
      const kept = request === undefined ? done : putRequest(alone ? batch : undefined, request)
      const [first, second] = await Promise.allSettled([alone ? kept : putBatch(batch, sent), kept])
      return { batch: first, request: second }
    },
    recovered: (id, token) => journal.waits(id, token, nowMs()),
    recoveredSent: (id) => journal.sent(id, nowMs()),
    settle: () => journal.settle(nowMs()),
  }
}
