/** Whether windows are finished while there are some: what health asks. */

/** Waiting for longer than this is told. */
const patienceMs = 60_000

export interface Progress {
  /** A whole window waits to be stored. */
  add(): void
  /** One was. */
  finish(): void
  /** One was given up because its client is gone. */
  drop(): void
  /** A sentence for health, or none. */
  trouble(): readonly string[]
}

/** Creates that of a listener. @param section `ingest.beats` */
export function createProgress(section: string, monotonicMs: () => number): Progress {
  let waiting = 0
  /** When the last one was finished, or the first of those that wait came. */
  let sinceMs = 0
  return {
    add() {
      if (waiting++ === 0) sinceMs = monotonicMs()
    },
    finish() {
      waiting--
      sinceMs = monotonicMs()
    },
    drop() {
      waiting--
    },
    trouble() {
      const ms = monotonicMs() - sinceMs
      if (waiting === 0 || ms <= patienceMs) return []
      return [`${section}: no window was stored for ${Math.floor(ms / 1000)} s while ${waiting} wait`]
    },
  }
}
