/** Real nodes of Elasticsearch, and the bridge that tells clients it were one of the same version. */

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { cache, type Peer, startScript } from './peers.ts'
import { freePorts, freeTcpPort } from './ports.ts'
import { type RestartingBridge, startRestartingBridge } from './restarting-bridge.ts'

export type Major = 7 | 8

/** Versions of the nodes. */
const versions: Readonly<Record<Major, string>> = { 7: '7.17.29', 8: '8.19.0' }

/** `OTLP_BRIDGE_ELASTICSEARCH_7`, `…_8`: port of a node that runs already. */
const running = (major: Major): number | undefined => {
  const port = Number(process.env[`OTLP_BRIDGE_ELASTICSEARCH_${major}`])
  return port > 0 ? port : undefined
}

/** True when a node of this version can be had; else says on the console what would bring it. */
export function hasElasticsearch(major: Major): boolean {
  if (running(major) !== undefined || existsSync(join(cache, `elasticsearch-${major}`, 'classes'))) return true
  console.warn(`SKIPPED: Elasticsearch ${major} is not installed; run ES_MAJOR=${major} elasticsearch.sh install of the peers`)
  return false
}

/** A node on a free port, its own unless one runs already. */
export async function startElasticsearch(major: Major): Promise<Peer<{ readonly http: number }>> {
  const port = running(major)
  if (port !== undefined) return { ports: { http: port }, stop: async () => {} }
  const ports = await freePorts(['http', 'transport'], freeTcpPort)
  const settings = { ES_MAJOR: String(major), ES_PORT: String(ports.http), ES_TRANSPORT_PORT: String(ports.transport), ES_HEAP: '400m' }
  return startScript('elasticsearch', settings, ports)
}

/** The bridge in the place of a node. What it takes stays in its queue. */
export async function startElasticBridge(major: Major): Promise<RestartingBridge<'elastic'>> {
  const nobody = await freeTcpPort()
  return startRestartingBridge(['elastic'], (ports) => ({
    ingest: { elasticsearch: { port: ports.elastic, version: versions[major] } },
    emit: { endpoint: `http://127.0.0.1:${nobody}` },
  }))
}
