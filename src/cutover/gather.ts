/** Gathers what the verdict judges by: out of the books, the queue, the dead letters and the reports of the parity command. */

import type { Books } from '../books/books.ts'
import { type JudgedLine, judgeMinutes, type LiveDeps } from '../books/live.ts'
import { type KeyLine, maxLines, readKeys, readKnown, readLastLosses, readPeaks } from '../books/reading.ts'
import type { ParityFormat } from '../parity/model.ts'
import type { RunStore } from '../parity/runs.ts'
import type { VerdictConfig } from './config.ts'
import type { Evidence } from './evidence.ts'
import type { Change, Cutover, EndpointState, Phase } from './model.ts'
import { stepsForward } from './phase-rules.ts'
import type { EvidenceSource } from './readiness.ts'

export interface GatherDeps {
  readonly cutover: Pick<Cutover, 'of' | 'list' | 'changes'>
  readonly books: Pick<Books, 'file' | 'flush' | 'nowMs'>
  readonly live: Omit<LiveDeps, 'books'>
  readonly runs: Pick<RunStore, 'ofKey'>
  /** Of the mapping that runs: a report of another one says nothing about it. */
  readonly mappingHash?: (() => string) | undefined
  readonly config: VerdictConfig
  /** Dead letters of the new side that are still there, by format: 0 items when there are none; undefined where the queue keeps none. */
  readonly dead: (format: string) => { readonly items: number; readonly reason: string } | undefined
  /** Age in seconds of what has waited longest for the new side. */
  readonly newAgeSeconds: () => number
  /** Items that wait for the old side of an endpoint. */
  readonly waitingForOld: (endpoint: string) => number
  /** Whether the books of the running process balance. */
  readonly balanced: () => boolean
  /**
   * Things that passed us untranslated since the start, by endpoint: the first in words, and how many. Undefined: none, and the process is too young to
   * know of all of the time that counts.
   */
  readonly untranslated: (endpoint: string) => { readonly count: number; readonly text: string } | undefined
  /** Requests that were passed on to the old side of an endpoint within a day; undefined while the process is younger than that. */
  readonly reads?: ((endpoint: string) => { readonly count: number; readonly text: string } | undefined) | undefined
  readonly dashboards?: (() => { readonly converted: number; readonly byHand: string; readonly atMs: number } | undefined) | undefined
  readonly legacyClients?: ((endpoint: string) => number | undefined) | undefined
}

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs
/** The books keep minutes for so long. */
const keptMs = 2 * dayMs

/** Of a key without minutes that are closed. */
const noPeak = { window: 0, all: 0 }

const minuteOf = (ms: number): number => Math.floor(ms / minuteMs)

const formatOf = (endpoint: string): ParityFormat =>
  endpoint.startsWith('jaeger') ? 'jaeger' : endpoint === 'prometheus' ? 'prometheus' : endpoint === 'zipkin' ? 'zipkin' : 'elasticsearch'

/** The last time an endpoint went a step back and forward again, since it came to `dual`. */
export function drillOf(endpoint: string, changes: readonly Change[]): Evidence['drill'] {
  let backMs: number | undefined
  let from: string | undefined
  let drill: Evidence['drill']
  for (const change of changes) {
    if (change.endpoint !== endpoint || change.what !== 'phase') continue
    const steps = stepsForward(change.from as Phase, change.to as Phase)
    if (steps < 0) {
      backMs = change.atMs
      from = change.from
    } else if (backMs !== undefined && change.to === from) {
      drill = { atMs: change.atMs, tookMs: change.atMs - backMs }
      backMs = undefined
    } else if (change.to === 'dual' && change.from === 'shadow') drill = undefined
  }
  return drill
}

/** The latest minutes of one key that are closed: those in which nothing came in are equal, those in which not everything was counted unknown. */
function minutesOf(lines: readonly JudgedLine[], isKnown: (at: number) => boolean, from: number, to: number): Evidence['minutes'] {
  const byMinute = new Map<number, JudgedLine>()
  for (const line of lines) byMinute.set(line.at, line)
  const minutes: { atMs: number; verdict: Evidence['minutes'][number]['verdict']; text: string }[] = []
  for (let at = from; at <= to; at++) {
    const line = byMinute.get(at)
    const atMs = at * minuteMs
    if (line !== undefined) {
      if (line.verdict !== 'open') minutes.push({ atMs, verdict: line.verdict, text: line.text })
    } else minutes.push({ atMs, verdict: isKnown(at) ? 'equal' : 'unknown', text: '' })
  }
  return minutes
}

/** What waits settles so long after a minute ended. */
const settleMs = 20_000

/** The worst age of the queue of the new side that was seen in the last 24 hours. */
function createAges(nowMs: () => number) {
  const hours = new Map<number, number>()
  return (seconds: number): number => {
    const hour = Math.floor(nowMs() / hourMs)
    hours.set(hour, Math.max(hours.get(hour) ?? 0, seconds))
    for (const one of hours.keys()) if (one <= hour - 24) hours.delete(one)
    return Math.max(...hours.values())
  }
}

export function createEvidence(deps: GatherDeps): EvidenceSource {
  const { books, cutover, config } = deps
  const worst = createAges(() => books.nowMs())

  const windowsOf = (nowMs: number): readonly [from: number, to: number] => {
    const to = minuteOf(nowMs - settleMs) - 1
    return [to + 1 - Math.round((config.windows * config.window) / minuteMs), to]
  }

  /** What is the same for all keys of all endpoints. */
  const readCommon = () => {
    const ageSeconds = deps.newAgeSeconds()
    return {
      nowMs: books.nowMs(),
      mappingHash: deps.mappingHash?.(),
      queue: { ageSeconds, worstAgeSeconds: worst(ageSeconds) },
      balanced: deps.balanced(),
      dashboards: deps.dashboards?.(),
      changes: cutover.changes(),
    }
  }

  const gatherEndpoint = (state: EndpointState, common: ReturnType<typeof readCommon>): readonly Evidence[] => {
    const { endpoint } = state
    const { nowMs, mappingHash, queue, balanced, dashboards } = common
    const [from, to] = windowsOf(nowMs)
    const keptFrom = minuteOf(nowMs - keptMs)
    const known = readKnown(books.file, keptFrom, to)
    const sinceMs = known.since === undefined ? undefined : known.since * minuteMs
    const query = { endpoint, key: undefined, fromMs: from * minuteMs, toMs: (to + 1) * minuteMs }
    const read = judgeMinutes({ books, ...deps.live }, query)
    const judged = Map.groupBy(read, ({ id }) => id)
    // Of too many lines the oldest are not there.
    const readFrom = read.length < maxLines ? from : (read[0]?.at ?? to) + 1
    const isKnown = (at: number): boolean => {
      const marks = known.marks.get(at)
      return at >= readFrom && known.alive.has(at) && marks?.has('crash') !== true && marks?.has('lost') !== true
    }
    // A key is new until it was there for as long as the windows last.
    const begin = Math.max(from, sinceMs === undefined ? from : minuteOf(sinceMs))
    const keysSince = (first: number) => readKeys(books.file, { endpoint, key: undefined, from: first, to: minuteOf(nowMs) })
    const kept = keysSince(keptFrom)
    const quiet = new Map(keysSince(minuteOf(nowMs - config.quiet)).map((one) => [one.id, one.line]))
    const peaks = readPeaks(books.file, endpoint, keptFrom, from, to)
    const deadOf = createDead(endpoint, kept)
    const passed = deps.untranslated(endpoint)
    const reads = deps.reads?.(endpoint)
    const legacyClients = deps.legacyClients?.(endpoint)
    const drill = drillOf(endpoint, common.changes)
    return kept.map((one): Evidence => {
      const { id, format, key, at, first } = one
      const minutes = minutesOf(judged.get(id) ?? [], isKnown, begin, to)
      const refused = quiet.get(id)?.refused ?? 0
      const unknownMinutes = minutes.filter(({ verdict }) => verdict === 'unknown').length
      return {
        format,
        endpoint,
        key,
        state,
        nowMs,
        lastSeenMs: (at + 1) * minuteMs,
        knownSinceMs: first * minuteMs,
        minutes,
        stored: deps.runs.ofKey(formatOf(endpoint), key).filter((run) => mappingHash === undefined || run.mappingHash === mappingHash),
        dead: deadOf(one),
        queue,
        books: { balanced, minutes: minutes.length, unknownMinutes },
        untranslated:
          refused === 0 && passed === undefined
            ? undefined
            : {
                count: refused + (passed?.count ?? 0),
                text: refused > 0 ? `${refused} items were refused, their senders were told` : (passed?.text ?? ''),
              },
        peak: sinceMs === undefined ? undefined : { ...(peaks.get(id) ?? noPeak), historyMs: nowMs - sinceMs },
        dashboards,
        reads,
        others: undefined,
        history: undefined,
        legacyClients,
        drill,
      }
    })
  }

  /** What is known of the dead letters of an endpoint's keys. */
  const createDead = (endpoint: string, kept: readonly KeyLine[]): ((one: KeyLine) => Evidence['dead']) => {
    const formats = new Map<string, { readonly letters: ReturnType<GatherDeps['dead']>; readonly unnamed: number }>()
    for (const [format, lines] of Map.groupBy(kept, (one) => one.format)) {
      const letters = deps.dead(format)
      // Beyond those that the books know the keys of: they are older, or of other books.
      const unnamed = (letters?.items ?? 0) - lines.reduce((sum, { line }) => sum + line.newDead, 0)
      formats.set(format, { letters, unnamed: Math.max(0, unnamed) })
    }
    let losses: ReadonlyMap<number, number> | undefined
    return ({ id, format, line: { newDead: items, newShed } }) => {
      const { letters, unnamed = 0 } = formats.get(format) ?? {}
      if (items === 0 && newShed === 0 && unnamed === 0) return { unresolved: 0, lastMs: undefined, reason: '' }
      losses ??= readLastLosses(books.file, endpoint)
      const at = losses.get(id)
      const lastMs = at === undefined ? undefined : (at + 1) * minuteMs
      if (items === 0 && unnamed === 0) return { unresolved: 0, lastMs, reason: `${newShed} items were lost or shed` }
      // Letters know their format alone: of one that was retried or dropped nothing is left there.
      const reason = letters?.reason ?? 'see the dead letters'
      return {
        unresolved: Math.min(items, letters?.items ?? items) + unnamed,
        lastMs,
        reason: unnamed === 0 ? reason : `${reason} (of ${unnamed} nobody knows whose they are)`,
      }
    }
  }

  return {
    all(endpoint) {
      books.flush()
      const states = endpoint === undefined ? cutover.list() : [cutover.of(endpoint)].filter((one) => one !== undefined)
      if (states.length === 0) return []
      const common = readCommon()
      return states.flatMap((state) => gatherEndpoint(state, common))
    },
    waitingForOld: deps.waitingForOld,
  }
}
