/** Asks the running bridge over its admin port: the commands that switch or show a cutover are nothing but requests to `/api/v1`. */

import type { z } from 'zod'
import { type ConfigOptions, loadBridgeConfig } from '../config/compose.ts'
import { BridgeError, type ErrorCode, errorTable } from '../errors.ts'
import type { Io } from './io.ts'

/** Where the bridge is, and who asks. */
export interface AdminOptions extends ConfigOptions {
  /** `http://127.0.0.1:8899`; default: section `admin` of the configuration. */
  readonly admin?: string | undefined
}

export interface AdminClient {
  readonly url: string
  /** Gives the answer, checked against its schema. Rejects with the error of the bridge, OB_BACKEND when it does not answer, OB_AUTH without credentials. */
  get<T extends z.ZodType>(path: string, schema: T): Promise<z.output<T>>
  /** As `get`, of text. */
  text(path: string): Promise<string>
  /** Changes something. @param revision what it is based on */
  put<T extends z.ZodType>(path: string, body: object, schema: T, revision?: number): Promise<z.output<T>>
}

/** Names of the environment variables that hold credentials: an argument would be seen by everybody on the machine. */
export const credentialVariables = {
  token: 'OTLP_BRIDGE_ADMIN_TOKEN',
  user: 'OTLP_BRIDGE_ADMIN_USER',
  password: 'OTLP_BRIDGE_ADMIN_PASSWORD',
} as const

const timeoutMs = 30_000

const hostOf = (host: string): string => (host === 'localhost' || host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host)

async function urlOf(options: AdminOptions, env: Io['env']): Promise<string> {
  if (options.admin !== undefined) {
    if (!URL.canParse(options.admin) || !/^https?:/i.test(options.admin))
      throw new BridgeError('OB_CONFIG', `cannot use --admin ${options.admin}: expected http://host:port`, { place: '--admin' })
    const { username, password } = new URL(options.admin)
    if (username !== '' || password !== '') {
      const names = `${credentialVariables.user} and ${credentialVariables.password}`
      throw new BridgeError('OB_CONFIG', `cannot use --admin: credentials are not for arguments; give them as ${names}`, {
        place: '--admin',
      })
    }
    return options.admin.replace(/\/+$/, '')
  }
  const { admin } = await loadBridgeConfig(options, env)
  const host = hostOf(admin.host)
  return `${admin.tls === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${admin.port}`
}

/** The header with the credentials of {@link credentialVariables}; none without them. */
export function authorizationOf(env: Io['env']): Readonly<Record<string, string>> {
  const token = env[credentialVariables.token]
  const [user, password] = [env[credentialVariables.user], env[credentialVariables.password]]
  if (token !== undefined && token !== '') return { authorization: `Bearer ${token}` }
  if (user === undefined || user === '') return {}
  return { authorization: `Basic ${Buffer.from(`${user}:${password ?? ''}`).toString('base64')}` }
}

const isCode = (code: unknown): code is ErrorCode => typeof code === 'string' && Object.hasOwn(errorTable, code)

/** Connects to nothing yet. Rejects with OB_CONFIG. */
export async function createAdminClient(options: AdminOptions, io: Pick<Io, 'env'>): Promise<AdminClient> {
  const url = await urlOf(options, io.env)
  const own = authorizationOf(io.env)

  const ask = async (method: string, path: string, headers: Readonly<Record<string, string>>, body?: string): Promise<string> => {
    let response: Response
    let text: string
    try {
      const signal = AbortSignal.timeout(timeoutMs)
      response = await fetch(`${url}${path}`, { method, headers: { ...own, ...headers }, signal, ...(body === undefined ? {} : { body }) })
      text = await response.text()
    } catch (cause) {
      const why = cause instanceof Error ? (cause.cause instanceof Error ? cause.cause.message : cause.message) : String(cause)
      throw new BridgeError(
        'OB_BACKEND',
        `cannot ask the bridge at ${url}: ${why}; is it running, and is its admin port there (--admin)?`,
        { cause },
      )
    }
    if (response.ok) return text
    let answer: { readonly code?: unknown; readonly message?: unknown; readonly hint?: unknown } = {}
    try {
      answer = JSON.parse(text) as typeof answer
    } catch {
      // An answer that is not the API's: said with its status.
    }
    if (response.status === 401) {
      const names = Object.values(credentialVariables).join(', ')
      throw new BridgeError('OB_AUTH', `cannot ask the bridge at ${url}: it wants credentials; give them in the environment (${names})`)
    }
    const hint = typeof answer.hint === 'string' ? `; ${answer.hint}` : ''
    const message = typeof answer.message === 'string' ? answer.message : `it answered ${response.status}`
    throw new BridgeError(isCode(answer.code) ? answer.code : 'OB_BACKEND', `${message}${hint}`)
  }

  const parse = <T extends z.ZodType>(text: string, schema: T): z.output<T> => {
    try {
      return schema.parse(JSON.parse(text))
    } catch (cause) {
      throw new BridgeError('OB_BACKEND', `cannot read the answer of ${url}: is it a bridge of another version?`, { cause })
    }
  }

  return {
    url,
    get: async (path, schema) => parse(await ask('GET', path, { accept: 'application/json' }), schema),
    text: (path) => ask('GET', path, {}),
    async put(path, body, schema, revision) {
      const { session } = await import('../admin/api.ts')
      // Only what is needed of it: a bridge of another version may tell less or more.
      const { csrf } = parse(await ask('GET', '/api/v1/session', { accept: 'application/json' }), session.pick({ csrf: true }))
      const headers = {
        'content-type': 'application/json',
        'x-ob-csrf': csrf,
        // As the bridge writes its own: lower case, no default port, no path.
        origin: new URL(url).origin,
        ...(revision === undefined ? {} : { 'if-match': `"${revision}"` }),
      }
      return parse(await ask('PUT', path, headers, JSON.stringify(body)), schema)
    },
  }
}
