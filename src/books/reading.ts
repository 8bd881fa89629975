/** Reads lines of the books. */

import { columnNames, type Line } from './columns.ts'
import type { BooksFile, OpenFile, Value } from './file.ts'

/** A key's line of a minute (or hour, or longer). */
export interface KeyLine {
  readonly at: number
  readonly id: number
  readonly endpoint: string
  readonly format: string
  readonly key: string
  readonly line: Line
}

/** Which lines are wanted. */
export interface LinesWanted {
  /** First and last minute, both included. */
  readonly from: number
  readonly to: number
  readonly endpoint: string | undefined
  readonly key: string | undefined
}

/** Lines given at most: of more keys and minutes the latest are read. */
export const maxLines = 200_000

/** The same, of those that are not equal. */
const maxUneven = 20_000

const numberOf = (value: Value | undefined): number => Number(value ?? 0)

const sumsOf = columnNames.map((name) => `sum(${name}) AS ${name}`).join(', ')

const condition = `(? IS NULL OR keys.endpoint = ?) AND (? IS NULL OR keys.key = ?)`

const chosen = ({
  endpoint = null,
  key = null,
}: {
  readonly endpoint?: string | null | undefined
  readonly key?: string | null | undefined
}) => [endpoint, endpoint, key, key] as const

const keyLine = (row: Readonly<Record<string, Value>>): KeyLine => ({
  at: numberOf(row['at']),
  id: numberOf(row['id']),
  endpoint: String(row['endpoint']),
  format: String(row['format']),
  key: String(row['key']),
  // Every column of a line is one of the row: to copy them takes longer than to read them.
  line: row as unknown as Line,
})

/** Lines by minute and key, oldest first; of too many the latest. Empty when the books cannot be read. */
export function readMinutes(file: BooksFile, { from, to, ...wanted }: LinesWanted, limit = maxLines): readonly KeyLine[] {
  if (!file.present) return []
  const rows = file.read((open) =>
    open.all(
      `SELECT minutes.*, keys.endpoint, keys.format, keys.key FROM minutes JOIN keys ON keys.id = minutes.id
       WHERE at BETWEEN ? AND ? AND ${condition} ORDER BY at DESC LIMIT ${limit}`,
      from,
      to,
      ...chosen(wanted),
    ),
  )
  return (rows ?? []).map(keyLine).reverse()
}

/** What cannot be said to be equal without a closer look. */
const uneven = `(received <> newDelivered OR oldPut <> oldDelivered + oldSent
  OR refused + newRejected + newDead + newShed + newSkipped + oldRefused + oldRejected + oldDead + oldShed <> 0
  OR (receivedIn <> oldPut AND (oldPut <> 0 OR keys.endpoint IN (SELECT value FROM json_each(?))))
  OR at IN (SELECT at FROM marks))`

/** As {@link readMinutes}, without the lines that are equal on both sides. @param mirrored endpoints that have an old side */
export function readUneven(file: BooksFile, { from, to, ...wanted }: LinesWanted, mirrored: readonly string[]): readonly KeyLine[] {
  if (!file.present) return []
  const rows = file.read((open) =>
    open.all(
      `SELECT minutes.*, keys.endpoint, keys.format, keys.key FROM minutes JOIN keys ON keys.id = minutes.id
       WHERE at BETWEEN ? AND ? AND ${condition} AND ${uneven} ORDER BY at DESC LIMIT ${maxUneven}`,
      from,
      to,
      ...chosen(wanted),
      JSON.stringify(mirrored),
    ),
  )
  return (rows ?? []).map(keyLine).reverse()
}

/** Minutes with anything in them, by endpoint. */
export function readBusy(
  file: BooksFile,
  { from, to, endpoint = null }: Omit<LinesWanted, 'key' | 'endpoint'> & { readonly endpoint?: string | null | undefined },
): ReadonlyMap<string, readonly number[]> {
  const rows = file.present
    ? file.read((open) =>
        open.all(
          `SELECT DISTINCT groups.endpoint, at FROM totals JOIN groups ON groups.id = totals.id
           WHERE at BETWEEN ? AND ? AND (? IS NULL OR groups.endpoint = ?)`,
          from,
          to,
          endpoint,
          endpoint,
        ),
      )
    : undefined
  const found = new Map<string, number[]>()
  for (const { endpoint: name, at } of rows ?? []) {
    const minutes = found.get(String(name))
    if (minutes === undefined) found.set(String(name), [numberOf(at)])
    else minutes.push(numberOf(at))
  }
  return found
}

/** Each key's sum over minutes; `at` is its last one with anything in it. */
export function readKeys(file: BooksFile, { from, to, ...wanted }: LinesWanted): readonly (KeyLine & { readonly first: number })[] {
  if (!file.present) return []
  const rows = file.read((open) =>
    open.all(
      `SELECT max(at) AS at, min(at) AS first, minutes.id AS id, ${sumsOf}, keys.endpoint, keys.format, keys.key
       FROM minutes JOIN keys ON keys.id = minutes.id WHERE at BETWEEN ? AND ? AND ${condition} GROUP BY minutes.id`,
      from,
      to,
      ...chosen(wanted),
    ),
  )
  return (rows ?? []).map((row) => ({ ...keyLine(row), first: numberOf(row['first']) }))
}

/** The busiest minutes of a key. */
export interface Peak {
  /** Items received in the busiest minute of the window, and of all that was asked for. */
  readonly window: number
  readonly all: number
}

/** The busiest minutes of an endpoint's keys, by the id of the key. @param from of all @param windowFrom of the window @param to of both, included */
export function readPeaks(file: BooksFile, endpoint: string, from: number, windowFrom: number, to: number): ReadonlyMap<number, Peak> {
  if (!file.present) return new Map()
  const rows = file.read((open) =>
    open.all(
      `SELECT minutes.id AS id, max(received) FILTER (WHERE at >= ?) AS most, max(received) FILTER (WHERE at >= ?) AS ever
       FROM minutes JOIN keys ON keys.id = minutes.id WHERE at BETWEEN ? AND ? AND keys.endpoint = ? GROUP BY minutes.id`,
      windowFrom,
      from,
      Math.min(from, windowFrom),
      to,
      endpoint,
    ),
  )
  return new Map((rows ?? []).map(({ id, most, ever }) => [numberOf(id), { window: numberOf(most), all: numberOf(ever) }]))
}

/** The last minutes in which the new side lost something of an endpoint's keys or set it aside, by the id of the key. */
export function readLastLosses(file: BooksFile, endpoint: string): ReadonlyMap<number, number> {
  if (!file.present) return new Map()
  const rows = file.read((open) =>
    open.all(
      `SELECT minutes.id AS id, max(at) AS at FROM minutes JOIN keys ON keys.id = minutes.id
       WHERE keys.endpoint = ? AND (newDead > 0 OR newShed > 0) GROUP BY minutes.id`,
      endpoint,
    ),
  )
  return new Map((rows ?? []).map(({ id, at }) => [numberOf(id), numberOf(at)]))
}

/** Why items of a minute and key were not delivered, most first: `new dead 413`. */
export interface ReasonLine {
  readonly what: string
  readonly items: number
}

/** Reasons by `minute id`. */
export function readReasons(file: BooksFile, from: number, to: number): ReadonlyMap<string, readonly ReasonLine[]> {
  const found = new Map<string, ReasonLine[]>()
  if (!file.present) return found
  for (const { at, id, what, items } of file.read((open) =>
    open.all('SELECT * FROM reasons WHERE at BETWEEN ? AND ? ORDER BY items DESC', from, to),
  ) ?? []) {
    const name = `${numberOf(at)} ${numberOf(id)}`
    const line = { what: String(what), items: numberOf(items) }
    const others = found.get(name)
    if (others === undefined) found.set(name, [line])
    else others.push(line)
  }
  return found
}

/** What is known of minutes themselves. */
export interface Known {
  /** Since when anything is; undefined: nothing is. */
  readonly since: number | undefined
  /** Minutes in which a bridge ran. */
  readonly alive: ReadonlySet<number>
  /** Minutes of which not everything is known, and why: `crash` (what came in and went out in its last second), `open` (what went out), `lost`. */
  readonly marks: ReadonlyMap<number, ReadonlySet<string>>
}

/** Which minutes the books can speak of. */
export function readKnown(file: BooksFile, from: number, to: number): Known {
  const nothing: Known = { since: undefined, alive: new Set(), marks: new Map() }
  if (!file.present) return nothing
  const read = (open: OpenFile): Known => {
    const since = open.get('SELECT min(at) AS at FROM alive')?.['at']
    const marks = new Map<number, Set<string>>()
    for (const { at, why } of open.all('SELECT at, why FROM marks WHERE at BETWEEN ? AND ?', from, to)) {
      const minute = numberOf(at)
      const others = marks.get(minute)
      if (others === undefined) marks.set(minute, new Set([String(why)]))
      else others.add(String(why))
    }
    const alive = open.all('SELECT at FROM alive WHERE at BETWEEN ? AND ?', from, to).map(({ at }) => numberOf(at))
    return { since: typeof since === 'number' ? since : undefined, alive: new Set(alive), marks }
  }
  return file.read(read) ?? nothing
}
