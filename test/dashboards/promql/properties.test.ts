import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { maskQuery } from '../../../dashboards/promql/mask.ts'
import { parsePromql } from '../../../dashboards/promql/parse.ts'
import { promqlRewriter } from '../../support/dashboards/promql.ts'

const metrics = ['http_requests_total', 'cpu_seconds', 'job:rate5m', 'mem', 'h_bucket', 'h_count']
const labels = ['pod', 'node', 'code', 'le']

/** Expressions of every form that the grammar has, with odd blanks and comments. */
const { expr } = fc.letrec<{ expr: string; vector: string; range: string; selector: string }>((tie) => {
  const blank = fc.constantFrom('', ' ', '\n  ', ' # note, (odd\n')
  const metric = fc.constantFrom(...metrics)
  const label = fc.constantFrom(...labels)
  const names = fc.array(label, { maxLength: 3 }).map((all) => `(${all.join(' ,')})`)
  const value = fc.constantFrom('"x"', "'a b'", '"\\"q\\""', '`r\\d`', '"$var|y"', '"0.5"')
  const matcher = fc
    .tuple(label, blank, fc.constantFrom('=', '!=', '=~', '!~'), value)
    .map(([name, between, operator, text]) => `${name}${between}${operator}${text}`)
  const matchers = fc.array(matcher, { minLength: 1, maxLength: 3 }).map((all) => all.join(', '))
  const duration = fc.constantFrom('5m', '1h30m', '$__rate_interval', '${d}')
  return {
    selector: fc.oneof(
      metric,
      fc.tuple(metric, matchers).map(([name, inner]) => `${name}{${inner}}`),
      fc.tuple(metric, matchers).map(([name, inner]) => `{"${name}", ${inner}}`),
      fc.tuple(metric, matchers).map(([name, inner]) => `{__name__="${name}",${inner}}`),
    ),
    range: fc.oneof(
      fc.tuple(tie('selector'), duration).map(([inner, range]) => `${inner}[${range}]`),
      fc.tuple(tie('selector'), duration).map(([inner, range]) => `${inner}[${range}] offset 5m`),
      fc.tuple(tie('vector'), duration).map(([inner, range]) => `(${inner})[${range}:1m]`),
    ),
    vector: fc.oneof(
      { depthSize: 'small' },
      tie('selector'),
      fc
        .tuple(fc.constantFrom('rate', 'avg_over_time', 'count_over_time', 'max_over_time'), tie('range'))
        .map(([name, arg]) => `${name}(${arg})`),
      fc
        .tuple(fc.constantFrom('sum', 'count', 'stdvar', 'max'), blank, names, tie('vector'))
        .map(([op, gap, by, arg]) => `${op}${gap} by ${by} (${arg})`),
      fc.tuple(fc.constantFrom('sum', 'avg'), names, tie('vector')).map(([op, by, arg]) => `${op}(${arg}) without ${by}`),
      fc.tuple(fc.constantFrom('abs', 'ln', 'round', 'sort'), tie('vector')).map(([name, arg]) => `${name}(${arg})`),
      tie('vector').map((arg) => `topk($n, ${arg})`),
      tie('vector').map((arg) => `histogram_quantile(0.9, ${arg})`),
      tie('vector').map((arg) => `label_replace(${arg}, "node", "$1", "pod", "(.*)")`),
      fc
        .tuple(tie('vector'), fc.constantFrom('+', '-', '*', '/', '^', '>', '== bool', 'and', 'or', 'unless'), tie('vector'))
        .map(([left, op, right]) => `(${left}) ${op} (${right})`),
      fc
        .tuple(tie('vector'), fc.constantFrom('*', '/'), names, tie('vector'))
        .map(([left, op, by, right]) => `(${left}) ${op} on ${by} group_left (code) (${right})`),
      tie('vector').map((arg) => `-(${arg}) > 5`),
    ),
    expr: fc.tuple(blank, tie('vector'), blank).map((all) => all.join('')),
  }
})

const parses = (text: string): boolean => typeof parsePromql(maskQuery(text).text) === 'object'

const to: Record<string, string> = {
  http_requests_total: 'new_requests',
  cpu_seconds: 'cpu_new',
  mem: 'memory',
  'job:rate5m': 'job:new',
  h: 'g',
}
const from = Object.fromEntries(Object.entries(to).map(([before, after]) => [after, before]))
const renaming = (names: Record<string, string>, label: Record<string, string>, factor?: number) =>
  promqlRewriter({
    mapping: {
      metrics: Object.fromEntries(
        Object.entries(names).map(([old, name]) => [
          old,
          { name, ...(factor === undefined ? {} : { factor }), ...(old.length === 1 ? { type: 'histogram' } : {}) },
        ]),
      ),
      labels: label,
    },
  })

const runs = { numRuns: 50 }

describe('rewritePromql', () => {
  it('gives the query back when names are changed and changed back', () => {
    const there = renaming(to, { pod: 'k8s_pod', code: 'status' })
    const back = renaming(from, { k8s_pod: 'pod', status: 'code' })
    fc.assert(
      fc.property(expr, (text) => {
        const changed = there(text).after
        expect(parses(changed)).toBe(true)
        expect(back(changed).after).toBe(text)
      }),
      runs,
    )
  })

  it.each([
    ['names', renaming(to, { pod: 'k8s_pod' })],
    ['scales', renaming(to, {}, 0.001)],
    ['joins', promqlRewriter({ translate: { resourceLabels: { pod: 'k8s.pod.name' } } })],
    ['native histograms', promqlRewriter({ targets: { native_histograms: true }, metadata: { h: 'histogram' } })],
    ['scopes', promqlRewriter({ targets: { scope_labels: true } })],
    [
      'suffixes',
      promqlRewriter({ targets: { strategy: 'UnderscoreEscapingWithSuffixes' }, metadata: { cpu_seconds: 'counter', mem: 'gauge' } }),
    ],
  ])('writes what parses, and changes it no more: %s', (_, rewrite) => {
    fc.assert(
      fc.property(expr, (text) => {
        const { after, status, edits } = rewrite(text)
        expect(parses(after)).toBe(true)
        // Matching that was mended by halves is said to be so.
        if (status === 'exact' || status === 'unchanged') expect(rewrite(after).after).toBe(after)
        for (const { start, end, from: was } of edits) expect(text.slice(start, end)).toBe(was)
      }),
      runs,
    )
  })

  it('changes nothing where names stay', () => {
    const rewrite = promqlRewriter()
    fc.assert(
      fc.property(expr, (text) => {
        expect(rewrite(text)).toMatchObject({ after: text, edits: [] })
      }),
      runs,
    )
  })

  it('never throws, whatever the text', () => {
    const rewrite = renaming(to, { pod: 'k8s_pod' }, 0.001)
    const pieces = fc.constantFrom(
      'sum',
      ' by ',
      '(',
      ')',
      '{',
      '}',
      '[',
      ']',
      '"',
      "'",
      '$x',
      '${',
      'mem',
      'le',
      '=',
      '=~',
      ',',
      '5m',
      '#',
      '\n',
      'offset',
      '\\',
      '*',
      '__proto__',
    )
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 30 }), (all) => {
        rewrite(all.join(''))
      }),
      { numRuns: 200 },
    )
  })
})
