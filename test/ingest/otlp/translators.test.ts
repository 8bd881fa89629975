import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { defaultDecodeLimits } from '../../../src/ingest/limits.ts'
import { createOtlpTranslators } from '../../../src/ingest/otlp/translators.ts'
import { createChunkPool, ownsChunk } from '../../../src/otlp/encode/chunks.ts'
import { arbitraryRequest } from '../../support/arbitrary-otlp.ts'
import { officialDecode, officialEncode, type Plain } from '../../support/official-otlp.ts'

const limits = defaultDecodeLimits
const translators = createOtlpTranslators({ limits })
const signals = ['traces', 'metrics', 'logs'] as const

const spans = (count: number): Plain => ({
  resourceSpans: [{ scopeSpans: [{ spans: Array.from({ length: count }, () => ({ name: 'x'.repeat(100) })) }] }],
})

describe('createOtlpTranslators', () => {
  it.each(signals)('passes protobuf of %s on byte by byte, unknown fields and all', (signal) => {
    fc.assert(
      fc.property(arbitraryRequest(signal), (plain) => {
        const request = Buffer.concat([officialEncode(plain, signal), Uint8Array.of(0xf8, 0x07, 1)])
        const { items, received, data, drops } = translators.proto[signal](request, 0)
        expect({ received, drops }).toEqual({ received: items, drops: [] })
        expect(Buffer.compare(data, items === 0 ? new Uint8Array(0) : request)).toBe(0)
      }),
      { numRuns: 100 },
    )
  })

  it.each(signals)('gives the same for %s in JSON', (signal) => {
    fc.assert(
      fc.property(arbitraryRequest(signal), (plain) => {
        const { data: proto, ...one } = translators.proto[signal](officialEncode(plain, signal), 0)
        const { data: json, ...other } = translators.json[signal](Buffer.from(JSON.stringify(plain)), 0)
        expect(other).toEqual(one)
        expect(officialDecode(json, signal)).toEqual(officialDecode(proto, signal))
      }),
      { numRuns: 100 },
    )
  })

  it.each([1, 70, 100, 2000])('keeps nothing of a body with %i spans, in memory that may be given back', (count) => {
    const chunks = createChunkPool()
    const pooled = createOtlpTranslators({ limits, chunks })
    const body = Buffer.from(officialEncode(spans(count)))
    const before = Buffer.from(body)
    const { data } = pooled.proto.traces(body, 0)
    body.fill(0)
    expect(Buffer.compare(data, before)).toBe(0)
    expect(ownsChunk(data)).toBe(true)
    chunks.give(data.buffer)
    expect(chunks.keptBytes).toBe(data.length < 8192 || data.buffer.byteLength > 1024 * 1024 ? 0 : data.buffer.byteLength)
  })

  it('notes ids that are none', () => {
    expect(translators.proto.traces(officialEncode(spans(3)), 0)).toMatchObject({ items: 3, notes: [{ reason: 'invalid_ids', count: 3 }] })
    expect(translators.proto.logs(officialEncode({ resourceLogs: [{ scopeLogs: [{ logRecords: [{}] }] }] }, 'logs'), 0).notes).toEqual([])
  })

  it('makes nothing of a request without items', () => {
    expect(translators.json.metrics(Buffer.from('{"resourceMetrics":[{"resource":{}}]}'), 0)).toMatchObject({
      received: 0,
      items: 0,
      data: new Uint8Array(0),
    })
  })
})
