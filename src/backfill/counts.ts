/** Counts of pages, slices and runs: adding them, laws over them, and as JSON. */

import { addSum, subtractSum, sumFromHex, sumToHex } from './identity.ts'
import type { Counts } from './ledger.ts'
import type { Reasons } from './model.ts'

/** Words that are told apart in one table of reasons; further ones are in `other`. */
const mostReasons = 100

/** Of nothing. */
export const noCounts: Counts = {
  read: 0,
  translated: 0,
  skipped: {},
  produced: 0,
  acked: 0,
  rejected: {},
  dead: {},
  resent: 0,
  ambiguous: 0,
  bytesIn: 0,
  bytesOut: 0,
  notes: {},
  srcSum: 0n,
  ackSum: 0n,
  minMs: undefined,
  maxMs: undefined,
  readMs: 0,
  translateMs: 0,
  sendMs: 0,
}

/** Items of all reasons. */
export function sumReasons(reasons: Reasons): number {
  let sum = 0
  for (const reason in reasons) sum += reasons[reason] ?? 0
  return sum
}

/** Both together; reasons that come to 0 are left out. @param sign −1 takes the second away */
export function addReasons(a: Reasons, b: Reasons, sign: 1 | -1 = 1): Reasons {
  const entries = Object.entries(b)
  if (entries.length === 0) return a
  const sum = new Map(Object.entries(a))
  for (const [reason, items] of entries) {
    const word = sum.has(reason) || sum.size < mostReasons ? reason : 'other'
    const now = (sum.get(word) ?? 0) + sign * items
    if (now === 0) sum.delete(word)
    else sum.set(word, now)
  }
  // Keys come from a source: `__proto__` is one like any other.
  return Object.fromEntries(sum)
}

const least = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined ? b : b === undefined ? a : Math.min(a, b)

const most = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined ? b : b === undefined ? a : Math.max(a, b)

/** Both together. */
export function addCounts(a: Counts, b: Counts): Counts {
  return {
    read: a.read + b.read,
    translated: a.translated + b.translated,
    skipped: addReasons(a.skipped, b.skipped),
    produced: a.produced + b.produced,
    acked: a.acked + b.acked,
    rejected: addReasons(a.rejected, b.rejected),
    dead: addReasons(a.dead, b.dead),
    resent: a.resent + b.resent,
    ambiguous: a.ambiguous + b.ambiguous,
    bytesIn: a.bytesIn + b.bytesIn,
    bytesOut: a.bytesOut + b.bytesOut,
    notes: addReasons(a.notes, b.notes),
    srcSum: addSum(a.srcSum, b.srcSum),
    ackSum: addSum(a.ackSum, b.ackSum),
    minMs: least(a.minMs, b.minMs),
    maxMs: most(a.maxMs, b.maxMs),
    readMs: a.readMs + b.readMs,
    translateMs: a.translateMs + b.translateMs,
    sendMs: a.sendMs + b.sendMs,
  }
}

/** What is left of a total when a part of it is replaced; times are kept as they are, since they cannot be taken apart. */
export function subtractCounts(all: Counts, part: Counts): Counts {
  return {
    read: all.read - part.read,
    translated: all.translated - part.translated,
    skipped: addReasons(all.skipped, part.skipped, -1),
    produced: all.produced - part.produced,
    acked: all.acked - part.acked,
    rejected: addReasons(all.rejected, part.rejected, -1),
    dead: addReasons(all.dead, part.dead, -1),
    resent: all.resent - part.resent,
    ambiguous: all.ambiguous - part.ambiguous,
    bytesIn: all.bytesIn - part.bytesIn,
    bytesOut: all.bytesOut - part.bytesOut,
    notes: addReasons(all.notes, part.notes, -1),
    srcSum: subtractSum(all.srcSum, part.srcSum),
    ackSum: subtractSum(all.ackSum, part.ackSum),
    minMs: all.minMs,
    maxMs: all.maxMs,
    readMs: all.readMs - part.readMs,
    translateMs: all.translateMs - part.translateMs,
    sendMs: all.sendMs - part.sendMs,
  }
}

/** L1, with nothing in flight: a sentence for what does not add up; undefined: all of it does. */
export function imbalance(counts: Counts): string | undefined {
  const skipped = sumReasons(counts.skipped)
  if (counts.read !== counts.translated + skipped) {
    return `read ${counts.read} ≠ translated ${counts.translated} + skipped ${skipped}`
  }
  const rejected = sumReasons(counts.rejected)
  const dead = sumReasons(counts.dead)
  if (counts.produced !== counts.acked + rejected + dead) {
    return `produced ${counts.produced} ≠ acknowledged ${counts.acked} + rejected ${rejected} + dead ${dead}`
  }
  return undefined
}

/** For storage: sums as 32 hex digits, times in whole ms. */
export function countsToJson(counts: Counts): string {
  return JSON.stringify({
    ...counts,
    srcSum: sumToHex(counts.srcSum),
    ackSum: sumToHex(counts.ackSum),
    readMs: Math.round(counts.readMs),
    translateMs: Math.round(counts.translateMs),
    sendMs: Math.round(counts.sendMs),
  })
}

/** What {@link countsToJson} wrote. Throws for what it cannot have written. */
export function countsFromJson(text: string): Counts {
  const value = JSON.parse(text) as { [Name in keyof Counts]: Counts[Name] extends bigint ? string : Counts[Name] }
  return { ...noCounts, ...value, srcSum: sumFromHex(value.srcSum), ackSum: sumFromHex(value.ackSum) }
}
