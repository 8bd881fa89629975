import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { printTable } from '../../src/cli/table.ts'
import type { ParityReport, ReportItem } from '../../src/parity/model.ts'
import { htmlReport } from '../../src/parity/report-html.ts'
import { redacted, reportOf } from '../../src/parity/report-json.ts'
import { parityReport, parityReportSchema } from '../../src/parity/report-schema.ts'
import { printReport } from '../../src/parity/report-table.ts'

const nasty = '"><img src=x onerror=alert(1)>\u202e\u001b[2J'

const item = (over: Partial<ReportItem> = {}): ReportItem => ({
  format: 'zipkin',
  key: nasty,
  window: { from: '2026-11-22T11:00:00.000Z', to: '2026-11-22T11:10:00.000Z' },
  counts: { expected: 4120, old: 4120, new: 4110, distinctOld: 4120, distinctNew: 4110 },
  samples: { asked: 50, foundOld: 50, foundNew: 50, equal: 47, explained: 2, unexplained: 1, lowerBound: 0.93 },
  differences: [
    {
      class: 'unexplained',
      kind: 'changed',
      rule: '',
      path: 'attributes["password"]',
      count: 1,
      of: 50,
      text: 'attribute password changed: "string:hunter2" became "string:<script>": 1 of 50 sampled spans of service x, rule none',
      example: { id: 'a/b', old: 'string:hunter2', new: 'string:<script>', expected: 'string:hunter2' },
    },
  ],
  parity: 0.98,
  verdict: 'different',
  why: 'attribute password changed: "string:hunter2" became "string:<script>": 1 of 50 sampled spans of service x, rule none',
  ...over,
})

const report = (items: readonly ReportItem[]): ParityReport =>
  reportOf({
    tool: 'otlp-bridge 1.0.0',
    mappingHash: 'abc',
    startedAt: '2026-11-22T11:11:00.000Z',
    reference: 'old',
    settle: { old: '10s', new: '30s' },
    require: 0.9999,
    cost: { old: { requests: 41, bytes: 912_331, seconds: 3.2 }, new: { requests: 4, bytes: 12, seconds: 0.1 } },
    items,
  })

describe('reportOf', () => {
  it('is as good as the worst key, and never ok where something was not judged', () => {
    const good = item({ key: 'a', parity: 1, verdict: 'equal', differences: [] })
    expect(report([good]).result).toEqual({ parity: 1, require: 0.9999, ok: true, unjudged: 0 })
    expect(report([good, item()]).result).toMatchObject({ parity: 0.98, ok: false })
    expect(report([good, item({ verdict: 'unjudged' })]).result).toEqual({ parity: 1, require: 0.9999, ok: false, unjudged: 1 })
    expect(report([]).result.ok).toBe(false)
  })

  it('keeps to the shipped schema', () => {
    expect(parityReport.parse(JSON.parse(JSON.stringify(report([item()]))))).toBeTruthy()
    expect(readFileSync(new URL('../../schema/parity-report.schema.json', import.meta.url), 'utf8')).toBe(parityReportSchema())
  })
})

describe('htmlReport', () => {
  const html = htmlReport(report([item()]))

  it('escapes all that senders chose', () => {
    expect(html).not.toContain('<img')
    expect(html).not.toContain('string:<script>')
    for (const char of ['\u202e', '\u001b']) expect(html).not.toContain(char)
    expect(html).toContain('&quot;&gt;&lt;img src=x onerror=alert(1)&gt;\\u{202e}\\u{1b}[2J')
  })

  it('asks for nothing from outside', () => {
    expect(html).not.toMatch(/https?:\/\//)
    expect(html).not.toMatch(/\b(?:src|href)\s*=\s*["'][^"']/)
    expect(html).toContain("default-src 'none'")
  })

  it('has old, expected and new beside each other', () => {
    expect(html).toContain(
      '<td><code>string:hunter2</code></td><td><code>string:hunter2</code></td><td><code>string:&lt;script&gt;</code></td>',
    )
  })
})

describe('redacted', () => {
  it('leaves no value in any form of the report', () => {
    const told = redacted(report([item()]))
    for (const text of [JSON.stringify(told), htmlReport(told), printReport(told, printTable)]) {
      expect(text).not.toContain('hunter2')
      expect(text).not.toContain('string:<script>')
      expect(text).toContain('password')
    }
    expect(told.items[0]?.differences[0]?.example.old).toMatch(/^<text of 14, [0-9a-f]{8}>$/)
  })
})

describe('printReport', () => {
  it('prints keys, what is wrong with them, and what the reference was', () => {
    const text = printReport(report([item()]), printTable)
    expect(text).toContain('4 120')
    expect(text).toContain('✗ attribute password changed')
    expect(text).toContain('parity 98.00 %: below what is required (99.99 %)')
    expect(text).toContain('The old side is the reference: what neither side has is not seen.')
    for (const char of ['\u202e', '\u001b']) expect(text).not.toContain(char)
  })

  it('says so when there was nothing', () => {
    expect(printReport(report([]), printTable)).toBe('nothing was compared: neither side has anything in the windows\n')
  })
})
