/** Authorities and certificates made on the spot by the `openssl` program; where it is absent, tests skip, loudly. */

import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Whether certificates can be made here; says so when not. */
export function hasOpenssl(): boolean {
  if (spawnSync('openssl', ['version']).status === 0) return true
  console.warn('SKIPPED: the openssl program is absent, TLS was not tested')
  return false
}

/** Paths of PEM files. */
export interface Certificate {
  readonly cert: string
  readonly key: string
}

export interface Authority extends Certificate {
  /** A certificate for 127.0.0.1, signed by this authority; `days` may be negative: then it has expired already. */
  issue(name: string, days?: number): Certificate
}

export interface Certificates {
  readonly folder: string
  authority(name: string): Authority
  /** Writes a file and gives its path. */
  file(name: string, text: string): string
  remove(): void
}

const elliptic = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

/** A folder for them below the system's temporary one. */
export function createCertificates(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), 'otlp-bridge-tls-'))
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
  const at = (name: string): string => join(folder, name)
  const file = (name: string, text: string): string => {
    writeFileSync(at(name), text)
    return at(name)
  }
  return {
    folder,
    file,
    authority(name) {
      const own = { cert: at(`${name}.pem`), key: at(`${name}.key`) }
      openssl('req', '-x509', ...elliptic, '-keyout', own.key, '-out', own.cert, '-days', '2', '-subj', `/CN=${name}`)
      return {
        ...own,
        issue(leaf, days = 1) {
          const issued = { cert: at(`${leaf}.pem`), key: at(`${leaf}.key`) }
          const extensions = file(`${leaf}.ext`, 'subjectAltName=IP:127.0.0.1\n')
          openssl('req', ...elliptic, '-keyout', issued.key, '-out', at(`${leaf}.csr`), '-subj', `/CN=${leaf}`)
          const signer = ['-CA', own.cert, '-CAkey', own.key, '-CAcreateserial']
          openssl('x509', '-req', '-in', at(`${leaf}.csr`), ...signer, '-days', String(days), '-extfile', extensions, '-out', issued.cert)
          return issued
        },
      }
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
