/** TLS for what we connect to: authorities, certificate and key out of files, read again when they change. */

import type { SecureContext } from 'node:tls'
import { BridgeError } from '../errors.ts'
import type { Logger } from '../telemetry/log.ts'
import { certificateTrouble, readTls, type TlsFault, type TlsFiles } from './tls.ts'
import { watchFiles } from './watch-files.ts'

export interface ClientTlsDeps {
  readonly log: Logger
  /** Wall clock in milliseconds. */
  readonly nowMs: () => number
}

/** What connections are opened with. */
export interface ClientTls {
  /** That of the newest good files. */
  readonly secureContext: SecureContext
  /** Calls back with the new context whenever the files changed and were good. */
  onReload(apply: (secureContext: SecureContext) => void): void
  /** Sentences about certificates that are not valid now, or files that could not be read again; empty when all is well. */
  trouble(): readonly string[]
  /** Looks at the files now, as it does by itself every few seconds. */
  look(): Promise<void>
  close(): void
}

const lookEveryMs = 10_000

/**
 * Reads the files and watches them. New good ones count for new connections; new bad ones change nothing and are told by `trouble`.
 * @param section for messages: `emit.tls`. Throws OB_CONFIG.
 */
export async function createClientTls(files: TlsFiles, section: string, deps: ClientTlsDeps): Promise<ClientTls> {
  const { log, nowMs } = deps
  const words = (faults: readonly TlsFault[]): string =>
    faults.map(({ key, message }) => `${section}.${key} (${files[key] ?? ''}): ${message}`).join('; ')
  // Begun before the first reading: what is replaced in between is seen at the first look.
  let reload = async (): Promise<void> => {}
  const watch = await watchFiles({
    files: [files.ca, files.cert, files.key].filter((one) => one !== undefined),
    intervalMs: lookEveryMs,
    onChange: () => reload(),
  })
  const first = await readTls(files)
  if (first.material === undefined) {
    watch.close()
    throw new BridgeError('OB_CONFIG', `cannot send over TLS: ${words(first.faults)}`, {
      place: `${section}.${first.faults[0]?.key ?? ''}`,
    })
  }
  let material = first.material
  let fault: string | undefined
  const listeners: ((secureContext: SecureContext) => void)[] = []

  reload = async () => {
    const read = await readTls(files)
    if (read.material === undefined) {
      fault = `the new files cannot be used, the old ones are still in use: ${words(read.faults)}`
      log.error({ section }, fault)
      return
    }
    fault = undefined
    material = read.material
    for (const apply of listeners) apply(material.context)
    log.info({ section }, 'new certificate files are in use for new connections')
  }

  return {
    get secureContext() {
      return material.context
    },
    onReload: (apply) => void listeners.push(apply),
    trouble() {
      const expired = certificateTrouble(material, section, nowMs())
      return fault === undefined ? expired : [...expired, fault]
    },
    look: watch.look,
    close: watch.close,
  }
}
