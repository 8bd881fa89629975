/** Looks at the files that listeners are configured with, before anything is started. */

import { credentialFiles, readCredentials } from '../ingest/credentials.ts'
import type { SecurityConfig } from '../ingest/security.ts'
import type { Path } from './tree.ts'

interface FileFault {
  readonly path: Path
  readonly message: string
}

/** A listener with certificates or credentials, and where its section stands. */
export interface SecuredSection {
  readonly path: Path
  readonly config: SecurityConfig
}

interface ListeningSection extends SecurityConfig {
  readonly host: string
  readonly port: number
  readonly enabled?: boolean
}

const isListening = (value: object): value is ListeningSection => 'host' in value && 'port' in value

/** Every listener, found by its `host` and `port`, that is not switched off and has a section `tls` or `auth`. */
export function securedSections(config: { readonly ingest: object; readonly admin: object }): SecuredSection[] {
  const found: SecuredSection[] = []
  const walk = (path: Path, value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    if (isListening(value)) {
      if (value.enabled === false) return
      if (value.tls !== undefined || value.auth !== undefined) found.push({ path, config: value })
    }
    for (const [key, below] of Object.entries(value)) walk([...path, key], below)
  }
  walk(['ingest'], config.ingest)
  walk(['admin'], config.admin)
  return found
}

async function faultsOf({ path, config: { tls, auth } }: SecuredSection): Promise<FileFault[]> {
  const faults: FileFault[] = []
  if (tls !== undefined) {
    const { serverTlsFaults } = await import('../net/server-tls.ts')
    for (const { key, message } of await serverTlsFaults(tls)) faults.push({ path: [...path, 'tls', key], message })
  }
  if (auth !== undefined && credentialFiles(auth).length > 0) {
    for (const fault of (await readCredentials(auth)).faults)
      faults.push({ path: [...path, 'auth', ...fault.path], message: fault.message })
  }
  return faults
}

/** What is wrong with the certificates and credentials that listeners name; empty when nothing is. Never rejects. */
export async function listenerFileFaults(config: { readonly ingest: object; readonly admin: object }): Promise<FileFault[]> {
  return (await Promise.all(securedSections(config).map(faultsOf))).flat()
}
