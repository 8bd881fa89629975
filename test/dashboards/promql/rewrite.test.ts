import { describe, expect, it } from 'vitest'
import { promqlRewriter, type Setting } from '../../support/dashboards/promql.ts'

type Case = readonly [before: string, after: string, status?: string | undefined, code?: string]

/** `=`: nothing changes. */
function check(setting: Setting, cases: readonly Case[], more: Parameters<typeof promqlRewriter>[1] = {}): void {
  const rewrite = promqlRewriter(setting, more)
  it.each(cases.map(([before, ...rest]) => ({ before, rest })))('$before', ({ before, rest: [after, given, code] }) => {
    const result = rewrite(before)
    const status = given ?? (after === '=' ? 'unchanged' : 'exact')
    expect([result.after, result.status]).toEqual([after === '=' ? before : after, status])
    if (code !== undefined) expect(result.notes.map((note) => note.code)).toContain(code)
  })
}

const renames: Setting = {
  mapping: {
    metrics: { a: { name: 'b' }, d: { name: 'd.e' }, x_total: { name: 'y_total' }, own: { labels: { l: 'm' } } },
    labels: { pod: 'k8s_pod', dot: 'k8s.dot' },
  },
  targets: { strategy: 'NoTranslation' },
}

describe('rewritePromql', () => {
  describe('names and labels', () => {
    check(renames, [
      ['a', 'b'],
      ['rate(x_total[5m]) # hi', 'rate(y_total[5m]) # hi'],
      ['d', '{"d.e"}', 'exact', 'OBD-P-020'],
      ['d{a="b"}[5m]', '{"d.e", a="b"}[5m]'],
      ['d{}', '{"d.e"}'],
      ['{"a"}', '{"b"}'],
      ["{'a', pod='y'}", "{'b', k8s_pod='y'}"],
      ['{__name__="a"}', '{__name__="b"}'],
      ['{__name__=~"a|q"}', '{__name__=~"b|q"}'],
      ['{__name__=~"^(a|x_total)$"}', '{__name__=~"^(b|y_total)$"}'],
      ['{__name__=~"a.*"}', '=', 'manual', 'OBD-P-003'],
      ['{__name__!="a"}', '=', 'manual', 'OBD-P-003'],
      ['{__name__=~"$m"}', '=', 'manual', 'OBD-P-003'],
      ['{job="x"}', '=', 'approximate', 'OBD-P-003'],
      ['a{pod="x", c = "d"}', 'b{k8s_pod="x", c = "d"}'],
      ['a{dot="x"}', 'b{"k8s.dot"="x"}'],
      ['sum by (pod, dot) (a)', 'sum by (k8s_pod, "k8s.dot") (b)'],
      ['sum without (pod) (a)', 'sum without (k8s_pod) (b)'],
      ['a * on (pod) group_left (x, dot) c', 'b * on (k8s_pod) group_left (x, "k8s.dot") c'],
      ['a / ignoring (pod) c', 'b / ignoring (k8s_pod) c'],
      ['label_replace(a, "pod", "$1", "pod", "(.*)")', 'label_replace(b, "k8s_pod", "$1", "k8s_pod", "(.*)")'],
      ['label_join(a, "n", "-", "pod", "x")', 'label_join(b, "n", "-", "k8s_pod", "x")'],
      ['count_values("pod", a)', 'count_values("k8s_pod", b)'],
      ['sort_by_label(a, "pod")', 'sort_by_label(b, "k8s_pod")'],
      ['info(a, {k8s_x="y"})', 'info(b, {k8s_x="y"})'],
      ['topk(3, a) by (pod)', 'topk(3, b) by (k8s_pod)'],
      ['$m{pod="x"}', '$m{k8s_pod="x"}', 'manual', 'OBD-P-004'],
      ['a{$l="x"}', 'b{$l="x"}', 'manual', 'OBD-P-004'],
      ['a{c="d",$f}', 'b{c="d",$f}', 'approximate', 'OBD-P-021'],
      ['$f(a)', '$f(b)', 'approximate', 'OBD-P-004'],
      ['rate(a[$__rate_interval]) > $t', 'rate(b[$__rate_interval]) > $t'],
      ['sum(a))', '=', 'manual', 'OBD-P-001'],
      ['quite_other{x="y"} offset 5m', '='],
    ])

    it('tells the labels and names that the result has now', () => {
      const result = promqlRewriter(renames)('sum by (pod) (a)')
      expect(Object.fromEntries(result.labels)).toEqual({ pod: 'k8s_pod' })
      expect(Object.fromEntries(result.series)).toEqual({ a: 'b' })
      expect(result.uses).toEqual({ metrics: ['a'], labels: ['pod'], fields: [] })
      expect(result.edits).toEqual([
        { start: 8, end: 11, from: 'pod', to: 'k8s_pod', rule: '§6.1 label renamed' },
        { start: 14, end: 15, from: 'a', to: 'b', rule: '§6.1 metric renamed' },
      ])
    })

    it('follows labels that only a legend reads', () => {
      expect(Object.fromEntries(promqlRewriter(renames, { wanted: ['pod'] })('a').labels)).toEqual({ pod: 'k8s_pod' })
    })
  })

  describe('sides of which one was renamed', () => {
    check(renames, [
      ['own / c', 'own / ignoring (m, l) c', 'approximate', 'OBD-P-013'],
      ['own > bool c', 'own > bool ignoring (m, l) c', 'approximate', 'OBD-P-013'],
      ['own / ignoring (x) c', 'own / ignoring (x, m, l) c', 'approximate', 'OBD-P-013'],
      ['own * on (l) c', '=', 'manual', 'OBD-P-013'],
      ['sum by (l) (own or c)', '=', 'manual', 'OBD-P-013'],
      ['sum by (x) (own) / sum by (x) (c)', '='],
      ['own / 5', '='],
    ])
  })

  describe('labels of the resource', () => {
    const join = '* on (job, instance) group_left'
    check({ translate: { resourceLabels: ['cluster'] } }, [
      ['sum by (cluster) (rate(a[5m]))', `sum by (cluster) (rate(a[5m]) ${join} (cluster) target_info)`, 'exact', 'OBD-P-005'],
      ['sum(rate(a{b="c",cluster="x"}[5m] offset 1h))', `sum(rate(a{b="c"}[5m] offset 1h) ${join} () target_info{cluster="x"} offset 1h)`],
      ['a{cluster="x",b="c"} / c', `(a{b="c"} ${join} () target_info{cluster="x"}) / c`],
      ['max_over_time(a{cluster="x"}[1h:5m])', `max_over_time((a{} ${join} () target_info{cluster="x"})[1h:5m])`],
      ['timestamp(a{cluster="x"})', `timestamp(a{}) ${join} () target_info{cluster="x"}`],
      ['a{cluster!="x"}', `a{} ${join} () target_info{cluster!="x"}`, 'approximate', 'OBD-P-005'],
      ['absent_over_time(a{cluster="x"}[5m])', '=', 'manual', 'OBD-P-005'],
      ['absent(a{cluster="x"})', `absent(a{} ${join} () target_info{cluster="x"})`, 'approximate'],
      ['sum by (job) (a)', '='],
      ['{cluster="x"}', '=', 'manual', 'OBD-P-005'],
      ['a{cluster="x",c="d",}', 'a{c="d",} * on (job, instance) group_left () target_info{cluster="x"}'],
      ['job:a:sum{cluster="x"}', '='],
      [`sum by (cluster) (a ${join} (cluster) target_info)`, '='],
    ])

    it('needs no join where the backend promotes the attribute', () => {
      const rewrite = promqlRewriter({ translate: { resourceLabels: ['cluster'] }, targets: { promoted: ['cluster'] } })
      expect(rewrite('sum by (cluster) (a{cluster="x"})').status).toBe('unchanged')
    })

    it('tells what series have no more', () => {
      const rewrite = promqlRewriter({ translate: { resourceLabels: ['cluster'] } })
      expect(rewrite('a').lost).toEqual(['cluster'])
      expect(rewrite('sum by (job) (a)').lost).toEqual([])
    })
  })

  describe('labels of the scope', () => {
    check({ targets: { scope_labels: true } }, [
      ['sum without (x) (a)', 'sum without (x, otel_scope_name, otel_scope_version) (a)', 'exact', 'OBD-P-019'],
      ['sum without () (a)', 'sum without (otel_scope_name, otel_scope_version) (a)'],
      ['sum without (x,otel_scope_name,otel_scope_version) (a)', '='],
      ['a / on (x) sum by (x) (b)', '='],
      ['a / sum by (x) (b)', 'a / ignoring (otel_scope_name, otel_scope_version) sum by (x) (b)'],
    ])
  })

  describe('native histograms', () => {
    const native: Setting = {
      targets: { native_histograms: true },
      metadata: { m: 'histogram' },
      mapping: { metrics: { ms: { name: 's', factor: 0.001, type: 'histogram' } } },
    }
    check(native, [
      ['histogram_quantile(0.9, sum by (le, x) (rate(m_bucket[5m])))', 'histogram_quantile(0.9, sum by (x) (rate(m[5m])))'],
      ['histogram_quantile(0.9, sum by (le) (rate(m_bucket[5m])))', 'histogram_quantile(0.9, sum(rate(m[5m])))'],
      ['histogram_quantile(0.9, sum(rate(m_bucket[5m])) by (x, le))', 'histogram_quantile(0.9, sum(rate(m[5m])) by (x))'],
      ['histogram_quantile(0.9, rate(ms_bucket[5m]))', 'histogram_quantile(0.9, rate(s[5m])) * 1000'],
      ['rate(m_count[5m])', 'histogram_count(rate(m[5m]))'],
      ['m_count', 'histogram_count(m)'],
      ['m_sum offset 5m', 'histogram_sum(m offset 5m)'],
      ['sum(rate(m_sum[5m])) / sum(rate(m_count[5m]))', 'sum(histogram_sum(rate(m[5m]))) / sum(histogram_count(rate(m[5m])))'],
      ['m_bucket{le="+Inf"}', 'histogram_count(m{})'],
      [
        'sum(rate(m_bucket{le="0.5",a="b"}[5m]))',
        'sum(histogram_fraction(-Inf, 0.5, rate(m{a="b"}[5m])) * histogram_count(rate(m{a="b"}[5m])))',
        'exact',
        'OBD-P-011',
      ],
      ['1 - rate(ms_bucket{le="500"}[5m])', '1 - (histogram_fraction(-Inf, 0.5, rate(s{}[5m])) * histogram_count(rate(s{}[5m])))', 'exact'],
      ['m_bucket{le=~"1|2"}', '=', 'manual', 'OBD-P-011'],
      ['sum by (le) (increase(m_bucket[5m]))', 'sum(increase(m[5m]))', 'approximate', 'OBD-P-011'],
      ['count(m_bucket)', '=', 'manual', 'OBD-P-011'],
      ['sum(m_bucket)', '=', 'manual', 'OBD-P-011'],
      ['max_over_time(m_count[5m])', '=', 'manual', 'OBD-P-011'],
    ])
  })

  describe('bounds, series that are made or gone', () => {
    check({}, [
      ['a_bucket{le="1"}', 'a_bucket{le=~"1|1\\\\.0"}', 'exact', 'OBD-P-012'],
      ['a_bucket{le!="1.0"}', 'a_bucket{le!~"1|1\\\\.0"}'],
      ['a_bucket{le=~"1|1\\\\.0"}', '='],
      ['a_bucket{le=~"0.5|1"}', 'a_bucket{le=~"0\\\\.5|1|1\\\\.0"}'],
      ['a_bucket{le="0.5"}', '='],
      ['a_bucket{le="+Inf"}', '='],
      ['a_bucket{le="$x"}', '='],
      ['a{quantile="0.9"}', '='],
      ['foo_created', '=', 'manual', 'OBD-P-007'],
      ['kube_pod_info', '='],
      ['up == 0', '=', 'unchanged', 'OBD-P-008'],
      ['scrape_samples_scraped', '=', 'unchanged', 'OBD-P-008'],
      ['ALERTS{alertstate="firing"}', '=', 'manual', 'OBD-P-008'],
    ])
  })

  describe('ranges and deltas', () => {
    check(
      {},
      [
        ['rate(a_total[1m])', '=', 'approximate', 'OBD-P-010'],
        ['rate(a_total[4m])', '='],
        ['rate(a_total[$r])', '='],
      ],
      { exportInterval: 60 },
    )
    check({ targets: { deltas: true } }, [
      ['rate(a_total[5m])', 'sum_over_time(a_total[5m]) / 300', 'exact', 'OBD-P-018'],
      ['2 * rate(a_total[5m])', '2 * (sum_over_time(a_total[5m]) / 300)'],
      ['increase(a_total[5m])', 'sum_over_time(a_total[5m])'],
      ['rate(a_total[$__rate_interval])', 'sum_over_time(a_total[$__rate_interval]) / ($__rate_interval_ms / 1000)'],
      ['rate(a_total[$r])', '=', 'manual', 'OBD-P-018'],
      ['irate(a_total[5m])', '=', 'manual', 'OBD-P-018'],
      ['rate(gauge[5m])', '='],
    ])
  })

  describe('names that the backend makes', () => {
    const suffixes: Setting = {
      targets: { strategy: 'UnderscoreEscapingWithSuffixes' },
      metadata: { foo: 'counter', g: 'gauge', h_seconds: 'histogram' },
    }
    check(suffixes, [
      ['rate(foo[5m])', 'rate(foo_total[5m])'],
      ['rate(foo_total[5m])', '='],
      ['g', '='],
      ['h_seconds_bucket', '='],
      ['a__b', 'a_b', 'approximate', 'OBD-P-009'],
      ['unknown', '=', 'approximate', 'OBD-P-009'],
      ['{__name__=~"fo."}', '{__name__=~"foo_total"}', 'approximate', 'OBD-P-003'],
      ['{__name__=~"h_.*"}', '='],
      ['{__name__=~"(f+)+"}', '=', 'manual', 'OBD-P-003'],
    ])
  })

  describe('scale', () => {
    const scaled: Setting = {
      mapping: {
        metrics: {
          ms: { name: 's', factor: 0.001 },
          h_ms: { name: 'h_s', factor: 0.001, type: 'histogram' },
          kb: { name: 'by', factor: 1000 },
        },
      },
    }
    check(scaled, [
      ['ms', 's * 1000', 'exact', 'OBD-P-014'],
      ['kb', 'by / 1000'],
      ['ms > 5', '(s * 1000) > 5'],
      ['5 < ms', '5 < (s * 1000)'],
      ['ms > bool 3', '(s * 1000) > bool 3'],
      ['avg(ms) / avg(ms)', 'avg(s) / avg(s)'],
      ['sum(rate(h_ms_sum[5m])) / sum(rate(h_ms_count[5m]))', 'sum(rate(h_s_sum[5m])) / sum(rate(h_s_count[5m])) * 1000'],
      [
        'histogram_quantile(0.9, sum by (le) (rate(h_ms_bucket[5m])))',
        'histogram_quantile(0.9, sum by (le) (rate(h_s_bucket[5m]))) * 1000',
      ],
      ['h_ms_bucket{le="250"}', 'h_s_bucket{le="0.25"}', 'approximate', 'OBD-P-012'],
      ['h_ms_bucket{le="5000"}', 'h_s_bucket{le=~"5|5\\\\.0"}', 'approximate', 'OBD-P-012'],
      ['h_ms_bucket{le=~"100|250"}', 'h_s_bucket{le=~"0\\\\.1|0\\\\.25"}', 'approximate', 'OBD-P-012'],
      ['h_ms_bucket{le="$x"}', '=', 'manual', 'OBD-P-012'],
      ['sum(h_ms_bucket{le="250"})', 'sum(h_s_bucket{le="0.25"})'],
      ['ms == 5', '(s * 1000) == 5', 'approximate', 'OBD-P-014'],
      ['ceil(ms)', 'ceil(s * 1000)', 'approximate', 'OBD-P-014'],
      ['stdvar(ms)', 'stdvar(s) * 1000000'],
      ['stddev_over_time(ms[5m])', 'stddev_over_time(s[5m]) * 1000'],
      ['count(ms)', 'count(s)'],
      ['changes(ms[5m])', 'changes(s[5m])'],
      ['ms + kb', '(s * 1000) + (by / 1000)'],
      ['ms * kb', 's * by'],
      ['ms + ms > 5', '((s + s) * 1000) > 5'],
      ['sqrt(ms + ms)', 'sqrt((s + s) * 1000)'],
      ['ms ^ 2', '(s * 1000) ^ 2'],
      ['clamp_max(ms, 3)', 'clamp_max(s * 1000, 3)'],
      ['round(ms)', 'round(s * 1000)'],
      ['ln(ms)', 'ln(s * 1000)'],
      ['-ms', '-s * 1000'],
      ['sum(ms) or vector(0)', '(sum(s) * 1000) or vector(0)'],
      ['ms and kb', '(s and by) * 1000'],
      ['ms > ms', '(s > s) * 1000'],
      ['ms * 8 / 60', 's * 8 / 60 * 1000'],
      ['ms offset ${off}', 's offset ${off} * 1000'],
      ['quantile(scalar(ms), ms)', 'quantile(scalar(s) * 1000, s) * 1000'],
      ['histogram_fraction(0, 250, ms)', 'histogram_fraction(0, 0.25, s)'],
      ['{__name__=~"ms|kb"}', '=', 'manual', 'OBD-P-015'],
      ['(ms > 5) # c', '((s * 1000) > 5) # c'],
    ])

    it('leaves the factor to the panel where that is asked for, and never of a rule', () => {
      const panel = promqlRewriter(scaled, { scale: 'panel' })
      expect(panel('sum(ms)')).toMatchObject({ after: 'sum(s)', factor: 0.001, status: 'exact' })
      expect(panel('ms > 5')).toMatchObject({ after: '(s * 1000) > 5', factor: 1 })
      expect(promqlRewriter(scaled, { scale: 'panel', role: 'rule' })('sum(ms)')).toMatchObject({ after: 'sum(s) * 1000', factor: 1 })
    })
  })

  describe('old and new', () => {
    check(
      renames,
      [
        ['sum(a)', '(sum(b)) or (sum(a))', 'exact', 'OBD-P-016'],
        ['(sum(b)) or (sum(a))', '='],
        ['sum(c)', '='],
        ['sum(a) # x', '(sum(b) # x\n) or (sum(a) # x\n)'],
        ['sum by (pod) (a)', 'sum by (k8s_pod) (b)', 'approximate', 'OBD-P-017'],
        ['a', 'b', 'approximate', 'OBD-P-017'],
      ],
      { transition: 'old-or-new' },
    )

    it('never stands in alerts on what is there', () => {
      expect(promqlRewriter(renames, { transition: 'old-or-new', role: 'rule' })('count(a) < 3')).toMatchObject({
        after: 'count(b) < 3',
        status: 'approximate',
      })
    })

    it('keeps the query where rules record the old name', () => {
      expect(promqlRewriter(renames, { transition: 'recording' })('sum by (pod) (a)')).toMatchObject({
        after: 'sum by (pod) (a)',
        status: 'exact',
      })
    })
  })
})
