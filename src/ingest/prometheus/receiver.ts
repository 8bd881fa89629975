/** Everything behind the endpoint of remote-write: the state and its files, the engine, and the clock that sends what is due. */

import { randomBytes } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import type { Holding, Intake, Kept } from '../../otlp/intake.ts'
import { cappedValues } from '../../telemetry/metrics.ts'
import type { Seed } from '../../translate/prometheus/hash.ts'
import { createState } from '../../translate/prometheus/state.ts'
import type { TranslatedBody } from '../adapter.ts'
import { type Along, batchAlong } from '../legacy.ts'
import { asBridgeError, createRequestBooks, createTranslating } from '../receive.ts'
import { writeLimitsOf } from './config.ts'
import { createEngine, type Engine } from './engine.ts'
import { decodeKeep } from './keep.ts'
import type { Holdings } from './keeping.ts'
import type { Version } from './negotiate.ts'
import type { CreateRemoteWrite, WriteReceipt, WriteReceiver } from './remote-write.ts'
import { createStateFiles, type StateFiles } from './state-files.ts'
import { createSections } from './state-sections.ts'
import { holdingName } from './waiting.ts'
import type { WriteBody } from './write-body.ts'
import { formatName } from './write-books.ts'

/** How often it is looked at what is due. */
const tickMs = 250
/** After a put that failed. */
const backOffMs = 1000

const randomSeed = (): Seed => {
  const bytes = randomBytes(16)
  return [bytes.readInt32LE(0), bytes.readInt32LE(4), bytes.readInt32LE(8), bytes.readInt32LE(12)]
}

/** All that earlier runs kept: what was sent may be said in the last of it only. */
async function recoverAll(holding: Holding | undefined): Promise<readonly Kept[]> {
  const all: Kept[] = []
  if (holding === undefined) return all
  for (let some = await holding.recover(); some.length > 0; some = await holding.recover()) all.push(...some)
  return all
}

/** Undefined where the queue has no place that outlives the process. */
function holdingsOf(intake: Intake): Holdings | undefined {
  const requests = intake.holding?.(holdingName)
  const sent = intake.holding?.(`${holdingName}-sent`, { makesRoom: true })
  return requests === undefined || sent === undefined ? undefined : { requests, sent }
}

/** The seed that what was kept was hashed with: that of the last run, or of none. */
const seedOf = (kept: readonly Kept[]): Seed | undefined => {
  for (const { data } of kept) {
    const seed = decodeKeep(data)?.seed
    if (seed !== undefined) return seed
  }
  return undefined
}

/** Loads the state, takes in what an earlier run kept, and starts the clock. */
export const createRemoteWrite: CreateRemoteWrite = async (config, translate, context) => {
  const { log, metrics, intake, nowMs } = context
  const { path, every } = config.state
  const holdings = holdingsOf(intake)
  const requests = await recoverAll(holdings?.requests)
  const sent = await recoverAll(holdings?.sent)
  const keptSeed = seedOf([...requests, ...sent])
  const { name: nameBytes, value: valueBytes, labels } = config.limits
  const state = createState({
    translate,
    mapping: context.mapping,
    limits: { labels, nameBytes, valueBytes },
    version: context.pages.version,
    seed: keptSeed ?? randomSeed(),
  })
  const files: StateFiles | undefined =
    path === undefined
      ? undefined
      : createStateFiles({ path, sections: createSections(state, keptSeed !== undefined, nowMs), log, metrics, intervalMs: every })
  await files?.open()
  const engine = createEngine({
    intake,
    metrics,
    log,
    nowMs,
    chunks: context.chunks,
    state,
    limits: writeLimitsOf(config),
    holdings,
    uncompress: context.uncompress,
  })
  await engine.recover(requests, sent)
  const clock = createClock(engine, () => intake.refusal() === undefined)
  const receivers = createReceivers(engine, context)

  return {
    receiver: receivers,
    async stop(deadlineMs) {
      await clock.stop()
      await engine.finish(deadlineMs)
      await files?.close()
    },
    trouble: () => clock.trouble(),
    warnings() {
      const fault = files?.fault()
      return fault === undefined ? [] : [fault]
    },
    types: ({ tenant, family, limit }) => {
      const all = state.types.list(limit === undefined ? undefined : Number(limit))
      const wanted = all.filter((one) => (tenant === undefined || one.tenant === tenant) && (family === undefined || one.family === family))
      return { families: state.types.families, types: wanted.toReversed() }
    },
  }
}

/** Sends what is due, every so often. */
function createClock(engine: Engine, mayPut: () => boolean) {
  let fault: string | undefined
  let stopped = false
  let underWay: Promise<void> = Promise.resolve()
  let timer: NodeJS.Timeout | undefined

  const tick = async (): Promise<void> => {
    let pauseMs = tickMs
    try {
      if (mayPut()) await engine.flush()
      else engine.turnedAway()
      fault = undefined
    } catch (error) {
      fault = `what has waited for other series cannot be queued: ${asBridgeError(error).message}`
      pauseMs = backOffMs
    }
    plan(pauseMs)
  }

  const plan = (pauseMs: number): void => {
    if (stopped) return
    timer = setTimeout(() => {
      underWay = tick()
    }, pauseMs)
    timer.unref()
  }

  plan(tickMs)
  return {
    trouble: (): readonly string[] => (fault === undefined ? [] : [fault]),
    async stop(): Promise<void> {
      stopped = true
      clearTimeout(timer)
      await underWay
    },
  }
}

const noBytes = new Uint8Array(0)

const isWritten = (body: TranslatedBody): body is WriteBody => 'receipt' in body

/** Ways in, one for each version and tenant. */
function createReceivers(engine: Engine, context: Parameters<CreateRemoteWrite>[2]): (version: Version, tenant: string) => WriteReceiver {
  const { metrics, log } = context
  const known = new Map<string, WriteReceiver>()
  const queueSeconds = metrics.histogram('otlp_bridge_stage_seconds', { stage: 'queue', format: formatName })

  /** A body that could not be read: the old side gets it all the same. */
  const putUnread = async (along: Along = {}): Promise<WriteReceipt> => {
    if (along.envelope !== undefined) await context.intake.put(batchAlong(formatName, 'metrics', 0, noBytes, undefined, along))
    return { items: 0, rejected: 0, samples: 0, histograms: 0, exemplars: 0, reasons: [] }
  }

  const create = (version: Version, tenant: string): WriteReceiver => {
    const requests = createRequestBooks(`remote-write-${version}`, 'http', { metrics })
    const translating = createTranslating(formatName, { metrics, log }, requests.refused)
    const totals = { requests: 0, refusedRequests: 0, bytes: 0, items: 0, lostItems: 0 }
    return {
      format: formatName,
      totals,
      arrived: requests.arrived,
      refused: requests.refused,
      translate: (body, wire = body) => translating(() => engine.translate(version, body, wire, tenant)),
      signal: 'metrics',
      async put(body, along) {
        const startedAt = performance.now()
        const receipt = isWritten(body) ? await engine.put(body, along) : await putUnread(await along)
        queueSeconds.observe((performance.now() - startedAt) / 1000)
        return receipt
      },
    }
  }

  return (version, tenant) => {
    const key = `${version}${tenant}`
    let found = known.get(key)
    if (found === undefined) {
      // Tenants are names that senders make up.
      if (known.size > 2 * cappedValues) known.clear()
      known.set(key, (found = create(version, tenant)))
    }
    return found
  }
}
