import { describe, expect, it } from 'vitest'
import { type FieldOptions, fieldTarget, isVerbatim, ruleOf } from '../../../src/translate/elasticsearch/names.ts'
import { isCoreName } from '../../../src/translate/elasticsearch/placement.ts'
import { type FieldRule, Marker, Role, ruleIn, Scale, Transform } from '../../../src/translate/elasticsearch/rules.ts'
import { createFieldMapping, type FieldMappingFile } from '../../../src/translate/elasticsearch/user-fields.ts'

const standard: FieldOptions = { renames: 'default' }
const rule = (path: string): FieldRule => ruleOf(path, standard)
const inShape = (path: string, markers: number): FieldRule => ruleIn(rule(path), markers)
const withFields = (...fields: FieldMappingFile['fields']): FieldOptions => ({ ...standard, fields: createFieldMapping({ fields }) })

/** Paths of a role, in order. */
const candidates: readonly (readonly [role: keyof typeof Role, paths: readonly string[]])[] = [
  ['Time', ['@timestamp', 'timestamp', 'time', 'date', 'ts', '__REALTIME_TIMESTAMP']],
  ['Observed', ['event.created', 'event.ingested']],
  ['Body', ['message', 'log', 'msg', 'MESSAGE', 'short_message', 'event.original', 'log.original', 'error.message']],
  [
    'SeverityText',
    [
      ...['log.level', 'level', 'loglevel', 'severity', 'severity_text', 'levelname', 'priority', 'syslog_severity'],
      'log.syslog.severity.name',
    ],
  ],
  ['SeverityNumber', ['log.syslog.severity.code', 'syslog_severity_code', 'syslog.severity', 'PRIORITY', 'levelno']],
  ['TraceId', ['trace.id', 'trace_id', 'traceId']],
  ['SpanId', ['span.id', 'span_id', 'spanId']],
  ['TransactionId', ['transaction.id']],
  ['TraceFlags', ['trace_flags', 'trace.flags']],
  ['EventName', ['event.name']],
  ['ScopeName', ['log.logger', 'logger', 'logger_name']],
  ['DataStream', ['data_stream.type', 'data_stream.dataset', 'data_stream.namespace']],
]

describe('ruleOf', () => {
  it.each(candidates)('ranks the fields of %s', (role, paths) => {
    expect(paths.map((path) => [path, rule(path).role, rule(path).rank])).toEqual(paths.map((path, rank) => [path, Role[role], rank]))
  })

  it('takes every other path for an attribute of the record with its own name', () => {
    for (const path of [
      '',
      '.',
      '..',
      'a',
      'app.x',
      'dd.trace_id',
      'process.parent.args',
      'user_agent.os.full',
      '__proto__',
      'constructor',
      'host',
    ]) {
      expect(rule(path), path).toMatchObject({ role: Role.Attribute, name: path, resource: false, marker: 0, keep: false })
    }
  })

  it('keeps as attributes what other parts of the mapping need, too', () => {
    for (const path of ['transaction.id', 'error.message', 'event.original', 'data_stream.type', 'processor.event']) {
      expect(rule(path).keep, path).toBe(true)
    }
  })

  it.each([
    ['log.level', Scale.Tens],
    ['level', Scale.Tens],
    ['severity', Scale.None],
    ['priority', Scale.None],
    ['syslog_severity', Scale.Syslog],
    ['log.syslog.severity.code', Scale.Syslog],
    ['PRIORITY', Scale.Syslog],
    ['levelno', Scale.Python],
  ])('reads numbers of %s by its scale', (path, scale) => {
    expect(rule(path).scale).toBe(scale)
  })

  it.each([
    ['source.geo.country_iso_code', 'source.geo.country.iso_code'],
    ['geo.city_name', 'geo.locality.name'],
    ['client.nat.geo.region_iso_code', 'client.nat.geo.region.iso_code'],
    ['source.geo.postal_code', 'source.geo.postal_code'],
    ['labels.geo.city_name', 'labels.geo.city_name'],
    ['kubernetes.node.labels.geo.city_name', 'kubernetes.node.labels.geo.city_name'],
    ['a.b.c.labels.geo.city_name', 'a.b.c.labels.geo.locality.name'],
    ['mygeo.city_name', 'mygeo.city_name'],
    ['city_name', 'city_name'],
  ])('renames leaves of geo, wherever it is: %s', (path, name) => {
    expect(rule(path).name).toBe(name)
  })

  it('reads paths of any length in time that grows with it', () => {
    const start = performance.now()
    expect(rule(`${'a.'.repeat(1_000_000)}geo.city_name`).name).toMatch(/geo\.locality\.name$/)
    expect(performance.now() - start).toBeLessThan(2000)
  })

  it.each([
    ['service.name', true],
    ['service.language.name', true],
    ['service.target.name', false],
    ['host.boot.id', true],
    ['host.cpu.usage', false],
    ['host.network.ingress.bytes', false],
    ['host.os.build', true],
    ['os.kernel', true],
    ['cloud.project.id', true],
    ['cloud.origin.account.id', false],
    ['container.image.name', true],
    ['container.labels.a', true],
    ['container.cpu.usage', false],
    ['container.network.ingress.bytes', false],
    ['kubernetes.pod.ip', true],
    ['kubernetes.namespace_id', true],
    ['kubernetes.container.cpu.usage.nanocores', false],
    ['kubernetes.audit.verb', false],
    ['kubernetes.event.reason', false],
    ['orchestrator.namespace', true],
    ['orchestrator.resource.name', false],
    ['faas.name', true],
    ['faas.coldstart', false],
    ['device.id', true],
    ['agent.ephemeral_id', true],
    ['k8s.pod.name', true],
    ['deployment.environment.name', true],
    ['process.pid', false],
    ['log.file.path', false],
    ['labels.host.name', false],
    ['servicename', false],
    ['service', false],
  ])('places %s', (path, resource) => {
    expect(rule(path).resource).toBe(resource)
  })

  it('knows what stays on the resource when there are too many', () => {
    const core = ['service.name', 'service.node.name', 'host.name', 'host.hostname', 'kubernetes.pod.name', 'kubernetes.labels.a']
    const others = ['host.id', 'service.environment', 'container.id', 'agent.id', 'kubernetes.namespace_id', 'service.target.name']
    expect([...core, ...others].filter((path) => rule(path).resource && isCoreName(rule(path).name))).toEqual(core)
  })

  it('doubles what has two names', () => {
    expect(rule('error.type')).toMatchObject({ name: 'error.type', also: 'exception.type' })
    expect(rule('http.version')).toMatchObject({ also: 'network.protocol.version', transform: Transform.HttpVersion })
  })

  it('orders what service.name may be derived of', () => {
    const paths = [
      'service.type',
      'kubernetes.labels.app.kubernetes.io/name',
      'kubernetes.labels.app_kubernetes_io/name',
      'kubernetes.labels.app',
      'kubernetes.container.name',
      'kubernetes.container_name',
      'fields.service',
      'event.module',
    ]
    expect(paths.map((path) => rule(path).serviceRank)).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    expect(rule('service.name').serviceRank).toBe(-1)
  })

  it('leaves loggers attributes when scopes are not wanted of them', () => {
    const options: FieldOptions = { ...standard, scopeFromLogger: false }
    for (const path of ['log.logger', 'logger', 'logger_name']) {
      expect(ruleOf(path, options)).toMatchObject({ role: Role.Attribute, name: path })
    }
    expect(ruleIn(ruleOf('fields.SourceContext', options), Marker.Serilog).role).toBe(Role.Attribute)
  })
})

describe('ruleOf, for shapes', () => {
  it.each<[string, number]>([
    ['@version', Marker.Logstash],
    ['kubernetes.pod_name', Marker.FluentBit],
    ['docker.container_id', Marker.Fluentd],
    ['@log_name', Marker.Fluentd],
    ['MESSAGE', Marker.Journald],
    ['_SYSTEMD_UNIT', Marker.Journald],
    ['__REALTIME_TIMESTAMP', Marker.Journald],
    ['short_message', Marker.Gelf],
    ['messageTemplate', Marker.Serilog],
    ['logger', Marker.Logger],
    ['msg', Marker.Msg],
    ['container_id', Marker.Docker],
    ['facility', Marker.Facility],
    ['severity', Marker.Severity],
    ['log', Marker.Log],
    ['stream', Marker.Stream],
    ['winlog.event_data.SubjectUserSid', Marker.Winlog],
    ['data_stream.type', Marker.DataStream],
    ['metricset.name', Marker.Metricset],
    ['processor.event', Marker.Processor],
  ])('marks a document with %s', (path, marker) => {
    expect(rule(path).marker).toBe(marker)
  })

  it('has a bit of its own for each marker', () => {
    const bits = Object.values<number>(Marker)
    expect(bits.reduce((sum, bit) => sum + bit, 0)).toBe(2 ** bits.length - 1)
  })

  const cases: readonly (readonly [path: string, markers: number, rule: Partial<FieldRule>])[] = [
    ['host', Marker.Logstash, { name: 'host.name', resource: true, onlyWhenAbsent: 'host.name' }],
    ['host', Marker.Gelf, { name: 'host.name', resource: true }],
    ['host', Marker.Facility, { name: 'host.name', resource: true }],
    ['path', Marker.Logstash, { name: 'log.file.path', resource: false }],
    ['thread_name', Marker.Logstash, { name: 'thread.name' }],
    ['stack_trace', Marker.Logstash, { name: 'exception.stacktrace' }],
    ['level_value', Marker.Logstash, { role: Role.LevelValue, scale: Scale.Logback }],
    ['log', Marker.FluentBit | Marker.Log, { role: Role.Body, rank: 1, transform: Transform.TrailingNewline }],
    ['log', Marker.Stream | Marker.Log, { role: Role.Body, transform: Transform.TrailingNewline }],
    ['stream', Marker.FluentBit | Marker.Stream, { name: 'log.iostream', resource: false }],
    ['stream', Marker.Log | Marker.Stream, { name: 'log.iostream' }],
    ['_p', Marker.FluentBit, { role: Role.CriFlag }],
    ['logtag', Marker.Stream, { role: Role.CriFlag }],
    ['@log_name', 0, { name: 'fluent.tag' }],
    ['tag', Marker.Fluentd, { name: 'fluent.tag' }],
    ['_HOSTNAME', Marker.Journald, { name: 'host.name', resource: true }],
    ['SYSLOG_IDENTIFIER', Marker.Journald, { name: 'syslog.identifier' }],
    ['_PID', Marker.Journald, { name: 'process.pid', transform: Transform.Integer, resource: false }],
    ['facility', Marker.Severity | Marker.Facility, { name: 'syslog.facility' }],
    ['full_message', Marker.Gelf, { name: 'log.record.original' }],
    ['level', Marker.Gelf, { role: Role.SeverityText, rank: 1, scale: Scale.Syslog }],
    ['_user', Marker.Gelf, { role: Role.Attribute, name: 'user', resource: false }],
    ['__x', Marker.Gelf, { name: '_x' }],
    ['_p', Marker.Gelf, { name: 'p', role: Role.Attribute }],
    ['messageTemplate', 0, { name: 'message_template.text' }],
    ['fields.Elapsed', Marker.Serilog, { name: 'Elapsed', role: Role.Attribute }],
    ['fields.SourceContext', Marker.Serilog, { role: Role.ScopeName, rank: 3 }],
    ['exceptions', Marker.Serilog, { role: Role.Exceptions, scalar: false }],
    ['exception', Marker.Logger, { name: 'exception.stacktrace' }],
    ['hostname', Marker.Msg, { name: 'host.name', resource: true }],
    ['pid', Marker.Msg, { name: 'process.pid', resource: false }],
    ['err.type', Marker.Msg, { name: 'exception.type' }],
    ['err.message', Marker.Msg, { name: 'exception.message', role: Role.Attribute }],
    ['err.stack', Marker.Msg, { name: 'exception.stacktrace' }],
    ['container_id', 0, { name: 'container.id', resource: true }],
    ['container_name', Marker.Docker, { name: 'container.name', resource: true, transform: Transform.LeadingSlash }],
    ['source', Marker.Docker, { name: 'log.iostream' }],
    ['winlog.event_id', Marker.Winlog, { name: 'winlog.event_id', transform: Transform.None }],
  ]

  it.each(cases)('reads %s', (path, markers, expected) => {
    expect(inShape(path, markers)).toMatchObject(expected)
  })

  it.each(cases.filter(([path, markers]) => markers !== 0 && path !== 'level' && path !== 'log'))(
    'leaves %s an attribute with its own name in other shapes',
    (path) => {
      expect(inShape(path, 0)).toMatchObject({ role: Role.Attribute, name: path, resource: false })
    },
  )

  it('takes @version out, whatever else there is', () => {
    expect(rule('@version').role).toBe(Role.Ignored)
  })

  it('does not read names of shapes as ECS names', () => {
    expect(inShape('fields.host.name', Marker.Serilog)).toMatchObject({ name: 'host.name', resource: false })
  })
})

describe('ruleOf, with rules of the user', () => {
  it('puts a named field before everything, parts of the record, too', () => {
    const options = withFields(
      { field: 'usr', attribute: 'user.name' },
      { field: 'level', attribute: 'app.level' },
      { field: 'host.name', resource: 'host.id' },
      { field: 'kubernetes.pod_name', drop: true },
    )
    expect(ruleOf('usr', options)).toMatchObject({ role: Role.Attribute, name: 'user.name', resource: false })
    expect(ruleOf('level', options)).toMatchObject({ role: Role.Attribute, name: 'app.level', shaped: [], scale: Scale.None })
    expect(ruleOf('host.name', options)).toMatchObject({ name: 'host.id', resource: true })
    expect(ruleOf('kubernetes.pod_name', options)).toMatchObject({ role: Role.Dropped, marker: Marker.FluentBit })
    expect(ruleOf('other', options)).toEqual(ruleOf('other', standard))
  })

  it('does as an attribute what is put on the resource by the built-in rules', () => {
    const options = withFields({ field: 'host.ip', attribute: 'host.ip' })
    expect(ruleOf('host.ip', options)).toMatchObject({ name: 'host.ip', resource: false, list: false })
  })

  it('does not read parts of the record for a pattern', () => {
    const options = withFields({ field: 'log.*', drop: true })
    expect(ruleOf('log.level', options).role).toBe(Role.SeverityText)
    expect(ruleOf('log.offset', options).role).toBe(Role.Dropped)
  })

  it('holds in all shapes', () => {
    const options = withFields({ field: 'host', resource: 'server' })
    expect(ruleIn(ruleOf('host', options), Marker.Logstash)).toMatchObject({ name: 'server', onlyWhenAbsent: undefined })
  })
})

describe('isVerbatim', () => {
  it('knows where names are somebody else’s', () => {
    const paths = [
      'labels',
      'fields',
      'annotations',
      'kubernetes.labels',
      'kubernetes.annotations',
      'winlog.event_data',
      'container.labels',
    ]
    expect([...paths, 'kubernetes', 'label', 'labels.a', 'winlog', ''].filter(isVerbatim)).toEqual(paths)
  })
})

describe('fieldTarget', () => {
  it.each([
    ['message', { where: 'body', name: 'message', certain: true }],
    ['msg', { where: 'body', name: 'msg', certain: false }],
    ['@timestamp', { where: 'time', name: '@timestamp', certain: true }],
    ['event.created', { where: 'observed_time', name: 'event.created', certain: true }],
    ['log.level', { where: 'severity_text', name: 'log.level', certain: true }],
    ['log.syslog.severity.code', { where: 'severity_number', certain: true }],
    ['trace.id', { where: 'trace_id', certain: true }],
    ['transaction.id', { where: 'attribute', name: 'transaction.id', certain: true }],
    ['error.message', { where: 'attribute', name: 'exception.message' }],
    ['log.logger', { where: 'scope_name' }],
    ['@version', { where: 'dropped' }],
    ['host.hostname', { where: 'resource', name: 'host.name', certain: false }],
    ['orchestrator.cluster.name', { where: 'resource', name: 'k8s.cluster.name', certain: false }],
    ['http.request.method', { where: 'attribute', transform: Transform.HttpMethod, certain: true }],
    ['stream', { where: 'attribute', name: 'stream', certain: false }],
    ['labels.a', { where: 'attribute', name: 'labels.a', certain: true }],
  ])('finds %s', (field, target) => {
    expect(fieldTarget(field, standard)).toMatchObject(target)
  })

  it('finds more when the shape is known', () => {
    expect(fieldTarget('stream', standard, Marker.FluentBit)).toMatchObject({ where: 'attribute', name: 'log.iostream', certain: true })
    expect(fieldTarget('hostname', standard, Marker.Msg)).toMatchObject({ where: 'resource', name: 'host.name', certain: false })
  })

  it('uses rules of the user', () => {
    const options = withFields({ field: 'usr', attribute: 'user.name' }, { field: 'tmp.*', drop: true })
    expect(fieldTarget('usr', options)).toMatchObject({ where: 'attribute', name: 'user.name', certain: true })
    expect(fieldTarget('tmp.a', options)).toMatchObject({ where: 'dropped' })
  })
})
