import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import type { AlertRule } from '../../../dashboards/rules/alert-rule.ts'
import { durationText, secondsIn, secondsOf, secondsOfDelta } from '../../../dashboards/rules/durations.ts'
import { datasourceFor, grafanaAlertFiles } from '../../../dashboards/rules/grafana-alerts.ts'
import { ruleFiles } from '../../../dashboards/rules/loki-rules.ts'
import { annotationOf, fillMustache } from '../../../dashboards/rules/mustache.ts'
import { basePath, bracketed, labelName } from '../../../dashboards/rules/outcome.ts'
import { numberText } from '../../../dashboards/rules/plain.ts'
import { maskSecrets } from '../../../dashboards/rules/receivers.ts'

const rule: AlertRule = {
  name: 'n',
  group: 'g',
  interval: 60,
  language: 'logql',
  expr: 'sum(count_over_time({a="b"} [5m])) > 0',
  holds: 0,
  labels: { a: 'b' },
  annotations: { summary: 'value {{ $value }}' },
  paused: false,
  comments: [],
  lookback: 3600,
}

describe('durations', () => {
  it.each([
    ['5m', 300],
    ['1h30m', 5400],
    ['500ms', 0.5],
    ['1w', 604_800],
    ['', undefined],
    ['1M', undefined],
    ['5m ago', undefined],
  ])('reads %s', (text, seconds) => {
    expect(secondsOf(text)).toBe(seconds)
  })

  it('reads parts, and deltas of Python', () => {
    expect(secondsIn('5', 'm')).toBe(300)
    expect(secondsIn(5, 'x')).toBeUndefined()
    expect(secondsOfDelta({ hours: 1, minutes: 30 })).toBe(5400)
    expect(secondsOfDelta({})).toBeUndefined()
    expect(secondsOfDelta({ hours: 'x' })).toBeUndefined()
  })

  it('writes the largest unit that fits', () => {
    expect([60, 90, 7200, 604_800, 0.25].map(durationText)).toEqual(['1m', '90s', '2h', '1w', '250ms'])
  })
})

describe('ruleFiles', () => {
  it('parts languages, and what is paused', () => {
    const files = ruleFiles('b', 'src', [rule, { ...rule, language: 'promql', expr: 'up == 0', paused: true }], ['about'])
    expect(files.map(({ path }) => path)).toEqual(['b.loki.yaml', 'b.prometheus.paused.yaml'])
    expect(parse(files[0]?.text ?? '')).toEqual({
      groups: [
        {
          name: 'g',
          interval: '1m',
          rules: [{ alert: 'n', expr: rule.expr, for: '0s', labels: rule.labels, annotations: rule.annotations }],
        },
      ],
    })
    expect(parse(files[1]?.text ?? '')).toEqual({ groups: [] })
  })

  it('gives groups of one name different names where their intervals differ', () => {
    const [file] = ruleFiles('b', 'src', [rule, { ...rule, interval: 30 }, rule], [])
    expect(parse(file?.text ?? '').groups.map(({ name, rules }: { name: string; rules: unknown[] }) => [name, rules.length])).toEqual([
      ['g', 2],
      ['g 2', 1],
    ])
  })

  it('keeps line breaks of names and comments from making rules', () => {
    const [file] = ruleFiles(
      'b',
      'a\n- alert: evil',
      [{ ...rule, comments: ['x\n- alert: evil'], annotations: { d: 'a\n# b\n- c: d' } }],
      ['y\ngroups: 1'],
    )
    expect(parse(file?.text ?? '').groups[0].rules).toMatchObject([{ annotations: { d: 'a\n# b\n- c: d' } }])
  })
})

describe('grafanaAlertFiles', () => {
  const choice = { options: { datasources: {} }, known: [{ uid: 'L', name: 'x', type: 'loki', isDefault: false }] }

  it('fires for every series, 0 too, and looks back far enough', () => {
    const [file] = grafanaAlertFiles('b', 'src', 'F', [rule, { ...rule, interval: 7 }], [], choice)
    const { groups } = parse(file?.text ?? '')
    expect(groups.map(({ interval }: { interval: string }) => interval)).toEqual(['1m', '10s'])
    expect(groups[0].rules[0]).toMatchObject({
      data: [
        { datasourceUid: 'L', relativeTimeRange: { from: 3600, to: 0 }, model: { queryType: 'instant' } },
        { model: { expression: 'is_number($A) || is_inf($A)' } },
      ],
      annotations: { summary: 'value {{ $values.A.Value }}' },
    })
  })

  it('gives rules ids that stay and differ', () => {
    const ids = (rules: readonly AlertRule[]): string[] =>
      parse(grafanaAlertFiles('b', 's', 'F', rules, [], choice)[0]?.text ?? '').groups[0].rules.map(({ uid }: { uid: string }) => uid)
    expect(ids([rule, rule])).toEqual(ids([rule, rule]))
    expect(new Set(ids([rule, rule, { ...rule, name: 'm' }])).size).toBe(3)
    expect(ids([rule])[0]).toMatch(/^[\w-]{1,40}$/)
  })
})

describe('datasourceFor', () => {
  it('takes the mapping, then provisioning, then the name of the plugin', () => {
    const known = [{ uid: 'k', name: 'k', type: 'loki', isDefault: false }]
    expect(datasourceFor('loki', { options: { datasources: { x: { uid: 'm', type: 'loki' } } }, known })).toEqual({
      uid: 'm',
      guessed: false,
    })
    expect(datasourceFor('loki', { options: { datasources: {} }, known })).toEqual({ uid: 'k', guessed: false })
    expect(datasourceFor('prometheus', { options: { datasources: {} }, known })).toEqual({ uid: 'prometheus', guessed: true })
  })
})

describe('mustache', () => {
  it('shows what is known, and names the rest', () => {
    expect(
      annotationOf('{{a}} {{{b}}} {{&c}} {{! no }}{{#d}}x{{/d}}{{^e}}y{{/e}} {{ open', (path) => (path === 'a' ? '1' : undefined)),
    ).toEqual({
      text: '1 [b] [c] xy {{ "{{" }} open',
      lost: ['b', 'c', '#d', '#e'],
    })
    expect(fillMustache('now-{{ctx.metadata.w}}{{x}}', (path) => (path === 'ctx.metadata.w' ? '5m' : undefined))).toBe('now-5m{{x}}')
  })

  it('takes time in proportion to the text', () => {
    const start = process.cpuUsage().user
    annotationOf('{{'.repeat(500_000), () => undefined)
    fillMustache('{{{'.repeat(300_000), () => undefined)
    expect(process.cpuUsage().user - start).toBeLessThan(2_000_000)
  })
})

describe('outcome', () => {
  it('makes paths that stay below the output folder', () => {
    expect(['../../etc/x.yaml', 'a/./b.yml', '-', 'c:\\d\\e.json', ''].map(basePath)).toEqual(['etc/x', 'a/b', 'rules', 'c_/d/e', 'rules'])
  })

  it('brackets what has operators outside of brackets', () => {
    expect(['sum(a + b)', 'sum by (a) (b[5m])', '(a or b)', 'x{a="b+c"}', 'a or b', 'a / b', 'a unless b'].map(bracketed)).toEqual([
      'sum(a + b)',
      'sum by (a) (b[5m])',
      '(a or b)',
      'x{a="b+c"}',
      '(a or b)',
      '(a / b)',
      '(a unless b)',
    ])
    expect(bracketed('(a) or (b)')).toBe('((a) or (b))')
  })

  it('names labels, and numbers without exponents', () => {
    expect([labelName('a.b-c'), labelName('1a')]).toEqual(['a_b_c', '_1a'])
    expect([1e21, 1e-7, 0.05, 5].map(numberText)).toEqual(['1000000000000000000000', '0.0000001', '0.05', '5'])
  })
})

describe('maskSecrets', () => {
  it.each([
    'https://user:hunter2@host.test/x',
    'https://hooks.slack.com/services/T0/B0/hunter2',
    'https://discord.test/api/webhooks/1/hunter2',
    'Authorization: Bearer hunter2hunter2',
    'password = "hunter2"',
    'api_key: hunter2',
    'token=hunter2&x=1',
  ])('hides %s', (text) => {
    expect(maskSecrets(`before ${text} after`)).not.toContain('hunter2')
    expect(maskSecrets(`before ${text} after`)).toMatch(/^before .*after$/)
  })

  it('leaves other text alone', () => {
    const text = 'the host {{x}} at https://wiki.test/runbook?id=1 said "no token found"'
    expect(maskSecrets(text)).toBe(text)
  })
})
