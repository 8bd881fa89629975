/**
 * What a sender had under way when a request of it came. A client that spreads its requests over connections knows an order all the same: it
 * sends the next sample of a series once the last one was answered, on whichever connection is free then. What was not answered yet it cannot build on.
 */

/** Requests of one sender that are named in another: with more under way, it waits for some that it need not wait for. */
const mostBeside = 64

export interface Senders {
  /** A request came: its place, and those of the same address that are not answered yet. */
  came(address: string, connection: string): { readonly seq: number; readonly beside: readonly number[] }
  /** The last one of the connection is answered. */
  answered(address: string, connection: string): void
  /** The connection is gone. */
  closed(connection: string): void
}

/** Creates it; a connection has one request under way at a time. */
export function createSenders(): Senders {
  /** By address and connection: the request that is not answered yet. */
  const open = new Map<string, Map<string, number>>()
  const addresses = new Map<string, string>()
  let count = 0

  const answered = (address: string, connection: string): void => {
    addresses.delete(connection)
    const own = open.get(address)
    own?.delete(connection)
    if (own?.size === 0) open.delete(address)
  }
  return {
    came(address, connection) {
      const seq = ++count
      let own = open.get(address)
      if (own === undefined) open.set(address, (own = new Map()))
      // The one before it on its connection was answered, or this would not have come.
      own.delete(connection)
      const beside: number[] = []
      for (const other of own.values()) if (beside.push(other) >= mostBeside) break
      own.set(connection, seq)
      addresses.set(connection, address)
      return { seq, beside }
    },
    answered,
    closed(connection) {
      const address = addresses.get(connection)
      if (address !== undefined) answered(address, connection)
    },
  }
}
