/** Jaeger's Thrift and protobuf vectors and the datagrams of Zipkin spans against their goldens; the payloads of real clients. */

import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { TranslatedBody } from '../src/ingest/adapter.ts'
import { createJaegerTranslators } from '../src/ingest/jaeger/translators.ts'
import { defaultDecodeLimits } from '../src/ingest/limits.ts'
import { createZipkinTranslators } from '../src/ingest/zipkin/translators.ts'
import { decodeTraces } from '../src/otlp/decode/traces.ts'
import { tracesToPlain } from '../src/otlp/encode/json.ts'
import { jaegerTranslateConfig } from '../src/translate/jaeger/config.ts'
import { zipkinTranslateConfig } from '../src/translate/zipkin/config.ts'
import { jaegerVectors } from './support/jaeger-vectors.ts'
import { normalizeOtlp } from './support/normalize.ts'
import { officialDecode } from './support/official-otlp.ts'
import { vectorFiles } from './support/shared.ts'

const limits = defaultDecodeLimits
const { thriftList } = createZipkinTranslators({ limits, translate: zipkinTranslateConfig.parse({}) })
const jaeger = createJaegerTranslators({ limits, translate: jaegerTranslateConfig.parse({}), zipkinList: thriftList })

// The text of our own warnings is not fixed, their number is.
const comparable = (otlp: unknown): unknown => normalizeOtlp(otlp, ['@jaeger@warnings'])

const rejectedIndexes = (body: TranslatedBody): number[] => body.drops.flatMap((drop) => drop.indexes).sort((a, b) => a - b)

const vectors = [...jaegerVectors('jaeger'), ...jaegerVectors('zipkin')]

describe.skipIf(vectors.length === 0)('golden vectors of Jaeger and of the agent', () => {
  it.each(vectors)('$name', ({ bytes, form, golden }) => {
    const received = new Uint8Array(bytes)
    const body = jaeger[form](received, Number(BigInt(golden.now) / 1_000_000n))
    expect(comparable(tracesToPlain(decodeTraces(body.data)))).toEqual(comparable(golden.otlp))
    expect(comparable(officialDecode(body.data))).toEqual(comparable(golden.otlp))
    expect(rejectedIndexes(body)).toEqual((golden.rejected ?? []).map((one) => one.index))
    expect(body.received).toBe(body.items + rejectedIndexes(body).length)
    expect(received).toEqual(bytes)
  })

  it('has every encoding of every batch', () => {
    expect(vectors.length).toBeGreaterThanOrEqual(50)
    expect(new Set(vectors.map((one) => one.form)).size).toBe(8)
  })
})

const unreadable = vectorFiles('jaeger').filter((file) => basename(file).startsWith('real_ui_bad_'))

describe.skipIf(unreadable.length === 0)('files that are no UI JSON', () => {
  it.each(unreadable.map((file) => [basename(file), file] as const))('%s is refused, with the byte', (_name, file) => {
    expect(() => jaeger.uiJson(readFileSync(file), 0)).toThrow(
      expect.objectContaining({ code: 'OB_DECODE_JSON', place: expect.stringMatching(/^byte \d+$/) }),
    )
  })
})

const clients = vectorFiles('jaeger/real-clients').filter((file) => file.endsWith('.bin'))

describe.skipIf(clients.length === 0)('payloads of real Jaeger clients', () => {
  it.each(clients.map((file) => [basename(file), file] as const))('%s is translated whole', (name, file) => {
    const bytes = new Uint8Array(readFileSync(file))
    const body = name.includes('-http') ? jaeger.httpBinary(bytes, 0) : jaeger.agent(bytes, 0)
    expect(body).toMatchObject({ received: 1, items: 1, drops: [], notes: [] })
    const { resourceSpans } = officialDecode(body.data) as { resourceSpans: { scopeSpans: { spans: Record<string, unknown>[] }[] }[] }
    const [span] = resourceSpans[0]?.scopeSpans[0]?.spans ?? []
    expect(span).toMatchObject({ name: 'checkout', flags: 1 })
    // JavaScript has one kind of number, and its client sends it as a double
    const value = name.startsWith('node') ? { doubleValue: 200 } : { intValue: '200' }
    expect(span?.['attributes']).toContainEqual(expect.objectContaining({ key: 'http.status_code', value }))
    expect(span?.['events']).toEqual([expect.objectContaining({ name: 'paid' })])
  })
})
