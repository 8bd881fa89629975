/** A process that shall stay within a size: the engine lets garbage grow with what is live, whatever that leaves for others. */

/** What is looked at, in bytes. */
export interface ProcessSize {
  readonly rss: number
  /** Of the heap, and of memory outside that objects of the heap hold. */
  readonly used: number
}

type Collect = (options: NodeJS.GCOptions) => void

export const guardEveryMs = 100
/** From this size on it is looked at what of it is garbage. */
export const guardedFrom = 200 * 2 ** 20
/** So much has to have come since the last collection: one costs some 50 ms. */
export const leastGarbage = 24 * 2 ** 20

const sizeNow = (): ProcessSize => {
  const { rss, heapUsed, external } = process.memoryUsage()
  return { rss, used: heapUsed + external }
}

/**
 * Collects garbage of this thread whenever the process is larger than {@link guardedFrom} and {@link leastGarbage} has come since the last collection, be
 * it the engine's. Nothing where Node.js runs without `--expose-gc`, which the launcher gives it. Does not keep the thread alive. Returns what ends it.
 */
export function guardSize(gc: Collect | undefined = globalThis.gc, size: () => ProcessSize = sizeNow): () => void {
  if (gc === undefined) return () => {}
  let live = Number.POSITIVE_INFINITY
  const timer = setInterval(() => {
    const { rss, used } = size()
    live = Math.min(live, used)
    if (rss < guardedFrom || used - live < leastGarbage) return
    gc({ type: 'major', execution: 'sync' })
    live = size().used
  }, guardEveryMs).unref()
  return () => clearInterval(timer)
}
