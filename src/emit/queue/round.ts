/** What goes into one transaction: gathered while the one before is under way. */

import type { Burial, RoundRequest } from './protocol.ts'
import { putColumns } from './protocol.ts'
import type { Entry } from './waiting.ts'

/** A batch on its way to the disk. */
export interface PendingPut {
  readonly entry: Entry
  /** Undefined: nobody waits (`ack: memory`, or put back after a fault). */
  readonly waiter: { resolve(): void; reject(error: Error): void } | undefined
}

/** Everything in one transaction. */
export interface Round {
  readonly puts: PendingPut[]
  readonly deletes: number[]
  readonly buries: Burial[]
  /** Those who wait for the removals. */
  readonly waiters: (() => void)[]
}

export interface Pending {
  readonly puts: PendingPut[]
  deletes: number[]
  buries: Burial[]
  waiters: (() => void)[]
}

/** Values begin at multiples of it, so that the checksum reads aligned. */
const align = 8

/**
 * Takes what is pending, as much as the slab holds, and lays the values into it. A value larger than the slab goes alone,
 * in a buffer of its own.
 * @param withPuts false: removals only, while nothing can be stored
 */
export function gatherRound(pending: Pending, slab: SharedArrayBuffer, withPuts: boolean): { round: Round; request: RoundRequest } {
  const round: Round = { puts: [], deletes: pending.deletes, buries: pending.buries, waiters: pending.waiters }
  pending.deletes = []
  pending.buries = []
  pending.waiters = []
  // What was put back after a fault may have been settled since; nothing is left to store then.
  if (pending.puts.some(({ entry }) => entry.data === undefined)) {
    pending.puts.splice(0, pending.puts.length, ...pending.puts.filter(({ entry }) => entry.data !== undefined))
  }
  let large: SharedArrayBuffer | undefined
  let size = 0
  let count = 0
  if (withPuts) {
    for (const { entry } of pending.puts) {
      if (size + entry.bytes > slab.byteLength) {
        if (count > 0) break
        large = new SharedArrayBuffer(entry.bytes)
      }
      size += Math.ceil(entry.bytes / align) * align
      count++
    }
    for (const put of count === pending.puts.length ? pending.puts.splice(0) : pending.puts.splice(0, count)) round.puts.push(put)
  }
  const values = new Uint8Array(large ?? slab)
  const puts = new Float64Array(count * putColumns)
  const names: string[] = []
  const place = (name: string): number => {
    const at = names.indexOf(name)
    return at === -1 ? names.push(name) - 1 : at
  }
  let offset = 0
  let at = 0
  for (const { entry } of round.puts) {
    const data = entry.data
    if (data === undefined) throw new Error('BUG: a batch to be stored has no data')
    values.set(data, offset)
    puts[at++] = entry.id
    puts[at++] = place(entry.format)
    puts[at++] = place(entry.signal)
    puts[at++] = entry.items
    puts[at++] = entry.queuedAtMs
    puts[at++] = offset
    puts[at++] = data.byteLength
    offset += Math.ceil(data.byteLength / align) * align
  }
  const request: RoundRequest = { kind: 'round', puts, large, names, deletes: Float64Array.from(round.deletes), buries: round.buries }
  return { round, request }
}
