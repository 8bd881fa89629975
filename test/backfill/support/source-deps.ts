/** What a source is handed in tests: real translators, time that does not pass. */

import type { Json, TranslatedPage } from '../../../src/backfill/model.ts'
import type { SliceReader, Source, SourceDeps } from '../../../src/backfill/source.ts'
import { createFileTranslator, translateConfig } from '../../../src/ingest/index.ts'
import { decodeTraces } from '../../../src/otlp/decode/traces.ts'
import { tracesToJson } from '../../../src/otlp/encode/json.ts'
import { otlpSpans } from '../../../src/read/otlp-json.ts'
import { silentLog } from '../../../src/telemetry/log.ts'

/** @param changes of what is not as usual */
export function sourceDeps(changes: Partial<SourceDeps> = {}): SourceDeps {
  const translate = translateConfig.parse({})
  return {
    filter: { sinceMs: undefined, untilMs: undefined, services: [], query: undefined },
    log: silentLog,
    nowMs: () => Date.UTC(2026, 10, 7, 12),
    monotonicMs: () => 0,
    translate,
    translator: (format) => createFileTranslator(format, translate),
    page: { items: 2000, bytes: 4 * 2 ** 20 },
    distress() {},
    sleep: () => Promise.resolve(),
    ...changes,
  }
}

export const never = new AbortController().signal

/** A page that was read. */
export interface ReadPage extends TranslatedPage {
  readonly cursor: Json
  readonly last: boolean
}

/** Every page of a reader. */
export async function pagesOf(reader: SliceReader): Promise<ReadPage[]> {
  const pages: ReadPage[] = []
  try {
    for (;;) {
      const page = await reader.next(never)
      if (page === undefined) return pages
      pages.push({ ...page.translate(), cursor: JSON.parse(JSON.stringify(page.cursor)), last: page.last })
      if (page.last) return pages
    }
  } finally {
    await reader.close()
  }
}

/** All pages of all slices of a source. */
export async function allPages(source: Source): Promise<ReadPage[]> {
  const pages: ReadPage[] = []
  for (const slice of (await source.plan(never)).slices) pages.push(...(await pagesOf(source.open(slice, undefined))))
  return pages
}

/** Ids of all spans, `trace/span`, sorted. */
export function spanIds(pages: readonly TranslatedPage[]): string[] {
  const ids = pages.flatMap(({ requests }) =>
    requests.flatMap(({ data }) =>
      [...otlpSpans(JSON.parse(tracesToJson(decodeTraces(data))))].map(({ span }) => `${span['traceId']}/${span['spanId']}`),
    ),
  )
  return ids.sort()
}

export const totals = (pages: readonly TranslatedPage[]) => {
  const skipped: Record<string, number> = {}
  let read = 0
  let translated = 0
  let items = 0
  let sum = 0n
  for (const page of pages) {
    read += page.read
    translated += page.translated
    sum = (sum + page.sum) & ((1n << 128n) - 1n)
    for (const one of page.requests) items += one.items
    for (const [reason, count] of Object.entries(page.skipped)) skipped[reason] = (skipped[reason] ?? 0) + count
  }
  return { read, translated, items, skipped, sum }
}
