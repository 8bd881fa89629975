/** Free ports of the loopback. There is a moment between asking and using: tests run one file at a time, which keeps it harmless. */

import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'

/** A TCP port that nothing listens on. */
export async function freeTcpPort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('cannot find a free port: no address')
  return address.port
}

/** A UDP port that nothing is bound to. */
export async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  await once(socket, 'close')
  return port
}

/** As many different free ports as there are names. */
export async function freePorts<Name extends string>(names: readonly Name[], one: () => Promise<number>): Promise<Record<Name, number>> {
  const found = new Map<Name, number>()
  for (const name of names) {
    let port = await one()
    while ([...found.values()].some((taken) => Math.abs(taken - port) < 2)) port = await one()
    found.set(name, port)
  }
  return Object.fromEntries(found) as Record<Name, number>
}
