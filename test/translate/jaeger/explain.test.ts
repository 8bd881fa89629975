import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createJaegerExplainers, type JaegerExplainers } from '../../../src/ingest/jaeger/explain.ts'
import { createJaegerTranslators } from '../../../src/ingest/jaeger/translators.ts'
import { defaultDecodeLimits } from '../../../src/ingest/limits.ts'
import { decodeTraces } from '../../../src/otlp/decode/traces.ts'
import { tracesToPlain } from '../../../src/otlp/encode/json.ts'
import { jaegerTranslateConfig } from '../../../src/translate/jaeger/config.ts'
import { explainJaeger } from '../../../src/translate/jaeger/explain.ts'
import type { JaegerBatch } from '../../../src/translate/jaeger/model.ts'
import { jaegerSentences } from '../../../src/translate/jaeger/sentences.ts'
import { jaegerToTraces } from '../../../src/translate/jaeger/to-otlp.ts'
import { faultsOf, pathsOf } from '../../support/explained.ts'
import { log, reference, span, tag, traceLow } from '../../support/jaeger-model.ts'
import { type JaegerVector, jaegerVectors } from '../../support/jaeger-vectors.ts'

const translate = jaegerTranslateConfig.parse({})
const zipkinList = (): never => {
  throw new Error('no Zipkin here')
}
const translators = createJaegerTranslators({ limits: defaultDecodeLimits, translate, zipkinList })
const explainers = createJaegerExplainers(translate, defaultDecodeLimits)

const hasExplainer = (one: JaegerVector): one is JaegerVector & { form: keyof JaegerExplainers } => one.form in explainers
const vectors = jaegerVectors('jaeger').filter(hasExplainer)

describe.skipIf(vectors.length === 0)('explainJaeger, on the golden vectors', () => {
  it.each(vectors)('$name: every field has one rule, and everything that is left out has one', ({ bytes, form }) => {
    const { items, rejected, received } = explainers[form](bytes, 0)
    const explained = [...items]
    expect(explained.flatMap(faultsOf)).toEqual([])
    const body = translators[form](bytes, 0)
    const paths = explained.flatMap(({ spans }) => spans.flatMap(({ fields }) => fields.map(({ path }) => path)))
    expect([...new Set(paths)].sort()).toEqual(pathsOf(tracesToPlain(decodeTraces(body.data))).sort())
    expect([received, received - rejected]).toEqual([body.received, body.items])
  })
})

const words = fc.constantFrom('', 'true', 'false', 'x', 'ERROR', 'UNSET', 'OK', 'client', 'server', 'a=b', '0', '3', '404', '503')
const values = fc.oneof(
  words,
  fc.boolean(),
  fc.constantFrom(0n, 1n, 404n, 503n, -1n),
  fc.double(),
  fc.constant(undefined),
  fc.constant(new Uint8Array([1, 2])),
)
const spanKeys = [
  'span.kind',
  'error',
  'otel.status_code',
  'otel.status_description',
  'http.status_code',
  'http.response.status_code',
  'http.status_message',
  'otel.scope.name',
  'otel.scope.version',
  'otel.library.name',
  'otel.library.version',
  'w3c.tracestate',
  'otel.dropped_attributes_count',
  'otel.dropped_events_count',
  'otel.dropped_links_count',
  'sampler.type',
  'plain',
]
const logKeys = ['event', 'message', 'error.kind', 'stack', 'otel.dropped_attributes_count', 'otel.event.dropped_attributes_count', 'plain']
const processKeys = [
  'service.name',
  'hostname',
  'host.name',
  'client-uuid',
  'service.instance.id',
  'jaeger.version',
  'ip',
  'telemetry.sdk.name',
  'plain',
]

const tagsOf = (keys: readonly string[]) =>
  fc.array(
    fc.tuple(fc.constantFrom(...keys), values).map(([key, value]) => tag(key, value)),
    { maxLength: 6 },
  )
const times = fc.constantFrom(0n, 1n, 1577934245000000n, -5n, 2n ** 63n - 1n)
const processes = fc.record({ serviceName: fc.constantFrom('', 'shop', 'OTLPResourceNoServiceName'), tags: tagsOf(processKeys) })

const anySpan = fc
  .record({
    id: fc.constantFrom(0n, 1n, 2n),
    parent: fc.constantFrom(0n, 1n, 7n),
    name: fc.constantFrom('', 'get'),
    flags: fc.integer({ min: 0, max: 31 }),
    start: times,
    duration: times,
    tags: tagsOf(spanKeys),
    references: fc.array(
      fc.tuple(fc.constantFrom(0, 1, 7), fc.constantFrom(0n, 1n, 7n, 8n), fc.constantFrom(traceLow, 5n)).map((one) => reference(...one)),
      { maxLength: 4 },
    ),
    logs: fc.array(
      fc.tuple(times, tagsOf(logKeys)).map((one) => log(...one)),
      { maxLength: 3 },
    ),
    warnings: fc.constantFrom([], ['slow']),
    process: fc.option(processes, { nil: undefined }),
  })
  .map(({ process, ...parts }) => span({ ...parts, ...(process === undefined ? {} : { process }) }))

const anyBatch: fc.Arbitrary<JaegerBatch> = fc.record({
  nanosPerTick: fc.constantFrom(1, 1000),
  process: fc.option(processes, { nil: undefined }),
  spans: fc.array(anySpan, { maxLength: 3 }),
  seqNo: fc.constantFrom(undefined, 3n),
  stats: fc.constant(undefined),
})
const anyOptions = fc.record({ absentKind: fc.constantFrom(0, 1), httpStatusFallback: fc.boolean(), mapExceptions: fc.boolean() })

describe('explainJaeger', () => {
  it('leaves nothing open, whatever the batch and the options', () => {
    const seen = new Set<string>()
    fc.assert(
      fc.property(anyBatch, anyOptions, fc.constantFrom('thrift', 'proto', 'json'), (batch, options, encoding) => {
        const { items, leftovers } = explainJaeger(batch, options, encoding)
        const explained = [...items]
        expect(explained.flatMap(faultsOf)).toEqual([])
        const paths = explained.flatMap(({ spans }) => spans.flatMap(({ fields }) => fields.map(({ path }) => path)))
        expect([...new Set(paths)].sort()).toEqual([...new Set(pathsOf(tracesToPlain(jaegerToTraces(batch, options).data)))].sort())
        for (const { spans, leftovers: more, rejected } of explained) {
          for (const { rules } of [...spans.flatMap(({ fields }) => fields), ...more, ...leftovers])
            for (const rule of rules) seen.add(rule)
          if (rejected !== undefined) seen.add(rejected.rule)
        }
      }),
      { numRuns: 2000 },
    )
    // Those that only decoders give a reason for.
    const decoders = ['J-B1', 'J-B6', 'J-B8']
    expect(Object.keys(jaegerSentences).filter((rule) => !seen.has(rule) && !decoders.includes(rule))).toEqual([])
  })
})

describe('what a field is said to come from', () => {
  const alone = new Set(['kind', 'traceState', 'scope.name', 'scope.version', 'status.code'])
  const isAlone = (name: string): boolean => alone.has(name) || name.startsWith('dropped')
  const nameIn = (path: string): string => path.replace(/^resourceSpans\[\d+\]\.scopeSpans\[\d+\]\.(spans\[\d+\]\.)?/, '')

  it('gives that field by itself: other tags have no part in it', () => {
    fc.assert(
      fc.property(anySpan, anyOptions, (one, options) => {
        const batch: JaegerBatch = { nanosPerTick: 1000, process: undefined, spans: [one], seqNo: undefined, stats: undefined }
        for (const { spans } of explainJaeger(batch, options, 'thrift').items) {
          for (const { path, value, from } of spans.flatMap(({ fields }) => fields)) {
            if (!isAlone(nameIn(path))) continue
            const tags = one.tags.filter((_, i) => from.some((name) => name.startsWith(`tags[${i}] `)))
            const again = [...explainJaeger({ ...batch, spans: [{ ...one, tags }] }, options, 'thrift').items]
            const same = again.flatMap((item) => item.spans.flatMap(({ fields }) => fields)).find((field) => field.path === path)
            expect([path, same?.value]).toEqual([path, value])
          }
        }
      }),
      { numRuns: 500 },
    )
  })
})
