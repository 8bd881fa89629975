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
}

/**
 * @param shares every batch in every lane
 * @param undo takes back what was counted beside them; called at the first failure
 * @param onRejected called before `done` resolves when a destination left something out
 */
export function createForwarding(
  shares: readonly Share[],
  undo: () => void,
  onRejected: (items: number) => void = () => {},
): { readonly done: Promise<void>; readonly forwarding: Forwarding } {
  let left = shares.length
  let failure: Error | undefined
  /** Of the destination that left out the most. */
  let rejected = 0
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const carried = ({ accounts, batch }: Share, sign: 1 | -1): void => {
    accounts.books(batch).carried.value += sign * batch.items
  }
  return {
    done: promise,
    forwarding: {
      delivered(items) {
        left--
        rejected = Math.max(rejected, items)
        if (left > 0 || failure !== undefined) return
        if (rejected > 0) onRejected(rejected)
        resolve()
      },
      failed(accounts, batch, error) {
        left--
        if (failure !== undefined) return carried({ accounts, batch }, -1)
        failure = error
        undo()
        for (const one of shares) if (one.accounts !== accounts || one.batch !== batch) carried(one, 1)
        reject(error)
      },
    },
  }
}
