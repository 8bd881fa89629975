/** A real Loki in a single process. */

import { existsSync, readdirSync } from 'node:fs'
import { binaries, type Peer, startScript, twice } from './peers.ts'
import { freePorts, freeTcpPort } from './ports.ts'

/** True when Loki is installed; else says on the console what would bring it. */
export function hasLoki(): boolean {
  if (existsSync(binaries) && readdirSync(binaries).some((name) => name.startsWith('loki-v'))) return true
  console.warn('SKIPPED: Loki is not installed; run loki.sh install of the peers')
  return false
}

/** Starts it on free ports. */
export const startLoki = (): Promise<Peer<{ readonly http: number }>> =>
  twice(async () => {
    const ports = await freePorts(['http', 'grpc'], freeTcpPort)
    return startScript('loki', { LOKI_PORT: String(ports.http), LOKI_GRPC: String(ports.grpc) }, ports)
  })
