/** Whether an earlier run left something that must not wait for a request: looked up without loading what would send it. */

import { readdir } from 'node:fs/promises'
import type { Holding, Intake, Kept } from '../../otlp/intake.ts'

/** The name under which samples are kept that wait for others. */
export const holdingName = 'prometheus'

export interface Peek {
  /** The same intake; what {@link Peek.waits} has read already is the first that its holding gives. */
  readonly intake: Intake
  /** Rejects with OB_STOPPING. */
  waits(): Promise<boolean>
}

/** @param folder of the saved state; undefined: there is none */
export function createPeek(intake: Intake, folder: string | undefined): Peek {
  let seen: Promise<readonly Kept[]> | undefined
  /** Another holding would begin with what is seen already. */
  let place: Holding | undefined

  const isSaved = async (): Promise<boolean> => {
    if (folder === undefined) return false
    try {
      return (await readdir(folder)).length > 0
    } catch {
      // Not there yet, or not to be read: whoever opens it says so.
      return false
    }
  }

  return {
    intake: {
      ...intake,
      holding(name, options) {
        if (name !== holdingName) return intake.holding?.(name, options)
        place ??= intake.holding?.(holdingName)
        const own = place
        if (own === undefined) return own
        const recover = (): Promise<readonly Kept[]> => {
          const first = seen ?? own.recover()
          seen = undefined
          return first
        }
        return { ...own, recover }
      },
    },
    async waits() {
      place ??= intake.holding?.(holdingName)
      seen ??= place?.recover()
      return ((await seen)?.length ?? 0) > 0 || (await isSaved())
    },
  }
}
