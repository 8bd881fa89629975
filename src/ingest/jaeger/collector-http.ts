/** The Jaeger collector's HTTP endpoint, 14268. Rules J-H1 to J-H9 of the mapping. */

import type { IncomingMessage } from 'node:http'
import { BridgeError } from '../../errors.ts'
import type { AdapterDeps, BodyTranslator, Listener } from '../adapter.ts'
import type { BodyRoute } from '../exchange.ts'
import type { SamplingLookup } from '../format.ts'
import { replyText, retryAfter, startHttp } from '../http.ts'
import { createReceiver } from '../receive.ts'
import type { JaegerHttpConfig } from './config.ts'
import { goHeaders, samplingAside, samplingRoutes } from './sampling.ts'

const thriftTypes = new Set(['application/x-thrift', 'application/vnd.apache.thrift.binary'])

const emptyBody = { 'content-length': 0 }

const token = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+"
const tokenStart = new RegExp(`^${token}`)
const parameterPattern = new RegExp(`^\\s*;\\s*(${token})=(?:${token}|"(?:[^"\\\\]|\\\\.)*")`)

/** A Content-Type as Go's `mime.ParseMediaType` reads it: the type, or Go's words about why not. */
export function parseMediaType(header: string): { readonly type: string } | { readonly fault: string } {
  const semicolon = header.indexOf(';')
  const type = (semicolon < 0 ? header : header.slice(0, semicolon)).trim().toLowerCase()
  const fault = typeFault(type)
  if (fault !== undefined) return { fault: `mime: ${fault}` }
  let rest = semicolon < 0 ? '' : header.slice(semicolon)
  const names = new Set<string>()
  while (rest.trim() !== '' && rest.trim() !== ';') {
    const match = parameterPattern.exec(rest)
    if (match?.[1] === undefined) return { fault: 'mime: invalid media parameter' }
    const name = match[1].toLowerCase()
    if (names.has(name)) return { fault: 'mime: duplicate parameter name' }
    names.add(name)
    rest = rest.slice(match[0].length)
  }
  return { type }
}

function typeFault(type: string): string | undefined {
  const major = tokenStart.exec(type)?.[0]
  if (major === undefined) return 'no media type'
  if (major.length === type.length) return undefined
  if (type[major.length] !== '/') return 'expected slash after first token'
  const minor = tokenStart.exec(type.slice(major.length + 1))?.[0]
  if (minor === undefined) return 'expected token after slash'
  return major.length + 1 + minor.length === type.length ? undefined : 'unexpected content after media subtype'
}

/** As Go's `html.EscapeString`. */
const escapeHtml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll("'", '&#39;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&#34;')

function typeRefusal(request: IncomingMessage): BridgeError | undefined {
  const header = request.headers['content-type'] ?? ''
  if (header === 'application/x-thrift' || header === 'application/vnd.apache.thrift.binary') return undefined
  const parsed = parseMediaType(header)
  if ('fault' in parsed) return new BridgeError('OB_UNSUPPORTED_TYPE', `Cannot parse content type: ${parsed.fault}`)
  if (thriftTypes.has(parsed.type)) return undefined
  return new BridgeError('OB_UNSUPPORTED_TYPE', `Unsupported content type: ${escapeHtml(parsed.type)}`)
}

function refusalText(error: BridgeError): string {
  switch (error.code) {
    case 'OB_UNSUPPORTED_TYPE':
      return error.message
    case 'OB_QUEUE_FULL':
    case 'OB_QUEUE_BROKEN':
    case 'OB_STOPPING':
      return `Cannot submit Jaeger batch: ${error.message}`
    default:
      return `Unable to process request body: ${error.message}`
  }
}

/** Starts the endpoint. @param translate one `Batch` struct in Thrift binary. @param lookup sampling strategies, for `/api/sampling`. Throws OB_LISTEN. */
export function startJaegerHttp(
  config: JaegerHttpConfig,
  translate: BodyTranslator,
  lookup: SamplingLookup,
  deps: AdapterDeps,
): Promise<Listener> {
  const receiver = createReceiver({ format: 'jaeger-thrift-binary', transport: 'http', translate }, deps)
  const traces: BodyRoute = {
    path: '/api/traces',
    choose: () => receiver,
    checkHead: typeRefusal,
    accepted(_request, response, receipt) {
      if (receipt.rejected === 0) response.writeHead(202, emptyBody)
      else response.writeHead(202, { ...emptyBody, 'x-otlp-bridge-rejected-spans': String(receipt.rejected) })
      response.end()
    },
    refused(_request, response, error) {
      replyText(response, error.http, `${refusalText(error)}\n`, { ...goHeaders, ...retryAfter(error) })
    },
  }
  return startHttp(
    {
      section: 'ingest.jaeger.http',
      host: config.host,
      port: config.port,
      limits: config.limits,
      timeouts: config.timeouts,
      tls: config.tls,
      auth: config.auth,
      bodies: [traces],
      aside: samplingAside('/api'),
      routes(app) {
        samplingRoutes(app, '/api', lookup)
      },
      notFound(request, reply) {
        const path = (request.raw.url ?? '').split('?', 1)[0]
        if (path === '/api/traces' || path === '/api/sampling' || path === '/api/baggageRestrictions') {
          reply.raw.writeHead(405, { ...emptyBody, allow: path === '/api/traces' ? 'POST' : 'GET' })
          reply.raw.end()
        } else {
          replyText(reply.raw, 404, '404 page not found\n', goHeaders)
        }
      },
    },
    deps,
  )
}
