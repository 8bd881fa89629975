/** Books with a clock that tests turn, and an intake that tests decide. */

import { type Books, type BooksDeps, createBooks } from '../../src/books/books.ts'
import { booksConfig } from '../../src/books/config.ts'
import type { EncodedBatch, Intake } from '../../src/otlp/intake.ts'
import { silentLog } from '../../src/telemetry/log.ts'
import { createMetrics, type Metrics } from '../../src/telemetry/metrics.ts'

export interface TestBooks {
  readonly books: Books
  readonly intake: Intake
  readonly metrics: Metrics
  /** What went through, accounts included. */
  readonly put: EncodedBatch[]
  readonly clock: { wallMs: number; monotonicMs: number }
  /** Both clocks. */
  forward(ms: number): void
  /** What the timer does. */
  tick(): void
  /** The next put rejects with it. */
  refuse: Error | undefined
}

/** 2026-11-22 12:00:00 UTC */
export const noon = Date.UTC(2026, 10, 22, 12)

export interface TestBooksOptions extends Partial<Omit<BooksDeps, 'config'>> {
  readonly config?: Parameters<typeof booksConfig.parse>[0]
  readonly wallMs?: number
}

export function testBooks(options: TestBooksOptions = {}): TestBooks {
  const clock = { wallMs: options.wallMs ?? noon, monotonicMs: 1000 }
  const metrics = createMetrics()
  const put: EncodedBatch[] = []
  let tick = (): void => {}
  const books = createBooks({
    dataPath: undefined,
    log: silentLog,
    metrics,
    nowMs: () => clock.wallMs,
    monotonicMs: () => clock.monotonicMs,
    every(_, call) {
      tick = call
      return () => {}
    },
    ...options,
    config: booksConfig.parse(options.config ?? {}),
  })
  const test: TestBooks = {
    books,
    metrics,
    put,
    clock,
    refuse: undefined,
    forward(ms) {
      clock.wallMs += ms
      clock.monotonicMs += ms
    },
    tick: () => tick(),
    intake: books.intake({
      async put(batch) {
        if (test.refuse !== undefined) throw test.refuse
        put.push(batch)
      },
      stage() {
        const parts: EncodedBatch[] = []
        return {
          async add(batch) {
            parts.push(batch)
          },
          async commit() {
            if (test.refuse !== undefined) throw test.refuse
            put.push(...parts)
          },
          discard() {},
        }
      },
      refusal: () => undefined,
    }),
  }
  return test
}

/** A batch as an adapter puts it. */
export function batchOf(items: number, more: Partial<EncodedBatch> = {}): EncodedBatch {
  return {
    format: 'zipkin-json',
    signal: 'traces',
    items,
    data: new Uint8Array(items),
    endpoint: 'zipkin',
    keys: [{ service: 'cart', items }],
    ...more,
  }
}

/** The same with an envelope for the mirror of its endpoint. */
export function mirrored(items: number, more: Partial<EncodedBatch> = {}, legacy = items): EncodedBatch {
  const batch = batchOf(items, more)
  return {
    ...batch,
    envelope: { mirror: `mirror.${batch.endpoint}`, format: batch.format, items: legacy, data: new Uint8Array(legacy + 10) },
  }
}
