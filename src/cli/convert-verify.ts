/** `convert --verify`: what is asked of the old and of the new backends, how gently, and where. Section 12 of the conversion reference. */

import { setTimeout as pause } from 'node:timers/promises'
import type { Conversion } from '../../dashboards/convert.ts'
import type { Item, Verified } from '../../dashboards/model.ts'
import type { Ask, Backend } from '../../dashboards/verify/ask.ts'
import type { CompletedVariables } from '../../dashboards/verify/variables.ts'
import { parseDuration } from '../config/units.ts'
import type { Io } from './io.ts'
import { optionFault } from './option-fault.ts'
import { responseText } from './response-text.ts'

export interface VerifyCommandOptions {
  readonly verify?: boolean
  readonly old?: readonly string[]
  readonly new?: readonly string[]
  readonly at?: string
  readonly window?: string
  readonly windows?: string
  readonly since?: string
  readonly rate?: string
  readonly budget?: string
}

const timeoutMs = 30_000
/** Points of a panel's query: as many as a panel of usual width asks for. */
const points = 240
const ruleStep = 60

/** `[prometheus=|loki=]URL` → address by backend. */
function backendsOf(option: string, given: readonly string[]): ReadonlyMap<Backend, string> {
  const found = new Map<Backend, string>()
  for (const one of given) {
    const [, named, text = ''] = /^(?:(prometheus|loki)=)?(.*)$/s.exec(one) ?? []
    const url = URL.canParse(text) ? new URL(text) : undefined
    if (url === undefined || !/^https?:$/.test(url.protocol))
      throw optionFault(option, 'expected http://… or https://…, with prometheus= or loki= before it')
    if (url.username !== '' || url.password !== '')
      throw optionFault(option, 'credentials stand in the environment (PROMETHEUS_TOKEN, LOKI_TOKEN)')
    found.set(named === 'loki' ? 'loki' : 'prometheus', text.replace(/\/+$/, ''))
  }
  if (found.size === 0) throw optionFault('--verify', `it asks both sides: give ${option} URL`)
  return found
}

function secondsOf(option: string, text: string | undefined, usual: number): number {
  if (text === undefined) return usual
  const ms = parseDuration(text)
  if (ms === undefined || ms < 1000) throw optionFault(`${option} ${text}`, 'expected a duration of a second or more: 1h')
  return ms / 1000
}

function numberOf(option: string, text: string | undefined, usual: number, least: number, most: number): number {
  const value = text === undefined ? usual : Number(text)
  if (!(value >= least && value <= most)) throw optionFault(`${option} ${text}`, `expected a number from ${least} to ${most}`)
  return value
}

export interface VerifyDeps {
  readonly fetch: typeof fetch
  readonly nowMs: () => number
  /** Milliseconds since 1970. */
  readonly wallMs: () => number
}

/** Measures the items of a conversion. */
export interface Verifier {
  /** The same conversion, each item with its verdict. After an interruption or the end of the budget items are `not-run`. */
  verify(conversion: Conversion): Promise<Conversion>
  /** Verdicts so far. */
  readonly counts: ReadonlyMap<Verified['verdict'], number>
}

/** Rejects with OB_CONFIG for options that cannot be used. */
export async function createVerifier(
  options: VerifyCommandOptions,
  io: Pick<Io, 'env'>,
  deps: VerifyDeps,
  stop: AbortSignal,
): Promise<Verifier> {
  const [{ alignedWindow, verifyItem }, { completeVariables }] = await Promise.all([
    import('../../dashboards/verify/verify.ts'),
    import('../../dashboards/verify/variables.ts'),
  ])
  const sides = { old: backendsOf('--old', options.old ?? []), new: backendsOf('--new', options.new ?? []) }
  const at = options.at === undefined ? deps.wallMs() / 1000 : Date.parse(options.at) / 1000
  if (!Number.isFinite(at)) throw optionFault(`--at ${options.at}`, 'expected an instant: 2026-01-31T12:00:00Z')
  const range = secondsOf('--window', options.window, 3600)
  const count = numberOf('--windows', options.windows, 1, 1, 100)
  const gapMs = 1000 / numberOf('--rate', options.rate, 10, 0.01, 1000)
  const budgetMs = secondsOf('--budget', options.budget, 1800) * 1000
  const step = Math.max(15, Math.ceil(range / points / 15) * 15)
  const windows = Array.from({ length: count }, (_, place) => alignedWindow(at - (count - 1 - place) * range, range, step))
  const past = secondsOf('--since', options.since, 7 * 86_400)
  // A server gives at most 11,000 points a series.
  const pastStep = Math.max(ruleStep, Math.ceil(past / 10_000 / ruleStep) * ruleStep)
  const tokens: Readonly<Record<Backend, string | undefined>> = { prometheus: io.env['PROMETHEUS_TOKEN'], loki: io.env['LOKI_TOKEN'] }
  const begun = deps.nowMs()
  let next = 0
  const ruleWindow = alignedWindow(at, past, pastStep)
  const counts = new Map<Verified['verdict'], number>()

  const send = async (base: string, backend: Backend, path: string, parameters: Readonly<Record<string, string>>): Promise<string> => {
    const wait = next - deps.nowMs()
    if (wait > 0) await pause(wait, undefined, { signal: stop })
    next = deps.nowMs() + gapMs
    const token = tokens[backend]
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const signal = AbortSignal.any([stop, AbortSignal.timeout(timeoutMs)])
    const form = new URLSearchParams(parameters)
    // Loki takes no forms, and lists of values neither; what is asked of Prometheus may be longer than an address.
    const response =
      backend === 'loki' || path.endsWith('/values')
        ? await deps.fetch(`${base}${path}?${form}`, { headers, signal, redirect: 'error' })
        : await deps.fetch(`${base}${path}`, { method: 'POST', body: form, headers, signal, redirect: 'error' })
    const text = await responseText(response)
    if (!response.ok && !text.startsWith('{')) throw new Error(`it answered ${response.status}: ${text.slice(0, 200)}`)
    return text
  }
  const ask: Ask = (side, backend, path, parameters) => {
    const base = sides[side].get(backend)
    return base === undefined ? undefined : send(base, backend, path, parameters)
  }

  const measured = async (item: Item, variables: CompletedVariables): Promise<Item> => {
    if (stop.aborted) return item
    const isLate = deps.nowMs() - begun > budgetMs
    const verify = isLate
      ? ({ verdict: 'not-run', text: 'the time for measuring was over (--budget)' } as const)
      : await verifyItem(item, { ask, windows, past: ruleWindow, variables })
    if (verify === undefined) return item
    counts.set(verify.verdict, (counts.get(verify.verdict) ?? 0) + 1)
    return { ...item, verify }
  }

  return {
    counts,
    async verify(conversion) {
      if (conversion.outcome !== 'converted') return conversion
      const { variables: given = {}, items: all } = conversion.diagnostics
      const variables = await completeVariables(given, all, ask, alignedWindow(at, range, step))
      const items: Item[] = []
      for (const item of all) items.push(await measured(item, variables))
      return { ...conversion, diagnostics: { ...conversion.diagnostics, items } }
    },
  }
}

/** Exit code of what was measured: 4 a side did not answer, 1 something is different, 0 nothing of that. */
export function verifyCode(counts: ReadonlyMap<Verified['verdict'], number>): 0 | 1 | 4 {
  if (counts.has('error-old') || counts.has('error-new')) return 4
  return counts.has('different') || counts.has('empty-new') ? 1 : 0
}

/** One line: `measured: 12 same, 1 different`. */
export const verifyLine = (counts: ReadonlyMap<Verified['verdict'], number>): string =>
  `measured: ${[...counts].map(([verdict, count]) => `${count} ${verdict}`).join(', ') || 'nothing'}`
