import { describe, expect, it } from 'vitest'
import type { Plain } from '../../../dashboards/grafana/target.ts'
import { convertTraceTarget } from '../../../dashboards/grafana/traces.ts'
import { createSpanNaming } from '../../../dashboards/naming/spans.ts'
import type { Context } from '../../../dashboards/options.ts'
import { targetsSchema } from '../../../dashboards/targets.ts'
import { createLinkRewriter } from '../../../dashboards/traces/links.ts'
import { parameter, splitUrl } from '../../../dashboards/traces/url-parts.ts'

const naming = { kind: 'kept' } as const
const context = {
  options: { targets: targetsSchema.parse({}), datasources: {} },
  spans: createSpanNaming({ zipkinTypes: 'string' }),
  metrics: {
    metric: (name: string) => ({ name, factor: 1, label: () => naming, guessed: false }),
    label: () => naming,
    known: undefined,
    isIdentity: true,
  },
  fields: {
    field: (name: string) => ({ where: 'metadata', name: name.replaceAll('.', '_'), attribute: name, changesCase: false, certain: true }),
    isText: () => false,
    selectorOf: () => undefined,
    areMetrics: () => false,
    fieldsOf: () => undefined,
  },
} as unknown as Context

const rewrite = createLinkRewriter({
  context,
  convert: (model: Plain, reference) => {
    const type = typeof reference === 'string' ? reference.toLowerCase() : (reference as { type?: string } | undefined)?.type
    if (type !== 'jaeger' && type !== 'zipkin') return undefined
    return convertTraceTarget({ role: 'panel', model, datasource: { type }, panel: undefined, variables: [], context })
  },
  reference: (type) => ({ type, uid: `my-${type}` }),
})

/** The pane of a link into Explore. */
function paneOf(url: string): { datasource?: unknown; queries: Record<string, unknown>[]; range?: unknown } {
  const parts = splitUrl(url)
  const panes = JSON.parse((parts && parameter(parts, 'panes')) ?? '{}')
  return panes.a
}

describe('createLinkRewriter', () => {
  it.each([
    ['https://grafana.example/d/abc?var-service=$service'],
    ['https://unknown.example/trace/463ac35c9f6413ad'],
    ['https://unknown.example/search?service=shop'],
    ['mailto:somebody@example.org'],
    ['javascript:alert(1)'],
    ['/explore'],
    [`/explore?x=${'a'.repeat(70_000)}`],
  ])('leaves %s alone', (url) => {
    expect(rewrite(url)).toBeUndefined()
  })

  it('leads to the trace that a link to Jaeger shows, whatever stands for its id', () => {
    const fixed = rewrite('http://jaeger.example:16686/trace/463ac35c9f6413ad')
    expect(paneOf(fixed?.after ?? '').queries[0]).toMatchObject({ queryType: 'traceql', query: '0000000000000000463ac35c9f6413ad' })
    const open = rewrite('http://jaeger.example/trace/${__value.raw}')
    expect(open?.after).toContain('${__value.raw}')
    expect(open?.status).toBe('exact')
  })

  it('asks what a search of Jaeger asks', () => {
    const url =
      'https://ops.example/jaeger/search?service=shop&operation=GET%20%2F&tags=%7B%22error%22%3A%22true%22%7D&minDuration=100ms&limit=50&lookback=2h'
    const pane = paneOf(rewrite(url)?.after ?? '')
    expect(pane.queries).toEqual([
      {
        refId: 'A',
        datasource: { type: 'tempo', uid: 'my-tempo' },
        queryType: 'traceql',
        query: '{ resource.service.name = "shop" && name = "GET /" && status = error && duration >= 100ms }',
        limit: 50,
        tableType: 'traces',
      },
    ])
    expect(pane.range).toEqual({ from: 'now-2h', to: 'now' })
  })

  it('asks what a search of Zipkin asks', () => {
    const url = 'http://localhost:9411/zipkin/?serviceName=shop&annotationQuery=error&minDuration=1500&endTs=1700000000000&lookback=900000'
    const pane = paneOf(rewrite(url)?.after ?? '')
    expect(pane.queries[0]?.query).toBe('{ resource.service.name =~ "(?i)shop" && status = error && duration >= 1500us }')
    expect(pane.range).toEqual({ from: '1699999100000', to: '1700000000000' })
  })

  it('says that a graph of services has no link', () => {
    expect(rewrite('http://localhost:9411/zipkin/dependency')?.status).toBe('manual')
  })

  it('asks Loki what a link to Kibana shows', () => {
    const state = "_g=(time:(from:now-15m,to:now))&_a=(columns:!(message),index:'logs-*',query:(language:kuery,query:'host.name:web1'))"
    const found = rewrite(`https://kibana.example/app/discover#/?${state}`)
    const pane = paneOf(found?.after ?? '')
    expect(pane.queries[0]?.expr).toContain('host_name="web1"')
    expect(pane.range).toEqual({ from: 'now-15m', to: 'now' })
    expect(found?.notes.map(({ code }) => code)).toContain('OBD-T-015')
  })

  it.each([['https://kibana.example/app/discover#/?_a=(query:'], ['https://kibana.example/app/discover#/view/1234?_g=()']])(
    'says what it cannot read: %s',
    (url) => {
      expect(rewrite(url)).toMatchObject({ after: url, status: 'manual' })
    },
  )

  const search = { queryType: 'search', service: 'shop', refId: 'A' }
  it('converts queries in a link into Explore, in the form that it has', () => {
    const pane = { a: { datasource: 'jaeger', queries: [search], range: { from: 'now-1h', to: 'now' } } }
    const coded = rewrite(`/explore?panes=${encodeURIComponent(JSON.stringify(pane))}&schemaVersion=1`)
    expect(coded?.after).toMatch(/^\/explore\?panes=%7B.*&schemaVersion=1$/)
    expect(paneOf(coded?.after ?? '')).toMatchObject({
      datasource: 'my-tempo',
      queries: [{ refId: 'A', queryType: 'traceql', query: '{ resource.service.name = "shop" }' }],
      range: { from: 'now-1h', to: 'now' },
    })

    const plain = rewrite(`/explore?left=${JSON.stringify(['now-1h', 'now', 'Jaeger', search, { ui: [true] }])}`)
    const left = JSON.parse(plain?.after.slice('/explore?left='.length) ?? '')
    expect(left).toMatchObject(['now-1h', 'now', 'my-tempo', { query: '{ resource.service.name = "shop" }' }, { ui: [true] }])
  })

  it('leaves a link into Explore alone that asks nothing old', () => {
    const pane = { a: { datasource: 'prom', queries: [{ refId: 'A', expr: 'up' }] } }
    expect(rewrite(`/explore?panes=${encodeURIComponent(JSON.stringify(pane))}`)).toBeUndefined()
  })

  it('keeps placeholders as Grafana looks for them', () => {
    const pane = { a: { datasource: 'jaeger', queries: [{ refId: 'A', query: '${__value.raw}' }] } }
    const coded = encodeURIComponent(JSON.stringify(pane)).replace('%24%7B__value.raw%7D', '${__value.raw}')
    expect(rewrite(`/explore?panes=${coded}`)?.after).toContain('"${__value.raw}"'.replaceAll('"', '%22'))
  })
})
