/** One run of parity: every format and window compared within the budget, judged and put together (cutover 3.2, 3.8). */

import { printDuration } from '../config/units.ts'
import { BridgeError, isBridgeError } from '../errors.ts'
import { type BudgetLimits, createBudget, createHttpClient, type HttpClient, type HttpClientDeps } from '../read/http-client.ts'
import { findBooks } from './books.ts'
import { type Judgement, judged } from './explain.ts'
import { plainKeys } from './keys.ts'
import type {
  Books,
  CompareOptions,
  Comparison,
  Cost,
  CreateComparison,
  KeyResult,
  ParityFormat,
  ParityReport,
  ReportItem,
  Window,
} from './model.ts'
import { costOf, reportOf } from './report-json.ts'
import { scoreOf } from './score.ts'
import { defaultSettleMs } from './window.ts'

export interface SideRequest {
  readonly url: string
  readonly kind: string
  readonly settleMs: number | undefined
}

export interface FormatRequest {
  readonly format: ParityFormat
  readonly old: SideRequest
  readonly new: SideRequest
}

export interface ParityRequest {
  readonly formats: readonly FormatRequest[]
  /** Windows, once it is known how long data takes to settle. */
  readonly windows: (settleMs: number) => readonly Window[]
  readonly options: Omit<CompareOptions, 'settleMs'>
  readonly judgement: Judgement
  /** 0 to 1. */
  readonly require: number
  readonly rate: number
  readonly budget: BudgetLimits
  /** Admin URL of a running bridge. */
  readonly admin: string | undefined
  /** Who asks it. */
  readonly adminHeaders?: Readonly<Record<string, string>>
  readonly config: { readonly translate: unknown; readonly parity: unknown }
  readonly mappingHash: string
  readonly tool: string
}

export interface ParityDeps extends HttpClientDeps {
  readonly nowMs: () => number
  readonly progress: (text: string) => void
  /** Comparisons in place of our own, for tests. */
  readonly comparisons?: Partial<Record<ParityFormat, CreateComparison>>
}

export interface ParityRun {
  readonly report: ParityReport
  /** A backend did not answer as expected. */
  readonly failed: boolean
}

const inFlight = 2
const requestMs = 10_000

async function comparisonOf(format: ParityFormat, deps: ParityDeps): Promise<CreateComparison> {
  const given = deps.comparisons?.[format]
  if (given !== undefined) return given
  if (format === 'prometheus') return (await import('./metrics.ts')).createMetricsComparison
  if (format === 'elasticsearch') return (await import('./logs.ts')).createLogsComparison
  return (await import('./traces.ts')).createTracesComparison
}

const settleOf = ({ kind, settleMs }: SideRequest): number => settleMs ?? defaultSettleMs[kind] ?? 10_000

const iso = (ms: number): string => new Date(ms).toISOString()

/** A window of which nothing can be said. */
const unjudgedResult = (format: ParityFormat, window: Window, unjudged: string, key = '(all)'): KeyResult => ({
  format,
  key,
  window,
  counts: { expected: 0, old: 0, new: 0, distinctOld: 0, distinctNew: 0 },
  samples: { asked: 0, foundOld: 0, foundNew: 0, equal: 0, explained: 0, unexplained: 0 },
  differences: [],
  unjudged,
})

function itemOf(result: KeyResult, judgement: Judgement): ReportItem {
  const differences = result.differences.map((one) => judged(one, judgement))
  const { parity, samples, verdict, why } = scoreOf(result, differences)
  const { format, key, counts } = result
  const window = { from: iso(result.window.fromMs), to: iso(result.window.toMs) }
  return { format, key, window, counts, samples, differences, parity, verdict, why }
}

/** Whether anything was compared: that nothing is as much as nothing says nothing. */
const hasEvidence = ({ counts, samples, differences, unjudged }: KeyResult): boolean =>
  unjudged !== '' || differences.length > 0 || Math.max(counts.expected, counts.old, counts.new, samples.asked) > 0

/** Notes whether the books had an answer to all that they were asked. */
function watched(books: Books): Books & { readonly told: boolean } {
  let [asked, silent] = [false, false]
  const noted = <T>(answer: T): T => {
    asked = true
    silent ||= answer === undefined
    return answer
  }
  return {
    expected: async (format, window) => noted(await books.expected(format, window)),
    samples: (format, window) => books.samples(format, window),
    get told() {
      return asked && !silent
    },
  }
}

/**
 * Compares. A window whose backend fails, or for which the budget does not reach, is in the report as not judged; so is a format, and a key that was
 * named, of which neither side has anything.
 * Rejects with OB_CONFIG for what was asked wrongly, and when it is aborted.
 */
export async function runParity(request: ParityRequest, deps: ParityDeps): Promise<ParityRun> {
  const startedAt = iso(deps.nowMs())
  const budget = createBudget(request.budget, deps.monotonicMs)
  const clientOf = (url: string, rate = request.rate, headers: Readonly<Record<string, string>> = {}): HttpClient =>
    createHttpClient({ url, rate, concurrent: inFlight, timeoutMs: requestMs, budget, headers }, deps)
  const { admin, adminHeaders } = request
  const books = admin === undefined ? undefined : await findBooks(clientOf(admin, Math.max(request.rate, 20), adminHeaders))
  const clients: { readonly side: 'old' | 'new'; readonly http: HttpClient }[] = []
  const items: ReportItem[] = []
  const settle = { old: 0, new: 0 }
  const seen = new Set<string>()
  let whole: Window = { fromMs: Number.POSITIVE_INFINITY, toMs: Number.NEGATIVE_INFINITY }
  let byBooks = books !== undefined
  let failed = false

  const compare = async (comparison: Comparison, format: ParityFormat, window: Window): Promise<readonly KeyResult[]> => {
    try {
      return await comparison.compare(window)
    } catch (error) {
      deps.signal.throwIfAborted()
      if (!isBridgeError(error) || error.code === 'OB_CONFIG') throw error
      failed ||= error.code === 'OB_BACKEND'
      return [unjudgedResult(format, window, error.message)]
    }
  }

  for (const one of request.formats) {
    const settleMs = { old: settleOf(one.old), new: settleOf(one.new) }
    settle.old = Math.max(settle.old, settleMs.old)
    settle.new = Math.max(settle.new, settleMs.new)
    const old = { side: 'old' as const, kind: one.old.kind, http: clientOf(one.old.url) }
    const young = { side: 'new' as const, kind: one.new.kind, http: clientOf(one.new.url) }
    clients.push(old, young)
    const create = await comparisonOf(one.format, deps)
    const { nowMs, sleep, signal, progress } = deps
    const { config } = request
    const known = books === undefined ? undefined : watched(books)
    const comparison = create({
      old,
      new: young,
      books: known,
      options: { ...request.options, settleMs },
      config,
      nowMs,
      sleep,
      signal,
      progress,
    })
    const windows = request.windows(Math.max(settleMs.old, settleMs.new))
    whole = windows.reduce((sum, { fromMs, toMs }) => ({ fromMs: Math.min(sum.fromMs, fromMs), toMs: Math.max(sum.toMs, toMs) }), whole)
    let compared = false
    for (const window of windows) {
      progress(`${one.format} ${iso(window.fromMs).slice(11, 16)}–${iso(window.toMs).slice(11, 16)}`)
      const results = await compare(comparison, one.format, window)
      for (const result of results.filter(hasEvidence)) {
        compared = true
        seen.add(result.key.toLowerCase())
        items.push(itemOf(result, request.judgement))
      }
    }
    if (!compared) items.push(itemOf(unjudgedResult(one.format, whole, 'neither side has anything in the window'), request.judgement))
    byBooks &&= known?.told === true
  }
  // Where a format could not be judged at all, that says it already; queries have no keys.
  const { keys, queries } = request.options
  const named = queries.length > 0 || items.some(({ key }) => key === '(all)') ? [] : plainKeys(keys)
  for (const key of named.filter((one) => !seen.has(one.toLowerCase()))) {
    const format = request.formats[0]?.format ?? 'zipkin'
    items.push(itemOf(unjudgedResult(format, whole, 'neither side has anything of it', key), request.judgement))
  }
  const costOfSide = (side: 'old' | 'new'): Cost => {
    const sum = { requests: 0, bytes: 0, seconds: 0 }
    for (const { http } of clients.filter((one) => one.side === side)) {
      sum.requests += http.cost.requests
      sum.bytes += http.cost.bytes
      sum.seconds += http.cost.seconds
    }
    return costOf(sum)
  }
  const report = reportOf({
    tool: request.tool,
    mappingHash: request.mappingHash,
    startedAt,
    reference: byBooks ? 'books' : 'old',
    settle: { old: printDuration(settle.old), new: printDuration(settle.new) },
    require: request.require,
    cost: { old: costOfSide('old'), new: costOfSide('new') },
    items,
  })
  return { report, failed }
}

/** `99.99%` or `0.9999`. Throws OB_CONFIG. */
export function requiredOf(text: string): number {
  const match = /^(\d+(?:\.\d+)?) ?(%?)$/.exec(text)
  const value = match === null ? Number.NaN : match[2] === '%' ? Math.round(Number(match[1]) * 1e10) / 1e12 : Number(match[1])
  if (!(value >= 0 && value <= 1))
    throw new BridgeError('OB_CONFIG', `cannot use --require ${text}: expected 99.99% or 0.9999`, { place: '--require' })
  return value
}
