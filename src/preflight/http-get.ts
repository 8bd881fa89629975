/** One small request, bounded in time and size. */

import type { IncomingHttpHeaders } from 'node:http'
import type { SecureContext } from 'node:tls'

export interface HttpAnswer {
  readonly status: number
  /** The header `Date`, in milliseconds; undefined when there is none. */
  readonly dateMs: number | undefined
  /** At most 1 MiB of the body. */
  readonly body: string
  /** Names in lower case. */
  readonly headers?: IncomingHttpHeaders
}

export interface GetOptions {
  readonly timeoutMs: number
  readonly headers?: Readonly<Record<string, string>>
  readonly secureContext?: SecureContext | undefined
  /** Makes it a POST with this body. */
  readonly post?: Uint8Array
}

/** Rejects when there is no whole answer in time. */
export type HttpGet = (url: string, options: GetOptions) => Promise<HttpAnswer>

const maxBytes = 2 ** 20

export const httpGet: HttpGet = async (url, { timeoutMs, headers, secureContext, post }) => {
  const secure = url.startsWith('https:')
  const { request } = secure ? await import('node:https') : await import('node:http')
  return new Promise((resolve, reject) => {
    const options = {
      method: post === undefined ? 'GET' : 'POST',
      headers: post === undefined ? headers : { ...headers, 'content-length': post.length },
      agent: false,
      signal: AbortSignal.timeout(timeoutMs),
      ...(secureContext === undefined ? {} : { secureContext }),
    }
    const get = request(url, options, (answer) => {
      let body = ''
      const done = (): void => {
        const date = Date.parse(answer.headers.date ?? '')
        resolve({ status: answer.statusCode ?? 0, dateMs: Number.isNaN(date) ? undefined : date, body, headers: answer.headers })
      }
      answer.setEncoding('utf8')
      answer.on('data', (piece: string) => {
        body += piece
        if (body.length < maxBytes) return
        done()
        get.destroy()
      })
      answer.on('end', done)
      answer.on('error', reject)
    })
    get.on('error', reject)
    get.end(post)
  })
}
