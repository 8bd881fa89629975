/**
 * Which request goes next. With `sender`, a request goes after all of the same address that were answered before it came. With `lane`, requests of one connection go one after the other; a connection that begins after others from the same
 * address were closed waits until theirs have gone; what earlier runs received is one connection per address. cutover.md 1.5.
 */

import { randomBytes } from 'node:crypto'
import type { Errand } from './errand.ts'

/** In the names of all connections of this process: those of others are closed. */
const run = `${randomBytes(6).toString('base64url')}.`

/** The name of a connection in an envelope's head. @param connection unique in this process; empty: no order */
export function laneName(connection: string): string {
  return connection === '' ? '' : run + connection
}

export interface Order {
  /** Errands come oldest first. */
  add(errand: Errand): void
  /** The next that may be sent; it is under way until `done` or `again`. */
  next(): Errand | undefined
  /** It has left: delivered or refused. */
  done(errand: Errand): void
  /** It is to be sent again, before everything behind it in its lane; `next` gives it after {@link Order.due}. */
  again(errand: Errand): void
  /** Its wait is over. */
  due(errand: Errand): void
  /** A connection is gone: those that begin now wait for it. */
  closed(lane: string): void
  /** Something of this connection, or of closed ones before it, has not left yet. */
  holds(lane: string, from: string): boolean
  /** Errands behind this one in its lane. */
  behind(errand: Errand): number
  /** True when `next` would give one. */
  readonly startable: boolean
  /** Takes out everything; to be called when nothing is under way. */
  removeAll(): Errand[]
}

interface Line {
  readonly key: string
  readonly from: string
  /** All connections of a sender. */
  readonly isShared: boolean
  readonly errands: Errand[]
  /** Errands that are under way, or wait to be tried again; with `lane` the first alone. */
  readonly away: Set<Errand>
  closed: boolean
  /** Its first errand waits to be tried again. */
  stuck: boolean
  /** Connections of which everything before the first errand here must go first. */
  readonly waitsFor: Set<Line>
  readonly waitedForBy: Set<Line>
}

/** Errands of a sender that are looked at for one that may go. */
const mostBeside = 64

/** Names of closed connections that are kept for those who may still come out of the queue. */
const closedNames = 10_000

function createUnordered(): Order {
  const fresh: Errand[] = []
  let head = 0
  const due: Errand[] = []
  const waiting = new Set<Errand>()
  return {
    add: (errand) => void fresh.push(errand),
    next() {
      const again = due.shift()
      if (again !== undefined) return again
      const errand = fresh[head]
      if (errand === undefined) return undefined
      head++
      if (head === fresh.length || head > 1024) {
        fresh.splice(0, head)
        head = 0
      }
      return errand
    },
    done() {},
    again: (errand) => void waiting.add(errand),
    due(errand) {
      if (!waiting.delete(errand)) return
      const at = due.findIndex(({ batch }) => batch.id > errand.batch.id)
      due.splice(at === -1 ? due.length : at, 0, errand)
    },
    closed() {},
    holds: () => false,
    behind: () => 0,
    get startable() {
      return due.length > 0 || head < fresh.length
    },
    removeAll() {
      const all = [...due, ...waiting, ...fresh.slice(head)]
      due.length = 0
      waiting.clear()
      fresh.length = 0
      head = 0
      return all
    },
  }
}

/** @param bySender requests of an address are in one line, and go before each other where neither was answered when the other came */
function createLanes(bySender: boolean): Order {
  const lines = new Map<string, Line>()
  const byAddress = new Map<string, Set<Line>>()
  /** Lines whose first errand may go, in the order in which they became so. */
  const ready = new Set<Line>()
  const closedLanes = new Set<string>()

  const keyOf = (lane: string, from: string): string => {
    if (lane === '') return ''
    if (!lane.startsWith(run)) return `earlier ${from}`
    return bySender ? `sender ${from}` : lane
  }

  /** The one that may go now. */
  const startable = ({ errands, away, waitsFor, isShared }: Line): Errand | undefined => {
    if (waitsFor.size > 0) return undefined
    if (away.size === 0) return errands[0]
    if (!isShared) return undefined
    const before: number[] = []
    for (const errand of errands) {
      const { seq = 0, beside = [] } = errand.head
      // Nothing behind the longest list can be free of all before it.
      if (before.length > mostBeside) return undefined
      if (!away.has(errand) && before.every((one) => beside.includes(one))) return errand
      before.push(seq)
    }
    return undefined
  }

  const look = (line: Line): void => {
    if (startable(line) !== undefined) ready.add(line)
    else ready.delete(line)
  }

  const lineOf = (errand: Errand): Line => {
    const { lane, from } = errand.head
    // Without a connection it has no order: a line of its own.
    const key = keyOf(lane, from) || `one ${errand.batch.id}`
    let line = lines.get(key)
    if (line !== undefined) return line
    const isShared = bySender && lane.startsWith(run)
    const closed = !isShared && (key !== lane || closedLanes.has(lane))
    line = { key, from, isShared, errands: [], away: new Set(), closed, stuck: false, waitsFor: new Set(), waitedForBy: new Set() }
    lines.set(key, line)
    if (lane === '') return line
    let others = byAddress.get(from)
    if (others === undefined) byAddress.set(from, (others = new Set()))
    for (const other of others) {
      // A sender that begins anew while an earlier request of its own is being repeated has mostly given that connection up.
      if (!other.closed && !other.stuck) continue
      line.waitsFor.add(other)
      other.waitedForBy.add(line)
    }
    others.add(line)
    return line
  }

  /** Its first errand is another one, or there is none any more. */
  const moved = (line: Line): void => {
    const first = line.errands[0]
    for (const other of line.waitedForBy) {
      if (first !== undefined && first.batch.id < (other.errands[0]?.batch.id ?? 0)) continue
      line.waitedForBy.delete(other)
      other.waitsFor.delete(line)
      look(other)
    }
    if (first !== undefined) {
      look(line)
      return
    }
    lines.delete(line.key)
    const others = byAddress.get(line.from)
    others?.delete(line)
    if (others?.size === 0) byAddress.delete(line.from)
    ready.delete(line)
  }

  return {
    add(errand) {
      const line = lineOf(errand)
      line.errands.push(errand)
      look(line)
    },
    next() {
      for (const line of ready) {
        ready.delete(line)
        const errand = startable(line)
        if (errand === undefined) continue
        line.away.add(errand)
        look(line)
        return errand
      }
      return undefined
    },
    done(errand) {
      const line = lineOf(errand)
      const at = line.errands.indexOf(errand)
      if (at >= 0) line.errands.splice(at, 1)
      line.away.delete(errand)
      line.stuck = false
      moved(line)
    },
    again(errand) {
      // The line stays busy: nothing overtakes it.
      lineOf(errand).stuck = true
    },
    due(errand) {
      const line = lineOf(errand)
      line.away.delete(errand)
      look(line)
    },
    closed(lane) {
      closedLanes.add(lane)
      if (closedLanes.size > closedNames) for (const first of closedLanes) if (closedLanes.delete(first)) break
      const line = lines.get(lane)
      if (line !== undefined) line.closed = true
    },
    holds(lane, from) {
      if (lane === '') return false
      if (lines.has(keyOf(lane, from))) return true
      for (const other of byAddress.get(from) ?? []) if (other.closed || other.stuck) return true
      return false
    },
    behind: (errand) => Math.max(0, (lines.get(keyOf(errand.head.lane, errand.head.from))?.errands.length ?? 1) - 1),
    get startable() {
      return ready.size > 0
    },
    removeAll() {
      const all = [...lines.values()].flatMap(({ errands }) => errands)
      lines.clear()
      byAddress.clear()
      ready.clear()
      return all
    },
  }
}

/** Creates an empty order. */
export function createOrder(ordering: 'sender' | 'lane' | 'none'): Order {
  return ordering === 'none' ? createUnordered() : createLanes(ordering === 'sender')
}
