/** Section 5 of the mapping, rule by rule: a document, and all that its record has. Shapes and options are in the files beside this one. */

import { describe, expect, it } from 'vitest'
import { partsOf, type RecordParts, recordOf, translateDocuments } from '../../support/log-records.ts'

type Row = readonly [rule: string, document: object | string, record: RecordParts]

const check = (rows: readonly Row[]) =>
  it.each(rows)('%s', (_, document, record) => {
    const text = typeof document === 'string' ? document : JSON.stringify(document)
    expect(translateDocuments([text]).map(partsOf)).toEqual([record])
  })

const iso = '2026-01-02T03:04:05.678901234Z'
const nanos = '1767323045678901234'
const seconds = '1767323045000000000'
const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
const span = '00f067aa0ba902b7'

describe('LogTranslator: time (5.1)', () => {
  check([
    ['nanoseconds are kept', { '@timestamp': iso }, { time: nanos }],
    ['a number is seconds, ms, µs or ns by its size: seconds', { '@timestamp': 1767323045 }, { time: seconds }],
    ['milliseconds', { '@timestamp': 1767323045678 }, { time: '1767323045678000000' }],
    ['microseconds, as text', { '@timestamp': '1767323045678901' }, { time: '1767323045678901000' }],
    ['nanoseconds, beyond what a double holds', `{"@timestamp":${nanos}}`, { time: nanos }],
    ['a fraction is of seconds, to the last digit', '{"@timestamp":1767323045.678901234}', { time: nanos }],
    ['of a list the first', { '@timestamp': [iso] }, { time: nanos }],
    [
      'of a longer list the first, and the list stays',
      { '@timestamp': [iso, 'x'] },
      { time: nanos, attributes: { '@timestamp': [iso, 'x'] } },
    ],
    ['timestamp stands in', { timestamp: iso, time: '2025-01-01' }, { time: nanos, attributes: { time: '2025-01-01' } }],
    ['time does', { time: iso, date: '2025-01-01' }, { time: nanos, attributes: { date: '2025-01-01' } }],
    ['date does', { ts: '2025-01-01', date: iso }, { time: nanos, attributes: { ts: '2025-01-01' } }],
    ['ts does', { ts: 1767323045 }, { time: seconds }],
    ['what cannot be read does not', { timestamp: 'soon', time: iso }, { time: nanos, attributes: { timestamp: 'soon' } }],
    [
      'beside @timestamp they are attributes',
      { time: '2025-01-01', '@timestamp': iso },
      { time: nanos, attributes: { time: '2025-01-01' } },
    ],
    [
      'a list that stood in gives way as it came',
      { time: ['2025-01-01', '2025-01-02'], '@timestamp': iso },
      { time: nanos, attributes: { time: ['2025-01-01', '2025-01-02'] } },
    ],
    ['@timestamp of null is none', { '@timestamp': null, time: iso }, { time: nanos }],
    ['event.created stands in, and is the observed time', { 'event.created': iso }, { time: nanos, observed: nanos }],
    ['event.ingested after it', { event: { ingested: iso } }, { time: nanos, observed: nanos }],
    [
      'event.created goes before event.ingested',
      { event: { ingested: '2025-01-01', created: iso }, '@timestamp': 1767323045 },
      { time: seconds, observed: nanos, attributes: { 'event.ingested': '2025-01-01' } },
    ],
    ['without any it is 0', { a: 1 }, { attributes: { a: 1n } }],
    ['what cannot be read stays', { '@timestamp': 'yesterday' }, { attributes: { '@timestamp': 'yesterday' } }],
    [
      'and nothing stands in for it, before it or behind it',
      { time: iso, '@timestamp': 'yesterday', ts: iso, 'event.created': iso },
      { observed: nanos, attributes: { '@timestamp': 'yesterday', time: iso, ts: iso } },
    ],
    ['before 1970 it is 0 and stays', { '@timestamp': '1969-12-31T23:59:59Z' }, { attributes: { '@timestamp': '1969-12-31T23:59:59Z' } }],
    ['an object is none', { '@timestamp': [{ a: 1 }] }, { attributes: { '@timestamp': { a: 1n } } }],
    ['true is none', { '@timestamp': true }, { attributes: { '@timestamp': true } }],
  ])
})

describe('LogTranslator: body (5.2)', () => {
  const all = {
    'error.message': 'h',
    'log.original': 'g',
    'event.original': 'f',
    short_message: 'e',
    MESSAGE: 'd',
    msg: 'c',
    message: 'a',
  }
  check([
    [
      'message goes before all',
      all,
      {
        body: 'a',
        attributes: {
          msg: 'c',
          MESSAGE: 'd',
          short_message: 'e',
          'log.record.original': 'f',
          'log.original': 'g',
          'exception.message': 'h',
        },
      },
    ],
    ['log', { msg: 'c', log: 'b' }, { body: 'b', attributes: { msg: 'c' } }],
    ['log that is no text is an attribute', { log: 5, msg: 'c' }, { body: 'c', attributes: { log: 5n } }],
    ['log that is an object is attributes', { log: { level: 'info', x: 1 } }, { severity: 9, level: 'info', attributes: { 'log.x': 1n } }],
    ['msg', { MESSAGE: 'd', msg: 'c' }, { body: 'c', attributes: { MESSAGE: 'd' } }],
    ['MESSAGE', { short_message: 'e', MESSAGE: 'd' }, { body: 'd', attributes: { short_message: 'e' } }],
    ['short_message', { 'event.original': 'f', short_message: 'e' }, { body: 'e', attributes: { 'log.record.original': 'f' } }],
    [
      'event.original, which stays',
      { 'log.original': 'g', 'event.original': 'f' },
      { body: 'f', attributes: { 'log.original': 'g', 'log.record.original': 'f' } },
    ],
    ['log.original', { 'error.message': 'h', 'log.original': 'g' }, { body: 'g', attributes: { 'exception.message': 'h' } }],
    ['error.message, which stays', { error: { message: 'h' } }, { body: 'h', attributes: { 'exception.message': 'h' } }],
    ['an empty text is one', { message: '', log: 'b' }, { body: '', attributes: { log: 'b' } }],
    ['a number', { message: 5 }, { body: 5n }],
    ['a list', { message: ['a', 'b'] }, { body: ['a', 'b'] }],
    ['a list of one text is that text', { message: ['a'] }, { body: 'a' }],
    ['an object', { message: { a: { b: 1 } }, log: 'x' }, { body: { a: { b: 1n } }, attributes: { log: 'x' } }],
    [
      'an object before error.message, which is there once',
      { message: { a: 1 }, error: { message: 'h' } },
      { body: { a: 1n }, attributes: { 'exception.message': 'h' } },
    ],
    ['text and members of that name', { message: 'a', 'message.b': 'c' }, { body: 'a', attributes: { 'message.b': 'c' } }],
    ['none', { a: 'b' }, { attributes: { a: 'b' } }],
    ['JSON is not looked into', { message: '{"a":1}' }, { body: '{"a":1}' }],
  ])
})

describe('LogTranslator: severity (5.3)', () => {
  check([
    ...[
      'log.level',
      'level',
      'loglevel',
      'severity',
      'severity_text',
      'levelname',
      'priority',
      'syslog_severity',
      'log.syslog.severity.name',
    ].map((field): Row => [`${field} is read, and used up`, { [field]: 'Warning' }, { severity: 13, level: 'Warning' }]),
    [
      'the first of them counts',
      { level: 'error', log: { level: 'debug' } },
      { severity: 5, level: 'debug', attributes: { level: 'error' } },
    ],
    ['blanks and brackets are no part of it, and stay', { level: ' [WARN] ' }, { severity: 13, level: ' [WARN] ' }],
    ['a word that nobody knows is kept', { level: 'loud' }, { level: 'loud' }],
    ['an empty one is an attribute', { level: '', severity: 'info' }, { severity: 9, level: 'info', attributes: { level: '' } }],
    ['numbers of pino', { level: 50 }, { severity: 17, level: '50' }],
    ['numbers of pino as text', { level: '30' }, { severity: 9, level: '30' }],
    ['numbers of no scale are attributes', { level: 3, severity: 7 }, { attributes: { level: 3n, severity: 7n } }],
    ...['log.syslog.severity.code', 'syslog_severity_code', 'syslog.severity', 'PRIORITY'].map(
      (field): Row => [`${field} is a code of syslog`, { [field]: 3 }, { severity: 17 }],
    ),
    ['codes as text', { PRIORITY: '0' }, { severity: 21 }],
    ['codes that are none are attributes', { PRIORITY: 8 }, { attributes: { PRIORITY: 8n } }],
    ['levels of Python', { levelno: 40 }, { severity: 17 }],
    ['a code beside a word is an attribute', { level: 'info', PRIORITY: 3 }, { severity: 9, level: 'info', attributes: { PRIORITY: 3n } }],
    [
      'a code beside a word that nobody knows says it',
      { level: 'loud', 'log.syslog.severity.code': 4 },
      { severity: 13, level: 'loud', attributes: { 'log.syslog.severity.code': 4n } },
    ],
    ['a fraction is none', { level: 30.5 }, { attributes: { level: 30.5 } }],
  ])
})

describe('LogTranslator: ids (5.4)', () => {
  check([
    ['trace and span', { trace: { id: trace }, span: { id: span } }, { trace, span }],
    ['other names', { trace_id: trace.toUpperCase(), span_id: span.toUpperCase() }, { trace, span }],
    ['of other clients', { traceId: trace, spanId: span }, { trace, span }],
    ['the first counts', { traceId: '1'.repeat(32), trace: { id: trace } }, { trace, attributes: { traceId: '1'.repeat(32) } }],
    ['dashes are no part of it', { 'trace.id': '4bf92f35-77b3-4da6-a3ce-929d0e0e4736' }, { trace }],
    ['16 digits are padded', { 'trace.id': span }, { trace: `0000000000000000${span}` }],
    [
      'zeros are none',
      { 'trace.id': '0'.repeat(32), 'span.id': '0'.repeat(16) },
      { attributes: { 'trace.id': '0'.repeat(32), 'span.id': '0'.repeat(16) } },
    ],
    [
      'what is too short, too long or no hexadecimal stays whole',
      { 'trace.id': 'abc', 'span.id': trace, trace_id: 'x'.repeat(32) },
      { attributes: { 'trace.id': 'abc', 'span.id': trace, trace_id: 'x'.repeat(32) } },
    ],
    [
      'an id that cannot be read leaves room for one that can',
      { 'trace.id': 'abc', trace_id: trace },
      { trace, attributes: { 'trace.id': 'abc' } },
    ],
    ['a number is none', { 'span.id': 1234567890123456 }, { attributes: { 'span.id': 1234567890123456n } }],
    ['of Datadog they are not converted', { 'dd.trace_id': '123' }, { attributes: { 'dd.trace_id': '123' } }],
    ['transaction.id stands in for a span, and stays', { 'transaction.id': span }, { span, attributes: { 'transaction.id': span } }],
    [
      'beside one it only stays',
      { 'transaction.id': '1'.repeat(16), 'span.id': span },
      { span, attributes: { 'transaction.id': '1'.repeat(16) } },
    ],
    [
      'whatever the order',
      { 'span.id': span, 'transaction.id': '1'.repeat(16) },
      { span, attributes: { 'transaction.id': '1'.repeat(16) } },
    ],
    ['that is no span id it only stays', { 'transaction.id': 'abc' }, { attributes: { 'transaction.id': 'abc' } }],
    ['flags of text', { trace_flags: '01' }, { flags: 1 }],
    ['flags of a number', { trace: { flags: 1 } }, { flags: 1 }],
    ['flags that are none', { trace_flags: 'yes', 'trace.flags': 256 }, { attributes: { trace_flags: 'yes', 'trace.flags': 256n } }],
    ['a name of an event', { event: { name: 'login' } }, { event: 'login' }],
  ])
})

describe('LogTranslator: dots, values (5.5, 5.6)', () => {
  check([
    ['dots and nesting are the same', { 'a.b': { 'c.d': 1 }, a: { b: { c: { e: 2 } } } }, { attributes: { 'a.b.c.d': 1n, 'a.b.c.e': 2n } }],
    ['the last one of a leaf counts', '{"a":{"b":1},"a.b":2}', { attributes: { 'a.b': 2n } }],
    ['a scalar beside an object', { a: 1, 'a.b': 2 }, { attributes: { a: 1n, 'a.b': 2n } }],
    [
      'labels are kept as they are',
      { labels: { 'app.kubernetes.io/name': 'x' }, fields: { 'a.b': 1 } },
      { attributes: { 'labels.app.kubernetes.io/name': 'x', 'fields.a.b': 1n } },
    ],
    [
      'lists of objects are lists of maps',
      { a: [{ 'b.c': 1, d: { e: [true] } }] },
      { attributes: { a: [{ 'b.c': 1n, d: { e: [true] } }] } },
    ],
    [
      'integers to 64 bits',
      '{"a":9007199254740993,"b":-9223372036854775808,"c":9223372036854775807}',
      { attributes: { a: 9007199254740993n, b: -9223372036854775808n, c: 9223372036854775807n } },
    ],
    ['beyond them their digits', '{"a":9223372036854775808,"b":1e400}', { attributes: { a: '9223372036854775808', b: '1e400' } }],
    ['what has a point or an exponent is a double', '{"a":1.0,"b":1e3,"c":-0,"d":-0.0}', { attributes: { a: 1, b: 1000, c: 0n, d: -0 } }],
    ['null and what is empty is left out', { a: null, b: [], c: {}, d: { e: null } }, {}],
    ['of lists null keeps its place', { a: [1, null, 'x', true, 1.5] }, { attributes: { a: [1n, null, 'x', true, 1.5] } }],
    ['a list of one stays one', { a: ['x'] }, { attributes: { a: ['x'] } }],
    [
      'but in fields of one value',
      { event: { action: ['x'] }, host: { name: ['h'] } },
      { attributes: { 'event.action': 'x' }, resource: { 'host.name': 'h' } },
    ],
    ['not of two', { event: { action: ['x', 'y'] } }, { attributes: { 'event.action': ['x', 'y'] } }],
    [
      'fields of lists are lists',
      { host: { ip: '::1', mac: ['a', 'b'] }, process: { args: 'x' }, tags: 't' },
      { attributes: { 'process.command_args': ['x'], tags: ['t'] }, resource: { 'host.ip': ['::1'], 'host.mac': ['a', 'b'] } },
    ],
    [
      'names of JavaScript are names',
      '{"__proto__":1,"constructor":{"name":"x"}}',
      {
        attributes: Object.fromEntries([
          ['__proto__', 1n],
          ['constructor.name', 'x'],
        ]),
      },
    ],
  ])
})

describe('LogTranslator: resource, scope, index (5.7, 5.8)', () => {
  const resource = {
    service: { name: 's', version: '1', namespace: 'n', node: { name: 'i' }, environment: 'p' },
    host: { name: 'h', id: 'x', architecture: 'arm64' },
    os: { name: 'Linux', version: '6' },
    cloud: { provider: 'aws', region: 'r' },
    container: { id: 'c', image: { name: 'img', tag: 'v1' } },
    orchestrator: { cluster: { name: 'k' } },
    kubernetes: { namespace: 'ns', pod: { name: 'p', uid: 'u' }, labels: { 'a.b/c': 'l' } },
    faas: { name: 'f', version: '2' },
    device: { id: 'd' },
    agent: { type: 'filebeat', version: '8.1.0' },
  }
  check([
    [
      'what wrote it is the resource',
      resource,
      {
        resource: {
          'service.name': 's',
          'service.version': '1',
          'service.namespace': 'n',
          'service.instance.id': 'i',
          'deployment.environment.name': 'p',
          'host.name': 'h',
          'host.id': 'x',
          'host.arch': 'arm64',
          'os.name': 'Linux',
          'os.version': '6',
          'cloud.provider': 'aws',
          'cloud.region': 'r',
          'container.id': 'c',
          'container.image.name': 'img',
          'container.image.tags': ['v1'],
          'k8s.cluster.name': 'k',
          'k8s.namespace.name': 'ns',
          'k8s.pod.name': 'p',
          'k8s.pod.uid': 'u',
          'k8s.pod.label.a.b/c': 'l',
          'faas.name': 'f',
          'faas.version': '2',
          'device.id': 'd',
          'agent.type': 'filebeat',
          'agent.version': '8.1.0',
        },
      },
    ],
    [
      'what it is about is the record',
      {
        process: { pid: 1 },
        log: { file: { path: '/x' } },
        http: { response: { status_code: 200 } },
        url: { path: '/' },
        user: { name: 'u' },
        source: { address: 'a' },
        client: { port: 1 },
        labels: { a: 'b' },
        event: { action: 'x' },
        faas: { coldstart: true },
      },
      {
        attributes: {
          'process.pid': 1n,
          'log.file.path': '/x',
          'http.response.status_code': 200n,
          'url.path': '/',
          'user.name': 'u',
          'source.address': 'a',
          'client.port': 1n,
          'labels.a': 'b',
          'event.action': 'x',
          'faas.coldstart': true,
        },
      },
    ],
    [
      'no name of a service is invented',
      { service: { type: 't' }, event: { module: 'm' } },
      { attributes: { 'event.module': 'm' }, resource: { 'service.type': 't' } },
    ],
    ['log.logger is the scope', { log: { logger: 'l' }, logger: 'm' }, { scope: 'l', attributes: { logger: 'm' } }],
    ['logger', { logger_name: 'n', logger: 'm' }, { scope: 'm', attributes: { logger_name: 'n' } }],
    ['logger_name', { logger_name: 'n' }, { scope: 'n' }],
    ['a logger that is no text is an attribute', { logger: 1 }, { attributes: { logger: 1n } }],
  ])

  it.each([
    ['a name', 'app', {}, { 'elasticsearch.index': 'app' }],
    [
      'a data stream',
      'logs-nginx.access-prod',
      {},
      {
        'elasticsearch.index': 'logs-nginx.access-prod',
        'data_stream.type': 'logs',
        'data_stream.dataset': 'nginx.access',
        'data_stream.namespace': 'prod',
      },
    ],
    [
      'a data stream that the document names',
      'logs-a-b',
      { data_stream: { dataset: 'own' } },
      { 'elasticsearch.index': 'logs-a-b', 'data_stream.dataset': 'own' },
    ],
    [
      'an index that the document names, as another bridge wrote it',
      'logs-a-b',
      { 'elasticsearch.index': 'mine' },
      { 'elasticsearch.index': 'mine', 'data_stream.type': 'logs', 'data_stream.dataset': 'a', 'data_stream.namespace': 'b' },
    ],
    ['something like a data stream', 'logs-a', {}, { 'elasticsearch.index': 'logs-a' }],
  ])('keeps where it was to go: %s', (_, index, document, attributes) => {
    expect(partsOf(recordOf(document, {}, index))).toEqual({ attributes })
  })
})

describe('LogTranslator: names of the semantic conventions (5.9)', () => {
  check([
    ['a method in capitals', { http: { request: { method: 'GET' } } }, { attributes: { 'http.request.method': 'GET' } }],
    [
      'a method in small letters',
      { http: { request: { method: 'get' } } },
      { attributes: { 'http.request.method': 'GET', 'http.request.method_original': 'get' } },
    ],
    [
      'a method that nobody knows',
      { http: { request: { method: 'BREW' } } },
      { attributes: { 'http.request.method': '_OTHER', 'http.request.method_original': 'BREW' } },
    ],
    [
      'a method beside its original',
      { http: { request: { method: 'get', method_original: 'x' } } },
      { attributes: { 'http.request.method': 'get', 'http.request.method_original': 'x' } },
    ],
    ['os.type', { os: { type: 'macos' } }, { resource: { 'os.type': 'darwin' } }],
    ['os.type in capitals', { host: { os: { type: 'Linux' } } }, { resource: { 'os.type': 'linux' } }],
    [
      'os of the host',
      { host: { os: { name: 'a', version: 'b', full: 'c', kernel: 'd' } } },
      { resource: { 'os.name': 'a', 'os.version': 'b', 'os.description': 'c', 'host.os.kernel': 'd' } },
    ],
    ['os of others stays below them', { user_agent: { os: { name: 'a' } } }, { attributes: { 'user_agent.os.name': 'a' } }],
    [
      'an error is an exception',
      { message: 'm', error: { message: 'e', type: 'T', stack_trace: 's', code: 'c', id: 'i' } },
      {
        body: 'm',
        attributes: {
          'exception.message': 'e',
          'error.type': 'T',
          'exception.type': 'T',
          'exception.stacktrace': 's',
          'error.code': 'c',
          'error.id': 'i',
        },
      },
    ],
    [
      'beside a type of an exception',
      { error: { type: 'T' }, exception: { type: 'U' } },
      { attributes: { 'error.type': 'T', 'exception.type': 'U' } },
    ],
    [
      'places',
      { source: { geo: { country_iso_code: 'NO', city_name: 'Oslo' } } },
      { attributes: { 'source.geo.country.iso_code': 'NO', 'source.geo.locality.name': 'Oslo' } },
    ],
    ['not below labels', { labels: { geo: { city_name: 'Oslo' } } }, { attributes: { 'labels.geo.city_name': 'Oslo' } }],
    ['numbers that are text there', { file: { uid: 1001 } }, { attributes: { 'file.owner.id': '1001' } }],
    [
      'a version of HTTP',
      { http: { version: '1.1' } },
      { attributes: { 'http.version': '1.1', 'network.protocol.version': '1.1', 'network.protocol.name': 'http' } },
    ],
    [
      'a version of HTTP beside one',
      { http: { version: '1.1' }, network: { protocol: 'h', 'protocol.version': '2' } },
      { attributes: { 'http.version': '1.1', 'network.protocol.version': '2', 'network.protocol.name': 'h' } },
    ],
    [
      'an orchestrator that is not Kubernetes',
      { orchestrator: { type: 'nomad', cluster: { name: 'k' } } },
      { resource: { 'orchestrator.type': 'nomad', 'orchestrator.cluster.name': 'k' } },
    ],
    [
      'a name that is taken: the one that has it stays',
      { 'service.environment': 'a', 'deployment.environment.name': 'b' },
      { resource: { 'service.environment': 'a', 'deployment.environment.name': 'b' } },
    ],
    ['a host name gives way', { host: { hostname: 'a', name: 'b' } }, { resource: { 'host.hostname': 'a', 'host.name': 'b' } }],
    ['and is one alone', { host: { hostname: 'a' } }, { resource: { 'host.name': 'a' } }],
    [
      'an instance gives way to an id',
      { cloud: { instance: { id: 'a' }, machine: { type: 't' } }, host: { id: 'b' } },
      { resource: { 'cloud.instance.id': 'a', 'host.id': 'b', 'host.type': 't' } },
    ],
    ['guesses are not made', { cloud: { service: { name: 'x' } } }, { resource: { 'cloud.service.name': 'x' } }],
  ])
})
