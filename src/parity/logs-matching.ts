/** Finds for each expected record the entry that it became: by its id, by its exact time and text, and then by what is near. Pure. */

import type { ExpectedEntry, StoredEntry } from './logs-store.ts'
import { sameText } from './logs-text.ts'

/** How an entry was found. `time`: its time is another one; `line`: its text is. */
export type MatchedBy = 'exact' | 'time' | 'line'

export interface Match {
  readonly expected: ExpectedEntry
  readonly found: StoredEntry
  readonly by: MatchedBy
}

export interface Matching {
  readonly matches: readonly Match[]
  /** Expected ones that are equal to another one in all that reaches the new side: it stores one of them. */
  readonly repeated: readonly ExpectedEntry[]
  readonly missing: readonly ExpectedEntry[]
  /** Entries that nobody became. */
  readonly left: readonly StoredEntry[]
}

/** How far the time of an entry may be off, when its text and its fields say that it is the one. */
const nearNs = 1_000_000_000n

/** An id that Elasticsearch made: the sender gave none. */
export const isOwnId = (id: string): boolean => /^[A-Za-z0-9_-]{20}$/.test(id)

/** Part of the expected fields that the entry has, 0 to 1. */
function likeness({ fields }: ExpectedEntry, found: StoredEntry): number {
  if (fields.size === 0) return 1
  let same = 0
  for (const [name, texts] of fields) {
    const text = found.fields.get(name)
    if (text !== undefined && texts.some((one) => sameText(one, text))) same++
  }
  return same / fields.size
}

const distance = (a: bigint, b: bigint): bigint => (a > b ? a - b : b - a)

/** All that the new side gets, as text; an id that the old side made is not among it. */
function identityOf({ timeNs, line, fields, record }: ExpectedEntry, idField: string): string {
  const parts = [...fields].filter(([name]) => name !== idField || !isOwnId(record.id))
  return JSON.stringify([String(timeNs), line, parts.sort(([a], [b]) => (a < b ? -1 : 1))])
}

class Pool {
  private readonly free: Set<StoredEntry>
  private readonly byTime = new Map<bigint, StoredEntry[]>()
  private readonly byLine = new Map<string, StoredEntry[]>()
  private readonly byId = new Map<string, StoredEntry[]>()

  constructor(entries: readonly StoredEntry[], idField: string) {
    this.free = new Set(entries)
    const add = <K>(map: Map<K, StoredEntry[]>, key: K, one: StoredEntry): void => {
      const list = map.get(key)
      if (list === undefined) map.set(key, [one])
      else list.push(one)
    }
    for (const one of entries) {
      add(this.byTime, one.timeNs, one)
      add(this.byLine, one.line, one)
      const id = one.fields.get(idField)
      if (id !== undefined) add(this.byId, id, one)
    }
  }

  /** The likeliest of those that are still free, and at least as likely as said. */
  private best(list: readonly StoredEntry[] | undefined, expected: ExpectedEntry, least: number): StoredEntry | undefined {
    let found: StoredEntry | undefined
    let most = least
    for (const one of list ?? []) {
      if (!this.free.has(one)) continue
      const like = likeness(expected, one)
      if (like < most || (found !== undefined && like === most)) continue
      found = one
      most = like
      if (like === 1) break
    }
    return found
  }

  private take(found: StoredEntry | undefined): StoredEntry | undefined {
    if (found !== undefined) this.free.delete(found)
    return found
  }

  withId(expected: ExpectedEntry): StoredEntry | undefined {
    return this.take(this.best(this.byId.get(expected.record.id), expected, 0))
  }

  exact(expected: ExpectedEntry): StoredEntry | undefined {
    const same = this.byTime.get(expected.timeNs)?.filter(({ line }) => sameText(expected.line, line))
    return this.take(this.best(same, expected, 0))
  }

  sameTime(expected: ExpectedEntry): StoredEntry | undefined {
    return this.take(this.best(this.byTime.get(expected.timeNs), expected, 0.5))
  }

  sameLine(expected: ExpectedEntry): StoredEntry | undefined {
    const near = this.byLine
      .get(expected.line)
      ?.filter(({ timeNs }) => expected.timeNs === 0n || distance(timeNs, expected.timeNs) <= nearNs)
      .sort((a, b) => Number(distance(a.timeNs, expected.timeNs) - distance(b.timeNs, expected.timeNs)))
    return this.take(this.best(near, expected, 0.5))
  }

  left(): StoredEntry[] {
    return [...this.free]
  }
}

const byOf = (expected: ExpectedEntry, found: StoredEntry): MatchedBy =>
  expected.timeNs !== found.timeNs ? 'time' : sameText(expected.line, found.line) ? 'exact' : 'line'

/** @param idField the field of entries that holds ids of documents */
export function matchEntries(expected: readonly ExpectedEntry[], entries: readonly StoredEntry[], idField: string): Matching {
  const pool = new Pool(entries, idField)
  const matches: Match[] = []
  const identities = new Set<string>()
  const note = (one: ExpectedEntry, found: StoredEntry): void => {
    matches.push({ expected: one, found, by: byOf(one, found) })
    identities.add(identityOf(one, idField))
  }
  // Sure ones first, for all: a guess must not take the entry that belongs to another record.
  let open: readonly ExpectedEntry[] = expected
  for (const find of [pool.withId, pool.exact, pool.sameTime, pool.sameLine]) {
    const still: ExpectedEntry[] = []
    for (const one of open) {
      // What is equal to one that was found is not to take what belongs to others.
      const found =
        identities.has(identityOf(one, idField)) && find !== pool.withId && find !== pool.exact ? undefined : find.call(pool, one)
      if (found === undefined) still.push(one)
      else note(one, found)
    }
    open = still
  }
  const isRepeated = (one: ExpectedEntry): boolean => identities.has(identityOf(one, idField))
  return {
    matches,
    repeated: open.filter(isRepeated),
    missing: open.filter((one) => !isRepeated(one)),
    left: pool.left(),
  }
}

/** Entries that are equal to one that was matched, in all but when they were received. */
export function repeatedEntries(matches: readonly Match[], left: readonly StoredEntry[]): ReadonlySet<StoredEntry> {
  const identity = ({ timeNs, line, fields }: StoredEntry): string =>
    JSON.stringify([
      String(timeNs),
      line,
      [...fields].filter(([name]) => name !== 'observed_timestamp').sort(([a], [b]) => (a < b ? -1 : 1)),
    ])
  const known = new Set(matches.map(({ found }) => identity(found)))
  return new Set(left.filter((one) => known.has(identity(one))))
}
