/** What `target_info` says of each target (tenant, job, instance): section 8.3 of the mapping. Bounded, least recently seen out. */

import { mapKey } from '../../otlp/map-key.ts'
import type { Label } from './series-labels.ts'

export interface TargetsOptions {
  /** Targets that are remembered. */
  readonly max: number
  /** Units of UTF-16 in all keys and attributes; 32 Mi unless given. */
  readonly maxLength?: number | undefined
  /** How long one that says nothing more is remembered, ms. */
  readonly ttlMs: number
  /** Called with the key of a target whose attributes are other ones now. */
  readonly onChange: (key: string) => void
}

/** One target as it is stored. */
export interface TargetRow {
  readonly key: string
  readonly attributes: readonly Label[]
  readonly seenMs: number
}

export interface Targets {
  /** All labels of its `target_info` but name, job and instance; they replace those before. */
  set(key: string, attributes: readonly Label[], nowMs: number): void
  /** Its `target_info` went stale or 0. Only with the attributes that are its own now: an older series that ends says nothing about the newer one. */
  forget(key: string, attributes: readonly Label[]): void
  has(key: string): boolean
  attributes(key: string): readonly Label[]
  /** Forgets those that were not seen for too long. */
  expire(nowMs: number): void
  readonly size: number
  /** Another number whenever something was seen. */
  readonly revision: number
  rows(): TargetRow[]
  /** Takes what was stored, oldest first; what is known already stays as it is. */
  restore(rows: Iterable<TargetRow>): void
}

const none: readonly Label[] = []

const same = (left: readonly Label[], right: readonly Label[]): boolean =>
  left.length === right.length && left.every(([name, value], at) => right[at]?.[0] === name && right[at]?.[1] === value)

const lengthOf = (key: string, attributes: readonly Label[]): number => {
  let length = key.length
  for (const [name, value] of attributes) length += name.length + value.length
  return length
}

/** The key of a target. */
export function targetKey(tenant: string, job: string, instance: string): string {
  return `${tenant}\u0000${job}\u0000${instance}`
}

export function createTargets({ max, maxLength = 32 * 1024 * 1024, ttlMs, onChange }: TargetsOptions): Targets {
  // In order of when they were seen: a Map keeps the order of insertion, and who is seen is inserted anew.
  const known = new Map<string, TargetRow>()
  let revision = 0
  let length = 0

  const remove = (key: string): readonly Label[] | undefined => {
    const short = mapKey(key)
    const found = known.get(short)
    if (found === undefined) return undefined
    known.delete(short)
    length -= lengthOf(key, found.attributes)
    return found.attributes
  }

  const drop = (key: string): void => {
    remove(key)
    revision++
    onChange(key)
  }

  const put = (key: string, attributes: readonly Label[], seenMs: number): void => {
    const before = remove(key)
    known.set(mapKey(key), { key, attributes, seenMs })
    length += lengthOf(key, attributes)
    revision++
    if (before === undefined || !same(before, attributes)) onChange(key)
    for (const oldest of known.values()) {
      if (known.size <= max && (length <= maxLength || known.size === 1)) return
      drop(oldest.key)
    }
  }

  return {
    set: put,
    forget(key, attributes) {
      const found = known.get(mapKey(key))
      if (found !== undefined && same(found.attributes, attributes)) drop(key)
    },
    has: (key) => known.has(mapKey(key)),
    attributes: (key) => known.get(mapKey(key))?.attributes ?? none,
    expire(nowMs) {
      for (const { key, seenMs } of known.values()) {
        if (nowMs - seenMs <= ttlMs) return
        drop(key)
      }
    },
    get size() {
      return known.size
    },
    get revision() {
      return revision
    },
    rows: () => [...known.values()],
    restore(rows) {
      for (const { key, attributes, seenMs } of rows) if (!known.has(mapKey(key))) put(key, attributes, seenMs)
    },
  }
}
