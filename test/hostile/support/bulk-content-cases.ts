/** Documents that cannot be, or hardly: each between two good ones, which must arrive whatever becomes of it. */

import { action, between, neighbours } from './bulks.ts'
import { concat, hex } from './payloads.ts'
import type { BulkCase } from './throw-bulk.ts'

const nested = (depth: number, open: string, inner: string, close: string): string => open.repeat(depth) + inner + close.repeat(depth)

/** Documents all of which are refused for the same reason. @param reason counted. @param why what their items say */
const bad = (name: string, documents: readonly string[], reason: string, why: RegExp, more: Partial<BulkCase> = {}): BulkCase => ({
  name,
  body: between(name, ...documents),
  status: 200,
  items: `201 ${documents.length === 1 ? '400' : `400×${documents.length}`} 201`,
  why,
  reasons: { [reason]: documents.length },
  arrive: { ...neighbours(name), 'not to arrive': 0 },
  ...more,
})

/** Documents all of which are taken; each has a message of its own: NAME and its place. */
const taken = (name: string, documents: readonly string[], more: Partial<BulkCase> = {}): BulkCase => {
  const texts = documents.map((_, at) => `${name} ${at}`)
  return {
    name,
    body: between(name, ...documents.map((one, at) => `{"message":${JSON.stringify(texts[at])},${one}}`)),
    status: 200,
    items: `201×${documents.length + 2}`,
    arrive: neighbours(name, ...texts),
    ...more,
  }
}

const failed = /^(\[1:\d+\] )?failed to parse/

const broken: readonly BulkCase[] = [
  bad(
    'no JSON',
    [
      '{',
      '{"message":"not to arrive"',
      '{"message":"not to arrive"}}',
      '{"message":"not to arrive"}{}',
      '{"message":"not to arrive",}',
      '{"message":"not to arrive" "a":1}',
      '{,"a":1}',
      '{"a"}',
      '{"a":}',
      '{"a":1 2}',
      '{a:1}',
      "{'a':1}",
      '{"a":tru}',
      '{"a":nul}',
      '{"a":undefined}',
      '{"a":"x}',
      '{"a":"\\x"}',
      '{"a":"\\u12"}',
      '{"a":"\\ud8zz"}',
      '{"a":"tab\tin text"}',
      '{"a":"nul\0in text"}',
      '{"nul\0in name":1}',
      '{"a":[1,]}',
      '{"a":[1 2]}',
      '{"a":[}',
      '{"a":{]}',
      '{"message":"not to arrive"}/* comment */',
      '{/* comment */}',
    ],
    'json',
    failed,
  ),
  bad(
    'numbers that are none',
    ['NaN', 'Infinity', '-Infinity', '-', '+1', '01', '-01', '.5', '5.', '1e', '1e+', '0x10', '1_000', '--1', '1.e5', '∞'].map(
      (one) => `{"a":${one}}`,
    ),
    'json',
    failed,
  ),
  bad(
    'no objects',
    ['[]', '[{"message":"not to arrive"}]', 'x', '}', '# comment', '\\u007b}', '"text"', '5', 'null', 'true', '-0.5e3'],
    'not_object',
    /must start with an object/,
  ),
  bad(
    'nested deeper than 100',
    [
      nested(101, '{"a":', '1', '}'),
      nested(10_000, '{"a":', '1', '}'),
      `{"a":${nested(10_000, '[', '', ']')}}`,
      `{"a":${nested(5000, '[{"a":', '1', '}]')}}`,
      `{"a":${nested(100_000, '{"a":', '', '')}`,
      `{"a":${'['.repeat(100_000)}`,
    ],
    'depth',
    /nested (deeper than 100|too deep)/,
  ),
  {
    name: 'invalid UTF-8 in a name and a text',
    body: concat(
      Buffer.from(`${action()}{"message":"utf8 before"}\n${action()}{"message":"`),
      hex('ff fe c3 28'),
      Buffer.from(`"}\n${action()}{"`),
      hex('ed a0 80'),
      Buffer.from(`":1}\n${action()}{"message":"`),
      hex('f4 90 80 80 c0 80'),
      Buffer.from(`"}\n${action()}{"message":"utf8 after"}\n`),
    ),
    status: 200,
    items: '201 400×3 201',
    why: failed,
    reasons: { utf8: 3 },
    arrive: neighbours('utf8'),
  },
]

const names = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf', '__defineGetter__', 'then', 'length']

const odd: readonly BulkCase[] = [
  taken('empty things', ['"a":{}', '"a":[]', '"a":null', '"a":""', '"":1', '"":{"":{"":""}}', '"a":[null,{},[],""]', '"a":[[[]],[{}]]']),
  taken('names of objects of the language', [
    ...names.map((one) => `"${one}":"x"`),
    ...names.map((one) => `"${one}":{"${one}":{"polluted":true}}`),
    ...names.map((one) => `"a.${one}.b":1`),
  ]),
  taken('the same name twice', [
    '"a":1,"a":2',
    '"a":{"b":1},"a":{"b":2}',
    '"a":1,"a":{"b":2}',
    '"a":{"b":1},"a":2',
    '"a":[1],"a":null',
    Array.from({ length: 1000 }, () => '"a":1').join(','),
  ]),
  taken('dots and nesting of the same name', [
    '"host.name":"a","host":{"name":"b"}',
    '"host":"a","host.name":"b"',
    '"a.b":1,"a":{"b":{"c":2}},"a.b.c":3',
    '"a":{"b.c":1},"a.b":{"c":2}',
    '".":1,"..":2,"...":3',
    '".a":1,"a.":2,"a..b":3,"..a..":4',
    `"${'.'.repeat(5000)}":1`,
    `"${'a.'.repeat(5000)}a":1`,
  ]),
  taken('lone surrogates and NUL', [
    '"a":"\\ud800"',
    '"a":"\\udc00\\ud800"',
    '"\\udfff":"b"',
    '"a":"a\\u0000b"',
    '"\\u0000":"\\u0000"',
    '"a":["\\ud800"]',
    '"trace.id":"\\ud800"',
    '"service.name":"\\u0000"',
  ]),
  taken('large and odd numbers', [
    '"a":1e400',
    '"a":-1e400',
    '"a":1e-400',
    '"a":18446744073709551616',
    '"a":9223372036854775808',
    '"a":-9223372036854775809',
    '"a":9007199254740993',
    '"a":-0',
    '"a":-0.0',
    `"a":${'9'.repeat(10_000)}`,
    `"a":0.${'0'.repeat(10_000)}1`,
    `"a":1e${'9'.repeat(1000)}`,
    '"a":[1e400,18446744073709551616,-0]',
  ]),
  taken(
    'timestamps',
    [
      '1700000000000',
      '1700000000',
      '"1700000000000"',
      '1700000000.123456789',
      '1e400',
      '1e18',
      '-1',
      '18446744073709551616',
      '99999999999999999999999999999999999999',
      '-0',
      '["2024-01-01T00:00:00Z"]',
      '[]',
      '[[["2024-01-01T00:00:00Z"]]]',
      '[null]',
      '{}',
      '{"a":"2024-01-01T00:00:00Z"}',
      'null',
      'true',
      '""',
      '" "',
      '"yesterday"',
      '"now-1d/d"',
      '"2024-13-45T99:99:99Z"',
      '"2023-02-29"',
      '"0000-00-00"',
      '"9999-12-31T23:59:59.999999999Z"',
      '"+292278994-08-17T07:12:55.807Z"',
      '"1969-12-31T23:59:59Z"',
      '"2024-01-01T00:00:60Z"',
      `"2024-01-01T00:00:00.${'1'.repeat(10_000)}Z"`,
      '"2024-01-01T00:00:00+99:99"',
      '"2024-01-01T00:00:00\\u0000Z"',
      '"2024-W01-1"',
      '"\\u0662\\u0660\\u0662\\u0664-01-01"',
      `"${'2'.repeat(100_000)}"`,
    ].map((one) => `"@timestamp":${one}`),
  ),
  taken('fields of other types than they have', [
    '"log.level":{"a":1}',
    '"log":["a"]',
    '"trace":{"id":5}',
    '"trace.id":["a","b"]',
    '"trace.id":"00000000000000000000000000000000"',
    '"span.id":{"a":{}}',
    '"host":[{"name":"a"},5,null]',
    '"service":"a"',
    '"service.name":[1,2]',
    '"http.request.method":7',
    '"http":{"request":{"method":["GET"]}}',
    '"os.type":{}',
    '"event.created":[]',
    '"labels":[{"a":1}]',
    '"labels":"x"',
    '"tags":{"a":"b"}',
    '"error":{"message":[],"stack_trace":{"a":1},"type":5}',
    '"data_stream":{"type":5,"dataset":[],"namespace":null}',
    '"data_stream":"logs"',
    '"kubernetes":"x"',
    '"kubernetes.labels":[1]',
    '"winlog":{"event_data":"x","event_id":[1]}',
    '"MESSAGE":[72,105]',
    '"PRIORITY":"ten"',
    '"level":{}',
    '"level":1e400',
    '"@metadata":"x"',
    '"@version":{}',
    '"exceptions":"x"',
    '"err":5',
    '"fields":[]',
    '"metricset":{"name":{}}',
    '"transaction.id":5',
  ]),
  {
    name: 'messages that are no text',
    body: ['{"a":1}', '[1,"a"]', '5', 'true', 'null', '""', '{"message":{"message":"deep"}}', '"\\u0000"']
      .map((one) => `${action()}{"message":${one}}\n`)
      .join(''),
    status: 200,
    items: '201×8',
  },
  taken('documents of APM that are none', [
    '"processor":{"event":"span"}',
    '"processor":{"event":"span"},"span":{"id":"x","duration":{"us":"long"}},"trace":{"id":"y"}',
    '"processor":{"event":"transaction"},"transaction":[]',
    '"processor":{"event":["span","transaction"]}',
    '"processor":{"event":"error"},"error":{"exception":{}}',
    '"processor":{"event":"error"},"error":{"exception":[{"stacktrace":[[[]]]}]}',
    '"processor":{"event":"error"},"error":{"exception":[null,5,"x"]}',
    '"processor":{"event":"metric"}',
  ]),
  {
    name: 'documents of APM that hardly are',
    body: [
      '"trace.id":"0123456789abcdef0123456789abcdef","span.id":"0123456789abcdef","span.duration.us":-5,"processor.event":"span"',
      '"trace.id":"0123456789abcdef0123456789abcdef","span.id":"0123456789abcdef","span.duration.us":9223372036854775807,"processor.event":"span","timestamp.us":9223372036854775807',
      '"trace.id":"0123456789abcdef0123456789abcdef","span.id":"0123456789abcdef","span.duration.us":1,"processor.event":"span","span.links":[{"trace":{"id":5}},5,null,[]],"parent.id":"zz"',
      '"trace.id":"0123456789abcdef0123456789abcdef","transaction.id":"0123456789abcdef","transaction.duration.us":1e300,"processor.event":"transaction","@timestamp":"x"',
    ]
      .map((one) => `${action('create', 'traces-apm-default')}{${one}}\n`)
      .join(''),
    status: 200,
    items: '201×4',
  },
  {
    name: 'documents that are for others: Jaeger, profiles, the system',
    body: between('others').replace(
      action(),
      () =>
        `${action('index', 'jaeger-span-2024-01-01')}{"message":"not to arrive"}\n${action('index', 'profiling-events-all')}{}\n${action('index', '.monitoring-es-7')}{"message":"not to arrive"}\n${action()}`,
    ),
    status: 200,
    items: '400×2 201×3',
    reasons: { jaeger: 1, profiling: 1 },
    arrive: { ...neighbours('others'), 'not to arrive': 0 },
  },
]

/** Paths of a filter, and whether items are left of an answer to one good document. */
const filters: readonly (readonly [name: string, filter: string, items: boolean])[] = [
  ['10,000 commas', ','.repeat(10_000), true],
  ['1,000 times **', Array.from({ length: 1000 }, () => '**').join(','), true],
  ['a path of 1,000 times **', Array.from({ length: 1000 }, () => '**').join('.'), false],
  ['1,000 stars in a name', `items.${'*'.repeat(1000)}.status`, true],
  ['stars and letters that match nowhere', `items.${'*a'.repeat(500)}b`, false],
  ['paths of 2,000 names', Array.from({ length: 2000 }, () => 'a').join('.'), false],
  ['nothing but dots', '.'.repeat(1000), false],
  ['what excludes everything', '-**', false],
  ['excludes 1,000 times', Array.from({ length: 1000 }, () => '-items').join(','), false],
  ['names of objects of the language', '__proto__,constructor.prototype,items.*.__proto__', false],
  ['brackets and backslashes', 'items[0],\\,\\\\.\\,items.\\*', false],
  ['NUL', '%00', false],
]

const filtered: readonly BulkCase[] = filters.map(([name, filter, items], at) => ({
  name: `filter_path: ${name}`,
  path: `/_bulk?filter_path=${filter}`,
  body: `${action()}{"message":"filter ${at}"}\n`,
  status: 200,
  text: items ? /"items":\[\{"create":\{.*"status":201/ : /^(?!.*items)/,
  arrive: { [`filter ${at}`]: 1 },
  withinMs: 2000,
}))

export const bulkContentCases: readonly BulkCase[] = [...broken, ...odd, ...filtered]
