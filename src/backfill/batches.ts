/** A page's requests within the limits of a destination. The same requests and limits give the same batches. */

import { isBridgeError } from '../errors.ts'
import type { Signal } from '../otlp/intake.ts'
import { openUnits, type UnitRange, type UnitRow } from '../otlp/units.ts'
import { type Batch, batchOf, dataOf } from './lane-model.ts'

export interface BatchLimits {
  readonly maxItems: number
  /** A single item may be larger. */
  readonly maxBytes: number
}

/** Units of `row` between these, in requests within the limits; by halves, so that neighbours are about as large. */
function* halves(signal: Signal, row: UnitRow, [from, to]: UnitRange, limits: BatchLimits): Generator<Batch> {
  let items = 0
  for (let unit = from; unit < to; unit++) items += row.itemsOf(unit)
  if (items <= limits.maxItems || to - from === 1) {
    const data = row.build([[from, to]])
    if (data.length <= limits.maxBytes || to - from === 1) {
      yield batchOf(signal, items, data)
      return
    }
  }
  const middle = (from + to) >> 1
  yield* halves(signal, row, [from, middle], limits)
  yield* halves(signal, row, [middle, to], limits)
}

/** Undefined for bytes that cannot be read: those go as they are. */
export function rowOf(signal: Signal, data: Uint8Array): UnitRow | undefined {
  try {
    return openUnits(signal, data)
  } catch (error) {
    if (!isBridgeError(error)) throw error
    return undefined
  }
}

/** Cuts what is too large. What is within the limits, or cannot be cut, is the request itself. */
export function cutBatch(batch: Batch, limits: BatchLimits): readonly Batch[] {
  if (batch.items <= limits.maxItems && batch.bytes <= limits.maxBytes) return [batch]
  const row = rowOf(batch.signal, dataOf(batch))
  if (row === undefined || row.units < 2 || row.items !== batch.items) return [batch]
  return [...halves(batch.signal, row, [0, row.units], limits)]
}

/** Joins neighbours of one signal while they are within the limits, and cuts what is not. */
export function batchesOf(
  requests: readonly { readonly signal: Signal; readonly items: number; readonly data: Uint8Array }[],
  limits: BatchLimits,
): readonly Batch[] {
  const batches: Batch[] = []
  let open: Batch | undefined
  for (const { signal, items, data } of requests) {
    if (items === 0 && data.length === 0) continue
    const fits = open?.signal === signal && open.items + items <= limits.maxItems && open.bytes + data.length <= limits.maxBytes
    if (open !== undefined && fits) {
      open = { signal, items: open.items + items, parts: [...open.parts, data], bytes: open.bytes + data.length }
      continue
    }
    if (open !== undefined) batches.push(...cutBatch(open, limits))
    open = batchOf(signal, items, data)
  }
  if (open !== undefined) batches.push(...cutBatch(open, limits))
  return batches
}

/** One request for each resource: for destinations whose answer tells of one stream only. */
export function byResource(batch: Batch): readonly Batch[] {
  const row = rowOf(batch.signal, dataOf(batch))
  if (row === undefined || row.items !== batch.items) return [batch]
  const resources = row.byResource()
  if (resources.length < 2) return [batch]
  return resources.map(({ ranges, items }) => batchOf(batch.signal, items, row.build(ranges)))
}
