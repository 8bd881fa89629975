/** Requests that bring no data: passed to the old backend while there is one, else answered here. Section 1.3 of the cutover's mapping. */

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { pathOf } from './exchange.ts'
import type { MirrorDoor } from './mirror-door.ts'

/** Which requests of an endpoint are the old backend's. */
export interface Aside {
  /** @param path without the query */
  isTheirs(method: string, path: string): boolean
  /** Path and query to ask the old backend for; absent: the request's own. */
  readonly targetOf?: ((url: string) => string) | undefined
  /** The old backend's way; absent: that of the endpoint itself. Asked for each request. */
  readonly door?: (() => MirrorDoor | undefined) | undefined
  /**
   * Answers for an old backend that is off or silent. False: as without a mirror. Never an empty result to who asks for data.
   * @param newUi where people find the data now, as far as the configuration says so
   */
  absent(request: IncomingMessage, response: ServerResponse, newUi: string | undefined): boolean
}

/** Goes before what answers requests without a mirror. @param door of the endpoint, where it has one */
export function createAside(aside: Aside, door: MirrorDoor | undefined, ours: RequestListener): RequestListener {
  return (request, response) => {
    const to = aside.door === undefined ? door : aside.door()
    const url = pathOf(request.url ?? '/')
    const [path = '/'] = url.split('?', 1)
    if (to === undefined || !aside.isTheirs(request.method ?? 'GET', path)) return ours(request, response)
    const { proxy, old, newUi } = to.state()
    const standIn = (): void => {
      if (!aside.absent(request, response, newUi)) ours(request, response)
    }
    if (old === 'off') return standIn()
    if (!proxy) return ours(request, response)
    const target = aside.targetOf?.(url)
    to.proxy(request, response, {
      target,
      failed(error) {
        if (error.code !== 'OB_MIRROR_BUSY') return standIn()
        const line = `${error.message}\n`
        response.writeHead(503, {
          'retry-after': '1',
          'content-type': 'text/plain; charset=utf-8',
          'content-length': Buffer.byteLength(line),
        })
        response.end(line)
      },
    })
  }
}
