/** What a line of the books counts. The names are those of the columns of `books.db`: public, added to, never renamed. */

/**
 * Items, unless said otherwise. `new…` and `received` are in OTLP items, `old…` and `receivedIn` in items of the legacy format: a request may hold
 * more of one than of the other.
 *
 * `received − refused = newDelivered + newRejected + newDead + newShed + newSkipped + (what waits)`,
 * `oldPut − oldRefused = oldDelivered + oldSent + oldRejected + oldDead + oldShed + (what waits)`; `receivedIn − refusedIn − (oldPut − oldRefused)`
 * was not meant for the old side.
 */
export const columnNames = [
  'received',
  'receivedIn',
  /** As received, before decompression, where there is an envelope; else of the OTLP. Bytes and requests stand at the first key of a request. */
  'bytes',
  'requests',
  /** Requests without any item that could be read. */
  'empty',
  'refused',
  'refusedIn',
  'newDelivered',
  'newRejected',
  'newDead',
  'newShed',
  'newSkipped',
  'oldPut',
  'oldRefused',
  'oldDelivered',
  /** Handed to the kernel: the protocol has no answer. */
  'oldSent',
  'oldRejected',
  'oldDead',
  'oldShed',
  /** Told by `skipped`; part of what was not meant for the old side. */
  'oldSkipped',
] as const

export type ColumnName = (typeof columnNames)[number]

/** Where a column stands in a line. */
export const Column = Object.fromEntries(columnNames.map((name, at) => [name, at])) as Readonly<Record<ColumnName, number>>

/** A line as it is read. */
export type Line = Readonly<Record<ColumnName, number>>

export const columnCount = columnNames.length

/** What of a line is in none of its outcomes for the new side: waits, or nobody knows. Below 0: delivered more than once. */
export function newOpen(line: Line): number {
  return line.received - line.refused - line.newDelivered - line.newRejected - line.newDead - line.newShed - line.newSkipped
}

/** The same for the old side. */
export function oldOpen(line: Line): number {
  return line.oldPut - line.oldRefused - line.oldDelivered - line.oldSent - line.oldRejected - line.oldDead - line.oldShed
}

/** Items that were received and not meant for the old side: its share, its phase. */
export function notMirrored(line: Line): number {
  return Math.max(0, line.receivedIn - line.refusedIn - (line.oldPut - line.oldRefused))
}
