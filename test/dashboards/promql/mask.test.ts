import { parser } from '@grafana/lezer-logql'
import { parser as traceql } from '@grafana/lezer-traceql'
import { describe, expect, it } from 'vitest'
import { maskQuery, variablesIn } from '../../../dashboards/promql/mask.ts'
import { parsePromql } from '../../../dashboards/promql/parse.ts'

const isFine = (text: string, language: typeof parser): boolean => {
  let fine = true
  language.parse(text).iterate({ enter: ({ type }) => void (fine &&= !type.isError) })
  return fine
}

describe('maskQuery', () => {
  it.each([
    ['a range', 'rate(foo{a="$x"}[$__rate_interval])', 'duration'],
    ['a range and its step', 'max_over_time(x[$__range:$step])', 'duration,duration'],
    ['a range of a number and a unit', 'rate(x[$n$u])', 'duration,duration'],
    ['a number before a unit', 'rate(x[${n}m])', 'duration'],
    ['a unit behind a number', 'rate(x[5$u])', 'duration'],
    ['an old form in brackets', 'rate(x[[[i]]])', 'duration'],
    ['an offset', 'a offset $o', 'duration'],
    ['a time', 'a @ $__to', 'number'],
    ['a metric', '$m{a="b"}', 'identifier'],
    ['a part of a metric', 'foo_$x:rate5m', 'identifier'],
    ['two parts of a metric', '${ns}:foo_${x}_bar[5m]', 'identifier,identifier'],
    ['a label', 'a{$l=~"x"}', 'identifier'],
    ['a label to group by', 'sum by ($l, x) (a)', 'identifier'],
    ['a label behind on', 'a * on ($l) group_left ($m) b', 'identifier,identifier'],
    ['a value without quotes', 'a{job=$j}', 'string'],
    ['matchers', 'a{b="c",$f}', 'matchers'],
    ['a threshold', 'a > $t', 'number'],
    ['a number of series', 'topk($n, a)', 'number'],
    ['the series of topk', 'topk(3, $m)', 'expression'],
    ['a function', '$agg(rate(x[5m]))', 'function'],
    ['a function with labels', '$f by (a) (b)', 'function'],
    ['milliseconds', 'x / $__interval_ms * 1000', 'number'],
    ['a whole query', '$expr', 'expression'],
  ])('masks %s so that the grammar takes it', (_, text, kinds) => {
    const masked = maskQuery(text)
    expect(typeof parsePromql(masked.text)).toBe('object')
    expect(masked.holes.map(({ kind }) => kind).join()).toBe(kinds)
  })

  it('keeps the length wherever a word of it fits', () => {
    for (const text of ['a{$l="x"}', 'rate(x[$__rate_interval])', 'a > ${t:raw}', '[[m]]{a="b"}', 'a offset ${o}']) {
      expect(maskQuery(text).text).toHaveLength(text.length)
    }
  })

  it('leaves strings and comments alone', () => {
    const text = 'label_replace(a{b=~"$x.*$"}, "c", "$1", "d", `$y`) # $z'
    expect(maskQuery(text)).toMatchObject({ text, holes: [] })
  })

  it('knows the place in the source of each place behind a mask of another length', () => {
    const masked = maskQuery('$f(x) + y')
    expect(masked.text).toBe('sum(x) + y')
    expect(masked.original(masked.text.indexOf('y'))).toBe(8)
    expect(masked.original(0)).toBe(0)
    expect(masked.original(3)).toBe(2)
  })

  it('ends with the variable what ends in a mask that was filled up', () => {
    const masked = maskQuery('a offset ${off}')
    const tree = parsePromql(masked.text)
    expect(typeof tree === 'object' && masked.original(tree.end)).toBe(15)
  })

  it.each([
    '{$label=~"x"} |= "$y" | json | status >= $code [$__auto]',
    'sum by ($l) (count_over_time({a="b"} |~ `$x` | unwrap $f [$__interval]))',
    '{app="$x"} | $label = "y"',
  ])('masks LogQL: %s', (text) => {
    const masked = maskQuery(text.includes('count_over') || !text.includes('[') ? text : `count_over_time(${text})`, undefined, 'logql')
    expect(isFine(masked.text, parser)).toBe(true)
  })

  it.each(['{ $filter }', '{ span.http.status_code >= $code && resource.service.name = "$s" }', '{ .$attr = "x" }'])(
    'masks TraceQL: %s',
    (text) => {
      expect(isFine(maskQuery(text, undefined, 'traceql').text, traceql)).toBe(true)
    },
  )

  it('takes time in proportion to the length', () => {
    for (const text of ['${a:'.repeat(16_000), '$x'.repeat(32_000), '[['.repeat(32_000), '"'.repeat(65_000), '$f ( '.repeat(13_000)]) {
      const started = performance.now()
      parsePromql(maskQuery(text).text)
      expect(performance.now() - started).toBeLessThan(3000)
    }
  })
})

describe('variablesIn', () => {
  it('takes names that are known, the longest first, and Grafana’s own', () => {
    const known = new Set(['job', 'job_name'])
    expect(variablesIn('$job_name-$job $other ${job:regex} [[job]] $__range ^x$', known).map(({ name }) => name)).toEqual([
      'job_name',
      'job',
      'job',
      'job',
      '__range',
    ])
  })

  it('takes a dollar at the end of a pattern, and the groups of one, for what they are', () => {
    expect(variablesIn('a|b$')).toEqual([])
    expect(variablesIn('$1')).toEqual([])
  })
})
