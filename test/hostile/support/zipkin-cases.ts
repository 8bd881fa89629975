/** Zipkin bodies over HTTP. */

import { structBytes } from '../../support/thrift-writer.ts'
import type { HttpCase } from './cases.ts'
import { concat, gzip, gzipRepeated, hex, jsonType, protoType, thriftType, zipkinJson, zipkinSpan, zipkinThriftSpan } from './payloads.ts'

const v2 = { port: 'zipkin', path: '/api/v2/spans', headers: jsonType } as const
const v1 = { port: 'zipkin', path: '/api/v1/spans', headers: jsonType } as const
const v1Thrift = { port: 'zipkin', path: '/api/v1/spans', headers: thriftType } as const
const proto = { port: 'zipkin', path: '/api/v2/spans', headers: protoType } as const

const mebi = 2 ** 20

/** A v2 list whose spans have the raw JSON given in place of a member, among good neighbours. */
const withMembers = (label: string, members: readonly string[]): string => {
  const good = JSON.stringify(zipkinSpan('x')).slice(1, -1).replace('"name":"x",', '')
  const spans = members.map((member, i) => {
    const key = member.slice(0, member.indexOf(':') + 1)
    const rest = good.split(/,(?="(?:traceId|id|timestamp|duration|localEndpoint)")/).filter((one) => !one.startsWith(key))
    return `{"name":"${label} ${i}",${[...rest, member].filter((one) => one !== '').join(',')}}`
  })
  return `[${[`{"name":"${label} before",${good}}`, ...spans, `{"name":"${label} after",${good}}`].join(',')}]`
}

const around = (label: string, ...good: number[]): string[] => [`${label} before`, ...good.map((i) => `${label} ${i}`), `${label} after`]

export const zipkinCases: readonly HttpCase[] = [
  {
    ...v2,
    name: 'trace ids of 0, 1, 15, 17, 31 and 33 digits, upper case, zero, not hex',
    body: withMembers('tid', [
      '"traceId":""',
      '"traceId":"1"',
      '"traceId":"123456789012345"',
      '"traceId":"12345678901234567"',
      '"traceId":"1234567890123456789012345678901"',
      '"traceId":"123456789012345678901234567890123"',
      '"traceId":"ABCDEF"',
      '"traceId":"00000000000000000000000000000000"',
      '"traceId":"xyz"',
      '"traceId":null',
      '"traceId":5',
    ]),
    status: 202,
    rejected: 5,
    arrive: around('tid', 1, 2, 3, 4, 6, 10),
  },
  {
    ...v2,
    name: 'span ids of 0, 1, 15 and 17 digits, upper case, zero',
    body: withMembers('sid', [
      '"id":""',
      '"id":"1"',
      '"id":"123456789012345"',
      '"id":"12345678901234567"',
      '"id":"ABCDEF"',
      '"id":"0000000000000000"',
    ]),
    status: 202,
    rejected: 3,
    arrive: around('sid', 1, 2, 4),
  },
  {
    ...v2,
    name: 'timestamps negative, 2^63, float, text, missing, absurd',
    body: withMembers('ts', [
      '"timestamp":-1',
      '"timestamp":9223372036854775808',
      '"timestamp":1472470996199000.5',
      '"timestamp":"1472470996199000"',
      '"timestamp":null',
      '"timestamp":1e400',
      '"timestamp":-0',
      '"timestamp":99999999999999999999999999999999999999',
      '"duration":-5',
      '"duration":9223372036854775808',
      '"duration":1e400',
    ]),
    status: 202,
    arrive: ['ts before', 'ts after'],
  },
  {
    ...v2,
    name: 'tags that are no strings, and keys of objects',
    body: withMembers('tags', [
      '"tags":{"n":1,"b":true,"z":null,"o":{"a":[1]},"l":[1,2]}',
      '"tags":{"__proto__":"p","constructor":"c","toString":"t","":"empty"}',
      '"tags":{"a":"1","a":"2","a":"3"}',
      '"tags":[]',
      '"tags":"text"',
      '"__proto__":{"polluted":true}',
    ]),
    status: 202,
    arrive: ['tags before', 'tags 0', 'tags 1', 'tags 2', 'tags 5', 'tags after'],
  },
  {
    ...v2,
    name: 'duplicate keys in a span',
    body: withMembers('twice', ['"traceId":"1","traceId":"2"', '"name":"twice again"', '"id":"1","id":"2"']),
    status: 202,
    arrive: ['twice before', 'twice after'],
  },
  {
    ...v2,
    name: 'lone surrogates and NUL in names and tags',
    body: withMembers('utf', ['"tags":{"a":"\\ud800","\\udc00":"b"}', '"tags":{"nul":"a\\u0000b","k\\u0000":"c"}']),
    status: 202,
    arrive: around('utf', 0, 1),
  },
  {
    ...v2,
    name: 'invalid UTF-8 in a tag',
    body: concat(
      Buffer.from(zipkinJson(zipkinSpan('raw', { tags: { a: '#' } })).split('#')[0] ?? ''),
      hex('ff fe c3 28'),
      Buffer.from(zipkinJson(zipkinSpan('raw', { tags: { a: '#' } })).split('#')[1] ?? ''),
    ),
    status: 202,
    arrive: ['raw'],
  },
  { ...v2, name: 'a byte order mark', body: `\ufeff${zipkinJson(zipkinSpan('bom'))}`, status: 202, arrive: ['bom'] },
  { ...v2, name: '100,000 opening brackets', body: '['.repeat(100_000), status: 400, text: /reading List<Span> from json$/ },
  { ...v2, name: '100,000 nested objects in a tag', body: `[{"traceId":"1","id":"2","tags":{"a":${'{"a":'.repeat(100_000)}`, status: 400 },
  {
    ...v2,
    name: 'closed nesting of 10,000 in an unknown member',
    body: `[{"traceId":"1","id":"2","x":${'['.repeat(10_000)}${']'.repeat(10_000)}}]`,
    status: 400,
  },
  { ...v2, name: 'a trailing comma', body: '[{"traceId":"1","id":"2"},]', status: 400, reason: 'decode_json' },
  { ...v2, name: 'garbage behind the list', body: `${zipkinJson(zipkinSpan('junk'))}]`, status: 400, reason: 'decode_json' },
  {
    ...v2,
    name: 'a list cut off',
    body: zipkinJson(zipkinSpan('cut')).slice(0, -5),
    status: 400,
    reason: 'decode_json',
    text: /from json$/,
  },
  { ...v2, name: 'an object in place of the list', body: '{}', status: 400, text: /^Expected a JSON_V2 encoded list/ },
  { ...v2, name: 'a list of numbers', body: '[1,2,3]', status: 400 },
  { ...v2, name: 'nothing', body: '', status: 202 },
  { ...v2, name: 'only spaces', body: '  \n ', status: 202 },
  {
    ...v2,
    name: 'a v1 list on the path of v2',
    body: '[{"traceId":"1","id":"2","name":"v1 here","binaryAnnotations":[{"key":"a","value":"b","endpoint":{"serviceName":"s"}}]}]',
    status: 202,
    arrive: ['v1 here'],
  },
  {
    ...v1,
    name: 'a v2 list on the path of v1',
    body: zipkinJson(zipkinSpan('v2 here', { kind: 'CLIENT', tags: { a: 'b' } })),
    status: 202,
    arrive: ['v2 here'],
  },
  {
    ...v2,
    name: 'protobuf on the path of JSON',
    body: hex('0a1a 0a08 0000000000000001 1a08 0000000000000002 2a01 61'),
    status: 400,
    text: /^Expected a JSON_V2 encoded list/,
  },
  {
    ...proto,
    name: 'JSON as protobuf',
    body: zipkinJson(zipkinSpan('x')),
    status: 400,
    reason: 'decode_proto',
    text: /^Expected a PROTO3 encoded list/,
  },
  { ...proto, name: 'a span longer than the body', body: hex('0a ffffffff0f'), status: 400, reason: 'decode_proto' },
  { ...proto, name: 'a length of ten bytes', body: hex('0a ffffffffffffffffff01'), status: 400, reason: 'decode_proto' },
  { ...proto, name: 'field number 0 and wire type 7', body: hex('0a02 0007'), status: 400, reason: 'decode_proto' },
  {
    ...proto,
    name: '10 million empty spans of protobuf',
    body: () => Buffer.from('0a00'.repeat(9_900_000), 'hex'),
    status: 413,
    reason: 'limit_items',
    riseMiB: 96,
  },
  { ...proto, name: '100,000 groups in each other', body: new Uint8Array(100_000).fill(0x0b), status: 400 },
  { ...v1Thrift, name: 'a Thrift list of 2^31 − 1 structs in five bytes', body: hex('0c 7fffffff'), status: 400, reason: 'decode_thrift' },
  { ...v1Thrift, name: 'a Thrift list with a negative count', body: hex('0c ffffffff'), status: 400, reason: 'decode_thrift' },
  { ...v1Thrift, name: 'a Thrift list of bools', body: hex('02 00000002 0101'), status: 400 },
  {
    ...v1Thrift,
    name: 'a Thrift span without ids between good ones',
    body: concat(
      hex('0c 00000003'),
      structBytes(zipkinThriftSpan('zt before'), 'binary'),
      structBytes(zipkinThriftSpan('zt bad', 0n), 'binary'),
      structBytes(zipkinThriftSpan('zt after', 6n), 'binary'),
    ),
    status: 202,
    rejected: 1,
    arrive: ['zt before', 'zt after'],
  },
  {
    ...v1,
    name: 'v1 Thrift with the content type of JSON',
    body: concat(hex('0c 00000001'), structBytes(zipkinThriftSpan('x'), 'binary')),
    status: 400,
    text: /^Expected a JSON_V1 encoded list/,
  },
  {
    ...v2,
    name: 'a gzip bomb of 100 MiB',
    headers: { ...jsonType, 'content-encoding': 'gzip' },
    body: () => gzipRepeated(' '.repeat(1024), 100 * 1024, '[', ']'),
    status: 413,
    reason: 'limit_ratio',
  },
  {
    ...v2,
    name: 'a gzip bomb of 1.4 GiB',
    headers: { ...jsonType, 'content-encoding': 'gzip' },
    body: () => gzipRepeated('{"traceId":"1","id":"2"},', (1.4 * 2 ** 30) / 25, '[', '{}]'),
    status: 413,
    reason: 'limit_body',
    long: true,
  },
  {
    ...v2,
    name: '7 million empty objects',
    body: () => Buffer.from(`[${'{},'.repeat(6_900_000)}{}]`),
    status: 413,
    reason: 'limit_items',
    riseMiB: 128,
  },
  {
    ...v2,
    name: '800,000 spans of 25 bytes',
    body: () => Buffer.from(`[${'{"traceId":"1","id":"2"},'.repeat(800_000)}{}]`),
    status: 413,
    reason: 'limit_items',
    riseMiB: 128,
  },
  {
    ...v2,
    name: '99,000 spans that are all bad',
    body: () => Buffer.from(`[${'{"traceId":"","id":""},'.repeat(99_000)}{}]`),
    status: 400,
    riseMiB: 128,
  },
  {
    ...v2,
    name: 'a tag of 100 MB',
    body: () => Buffer.from(zipkinJson(zipkinSpan('x', { tags: { a: 'y'.repeat(100 * mebi) } }))),
    status: 413,
    reason: 'limit_body',
    long: true,
  },
  {
    ...v2,
    name: 'a tag of 15 MB',
    body: () => Buffer.from(zipkinJson(zipkinSpan('big tag', { tags: { a: 'y'.repeat(15 * mebi) } }))),
    status: 202,
    arrive: ['big tag'],
    riseMiB: 160,
    long: true,
  },
  {
    ...v2,
    name: '1.5 million different keys in tags',
    body: () => {
      const spans = Array.from({ length: 150 }, (_, s) => {
        const tags = Array.from({ length: 10_000 }, (_unused, i) => `"${(s * 10_000 + i).toString(36)}":""`).join(',')
        return `{"traceId":"1","id":"2","tags":{${tags}}}`
      })
      return Buffer.from(`[${spans.join(',')}]`)
    },
    status: 400,
    reason: 'limit_length',
    riseMiB: 160,
  },
  {
    ...v2,
    name: '6 million empty annotations',
    body: () => {
      const one = `{"traceId":"1","id":"2","annotations":[${'{},'.repeat(9_999)}{}]}`
      return Buffer.from(`[${new Array<string>(Math.floor((19 * mebi) / one.length)).fill(one).join(',')}]`)
    },
    status: 202,
    riseMiB: 256,
    long: true,
  },
  {
    ...v2,
    name: 'a million annotations',
    body: () => {
      const one = `{"traceId":"1","id":"2","annotations":[${'{"value":"a"},'.repeat(9_999)}{}]}`
      return Buffer.from(`[${new Array<string>(100).fill(one).join(',')}]`)
    },
    status: 202,
    riseMiB: 320,
    long: true,
  },
  {
    ...v2,
    name: 'gzip that is none',
    headers: { ...jsonType, 'content-encoding': 'gzip' },
    body: 'plain',
    status: 400,
    reason: 'decode_encoding',
    text: /^Cannot gunzip spans/,
  },
  {
    ...v2,
    name: 'gzip cut off',
    headers: { ...jsonType, 'content-encoding': 'gzip' },
    body: gzip(zipkinJson(zipkinSpan('x'))).slice(0, -9),
    status: 400,
    reason: 'decode_encoding',
  },
  {
    ...v2,
    name: 'deflate cut off',
    headers: { ...jsonType, 'content-encoding': 'deflate' },
    body: hex('789c abae'),
    status: 400,
    reason: 'decode_encoding',
  },
  {
    ...v2,
    name: 'gzip with garbage behind it',
    headers: { ...jsonType, 'content-encoding': 'gzip' },
    body: concat(gzip(zipkinJson(zipkinSpan('x'))), hex('deadbeef')),
    status: 400,
    reason: 'decode_encoding',
  },
  {
    ...v2,
    name: 'gzip of two members',
    headers: { ...jsonType, 'content-encoding': 'gzip' },
    body: concat(gzip('['), gzip(`${JSON.stringify(zipkinSpan('members'))}]`)),
    status: 202,
    arrive: ['members'],
  },
  {
    ...v2,
    name: 'gzip of 1,000 members',
    headers: { ...jsonType, 'content-encoding': 'gzip' },
    body: () => concat(...new Array<Uint8Array>(1000).fill(gzip(' '))),
    status: 400,
    reason: 'decode_encoding',
  },
  {
    ...v2,
    name: 'gzip of gzip',
    headers: { ...jsonType, 'content-encoding': 'gzip' },
    body: gzip(gzip(zipkinJson(zipkinSpan('x')))),
    status: 400,
  },
  {
    ...v2,
    name: 'gzip named twice',
    headers: { ...jsonType, 'content-encoding': 'gzip, gzip' },
    body: gzip(gzip('[]')),
    status: 415,
    reason: 'unsupported_encoding',
  },
  {
    ...v2,
    name: 'an encoding nobody knows',
    headers: { ...jsonType, 'content-encoding': 'snappy' },
    body: '[]',
    status: 415,
    reason: 'unsupported_encoding',
  },
]
