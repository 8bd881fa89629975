/** What the clients were told of each span: taken, refused, or nothing. */

/** A span id as one number: connection × 2^32 + sequence. */
export function spanKey(word0: number, word1: number): number {
  return ((word0 & 0x1fffff) >>> 0) * 2 ** 32 + (word1 >>> 0)
}

/** The 16 hex digits of a key. */
export function spanHex(key: number): string {
  return key.toString(16).padStart(16, '0')
}

export interface Ledger {
  /** Answered 202: these must arrive. */
  readonly acked: ReadonlySet<number>
  /** Answered with an error: these were not taken. */
  readonly refused: ReadonlySet<number>
  /** Never answered: these may arrive. */
  readonly doubtful: ReadonlySet<number>
  /** Requests by status; 0: no answer. */
  readonly answers: Readonly<Record<number, number>>
  /** Refusals without a `Retry-After` of at least a second. */
  readonly withoutRetryAfter: number
  note(keys: readonly number[], status: number, retryAfter: string | undefined): void
  /** Spans sent and not answered yet. */
  open: number
}

/** Creates an empty ledger. */
export function createLedger(): Ledger {
  const [acked, refused, doubtful] = [new Set<number>(), new Set<number>(), new Set<number>()]
  const answers: Record<number, number> = {}
  let withoutRetryAfter = 0
  return {
    acked,
    refused,
    doubtful,
    answers,
    get withoutRetryAfter() {
      return withoutRetryAfter
    },
    open: 0,
    note(keys, status, retryAfter) {
      answers[status] = (answers[status] ?? 0) + 1
      const to = status === 202 ? acked : status === 0 ? doubtful : refused
      for (const key of keys) to.add(key)
      if (to === refused && !(Number(retryAfter) >= 1)) withoutRetryAfter++
    },
  }
}

/** Acknowledged spans that never arrived, as hex ids. */
export function missing(ledger: Ledger, sink: { has(key: number): boolean }): string[] {
  return [...ledger.acked].filter((key) => !sink.has(key)).map(spanHex)
}

/** Refused spans that arrived all the same: a client that sends them again makes them repeats. */
export function takenAfterAll(ledger: Ledger, sink: { has(key: number): boolean }): string[] {
  return [...ledger.refused].filter((key) => sink.has(key)).map(spanHex)
}
