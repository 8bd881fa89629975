/**
 * Whether one key may be cut over. Two questions: may people rely on the new side (`A`, from `dual` to `new-primary`), and may the old side be
 * switched off (`B`, from `new-primary` to `new-only`)? Every condition passes, fails, is unknown or waived; all must pass or be waived.
 */

import { printCount } from '../telemetry/figures.ts'
import { type ConditionId, conditions, type VerdictConfig } from './config.ts'
import type { Evidence } from './evidence.ts'

export type Question = 'A' | 'B'
export type CheckState = 'pass' | 'fail' | 'unknown' | 'waived'
export type Answer = 'ready' | 'not-yet' | 'no-data' | 'silent'

export interface Check {
  readonly id: ConditionId
  readonly state: CheckState
  readonly value?: number | string | undefined
  readonly limit?: number | string | undefined
  /** The evidence in words. */
  readonly text: string
  /** Place on the page where more of it is. */
  readonly link?: string | undefined
  /** When it becomes unknown without new evidence. */
  readonly validUntilMs?: number | undefined
}

export interface Verdict {
  readonly question: Question
  readonly answer: Answer
  readonly headline: string
  readonly checks: readonly Check[]
}

type Finding = Omit<Check, 'id'>

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

/** How long a pass holds without new evidence. */
const validity = { live: 10 * minute, stored: hour, dashboards: 7 * day, drill: 30 * day } as const

/** Ages of the queue of the new side, in seconds: now, and at the worst within a day. */
const freshSeconds = 60
const worstSeconds = 15 * 60

/** The windows must have seen so much of the busiest minute that is known. */
const peakPart = 0.8

/** Part of the dashboards and rules that must be converted. */
const dashboardsPart = 0.9

const unknown = (text: string, over: Partial<Finding> = {}): Finding => ({ state: 'unknown', text, ...over })

const printPercent = (part: number): string => {
  if (part === 1) return '100 %'
  // Never rounded up to all; the sum takes back what binary fractions lose.
  return `${Math.min(99.999, Math.floor(part * 1e5 + 1e-6) / 1000)} %`
}

const printAge = (seconds: number): string =>
  seconds < 10 ? `${Math.round(seconds * 10) / 10} s` : seconds < 120 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`

const printDay = (ms: number): string => new Date(ms).toISOString().slice(0, 10)
const printTime = (ms: number): string => new Date(ms).toISOString().slice(11, 16)

/** How much there is of a time that is wanted: `3 h of 24 h`, `2 min of 10 min`. */
export function printSpan(ms: number, wantedMs: number): string {
  const [unitMs, unit] = wantedMs >= hour ? [hour, 'h'] : [minute, 'min']
  return `${Math.floor(ms / unitMs)} ${unit} of ${Math.ceil(wantedMs / unitMs)} ${unit}`
}

type CheckOf = (evidence: Evidence, config: VerdictConfig) => Finding

const checks: Readonly<Record<ConditionId, { readonly questions: string; readonly check: CheckOf }>> = {
  V1: {
    questions: 'AB',
    check({ minutes, nowMs, key }, { windows, window }) {
      const wanted = Math.round((windows * window) / minute)
      const link = `#/parity?key=${encodeURIComponent(key)}`
      const short = minutes.filter(({ verdict }) => verdict === 'short')
      const [worst] = short
      if (worst !== undefined) {
        const text = `${short.length} of ${minutes.length} minutes are short: ${printTime(worst.atMs)} ${worst.text}`
        return { state: 'fail', value: short.length, limit: 0, text, link }
      }
      const lost = minutes.filter(({ verdict }) => verdict === 'unknown').length
      const known = minutes.length - lost
      const last = minutes.at(-1)
      if (known < wanted || last === undefined) return unknown(`${known} min of ${wanted} observed`, { value: known, limit: wanted, link })
      const validUntilMs = last.atMs + minute + validity.live
      if (nowMs > validUntilMs) return unknown(`nothing since ${printTime(last.atMs)}`, { link })
      const explained = minutes.filter(({ verdict }) => verdict === 'explained').length
      const rest = explained === 0 ? '' : `, ${explained} of them explained`
      return { state: 'pass', value: known, limit: wanted, text: `live: ${known} of ${known} minutes equal${rest}`, validUntilMs, link }
    },
  },
  V2: {
    questions: 'AB',
    check({ stored, nowMs }, { require, windows }) {
      const last = stored.at(-1)
      if (last === undefined) return unknown('not compared yet: run otlp-bridge parity', { limit: printPercent(require), link: '#/parity' })
      const latest = stored.slice(-windows)
      const worst = latest.reduce((least, one) => (one.parity < least.parity ? one : least))
      const value = printPercent(worst.parity)
      const limit = printPercent(require)
      if (worst.parity < require)
        return { state: 'fail', value, limit, text: `stored: ${value} at ${printTime(worst.atMs)}: ${worst.why}`, link: '#/parity' }
      if (latest.length < windows)
        return unknown(`stored: ${latest.length} of ${windows} windows compared`, { value, limit, link: '#/parity' })
      const validUntilMs = last.atMs + validity.stored
      if (nowMs > validUntilMs) return unknown(`not compared since ${printDay(last.atMs)} ${printTime(last.atMs)}`, { link: '#/parity' })
      const sampled = latest.reduce((sum, one) => sum + one.sampled, 0)
      const least = Math.min(...latest.map((one) => one.lowerBound))
      const text = `stored: ${value} (${latest.length} windows, ${printCount(sampled)} items sampled, at least ${printPercent(Math.floor(least * 1000) / 1000)})`
      return { state: 'pass', value, limit, text, validUntilMs, link: '#/parity' }
    },
  },
  V3: {
    questions: 'AB',
    check({ dead, nowMs, key }, { quiet }) {
      if (dead === undefined) return unknown('nobody knows of dead letters')
      const link = `#/dead?key=${encodeURIComponent(key)}`
      const { unresolved, lastMs, reason } = dead
      if (unresolved > 0)
        return { state: 'fail', value: unresolved, limit: 0, text: `${printCount(unresolved)} dead letters: ${reason}`, link }
      if (lastMs !== undefined && nowMs - lastMs < quiet) {
        return {
          state: 'fail',
          value: printTime(lastMs),
          text: `dead letters or losses until ${printDay(lastMs)} ${printTime(lastMs)}: ${reason}`,
          link,
        }
      }
      return {
        state: 'pass',
        value: 0,
        limit: 0,
        text: lastMs === undefined ? 'no dead letters' : `no dead letters since ${printDay(lastMs)} ${printTime(lastMs)}`,
      }
    },
  },
  V4: {
    questions: 'AB',
    check({ queue }) {
      if (queue === undefined) return unknown('nobody knows how old the queue is')
      const { ageSeconds, worstAgeSeconds } = queue
      const text = `new side ${printAge(ageSeconds)} behind, worst today ${printAge(worstAgeSeconds)}`
      const fails = ageSeconds >= freshSeconds || worstAgeSeconds > worstSeconds
      return { state: fails ? 'fail' : 'pass', value: Math.round(ageSeconds), limit: freshSeconds, text }
    },
  },
  V5: {
    questions: 'AB',
    check({ books }) {
      if (books === undefined) return unknown('there are no books')
      const { balanced, minutes, unknownMinutes } = books
      if (!balanced) return { state: 'fail', text: 'the books do not balance' }
      const known = minutes - unknownMinutes
      if (unknownMinutes > 0) return unknown(`books: ${known} of ${minutes} minutes are complete`, { value: known, limit: minutes })
      return { state: 'pass', value: known, limit: minutes, text: `books balance (${known} of ${minutes} minutes)` }
    },
  },
  V6: {
    questions: 'AB',
    check({ untranslated }) {
      if (untranslated === undefined)
        return unknown('the bridge runs for less than verdict.quiet: what was not translated before is not known')
      const { count, text } = untranslated
      if (count > 0) return { state: 'fail', value: count, limit: 0, text }
      return { state: 'pass', value: 0, limit: 0, text: 'everything was translated' }
    },
  },
  V7: {
    questions: 'A',
    check({ peak }, { history }) {
      if (peak === undefined) return unknown('no history yet')
      const { window, all, historyMs } = peak
      if (historyMs < history) {
        const [value, limit] = [Math.floor(historyMs / hour), Math.floor(history / hour)]
        return unknown(`${printSpan(historyMs, history)} of history`, { value, limit })
      }
      const text = `the windows saw ${printCount(window)} items/min, the busiest minute of two days had ${printCount(all)}`
      return { state: window >= all * peakPart ? 'pass' : 'unknown', value: window, limit: Math.round(all * peakPart), text }
    },
  },
  V8: {
    questions: 'AB',
    check({ dashboards, nowMs }) {
      if (dashboards === undefined) return unknown('nobody says whether dashboards and rules were moved: look, and waive V8')
      const { converted, byHand, atMs } = dashboards
      const validUntilMs = atMs + validity.dashboards
      if (nowMs > validUntilMs) return unknown(`the report is of ${printDay(atMs)}`)
      const rest = byHand === '' ? '' : ` (${byHand})`
      const state = converted >= dashboardsPart ? 'pass' : 'fail'
      return {
        state,
        value: converted,
        limit: dashboardsPart,
        text: `dashboards converted ${printPercent(converted)}${rest}`,
        validUntilMs,
      }
    },
  },
  V9: {
    questions: 'B',
    check({ reads }) {
      if (reads === undefined) return unknown('nobody counts who reads the old side')
      if (reads.count > 0) return { state: 'fail', value: reads.count, limit: 0, text: reads.text }
      return { state: 'pass', value: 0, limit: 0, text: 'nobody read the old side today' }
    },
  },
  V10: {
    questions: 'B',
    check({ others }) {
      if (others === undefined) return unknown('nobody says whether others send to the old side: look, and waive V10')
      if (others > 0)
        return { state: 'fail', value: others, limit: 0, text: `the old side received ${printCount(others)} items that we did not send` }
      return { state: 'pass', value: 0, limit: 0, text: 'the old side gets nothing but from us' }
    },
  },
  V11: {
    questions: 'B',
    check({ history }) {
      if (history === undefined) return unknown('nobody says whether history was moved: look, and waive V11')
      return { state: history.complete ? 'pass' : 'fail', text: history.text }
    },
  },
  V12: {
    questions: '',
    check({ legacyClients }) {
      if (legacyClients === undefined) return unknown('nobody lists clients')
      return {
        state: legacyClients === 0 ? 'pass' : 'fail',
        value: legacyClients,
        limit: 0,
        text: `${printCount(legacyClients)} legacy clients`,
      }
    },
  },
  V13: {
    questions: 'B',
    check({ drill, nowMs }) {
      if (drill === undefined) return unknown('going back was not tried since dual began')
      const validUntilMs = drill.atMs + validity.drill
      const text = `roll-back drill ${printDay(drill.atMs)} ${printTime(drill.atMs)}, ${printAge(drill.tookMs / 1000)}`
      return nowMs > validUntilMs ? unknown(text) : { state: 'pass', text, validUntilMs }
    },
  },
}

/** `cart*` and `cart`; `*` is everything. */
export function matchesKey(pattern: string, key: string): boolean {
  return pattern.endsWith('*') ? key.startsWith(pattern.slice(0, -1)) : pattern === key
}

function waiverOf(id: ConditionId, key: string, nowMs: number, { waive }: VerdictConfig): VerdictConfig['waive'][number] | undefined {
  return waive.find(
    (one) =>
      one.condition === id && matchesKey(one.key, key) && (one.until === undefined || nowMs < Date.parse(`${one.until}T00:00:00Z`) + day),
  )
}

function judge(id: ConditionId, evidence: Evidence, config: VerdictConfig): Check {
  const found = checks[id].check(evidence, config)
  if (found.state === 'pass') return { id, ...found }
  const waiver = waiverOf(id, evidence.key, evidence.nowMs, config)
  if (waiver === undefined) return { id, ...found }
  const until = waiver.until === undefined ? '' : ` until ${waiver.until}`
  return { id, ...found, state: 'waived', text: `${found.text}; waived by ${waiver.by}${until}: ${waiver.reason}` }
}

/** At most this many reasons in a headline. */
const reasonsSaid = 3

/** Which of what is wrong is said first: what loses data before what is missing. */
const worstFirst: readonly ConditionId[] = ['V3', 'V2', 'V1', 'V5', 'V4', 'V6', 'V8', 'V9', 'V10', 'V11', 'V13', 'V7', 'V12']

/** The question that a phase asks. */
export const questionOf = (phase: Evidence['state']['phase']): Question => (phase === 'shadow' || phase === 'dual' ? 'A' : 'B')

/** @param question default: that of the phase */
export function verdictOf(evidence: Evidence, config: VerdictConfig, question: Question = questionOf(evidence.state.phase)): Verdict {
  const { key, lastSeenMs, nowMs } = evidence
  const ids = (Object.keys(conditions) as ConditionId[]).filter((id) => checks[id].questions.includes(question))
  const all = ids.map((id) => judge(id, evidence, config))
  const of = (state: CheckState): readonly Check[] =>
    all.filter((one) => one.state === state).toSorted((a, b) => worstFirst.indexOf(a.id) - worstFirst.indexOf(b.id))
  const say = (found: readonly Check[]): string =>
    found
      .slice(0, reasonsSaid)
      .map(({ text }) => text)
      .join(', ')
  const verdict = (answer: Answer, headline: string): Verdict => ({ question, answer, headline: `${key}: ${headline}`, checks: all })

  if (lastSeenMs !== undefined && nowMs - lastSeenMs > config.silentAfter) {
    return verdict('silent', `silent since ${printDay(lastSeenMs)} ${printTime(lastSeenMs)}`)
  }
  const failed = of('fail')
  if (failed.length > 0) return verdict('not-yet', `not yet — ${say(failed)}`)
  const open = of('unknown')
  if (open.length > 0) return verdict('no-data', `no data yet — ${say(open)}`)
  return verdict('ready', question === 'A' ? 'ready to rely on the new side' : 'ready to switch the old side off')
}
