/** What is remembered of the types of metrics: what metadata says of each family, and what its series were taken for. Bounded, least recently used out. */

import { shapeOf } from './metric-shape.ts'
import { MetricType } from './model.ts'
import type { Reason } from './type-rules.ts'

/** Bits of `TypedFamily.seen`: members without metadata that were met. */
export const Seen = { Bucket: 1, Sum: 2, Count: 4, Quantile: 8 } as const

/** One family of one tenant. */
export interface TypedFamily {
  readonly tenant: string
  readonly name: string
  /** What metadata says: one of {@link MetricType}, Unknown when it says nothing. */
  metaType: number
  /** Something was said of it, be it only that the type is unknown. */
  said: boolean
  unit: string
  help: string
  /** Version of remote-write that said the type. */
  version: number
  /** How often metadata took the type back, and when last. */
  retypes: number
  retypedMs: number
  /** What its series are taken for; −1: only time can tell. */
  type: number
  why: Reason
  /** When that was decided first, ms; 0: never yet. */
  sinceMs: number
  /** How often it became a type of another shape since. */
  switches: number
  /** Of {@link Seen}. */
  seen: number
  /** Members that only time can tell were met, and time has not told. */
  open: boolean
  /** It turned out to be no histogram and no summary, when these of {@link Seen} were met; 0: it did not. */
  loneSeen: number
  /** Bit 1: series were judged by what is written here; bit 2: series got help or unit from here. */
  used: number
}

/** A family as it is stored. */
export interface TypeRow {
  readonly tenant: string
  readonly family: string
  readonly said: boolean
  readonly metaType: number
  readonly unit: string
  readonly help: string
  readonly version: number
  readonly type: number
  readonly why: string
  readonly sinceMs: number
  readonly switches: number
  readonly seen: number
  readonly open: boolean
  readonly loneSeen: number
}

/** Longest texts that are remembered, in units of UTF-16. Families of longer names are not remembered at all; help is cut. */
export const longest = { name: 1024, help: 4096, unit: 63 } as const

const keyOf = (tenant: string, name: string): string => `${tenant.length}:${tenant}${name}`

/** Bytes of a family, roughly: names twice, as key and in it. */
const sizeOf = ({ tenant, name, unit, help }: TypedFamily): number =>
  400 + 4 * (tenant.length + name.length) + 2 * (unit.length + help.length)

export interface TypeMemory {
  readonly size: number
  /** Families that were forgotten because there were too many. */
  readonly evicted: number
  /** Looks one up, which does not count as use. */
  find(tenant: string, name: string): TypedFamily | undefined
  /** Looks one up and marks it as used just now; makes it where there is none. Undefined: its name is empty, or too long to be remembered. */
  use(tenant: string, name: string): TypedFamily | undefined
  /** Exchanges texts, which count for what is remembered. */
  describe(family: TypedFamily, help: string, unit: string): void
  /** The least recently used first. */
  all(): IterableIterator<TypedFamily>
}

/** @param max families of all tenants together @param maxBytes of all of them, roughly */
export function createTypeMemory(max: number, maxBytes: number): TypeMemory {
  // A Map keeps the order of insertion, and what is used is inserted anew.
  const known = new Map<string, TypedFamily>()
  /** The one that was inserted last: series of a family mostly come one after the other. */
  let newest: TypedFamily | undefined
  let bytes = 0
  let evicted = 0

  const evict = (): void => {
    for (const [key, family] of known) {
      if (known.size <= max && (bytes <= maxBytes || known.size <= 1)) return
      known.delete(key)
      bytes -= sizeOf(family)
      evicted++
    }
  }

  return {
    get size() {
      return known.size
    },
    get evicted() {
      return evicted
    },
    find: (tenant, name) => known.get(keyOf(tenant, name)),
    use(tenant, name) {
      const key = keyOf(tenant, name)
      const found = known.get(key)
      if (found !== undefined) {
        if (found !== newest) {
          known.delete(key)
          known.set(key, found)
          newest = found
        }
        return found
      }
      if (name === '' || name.length > longest.name) return undefined
      const made = createFamily(tenant, name)
      known.set(key, made)
      newest = made
      bytes += sizeOf(made)
      evict()
      return made
    },
    describe(family, help, unit) {
      bytes -= sizeOf(family)
      family.help = help
      family.unit = unit
      bytes += sizeOf(family)
      evict()
    },
    all: () => known.values(),
  }
}

function createFamily(tenant: string, name: string): TypedFamily {
  return {
    tenant,
    name,
    metaType: MetricType.Unknown,
    said: false,
    unit: '',
    help: '',
    version: 1,
    retypes: 0,
    retypedMs: 0,
    type: MetricType.Unknown,
    why: 'nothing',
    sinceMs: 0,
    switches: 0,
    seen: 0,
    open: false,
    loneSeen: 0,
    used: 0,
  }
}

/**
 * Writes down what a family's series are taken for. True when they were something of another shape before: a backend sees two of one name.
 * @param isHeld what they were taken for before was sent to nobody
 */
export function decide(family: TypedFamily, type: number, why: Reason, nowMs: number, isHeld = false): boolean {
  const isFirst = family.sinceMs === 0
  const switched = !isFirst && !isHeld && family.type >= 0 && type >= 0 && shapeOf(family.type) !== shapeOf(type)
  if (isFirst) family.sinceMs = Math.max(1, nowMs)
  if (switched) family.switches++
  family.type = type
  family.why = why
  return switched
}

const halfPair = /[\uD800-\uDBFF]$/

/** Help as it is remembered. */
export function cutHelp(help: string): string {
  return help.length <= longest.help ? help : help.slice(0, longest.help).replace(halfPair, '')
}

/** A family for storing. */
export function rowOf(family: TypedFamily): TypeRow {
  const { tenant, name, said, metaType, unit, help, version, type, why, sinceMs, switches, seen, open, loneSeen } = family
  return { tenant, family: name, said, metaType, unit, help, version, type, why, sinceMs, switches, seen, open, loneSeen }
}
