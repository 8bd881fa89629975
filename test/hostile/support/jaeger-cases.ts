/** Jaeger bodies over HTTP, and datagrams to the agent's ports. */

import type { DatagramCase, HttpCase } from './cases.ts'
import {
  concat,
  emitBatch,
  emitZipkinBatch,
  emptyElements,
  gzipRepeated,
  hex,
  jaegerBody,
  jaegerSpan,
  listHeader,
  manyKeys,
  thriftType,
  zipkinThriftSpan,
} from './payloads.ts'

const jaeger = { port: 'jaegerHttp', path: '/api/traces', headers: thriftType } as const
const refusedJaeger = { status: 400, reason: 'decode_thrift', text: /^Unable to process request body: / } as const
const mebi = 2 ** 20

export const jaegerCases: readonly HttpCase[] = [
  { ...jaeger, name: '33,554,432 structs declared in eight bytes', body: hex('0f00020c02000000'), ...refusedJaeger },
  { ...jaeger, name: 'a negative count', body: hex('0f0002 0c ffffffff'), ...refusedJaeger },
  { ...jaeger, name: 'a string with a negative length', body: hex('0c0001 0b0001 ffffffff'), ...refusedJaeger },
  { ...jaeger, name: 'a map of 2^31 − 1 entries in an unknown field', body: hex('0d0009 0b0b 7fffffff'), ...refusedJaeger },
  { ...jaeger, name: 'unknown field type 0x10', body: hex('100001 00'), ...refusedJaeger },
  { ...jaeger, name: 'a list of stops', body: hex('0f0009 00 00000005 00'), ...refusedJaeger },
  {
    ...jaeger,
    name: 'structs nested 10,000 deep in an unknown field',
    body: hex(`${'0c0009'.repeat(10_000)}${'00'.repeat(10_001)}`),
    status: 400,
    reason: 'limit_depth',
  },
  { ...jaeger, name: 'compact bytes', body: hex('29fc80808010'), ...refusedJaeger },
  { ...jaeger, name: 'a bare list', body: hex('0c00000000'), ...refusedJaeger },
  { ...jaeger, name: 'nothing', body: '', ...refusedJaeger },
  { ...jaeger, name: 'JSON', body: '{"spans":[]}', ...refusedJaeger },
  { ...jaeger, name: 'a body cut off', body: jaegerBody(jaegerSpan('x')).slice(0, -3), ...refusedJaeger },
  {
    ...jaeger,
    name: 'no content type',
    headers: {},
    body: jaegerBody(),
    status: 400,
    reason: 'unsupported_type',
    text: /^Cannot parse content type: mime: no media type/,
  },
  {
    ...jaeger,
    name: 'another content type, escaped',
    headers: { 'content-type': 'text/html' },
    body: jaegerBody(),
    status: 400,
    reason: 'unsupported_type',
    text: /^Unsupported content type: text\/html/,
  },
  {
    ...jaeger,
    name: 'spans without ids between good ones',
    body: jaegerBody(jaegerSpan('jt before'), jaegerSpan('jt bad', 0n), jaegerSpan('jt after', 9n)),
    status: 202,
    rejected: 1,
    reason: 'span_id_zero',
    arrive: ['jt before', 'jt after'],
  },
  {
    ...jaeger,
    name: 'bytes behind the batch',
    body: concat(jaegerBody(jaegerSpan('trailing')), hex('0f00020c02000000')),
    status: 202,
    arrive: ['trailing'],
  },
  {
    ...jaeger,
    name: '200,000 empty spans',
    body: () => concat(listHeader(2, 200_000), new Uint8Array(200_001)),
    status: 413,
    reason: 'limit_items',
  },
  { ...jaeger, name: '20 million empty tags', body: () => emptyElements(10, 20 * mebi), status: 400, reason: 'limit_length', riseMiB: 200 },
  { ...jaeger, name: '20 million empty logs', body: () => emptyElements(11, 20 * mebi), status: 400, reason: 'limit_length', riseMiB: 200 },
  {
    ...jaeger,
    name: '20 million empty references',
    body: () => emptyElements(6, 20 * mebi),
    status: 400,
    reason: 'limit_length',
    riseMiB: 200,
    long: true,
  },
  { ...jaeger, name: '700,000 different keys', body: () => manyKeys(700_000), status: 400, reason: 'limit_length', riseMiB: 200 },
  {
    ...jaeger,
    name: 'a gzip bomb',
    headers: { ...thriftType, 'content-encoding': 'gzip' },
    body: () => gzipRepeated('\0'.repeat(1024), 100 * 1024),
    status: 413,
    reason: 'limit_ratio',
  },
  { ...jaeger, name: 'a body larger than the limit', body: () => new Uint8Array(21 * mebi), status: 413, reason: 'limit_body' },
]

const junk = (length: number): Uint8Array => new Uint8Array(length).fill(0x55)

export const datagramCases: readonly DatagramCase[] = [
  {
    name: 'the empty emitZipkinBatch that stops the Collector',
    port: 'compact',
    datagrams: [hex('8281010f656d69745a69706b696e4261746368190c00')],
  },
  {
    name: 'emitZipkinBatch with spans on the port of compact',
    port: 'compact',
    datagrams: [emitZipkinBatch('compact', zipkinThriftSpan('zc 1'), zipkinThriftSpan('zc 2', 6n))],
    arrive: ['zc 1', 'zc 2'],
  },
  { name: 'emitZipkinBatch in binary', port: 'binary', datagrams: [emitZipkinBatch('binary', zipkinThriftSpan('zb'))], arrive: ['zb'] },
  {
    name: 'emitBatch on the port of Zipkin',
    port: 'agentZipkin',
    datagrams: [emitBatch('compact', jaegerSpan('on 5775'))],
    arrive: ['on 5775'],
  },
  {
    name: 'binary on the port of compact',
    port: 'compact',
    datagrams: [emitBatch('binary', jaegerSpan('binary on compact'))],
    arrive: ['binary on compact'],
  },
  {
    name: 'compact on the port of binary',
    port: 'binary',
    datagrams: [emitBatch('compact', jaegerSpan('compact on binary'))],
    arrive: ['compact on binary'],
  },
  { name: 'the old header', port: 'binary', datagrams: [emitBatch('binary-old', jaegerSpan('old header'))], arrive: ['old header'] },
  { name: 'nothing', port: 'compact', datagrams: [new Uint8Array(0)], reason: 'decode_thrift' },
  { name: 'one byte', port: 'compact', datagrams: [hex('82'), hex('00'), hex('80')], reason: 'decode_thrift' },
  { name: '65,507 bytes of nothing', port: 'binary', datagrams: [new Uint8Array(65_507), junk(65_507)], reason: 'decode_thrift' },
  {
    name: '65,000 bytes of spans without ids',
    port: 'compact',
    datagrams: [concat(hex('8281010965 6d69744261746368 1c 29 fc'), hex('e8fb03'), new Uint8Array(65_000), hex('0000'))],
    reason: 'trace_id_zero',
  },
  {
    name: '2^28 structs declared',
    port: 'compact',
    datagrams: [hex('82810109656d69744261746368 1c 29fc80808010')],
    reason: 'decode_thrift',
  },
  {
    name: '2^28 Zipkin spans declared',
    port: 'agentZipkin',
    datagrams: [hex('8281010f656d69745a69706b696e4261746368 19fc80808010')],
    reason: 'decode_thrift',
  },
  { name: 'another method', port: 'compact', datagrams: [hex('82810103666f6f 00')], reason: 'decode_thrift' },
  {
    name: 'two messages in one datagram',
    port: 'compact',
    datagrams: [concat(emitBatch('compact', jaegerSpan('first of two')), emitBatch('compact', jaegerSpan('second of two')))],
    arrive: ['first of two', 'second of two'],
  },
  {
    name: 'a message and the first bytes of another',
    port: 'compact',
    datagrams: [concat(emitBatch('compact', jaegerSpan('whole one')), emitBatch('compact', jaegerSpan('half one')).slice(0, 30))],
    arrive: ['whole one'],
  },
  {
    name: 'a bad datagram between good ones',
    port: 'compact',
    datagrams: [emitBatch('compact', jaegerSpan('good before')), junk(900), emitBatch('compact', jaegerSpan('good after'))],
    reason: 'decode_thrift',
    arrive: ['good before', 'good after'],
  },
]
