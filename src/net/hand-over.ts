/** One server after another on the same socket: no connection is refused or reset in between, not even one that is just being opened. */

import type { Server } from 'node:net'

/**
 * Makes a server listen on the socket of another, which keeps its connections and gets no new ones; it is to be closed soon.
 * Nothing but the socket passes over: the two may differ in everything they do with a connection.
 */
export function listenAfter(previous: Server, server: Server, onListening: () => void): void {
  server.listen(previous, onListening)
  // Otherwise closing the one would close the socket that the other has now.
  const holder = previous as unknown as { _handle: unknown }
  holder._handle = null
}

/** True while a server has a socket to give. */
export function holdsSocket(server: Server): boolean {
  const { _handle: handle } = server as unknown as { _handle?: unknown }
  return server.listening && typeof handle === 'object' && handle !== null
}
