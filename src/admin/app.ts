/** A fastify that listens nowhere itself: the admin port has one server an address, and they share what answers. */

import type { RequestListener } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { withoutSchemas } from '../net/fastify.ts'
import { createServer } from '../net/node-http.ts'

export interface App {
  /** Answers once `ready` has resolved. */
  readonly onRequest: RequestListener
  close(): Promise<void>
}

/** @param add adds the routes */
export async function createApp(add: (app: FastifyInstance) => void): Promise<App> {
  let routed: RequestListener = () => {}
  // Not at the top: a bridge that listens for datagrams alone does without its 24 MB.
  const { fastify } = await import('fastify')
  const app = fastify({
    ...withoutSchemas,
    logger: false,
    bodyLimit: 1024,
    serverFactory: (handler) => {
      routed = handler as RequestListener
      return createServer()
    },
  })
  add(app)
  await app.ready()
  return { onRequest: (request, response) => routed(request, response), close: () => app.close() }
}
