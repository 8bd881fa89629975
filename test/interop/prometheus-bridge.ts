/** The bridge with an endpoint of remote-write. */

import { type RestartingBridge, startRestartingBridge } from './restarting-bridge.ts'

export interface WriteBridge extends RestartingBridge<'write'> {
  /** Where senders write to. */
  readonly url: string
}

/** Starts `serve` with one destination for each of `receivers`, base URLs by name, and `translate.prometheus` as given. */
export async function startWriteBridge(receivers: Readonly<Record<string, string>>, prometheus: object = {}): Promise<WriteBridge> {
  const bridge = await startRestartingBridge(['write'], (ports) => ({
    ingest: { prometheus: { port: ports.write } },
    translate: { prometheus },
    emit: { destinations: Object.entries(receivers).map(([name, endpoint]) => ({ name, endpoint })) },
  }))
  return { ...bridge, url: `http://127.0.0.1:${bridge.ports.write}/api/v1/write` }
}
