import { describe, expect, it } from 'vitest'
import { createPageTranslator } from '../../../src/backfill/sources/kafka-messages.ts'
import { translateConfig } from '../../../src/ingest/index.ts'
import type { KafkaMessage } from '../../../src/net/kafka-records.ts'
import { decodeTraces } from '../../../src/otlp/decode/traces.ts'
import { tracesToPlain } from '../../../src/otlp/encode/json.ts'

const spanOf = (number: number) => ({
  traceId: number.toString(16).padStart(32, '0'),
  id: number.toString(16).padStart(16, '0'),
  name: `work ${number}`,
  timestamp: 1_700_000_000_000_000 + number,
  duration: 10,
  localEndpoint: { serviceName: 'shop' },
  tags: { text: 'x'.repeat(number % 300) },
})

const messageOf = (offset: number, first: number, spans: number): KafkaMessage => ({
  offset,
  timestampMs: 1_700_000_000_000,
  key: undefined,
  value: Buffer.from(JSON.stringify(Array.from({ length: spans }, (_, at) => spanOf(first + at)))),
  rawHeaders: new Uint8Array(0),
})

interface Plain {
  readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly { readonly name: string }[] }[] }[]
}

const namesIn = (data: Uint8Array): readonly string[] =>
  (tracesToPlain(decodeTraces(data)) as unknown as Plain).resourceSpans.flatMap(({ scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) => spans.map(({ name }) => name)),
  )

describe('createPageTranslator', () => {
  it('gives pages of small and large records that do not change when further pages are translated', async () => {
    const translate = await createPageTranslator('zipkin-json', 'traces', { translate: translateConfig.parse({}) }, 'spans')
    const pages: { readonly data: Uint8Array; readonly names: readonly string[]; readonly before: string }[] = []
    let next = 1
    for (const sizes of [[1], [1, 1, 2, 1], [400], [1, 300, 1, 700, 2], [1], Array.from({ length: 500 }, () => 1), [2, 1]]) {
      const first = next
      const messages = sizes.map((spans, at) => {
        const message = messageOf(at, next, spans)
        next += spans
        return message
      })
      const { requests, translated, read } = translate(0, { messages, lost: [], gaps: 0 })
      expect([translated, read, requests.length]).toEqual([sizes.length, sizes.length, 1])
      const [request] = requests
      if (request === undefined) throw new Error('the page has no request')
      expect(request).toMatchObject({ signal: 'traces', items: next - first, owned: true })
      pages.push({
        data: request.data,
        names: Array.from({ length: next - first }, (_, at) => `work ${first + at}`),
        before: Buffer.from(request.data).toString('base64'),
      })
    }
    for (const { data, names, before } of pages) {
      expect(Buffer.from(data).toString('base64')).toBe(before)
      expect(namesIn(data)).toEqual(names)
    }
  })

  it('makes no request of a page without anything to send', async () => {
    const translate = await createPageTranslator('zipkin-json', 'traces', { translate: translateConfig.parse({}) }, 'spans')
    const { value: _, ...rest } = messageOf(1, 1, 1)
    const page = translate(0, { messages: [{ ...rest, value: undefined }], lost: [], gaps: 2 })
    expect(page).toMatchObject({ read: 1, translated: 0, skipped: { null_value: 1 }, requests: [], notes: { gaps: 2 } })
  })
})
