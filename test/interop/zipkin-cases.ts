/** Requests put to a real Zipkin server and to the bridge, and the answers in which the two may differ. */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { deflateSync, gzipSync } from 'node:zlib'
import type { Accepted, Case } from './answers.ts'

const json = { 'content-type': 'application/json' }
const thrift = { 'content-type': 'application/x-thrift' }
const proto = { 'content-type': 'application/x-protobuf' }

const post = (name: string, path: string, headers: Record<string, string>, body: string | Uint8Array, compare: Case['compare']): Case => ({
  name,
  method: 'POST',
  path,
  headers,
  body: typeof body === 'string' ? new TextEncoder().encode(body) : body,
  compare,
  sameHeaders: ['content-length'],
})

const v2 = (name: string, body: string, compare: Case['compare'] = 'text'): Case => ({
  ...post(name, '/api/v2/spans', json, body, compare),
  sameHeaders: [],
})
const v1 = (name: string, body: string, compare: Case['compare'] = 'text'): Case => ({
  ...post(name, '/api/v1/spans', json, body, compare),
  sameHeaders: [],
})
const bytes = (hex: string): Uint8Array => Buffer.from(hex.replaceAll(' ', ''), 'hex')
const get = (name: string, path: string, compare: Case['compare'] = 'status'): Case => ({ name, method: 'GET', path, headers: {}, compare })
const withHeaders = (one: Case, ...sameHeaders: string[]): Case => ({ ...one, sameHeaders })

const span = (fields: string): string => `[{"traceId":"1","id":"1",${fields}}]`

/** Requests written for this comparison, by the rules of §10. */
export const handMade: readonly Case[] = [
  withHeaders(v2('one good span', '[{"traceId":"1","id":"2"}]'), 'content-length', 'content-type'),
  v2('empty body', ''),
  v2('empty list', '[]'),
  v2('empty list with a space', '[ ]'),
  post('empty list, gzip', '/api/v2/spans', { ...json, 'content-encoding': 'gzip' }, gzipSync('[]'), 'text'),
  post('no content type', '/api/v2/spans', {}, '[]', 'text'),
  post('text/plain', '/api/v2/spans', { 'content-type': 'text/plain' }, '[]', 'text'),
  post('content type with parameters', '/api/v2/spans', { 'content-type': 'application/json; charset=utf-8' }, '[]', 'text'),
  post(
    'x-protobuf with parameters',
    '/api/v2/spans',
    { 'content-type': 'application/x-protobuf; x=1' },
    bytes('0a14 0a08 0000000000000001 1a08 0000000000000001'),
    'status',
  ),
  post('parameters in the path', '/api/v2/spans?x=1', json, '[]', 'text'),

  v2('an object', '{'),
  v2('a word', 'hello'),
  v2('null', 'null'),
  v2('space before the list', ' []'),
  v2('cut off after the bracket', '['),
  v2('cut off in an id', '[{"traceId":"a'),
  v2('cut off in a span', '[{"traceId":"1","id":"2"'),
  v2('no JSON inside', '[{hello}]'),
  v2('comma at the end', '[{"traceId":"1","id":"2"},]'),
  v2('something after the list', '[{"traceId":"1","id":"2"}] x'),
  v2('a list in the list', '[[]]'),
  v2('a number in the list', '[1]'),
  v2('3,000 brackets', '['.repeat(3000)),

  v2('id missing', '[{"traceId":"1"}]'),
  v2('trace id missing', '[{"id":"1"}]'),
  v2('trace id null', '[{"traceId":null,"id":"1"}]', 'status'),
  v2('trace id not lower hex', '[{"traceId":"ABX","id":"1"}]'),
  v2('trace id upper hex', '[{"traceId":"ABC","id":"1"}]'),
  v2('trace id of zeros', '[{"traceId":"0","id":"1"}]'),
  v2('trace id of 33', `[{"traceId":"${'1'.repeat(33)}","id":"1"}]`),
  v2('span id of 17', `[{"traceId":"1","id":"${'1'.repeat(17)}"}]`),
  v2('span id of zeros', '[{"traceId":"1","id":"0"}]'),
  v2('span id empty', '[{"traceId":"1","id":""}]'),
  v2('parent not hex', span('"parentId":"BADID"')),
  v2('kind in small letters', span('"kind":"client"')),
  v2('port 70000', span('"localEndpoint":{"port":70000}')),
  v2('port −1', span('"localEndpoint":{"port":-1}')),
  v2('host name for an address', span('"localEndpoint":{"ipv4":"db.internal"}')),
  v2('timestamp with a fraction', span('"timestamp":1.5')),
  v2('timestamp in quotes', span('"timestamp":"1472470996199000"')),
  v2('duration negative', span('"duration":-1')),
  v2('tag true', span('"tags":{"a":true}')),
  v2('tag 1', span('"tags":{"a":1}')),
  v2('tag null', span('"tags":{"a":null}')),
  v2('tag object', span('"tags":{"a":{}}')),
  v2('annotation without a time', span('"annotations":[{"value":"x"}]')),
  v2('one bad span of two', '[{"traceId":"1","id":"1"},{"traceId":"zz","id":"1"}]'),

  v2('version 1 at version 2', '[{"traceId":"1","id":"1","name":"a","binaryAnnotations":[{"key":"a","value":"b"}]}]'),
  v1('version 2 at version 1', '[{"traceId":"1","id":"1","localEndpoint":{"serviceName":"a"}}]'),
  v1('v1: an object', '{'),
  v1('v1: trace id not hex', '[{"traceId":"XYZ","id":"1"}]'),
  v1('v1: id missing', '[{"traceId":"1"}]'),
  v1('v1: empty list', '[]'),

  post('thrift: a word', '/api/v1/spans', thrift, 'hello', 'text'),
  post('thrift: a list cut off', '/api/v1/spans', thrift, bytes('0c 00000001'), 'text'),
  post('thrift: a field cut off', '/api/v1/spans', thrift, bytes('0c 00000001 0a 0001 00'), 'text'),
  post('thrift: empty list', '/api/v1/spans', thrift, bytes('0c 00000000'), 'text'),
  post('thrift: two thousand million spans declared', '/api/v1/spans', thrift, bytes('0c 7fffffff 00'), 'status'),
  post('proto: a word', '/api/v2/spans', proto, 'hello', 'text'),
  post('proto: cut off', '/api/v2/spans', proto, bytes('0a 10 0a'), 'text'),
  post('proto: empty', '/api/v2/spans', proto, '', 'text'),

  post('not gzip', '/api/v2/spans', { ...json, 'content-encoding': 'gzip' }, 'hello', 'text'),

  post('unknown encoding', '/api/v2/spans', { ...json, 'content-encoding': 'br' }, '[]', 'status'),
  post('deflate', '/api/v2/spans', { ...json, 'content-encoding': 'deflate' }, deflateSync('[]'), 'status'),
  post('21 MiB', '/api/v2/spans', json, new Uint8Array(21 * 2 ** 20).fill(0x20), 'status'),

  post('path with a slash', '/api/v2/spans/', json, '[]', 'text'),
  post('unknown path', '/api/v3/spans', json, '[]', 'text'),
  { name: 'PUT', method: 'PUT', path: '/api/v2/spans', headers: json, body: bytes('5b5d'), compare: 'text' },
  { name: 'DELETE', method: 'DELETE', path: '/api/v2/spans', headers: {}, compare: 'text' },
  { name: 'HEAD', method: 'HEAD', path: '/api/v2/spans', headers: {}, compare: 'status' },
  get('GET v1 spans', '/api/v1/spans'),
  get('health', '/health'),
  get('actuator health', '/actuator/health'),
  get('info', '/info'),
  get('metrics', '/metrics'),
  get('prometheus', '/prometheus'),
  get('root', '/'),
  get('config.json', '/config.json'),
  get('services', '/api/v2/services'),
  get('traces', '/api/v2/traces'),
  get('unknown trace', '/api/v2/trace/abc', 'text'),
  {
    name: 'pre-flight',
    method: 'OPTIONS',
    path: '/api/v2/spans',
    headers: { origin: 'http://shop.example', 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' },
    compare: 'status',
    sameHeaders: ['access-control-allow-origin', 'access-control-allow-methods', 'access-control-allow-headers', 'access-control-max-age'],
  },
  {
    name: 'cross-origin POST',
    method: 'POST',
    path: '/api/v2/spans',
    headers: { ...json, origin: 'http://shop.example' },
    body: bytes('5b5d'),
    compare: 'status',
    sameHeaders: ['access-control-allow-origin'],
  },
]

const routes: Readonly<Record<string, readonly [string, Record<string, string>]>> = {
  v1json: ['/api/v1/spans', json],
  v2json: ['/api/v2/spans', json],
  v1thrift: ['/api/v1/spans', thrift],
  v2proto: ['/api/v2/spans', proto],
}

interface Golden {
  readonly format: string
}

/** Every payload among the vectors that a Zipkin client could post, sent where its golden says it belongs. */
export function vectorCases(folder: string): Case[] {
  return readdirSync(folder)
    .filter((file) => /\.(json|bin)$/.test(file) && !/(expected|collector|-src)\.json$|udp-compact\.bin$/.test(file))
    .map((file) => {
      const base = join(folder, file.replace(/\.\w+$/, ''))
      const golden = [`${base}.expected.json`, `${base}.auto.expected.json`].find((path) => existsSync(path))
      if (golden === undefined) throw new Error(`cannot place ${file}: no golden beside it`)
      const { format } = JSON.parse(readFileSync(golden, 'utf8')) as Golden
      const route = routes[format]
      if (route === undefined) throw new Error(`cannot place ${file}: unknown format ${format}`)
      return post(file, route[0], route[1], readFileSync(join(folder, file)), 'text')
    })
}

const empty = /^$/

export const accepted: readonly Accepted[] = [
  {
    rule: 'Z-H6',
    why: 'one bad span does not cost its neighbours',
    cases: ['one bad span of two', 'real_core_zipkin_v1_error_batch.json'],
    status: 202,
    body: empty,
  },
  {
    rule: 'Z-H8',
    why: 'each span is read by its own marks, whatever the path',
    cases: ['version 1 at version 2', 'version 2 at version 1', 'real_core_zipkin_v2_notimestamp.json', 'real_zipkin_v1_merged_spans.json'],
    status: 202,
    body: empty,
  },
  { rule: 'Z-I2', why: 'upper-case ids are taken', cases: ['syn_upperid.json', 'trace id upper hex'], status: 202, body: empty },
  {
    rule: 'Z-I4',
    why: 'a span id of zeros is not a span id in OTLP',
    cases: ['span id of zeros'],
    status: 400,
    body: /^id is all zeros reading List<Span> from json$/,
  },
  { rule: 'Z-K3', why: 'the case of a kind does not matter', cases: ['kind in small letters'], status: 202, body: empty },
  { rule: 'Z-E12', why: 'an impossible port is kept as an attribute', cases: ['port 70000'], status: 202, body: empty },
  { rule: 'Z-T5', why: 'a fraction of a microsecond is cut off', cases: ['timestamp with a fraction'], status: 202, body: empty },
  {
    rule: 'Z-T6',
    why: 'an annotation without a time takes that of the span',
    cases: ['annotation without a time'],
    status: 202,
    body: empty,
  },
  {
    rule: 'Z-G2, Z-G3, Z-G4',
    why: 'no value of a tag costs its span',
    cases: ['tag true', 'tag null', 'tag object', 'syn_nulltag.json'],
    status: 202,
    body: empty,
  },
  {
    rule: 'Z-H7',
    why: 'white space before a list is JSON',
    cases: ['space before the list'],
    status: 202,
    body: empty,
  },
  {
    rule: 'Z-H7',
    why: 'a body that goes on after its list is not JSON; Zipkin reads no further than the list',
    cases: ['something after the list'],
    status: 400,
    body: /^Malformed.* reading List<Span> from json$/,
  },
  {
    rule: 'Z-H7',
    why: 'what is cut off is called so, in a string too; Zipkin calls it malformed there',
    cases: ['cut off in an id'],
    status: 400,
    body: /^End of input.* reading List<Span> from json$/,
  },
  {
    rule: 'Z-H9',
    why: 'deflate is read, and no body is read in an encoding it does not have; Zipkin looks for gzip alone',
    cases: ['deflate'],
    status: 202,
    body: empty,
  },
  { rule: 'Z-H9', why: 'the same, for an encoding that is not taken', cases: ['unknown encoding'], status: 415, body: /./ },
  {
    rule: 'Z-H10',
    why: 'too large has a status of its own; Zipkin says so in the text of a 500',
    cases: ['21 MiB'],
    status: 413,
    body: /./,
  },
  {
    rule: 'Z-H18',
    why: '/ is a page of text: there is no UI to go to',
    cases: ['root'],
    status: 200,
    body: /./,
  },
  {
    rule: 'Z-H16',
    why: 'nothing is stored here, and an empty answer would look like data loss',
    cases: ['services', 'traces', 'unknown trace'],
    status: 404,
    body: /stores nothing/,
  },
]
