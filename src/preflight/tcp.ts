/** Whether somebody takes connections at an address, for protocols that say nothing by themselves. */

import { connect } from 'node:net'
import type { SecureContext } from 'node:tls'

export interface TcpTarget {
  readonly host: string
  readonly port: number
  readonly timeoutMs: number
  /** Shakes hands, too. */
  readonly tls: boolean
  readonly secureContext?: SecureContext | undefined
}

/** Connects, and hangs up. Rejects when nobody takes the connection in time, or with `tls` when the other side is not trusted. */
export async function tryConnection({ host, port, timeoutMs, tls, secureContext }: TcpTarget): Promise<void> {
  const secure = tls ? await import('node:tls') : undefined
  const servername = /^[\d.]+$|:/.test(host) ? {} : { servername: host }
  const context = secureContext === undefined ? {} : { secureContext }
  return new Promise((resolve, reject) => {
    const socket = secure === undefined ? connect({ host, port }) : secure.connect({ host, port, ...servername, ...context })
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`no answer within ${timeoutMs} ms`)))
    socket.on('error', reject)
    socket.on(secure === undefined ? 'connect' : 'secureConnect', () => {
      socket.destroy()
      resolve()
    })
  })
}
