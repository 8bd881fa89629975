/**
 * All that is remembered between requests: streams, types, targets, histograms that are being put together. Everything in it is bounded.
 * One per endpoint; translators are handed it, and nothing in it reads a clock.
 */

import type { EncodedExemplar } from '../../otlp/metrics.ts'
import { createAssembler } from './assemble.ts'
import type { Assembler } from './assembler.ts'
import { type Claims, createClaims } from './claims.ts'
import type { PrometheusTranslateConfig } from './config.ts'
import type { CreatedName } from './created.ts'
import { createFamilyOutputs, type FamilyOutputs } from './family-output.ts'
import { createElections, type Elections } from './ha.ts'
import { Hasher, type Seed } from './hash.ts'
import { createNames, type Names } from './names.ts'
import { createOutputs, type Outputs } from './outputs.ts'
import { createRegistry, type Registry } from './registry.ts'
import { defaultSeriesLimits, type SeriesLimits } from './series-labels.ts'
import type { StreamStart } from './start-time.ts'
import { createStreams, Row, type Streams } from './streams.ts'
import { createTargets, type Targets } from './targets.ts'
import { createTypes, type Types } from './types.ts'
import type { UserMapping } from './user-mapping.ts'
import { createWaits, type Waits } from './waits.ts'

/** What a state is made of. */
export interface StateOptions {
  readonly translate: PrometheusTranslateConfig
  readonly mapping?: UserMapping | undefined
  readonly limits?: SeriesLimits | undefined
  /** Who has which name, where others know it, too. */
  readonly claims?: Claims | undefined
  /** The bridge's own version: of the scope of points that have none. */
  readonly version: string
  /** Random; that of what is read from disk takes its place (`hasher.seed`). */
  readonly seed: Seed
}

/** Kinds of streams: word `Row.Kind`, its low byte. */
export const Kind = {
  None: 0,
  /** Points of its own: floats, native histograms. */
  Plain: 1,
  Bucket: 2,
  Sum: 3,
  Count: 4,
  Quantile: 5,
  TargetInfo: 6,
  ScopeInfo: 7,
  Created: 8,
} as const

/** Bits of `Row.Kind` above the kind. */
export const kindMask = 0xff
/** Exemplars wait for the next point of the stream. */
export const hasExemplars = 0x100
/** A member whose values are multiplied by its family's factor. */
export const hasFactor = 0x200
/** Time and value were set since the process began: what was read from disk may be of a request that was never acknowledged. */
export const isFresh = 0x400

/** Attributes too long for the arena, all together. */
const maxLargeBytes = 64 * 1024 * 1024
const nothing = new DataView(new ArrayBuffer(0))

/** Its last point was a native histogram, of the one or the other shape: the marker of its end may come as a float. */
export const wasExponential = 0x800
export const wasExplicit = 0x1000

/** Its start was said by the sender, in a series of its own. */
export const isTold = 0x2000
/** Its values are `process_start_time_seconds`. */
export const isProcessStart = 0x4000

/** Its values are the start of another stream, see `tells`. */
export const tellsStart = 0x8000

/** How often it is looked whose `target_info` is too old. */
const expireMs = 60_000

/** Exemplars that wait, of all streams, and of one. */
const maxExemplars = 10_000

export interface PrometheusState {
  readonly options: PrometheusTranslateConfig
  readonly limits: SeriesLimits
  readonly version: string
  readonly hasher: Hasher
  readonly streams: Streams
  readonly types: Types
  readonly names: Names
  readonly outputs: Outputs
  readonly targets: Targets
  /** Attributes of scopes that `otel_scope_info` told of. */
  readonly scopes: Targets
  readonly assembler: Assembler
  readonly elections: Elections
  /** Rows that were looked at under another generation are looked at again. Odd. */
  readonly generation: number
  /** Another number after each request. */
  revision: number
  /** Types or names are other ones now. At most once a second: senders that contradict each other must not make every request slow. */
  outdated(nowMs: number): void
  /** Takes effect what `outdated` put off. Called with each request. */
  renew(nowMs: number): void
  /** Lets go of what a row uses; it says nothing any more then. */
  letGo(place: number): void
  /** Keeps an exemplar for the next point of a row. False when there are too many. */
  keepExemplar(place: number, exemplar: EncodedExemplar): boolean
  /** The exemplars that wait for a row; they wait no longer. */
  takeExemplars(place: number): readonly EncodedExemplar[]
  /** Factor of the values of a family's members. */
  readonly factors: Map<number, number>
  readonly families: FamilyOutputs
  /** Of streams whose start an option decides, by place. */
  readonly starts: Map<number, StreamStart>
  /** Keeps attributes that are too long for the arena. False when there are too many of them. */
  keepLarge(place: number, bytes: Uint8Array): boolean
  /** What was kept so; empty: nothing. */
  large(place: number): DataView
  /** What `…_created` series are the start of, by their name. */
  readonly createdNames: Registry<CreatedName>
  /** The same for those that have points of their own, by place. */
  readonly tells: Map<number, number>
  /** Who has which name. */
  readonly claims: Claims
  /** Families of which time decides what they are, by number: their tenant and name. */
  readonly undecided: Map<number, readonly [tenant: string, family: string]>
  /** Who waits. */
  readonly waits: Waits
  /** Another number whenever something was learnt that series may have waited for. */
  news: number
  /** Families of the assembler that are none after all: by the places of series that would be members of them. */
  readonly gaugeFamilies: Map<number, number>
}

export function createState(options: StateOptions): PrometheusState {
  const { translate } = options
  const exemplars = new Map<number, EncodedExemplar[]>()
  const large = new Map<number, DataView>()
  let largeBytes = 0
  let exemplarCount = 0
  let generation = 1
  let changed = false
  let renewedMs = Number.NEGATIVE_INFINITY
  let expiredMs = Number.NEGATIVE_INFINITY

  const takeExemplars = (place: number): readonly EncodedExemplar[] => {
    const found = exemplars.get(place) ?? []
    exemplars.delete(place)
    exemplarCount -= found.length
    return found
  }

  const letGo = (place: number): void => {
    const { words } = state.streams
    const kind = (words[place + Row.Kind] as number) & kindMask
    if (kind === Kind.Plain) {
      state.outputs.sources.release(words[place + Row.First] as number)
      state.outputs.metrics.release(words[place + Row.Second] as number)
    } else if (kind >= Kind.Bucket && kind <= Kind.Quantile) {
      state.assembler.release(words[place + Row.First] as number)
      state.families.release(words[place + Row.First] as number)
    } else if (kind === Kind.Created) state.createdNames.release(words[place + Row.First] as number)
    if (state.starts.size > 0) state.starts.delete(place)
    const told = state.tells.get(place)
    if (told !== undefined) {
      state.createdNames.release(told)
      state.tells.delete(place)
    }
    const family = state.gaugeFamilies.get(place)
    if (family !== undefined) {
      state.assembler.release(family)
      state.gaugeFamilies.delete(place)
    }
    const kept = large.get(place)
    if (kept !== undefined) {
      largeBytes -= kept.byteLength
      large.delete(place)
    }
    words[place + Row.Generation] = 0
    words[place + Row.Kind] = (words[place + Row.Kind] as number) & (isFresh | isTold | wasExponential | wasExplicit | hasExemplars)
  }

  /** As {@link letGo}, of a row that is no more: one that is only read again keeps the exemplars that wait for its next point. */
  const evicted = (place: number): void => {
    if (exemplars.has(place)) takeExemplars(place)
    letGo(place)
    state.waits.forget(place)
  }

  const renew = (nowMs: number): void => {
    if (nowMs - expiredMs > expireMs) {
      expiredMs = nowMs
      targets.expire(nowMs)
    }
    if (!changed || nowMs - renewedMs < 1000) return
    changed = false
    renewedMs = nowMs
    generation = (generation + 2) | 0
  }

  const targets = createTargets({
    max: translate.targetInfo.max,
    ttlMs: translate.targetInfo.ttl,
    onChange: (key) => state.outputs.targetChanged(key),
  })

  const state: PrometheusState = {
    options: translate,
    limits: options.limits ?? defaultSeriesLimits,
    version: options.version,
    hasher: new Hasher(options.seed),
    streams: createStreams({ max: translate.streams.max, maxBytes: translate.streams.maxSize, onEvict: evicted }),
    types: createTypes({
      overrides: { ...options.mapping?.types, ...translate.types },
      policy: translate.rw1.typePolicy,
      metadataWaitMs: translate.rw1.metadataWait,
    }),
    names: createNames({ names: translate.names, unitFromSuffix: translate.unitFromSuffix, mapping: options.mapping }),
    outputs: createOutputs((key) => targets.attributes(key)),
    targets,
    scopes: createTargets({ max: translate.targetInfo.max, ttlMs: translate.targetInfo.ttl, onChange: () => void (changed = true) }),
    assembler: createAssembler({
      windowMs: translate.assembler.window,
      reorderMs: translate.assembler.reorder,
      maxPending: translate.assembler.maxPending,
      incomplete: translate.assembler.incomplete,
      late: translate.late,
      preferNative: translate.preferNative,
      stale: translate.stale,
    }),
    elections: createElections({ timeoutMs: translate.ha.timeout }),
    get generation() {
      return generation
    },
    revision: 0,
    outdated(nowMs) {
      changed = true
      renew(nowMs)
    },
    renew,
    letGo,
    keepExemplar(place, exemplar) {
      if (exemplarCount >= maxExemplars) return false
      const found = exemplars.get(place)
      if (found === undefined) exemplars.set(place, [exemplar])
      else if (found.length >= 8) return false
      else found.push(exemplar)
      exemplarCount++
      state.streams.words[place + Row.Kind] = (state.streams.words[place + Row.Kind] as number) | hasExemplars
      return true
    },
    takeExemplars,
    factors: new Map(),
    starts: new Map(),
    families: createFamilyOutputs((source) => state.outputs.sources.release(source)),
    keepLarge(place, bytes) {
      if (largeBytes + bytes.length > maxLargeBytes) return false
      largeBytes += bytes.length
      large.set(place, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength))
      return true
    },
    large: (place) => (large.size === 0 ? nothing : (large.get(place) ?? nothing)),
    createdNames: createRegistry(),
    tells: new Map(),
    claims: options.claims ?? createClaims(),
    undecided: new Map(),
    waits: createWaits(translate.targetInfo.wait, translate.targetInfo.max),
    news: 0,
    gaugeFamilies: new Map(),
  }
  return state
}
