/**
 * Workers share their ports. The system then no longer says that a port is taken by a stranger who shares his, too; so it is asked
 * before. Who connects in that moment is cut off: a bridge without workers does not ask.
 */

import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'
import { type Bound, bindAll } from './addresses.ts'
import type { Place } from './endpoints.ts'

/** True where several sockets may listen on one port and the kernel spreads over them. */
export const canSharePorts: boolean = process.platform === 'linux' || process.platform === 'freebsd'

const bindTcp = (address: string, port: number): Promise<Bound> =>
  new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy())
    server.once('error', reject)
    server.listen({ host: address, port, ipv6Only: address === '::1' }, () => {
      resolve({ address, port, close: () => new Promise((done) => server.close(() => done())) })
    })
  })

const bindUdp = (address: string, port: number): Promise<Bound> =>
  new Promise((resolve, reject) => {
    const socket = createSocket({ type: address.includes(':') ? 'udp6' : 'udp4', ipv6Only: address === '::1' })
    socket.once('error', reject)
    socket.bind({ address, port }, () => {
      resolve({ address, port, close: () => new Promise((done) => socket.close(() => done())) })
    })
  })

/** Has the place for itself for a moment, without sharing. Throws OB_LISTEN when anybody listens there, as the listener itself would. */
export async function claimPlace(name: string, { transport, host, port }: Place): Promise<void> {
  const bound = await bindAll(`ingest.${name}`, host, port, transport === 'tcp' ? bindTcp : bindUdp)
  await Promise.all(bound.map((one) => one.close()))
}
