/** `otlp-bridge preflight`: asks ports, destinations, old backends, clocks, certificates and disk before a cutover. */

import { readFile, statfs } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Program } from '../backfill/destination-kind.ts'
import { momentOf } from '../backfill/options.ts'
import { type Config, type ConfigOptions, loadBridgeConfig } from '../config/compose.ts'
import { parseDuration } from '../config/units.ts'
import { BridgeError } from '../errors.ts'
import { planIngest } from '../ingest/index.ts'
import type { Finding, Level, PreflightDeps, Subject } from '../preflight/finding.ts'
import { httpGet } from '../preflight/http-get.ts'
import { exitCodeOf, runPreflight } from '../preflight/preflight.ts'
import { silentLog } from '../telemetry/log.ts'
import { createMetrics } from '../telemetry/metrics.ts'
import type { Io } from './io.ts'
import { version } from './version.ts'

export interface PreflightOptions extends ConfigOptions {
  readonly json?: boolean
  readonly queryUrl?: readonly string[]
  readonly age?: string
  /** `backfill`: whether history is taken and shown, instead of a cutover. */
  readonly for?: 'cutover' | 'backfill'
  readonly since?: string
  readonly destination?: Program
  /** False with `--no-send`. */
  readonly send?: boolean
}

/** Nothing of it is ever called: endpoints are only planned. */
const endpointsOf = (config: Config) =>
  planIngest(config.ingest, {
    intake: { put: async () => {}, stage: () => ({ add: async () => {}, commit: async () => {}, discard() {} }), refusal: () => undefined },
    metrics: createMetrics(),
    log: silentLog,
    nowMs: Date.now,
    pages: { version, endpoint: '', trouble: () => undefined, exposition: async () => ({ contentType: '', text: '' }) },
    sampling: async () => {
      throw new Error('BUG: preflight serves nothing')
    },
    translate: config.translate,
    userMapping: () => Promise.reject(new Error('BUG: preflight translates nothing')),
  })

const marks: Readonly<Record<Level, string>> = { ok: 'ok  ', warn: 'WARN', fail: 'FAIL' }

/** One line a finding, the knob below it where there is something to do; a line of sums at the end. */
export function printFindings(findings: readonly Finding[]): string {
  const widthOf = (key: 'check' | 'about'): number => Math.min(40, Math.max(...findings.map((one) => one[key].length)))
  const [first, second] = [widthOf('check'), widthOf('about')]
  const lines = findings.flatMap(({ check, about, level, seen, knob }) => {
    const line = `${marks[level]}  ${check.padEnd(first)}  ${about.padEnd(second)}  ${seen}`
    return knob === undefined || level === 'ok' ? [line] : [line, `${' '.repeat(first + second + 10)}→ ${knob}`]
  })
  const count = (wanted: Level): number => findings.filter(({ level }) => level === wanted).length
  return `${lines.join('\n')}\n\n${count('ok')} ok, ${count('warn')} to look at, ${count('fail')} failed\n`
}

function ageOf(text: string): number {
  const ms = parseDuration(text)
  if (ms === undefined || ms <= 0)
    throw new BridgeError('OB_CONFIG', `cannot use --age ${text}: expected a duration such as 24h or 7d`, { place: '--age' })
  return ms
}

/** Oldest time that a back-fill is to fill in; a week ago unless told. */
async function historyFindings(
  subject: Subject,
  deps: PreflightDeps,
  { since = '7d', destination }: PreflightOptions,
): Promise<readonly Finding[]> {
  const sinceMs = momentOf('--since', since, deps.nowMs())
  if (sinceMs >= deps.nowMs())
    throw new BridgeError('OB_CONFIG', `cannot use --since ${since}: expected a time in the past`, { place: '--since' })
  const { runHistoryPreflight } = await import('../preflight/backfill.ts')
  return runHistoryPreflight({ ...subject, sinceMs, program: destination }, deps)
}

/** Checks, prints a table (or JSON) on stdout. @param over what tests put in the place of the world */
export async function preflight(
  options: PreflightOptions,
  io: Io,
  over: Partial<PreflightDeps & { subject: Partial<Subject> }> = {},
): Promise<number> {
  const config = await loadBridgeConfig(options, io.env)
  for (const url of options.queryUrl ?? []) {
    if (!/^https?:\/\//.test(url) || !URL.canParse(url)) {
      throw new BridgeError('OB_CONFIG', `cannot use --query-url ${url}: expected an http:// or https:// URL`, { place: '--query-url' })
    }
  }
  const deps: PreflightDeps = {
    nowMs: Date.now,
    sleep: (ms) => sleep(ms),
    get: httpGet,
    statfs,
    readText: (file) => readFile(file, 'utf8').catch(() => undefined),
    ...over,
  }
  const isHistory = options.for === 'backfill'
  if (!isHistory && options.since !== undefined)
    throw new BridgeError('OB_CONFIG', 'cannot use --since without --for backfill', { place: '--since' })
  const subject: Subject = {
    config,
    endpoints: isHistory ? [] : endpointsOf(config),
    queryUrls: options.queryUrl ?? [],
    send: options.send !== false,
    ageMs: ageOf(options.age ?? '24h'),
    timeoutMs: Math.min(config.emit.timeout, 5000),
    readBackMs: isHistory ? 30_000 : 10_000,
    ...over.subject,
  }
  const findings = isHistory ? await historyFindings(subject, deps, options) : await runPreflight(subject, deps)
  const code = exitCodeOf(findings)
  if (options.json === true) io.out(`${JSON.stringify({ ok: code === 0, findings }, null, 2)}\n`)
  else io.out(printFindings(findings))
  return code
}
