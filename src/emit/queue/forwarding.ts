/**
 * `ack: forwarded`: who has put waits until every destination has everything of it, and every mirror that must have it. When one of them refuses,
 * the sender is told so and counts all as refused; what other destinations have or get of it counts for them as carried. Mirrors have books of their own.
 */

import type { Accounts, Leaving } from './accounts.ts'

export interface Forwarding {
  /** The endpoint of this lane has the batch, but for so many items of it that it left out. Whoever is told of batches that leave hears of it once all have theirs. */
  delivered(accounts: Accounts, batch: Leaving, rejected: number, how: string): void
  /** It will not: refused for good, or the bridge stops. */
  failed(accounts: Accounts, batch: Leaving, error: Error): void
}

/** What somebody may wait for. */
type Forwarded = Leaving & { readonly forwarded: Forwarding | undefined }

interface Share {
  readonly accounts: Accounts
  readonly batch: Leaving
  /** Which of the batches that were put it is, or is a part of. */
  readonly source: number
}

/**
 * @param shares every batch in every lane
 * @param undo takes back what was counted beside them; called at the first failure
 * @param onRejected of each source; called before `done` resolves when a destination left something of it out
 * Returns one `Forwarding` for each source.
 */
export function createForwarding(
  shares: readonly Share[],
  undo: () => void,
  onRejected: readonly (((items: number) => void) | undefined)[],
): { readonly done: Promise<void>; readonly forwardings: readonly Forwarding[] } {
  let left = shares.length
  let failure: Error | undefined
  /** Of each source, by the destination that left out the most. */
  const rejected = onRejected.map(() => 0)
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const gone: { readonly accounts: Accounts; readonly batch: Leaving; readonly rejected: number; readonly how: string }[] = []
  const carried = ({ accounts, batch }: Omit<Share, 'source'>, sign: 1 | -1): void => {
    if (!accounts.isMirror) accounts.books(batch).carried.value += sign * batch.items
  }
  const failed: Forwarding['failed'] = (accounts, batch, error) => {
    left--
    if (failure !== undefined) return carried({ accounts, batch }, -1)
    failure = error
    undo()
    for (const one of shares) if (one.accounts !== accounts || one.batch !== batch) carried(one, 1)
    reject(error)
  }
  const delivered = (source: number, accounts: Accounts, batch: Leaving, items: number, how: string): void => {
    left--
    // What the old side left out is not what the sender is told of.
    if (!accounts.isMirror) rejected[source] = Math.max(rejected[source] ?? 0, items)
    gone.push({ accounts, batch, rejected: items, how })
    if (left > 0 || failure !== undefined) return
    for (const [at, count] of rejected.entries()) if (count > 0) onRejected[at]?.(count)
    for (const one of gone) one.accounts.tell(one.batch, 'delivered', one.how, one.rejected)
    resolve()
  }
  return {
    done: promise,
    forwardings: onRejected.map((_, source) => ({ delivered: (...of) => delivered(source, ...of), failed })),
  }
}

/** What becomes of it is nobody's any more who waits. */
const unheard: Forwarding = { delivered() {}, failed() {} }

/**
 * Fails for a lane that has not got a batch in time: its sender does not wait for that any longer. The batch stays in the lane, and what becomes of it is
 * counted, not told. Returns what ends the wait.
 */
export function waitAtMost(
  ms: number,
  error: () => Error,
  forwarding: Forwarding,
  accounts: Accounts,
  batch: Leaving & { forwarded: Forwarding | undefined },
): () => void {
  const timer = setTimeout(() => {
    batch.forwarded = unheard
    forwarding.failed(accounts, batch, error())
  }, ms)
  const end = (): void => clearTimeout(timer)
  batch.forwarded = {
    delivered(...of) {
      end()
      forwarding.delivered(...of)
    },
    failed(...of) {
      end()
      forwarding.failed(...of)
    },
  }
  return end
}

/** A batch that is nowhere else is given up: who waits for it is told, else it counts as dropped. */
export function giveUp(accounts: Accounts, entry: Forwarded, reason: string, error: Error): void {
  if (entry.forwarded === undefined) {
    accounts.lost(entry, 'dropped', reason)
    return
  }
  if (accounts.isMirror) accounts.countLost(entry, 'dropped', reason)
  entry.forwarded.failed(accounts, entry, error)
}

/** A batch arrived: counted, and told to who waits for it, or at once to whoever is told of batches that leave. */
export function arrived(accounts: Accounts, entry: Forwarded, rejected: number, how: string): void {
  if (entry.forwarded === undefined) {
    accounts.delivered(entry, rejected, how)
    return
  }
  accounts.countDelivered(entry, rejected, how)
  entry.forwarded.delivered(accounts, entry, rejected, how)
}
