/** The Zipkin collector's HTTP endpoint, and what its server answers beside it. Rules Z-H1 to Z-H19 of the mapping. */

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { BridgeError } from '../../errors.ts'
import type { AdapterDeps, BodyTranslator, Listener } from '../adapter.ts'
import { type Cors, createCors, credentialHeaders } from '../cors.ts'
import type { BodyRoute } from '../exchange.ts'
import { grpcHealthPaths } from '../guard.ts'
import { type HttpOptions, replyText, retryAfter, startHttp } from '../http.ts'
import type { Pages } from '../pages.ts'
import { createReceiver, type Receipt, type Receiver } from '../receive.ts'
import type { ZipkinConfig } from './config.ts'
import { type Claim, refusalText, versionPlace, wrongVersion } from './replies.ts'

/** One translator for each encoding this endpoint takes. */
export interface ZipkinTranslators {
  readonly v2Json: BodyTranslator
  readonly v1Json: BodyTranslator
  readonly v2Proto: BodyTranslator
  readonly v1Thrift: BodyTranslator
}

/** The version of Zipkin whose answers these are; some clients ask for one. */
const zipkinVersion = '3.6.1'

const text = 'text/plain; charset=utf-8'

const protoTypes = new Set(['application/x-protobuf', 'application/protobuf'])
const thriftTypes = new Set(['application/x-thrift', 'application/vnd.apache.thrift.binary'])

/** Media type of a header value, without parameters; '' when there is none. */
const mediaTypeOf = (header: string | undefined): string => {
  if (header === undefined) return ''
  const semicolon = header.indexOf(';')
  return (semicolon < 0 ? header : header.slice(0, semicolon)).trim().toLowerCase()
}

const emptyBody = { 'content-length': 0 }

/** Starts the endpoint. @param http2 takes over connections that speak HTTP/2. Throws OB_LISTEN. */
export function startZipkin(
  config: ZipkinConfig,
  translators: ZipkinTranslators,
  pages: Pages,
  deps: AdapterDeps,
  http2?: HttpOptions['http2'],
): Promise<Listener> {
  const receiver = (format: string, translate: BodyTranslator): Receiver =>
    createReceiver({ format, transport: 'http', translate, strict: config.strict }, deps)
  const receivers: Readonly<Record<Claim, Receiver>> = {
    JSON_V2: receiver('zipkin-json', translators.v2Json),
    JSON_V1: receiver('zipkin-json', translators.v1Json),
    PROTO3: receiver('zipkin-proto', translators.v2Proto),
    THRIFT: receiver('zipkin-thrift', translators.v1Thrift),
  }
  const cors = createCors({
    origins: config.cors.origins,
    methods: 'GET,POST',
    headers: ['content-type', 'x-grpc-web', ...credentialHeaders(config.auth)].join(','),
    maxAgeSeconds: 0,
  })

  const bodyRoute = (path: string, claimOf: (request: IncomingMessage) => Claim): BodyRoute => ({
    path,
    choose: (request) => receivers[claimOf(request)],
    checkBody: config.strict ? (request, body) => versionFault(claimOf(request), body) : undefined,
    accepted(request, response, receipt) {
      const { origin } = request.headers
      if (origin === undefined && receipt.rejected === 0) response.writeHead(202, emptyBody)
      else response.writeHead(202, { ...emptyBody, ...cors.headers(origin), ...rejectedHeader(receipt) })
      response.end()
    },
    refused(request, response, error, body) {
      refuse(response, claimOf(request), error, body, cors.headers(request.headers.origin))
    },
  })

  return startHttp(
    {
      section: 'ingest.zipkin',
      host: config.host,
      port: config.port,
      limits: config.limits,
      timeouts: config.timeouts,
      tls: config.tls,
      auth: config.auth,
      healthPaths: ['/health', '/actuator/health', ...grpcHealthPaths],
      http2,
      bodies: [
        bodyRoute('/api/v2/spans', (request) => (protoTypes.has(mediaTypeOf(request.headers['content-type'])) ? 'PROTO3' : 'JSON_V2')),
        bodyRoute('/api/v1/spans', (request) => (thriftTypes.has(mediaTypeOf(request.headers['content-type'])) ? 'THRIFT' : 'JSON_V1')),
      ],
      aside: {
        isTheirs: (method, path) => (method === 'GET' || method === 'HEAD') && oldPath.test(path),
        absent(request, response, newUi) {
          const line = `the old backend does not answer: spans are forwarded to ${newUi ?? config.newBackend ?? pages.endpoint}, look for them there\n`
          replyText(response, 503, line, { ...cors.headers(request.headers.origin), 'retry-after': '60' })
          return true
        },
      },
      routes(app) {
        addCors(app, cors)
        addReadRoutes(app, config.newBackend ?? pages.endpoint)
        addPages(app, receivers, pages)
      },
      notFound(request, reply) {
        if (cors.preflight(request.raw, reply.raw)) return
        replyText(reply.raw, 404, '404 Not Found', cors.headers(request.headers.origin))
      },
    },
    deps,
  )
}

const versionFault = (claim: Claim, body: Uint8Array): BridgeError | undefined => {
  const found = wrongVersion(claim, body)
  return found === undefined ? undefined : new BridgeError('OB_DECODE_JSON', found, { place: versionPlace })
}

const rejectedHeader = (receipt: Receipt): Record<string, string> =>
  receipt.rejected === 0 ? {} : { 'x-otlp-bridge-rejected-spans': String(receipt.rejected) }

function refuse(
  response: ServerResponse,
  claim: Claim,
  error: BridgeError,
  body: Uint8Array | undefined,
  headers: Record<string, string>,
): void {
  replyText(response, error.http, refusalText(claim, error, body), { ...headers, ...retryAfter(error) })
}

function addCors(app: FastifyInstance, cors: Cors): void {
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(cors.headers(request.headers.origin))
    done()
  })
}

/** Paths of Zipkin's read side. An empty list in answer to them would look like lost data. */
const readPaths = [
  ...[
    'services',
    'spans',
    'traces',
    'trace/*',
    'traceMany',
    'dependencies',
    'autocompleteKeys',
    'autocompleteValues',
    'remoteServices',
  ].map((name) => `/api/v2/${name}`),
  '/api/v1/*',
  '/zipkin',
  '/zipkin/*',
  '/config.json',
]

/** What the old backend answers while it is there: queries, and its user interface. */
const oldPath = /^\/(?:$|api\/v[12]\/|zipkin(?:$|\/)|config\.json$)/

function addReadRoutes(app: FastifyInstance, backend: string): void {
  const line = `otlp-bridge stores nothing: spans are forwarded to ${backend}, look for them there\n`
  const answer = (_request: FastifyRequest, reply: FastifyReply): void => {
    reply.code(404).type(text).send(line)
  }
  for (const path of readPaths) app.get(path, answer)
  app.get('/', (_request, reply) => {
    reply.type(text).send(`otlp-bridge takes Zipkin spans here (POST /api/v2/spans, /api/v1/spans) and forwards them to ${backend}\n`)
  })
}

function addPages(app: FastifyInstance, receivers: Readonly<Record<Claim, Receiver>>, pages: Pages): void {
  const health = (type: string) => (_request: FastifyRequest, reply: FastifyReply) => {
    const trouble = pages.trouble()
    const status = trouble === undefined ? 'UP' : 'DOWN'
    const own = trouble === undefined ? { status } : { status, details: { error: trouble } }
    reply
      .code(trouble === undefined ? 200 : 503)
      .type(type)
      .send(JSON.stringify({ status, zipkin: { status, details: { OtlpBridge: own } } }))
  }
  app.get('/health', health('application/json; charset=utf-8'))
  app.get('/actuator/health', health('application/vnd.spring-boot.actuator.v2+json; charset=utf-8'))
  app.get('/info', (_request, reply) => {
    reply.send({ zipkin: { version: zipkinVersion }, 'otlp-bridge': { version: pages.version } })
  })
  app.get('/metrics', (_request, reply) => {
    reply.send(collectorCounters(Object.values(receivers)))
  })
  app.get('/prometheus', async (_request, reply) => {
    const { contentType, text: page } = await pages.exposition()
    return reply.type(contentType).send(page)
  })
}

/** The counters of Zipkin's `/metrics`, by its names. */
function collectorCounters(receivers: readonly Receiver[]): Record<string, number> {
  const sum = { messages: 0, messages_dropped: 0, bytes: 0, spans: 0, spans_dropped: 0 }
  for (const { totals } of receivers) {
    sum.messages += totals.requests
    sum.messages_dropped += totals.refusedRequests
    sum.bytes += totals.bytes
    sum.spans += totals.items
    sum.spans_dropped += totals.lostItems
  }
  return Object.fromEntries(Object.entries(sum).map(([name, value]) => [`counter.zipkin_collector.${name}.http`, value]))
}
