/**
 * `ack: forwarded`: who has put waits until every destination has everything of it. When one of them refuses, the sender is
 * told so and counts all as refused; what others have or get of it counts for them as carried.
 */

import type { Accounts, Held } from './accounts.ts'

export interface Forwarding {
  /** The endpoint of this lane has the batch, but for so many items of it that it left out. */
  delivered(rejected: number): void
  /** It will not: refused for good, or the bridge stops. */
  failed(accounts: Accounts, batch: Held, error: Error): void
}

interface Share {
  readonly accounts: Accounts
  readonly batch: Held
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
  const carried = ({ accounts, batch }: Omit<Share, 'source'>, sign: 1 | -1): void => {
    accounts.books(batch).carried.value += sign * batch.items
  }
  const failed: Forwarding['failed'] = (accounts, batch, error) => {
    left--
    if (failure !== undefined) return carried({ accounts, batch }, -1)
    failure = error
    undo()
    for (const one of shares) if (one.accounts !== accounts || one.batch !== batch) carried(one, 1)
    reject(error)
  }
  const delivered = (source: number, items: number): void => {
    left--
    rejected[source] = Math.max(rejected[source] ?? 0, items)
    if (left > 0 || failure !== undefined) return
    for (const [at, count] of rejected.entries()) if (count > 0) onRejected[at]?.(count)
    resolve()
  }
  return {
    done: promise,
    forwardings: onRejected.map((_, source) => ({ delivered: (items) => delivered(source, items), failed })),
  }
}
