/**
 * Everything that is asked of an Elasticsearch beside documents: what shippers want to know before they send, and what they set up. Paths are
 * matched here, not by a framework: their parts are decoded one by one, as the real one does (`%2F` may be in a name), and a path that is known
 * is told apart from a method that is not. Sections 1 and 4 of the mapping.
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { type Cell, cappedValues } from '../../telemetry/metrics.ts'
import type { AdapterDeps } from '../adapter.ts'
import { asBridgeError } from '../receive.ts'
import { createBodies } from './handshake-bodies.ts'
import { createCat } from './handshake-cat.ts'
import { createCluster } from './handshake-cluster.ts'
import { createDocumentPaths } from './handshake-documents.ts'
import { createEntries } from './handshake-entries.ts'
import { createIndices } from './handshake-indices.ts'
import { type Asked, readTarget, replyAllowed, replyJson, replyRawError } from './handshake-replies.ts'
import { allowed, type Find, type Method, type Route } from './handshake-routes.ts'
import { openRegistry, type Registry } from './registry.ts'
import { createVersionOf, majorOf } from './versions.ts'

/** Part of {@link ElasticsearchConfig}. */
export interface HandshakeConfig {
  readonly port: number
  /** Without slash at its end. */
  readonly prefix: string
  readonly version: string
  readonly versionEcho: boolean
  readonly publicAddress?: string | undefined
  readonly newBackend?: string | undefined
  readonly health: { readonly reflectsQueue: boolean }
  readonly registry: { readonly entries: number; readonly body: number; readonly bytes: number }
  readonly limits: { readonly body: number }
}

export interface HandshakeOptions {
  readonly config: HandshakeConfig
  /** Where documents go: named to those who search for them here. */
  readonly backend: string
}

export interface Handshake {
  /**
   * Answers a request that is no document, whatever its path and method; with `X-Elastic-Product`. Never throws. Nothing of it waits for the
   * queue: Beats ask three times before each repeat of a batch.
   */
  answer(request: IncomingMessage, response: ServerResponse): void
  /** Sentences about what is not well; empty when all is. */
  warnings(): readonly string[]
  /** Lets go of the registry. */
  close(): Promise<void>
}

const clusterName = 'otlp-bridge'

/** Parts of a path; longer ones are nobody's. */
const mostSegments = 16

/** A client as the counter names it: `Elastic-filebeat/7.17.29`. */
const agentOf = (header: string | undefined): string =>
  header === undefined || header === '' ? 'none' : (/^[!-~]{1,64}/.exec(header)?.[0] ?? 'other')

/** Creates what answers. The registry is opened with the first request that wants it. */
export function createHandshake({ config, backend }: HandshakeOptions, deps: AdapterDeps): Handshake {
  const { metrics, nowMs, dataPath } = deps
  const { prefix } = config
  let opening: Promise<Registry> | undefined
  let opened: Registry | undefined
  let closed = false

  const registry = (): Promise<Registry> =>
    (opening ??= openRegistry({
      path: dataPath === undefined || closed ? undefined : join(dataPath, 'elasticsearch', 'registry.db'),
      entries: config.registry.entries,
      bytes: config.registry.bytes,
      salt: String(config.port),
      nowMs,
      log: deps.log,
      metrics,
    }).then((one) => (opened = one)))

  const versionOf = createVersionOf(config)
  const bodies = createBodies({ maxBytes: config.registry.body, section: 'ingest.elasticsearch.registry.body' })
  const finds: readonly Find[] = [
    createCluster({
      registry,
      versionOf,
      clusterName,
      nodeName: clusterName,
      publicAddress: config.publicAddress,
      maxBody: config.limits.body,
      refusal() {
        const refusal = config.health.reflectsQueue ? deps.intake.refusal() : undefined
        return refusal === undefined ? undefined : asBridgeError(refusal)
      },
    }),
    createEntries({ registry, bodies }),
    createCat({ registry, clusterName, nodeName: clusterName, nowMs }),
    createDocumentPaths({ backend: config.newBackend ?? backend, metrics }),
    createIndices({ registry, bodies, nowMs, old: majorOf(config.version) < 8 }),
  ]

  const find = (segments: readonly string[]): Route | undefined => {
    if (segments.length > mostSegments) return undefined
    for (const one of finds) {
      const found = one(segments)
      if (found !== undefined) return found
    }
    return undefined
  }

  const cells = new Map<string, Cell>()
  const count = (endpoint: string, header: string | undefined): void => {
    const agent = agentOf(header)
    const key = `${endpoint} ${agent}`
    let cell = cells.get(key)
    if (cell === undefined) {
      // Agents are names that senders make up; the metric keeps a cap of its own.
      if (cells.size > 4 * cappedValues) cells.clear()
      cells.set(key, (cell = metrics.counter('otlp_bridge_elasticsearch_handshake_total', { endpoint, agent })))
    }
    cell.value++
  }

  const dispatch = async (asked: Asked, route: Route): Promise<void> => {
    const handler = route.methods[asked.method as Method]
    if (handler !== undefined) {
      await handler(asked)
      return
    }
    const methods = allowed(route)
    if (asked.method === 'OPTIONS') {
      replyAllowed(asked, methods.join(','))
      return
    }
    const reason = `Incorrect HTTP method for uri [${asked.path}] and method [${asked.request.method}], allowed: [${methods.join(', ')}]`
    const cause = { type: 'method_not_allowed_exception', reason }
    replyJson(asked, 405, { error: { root_cause: [cause], ...cause }, status: 405 }, { allow: methods.join(',') })
  }

  return {
    answer(request, response) {
      const agent = request.headers['user-agent']
      const asked = readTarget(request, response, prefix)
      if (asked === undefined) {
        count('other', agent)
        replyRawError(request, response, 400, 'illegal_argument_exception', 'the path holds an escape sequence that is none')
        return
      }
      if (asked === 'elsewhere') {
        count('other', agent)
        replyRawError(request, response, 404, 'resource_not_found_exception', `nothing is served here: Elasticsearch is below ${prefix}/`)
        return
      }
      const route = find(asked.segments)
      count(route?.endpoint ?? 'other', agent)
      if (route === undefined) {
        const reason = `no handler found for uri [${asked.path}] and method [${request.method}]`
        replyRawError(request, response, 400, 'illegal_argument_exception', reason)
        return
      }
      dispatch(asked, route).catch((error) => {
        deps.log.error({ section: 'ingest.elasticsearch', error }, 'a request could not be answered')
        replyRawError(request, response, 500, 'exception', 'a fault of the bridge itself')
      })
    },
    warnings() {
      const fault = opened?.fault()
      return fault === undefined ? [] : [`ingest.elasticsearch: ${fault}`]
    },
    async close() {
      closed = true
      const one = await opening
      opening = undefined
      one?.close()
    },
  }
}
