/** TLS for listeners: certificate, key and client authorities out of files, read again when they change. */

import type { X509Certificate } from 'node:crypto'
import type { SecureContextOptions, SecureVersion, TLSSocket } from 'node:tls'
import { BridgeError } from '../errors.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { certificateName, certificateTrouble, readTls, type TlsFault, type TlsMaterial } from './tls.ts'
import { watchFiles } from './watch-files.ts'

/** Section `tls` of a listener. */
export interface ServerTlsConfig {
  /** Path of a PEM file: our certificate, the authorities between it and its root behind it. */
  readonly cert: string
  /** Path of a PEM file: its private key, not encrypted. */
  readonly key: string
  /** Path of a PEM file: the authorities of clients. */
  readonly clientCa?: string | undefined
  /** Whether a client may come without a certificate (`request`); one that is not of `clientCa` is refused in either case. */
  readonly clientAuth?: 'require' | 'request' | undefined
  readonly minVersion: SecureVersion
  /** Milliseconds between two looks at the files. */
  readonly reload: number
}

export interface ServerTlsDeps {
  readonly log: Logger
  readonly metrics: Metrics
  /** Wall clock in milliseconds. */
  readonly nowMs: () => number
}

type ServerOptions = SecureContextOptions & { readonly requestCert: boolean; readonly rejectUnauthorized: boolean }

/** What a listener is handed; HTTP, gRPC and plain TCP servers use it alike. */
export interface ServerTls {
  /** For `tls.createServer`, `https.createServer` and their like; ALPN is the listener's own. Always those of the newest good files. */
  readonly options: ServerOptions
  /** Calls back with new options whenever the files changed and were good; `server.setSecureContext` takes them. Returns the way to stop it. */
  onReload(apply: (options: ServerOptions) => void): () => void
  /** For each new connection: false when the client has shown a certificate that is not of `clientCa`. Only with `clientAuth: request` can it come that far. */
  admits(socket: TLSSocket): boolean
  /** Sentences about certificates that are not valid now, or files that could not be read again; empty when all is well. */
  trouble(): readonly string[]
  /** Looks at the files now, as it does by itself at every interval. */
  look(): Promise<void>
  close(): void
}

/** How long before its end a certificate is spoken of in the log. */
const warningMs = 14 * 86_400_000

/** How often it is spoken of. */
const remindMs = 86_400_000

const filesOf = ({ cert, key, clientCa }: ServerTlsConfig) => ({ cert, key, ca: clientCa })

const keyOf = (key: TlsFault['key']): 'cert' | 'key' | 'clientCa' => (key === 'ca' ? 'clientCa' : key)

/** What is wrong with the files of a `tls` section, each with its key; empty when nothing is. For checks before the start. */
export async function serverTlsFaults(config: ServerTlsConfig): Promise<readonly { readonly key: string; readonly message: string }[]> {
  return (await readTls(filesOf(config))).faults.map(({ key, message }) => ({ key: keyOf(key), message }))
}

/** When the first certificate of a chain comes to its end, and which it is. */
function firstToEnd(chain: readonly X509Certificate[]): X509Certificate | undefined {
  return chain.toSorted((a, b) => a.validToDate.getTime() - b.validToDate.getTime())[0]
}

/**
 * Reads the files and watches them. New good ones are served to new connections, while open connections go on with the old; new bad
 * ones are reported by `trouble` and change nothing. @param section for messages: `ingest.zipkin.tls`. Throws OB_CONFIG.
 */
export async function createServerTls(config: ServerTlsConfig, section: string, deps: ServerTlsDeps): Promise<ServerTls> {
  const { log, nowMs } = deps
  const files = filesOf(config)
  const words = (faults: readonly TlsFault[]): string =>
    faults.map(({ key, message }) => `${section}.${keyOf(key)} (${files[key] ?? ''}): ${message}`).join('; ')
  const endSeconds = deps.metrics.gauge('otlp_bridge_tls_certificate_end_seconds', { listener: section.replace(/\.tls$/, '') })

  const optionsOf = ({ pem }: TlsMaterial): ServerOptions => ({
    ...pem,
    minVersion: config.minVersion,
    requestCert: config.clientCa !== undefined,
    rejectUnauthorized: config.clientCa !== undefined && config.clientAuth !== 'request',
  })

  const first = await readTls(files)
  if (first.material === undefined) {
    const place = `${section}.${keyOf(first.faults[0]?.key ?? 'cert')}`
    throw new BridgeError('OB_CONFIG', `cannot listen with TLS: ${words(first.faults)}`, { place })
  }
  let material = first.material
  let options = optionsOf(material)
  let fault: string | undefined
  let remindedMs = Number.NEGATIVE_INFINITY
  const listeners = new Set<(options: ServerOptions) => void>()

  const remind = (): void => {
    const next = firstToEnd(material.own)
    if (next === undefined) return
    const endMs = next.validToDate.getTime()
    endSeconds.value = Math.floor(endMs / 1000)
    const leftMs = endMs - nowMs()
    if (leftMs > warningMs || nowMs() - remindedMs < remindMs) return
    remindedMs = nowMs()
    const fields = { section, certificate: certificateName(next), end: next.validToDate.toISOString() }
    if (leftMs > 0) log.warn({ ...fields, days: Math.floor(leftMs / 86_400_000) }, 'a certificate that is served comes to its end')
    else log.error(fields, 'a certificate that is served has expired; clients refuse it')
  }

  const reload = async (): Promise<void> => {
    const read = await readTls(files)
    if (read.material === undefined) {
      fault = `the new files cannot be used, the old certificate is still served: ${words(read.faults)}`
      log.error({ section }, fault)
      return
    }
    fault = undefined
    material = read.material
    options = optionsOf(material)
    remindedMs = Number.NEGATIVE_INFINITY
    for (const apply of listeners) apply(options)
    log.info({ section, end: firstToEnd(material.own)?.validToDate.toISOString() }, 'new certificate files are in use for new connections')
    remind()
  }

  const watch = await watchFiles({
    files: Object.values(files).filter((one) => one !== undefined),
    intervalMs: config.reload,
    onChange: reload,
  })
  remind()
  const reminder = setInterval(remind, 3_600_000)
  reminder.unref()

  return {
    get options() {
      return options
    },
    onReload(apply) {
      listeners.add(apply)
      return () => void listeners.delete(apply)
    },
    admits: (socket) => socket.authorized || config.clientCa === undefined || Object.keys(socket.getPeerCertificate()).length === 0,
    trouble() {
      const expired = certificateTrouble(material, section, nowMs(), 'clientCa')
      return fault === undefined ? expired : [...expired, fault]
    },
    look: watch.look,
    close() {
      watch.close()
      clearInterval(reminder)
    },
  }
}

const reasons: Readonly<Record<string, string>> = {
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: 'tls_client_certificate_missing',
  ERR_TLS_HANDSHAKE_TIMEOUT: 'tls_handshake_timeout',
  ERR_SSL_HTTP_REQUEST: 'tls_plain_http',
  ERR_SSL_WRONG_VERSION_NUMBER: 'tls_not_tls',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'tls_version',
  ERR_SSL_NO_SHARED_CIPHER: 'tls_cipher',
  ERR_SSL_NO_APPLICATION_PROTOCOL: 'tls_application_protocol',
  // What the client says of our certificate.
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'tls_not_trusted_by_client',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: 'tls_not_trusted_by_client',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: 'tls_not_trusted_by_client',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: 'tls_not_trusted_by_client',
  ECONNRESET: 'tls_cut_off',
  EPIPE: 'tls_cut_off',
}

/** The reason, for counters, of a connection that failed before or while it became secure: what `tlsClientError` brings. */
export function tlsFailure(error: Error & { readonly code?: string }, socket: TLSSocket | undefined): string {
  // Node refuses unknown clients by closing; what is wrong with them stands in the socket.
  if (socket?.authorizationError !== undefined && socket.authorizationError !== null) return 'tls_client_certificate'
  return reasons[error.code ?? ''] ?? 'tls_handshake'
}
