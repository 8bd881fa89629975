/** The index of what waits in memory: one line per format and signal, and one for all envelopes, each in order of age. */

import { ownsChunk } from '../../otlp/encode/chunks.ts'
import type { Forwarding } from './forwarding.ts'
import type { Holders } from './holders.ts'
import type { Cargo } from './outcomes.ts'
import type { QueuedBatch, TakeLimits } from './queue.ts'

/** A queued batch as its queue keeps it: `data` may be on disk only. */
export interface Entry {
  id: number
  readonly format: string
  readonly signal: Cargo
  readonly items: number
  readonly bytes: number
  readonly queuedAtMs: number
  maybeSent: boolean
  /** What whoever is told of its end knows it by. */
  readonly account: Uint8Array | undefined
  data: Uint8Array | undefined
  /** Lanes with the same bytes in memory; undefined: nobody else has them. */
  holders: Holders | undefined
  /** On disk its value stands apart, for several lanes. */
  readonly shared: boolean
  /** False for what is never on disk (`ack: forwarded`, memory queues). */
  readonly stored: boolean
  /** `ack: forwarded`: the one who waits for the word of all endpoints. */
  forwarded: Forwarding | undefined
}

interface Line {
  entries: (Entry | undefined)[]
  /** Entries before it are gone; the array is cut once they are many. */
  head: number
}

export interface Waiting {
  /** Entries come in order of age but for released ones, which find their old place. */
  add(entry: Entry): void
  /** The oldest entry of all lines. */
  oldest(): Entry | undefined
  /** The oldest entries of the oldest line, up to the limits but at least one; they are no longer here. */
  take(limits: TakeLimits): Entry[]
  /** Empties it. */
  removeAll(): Entry[]
  readonly size: number
  readonly items: number
  readonly bytes: number
}

/** An entry whose data is in memory, as the sending side sees it. */
export function asQueued(entry: Entry): QueuedBatch {
  if (entry.data === undefined) throw new Error(`BUG: batch ${entry.id} handed out without its data`)
  return entry as Entry & { data: Uint8Array }
}

/** `data` itself when it has its chunk to itself, else a copy: one tag must not pin a whole slab. */
export function ownBytes(data: Uint8Array): Uint8Array {
  return ownsChunk(data) ? data : new Uint8Array(data)
}

/** Creates an empty index. */
export function createWaiting(): Waiting {
  const lines = new Map<string, Line>()
  let size = 0
  let items = 0
  let bytes = 0

  const firstOf = (line: Line): Entry | undefined => line.entries[line.head]

  const oldestLine = (): Line | undefined => {
    let found: Line | undefined
    let id = Number.POSITIVE_INFINITY
    for (const line of lines.values()) {
      const first = firstOf(line)
      if (first !== undefined && first.id < id) {
        found = line
        id = first.id
      }
    }
    return found
  }

  const left = (entry: Entry): void => {
    size--
    items -= entry.items
    bytes -= entry.bytes
  }

  return {
    add(entry) {
      const key = entry.signal === 'legacy' ? entry.signal : `${entry.format}\n${entry.signal}`
      let line = lines.get(key)
      if (line === undefined) lines.set(key, (line = { entries: [], head: 0 }))
      const { entries } = line
      const last = entries[entries.length - 1]
      if (entries.length === line.head || (last !== undefined && last.id < entry.id)) entries.push(entry)
      else {
        let low = line.head
        let high = entries.length
        while (low < high) {
          const middle = (low + high) >>> 1
          if ((entries[middle] as Entry).id < entry.id) low = middle + 1
          else high = middle
        }
        if (low === line.head && low > 0) entries[--line.head] = entry
        else entries.splice(low, 0, entry)
      }
      size++
      items += entry.items
      bytes += entry.bytes
    },
    oldest() {
      const line = oldestLine()
      return line === undefined ? undefined : firstOf(line)
    },
    take(limits) {
      const line = oldestLine()
      const taken: Entry[] = []
      if (line === undefined) return taken
      let sumItems = 0
      let sumBytes = 0
      for (let next = firstOf(line); next !== undefined; next = firstOf(line)) {
        if (taken.length > 0 && (sumItems + next.items > limits.maxItems || sumBytes + next.bytes > limits.maxBytes)) break
        sumItems += next.items
        sumBytes += next.bytes
        taken.push(next)
        line.head++
        left(next)
      }
      if (line.head === line.entries.length || line.head > 1024) {
        line.entries = line.entries.slice(line.head)
        line.head = 0
      } else line.entries.fill(undefined, line.head - taken.length, line.head)
      return taken
    },
    removeAll() {
      const all: Entry[] = []
      for (const line of lines.values()) for (const entry of line.entries) if (entry !== undefined) all.push(entry)
      lines.clear()
      size = 0
      items = 0
      bytes = 0
      return all
    },
    get size() {
      return size
    },
    get items() {
      return items
    },
    get bytes() {
      return bytes
    },
  }
}
