/** `otlp-bridge parity`: reads both backends and says whether they hold the same. Nothing is written anywhere. */

import { access, readFile, writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Config, type ConfigOptions, loadBridgeConfig } from '../config/compose.ts'
import { BridgeError } from '../errors.ts'
import { mirrorsOf } from '../mirror/config.ts'
import { budgetOf } from '../parity/budget.ts'
import { judgementOf } from '../parity/explain.ts'
import { mappingHashOf } from '../parity/mapping-hash.ts'
import { type NewKind, newKinds, type ParityFormat, type ParityReport, parityFormats } from '../parity/model.ts'
import { htmlReport } from '../parity/report-html.ts'
import { redacted } from '../parity/report-json.ts'
import { printReport } from '../parity/report-table.ts'
import { type FormatRequest, type ParityDeps, type ParityRequest, requiredOf, runParity } from '../parity/run.ts'
import { createRunStore, runsFolder } from '../parity/runs.ts'
import { windowMsOf, windowsOf } from '../parity/window.ts'
import { authorizationOf } from './admin-client.ts'
import { type Io, interruptedCode } from './io.ts'
import { optionFault } from './option-fault.ts'
import { printTable } from './table.ts'
import { version } from './version.ts'

export interface ParityCommandOptions extends ConfigOptions {
  readonly format?: string
  readonly old?: string
  readonly new?: string
  readonly newKind?: string
  readonly since?: string
  readonly until?: string
  readonly windows?: string
  readonly window?: string
  readonly key?: readonly string[]
  readonly samples?: string
  readonly ids?: string
  readonly queries?: string
  readonly match?: string
  readonly tolerance?: readonly string[]
  readonly accept?: readonly string[]
  readonly deny?: readonly string[]
  readonly require?: string
  readonly budget?: string
  readonly rate?: string
  readonly json?: boolean
  readonly html?: string
  readonly redact?: boolean
  readonly refresh?: boolean
  readonly watch?: boolean
  readonly admin?: string
}

const usualKind: Readonly<Record<ParityFormat, NewKind>> = {
  zipkin: 'jaeger',
  jaeger: 'jaeger',
  prometheus: 'prometheus',
  elasticsearch: 'loki',
}

const checkedUrl = (option: string, url: string): string => {
  if (!/^https?:\/\//.test(url) || !URL.canParse(url)) throw optionFault(`${option} ${url}`, 'expected an http:// or https:// URL')
  return url
}

/** An option that is one value for all formats, or one for each. */
const forFormat = <T extends string>(value: T | Partial<Record<ParityFormat, T>> | undefined, format: ParityFormat): T | undefined =>
  typeof value === 'string' ? value : value?.[format]

/** The old backend of a mirror answers questions where it takes data; Jaeger's collector does not. */
const mirrorUrl = (config: Config, format: ParityFormat): string | undefined =>
  format === 'jaeger' ? undefined : mirrorsOf(config.mirror).get(format)?.url

function formatsOf(options: ParityCommandOptions, config: Config): readonly FormatRequest[] {
  const { parity } = config
  const given = options.format ?? 'all'
  if (given !== 'all' && !(parityFormats as readonly string[]).includes(given))
    throw optionFault(`--format ${given}`, `expected all, ${parityFormats.join(', ')}`)
  if (given === 'all' && (options.old !== undefined || options.new !== undefined))
    throw optionFault('--old and --new', 'say which --format they are for')
  const kind = options.newKind
  if (kind !== undefined && !(newKinds as readonly string[]).includes(kind))
    throw optionFault(`--new-kind ${kind}`, `expected ${newKinds.join(', ')}`)
  const wanted = parityFormats.filter((one) => given === 'all' || one === given)
  const found = wanted.flatMap((format): readonly FormatRequest[] => {
    const old = options.old ?? forFormat(parity.old, format) ?? mirrorUrl(config, format)
    const young = options.new ?? forFormat(parity.new, format)
    if (old === undefined || young === undefined) {
      if (given === 'all') return []
      const [option, key] = old === undefined ? ['--old', 'parity.old'] : ['--new', 'parity.new']
      throw optionFault(`parity for ${format}`, `it is not known where to ask; give ${option} or ${key}`)
    }
    const newKind = newKinds.find((one) => one === kind) ?? forFormat(parity.newKind, format) ?? usualKind[format]
    return [
      {
        format,
        old: { url: checkedUrl('--old', old), kind: format, settleMs: parity.settle.old },
        new: { url: checkedUrl('--new', young), kind: newKind, settleMs: parity.settle.new },
      },
    ]
  })
  if (found.length === 0)
    throw optionFault('parity', 'no format has both sides; give --format, --old and --new, or parity.old and parity.new')
  return found
}

async function linesOf(option: string, file: string | undefined): Promise<readonly string[]> {
  if (file === undefined) return []
  try {
    const text = await readFile(file, 'utf8')
    return text
      .split(/\r?\n/)
      .map((line) => line.trim())
      .filter((line) => line !== '' && !line.startsWith('#'))
  } catch (error) {
    throw new BridgeError('OB_INPUT', `cannot read ${file}: ${error instanceof Error ? error.message : String(error)}`, {
      place: option,
      cause: error,
    })
  }
}

function numberOf(option: string, value: string | undefined, standard: number, most: number): number {
  if (value === undefined) return standard
  const number = Number(value)
  if (!(number > 0 && number <= most)) throw optionFault(`${option} ${value}`, `expected a number up to ${most}`)
  return number
}

function tolerancesOf(given: readonly string[], standard: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  const all = new Map(Object.entries(standard))
  for (const one of given) {
    const at = one.indexOf('=')
    if (at <= 0) throw optionFault(`--tolerance ${one}`, 'expected NAME=VALUE')
    all.set(one.slice(0, at), one.slice(at + 1))
  }
  return all
}

/** The admin port of the configuration, where a bridge may be running. */
const adminUrl = ({ admin }: Config): string | undefined => {
  if (!admin.enabled || admin.port === 0) return undefined
  const host = admin.host === '0.0.0.0' || admin.host === '::' ? 'localhost' : admin.host
  return `${admin.tls === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${admin.port}`
}

async function requestOf(options: ParityCommandOptions, config: Config, env: Io['env'], nowMs: () => number): Promise<ParityRequest> {
  const { parity, translate } = config
  const budget = budgetOf(options.budget, { requests: parity.budget.requests, bytes: parity.budget.bytes, timeMs: parity.budget.time })
  return {
    formats: formatsOf(options, config),
    windows: (settleMs) => windowsOf(options, nowMs(), settleMs),
    options: {
      keys: options.key ?? [],
      samples: Math.floor(numberOf('--samples', options.samples, parity.samples, 10_000)),
      ids: await linesOf('--ids', options.ids),
      queries: await linesOf('--queries', options.queries),
      match: options.match,
      tolerances: tolerancesOf(options.tolerance ?? [], parity.tolerances),
      refresh: options.refresh === true,
    },
    judgement: judgementOf([...parity.accept, ...(options.accept ?? [])], [...parity.deny, ...(options.deny ?? [])]),
    require: requiredOf(options.require ?? '100%'),
    rate: numberOf('--rate', options.rate, parity.rate, 1000),
    budget,
    admin: options.admin === undefined ? adminUrl(config) : checkedUrl('--admin', options.admin),
    adminHeaders: authorizationOf(env),
    config: { translate, parity },
    mappingHash: mappingHashOf(config),
    tool: `otlp-bridge ${version}`,
  }
}

/** Beside the disk queue of the configuration, where a bridge that runs with it finds what the readiness of a key is judged by. */
async function keep(report: ParityReport, { queue }: Config, say: (text: string) => void): Promise<void> {
  if (queue.type !== 'disk') return
  try {
    // Only a bridge makes that folder.
    await access(queue.path)
  } catch {
    return
  }
  try {
    await createRunStore(runsFolder(queue.path)).add(report)
  } catch (error) {
    // The comparison stands, whether it can be kept or not.
    say(`${error instanceof Error ? error.message : String(error)}\n`)
  }
}

/** Exit code of a report: 0 as required, 1 below, 4 when a backend failed. */
export const parityCode = (report: ParityReport, failed: boolean): 0 | 1 | 4 => (failed ? 4 : report.result.ok ? 0 : 1)

/**
 * Compares once, or with `--watch` as often as a window is over until it is interrupted. The table or JSON goes to stdout, progress to a terminal.
 * @param over what tests put in the place of the world
 */
export async function parity(options: ParityCommandOptions, io: Io, over: Partial<ParityDeps> = {}): Promise<number> {
  const config = await loadBridgeConfig(options, io.env)
  const stop = io.takeSignals()
  let shown = 0
  const line = (text: string): void => {
    if (!io.terminal) return
    io.err(`\r${text.slice(0, 100).padEnd(shown)}`)
    shown = Math.min(text.length, 100)
  }
  const deps: ParityDeps = {
    fetch: globalThis.fetch,
    monotonicMs: () => performance.now(),
    nowMs: Date.now,
    sleep: (ms) => sleep(ms, undefined, { signal: stop }),
    signal: stop,
    progress: line,
    ...over,
  }
  const once = async (): Promise<number> => {
    const { report, failed } = await runParity(await requestOf(options, config, io.env, deps.nowMs), deps)
    line('')
    if (io.terminal) io.err('\r')
    const told = options.redact === true ? redacted(report) : report
    await keep(told, config, io.err)
    if (options.html !== undefined) await writeFile(options.html, htmlReport(told))
    if (options.json === true) io.out(`${JSON.stringify(told, undefined, options.watch === true ? 0 : 2)}\n`)
    else io.out(printReport(told, printTable))
    return parityCode(report, failed)
  }
  try {
    for (;;) {
      const code = await once()
      if (options.watch !== true) return code
      line('waiting for the next window')
      await deps.sleep(windowMsOf(options))
    }
  } catch (error) {
    if (stop.aborted) return interruptedCode
    throw error
  }
}
