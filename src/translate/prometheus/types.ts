/**
 * Of which type a series is: section 4 of the mapping. First the user's word, then metadata, labels, and last the name. What was said and what
 * was decided is remembered by tenant and family, bounded. Time is an argument.
 */

import { matches } from '../patterns.ts'
import { FamilyKind, Member } from './assembler.ts'
import { MetricType } from './model.ts'
import { createTypeMemory, cutHelp, decide, longest, rowOf, Seen, type TypedFamily, type TypeRow } from './type-memory.ts'
import {
  type Placed,
  placeByName,
  placeByRole,
  placeByType,
  placeNative,
  type Reason,
  reasons,
  suffixOf,
  type TypeQuery,
  typeOfWord,
  wordOfType,
} from './type-rules.ts'

export interface TypesOptions {
  /** Words of types by name or pattern, in the order in which they are tried. */
  readonly overrides?: Readonly<Record<string, string>> | undefined
  /** `rw1.type_policy`. Default: heuristic. */
  readonly policy?: 'heuristic' | 'hold' | undefined
  /** `rw1.metadata_wait`, ms. */
  readonly metadataWaitMs?: number | undefined
  /** Families of all tenants that are remembered. */
  readonly maxFamilies?: number | undefined
  /** Bytes of them, roughly. */
  readonly maxBytes?: number | undefined
}

/** A series whose type is asked for. */
export interface SeriesQuery extends TypeQuery {
  /** Type out of the series' own metadata (2.0), {@link MetricType}; 0: it has none. */
  readonly declared: number
  /** Help and unit out of the same place. */
  readonly help?: string | undefined
  readonly unit?: string | undefined
  /** Values of labels `__type__` and `__unit__`. */
  readonly typeLabel?: string | undefined
  readonly unitLabel?: string | undefined
}

export interface Resolved extends Placed {
  /** As metadata says it, a word; empty: nobody says one. */
  readonly unit: string
  readonly help: string
  readonly why: Reason
  /** `rw1.type_policy: hold`: samples of 1.0 wait for metadata until then (ms), and the type is asked for again. 0: they need not wait. */
  readonly holdUntilMs: number
  /** The family was of another shape before: counts as `type_switch_total`. */
  readonly switched: boolean
}

/** A family for the admin page. */
export interface TypeDecision {
  readonly tenant: string
  readonly family: string
  /** Word of the type, or `undecided`. */
  readonly type: string
  readonly unit: string
  readonly help: string
  readonly why: string
  readonly overridden: boolean
  /** When its type was decided first, ms. */
  readonly sinceMs: number
  readonly switches: number
}

export interface Types {
  /**
   * Metadata of a family. Types: the last that is not unknown wins, at once three times, then once an hour; help: the longer stays; unit: the
   * last. Names over 1,024 characters are left out, units over 63, too, help is cut at 4,096.
   * @returns whether it differs from what series were judged by, so that these should be asked for again; see `settle`
   */
  learn(tenant: string, family: string, type: number, help: string, unit: string, nowMs: number): boolean
  /** Metadata that came with a series without samples (2.0). Returns as `learn`. */
  learnSeries(tenant: string, query: SeriesQuery, nowMs: number): boolean
  /** What a series is. Learns its own metadata by the way. Never throws. */
  resolve(tenant: string, query: SeriesQuery, nowMs: number): Resolved
  /** The type that the user or metadata says of a family; 0: nobody does. */
  said(tenant: string, family: string): number
  /** The assembler found out what a family without metadata is: `FamilyKind`. */
  decided(tenant: string, family: string, kind: number, nowMs: number): void
  /**
   * Whether answers given before the last `settle` would be others now. Once a request, after all of it: senders may say two types of one
   * family in one request, again and again, and that is no change.
   */
  settle(): boolean
  /** Families that are remembered. */
  readonly families: number
  /** Families forgotten because there were too many. */
  readonly evicted: number
  /** How often metadata named a type other than the one before. */
  readonly conflicts: number
  /** How often a family became a type of another shape. */
  readonly switches: number
  /** Families whose type was decided, the least recently used first. @param limit as many of the latest; default: all */
  list(limit?: number): TypeDecision[]
  /** What is remembered, for storing. */
  export(): TypeRow[]
  /** Takes what was stored. Rows of another form are left out. @returns how many were taken */
  import(rows: Iterable<unknown>): number
}

/** Metadata may take a type back this often at once; then it has to wait: two targets that differ say so every minute, in any order. */
const freeRetypes = 3
const retypeEveryMs = 3_600_000

/** Families whose changes are looked at one by one; beyond it all counts as changed. */
const maxChanged = 10_000

/** Suffixes of names that are judged by a family without them. */
const derived = ['', '_bucket', '_sum', '_count', '_total', '_created', '_info', '_gcount', '_gsum'] as const

/** Reasons that metadata could still do away with. */
const provisional: ReadonlySet<Reason> = new Set<Reason>(['h1', 'h4', 'h5', 'h6', 'h10', 'undecided', 'nothing'])

/** Whether a `_sum` or `_count` without metadata may belong to what has the rest of its name, by the type metadata says of that. */
const mayHaveMembers = (type: number | undefined): boolean =>
  type === undefined || type === MetricType.Unknown || type === MetricType.Histogram || type === MetricType.Summary

/** The type out of a series' own metadata; numbers that are none: Unknown. */
const declaredBy = ({ declared }: SeriesQuery): number => (wordOfType(declared) === 'unknown' ? MetricType.Unknown : declared)

const judged = 1
const described = 2

interface Said {
  readonly metaType: number
  readonly help: string
  readonly unit: string
}

const seenBit = (member: number): number =>
  member === Member.Bucket ? Seen.Bucket : member === Member.Sum ? Seen.Sum : member === Member.Count ? Seen.Count : Seen.Quantile

export function createTypes(options: TypesOptions): Types {
  const { policy = 'heuristic', metadataWaitMs = 60_000, maxFamilies = 100_000, maxBytes = 64 * 1024 * 1024 } = options
  const overrides = Object.entries(options.overrides ?? {}).map(([pattern, word]) => ({ pattern, type: typeOfWord(word) }))
  const families = createTypeMemory(maxFamilies, maxBytes)
  /** What metadata said when answers were last settled, of families that say something else now. */
  const before = new Map<TypedFamily, Said>()
  let changed = false
  let conflicts = 0
  let switches = 0

  const isChanged = (family: TypedFamily, { metaType, help, unit }: Said): boolean =>
    family.metaType !== metaType || family.help !== help || family.unit !== unit

  /** Whether series were judged by what is known of a family, under its own name or one that is derived from it or the other way round. */
  const isUsed = ({ tenant, name }: TypedFamily, mask: number): boolean => {
    if (derived.some((suffix) => ((families.find(tenant, name + suffix)?.used ?? 0) & mask) !== 0)) return true
    const suffix = suffixOf(name)
    return suffix !== undefined && ((families.find(tenant, name.slice(0, -suffix.length))?.used ?? 0) & mask) !== 0
  }

  /** Sets the type that metadata says. */
  const retype = (family: TypedFamily, type: number, version: number, nowMs: number): void => {
    if (type === MetricType.Unknown || type === family.metaType) return
    if (family.metaType !== MetricType.Unknown) {
      conflicts++
      if (family.retypes >= freeRetypes && nowMs - family.retypedMs < retypeEveryMs) return
      family.retypes++
      family.retypedMs = nowMs
    }
    family.metaType = type
    family.version = version
  }

  /**
   * What of a family is another now, as bits of `used`. Series that bring types and units of their own may differ among themselves, and do so
   * for good: of these only what was unknown before makes others look again.
   */
  const touched = (last: Said, family: TypedFamily, version: number, said: boolean): number => {
    const type = family.metaType !== last.metaType && (version === 1 || last.metaType === MetricType.Unknown)
    const unit = family.unit !== last.unit && (version === 1 || last.unit === '')
    return (type || !said ? judged : 0) | (unit || family.help !== last.help ? described : 0)
  }

  const say = (tenant: string, name: string, type: number, help: string, unit: string, version: number, nowMs: number): boolean => {
    const family = families.use(tenant, name)
    if (family === undefined) return false
    const { metaType, said } = family
    const last: Said = { metaType, help: family.help, unit: family.unit }
    retype(family, wordOfType(type) === 'unknown' ? MetricType.Unknown : type, version, nowMs)
    family.said = true
    const longer = help.length > family.help.length ? cutHelp(help) : family.help
    families.describe(family, longer, unit !== '' && unit.length <= longest.unit ? unit : family.unit)
    if (isChanged(family, last) && isUsed(family, touched(last, family, version, said)) && !before.has(family)) {
      if (before.size < maxChanged) before.set(family, last)
      else changed = true
    }
    const earlier = before.get(family)
    return changed || (earlier !== undefined && isChanged(family, earlier))
  }

  const byOverride = (query: SeriesQuery): Placed | undefined => {
    if (overrides.length === 0) return undefined
    const { name } = query
    const suffix = suffixOf(name)
    const stem = suffix === undefined ? undefined : name.slice(0, -suffix.length)
    for (const { pattern, type } of overrides) {
      const via = matches(pattern, name) ? 'series' : stem !== undefined && matches(pattern, stem) ? 'stem' : undefined
      if (via === undefined) continue
      if (query.native) {
        if (via === 'series') return placeNative(query, type)
        continue
      }
      const found = placeByType(query, type, via)
      if (found !== undefined) return found
    }
    return undefined
  }

  const metadataReason = (version: number): Reason => (version === 2 ? 'metadata 2.0' : 'metadata 1.0')

  /** What metadata that is remembered says of a series, and the family it was said of. Its name without suffix is asked only when nothing is said of its name. */
  const byMemory = (tenant: string, query: SeriesQuery): { placed: Placed | undefined; source: TypedFamily | undefined } => {
    const exact = families.find(tenant, query.name)
    if (exact?.said) {
      const { metaType } = exact
      if (metaType === MetricType.Unknown) return { placed: undefined, source: exact }
      return { placed: query.native ? placeNative(query, metaType) : placeByType(query, metaType, 'exact'), source: exact }
    }
    const suffix = query.native ? undefined : suffixOf(query.name)
    const stem = suffix === undefined ? undefined : families.find(tenant, query.name.slice(0, -suffix.length))
    if (stem === undefined || stem.metaType === MetricType.Unknown) return { placed: undefined, source: undefined }
    const placed = placeByType(query, stem.metaType, 'stem')
    return { placed, source: placed === undefined ? undefined : stem }
  }

  /** The rules in their order, down to the name. */
  const place = (tenant: string, query: SeriesQuery): { placed: Placed; why: Reason; source: TypedFamily | undefined } => {
    const overridden = byOverride(query)
    const memory = byMemory(tenant, query)
    const { source } = memory
    if (overridden !== undefined) return { placed: overridden, why: 'override', source }
    const declared = declaredBy(query)
    if (declared !== MetricType.Unknown) {
      const placed = query.native ? placeNative(query, declared) : placeByType(query, declared, 'series')
      if (placed !== undefined) return { placed, why: 'metadata 2.0', source }
    }
    if (memory.placed !== undefined && source !== undefined) return { placed: memory.placed, why: metadataReason(source.version), source }
    const labelled = query.typeLabel === undefined ? MetricType.Unknown : typeOfWord(query.typeLabel)
    if (query.native) return { placed: placeNative(query, labelled), why: labelled === 0 ? 'native' : 'label __type__', source }
    if (labelled !== MetricType.Unknown) {
      const placed = placeByType(query, labelled, 'series')
      if (placed !== undefined) return { placed, why: 'label __type__', source }
    }
    const [placed, why] = placeByName(query)
    if (why !== 'undecided' || mayHaveMembers(families.find(tenant, placed.family)?.metaType)) return { placed, why, source }
    return { placed: { ...placed, family: query.name, member: 0 }, why: 'h4', source }
  }

  /** Notes that a family without metadata has a kind of member. Where that is a new one, it holds no longer that it has nothing but lone series. */
  const meet = (family: TypedFamily, bit: number): void => {
    family.seen |= bit
    if (family.loneSeen === 0 || (family.loneSeen & bit) !== 0) return
    family.loneSeen = 0
    changed = true
  }

  /** Until when its series wait, as long as it is this that they are taken for. */
  const heldUntil = ({ sinceMs, why }: TypedFamily): number => (policy === 'hold' && provisional.has(why) ? sinceMs + metadataWaitMs : 0)
  /** Series of it wait: what they were taken for so far nobody has seen. */
  const isHeld = (family: TypedFamily, nowMs: number): boolean => family.sinceMs !== 0 && heldUntil(family) > nowMs

  /** Writes down what a series was taken for. Of members that only time can tell: a gauge when time has told. */
  const note = (
    family: TypedFamily,
    query: SeriesQuery,
    placed: Placed,
    why: Reason,
    nowMs: number,
  ): readonly [Placed, Reason, boolean] => {
    if (why === 'h1' || why === 'h5' || why === 'undecided') meet(family, seenBit(placed.member))
    if (why === 'undecided') {
      if (family.loneSeen !== 0) return [{ ...placed, family: query.name, member: 0 }, 'h4', false]
      family.open = true
      if (family.sinceMs === 0 || family.why === 'h4') decide(family, -1, why, nowMs)
      return [placed, why, false]
    }
    const switched = decide(family, placed.type, why, nowMs, isHeld(family, nowMs))
    if (switched) switches++
    return [placed, why, switched]
  }

  const familyOf = ({ special, of, family }: Placed): string => (special === 'created' ? of : family)

  const ownText = (query: SeriesQuery, source: TypedFamily | undefined): { unit: string; help: string } => {
    const { help = '', unit = '', unitLabel = '' } = query
    const known = source?.help ?? ''
    const own = [unit, source?.unit ?? '', unitLabel].find((one) => one !== '' && one.length <= longest.unit) ?? ''
    return { unit: own, help: help.length > known.length ? cutHelp(help) : known }
  }

  const learnOwn = (tenant: string, query: SeriesQuery, nowMs: number): boolean => {
    const declared = declaredBy(query)
    if (declared === MetricType.Unknown) return false
    const placed = query.native ? placeNative(query, declared) : placeByType(query, declared, 'series')
    if (placed === undefined || placed.badBound) return false
    return say(tenant, familyOf(placed), declared, query.help ?? '', query.unit ?? '', 2, nowMs)
  }

  return {
    learn: (tenant, family, type, help, unit, nowMs) => say(tenant, family, type, help, unit, 1, nowMs),
    learnSeries: learnOwn,
    resolve(tenant, query, nowMs) {
      const role = placeByRole(query)
      if (role !== undefined) return { ...role[0], why: role[1], unit: '', help: '', holdUntilMs: 0, switched: false }
      learnOwn(tenant, query, nowMs)
      const found = place(tenant, query)
      const { placed, why, source } = found
      const family = placed.badBound || placed.special !== undefined ? undefined : families.use(tenant, placed.family)
      const text = ownText(query, source ?? family)
      if (family === undefined) return { ...placed, why, ...text, holdUntilMs: 0, switched: false }
      family.used |= why === 'metadata 2.0' && declaredBy(query) !== MetricType.Unknown ? described : judged | described
      const [settled, reason, switched] = note(family, query, placed, why, nowMs)
      const untilMs = provisional.has(reason) ? heldUntil(family) : 0
      return { ...settled, why: reason, ...text, holdUntilMs: untilMs > nowMs ? untilMs : 0, switched }
    },
    said(tenant, name) {
      const override = overrides.find(({ pattern }) => matches(pattern, name))
      return override?.type ?? families.find(tenant, name)?.metaType ?? MetricType.Unknown
    },
    decided(tenant, name, kind, nowMs) {
      const family = families.find(tenant, name)
      if (family === undefined || !family.open) return
      const undecided = family.why === 'undecided'
      if (kind === FamilyKind.Gauges) {
        // Other series of the name are histograms or summaries: what these are is told one by one.
        if ((family.seen & (Seen.Bucket | Seen.Quantile)) !== 0) return
        family.loneSeen = family.seen
        if (undecided) decide(family, MetricType.Unknown, 'h4', nowMs)
        changed = true
      } else if (kind === FamilyKind.Histogram) {
        if (undecided) decide(family, MetricType.Histogram, 'h2', nowMs)
      } else if (kind === FamilyKind.Summary) {
        if (undecided) decide(family, MetricType.Summary, (family.seen & Seen.Quantile) !== 0 ? 'h2' : 'h3', nowMs)
      } else return
      family.open = false
    },
    settle() {
      let outdated = changed
      for (const [family, earlier] of before) outdated ||= isChanged(family, earlier)
      before.clear()
      changed = false
      return outdated
    },
    get families() {
      return families.size
    },
    get evicted() {
      return families.evicted
    },
    get conflicts() {
      return conflicts
    },
    get switches() {
      return switches
    },
    list(limit = Number.POSITIVE_INFINITY) {
      const decisions = [...families.all()].filter(({ sinceMs }) => sinceMs !== 0)
      return decisions.slice(Math.max(0, decisions.length - limit)).map(decisionOf)
    },
    export: () => [...families.all()].map(rowOf),
    import(rows) {
      let taken = 0
      for (const row of rows) {
        if (!isRow(row)) continue
        const family = families.use(row.tenant, row.family)
        if (family === undefined) continue
        const { help, unit, tenant, family: name, why, ...rest } = row
        families.describe(family, cutHelp(help), unit)
        Object.assign(family, rest, { why: Object.hasOwn(reasons, why) ? why : 'nothing' })
        taken++
      }
      return taken
    },
  }
}

function decisionOf({ tenant, name, type, unit, help, why, sinceMs, switches }: TypedFamily): TypeDecision {
  const word = type < 0 ? 'undecided' : wordOfType(type)
  return { tenant, family: name, type: word, unit, help, why: reasons[why], overridden: why === 'override', sinceMs, switches }
}

const texts = ['tenant', 'family', 'unit', 'help', 'why'] as const
const flags = ['said', 'open'] as const
const numbers = ['metaType', 'version', 'type', 'sinceMs', 'switches', 'seen', 'loneSeen'] as const

function isRow(row: unknown): row is TypeRow {
  if (typeof row !== 'object' || row === null) return false
  const fields = row as Readonly<Record<string, unknown>>
  return (
    flags.every((key) => typeof fields[key] === 'boolean') &&
    texts.every((key) => typeof fields[key] === 'string') &&
    numbers.every((key) => Number.isFinite(fields[key]))
  )
}
