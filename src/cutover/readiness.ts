/** The verdict over all keys, as it stands now, and what stands against the next phase of an endpoint. Remembers only what keeps it from flapping. */

import type { VerdictConfig } from './config.ts'
import type { Evidence } from './evidence.ts'
import type { EndpointState, Phase } from './model.ts'
import { type Answer, matchesKey, printSpan, type Question, questionOf, type Verdict, verdictOf } from './verdict.ts'

/** Who gathers evidence: the books, the queue, the runs of the parity command. */
export interface EvidenceSource {
  /** Every key that was seen. @param endpoint of this one alone */
  all(endpoint?: string): readonly Evidence[]
  /** Items that wait for the old side of an endpoint. */
  waitingForOld(endpoint: string): number
}

export interface KeyVerdict extends Verdict {
  readonly evidence: Evidence
  /** Since when the answer is what it is, ms. */
  readonly sinceMs: number
  /** Left out of the verdict over its endpoint. */
  readonly excluded: boolean
}

export interface Readiness {
  /** @param question default: each key's own, by its phase */
  verdicts(question?: Question, endpoint?: string): readonly KeyVerdict[]
  /** What stands against a step to this phase, one sentence each. */
  unmet(state: EndpointState, to: Phase): readonly string[]
}

export interface ReadinessDeps {
  readonly source: EvidenceSource
  readonly config: VerdictConfig
  readonly nowMs: () => number
}

interface Remembered {
  answer: Answer
  sinceMs: number
  /** When something failed last. */
  failedMs: number | undefined
}

/** Keys remembered; more are judged all the same. */
const remembered = 20_000

/** Sentences said of one endpoint. */
const sentences = 5

const isExcluded = (key: string, { exclude }: VerdictConfig): boolean => exclude.some((pattern) => matchesKey(pattern, key))

/** Creates the memory of verdicts. */
export function createReadiness({ source, config, nowMs }: ReadinessDeps): Readiness {
  const memory = new Map<string, Remembered>()

  /** What failed a while ago is not ready at once. */
  const steady = (id: string, verdict: Verdict, now: number): Verdict & { readonly sinceMs: number } => {
    let known = memory.get(id)
    if (known === undefined) {
      if (memory.size >= remembered) memory.clear()
      memory.set(id, (known = { answer: verdict.answer, sinceMs: now, failedMs: undefined }))
    }
    if (verdict.answer === 'not-yet') known.failedMs = now
    let { answer, headline } = verdict
    if (answer === 'ready' && known.failedMs !== undefined) {
      const wellMs = now - known.failedMs
      if (wellMs < config.hold) {
        answer = 'not-yet'
        const [key] = headline.split(': ', 1)
        headline = `${key}: not yet — all well for ${Math.floor(wellMs / 60_000)} min of ${Math.round(config.hold / 60_000)}`
      } else known.failedMs = undefined
    }
    if (known.answer !== answer) {
      known.answer = answer
      known.sinceMs = now
    }
    return { ...verdict, answer, headline, sinceMs: known.sinceMs }
  }

  const verdicts: Readiness['verdicts'] = (question, endpoint) => {
    const now = nowMs()
    return source.all(endpoint).map((evidence) => {
      const asked = question ?? questionOf(evidence.state.phase)
      const id = `${asked}\n${evidence.format}\n${evidence.endpoint}\n${evidence.key}`
      return { ...steady(id, verdictOf(evidence, config, asked), now), evidence, excluded: isExcluded(evidence.key, config) }
    })
  }

  /** Nobody can say that nothing stands against what nothing is known of. */
  const knowsNothing = (endpoint: string, found: readonly KeyVerdict[]): readonly string[] =>
    found.length > 0 ? [] : [`nothing came in through ${endpoint} within two days, or the books cannot be read`]

  const unmetKeys = (endpoint: string, question: Question): readonly string[] => {
    const all = verdicts(question, endpoint)
    if (all.length === 0) return knowsNothing(endpoint, all)
    const open = all.filter(({ answer, excluded }) => !excluded && answer !== 'ready' && answer !== 'silent')
    const said = open.slice(0, sentences).map(({ headline }) => headline)
    return open.length > sentences ? [...said, `and ${open.length - sentences} more`] : said
  }

  /** After a time beside the old backend: nothing that the new side did not take or we did not understand. */
  const unmetShadow = (state: EndpointState): readonly string[] => {
    const found: string[] = []
    const shadowMs = nowMs() - state.sinceMs
    if (shadowMs < config.history) found.push(`${printSpan(shadowMs, config.history)} in shadow`)
    const all = verdicts('A', state.endpoint)
    found.push(...knowsNothing(state.endpoint, all))
    for (const { checks, excluded, evidence } of all) {
      if (excluded) continue
      for (const { id, state: check, text } of checks) {
        if (check === 'fail' && ['V3', 'V5', 'V6'].includes(id)) found.push(`${evidence.key}: ${text}`)
      }
    }
    return found.slice(0, sentences)
  }

  return {
    verdicts,
    unmet(state, to) {
      if (to === 'dual') return unmetShadow(state)
      if (to === 'new-primary') return unmetKeys(state.endpoint, 'A')
      if (to !== 'new-only') return []
      const waiting = source.waitingForOld(state.endpoint)
      return [...unmetKeys(state.endpoint, 'B'), ...(waiting === 0 ? [] : [`${waiting} items still wait for the old side`])]
    },
  }
}
