/** Bodies of `_bulk` that are not what they say: lines, actions, encodings. */

import { deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { action, between, ndjson, neighbours, times } from './bulks.ts'
import { concat, hex } from './payloads.ts'
import type { BulkCase, Refusal } from './throw-bulk.ts'

const doc = (message: string): object => ({ message })
const nested = (depth: number, open: string, inner: string, close: string): string => open.repeat(depth) + inner + close.repeat(depth)

const illegal = 'illegal_argument_exception'

/** A whole request that is refused; nothing of it arrives. */
const refused = (name: string, body: BulkCase['body'], error: Refusal, more: Partial<BulkCase> = {}): BulkCase => ({
  name,
  body,
  status: 400,
  error,
  reasons: { decode_json: 1 },
  arrive: { 'not to arrive': 0 },
  ...more,
})

const good = ndjson(action().trimEnd(), doc('not to arrive'))

const framing: readonly BulkCase[] = [
  refused('nothing', '', ['parse_exception', 'request body is required']),
  refused('only newlines', '\n\n\r\n\n', ['action_request_validation_exception', 'Validation Failed: 1: no requests added;']),
  refused('no final newline', good.trimEnd(), [illegal, 'The bulk request must be terminated by a newline [\\n]']),
  refused('a body cut in a document', `${good}${action()}{"mess`, [illegal, 'The bulk request must be terminated by a newline [\\n]']),
  {
    name: 'CRLF, blank lines and blanks',
    body: `\r\n${action()}\r\n{"message":"crlf"}\r\n  \t\n${action().trimEnd()}\r\n \t{"message":"crlf"} \t\r\n\n\n`,
    status: 200,
    items: '201×2',
    arrive: { crlf: 2 },
  },
  { name: 'a byte order mark', body: `\ufeff${between('bom')}`, status: 200, items: '201×2', arrive: neighbours('bom') },
  refused('a byte order mark in the middle', `${good}\ufeff${good}`, ['x_content_parse_exception', /./]),
  refused('NUL between the lines', `${good}\0\n${good}`, ['x_content_parse_exception', /./]),
  refused('bytes that are no text', hex('fffe000102030a'), ['x_content_parse_exception', /./]),
  refused('UTF-16', Buffer.from(good, 'utf16le'), ['x_content_parse_exception', /./]),
]

const actions: readonly BulkCase[] = [
  refused('an action without a document at the end', `${good}${action()}`, [
    illegal,
    'Malformed action/metadata line [4], expected a document',
  ]),
  refused('an action without a document in the middle', `${action()}${action()}${ndjson(doc('not to arrive'))}`, [
    illegal,
    /^Malformed action\/metadata line \[3\], expected field \[create\], \[delete\], \[index\] or \[update\] but found \[message\]$/,
  ]),
  refused('a document without an action', `${good}${ndjson(doc('not to arrive'))}`, [
    illegal,
    /line \[3\], expected .* but found \[message\]$/,
  ]),
  refused('an unknown action', `${good}{"upsert":{}}\n{}\n`, [illegal, /line \[3\], expected field .* but found \[upsert\]$/]),
  refused('__proto__ as an action', `${good}{"__proto__":{}}\n{}\n`, [illegal, /but found \[__proto__\]$/]),
  refused('constructor as an action', `${good}{"constructor":{}}\n{}\n`, [illegal, /but found \[constructor\]$/]),
  refused('an action that is a list', `${good}[]\n{}\n`, [
    illegal,
    'Malformed action/metadata line [3], expected START_OBJECT but found [START_ARRAY]',
  ]),
  refused('an action that is text', `${good}"x"\n{}\n`, [
    illegal,
    'Malformed action/metadata line [3], expected START_OBJECT but found [VALUE_STRING]',
  ]),
  refused('an action that is empty', `${good}{}\n{}\n`, [
    illegal,
    'Malformed action/metadata line [3], expected FIELD_NAME but found [END_OBJECT]',
  ]),
  refused('an action of a number', `${good}{"index":5}\n{}\n`, [
    illegal,
    /expected START_OBJECT or END_OBJECT but found \[VALUE_NUMBER\]$/,
  ]),
  refused('an index that is a list', `${good}{"index":{"_index":["a"]}}\n{}\n`, [
    illegal,
    /expected a simple value for field \[_index\] but found \[START_ARRAY\]$/,
  ]),
  refused('an index that is an object', `${good}{"index":{"_index":{"a":1}}}\n{}\n`, [illegal, /\[_index\]/]),
  refused('an unknown parameter', `${good}{"index":{"_indx":"a"}}\n{}\n`, [
    illegal,
    'Action/metadata line [3] contains an unknown parameter [_indx]',
  ]),
  refused('__proto__ as a parameter', `${good}{"index":{"_index":"a","__proto__":"x"}}\n{}\n`, [
    illegal,
    /unknown parameter \[__proto__\]/,
  ]),
  refused('an action nested 10,000 deep', `${good}{"index":${nested(10_000, '{"a":', '1', '}')}}\n{}\n`, [illegal, /./]),
  refused('10,000 lists in a row as an action', `${good}${nested(10_000, '[', '', ']')}\n{}\n`, [illegal, /START_ARRAY/]),
  refused('an action cut off', `${good}{"index":{"_index":"a"\n{}\n`, ['x_content_e_o_f_exception', '[1:23] Unexpected end of file']),
  refused('a pretty-printed action', `${good}{\n  "index": {}\n}\n{}\n`, ['x_content_e_o_f_exception', '[1:2] Unexpected end of file']),
  refused('an action of 100 KB that is none', `${good}{"${'x'.repeat(100_000)}":{}}\n{}\n`, [illegal, /./]),
  refused('no index', `${good}{"index":{}}\n{}\n`, ['action_request_validation_exception', 'Validation Failed: 1: index is missing;']),
  refused('no index, 100,000 times', () => times('{"index":{}}\n{}\n', 100_000), [
    'action_request_validation_exception',
    /^Validation Failed: 1: index is missing;2: /,
  ]),
  refused('invalid UTF-8 in an action', concat(Buffer.from(`${good}{"index":{"_index":"a`), hex('ff c3 28'), Buffer.from('"}}\n{}\n')), [
    'x_content_parse_exception',
    /./,
  ]),
  {
    name: 'delete, update and update with upsert between good ones',
    body: [
      between('modify').split('\n').slice(0, 2).join('\n'),
      '{"delete":{"_index":"logs","_id":"1"}}',
      '{"update":{"_index":"logs","_id":"1"}}',
      '{"doc":{"message":"not to arrive"},"doc_as_upsert":true}',
      '{"update":{"_index":"logs","_id":"2"}}',
      '{"script":{"source":"ctx._source.message = \'not to arrive\'","lang":"painless"},"upsert":{"message":"not to arrive"}}',
      between('modify').split('\n').slice(2).join('\n'),
    ].join('\n'),
    status: 200,
    items: '201 400×3 201',
    why: /^only write ops with an op_type of create are allowed in data streams$/,
    reasons: { delete: 1, update: 2 },
    arrive: { ...neighbours('modify'), 'not to arrive': 0 },
  },
  {
    name: 'a pipeline, routing and scripts as data',
    body: `{"index":{"_index":"logs","pipeline":"../../etc/passwd","routing":"$(reboot)"}}\n{"message":"inert","script":"while(true){}","pipeline":"\${jndi:ldap://127.0.0.1/a}"}\n`,
    status: 200,
    items: '201',
    arrive: { inert: 1 },
  },
  {
    name: 'more keys behind an action, as winston has them',
    body: '{"index":{"_index":"logs","pipeline":null},"attempts":0}\n{"message":"winston"}\n',
    status: 200,
    items: '201',
    arrive: { winston: 1 },
  },
  {
    name: 'names of indices that cannot be',
    body: [
      '..',
      '.',
      '_all',
      'UPPER',
      'a b',
      'a*',
      'a,b',
      'a/b',
      'a\\b',
      'a|b',
      'a"b',
      '<a',
      'a?',
      '#a',
      'a:b',
      '-a',
      '+a',
      '',
      'x'.repeat(300),
      'ö'.repeat(128),
      'a\0b',
      'a\nb',
    ]
      .map((index) => `${action('create', index)}{"message":"not to arrive"}\n`)
      .join('')
      .replace(/^/, between('index').split('\n').slice(0, 2).join('\n').concat('\n'))
      .concat(between('index').split('\n').slice(2).join('\n')),
    status: 200,
    why: /^Invalid index name \[/,
    arrive: { ...neighbours('index') },
  },
  {
    name: 'date math, a data stream, 255 bytes and letters of all kinds as an index',
    body: ['<logs-{now/d}>', '<logs-{now/d{yyyy.MM.dd|+12:00}}>', 'logs-nginx.access-prod', 'x'.repeat(255), 'ünïcode-索引', '.ds-logs']
      .map((index, at) => `${action('index', index)}{"message":"name ${at}"}\n`)
      .join(''),
    status: 200,
    items: '201×6',
    // What begins with a dot is of the system, and left out.
    arrive: { 'name 0': 1, 'name 1': 1, 'name 2': 1, 'name 3': 1, 'name 4': 1, 'name 5': 0 },
  },
  {
    name: 'ids: empty, number, 512 bytes, with NUL, surrogates, and twice',
    body: ['""', '7', `"${'i'.repeat(512)}"`, '"\\u0000"', '"\\ud800"', '"twice"', '"twice"']
      .map((id) => `{"create":{"_index":"ids","_id":${id}}}\n{"message":"id"}\n`)
      .join(''),
    status: 200,
    items: '400 201×5 409',
    arrive: { id: 5 },
  },
  refused('an id of 513 bytes', `${good}{"create":{"_index":"ids","_id":"${'i'.repeat(513)}"}}\n{}\n`, [
    'action_request_validation_exception',
    /too long, must be no longer than 512 bytes but was: 513/,
  ]),
]

const encoded = (name: string, encoding: string, body: Uint8Array, more: Partial<BulkCase>): BulkCase => ({
  name,
  body,
  headers: { 'content-encoding': encoding },
  status: 400,
  ...(more.status === undefined ? { error: ['parse_exception', /./] as const } : {}),
  reasons: more.status === undefined ? { decode_encoding: 1 } : {},
  arrive: { 'not to arrive': 0 },
  ...more,
})

const packed = (label: string): string => between(label)
const cut = Buffer.from(good.repeat(50))
const unsupported: Partial<BulkCase> = { status: 415, reasons: { unsupported_encoding: 1 } }

const encodings: readonly BulkCase[] = [
  encoded('gzip that is none', 'gzip', Buffer.from(good), {}),
  encoded('gzip cut off', 'gzip', gzipSync(cut).subarray(0, -9), {}),
  encoded('deflate cut off', 'deflate', deflateSync(cut).subarray(0, -5), {}),
  encoded('deflate without a header, cut off', 'deflate', deflateRawSync(cut).subarray(0, -5), {}),
  encoded('zstd cut off', 'zstd', zstdCompressSync(cut).subarray(0, -5), {}),
  encoded('zstd that is none', 'zstd', Buffer.from(good), {}),
  encoded('zstd with a window of 2 GiB', 'zstd', hex('28b52ffd 04 a8 01 00 00 00'), {}),
  encoded('gzip with garbage behind it', 'gzip', concat(gzipSync(cut), hex('deadbeef')), {}),
  encoded('zlib with garbage behind it', 'deflate', concat(deflateSync(cut), hex('deadbeef')), {}),
  encoded('zstd with garbage behind it', 'zstd', concat(zstdCompressSync(cut), hex('deadbeef')), {}),
  encoded('gzip of gzip', 'gzip', gzipSync(gzipSync(good)), {
    error: [illegal, 'The bulk request must be terminated by a newline [\\n]'],
    reasons: { decode_json: 1 },
  }),
  encoded('gzip named twice', 'gzip, gzip', gzipSync(gzipSync(good)), unsupported),
  encoded('an encoding nobody knows', 'br', Buffer.from(good), unsupported),
  encoded('gzip of nothing', 'gzip', gzipSync(''), { error: ['parse_exception', 'request body is required'], reasons: { decode_json: 1 } }),
  encoded('gzip of 1,000 members', 'gzip', concat(...Array.from({ length: 1000 }, () => gzipSync(good))), {
    error: ['parse_exception', 'cannot decompress body: it has more than 16 gzip members'],
  }),
  encoded(
    'gzip of two members in the middle of a line',
    'gzip',
    concat(gzipSync(packed('halves').slice(0, 50)), gzipSync(packed('halves').slice(50))),
    {
      status: 200,
      items: '201×2',
      arrive: neighbours('halves'),
    },
  ),
  ...(
    [
      ['gzip', gzipSync],
      ['deflate', deflateSync],
      ['deflate', deflateRawSync],
      ['zstd', zstdCompressSync],
    ] as const
  ).map(([encoding, compress], at) =>
    encoded(`${encoding}, good (${at})`, encoding, compress(packed(`good ${at}`)), {
      status: 200,
      items: '201×2',
      arrive: neighbours(`good ${at}`),
    }),
  ),
]

const typed = (type: string, more: Partial<BulkCase> = {}): BulkCase => ({
  name: `content type ${type === '' ? 'absent' : type}`,
  body: good,
  headers: { 'content-type': type },
  status: 406,
  reasons: { unsupported_type: 1 },
  arrive: { 'not to arrive': 0 },
  ...more,
})

const types: readonly BulkCase[] = [
  typed('application/smile'),
  typed('application/cbor'),
  typed('application/yaml'),
  typed('text/html; charset=utf-16'),
  typed('application/x-ndjson'.repeat(300)),
  typed('', { body: between('untyped'), status: 200, items: '201×2', reasons: {}, arrive: neighbours('untyped') }),
]

export const bulkCases: readonly BulkCase[] = [...framing, ...actions, ...encodings, ...types]
