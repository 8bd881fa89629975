/** Remote-write whose body, or whose head, is not what it says: snappy, protobuf, types, encodings. */

import { snappyBody, type Version } from '../../support/remote-write.ts'
import { hex } from './payloads.ts'
import type { WriteCase } from './throw-write.ts'
import {
  bodyOf,
  contentTypes,
  double,
  field,
  good,
  integer,
  nowMs,
  plainOf,
  rawLabels,
  rawSample,
  snappyCopy,
  snappyLiteral,
  varint,
} from './writes.ts'

const versions: readonly Version[] = [1, 2]
const goodBody = (version: Version, name: string): Uint8Array => bodyOf(version, [good(name)])

/** 4 KiB that snappy would shorten, as one literal. */
const plain = Buffer.from(plainOf(2, [good('literal', [['label', 'x'.repeat(4000)]])]))

/** Many bytes of a varint that goes on and on. */
const endless = (bytes: number, last: number): Uint8Array => Buffer.concat([Buffer.alloc(bytes - 1, 0xff), Buffer.of(last)])

const notSnappy: readonly (readonly [name: string, body: () => Uint8Array, status: number, reason: string, text: RegExp])[] = [
  [
    '47 bytes that promise 2.5 GB',
    () => hex('97eab4890a170a085f5f6e616d655f5f120b746573745f6d6574726963121009000000000000f03f10d48fc9b2a333'),
    413,
    'limit_body',
    /2704094487 bytes declared, the limit is 134217728 \(ingest\.prometheus\.limits\.body\)/,
  ],
  ['a length of 128 MiB and one byte', () => snappyLiteral(plain, 134_217_729), 413, 'limit_body', /134217729 bytes declared/],
  [
    'a length within the limit that so few bytes cannot hold',
    () => snappyLiteral(plain, 134_217_728),
    400,
    'decode_encoding',
    /cannot hold/,
  ],
  ['nothing', () => Buffer.alloc(0), 400, 'decode_encoding', /cut off/],
  ['a length and no data', () => varint(5), 400, 'decode_encoding', /cannot decompress/],
  ['a length of 0 with data behind it', () => snappyLiteral(plain, 0), 400, 'decode_encoding', /cannot decompress/],
  ['a length that is too short', () => snappyLiteral(plain, plain.length - 1), 400, 'decode_encoding', /cannot decompress/],
  ['a length that is too long', () => snappyLiteral(plain, plain.length + 1), 400, 'decode_encoding', /cannot decompress/],
  [
    'a length of five bytes, all that 32 bits hold',
    () => snappyLiteral(plain, endless(5, 0x0f)),
    413,
    'limit_body',
    /4294967295 bytes declared/,
  ],
  ['a length of five bytes beyond 32 bits', () => snappyLiteral(plain, endless(5, 0x10)), 400, 'decode_encoding', /beyond 32 bits/],
  ['a length of nine bytes', () => snappyLiteral(plain, endless(9, 0x01)), 400, 'decode_encoding', /beyond 32 bits/],
  ['a length of ten bytes', () => snappyLiteral(plain, endless(10, 0x01)), 400, 'decode_encoding', /beyond 32 bits/],
  ['a length of eleven bytes', () => snappyLiteral(plain, endless(11, 0x01)), 400, 'decode_encoding', /beyond 32 bits/],
  ['a length that never ends', () => new Uint8Array(1000).fill(0xff), 400, 'decode_encoding', /beyond 32 bits/],
  ['a copy from offset 0', () => snappyCopy(plain, 0), 400, 'decode_encoding', /cannot decompress/],
  ['a copy from before the beginning', () => snappyCopy(plain, plain.length + 1), 400, 'decode_encoding', /cannot decompress/],
  ['a literal that is cut off', () => snappyLiteral(plain).subarray(0, 2000), 400, 'decode_encoding', /cannot decompress/],
  [
    'framed snappy',
    () => Buffer.concat([hex('ff060000734e61507059'), hex('0105000000000000'), plain.subarray(0, 1)]),
    400,
    'decode_encoding',
    /framed snappy/,
  ],
  ['snappy of snappy', () => snappyBody(snappyBody(plain)), 400, 'decode_proto', /cannot read protobuf/],
  ['a plain body', () => plain, 400, 'decode_encoding', /cannot decompress/],
]

const notProtobuf: readonly (readonly [name: string, plain: Uint8Array, text?: RegExp])[] = [
  ['a field longer than the body', hex('2a ffffffff0f'.replaceAll(' ', ''))],
  ['a length of ten bytes', hex('2affffffffffffffffff01')],
  ['a length of eleven bytes', hex('2affffffffffffffffffff01')],
  ['a tag of five bytes that is beyond 32 bits', hex('ffffffffff')],
  ['a tag of eleven bytes', hex('ffffffffffffffffffff01')],
  ['field number 0', hex('0200')],
  ['a group', hex('0b0c')],
  ['100,000 groups in each other', new Uint8Array(100_000).fill(0x0b)],
  ['wire type 7', hex('0f')],
  ['a time of eleven bytes', field(5, rawLabels(), field(2, double(1, 1), Buffer.of(0x10), endless(11, 1)))],
  ['a time that is cut off', field(5, rawLabels(), field(2, double(1, 1), Buffer.of(0x10, 0x80)))],
  ['a value of four bytes', field(5, rawLabels(), field(2, hex('0900000000')))],
  ['a value of the wrong type', field(5, rawLabels(), field(2, hex('0801')))],
  ['packed doubles of seven bytes', field(5, field(3, field(16, new Uint8Array(7))))],
]

const badTables: readonly (readonly [name: string, plain: () => Uint8Array, text: RegExp])[] = [
  ['a reference beyond the table', () => table(rawLabels(1, 2, 3, 9)), /series 0 refers to a symbol beyond the 4 there are/],
  ['a reference of 2^31', () => table(rawLabels(1, 2 ** 31)), /refers to a symbol beyond/],
  ['a reference of 2^32 − 1', () => table(rawLabels(1, 2 ** 32 - 1)), /refers to a symbol beyond/],
  ['an odd number of references', () => table(rawLabels(1, 2, 3)), /series 0 has a label without a value/],
  ['help beyond the table', () => table(rawLabels(1, 2), field(5, integer(3, 99))), /series 0 refers to a symbol beyond/],
  ['a unit beyond the table', () => table(rawLabels(1, 2), field(5, integer(4, 99))), /series 0 refers to a symbol beyond/],
  ['labels of an exemplar beyond the table', () => table(rawLabels(1, 2), field(4, rawLabels(1, 77))), /refers to a symbol beyond/],
  ['an odd number of references in an exemplar', () => table(rawLabels(1, 2), field(4, rawLabels(1))), /exemplar of series 0/],
  [
    'a first symbol that is not empty',
    () => Buffer.concat([field(4, '__name__'), field(4, 'x'), field(5, rawLabels(0, 1), rawSample())]),
    /symbol 0 is not the empty text/,
  ],
  ['references and no table', () => field(5, rawLabels(1, 2), rawSample()), /refers to a symbol beyond/],
]

/** A request of 2.0 of a good series and one more. */
function table(...series: readonly Uint8Array[]): Uint8Array {
  const symbols = ['', '__name__', 'of_a_bad_table', 'a'].map((text) => field(4, text))
  return Buffer.concat([...symbols, field(5, ...series, rawSample()), field(5, rawLabels(1, 2), rawSample(1, nowMs))])
}

const encodings: readonly (readonly [encoding: string, status: 204 | 415])[] = [
  ['', 204],
  ['SNAPPY', 204],
  [' snappy ', 204],
  ['gzip', 415],
  ['zstd', 415],
  ['identity', 415],
  ['snappy, snappy', 415],
  ['gzip, snappy', 415],
  ['x-snappy-framed', 415],
]

const odd: readonly (readonly [type: string, Version | undefined])[] = [
  ['', 1],
  ['application/x-protobuf', 1],
  ['APPLICATION/X-PROTOBUF', 1],
  ['application/x-protobuf; proto = "prometheus.WriteRequest" ', 1],
  ['application/x-protobuf;;proto=io.prometheus.write.v2.Request;', 2],
  ['application/x-protobuf;proto=io.prometheus.write.v3.Request', undefined],
  ['application/x-protobuf;proto=prometheus.WriteRequest;proto=io.prometheus.write.v2.Request', undefined],
  ['application/x-protobuf;proto="io.prometheus.write.v2.Request', undefined],
  ['application/x-protobuf;proto=', undefined],
  ['application/x-protobuf, application/x-protobuf', undefined],
  ['application/json', undefined],
  ['text/plain', undefined],
  [`application/x-protobuf;${'a=b;'.repeat(2000)}`, undefined],
]

export const writeWireCases: readonly WriteCase[] = [
  ...versions.flatMap((version) =>
    notSnappy.map(
      ([name, body, status, reason, text]): WriteCase => ({
        name: `${version}.0: ${name}`,
        version,
        body,
        status,
        text,
        reasons: { [reason]: 1 },
        // Of 2.0, only once there was something to be decoded.
        written: version === 2 && name === 'snappy of snappy' ? [0, 0, 0] : undefined,
      }),
    ),
  ),
  ...notProtobuf.map(
    ([name, bytes, text]): WriteCase => ({
      name: `2.0: ${name}`,
      version: 2,
      body: () => snappyBody(bytes),
      status: 400,
      text: text ?? /^cannot read/,
      reasons: { decode_proto: 1 },
      written: [0, 0, 0],
    }),
  ),
  ...badTables.map(
    ([name, bytes, text]): WriteCase => ({
      name: `2.0: ${name}`,
      version: 2,
      body: () => snappyBody(bytes()),
      status: 400,
      text,
      reasons: { decode_symbols: 1 },
      written: [0, 0, 0],
      arrive: { of_a_bad_table: 0 },
    }),
  ),
  ...encodings.flatMap(([encoding, status]) =>
    versions.map(
      (version): WriteCase => ({
        name: `${version}.0: Content-Encoding ${JSON.stringify(encoding)}`,
        version,
        body: () => goodBody(version, `encoding_${version}_${Buffer.from(encoding).toString('hex')}`),
        headers: { 'content-encoding': encoding },
        status,
        text: status === 415 ? /Content-Encoding is not snappy/ : /^$/,
        written: version === 2 && status === 204 ? [1, 0, 0] : undefined,
        reasons: status === 415 ? { unsupported_encoding: 1 } : {},
        arrive: { [`encoding_${version}_${Buffer.from(encoding).toString('hex')}`]: status === 204 ? 1 : 0 },
      }),
    ),
  ),
  ...odd.map(
    ([type, version], at): WriteCase => ({
      name: `Content-Type ${JSON.stringify(type.slice(0, 90))}`,
      version: version ?? 1,
      body: () => goodBody(version ?? 1, `type_${at}`),
      headers: { 'content-type': type },
      status: version === undefined ? 415 : 204,
      text: version === undefined ? /Content-Type is neither/ : /^$/,
      written: version === 2 ? [1, 0, 0] : undefined,
      reasons: version === undefined ? { unsupported_type: 1 } : {},
      arrive: { [`type_${at}`]: version === undefined ? 0 : 1 },
    }),
  ),
  {
    name: '2.0 with the type of 1.0',
    version: 1,
    body: () => goodBody(2, 'as_one'),
    status: 400,
    text: /Content-Type means 1\.0, and it has none of the fields of that/,
    reasons: { decode_proto: 1 },
    arrive: { as_one: 0 },
  },
  {
    name: '1.0 with the type of 2.0',
    version: 2,
    body: () => goodBody(1, 'as_two'),
    status: 400,
    text: /Content-Type means 2\.0/,
    reasons: { decode_proto: 1 },
    written: [0, 0, 0],
    arrive: { as_two: 0 },
  },
  {
    name: '1.0 with metadata, with the type of 2.0',
    version: 2,
    body: () => snappyBody(field(3, integer(1, 1), field(2, 'metadata_as_two'))),
    status: 400,
    reasons: { decode_proto: 1 },
    written: [0, 0, 0],
  },
  {
    name: '2.0 with a header that says 1.0',
    version: 2,
    body: () => goodBody(2, 'version_header'),
    headers: { 'x-prometheus-remote-write-version': '0.1.0' },
    status: 204,
    written: [1, 0, 0],
    arrive: { version_header: 1 },
  },
  ...['0\u00e9', 'x'.repeat(151)].map(
    (tenant): WriteCase => ({
      name: `a tenant of ${tenant.length} characters that is none`,
      version: 2,
      body: () => goodBody(2, 'bad_tenant'),
      headers: { 'x-scope-orgid': tenant },
      status: 400,
      text: /tenant/,
      reasons: { tenant: 1 },
      arrive: { bad_tenant: 0 },
    }),
  ),
  ...['0.1.0', '2.0.0'].map(
    (told): WriteCase => ({
      name: `content types win over the version header ${told}`,
      version: 1,
      body: () => goodBody(1, `told_${told.replaceAll('.', '_')}`),
      headers: { 'x-prometheus-remote-write-version': told, 'content-type': contentTypes[1] },
      status: 204,
      arrive: { [`told_${told.replaceAll('.', '_')}`]: 1 },
    }),
  ),
]
