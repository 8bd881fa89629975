/** Everything that a run is begun with: its source opened, its destination named, its pace set. */

import { isDeepStrictEqual } from 'node:util'
import type { RunMeta } from '../backfill/ledger.ts'
import { createFileLedger } from '../backfill/ledger-file.ts'
import { largestFilePage, largestPage, memoryBudget, pageLimits } from '../backfill/memory.ts'
import type { Json } from '../backfill/model.ts'
import { byteRateOf, compressionOf, countOf, durationOf, momentKey, rateOf, type Span, sizeOf, spanOf } from '../backfill/options.ts'
import { defaultOrder, type Order } from '../backfill/order.ts'
import { createPace } from '../backfill/pace.ts'
import { always, type Pace, type Windows } from '../backfill/pacing.ts'
import { mappingDifference, metaOf } from '../backfill/plan.ts'
import { runIds, runWithOtherMapping } from '../backfill/runs.ts'
import { withSeam } from '../backfill/seam.ts'
import { type Cutover, defaultBandMs, findCutover } from '../backfill/seam-cutover.ts'
import type { Boundary, Sink } from '../backfill/sink.ts'
import { sleepFor } from '../backfill/sleep.ts'
import type { Source } from '../backfill/source.ts'
import { createSourceDeps } from '../backfill/source-deps.ts'
import { publicOptions } from '../backfill/source-options.ts'
import { parseWindows } from '../backfill/windows.ts'
import type { Config } from '../config/compose.ts'
import { loadUserMapping } from '../config/user-mapping.ts'
import { queueSettings } from '../emit/config.ts'
import { BridgeError, isBridgeError } from '../errors.ts'
import { createLog, type Logger } from '../telemetry/log.ts'
import { createMetrics, type Metrics } from '../telemetry/metrics.ts'
import { type DestinationOptions, destinationOf, programOf } from './backfill-destination.ts'
import type { BackfillOptions } from './backfill-flags.ts'
import { runMappingOf } from './backfill-mapping.ts'
import { type Chosen, openSource, type SourceWords, sourceOptionsOf } from './backfill-source.ts'
import type { Io } from './io.ts'
import { version } from './version.ts'

export interface Begun {
  readonly source: Source
  /** Of the run as it was begun. */
  readonly meta: RunMeta
  readonly isNew: boolean
  /** Of the ledgers. */
  readonly folder: string
  /** Without secrets. */
  readonly destination: string
  readonly pace: Pace
  readonly windows: Windows
  readonly parallel: number
  /** `--order`, or what the destination needs. */
  readonly order: Order
  readonly rate: number | undefined
  readonly rateBytes: number | undefined
  readonly log: Logger
  readonly metrics: Metrics
  openSink(): Promise<Sink>
  /** What the destination refused for its age, as it was told. */
  readonly refusals: readonly Boundary[]
  /** Resolves after that time or when aborted. */
  readonly sleep: (ms: number, abort: AbortSignal) => Promise<void>
  close(): Promise<void>
}

export interface BeginOptions {
  readonly chosen: Chosen
  readonly words: SourceWords
  readonly options: BackfillOptions
  readonly config: Config
  readonly io: Pick<Io, 'terminal' | 'err'>
  readonly stop: AbortSignal
}

const closeWithinMs = 5000

/** Where the ledgers are. */
export const ledgerFolder = (options: Pick<BackfillOptions, 'ledger'>, config: Config): string => options.ledger ?? config.backfill.ledger

/** What identifies a run besides its source and destination: what was asked for, as it was written. */
function identityOptions(
  { chosen, words, options }: BeginOptions,
  parsed: Readonly<Record<string, unknown>>,
  nowMs: number,
): { [name: string]: Json } {
  const { since, until, seam, service = [], query } = options
  return {
    source: publicOptions(chosen.kind, parsed),
    ...(words.args.length === 0 ? {} : { args: [...words.args] }),
    ...(since === undefined ? {} : { since: momentKey('--since', since, nowMs) }),
    ...(until === undefined ? {} : { until: momentKey('--until', until, nowMs) }),
    ...(seam === undefined ? {} : { seam }),
    ...(service.length === 0 ? {} : { services: [...service].sort() }),
    ...(query === undefined ? {} : { query }),
  }
}

/** Where the bridge took over from the source, by what it noted beside its queue. @param fixedMs of a run that goes on */
function cutoverFor({ chosen, options, config }: BeginOptions, nowMs: number, fixedMs?: number): Cutover {
  const { seam, bridgeData } = options
  const bandMs = seam === undefined ? defaultBandMs : durationOf('--seam', seam)
  const queue = queueSettings(config.queue)
  const dataPath = bridgeData ?? (queue.type === 'disk' ? queue.path : undefined)
  return findCutover({ dataPath, sourceKind: chosen.name, bandMs, nowMs, fixedMs })
}

/** What is known of a run; undefined: it is new. */
async function knownRun(folder: string, run: string): Promise<RunMeta | undefined> {
  if (!(await runIds(folder)).includes(run)) return undefined
  try {
    const ledger = await createFileLedger({ folder, run, mode: 'read' })
    try {
      return ledger.meta
    } finally {
      await ledger.close()
    }
  } catch (error) {
    // Whoever opens it to write says what is wrong with it.
    if (isBridgeError(error) && error.code === 'OB_LEDGER') return undefined
    throw error
  }
}

/** The run that is gone on with; undefined: a new one. Rejects with OB_CONFIG when the mapping has changed and nobody said what to do then. */
async function runBefore(folder: string, meta: RunMeta, { options, io }: BeginOptions): Promise<RunMeta | undefined> {
  const same = await knownRun(folder, meta.run)
  if (same !== undefined || options.rebuild === true) return same
  const other = await runWithOtherMapping(folder, meta)
  if (other === undefined) return undefined
  const changes = mappingDifference(other.meta.mapping, meta.mapping)
  const what = changes.length === 0 ? 'its defaults are others in this version' : changes.join('; ')
  if (options.continue === true) {
    io.err(`goes on with run ${other.meta.run}, begun with another mapping: ${what}\n`)
    return other.meta
  }
  throw new BridgeError(
    'OB_CONFIG',
    `cannot go on with run ${other.meta.run}: the mapping has changed since it was begun (${what}); ` +
      '--continue goes on with it, and what it has sent stays as it is; --rebuild begins a new run, which sends everything',
    { place: 'translate' },
  )
}

interface Moments {
  readonly span: Span
  readonly untilMs: number | undefined
  readonly cutover: Cutover | undefined
}

function momentsOf(begin: BeginOptions, nowMs: number): Moments {
  const { options } = begin
  const span = spanOf(options, nowMs)
  const lone = options.seam !== undefined ? '--seam' : options.bridgeData !== undefined ? '--bridge-data' : undefined
  if (lone !== undefined && !span.untilCutover)
    throw new BridgeError('OB_CONFIG', `cannot use ${lone} without --until cutover`, { place: lone })
  // What the bridge noted is on its machine alone, and a worker reads the source by itself.
  if (span.untilCutover && options.workers !== undefined)
    throw new BridgeError('OB_CONFIG', 'cannot use --until cutover with --workers: give a time', { place: '--until' })
  const cutover = span.untilCutover ? cutoverFor(begin, nowMs) : undefined
  return { span, cutover, untilMs: cutover?.untilMs ?? span.untilMs }
}

function limitsOf(options: BackfillOptions, { backfill }: Config) {
  const rate = options.rate ?? backfill.rate
  const rateBytes = options.rateBytes ?? backfill.rateBytes
  return {
    parallel: options.parallel === undefined ? backfill.parallel : countOf('--parallel', options.parallel, 1, 64),
    rate: rate === undefined ? undefined : rateOf('--rate', rate),
    rateBytes: rateBytes === undefined ? undefined : byteRateOf('--rate-bytes', rateBytes),
  }
}

/** What `--to-file` comes with. */
function fileOptions({ toFile, split, compress, fileFormat: format }: BackfillOptions): DestinationOptions['file'] {
  if (toFile === undefined) {
    const lone =
      split !== undefined ? '--split' : compress !== undefined ? '--compress' : format !== undefined ? '--file-format' : undefined
    if (lone !== undefined) throw new BridgeError('OB_CONFIG', `cannot use ${lone} without --to-file`, { place: lone })
    return undefined
  }
  return {
    folder: toFile,
    splitBytes: sizeOf('--split', split ?? '256MB', 64 * 1024),
    compress: compressionOf('--compress', compress ?? 'zstd'),
    format: format ?? 'jsonl',
  }
}

/** Opens the source and names the run. Rejects with OB_CONFIG and OB_SOURCE; `close` lets go of everything. */
export async function beginRun(begin: BeginOptions): Promise<Begun> {
  const { chosen, words, options, config, io, stop } = begin
  const nowMs = Date.now()
  const { parallel, rate, rateBytes } = limitsOf(options, config)
  const only = options.only ?? config.backfill.only
  const windows = only === undefined ? always : parseWindows(only)
  const file = fileOptions(options)
  const moments = momentsOf(begin, nowMs)
  const parsed = sourceOptionsOf(chosen, words, config)
  const page = pageLimits(parallel, memoryBudget, file === undefined ? largestPage.items : largestFilePage)
  const log = createLog({ ...config.log, terminal: io.terminal, fields: { part: 'backfill' } })
  const metrics = createMetrics()
  const pace = createPace({ rate, rateBytes }, { monotonicMs: () => performance.now(), nowMs: Date.now, sleep: sleepFor, metrics })
  const refusals: Boundary[] = []
  const destination = await destinationOf({
    config,
    file,
    program: options.destination,
    pace,
    log,
    metrics,
    boundary: (one) => void refusals.push(one),
  })
  const openWith = (span: NonNullable<RunMeta['span']>, size: RunMeta['page']): Promise<Source> =>
    openSource(
      chosen,
      parsed,
      words.args,
      createSourceDeps({
        filter: { sinceMs: span.sinceMs, untilMs: span.untilMs, services: options.service ?? [], query: options.query },
        log,
        translate: config.translate,
        userMapping: loadUserMapping,
        version,
        page: size,
        distress: (reason, retryAfterMs) => pace.distress('source', reason, retryAfterMs),
        abort: stop,
      }),
    )
  let source: Source | undefined
  try {
    const span = { sinceMs: moments.span.sinceMs, untilMs: moments.untilMs }
    source = await openWith(span, page)
    const folder = ledgerFolder(options, config)
    const translated = await runMappingOf(config)
    const meta = metaOf({
      source,
      options: identityOptions(begin, parsed, nowMs),
      destination: destination.name,
      mappingHash: translated.hash,
      mapping: translated.mapping,
      span,
      cutoverMs: moments.cutover?.firstMs,
      page,
      nowMs,
      toolVersion: version,
    })
    const before = await runBefore(folder, meta, begin)
    const fixed = before === undefined ? undefined : { span: before.span ?? {}, page: before.page }
    if (fixed !== undefined && !isDeepStrictEqual(fixed, { span: meta.span, page })) {
      // `14d` is what it was when the run was begun, and pages are as large as they were.
      await source.close()
      source = await openWith(fixed.span, fixed.page)
    }
    const opened = source
    let { cutover } = moments
    if (cutover !== undefined && before?.cutoverMs !== undefined && before.cutoverMs !== cutover.firstMs)
      cutover = cutoverFor(begin, nowMs, before.cutoverMs)
    for (const sentence of cutover?.said ?? []) io.err(`${sentence}\n`)
    return {
      source: cutover === undefined ? opened : withSeam(opened, cutover.filter),
      meta: before ?? meta,
      isNew: before === undefined,
      folder,
      destination: destination.name,
      pace,
      windows,
      parallel,
      order: options.order ?? defaultOrder({ unit: opened.unit, isFile: file !== undefined, program: programOf(options.destination) }),
      rate,
      rateBytes,
      log,
      metrics,
      sleep: sleepFor,
      refusals,
      openSink: () => destination.open((before ?? meta).run),
      async close() {
        pace.close()
        await destination.close()
        // A source that does not answer any more must not hold up the end.
        const over = new AbortController()
        await Promise.race([opened.close(), sleepFor(closeWithinMs, over.signal)]).finally(() => over.abort())
      },
    }
  } catch (error) {
    pace.close()
    await destination.close()
    await source?.close()
    throw error
  }
}
