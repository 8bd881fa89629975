import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { describe, expect, it } from 'vitest'
import { defaultDecodeLimits } from '../../../src/ingest/limits.ts'
import { zipkinMessageFormat } from '../../../src/ingest/zipkin/message.ts'
import { createZipkinTranslators } from '../../../src/ingest/zipkin/translators.ts'
import { zipkinTranslateConfig } from '../../../src/translate/zipkin/config.ts'
import { vectorFiles } from '../../support/shared.ts'

const translators = createZipkinTranslators({ limits: defaultDecodeLimits, translate: zipkinTranslateConfig.parse({}) })

const span = { traceId: '1', id: '2', name: 'get', timestamp: 1_700_000_000_000_000, duration: 5, localEndpoint: { serviceName: 'shop' } }

const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value))

/** A v1 span in the binary protocol without its list: trace id, name, id. */
const thriftSpan = Buffer.concat([
  Buffer.from([0x0a, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1]),
  Buffer.from([0x0b, 0, 3, 0, 0, 0, 3]),
  Buffer.from('get'),
  Buffer.from([0x0a, 0, 4, 0, 0, 0, 0, 0, 0, 0, 2]),
  Buffer.from([0]),
])

/** The same with its name first: an old sender may write fields in any order. */
const thriftSpanByName = Buffer.concat([thriftSpan.subarray(11, 21), thriftSpan.subarray(0, 11), thriftSpan.subarray(21)])

const list = (type: number, count: number, ...spans: Uint8Array[]): Uint8Array =>
  Buffer.concat([Buffer.from([type, 0, 0, 0, count]), ...spans])

describe('zipkinMessageFormat', () => {
  it.each([
    ['a JSON list', json([span]), 'zipkin-json'],
    ['a single JSON span', json(span), 'zipkin-json'],
    ['proto3, a length that looks like a bracket included', Buffer.from([0x0a, 0x5b, 0x0a]), 'zipkin-proto'],
    ['a list of Thrift structs', list(0x0c, 1, thriftSpan), 'zipkin-thrift'],
    ['a list headed by the type of strings', list(0x0b, 1, thriftSpan), 'zipkin-thrift'],
    ['a single Thrift span', thriftSpan, 'zipkin-thrift'],
    ['a single Thrift span, its name first', thriftSpanByName, 'zipkin-thrift'],
    ['text', Buffer.from('hello'), undefined],
    ['one byte', Buffer.from('['), undefined],
    ['nothing', Buffer.alloc(0), undefined],
    ['zeros', Buffer.alloc(5), undefined],
  ])('knows %s', (_name, bytes, format) => {
    expect(zipkinMessageFormat(bytes)).toBe(format)
  })
})

describe('message', () => {
  it.each([
    ['a JSON list', json([span, { ...span, id: '3' }]), 2],
    ['an empty list', Buffer.from('[]'), 0],
    ['a single JSON span', json(span), 1],
    ['a list of Thrift structs', list(0x0c, 2, thriftSpan, thriftSpan), 2],
    ['a list headed by the type of strings', list(0x0b, 2, thriftSpan, thriftSpan), 2],
    ['a single Thrift span', thriftSpan, 1],
    ['a single Thrift span, its name first', thriftSpanByName, 1],
  ])('reads %s', (_name, bytes, spans) => {
    const before = Buffer.from(bytes)
    expect(translators.message(bytes, 0)).toMatchObject({ items: spans, drops: [], notes: [] })
    expect(Buffer.from(bytes).equals(before)).toBe(true)
  })

  it('refuses what no encoding begins like', () => {
    expect(() => translators.message(Buffer.from('hello'), 0)).toThrow(expect.objectContaining({ code: 'OB_DECODE_JSON' }))
  })

  const binary = vectorFiles('zipkin').filter((file) => /^(real|syn)_.*\.bin$/.test(basename(file)) && !file.includes('udp'))

  it.skipIf(binary.length === 0)('reads every binary vector as its own translator does', () => {
    for (const file of binary) {
      const bytes = readFileSync(file)
      const own = zipkinMessageFormat(bytes) === 'zipkin-proto' ? translators.v2Proto : translators.v1Thrift
      expect(translators.message(bytes, 0), file).toEqual(own(bytes, 0))
    }
  })
})
