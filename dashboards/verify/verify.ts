/** Asks both sides what a query asked before and what it asks now, and compares: `--verify`, section 12 of the conversion reference. */

import { type Item, statuses, type Verdict, type Verified } from '../model.ts'
import { readAnswer, type Series } from './answers.ts'
import type { Ask, Backend } from './ask.ts'
import { type CompareOptions, compareSeries, exactly, roughly } from './compare.ts'
import { compareFiring } from './firing.ts'
import { fillQuery, type Window } from './placeholders.ts'
import type { CompletedVariables } from './variables.ts'

export interface VerifyOptions {
  readonly ask: Ask
  /** Newest last; the verdict is the worst of them. Starts and ends are multiples of the step. */
  readonly windows: readonly Window[]
  /** Over which rules are compared. */
  readonly past: Window
  /** Values of the dashboard's variables. */
  readonly variables: CompletedVariables
}

/** From good to bad, as far as they say something. */
const order: readonly Verdict[] = [
  ...(['same', 'not-run', 'empty-both', 'not-proven', 'close', 'empty-old', 'empty-new', 'different', 'error-old', 'error-new'] as const),
]

const worse = (one: Verified, other: Verified): Verified => (order.indexOf(other.verdict) > order.indexOf(one.verdict) ? other : one)

const notRun = (text: string): Verified => ({ verdict: 'not-run', text })

const paths: Readonly<Record<Backend, { readonly range: string; readonly instant: string }>> = {
  prometheus: { range: '/api/v1/query_range', instant: '/api/v1/query' },
  loki: { range: '/loki/api/v1/query_range', instant: '/loki/api/v1/query' },
}

const isBackend = (name: string): name is Backend => name === 'prometheus' || name === 'loki'

async function seriesOf(
  side: 'old' | 'new',
  backend: Backend,
  query: string,
  window: Window,
  instant: boolean,
  { ask }: VerifyOptions,
): Promise<readonly Series[] | Verified> {
  const { start, end, step } = window
  const failed = (why: string): Verified => ({ verdict: side === 'old' ? 'error-old' : 'error-new', text: why })
  const asked = instant
    ? ask(side, backend, paths[backend].instant, { query, time: String(end) })
    : ask(side, backend, paths[backend].range, { query, start: String(start), end: String(end), step: String(step) })
  if (asked === undefined) return notRun(`no address of ${backend} was given for the ${side} side`)
  try {
    const answer = readAnswer(await asked)
    return 'error' in answer ? failed(answer.error) : answer.series
  } catch (error) {
    return failed(error instanceof Error ? error.message : String(error))
  }
}

const isVerified = (one: readonly Series[] | Verified): one is Verified => 'verdict' in one

async function inWindow(item: Item, window: Window, options: VerifyOptions): Promise<Verified> {
  const { run, before, after } = item
  if (run === undefined || after === undefined) return notRun('it is no query that can be asked')
  const { shape, old, new: next, labels, factor } = run
  if (!isBackend(old) || !isBackend(next)) return notRun(`${old} and ${next} are not compared number by number here`)
  if (shape === 'logs' || shape === 'traces') return notRun('its answer is no number')
  const { values, failed } = options.variables
  const [oldText, newText] = [fillQuery(before, values, window), fillQuery(after, values, window)]
  const missing = 'missing' in oldText ? oldText.missing : 'missing' in newText ? newText.missing : ''
  const why = failed.get(missing)
  if (why !== undefined) return { verdict: 'error-old', text: `cannot ask for the value of $${missing}: ${why}` }
  if ('missing' in oldText || 'missing' in newText) return notRun(`the value of $${missing} is not known`)
  const instant = shape === 'instant'
  const was = await seriesOf('old', old, oldText.text, window, instant, options)
  if (isVerified(was)) return was
  const is = await seriesOf('new', next, newText.text, window, instant, options)
  if (isVerified(is)) return is
  const compare: CompareOptions = {
    labels,
    factor,
    relative: /quantile/.test(before) ? roughly : exactly,
    named: before === after,
  }
  // What is late may be on one side alone.
  const dropAfter = instant ? Number.POSITIVE_INFINITY : window.end - window.step
  return shape === 'rule' ? compareFiring(was, is, compare, dropAfter) : compareSeries(was, is, compare, dropAfter)
}

/** Measures one item. Undefined: nothing of it can be asked of a backend of numbers (variables, links, searches of traces). */
export async function verifyItem(item: Item, options: VerifyOptions): Promise<Verified | undefined> {
  if (item.run === undefined || item.kind === 'variable' || statuses.indexOf(item.status) > statuses.indexOf('manual')) return undefined
  const windows = item.run.shape === 'rule' ? [options.past] : options.windows
  let verified: Verified | undefined
  for (const window of windows) {
    const found = await inWindow(item, window, options)
    verified = verified === undefined ? found : worse(verified, found)
  }
  return verified
}

/** A window before `end`, `start` and `end` multiples of the step. Seconds. */
export function alignedWindow(end: number, range: number, step: number): Window {
  const last = Math.floor(end / step) * step
  return { start: last - Math.ceil(range / step) * step, end: last, step }
}
