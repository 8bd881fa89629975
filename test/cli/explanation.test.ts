import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type ExplainedRecord, explainedRecords, explainedTree } from '../../src/cli/explanation.ts'
import { createJaegerExplainers } from '../../src/ingest/jaeger/explain.ts'
import { defaultDecodeLimits } from '../../src/ingest/limits.ts'
import { jaegerTranslateConfig } from '../../src/translate/jaeger/config.ts'
import { jaegerSentences } from '../../src/translate/jaeger/sentences.ts'
import { zipkinSentences } from '../../src/translate/zipkin/sentences.ts'

const { uiJson } = createJaegerExplainers(jaegerTranslateConfig.parse({}), defaultDecodeLimits)
const explained = (...spans: readonly object[]) => uiJson(new TextEncoder().encode(JSON.stringify(spans)), 0)

const span = {
  traceID: 'ab',
  spanID: '1',
  operationName: 'get',
  startTime: 5,
  tags: [
    { key: 'span.kind', value: 'client' },
    { key: 'twice', value: 'first' },
    { key: 'twice', value: 'second' },
  ],
  process: { serviceName: 'shop' },
}
const bad = { traceID: 'x', spanID: '1' }

describe('explainedRecords', () => {
  const records = (...spans: readonly object[]): ExplainedRecord[] => [...explainedRecords(explained(...spans))]

  it('gives path, value, rule, origin and sentence of each field', () => {
    expect(records(span)).toContainEqual({
      span: 0,
      path: 'resourceSpans[0].scopeSpans[0].spans[0].kind',
      value: 3,
      rule: 'J-K1',
      from: ['tags[0] span.kind'],
      note: jaegerSentences['J-K1'],
    })
  })

  it('gives what is left out with its fate, and what is rejected with its reason', () => {
    expect(records(span, bad).filter(({ path }) => path === null)).toEqual([
      { span: 0, path: null, value: 'first', rule: 'J-G4', from: ['tags[1] twice'], note: `lost: ${jaegerSentences['J-G4']}` },
      {
        span: 1,
        path: null,
        value: null,
        rule: 'J-I3',
        from: [],
        note: expect.stringMatching(/^rejected: trace_id_unreadable: span 1 at byte \d+: traceID is not 1 to 32 hex digits$/),
      },
    ])
  })

  it('places spans in the request as a whole', () => {
    const other = { ...span, process: { serviceName: 'cart' } }
    const paths = records(span, other, span).flatMap(({ path }) => (path?.endsWith('.traceId') ? [path] : []))
    expect(paths).toEqual([
      'resourceSpans[0].scopeSpans[0].spans[0].traceId',
      'resourceSpans[1].scopeSpans[0].spans[0].traceId',
      'resourceSpans[0].scopeSpans[0].spans[1].traceId',
    ])
  })
})

describe('explainedTree', () => {
  const tree = (...spans: readonly object[]): string => [...explainedTree(explained(...spans))].join('')

  it('shows fields in columns and the rules behind them', () => {
    const text = tree(span)
    expect(text).toMatch(/^spans\[0\] "get"\n {2}resourceSpans\[0\]\.scopeSpans\[0\]\.spans\[0\]\n/)
    expect(text).toMatch(/\n {4}kind +3 +J-K1 {2}← tags\[0\] span\.kind\n/)
    expect(text).toMatch(/\n {2}left out\n {4}lost {2}tags\[1\] twice = "first" {2}J-G4\n/)
    expect(text).toContain(`\nrules\n`)
    expect(text).not.toContain('J-S1')
  })

  it('lets no control character of a sender through, and cuts long values', () => {
    const text = tree({ ...span, operationName: 'a\u001b[2J\u202e', tags: [{ key: 'k\u0007', value: 'v'.repeat(500) }] })
    expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u)
    expect(
      Math.max(
        ...(text
          .split('\nrules\n')[0]
          ?.split('\n')
          .map((line) => line.length) ?? []),
      ),
    ).toBeLessThan(200)
  })
})

describe('the rules that explanations name', () => {
  it.each([
    ['jaeger', jaegerSentences],
    ['zipkin', zipkinSentences],
  ])('stand in the mapping page of %s', (format, sentences) => {
    const page = readFileSync(new URL(`../../docs/mapping/${format}.md`, import.meta.url), 'utf8')
    const named = [...page.matchAll(/^\| ([JZ]-[\w.]+) *\|/gm)].map(([, rule]) => rule)
    expect(named).toEqual(Object.keys(sentences))
  })
})
