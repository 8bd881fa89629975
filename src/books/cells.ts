/** What is counted since it was last written: one line a minute and key, in memory. */

import { keyId } from './account.ts'
import { columnCount } from './columns.ts'

/** An endpoint's format: what the page shows in one line. */
export interface Group {
  readonly endpoint: string
  readonly format: string
  readonly cells: Map<string, Cell>
  /** Sums since the start of this process, of what was written already. */
  readonly sums: Float64Array
}

/** A service, job or index of a group. */
export interface Cell {
  readonly id: number
  /** Another one once a key is seen that was known by its number alone. */
  group: Group
  key: string
  /** Whether the dictionary in the file has it. */
  named: boolean
  /** Last minute that was counted in. */
  seen: number
  /** The line counted in last. */
  row: Row | undefined
  /** Those of other minutes; most often empty. */
  readonly rows: Map<number, Row>
}

/** Counts of a minute and key that are not written yet. */
export interface Row {
  readonly cell: Cell
  readonly minute: number
  readonly counts: Float64Array
  dirty: boolean
  /** Items by `side outcome reason`, of what was neither delivered nor waits. */
  reasons: Map<string, number> | undefined
}

export interface CellsOptions {
  /** Keys of a group; the rest is {@link otherKey}. */
  readonly maxKeys: number
  /** What the file knows a key by its number as. */
  readonly nameOf: (id: number) => { readonly endpoint: string; readonly format: string; readonly key: string } | undefined
}

export interface Cells {
  group(endpoint: string, format: string): Group
  cell(group: Group, key: string, minute: number): Cell
  /** By the number in an account. @param group whose it is when nobody knows the number */
  byId(id: number, group: () => Group, minute: number): Cell
  row(cell: Cell, minute: number): Row
  /** Lines with something in them. */
  readonly dirty: readonly Row[]
  readonly groups: Iterable<Group>
  /** Groups whose keys did not all fit. */
  readonly full: boolean
  /** The file is another one: it knows no names. */
  rename(): void
  /** Everything in `dirty` was written. */
  written(): void
  /** Forgets the oldest lines so that at most `rows` remain; returns the minutes that were touched. */
  shed(rows: number): readonly number[]
  /** Forgets keys that were not counted since a minute: their places are free again. */
  forget(minute: number): void
}

/** Key of all that has no place of its own. */
export const otherKey = '(other)'

/** Longest key; the rest of it is cut. */
const longestKey = 200

/** Creates an empty set of cells. */
export function createCells({ maxKeys, nameOf }: CellsOptions): Cells {
  const groups = new Map<string, Map<string, Group>>()
  const all: Group[] = []
  const ids = new Map<number, Cell>()
  let dirty: Row[] = []
  let full = false

  const group = (endpoint: string, format: string): Group => {
    let formats = groups.get(endpoint)
    if (formats === undefined) groups.set(endpoint, (formats = new Map()))
    let found = formats.get(format)
    if (found === undefined) {
      found = { endpoint, format, cells: new Map(), sums: new Float64Array(columnCount) }
      formats.set(format, found)
      all.push(found)
    }
    return found
  }

  const create = (id: number, of: Group, key: string, seen: number, named: boolean): Cell => {
    const cell: Cell = { id, group: of, key, named, seen, row: undefined, rows: new Map() }
    ids.set(id, cell)
    return cell
  }

  const add = (of: Group, wanted: string, minute: number): Cell => {
    const key = wanted.length > longestKey ? wanted.slice(0, longestKey) : wanted
    const known = of.cells.get(key)
    if (known !== undefined) return known
    if (of.cells.size >= maxKeys && key !== otherKey) {
      full = true
      return of.cells.get(otherKey) ?? add(of, otherKey, minute)
    }
    const id = keyId(of.endpoint, of.format, key)
    let cell = ids.get(id)
    if (cell === undefined) cell = create(id, of, key, minute, false)
    else {
      cell.group = of
      cell.key = key
      cell.named = false
    }
    of.cells.set(key, cell)
    return cell
  }

  return {
    group,
    cell: (of, key, minute) => of.cells.get(key) ?? add(of, key, minute),
    byId(id, fallback, minute) {
      const known = ids.get(id)
      if (known !== undefined) return known
      const name = nameOf(id)
      if (name === undefined) return create(id, fallback(), `(unknown ${id.toString(16)})`, minute, false)
      const of = group(name.endpoint, name.format)
      // Outside of the group's keys: it takes no place until it is received again.
      return create(id, of, name.key, minute, true)
    },
    row(cell, minute) {
      let row = cell.row
      if (row?.minute !== minute) {
        row = cell.rows.get(minute)
        if (row === undefined) {
          row = { cell, minute, counts: new Float64Array(columnCount), dirty: false, reasons: undefined }
          cell.rows.set(minute, row)
        }
        cell.row = row
        if (minute > cell.seen) cell.seen = minute
      }
      if (!row.dirty) {
        row.dirty = true
        dirty.push(row)
      }
      return row
    },
    get dirty() {
      return dirty
    },
    groups: all,
    get full() {
      return full
    },
    rename() {
      for (const cell of ids.values()) cell.named = false
    },
    written() {
      for (const row of dirty) {
        const { sums } = row.cell.group
        for (let at = 0; at < columnCount; at++) sums[at] = (sums[at] as number) + (row.counts[at] as number)
        row.counts.fill(0)
        row.reasons = undefined
        row.dirty = false
        if (row.cell.row !== row) row.cell.rows.delete(row.minute)
        else if (row.cell.rows.size > 1) {
          row.cell.rows.clear()
          row.cell.rows.set(row.minute, row)
        }
      }
      dirty = []
    },
    shed(rows) {
      if (dirty.length <= rows) return []
      const ordered = [...dirty].sort((a, b) => a.minute - b.minute)
      const gone = ordered.slice(0, ordered.length - rows)
      for (const row of gone) {
        row.cell.rows.delete(row.minute)
        if (row.cell.row === row) row.cell.row = undefined
        const { sums } = row.cell.group
        for (let at = 0; at < columnCount; at++) sums[at] = (sums[at] as number) + (row.counts[at] as number)
      }
      dirty = ordered.slice(gone.length)
      return [...new Set(gone.map(({ minute }) => minute))]
    },
    forget(minute) {
      for (const [id, cell] of ids) {
        if (cell.seen >= minute || cell.row?.dirty === true || cell.rows.size > 1) continue
        ids.delete(id)
        if (cell.group.cells.get(cell.key) === cell) cell.group.cells.delete(cell.key)
      }
      full = all.some(({ cells }) => cells.size >= maxKeys)
    },
  }
}
