/** Which offsets of one partition may be committed: all before the oldest message that is not done, and no more. Pure. */

/** A message on its way. Who is done with it says so to the {@link OffsetTracker} that gave it. */
export interface Ticket {
  readonly offset: number
  /** Bytes it counts for while it is under way. */
  readonly bytes: number
  done: boolean
  /** Let go without being done: nothing behind it is committed any more. */
  abandoned: boolean
}

export interface OffsetTracker {
  /** A message is handed out. Offsets come in ascending order; throws otherwise: that is a fault of ours. */
  add(offset: number, bytes: number): Ticket
  /** Everything before `offset` has been handed out, or holds nothing for us. */
  reached(offset: number): void
  /** The message is where it must be. Twice is once. */
  done(ticket: Ticket): void
  /** Nobody will be done with it here: whoever reads the partition next gets it again. */
  abandon(ticket: Ticket): void
  /** The offset to commit: that of the oldest message under way, or the one reached when there is none. */
  readonly committable: number
  /** Messages under way, and their bytes. */
  readonly underWay: number
  readonly bytes: number
}

/** Tickets gone before the list is cut. */
const cutAt = 1024

/** Creates the tracker of a partition that is read from `from` on. */
export function createOffsetTracker(from: number): OffsetTracker {
  let tickets: Ticket[] = []
  let head = 0
  let next = from
  let underWay = 0
  let bytes = 0

  return {
    add(offset, size) {
      if (offset < next) throw new Error(`BUG: offset ${offset} comes after ${next}`)
      const ticket: Ticket = { offset, bytes: size, done: false, abandoned: false }
      tickets.push(ticket)
      next = offset + 1
      underWay++
      bytes += size
      return ticket
    },
    reached(offset) {
      if (offset > next) next = offset
    },
    done(ticket) {
      if (ticket.done || ticket.abandoned) return
      ticket.done = true
      underWay--
      bytes -= ticket.bytes
      while (head < tickets.length && (tickets[head] as Ticket).done) head++
      if (head === tickets.length || head > cutAt) {
        tickets = tickets.slice(head)
        head = 0
      }
    },
    abandon(ticket) {
      if (ticket.done || ticket.abandoned) return
      ticket.abandoned = true
      underWay--
      bytes -= ticket.bytes
    },
    get committable() {
      return tickets[head]?.offset ?? next
    },
    get underWay() {
      return underWay
    },
    get bytes() {
      return bytes
    },
  }
}
