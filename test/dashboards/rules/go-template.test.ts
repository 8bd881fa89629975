import { describe, expect, it } from 'vitest'
import { rewriteTemplate, templateLabels } from '../../../dashboards/rules/go-template.ts'
import { applyEdits } from '../../../dashboards/text/edits.ts'
import { promqlRewriter } from '../../support/dashboards/promql.ts'

const rewrite = promqlRewriter({ mapping: { metrics: { a: { name: 'b' } }, labels: { pod: 'k8s_pod' } } })

const run = (text: string) => {
  const result = rewriteTemplate(text, {
    labels: new Map([
      ['pod', 'k8s_pod'],
      ['dot', 'k8s.dot'],
    ]),
    lost: new Set(['cluster']),
    label: (label) => (label === 'pod' ? { kind: 'renamed', to: 'k8s_pod' } : { kind: 'kept' }),
    rewrite,
  })
  return { after: applyEdits(text, result.edits), status: result.status, queries: result.queries.length }
}

describe('rewriteTemplate', () => {
  it.each([
    ['{{ $labels.pod }}', '{{ $labels.k8s_pod }}'],
    ['{{$labels.pod}}/{{- .Labels.pod -}}', '{{$labels.k8s_pod}}/{{- .Labels.k8s_pod -}}'],
    ['{{ $labels.dot }}', '{{ (index $labels "k8s.dot") }}'],
    ['{{ index $labels "dot" }}', '{{ index $labels "k8s.dot" }}'],
    ['{{ $labels.podx }} $labels.pod', '{{ $labels.podx }} $labels.pod'],
    ['{{ "$labels.pod" }}', '{{ "$labels.pod" }}'],
    ['{{/* $labels.pod */}}{{ $labels.pod }}', '{{/* $labels.pod */}}{{ $labels.k8s_pod }}'],
    [
      '{{ with query "sum(a)" }}{{ . | first | label "pod" }}{{ end }}',
      '{{ with query "sum(b)" }}{{ . | first | label "k8s_pod" }}{{ end }}',
    ],
    ['{{ range query `a{pod="x"}` }}{{ end }}', '{{ range query `b{k8s_pod="x"}` }}{{ end }}'],
    ['{{ "a" | query | first | value }}', '{{ "b" | query | first | value }}'],
    ['{{ printf "a{pod=\'%s\'}" $labels.pod | query }}', '{{ printf "b{k8s_pod=\'%s\'}" $labels.k8s_pod | query }}'],
    ['{{ query (printf "a{x=\'%s\'}" .Value) }}', '{{ query (printf "b{x=\'%s\'}" .Value) }}'],
    ['{{ $value | humanize }}', '{{ $value | humanize }}'],
    ['{{ unfinished $labels.pod', '{{ unfinished $labels.k8s_pod'],
  ])('%s', (before, after) => {
    expect(run(before).after).toBe(after)
  })

  it('says what it could not follow', () => {
    expect(run('{{ $labels.cluster }}').status).toBe('manual')
    expect(run('{{ query $q }}').status).toBe('approximate')
    expect(run('{{ printf "%s{x=\'y\'}" $m | query }}')).toMatchObject({ status: 'approximate', queries: 0 })
    expect(run('{{ query "sum(" }}')).toMatchObject({ status: 'manual', after: '{{ query "sum(" }}' })
  })

  it('takes time in proportion to the length', () => {
    for (const text of ['{{ $labels.pod '.repeat(10_000), '{{"'.repeat(50_000), '{{/*'.repeat(50_000), '{{ query '.repeat(10_000)]) {
      const started = performance.now()
      run(text)
      expect(performance.now() - started).toBeLessThan(2000)
    }
  })
})

describe('templateLabels', () => {
  it('lists labels of the alert, each once', () => {
    expect(templateLabels('{{ $labels.a }} {{ index $labels "b.c" }} {{ $labels.a }} {{ .Labels.d }}')).toEqual(['a', 'b.c'])
  })
})
