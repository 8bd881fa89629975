/** Turns: of those who want something at once a few have it, the others wait for theirs in the order in which they came. */

export interface Turn {
  /** Undefined when it is there already. */
  readonly ready: Promise<void> | undefined
  /** Also of one that has not come yet. */
  end(): void
}

export interface Turns {
  begin(): Turn
  /** How many wait. */
  readonly waiting: number
}

/** @param atOnce how many have their turn at the same time */
export function createTurns(atOnce: number): Turns {
  let taken = 0
  const waiting = new Set<() => void>()

  const next = (): void => {
    taken--
    for (const begin of waiting) {
      begin()
      return
    }
  }

  return {
    begin() {
      let ended = false
      const end = (): void => {
        if (!ended) next()
        ended = true
      }
      if (taken < atOnce) {
        taken++
        return { ready: undefined, end }
      }
      const { promise, resolve } = Promise.withResolvers<void>()
      let begun = false
      const begin = (): void => {
        waiting.delete(begin)
        taken++
        begun = true
        resolve()
      }
      waiting.add(begin)
      return {
        ready: promise,
        end() {
          if (begun) {
            end()
            return
          }
          waiting.delete(begin)
          resolve()
        },
      }
    },
    get waiting() {
      return waiting.size
    },
  }
}
