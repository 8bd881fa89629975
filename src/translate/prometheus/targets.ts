/** What `target_info` says of each target (tenant, job, instance): section 8.3 of the mapping. Bounded, least recently seen out. */

import type { Label } from './series-labels.ts'

export interface TargetsOptions {
  /** Targets that are remembered. */
  readonly max: number
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
  attributes(key: string): readonly Label[]
  /** Forgets those that were not seen for too long. */
  expire(nowMs: number): void
  readonly size: number
  /** Another number whenever something was seen. */
  readonly revision: number
  rows(): TargetRow[]
  restore(rows: Iterable<TargetRow>): void
}

const none: readonly Label[] = []

const same = (left: readonly Label[], right: readonly Label[]): boolean =>
  left.length === right.length && left.every(([name, value], at) => right[at]?.[0] === name && right[at]?.[1] === value)

/** The key of a target. */
export function targetKey(tenant: string, job: string, instance: string): string {
  return `${tenant}\u0000${job}\u0000${instance}`
}

export function createTargets(options: TargetsOptions): Targets {
  // In order of when they were seen: a Map keeps the order of insertion, and who is seen is inserted anew.
  const known = new Map<string, { attributes: readonly Label[]; seenMs: number }>()
  let revision = 0
  const drop = (key: string): void => {
    known.delete(key)
    revision++
    options.onChange(key)
  }
  return {
    set(key, attributes, nowMs) {
      const before = known.get(key)
      known.delete(key)
      known.set(key, { attributes, seenMs: nowMs })
      revision++
      if (before === undefined || !same(before.attributes, attributes)) options.onChange(key)
      if (known.size > options.max) for (const oldest of known.keys()) return void drop(oldest)
    },
    forget(key, attributes) {
      const found = known.get(key)
      if (found !== undefined && same(found.attributes, attributes)) drop(key)
    },
    attributes: (key) => known.get(key)?.attributes ?? none,
    expire(nowMs) {
      for (const [key, { seenMs }] of known) {
        if (nowMs - seenMs <= options.ttlMs) return
        drop(key)
      }
    },
    get size() {
      return known.size
    },
    get revision() {
      return revision
    },
    rows: () => [...known].map(([key, one]) => ({ key, ...one })),
    restore(rows) {
      for (const { key, attributes, seenMs } of rows) {
        if (known.size >= options.max) return
        known.set(key, { attributes, seenMs })
        options.onChange(key)
      }
    },
  }
}
