/** What a check before a cutover finds, and what the checks need of the world. */

import type { Config } from '../config/compose.ts'
import type { PlannedEndpoint } from '../ingest/endpoints.ts'
import type { HttpGet } from './http-get.ts'

/** `fail`: the bridge would not start, or data would be refused or lost. `warn`: it works, until something happens. */
export type Level = 'ok' | 'warn' | 'fail'

export interface Finding {
  /** Which check: `port`, `destination`, … */
  readonly check: string
  /** What was looked at: `ingest.zipkin`, `default, traces`. */
  readonly about: string
  readonly level: Level
  /** What was seen, as a sentence without its full stop. */
  readonly seen: string
  /** What to change: a key of the configuration or a command; for everything but `ok`. */
  readonly knob?: string
  /** True when it is another side that failed, not this machine or its configuration. */
  readonly remote?: boolean
}

/** One file system, as `statfs` tells it. */
export interface FileSystem {
  /** Magic number of its type. */
  readonly type: number
  readonly bsize: number
  /** Blocks free for us. */
  readonly bavail: number
}

export interface PreflightDeps {
  /** Wall clock in milliseconds. */
  readonly nowMs: () => number
  readonly sleep: (ms: number) => Promise<void>
  readonly get: HttpGet
  /** Follows links; rejects where there is nothing. */
  readonly statfs: (path: string) => Promise<FileSystem>
  /** Text of a file, undefined where it cannot be read: below `/proc`, not every machine has everything. */
  readonly readText: (file: string) => Promise<string | undefined>
}

/** What is checked. */
export interface Subject {
  readonly config: Config
  /** Every endpoint below `ingest` that would be started. */
  readonly endpoints: readonly PlannedEndpoint[]
  /** Where traces, metrics and logs can be read back, as the user gave them; looked for beside the destinations when empty. */
  readonly queryUrls: readonly string[]
  /** False: nothing is sent to any destination. */
  readonly send: boolean
  /** Age of the old probe, in milliseconds. */
  readonly ageMs: number
  /** Time for one answer. */
  readonly timeoutMs: number
  /** How long what was sent may take to be found again. */
  readonly readBackMs: number
}

/** One check. Never rejects for what it finds. */
export type Check = (subject: Subject, deps: PreflightDeps) => Promise<readonly Finding[]>

/** The message of whatever was thrown. */
export function because(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return [...new Set(error.errors.map(because))].join(', ')
  if (!(error instanceof Error)) return String(error)
  return error.message === '' && 'code' in error ? String(error.code) : error.message
}
