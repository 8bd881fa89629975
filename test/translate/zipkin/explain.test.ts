import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { defaultDecodeLimits } from '../../../src/ingest/limits.ts'
import { createZipkinExplainers, type ZipkinExplainers } from '../../../src/ingest/zipkin/explain.ts'
import { createZipkinTranslators } from '../../../src/ingest/zipkin/translators.ts'
import { decodeTraces } from '../../../src/otlp/decode/traces.ts'
import { tracesToPlain } from '../../../src/otlp/encode/json.ts'
import type { ExplainedField } from '../../../src/translate/explain.ts'
import { type ZipkinTranslateConfig, zipkinTranslateConfig } from '../../../src/translate/zipkin/config.ts'
import { zipkinSentences } from '../../../src/translate/zipkin/sentences.ts'
import { faultsOf, pathsOf } from '../../support/explained.ts'
import { vectorFiles } from '../../support/shared.ts'
import { bodyOf, v1Span, v2Span } from '../../support/zipkin-documents.ts'

const now = 1_700_000_000_000

const configs: readonly (readonly [string, ZipkinTranslateConfig, 'stable' | 'both'])[] = [
  ['by default', zipkinTranslateConfig.parse({}), 'stable'],
  [
    'with every option turned',
    zipkinTranslateConfig.parse({
      kind: { absent: 'unspecified' },
      sharedSpans: 'split',
      tags: { types: 'infer' },
      resourceTags: 'keep',
      annotations: { decode: false },
      semconv: { extra: true },
    }),
    'both',
  ],
]

interface Vector {
  readonly name: string
  readonly bytes: Uint8Array
  readonly form: keyof ZipkinExplainers
}

const forms: Readonly<Record<string, keyof ZipkinExplainers>> = {
  v2json: 'json',
  v1json: 'json',
  v2proto: 'v2Proto',
  v1thrift: 'v1Thrift',
}

const vectors = vectorFiles('zipkin')
  .filter((file) => file.endsWith('.expected.json') && !file.includes('.auto.'))
  .map((file): Vector => {
    const { format } = JSON.parse(readFileSync(file, 'utf8')) as { format: string }
    const form = forms[format] ?? 'json'
    const input = file.replace('.expected.json', form === 'json' ? '.json' : '.bin')
    return { name: basename(input), bytes: new Uint8Array(readFileSync(input)), form }
  })

const seen = new Set<string>()

describe.each(configs)('explainZipkin, %s', (_name, config, names) => {
  const explainers = createZipkinExplainers(config, defaultDecodeLimits, names)
  const translators = createZipkinTranslators({ limits: defaultDecodeLimits, translate: config, names })

  /** The items, after everything that must hold of them was looked at. */
  const check = (bytes: Uint8Array, form: keyof ZipkinExplainers): void => {
    const { items, rejected, received } = explainers[form](bytes, now)
    const explained = [...items]
    expect(explained.flatMap(faultsOf)).toEqual([])
    const body = translators[form](bytes, now)
    const paths = explained.flatMap(({ spans }) => spans.flatMap(({ fields }) => fields.map(({ path }) => path)))
    expect([...new Set(paths)].sort()).toEqual([...new Set(pathsOf(tracesToPlain(decodeTraces(body.data))))].sort())
    expect(explained).toHaveLength(received)
    expect(rejected).toBe(body.drops.reduce((sum, { count }) => sum + count, 0))
    for (const { spans, leftovers, rejected: why } of explained) {
      for (const { rules } of [...spans.flatMap(({ fields }) => fields), ...leftovers]) for (const rule of rules) seen.add(rule)
      if (why !== undefined) seen.add(why.rule)
    }
  }

  it.each(vectors)('$name: every field has one rule, and everything that is left out has one', ({ bytes, form }) => {
    check(bytes, form)
  })

  it.each([
    ['v2', v2Span],
    ['v1', v1Span],
  ])('leaves nothing open of any span of %s', (_version, span) => {
    fc.assert(
      fc.property(fc.array(span, { minLength: 1, maxLength: 3 }), (spans) => check(bodyOf(spans), 'json')),
      { numRuns: 300 },
    )
  })
})

describe('what a field is said to come from', () => {
  const { json } = createZipkinExplainers(zipkinTranslateConfig.parse({}), defaultDecodeLimits)
  const fieldsOf = (span: unknown): readonly ExplainedField[] =>
    [...json(bodyOf([span]), now).items].flatMap(({ spans }) => spans.flatMap(({ fields }) => fields))

  it('gives that field by itself: other tags have no part in it', () => {
    fc.assert(
      fc.property(v2Span, (span) => {
        if (typeof span !== 'object' || span === null || !('tags' in span)) return
        for (const { path, value, from } of fieldsOf(span)) {
          if (!/\.(kind|traceState|scope\.name|scope\.version|status\.code|dropped\w+|links\[\d+\]\..*)$/.test(path)) continue
          const tags = Object.entries(span.tags as object).filter(([key]) => from.some((name) => name.endsWith(`] ${key}`)))
          const again = fieldsOf({ ...span, tags: Object.fromEntries(tags) })
          const known = path.replace(/links\[\d+\]/, 'links[0]')
          expect([path, again.find((field) => field.path === known)?.value]).toEqual([path, value])
        }
      }),
      { numRuns: 300 },
    )
  })
})

describe('the rules of Zipkin', () => {
  it('are all met, but for those of binary encodings where there are no vectors', () => {
    const missing = Object.keys(zipkinSentences).filter((rule) => !seen.has(rule))
    expect(vectors.length === 0 ? missing.filter((rule) => !['Z-I8', 'Z-I9', 'Z-V4', 'Z-V5', 'Z-V6'].includes(rule)) : missing).toEqual([])
  })
})
