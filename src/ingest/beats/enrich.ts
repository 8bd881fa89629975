/** What events get in addition about who sent them, as members of a JSON object. */

import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'

const none = new Uint8Array(0)

/** The subject on one line, most specific part first: `CN=web-1, O=Example`. Undefined without a certificate. */
function subjectOf(socket: Socket): string | undefined {
  const certificate = 'getPeerX509Certificate' in socket ? (socket as TLSSocket).getPeerX509Certificate() : undefined
  return certificate?.subject.split('\n').reverse().join(', ')
}

/** Text of the members that every event of a connection gets, each with a comma behind it; empty when it gets none. @see Piece */
export function membersOf(socket: Socket, peer: string, wanted: { readonly source: boolean; readonly tls: boolean }): Uint8Array {
  const subject = wanted.tls ? subjectOf(socket) : undefined
  let text = ''
  if (wanted.source) text += `"network.peer.address":${JSON.stringify(peer)},`
  if (subject !== undefined) text += `"tls.client.subject":${JSON.stringify(subject)},`
  return text === '' ? none : Buffer.from(text)
}
