/** Fields that are more than attributes: parts of the log record by section 5 of the mapping, and the shapes of section 6. */

import { Marker, Role, Scale, Transform } from './rules.ts'

/** What a field is beside its name and place; the rest as for every attribute. */
export interface RoleRow {
  readonly role?: number
  readonly rank?: number
  readonly keep?: boolean
  readonly scale?: number
  readonly marker?: number
}

const ranked = (role: number, fields: readonly string[], row: RoleRow = {}): (readonly [string, RoleRow])[] =>
  fields.map((field, rank) => [field, { ...row, role, rank }])

/** In the order in which they are asked. */
const times = ['@timestamp', 'timestamp', 'time', 'date', 'ts', '__REALTIME_TIMESTAMP']
const bodies = ['message', 'log', 'msg', 'MESSAGE', 'short_message', 'event.original', 'log.original', 'error.message']
const words = [
  'log.level',
  'level',
  'loglevel',
  'severity',
  'severity_text',
  'levelname',
  'priority',
  'syslog_severity',
  'log.syslog.severity.name',
]
const numbers = ['log.syslog.severity.code', 'syslog_severity_code', 'syslog.severity', 'PRIORITY', 'levelno']

const rows: readonly (readonly [string, RoleRow])[] = [
  ...ranked(Role.Time, times),
  ...ranked(Role.Observed, ['event.created', 'event.ingested']),
  ...ranked(Role.Body, bodies),
  ...ranked(Role.SeverityText, words),
  ...ranked(Role.SeverityNumber, numbers, { scale: Scale.Syslog }),
  ...ranked(Role.TraceId, ['trace.id', 'trace_id', 'traceId']),
  ...ranked(Role.SpanId, ['span.id', 'span_id', 'spanId']),
  ...ranked(Role.TransactionId, ['transaction.id'], { keep: true }),
  ...ranked(Role.TraceFlags, ['trace_flags', 'trace.flags']),
  ...ranked(Role.EventName, ['event.name']),
  ...ranked(Role.ScopeName, ['log.logger', 'logger', 'logger_name']),
  ...ranked(Role.DataStream, ['data_stream.type', 'data_stream.dataset', 'data_stream.namespace'], {
    keep: true,
    marker: Marker.DataStream,
  }),
  ...ranked(Role.ProcessorEvent, ['processor.event'], { keep: true, marker: Marker.Processor }),
  ...ranked(Role.MetricsetName, ['metricset.name'], { keep: true, marker: Marker.Metricset }),
  ...ranked(Role.ApmException, ['error.exception']),
  ...ranked(Role.Ignored, ['@version'], { marker: Marker.Logstash }),
]

/** What the rows above do not say of their fields. */
const more: readonly (readonly [string, RoleRow])[] = [
  ['event.original', { keep: true }],
  ['error.message', { keep: true }],
  ['log.level', { scale: Scale.Tens }],
  ['level', { scale: Scale.Tens }],
  ['severity', { marker: Marker.Severity }],
  ['syslog_severity', { scale: Scale.Syslog }],
  ['log.syslog.severity.name', { scale: Scale.Syslog }],
  ['levelno', { scale: Scale.Python }],
  ['__REALTIME_TIMESTAMP', { marker: Marker.Journald }],
  ['MESSAGE', { marker: Marker.Journald }],
  ['_SYSTEMD_UNIT', { marker: Marker.Journald }],
  ['kubernetes.pod_name', { marker: Marker.FluentBit }],
  ['docker.container_id', { marker: Marker.Fluentd }],
  ['@log_name', { marker: Marker.Fluentd }],
  ['short_message', { marker: Marker.Gelf }],
  ['messageTemplate', { marker: Marker.Serilog }],
  ['logger', { marker: Marker.Logger }],
  ['msg', { marker: Marker.Msg }],
  ['container_id', { marker: Marker.Docker }],
  ['facility', { marker: Marker.Facility }],
  ['log', { marker: Marker.Log }],
  ['stream', { marker: Marker.Stream }],
]

/** Roles and markers by path. */
export const roleRows: ReadonlyMap<string, RoleRow> = (() => {
  const all = new Map<string, RoleRow>(rows)
  for (const [field, row] of more) all.set(field, { ...all.get(field), ...row })
  return all
})()

/** What a field becomes in documents of a shape. */
export interface ShapeRow extends RoleRow {
  /** Bits of {@link Marker}, of which the document has one; 0: it is always so. */
  readonly when: number
  readonly name?: string
  readonly resource?: boolean
  readonly transform?: number
  /** It gives way to a field that has the name already. */
  readonly yields?: boolean
}

const { Logstash, FluentBit, Fluentd, Journald, Gelf, Serilog, Logger, Msg, Docker, Facility, Severity, Log, Stream } = Marker

/** `host` and its like: the host's name, where no `host.name` says it. */
const hostName = (when: number): ShapeRow => ({ when, name: 'host.name', resource: true, yields: true })

const criFlag: ShapeRow = { when: FluentBit | Fluentd | Stream, role: Role.CriFlag }

/** Fields whose meaning the shape decides. */
export const shapeRows: ReadonlyMap<string, ShapeRow> = new Map<string, ShapeRow>([
  ['host', hostName(Logstash | Gelf | Facility)],
  ['path', { when: Logstash, name: 'log.file.path' }],
  ['thread_name', { when: Logstash, name: 'thread.name' }],
  ['stack_trace', { when: Logstash, name: 'exception.stacktrace' }],
  ['level_value', { when: Logstash, role: Role.LevelValue, scale: Scale.Logback }],
  ['log', { when: FluentBit | Fluentd | Stream, role: Role.Body, rank: 1, transform: Transform.TrailingNewline }],
  ['stream', { when: FluentBit | Fluentd | Log, name: 'log.iostream' }],
  ['_p', criFlag],
  ['logtag', criFlag],
  ['@log_name', { when: 0, name: 'fluent.tag' }],
  ['tag', { when: Fluentd, name: 'fluent.tag' }],
  ['_HOSTNAME', hostName(Journald)],
  ['SYSLOG_IDENTIFIER', { when: Journald, name: 'syslog.identifier' }],
  ['_PID', { when: Journald, name: 'process.pid', transform: Transform.Integer }],
  ['facility', { when: Severity, name: 'syslog.facility' }],
  ['full_message', { when: Gelf, name: 'log.record.original' }],
  ['level', { when: Gelf, role: Role.SeverityText, rank: 1, scale: Scale.Syslog }],
  ['messageTemplate', { when: 0, name: 'message_template.text' }],
  ['exceptions', { when: Serilog, role: Role.Exceptions }],
  ['fields.SourceContext', { when: Serilog, role: Role.ScopeName, rank: 3, name: 'SourceContext' }],
  ['exception', { when: Logger, name: 'exception.stacktrace' }],
  ['hostname', hostName(Msg)],
  ['pid', { when: Msg, name: 'process.pid' }],
  ['err.type', { when: Msg, name: 'exception.type' }],
  ['err.message', { when: Msg, name: 'exception.message' }],
  ['err.stack', { when: Msg, name: 'exception.stacktrace' }],
  ['container_id', { when: 0, name: 'container.id', resource: true }],
  ['container_name', { when: Docker, name: 'container.name', resource: true, transform: Transform.LeadingSlash }],
  ['source', { when: Docker, name: 'log.iostream' }],
])
