import { afterEach, describe, expect, it } from 'vitest'
import { createDocumentReaders, type DocumentPage, type DocumentReader } from '../../src/read/elasticsearch-pages.ts'
import type { StoredPosition } from '../../src/read/elasticsearch-position.ts'
import { createElasticsearchStore } from '../../src/read/elasticsearch-store.ts'
import { createPatientClient } from '../../src/read/patient-client.ts'
import { indexNotFound, type Script, type ScriptedDocument, startScriptedElasticsearch } from '../support/scripted-elasticsearch.ts'

const order = { name: 't', kind: 'number', perMs: 1 } as const
const never = new AbortController().signal
const started: { close(): Promise<void> }[] = []

afterEach(async () => {
  await Promise.all(started.splice(0).map((one) => one.close()))
})

const documents = (count: number, timeOf: (i: number) => number | undefined = (i) => 1000 + i): ScriptedDocument[] =>
  Array.from({ length: count }, (_, i) => ({ id: `d${i}`, time: timeOf(i), source: `{"t":${timeOf(i) ?? 'null'},"n":${i}}` }))

async function scene(script: Omit<Script, 'field'>) {
  const server = await startScriptedElasticsearch({ field: 't', ...script })
  const slept: number[] = []
  const distress: string[] = []
  const sleep = (ms: number): Promise<void> => {
    slept.push(ms)
    return Promise.resolve()
  }
  const client = createPatientClient(
    { url: server.url, headers: {}, timeoutMs: 10_000, maxBytes: 64 * 2 ** 20, compress: false, connections: 2 },
    { nowMs: () => 0, distress: (reason) => void distress.push(reason), sleep },
  )
  started.push(client, server)
  const readers = createDocumentReaders(createElasticsearchStore(client, sleep))
  const open = (from?: StoredPosition, over: { order?: typeof order | undefined; duplicates?: boolean } = { order }): DocumentReader =>
    readers.open({ index: 'spans', filters: [], order: over.order, source: true, wanted: ['n'] }, 1, from, over.duplicates ?? false)
  return { server, slept, distress, open }
}

const idsOf = (page: DocumentPage): string[] =>
  Array.from({ length: page.count }, (_, i) => page.table(i).text(page.row(i), 1)).filter((_, i) => !page.isDuplicate(i))

interface Read {
  readonly ids: readonly string[]
  readonly pages: readonly DocumentPage[]
}

/** Reads to the end. @param between done behind each page */
async function readAll(
  reader: DocumentReader,
  items: number,
  between?: (page: DocumentPage, number: number) => void | Promise<void>,
): Promise<Read> {
  const ids: string[] = []
  const pages: DocumentPage[] = []
  for (;;) {
    const page = await reader.next(items, 4 * 2 ** 20, never)
    if (page === undefined) break
    pages.push(page)
    ids.push(...idsOf(page))
    await between?.(page, pages.length)
    if (page.last) break
  }
  await reader.rest()
  return { ids, pages }
}

const eachOnce = (ids: readonly string[], count: number): void => {
  expect(ids.length).toBe(count)
  expect(new Set(ids).size).toBe(count)
}

const sum = (pages: readonly DocumentPage[], key: 'contextsLost' | 'readAgain'): number =>
  pages.reduce((all, { notes }) => all + notes[key], 0)

describe('createDocumentReaders', () => {
  it('reads each document once, in order, and leaves no point in time open', async () => {
    const { server, open } = await scene({ documents: documents(2345, (i) => 5000 - (i % 977)) })
    const { ids, pages } = await readAll(open(), 100)
    eachOnce(ids, 2345)
    const times = pages.flatMap((page) => Array.from({ length: page.count }, (_, i) => page.timeMs(i)))
    expect(times).toEqual([...times].sort((a, b) => a - b))
    expect(pages.at(-1)?.last).toBe(true)
    expect(server.open.size).toBe(0)
  })

  it('goes on behind the last document when points in time are lost between pages, whatever order the next one has', async () => {
    const { server, open } = await scene({ documents: documents(3000, (i) => 1000 + Math.floor(i / 37)), shuffle: true })
    const { ids, pages } = await readAll(open(), 250, (_, number) => {
      if (number % 2 === 0) server.forget()
    })
    eachOnce(ids, 3000)
    expect(sum(pages, 'contextsLost')).toBeGreaterThan(0)
    expect(sum(pages, 'readAgain')).toBe(0)
  })

  it('goes on from a position that was stored, in another reader', async () => {
    const { open } = await scene({ documents: documents(3000, (i) => 1000 + Math.floor(i / 37)), shuffle: true })
    const ids: string[] = []
    let position: StoredPosition | undefined
    for (;;) {
      const reader = open(position)
      const page = await reader.next(111, 4 * 2 ** 20, never)
      await reader.rest()
      if (page === undefined) break
      ids.push(...idsOf(page))
      position = JSON.parse(JSON.stringify(page.position)) as StoredPosition
      if (page.last) break
    }
    eachOnce(ids, 3000)
  })

  it('cuts pages at the same places whether it was interrupted or not', async () => {
    const { open } = await scene({ documents: documents(1000) })
    const whole = (await readAll(open(), 90)).pages.map((page) => idsOf(page).join())
    const third = await readAll(open((await firstPages(open(), 3, 90)).at(-1)?.position), 90)
    expect(third.pages.map((page) => idsOf(page).join())).toEqual(whole.slice(3))
  })

  it('remembers 15,000 documents of one time by their ids', async () => {
    const { open } = await scene({ documents: documents(15_000, () => 1000), shuffle: true })
    const before = await firstPages(open(), 2, 5000)
    const rest = await readAll(open(JSON.parse(JSON.stringify(before.at(-1)?.position)) as StoredPosition), 5000)
    eachOnce([...before.flatMap(idsOf), ...rest.ids], 15_000)
    expect(sum(rest.pages, 'readAgain')).toBe(0)
  })

  it('reads 30,000 documents of one time once, though the point in time is lost among them', async () => {
    const { server, open } = await scene({ documents: documents(30_000, () => 1000), shuffle: true })
    const { ids } = await readAll(open(), 10_000, (_, number) => {
      if (number === 2) server.forget()
    })
    eachOnce(ids, 30_000)
  })

  it('stores a count, and reads an instant again and says so, where more than 20,000 share it', async () => {
    const { open } = await scene({ documents: documents(30_000, () => 1000) })
    const before = await firstPages(open(), 3, 10_000 - 1)
    const { position } = before.at(-1) as DocumentPage
    expect(position).toEqual({ t: '1000', n: 29_997 })
    const rest = await readAll(open(position), 10_000)
    expect(sum(rest.pages, 'readAgain')).toBe(29_997)
    expect(rest.ids.length).toBe(30_000)
  })

  it('reads documents in no order each once, though the point in time is lost', async () => {
    const { server, open } = await scene({ documents: documents(700, () => undefined), shuffle: true })
    const { ids } = await readAll(open(undefined, { order: undefined }), 100, () => server.forget())
    eachOnce(ids, 700)
  })

  it('gives up after five lost points in time without a document in between', async () => {
    const { open } = await scene({
      documents: documents(10),
      answer: ({ path, body }) => (path === '/_search' && body['size'] !== 0 ? contextMissing : undefined),
    })
    await expect(open().next(5, 1e6, never)).rejects.toThrow(/^pit_lost: cannot read index spans: .*search_context_missing.*asked 5 times/)
  })

  it('throws an answer away that lacks shards, asks five times, and names shard, index and reason', async () => {
    const failing = (searches: number) => ({
      status: 200,
      body: {
        timed_out: false,
        _shards: {
          total: 2,
          successful: 1,
          skipped: 0,
          failed: 1,
          failures: [{ shard: 1, index: 'spans', reason: { type: 'io_exception', reason: `broken ${searches}` } }],
        },
        hits: { hits: [{ _index: 'spans', _id: 'half', _source: { t: 1 }, sort: [1, 1] }] },
      },
    })
    const passing = await scene({
      documents: documents(20),
      answer: ({ path, body, searches }) => (path === '/_search' && body['size'] !== 0 && searches < 4 ? failing(searches) : undefined),
    })
    const { ids } = await readAll(passing.open(), 50)
    eachOnce(ids, 20)
    expect(passing.slept).toEqual([1000, 2000, 4000, 8000])
    const lasting = await scene({
      documents: documents(20),
      answer: ({ path, body, searches }) => (path === '/_search' && body['size'] !== 0 ? failing(searches) : undefined),
    })
    await expect(lasting.open().next(50, 1e6, never)).rejects.toMatchObject({
      code: 'OB_SOURCE',
      place: 'spans',
      message: expect.stringMatching(/^partial_results: cannot read index spans: shard 1 of spans: io_exception: broken/),
    })
  })

  it('ends when its index is deleted, and has given what was before', async () => {
    const { open } = await scene({
      documents: documents(2000),
      answer: (call, server) => {
        if (call.searches >= 3) server.forget()
        return call.searches >= 3 && call.path.endsWith('/_pit') && call.method === 'POST' ? indexNotFound('spans') : undefined
      },
    })
    const ids: string[] = []
    const reader = open()
    const failure = await (async () => {
      for (;;) ids.push(...idsOf((await reader.next(200, 4 * 2 ** 20, never)) as DocumentPage))
    })().catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'OB_SOURCE', message: expect.stringMatching(/^vanished: cannot read index spans/) })
    expect(ids.length).toBeGreaterThan(0)
  })

  it('asks for half as many when an answer is too large, and remembers it', async () => {
    const sizes: number[] = []
    const { open } = await scene({
      documents: documents(300),
      answer: ({ path, body }) => {
        if (path !== '/_search' || body['size'] === 0) return undefined
        sizes.push(Number(body['size']))
        return Number(body['size']) > 60 ? { status: 413, body: { error: 'content too long' } } : undefined
      },
    })
    eachOnce((await readAll(open(), 400)).ids, 300)
    expect(sizes.slice(0, 4)).toEqual([400, 200, 100, 50])
    expect(Math.max(...sizes.slice(3))).toBe(50)
  })

  it('waits out a node that is overloaded, as long as it takes', async () => {
    const { open, slept, distress } = await scene({
      documents: documents(10),
      answer: ({ path, body, searches }) =>
        path === '/_search' && body['size'] !== 0 && searches < 8
          ? { status: 429, body: { error: { type: 'es_rejected_execution_exception' } }, headers: { 'retry-after': '7' } }
          : undefined,
    })
    eachOnce((await readAll(open(), 10)).ids, 10)
    expect(distress).toEqual(Array.from({ length: 8 }, () => 'http_429'))
    expect(Math.min(...slept)).toBe(7000)
  })

  it('marks equal documents of one time, across the end of a page and of a reading', async () => {
    const twice = documents(40, (i) => 1000 + Math.floor(i / 4)).map((one, i) => ({ ...one, source: `{"t":${one.time},"n":${i >> 1}}` }))
    const { open } = await scene({ documents: twice })
    const { pages } = await readAll(open(undefined, { order, duplicates: true }), 3)
    const count = (list: readonly DocumentPage[]): number => list.flatMap(idsOf).length
    expect(count(pages)).toBe(20)
    const again: DocumentPage[] = []
    let position: StoredPosition | undefined
    do {
      const page = await open(position, { order, duplicates: true }).next(3, 1e6, never)
      if (page === undefined) break
      again.push(page)
      position = page.position
    } while (again.at(-1)?.last !== true)
    expect(count(again)).toBe(20)
    expect(count((await readAll(open(), 7)).pages)).toBe(40)
  })

  it('reads by scroll where the server knows no points in time', async () => {
    const { server, open } = await scene({
      documents: documents(5),
      answer: ({ path, method, body, query }, own) => {
        if (path.endsWith('/_pit') || path.endsWith('/point_in_time')) return { status: 400, body: { error: 'no handler found for uri' } }
        if (method === 'DELETE') return { status: 200, body: {} }
        const shards = { total: 1, successful: 1, skipped: 0, failed: 0 }
        if (query.has('scroll')) {
          const hits = own.documents.map((one) => ({ _index: 'spans', _id: one.id, _source: JSON.parse(one.source), sort: [one.time] }))
          return { status: 200, body: { _scroll_id: 's', timed_out: false, _shards: shards, hits: { hits } } }
        }
        return body['scroll_id'] === undefined
          ? undefined
          : { status: 200, body: { timed_out: false, _shards: shards, hits: { hits: [] } } }
      },
    })
    eachOnce((await readAll(open(), 10)).ids, 5)
    expect(server.calls.filter(({ method, path }) => method === 'DELETE' && path === '/_search/scroll').length).toBe(1)
  })
})

const contextMissing = {
  status: 404,
  body: { error: { root_cause: [{ type: 'search_context_missing_exception', reason: 'No search context found for id [1]' }] } },
}

async function firstPages(reader: DocumentReader, count: number, items: number): Promise<readonly DocumentPage[]> {
  const pages: DocumentPage[] = []
  while (pages.length < count) pages.push((await reader.next(items, 4 * 2 ** 20, never)) as DocumentPage)
  await reader.rest()
  return pages
}
