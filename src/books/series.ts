/** Lines of the charts: items a minute, or an hour, of an endpoint. */

import type { SeriesMetric, SeriesRange } from '../admin/api.ts'
import type { SeriesAnswer } from '../admin/sources.ts'
import type { Books } from './books.ts'
import { columnNames, type Line } from './columns.ts'
import { readKnown } from './reading.ts'

const ranges: Readonly<Record<SeriesRange, { readonly steps: number; readonly minutes: number }>> = {
  '1h': { steps: 60, minutes: 1 },
  '24h': { steps: 1440, minutes: 1 },
  '35d': { steps: 840, minutes: 60 },
}

const valueIn: Readonly<Record<'in' | 'old' | 'new', (line: Line) => number>> = {
  in: ({ received }) => received,
  old: ({ oldDelivered, oldSent }) => oldDelivered + oldSent,
  new: ({ newDelivered }) => newDelivered,
}

const sums = columnNames.map((name) => `sum(${name}) AS ${name}`).join(', ')

const lineOf = (row: Readonly<Record<string, unknown>>): Line =>
  Object.fromEntries(columnNames.map((name) => [name, Number(row[name] ?? 0)])) as unknown as Line

/**
 * What `/series` answers. Items stand at the minute in which they were received, also those that were delivered later. null where no bridge ran.
 * @param endpoint undefined: all of them
 */
export function readSeries(
  books: Pick<Books, 'file' | 'flush' | 'nowMs'>,
  endpoint: string | undefined,
  metric: SeriesMetric,
  range: SeriesRange,
): SeriesAnswer {
  books.flush()
  const { steps, minutes } = ranges[range]
  const last = Math.floor(books.nowMs() / 60_000 / minutes)
  const first = last - steps + 1
  const { alive, since } = readKnown(books.file, first * minutes, (last + 1) * minutes - 1)
  const values = new Array<number | null>(steps).fill(null)
  for (const minute of alive) values[Math.floor(minute / minutes) - first] = 0
  const put = (at: number, value: number, join: (a: number, b: number) => number): void => {
    const step = Math.floor(at) - first
    if (step >= 0 && step < steps) values[step] = join(values[step] ?? 0, value)
  }
  const of = endpoint ?? null
  if (books.file.present)
    books.file.read((open) => {
      if (metric === 'queue' || metric === 'age') {
        const what = metric === 'queue' ? 'sum(items)' : 'max(age) / 1000.0'
        const rows = open.all(
          `SELECT at, ${what} AS value FROM gauges WHERE at BETWEEN ? AND ? AND (? IS NULL OR endpoint = ?) GROUP BY at ORDER BY at`,
          first * minutes,
          (last + 1) * minutes - 1,
          of,
          of,
        )
        for (const { at, value } of rows) put(Number(at) / minutes, Number(value), (_, latest) => latest)
        return
      }
      const add = (a: number, b: number): number => a + b
      for (const [table, scale] of [
        ['totals', 1],
        ['total_hours', 60],
      ] as const) {
        if (scale > minutes) continue
        const rows = open.all(
          `SELECT at, ${sums} FROM ${table} JOIN groups ON groups.id = ${table}.id
           WHERE at BETWEEN ? AND ? AND (? IS NULL OR endpoint = ?) GROUP BY at`,
          (first * minutes) / scale,
          ((last + 1) * minutes) / scale - 1,
          of,
          of,
        )
        for (const row of rows) put((Number(row['at']) * scale) / minutes, valueIn[metric](lineOf(row)), add)
      }
    })
  return { stepSeconds: minutes * 60, fromMs: first * minutes * 60_000, values, sinceMs: since === undefined ? undefined : since * 60_000 }
}
