import { afterEach, describe, expect, it } from 'vitest'
import type { Source } from '../../../src/backfill/source.ts'
import type { SourceKind } from '../../../src/backfill/source-kind.ts'
import { elasticsearch, fieldsOf } from '../../../src/backfill/sources/elasticsearch.ts'
import { leafFields, sourceStateOf, timeFieldOf } from '../../../src/backfill/sources/elasticsearch-mapping.ts'
import { dateInName, skipsUndated } from '../../../src/backfill/sources/elasticsearch-plan.ts'
import { dotRemark, jaegerEs, jaegerIndexName } from '../../../src/backfill/sources/jaeger-es.ts'
import { isZipkinIndex, zipkinEs } from '../../../src/backfill/sources/zipkin-es.ts'
import { type Script, type ScriptedDocument, startScriptedElasticsearch } from '../../support/scripted-elasticsearch.ts'
import { allPages, never, pagesOf, sourceDeps, totals } from '../support/source-deps.ts'

const started: { close(): Promise<void> }[] = []

afterEach(async () => {
  await Promise.all(started.splice(0).map((one) => one.close()))
})

const startUs = Date.UTC(2026, 10, 7) * 1000
const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')

const jaegerSource = (i: number): string =>
  JSON.stringify({
    traceID: hex(i + 1, 32),
    spanID: hex(i + 1, 16),
    operationName: 'op',
    references: null,
    startTime: startUs + i,
    startTimeMillis: Math.floor((startUs + i) / 1000),
    duration: 5,
    tags: null,
    process: { serviceName: 'shop', tags: null },
  })

const jaegerMapping = { properties: { startTime: { type: 'long' } } }
const jaegerDocuments = (count: number): ScriptedDocument[] =>
  Array.from({ length: count }, (_, i) => ({ id: `d${i}`, time: startUs + i, source: jaegerSource(i) }))

async function scene(
  kind: SourceKind,
  script: Script,
  options: Record<string, unknown> = {},
  changes: Parameters<typeof sourceDeps>[0] = {},
) {
  const server = await startScriptedElasticsearch(script)
  const source: Source = await kind.open(kind.options.parse({ url: server.url, ...options }), [], sourceDeps(changes))
  started.push(source, server)
  return { server, source }
}

const jaegerScript = (documents: readonly ScriptedDocument[]): Script => ({
  index: 'jaeger-span-2026-11-07',
  field: 'startTime',
  mapping: jaegerMapping,
  documents,
})

describe('jaegerEs', () => {
  it('reads every span once, and counts and sums them alike', async () => {
    const { source } = await scene(jaegerEs, jaegerScript(jaegerDocuments(500)), {}, { page: { items: 70, bytes: 2 ** 20 } })
    const { slices } = await source.plan(never)
    expect(slices.length).toBe(1)
    const [slice] = slices
    if (slice === undefined) throw new Error('no slice')
    const pages = await pagesOf(source.open(slice, undefined))
    const { read, translated, items, skipped, sum } = totals(pages)
    expect({ read, translated, items, skipped }).toEqual({ read: 500, translated: 500, items: 500, skipped: {} })
    expect(await source.count(slice, true, never)).toEqual({ items: 500, sum })
    expect(pages[0]?.minMs).toBe(startUs / 1000)
  })

  it('cuts an index into windows of about 100,000 documents that leave no gap', async () => {
    const dense = Array.from({ length: 230_000 }, (_, i) => ({ id: `d${i}`, time: startUs + i * 300_000, source: '{}' }))
    const { source } = await scene(jaegerEs, jaegerScript(dense))
    const { slices, groups } = await source.plan(never)
    expect(groups[0]?.items).toBe(230_000)
    expect(slices.map(({ items }) => items).reduce((a, b) => a + b)).toBe(230_000)
    expect(Math.max(...slices.map(({ items }) => items))).toBeLessThanOrEqual(125_000)
    for (const [i, { fromMs }] of slices.entries()) if (i > 0) expect(fromMs).toBe(slices[i - 1]?.toMs)
    expect((await source.plan(never)).slices.map(({ key }) => key)).toEqual(slices.map(({ key }) => key))
  })

  it('leaves out documents that are no spans, with their places, and equal ones under other ids', async () => {
    const documents = [
      ...jaegerDocuments(10),
      { id: 'twin', time: startUs + 3, source: jaegerSource(3) },
      { id: 'none', time: startUs + 5, source: `{"startTime":${startUs + 5},"spanID":"1"}` },
      { id: 'undated', time: undefined, source: '{"serviceName":"shop","operationName":"op"}' },
    ]
    const { source } = await scene(jaegerEs, jaegerScript(documents))
    const pages = await allPages(source)
    expect(totals(pages)).toMatchObject({ read: 13, translated: 10, skipped: { duplicate_in_source: 1, not_a_span: 2 } })
    const places = pages.flatMap(({ faults }) => faults.map(({ reason, where }) => `${reason} ${where}`))
    expect(places).toContain('not_a_span jaeger-span-2026-11-07/none')
    expect(places).toContain('not_a_span jaeger-span-2026-11-07/undated')
    const all = await scene(jaegerEs, jaegerScript(documents), { keepDuplicates: true })
    expect(totals(await allPages(all.source))).toMatchObject({ translated: 11 })
  })

  it('finds the one document that a translator does not take, and takes the others', async () => {
    const deep = `{"traceID":"1","spanID":"1","startTime":${startUs + 4},"tags":${'['.repeat(5000)}${']'.repeat(5000)}}`
    const documents = jaegerDocuments(9).map((one, i) => (i === 4 ? { ...one, source: deep } : one))
    const { source } = await scene(jaegerEs, jaegerScript(documents))
    const { read, translated, items } = totals(await allPages(source))
    expect({ read, translated, items }).toEqual({ read: 9, translated: 8, items: 8 })
  })

  it('fails slices of an index that was made anew under its name', async () => {
    const { source } = await scene(jaegerEs, jaegerScript(jaegerDocuments(3)))
    const [slice] = (await source.plan(never)).slices
    if (slice === undefined) throw new Error('no slice')
    const other = source.open({ ...slice, key: { ...slice.key, uuid: 'another' } }, undefined)
    await expect(other.next(never)).rejects.toThrow(/^vanished: /)
  })

  it('wants a prefix named where there are several', async () => {
    const answer: Script['answer'] = ({ path }) =>
      path.startsWith('/_resolve/')
        ? { status: 200, body: { indices: [{ name: 'a-jaeger-span-2026-11-07' }, { name: 'b-jaeger-span-2026-11-07' }] } }
        : undefined
    const { source } = await scene(jaegerEs, { ...jaegerScript([]), answer })
    await expect(source.plan(never)).rejects.toThrow(/several Jaegers.*a, b/)
  })
})

describe('jaegerIndexName', () => {
  it.each([
    ['jaeger-span-2026-11-07', '', false],
    ['jaeger-span-2026-11-07-13', '', false],
    ['jaeger-span-2026.11.07', '', false],
    ['jaeger-span-20261107', '', false],
    ['prod-jaeger-span-2026-11-07', 'prod-', false],
    ['jaeger-span-000001', '', false],
    ['shrink-a1b2-jaeger-span-000001', '', false],
    ['jaeger-span-archive', '', true],
    ['prod-jaeger-span-archive-000001', 'prod-', true],
  ])('knows %s', (name, prefix, isArchive) => {
    expect(jaegerIndexName({ name, dataStream: undefined })).toEqual({ prefix, isArchive })
  })

  it('knows backing indices of its data stream, and passes over its other indices', () => {
    expect(jaegerIndexName({ name: '.ds-jaeger.spans-2026.11.07-000001', dataStream: 'jaeger.spans' })).toEqual({
      prefix: '',
      isArchive: false,
    })
    for (const name of ['jaeger-service-2026-11-07', 'jaeger-dependencies-2026-11-07', 'jaeger-span-notes'])
      expect(jaegerIndexName({ name, dataStream: undefined })).toBeUndefined()
  })
})

describe('dotRemark', () => {
  it('speaks up where no key holds the replacement, and some hold another', () => {
    expect(dotRemark([{ tag: { 'http#method': 'GET' } }], '@')).toContain("--dot '#'")
    expect(dotRemark([{ process: { tag: { host_name: 'a' } } }], '@')).toContain("--dot '_'")
    expect(dotRemark([{ tag: { 'http@method': 'GET', some_key: 1 } }], '@')).toBe('')
    expect(dotRemark([{ tag: { error: true } }, null, {}], '@')).toBe('')
  })
})

describe('zipkinEs', () => {
  const zipkin = (documents: readonly ScriptedDocument[]): Script => ({
    index: 'zipkin-span-2026-11-07',
    field: 'timestamp',
    mapping: { properties: { timestamp: { type: 'long' } } },
    documents,
  })
  const span = (i: number, time: number | undefined): ScriptedDocument => ({
    id: `${i}`,
    time,
    source: JSON.stringify({
      traceId: hex(i + 1, 32),
      id: hex(i + 1, 16),
      name: 'get',
      timestamp: time,
      localEndpoint: { serviceName: 'shop' },
      tags: { at: `${i}` },
    }),
  })

  it('reads spans without a time as well, in a slice of their own', async () => {
    const documents = [
      ...Array.from({ length: 40 }, (_, i) => span(i, startUs + i)),
      ...Array.from({ length: 9 }, (_, i) => span(100 + i, undefined)),
    ]
    const { source } = await scene(zipkinEs, zipkin(documents))
    const { slices, groups } = await source.plan(never)
    expect(slices.map(({ key }) => key['undated'] === true)).toEqual([true, false])
    expect(groups[0]?.note).toBe('9 without a time')
    expect(totals(await allPages(source))).toMatchObject({ read: 49, items: 49, skipped: {} })
  })

  it('leaves them out when the date of their index is outside', async () => {
    const filter = { sinceMs: Date.UTC(2026, 10, 8), untilMs: undefined, services: [], query: undefined }
    const { source } = await scene(zipkinEs, zipkin([span(1, undefined)]), {}, { filter })
    const { slices, groups } = await source.plan(never)
    expect(slices).toEqual([])
    expect(groups[0]?.note).toContain('left out')
  })

  it('knows its indices by prefix and date', () => {
    expect(isZipkinIndex('zipkin-span-2026-11-07', 'zipkin')).toBe(true)
    expect(isZipkinIndex('zipkin:span-2026-11-07', 'zipkin')).toBe(true)
    expect(isZipkinIndex('zipkin-span-2026.11.07', 'zipkin')).toBe(true)
    expect(isZipkinIndex('zipkin-dependency-2026-11-07', 'zipkin')).toBe(false)
    expect(isZipkinIndex('prod-span-2026-11-07', 'zipkin')).toBe(false)
  })
})

describe('elasticsearch', () => {
  const logs = (type: string, documents: readonly ScriptedDocument[]): Script => ({
    index: 'logs-2026.11.07',
    field: '@timestamp',
    mapping: { properties: { '@timestamp': { type } } },
    documents,
  })
  const startMs = startUs / 1000
  const log = (i: number, time: number | undefined, text = '\n'): ScriptedDocument => ({
    id: `${i}`,
    time,
    source: `{${text}"@timestamp":${JSON.stringify(time === undefined ? undefined : new Date(time).toISOString()) ?? 'null'},"message":"line ${i}"}`,
  })

  it('reads documents of several lines, and tells its records apart when asked', async () => {
    const { source } = await scene(elasticsearch, logs('date', [log(1, startMs), log(2, startMs + 1), log(3, undefined)]), {
      index: 'logs-*',
      uid: true,
    })
    const pages = await allPages(source)
    expect(totals(pages)).toMatchObject({ read: 3, items: 3, skipped: {} })
    const text = pages.map(({ requests }) => Buffer.from(requests[0]?.data ?? []).toString('latin1')).join('')
    expect(text.match(/log\.record\.uid/g)?.length).toBe(3)
  })

  it('makes out times itself where they are texts, and counts what is outside', async () => {
    const filter = { sinceMs: startMs + 5, untilMs: startMs + 8, services: [], query: undefined }
    const documents = Array.from({ length: 10 }, (_, i) => ({ ...log(i, startMs + i), time: undefined }))
    const { source } = await scene(elasticsearch, logs('text', documents), { index: 'logs-*' }, { filter })
    expect(totals(await allPages(source))).toMatchObject({ read: 10, translated: 3, skipped: { filtered: 7 } })
  })

  it('plans a slice that fails where documents are not kept', async () => {
    const script = logs('date', [log(1, startMs)])
    const { source } = await scene(
      elasticsearch,
      { ...script, mapping: { ...script.mapping, _source: { enabled: false } } },
      { index: 'logs-*' },
    )
    expect((await source.plan(never)).groups[0]?.note).toContain('_source is off')
    await expect(allPages(source)).rejects.toThrow(/^source_error: cannot read index logs-2026.11.07/)
  })

  it('refuses a --query that is none, before it asks anything', async () => {
    const filter = { sinceMs: undefined, untilMs: undefined, services: [], query: 'level:error' }
    await expect(scene(elasticsearch, logs('date', []), { index: 'logs-*' }, { filter })).rejects.toMatchObject({ code: 'OB_CONFIG' })
  })
})

describe('timeFieldOf', () => {
  const mapping = {
    properties: {
      when: { properties: { at: { type: 'date_nanos' } } },
      'dotted.name': { type: 'date' },
      short: { type: 'alias', path: 'when.at' },
      words: { type: 'text', fields: { raw: { type: 'keyword' } } },
      plain: { type: 'text' },
      bare: { type: 'date', doc_values: false },
      us: { type: 'long' },
    },
  }

  it.each([
    ['when.at', { name: 'when.at', kind: 'date_nanos', perMs: 1 }],
    ['dotted.name', { name: 'dotted.name', kind: 'date', perMs: 1 }],
    ['short', { name: 'when.at', kind: 'date_nanos', perMs: 1 }],
    ['words', { name: 'words.raw', kind: 'keyword', perMs: 1 }],
    ['plain', undefined],
    ['bare', undefined],
    ['nothing', undefined],
    ['us', { name: 'us', kind: 'number', perMs: 1000 }],
  ])('%s', (name, field) => {
    expect(timeFieldOf(mapping, name, 1000)).toEqual(field)
  })
})

describe('leafFields', () => {
  it('tells what can be had without documents, and what is lost', () => {
    const mapping = {
      properties: {
        '@timestamp': { type: 'date' },
        host: { properties: { ip: { type: 'ip' } } },
        message: { type: 'text' },
        title: { type: 'text', fields: { keyword: { type: 'keyword' } } },
        note: { type: 'text', store: true },
      },
    }
    expect(leafFields(mapping)).toEqual({
      docValues: [{ field: '@timestamp', format: 'strict_date_optional_time_nanos' }, { field: 'host.ip' }, { field: 'title.keyword' }],
      stored: ['note'],
      lost: ['message'],
    })
  })
})

describe('fieldsOf', () => {
  it('refuses more fields than one search gives', () => {
    const properties = Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`f${i}`, { type: 'keyword' }]))
    const state = sourceStateOf({ _source: { enabled: false } }, {})
    expect(fieldsOf('docvalue', { properties }, state, {}).unreadable).toContain('101 fields')
    expect(fieldsOf('docvalue', { properties }, state, { 'index.max_docvalue_fields_search': '200' }).unreadable).toBe('')
  })
})

describe('sourceStateOf', () => {
  it('knows documents that are made of fields again', () => {
    expect(sourceStateOf({ _source: { mode: 'synthetic' } }, {}).isSynthetic).toBe(true)
    expect(sourceStateOf({}, { 'index.mode': 'logsdb' }).isSynthetic).toBe(true)
    expect(sourceStateOf({}, { 'index.mode': 'logsdb', 'index.mapping.source.mode': 'stored' }).isSynthetic).toBe(false)
    expect(sourceStateOf({}, {})).toEqual({ isKept: true, isSynthetic: false, includes: [], excludes: [] })
  })
})

describe('dateInName', () => {
  it('finds a day, or an hour, whatever stands between its parts', () => {
    expect(dateInName('zipkin-span-2026-11-07')).toBe(Date.UTC(2026, 10, 7))
    expect(dateInName('logs-2026.11.07')).toBe(Date.UTC(2026, 10, 7))
    expect(dateInName('logs-20261107')).toBe(Date.UTC(2026, 10, 7))
    expect(dateInName('jaeger-span-2026-11-07-13')).toBe(Date.UTC(2026, 10, 7, 13))
    expect(dateInName('logs-2026-13-40')).toBeUndefined()
    expect(dateInName('jaeger-span-000001')).toBeUndefined()
  })
})

describe('skipsUndated', () => {
  it('goes by the date of the index, and without one by whether there are bounds', () => {
    const day = Date.UTC(2026, 10, 7)
    expect(skipsUndated('a-2026-11-07', undefined, undefined)).toBe(false)
    expect(skipsUndated('a-2026-11-07', day + 1, undefined)).toBe(false)
    expect(skipsUndated('a-2026-11-07', undefined, day)).toBe(true)
    expect(skipsUndated('a', day, undefined)).toBe(true)
  })
})
