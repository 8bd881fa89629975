/** Who may read and who may change: roles, protection against requests of foreign sites, names under which the port is asked. */

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { isIP } from 'node:net'
import { BridgeError } from '../errors.ts'
import type { Guard } from '../ingest/guard.ts'
import { type AdminConfig, inspectMode } from './config.ts'

export interface Visitor {
  /** Name of the user, `bearer`, `apiKey`; empty while `admin.auth` is not configured. */
  readonly user: string
  readonly role: 'read' | 'operate'
  /** Why they may not operate. */
  readonly why: string | undefined
  readonly csrf: string
}

export interface Access {
  readonly inspect: 'off' | 'masked' | 'full'
  visitor(headers: IncomingHttpHeaders): Visitor
  /** Throws OB_ADMIN_HOST when the request is for a host name that is not ours. */
  checkHost(headers: IncomingHttpHeaders): void
  /** Throws OB_ADMIN_FORBIDDEN unless this visitor may change things and the request comes from the page itself. */
  checkChange(headers: IncomingHttpHeaders): Visitor
}

const noAuth = 'Set admin.auth to use the switches.'
const noOperate = 'You may look, not change: admin.operate does not name you.'

/** The host name of a `Host` header, without its port and brackets; undefined when there is none. */
function hostName(host: string | undefined): string | undefined {
  if (host === undefined) return undefined
  const bracketed = /^\[([^\]]*)\](?::\d*)?$/.exec(host)
  return (bracketed?.[1] ?? host.replace(/:\d*$/, '')).toLowerCase()
}

const forbidden = (why: string): BridgeError => new BridgeError('OB_ADMIN_FORBIDDEN', `cannot change anything: ${why}`)

/** @param scheme `http` or `https`: how the port is spoken to */
export function createAccess(config: AdminConfig, guard: Guard | undefined, scheme: string): Access {
  const key = randomBytes(32)
  const names = new Set(['localhost', ...config.names.map((name) => name.toLowerCase())])
  // A name that the port listens on is ours, too.
  if (isIP(config.host) === 0) names.add(config.host.toLowerCase())
  const csrfOf = (user: string): string => createHmac('sha256', key).update(user).digest('hex')

  const visitor = (headers: IncomingHttpHeaders): Visitor => {
    if (guard === undefined) return { user: '', role: 'read', why: noAuth, csrf: csrfOf('') }
    const user = guard.who((name) => headers[name]?.toString())
    if (user === undefined) return { user: '', role: 'read', why: noOperate, csrf: csrfOf('') }
    const may = config.operate === undefined || config.operate.includes(user)
    return { user, role: may ? 'operate' : 'read', why: may ? undefined : noOperate, csrf: csrfOf(user) }
  }

  return {
    inspect: inspectMode(config),
    visitor,
    checkHost(headers) {
      const name = hostName(headers.host)
      if (name !== undefined && (names.has(name) || isIP(name) !== 0)) return
      throw new BridgeError(
        'OB_ADMIN_HOST',
        `cannot answer under the name ${JSON.stringify(name ?? '').slice(0, 80)}: it is not in admin.names`,
      )
    },
    checkChange(headers) {
      const who = visitor(headers)
      const type = headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase()
      if (type !== 'application/json') throw forbidden('the request is not application/json')
      const { origin } = headers
      const own = origin === undefined ? headers['sec-fetch-site'] === 'same-origin' : origin === `${scheme}://${headers.host}`
      if (!own) throw forbidden('the request does not come from this page')
      const token = Buffer.from(headers['x-ob-csrf']?.toString() ?? '')
      const wanted = Buffer.from(who.csrf)
      if (token.length !== wanted.length || !timingSafeEqual(token, wanted))
        throw forbidden('X-OB-CSRF is not the token of /api/v1/session')
      if (who.role !== 'operate') throw forbidden(who.why ?? noOperate)
      return who
    },
  }
}
