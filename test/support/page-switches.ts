/** What can be changed from the page, in its tests: made-up mirrors with their phases, and dead letters. Both keep what was asked of them. */

import type { DeadItem, SideStatus } from '../../src/admin/api.ts'
import type { DeadSource, MirrorSource } from '../../src/admin/sources.ts'
import type { Change, ChangeRequest, Cutover, EndpointState } from '../../src/cutover/model.ts'
import { BridgeError } from '../../src/errors.ts'
import { itemsAt, type Mood, totalOf } from './page-sources.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs

const sideOf = (perMinute: number, part: Partial<SideStatus> = {}): SideStatus => ({
  state: 'up',
  acknowledges: true,
  deliveredPerMinute: perMinute,
  queueItems: 0,
  queueBytes: 0,
  oldestAgeSeconds: null,
  timeToFullSeconds: null,
  deadItems: 0,
  breaker: 'closed',
  ...part,
})

/** Endpoints with an old side, and what they are sent. */
const oldFormats = [
  ['zipkin', 'zipkin-json'],
  ['jaeger.compact', 'jaeger-thrift-compact'],
  ['prometheus', 'prometheus'],
  ['elasticsearch', 'es-bulk'],
] as const

const urls: Readonly<Record<string, string>> = {
  zipkin: 'http://old-zipkin.internal:9411',
  'jaeger.compact': 'udp://old-jaeger.internal:6831',
  prometheus: 'http://old-prometheus.internal:9090',
  elasticsearch: 'http://old-elasticsearch.internal:9200',
}

export interface FakeMirror extends MirrorSource {
  readonly asked: { readonly endpoint: string; readonly request: ChangeRequest; readonly who: string }[]
}

/** Four old backends; `new-only` is refused until it is forced. */
export function mirrorSource(mood: Mood, nowMs: () => number): FakeMirror {
  const now = nowMs()
  const until = new Date(now + 21 * 24 * hourMs).toISOString().slice(0, 10)
  const state = (endpoint: string, phase: EndpointState['phase'], days: number, part: Partial<EndpointState> = {}): EndpointState => ({
    endpoint,
    phase,
    answer: phase === 'shadow' ? 'legacy' : 'bridge',
    share: { new: 1, old: 1 },
    paused: false,
    until: undefined,
    revision: 3,
    sinceMs: now - days * 24 * hourMs,
    ...part,
  })
  const states = new Map(
    [
      state('zipkin', 'dual', 6, { until }),
      state('jaeger.compact', 'shadow', 2, { share: { new: 0.1, old: 1 } }),
      state('prometheus', 'dual', 9),
      state('elasticsearch', 'new-primary', 4, { share: { new: 1, old: 0.5 } }),
    ].map((one) => [one.endpoint, one]),
  )
  const changes: Change[] = [
    record(now - 4 * 24 * hourMs, 'ann', 'elasticsearch', 'phase', 'dual', 'new-primary', 'parity at 100 % for three days'),
    record(now - 3 * 24 * hourMs, 'ann', 'elasticsearch', 'share.old', '1', '0.5', 'half of the hosts moved to the new dashboards'),
    record(now - 26 * hourMs, 'ben', 'zipkin', 'phase', 'new-primary', 'dual', 'roll-back drill'),
    record(now - 25 * hourMs, 'ben', 'zipkin', 'paused', 'false', 'true', 'maintenance of the old store', true),
  ]
  const listeners = new Set<(state: EndpointState) => void>()
  const asked: FakeMirror['asked'] = []
  const cutover: Cutover = {
    of: (endpoint) => states.get(endpoint),
    list: () => [...states.values()],
    async change(endpoint, request, who, revision) {
      const before = states.get(endpoint)
      if (before === undefined) throw new BridgeError('OB_ADMIN_NONE', 'cannot change it: there is no such mirror')
      if (revision !== undefined && revision !== before.revision)
        throw new BridgeError('OB_CUTOVER_CONFLICT', 'cannot change zipkin: another was faster')
      if (request.phase === 'new-only' && request.force !== true) {
        throw new BridgeError(
          'OB_CUTOVER_REFUSED',
          `cannot enter new-only: 212 queries a day still read the old side; 840 requests wait for it`,
        )
      }
      asked.push({ endpoint, request, who })
      const after: EndpointState = {
        ...before,
        phase: request.phase ?? before.phase,
        share: { ...before.share, ...request.share },
        paused: request.paused ?? before.paused,
        revision: before.revision + 1,
        sinceMs: nowMs(),
      }
      states.set(endpoint, after)
      const forced = request.force === true
      changes.push(record(nowMs(), who, endpoint, 'phase', before.phase, after.phase, request.reason, forced))
      for (const listener of listeners) listener(after)
      return after
    },
    changes: () => changes,
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
  const failing: Partial<SideStatus> = {
    state: 'down',
    deliveredPerMinute: 0,
    queueItems: 2_114_380,
    queueBytes: 310e6,
    oldestAgeSeconds: 1320,
    timeToFullSeconds: 4200,
    breaker: 'open',
    lastError: { at: new Date(now - 40_000).toISOString(), text: 'connect ECONNREFUSED 10.0.4.12:9090', count: 118 },
  }
  const rows = oldFormats.map(([endpoint, format]) => {
    const received = totalOf(endpoint, now) + itemsAt(endpoint, now)
    const skipped = Math.round(received * (1 - (states.get(endpoint)?.share.old ?? 1)))
    const queued = endpoint === 'prometheus' ? (mood === 'healthy' ? 8 : (failing.queueItems ?? 0)) : 0
    const nothing = { dead: 0, refused: 0, shed: 0, open: 0 }
    return { format, side: 'old' as const, received, delivered: received - queued - skipped, queued, skipped, ...nothing }
  })
  return {
    cutover,
    asked,
    url: (endpoint) => urls[endpoint],
    status(endpoint) {
      if (!states.has(endpoint)) return undefined
      const share = states.get(endpoint)?.share.old ?? 1
      const perMinute = mood === 'empty' ? 0 : itemsAt(endpoint, now) * share
      return sideOf(perMinute, endpoint === 'prometheus' && (mood === 'degraded' || mood === 'broken') ? failing : {})
    },
    books: () => (mood === 'empty' ? [] : rows),
  }
}

function record(
  atMs: number,
  who: string,
  endpoint: string,
  what: Change['what'],
  from: string,
  to: string,
  reason: string,
  forced = false,
): Change {
  return { atMs, who, endpoint, what, from, to, reason, forced }
}

export interface FakeDead extends DeadSource {
  readonly done: string[]
}

export function deadSource(mood: Mood, nowMs: () => number): FakeDead {
  const letter = (id: number, part: Partial<DeadItem> = {}): DeadItem => ({
    id: String(id),
    at: new Date(nowMs() - (60 - id) * minuteMs).toISOString(),
    side: 'new',
    destination: 'default',
    endpoint: 'zipkin',
    format: 'zipkin-json',
    reason: 'endpoint_refused',
    status: 400,
    text: 'the endpoint answered 400: missing traceId',
    items: 12 + id,
    bytes: 4_800 + 900 * id,
    ...part,
  })
  let letters =
    mood === 'empty' || mood === 'healthy'
      ? []
      : [
          letter(9, {
            side: 'old',
            destination: 'mirror.elasticsearch',
            format: 'es-bulk',
            reason: 'mapping_conflict',
            text: '3 items: mapper_parsing_exception: field [took] of type long',
          }),
          letter(8),
          letter(7),
          letter(3),
        ]
  const done: string[] = []
  const chosen = (ids: readonly string[] | undefined, reason: string | undefined) =>
    letters.filter((one) => (ids === undefined ? reason === undefined || one.reason === reason : ids.includes(one.id)))
  const away = (what: string, ids: readonly string[] | undefined, reason: string | undefined): number => {
    const gone = chosen(ids, reason)
    letters = letters.filter((one) => !gone.includes(one))
    done.push(`${what} ${gone.map((one) => one.id)}`)
    return gone.length
  }
  return {
    done,
    list(filter) {
      const items = letters.filter((one) => (filter.side ?? one.side) === one.side && (filter.reason ?? one.reason) === one.reason)
      const reasons = [...new Set(letters.map((one) => one.reason))]
      return {
        items,
        total: items.length,
        truncated: false,
        byReason: reasons.map((reason) => {
          const own = letters.filter((one) => one.reason === reason)
          const [first] = own
          const sum = own.reduce((total, one) => total + one.items, 0)
          return {
            side: first?.side ?? 'new',
            reason,
            text: first?.text ?? '',
            batches: own.length,
            items: sum,
            first: own.at(-1)?.at ?? '',
            last: first?.at ?? '',
          }
        }),
      }
    },
    show: (id) => letters.find((one) => one.id === id),
    raw: (id) =>
      letters.some((one) => one.id === id)
        ? { data: Buffer.from('abc'), media: 'application/x-protobuf', name: `dead-letter-${id}.bin` }
        : undefined,
    count: ({ ids, filter }) => chosen(ids, filter?.reason).length,
    retry: ({ ids, filter }) => away('retry', ids, filter?.reason),
    drop: ({ ids, filter }) => away('drop', ids, filter?.reason),
  }
}
