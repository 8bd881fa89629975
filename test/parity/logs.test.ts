import { describe, expect, it } from 'vitest'
import { createLogsComparison } from '../../src/parity/logs.ts'
import { lokiName } from '../../src/parity/logs-loki.ts'
import type { CompareDeps, CompareOptions, KeyResult } from '../../src/parity/model.ts'
import { elasticsearchTranslateConfig } from '../../src/translate/elasticsearch/config.ts'
import { type ScriptedDocument, type ScriptedEntry, scriptedElasticsearch, scriptedLoki } from './scripted-logs.ts'
import { allKeys } from './scripted-run.ts'

const startMs = Date.UTC(2026, 10, 22, 11, 0)
const minutes = 10
const window = { fromMs: startMs, toMs: startMs + minutes * 60_000 }
const many = 120

interface Written {
  readonly document: ScriptedDocument
  readonly entry: ScriptedEntry
}

const levels = [
  ['INFO', 9],
  ['warn', 13],
  ['ERROR', 17],
] as const

/** A document of the old side, and by hand what Loki stores of it. */
function written(at: number, seed = 0): Written {
  const timeNs =
    BigInt(startMs) * 1_000_000n + BigInt(Math.floor((at * minutes * 60_000) / many) + 13) * 1_000_000n + BigInt(123_456 + seed)
  const atMs = Number(timeNs / 1_000_000n)
  const stamp = `${new Date(atMs).toISOString().slice(0, 19)}.${String(timeNs % 1_000_000_000n).padStart(9, '0')}Z`
  const [level, number] = levels[(at + seed) % 3] ?? ['INFO', 9]
  const line = `order ${at} of ${seed}: "done" ${'x'.repeat(at === 7 ? 6000 : 5)}`
  const own = at % 2 === 0
  const id = own ? `order-${seed}-${at}` : `own${String(at).padStart(17, '0')}`
  const source = JSON.stringify({
    '@timestamp': stamp,
    message: line,
    log: { level },
    service: { name: 'shop' },
    host: { name: 'h1' },
    'http.response.status_code': 200 + at,
    tags: ['a', 'b'],
    big: 0,
  }).replace('"big":0', '"big":9007199254740993')
  return {
    document: { index: 'app-logs', id, source, atMs },
    entry: {
      timeNs,
      line,
      labels: { service_name: 'shop' },
      metadata: {
        host_name: 'h1',
        severity_text: level,
        severity_number: String(number),
        http_response_status_code: String(200 + at),
        tags: '["a","b"]',
        big: '9007199254740993',
        elasticsearch_index: 'app-logs',
        ...(own ? { elasticsearch_document_id: id } : {}),
        detected_level: level.toLowerCase(),
        observed_timestamp: String(timeNs + 5n),
      },
    },
  }
}

const all = (seed = 0): Written[] => Array.from({ length: many }, (_, at) => written(at, seed))

interface Asked extends Partial<CompareOptions> {
  readonly pipeline?: string
  readonly books?: CompareDeps['books']
  readonly translate?: object
}

async function compare(
  documents: readonly ScriptedDocument[],
  entries: readonly ScriptedEntry[],
  { pipeline, books, translate = {}, ...options }: Asked = {},
) {
  const deps: CompareDeps = {
    old: {
      side: 'old',
      kind: 'elasticsearch',
      http: scriptedElasticsearch({ documents, ...(pipeline === undefined ? {} : { pipeline }) }),
    },
    new: { side: 'new', kind: 'loki', http: scriptedLoki(entries) },
    books,
    options: { ...allKeys, keys: ['app-*'], samples: 50, settleMs: { old: 2000, new: 30_000 }, ...options },
    config: { translate: { elasticsearch: elasticsearchTranslateConfig.parse(translate) }, parity: {} },
    nowMs: () => window.toMs + 600_000,
    sleep: async () => {},
    progress: () => {},
    signal: new AbortController().signal,
  }
  return createLogsComparison(deps).compare(window)
}

const documentsOf = (some: readonly Written[]) => some.map(({ document }) => document)
const entriesOf = (some: readonly Written[], change: (one: ScriptedEntry, at: number) => ScriptedEntry | undefined = (one) => one) =>
  some.flatMap(({ entry }, at) => change(entry, at) ?? [])

const rowsOf = (results: readonly KeyResult[], unexplained = true) =>
  results.flatMap(({ differences }) =>
    differences
      .filter((one) => (one.class === 'unexplained') === unexplained)
      .map(({ class: what, kind, path, count }) => (unexplained ? { kind, path, count } : { class: what, kind, path, count })),
  )

const inMinute = (ms: number, minute: number): boolean => new Date(ms).getUTCMinutes() === minute
const withMetadata = (one: ScriptedEntry, metadata: Readonly<Record<string, string>>): ScriptedEntry => ({
  ...one,
  metadata: { ...one.metadata, ...metadata },
})
const sampled = 50

describe('createLogsComparison', () => {
  it('finds a document that is lost where a copy of another keeps the number', async () => {
    const some = all()
    const copied = some[21]?.entry
    const young = entriesOf(some, (one, at) => (at === 22 ? undefined : one))
    const results = await compare(documentsOf(some), copied === undefined ? young : [...young, { ...copied, timeNs: copied.timeNs + 5n }])
    expect(rowsOf(results)).toContainEqual({ kind: 'missing_new', path: 'documents at 11:01', count: 1 })
  })

  it('finds nothing wrong where nothing is, twenty times', async () => {
    for (let seed = 0; seed < 20; seed++) {
      const some = all(seed)
      const results = await compare(documentsOf(some), entriesOf(some))
      expect(results).toHaveLength(1)
      expect(results[0]).toMatchObject({
        key: 'app-logs',
        counts: { expected: many, old: many, new: many, distinctOld: many, distinctNew: many },
        samples: { asked: sampled, foundOld: sampled, foundNew: sampled, equal: sampled, explained: 0, unexplained: 0 },
        differences: [],
      })
    }
  })

  it('takes the label of a stream that Loki split for no difference', async () => {
    const some = all()
    const split = entriesOf(some, (one, at) => (at % 2 === 0 ? one : { ...one, labels: { ...one.labels, __stream_shard__: '1' } }))
    const results = await compare(documentsOf(some), split)
    expect(results[0]).toMatchObject({ counts: { old: many, new: many }, samples: { equal: sampled }, differences: [] })
  })

  it.each<[string, (one: ScriptedEntry, at: number) => ScriptedEntry | undefined, { kind: string; path: string; count: number }[]]>([
    [
      'a minute that the new side lost',
      (one) => (inMinute(Number(one.timeNs / 1_000_000n), 7) ? undefined : one),
      [{ kind: 'missing_new', path: 'documents at 11:07', count: 12 }],
    ],
    ['one document', (one, at) => (at === 51 ? undefined : one), [{ kind: 'missing_new', path: 'documents at 11:04', count: 1 }]],
    [
      'a body cut at 4 kB',
      (one) => ({ ...one, line: one.line.slice(0, 4096) }),
      [{ kind: 'changed', path: 'body, cut to 4096 bytes', count: 1 }],
    ],
    [
      'nanoseconds cut to milliseconds',
      (one) => ({ ...one, timeNs: (one.timeNs / 1_000_000n) * 1_000_000n }),
      [{ kind: 'changed', path: 'timestamp, cut to ms', count: sampled }],
    ],
    [
      'times shifted by 1 ms',
      (one) => ({ ...one, timeNs: one.timeNs + 1_000_000n }),
      [{ kind: 'changed', path: 'timestamp, shifted by 1 ms', count: sampled }],
    ],
    [
      'a severity off by one',
      (one) => withMetadata(one, { severity_number: String(Number(one.metadata['severity_number']) + 1) }),
      [{ kind: 'changed', path: 'attributes["severity_number"]', count: sampled }],
    ],
    [
      'an attribute that is lost',
      ({ metadata: { host_name: _, ...metadata }, ...one }) => ({ ...one, metadata }),
      [{ kind: 'missing_new', path: 'attributes["host_name"]', count: sampled }],
    ],
    [
      'an integer that lost digits',
      (one) => withMetadata(one, { big: '9007199254740992' }),
      [{ kind: 'changed', path: 'attributes["big"]', count: sampled }],
    ],
    [
      'an attribute that nobody sent',
      (one) => withMetadata(one, { more: '1' }),
      [{ kind: 'extra_new', path: 'attributes["more"]', count: sampled }],
    ],
    [
      'ids that came from the sender and are lost',
      ({ metadata: { elasticsearch_document_id: _, ...metadata }, ...one }) => ({ ...one, metadata }),
      [{ kind: 'missing_new', path: 'attributes["elasticsearch_document_id"]', count: sampled / 2 }],
    ],
  ])('names %s', async (_what, change, expected) => {
    const some = all()
    expect(rowsOf(await compare(documentsOf(some), entriesOf(some, change)))).toEqual(expected)
  })

  it('names a wrong index', async () => {
    const some = all()
    const results = await compare(
      documentsOf(some),
      entriesOf(some, (one, at) => (at === 60 ? withMetadata(one, { elasticsearch_index: 'other' }) : one)),
    )
    expect(rowsOf(results)).toEqual([{ kind: 'changed', path: 'attributes["elasticsearch_index"]', count: expect.any(Number) }])
    expect(results[0]?.differences[0]?.example).toMatchObject({ old: 'app-logs', new: 'other' })
  })

  it('names a minute that the old side lost, and what is on the new side alone', async () => {
    const some = all()
    const results = await compare(documentsOf(some.filter(({ document }) => !inMinute(document.atMs, 3))), entriesOf(some))
    expect(rowsOf(results)).toEqual([{ kind: 'missing_old', path: 'documents at 11:03', count: 12 }])
    expect(results[0]?.counts).toMatchObject({ old: many - 12, new: many })
  })

  it('explains documents that the old side has twice, and the new side once', async () => {
    const some = all()
    const again = some
      .filter((_, at) => at % 20 === 1)
      .map(({ document }, at) => ({ ...document, id: `two${String(at).padStart(17, '0')}` }))
    const results = await compare([...documentsOf(some), ...again], entriesOf(some))
    expect(rowsOf(results)).toEqual([])
    expect(rowsOf(results, false)).toEqual([{ class: 'duplicate', kind: 'missing_new', path: 'documents', count: expect.any(Number) }])
    expect(results[0]?.counts).toMatchObject({ old: many + 6, new: many, distinctOld: many, distinctNew: many })
  })

  it('explains entries that the new side has twice', async () => {
    const some = all()
    const twice = some.filter((_, at) => at % 30 === 1).map(({ entry }) => withMetadata(entry, { observed_timestamp: '1' }))
    const results = await compare(documentsOf(some), [...entriesOf(some), ...twice])
    expect(rowsOf(results)).toEqual([])
    expect(rowsOf(results, false)).toEqual([{ class: 'duplicate', kind: 'missing_old', path: 'documents', count: twice.length }])
    expect(results[0]?.counts.distinctNew).toBe(many)
  })

  it('explains what lies within the last millisecond of a minute', async () => {
    const some = all()
    const last = BigInt(startMs + 4 * 60_000) * 1_000_000n
    const edges = [-1n, -999_999n].map((offset, at): Written => {
      const { document, entry } = written(200 + at)
      const timeNs = last + offset
      const stamp = `${new Date(Number(timeNs / 1_000_000n)).toISOString().slice(0, 19)}.${String(timeNs % 1_000_000_000n).padStart(9, '0')}Z`
      const source = document.source.replace(/"@timestamp":"[^"]*"/, `"@timestamp":"${stamp}"`)
      return { document: { ...document, source, atMs: Number(timeNs / 1_000_000n) }, entry: { ...entry, timeNs } }
    })
    const results = await compare(documentsOf([...some, ...edges]), entriesOf([...some, ...edges]))
    expect(rowsOf(results)).toEqual([])
    expect(rowsOf(results, false).map((one) => one.path)).toEqual(['documents within the last ms of a minute'])
    expect(results[0]?.counts).toMatchObject({ old: many + 2, new: many + 2, distinctOld: many + 2, distinctNew: many + 2 })
  })

  it('does not judge field by field what a pipeline changes, unless asked', async () => {
    const some = all()
    const entries = entriesOf(some, ({ metadata: { host_name: _, ...metadata }, ...one }) => ({ ...one, metadata }))
    const [result] = await compare(documentsOf(some), entries, { pipeline: 'enrich' })
    expect(result?.differences.map((one) => one.class)).toEqual(['pipeline'])
    const judged = await compare(documentsOf(some), entries, { pipeline: 'enrich', tolerances: new Map([['pipelines', 'judged']]) })
    expect(rowsOf(judged)).toHaveLength(1)
  })

  it('knows data streams by their name', async () => {
    const some = all()
    const stream = 'logs-shop-prod'
    const backing = documentsOf(some).map((one) => ({ ...one, index: `.ds-${stream}-2026.11.22-000001` }))
    const metadata = { elasticsearch_index: stream, data_stream_type: 'logs', data_stream_dataset: 'shop', data_stream_namespace: 'prod' }
    const results = await compare(
      backing,
      entriesOf(some, (one) => withMetadata(one, metadata)),
      { keys: ['*logs-shop-*'] },
    )
    expect(results.map(({ key }) => key)).toEqual([stream])
    expect(rowsOf(results)).toEqual([])
    expect(results[0]?.samples.equal).toBe(sampled)
  })

  it('expects what the books say, so that a loss on both sides is seen', async () => {
    const some = all()
    const row = { key: 'app-logs', minuteMs: startMs, old: many + 5, new: many + 5 }
    const reasons = [{ side: 'new', class: 'dead_letter', reason: 'dead 413', count: 2 } as const]
    const books = { expected: async () => [{ ...row, reasons }], samples: async () => undefined }
    const [result] = await compare(documentsOf(some), entriesOf(some), { keys: [], books })
    expect(result?.counts).toMatchObject({ expected: many + 5, distinctOld: many, distinctNew: many })
    expect(result?.differences.map((one) => [one.class, one.rule, one.count])).toEqual([['dead_letter', 'books: dead 413', 2]])
  })

  it('asks for no index of which it was not told', async () => {
    await expect(compare([], [], { keys: [] })).rejects.toThrow('cannot compare logs: name the indices with --key')
    await expect(compare([], [], { translate: { indexAttribute: 'none' } })).rejects.toThrow('records do not say their index')
    await expect(compare([], [], { keys: ['*'] })).rejects.toThrow('cannot compare the indices *')
  })
})

describe('lokiName', () => {
  it.each([
    ['http.method', 'http_method'],
    ['a__b', 'a_b'],
    ['a.-b', 'a_b'],
    ['9x', 'key_9x'],
    ['_lead', '_lead'],
    ['__two__', '__two__'],
    ['größe', 'gr_e'],
  ])('%s is %s', (name, expected) => expect(lokiName(name)).toBe(expected))
})
