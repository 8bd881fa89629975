/**
 * Requests that bring no documents, while there is an old Elasticsearch: they are passed to it, and its answers back. What they set up there is kept
 * here, too, so that the bridge can answer alone when the old side is gone. Section 1.3 of the mapping.
 */

import type { IncomingMessage } from 'node:http'
import { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import type { BridgeError } from '../../errors.ts'
import type { AdapterDeps } from '../adapter.ts'
import { createBodyReader, isWaiting } from '../body.ts'
import type { MirrorDoor, MirrorState } from '../mirror-door.ts'
import { asBridgeError, cellsByReason } from '../receive.ts'
import type { ElasticsearchConfig } from './config.ts'
import { faultOf } from './es-errors.ts'
import type { Handshake } from './handshake.ts'
import { readTarget, replyRawError } from './handshake-replies.ts'
import { type MirrorRoute, mirrorRouteOf } from './mirror-routes.ts'
import { targetBelow } from './old-side.ts'

export interface PassThroughOptions {
  readonly config: ElasticsearchConfig
  readonly door: MirrorDoor
  readonly handshake: Handshake
}

export interface PassThrough {
  /** False for a request with documents, which is not answered yet. Never throws. */
  answer(request: IncomingMessage, response: ServerResponse): boolean
}

const isRead = (method: string | undefined): boolean => method === 'GET' || method === 'HEAD'

const hasBody = ({ headers }: IncomingMessage): boolean =>
  (headers['content-length'] !== undefined && headers['content-length'] !== '0') || headers['transfer-encoding'] !== undefined

/** Where nodes are said to be reached: all of it leads past us. */
const addressKeys = new Set(['publish_address', 'bound_address'])

type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json }

const isObject = (value: Json | undefined): value is { readonly [name: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * An answer of `_nodes` in which every node is reached at our address; without one of ours it names no node, so that a sniffing client stays where it
 * is. Throws for what is no JSON.
 */
export function rewriteNodes(body: Uint8Array, address: string | undefined): Uint8Array {
  const value = JSON.parse(Buffer.from(body).toString()) as Json
  if (!isObject(value) || !isObject(value['nodes'])) return body
  const isNamed = Object.values(value['nodes']).some(
    (node) => isObject(node) && isObject(node['http']) && 'publish_address' in node['http'],
  )
  // Statistics lead nobody anywhere.
  if (!isNamed) return body
  if (address === undefined) return Buffer.from(JSON.stringify({ ...value, nodes: {} }))
  const nodes = Object.entries(value['nodes']).map(([id, node]) => {
    const http = isObject(node) ? node['http'] : undefined
    if (!isObject(node) || !isObject(http)) return [id, node] as const
    const own = Object.entries(http).map(
      ([name, one]) => [name, addressKeys.has(name) ? (Array.isArray(one) ? [address] : address) : one] as const,
    )
    return [id, { ...node, http: Object.fromEntries(own) }] as const
  })
  return Buffer.from(JSON.stringify({ ...value, nodes: Object.fromEntries(nodes) }))
}

/** A request with a body that was read already. */
function replayed({ method, url, headers }: IncomingMessage, body: Uint8Array): IncomingMessage {
  const stream = Readable.from(body.length === 0 ? [] : [Buffer.from(body)], { objectMode: false })
  return Object.assign(stream, { method, url, headers: { ...headers, 'content-length': String(body.length) }, complete: true }) as never
}

/** Creates it. One for each listener. */
export function createPassThrough({ config, door, handshake }: PassThroughOptions, deps: AdapterDeps): PassThrough {
  const { prefix, publicAddress } = config
  const reader = createBodyReader({ maxBytes: config.registry.body, limitKey: 'ingest.elasticsearch.registry.body' })
  const passed = cellsByReason((code) => deps.metrics.counter('otlp_bridge_elasticsearch_requests_total', { path: 'proxy', code }))
  const count = (status: number): void => void passed(String(status)).value++

  const refuse = (request: IncomingMessage, response: ServerResponse, status: number, type: string, reason: string, headers = {}): void => {
    count(status)
    if (isWaiting(request) || !request.complete) response.shouldKeepAlive = false
    replyRawError(request, response, status, type, reason, headers)
  }

  /** Searches find nothing here, and an empty result would be believed. */
  const elsewhere = (request: IncomingMessage, response: ServerResponse, { newUi }: MirrorState): void => {
    const place = newUi ?? config.newBackend ?? 'the OpenTelemetry backend'
    refuse(
      request,
      response,
      503,
      'cluster_block_exception',
      `the old Elasticsearch is not there, and otlp-bridge stores nothing: the data is in ${place}`,
    )
  }

  /** What the bridge says alone. */
  const own = (request: IncomingMessage, response: ServerResponse, route: MirrorRoute, state: MirrorState): void => {
    if (route.absent === 'elsewhere') elsewhere(request, response, state)
    else handshake.answer(request, response)
  }

  /** Keeps what was set up at the old side. Its own answer to that is thrown away: it may differ, and the client has the other one. */
  const keep = (request: IncomingMessage, body: Uint8Array): void => {
    const copy = replayed(request, body)
    handshake.answer(copy, new ServerResponse(copy))
  }

  const failed =
    (request: IncomingMessage, response: ServerResponse, route: MirrorRoute, state: MirrorState, body: Uint8Array | undefined) =>
    (error: BridgeError): void => {
      // The old side may have done what it did not answer to: what is asked again then is the client's to know.
      const maySay = error.code === 'OB_MIRROR_DOWN' || (error.code === 'OB_MIRROR_SLOW' && isRead(request.method))
      if (maySay && body !== undefined) own(replayed(request, body), response, route, state)
      else if (maySay && !hasBody(request)) own(request, response, route, state)
      else {
        const { fault, headers } = faultOf(error)
        replyRawError(request, response, fault.status, fault.type, fault.reason, headers)
      }
    }

  const pass = (
    request: IncomingMessage,
    response: ServerResponse,
    route: MirrorRoute,
    state: MirrorState,
    body: Uint8Array | undefined,
  ): void => {
    if (route.write === true) door.count('write_not_translated', 1)
    const kept = route.copy === true ? (body ?? (hasBody(request) ? undefined : noBytes)) : undefined
    door.proxy(request, response, {
      target: targetBelow(request.url ?? '/', prefix),
      body,
      answered(status) {
        count(status)
        if (kept !== undefined && status >= 200 && status < 300) keep(request, kept)
      },
      rewrite: route.nodes === true ? (answer) => rewriteNodes(answer, publicAddress) : undefined,
      failed: failed(request, response, route, state, body),
    })
  }

  /** As {@link pass}, of a request that is read before, because it is kept. */
  const passRead = (request: IncomingMessage, response: ServerResponse, route: MirrorRoute, state: MirrorState): void => {
    reader.read(request, response, {
      done(body) {
        const copy = body.slice()
        reader.release(body)
        pass(request, response, route, state, copy)
      },
      failed(error) {
        const { fault, headers } = faultOf(asBridgeError(error))
        refuse(request, response, fault.status, fault.type, fault.reason, headers)
      },
    })
  }

  return {
    answer(request, response) {
      if (door.loops(headerText(request.headers.via))) {
        refuse(request, response, 508, 'illegal_state_exception', 'the request came through this bridge before')
        return true
      }
      const asked = readTarget(request, response, prefix)
      // What cannot be read, or is not below the prefix, is answered by who answers all of that.
      if (asked === undefined || asked === 'elsewhere') return false
      const route = mirrorRouteOf(request.method ?? 'GET', asked.segments)
      if (route.to === 'mirror') return false
      if (route.to === 'refuse') {
        refuse(request, response, 400, 'illegal_argument_exception', 'the path holds a dot segment')
        return true
      }
      const state = door.state()
      if (!state.proxy) {
        // Changes of documents are answered by who takes documents.
        if (route.write === true) return false
        own(request, response, route, state)
        return true
      }
      if (route.to === 'admin' && state.admin !== true) {
        refuse(request, response, 403, 'security_exception', 'blocked by otlp-bridge: proxy.admin')
        return true
      }
      const length = Number(request.headers['content-length'] ?? -1)
      const isSmall = length > 0 && length <= config.registry.body && request.headers['transfer-encoding'] === undefined
      if (route.copy === true && isSmall) passRead(request, response, route, state)
      else pass(request, response, route, state, undefined)
      return true
    },
  }
}

const noBytes = new Uint8Array(0)

const headerText = (value: string | readonly string[] | undefined): string | undefined =>
  typeof value === 'string' ? value : value?.join(', ')
