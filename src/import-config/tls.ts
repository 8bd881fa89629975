/** TLS settings of Jaeger flags and Collector files, onto `tls` of a listener or of `emit`. */

import type { Draft } from './draft.ts'

/** What both kinds of source say about TLS; a key that is absent was not set. */
export interface TlsSettings {
  readonly cert?: string | undefined
  readonly key?: string | undefined
  readonly ca?: string | undefined
  readonly clientCa?: string | undefined
  readonly minVersion?: string | undefined
}

/** `1.2` → `TLSv1.2`; undefined for versions that nobody should speak any more. */
const versionOf = (text: string): string | undefined => (/^1\.[23]$/.test(text) ? `TLSv${text}` : undefined)

/** A server's certificates. @param key the endpoint: `ingest.zipkin` */
export function listenerTls(draft: Draft, key: string, settings: TlsSettings, from: string): void {
  if (settings.cert === undefined || settings.key === undefined) {
    draft.missing(from, `TLS is on, but certificate and key are not named here: set ${key}.tls.cert and ${key}.tls.key`)
    return
  }
  draft.set(`${key}.tls.cert`, settings.cert, from)
  draft.imply(`${key}.tls.key`, settings.key)
  if (settings.clientCa !== undefined) draft.imply(`${key}.tls.clientCa`, settings.clientCa)
  if (settings.minVersion === undefined) return
  const version = versionOf(settings.minVersion)
  if (version === undefined) draft.needless(`${from} (minimum version ${settings.minVersion})`, 'TLS 1.2 is the oldest that is spoken')
  else draft.imply(`${key}.tls.minVersion`, version)
}

/** A client's certificates. @param key the destination: `emit` */
export function clientTls(draft: Draft, key: string, settings: TlsSettings, from: string): void {
  const entries = [
    ['ca', settings.ca],
    ['cert', settings.cert],
    ['key', settings.key],
  ] as const
  for (const [name, value] of entries) if (value !== undefined) draft.set(`${key}.tls.${name}`, value, `${from}.${name}`)
}
