/** Who may send: basic, bearer and API-key authentication, the same over HTTP and gRPC. */

import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { BridgeError } from '../errors.ts'
import { watchFiles } from '../net/watch-files.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { type Credentials, type CredentialsRead, credentialFiles, type PasswordForm, readCredentials } from './credentials.ts'
import type { ListenerAuth } from './schema.ts'

/** Looks at the head of a request or call. */
export interface Guard {
  /**
   * Undefined when the sender may go on, else the error to answer with (OB_AUTH: HTTP 401, gRPC UNAUTHENTICATED). Counts refusals.
   * @param header the value of a header or of gRPC metadata by its lower-case name; undefined when absent
   */
  refusal(header: (name: string) => string | undefined): BridgeError | undefined
  /** Who a request is from whose credentials are known: the user, `bearer` or `apiKey`; undefined for others. Counts nothing. */
  who(header: (name: string) => string | undefined): string | undefined
  /** True for a path (without its query), or a gRPC method such as `/grpc.health.v1.Health/Check`, that needs no credentials. */
  isOpen(path: string): boolean
  /** What a 401 names in `WWW-Authenticate`. */
  readonly challenge: string
  /** Sentences about files that could not be read again; empty when all is well. */
  trouble(): readonly string[]
  /** Looks at the files now, as it does by itself at every interval. */
  look(): Promise<void>
  close(): void
}

export interface GuardDeps {
  readonly log: Logger
  readonly metrics: Metrics
}

/** Methods that are open on a gRPC listener unless `auth.except` says otherwise: what an orchestrator probes with can hold no secret. */
export const grpcHealthPaths: readonly string[] = ['/grpc.health.v1.Health/Check', '/grpc.health.v1.Health/Watch']

/** What is compared: digests of one length, under a key of this process, so that neither length nor content of a secret can be timed. */
type Digest = (kind: string, value: string | Buffer) => Buffer

function createDigest(): Digest {
  const key = randomBytes(32)
  return (kind, value) => createHmac('sha256', key).update(`${kind}:`).update(value).digest()
}

/** Compares with every candidate, also after one was found. */
export function isAmong(digest: Buffer, candidates: readonly Buffer[], equal: typeof timingSafeEqual = timingSafeEqual): boolean {
  let found = 0
  for (const candidate of candidates) found |= Number(equal(digest, candidate))
  return found === 1
}

/** Digests of one set of credentials, by kind. */
interface Known {
  readonly users: readonly { readonly form: PasswordForm; readonly digests: readonly Buffer[] }[]
  readonly tokens: readonly Buffer[]
  readonly keys: readonly Buffer[]
}

const forms: readonly PasswordForm[] = ['plain', 'sha1', 'sha256']

function knownOf(credentials: Credentials, digest: Digest): Known {
  const users = forms.map((form) => ({
    form,
    digests: credentials.users.filter((one) => one.form === form).map((one) => digest(form, `${one.user}:${one.password}`)),
  }))
  return {
    users: users.filter((one) => one.digests.length > 0),
    tokens: credentials.tokens.map((one) => digest('bearer', one)),
    keys: credentials.keys.map((one) => digest('key', one)),
  }
}

const scheme = /^(basic|bearer|apikey) +(\S+) *$/i

function challengeOf(auth: ListenerAuth): string {
  const ways: string[] = []
  if (auth.basic.length > 0 || auth.htpasswdFile !== undefined) ways.push('Basic realm="otlp-bridge", charset="UTF-8"')
  if (auth.bearer.length > 0 || auth.bearerFile !== undefined) ways.push('Bearer realm="otlp-bridge"')
  if (auth.apiKey !== undefined) ways.push(`ApiKey realm="otlp-bridge", header="${auth.apiKey.header}"`)
  return ways.join(', ')
}

/** `user:password` as it came, in the form that a candidate is kept in. */
function inForm(form: PasswordForm, pair: Buffer): Buffer {
  if (form === 'plain') return pair
  // A user's name holds no colon, a password may.
  const colon = pair.indexOf(0x3a)
  const password = createHash(form)
    .update(pair.subarray(colon + 1))
    .digest('base64')
  return Buffer.concat([pair.subarray(0, colon + 1), Buffer.from(password)])
}

const wordsOf = (section: string, { faults }: CredentialsRead): string =>
  faults.map(({ path, message }) => `${section}.${path.join('.')}: ${message}`).join('; ')

/**
 * Creates the guard of one listener and watches the files it reads. One good credential of any kind is enough. New good files hold
 * from the next request on; new bad ones are reported by `trouble` and change nothing.
 * @param section for messages and counters: `ingest.zipkin.auth`. @param healthPaths open unless `except` is given. Throws OB_CONFIG.
 */
export async function createGuard(auth: ListenerAuth, section: string, healthPaths: readonly string[], deps: GuardDeps): Promise<Guard> {
  const { log, metrics } = deps
  const digest = createDigest()
  const first = await readCredentials(auth)
  if (first.faults.length > 0) {
    throw new BridgeError('OB_CONFIG', `cannot guard the listener: ${wordsOf(section, first)}`, { place: section })
  }
  let known = knownOf(first.credentials, digest)
  let fault: string | undefined
  const open = new Set(auth.except ?? healthPaths)
  const keyHeader = auth.apiKey?.header ?? ''
  const listener = section.replace(/\.auth$/, '')
  const refusals = (reason: string) => metrics.counter('otlp_bridge_refused_credentials_total', { listener, reason })
  const [missing, unknown] = [refusals('missing'), refusals('unknown')]

  const watch = await watchFiles({
    files: credentialFiles(auth),
    intervalMs: auth.reload,
    async onChange() {
      const read = await readCredentials(auth)
      if (read.faults.length > 0) {
        fault = `the new files cannot be used, the old credentials still hold: ${wordsOf(section, read)}`
        log.error({ section }, fault)
        return
      }
      fault = undefined
      known = knownOf(read.credentials, digest)
      log.info({ section }, 'new credentials hold from now on')
    },
  })

  const isKnown = (kind: string, value: string): boolean => {
    if (kind === 'key') return isAmong(digest('key', value), known.keys)
    if (kind === 'bearer') return isAmong(digest('bearer', value), known.tokens)
    if (kind === 'apikey') {
      // As Elasticsearch has them, `id:key` goes over the wire in base64; the section may hold it in either form.
      const asItIs = isAmong(digest('key', value), known.keys)
      return isAmong(digest('key', Buffer.from(value, 'base64')), known.keys) || asItIs
    }
    const pair = Buffer.from(value, 'base64')
    let found = false
    for (const { form, digests } of known.users) found = isAmong(digest(form, inForm(form, pair)), digests) || found
    return found
  }

  const who = (header: (name: string) => string | undefined): string | undefined => {
    const authorization = header('authorization')
    const key = keyHeader === '' ? undefined : header(keyHeader)
    if (key !== undefined && isKnown('key', key)) return 'apiKey'
    const match = authorization === undefined ? null : scheme.exec(authorization)
    const [kind, value] = [match?.[1]?.toLowerCase(), match?.[2]]
    if (kind === undefined || value === undefined || !isKnown(kind, value)) return undefined
    if (kind !== 'basic') return kind === 'bearer' ? 'bearer' : 'apiKey'
    return Buffer.from(value, 'base64').toString().split(':', 1)[0] ?? ''
  }

  return {
    challenge: challengeOf(auth),
    isOpen: (path) => open.has(path),
    who,
    refusal(header) {
      if (who(header) !== undefined) return undefined
      const authorization = header('authorization')
      const key = keyHeader === '' ? undefined : header(keyHeader)
      if (authorization === undefined && key === undefined) {
        missing.value++
        return new BridgeError('OB_AUTH', 'cannot take the request: it brings no credentials')
      }
      unknown.value++
      return new BridgeError('OB_AUTH', 'cannot take the request: its credentials are not known here')
    },
    trouble: () => (fault === undefined ? [] : [fault]),
    look: watch.look,
    close: watch.close,
  }
}
