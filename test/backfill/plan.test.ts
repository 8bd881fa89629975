import { describe, expect, it } from 'vitest'
import type { Plan } from '../../src/backfill/model.ts'
import { mappingDifference, mappingOf, metaOf, planJson, planTable, type RunRequest } from '../../src/backfill/plan.ts'

const day = 86_400_000
const from = Date.UTC(2026, 10, 7)

const plan: Plan = {
  groups: [
    { name: 'jaeger-span-2026-11-07', items: 41_208_113, bytes: 18.2e9, fromMs: from, toMs: from + day, note: '' },
    { name: 'jaeger-span-2026-11-08', items: 9, bytes: 1000, fromMs: from + day, toMs: from + 2 * day, note: '' },
    { name: 'jaeger-span-2026-11-09', items: 0, bytes: 0, fromMs: undefined, toMs: undefined, note: 'closed, cannot be read' },
  ],
  slices: [0, 1, 2].map((at) => ({
    key: { at },
    group: `jaeger-span-2026-11-0${at < 2 ? 7 : 8}`,
    fromMs: undefined,
    toMs: undefined,
    items: 1,
    bytes: 1,
  })),
  notes: ['the archive is left out: --archive'],
}

describe('planTable', () => {
  it('has a row a group, sums, and what should be known', () => {
    expect(planTable({ source: { unit: 'span' }, plan, note: 'cutover: 2026-11-21 09:14:07 Z' })).toBe(
      [
        'part                         spans    bytes  from              to                slices  note',
        '──────────────────────  ──────────  ───────  ────────────────  ────────────────  ──────  ──────────────────────────────',
        'jaeger-span-2026-11-07  41,208,113  18.2 GB  2026-11-07 00:00  2026-11-08 00:00       2',
        'jaeger-span-2026-11-08           9   1.0 kB  2026-11-08 00:00  2026-11-09 00:00       1',
        'jaeger-span-2026-11-09           0                                                    0  closed, cannot be read',
        '──────────────────────  ──────────  ───────  ────────────────  ────────────────  ──────  ──────────────────────────────',
        '3 in all                41,208,122  18.2 GB  2026-11-07 00:00  2026-11-09 00:00       3  cutover: 2026-11-21 09:14:07 Z',
        'note: the archive is left out: --archive',
        '',
      ].join('\n'),
    )
  })

  it('stays short however many groups there are', () => {
    const groups = Array.from({ length: 5000 }, (_, at) => ({
      name: `i${at}`,
      items: 1,
      bytes: 1,
      fromMs: undefined,
      toMs: undefined,
      note: '',
    }))
    const text = planTable({ source: { unit: 'span' }, plan: { ...plan, groups } })
    expect(text.split('\n').length).toBeLessThan(220)
    expect(text).toContain('and 4,801 more')
    expect(planJson({ ...plan, groups })).toMatchObject({ items: 5000 })
  })
})

describe('metaOf', () => {
  const request: RunRequest = {
    source: { kind: 'jaeger-es', name: 'http://es', identity: 'uuid', unit: 'span', approximate: undefined },
    options: { since: '14d' },
    destination: 'http://tempo:4318',
    mappingHash: 'a',
    mapping: {},
    span: { sinceMs: 1, untilMs: undefined },
    cutoverMs: undefined,
    page: { items: 2000, bytes: 1 },
    nowMs: 1,
    toolVersion: '1',
  }

  it('is the same run an hour later, and by another version', () => {
    expect(metaOf({ ...request, nowMs: 2, span: { sinceMs: 2, untilMs: undefined }, toolVersion: '2' }).run).toBe(metaOf(request).run)
  })

  it.each([
    { options: { since: '7d' } },
    { destination: 'http://other' },
    { mappingHash: 'b' },
    { source: { ...request.source, identity: 'x' } },
  ])('is another with %j', (change) => {
    expect(metaOf({ ...request, ...change }).run).not.toBe(metaOf(request).run)
  })
})

describe('mappingOf and mappingDifference', () => {
  it('speak of what is not as by default, by path', () => {
    const standard = { semconv: 'stable', zipkin: { tags: { a: 1, list: [1] } } }
    const before = mappingOf({ semconv: 'legacy', zipkin: { tags: { a: 1, list: [1] } } }, standard)
    const now = mappingOf({ semconv: 'stable', zipkin: { tags: { a: 2, list: [1, 2] } } }, standard)
    expect(before).toEqual({ semconv: 'legacy' })
    expect(mappingDifference(before, now)).toEqual([
      'translate.semconv: was "legacy", is the default',
      'translate.zipkin.tags.a: was the default, is 2',
      'translate.zipkin.tags.list: was the default, is [1,2]',
    ])
    expect(mappingDifference(before, before)).toEqual([])
  })
})
