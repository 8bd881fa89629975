import { describe, expect, it } from 'vitest'
import { IndexKind, indexInfo } from '../../../src/translate/elasticsearch/index-names.ts'

const kinds: readonly (readonly [kind: keyof typeof IndexKind, names: readonly string[]])[] = [
  [
    'Logs',
    [
      ...['logs', 'logs-nginx.access-default', 'filebeat-7.17.0-2026.01.02', 'logstash-2026.01.02', '', 'metrics', 'metricsets-x', 'apm'],
      ...[
        'traces-generic-default',
        'synthetics-http-default',
        'apm-7.17.0-onboarding-2026.01.02',
        'logs-apm.app.shop-default',
        'my-metrics-x',
      ],
      ...['logs-jaeger-prod', 'filebeat-jaeger-span-collector', 'jaeger', 'jaeger-spanner', 'logs-apm-span', '<logs-{now/d}>'],
      '.ds-logs-nginx-default-2026.01.02-000001',
    ],
  ],
  [
    'Metrics',
    ['metrics-system.cpu-default', 'metricbeat-8.1.0', '.ds-metrics-system.cpu-default-2026.01.02-000003', '<metricbeat-{now/d}>'],
  ],
  [
    'ApmTraces',
    ['traces-apm-default', 'traces-apm.rum-default', 'apm-7.17.0-transaction-000001', 'apm-7.17.0-span-2026.01.02', 'apm--span'],
  ],
  ['ApmErrors', ['logs-apm.error-default', 'apm-7.17.0-error-000001', '.ds-logs-apm.error-default-2026.01.02-000001']],
  ['ApmMetrics', ['metrics-apm.internal-default', 'metrics-apm.app.shop-default', 'apm-7.17.0-metric-000001']],
  [
    'Jaeger',
    [
      ...[
        'jaeger-span-2026-01-02',
        'jaeger-service-2026-01-02',
        'jaeger-span-write',
        'jaeger-dependencies-2026-01-02',
        'prod-jaeger-span-2026-01-02',
      ],
      ...[
        'prod-jaeger-span-000001',
        'prod-jaeger-service-write',
        'jaeger-sampling-2026-01-02',
        'jaeger-span-archive',
        'a-jaeger-span-2026.01.02',
      ],
    ],
  ],
  ['System', ['.monitoring-es-7-2026.01.02', '.fleet-actions', '.kibana', '.', '.ds-', '.ds-.logs-x-default-2026.01.02-000001']],
  ['Profiling', ['profiling-events-all', 'profiling-stacktraces']],
]

describe('indexInfo', () => {
  it.each(kinds.flatMap(([kind, names]) => names.map((name) => [name, kind] as const)))('takes %o for %s', (name, kind) => {
    expect(indexInfo(name)).toMatchObject({ name, kind: IndexKind[kind] })
  })

  it.each([
    ['logs-shop-prod', { type: 'logs', dataset: 'shop', namespace: 'prod' }],
    ['metrics-system.cpu-default', { type: 'metrics', dataset: 'system.cpu', namespace: 'default' }],
    ['traces-apm-default', { type: 'traces', dataset: 'apm', namespace: 'default' }],
    ['synthetics-http-x', { type: 'synthetics', dataset: 'http', namespace: 'x' }],
    ['.ds-logs-nginx.access-default-2026.01.02-000001', { type: 'logs', dataset: 'nginx.access', namespace: 'default' }],
    ['.ds-logs-nginx-default-000001', { type: 'logs', dataset: 'nginx', namespace: 'default' }],
  ])('reads the data stream of %s', (name, dataStream) => {
    expect(indexInfo(name).dataStream).toEqual(dataStream)
  })

  it.each([
    'logs',
    'logs-shop',
    'logs-a-b-c',
    'logs--x',
    'logs-x-',
    'profiling-a-b',
    'logstash-2026-01',
    '<logs-a-{now/d}>',
    'LOGS-a-b',
    '.logs-a-b',
    '',
  ])('sees no data stream in %o', (name) => {
    expect(indexInfo(name).dataStream).toBeUndefined()
  })

  it('is quick with any name', () => {
    const names = [
      `apm-${'-'.repeat(1000)}`,
      `${'-jaeger-span'.repeat(80)}`,
      `.ds-${'1'.repeat(900)}-0`,
      'a'.repeat(100_000),
      `logs-${'a'.repeat(100_000)}-b`,
    ]
    const start = performance.now()
    for (const name of names) indexInfo(name)
    expect(performance.now() - start).toBeLessThan(200)
  })
})
