/**
 * The records that were kept for held samples, and when they may go: in the order in which they were stored, each as soon as all before it are
 * gone and nothing of it waits any more. A record that says what was sent therefore outlives every one with members of it.
 */

import type { Holding } from '../../otlp/intake.ts'
import type { KeepToken } from '../../translate/prometheus/assembler.ts'

export interface Journal {
  /** A record that was stored, with how many groups wait for it. */
  stored(id: number, token: KeepToken): void
  /** Lets go of what may go; called when groups were sent. */
  settle(): void
  /** Records that are kept: while there is one, what is sent has to be told with a record of its own. */
  readonly size: number
}

export function createJournal(holding: Pick<Holding, 'release'>): Journal {
  const records: { readonly id: number; readonly token: KeepToken }[] = []
  let head = 0
  return {
    stored: (id, token) => void records.push({ id, token }),
    settle() {
      let last: number | undefined
      for (let record = records[head]; record !== undefined && record.token.open === 0; record = records[head]) {
        last = record.id
        head++
      }
      if (last === undefined) return
      holding.release(last)
      if (head > 64 || head === records.length) {
        records.splice(0, head)
        head = 0
      }
    },
    get size() {
      return records.length - head
    },
  }
}
