/**
 * What watches over a bridge: the books of both sides, the share of the new one, the verdict, and what the page shows of all that. Stands between the
 * endpoints and the queue; made by the pipeline before the queue, which tells it what became of batches.
 */

import { createBackfillSource } from '../admin/backfill.ts'
import { inspectMode, isLoopback } from '../admin/config.ts'
import { createDeadSource } from '../admin/dead.ts'
import { createInspect, type InspectDeps } from '../admin/inspect.ts'
import type { ApiSources } from '../admin/sources.ts'
import { type Books, createBooks } from '../books/books.ts'
import { endpointOf, endpointOfMirror, isMirror, mirrorOf } from '../books/endpoint.ts'
import type { LiveDeps } from '../books/live.ts'
import { joinObservers } from '../books/observers.ts'
import { createSamples } from '../books/samples.ts'
import { readSeries } from '../books/series.ts'
import { createInventory } from '../clients/inventory.ts'
import type { Config } from '../config/compose.ts'
import { createEvidence } from '../cutover/gather.ts'
import type { EndpointState, Phase } from '../cutover/model.ts'
import { createReadiness, type Readiness } from '../cutover/readiness.ts'
import { createShareIntake } from '../cutover/share-intake.ts'
import type { RunningCutover } from '../cutover/state.ts'
import { destinationsOf } from '../emit/destinations.ts'
import type { Outcomes } from '../emit/extra-lane.ts'
import type { LaneStats } from '../emit/queue/queue.ts'
import type { Observer } from '../ingest/observe.ts'
import { mirrorsOf } from '../mirror/config.ts'
import type { Mirror } from '../mirror/mirror.ts'
import type { ChunkPool } from '../otlp/encode/chunks.ts'
import type { Intake } from '../otlp/intake.ts'
import { mappingHashOf } from '../parity/mapping-hash.ts'
import { createRunStore, type RunStore, runsFolder } from '../parity/runs.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { createDayCounts } from './day-counts.ts'
import { createMirrorSource } from './mirror-source.ts'
import { createParitySource } from './parity-source.ts'
import { createReadinessSource } from './readiness-source.ts'

/** The mirrors of a bridge: {@link Sides} of sides.ts. */
export interface OldSides {
  readonly cutover: RunningCutover
  readonly mirrors: readonly Mirror[]
}

/** What waits for a destination or a mirror. */
export interface QueueLane {
  readonly destination: string
  stats(): LaneStats
}

export interface OversightDeps {
  readonly log: Logger
  readonly metrics: Metrics
  /** Wall clock in milliseconds. */
  readonly nowMs: () => number
  readonly monotonicMs: () => number
  /** Folder of the disk queue; undefined with another queue. */
  readonly dataPath: string | undefined
  /** Undefined where nothing is put. */
  readonly chunks?: ChunkPool | undefined
  /** As it is now. */
  readonly config: () => Config
  /** Says why the OTLP of a body is what it is, for the page that looks inside; undefined for formats that have nothing to say. */
  readonly explain?: InspectDeps['explain']
  readonly sides: () => OldSides | undefined
  /** Undefined until it is there. */
  readonly queue: () => { readonly lanes: readonly QueueLane[] } | undefined
}

export interface Oversight {
  /** What stands before the queue: books, then the share of the new side. */
  intake(inner: Intake): Intake
  readonly outcomes: Outcomes
  /** Looks at some of the requests. */
  readonly observer: Observer
  /** What is behind `/api/v1`; parts come and go with the configuration. */
  readonly sources: ApiSources
  /** What stands against a phase. */
  unmet(state: EndpointState, to: Phase): Promise<readonly string[]>
  reasons(): readonly string[]
  warnings(): readonly string[]
  stop(): void
}

const dayMs = 24 * 3_600_000

const noLetters = { items: 0, reason: '' }

/**
 * Whether a destination's outcomes are those of the new side. Several that get the same are one side: the first of them counts. Those among which the
 * data is divided all do.
 */
export function standsForAll(emit: Config['emit'], destination: string, signal: string): boolean {
  const takers = destinationsOf(emit).filter(({ signals }) => signals === undefined || signals.some((one) => one === signal))
  const first = takers.find(({ where, otherwise }) => where === undefined && !otherwise)
  return first === undefined || first.name === destination
}

/** Days before the end of a phase's time on which somebody is told. */
const warnDays = 7

const dayOf = (text: string): number => Date.parse(`${text}T00:00:00Z`) + dayMs

export function createOversight(deps: OversightDeps): Oversight {
  const { log, metrics, nowMs, config } = deps
  const startedMs = nowMs()

  const lanes = (): readonly QueueLane[] => deps.queue()?.lanes ?? []
  const laneOf = (name: string): LaneStats | undefined =>
    lanes()
      .find((one) => one.destination === name)
      ?.stats()
  const newLanes = (): readonly LaneStats[] =>
    lanes()
      .filter((one) => !isMirror(one.destination))
      .map((one) => one.stats())
  const newAgeMs = (): number => Math.max(0, ...newLanes().map(({ oldestMs }) => oldestMs ?? 0))

  /** What waits for either side, by the endpoint that it came in through. */
  const waiting = () => {
    const items = new Map<string, number>()
    for (const one of metrics.sums()) {
      if (one.queued > 0) {
        const endpoint = endpointOfMirror(one.destination) ?? endpointOf(one.format)
        items.set(endpoint, (items.get(endpoint) ?? 0) + one.queued)
      }
    }
    const age = newAgeMs()
    return [...items].map(([endpoint, count]) => ({
      endpoint,
      items: count,
      ageMs: Math.max(age, laneOf(mirrorOf(endpoint))?.oldestMs ?? 0),
    }))
  }

  const books: Books = createBooks({
    config: config().mirror.books,
    dataPath: deps.dataPath,
    log,
    metrics,
    nowMs,
    monotonicMs: deps.monotonicMs,
    waiting,
    counts: (destination, signal) => standsForAll(config().emit, destination, signal),
  })

  const { admin, inventory: listed, mirror: mirrored } = config()
  const samples = createSamples({
    books,
    maxSize: admin.inspect === 'off' ? 0 : mirrored.books.keepSamples,
    mappingHash: () => mappingHashOf(config()),
  })
  const inventory = listed.enabled
    ? createInventory({ config: listed, addresses: isLoopback(admin.host) ? 'full' : 'group', books, metrics })
    : undefined
  const mode = inspectMode(admin)
  const { explain } = deps
  const inspect =
    mode === 'off' || !admin.enabled ? undefined : createInspect({ mode, nowMs, ...(explain === undefined ? {} : { explain }) })
  const observers = [inspect?.observer, samples, inventory].filter((one) => one !== undefined)

  const cutover = {
    of: (endpoint: string) => deps.sides()?.cutover.of(endpoint),
    list: () => deps.sides()?.cutover.list() ?? [],
    changes: () => deps.sides()?.cutover.changes() ?? [],
  }

  const live: LiveDeps = {
    books,
    oldestMs: (endpoint, side) => (side === 'new' ? newAgeMs() : laneOf(mirrorOf(endpoint))?.oldestMs),
    mirrored: (endpoint) => cutover.of(endpoint) !== undefined,
  }

  const { dataPath } = deps
  const noRuns: RunStore = { add: async () => '', list: async () => [], read: async () => undefined, ofKey: () => [] }
  const runs = dataPath === undefined ? noRuns : createRunStore(runsFolder(dataPath))

  /** Dead letters of the new side, by format; looked up now and then, since the store is opened for it. */
  const letters = new Map<string, { items: number; reason: string }>()
  let lettersMs = Number.NEGATIVE_INFINITY
  const dead = dataPath === undefined ? undefined : createDeadSource({ path: dataPath, log })
  const deadOf = async (): Promise<void> => {
    if (dead === undefined || nowMs() - lettersMs < 5000) return
    lettersMs = nowMs()
    letters.clear()
    if (metrics.total('otlp_bridge_dead_items_total') === 0 && newLanes().every(({ deadItems }) => deadItems === 0)) return
    const { items } = await dead.list({ side: 'new' }, undefined, 10_000)
    for (const one of items) {
      const known = letters.get(one.format)
      if (known === undefined) letters.set(one.format, { items: one.items, reason: `${one.reason}: ${one.text.slice(0, 80)}` })
      else known.items += one.items
    }
  }

  const days = createDayCounts(nowMs)

  /** Things noticed at an endpoint within a day. */
  const noticed = (endpoint: string, reason: string): number => {
    let total = 0
    for (const one of metrics.collect().get('otlp_bridge_mirror_notes_total') ?? [])
      if ('value' in one && one.labels['endpoint'] === endpoint && one.labels['reason'] === reason) total += one.value
    return days.growth(`${endpoint} ${reason}`, total)
  }

  const readinessOf = (): Readiness => {
    const source = createEvidence({
      cutover,
      books,
      live,
      runs,
      mappingHash: () => mappingHashOf(config()),
      config: config().verdict,
      dead: (format) => (dead === undefined ? undefined : (letters.get(format) ?? noLetters)),
      newAgeSeconds: () => newAgeMs() / 1000,
      waitingForOld: (endpoint) => laneOf(mirrorOf(endpoint))?.items ?? 0,
      balanced: () => metrics.sums().every(({ balance }) => balance === 0),
      untranslated(endpoint) {
        const [undecodable, written] = [noticed(endpoint, 'undecodable'), noticed(endpoint, 'write_not_translated')]
        if (undecodable + written === 0 && nowMs() - startedMs < config().verdict.quiet) return undefined
        const said = [
          ...(undecodable === 0 ? [] : [`${undecodable} requests could not be decoded`]),
          ...(written === 0 ? [] : [`${written} writes (updates, deletes) went to the old side alone`]),
        ]
        return { count: undecodable + written, text: said.join(', ') }
      },
      legacyClients: (endpoint) => inventory?.all().filter((one) => one.endpoint === endpoint && !one.silent).length,
      reads: (endpoint) => {
        const count = noticed(endpoint, 'query')
        if (count === 0 && nowMs() - startedMs < config().verdict.quiet) return undefined
        return { count, text: `the old side was asked for data ${count} times in a day` }
      },
    })
    return createReadiness({ source, config: config().verdict, nowMs })
  }
  let readinessConfig = config().verdict
  let readiness = readinessOf()
  const currentReadiness = (): Readiness => {
    if (readinessConfig !== config().verdict) {
      readinessConfig = config().verdict
      readiness = readinessOf()
    }
    return readiness
  }

  const refresh = async (): Promise<void> => {
    await runs.list()
    await deadOf()
  }

  const mirrorSource = (sides: OldSides): NonNullable<ApiSources['mirror']> =>
    createMirrorSource({
      cutover: sides.cutover,
      mirrors: () => deps.sides()?.mirrors ?? [],
      config: () => config().mirror,
      lane: laneOf,
      delivered: (endpoint) =>
        books.sums().reduce((sum, one) => sum + (one.endpoint === endpoint ? one.counts.oldDelivered + one.counts.oldSent : 0), 0),
      metrics,
      nowMs,
    })
  let mirror: ApiSources['mirror']
  const readinessSource = createReadinessSource({
    readiness: { verdicts: (...given) => currentReadiness().verdicts(...given), unmet: (...given) => currentReadiness().unmet(...given) },
    mappingHash: () => mappingHashOf(config()),
    nowMs,
    refresh,
  })

  const sources: ApiSources = {
    books: { series: (endpoint, metric, range) => readSeries(books, endpoint, metric, range) },
    parity: createParitySource({
      live,
      runs,
      samples: samples.query,
    }),
    ...(inventory === undefined ? {} : { clients: inventory }),
    ...(inspect === undefined ? {} : { inspect: inspect.source }),
    ...(dead === undefined ? {} : { dead }),
    backfill: createBackfillSource({ folder: () => config().backfill.ledger, nowMs }),
    get mirror() {
      const sides = deps.sides()
      if (sides === undefined || mirrorsOf(config().mirror).size === 0) return undefined
      return (mirror ??= mirrorSource(sides))
    },
    get readiness() {
      return deps.sides() === undefined ? undefined : readinessSource
    },
  }

  /** Phases whose time is over, or soon will be. */
  const timeBoxes = (isOver: boolean): readonly string[] => {
    const now = nowMs()
    return cutover.list().flatMap(({ endpoint, phase, until }) => {
      if (until === undefined) return []
      const leftMs = dayOf(until) - now
      if (isOver) return leftMs < 0 ? [`${endpoint} should have left phase ${phase} by ${until} (mirror.${endpoint}.phaseUntil)`] : []
      const days = Math.ceil(leftMs / dayMs)
      return leftMs >= 0 && days <= warnDays ? [`${endpoint}: phase ${phase} ends on ${until}, in ${days} days`] : []
    })
  }

  return {
    intake: (inner) =>
      books.intake(
        createShareIntake(inner, {
          cutover,
          chunks: deps.chunks,
          means(endpoint) {
            const own = mirrorsOf(config().mirror).get(endpoint)
            return own === undefined ? undefined : own.share
          },
          skipped(batch, keys, items) {
            metrics.books(batch.format, batch.signal).consumed('share').value += items
            for (const key of keys ?? [{ service: '', items }])
              if (key.items > 0) books.skipped(batch.format, key.service, 'new', 'share', key.items, batch.endpoint)
          },
          narrowed: (batch, account, keys) => books.narrowed(account, batch, keys),
        }),
      ),
    outcomes: books.outcomes,
    observer: joinObservers(observers),
    sources,
    async unmet(state, to) {
      await refresh()
      return currentReadiness().unmet(state, to)
    },
    reasons: () => {
      const trouble = books.trouble()
      return [...(trouble === undefined ? [] : [trouble]), ...timeBoxes(true)]
    },
    warnings: () => [...books.warnings(), ...timeBoxes(false)],
    stop: () => books.stop(),
  }
}
