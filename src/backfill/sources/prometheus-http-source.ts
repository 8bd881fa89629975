/** What the sources of Prometheus over HTTP have in common: the plan, what is known of targets, counting again. Sections 2.8 and 2.9 of backfill.md. */

import { z } from 'zod'
import { BridgeError } from '../../errors.ts'
import { type ReadAnswer, type ReadRange, TooMuch, TornAnswer } from '../../read/prometheus-gather.ts'
import { familyHash, familyOf } from '../../read/prometheus-tsdb/families.ts'
import type { Plan, SliceSpec } from '../model.ts'
import type { Source, SourceDeps, SourceFilter } from '../source.ts'
import { createInfoTimeline, scopeKeyOf } from './prometheus-info.ts'
import { noMetadata, parseMetadata, readMetadata } from './prometheus-metadata.ts'
import { createPrometheusPoints, type PrometheusPoints } from './prometheus-points.ts'
import { SampleSum } from './prometheus-sample-sum.ts'
import { createPrometheusWindows, type FamilyNames, type Infos } from './prometheus-windows.ts'

const windowMs = 2 * 3_600_000
/** More slices are not planned: each costs requests and a row of the ledger. */
const mostSlices = 1_000_000
/** Before a slice: what was said last of a target. */
const infoBeforeMs = 600_000
const infoSamples = 500_000
const mostTorn = 5
const infoBytes = 64 * 1024 * 1024
/** Windows of which names and targets are kept: slices of one window are read one after the other. */
const keptWindows = 2

/** Flags of both. */
export const prometheusHttpKeys = {
  shards: z
    .number()
    .int()
    .min(1)
    .max(1024)
    .default(4)
    .describe('Into how many slices each two hours are dealt, by families of metrics. Not to be changed within a run.'),
  metadata: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Where types, helps and units come from: a file or URL with the answer of /api/v1/metadata; none: not at all. Default: the source is asked.',
    ),
} as const

/** What is asked. */
export interface PrometheusStore {
  /** Names that have samples in the range; with the filter, at least those. */
  names(fromMs: number, toMs: number, abort: AbortSignal): Promise<readonly string[]>
  read(names: readonly string[], range: ReadRange, abort: AbortSignal): Promise<ReadAnswer>
  close(): Promise<void>
}

export interface HttpSourceParts {
  readonly kind: string
  readonly name: string
  readonly identity: string
  readonly approximate: string | undefined
  readonly deps: SourceDeps
  readonly store: PrometheusStore
  readonly points: PrometheusPoints
  readonly shards: number
  /** Targets that are remembered of a window. */
  readonly maxTargets: number
  readonly notes: readonly string[]
}

/** The same on every machine. */
export const shardOf = (family: string, of: number): number => familyHash(family) % of

/** Names as families, by name. */
export function familiesOf(names: readonly string[], wanted: (family: string) => boolean): readonly FamilyNames[] {
  const found = new Map<string, string[]>()
  for (const name of new Set(names)) {
    const family = familyOf(name)
    if (!wanted(family)) continue
    const own = found.get(family)
    if (own === undefined) found.set(family, [name])
    else own.push(name)
  }
  return [...found]
    .map(([family, own]) => ({ family, names: own.sort() }))
    .sort((left, right) => (left.family < right.family ? -1 : left.family > right.family ? 1 : 0))
}

/** Windows of two hours of UTC, whole but for the first and the last; each in shards. Throws OB_CONFIG without `--since`. */
export function windowPlan(kind: string, filter: SourceFilter, nowMs: number, shards: number, notes: readonly string[]): Plan {
  const { sinceMs } = filter
  if (sinceMs === undefined) {
    throw new BridgeError('OB_CONFIG', `cannot plan ${kind}: --since is needed, for the API does not say how far back its history goes`, {
      place: '--since',
    })
  }
  // Without an end the window that has begun is whole: a plan that is made later has the same one.
  const untilMs = filter.untilMs ?? (Math.floor(nowMs / windowMs) + 1) * windowMs
  const slices: SliceSpec[] = []
  const days = new Map<string, { fromMs: number; toMs: number }>()
  if (((untilMs - sinceMs) / windowMs) * shards > mostSlices) {
    throw new BridgeError('OB_CONFIG', `cannot plan ${kind}: that are more than ${mostSlices} slices; take a later --since`, {
      place: '--since',
    })
  }
  for (let from = sinceMs; from < untilMs; ) {
    const to = Math.min((Math.floor(from / windowMs) + 1) * windowMs, untilMs)
    const group = new Date(from).toISOString().slice(0, 10)
    const day = days.get(group)
    if (day === undefined) days.set(group, { fromMs: from, toMs: to })
    else day.toMs = to
    for (let shard = 0; shard < shards; shard++) {
      slices.push({ key: { from, to, shard, of: shards }, group, fromMs: from, toMs: to, items: 0, bytes: 0 })
    }
    from = to
  }
  return { groups: [...days].map(([name, day]) => ({ name, items: 0, bytes: 0, ...day, note: '' })), slices, notes }
}

function keyOf({ key }: SliceSpec): { readonly from: number; readonly to: number; readonly shard: number; readonly of: number } {
  const { from, to, shard, of } = key
  if (typeof from !== 'number' || typeof to !== 'number' || typeof shard !== 'number' || typeof of !== 'number') {
    throw new Error('BUG: a slice without its window')
  }
  return { from, to, shard, of }
}

/** Keeps the last few results, by key. What was rejected is asked for again. */
function remembered<T>(make: (from: number, to: number, abort: AbortSignal) => Promise<T>) {
  const kept = new Map<string, Promise<T>>()
  return (from: number, to: number, abort: AbortSignal): Promise<T> => {
    const key = `${from}-${to}`
    const found = kept.get(key)
    if (found !== undefined) return found
    const made = make(from, to, abort)
    kept.set(key, made)
    made.catch(() => kept.delete(key))
    for (const oldest of kept.keys()) {
      if (kept.size <= keptWindows) break
      kept.delete(oldest)
    }
    return made
  }
}

/**
 * The translator of a source: types as `metadata` says, or as the source does.
 * @param ask answer of the source's own `/api/v1/metadata`; undefined: it has none
 */
export async function createSourcePoints(
  deps: SourceDeps,
  metadata: string | undefined,
  http: { fetchJson(url: string): Promise<unknown>; own(): Promise<unknown> },
  externalLabels: Readonly<Record<string, string>> = {},
): Promise<{ readonly points: PrometheusPoints; readonly notes: readonly string[] }> {
  const notes: string[] = []
  let snapshot = noMetadata
  if (metadata === undefined) {
    const answer = await http.own()
    if (answer !== undefined) snapshot = parseMetadata(answer, '/api/v1/metadata')
    notes.push(
      snapshot.size === 0
        ? 'the source says no types: they are told by names, unless --metadata names a file'
        : `types of ${snapshot.size} metrics are as the source says them now; what it has forgotten is told by names`,
    )
  } else if (metadata !== 'none') snapshot = await readMetadata(metadata, (url) => http.fetchJson(url))
  const translate = deps.translate.prometheus
  const mapping = translate.mapping === undefined ? undefined : (await deps.userMapping?.(translate.mapping, 'prometheus'))?.metrics
  return { points: createPrometheusPoints({ translate, mapping, version: deps.version, metadata: snapshot, externalLabels }), notes }
}

/** Reads `target_info` and `otel_scope_info` of a time, in shorter windows where it is too much. */
async function readInfos(store: PrometheusStore, from: number, to: number, maxTargets: number, abort: AbortSignal): Promise<Infos> {
  const targets = createInfoTimeline(maxTargets)
  const scopes = createInfoTimeline(maxTargets, scopeKeyOf)
  for (const [name, timeline] of [
    ['target_info', targets],
    ['otel_scope_info', scopes],
  ] as const) {
    let width = to - from
    let torn = 0
    for (let at = from; at < to; ) {
      const end = Math.min(at + width, to)
      try {
        const { series } = await store.read([name], { fromMs: at, toMs: end, maxSamples: infoSamples, maxBytes: infoBytes }, abort)
        for (const { labels, samples } of series) timeline.add({ labels, samples, from: 0, to: samples.count })
        at = end
        torn = 0
      } catch (error) {
        const isTorn = error instanceof TornAnswer && ++torn <= mostTorn
        if ((!isTorn && !(error instanceof TooMuch)) || end - at <= 1) throw error
        width = Math.ceil((end - at) / 2)
      }
    }
  }
  return { targets, scopes }
}

/** A source of slices of {@link windowPlan}. */
export function createPrometheusHttpSource(parts: HttpSourceParts): Source {
  const { kind, name, identity, approximate, deps, store, points } = parts
  const namesOf = remembered((from, to, abort) => store.names(from, to, abort))
  const infosOf = remembered((from, to, abort) => readInfos(store, from - infoBeforeMs, to, parts.maxTargets, abort))
  let prepared: Promise<void> | undefined
  /** Names of the whole time that is wanted: what is renamed must be so alike in all slices. */
  const prepare = async (abort: AbortSignal): Promise<void> => {
    const { sinceMs = 0, untilMs = deps.nowMs() } = deps.filter
    if (points.wantsNames) points.prepare([...new Set(await store.names(sinceMs, untilMs, abort))].sort())
  }
  const open: Source['open'] = (slice, cursor) => {
    const { from, to, shard, of } = keyOf(slice)
    return createPrometheusWindows({
      fromMs: from,
      toMs: to,
      cursor,
      deps,
      points,
      where: `${new Date(from).toISOString()} ${shard}/${of}`,
      families: async (abort) => {
        prepared ??= prepare(abort)
        await prepared.catch((error: unknown) => {
          prepared = undefined
          throw error
        })
        return familiesOf(await namesOf(from, to, abort), (family) => shardOf(family, of) === shard)
      },
      infos: (abort) => infosOf(from, to, abort),
      read: (names, range, abort) => store.read(names, range, abort),
    })
  }
  return {
    kind,
    name,
    identity,
    unit: 'sample',
    approximate,
    isLocal: false,
    plan: () => Promise.resolve(windowPlan(kind, deps.filter, deps.nowMs(), parts.shards, [...points.notes, ...parts.notes])),
    open,
    async count(slice, deep, abort) {
      if (!deep) return undefined
      const { from, to, shard, of } = keyOf(slice)
      const sum = new SampleSum()
      let items = 0
      // Windows and retries as when it was read; only what is done with the samples is less.
      const counting: PrometheusPoints = {
        notes: [],
        wantsNames: false,
        prepare: () => {},
        translate: ({ series }) => {
          for (const one of series) {
            items += one.to - one.from
            sum.series(one)
          }
          return { read: 0, bytes: 0, skipped: {}, faults: [], translated: 0, requests: [], sum: 0n, minMs: undefined, maxMs: undefined }
        },
      }
      const reader = createPrometheusWindows({
        fromMs: from,
        toMs: to,
        cursor: undefined,
        deps: { ...deps, page: { items: 250_000, bytes: deps.page.bytes } },
        points: counting,
        where: `${new Date(from).toISOString()} ${shard}/${of}`,
        families: async (signal) => familiesOf(await store.names(from, to, signal), (family) => shardOf(family, of) === shard),
        infos: () => Promise.resolve({ targets: createInfoTimeline(0), scopes: createInfoTimeline(0) }),
        read: (names, range, signal) => store.read(names, range, signal),
      })
      for (;;) {
        const page = await reader.next(abort)
        const result = page?.translate()
        for (const reason of ['duplicate_in_source', 'conflict_in_source']) items += result?.skipped[reason] ?? 0
        if (page === undefined || page.last) return { items, sum: sum.take() }
      }
    },
    close: () => store.close(),
  }
}
