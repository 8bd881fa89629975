/** What stands behind the page in its tests: made-up parts of a bridge that look like a week of a real one. */

import type { BackfillRun, ClientRecord, ParityRun, ReadinessItem } from '../../src/admin/api.ts'
import type { BackfillSource, BooksSource, ClientsSource, ParitySource, ReadinessSource } from '../../src/admin/sources.ts'

export type Mood = 'empty' | 'healthy' | 'degraded' | 'broken'

const minuteMs = 60_000
const hourMs = 60 * minuteMs

/** The same noise in every run: 0 ≤ x < 1. */
const noise = (at: number, seed: number): number => {
  const x = Math.sin(at * 12.9898 + seed * 78.233) * 43_758.5453
  return x - Math.floor(x)
}

/** Items a minute of an endpoint at a time: a working day with a lunch, and nights. */
export function itemsAt(endpoint: string, atMs: number): number {
  const levels: Record<string, number> = {
    zipkin: 41_000,
    'jaeger.compact': 8_300,
    'jaeger.grpc': 15_500,
    prometheus: 120_000,
    elasticsearch: 96_000,
  }
  const level = levels[endpoint] ?? 0
  const hour = (atMs % (24 * hourMs)) / hourMs
  const day = 0.42 + 0.4 * Math.max(0, Math.sin(((hour - 5) / 16) * Math.PI)) + 0.12 * Math.exp(-((hour - 10.5) ** 2) / 5)
  const shape = endpoint === 'prometheus' ? 0.98 : day
  return Math.round(level * shape * (0.97 + 0.06 * noise(Math.floor(atMs / minuteMs), endpoint.length)))
}

/** Days that the bridge of the scene runs. */
export const upDays = 3

/** Items of an endpoint since the bridge runs. */
export const totalOf = (endpoint: string, nowMs: number): number =>
  Array.from({ length: upDays * 24 }, (_, at) => 60 * itemsAt(endpoint, nowMs - (at + 1) * hourMs)).reduce((sum, one) => sum + one, 0)

const endpoints = ['zipkin', 'jaeger.compact', 'jaeger.grpc', 'prometheus', 'elasticsearch']

export function booksSource(mood: Mood, nowMs: () => number): BooksSource {
  return {
    series(endpoint, metric, range) {
      const step = range === '35d' ? hourMs : minuteMs
      const length = range === '1h' ? 60 : range === '24h' ? 1440 : 840
      const to = Math.floor(nowMs() / step) * step
      const names = endpoint === undefined ? endpoints : [endpoint]
      const values = Array.from({ length }, (_, at) => {
        const atMs = to - (length - at) * step
        if (mood === 'empty' || (at > 300 && at < 335)) return null
        if (metric === 'queue' || metric === 'age') return Math.round(noise(at, 1) * 12)
        const down = metric === 'old' && mood !== 'healthy' && at > length - 60
        const mirrored = metric === 'old' ? names.filter((name) => name !== 'jaeger.grpc') : names
        return mirrored.reduce((sum, name) => sum + (down && name === 'prometheus' ? 0 : itemsAt(name, atMs)), 0)
      })
      return { stepSeconds: step / 1000, fromMs: to - length * step, values, sinceMs: undefined }
    },
  }
}

/** Names that are hostile on purpose stand in for those that senders make up. */
export const hostileNames = ['<img src=x onerror="window.hit=1">', 'javascript:window.hit=1', '\u202eevil\u202c', 'x'.repeat(10_000)]

export function clientsSource(mood: Mood, nowMs: () => number, names: readonly string[] = []): ClientsSource {
  const ago = (minutes: number): string => new Date(nowMs() - minutes * minuteMs).toISOString()
  const today = (nowMs() % (24 * hourMs)) / minuteMs
  /** @param portion of what its endpoint takes in */
  const client = (
    endpoint: string,
    format: string,
    key: string,
    library: string,
    portion: number,
    part: Partial<ClientRecord> = {},
  ): ClientRecord => ({
    endpoint,
    format,
    key,
    library,
    probably: false,
    addresses: ['10.0.0.7'],
    firstSeen: ago(9000),
    lastSeen: ago(0.2),
    itemsPerMinute: Math.round(itemsAt(endpoint, nowMs()) * portion),
    itemsToday: Math.round(itemsAt(endpoint, nowMs()) * portion * today),
    errors: 0,
    silent: false,
    ...part,
  })
  const all = [
    client('zipkin', 'zipkin v2', 'checkout', 'zipkin-reporter', 0.66, {
      version: '3.4',
      language: 'Java 17.0.15',
      probably: true,
      addresses: ['10.0.0.7', '10.0.0.8', '10.0.0.9', '10.0.1.4'],
      advice: 'Replace by the OpenTelemetry SDK, or keep: the bridge stays.',
    }),
    client('zipkin', 'zipkin v2', 'cart', 'zipkin-js', 0.34, {
      language: 'Node',
      advice: 'Replace by @opentelemetry/sdk-node.',
    }),
    client('jaeger.compact', 'compact', 'payments', 'Jaeger Go', 1, {
      version: '2.30.0',
      advice: 'Replace by the OpenTelemetry SDK.',
    }),
    client('jaeger.grpc', 'proto', 'search', 'Jaeger Java', 1, { version: '1.8.1' }),
    client('prometheus', 'message 2', 'node-exporter', 'Prometheus', 1, { version: '3.2.1', addresses: ['10.0.4.3'] }),
    client('elasticsearch', '_bulk', 'logs-app-default', 'elasticsearch-js', 0.73, { version: '8.19.2', errors: 4 }),
    client('elasticsearch', '_bulk', 'logs-nginx', 'Fluent Bit', 0.27, { via: '10.0.9.1' }),
    client('zipkin', 'zipkin v1', 'batch-nightly', 'unknown', 0, { silent: true, lastSeen: ago(1700) }),
    ...names.map((name) => client('zipkin', 'zipkin v2', name, name, 0.01)),
  ]
  const known = mood === 'empty' ? [] : all
  return {
    truncated: false,
    count: (endpoint) => known.filter((one) => one.endpoint === endpoint).length,
    list: ({ filter, sort }) =>
      known
        .filter((one) => `${one.key} ${one.library} ${one.endpoint} ${one.addresses}`.toLowerCase().includes(filter.toLowerCase()))
        .sort((a, b) => (sort === 'key' ? a.key.localeCompare(b.key) : b.itemsPerMinute - a.itemsPerMinute)),
  }
}

export function readinessSource(mood: Mood, nowMs: () => number, names: readonly string[] = []): ReadinessSource {
  const at = (minutes: number): string => new Date(nowMs() + minutes * minuteMs).toISOString()
  const good: ReadinessItem['checks'] = [
    { id: 'V1', state: 'pass', text: 'live: 30 of 30 minutes equal, digest equal', validUntil: at(10) },
    { id: 'V2', state: 'pass', text: 'stored: 100 % (3 windows, 600 spans sampled, at least 99.4 %)', validUntil: at(42) },
    { id: 'V3', state: 'pass', text: 'no dead letters since 20 Nov 14:02' },
    { id: 'V4', state: 'pass', text: 'new side 0.4 s behind, worst today 12 s' },
    { id: 'V5', state: 'pass', text: 'books balance (1 440 of 1 440 minutes)' },
    { id: 'V8', state: 'waived', text: 'no report of converted dashboards given; waived by ann until 3 Dec' },
  ]
  const item = (
    format: string,
    endpoint: string,
    key: string,
    answer: ReadinessItem['answer'],
    headline: string,
    part: Partial<ReadinessItem> = {},
  ): ReadinessItem => ({
    format,
    endpoint,
    key,
    phase: 'dual',
    question: 'A',
    answer,
    headline,
    since: at(-190),
    checks: good,
    ...part,
  })
  const failing: ReadinessItem['checks'] = [
    { id: 'V3', state: 'fail', value: 37, limit: 0, text: '37 dead letters: status 400', link: '#/dead?reason=endpoint_refused' },
    { id: 'V2', state: 'fail', text: 'parity 99.2 % (missing spans 11:07–11:09 on the new side)', link: '#/parity' },
    ...good.slice(3),
  ]
  const items = [
    item('zipkin', 'zipkin', 'checkout', 'ready', 'ready to rely on the new side'),
    mood === 'healthy'
      ? item('zipkin', 'zipkin', 'cart', 'ready', 'ready to rely on the new side')
      : item('zipkin', 'zipkin', 'cart', 'not-yet', 'not yet — 37 dead letters, parity 99.2 %', { checks: failing }),
    item('jaeger', 'jaeger.compact', 'payments', 'no-data', 'no data yet — 14 min of 30 observed', {
      phase: 'shadow',
      checks: [{ id: 'V1', state: 'unknown', text: '14 of 30 minutes observed' }],
    }),
    item('prometheus', 'prometheus', 'node-exporter', 'ready', 'ready to rely on the new side'),
    item('elasticsearch', 'elasticsearch', 'logs-app-default', 'ready', 'ready to switch the old side off', {
      phase: 'new-primary',
      question: 'B',
    }),
    item('elasticsearch', 'elasticsearch', 'logs-nginx', 'not-yet', 'not yet — Kibana at 10.0.0.7 asked for it 212 times today', {
      phase: 'new-primary',
      question: 'B',
      checks: [{ id: 'V9', state: 'fail', value: 212, limit: 0, text: 'Kibana at 10.0.0.7 asked logs-nginx 212 times today' }],
    }),
    item('zipkin', 'zipkin', 'batch-nightly', 'silent', 'silent — not seen for 28 h'),
    ...names.map((name) => item('zipkin', 'zipkin', name, 'not-yet', `not yet — ${name}`)),
  ]
  return { readiness: () => ({ at: at(0), mappingHash: '5c1d9a', items: mood === 'empty' ? [] : items }) }
}

export function paritySource(mood: Mood, nowMs: () => number): ParitySource {
  const minute = (back: number): string => new Date(Math.floor(nowMs() / minuteMs) * minuteMs - back * minuteMs).toISOString()
  const runs: ParityRun[] = [
    {
      id: '12',
      at: minute(20),
      format: 'zipkin',
      from: minute(80),
      to: minute(20),
      result: 'equal',
      percent: 100,
      compared: 600,
      missing: 0,
      text: 'all 600 sampled traces are the same on both sides',
    },
    {
      id: '11',
      at: minute(200),
      format: 'zipkin',
      from: minute(260),
      to: minute(200),
      result: 'explained',
      percent: 100,
      compared: 600,
      missing: 0,
      text: '600 traces, 2 differences explained: repeats absorbed by the old side',
    },
    ...(mood === 'healthy'
      ? []
      : [
          {
            id: '10',
            at: minute(330),
            format: 'zipkin',
            from: minute(390),
            to: minute(330),
            result: 'different' as const,
            percent: 99.2,
            compared: 600,
            missing: 5,
            text: '5 spans are missing on the new side between 11:07 and 11:09',
          },
        ]),
  ]
  const equal = (endpoint: string, key: string, back: number, items: number) => ({
    at: minute(back),
    endpoint,
    format: endpoint,
    key,
    received: items,
    old: { delivered: items, expected: items, digest: '9f31c0a4d2e8b716' },
    new: { delivered: items, expected: items, digest: '9f31c0a4d2e8b716' },
    verdict: 'equal' as const,
    text: '',
  })
  return {
    live({ fromMs, toMs }) {
      const times = { at: minute(0), from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString() }
      if (mood === 'empty') return { ...times, summary: [], minutes: [] }
      const short = mood === 'healthy' ? 0 : 2
      const bad = [
        {
          ...equal('zipkin', 'cart', 47, 6120),
          new: { delivered: 6083, expected: 6120 },
          verdict: 'short' as const,
          text: 'the new side confirmed 37 less: set aside, status 400',
        },
        {
          ...equal('zipkin', 'cart', 48, 6098),
          new: { delivered: 6091, expected: 6098 },
          verdict: 'short' as const,
          text: 'the new side confirmed 7 less',
        },
      ]
      return {
        ...times,
        summary: [
          { endpoint: 'zipkin', minutes: 1440, equal: 1434 - short, explained: 4, short, open: 2, unknown: 0 },
          { endpoint: 'jaeger.compact', minutes: 1440, equal: 6, explained: 8, short: 0, open: 2, unknown: 1424 },
          { endpoint: 'prometheus', minutes: 1440, equal: 1438, explained: 0, short: 0, open: 2, unknown: 0 },
          { endpoint: 'elasticsearch', minutes: 1440, equal: 1438, explained: 0, short: 0, open: 2, unknown: 0 },
        ],
        minutes: [
          ...bad.slice(0, short),
          {
            ...equal('zipkin', 'cart', 61, 5912),
            old: { delivered: 2956, expected: 2956 },
            verdict: 'explained' as const,
            text: 'half of the senders were left out of the old side by its share',
          },
          ...[2, 3, 4, 5, 6, 7].flatMap((back) => [
            equal('zipkin', 'checkout', back, 18_200 + back),
            equal('prometheus', 'node-exporter', back, 88_000),
          ]),
        ],
      }
    },
    runs: () => (mood === 'empty' ? [] : runs),
    run: (id) => {
      const run = runs.find((one) => one.id === id)
      return run === undefined
        ? undefined
        : { run, report: { format: run.format, windows: [{ from: run.from, to: run.to, same: run.percent }], findings: [] } }
    },
    samples: () => ({ from: minute(60), to: minute(0), mappingHash: '5c1d9a', expected: [], items: [] }),
  }
}

/** None; one that is under way; that and one that failed in parts. */
export function backfillSource(mood: Mood, nowMs: () => number): BackfillSource {
  const at = (hoursAgo: number): string => new Date(nowMs() - hoursAgo * hourMs).toISOString()
  const under: BackfillRun = {
    run: '3f2a91c07d5e4b68',
    source: { kind: 'jaeger-es', name: 'http://es.internal:9200', unit: 'span' },
    destination: 'http://otel.internal:4318',
    created: at(5),
    cutover: at(90),
    state: 'running',
    part: 0.522,
    slices: { pending: 2778, running: 4, done: 2988, failed: 2 },
    planned: 577_120_404,
    read: 301_204_118,
    acknowledged: 301_203_917,
    skipped: 201,
    rejected: 0,
    dead: 0,
    resent: 1204,
    perSecond: 46_811,
    reached: at(210),
    failures: { vanished: 1, pit_lost: 1 },
    trouble: [
      { slice: 'a1', group: 'jaeger-span-2026-11-07', state: 'failed', reason: 'vanished', text: 'cannot read index: no such index' },
      { slice: 'a2', group: 'jaeger-span-2026-11-08', state: 'failed', reason: 'pit_lost', text: 'cannot go on: five contexts were lost' },
    ],
  }
  const lossy: BackfillRun = {
    ...under,
    run: '9c1d22ab0f334e57',
    source: { kind: 'prometheus-tsdb', name: '/prometheus/snapshots/20261122T041500Z', unit: 'sample' },
    state: 'losses',
    part: 1,
    slices: { done: 90, done_with_losses: 3 },
    rejected: 1204,
    failures: {},
    trouble: [],
  }
  const items = mood === 'empty' ? [] : mood === 'broken' ? [under, lossy] : [under]
  return {
    some: items.length > 0,
    list: () => ({
      folder: './otlp-bridge-data/backfill',
      items,
      faults: mood === 'broken' ? ['0123456789abcdef: cannot read the ledger: file is not a database'] : [],
    }),
  }
}
