/** TLS for listeners: certificate, key and client authorities out of files, read again when they change. */

import type { SecureContextOptions } from 'node:tls'

/** What a listener is handed; HTTP, gRPC and plain TCP servers use it alike. */
export interface ServerTls {
  /** For `tls.createServer`, `https.createServer` and their like; ALPN is the listener's own. */
  readonly options: SecureContextOptions & { readonly requestCert: boolean; readonly rejectUnauthorized: boolean }
  /** Calls back with new options whenever the files changed and were good; `server.setSecureContext` takes them. Returns the way to stop it. */
  onReload(apply: (options: SecureContextOptions) => void): () => void
  /** Sentences about certificates that are not valid now, or files that could not be read again; empty when all is well. */
  trouble(): readonly string[]
  close(): void
}
