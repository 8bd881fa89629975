import { describe, expect, it } from 'vitest'
import { parseEsql } from '../../../dashboards/filters/esql.ts'
import { showFilter } from '../../support/dashboards/show-filter.ts'

const read = (text: string) => {
  const parsed = parseEsql(text)
  if (!parsed.ok) throw new Error(`${parsed.why} at ${parsed.at}`)
  return parsed
}
const where = (text: string): string => showFilter(read(`FROM x | WHERE ${text}`).query.filter)

describe('parseEsql', () => {
  it.each([
    ['a == "x"', 'a = x'],
    ['"x" == a', 'a = x'],
    ['5 < a', 'a (5 )'],
    ['a != "x"', '(not a = x and a exists)'],
    ['NOT a == "x"', '(not a = x and a exists)'],
    ['NOT (a == "x" AND b > 5)', '((not a = x and a exists) or (not b (5 ) and b exists))'],
    ['a == 1 or b == 2 and c == 3', '(a = 1 or (b = 2 and c = 3))'],
    ['a IN ("x", 2)', 'a = x|2'],
    ['a NOT IN ("x")', '(not a = x and a exists)'],
    ['a LIKE "x*y?"', 'a * x<any>y<one>'],
    ['a RLIKE "x.+"', 'a /x.+/'],
    ['a IS NULL', 'not a exists'],
    ['a IS NOT NULL', 'a exists'],
    ['a : "x y"', 'a ~ x y'],
    ['MATCH(a, "x") AND NOT MATCH_PHRASE(b, "y z")', '(a ~ x and not b "y z")'],
    ['KQL("a: 1 or b: 2")', '(a ~ 1 or b ~ 2)'],
    ['QSTR("a:1")', 'a ~ 1'],
    ['CIDR_MATCH(ip, "10.0.0.0/8", "11.0.0.0/8")', '(ip in 10.0.0.0/8 or ip in 11.0.0.0/8)'],
    ['STARTS_WITH(a, "x") and ENDS_WITH(b, "y")', '(a ^ x and b * <any>y)'],
    ['TO_LOWER(a) == "x"', 'a * x i'],
    ['a::keyword == """x"y"""', 'a = x"y'],
    ['`a b`.c == true', 'a b.c = true'],
    ['LENGTH(a) > 5', '? the function LENGTH'],
    ['a > b', '? two fields of a document'],
    ['@timestamp > NOW() - 1 hour AND a == 1', '(@timestamp (now ) and a = 1)'],
  ])('reads the condition %s', (text, shown) => {
    expect(where(text)).toBe(shown)
  })

  it('reads numbers over time', () => {
    const { query, fields } = read(
      'FROM logs-*, x METADATA _id | WHERE a == 1 | STATS n = COUNT(*), p = PERCENTILE(d, 95) WHERE b > 2 BY t = BUCKET(@timestamp, 1 hour), host.name // end',
    )
    expect(query).toMatchObject({
      index: 'logs-*,x',
      shape: 'range',
      metrics: [
        { id: 'n', value: { kind: 'aggregate', op: 'count' } },
        { id: 'p', value: { op: 'percentile', field: 'd', percent: 95, filter: { kind: 'leaf', field: 'b' } } },
      ],
      buckets: [
        { kind: 'time', interval: '1h' },
        { kind: 'terms', fields: ['host.name'], missing: true },
      ],
    })
    expect([...fields].sort()).toEqual(['a', 'b', 'd', 'host.name'])
  })

  it('reads the first of many', () => {
    const { query, remarks } = read('FROM x | STATS c = COUNT(*) BY a, b | SORT c DESC | LIMIT 5')
    expect(query).toMatchObject({
      shape: 'instant',
      buckets: [{ kind: 'terms', fields: ['a', 'b'], size: 5, order: { by: 'count', direction: 'desc' } }],
    })
    expect(remarks).toEqual([])
    expect(read('FROM x | STATS c = COUNT(*) BY a | LIMIT 5').remarks).toHaveLength(1)
  })

  it('reads documents', () => {
    expect(read('FROM x | KEEP a, message | SORT @timestamp ASC | LIMIT 7').query).toMatchObject({
      shape: 'logs',
      columns: ['a', 'message'],
      limit: 7,
      sort: { direction: 'asc' },
    })
  })

  it('reads buckets of time in several spellings', () => {
    const interval = (text: string) => read(`FROM x | ${text}`).query.buckets[0]
    expect(interval('STATS COUNT(*) BY DATE_TRUNC(5 minutes, @timestamp)')).toMatchObject({ kind: 'time', interval: '5m' })
    expect(interval('STATS COUNT(*) BY BUCKET(@timestamp, 50, ?_tstart, ?_tend)')).toMatchObject({ kind: 'time', interval: undefined })
    expect(interval('STATS COUNT(*) BY TBUCKET(1 month)')).toMatchObject({ kind: 'time', interval: '1M', calendar: true })
    expect(interval('EVAL t = DATE_TRUNC(1 day, @timestamp) | STATS COUNT(*) BY t')).toMatchObject({ kind: 'time', interval: '1d' })
    expect(interval('STATS COUNT(*) BY BUCKET(d, 10)')).toEqual({ kind: 'histogram', field: 'd', step: 10 })
  })

  it('reads arithmetic of numbers', () => {
    expect(read('FROM x | STATS r = 100 * COUNT(a) / (COUNT(*) + 1)').query.metrics[0]?.value).toMatchObject({
      kind: 'arithmetic',
      op: '/',
    })
  })

  it.each([
    'ROW a = 1',
    'SHOW INFO',
    'FROM x | EVAL a = b + 1',
    'FROM x | DISSECT a "%{b}"',
    'FROM x | STATS c = COUNT(*) BY a | WHERE c > 5',
    'FROM x | STATS COUNT(*) | STATS MAX(y)',
    'FROM x | LIMIT 5 | WHERE a == 1',
    'FROM x | WHERE a ==',
    'FROM x | WHERE (a == 1',
    'FROM x | WHERE a == "x',
    'FROM x | STATS VALUES(a)',
    'FROM x | STATS c = COUNT(*) BY UPPER(a)',
    'FROM x | ',
    'FROM x y',
    `FROM x | WHERE ${'('.repeat(1000)}`,
    `FROM x | WHERE ${'NOT '.repeat(10_000)}a == 1`,
    `FROM x | STATS ${'('.repeat(1000)}`,
    `FROM ${'x'.repeat(70_000)}`,
  ])('refuses %.60s', (text) => {
    expect(parseEsql(text)).toMatchObject({ ok: false })
  })
})
