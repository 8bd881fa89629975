/** Section 6 of the mapping: documents that are not plain ECS, a row for each thing that a shape changes. */

import { describe, expect, it } from 'vitest'
import { createBatcher, partsOf, type RecordParts, translateDocuments } from '../../support/log-records.ts'

type Row = readonly [shape: string, document: object, record: RecordParts]

const time = '2026-01-02T03:04:05.678Z'
const nanos = '1767323045678000000'

const rows: readonly Row[] = [
  [
    'Logstash',
    {
      '@timestamp': time,
      '@version': '1',
      host: 'h',
      path: '/var/log/x',
      type: 'syslog',
      message: 'm',
      level: 'ERROR',
      level_value: 40000,
      logger_name: 'com.x.Y',
      thread_name: 'main',
      stack_trace: 'at x',
      tags: ['a', 'b'],
    },
    {
      time: nanos,
      severity: 17,
      level: 'ERROR',
      body: 'm',
      scope: 'com.x.Y',
      attributes: {
        'log.file.path': '/var/log/x',
        type: 'syslog',
        'thread.name': 'main',
        'exception.stacktrace': 'at x',
        tags: ['a', 'b'],
      },
      resource: { 'host.name': 'h' },
    },
  ],
  ['Logstash, with ECS', { '@version': '1', host: { name: 'h' }, message: 'm' }, { body: 'm', resource: { 'host.name': 'h' } }],
  ['Logstash, a level without a word', { '@version': '1', level_value: 30000 }, { severity: 13 }],
  ['Logstash, a level that nobody knows', { '@version': 1, level_value: 12345 }, { attributes: { level_value: 12345n } }],
  [
    'fields of Logstash in other documents',
    { host: 'h', path: '/', thread_name: 't', level_value: 40000, stack_trace: 's' },
    { attributes: { host: 'h', path: '/', thread_name: 't', level_value: 40000n, stack_trace: 's' } },
  ],
  [
    'Fluent Bit in Kubernetes',
    {
      time,
      log: 'line\n\n',
      stream: 'stderr',
      _p: 'F',
      logtag: 'P',
      kubernetes: {
        pod_name: 'p',
        namespace_name: 'n',
        pod_id: 'u',
        host: 'node',
        container_name: 'c',
        docker_id: 'd',
        container_image: 'reg:5000/a/b:v1',
        labels: { 'app.kubernetes.io/name': 'shop' },
        annotations: { 'x/y': 'z' },
      },
    },
    {
      time: nanos,
      body: 'line\n',
      attributes: { 'log.iostream': 'stderr' },
      resource: {
        'k8s.pod.name': 'p',
        'k8s.namespace.name': 'n',
        'k8s.pod.uid': 'u',
        'k8s.node.name': 'node',
        'k8s.container.name': 'c',
        'container.id': 'd',
        'container.image.name': 'reg:5000/a/b',
        'container.image.tags': ['v1'],
        'k8s.pod.label.app.kubernetes.io/name': 'shop',
        'k8s.pod.annotation.x/y': 'z',
      },
    },
  ],
  [
    'a flag of the runtime that is none',
    { log: 'x', stream: 'stdout', _p: 'X' },
    { body: 'x', attributes: { 'log.iostream': 'stdout', _p: 'X' } },
  ],
  [
    'Fluentd',
    { '@log_name': 'kube.x', tag: 't', log: 'x\n', docker: { container_id: 'c' } },
    { body: 'x', attributes: { 'fluent.tag': 'kube.x', tag: 't' }, resource: { 'container.id': 'c' } },
  ],
  [
    'Fluentd, by its tag',
    { tag: 't', docker: { container_id: 'c' } },
    { attributes: { 'fluent.tag': 't' }, resource: { 'container.id': 'c' } },
  ],
  [
    'journald',
    {
      MESSAGE: 'm',
      __REALTIME_TIMESTAMP: '1767323045678901',
      _SYSTEMD_UNIT: 'x.service',
      _HOSTNAME: 'h',
      SYSLOG_IDENTIFIER: 'i',
      _PID: '42',
      PRIORITY: '4',
      _UID: '0',
    },
    {
      time: '1767323045678901000',
      severity: 13,
      body: 'm',
      attributes: { _SYSTEMD_UNIT: 'x.service', 'syslog.identifier': 'i', 'process.pid': 42n, _UID: '0' },
      resource: { 'host.name': 'h' },
    },
  ],
  ['journald, a process without a number', { MESSAGE: 'm', _PID: 'x' }, { body: 'm', attributes: { 'process.pid': 'x' } }],
  [
    'rsyslog',
    { '@timestamp': time, host: 'h', severity: 'err', facility: 'daemon', tag: 'x[1]:', programname: 'x', message: 'm' },
    {
      time: nanos,
      severity: 17,
      level: 'err',
      body: 'm',
      attributes: { 'syslog.facility': 'daemon', tag: 'x[1]:', programname: 'x' },
      resource: { 'host.name': 'h' },
    },
  ],
  [
    'GELF',
    { version: '1.1', host: 'h', short_message: 's', full_message: 'f', timestamp: 1767323045.678, level: 3, _user_id: 9, _a: 'b' },
    {
      time: nanos,
      severity: 17,
      level: '3',
      body: 's',
      attributes: { version: '1.1', 'log.record.original': 'f', user_id: 9n, a: 'b' },
      resource: { 'host.name': 'h' },
    },
  ],
  ['GELF, names that are taken', { short_message: 's', _a: 1, __a: 2, a: 3 }, { body: 's', attributes: { _a: 1n, __a: 2n, a: 3n } }],
  [
    'Serilog',
    {
      '@timestamp': time,
      level: 'Information',
      messageTemplate: 'hi {User}',
      message: 'hi "x"',
      fields: { User: 'x', SourceContext: 'A.B' },
      exceptions: [{ ClassName: 'E', Message: 'bad', StackTraceString: 'at y' }],
    },
    {
      time: nanos,
      severity: 9,
      level: 'Information',
      body: 'hi "x"',
      scope: 'A.B',
      attributes: {
        'message_template.text': 'hi {User}',
        User: 'x',
        'exception.type': 'E',
        'exception.message': 'bad',
        'exception.stacktrace': 'at y',
      },
    },
  ],
  [
    'Serilog, an exception of which more is known',
    { messageTemplate: 't', exceptions: [{ ClassName: 'E', HResult: 5 }, { ClassName: 'F' }] },
    {
      attributes: {
        'message_template.text': 't',
        'exception.type': 'E',
        exceptions: [{ ClassName: 'E', HResult: 5n }, { ClassName: 'F' }],
      },
    },
  ],
  [
    'Serilog, beside an exception of ECS',
    { messageTemplate: 't', exceptions: [{ ClassName: 'E', Message: 'm' }], exception: { type: 'own' } },
    {
      attributes: {
        'message_template.text': 't',
        'exception.type': 'own',
        'exception.message': 'm',
        exceptions: [{ ClassName: 'E', Message: 'm' }],
      },
    },
  ],
  [
    'Serilog, a property whose name is taken twice over',
    { messageTemplate: 't', fields: { 'host.hostname': 'a' }, host: { hostname: 'b', name: 'c' } },
    {
      attributes: { 'message_template.text': 't', 'fields.host.hostname': 'a' },
      resource: { 'host.hostname': 'b', 'host.name': 'c' },
    },
  ],
  [
    'NLog',
    { level: 'Error', logger: 'L', message: 'm', exception: 'System.X: bad\n at y' },
    { severity: 17, level: 'Error', body: 'm', scope: 'L', attributes: { 'exception.stacktrace': 'System.X: bad\n at y' } },
  ],
  [
    'pino',
    { level: 50, time: 1767323045678, pid: 7, hostname: 'h', msg: 'm', err: { type: 'T', message: 'e', stack: 's', code: 1 } },
    {
      time: nanos,
      severity: 17,
      level: '50',
      body: 'm',
      attributes: {
        'process.pid': 7n,
        'exception.type': 'T',
        'exception.message': 'e',
        'exception.stacktrace': 's',
        'err.code': 1n,
      },
      resource: { 'host.name': 'h' },
    },
  ],
  [
    'Winlogbeat',
    { winlog: { event_id: 4624, event_data: { 'a.b': 'c' } }, message: 'm' },
    { body: 'm', attributes: { 'winlog.event_id': 4624n, 'winlog.event_data.a.b': 'c' } },
  ],
  ['Winlogbeat, a number as text', { winlog: { event_id: '4624' } }, { attributes: { 'winlog.event_id': '4624' } }],
  [
    'Docker',
    { container_id: 'c', container_name: '/web', source: 'stdout', log: 'x\n', partial_message: 'true' },
    {
      body: 'x\n',
      attributes: { 'log.iostream': 'stdout', partial_message: 'true' },
      resource: { 'container.id': 'c', 'container.name': 'web' },
    },
  ],
  [
    'an error of APM',
    {
      processor: { event: 'error' },
      message: 'm',
      trace: { id: '4bf92f3577b34da6a3ce929d0e0e4736' },
      parent: { id: '00f067aa0ba902b7' },
      error: {
        id: 'i',
        exception: [
          { type: 'T', message: 'bad', stacktrace: [{ filename: 'a.js', function: 'f', line: { number: 3 } }, { filename: 'b.js' }] },
        ],
      },
    },
    {
      body: 'm',
      trace: '4bf92f3577b34da6a3ce929d0e0e4736',
      attributes: {
        'processor.event': 'error',
        'parent.id': '00f067aa0ba902b7',
        'error.id': 'i',
        'exception.type': 'T',
        'exception.message': 'bad',
        'exception.stacktrace': 'at f (a.js:3)\nat <anonymous> (b.js)',
      },
    },
  ],
]

describe('LogTranslator: shapes (6)', () => {
  it.each(rows)('%s', (_, document, record) => {
    expect(translateDocuments([JSON.stringify(document)]).map(partsOf)).toEqual([record])
  })

  it('knows the shape of each document, whatever came before it', () => {
    const batcher = createBatcher()
    const texts = rows.map(([, document]) => JSON.stringify(document))
    const alone = rows.map(([, , record]) => record)
    for (const order of [texts, texts.toReversed(), texts]) {
      const found = order.flatMap((text) => translateDocuments([text], batcher).map(partsOf))
      expect(found).toEqual(order === texts ? alone : alone.toReversed())
    }
    // Grouped by resource, so that they come in another order.
    const together = translateDocuments(texts, batcher).map(partsOf)
    expect(together).toHaveLength(alone.length)
    expect(together).toEqual(expect.arrayContaining(alone))
  })
})
