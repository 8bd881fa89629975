/** Proto3 and Thrift beside JSON: one span in every encoding becomes the same OTLP. The oracles are the official libraries. */

import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BridgeError } from '../../../src/errors.ts'
import { defaultDecodeLimits } from '../../../src/ingest/limits.ts'
import { CompactReader } from '../../../src/ingest/thrift.ts'
import { createZipkinTranslators } from '../../../src/ingest/zipkin/translators.ts'
import { zipkinTranslateConfig } from '../../../src/translate/zipkin/config.ts'
import { vectorFiles } from '../../support/shared.ts'
import { now, type PlainResult, plainResult } from '../../support/zipkin.ts'
import { encodeProto, encodeThrift, type ThriftField, type ThriftStruct } from '../../support/zipkin-oracles.ts'

const translators = createZipkinTranslators({ limits: defaultDecodeLimits, translate: zipkinTranslateConfig.parse({}) })

type Translated = ReturnType<typeof translators.v2Json>
const plain = ({ data, drops, notes }: Translated): PlainResult => plainResult(data, drops, notes)
const json = (spans: readonly object[], version: 1 | 2): PlainResult =>
  plain((version === 1 ? translators.v1Json : translators.v2Json)(Buffer.from(JSON.stringify(spans)), now))

interface Endpoint {
  readonly serviceName?: string
  readonly ipv4?: readonly number[]
  readonly ipv6?: readonly number[]
  readonly port?: number
}

const word = fc.string({ unit: fc.constantFrom(...'abcXYZ.ä€😀'), maxLength: 10 })
const key = fc.oneof(
  word,
  fc.constantFrom('error', 'span.kind', 'http.path', 'host.name', 'otel.scope.name', 'peer.service', 'w3c.tracestate'),
)
const value = fc.oneof(word, fc.constantFrom('true', 'client', '200', 'x|{"a":1}|2', '{"event":"e"}', 'a'.repeat(300)))
const bytes = (length: number): fc.Arbitrary<number[]> =>
  fc.array(fc.integer({ min: 1, max: 255 }), { minLength: length, maxLength: length })
const endpoint: fc.Arbitrary<Endpoint> = fc.record(
  { serviceName: word, ipv4: bytes(4), ipv6: bytes(16), port: fc.integer({ min: 1, max: 65535 }) },
  { requiredKeys: [] },
)
const micros = fc.integer({ min: 1, max: 2 ** 48 })
const hex = (digits: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: digits, maxLength: digits }).filter((id) => /[^0]/.test(id))

const jsonEndpoint = ({ ipv4, ipv6, ...rest }: Endpoint): object => ({
  ...rest,
  ...(ipv4 === undefined ? {} : { ipv4: ipv4.join('.') }),
  ...(ipv6 === undefined
    ? {}
    : { ipv6: Array.from({ length: 8 }, (_, i) => (((ipv6[i * 2] ?? 0) << 8) | (ipv6[i * 2 + 1] ?? 0)).toString(16)).join(':') }),
})

const v2Span = fc.record(
  {
    traceId: fc.oneof(hex(16), hex(32)),
    id: hex(16),
    parentId: hex(16),
    name: word,
    kind: fc.constantFrom('CLIENT', 'SERVER', 'PRODUCER', 'CONSUMER'),
    timestamp: micros,
    duration: micros,
    localEndpoint: endpoint,
    remoteEndpoint: endpoint,
    annotations: fc.array(fc.record({ timestamp: micros, value }), { maxLength: 3 }),
    tags: fc.dictionary(key, value, { maxKeys: 6 }),
    debug: fc.boolean(),
    shared: fc.boolean(),
  },
  { requiredKeys: ['traceId', 'id'] },
)

const hexBytes = (text: string): Buffer => Buffer.from(text, 'hex')
const protoEndpoint = ({ ipv4, ipv6, ...rest }: Endpoint): object => ({
  ...rest,
  ...(ipv4 === undefined ? {} : { ipv4: Buffer.from(ipv4) }),
  ...(ipv6 === undefined ? {} : { ipv6: Buffer.from(ipv6) }),
})

describe('the proto3 decoder beside protobufjs', () => {
  it('reads what the JSON decoder reads', () => {
    fc.assert(
      fc.property(fc.array(v2Span, { maxLength: 4 }), (spans) => {
        const asJson = spans.map(({ localEndpoint, remoteEndpoint, ...rest }) => ({
          ...rest,
          ...(localEndpoint === undefined ? {} : { localEndpoint: jsonEndpoint(localEndpoint) }),
          ...(remoteEndpoint === undefined ? {} : { remoteEndpoint: jsonEndpoint(remoteEndpoint) }),
        }))
        const asProto = spans.map(({ traceId, id, parentId, kind, localEndpoint, remoteEndpoint, ...rest }) => ({
          ...rest,
          traceId: hexBytes(traceId),
          id: hexBytes(id),
          ...(parentId === undefined ? {} : { parentId: hexBytes(parentId) }),
          ...(kind === undefined ? {} : { kind: ['', 'CLIENT', 'SERVER', 'PRODUCER', 'CONSUMER'].indexOf(kind) }),
          ...(localEndpoint === undefined ? {} : { localEndpoint: protoEndpoint(localEndpoint) }),
          ...(remoteEndpoint === undefined ? {} : { remoteEndpoint: protoEndpoint(remoteEndpoint) }),
        }))
        expect(plain(translators.v2Proto(encodeProto(asProto), now))).toEqual(json(asJson, 2))
      }),
      { numRuns: 200 },
    )
  })
})

const host = fc.option(endpoint, { nil: undefined })
const v1Span = fc.record({
  traceId: fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }),
  traceIdHigh: fc.option(fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }), { nil: undefined }),
  id: fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }),
  parentId: fc.option(fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }), { nil: undefined }),
  name: word,
  debug: fc.boolean(),
  timestamp: fc.option(micros, { nil: undefined }),
  duration: fc.option(micros, { nil: undefined }),
  annotations: fc.array(
    fc.record({ timestamp: micros, value: fc.oneof(value, fc.constantFrom('cs', 'cr', 'sr', 'ss', 'ms', 'mr', 'ws', 'wr')), host }),
    { maxLength: 5 },
  ),
  binaryAnnotations: fc.array(
    fc.oneof(
      fc.record({ key: key.filter((one) => one !== ''), value, host }),
      fc.record({ key: fc.constantFrom('ca', 'sa', 'ma', 'b'), value: fc.constant(true), host }),
      fc.record({ key: fc.constant('lc'), value, host }),
    ),
    { maxLength: 6 },
  ),
})
type V1Span = typeof v1Span extends fc.Arbitrary<infer T> ? T : never

const optional = (fields: readonly (ThriftField | undefined)[]): ThriftStruct => fields.filter((one) => one !== undefined)

function thriftEndpoint({ serviceName = '', ipv4, ipv6, port = 0 }: Endpoint): ThriftStruct {
  return optional([
    [1, 'I32', ipv4 === undefined ? 0 : Buffer.from(ipv4).readInt32BE()],
    [2, 'I16', (port << 16) >> 16],
    [3, 'String', serviceName],
    ipv6 === undefined ? undefined : [4, 'String', Buffer.from(ipv6)],
  ])
}

/** Fields in the order of the IDL, or backwards: a reader must not care. */
function thriftSpan(span: V1Span, backwards: boolean): ThriftStruct {
  const order = (fields: readonly (ThriftField | undefined)[]): ThriftStruct =>
    backwards ? optional(fields).toReversed() : optional(fields)
  const hostField = (id: number, one: Endpoint | undefined): ThriftField | undefined =>
    one === undefined ? undefined : [id, 'Struct', order(thriftEndpoint(one))]
  return order([
    [1, 'I64', span.traceId],
    [3, 'String', span.name],
    [4, 'I64', span.id],
    span.parentId === undefined ? undefined : [5, 'I64', span.parentId],
    [
      6,
      'List',
      span.annotations.map((one) => order([[1, 'I64', BigInt(one.timestamp)], [2, 'String', one.value], hostField(3, one.host)])),
    ],
    [
      8,
      'List',
      span.binaryAnnotations.map((one) =>
        order([
          [1, 'String', one.key],
          [2, 'String', one.value === true ? Buffer.from([1]) : String(one.value)],
          [3, 'I32', one.value === true ? 0 : 6],
          hostField(4, one.host),
        ]),
      ),
    ],
    [9, 'Bool', span.debug],
    span.timestamp === undefined ? undefined : [10, 'I64', BigInt(span.timestamp)],
    span.duration === undefined ? undefined : [11, 'I64', BigInt(span.duration)],
    span.traceIdHigh === undefined ? undefined : [12, 'I64', span.traceIdHigh],
    [99, 'List', [[[1, 'String', 'unknown']]]],
  ])
}

function jsonSpan({ traceIdHigh, traceId, id, parentId, annotations, binaryAnnotations, ...rest }: V1Span): object {
  const digits = (number: bigint): string => number.toString(16).padStart(16, '0')
  const hosted = (one: Endpoint | undefined): object => (one === undefined ? {} : { endpoint: jsonEndpoint(one) })
  return {
    ...rest,
    traceId: (traceIdHigh === undefined ? '' : digits(traceIdHigh)) + digits(traceId),
    id: digits(id),
    ...(parentId === undefined ? {} : { parentId: digits(parentId) }),
    annotations: annotations.map(({ host: one, ...annotation }) => ({ ...annotation, ...hosted(one) })),
    binaryAnnotations: binaryAnnotations.map(({ host: one, ...annotation }) => ({ ...annotation, ...hosted(one) })),
  }
}

describe('the Thrift decoder beside the library of Apache', () => {
  it.each([
    ['binary', false],
    ['binary', true],
    ['compact', false],
    ['compact', true],
  ] as const)('reads from the %s protocol what the JSON decoder reads (fields backwards: %s)', (protocol, backwards) => {
    fc.assert(
      fc.property(fc.array(v1Span, { maxLength: 3 }), (spans) => {
        const body = encodeThrift(
          spans.map((span) => thriftSpan(span, backwards)),
          protocol,
        )
        const got = protocol === 'binary' ? translators.v1Thrift(body, now) : translators.thriftList(new CompactReader(body), now)
        expect(plain(got)).toEqual(json(spans.map(jsonSpan), 1))
      }),
      { numRuns: 120 },
    )
  })
})

describe('damaged bodies', () => {
  const bodies = vectorFiles('zipkin').filter((file) => file.endsWith('.bin') && !file.endsWith('.udp-compact.bin'))

  const codeOf = (work: () => unknown): string => {
    try {
      work()
      return 'no error'
    } catch (error) {
      return error instanceof BridgeError ? error.code : `not a BridgeError: ${String(error)}`
    }
  }

  it.skipIf(bodies.length === 0)('are read, or fail with an error of ours', () => {
    const edit = fc.record({ at: fc.nat(), byte: fc.nat(255), cut: fc.boolean() })
    fc.assert(
      fc.property(fc.constantFrom(...bodies), fc.array(edit, { minLength: 1, maxLength: 4 }), (file, edits) => {
        let body = readFileSync(file)
        for (const { at, byte, cut } of edits) {
          const place = at % body.length
          body[place] = byte
          if (cut && place > 0) body = body.subarray(0, place)
        }
        const work = file.includes('proto') ? () => translators.v2Proto(body, now) : () => translators.v1Thrift(body, now)
        expect(['no error', 'OB_DECODE_PROTO', 'OB_DECODE_THRIFT', 'OB_LIMIT_LENGTH', 'OB_LIMIT_DEPTH', 'OB_LIMIT_ITEMS']).toContain(
          codeOf(work),
        )
      }),
      { numRuns: 1500 },
    )
  })

  it.skipIf(bodies.length === 0)('are never cut short in silence', () => {
    for (const file of bodies.filter((one) => one.includes('thrift'))) {
      const body = readFileSync(file)
      for (let end = 1; end < body.length; end++)
        expect(codeOf(() => translators.v1Thrift(body.subarray(0, end), now))).toBe('OB_DECODE_THRIFT')
    }
  })
})
