/** Real payloads, damaged at random, into every decoder in this process: only errors of ours, and each in bounded time. */

import { readFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import fc from 'fast-check'
import { expect } from 'vitest'
import { isBridgeError } from '../../../src/errors.ts'
import type { BodyTranslator } from '../../../src/ingest/adapter.ts'
import { createJaegerTranslators } from '../../../src/ingest/jaeger/translators.ts'
import { defaultDecodeLimits } from '../../../src/ingest/limits.ts'
import { createZipkinTranslators } from '../../../src/ingest/zipkin/translators.ts'
import { jaegerTranslateConfig } from '../../../src/translate/jaeger/config.ts'
import { zipkinTranslateConfig } from '../../../src/translate/zipkin/config.ts'
import { mutated } from '../../support/mutate.ts'
import { officialDecode } from '../../support/official-otlp.ts'
import { vectorFiles } from '../../support/shared.ts'

const limits = defaultDecodeLimits
const zipkin = createZipkinTranslators({ limits, translate: zipkinTranslateConfig.parse({}) })
const jaeger = createJaegerTranslators({ limits, translate: jaegerTranslateConfig.parse({}), zipkinList: zipkin.thriftList })

const files = [
  ...vectorFiles('jaeger'),
  ...vectorFiles('jaeger/real-clients'),
  ...vectorFiles('zipkin'),
  ...vectorFiles('zipkin/real-clients'),
]

/** A decoder and the files whose payloads are its own; all of the others are thrown at it too, undamaged. */
export interface Target {
  readonly name: string
  readonly translate: BodyTranslator
  readonly payloads: readonly Uint8Array[]
}

const isGolden = /\.(expected|collector|auto\.expected|thrift-src|proto-src)\.json$|\.md$|\.ndjson$/
const read = (pattern: RegExp): Uint8Array[] =>
  files.filter((file) => pattern.test(file) && !isGolden.test(file)).map((file) => new Uint8Array(readFileSync(file)))

/** Every decoder of a body or a datagram. Empty payloads where the vectors are absent. */
export const targets: readonly Target[] = [
  { name: 'jaeger httpBinary', translate: jaeger.httpBinary, payloads: read(/\/jaeger\/.*(\.http|-http)\.bin$/) },
  { name: 'jaeger batchCompact', translate: jaeger.batchCompact, payloads: read(/\.batch-compact\.bin$/) },
  { name: 'jaeger agent', translate: jaeger.agent, payloads: read(/(\.udp-[a-z-]+|-udp)\.bin$/) },
  { name: 'zipkin v2Json', translate: zipkin.v2Json, payloads: read(/\/zipkin\/[^/]*\.json$/) },
  { name: 'zipkin v1Json', translate: zipkin.v1Json, payloads: read(/\/zipkin\/[^/]*v1[^/]*\.json$/) },
  { name: 'zipkin v2Proto', translate: zipkin.v2Proto, payloads: read(/\/zipkin\/[^/]*proto[^/]*\.bin$/) },
  { name: 'zipkin v1Thrift', translate: zipkin.v1Thrift, payloads: read(/\/zipkin\/[^/]*thrift[^/.]*\.bin$/) },
]

export const everyPayload: readonly Uint8Array[] = targets.flatMap((one) => one.payloads)

/** Longest time for one damaged payload of a few KB: honest ones take less than one, but the machine may be busy. */
const boundMs = 1000

/** Translates; whatever is thrown must be ours, and what comes out must be OTLP. */
export function feed(translate: BodyTranslator, bytes: Uint8Array): void {
  const startedAt = performance.now()
  try {
    const { data, items, received, drops } = translate(bytes, 1_700_000_000_000)
    expect(received).toBeGreaterThanOrEqual(items)
    expect(received - items).toBeLessThanOrEqual(drops.reduce((sum, one) => sum + one.count, 0))
    expect(spansIn(officialDecode(data))).toBe(items)
  } catch (error) {
    if (!isBridgeError(error) || error.code === 'OB_INTERNAL') throw error
  }
  expect(performance.now() - startedAt).toBeLessThan(boundMs)
}

interface Decoded {
  readonly resourceSpans?: readonly { readonly scopeSpans?: readonly { readonly spans?: readonly object[] }[] }[]
}

const spansIn = ({ resourceSpans = [] }: Decoded): number =>
  resourceSpans.reduce((sum, { scopeSpans = [] }) => sum + scopeSpans.reduce((inner, { spans = [] }) => inner + spans.length, 0), 0)

/** Damaged payloads of its own into a decoder. @param runs how many. The seed is fixed: a failure is found again. */
export function feedMutations({ translate, payloads }: Target, runs: number, seed: number): void {
  fc.assert(
    fc.property(mutated(payloads), ({ bytes }) => feed(translate, bytes)),
    { numRuns: runs, seed },
  )
}
