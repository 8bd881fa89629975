/** What a source is handed: translators of the live endpoints, clocks, and a wait that a stop ends. */

import { setTimeout as wait } from 'node:timers/promises'
import { BridgeError } from '../errors.ts'
import type { BodyTranslator } from '../ingest/adapter.ts'
import { createFileTranslator, type FileFormat, type TranslateConfig } from '../ingest/index.ts'
import { type DecodeLimits, defaultDecodeLimits } from '../ingest/limits.ts'
import type { Logger } from '../telemetry/log.ts'
import type { SourceDeps, SourceFilter } from './source.ts'

export interface SourceDepsOptions {
  readonly filter: SourceFilter
  readonly log: Logger
  readonly translate: TranslateConfig
  /** Reads the user's mapping files of section `translate`. */
  readonly userMapping: NonNullable<Parameters<typeof createFileTranslator>[3]>
  readonly page: SourceDeps['page']
  readonly distress: SourceDeps['distress']
  readonly abort: AbortSignal
  /** Of the bridge. */
  readonly version?: string | undefined
}

/** A page is small; one document may be large all the same. */
const limits: DecodeLimits = { ...defaultDecodeLimits, maxItems: 1_000_000 }

/** Translators are made once a format. */
export function createSourceDeps({ filter, log, translate, userMapping, page, distress, abort, version }: SourceDepsOptions): SourceDeps {
  const made = new Map<FileFormat, Promise<BodyTranslator>>()
  return {
    filter,
    log,
    translate,
    userMapping,
    version,
    page,
    distress,
    nowMs: Date.now,
    monotonicMs: () => performance.now(),
    translator(format) {
      const there = made.get(format) ?? createFileTranslator(format, translate, limits, userMapping)
      made.set(format, there)
      return there
    },
    async sleep(ms) {
      try {
        await wait(ms, undefined, { signal: abort })
      } catch (cause) {
        throw new BridgeError('OB_STOPPING', 'cannot wait any longer: the run stops', { cause })
      }
    },
  }
}
