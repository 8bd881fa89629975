/** What a case is: what is thrown at the bridge, and what that must give. */

import type { Ports } from './live.ts'

interface Common {
  readonly name: string
  readonly port: keyof Ports
  /** Names of spans of the same request that must arrive, each once. */
  readonly arrive?: readonly string[]
  /** Reason under which the refusal (or one span's) must be counted in `/metrics`. */
  readonly reason?: string
  /**
   * MiB by which the memory of the process may rise; {@link usualRiseMiB} unless given. Such a case is thrown at a new
   * process: memory that another one has freed is not given back to the system, and would hide what this one takes.
   */
  readonly riseMiB?: number
  /** Left to `npm run test:hostile`. */
  readonly long?: boolean
}

export interface HttpCase extends Common {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array | (() => Uint8Array | Promise<Uint8Array>)
  readonly status: number
  readonly text?: RegExp
  /** Value of `x-otlp-bridge-rejected-spans`. */
  readonly rejected?: number
}

export interface DatagramCase extends Common {
  readonly datagrams: readonly Uint8Array[]
}

/** Twice the largest body, and what the collector leaves lying about meanwhile. */
export const usualRiseMiB = 64
