/** Answers to what Prometheus, Grafana and people ask a Prometheus: where to look now. An empty result would look like lost data. */

import type { ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { replyText } from '../http.ts'
import type { Pages } from '../pages.ts'

/** The API of a Prometheus, wherever it is mounted. */
const api = /^(?:\/[^/]+)*?\/api\/v1(?:\/|$)/

/** Answers a request for a path that is not written to, in the form that its asker reads. @param backend where the metrics are now */
export function replyNotHere(response: ServerResponse, path: string, backend: string): void {
  const line = `otlp-bridge stores nothing: samples are forwarded to ${backend}, query them there`
  if (!api.test(path)) {
    replyText(response, 404, `${line}\n`)
    return
  }
  const body = Buffer.from(JSON.stringify({ status: 'error', errorType: 'not_found', error: line }))
  response.writeHead(404, { 'content-type': 'application/json', 'content-length': body.length })
  response.end(body)
}

/** Paths that orchestrators probe, as Prometheus has them. */
export const healthPaths: readonly string[] = ['/-/healthy', '/-/ready']

/** `/-/healthy` as long as the process answers; `/-/ready` with what is not well. */
export function addHealth(app: FastifyInstance, pages: Pages): void {
  const type = 'text/plain; charset=utf-8'
  app.route({
    method: ['GET', 'HEAD'],
    url: '/-/healthy',
    handler: (_request, reply) => reply.type(type).send('otlp-bridge is Healthy.\n'),
  })
  app.route({
    method: ['GET', 'HEAD'],
    url: '/-/ready',
    handler(_request, reply) {
      const trouble = pages.trouble()
      return reply
        .code(trouble === undefined ? 200 : 503)
        .type(type)
        .send(trouble === undefined ? 'otlp-bridge is Ready.\n' : `otlp-bridge is not Ready: ${trouble}\n`)
    },
  })
}
