/** What a comparison of parity is given when it is run without the command: two real backends, and no books. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { CompareDeps, CompareOptions, KeyResult, Side } from '../../src/parity/model.ts'
import { createBudget, createHttpClient } from '../../src/read/http-client.ts'
import { allKeys } from '../parity/scripted-run.ts'

const monotonicMs = (): number => performance.now()

export interface Sides {
  readonly old: { readonly kind: string; readonly url: string }
  readonly new: { readonly kind: string; readonly url: string }
  /** Section `translate`. */
  readonly translate: unknown
  readonly options?: Partial<CompareOptions>
}

export function compareDeps({ old, new: other, translate, options = {} }: Sides): CompareDeps {
  const { signal } = new AbortController()
  const budget = createBudget({ requests: 5000, bytes: 2 ** 30, timeMs: 120_000 }, monotonicMs)
  const wait = (ms: number): Promise<void> => sleep(ms)
  const side = (which: 'old' | 'new', { kind, url }: Sides['old']): Side => ({
    side: which,
    kind,
    http: createHttpClient({ url, rate: 500, concurrent: 2, timeoutMs: 10_000, budget }, { fetch, monotonicMs, sleep: wait, signal }),
  })
  return {
    old: side('old', old),
    new: side('new', other),
    books: undefined,
    options: { ...allKeys, settleMs: { old: 4000, new: 4000 }, ...options },
    config: { translate, parity: {} },
    nowMs: Date.now,
    sleep: wait,
    progress: () => {},
    signal,
  }
}

/** What nobody explains, in words. */
export const unexplained = (results: readonly KeyResult[]): string[] =>
  results.flatMap(({ key, differences, unjudged }) => [
    ...differences.filter((one) => one.class === 'unexplained').map((one) => `${key}: ${one.text} ${JSON.stringify(one.example)}`),
    ...(unjudged === '' ? [] : [`${key}: ${unjudged}`]),
  ])

/** One line a key, for whoever reads the run. */
export const summary = (results: readonly KeyResult[]): string =>
  results
    .map(({ key, counts, samples, differences }) => {
      const rows = differences.map((one) => `${one.class} ${one.path} ${one.count}, such as ${JSON.stringify(one.example)}`).join('; ')
      return `${key}: ${counts.old} | ${counts.new}, ${samples.equal} of ${samples.asked} equal, ${samples.explained} explained ${rows}`
    })
    .join('\n')
