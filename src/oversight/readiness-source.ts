/** The verdict as `/api/v1/readiness` answers it. */

import type { Readiness as Answer } from '../admin/api.ts'
import type { ReadinessSource } from '../admin/sources.ts'
import type { KeyVerdict, Readiness } from '../cutover/readiness.ts'

export interface ReadinessSourceDeps {
  readonly readiness: Readiness
  readonly mappingHash: () => string
  readonly nowMs: () => number
  /** Awaited first: reports that were written since. */
  readonly refresh: () => Promise<unknown>
}

type Item = Answer['items'][number]
type Check = Item['checks'][number]

const iso = (ms: number): string => new Date(ms).toISOString()

const itemOf = ({ evidence, question, answer, headline, sinceMs, checks }: KeyVerdict): Item => ({
  format: evidence.format,
  endpoint: evidence.endpoint,
  key: evidence.key,
  phase: evidence.state.phase,
  question,
  answer,
  headline,
  since: iso(sinceMs),
  share: evidence.state.share,
  checks: checks.map(
    ({ id, state, text, value, limit, link, validUntilMs }): Check => ({
      id,
      state,
      text,
      ...(value === undefined ? {} : { value }),
      ...(limit === undefined ? {} : { limit }),
      ...(link === undefined ? {} : { link }),
      ...(validUntilMs === undefined ? {} : { validUntil: iso(validUntilMs) }),
    }),
  ),
})

export function createReadinessSource(deps: ReadinessSourceDeps): ReadinessSource {
  return {
    async readiness(question) {
      await deps.refresh()
      const items = deps.readiness.verdicts(question).filter(({ excluded }) => !excluded)
      return { at: iso(deps.nowMs()), mappingHash: deps.mappingHash(), items: items.map(itemOf) }
    },
  }
}
