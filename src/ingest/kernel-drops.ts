/** Datagrams that the kernel threw away because a socket's buffer was full: Linux counts them for each socket. */

import { readdir, readFile, readlink } from 'node:fs/promises'
import type { AdapterDeps } from './adapter.ts'

/** How often the kernel is asked. */
const everyMs = 5000

export interface KernelDropWatch {
  /** Asks a last time, while the sockets are still open. */
  stop(): Promise<void>
}

/** Inode and count of every socket with this local port, out of `/proc/net/udp` or `udp6`. */
export function dropsOfPort(table: string, port: number): readonly { readonly inode: string; readonly drops: number }[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const found: { inode: string; drops: number }[] = []
  for (const line of table.split('\n').slice(1)) {
    const columns = line.trim().split(/\s+/)
    const [, local] = columns
    const inode = columns[9]
    const drops = columns[12]
    if (local?.endsWith(suffix) !== true || inode === undefined || drops === undefined) continue
    found.push({ inode, drops: Number(drops) })
  }
  return found
}

/** Inodes of the sockets this process has open: another process may share the port. */
async function ownInodes(): Promise<ReadonlySet<string>> {
  const inodes = new Set<string>()
  for (const fd of await readdir('/proc/self/fd')) {
    const target = await readlink(`/proc/self/fd/${fd}`).catch(() => '')
    const match = /^socket:\[(\d+)\]$/.exec(target)
    if (match?.[1] !== undefined) inodes.add(match[1])
  }
  return inodes
}

/**
 * Starts counting, every few seconds, into `otlp_bridge_udp_dropped_datagrams_total`. Their spans are unknown, so they
 * are in no books. Where the system does not say (not Linux), nothing is counted and that is logged once.
 */
export function watchKernelDrops(format: string, sockets: readonly { readonly port: number }[], deps: AdapterDeps): KernelDropWatch {
  const port = sockets[0]?.port ?? 0
  const counted = deps.metrics.counter('otlp_bridge_udp_dropped_datagrams_total', { format })
  const seen = new Map<string, number>()
  let inodes: ReadonlySet<string> | undefined

  const ask = async (): Promise<void> => {
    inodes ??= await ownInodes()
    const tables = await Promise.all([readFile('/proc/net/udp', 'utf8'), readFile('/proc/net/udp6', 'utf8').catch(() => '')])
    let fresh = 0
    for (const { inode, drops } of tables.flatMap((table) => dropsOfPort(table, port))) {
      if (!inodes.has(inode)) continue
      fresh += Math.max(0, drops - (seen.get(inode) ?? 0))
      seen.set(inode, drops)
    }
    if (fresh === 0) return
    counted.value += fresh
    deps.log.warn({ format, datagrams: fresh }, 'the kernel dropped datagrams: its receive buffer was full')
  }

  let running = Promise.resolve()
  const run = (): Promise<void> => {
    running = running.then(ask).catch((error: unknown) => {
      clearInterval(timer)
      deps.log.warn({ format, fault: String(error) }, 'the kernel does not say how many datagrams it drops; they are not counted')
    })
    return running
  }
  const timer = setInterval(run, everyMs)
  timer.unref()
  return {
    stop() {
      clearInterval(timer)
      return run()
    },
  }
}
