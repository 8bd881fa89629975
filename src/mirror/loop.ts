/** Recognises what went out here and comes back (promise 9): by the name in `Via`, by the socket that a datagram was sent from. */

import { networkInterfaces } from 'node:os'

/** How many other bridges a request may have come through. */
const mostHops = 3

const hop = /(?:^|[\s,])(otlp-bridge-[0-9a-f]{0,8})(?=$|[\s,:])/gi

/** Whether a request went out here before, or came through more than {@link mostHops} other bridges. @param via the value of `Via` @param own of {@link viaName} */
export function comesBack(via: string, own: string): boolean {
  let hops = 0
  for (const [, name] of via.matchAll(hop)) {
    if (name?.toLowerCase() === own || ++hops > mostHops) return true
  }
  return false
}

/** Ports of our own sockets that send datagrams to old agents. */
const sendingPorts = new Map<number, number>()

/** Says that we send datagrams from this port. Returns what takes it back. */
export function sendsFrom(port: number): () => void {
  sendingPorts.set(port, (sendingPorts.get(port) ?? 0) + 1)
  let isOver = false
  return () => {
    if (isOver) return
    isOver = true
    const left = (sendingPorts.get(port) ?? 1) - 1
    if (left > 0) sendingPorts.set(port, left)
    else sendingPorts.delete(port)
  }
}

const isOfThisMachine = (address: string): boolean =>
  address.startsWith('127.') ||
  address === '::1' ||
  Object.values(networkInterfaces()).some((list) => list?.some((one) => one.address === address) === true)

/** Whether a datagram from this address was sent by us. */
export function isOwnSender(address: string, port: number): boolean {
  return sendingPorts.has(port) && isOfThisMachine(address)
}
