/** Who is at the other end of a connection: made once for each, so that batches can say it for nothing. */

import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Client } from '../otlp/intake.ts'
import type { MirrorDoor } from './mirror-door.ts'

/** Headers that name a library where `User-Agent` does not. */
const hintNames = ['x-elastic-client-meta', 'x-opaque-id', 'x-elastic-product-origin', 'x-prometheus-remote-write-version', 'b3'] as const

/** Longest value that is kept. */
const longest = 256

/** A connection as its requests are told by. */
export interface Peer {
  /** Without a port; IPv4 in its own form. */
  readonly address: string
  /** Tells it from the others of this process. */
  readonly connection: string
}

interface Known extends Peer {
  userAgent: string | undefined
  client: Client | undefined
  isWatched: boolean
}

const known = new WeakMap<Socket, Known>()
let connections = 0

const plainAddress = (address: string | undefined): string => {
  if (address === undefined) return ''
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
}

const knownOf = (socket: Socket): Known => {
  let peer = known.get(socket)
  if (peer === undefined) {
    peer = {
      address: plainAddress(socket.remoteAddress),
      connection: (++connections).toString(36),
      userAgent: undefined,
      client: undefined,
      isWatched: false,
    }
    known.set(socket, peer)
  }
  return peer
}

/** @param door told when the connection is gone, where it wants to know */
export function peerOf(socket: Socket, door?: Pick<MirrorDoor, 'closed'>): Peer {
  const peer = knownOf(socket)
  if (door?.closed !== undefined && !peer.isWatched) {
    peer.isWatched = true
    socket.once('close', () => door.closed?.(peer.connection))
  }
  return peer
}

/** The client of a request by its headers; the same object for as long as a connection names the same. @param header value by lower-case name */
export function clientOf(socket: Socket, header: (name: string) => string | undefined): Client {
  const peer = knownOf(socket)
  const userAgent = header('user-agent')
  if (peer.client === undefined || peer.userAgent !== userAgent) {
    peer.userAgent = userAgent
    peer.client = { address: peer.address, userAgent: userAgent?.slice(0, longest), hints: hintsOf(header) }
  }
  return peer.client
}

/** {@link clientOf} over HTTP. */
export function clientOfRequest(request: IncomingMessage): Client {
  const peer = knownOf(request.socket)
  const { headers } = request
  if (peer.client !== undefined && peer.userAgent === headers['user-agent']) return peer.client
  return clientOf(request.socket, (name) => {
    const value = headers[name]
    return Array.isArray(value) ? value.join(', ') : value
  })
}

function hintsOf(header: (name: string) => string | undefined): Client['hints'] {
  let hints: Record<string, string> | undefined
  for (const name of hintNames) {
    const value = header(name)
    if (value === undefined) continue
    hints ??= {}
    hints[name] = value.slice(0, longest)
  }
  return hints
}
