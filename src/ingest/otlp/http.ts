/** OTLP over HTTP. @see opentelemetry.io/docs/specs/otlp/#otlphttp (1.9.0) */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { BridgeError, errorTable } from '../../errors.ts'
import { encodeStatus, statusToJson } from '../../otlp/encode/status.ts'
import type { Signal } from '../../otlp/intake.ts'
import type { AdapterDeps, Listener, OtlpTranslators } from '../adapter.ts'
import { type Cors, createCors } from '../cors.ts'
import type { BodyRoute } from '../exchange.ts'
import { replyText, retryAfter, startHttp } from '../http.ts'
import { createReceiver, type Receiver } from '../receive.ts'
import type { OtlpHttpConfig } from './config.ts'
import { loopFault, loopHeader } from './loop.ts'

const signals: readonly Signal[] = ['traces', 'metrics', 'logs']

type Encoding = 'proto' | 'json'

const types: ReadonlyMap<string, Encoding> = new Map([
  ['application/x-protobuf', 'proto'],
  ['application/protobuf', 'proto'],
  ['application/json', 'json'],
])

/** What a request is written in; undefined for what OTLP has not. */
function encodingOf(request: IncomingMessage): Encoding | undefined {
  const header = request.headers['content-type'] ?? ''
  const known = types.get(header)
  if (known !== undefined) return known
  const semicolon = header.indexOf(';')
  return types.get((semicolon < 0 ? header : header.slice(0, semicolon)).trim().toLowerCase())
}

/** `Export…ServiceResponse` without a partial success. */
const accepted: Readonly<Record<Encoding, Uint8Array>> = { proto: new Uint8Array(0), json: Buffer.from('{}') }
const contentTypes: Readonly<Record<Encoding, string>> = { proto: 'application/x-protobuf', json: 'application/json' }

function refuse(response: ServerResponse, encoding: Encoding | undefined, error: BridgeError, headers: Record<string, string>): void {
  const all = { ...headers, ...retryAfter(error) }
  // The specification wants 415 here, other protocols do not.
  const status = error.code === 'OB_UNSUPPORTED_TYPE' ? 415 : error.http
  if (encoding === undefined) {
    replyText(response, status, `${error.message}\n`, all)
    return
  }
  const { grpc } = errorTable[error.code]
  const body = encoding === 'json' ? Buffer.from(statusToJson(grpc, error.message)) : encodeStatus(grpc, error.message)
  response.writeHead(status, { ...all, 'content-type': contentTypes[encoding], 'content-length': body.length })
  response.end(body)
}

function routeOf(signal: Signal, receivers: Readonly<Record<Encoding, Receiver>>, cors: Cors, instanceId: string | undefined): BodyRoute {
  return {
    path: `/v1/${signal}`,
    choose: (request) => receivers[encodingOf(request) ?? 'proto'],
    checkHead(request) {
      if (encodingOf(request) === undefined) {
        return new BridgeError(
          'OB_UNSUPPORTED_TYPE',
          'cannot read body: its Content-Type is neither application/x-protobuf nor application/json',
        )
      }
      const header = request.headers[loopHeader]
      return loopFault(instanceId, Array.isArray(header) ? header.join() : header)
    },
    accepted(request, response) {
      const encoding = encodingOf(request) ?? 'proto'
      const body = accepted[encoding]
      response.writeHead(200, {
        'content-type': contentTypes[encoding],
        'content-length': body.length,
        ...cors.headers(request.headers.origin),
      })
      response.end(body)
    },
    refused(request, response, error) {
      refuse(response, encodingOf(request), error, cors.headers(request.headers.origin))
    },
  }
}

/** Starts the endpoint. Throws OB_LISTEN, or OB_CONFIG for the files of `tls` and `auth`. */
export function startOtlpHttp(config: OtlpHttpConfig, translators: OtlpTranslators, deps: AdapterDeps): Promise<Listener> {
  const cors = createCors({ origins: config.cors.origins, methods: 'POST', headers: undefined, maxAgeSeconds: 7200 })
  const bodies = signals.map((signal) => {
    const receiver = (encoding: Encoding): Receiver =>
      createReceiver({ format: `otlp-${encoding}`, signal, transport: 'http', translate: translators[encoding][signal] }, deps)
    return routeOf(signal, { proto: receiver('proto'), json: receiver('json') }, cors, deps.instanceId)
  })
  const paths = new Set(bodies.map(({ path }) => path))

  return startHttp(
    {
      section: 'ingest.otlp.http',
      host: config.host,
      port: config.port,
      limits: config.limits,
      timeouts: config.timeouts,
      tls: config.tls,
      auth: config.auth,
      zstd: true,
      bodies,
      routes() {},
      notFound(request, reply) {
        const headers = cors.headers(request.headers.origin)
        const [path = ''] = (request.raw.url ?? '').split('?', 1)
        if (!paths.has(path)) replyText(reply.raw, 404, 'not found: OTLP goes to /v1/traces, /v1/metrics and /v1/logs\n', headers)
        else if (!cors.preflight(request.raw, reply.raw)) {
          replyText(reply.raw, 405, 'method not allowed: OTLP is sent with POST\n', { ...headers, allow: 'POST' })
        }
      },
    },
    deps,
  )
}
