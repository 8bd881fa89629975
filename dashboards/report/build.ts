/** Gathers what conversions say into one report. */

import type { Conversion } from '../convert.ts'
import { type Item, type Note, type Status, scoreOf, statuses, weights, worse } from '../model.ts'
import type { Context } from '../options.ts'
import { createInventory } from './inventory.ts'
import { type Counts, type Report, type ReportItem, type ReportNote, type ReportSource, reportVersion, type Scored } from './model.ts'
import { masked } from './secrets.ts'

const docOf = (code: string): string => `docs/reference/conversion-codes.md#${code.toLowerCase()}`

const noteOf = ({ code, text, suggestion }: Note): ReportNote => ({
  code,
  text: masked(text),
  ...(suggestion === undefined ? {} : { suggestion: masked(suggestion) }),
  doc: docOf(code),
})

function itemOf(item: Item): ReportItem {
  const before = masked(item.before)
  const after = item.after === undefined ? null : masked(item.after)
  const { verify, afterLanguage } = item
  return {
    id: item.id,
    kind: item.kind,
    where: item.where,
    title: masked(item.title),
    language: item.language,
    ...(afterLanguage === undefined ? {} : { afterLanguage }),
    status: item.status,
    before,
    after,
    // Offsets are of the text as it was.
    edits: before === item.before ? item.edits.map((edit) => ({ ...edit })) : [],
    notes: item.notes.map(noteOf),
    uses: { metrics: [...item.uses.metrics], labels: [...item.uses.labels], fields: [...item.uses.fields] },
    verify:
      verify === undefined
        ? null
        : { verdict: verify.verdict, text: verify.text, ...(verify.worst === undefined ? {} : { worst: verify.worst }) },
  }
}

export const noCounts = (): Counts => ({ unchanged: 0, exact: 0, approximate: 0, manual: 0, unsupported: 0 })

const count = (counts: Counts, items: readonly { readonly status: Status }[]): Counts => {
  for (const { status } of items) counts[status]++
  return counts
}

const totalOf = (counts: Counts): number => statuses.reduce((sum, status) => sum + counts[status], 0)

/** The same as {@link scoreOf}, of counts. */
function scoreOfCounts(counts: Counts): number {
  const total = totalOf(counts)
  return total === 0 ? 1 : statuses.reduce((sum, status) => sum + weights[status] * counts[status], 0) / total
}

const rounded = (score: number): number => Math.round(score * 10_000) / 10_000

interface Sum {
  readonly counts: Counts
}

const scored = (name: string, { counts }: Sum): Scored => ({
  name,
  score: rounded(scoreOfCounts(counts)),
  items: totalOf(counts),
  counts,
})

const folderOf = (path: string): string => (path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '.')

const byName = (sums: ReadonlyMap<string, Sum>): Scored[] =>
  [...sums].map(([name, sum]) => scored(name, sum)).sort((a, b) => a.score - b.score || (a.name < b.name ? -1 : 1))

export interface ReportSourceInput {
  readonly path: string
  readonly sha256: string
  readonly link?: string | undefined
  /** Where its files were written, or would be. */
  readonly output: readonly string[]
}

/**
 * A copy that keeps nothing else alive: texts that were cut out of a file hold on to the whole of it, and a report is of a thousand files. A query that stays is one
 * string.
 */
function detached(source: ReportSource): ReportSource {
  const copy = JSON.parse(JSON.stringify(source)) as ReportSource
  for (const item of [...copy.items, ...copy.parts]) if (item.after === item.before) item.after = item.before
  return copy
}

export interface ReportBuilder {
  add(input: ReportSourceInput, conversion: Conversion): void
  report(): Report
}

/** @param context of all sources: what inventory asks names of @param keep `open`: items that are unchanged or exact are counted only, for a table */
export function createReport(
  head: Pick<Report, 'tool' | 'command' | 'mappingHash' | 'assumptions'>,
  context: Pick<Context, 'metrics' | 'fields'>,
  keep: 'all' | 'open' = 'all',
): ReportBuilder {
  const sources: Report['sources'] = []
  const notConverted: Report['notConverted'] = []
  const folders = new Map<string, Sum>()
  const tags = new Map<string, Sum>()
  const all: Sum = { counts: noCounts() }
  const inventory = createInventory(context)

  const sumOf = (sums: Map<string, Sum>, name: string): Sum => {
    let sum = sums.get(name)
    if (sum === undefined) sums.set(name, (sum = { counts: noCounts() }))
    return sum
  }

  return {
    add({ path, sha256, link, output }, { outcome, diagnostics }) {
      const notes = diagnostics.notes.map(noteOf)
      if (outcome !== 'converted') {
        notConverted.push({ path, kind: diagnostics.kind, outcome, notes })
        return
      }
      const { items, parts } = diagnostics
      const status = [...items, ...parts].reduce<Status>((worst, one) => worse(worst, one.status), 'unchanged')
      const kept = (list: readonly Item[]): ReportItem[] =>
        (keep === 'all' ? list : list.filter((one) => one.status !== 'unchanged' && one.status !== 'exact')).map(itemOf)
      const source: ReportSource = {
        path,
        ...(link === undefined ? {} : { link }),
        sha256,
        kind: diagnostics.kind,
        title: masked(diagnostics.title),
        uid: diagnostics.uid,
        tags: [...diagnostics.tags],
        output: [...output],
        status,
        score: rounded(scoreOf(items)),
        counts: count(noCounts(), items),
        items: kept(items),
        parts: kept(parts),
        notes,
      }
      sources.push(detached(source))
      for (const sum of [all, sumOf(folders, folderOf(path)), ...diagnostics.tags.map((tag) => sumOf(tags, tag))]) count(sum.counts, items)
      inventory.add(diagnostics)
    },
    report: () => ({
      version: reportVersion,
      ...head,
      sources,
      notConverted,
      scores: { all: scored('all', all), folders: byName(folders), tags: byName(tags) },
      inventory: inventory.list(),
    }),
  }
}
