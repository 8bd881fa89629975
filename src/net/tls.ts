/** Certificates and keys out of PEM files, checked before anything connects or listens with them. */

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createSecureContext, type SecureContext } from 'node:tls'

/** Paths of PEM files; `cert` and `key` come together. */
export interface TlsFiles {
  /** Authorities to trust, instead of those that Node.js knows: one certificate or more. */
  readonly ca?: string | undefined
  /** Our own certificate, the authorities between it and its root behind it. */
  readonly cert?: string | undefined
  /** The private key of `cert`, not encrypted. */
  readonly key?: string | undefined
}

export interface TlsFault {
  readonly key: keyof TlsFiles
  /** What is wrong with the file, without its path and without anything out of it. */
  readonly message: string
}

/** What was read. */
export interface TlsMaterial {
  readonly context: SecureContext
  /** The same as text, for servers: their options take no context. */
  readonly pem: { readonly ca?: string; readonly cert?: string; readonly key?: string }
  /** The certificates of `ca`; empty when it is not given. */
  readonly authorities: readonly X509Certificate[]
  /** Those of `cert`, our own first; empty when it is not given. */
  readonly own: readonly X509Certificate[]
}

export type TlsRead =
  | { readonly material: TlsMaterial; readonly faults: readonly [] }
  | { readonly material: undefined; readonly faults: readonly TlsFault[] }

const pemCertificate = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----.*?-----END (?:TRUSTED |X509 )?CERTIFICATE-----/gs

const because = (cause: unknown): string => {
  if (!(cause instanceof Error)) return String(cause)
  // OpenSSL's messages hold places in its own source; the reason says what is meant.
  if ('reason' in cause && typeof cause.reason === 'string') return cause.reason
  return cause.message
}

/** A fault on its way to the list. */
class Unusable extends Error {}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'latin1')
  } catch (cause) {
    throw new Unusable(`cannot read the file: ${because(cause)}`)
  }
}

function certificatesIn(text: string): X509Certificate[] {
  const found = text.match(pemCertificate) ?? []
  if (found.length === 0) throw new Unusable('cannot use the file: it holds no certificate in PEM form')
  return found.map((pem, at) => {
    try {
      return new X509Certificate(pem)
    } catch (cause) {
      throw new Unusable(`cannot use the file: certificate ${at + 1} of ${found.length} is damaged: ${because(cause)}`)
    }
  })
}

function keyIn(text: string): KeyObject {
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) throw new Unusable('cannot use the file: it holds no private key in PEM form')
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(text)) {
    throw new Unusable('cannot use the file: its key is encrypted; give it without a passphrase, in a file that only the bridge may read')
  }
  try {
    return createPrivateKey(text)
  } catch (cause) {
    throw new Unusable(`cannot use the file: its key is damaged: ${because(cause)}`)
  }
}

const join = (certificates: readonly X509Certificate[]): string => certificates.map(String).join('')

/**
 * Reads and checks the files; all that is wrong with them comes at once. An expired certificate is not wrong here: data can be
 * taken and kept until there is a new one (see {@link certificateTrouble}). Never rejects.
 */
export async function readTls(files: TlsFiles): Promise<TlsRead> {
  const faults: TlsFault[] = []
  const read = async <T>(key: keyof TlsFiles, parse: (text: string) => T): Promise<T | undefined> => {
    const file = files[key]
    if (file === undefined) return undefined
    try {
      return parse(await readText(file))
    } catch (cause) {
      faults.push({ key, message: because(cause) })
      return undefined
    }
  }
  const authorities = await read('ca', certificatesIn)
  const own = await read('cert', certificatesIn)
  const key = await read('key', keyIn)
  if (own?.[0] !== undefined && key !== undefined && !own[0].checkPrivateKey(key)) {
    faults.push({ key: 'key', message: 'cannot use the file: its key is not that of the (first) certificate in cert' })
  }
  if (faults.length > 0) return { material: undefined, faults }
  const pem = {
    ...(authorities === undefined ? {} : { ca: join(authorities) }),
    ...(own === undefined ? {} : { cert: join(own) }),
    ...(key === undefined ? {} : { key: String(key.export({ type: 'pkcs8', format: 'pem' })) }),
  }
  try {
    return { material: { context: createSecureContext(pem), pem, authorities: authorities ?? [], own: own ?? [] }, faults: [] }
  } catch (cause) {
    // OpenSSL has rules of its own, such as a least length of keys.
    return { material: undefined, faults: [{ key: own === undefined ? 'ca' : 'cert', message: `cannot use the file: ${because(cause)}` }] }
  }
}

const longestName = 100

/** The subject as one line: common name, or all of it where there is none. */
export function certificateName({ subject }: X509Certificate): string {
  const name = /^CN=(.+)$/m.exec(subject)?.[1] ?? subject.replaceAll('\n', ', ')
  return name.length > longestName ? `${name.slice(0, longestName)}…` : name
}

function troubleOf(certificate: X509Certificate, nowMs: number): string | undefined {
  const day = (date: Date): string => `${date.toISOString().slice(0, 16).replace('T', ' ')} UTC`
  const [from, to] = [certificate.validFromDate, certificate.validToDate]
  if (nowMs > to.getTime()) return `certificate ${certificateName(certificate)} expired at ${day(to)}`
  if (nowMs < from.getTime()) return `certificate ${certificateName(certificate)} is valid only from ${day(from)}`
  return undefined
}

/**
 * What time has done to the certificates, one sentence each with the option in front; empty when all are valid. Of `ca` only when not
 * one is: in a bundle of authorities there are always some that have expired.
 */
export function certificateTrouble(
  material: Pick<TlsMaterial, 'own' | 'authorities'>,
  section: string,
  nowMs: number,
  authoritiesKey = 'ca',
): string[] {
  const troubles = (certificates: readonly X509Certificate[]): string[] =>
    certificates.map((one) => troubleOf(one, nowMs)).filter((one) => one !== undefined)
  const own = troubles(material.own)
  const authorities = troubles(material.authorities)
  const allBad = authorities.length === material.authorities.length
  return [
    ...own.map((one) => `${section}.cert: ${one}`),
    ...(allBad ? authorities.slice(0, 1) : []).map((one) => `${section}.${authoritiesKey}: ${one}`),
  ]
}
