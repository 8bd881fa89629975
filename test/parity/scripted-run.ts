/** Whole runs of parity between scripted backends, on a clock that stands still but for sleeping. */

import { judgementOf } from '../../src/parity/explain.ts'
import type { ParityReport } from '../../src/parity/model.ts'
import { type FormatRequest, type ParityDeps, type ParityRequest, type ParityRun, runParity } from '../../src/parity/run.ts'
import type { Json } from '../../src/read/otlp-json.ts'
import { firstMs, newUrl, oldUrl } from '../support/trace-backends.ts'

/** Spans of Zipkin, in Jaeger afterwards. */
export const spansOfZipkin: FormatRequest = {
  format: 'zipkin',
  old: { url: oldUrl, kind: 'zipkin', settleMs: undefined },
  new: { url: newUrl, kind: 'jaeger', settleMs: undefined },
}

/** All keys, 200 samples. */
export const allKeys: ParityRequest['options'] = {
  keys: [],
  samples: 200,
  ids: [],
  queries: [],
  match: undefined,
  tolerances: new Map(),
  refresh: false,
}

/** The first ten minutes, an hour later. @param over what is asked otherwise than of all spans */
export function runScripted(
  fetch: ParityDeps['fetch'],
  over: Partial<ParityRequest> = {},
  comparisons: ParityDeps['comparisons'] = {},
): Promise<ParityRun> {
  let now = 0
  const request: ParityRequest = {
    formats: [spansOfZipkin],
    windows: () => [{ fromMs: firstMs, toMs: firstMs + 600_000 }],
    options: allKeys,
    judgement: judgementOf([], []),
    require: 1,
    rate: 1000,
    budget: { requests: 10_000, bytes: 2 ** 30, timeMs: 600_000 },
    admin: undefined,
    config: { translate: {}, parity: {} },
    mappingHash: 'x',
    tool: 'otlp-bridge test',
    ...over,
  }
  return runParity(request, {
    fetch,
    monotonicMs: () => now,
    sleep: async (ms) => {
      now += ms
    },
    signal: new AbortController().signal,
    nowMs: () => firstMs + 3_600_000,
    progress: () => {},
    comparisons,
  })
}

/** What a report says that nothing explains. */
export const faultsOf = (report: ParityReport): readonly string[] =>
  report.items.flatMap(({ differences }) => differences.filter((one) => one.class === 'unexplained').map(({ text }) => text))

export const attributesOf = (span: Json): readonly { readonly key: string; readonly value: unknown }[] =>
  (span['attributes'] ?? []) as never
