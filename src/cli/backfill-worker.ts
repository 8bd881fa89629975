/** `otlp-bridge backfill worker redis://…`: does a part of a run that somebody planned with `--workers`. What is secret is this machine's own. */

import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { RunMeta } from '../backfill/ledger.ts'
import { countOf, rateOf } from '../backfill/options.ts'
import { createPace } from '../backfill/pace.ts'
import { planVersion } from '../backfill/plan.ts'
import { type Connection, connectRedis } from '../backfill/redis/connect.ts'
import { findRun, tellWorker, type WorkerNote } from '../backfill/redis/control.ts'
import { createSharedPace } from '../backfill/redis/shared-pace.ts'
import { runWorker, type WorkerResult } from '../backfill/redis/worker.ts'
import type { Boundary } from '../backfill/sink.ts'
import { sleepFor } from '../backfill/sleep.ts'
import type { Source } from '../backfill/source.ts'
import { createSourceDeps } from '../backfill/source-deps.ts'
import { type Config, type ConfigOptions, loadBridgeConfig } from '../config/compose.ts'
import { loadUserMapping } from '../config/user-mapping.ts'
import { BridgeError, isBridgeError } from '../errors.ts'
import { createLog, type Logger } from '../telemetry/log.ts'
import { createMetrics } from '../telemetry/metrics.ts'
import { guardSize } from '../telemetry/size-guard.ts'
import { destinationOf } from './backfill-destination.ts'
import { runMappingOf } from './backfill-mapping.ts'
import { chooseSource, openSource, readSourceWords, sourceOptionsOf } from './backfill-source.ts'
import { type Io, interruptedCode } from './io.ts'
import { version } from './version.ts'

export interface WorkerCommandOptions extends ConfigOptions {
  readonly run?: string
  readonly parallel?: string
  readonly rate?: string
  readonly destination?: string
}

const refuse = (meta: RunMeta, cause: string, place: string): BridgeError =>
  new BridgeError('OB_CONFIG', `cannot work on run ${meta.run}: ${cause}`, { place })

/** What would make other items of the same history. Rejects with OB_CONFIG. */
async function checkAlike(meta: RunMeta, config: Config, destination: string): Promise<void> {
  if (meta.planVersion !== planVersion)
    throw refuse(meta, `its plan is of version ${meta.planVersion}, this program (${version}) plans by version ${planVersion}`, 'version')
  // What the bridge has in the seam is known on its machine alone.
  if (meta.cutoverMs !== undefined) throw refuse(meta, 'it was begun without --workers, up to the cutover', '--until')
  if (meta.mappingHash !== (await runMappingOf(config)).hash)
    throw refuse(
      meta,
      'section translate of the configuration is not as it was where the run was planned, or a mapping file that it names',
      'translate',
    )
  if (meta.destination !== destination)
    throw refuse(meta, `it goes to ${meta.destination}, and this configuration to ${destination}`, 'emit.endpoint')
}

const textsOf = (value: unknown): readonly string[] => (Array.isArray(value) ? value.map(String) : [])

interface SourceNeeds {
  readonly meta: RunMeta
  readonly words: readonly string[]
  readonly config: Config
  readonly log: Logger
  readonly io: Io
  readonly stop: AbortSignal
  readonly distress: (reason: string, retryAfterMs: number) => void
}

/** As it was planned; secrets are of this command line and configuration. */
async function sourceOf({ meta, words, config, log, io, stop, distress }: SourceNeeds): Promise<Source> {
  const { options } = meta
  const chosen = await chooseSource(meta.source.kind)
  const { given } = readSourceWords(chosen, words, io)
  const kept = options['source']
  const before = typeof kept === 'object' && kept !== null && !Array.isArray(kept) ? kept : {}
  const query = options['query']
  const source = await openSource(
    chosen,
    sourceOptionsOf(chosen, { given: { ...before, ...given } }, config),
    textsOf(options['args']),
    createSourceDeps({
      filter: {
        sinceMs: meta.span?.sinceMs,
        untilMs: meta.span?.untilMs,
        services: textsOf(options['services']),
        query: typeof query === 'string' ? query : undefined,
      },
      log,
      translate: config.translate,
      userMapping: loadUserMapping,
      version,
      page: meta.page,
      distress,
      abort: stop,
    }),
  )
  if (source.identity === meta.source.identity) return source
  await source.close()
  throw new BridgeError('OB_SOURCE', `cannot read: what is here as ${source.name} is not what the run was planned from`, {
    place: source.name,
  })
}

/** Of one that does nothing, and why. */
const idleNote = (name: string, message: string): WorkerNote => ({
  name,
  atMs: Date.now(),
  state: message.startsWith('cannot read') ? message : `cannot read: ${message}`,
  slices: 0,
  perSecond: 0,
  rate: undefined,
  reason: '',
  said: undefined,
  phases: { read: 0, translate: 0, send: 0, wait: 0, commit: 0 },
  refused: undefined,
})

const codeOf = ({ end }: WorkerResult): number => {
  if (end === 'closed') return 0
  if (end === 'interrupted') return interruptedCode
  if (end === 'cannot_read' || end === 'source') return 3
  return end === 'ledger' ? 2 : 4
}

async function work(connection: Connection, words: readonly string[], options: WorkerCommandOptions, io: Io): Promise<number> {
  const config = await loadBridgeConfig(options, io.env)
  const stop = io.takeSignals()
  const meta = await findRun(connection.redis, options.run, connection.name)
  const parallel = options.parallel === undefined ? config.backfill.parallel : countOf('--parallel', options.parallel, 1, 64)
  const log = createLog({ ...config.log, terminal: io.terminal, fields: { part: 'backfill' } })
  const metrics = createMetrics()
  const clocks = { monotonicMs: () => performance.now(), nowMs: Date.now, sleep: sleepFor }
  const own = createPace({ rate: options.rate === undefined ? undefined : rateOf('--rate', options.rate) }, { ...clocks, metrics })
  const pace = createSharedPace({ redis: connection.redis, run: meta.run, own, log, sleep: sleepFor })
  let refused: Boundary | undefined
  const destination = await destinationOf({
    config,
    file: undefined,
    program: options.destination,
    pace,
    log,
    metrics,
    boundary: (one) => {
      refused ??= one
    },
  })
  let source: Source | undefined
  try {
    await checkAlike(meta, config, destination.name)
    const owner = `${hostname()}/${process.pid}/${randomUUID().slice(0, 4)}`
    const distress = (reason: string, retryAfterMs: number): void => pace.distress('source', reason, retryAfterMs)
    try {
      source = await sourceOf({ meta, words, config, log, io, stop, distress })
    } catch (error) {
      if (isBridgeError(error) && error.code === 'OB_SOURCE') await tellWorker(connection.redis, meta.run, idleNote(owner, error.message))
      throw error
    }
    const sink = await destination.open(meta.run)
    try {
      const result = await runWorker({
        connection,
        meta,
        deps: { source, sink, pace, log, ...clocks },
        owner,
        parallel,
        abort: stop,
        say: io.err,
        refused: () =>
          refused === undefined
            ? undefined
            : `${refused.destination} refuses old items (${refused.reason}). ${refused.knob || refused.said}`,
      })
      if (result.error !== undefined) io.err(`${result.error.message}\n`)
      return codeOf(result)
    } finally {
      await sink.close()
    }
  } finally {
    pace.close()
    await destination.close()
    await source?.close()
  }
}

/** 0 nothing is left · 2 not alike · 3 this machine cannot read the source · 4 destination refuses · 130 interrupted: another worker goes on with its slices. */
export async function backfillWorker(url: string, words: readonly string[], options: WorkerCommandOptions, io: Io): Promise<number> {
  guardSize()
  const connection = await connectRedis(url, {
    onTrouble: (message) => io.err(message === undefined ? 'Redis answers again.\n' : `${message}\n`),
  })
  try {
    return await work(connection, words, options, io)
  } finally {
    await connection.close()
  }
}
