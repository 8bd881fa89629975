/** Spans made for one rule of the mapping each, where the vectors have none: what Jaeger v2 itself makes of the same is seen beside it. */

import { bool, double, i32, i64, list, type Struct, string, struct, structBytes, type Value } from '../support/thrift-writer.ts'
import { postSpansOf } from './agent-sender.ts'
import { callGrpc } from './grpc-call.ts'
import type { Receivers, Sent } from './paths.ts'
import { readBatch } from './thrift-oracle.ts'
import type { Sending } from './vector-sendings.ts'

type Plain = string | number | bigint | boolean | Buffer
type Tags = readonly (readonly [key: string, value: Plain | Value])[]

interface Corner {
  readonly tags?: Tags
  readonly logs?: readonly Tags[]
  readonly process?: Tags
  readonly service?: string
  readonly name?: string
  readonly flags?: number
  /** µs */
  readonly start?: bigint
  readonly duration?: bigint
  readonly parent?: bigint
  /** Trace: 0 is the span's own. */
  readonly references?: readonly (readonly [type: number, trace: bigint, span: bigint])[]
}

/** A tag that says type `vType` and has the value `at` (field id of the thrift struct), or none. */
const odd = (vType: number, at?: number, value?: Value): Value =>
  struct([[2, i32(vType)], ...(at === undefined || value === undefined ? [] : [[at, value] as const])])

const tagOf = ([key, value]: readonly [string, Plain | Value]): Value => {
  const first = [1, string(key)] as const
  if (typeof value === 'string') return struct([first, [2, i32(0)], [3, string(value)]])
  if (typeof value === 'number') return struct([first, [2, i32(1)], [4, double(value)]])
  if (typeof value === 'boolean') return struct([first, [2, i32(2)], [5, bool(value)]])
  if (typeof value === 'bigint') return struct([first, [2, i32(3)], [6, i64(value)]])
  if (Buffer.isBuffer(value)) return struct([first, [2, i32(4)], [7, string(value)]])
  return { type: 'struct', fields: [{ id: 1, value: string(key) }, ...(value as Struct).fields] }
}
const tagsOf = (tags: Tags): Value => list('struct', tags.map(tagOf))

const span = 0x33n
const began = 1_700_000_000_000_000n

const batchOf = (trace: bigint, one: Corner): Struct =>
  struct([
    [
      1,
      struct([
        [1, string(one.service ?? 'corner')],
        [2, tagsOf(one.process ?? [])],
      ]),
    ],
    [
      2,
      list('struct', [
        struct([
          [1, i64(trace)],
          [2, i64(0n)],
          [3, i64(span)],
          [4, i64(one.parent ?? 0n)],
          [5, string(one.name ?? 'op')],
          [
            6,
            list(
              'struct',
              (one.references ?? []).map(([type, low, id]) =>
                struct([
                  [1, i32(type)],
                  [2, i64(low === 0n ? trace : low)],
                  [3, i64(0n)],
                  [4, i64(id)],
                ]),
              ),
            ),
          ],
          [7, i32(one.flags ?? 0)],
          [8, i64(one.start ?? began)],
          [9, i64(one.duration ?? 100n)],
          [10, tagsOf(one.tags ?? [])],
          [
            11,
            list(
              'struct',
              (one.logs ?? []).map((fields) =>
                struct([
                  [1, i64(began + 1n)],
                  [2, tagsOf(fields)],
                ]),
              ),
            ),
          ],
        ]),
      ]),
    ],
  ])

const server = ['span.kind', 'server'] as const
const client = ['span.kind', 'client'] as const

const corners: Readonly<Record<string, Corner>> = {
  'a kind that is no word of OpenTracing': { tags: [['span.kind', 'worker']] },
  'a kind that is a number': { tags: [['span.kind', 3n]] },
  'two kinds': { tags: [client, server] },
  'an empty operation': { name: '' },
  'flags 8: firehose': { flags: 8 },
  'flags 0x70': { flags: 0x70 },
  'a start beyond 64 bits of nanoseconds': { start: 2n ** 62n },
  'a start at 0': { start: 0n },
  'a duration of 0': { duration: 0n },
  'a duration beyond 64 bits of nanoseconds': { duration: 2n ** 62n },
  'no parent but a CHILD_OF and a FOLLOWS_FROM': {
    references: [
      [1, 0n, 5n],
      [0, 0n, 6n],
    ],
  },
  'no parent but a FOLLOWS_FROM': { references: [[1, 0n, 5n]] },
  'a parent and its reference twice': {
    parent: 5n,
    references: [
      [0, 0n, 5n],
      [0, 0n, 5n],
    ],
  },
  'a parent that is a FOLLOWS_FROM': { parent: 5n, references: [[1, 0n, 5n]] },
  'references to nothing and to itself': {
    references: [
      [0, 77n, 0n],
      [1, 0n, span],
    ],
  },
  'a reference of an unknown type': { references: [[7, 77n, 9n]] },
  'a CHILD_OF in another trace': { references: [[0, 77n, 9n]] },
  'error text': { tags: [['error', 'timeout']] },
  'error TRUE as text': { tags: [['error', 'TRUE']] },
  'error empty': { tags: [['error', '']] },
  'error 0 as text': { tags: [['error', '0']] },
  'error 1 as a number': { tags: [['error', 1n]] },
  'error with a description': {
    tags: [
      ['error', true],
      ['otel.status_description', 'why'],
    ],
  },
  'error with an HTTP message': {
    tags: [
      ['error', true],
      ['http.status_message', 'Bad Gateway'],
    ],
  },
  'status OK': { tags: [['otel.status_code', 'OK']] },
  'status OK with a description': {
    tags: [
      ['otel.status_code', 'OK'],
      ['otel.status_description', 'fine'],
    ],
  },
  'status UNSET with a description': {
    tags: [
      ['otel.status_code', 'UNSET'],
      ['otel.status_description', 'odd'],
    ],
  },
  'status ERROR with a description': {
    tags: [
      ['otel.status_code', 'ERROR'],
      ['otel.status_description', 'why'],
    ],
  },
  'status 2 as a number': { tags: [['otel.status_code', 2n]] },
  'status 1 as text': { tags: [['otel.status_code', '1']] },
  'status unreadable': { tags: [['otel.status_code', 'PERHAPS']] },
  'a description alone': { tags: [['otel.status_description', 'alone']] },
  'error false beside status ERROR': {
    tags: [
      ['error', false],
      ['otel.status_code', 'ERROR'],
    ],
  },
  'HTTP 399': { tags: [client, ['http.status_code', 399n]] },
  'HTTP 0': { tags: [client, ['http.status_code', 0n]] },
  'HTTP 404 as text': { tags: [client, ['http.status_code', '404']] },
  'HTTP 500 as a double': { tags: [client, ['http.status_code', 500]] },
  'HTTP 404 of a server': { tags: [server, ['http.status_code', 404n]] },
  'HTTP 503 of a server by the new name': { tags: [server, ['http.response.status_code', 503n]] },
  'HTTP 503 with a message': { tags: [server, ['http.status_code', 503n], ['http.status_message', 'Busy']] },
  'HTTP no number': { tags: [client, ['http.status_code', 'many']] },
  'dropped counts': {
    tags: [
      ['otel.dropped_attributes_count', 3n],
      ['otel.dropped_events_count', 4n],
      ['otel.dropped_links_count', 5n],
    ],
  },
  'a dropped count that is none': { tags: [['otel.dropped_attributes_count', 'some']] },
  'a scope and its old names': {
    tags: [
      ['otel.scope.name', 's'],
      ['otel.scope.version', '1'],
      ['otel.library.name', 's'],
      ['otel.library.version', '2'],
    ],
  },
  'tags of each type': {
    tags: [
      ['s', 'x'],
      ['d', 0.5],
      ['b', false],
      ['l', -(2n ** 63n)],
      ['y', Buffer.from([0, 255])],
    ],
  },
  'a key twice': {
    tags: [
      ['k', 'first'],
      ['k', 'last'],
    ],
  },
  'a tag of an unknown type': { tags: [['k', odd(9, 3, string('text'))]] },
  'a tag of an unknown type without a value': { tags: [['k', odd(9)]] },
  'tags without their values': {
    tags: [
      ['s', odd(0)],
      ['d', odd(1)],
      ['b', odd(2)],
      ['l', odd(3)],
      ['y', odd(4)],
    ],
  },
  'an empty key': { tags: [['', 'x']] },
  'events of other types': { logs: [[['event', true]], [['event', 0.5]], [['event', 7n]], [['event', Buffer.from('raw')]]] },
  'an empty event': {
    logs: [
      [
        ['event', ''],
        ['message', 'm'],
      ],
    ],
  },
  'a log without fields': { logs: [[]] },
  'an error log': {
    logs: [
      [
        ['event', 'error'],
        ['error.kind', 'E'],
        ['message', 'm'],
        ['stack', 'a\nb'],
      ],
    ],
  },
  'a log with a field twice': {
    logs: [
      [
        ['event', 'e'],
        ['k', 'first'],
        ['k', 'last'],
      ],
    ],
  },
  'a log that counts what it dropped': {
    logs: [
      [
        ['event', 'e'],
        ['otel.dropped_attributes_count', 2n],
      ],
    ],
  },
  'a process with a tag service.name': { process: [['service.name', 'tagged']] },
  'a process without a name but with a tag service.name': { service: '', process: [['service.name', 'tagged']] },
  'a process without a name': { service: '' },
  "the Collector's mark for no name": { service: 'OTLPResourceNoServiceName', process: [['a', 'b']] },
  'a host by both names': {
    process: [
      ['hostname', 'one'],
      ['host.name', 'two'],
    ],
  },
  'an address as a number': { process: [['ip', 167772161n]] },
  'a version without a language': { process: [['jaeger.version', '1.2.3']] },
  'versions of other languages': { process: [['jaeger.version', 'PHP-1.0']] },
  'a version beside telemetry.sdk': {
    process: [
      ['jaeger.version', 'Go-2.30.0'],
      ['telemetry.sdk.name', 'mine'],
    ],
  },
  'an instance by both names': {
    process: [
      ['client-uuid', 'u'],
      ['service.instance.id', 'i'],
    ],
  },
  'a version that is a number': { process: [['jaeger.version', 2n]] },
  'text that is not UTF-8': { tags: [['k', odd(0, 3, string(Buffer.from([0x61, 0xff, 0x62])))]] },
}

const traceIdOf = (trace: bigint): string => trace.toString(16).padStart(32, '0')

/** Every corner twice: as thrift over HTTP, and as an agent would pass it on over gRPC. */
export const cornerSendings: readonly Sending[] = Object.entries(corners).flatMap(([name, corner], index): Sending[] => {
  const sent = (trace: bigint, accepted: boolean): Sent => ({ traceIds: [traceIdOf(trace)], spans: 1, accepted: accepted ? 1 : 0 })
  const [overHttp, overGrpc] = [BigInt(0xc0de0000 + index * 2), BigInt(0xc0de0001 + index * 2)]
  return [
    {
      name: `${name}, thrift`,
      origin: 'jaeger-thrift',
      async send(receivers: readonly Receivers[]) {
        const taken: boolean[] = []
        for (const { thriftHttp } of receivers) {
          const body = Uint8Array.from(structBytes(batchOf(overHttp, corner), 'binary'))
          const headers = { 'content-type': 'application/x-thrift' }
          const reply = await fetch(`http://127.0.0.1:${thriftHttp}/api/traces`, { method: 'POST', headers, body })
          await reply.arrayBuffer()
          taken.push(reply.ok)
        }
        return sent(overHttp, taken[0] === true)
      },
    },
    {
      name: `${name}, protobuf`,
      origin: 'jaeger-proto',
      async send(receivers: readonly Receivers[]) {
        const taken: boolean[] = []
        for (const { grpc } of receivers) {
          const body = postSpansOf(readBatch(Buffer.from(structBytes(batchOf(overGrpc, corner), 'binary'))))
          taken.push((await callGrpc(grpc, '/jaeger.api_v2.CollectorService/PostSpans', body)).code === 0)
        }
        return sent(overGrpc, taken[0] === true)
      },
    },
  ]
})
