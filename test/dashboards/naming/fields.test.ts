import { describe, expect, it } from 'vitest'
import { createFieldNaming, defaultIndexLabels, lokiLabel } from '../../../dashboards/naming/fields.ts'
import { createFieldMapping } from '../../../src/translate/elasticsearch/user-fields.ts'

const indices = {
  'logs-nginx-*': { as: 'logs', selector: '{service_name="nginx"}', text_fields: ['note'], keyword_fields: ['message'] },
  'logs-api-*': { as: 'logs', selector: '{service_name="api"}', text_fields: [], keyword_fields: [] },
  'logs-odd-*': { as: 'logs', selector: '{job="odd"}', text_fields: [], keyword_fields: [] },
  'metricbeat-*': { as: 'metrics', text_fields: [], keyword_fields: [] },
} as const

const make = (more: Partial<Parameters<typeof createFieldNaming>[0]> = {}) =>
  createFieldNaming({
    rules: { renames: 'default' },
    flavour: 'loki',
    indices: indices as unknown as Parameters<typeof createFieldNaming>[0]['indices'],
    ...more,
  })

describe('createFieldNaming', () => {
  const loki = make()
  const elastic = make({ flavour: 'elasticsearch-otel' })

  it.each([
    ['service.name', 'label', 'service_name'],
    ['kubernetes.pod.name', 'label', 'k8s_pod_name'],
    ['host.name', 'metadata', 'host_name'],
    ['url.path', 'metadata', 'url_path'],
    ['error.stack_trace', 'metadata', 'exception_stacktrace'],
    ['host.name.keyword', 'metadata', 'host_name'],
    ['message', 'line', '__line__'],
    ['@timestamp', 'time', '__timestamp__'],
    ['log.level', 'metadata', 'severity_text'],
    ['trace.id', 'metadata', 'trace_id'],
    ['log.logger', 'metadata', 'scope_name'],
    ['message.user.id', 'json', 'user_id'],
    ['@version', 'gone', '@version'],
  ])('finds %s in Loki', (field, where, name) => {
    expect(loki.field(field)).toMatchObject({ where, name })
  })

  it.each([
    ['service.name', 'resource.attributes.service.name'],
    ['url.path', 'attributes.url.path'],
    ['kubernetes.pod.name.keyword', 'resource.attributes.k8s.pod.name'],
    ['message', 'body.text'],
    ['message.a.b', 'body.structured.a.b'],
    ['log.level', 'severity_text'],
    ['trace.id', 'trace_id'],
    ['log.logger', 'scope.name'],
    ['@timestamp', '@timestamp'],
    ['data_stream.dataset', 'data_stream.dataset'],
  ])('finds %s in Elasticsearch', (field, name) => {
    expect(elastic.field(field).name).toBe(name)
    expect(elastic.field(name).name).toBe(name)
  })

  it('takes index labels as the target says them', () => {
    expect(defaultIndexLabels).toHaveLength(17)
    const own = make({ labels: ['host.name'] })
    expect([own.field('host.name').where, own.field('service.name').where]).toEqual(['label', 'metadata'])
  })

  it('puts the user’s own rules first', () => {
    const own = make({
      rules: {
        renames: 'default',
        fields: createFieldMapping({
          fields: [
            { field: 'app', resource: 'service.name' },
            { field: 'log.level', attribute: 'lvl' },
            { field: 'secret', drop: true },
          ],
        }),
      },
    })
    expect(own.field('app')).toMatchObject({ where: 'label', name: 'service_name' })
    expect(own.field('log.level')).toMatchObject({ where: 'metadata', name: 'lvl', changesCase: false })
    expect(own.field('secret').where).toBe('gone')
  })

  it('says what is not sure, and what may be written differently', () => {
    expect(loki.field('level')).toMatchObject({ certain: false })
    expect(loki.field('host.hostname')).toMatchObject({ certain: false })
    expect(loki.field('log.level')).toMatchObject({ certain: true, changesCase: true })
    expect(loki.field('http.request.method').changesCase).toBe(true)
    expect(loki.field('tags').isList).toBe(true)
  })

  it('knows text', () => {
    expect(['message', 'error.message', 'process.name.text'].map((one) => loki.isText(one))).toEqual([true, true, true])
    expect(['message.keyword', 'host.name', 'log.original'].map((one) => loki.isText(one))).toEqual([false, false, false])
    expect([loki.isText('note', 'logs-nginx-1'), loki.isText('message', 'logs-nginx-1')]).toEqual([true, false])
    const listed = make({ fields: new Map([['x-*', ['a', 'a.keyword', 'b']]]) })
    expect([listed.isText('a', 'x-*'), listed.isText('b', 'x-*'), listed.isText('a')]).toEqual([true, false, false])
  })

  it('finds the selector of an index, of its pattern, and of several', () => {
    expect(loki.selectorOf('logs-nginx-2026')).toBe('{service_name="nginx"}')
    expect(loki.selectorOf('logs-nginx-*,logs-api-*')).toBe('{service_name=~"nginx|api"}')
    expect(loki.selectorOf('eu:logs-nginx-1')).toBe('{service_name="nginx"}')
    expect(loki.selectorOf('logs-nginx-1,logs-odd-1')).toBeUndefined()
    expect(loki.selectorOf('logs-nginx-1,unknown')).toBeUndefined()
  })

  it('knows which documents became metrics', () => {
    expect([loki.areMetrics('metricbeat-7'), loki.areMetrics('metricbeat-7,logs-api-1'), loki.areMetrics('')]).toEqual([true, false, false])
  })

  it('takes names that are none of ours', () => {
    for (const name of ['__proto__', 'constructor', 'toString', '', '.', 'a'.repeat(100_000)])
      expect(loki.field(name).name).toBeTypeOf('string')
  })
})

describe('lokiLabel', () => {
  it.each([
    ['a.b-c/d', 'a_b_c_d'],
    ['a..b', 'a_b'],
    ['1abc', 'key_1abc'],
    ['@z', '_z'],
    ['ünï', '_n_'],
    ['f__', 'f_'],
  ])('writes %s as Loki 3.7 does', (name, label) => {
    expect(lokiLabel(name)).toBe(label)
  })
})
