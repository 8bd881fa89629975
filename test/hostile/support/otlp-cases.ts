/** OTLP over HTTP, in JSON and protobuf. */

import { zstdCompressSync } from 'node:zlib'
import { officialEncode } from '../../support/official-otlp.ts'
import type { HttpCase } from './cases.ts'
import { concat, gzip, gzipRepeated, hex, jsonType, protoType } from './payloads.ts'

const traces = { port: 'otlpHttp', path: '/v1/traces', headers: jsonType } as const
const tracesProto = { port: 'otlpHttp', path: '/v1/traces', headers: protoType } as const
const metrics = { port: 'otlpHttp', path: '/v1/metrics', headers: jsonType } as const
const logs = { port: 'otlpHttp', path: '/v1/logs', headers: jsonType } as const

const mebi = 2 ** 20

/** A span of OTLP/JSON, with members as they are to stand there. */
const span = (name: string, members = ''): string =>
  `{"traceId":"463ac35c9f6413ad48485a3953bb6124","spanId":"a2fb4a1d1a96d312","name":"${name}"${members === '' ? '' : `,${members}`}}`
const request = (...spans: string[]): string => `{"resourceSpans":[{"scopeSpans":[{"spans":[${spans.join(',')}]}]}]}`
const attribute = (value: string): string => `"attributes":[{"key":"k","value":${value}}]`

/** A good request around a span, in protobuf. */
export const otlpProto = (name: string): Uint8Array =>
  officialEncode(JSON.parse(request(span(name, attribute('{"stringValue":"v"}')))) as Record<string, unknown>)
export const otlpJson = (name: string): string => request(span(name, attribute('{"kvlistValue":{"values":[{"key":"a"}]}}')))

const varint = (value: number): number[] => (value > 127 ? [(value & 127) | 128, ...varint(Math.floor(value / 128))] : [value])
/** A length-delimited field. */
const field = (number: number, ...parts: Uint8Array[]): Uint8Array => {
  const body = concat(...parts)
  return concat(Uint8Array.from([(number << 3) | 2, ...varint(body.length)]), body)
}
/** resourceSpans.scopeSpans.spans of these bytes. */
const spansOf = (...spans: Uint8Array[]): Uint8Array => field(1, field(2, ...spans))
const filled = (piece: string, bytes: number): Uint8Array => {
  const one = hex(piece)
  return new Uint8Array(Buffer.alloc(Math.floor(bytes / one.length) * one.length, one))
}

/** An attribute whose value is lists in lists. */
const nestedValue = (depth: number): Uint8Array => {
  let value = hex('0a0178')
  for (let i = 0; i < depth; i++) value = field(5, field(1, value))
  return field(9, field(1, hex('6b')), field(2, value))
}

const nestedJson = (depth: number): string => `${'{"arrayValue":{"values":['.repeat(depth)}{"intValue":"1"}${']}}'.repeat(depth)}`

export const otlpCases: readonly HttpCase[] = [
  // JSON
  {
    ...traces,
    name: 'JSON: values 10,000 deep',
    body: request(span('x', attribute(nestedJson(10_000)))),
    status: 400,
    reason: 'limit_depth',
  },
  {
    ...traces,
    name: 'JSON: values 60 deep',
    body: request(span('json 60 deep', attribute(nestedJson(60)))),
    status: 200,
    arrive: ['json 60 deep'],
  },
  {
    ...traces,
    name: 'JSON: an unknown member 10,000 deep',
    body: request(span('x', `"unknown":${'{"a":['.repeat(10_000)}${']}'.repeat(10_000)}`)),
    status: 400,
    reason: 'limit_depth',
  },
  { ...traces, name: 'JSON: 100,000 brackets', body: '['.repeat(100_000), status: 400, reason: 'decode_json' },
  { ...traces, name: 'JSON: 100,000 braces', body: '{"resourceSpans":'.repeat(100_000), status: 400, reason: 'decode_json' },
  {
    ...traces,
    name: 'JSON: numbers of any kind where doubles go',
    body: request(
      ...['-0', '1e308', '5e-324', '"NaN"', '"-Infinity"', '1E-400', `0.${'0'.repeat(5000)}1`, '9'.repeat(300)].map((value, i) =>
        span(`double ${i}`, attribute(`{"doubleValue":${value}}`)),
      ),
    ),
    status: 200,
    arrive: [0, 1, 2, 3, 4, 5, 6, 7].map((i) => `double ${i}`),
  },
  ...['1e400', '-1e400', '1e999999999', '9'.repeat(400), '"1e400"'].map(
    (value): HttpCase => ({
      ...traces,
      name: `JSON: a double of ${value.slice(0, 20)}`,
      body: request(span('x', attribute(`{"doubleValue":${value}}`))),
      status: 400,
      reason: 'decode_json',
    }),
  ),
  ...['9223372036854775808', '"-9223372036854775809"', '1.5', '1e400', `1${'0'.repeat(100_000)}`, '"0x10"', '" 1"', '""', 'true', '[]'].map(
    (value): HttpCase => ({
      ...traces,
      name: `JSON: an integer of ${value.slice(0, 30)}`,
      body: request(span('x', attribute(`{"intValue":${value}}`))),
      status: 400,
      reason: 'decode_json',
    }),
  ),
  {
    ...traces,
    name: 'JSON: keys that mean something to JavaScript',
    body: request(
      span(
        'proto keys',
        '"__proto__":{"toString":1},"constructor":{"prototype":1},"hasOwnProperty":1,"attributes":[{"key":"__proto__","value":{"stringValue":"x"}},{"key":"constructor"}]',
      ),
    ).replace('{', '{"__proto__":{"polluted":1},'),
    status: 200,
    arrive: ['proto keys'],
  },
  {
    ...traces,
    name: 'JSON: keys twice: the last one holds, lists join',
    body: request(span('first', '"name":"second","attributes":[],"attributes":[]')).replace(
      '{',
      `{"resourceSpans":[{"scopeSpans":[{"spans":[${span('twice')}]}]}],`,
    ),
    status: 200,
    arrive: ['second', 'twice'],
  },
  ...[
    '',
    ' ',
    'null',
    '5',
    '"x"',
    '[]',
    '{',
    '{}x',
    '{"resourceSpans":{}}',
    '{"resourceSpans":[5]}',
    '{"resourceSpans":[{}],}',
    "{'a':1}",
  ].map((body): HttpCase => ({ ...traces, name: `JSON: ${body === '' ? 'nothing' : body}`, body, status: 400, reason: 'decode_json' })),
  {
    ...traces,
    name: 'JSON: a byte order mark',
    body: `\ufeff${request(span('byte order mark'))}`,
    status: 200,
    arrive: ['byte order mark'],
  },
  {
    ...traces,
    name: 'JSON: lone surrogates and NUL in texts',
    body: request(span('odd text', attribute('{"stringValue":"\\ud800 \\u0000 \\udc00\\ud800"}'))),
    status: 200,
    arrive: ['odd text'],
  },
  {
    ...traces,
    name: 'JSON: bytes that are no UTF-8',
    body: concat(Buffer.from(request(span('x')).slice(0, -10)), hex('ff fe c0 80'), Buffer.from('"')),
    status: 400,
    reason: 'decode_json',
  },
  ...['"xyz"', '"ABC"', '5', '{}', '"4bf92f3577b34da6a3ce929d0e0e473g"'].map(
    (id): HttpCase => ({
      ...traces,
      name: `JSON: a trace id of ${id}`,
      body: `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":${id},"name":"x"}]}]}]}`,
      status: 400,
      reason: 'decode_json',
    }),
  ),
  {
    ...traces,
    name: 'JSON: 100,001 spans',
    body: () => Buffer.from(request(...new Array<string>(100_001).fill('{}'))),
    status: 413,
    reason: 'limit_items',
  },
  {
    ...traces,
    name: 'JSON: 10,001 attributes',
    body: () => Buffer.from(request(span('x', `"attributes":[${new Array<string>(10_001).fill('{"key":"k"}').join(',')}]`))),
    status: 400,
    reason: 'limit_length',
  },
  {
    ...traces,
    name: 'JSON: 10,001 events',
    body: () => Buffer.from(request(span('x', `"events":[${new Array<string>(10_001).fill('{}').join(',')}]`))),
    status: 400,
    reason: 'limit_length',
  },
  {
    ...traces,
    name: 'JSON: a text of 17 MB',
    body: () => Buffer.from(request(span('x', attribute(`{"stringValue":"${'y'.repeat(17 * mebi)}"}`)))),
    status: 400,
    reason: 'limit_length',
    riseMiB: 128,
  },
  {
    ...traces,
    name: 'JSON: 4 million empty groups',
    body: () => Buffer.from(`{"resourceSpans":[${'{},'.repeat(4_000_000)}{}]}`),
    status: 200,
    riseMiB: 128,
  },
  {
    ...metrics,
    name: 'JSON: 9 million bucket counts of two bytes, each of which becomes eight',
    body: () =>
      Buffer.from(
        `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"histogram":{"dataPoints":[{"bucketCounts":[${'0,'.repeat(9_000_000)}0]}]}}]}]}]}`,
      ),
    status: 200,
    riseMiB: 256,
  },
  {
    ...metrics,
    name: 'JSON: numbers of metrics out of range',
    body: '{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"sum":{"dataPoints":[{"asDouble":1e400}]}}]}]}]}',
    status: 400,
    reason: 'decode_json',
  },
  {
    ...metrics,
    name: 'JSON: a scale that is no int32',
    body: '{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"exponentialHistogram":{"dataPoints":[{"scale":2147483648}]}}]}]}]}',
    status: 400,
    reason: 'decode_json',
  },
  {
    ...logs,
    name: 'JSON: a body that is two values',
    body: '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"a","intValue":"1"}}]}]}]}',
    status: 200,
  },
  { ...logs, name: 'JSON: spans where logs go', body: request(span('x')), status: 200 },

  // Compression
  {
    ...traces,
    name: 'a gzip bomb',
    body: () => gzipRepeated(' ', 400_000_000, '{', '}'),
    headers: { ...jsonType, 'content-encoding': 'gzip' },
    status: 413,
    reason: 'limit_body',
  },
  {
    ...traces,
    name: 'a small gzip bomb',
    body: () => gzipRepeated(' ', 15_000_000, '{', '}'),
    headers: { ...jsonType, 'content-encoding': 'gzip' },
    status: 413,
    reason: 'limit_ratio',
  },
  {
    ...tracesProto,
    name: 'a zstd bomb',
    body: () => new Uint8Array(zstdCompressSync(Buffer.alloc(200 * mebi))),
    headers: { ...protoType, 'content-encoding': 'zstd' },
    status: 413,
    reason: 'limit_ratio',
  },
  // Frame head: no single segment, window descriptor 0xa8 = 2^31 bytes; then a block.
  ...['28b52ffd 00 a8 010000', '28b52ffd 00 ff 010000', '28b52ffd 00 70 010000'].map(
    (bytes): HttpCase => ({
      ...tracesProto,
      name: `zstd with a window that is too large: ${bytes}`,
      body: hex(bytes),
      headers: { ...protoType, 'content-encoding': 'zstd' },
      status: 400,
      reason: 'decode_encoding',
    }),
  ),
  {
    ...tracesProto,
    name: 'zstd that declares 2^63 bytes',
    body: hex('28b52ffd e0 ffffffffffffff7f 010000'),
    headers: { ...protoType, 'content-encoding': 'zstd' },
    status: 400,
    reason: 'decode_encoding',
  },
  {
    ...tracesProto,
    name: 'zstd of two frames',
    body: () => concat(new Uint8Array(zstdCompressSync(otlpProto('x'))), new Uint8Array(zstdCompressSync(otlpProto('y')))),
    headers: { ...protoType, 'content-encoding': 'zstd' },
    status: 400,
    reason: 'decode_encoding',
  },
  ...[
    ['gzip cut short', () => gzip(otlpProto('x')).subarray(0, 30), 'gzip'],
    ['gzip with other bytes behind it', () => concat(gzip(otlpProto('x')), Uint8Array.of(1, 2, 3)), 'gzip'],
    ['what is no gzip', () => otlpProto('x'), 'gzip'],
    ['what is no zstd', () => otlpProto('x'), 'zstd'],
    ['nothing, compressed', () => new Uint8Array(0), 'gzip'],
  ].map(
    ([name, body, encoding]): HttpCase => ({
      ...tracesProto,
      name: String(name),
      body: body as () => Uint8Array,
      headers: { ...protoType, 'content-encoding': String(encoding) },
      status: 400,
      reason: 'decode_encoding',
    }),
  ),
  ...['br', 'snappy', 'gzip, gzip', 'gzip, zstd', 'x'.repeat(1000)].map(
    (encoding): HttpCase => ({
      ...tracesProto,
      name: `the encoding ${encoding.slice(0, 20)}`,
      body: gzip(gzip(otlpProto('x'))),
      headers: { ...protoType, 'content-encoding': encoding },
      status: 415,
      reason: 'unsupported_encoding',
    }),
  ),
  {
    ...traces,
    name: 'another type',
    body: request(span('x')),
    headers: { 'content-type': 'text/plain' },
    status: 415,
    reason: 'unsupported_type',
  },
  { ...traces, name: 'no type', body: request(span('x')), headers: {}, status: 415, reason: 'unsupported_type' },
  { ...tracesProto, name: 'JSON that says protobuf', body: request(span('x')), status: 400, reason: 'decode_proto' },
  { ...traces, name: 'protobuf that says JSON', body: otlpProto('x'), status: 400, reason: 'decode_json' },

  // Protobuf
  ...[
    ['a length of 2^32 - 1', '0affffffff0f00'],
    ['a length of 2^63', '0affffffffffffffff7f00'],
    ['a length of 11 bytes', '0affffffffffffffffffffff0100'],
    ['a length that overlaps its parent', '0a0412080a0a'],
    ['a tag of field 0', '0200'],
    ['a tag of 2^35', '808080808001'],
    ['resourceSpans as a number', '0805'],
    ['resourceSpans as fixed64', '090000000000000000'],
    ['resourceSpans as a group', '0b0c'],
    ['a wire type of 6', '0e00'],
    ['a wire type of 7', '0f00'],
    ['an end of a group that was not begun', '0c'],
    ['spans as a number', '0a04120210050a00'],
    ['a name as a number', '0a06120412022805'],
    ['a start time as a varint', '0a06120412023805'],
    ['groups in groups', '0b'.repeat(20_000)],
  ].map(
    ([name, bytes]): HttpCase => ({
      ...tracesProto,
      name: `protobuf: ${name}`,
      body: hex(bytes as string),
      status: 400,
      reason: 'decode_proto',
    }),
  ),
  {
    ...tracesProto,
    name: 'protobuf: values 10,000 deep',
    body: () => spansOf(field(2, nestedValue(10_000))),
    status: 400,
    reason: 'limit_depth',
  },
  {
    ...tracesProto,
    name: 'protobuf: values 60 deep',
    body: () => spansOf(field(2, field(5, Buffer.from('proto 60 deep')), nestedValue(60))),
    status: 200,
    arrive: ['proto 60 deep'],
  },
  {
    ...tracesProto,
    name: 'protobuf: 100,001 spans',
    body: () => spansOf(filled('1200', 200_002)),
    status: 413,
    reason: 'limit_items',
  },
  {
    ...tracesProto,
    name: 'protobuf: 10 million spans of two bytes',
    body: () => spansOf(filled('1200', 19 * mebi)),
    status: 413,
    reason: 'limit_items',
    riseMiB: 128,
  },
  {
    ...tracesProto,
    name: 'protobuf: 10,001 attributes',
    body: () => spansOf(field(2, filled('4a00', 20_002))),
    status: 400,
    reason: 'limit_length',
  },
  {
    ...tracesProto,
    name: 'protobuf: 10,001 events and links',
    body: () => spansOf(field(2, filled('5a006a00', 20_004))),
    status: 400,
    reason: 'limit_length',
  },
  {
    ...tracesProto,
    name: 'protobuf: a text of 17 MB',
    body: () => spansOf(field(2, field(5, new Uint8Array(17 * mebi).fill(0x61)))),
    status: 400,
    reason: 'limit_length',
    riseMiB: 128,
  },
  { ...tracesProto, name: 'protobuf: 10 million empty groups', body: () => filled('0a00', 20 * mebi), status: 200, riseMiB: 128 },
  { ...tracesProto, name: 'protobuf: 10 million unknown fields', body: () => filled('7805', 20 * mebi), status: 200, riseMiB: 128 },
  {
    ...tracesProto,
    name: 'protobuf: 100,000 resources, each of another service',
    body: () =>
      concat(
        ...Array.from({ length: 100_000 }, (_, i) => {
          const service = field(1, field(1, Buffer.from('service.name')), field(2, field(1, Buffer.from(`service ${i}`))))
          return field(1, field(1, service), field(2, field(2, field(5, Buffer.from('of many services')))))
        }),
      ),
    status: 200,
    riseMiB: 160,
  },
  { ...tracesProto, name: 'protobuf: a body over the limit', body: () => filled('7805', 20 * mebi + 2), status: 413, reason: 'limit_body' },
]
