/** What is passed around while a page is on its way to one destination. */

import type { Signal } from '../otlp/intake.ts'
import type { Boundary, DeadRequest } from './sink.ts'

/** One OTLP request. The concatenation of `parts` is an `Export<Signal>ServiceRequest`. */
export interface Batch {
  readonly signal: Signal
  readonly items: number
  readonly parts: readonly Uint8Array[]
  readonly bytes: number
}

/** A request of one piece. */
export const batchOf = (signal: Signal, items: number, data: Uint8Array): Batch => ({ signal, items, parts: [data], bytes: data.length })

/** All of a request in one piece. */
export const dataOf = ({ parts }: Batch): Uint8Array => (parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts))

/** What became of a page at one destination; `acked + Σ rejected + Σ dead` are its items there. */
export interface Tally {
  acked: number
  readonly rejected: Record<string, number>
  readonly dead: DeadRequest[]
  ambiguous: number
  /** Tries that failed: a connection that is dying may still hold the bytes. */
  failedTries: number
  bytesOut: number
  /** First sentence by reason. */
  readonly said: Map<string, string>
  /** Requests that isolating may still cost. */
  isolation: number
  age: AgeRefusal | undefined
}

/** Requests that isolating the offenders of one page may cost; then what is left of it is dead. */
export const maxIsolation = 200

export const emptyTally = (): Tally => ({
  acked: 0,
  rejected: {},
  dead: [],
  ambiguous: 0,
  failedTries: 0,
  bytesOut: 0,
  said: new Map(),
  isolation: maxIsolation,
  age: undefined,
})

const earlier = (left: number | undefined, right: number | undefined): number | undefined =>
  left === undefined || right === undefined ? (left ?? right) : Math.min(left, right)

/** Counts items as refused for good. */
export function reject(tally: Tally, reason: string, items: number, sentence: string): void {
  if (items <= 0) return
  tally.rejected[reason] = (tally.rejected[reason] ?? 0) + items
  if (!tally.said.has(reason)) tally.said.set(reason, sentence)
}

/** What one destination says of age. */
export type AgeRefusal = Omit<Boundary, 'destination'>

/** Notes that items were refused for their age; of several the newest. */
export function tooOld(tally: Tally, one: AgeRefusal): void {
  const before = tally.age
  const isNewer = before?.refusedMs === undefined || (one.refusedMs !== undefined && one.refusedMs > before.refusedMs)
  tally.age = { ...(before === undefined || isNewer ? one : before), takenMs: earlier(before?.takenMs, one.takenMs) }
}
