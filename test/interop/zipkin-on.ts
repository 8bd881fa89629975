/** The OpenZipkin server with a storage of one's choice, on a free port. */

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type OwnProcess, ownFolder, startProcess } from './own-process.ts'
import { cache } from './peers.ts'
import { freeTcpPort } from './ports.ts'

export interface ZipkinOn extends OwnProcess {
  readonly url: string
}

/** @param storage its environment: STORAGE_TYPE and what belongs to it */
export async function startZipkinOn(storage: Readonly<Record<string, string>>): Promise<ZipkinOn> {
  const folder = await ownFolder('zipkin')
  const port = await freeTcpPort()
  const jar = readdirSync(join(cache, 'zipkin')).find((name) => /^zipkin-server-.*-exec\.jar$/.test(name)) ?? ''
  const armeria = [`ip=127.0.0.1`, `port=${port}`, 'protocols[0]=http'].map((one) => `-Darmeria.ports[0].${one}`)
  const url = `http://127.0.0.1:${port}`
  const environment = { ...storage, QUERY_PORT: String(port), JAVA_OPTS: '', SELF_TRACING_ENABLED: 'false' }
  const server = await startProcess(
    'java',
    ['-Xmx256m', ...armeria, '-jar', join(cache, 'zipkin', jar)],
    environment,
    folder,
    async () => (await fetch(`${url}/health`).catch(() => undefined))?.ok === true,
  )
  return { url, stop: server.stop }
}
