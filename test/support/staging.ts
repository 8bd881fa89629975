/** The plainest `Staging`: for intakes of tests. */

import type { EncodedBatch, Staging } from '../../src/otlp/intake.ts'

export interface FakeStaging {
  /** What was added, with bytes of its own. */
  readonly parts: readonly EncodedBatch[]
  readonly state: 'open' | 'committed' | 'discarded'
}

/**
 * Keeps the parts until all are taken or none is.
 * @param take what `commit` does; rejects: nothing was taken
 * @param admit asked at each `add`; rejects: the part is refused
 */
export function createStaging(
  take: (parts: readonly EncodedBatch[]) => Promise<void>,
  admit: (part: EncodedBatch) => Promise<void> = async () => {},
): Staging & FakeStaging {
  const parts: EncodedBatch[] = []
  let state: FakeStaging['state'] = 'open'
  let refused: unknown
  return {
    parts,
    get state() {
      return state
    },
    async add(batch) {
      if (state !== 'open') throw new Error(`BUG: add to a staging that is ${state}`)
      try {
        await admit(batch)
      } catch (error) {
        refused = error
        throw error
      }
      parts.push({ ...batch, data: new Uint8Array(batch.data) })
    },
    async commit() {
      if (state !== 'open') throw new Error(`BUG: commit of a staging that is ${state}`)
      if (refused !== undefined) throw refused
      if (parts.length > 0) await take(parts)
      state = 'committed'
    },
    discard() {
      if (state !== 'committed') state = 'discarded'
    },
  }
}
