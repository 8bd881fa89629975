/** Waiting for other processes: polling, because nothing out there can be injected. */

import { setTimeout as delay } from 'node:timers/promises'

/** Repeats `ask` until it gives something but undefined, and gives that. Throws, with the last fault, after `limitMs`. */
export async function until<T>(what: string, ask: () => Promise<T | undefined> | T | undefined, limitMs = 20_000): Promise<T> {
  const end = Date.now() + limitMs
  let fault: unknown
  for (;;) {
    try {
      const found = await ask()
      if (found !== undefined) return found
    } catch (error) {
      fault = error
    }
    if (Date.now() > end) throw new Error(`cannot see ${what}: not there after ${limitMs} ms`, { cause: fault })
    await delay(100)
  }
}
