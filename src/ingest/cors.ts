/** Cross-origin requests of web pages. @see fetch.spec.whatwg.org/#http-cors-protocol */

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ListenerAuth } from './schema.ts'

export interface CorsOptions {
  /** Origins that may send; `*` is any, none is none. */
  readonly origins: readonly string[]
  /** `access-control-allow-methods` of the answer to a pre-flight request. */
  readonly methods: string
  /** Headers that pages may send; undefined: those they ask for. */
  readonly headers: string | undefined
  readonly maxAgeSeconds: number
}

export interface Cors {
  /** Headers of an answer to a request from this origin. */
  headers(origin: string | undefined): Record<string, string>
  /** Answers a pre-flight request; false when it is none, or its origin may not post. */
  preflight(request: IncomingMessage, response: ServerResponse): boolean
}

/** Headers that a web page must be let send when the endpoint asks for credentials. */
export function credentialHeaders(auth: ListenerAuth | undefined): string[] {
  return auth === undefined ? [] : ['authorization', ...(auth.apiKey === undefined ? [] : [auth.apiKey.header])]
}

/** Creates the rules of one endpoint. */
export function createCors(options: CorsOptions): Cors {
  const any = options.origins.includes('*')
  const allowed = new Set(options.origins)
  const none = {}
  const headers = (origin: string | undefined): Record<string, string> => {
    if (origin === undefined) return none
    if (any) return { 'access-control-allow-origin': '*' }
    return allowed.has(origin) ? { 'access-control-allow-origin': origin, vary: 'origin' } : none
  }
  return {
    headers,
    preflight(request, response) {
      if (request.method !== 'OPTIONS' || request.headers['access-control-request-method'] === undefined) return false
      const own = headers(request.headers.origin)
      if (own === none) return false
      const asked = options.headers ?? request.headers['access-control-request-headers']
      response.writeHead(200, {
        ...own,
        'access-control-allow-methods': options.methods,
        ...(asked === undefined ? {} : { 'access-control-allow-headers': asked }),
        'access-control-max-age': String(options.maxAgeSeconds),
        'content-length': 0,
      })
      response.end()
      return true
    },
  }
}
