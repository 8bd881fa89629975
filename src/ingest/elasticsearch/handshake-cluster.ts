/** What a server says of itself: version, licence, health, nodes, users. */

import { createHash } from 'node:crypto'
import type { BridgeError } from '../../errors.ts'
import { jsonBytes } from './es-errors.ts'
import { type Asked, type JsonText, replyError, replyJson } from './handshake-replies.ts'
import type { Find, Handler, Method, Route } from './handshake-routes.ts'
import type { Registry } from './registry.ts'
import { describeVersion } from './versions.ts'

export interface ClusterOptions {
  readonly registry: () => Promise<Registry>
  /** The version that a client is told. */
  readonly versionOf: (agent: string | undefined) => string
  readonly clusterName: string
  readonly nodeName: string
  /** Host and port at which clients reach the endpoint; undefined: they are told no node. */
  readonly publicAddress: string | undefined
  /** Bytes of a body that is taken. */
  readonly maxBody: number
  /** Why nothing can be taken now, where health is to say so. */
  readonly refusal: () => BridgeError | undefined
}

/** Versions of which the answer is kept: those of Beats that are told their own are few. */
const keptAnswers = 32

/** A fixed day: the licence is as old as the lie. */
const issuedMs = Date.UTC(2025, 0, 1)

const uuidOf = (text: string): string => {
  const hex = createHash('sha256').update(text).digest('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-')
}

/** Finds the routes of the server itself. */
export function createCluster(options: ClusterOptions): Find {
  const { registry, versionOf, clusterName, nodeName, publicAddress } = options
  const roots = new Map<string, readonly [pretty: JsonText, plain: JsonText, value: object]>()
  let uuid: string | undefined

  const idOf = async (): Promise<string> => (uuid ??= (await registry()).uuid)

  const rootOf = (version: string, id: string): readonly [JsonText, JsonText, object] => {
    let found = roots.get(version)
    if (found === undefined) {
      const value = {
        name: nodeName,
        cluster_name: clusterName,
        cluster_uuid: id,
        version: describeVersion(version),
        tagline: 'You Know, for Search',
      }
      found = [{ json: jsonBytes(value, true).toString() }, { json: JSON.stringify(value) }, value]
      if (roots.size >= keptAnswers) roots.clear()
      roots.set(version, found)
    }
    return found
  }

  const root = async (asked: Asked): Promise<void> => {
    const [pretty, plain, value] = rootOf(versionOf(asked.request.headers['user-agent']), await idOf())
    // The real one indents this answer unless it is told not to.
    if (asked.query.has('filter_path')) replyJson(asked, 200, value)
    else replyJson(asked, 200, asked.query.get('pretty') === 'false' ? plain : pretty)
  }

  const license = async (asked: Asked): Promise<void> =>
    replyJson(asked, 200, {
      license: {
        status: 'active',
        uid: uuidOf(await idOf()),
        type: 'basic',
        mode: 'basic',
        issue_date: new Date(issuedMs).toISOString(),
        issue_date_in_millis: issuedMs,
        max_nodes: 1000,
        max_resource_units: null,
        issued_to: clusterName,
        issuer: 'elasticsearch',
        start_date_in_millis: -1,
      },
    })

  const xpack = async (asked: Asked): Promise<void> => {
    const { build_hash: hash, build_date: date } = describeVersion(versionOf(asked.request.headers['user-agent']))
    const feature = { available: true, enabled: true }
    replyJson(asked, 200, {
      build: { hash, date },
      license: { uid: uuidOf(await idOf()), type: 'basic', mode: 'basic', status: 'active' },
      features: { data_streams: feature, data_tiers: feature, ilm: feature, security: { available: true, enabled: false } },
      tagline: 'You know, for X',
    })
  }

  const health = (asked: Asked): void => {
    const refusal = options.refusal()
    const isWell = refusal === undefined
    const headers = isWell ? undefined : { 'retry-after': String(Math.max(1, Math.ceil(refusal.retryAfterSeconds))) }
    const value = {
      cluster_name: clusterName,
      status: isWell ? 'green' : 'red',
      timed_out: !isWell,
      number_of_nodes: 1,
      number_of_data_nodes: 1,
      active_primary_shards: 0,
      active_shards: 0,
      relocating_shards: 0,
      initializing_shards: 0,
      unassigned_shards: 0,
      unassigned_primary_shards: 0,
      delayed_unassigned_shards: 0,
      number_of_pending_tasks: 0,
      number_of_in_flight_fetch: 0,
      task_max_waiting_in_queue_millis: 0,
      active_shards_percent_as_number: 100,
    }
    replyJson(asked, isWell ? 200 : 503, value, headers)
  }

  /** One node, or none: a client that is given an address goes there, and the wrong one leads past the bridge. */
  const nodes = async (asked: Asked): Promise<void> => {
    const named = { cluster_name: clusterName }
    const isStats = asked.segments.slice(1).some((one) => one === 'stats' || one === 'hot_threads' || one === 'usage')
    if (publicAddress === undefined || isStats) {
      replyJson(asked, 200, { _nodes: { total: 0, successful: 0, failed: 0 }, ...named, nodes: {} })
      return
    }
    const host = publicAddress.slice(0, publicAddress.lastIndexOf(':'))
    const { number, build_flavor, build_type, build_hash } = describeVersion(versionOf(asked.request.headers['user-agent']))
    const node = {
      name: nodeName,
      transport_address: `${host}:9300`,
      host: host.replace(/^\[|\]$/g, ''),
      ip: host.replace(/^\[|\]$/g, ''),
      version: number,
      build_flavor,
      build_type,
      build_hash,
      roles: ['data', 'ingest', 'master'],
      attributes: {},
      http: { bound_address: [publicAddress], publish_address: publicAddress, max_content_length_in_bytes: options.maxBody },
    }
    replyJson(asked, 200, { _nodes: { total: 1, successful: 1, failed: 0 }, ...named, nodes: { [await idOf()]: node } })
  }

  const authenticated = (asked: Asked): void => {
    const [, scheme = '', value = ''] = /^(\w+) +(\S+)/.exec(asked.request.headers.authorization ?? '') ?? []
    const [user = ''] = scheme.toLowerCase() === 'basic' ? Buffer.from(value, 'base64').toString().split(':', 1) : []
    const realm = { name: '__otlp_bridge', type: scheme.toLowerCase() === 'apikey' ? '_es_api_key' : 'file' }
    replyJson(asked, 200, {
      username: user === '' ? 'otlp-bridge' : user.slice(0, 256),
      roles: [],
      full_name: null,
      email: null,
      metadata: {},
      enabled: true,
      authentication_realm: realm,
      lookup_realm: realm,
      authentication_type: scheme === '' ? 'anonymous' : scheme.toLowerCase() === 'apikey' ? 'api_key' : 'realm',
    })
  }

  const unsupported = (asked: Asked): void =>
    replyError(
      asked,
      400,
      'security_exception',
      `[${asked.path}] is not supported by this endpoint: otlp-bridge has no users or keys to manage`,
    )

  const all = (handler: Handler): Route['methods'] => ({ GET: handler, POST: handler, PUT: handler, DELETE: handler })
  const get = (endpoint: string, handler: Handler, ...further: Method[]): Route => ({
    endpoint,
    methods: Object.fromEntries([['GET', handler], ...further.map((method) => [method, handler])]),
  })

  const exact: ReadonlyMap<string, Route> = new Map([
    ['', get('/', root)],
    ['_license', get('_license', license)],
    ['_xpack/license', get('_license', license)],
    ['_license/basic_status', get('_license', (asked) => replyJson(asked, 200, { eligible_to_start_basic: false }))],
    ['_license/trial_status', get('_license', (asked) => replyJson(asked, 200, { eligible_to_start_trial: false }))],
    ['_xpack', get('_xpack', xpack)],
    ['_cluster/health', get('_cluster/health', health)],
    ['_cluster/settings', get('_cluster/settings', (asked) => replyJson(asked, 200, { persistent: {}, transient: {} }))],
    ['_ilm/status', get('_ilm/status', (asked) => replyJson(asked, 200, { operation_mode: 'RUNNING' }))],
    ['_security/_authenticate', get('_security', authenticated)],
  ])
  const nodesRoute = get('_nodes', nodes)
  const ofIndex = get('_cluster/health', health)
  const security: Route = { endpoint: '_security', methods: all(unsupported) }
  const logstash: Route = { endpoint: '_logstash', methods: all((asked) => replyJson(asked, 200, {})) }

  return (segments) => {
    const [first, second] = segments
    if (segments.length <= 2) {
      const found = exact.get(segments.join('/'))
      // A slash may be inside of a part.
      if (found !== undefined && !segments.some((one) => one.includes('/'))) return found
    }
    if (first === '_nodes') return segments.length <= 4 ? nodesRoute : undefined
    if (first === '_cluster' && second === 'health') return segments.length === 3 ? ofIndex : undefined
    if (first === '_security') return security
    return first === '_logstash' ? logstash : undefined
  }
}
