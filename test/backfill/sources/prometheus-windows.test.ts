import { describe, expect, it } from 'vitest'
import type { Json, TranslatedPage } from '../../../src/backfill/model.ts'
import { createInfoTimeline } from '../../../src/backfill/sources/prometheus-info.ts'
import type { PagePart, PrometheusPoints } from '../../../src/backfill/sources/prometheus-points.ts'
import { createPrometheusWindows } from '../../../src/backfill/sources/prometheus-windows.ts'
import { type ReadAnswer, type ReadRange, SeriesGather, TooMuch, TornAnswer } from '../../../src/read/prometheus-gather.ts'
import { familyOf } from '../../../src/read/prometheus-tsdb/families.ts'
import { samplesOf } from '../../support/prometheus-page.ts'
import { labelsOf } from '../../support/writing.ts'

const fromMs = 1_000_000
const toMs = 1_100_000
const abort = new AbortController().signal
const empty: TranslatedPage = {
  read: 0,
  bytes: 0,
  skipped: {},
  faults: [],
  translated: 0,
  requests: [],
  sum: 0n,
  minMs: undefined,
  maxMs: undefined,
}

interface Row {
  readonly labels: string
  readonly times: readonly number[]
}

const row = (labels: string, count: number, step = 1000): Row => ({
  labels,
  times: Array.from({ length: count }, (_, at) => fromMs + at * step),
})

/** Reads a slice and says what was in its pages: `name ms`. */
async function readAll(
  rows: readonly Row[],
  more: {
    readonly items?: number
    readonly cursor?: Json
    readonly read?: (names: readonly string[], range: ReadRange) => void
  } = {},
) {
  const pages: string[][] = []
  const parts: PagePart[] = []
  const cursors: Json[] = []
  const ranges: [string, number, number][] = []
  const points: PrometheusPoints = {
    notes: [],
    wantsNames: false,
    prepare: () => {},
    translate(part) {
      parts.push(part)
      pages.push(
        part.series.flatMap(({ labels, samples, from, to }) =>
          [...samples.ms.subarray(from, to)].map((ms) => `${labels.slice(1).join(' ')} ${ms - fromMs}`),
        ),
      )
      return { ...empty, read: part.series.reduce((count, { from, to }) => count + to - from, 0) }
    },
  }
  const names = [...new Set(rows.map(({ labels }) => labelsOf(labels)[0]?.[1] ?? ''))]
  const families = [...new Set(names.map(familyOf))]
    .sort()
    .map((family) => ({ family, names: names.filter((name) => familyOf(name) === family) }))
  const reader = createPrometheusWindows({
    fromMs,
    toMs,
    cursor: more.cursor,
    deps: { page: { items: more.items ?? 10, bytes: 1 }, distress: () => {}, sleep: () => Promise.resolve() },
    points,
    where: 'here',
    families: () => Promise.resolve(families),
    infos: () => Promise.resolve({ targets: createInfoTimeline(0), scopes: createInfoTimeline(0) }),
    async read(wanted, range): Promise<ReadAnswer> {
      ranges.push([wanted[0] ?? '', range.fromMs - fromMs, range.toMs - fromMs])
      more.read?.(wanted, range)
      const gather = new SeriesGather(range)
      for (const { labels, times } of rows) {
        if (!wanted.includes(labelsOf(labels)[0]?.[1] ?? '')) continue
        gather.begin(labelsOf(labels).flat())
        gather.add(samplesOf(times.map((ms) => [ms, 1])))
      }
      return gather.answer(100)
    },
  })
  const results: TranslatedPage[] = []
  for (;;) {
    const page = await reader.next(abort)
    if (page === undefined) break
    results.push(page.translate())
    cursors.push(JSON.parse(JSON.stringify(page.cursor)) as Json)
    if (page.last) break
  }
  return { pages, parts, cursors, ranges, results }
}

const all = (rows: readonly Row[]): string[] =>
  rows
    .flatMap(({ labels, times }) => {
      const text = labelsOf(labels).flat().slice(1).join(' ')
      return times.filter((ms) => ms >= fromMs && ms < toMs).map((ms) => `${text} ${ms - fromMs}`)
    })
    .sort()

describe('createPrometheusWindows', () => {
  const rows = [
    row('a{x="1"}', 25),
    row('a{x="2"}', 3),
    row('b_bucket{le="1"}', 8),
    row('b_bucket{le="+Inf"}', 8),
    row('b_count', 8),
    row('b_sum', 7),
    row('c{quantile="0.5"}', 2),
    row('c_sum', 2),
    row('d', 200, 1000),
  ]

  it('gives every sample of the window once, in pages as large as they may be', async () => {
    const { pages } = await readAll(rows)
    expect(pages.flat().sort()).toEqual(all(rows))
    expect(Math.max(...pages.map(({ length }) => length))).toBe(10)
  })

  it('keeps what makes one point in one page', async () => {
    const { pages } = await readAll(rows)
    for (const page of pages) {
      for (const text of page.filter((one) => one.startsWith('b_count'))) {
        const ms = text.split(' ').at(-1)
        expect(page.filter((one) => one.startsWith('b_') && one.split(' ').at(-1) === ms)).toHaveLength(
          all(rows).filter((one) => one.startsWith('b_') && one.endsWith(` ${ms}`)).length,
        )
      }
    }
  })

  it('lets a page be larger than it may be where one time has more samples than that', async () => {
    const { pages } = await readAll(rows, { items: 3 })
    expect(pages.flat().sort()).toEqual(all(rows))
    expect(Math.max(...pages.map(({ length }) => length))).toBe(4)
  })

  it('goes on behind any page with the same pages', async () => {
    for (const items of [3, 10, 1000]) {
      const whole = await readAll(rows, { items })
      for (const [at, cursor] of whole.cursors.entries()) {
        const rest = await readAll(rows, { items, cursor })
        expect(rest.pages.filter(({ length }) => length > 0)).toEqual(whole.pages.slice(at + 1).filter(({ length }) => length > 0))
      }
    }
  })

  it('asks for less where it is too much, down to a millisecond, and then gives the slice up', async () => {
    const read = (_: readonly string[], range: ReadRange): void => {
      if (range.toMs - range.fromMs > 20_000) throw new TooMuch('a lot')
    }
    const { pages, ranges } = await readAll(rows, { read })
    expect(pages.flat().sort()).toEqual(all(rows))
    expect(ranges.filter(([name]) => name === 'a').slice(0, 5)).toEqual([
      ['a', 0, 100_000],
      ['a', 0, 50_000],
      ['a', 0, 25_000],
      ['a', 0, 12_500],
      ['a', 12_500, 25_000],
    ])
    const never = (): void => {
      throw new TooMuch('a lot')
    }
    await expect(readAll(rows, { read: never })).rejects.toThrow(/^too_large: /)
  })

  it('asks again for what broke, as it was and then for less, and gives the slice up after six times', async () => {
    let left = 3
    const read = (): void => {
      if (left-- > 0) throw new TornAnswer('cut off')
    }
    const { pages, ranges } = await readAll(rows, { read })
    expect(pages.flat().sort()).toEqual(all(rows))
    expect(ranges.slice(0, 4).map(([, , to]) => to)).toEqual([100_000, 100_000, 50_000, 25_000])
    const never = (): void => {
      throw new TornAnswer('cut off')
    }
    await expect(readAll(rows, { read: never })).rejects.toThrow(/^truncated: cannot read a .*: cut off/)
  })

  it('counts what was there twice, and of two values at one time takes the first', async () => {
    const { results, pages } = await readAll([row('a', 5), row('a', 3)])
    expect(pages.flat()).toHaveLength(5)
    expect(results[0]).toMatchObject({ read: 8, skipped: { duplicate_in_source: 3 } })
  })

  it('refuses a cursor that is none of its own', async () => {
    await expect(readAll(rows, { cursor: { at: 1 } })).rejects.toThrow(/^source_error: /)
  })
})
