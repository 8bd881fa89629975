/** What a check is handed, with the world in the test's hand. */

import type { Config } from '../../../src/config/compose.ts'
import { configSchema } from '../../../src/config/compose.ts'
import type { PlannedEndpoint } from '../../../src/ingest/endpoints.ts'
import type { Finding, PreflightDeps, Subject } from '../../../src/preflight/finding.ts'

export const configOf = (tree: object): Config => configSchema.parse({ ingest: {}, admin: { port: 0 }, ...tree })

export function subjectOf(tree: object, more: Partial<Subject> = {}): Subject {
  return { config: configOf(tree), endpoints: [], queryUrls: [], send: true, ageMs: 86_400_000, timeoutMs: 2000, readBackMs: 1000, ...more }
}

/** An endpoint as it is planned, never started. */
export function plannedOf(name: string, place: PlannedEndpoint['place'], own: object = {}): PlannedEndpoint {
  const start = (): never => {
    throw new Error('preflight starts nothing')
  }
  return { name, place, settings: { own }, start }
}

/** A world where time stands still unless somebody sleeps, and nobody answers. */
export function worldOf(over: Partial<PreflightDeps> = {}): PreflightDeps {
  let nowMs = 1_800_000_000_000
  return {
    nowMs: () => nowMs,
    sleep: async (ms) => {
      nowMs += ms
    },
    get: async () => {
      throw new Error('nobody answers')
    },
    statfs: async () => ({ type: 0xef53, bsize: 4096, bavail: 2 ** 30 }),
    readText: async () => undefined,
    ...over,
  }
}

/** Level, subject and words of each finding, in one line. */
export const told = (findings: readonly Finding[]): string[] => findings.map(({ level, about, seen }) => `${level} ${about}: ${seen}`)
