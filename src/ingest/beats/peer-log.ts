/** What is said about connections: each reason once a peer and minute, since a client that is closed comes again with the same. */

import type { Logger } from '../../telemetry/log.ts'

/** How long a peer's reason is not told again. */
const quietMs = 60_000

/** Pairs of peer and reason that are remembered. */
const remembered = 2000

export interface PeerLog {
  /** @param message constant */
  warn(peer: string, reason: string, fields: object, message: string): void
}

/** Creates the log of a listener. */
export function createPeerLog(log: Logger, nowMs: () => number): PeerLog {
  const told = new Map<string, { atMs: number; repeated: number }>()
  return {
    warn(peer, reason, fields, message) {
      const key = `${reason} ${peer}`
      const now = nowMs()
      const last = told.get(key)
      if (last !== undefined && now - last.atMs < quietMs && now >= last.atMs) {
        last.repeated++
        return
      }
      told.delete(key)
      // The oldest goes.
      for (const first of told.keys()) {
        if (told.size < remembered) break
        told.delete(first)
      }
      told.set(key, { atMs: now, repeated: 0 })
      const repeated = last?.repeated ?? 0
      log.warn({ peer, reason, ...fields, ...(repeated > 0 ? { repeated } : {}) }, message)
    },
  }
}
