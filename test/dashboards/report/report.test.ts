import { describe, expect, it } from 'vitest'
import type { Conversion } from '../../../dashboards/convert.ts'
import type { Item } from '../../../dashboards/model.ts'
import { createReport } from '../../../dashboards/report/build.ts'
import { commandsFor, shellWord } from '../../../dashboards/report/commands.ts'
import { diffOf } from '../../../dashboards/report/diff.ts'
import { escaped, htmlReport } from '../../../dashboards/report/html.ts'
import { jsonReport } from '../../../dashboards/report/json.ts'
import { cell, fenced, markdownReport } from '../../../dashboards/report/markdown.ts'
import { type Report, reportSchema } from '../../../dashboards/report/model.ts'
import { masked } from '../../../dashboards/report/secrets.ts'
import { piecesOf } from '../../../dashboards/report/spans.ts'
import { contextOf } from '../../support/dashboards/grafana.ts'

const item = (over: Partial<Item>): Item => ({
  kind: 'target',
  id: 'panel/1/target/A',
  where: '$.panels[0]',
  title: 'P',
  language: 'promql',
  status: 'unchanged',
  before: 'up',
  after: 'up',
  edits: [],
  notes: [],
  uses: { metrics: ['up'], labels: [], fields: [] },
  ...over,
})

const conversion = (items: readonly Item[], parts: readonly Item[] = []): Conversion => ({
  output: [],
  outcome: 'converted',
  diagnostics: { kind: 'grafana-dashboard', title: 'T', uid: 'u', tags: ['a'], files: [], items, parts, notes: [] },
})

const reportOf = (conversions: Readonly<Record<string, Conversion>>): Report => {
  const names = contextOf({ metrics: { old: { name: 'new', factor: 0.001 }, lost: { name: undefined } } })
  const builder = createReport({ tool: 't', command: 'dashboards', mappingHash: 'h', assumptions: ['a <b>'] }, names)
  for (const [path, one] of Object.entries(conversions)) builder.add({ path, sha256: 's', output: [path] }, one)
  return builder.report()
}

const mixed = reportOf({
  'x/a.json': conversion([
    item({}),
    item({
      id: 'b',
      status: 'approximate',
      before: 'a\nb',
      after: 'c',
      notes: [{ code: 'OBD-P-008', text: 'why | `x`', suggestion: 'do' }],
    }),
    item({ id: 'c', status: 'unsupported', after: undefined, uses: { metrics: ['old', 'lost', 'old'], labels: [], fields: [] } }),
  ]),
  'y/b.json': conversion(
    [item({ uses: { metrics: ['old'], labels: [], fields: [] } })],
    [item({ kind: 'datasource', title: 'ES', status: 'manual' })],
  ),
})

describe('createReport', () => {
  it('counts and scores by source, folder, tag and all; parts do not count', () => {
    expect(mixed.scores.all).toMatchObject({ items: 4, score: 0.65, counts: { unchanged: 2, approximate: 1, unsupported: 1 } })
    expect(mixed.scores.folders.map(({ name, score }) => [name, score])).toEqual([
      ['x', 0.5333],
      ['y', 1],
    ])
    expect(mixed.sources.map(({ status }) => status)).toEqual(['unsupported', 'manual'])
    expect(mixed.scores.tags).toMatchObject([{ name: 'a', items: 4 }])
  })

  it('lists metrics by use with their new names, and data sources that nobody mapped', () => {
    expect(mixed.inventory.metrics).toEqual([
      { old: 'old', new: 'new', k: 0.001, uses: 3, dashboards: 2 },
      { old: 'up', new: 'up', k: 1, uses: 2, dashboards: 1 },
      { old: 'lost', new: null, k: 1, uses: 1, dashboards: 1 },
    ])
    expect(mixed.inventory.datasourcesUnmapped).toEqual([{ datasource: 'ES', uses: 1, dashboards: 1 }])
  })

  it('is what its schema says, as JSON too', () => {
    expect(reportSchema.parse(JSON.parse([...jsonReport(mixed)].join('')))).toEqual(mixed)
  })
})

describe('markdownReport', () => {
  it('shows what needs a human, the worst first, and lets nothing out of a cell or a fence', () => {
    const text = markdownReport(mixed)
    expect(text.indexOf('#### unsupported')).toBeLessThan(text.indexOf('#### manual'))
    expect(text.indexOf('#### manual')).toBeLessThan(text.indexOf('#### approximate'))
    expect(text).toContain('why \\| \\`x\\`')
    expect(cell('a|b\n<x>')).toBe('a\\|b &lt;x&gt;')
    expect(fenced('```\nx', 'sql')).toBe('````sql\n```\nx\n````')
  })
})

describe('htmlReport', () => {
  it('escapes everything', () => {
    expect(escaped(`<a href="x" y='z'>&\u202E`)).toBe('&lt;a href=&quot;x&quot; y=&#39;z&#39;&gt;&amp;\\u{202e}')
    const html = [...htmlReport(mixed)].join('')
    expect(html).toContain('a &lt;b&gt;')
    expect(html.match(/<article/g)).toHaveLength(5)
    expect(html).toContain('<a href="#obd-p-008">OBD-P-008</a>')
    expect(html).toContain('<dt id="obd-p-008">')
  })
})

describe('piecesOf', () => {
  it('tells what changed by edits, by ends, or all of it', () => {
    const texts = (pieces: readonly { text: string; changed: boolean }[]) =>
      pieces.map(({ text, changed }) => (changed ? `[${text}]` : text)).join('')
    const both = (one: Parameters<typeof piecesOf>[0]) => Object.values(piecesOf(one)).map(texts)
    expect(
      both({
        before: 'sum(a) + b',
        after: 'sum(xx) + yy',
        edits: [
          { start: 4, end: 5, from: 'a', to: 'xx', rule: '' },
          { start: 9, end: 10, from: 'b', to: 'yy', rule: '' },
        ],
      }),
    ).toEqual(['sum([a]) + [b]', 'sum([xx]) + [yy]'])
    expect(both({ before: 'rate(old[5m])', after: 'rate(older[5m])', edits: [] })).toEqual(['rate([old][5m])', 'rate([older][5m])'])
    expect(both({ before: 'a', after: null, edits: [] })).toEqual(['[a]', ''])
  })
})

describe('diffOf', () => {
  it('shows changed queries only, and no control characters of names', () => {
    const report = reportOf({
      'a\u001b[2J.json': conversion([item({}), item({ title: 'x\ny', status: 'exact', before: 'a\nb', after: 'c' })]),
    })
    expect(diffOf(report)).toBe('--- a [2J.json\n+++ a [2J.json\n@@ $.panels[0] @@ panel/1/target/A x y (exact)\n-a\n-b\n+c\n')
  })
})

describe('masked', () => {
  it.each([
    ['postgres://me:planted@host/db', 'postgres://me:***@host/db'],
    ['https://hooks.slack.com/services/T0/planted', 'https://hooks.slack.com/services/***'],
    ['Authorization: Bearer plantedplanted1', 'Authorization: Bearer ***'],
    ['{"basicAuthPassword":"planted"}', '{"basicAuthPassword":"***"}'],
    ['api_key=planted&x=1', 'api_key=***&x=1'],
    ['sum(rate(x{secret="mine"}[5m]))', 'sum(rate(x{secret="mine"}[5m]))'],
  ])('%s', (text, wanted) => {
    expect(masked(text).replace('me:***@', 'me:***@')).toBe(wanted.replace('://me:***@', '://***@'))
  })

  it('takes time that is linear to the text', () => {
    const begun = performance.now()
    masked(`${'password='.repeat(20_000)}${'a:'.repeat(50_000)}`)
    expect(performance.now() - begun).toBeLessThan(2000)
  })
})

describe('commandsFor', () => {
  it('names what loads the results, and runs nothing', () => {
    expect(commandsFor(mixed.sources).join('\n')).toContain('$GRAFANA_TOKEN')
    expect(shellWord("a'$(x)")).toBe("'a'\\''$(x)'")
  })
})
