/** The query API of Prometheus over samples in memory, as far as parity asks it. */

import type { HttpClient, HttpRequest } from '../../src/read/http-client.ts'

/** `stale`: the series ends here with a marker. */
export interface ScriptedSeries {
  readonly labels: Readonly<Record<string, string>>
  readonly points: readonly (readonly [timeMs: number, value: number | 'stale' | ScriptedHistogram])[]
}

export interface ScriptedHistogram {
  readonly count: string
  readonly sum: string
  readonly buckets: readonly (readonly [number, string, string, string])[]
}

export interface Script {
  readonly series: readonly ScriptedSeries[]
  readonly metadata?: Readonly<Record<string, { type: string; unit?: string }>>
  readonly external?: Readonly<Record<string, string>>
  /** Closed ranges, as Prometheus 2 has them. */
  readonly closed?: boolean
}

const lookbackMs = 300_000

type Matcher = (labels: Readonly<Record<string, string>>) => boolean

/** `name{a="b",c=~"d"}` */
function matcherOf(selector: string): Matcher {
  const [, name = '', inner = ''] = /^([A-Za-z_:][\w:]*)?(?:\{(.*)\})?$/s.exec(selector) ?? []
  const parts = [...inner.matchAll(/([A-Za-z_]\w*)(=~|=)("(?:[^"\\]|\\.)*")/g)].map(([, label = '', operator, value = '""']) => {
    const text = JSON.parse(value) as string
    const pattern = new RegExp(`^(?:${text})$`)
    return (labels: Readonly<Record<string, string>>) =>
      operator === '=' ? (labels[label] ?? '') === text : pattern.test(labels[label] ?? '')
  })
  if (selector !== '' && name === '' && parts.length === 0) throw new Error(`no selector: ${selector}`)
  return (labels) => (name === '' || labels['__name__'] === name) && parts.every((part) => part(labels))
}

const text = (value: number): string =>
  value === Number.POSITIVE_INFINITY ? '+Inf' : value === Number.NEGATIVE_INFINITY ? '-Inf' : Object.is(value, -0) ? '-0' : String(value)

/** A client whose server holds the script. */
export function scriptedPrometheus(script: Script): HttpClient & { readonly asked: HttpRequest[] } {
  const asked: HttpRequest[] = []
  const within = ({ points }: ScriptedSeries, startMs: number, endMs: number) =>
    points.filter(
      ([timeMs, value]) => value !== 'stale' && (script.closed === true ? timeMs >= startMs : timeMs > startMs) && timeMs <= endMs,
    )

  const ranged = (range: string, atMs: number) => {
    const [, selector = '', ms = '0'] = /^(.*)\[(\d+)ms\]$/s.exec(range) ?? []
    const fits = matcherOf(selector)
    return script.series
      .filter(({ labels }) => fits(labels))
      .map((one) => ({ metric: one.labels, points: within(one, atMs - Number(ms), atMs) }))
      .filter(({ points }) => points.length > 0)
  }

  const query = (promql: string, atMs: number): { resultType: string; result: unknown } => {
    const at = atMs / 1000
    const counted = /^count by \(__name__\) \(last_over_time\((.*)\)\)$/s.exec(promql)?.[1]
    if (counted !== undefined) {
      const names = new Map<string, number>()
      for (const { metric } of ranged(counted, atMs)) names.set(metric['__name__'] ?? '', (names.get(metric['__name__'] ?? '') ?? 0) + 1)
      return { resultType: 'vector', result: [...names].map(([name, many]) => ({ metric: { __name__: name }, value: [at, String(many)] })) }
    }
    const longest = /^max\(count_over_time\((.*)\)\)$/s.exec(promql)?.[1]
    if (longest !== undefined) {
      const found = ranged(longest, atMs)
      if (new Set(found.map(({ metric }) => metric['__name__'])).size > 1)
        throw new Error('vector cannot contain metrics with the same labelset')
      const most = Math.max(0, ...found.map(({ points }) => points.length))
      return { resultType: 'vector', result: most === 0 ? [] : [{ metric: {}, value: [at, String(most)] }] }
    }
    if (promql.endsWith(']')) {
      const result = ranged(promql, atMs).map(({ metric, points }) => ({
        metric,
        values: points.filter(([, value]) => typeof value === 'number').map(([timeMs, value]) => [timeMs / 1000, text(value as number)]),
        histograms: points.filter(([, value]) => typeof value === 'object').map(([timeMs, value]) => [timeMs / 1000, value]),
      }))
      return { resultType: 'matrix', result }
    }
    const fits = matcherOf(promql)
    const result = script.series
      .filter(({ labels }) => fits(labels))
      .flatMap(({ labels, points }) => {
        const last = points.filter(([timeMs]) => timeMs <= atMs && timeMs > atMs - lookbackMs).at(-1)
        return last === undefined || typeof last[1] !== 'number' ? [] : [{ metric: labels, value: [at, text(last[1])] }]
      })
    return { resultType: 'vector', result }
  }

  const stepped = (promql: string, startMs: number, endMs: number, stepMs: number) => {
    const all = new Map<string, { metric: unknown; values: unknown[] }>()
    for (let at = startMs; at <= endMs; at += stepMs) {
      for (const one of query(promql, at).result as { metric: object; value: unknown }[]) {
        const key = JSON.stringify(one.metric)
        const found = all.get(key) ?? { metric: one.metric, values: [] }
        found.values.push(one.value)
        all.set(key, found)
      }
    }
    return { resultType: 'matrix', result: [...all.values()] }
  }

  const answer = (request: HttpRequest): unknown => {
    const form = new URLSearchParams(request.body ?? '')
    for (const [key, value] of request.query ?? []) if (value !== undefined) form.append(key, String(value))
    const ms = (key: string): number => Math.round(Number(form.get(key)) * 1000)
    const chosen = (): readonly ScriptedSeries[] => {
      const selectors = form.getAll('match[]').map(matcherOf)
      return script.series.filter(
        (one) =>
          (selectors.length === 0 || selectors.some((fits) => fits(one.labels))) && within(one, ms('start') - 1, ms('end')).length > 0,
      )
    }
    const label = /^\/api\/v1\/label\/(.*)\/values$/.exec(request.path)?.[1]
    if (label !== undefined) return [...new Set(chosen().flatMap(({ labels }) => labels[label] ?? []))].sort()
    switch (request.path) {
      case '/api/v1/series':
        return chosen().map(({ labels }) => labels)
      case '/api/v1/metadata':
        return Object.fromEntries(Object.entries(script.metadata ?? {}).map(([name, row]) => [name, [{ help: '', unit: '', ...row }]]))
      case '/api/v1/status/config':
        return { yaml: `global:\n  external_labels: ${JSON.stringify(script.external ?? {})}\n` }
      case '/api/v1/query':
        return query(form.get('query') ?? '', ms('time'))
      case '/api/v1/query_range':
        return stepped(form.get('query') ?? '', ms('start'), ms('end'), ms('step'))
      default:
        throw new Error(`not scripted: ${request.path}`)
    }
  }

  return {
    name: 'http://scripted',
    cost: { requests: 0, bytes: 0, seconds: 0 },
    asked,
    async send(request) {
      asked.push(request)
      const body = Buffer.from(JSON.stringify({ status: 'success', data: answer(request) }))
      return { status: 200, headers: new Headers(), body }
    },
    async json(request) {
      return { status: 'success', data: answer(request) }
    },
  }
}
