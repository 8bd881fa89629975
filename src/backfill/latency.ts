/** Whether one side of a back-fill has become slower than it was. */

/** What was there at first is what it is held against. */
const learnPages = 20
const recentPages = 30
/** Fewer say nothing. */
const fewestPages = 5
/** Below this a page's time is our own noise: files, and sources on the same machine. */
const quietMs = 20
/** Of the way down to what is seen now, a page. */
const learnDown = 0.02

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0

export interface Latency {
  /** A page took so long. */
  add(ms: number): void
  /** Median of the last 30 pages over the median of the first 20, which goes down slowly with what is seen; 1 while too little is known. */
  ratio(): number
  /** What is seen now is what it costs from now on. */
  relearn(): void
}

export function createLatency(): Latency {
  const first: number[] = []
  const recent: number[] = []
  let baseline = 0
  let now = 0
  return {
    add(ms) {
      recent.push(ms)
      if (recent.length > recentPages) recent.shift()
      now = median(recent)
      if (first.length < learnPages) {
        first.push(ms)
        baseline = median(first)
      } else if (now < baseline) baseline += (now - baseline) * learnDown
    },
    ratio: () => (first.length < learnPages || recent.length < fewestPages ? 1 : now / Math.max(baseline, quietMs)),
    relearn() {
      baseline = Math.max(now, baseline)
    },
  }
}
