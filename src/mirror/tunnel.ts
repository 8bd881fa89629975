/** Connections to the old Logstash that stand for one of a client each: bytes both ways, with TLS of our own where the old side wants it. */

import { connect, type Socket } from 'node:net'
import type { SecureContext } from 'node:tls'
import type { MirrorDoor, TunnelEnd, TunnelWire } from '../ingest/mirror-door.ts'

export interface TunnelOptions {
  /** `tcp://host:port` or `tls://host:port` */
  readonly url: string
  /** How long the old side may take to take a connection, in milliseconds. */
  readonly timeoutMs: number
  /** That of the newest files; undefined: the authorities that Node.js knows. */
  readonly secureContext?: (() => SecureContext | undefined) | undefined
}

/** Bytes that may wait for the old side before the client is not read any more. */
const mostUnsent = 1024 * 1024

async function open({ url, secureContext }: TunnelOptions): Promise<Socket> {
  const { protocol, hostname, port } = new URL(url)
  const host = hostname.replace(/^\[|\]$/g, '')
  if (protocol === 'tcp:') return connect({ host, port: Number(port) })
  // Not at the top: most old sides are spoken to without.
  const tls = await import('node:tls')
  const context = secureContext?.()
  return tls.connect({ host, port: Number(port), servername: host, ...(context === undefined ? {} : { secureContext: context }) })
}

/** Creates what makes them. What a client sends before its connection is there waits for it, and the client with it. */
export function createTunnel(options: TunnelOptions): NonNullable<MirrorDoor['tunnel']> {
  const secure = options.url.startsWith('tls:')
  return (end: TunnelEnd): TunnelWire => {
    let socket: Socket | undefined
    let early: Uint8Array[] = []
    let earlyBytes = 0
    let ready = false
    let ended = false
    let over = false
    let held = false

    const close = (why: string | undefined): void => {
      if (over) return
      over = true
      clearTimeout(timer)
      early = []
      socket?.destroy()
      end.closed(why)
    }
    const timer = setTimeout(
      () => close(`it did not take the connection within ${options.timeoutMs} ms (mirror.beats.timeout)`),
      options.timeoutMs,
    )
    const drained = (): void => {
      if (!held || over) return
      held = false
      end.drained()
    }

    open(options).then(
      (opened) => {
        socket = opened
        opened.on('error', (error) => close(error.message))
        opened.on('close', () => close(undefined))
        if (over) return void opened.destroy()
        opened.setNoDelay(true)
        opened.on('data', (bytes: Buffer) => end.data(bytes))
        opened.on('drain', drained)
        opened.once(secure ? 'secureConnect' : 'connect', () => {
          clearTimeout(timer)
          ready = true
          for (const bytes of early) opened.write(bytes)
          early = []
          if (ended) opened.end()
          if (opened.writableLength <= mostUnsent) drained()
        })
      },
      (error: unknown) => close(error instanceof Error ? error.message : String(error)),
    )

    return {
      write(bytes) {
        if (over) return true
        if (socket === undefined || !ready) {
          early.push(bytes)
          earlyBytes += bytes.length
          held = earlyBytes > mostUnsent
        } else {
          socket.write(bytes)
          held = socket.writableLength > mostUnsent
        }
        return !held
      },
      end() {
        ended = true
        if (ready) socket?.end()
      },
      destroy() {
        if (over) return
        over = true
        clearTimeout(timer)
        early = []
        socket?.destroy()
      },
    }
  }
}
