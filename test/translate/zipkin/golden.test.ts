import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { TranslatedBody } from '../../../src/ingest/adapter.ts'
import { createJaegerTranslators } from '../../../src/ingest/jaeger/translators.ts'
import { defaultDecodeLimits } from '../../../src/ingest/limits.ts'
import { createZipkinTranslators } from '../../../src/ingest/zipkin/translators.ts'
import { decodeTraces } from '../../../src/otlp/decode/traces.ts'
import { tracesToPlain } from '../../../src/otlp/encode/json.ts'
import { jaegerTranslateConfig } from '../../../src/translate/jaeger/config.ts'
import { zipkinTranslateConfig } from '../../../src/translate/zipkin/config.ts'
import { normalizeOtlp } from '../../support/normalize.ts'
import { sharedFolder, vectorFiles } from '../../support/shared.ts'

const options = { limits: defaultDecodeLimits, translate: zipkinTranslateConfig.parse({}) }
const strict = createZipkinTranslators({ ...options, strict: true })
const lenient = createZipkinTranslators(options)
const agent = createJaegerTranslators({
  limits: defaultDecodeLimits,
  translate: jaegerTranslateConfig.parse({}),
  zipkinList: lenient.thriftList,
}).agent

interface Golden {
  readonly format: string
  readonly now: string
  readonly otlp: unknown
  readonly rejected: readonly { readonly index: number }[]
}

const files = vectorFiles('zipkin')
const goldens = files.filter((file) => file.endsWith('.expected.json'))

const inputOf = (golden: string, format: string): string => {
  const base = golden.replace(/(\.auto)?\.expected\.json$/, '')
  return format === 'v2proto' || format === 'v1thrift' ? `${base}.bin` : `${base}.json`
}

function translate(format: string, body: Uint8Array, nowMs: number): TranslatedBody {
  switch (format) {
    case 'v2json':
      return strict.v2Json(body, nowMs)
    case 'v1json':
      return strict.v1Json(body, nowMs)
    case 'v2proto':
      return lenient.v2Proto(body, nowMs)
    case 'v1thrift':
      return lenient.v1Thrift(body, nowMs)
    default:
      return lenient.json(body, nowMs)
  }
}

function check(golden: Golden, body: TranslatedBody): void {
  expect(normalizeOtlp(tracesToPlain(decodeTraces(body.data)))).toEqual(normalizeOtlp(golden.otlp))
  expect(body.drops.flatMap((drop) => drop.indexes)).toEqual(golden.rejected.map(({ index }) => index))
  expect(body.received).toBe(body.items + golden.rejected.length)
}

describe.skipIf(files.length === 0)('zipkin golden vectors', () => {
  it('are found', () => {
    expect(goldens.length).toBeGreaterThan(50)
  })

  it.each(goldens.map((file) => [basename(file), file]))('%s', (_name, file) => {
    const golden = JSON.parse(readFileSync(file, 'utf8')) as Golden
    const body = readFileSync(inputOf(file, golden.format))
    check(golden, translate(golden.format, body, Number(BigInt(golden.now) / 1_000_000n)))
  })

  it.each(files.filter((file) => file.endsWith('.udp-compact.bin')).map((file) => [basename(file), file]))(
    '%s as a datagram',
    (_name, file) => {
      const golden = JSON.parse(readFileSync(file.replace('.udp-compact.bin', '.expected.json'), 'utf8')) as Golden
      check(golden, agent(readFileSync(file), Number(BigInt(golden.now) / 1_000_000n)))
    },
  )

  it.each([
    ['go', 'go-zipkin', '7f000001'],
    ['node', 'node-zipkin', ''],
    ['python', 'py-zipkin', '7f000001'],
    ['java', 'java-zipkin', ''],
  ])('the body of a real client: %s', (client, service) => {
    const raw = readFileSync(`${sharedFolder}/vectors/zipkin/real-clients/${client}.bin`)
    const body = lenient.v2Json(client === 'java' ? gunzipSync(raw) : raw, 0)
    expect([body.received, body.items, body.drops, body.notes]).toEqual([1, 1, [], []])
    const { resourceSpans } = tracesToPlain(decodeTraces(body.data)) as {
      resourceSpans: { resource: unknown; scopeSpans: { spans: { name: string }[] }[] }[]
    }
    expect(resourceSpans[0]?.resource).toEqual({ attributes: [{ key: 'service.name', value: { stringValue: service } }] })
    expect(resourceSpans[0]?.scopeSpans[0]?.spans[0]?.name).toBe('checkout')
  })

  it('the empty list that a Java client sends when it is closed', () => {
    const body = gunzipSync(readFileSync(`${sharedFolder}/vectors/zipkin/real-clients/java-empty-list.bin`))
    expect(lenient.v2Json(body, 0)).toMatchObject({ received: 0, items: 0, drops: [], notes: [] })
  })
})
