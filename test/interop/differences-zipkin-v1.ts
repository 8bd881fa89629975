/** The part of the Zipkin differences that concerns version 1, and requests that Jaeger v2 refuses whole while the bridge takes what is good. */

import { appears, type Difference, type Expected, type Origin, vanishes } from './differences.ts'

const v1: readonly Origin[] = ['zipkin-v1', 'zipkin-thrift']
const everyZipkin: readonly Origin[] = ['zipkin-v2', 'zipkin-v1', 'zipkin-proto', 'zipkin-thrift']

/** What Jaeger v2 refuses with status 400, by the rule for that which it minds. */
const refused: readonly (readonly [rule: string, what: RegExp, why: string])[] = [
  ['Z-V1', /of version 1$|^syn_v1_(debug|shared)\.json$/, 'an address annotation with the JSON value true'],
  ['Z-H6', /^real_core_zipkin_v1_error_batch\.json$/, 'one bad span among good ones'],
  ['Z-I1', /^syn_v1_short\.json$/, 'short ids in version 1'],
  ['Z-I5', /^syn_v1_parent0\.json$/, 'a zero parent in version 1'],
  ['Z-I8', /^syn_proto_8byte_trace_id\.bin$/, 'a trace id of eight bytes in protobuf'],
  ['Z-E9', /^syn_badip\.json$|^a remote host name$/, 'an address that is none'],
  ['Z-E12', /^a negative port$|^a port beyond 65535$/, 'a port that is none'],
  ['Z-G2', /^syn_numtag\.json$|^a tag true$/, 'a tag that is a number or a boolean'],
  ['Z-G4', /^a tag that is an object$/, 'a tag that is an object'],
  ['Z-T6', /^an annotation without a time$/, 'an annotation without a time'],
  ['Z-G11', /^syn_badlink\.json$/, 'a link that cannot be read'],
  ['Z-T3', /^syn_negdur\.json$/, 'a negative duration'],
  ['Z-T5', /^syn_strts\.json$/, 'a time in quotes'],
  ['Z-A3', /^syn_pipe\.json$|^an annotation with two bars$/, 'an annotation with two bars'],
]

export const refusedDifferences: readonly Expected[] = refused.map(([rule, pattern, why]) => ({
  rule,
  why: `the receiver refuses the whole request: ${why}`,
  origins: everyZipkin,
  explains: (one, what) => pattern.test(what) && one.path === 'span' && one.direct === undefined,
}))

/** Values of address annotations, which the receiver takes for tags. */
const isAddress = (one: Difference): boolean =>
  vanishes(one, /^attributes\[(sa|ca|ma)\]$/) ||
  appears(one, /^attributes\[(peer\.service|network\.peer\.(address|port)|zipkin\.remoteEndpoint\.ipv6)\]$/)

/** Forked out of one span of version 1: the receiver has one span where there are two. */
const forked = /^(syn_v1_shared_strsa\.json|real_zipkin_thrift_v1_merged_spans\.bin)$/

const integerOf = (value: string | undefined): bigint => BigInt((value ?? '').replace('int:', '') || 0)

/** Rules of §9 have no ids of their own: `Z-9.n` is its step n. */
export const convertedDifferences: readonly Expected[] = [
  {
    rule: 'Z-9.4',
    why: 'a span that both sides recorded becomes two; the receiver makes one of the tags and annotations of both',
    origins: v1,
    explains: (one, what) => {
      if (!forked.test(what)) return false
      if (one.path === 'span') return one.direct === undefined
      return one.path === 'attributes[http.path]' || vanishes(one, /^events\[/)
    },
  },
  {
    rule: 'Z-9.2',
    why: 'core annotations without an endpoint are events and give no kind',
    origins: v1,
    explains: (one, what) => {
      if (what !== 'real_zipkin_v1_merged_spans.json') return false
      return (one.path === 'kind' && one.bridged === '1') || appears(one, /^events\[\d+\]\.(time|name)$/)
    },
  },
  {
    rule: 'Z-9.8',
    why: 'address annotations are endpoints',
    origins: v1,
    explains: (one) => isAddress(one) || (one.path === 'resource[service.name]' && one.bridged === 'string:service-x'),
  },
  {
    rule: 'Z-9.9',
    why: 'the text of lc is the service where no endpoint names one',
    origins: v1,
    explains: (one) =>
      one.path === 'resource[service.name]' && one.direct === 'string:unknown-service' && one.bridged === 'string:first_service',
  },
  {
    rule: 'Z-E3, Z-V10',
    why: 'address and port of the local endpoint are attributes of the span, and a port has no sign; the receiver puts them on the resource, or loses them',
    origins: v1,
    explains: (one) => {
      const address = one.directSpan.get('resource[ipv4]')
      const port = one.directSpan.get('resource[port]')
      if (vanishes(one, /^resource\[(ipv4|ipv6|port)\]$/)) return one.bridgedSpan.has('attributes[network.local.address]')
      if (appears(one, 'attributes[network.local.address]')) return address === undefined || one.bridged === address
      const wanted = Number((port ?? '').replace('string:', '')) & 0xffff
      return appears(one, 'attributes[network.local.port]') && (port === undefined || one.bridged === `int:${wanted}`)
    },
  },
  {
    rule: 'Z-S4',
    why: 'the text of an error stays an attribute in version 1 too',
    origins: v1,
    explains: (one) => appears(one, 'attributes[error]', `string:${one.bridgedSpan.get('status.message')}`),
  },
  {
    rule: 'Z-S6',
    why: 'an HTTP status alone is no error in version 1 either',
    origins: v1,
    explains: (one) => vanishes(one, 'status.code', '2') && one.directSpan.get('attributes[http.status_code]') !== undefined,
  },
  {
    rule: 'Z-T6',
    why: 'an annotation without a time gets the start of its span',
    origins: v1,
    explains: (one) => appears(one, /^events\[\d+\]\.time$/, one.bridgedSpan.get('start')),
  },
  {
    rule: 'Z-V3',
    why: 'integers of 16 and 32 bits have a sign',
    origins: ['zipkin-thrift'],
    explains: ({ path, direct, bridged }) => {
      const bits = path === 'attributes[i16]' ? 16 : path === 'attributes[i32]' ? 32 : 0
      return bits > 0 && BigInt.asIntN(bits, integerOf(direct)) === integerOf(bridged)
    },
  },
  {
    rule: 'Z-V6',
    why: 'bytes are bytes, not base64 in a string',
    origins: ['zipkin-thrift'],
    explains: ({ path, direct, bridged }) => path === 'attributes[by]' && bridged === direct?.replace('string:', 'bytes:'),
  },
  {
    rule: 'Z-V8',
    why: 'a value of the wrong length is kept as its bytes',
    origins: ['zipkin-thrift'],
    explains: ({ path, direct, bridged }) =>
      path === 'attributes[short]' && /not enough bytes/.test(direct ?? '') && bridged === 'bytes:AQ==',
  },
]
