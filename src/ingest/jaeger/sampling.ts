/** Remote sampling: the agent's HTTP port 5778, the same below `/api` on the collector's, and the gRPC method. Rules J-M1 to J-M5. */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { BridgeError } from '../../errors.ts'
import { textField } from '../../otlp/decode/reader.ts'
import type { AdapterDeps, Listener } from '../adapter.ts'
import type { Aside } from '../aside.ts'
import type { SamplingAnswer, SamplingLookup } from '../format.ts'
import { startGrpc } from '../grpc.ts'
import type { GrpcMethod } from '../grpc-method.ts'
import { replyText, startHttp } from '../http.ts'
import type { Pages } from '../pages.ts'
import { samplingFiles } from './api-v2.ts'
import type { JaegerSamplingConfig, JaegerSamplingGrpcConfig } from './config.ts'

/** What Go's `http.Error` sends along, as all of Jaeger's own answers of errors do. */
export const goHeaders = { 'x-content-type-options': 'nosniff' }

const errorHeaders = { ...goHeaders, 'content-type': 'text/plain; charset=utf-8' }

/** The value of `service`, given exactly once. */
function serviceOf(request: FastifyRequest): string | undefined {
  const url = request.raw.url ?? ''
  const question = url.indexOf('?')
  const services = question < 0 ? [] : new URLSearchParams(url.slice(question + 1)).getAll('service')
  return services.length === 1 ? services[0] : undefined
}

const reply400 = (reply: FastifyReply): FastifyReply =>
  reply.code(400).headers(errorHeaders).send("'service' parameter must be provided once\n")

/** As bytes: to a text the framework would add a charset, which Jaeger does not. */
const sendJson = (reply: FastifyReply, json: string): FastifyReply => reply.type('application/json').send(Buffer.from(json))

/** Adds `GET <base>/sampling` and `GET <base>/baggageRestrictions` to a server. @param base `''` or `/api` */
export function samplingRoutes(app: FastifyInstance, base: string, lookup: SamplingLookup): void {
  app.get(`${base}/sampling`, (request, reply) => answer(request, reply, lookup, (found) => found.json))
  // Baggage restrictions were never more than a plan: nobody restricts anything, which is what an empty list says.
  app.get(`${base}/baggageRestrictions`, (request, reply) => (serviceOf(request) === undefined ? reply400(reply) : sendJson(reply, '[]')))
}

/** Whoever knows the strategies of the old collector is asked there, while it answers; else ours hold. @param base as in {@link samplingRoutes} */
export const samplingAside = (base: string): Aside => ({
  isTheirs: (method, path) => method === 'GET' && (path === `${base}/sampling` || path === `${base}/baggageRestrictions`),
  absent: () => false,
})

async function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  lookup: SamplingLookup,
  form: (found: SamplingAnswer) => string,
): Promise<FastifyReply> {
  const service = serviceOf(request)
  if (service === undefined) return reply400(reply)
  try {
    return sendJson(reply, form(await lookup(service)))
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return reply.code(500).headers(errorHeaders).send(`collector error: ${why}\n`)
  }
}

/** Starts the agent's port for strategies, over HTTP. Throws OB_LISTEN. */
export function startJaegerSampling(config: JaegerSamplingConfig, lookup: SamplingLookup, deps: AdapterDeps): Promise<Listener> {
  return startHttp(
    {
      ...config,
      section: 'ingest.jaeger.sampling',
      bodies: [],
      // The old collector has them below /api, and the old agent asked it.
      aside: { ...samplingAside(''), targetOf: (url) => `/api${url}`, door: () => deps.mirrors?.('jaeger.http') },
      routes(app) {
        samplingRoutes(app, '', lookup)
        app.get('/', (request, reply) => answer(request, reply, lookup, (found) => found.legacyJson))
      },
      notFound(request, reply) {
        if (request.raw.method !== 'GET' && /^\/(sampling|baggageRestrictions)?(\?|$)/.test(request.raw.url ?? '')) {
          reply.raw.writeHead(405, { allow: 'GET', 'content-length': 0 })
          reply.raw.end()
        } else replyText(reply.raw, 404, '404 page not found\n', goHeaders)
      },
    },
    deps,
  )
}

// message SamplingStrategyParameters { string serviceName = 1; }

/** `SamplingManager/GetSamplingStrategy`, for the ports 14250 and 5779. Rule J-R2. */
export function samplingMethod(lookup: SamplingLookup): GrpcMethod {
  return {
    path: '/jaeger.api_v2.SamplingManager/GetSamplingStrategy',
    isTheirs: true,
    async handle(message) {
      // '' when none is named, as Jaeger takes it.
      const service = textField(message, 1)
      try {
        return (await lookup(service)).proto
      } catch (cause) {
        const why = cause instanceof Error ? cause.message : String(cause)
        throw new BridgeError('OB_SAMPLING', `cannot give a sampling strategy: ${why}`, { retryAfterSeconds: 10, cause })
      }
    },
  }
}

/** Starts Jaeger v2's port for strategies, over gRPC. Throws OB_LISTEN, or OB_CONFIG for the files of `tls` and `auth`. */
export function startJaegerSamplingGrpc(
  config: JaegerSamplingGrpcConfig,
  lookup: SamplingLookup,
  pages: Pages,
  deps: AdapterDeps,
): Promise<Listener> {
  const methods = [samplingMethod(lookup)]
  return startGrpc(
    { ...config, section: 'ingest.jaeger.samplingGrpc', bodies: [], methods, trouble: pages.trouble, files: samplingFiles },
    deps,
  )
}
