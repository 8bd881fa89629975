/** Documents that are made to take memory or time: long lines, many small things, what grows when it is laid out. */

import { createDeflate, createGzip, createZstdCompress, gzipSync } from 'node:zlib'
import { action, between, ndjson, neighbours, times } from './bulks.ts'
import { concat } from './payloads.ts'
import type { BulkCase } from './throw-bulk.ts'

const mebi = 2 ** 20

/** So many names. @param of the value of each, as JSON */
const members = (count: number, of: (at: number) => string = () => '1'): string =>
  Array.from({ length: count }, (_, at) => `"k${at.toString(36).padStart(5, '0')}":${of(at)}`).join(',')

const text = (bytes: number, of = 'x'): string => of.repeat(Math.ceil(bytes / of.length)).slice(0, bytes)

/** One document between two good ones. */
const one =
  (label: string, document: () => string): (() => Uint8Array) =>
  () =>
    Buffer.from(between(label, document()))

/** A document that is too much, whose neighbours are not. */
const tooMuch = (name: string, document: () => string, reason: string, why: RegExp, more: Partial<BulkCase> = {}): BulkCase => ({
  name,
  body: one(name, document),
  status: 200,
  items: '201 400 201',
  why,
  reasons: { [reason]: 1 },
  arrive: neighbours(name),
  ...more,
})

const packers = { gzip: () => createGzip({ level: 9 }), deflate: () => createDeflate({ level: 9 }), zstd: () => createZstdCompress() }

/** `count` times `piece`, compressed, without ever holding what it expands to. */
async function packed(encoding: keyof typeof packers, piece: string, count: number, before = '', after = ''): Promise<Uint8Array> {
  const stream = packers[encoding]()
  const parts: Buffer[] = []
  stream.on('data', (part: Buffer) => parts.push(part))
  const ended = new Promise((resolve) => stream.on('end', resolve))
  const atOnce = Math.max(1, Math.floor(mebi / piece.length))
  const block = Buffer.from(piece.repeat(atOnce))
  stream.write(before)
  for (let left = count; left > 0; left -= atOnce) {
    const some = left >= atOnce ? block : block.subarray(0, left * piece.length)
    if (!stream.write(some)) await new Promise((resolve) => stream.once('drain', resolve))
  }
  stream.end(after)
  await ended
  return concat(...parts)
}

const bomb = (name: string, encoding: keyof typeof packers, body: BulkCase['body'], more: Partial<BulkCase> = {}): BulkCase => ({
  name,
  body,
  headers: { 'content-encoding': encoding },
  status: 413,
  error: '',
  reasons: { limit_body: 1 },
  arrive: { bomb: 0 },
  ...more,
})

const small = '{"create":{"_index":"logs"}}\n{"message":"bomb"}\n'

const lines: readonly BulkCase[] = [
  tooMuch('a document of 50 MB', () => `{"message":"${text(50_000_000)}"}`, 'length', /longer than 16777216 bytes/),
  tooMuch('a document of 50 MB that is no JSON', () => text(50_000_000), 'length', /longer than 16777216 bytes/),
  tooMuch('a document of 90 MB', () => `{"message":"${text(90_000_000)}"}`, 'length', /longer than 16777216 bytes/),
  {
    ...tooMuch('a document of 50 MB in gzip', () => '', 'length', /longer than 16777216 bytes/),
    headers: { 'content-encoding': 'gzip' },
    body: () => gzipSync(between('a document of 50 MB in gzip', `{"message":"${text(50_000_000, 'some words and more of them; ')}"}`)),
  },
  {
    name: 'ten documents of 9 MB, one of which is no JSON',
    body: () =>
      Buffer.from(
        between('tens', ...Array.from({ length: 10 }, (_, at) => `{"message":"ten","a":"${text(9_000_000)}"${at === 4 ? '' : '}'}`)),
      ),
    status: 200,
    items: '201×5 400 201×6',
    arrive: { ...neighbours('tens'), ten: 9 },
    riseMiB: 200,
  },
  {
    name: 'a document of almost 16 MiB',
    body: () => Buffer.from(between('almost', `{"message":"almost 16","a":"${text(16 * mebi - 1000)}"}`)),
    status: 200,
    items: '201×3',
    arrive: neighbours('almost', 'almost 16'),
    riseMiB: 200,
  },
  {
    name: 'a document of 15 MB of escapes',
    body: () => Buffer.from(between('escapes', `{"message":"all escapes","a":"${text(15_000_000, '\\u0041')}"}`)),
    status: 200,
    items: '201×3',
    arrive: neighbours('escapes', 'all escapes'),
    riseMiB: 200,
  },
  {
    name: 'an action of 50 MB',
    body: () => Buffer.from(`${small}{"create":{"_index":"${text(50_000_000)}"}}\n{}\n`),
    status: 400,
    error: ['illegal_argument_exception', /line \[3\], it is longer than 16777216 bytes$/],
    arrive: { bomb: 0 },
  },
  {
    name: 'an action with an id of 15 MB',
    body: () => Buffer.from(`${small}{"create":{"_index":"logs","_id":"${text(15_000_000)}"}}\n{}\n`),
    status: 400,
    error: ['illegal_argument_exception', 'Malformed action/metadata line [3], longer than 65536 bytes'],
    arrive: { bomb: 0 },
    riseMiB: 160,
  },
  {
    name: 'an action with an index of 15 MB',
    body: () => Buffer.from(`${small}{"create":{"_index":"${text(15_000_000)}"}}\n{}\n`),
    status: 400,
    error: ['illegal_argument_exception', 'Malformed action/metadata line [3], longer than 65536 bytes'],
    arrive: { bomb: 0 },
    riseMiB: 160,
  },
  {
    name: 'an action that is 15 MB of JSON',
    body: () => Buffer.from(`${small}{"create":{"_index":"logs",${members(1_000_000)}}}\n{}\n`),
    status: 400,
    error: ['illegal_argument_exception', 'Malformed action/metadata line [3], longer than 65536 bytes'],
    arrive: { bomb: 0 },
    riseMiB: 160,
  },
  {
    name: '50 MB without a line',
    body: () => times('x', 50_000_000),
    status: 400,
    error: ['illegal_argument_exception', /longer than 16777216 bytes|terminated by a newline/],
  },
  {
    name: '100 MB of newlines',
    body: () => times('\n', 100_000_000),
    status: 400,
    error: ['action_request_validation_exception', /no requests added/],
    withinMs: 15_000,
  },
  {
    name: '100 MB of blanks',
    body: () => times(' ', 100_000_000),
    status: 400,
    error: ['illegal_argument_exception', /./],
  },
]

const fields: readonly BulkCase[] = [
  tooMuch('a document of 1,000,000 fields', () => `{${members(1_000_000)}}`, 'fields', /more than 10000 fields/),
  tooMuch('a document of 100,000 different names', () => `{${members(100_000)}}`, 'fields', /more than 10000 fields/),
  tooMuch('a document of 100,000 objects', () => `{${members(100_000, (at) => `{"a${at}":{"b":1}}`)}}`, 'fields', /more than 10000 fields/),
  tooMuch('a list of 1,000,000 numbers', () => `{"a":[${text(2_000_000, '1,')}1]}`, 'fields', /more than 100000 values/),
  tooMuch('a list of 1,000,000 lists', () => `{"a":[${text(3_000_000, '[],')}[]]}`, 'fields', /more than 100000 values/),
  tooMuch('a list of objects of 1,000,000 names', () => `{"a":[{${members(1_000_000)}}]}`, 'fields', /more than 100000 values/),
  ...(['{}', 'null', '[]'] as const).map((value) =>
    tooMuch(`1,000,000 different names of ${value}`, () => `{${members(1_000_000, () => value)}}`, 'fields', /more than 40000 names/),
  ),
  {
    name: '15 MB of the same name',
    body: () => Buffer.from(between('same', `{"message":"same one",${text(15_000_000, '"a":1,')}"b":2}`)),
    status: 200,
    items: '201×3',
    arrive: neighbours('same', 'same one'),
    riseMiB: 160,
  },
  {
    name: 'one name of 15 MB',
    body: () => Buffer.from(between('long name', `{"message":"long name one","${text(15_000_000)}":1}`)),
    status: 200,
    items: '201×3',
    arrive: neighbours('long name', 'long name one'),
    riseMiB: 200,
  },
  {
    name: 'one name of 15 MB of dots',
    body: () => Buffer.from(between('dots', `{"message":"dots one","${text(15_000_000, 'a.')}a":1}`)),
    status: 200,
    items: '201×3',
    arrive: neighbours('dots', 'dots one'),
    riseMiB: 300,
    withinMs: 30_000,
  },
  {
    name: '1,000,000 different names in 200 documents',
    body: () =>
      Buffer.from(
        between(
          'many',
          ...Array.from({ length: 200 }, (_, doc) => `{"message":"many names",${members(5000, () => '1').replaceAll('"k', `"d${doc}k`)}}`),
        ),
      ),
    status: 200,
    items: '201×202',
    arrive: { ...neighbours('many'), 'many names': 200 },
    riseMiB: 400,
  },
  {
    name: '20,000 documents of 100 different nested names each',
    body: () =>
      Buffer.from(
        ndjson(
          ...Array.from({ length: 20_000 }, (_, doc) => [
            action().trimEnd(),
            `{"message":"nested names",${Array.from({ length: 100 }, (_unused, at) => `"n${doc % 100}":{"m${doc}":{"o${at}":1}}`).join(',')}}`,
          ]).flat(),
        ),
      ),
    status: 200,
    items: '201×20000',
    riseMiB: 400,
    withinMs: 60_000,
  },
  {
    name: '100,000 resources',
    body: () =>
      Buffer.from(
        Array.from({ length: 100_000 }, (_, at) => `${action()}{"message":"resource","service.name":"s${at}","host.name":"h${at}"}\n`).join(
          '',
        ),
      ),
    status: 200,
    items: '201×100000',
    arrive: { resource: 100_000 },
    riseMiB: 250,
    withinMs: 30_000,
  },
  {
    name: '100,000 loggers',
    body: () => Buffer.from(Array.from({ length: 100_000 }, (_, at) => `${action()}{"message":"scope","log.logger":"l${at}"}\n`).join('')),
    status: 200,
    items: '201×100000',
    arrive: { scope: 100_000 },
    riseMiB: 250,
    withinMs: 30_000,
  },
]

/** As many as one request may have, each of them refused. */
const refusedMillion = (what: string, piece: string, reason: string): BulkCase => ({
  name: `1,000,000 ${what}`,
  body: () => times(piece, 1_000_000),
  status: 200,
  items: '400×1000000',
  reasons: { [reason]: 1_000_000 },
  riseMiB: 250,
})

const many: readonly BulkCase[] = [
  {
    name: '1,000,000 documents',
    body: () => times('{"index":{"_index":"a"}}\n{}\n', 1_000_000),
    status: 200,
    items: '201×1000000',
    riseMiB: 250,
  },
  {
    name: '1,000,001 documents',
    body: () => times('{"index":{"_index":"a"}}\n{}\n', 1_000_001),
    status: 413,
    error: ['content_too_long_exception', /more than 1000000 actions/],
    reasons: { limit_items: 1 },
    riseMiB: 160,
  },
  refusedMillion('deletions', '{"delete":{"_index":"a","_id":"1"}}\n', 'delete'),
  refusedMillion('documents that are none', '{"index":{"_index":"a"}}\n5\n', 'not_object'),
  refusedMillion('documents that are no JSON', '{"index":{"_index":"a"}}\n{5\n', 'json'),
  {
    name: '500,000 documents with long names of an index that cannot be',
    body: () => times(`{"index":{"_index":"${'A'.repeat(150)}"}}\n{}\n`, 500_000),
    status: 200,
    items: '400×500000',
    riseMiB: 250,
  },
  {
    name: '100,000 documents with an id each',
    body: () =>
      Buffer.from(Array.from({ length: 100_000 }, (_, at) => `{"create":{"_index":"logs","_id":"${text(400)}${at}"}}\n{}\n`).join('')),
    status: 200,
    items: '201×100000',
    riseMiB: 250,
  },
  {
    name: '100,000 documents in an index each',
    body: () => Buffer.from(Array.from({ length: 100_000 }, (_, at) => `{"create":{"_index":"logs-${at}-${text(200)}"}}\n{}\n`).join('')),
    status: 200,
    items: '201×100000',
    riseMiB: 350,
  },
  {
    name: '50,000 documents for a pipeline each, of 500 letters',
    body: () =>
      Buffer.from(Array.from({ length: 50_000 }, (_, at) => `{"create":{"_index":"logs","pipeline":"${text(500)}${at}"}}\n{}\n`).join('')),
    status: 200,
    items: '201×50000',
    riseMiB: 200,
  },
  {
    name: '200,000 documents that share a long name of an index and of a pipeline',
    path: `/logs-${text(100)}-${text(100)}/_bulk?pipeline=${text(500)}`,
    body: () => times('{"create":{}}\n{}\n', 200_000),
    settings: ['queue.type=disk', 'queue.path=./queue'],
    status: 200,
    items: '201×200000',
    riseMiB: 250,
  },
]

const line = `{"create":{"_index":"logs"}}\n{"message":"bomb","filler":"${text(1000, 'filler ')}"}\n`
const gibi = 2 ** 30
/** 1.4 GiB of the same again and again. */
const much =
  (encoding: keyof typeof packers, piece: string, before = '') =>
  () =>
    packed(encoding, piece, Math.floor((1.4 * gibi) / piece.length), before)

const bombs: readonly BulkCase[] = [
  bomb('gzip: 1.4 GiB of documents', 'gzip', much('gzip', line)),
  bomb('deflate: 1.4 GiB of documents', 'deflate', much('deflate', line)),
  bomb('zstd: 1.4 GiB of documents', 'zstd', much('zstd', line)),
  bomb('deflate: 1.4 GiB of newlines', 'deflate', much('deflate', '\n')),
  bomb('zstd: 1.4 GiB of newlines', 'zstd', much('zstd', '\n'), { reasons: { limit_ratio: 1 } }),
  bomb('gzip: documents and a line of 1.4 GiB', 'gzip', much('gzip', 'x', `${small}${action()}{"a":"`)),
  bomb('gzip: 95 MB in one document', 'gzip', () => packed('gzip', 'words and words; ', 5_500_000, `${small}${action()}{"a":"`, '"}\n'), {
    status: 200,
    items: '201 400',
    arrive: { bomb: 1 },
    reasons: { length: 1 },
  }),
  bomb('gzip: 2,000,000 documents in 300 kB', 'gzip', () => packed('gzip', small, 2_000_000), {
    error: ['content_too_long_exception', /more than 1000000 actions/],
    reasons: { limit_items: 1 },
    riseMiB: 160,
  }),
  bomb('gzip of a gzip bomb', 'gzip', async () => gzipSync(await much('gzip', small)()), {
    status: 400,
    reasons: {},
    error: ['illegal_argument_exception', /./],
  }),
]

export const heavyBulks: readonly BulkCase[] = [...lines, ...fields, ...many, ...bombs]
