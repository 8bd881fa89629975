/** The source of blocks for tests, and what it gives: pages of all slices of a folder. */

import type { Json, SliceSpec, TranslatedPage } from '../../../src/backfill/model.ts'
import { type Source, type SourceDeps, type SourceFilter, sourceFault } from '../../../src/backfill/source.ts'
import { prometheusTsdb } from '../../../src/backfill/sources/prometheus-tsdb.ts'
import { translateConfig } from '../../../src/ingest/index.ts'
import { silentLog } from '../../../src/telemetry/log.ts'

export interface TsdbSourceOptions {
  readonly items?: number
  readonly bytes?: number
  readonly filter?: Partial<SourceFilter>
  readonly prometheus?: Readonly<Record<string, unknown>>
  readonly flags?: Readonly<Record<string, unknown>>
}

export const never = new AbortController().signal

export function sourceDeps({ items = 2000, bytes = 4 * 1024 * 1024, filter = {}, prometheus = {} }: TsdbSourceOptions = {}): SourceDeps {
  return {
    filter: { sinceMs: undefined, untilMs: undefined, services: [], query: undefined, ...filter },
    log: silentLog,
    nowMs: () => 1_800_000_000_000,
    monotonicMs: () => 0,
    translate: translateConfig.parse({ prometheus }),
    translator: () => Promise.reject(sourceFault('source_error', 'cannot translate: not asked for')),
    page: { items, bytes },
    distress: () => {},
    sleep: () => Promise.resolve(),
  }
}

export const openTsdb = (folder: string, options: TsdbSourceOptions = {}): Promise<Source> =>
  prometheusTsdb.open(prometheusTsdb.options.parse(options.flags ?? {}), [folder], sourceDeps(options))

export interface ReadPage {
  readonly cursor: Json
  readonly last: boolean
  readonly page: TranslatedPage
}

/** All pages of a slice behind a cursor. */
export async function pagesOf(
  source: Source,
  slice: SliceSpec,
  cursor?: Json,
  most = Number.POSITIVE_INFINITY,
): Promise<readonly ReadPage[]> {
  const reader = source.open(slice, cursor)
  const pages: ReadPage[] = []
  try {
    while (pages.length < most) {
      const page = await reader.next(never)
      if (page === undefined) break
      pages.push({ cursor: page.cursor, last: page.last, page: page.translate() })
      if (page.last) break
    }
  } finally {
    await reader.close()
  }
  return pages
}
