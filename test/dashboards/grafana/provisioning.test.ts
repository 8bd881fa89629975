import { describe, expect, it } from 'vitest'
import { grafanaDatasources, grafanaProviders } from '../../../dashboards/grafana/converter.ts'
import { readDatasources } from '../../../dashboards/grafana/provisioning.ts'
import { parseYamlDocuments } from '../../../dashboards/text/yaml.ts'
import { contextOf } from '../../support/dashboards/grafana.ts'

const text = `apiVersion: 1
datasources:
  - name: Prom # kept
    uid: p
    type: prometheus
    isDefault: true
    basicAuthPassword: hunter2
    jsonData:
      httpMethod: POST
      exemplarTraceIdDestinations:
        - name: traceID
          datasourceUid: j
        - name: trace_id
          url: http://jaeger:16686/trace/$\${__value.raw}
    secureJsonData:
      httpHeaderValue1: Bearer hunter3
      tlsClientKey: $__file{/key}
  - name: Loki
    uid: l
    type: loki
    jsonData:
      derivedFields:
        - name: TraceID
          matcherRegex: 'traceID=(\\w+)'
          url: $\${__value.raw}
          datasourceUid: j
  - name: Elastic
    uid: e
    type: elasticsearch
    database: filebeat-*
  - name: Jaeger
    uid: j
    type: jaeger
    jsonData:
      tracesToLogsV2:
        datasourceUid: e
        tags: [{ key: service.name, value: service.name }]
        customQuery: true
        query: 'trace.id:"$\${__trace.traceId}"'
      tracesToMetrics:
        datasourceUid: p
        tags: [{ key: k8s.pod.name, value: pod }]
        queries:
          - name: Rate
            query: sum(rate(calls_total{$__tags}[5m]))
`
const names = { metrics: { calls_total: 'spans_total' }, labels: { pod: 'k8s_pod_name' } }
const run = (source: string, datasources: Record<string, string> = {}) => {
  const converted = grafanaDatasources.convert({ path: 'ds.yaml', text: source }, contextOf(names, { datasources }))
  return { ...converted, after: converted.files[0]?.text ?? '' }
}

describe('readDatasources', () => {
  it('says uid, plugin, default and index', () => {
    expect(readDatasources(parseYamlDocuments(text).root)).toEqual([
      { uid: 'p', name: 'Prom', type: 'prometheus', isDefault: true, index: undefined },
      { uid: 'l', name: 'Loki', type: 'loki', isDefault: false, index: undefined },
      { uid: 'e', name: 'Elastic', type: 'elasticsearch', isDefault: false, index: 'filebeat-*' },
      { uid: 'j', name: 'Jaeger', type: 'jaeger', isDefault: false, index: undefined },
    ])
  })
})

describe('grafanaDatasources', () => {
  it('follows traces, labels and metrics, keeps old fields beside, and leaves all else byte for byte', () => {
    const { after } = run(text, { j: 'tempo1', e: 'loki1', jaeger: 'tempo1' })
    const lines = after.split('\n')
    expect(lines[2]).toBe('  - name: Prom # kept')
    expect(after).toContain(
      '        - name: trace_id\n          datasourceUid: tempo1\n        - name: trace_id\n          datasourceUid: tempo1\n',
    )
    expect(after).toMatch(
      /matcherRegex: 'traceID=\(\\w\+\)'[\s\S]*matcherType: label\n\s+matcherRegex: trace_id[\s\S]*datasourceUid: tempo1/,
    )
    expect(after).toContain('query: sum(rate(spans_total{$__tags}[5m]))')
    expect(after).toContain('tags: [{ key: k8s.pod.name, value: k8s_pod_name }]')
    expect(after).toContain('datasourceUid: loki1\n        tags: [{ key: service.name, value: service_name }]')
  })

  it('is done once: converted again nothing changes', () => {
    const options = { j: 'tempo1', e: 'loki1', jaeger: 'tempo1' }
    const { after } = run(text, options)
    expect(run(after, options).after).toBe(after)
  })

  it('never writes a secret, and leaves pointers to one', () => {
    const { after, parts } = run(text)
    expect(`${after}${JSON.stringify(parts)}`).not.toMatch(/hunter/)
    expect(after).toContain('tlsClientKey: $__file{/key}')
    expect(parts.filter((part) => part.notes[0]?.code === 'OBD-G-020')).toHaveLength(2)
  })

  it('says of old data sources that nobody names their heirs', () => {
    const { parts } = run(text)
    expect(parts.filter((part) => part.notes[0]?.code === 'OBD-G-002').map((part) => part.title)).toEqual(['Elastic', 'Jaeger'])
  })

  it('leaves a file in which nothing follows as it is, JSON or YAML', () => {
    const json = '{"apiVersion":1,  "datasources":[{"name":"x","type":"mysql"}]}'
    expect(run(json).after).toBe(json)
    const providers = 'apiVersion: 1\nproviders:\n  - name: a\n'
    expect(grafanaProviders.convert({ path: 'p.yaml', text: providers }, contextOf()).files[0]?.text).toBe(providers)
  })
})
