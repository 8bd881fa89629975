/** Who a mirrored request says it comes from. */

import type { MirrorEndpointConfig } from './config.ts'

export interface Authorization {
  readonly mode: 'pass' | 'own' | 'none'
  /** Value of `Authorization` with `own`; undefined: a client certificate says it, or nothing does. */
  readonly value: string | undefined
}

/** What the configuration says. Of several credentials the first counts: API key, token, name and password. */
export function authorizationOf(config: Pick<MirrorEndpointConfig, 'auth' | 'credentials'>): Authorization {
  const { apiKey, bearer, username, password } = config.credentials
  if (config.auth !== 'own') return { mode: config.auth, value: undefined }
  if (apiKey !== undefined) return { mode: 'own', value: `ApiKey ${apiKey}` }
  if (bearer !== undefined) return { mode: 'own', value: `Bearer ${bearer}` }
  if (username === undefined) return { mode: 'own', value: undefined }
  return { mode: 'own', value: `Basic ${Buffer.from(`${username}:${password ?? ''}`).toString('base64')}` }
}
