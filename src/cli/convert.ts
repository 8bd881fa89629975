/** `otlp-bridge convert dashboards|alerts`: reads sources, converts one after the other, writes results and the report. */

import { hash } from 'node:crypto'
import { mkdir, realpath, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as breathe } from 'node:timers/promises'
import type { Conversion, Family } from '../../dashboards/convert.ts'
import type { Kind } from '../../dashboards/registry.ts'
import type { Report } from '../../dashboards/report/model.ts'
import { BridgeError, isBridgeError } from '../errors.ts'
import { type Learned, setupOf } from './convert-context.ts'
import { createSweeper } from './convert-garbage.ts'
import type { ConvertCommandOptions } from './convert-options.ts'
import { createOutputFolder } from './convert-output.ts'
import { createOldNames } from './convert-recording.ts'
import { createConvertScreen } from './convert-screen.ts'
import { type ListedSource, listSources } from './convert-sources.ts'
import { summaryOf } from './convert-summary.ts'
import { type Io, interruptedCode } from './io.ts'
import { optionFault } from './option-fault.ts'
import { version } from './version.ts'

/** What tests put in the place of the world. */
export interface ConvertDeps {
  readonly fetch: typeof fetch
  readonly nowMs: () => number
  /** Milliseconds since 1970. */
  readonly wallMs: () => number
  /** Dashboards that are asked for at once. */
  readonly pageSize: number
}

const worldly: ConvertDeps = {
  fetch: (...request) => fetch(...request),
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  pageSize: 500,
}

interface Checked {
  readonly kind: Kind | undefined
  readonly minScore: number | undefined
}

async function checked(family: Family, options: ConvertCommandOptions): Promise<Checked> {
  const { isKind, kinds } = await import('../../dashboards/registry.ts')
  const { from, minScore } = options
  if (from !== undefined && (!isKind(from) || (kinds[from].family !== family && from !== 'kubernetes'))) {
    const known = Object.entries(kinds).flatMap(([kind, row]) => (row.family === family ? [kind] : []))
    throw optionFault(`--from ${from}`, `expected ${known.join(', ')}`)
  }
  if (family === 'dashboards' && options.to === 'perses')
    throw optionFault('--to perses', 'not there yet; `percli migrate` takes what --to grafana writes')
  const score = minScore === undefined ? undefined : Number(minScore)
  if (score !== undefined && !(score >= 0 && score <= 1)) throw optionFault(`--min-score ${minScore}`, 'expected a number from 0 to 1')
  if (options.output === '-' && options.json === true) throw optionFault('--json', 'the result is on stdout already; give -o DIR')
  return { kind: from !== undefined && isKind(from) ? from : undefined, minScore: score }
}

/** Goes over all sources once for what they say about others, and what they are. */
async function learnAll(listed: readonly ListedSource[], learned: Learned, stop: AbortSignal): Promise<void> {
  const [{ detect }, { learnFrom }] = await Promise.all([import('../../dashboards/detect.ts'), import('../../dashboards/learn.ts')])
  // One that says anything of others has one of these words; the rest is not read twice as a document.
  const telling =
    /datasources|"access"|access:|"model"|"help"|kind:\s*(?:Secret|ConfigMap|List|ConfigMapList|SecretList)|"kind":\s*"(?:Secret|ConfigMap|\w*List)"/
  for (const source of listed) {
    if (stop.aborted) return
    // Stdin is read once, and what a server knows about others was asked of it.
    if (source.skipped === true || source.file === undefined) continue
    let text: string
    try {
      text = await source.read()
    } catch {
      // Told when it is converted.
      continue
    }
    if (!telling.test(text)) continue
    const file = { path: source.path, text }
    const { known, libraryPanels, metadata } = learnFrom(file, detect(file))
    learned.known.push(...known)
    for (const [uid, model] of libraryPanels) learned.libraryPanels.set(uid, model)
    learned.metadata ??= metadata
  }
}

const failed = (path: string, error: BridgeError): Conversion => ({
  output: [],
  outcome: 'failed',
  diagnostics: {
    kind: '',
    title: path,
    uid: '',
    tags: [],
    files: [],
    items: [],
    parts: [],
    notes: [{ code: 'OBD-F-005', text: error.message }],
  },
})

const skippedSource: Conversion = {
  output: [],
  outcome: 'unknown',
  diagnostics: {
    kind: '',
    title: '',
    uid: '',
    tags: [],
    files: [],
    items: [],
    parts: [],
    notes: [{ code: 'OBD-F-001', text: 'not looked into: its ending is none of a format' }],
  },
}

/** Whether any result is another than what was there. */
const changes = (path: string, text: string, output: Conversion['output']): boolean =>
  output.some((one) => one.path !== path || one.text !== text)

export async function convertCommand(
  family: Family,
  given: readonly string[],
  options: ConvertCommandOptions,
  io: Io,
  over: Partial<ConvertDeps> = {},
): Promise<number> {
  const deps = { ...worldly, ...over }
  const { kind, minScore } = await checked(family, options)
  const stop = io.takeSignals()
  const learned: Learned = { known: [], libraryPanels: new Map(), metadata: undefined }
  const listed = await listSources(given, io, async (url) =>
    (await import('./convert-remote.ts')).listRemote(url, family, learned, { env: io.env, ask: deps.fetch, stop, pageSize: deps.pageSize }),
  )
  const many = listed.length > 1
  const toFolder = options.output !== undefined && options.output !== '-'
  const dry = options.check === true || options.diff === true
  if (many && !toFolder && !dry && options.report === undefined)
    throw new BridgeError('OB_CONFIG', `cannot write ${listed.length} results to stdout: give -o DIR`, { place: '--output' })
  await learnAll(listed, learned, stop)
  const [{ convert }, { createReport }] = await Promise.all([
    import('../../dashboards/convert.ts'),
    import('../../dashboards/report/build.ts'),
  ])
  const setup = await setupOf(family, options, learned, io)
  const report = createReport(
    { tool: `otlp-bridge ${version}`, command: family, mappingHash: setup.mappingHash, assumptions: [...setup.assumptions] },
    setup.context,
    options.report !== undefined || options.json === true || options.diff === true ? 'all' : 'open',
  )
  const folder =
    toFolder && options.check !== true && options.output !== undefined
      ? await createOutputFolder(options.output, new Set(listed.flatMap(({ file }) => file ?? [])), await isSource(options.output, given))
      : undefined
  const verifying = options.verify === true ? await import('./convert-verify.ts') : undefined
  const verifier = await verifying?.createVerifier(options, io, deps, stop)
  const screen = createConvertScreen(io, deps.nowMs)
  const sweep = createSweeper()
  const onStdout: Conversion['output'][number][] = []
  const written = new Set<string>()
  const oldNames = createOldNames()
  let changed = false
  let unreadable = 0
  let remoteFailed = false
  let unknown = 0
  for (const [at, source] of listed.entries()) {
    if (stop.aborted) break
    screen.step(at, listed.length, source.path)
    // Signals are heard between two sources.
    await breathe()
    sweep()
    let text = ''
    let conversion: Conversion
    try {
      if (source.skipped === true) conversion = skippedSource
      else {
        text = await source.read()
        conversion = await convert({ path: source.path, text }, kind, family, setup.contextFor(source))
        if (verifier !== undefined) conversion = await verifier.verify(conversion)
      }
    } catch (error) {
      if (!isBridgeError(error)) throw error
      remoteFailed ||= error.code === 'OB_BACKEND'
      conversion = failed(source.path, error)
    }
    if (options.transition === 'recording') oldNames.add(conversion)
    const { outcome, output } = conversion
    if (outcome === 'failed' || (source.named && outcome === 'unknown')) unreadable++
    if (outcome === 'unknown') unknown++
    const files: string[] = []
    if (outcome === 'converted') {
      changed ||= changes(source.path, text, output)
      for (const one of output) {
        if (folder !== undefined) {
          const path = freePath(one.path, written)
          written.add(path)
          await folder.write(path, one.text)
          files.push(path)
          continue
        }
        if (!dry && !toFolder) onStdout.push(one)
        files.push(one.path)
      }
    }
    const sha256 = outcome === 'converted' ? hash('sha256', text) : ''
    report.add({ path: source.path, sha256, link: source.link, output: files }, conversion)
  }
  if (options.transition === 'recording' && folder !== undefined) {
    const { file, missing } = await oldNames.rules(setup.context.metrics)
    if (file !== undefined) await folder.write(freePath(file.path, written), file.text)
    for (const one of missing) io.err(`no rule makes the old name ${one}\n`)
  }
  screen.end()
  if (stop.aborted) {
    io.err('interrupted: what is written is whole; the same command does the rest\n')
    return interruptedCode
  }
  const result = report.report()
  if (options.report !== undefined) await writeReport(options.report, result)
  const onlyReport = many && !toFolder && !dry
  await print(result, onlyReport ? [] : onStdout, options, toFolder || dry, io)
  if (verifier !== undefined) io.err(`${verifying?.verifyLine(verifier.counts)}\n`)
  const measured = verifier === undefined ? 0 : (verifying?.verifyCode(verifier.counts) ?? 0)
  if (measured === 4) return 4
  const code = exitCode(result, { changed: options.check === true && changed, remoteFailed, unreadable, unknown, options, minScore })
  return code === 0 ? measured : code
}

/** Two sources may be made into files of one name: `x.json` of Grafana, and the dashboard of `x.ndjson`. The second gets a number. */
function freePath(path: string, taken: ReadonlySet<string>): string {
  let free = path
  for (let count = 2; taken.has(free); count++) free = path.replace(/(\.[^./]*)?$/, `-${count}$1`)
  return free
}

/** Whether the folder of results is one of the sources: then it is meant. */
async function isSource(output: string, given: readonly string[]): Promise<boolean> {
  const folder = await realpath(output).catch(() => undefined)
  if (folder === undefined) return false
  const all = await Promise.all(given.map((one) => realpath(one).catch(() => undefined)))
  return all.includes(folder)
}

async function writeReport(folder: string, report: Report): Promise<void> {
  const [{ jsonReport }, { markdownReport }, { htmlReport }] = await Promise.all([
    import('../../dashboards/report/json.ts'),
    import('../../dashboards/report/markdown.ts'),
    import('../../dashboards/report/html.ts'),
  ])
  try {
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, 'report.json'), jsonReport(report))
    await writeFile(join(folder, 'report.md'), markdownReport(report))
    await writeFile(join(folder, 'report.html'), htmlReport(report))
  } catch (cause) {
    throw new BridgeError('OB_CONFIG', `cannot write the report: ${cause instanceof Error ? cause.message : String(cause)}`, {
      place: '--report',
      cause,
    })
  }
}

async function print(
  report: Report,
  output: Conversion['output'],
  options: ConvertCommandOptions,
  tableOnStdout: boolean,
  io: Io,
): Promise<void> {
  const [first] = output
  if (options.json === true) {
    const { jsonReport } = await import('../../dashboards/report/json.ts')
    for (const piece of jsonReport(report)) io.out(piece)
    return
  }
  if (options.diff === true) {
    const { diffOf } = await import('../../dashboards/report/diff.ts')
    io.out(diffOf(report))
    io.err(summaryOf(report))
    return
  }
  if (first !== undefined) {
    const mixed = output.length > 1 && !output.every(({ path }) => /\.ya?ml$/.test(path))
    if (mixed) throw new BridgeError('OB_CONFIG', `cannot write ${output.length} results to stdout: give -o DIR`, { place: '--output' })
    // Several files of rules are documents of one text.
    io.out(output.length === 1 ? first.text : output.map(({ path, text }) => `---\n# ${path}\n${text}`).join(''))
  }
  if (tableOnStdout) io.out(summaryOf(report))
  else io.err(summaryOf(report))
}

interface Ending {
  readonly changed: boolean
  readonly remoteFailed: boolean
  readonly unreadable: number
  readonly unknown: number
  readonly options: ConvertCommandOptions
  readonly minScore: number | undefined
}

/** 0 everything is unchanged or exact · 1 something is not, or the score is too low · 3 an input cannot be read · 4 a server did not answer. */
export function exitCode(report: Report, { changed, remoteFailed, unreadable, unknown, options, minScore }: Ending): 0 | 1 | 3 | 4 {
  const { sources, notConverted, scores } = report
  if (remoteFailed) return 4
  if (unreadable > 0 || sources.length === 0) return 3
  const bad = options.lenient === true ? ['manual', 'unsupported'] : ['approximate', 'manual', 'unsupported']
  const strict = options.strict === true && unknown > 0
  const unconverted = notConverted.some(({ notes }) => notes.some(({ code }) => code === 'OBD-F-004'))
  const low = minScore !== undefined && scores.all.score < minScore
  return changed || low || strict || unconverted || sources.some(({ status }) => bad.includes(status)) ? 1 : 0
}
