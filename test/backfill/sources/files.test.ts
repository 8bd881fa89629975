import { readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { files } from '../../../src/backfill/sources/files.ts'
import { vectorFiles } from '../../support/shared.ts'
import { allPages, never, pagesOf, sourceDeps, spanIds, totals } from '../support/source-deps.ts'

let folder = ''

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'otlp-bridge-files-'))
})

afterEach(() => rm(folder, { recursive: true, force: true }))

const page = (items: number) => sourceDeps({ page: { items, bytes: 4 * 2 ** 20 } })

async function write(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, content)
  return path
}

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')
const zipkinSpan = (at: number) => ({
  traceId: hex(at + 1, 32),
  id: hex(at + 1, 16),
  name: `odd "name" \\ { [ ${at}`,
  timestamp: 1_762_500_000_000_000 + at,
  duration: 5,
  localEndpoint: { serviceName: 'shop' },
  tags: { at: `${at}` },
})
const jaegerTrace = (at: number, spans = 2) => ({
  traceID: hex(at + 1, 32),
  spans: Array.from({ length: spans }, (_, one) => ({
    traceID: hex(at + 1, 32),
    spanID: hex(at * 100 + one + 1, 16),
    operationName: 'op "}]',
    references: [],
    startTime: 1_762_500_000_000_000 + at,
    duration: 7,
    tags: [],
    logs: [],
    processID: 'p1',
  })),
  processes: { p1: { serviceName: 'shop', tags: [] } },
  warnings: null,
})
const jaegerDocument = (at: number) => {
  const { spans, processes } = jaegerTrace(at, 1)
  const [span] = spans
  return { ...span, processID: undefined, startTimeMillis: 1_762_500_000_000, process: processes.p1 }
}
const numbers = (count: number): number[] => Array.from({ length: count }, (_, at) => at)
const lines = (list: readonly unknown[]): string => list.map((one) => `${JSON.stringify(one)}\n`).join('')
const otlpLine = (at: number) => ({
  resourceSpans: [
    {
      resource: {},
      scopeSpans: [
        {
          spans: [
            {
              traceId: hex(at + 1, 32),
              spanId: hex(at + 1, 16),
              name: 'n',
              startTimeUnixNano: '1762500000000000000',
              endTimeUnixNano: '1762500000000000001',
            },
          ],
        },
      ],
    },
  ],
})

/** Content of each form that holds `count` records, and how many items they are. */
const forms: Record<string, (count: number) => { readonly content: string; readonly items: number }> = {
  'jaeger, as the UI saves it': (count) => ({
    content: JSON.stringify({ data: numbers(count).map((at) => jaegerTrace(at)), total: 0, errors: null }),
    items: count * 2,
  }),
  'jaeger, with blanks and members in front': (count) => ({
    content: JSON.stringify(
      { total: 0, other: { data: [1, { data: [] }] }, data: numbers(count).map((at) => jaegerTrace(at)), limit: [{}] },
      undefined,
      2,
    ),
    items: count * 2,
  }),
  'jaeger, a list of traces': (count) => ({ content: JSON.stringify(numbers(count).map((at) => jaegerTrace(at))), items: count * 2 }),
  'jaeger, traces one after the other': (count) => ({ content: lines(numbers(count).map((at) => jaegerTrace(at))), items: count * 2 }),
  'zipkin, a list': (count) => ({ content: JSON.stringify(numbers(count).map(zipkinSpan)), items: count }),
  'zipkin, lists of lists': (count) => ({
    content: JSON.stringify(
      numbers(count).map((at) => [zipkinSpan(at)]),
      undefined,
      1,
    ),
    items: count,
  }),
  'zipkin, a list a line': (count) => ({ content: lines(numbers(count).map((at) => [zipkinSpan(at)])), items: count }),
  'jaeger-es': (count) => ({ content: lines(numbers(count).map(jaegerDocument)), items: count }),
  'es-docs, hits of three kinds': (count) => ({
    content: lines(
      numbers(count).map((at) =>
        at % 3 === 0
          ? { _index: 'jaeger-span-2026-11-07', _id: `${at}`, _source: jaegerDocument(at) }
          : at % 3 === 1
            ? { _index: 'zipkin-span-2026-11-07', _id: `${at}`, _source: zipkinSpan(at) }
            : { _index: 'logs-2026', _id: `${at}`, _source: { '@timestamp': '2026-11-07T08:00:00Z', message: `m ${at}` } },
      ),
    ),
    items: count,
  }),
  'es-hits': (count) => ({
    content: JSON.stringify(
      {
        took: 1,
        hits: { total: 3, hits: numbers(count).map((at) => ({ _index: 'logs', _id: `${at}`, _source: { message: `m ${at}` } })) },
      },
      undefined,
      2,
    ),
    items: count,
  }),
  'es-bulk': (count) => ({
    content: numbers(count)
      .map((at) => lines([{ index: { _index: 'logs' } }, { message: `m ${at}` }]))
      .join(''),
    items: count,
  }),
  otlp: (count) => ({ content: lines(numbers(count).map(otlpLine)), items: count }),
}

describe('files', () => {
  for (const [name, make] of Object.entries(forms)) {
    it(`reads ${name}, and goes on at every page as if it had not stopped`, async () => {
      const { content, items } = make(13)
      for (const [packed, bytes] of [
        ['plain', Buffer.from(content)],
        ['gz', Buffer.concat([gzipSync(content.slice(0, 700)), gzipSync(content.slice(700))])],
        ['zst', Buffer.concat([zstdCompressSync(content.slice(0, 700)), zstdCompressSync(content.slice(700))])],
      ] as const) {
        const source = await files.open({}, [await write(`file.${packed}`, bytes)], page(2))
        const slice = (await source.plan(never)).slices[0]
        if (slice === undefined) throw new Error('no slice')
        const whole = await pagesOf(source.open(slice, undefined))
        expect(totals(whole)).toMatchObject({ read: items, translated: items, items, skipped: {} })
        for (const [at, { cursor }] of whole.entries()) {
          if (at === whole.length - 1) break
          expect(await pagesOf(source.open(slice, cursor))).toEqual(whole.slice(at + 1))
        }
        expect(await source.count(slice, true, never)).toEqual({ items, sum: totals(whole).sum })
      }
    })
  }

  it('reads what is cut anywhere up to there, says so, and lives', async () => {
    const contents = Object.values(forms).map((make) => Buffer.from(make(5).content))
    await fc.assert(
      fc.asyncProperty(
        fc.nat(contents.length - 1),
        fc.double({ min: 0.3, max: 1, maxExcluded: true, noNaN: true }),
        fc.constantFrom('plain', 'gz', 'zst'),
        async (which, part, packed) => {
          const content = contents[which] as Buffer
          const whole = packed === 'plain' ? content : packed === 'gz' ? gzipSync(content) : zstdCompressSync(content)
          const path = await write('cut', whole)
          await truncate(path, Math.max(20, Math.floor(whole.length * part)))
          let pages: Awaited<ReturnType<typeof allPages>>
          try {
            pages = await allPages(await files.open({}, [path], page(2)))
          } catch (error) {
            expect(error).toMatchObject({ code: expect.stringMatching(/^OB_(SOURCE|CONFIG)$/) })
            return
          }
          const { read, translated, skipped } = totals(pages)
          expect(read).toBe(translated + Object.values(skipped).reduce((all, one) => all + one, 0))
          // A cut at the end of a line of a plain file cannot be seen; every other one is said.
          if (packed !== 'plain') expect(skipped).toMatchObject({ truncated: 1 })
        },
      ),
      { numRuns: 60 },
    )
  }, 60_000)

  it('takes random bytes for what they are: nothing that it knows, or items left out', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 1, maxLength: 400 }),
        fc.constantFrom(undefined, 'zipkin', 'jaeger', 'jaeger-es', 'logs', 'es-bulk', 'otlp', 'remote-write'),
        async (bytes, as) => {
          const path = await write('random', bytes)
          try {
            const { read, translated, skipped } = totals(await allPages(await files.open(as === undefined ? {} : { as }, [path], page(3))))
            expect(read).toBe(translated + Object.values(skipped).reduce((all, one) => all + one, 0))
          } catch (error) {
            expect(error).toMatchObject({ code: expect.stringMatching(/^OB_(SOURCE|CONFIG)$/) })
          }
        },
      ),
      { numRuns: 150 },
    )
  }, 60_000)

  it('leaves out the record that cannot be read, and takes its neighbours', async () => {
    const list = numbers(9).map((at) => JSON.stringify(zipkinSpan(at)))
    list[4] = '{"traceId": nonsense, "id": "1"}'
    const pages = await allPages(await files.open({}, [await write('spans.json', `[${list.join(',')}]`)], page(100)))
    expect(totals(pages)).toMatchObject({ read: 9, translated: 8, items: 8, skipped: { not_json: 1 } })
    expect(pages[0]?.faults[0]?.where).toMatch(/spans\.json:\d+$/)
  })

  it('ends a slice at damaged compression behind what could be read, and names the place', async () => {
    const good = gzipSync(lines(numbers(50).map(otlpLine)))
    const path = await write('bad.gz', Buffer.concat([good, gzipSync('more'), Buffer.from('garbage that is no member')]))
    const source = await files.open({}, [path], page(10))
    const slice = (await source.plan(never)).slices[0]
    if (slice === undefined) throw new Error('no slice')
    const reader = source.open(slice, undefined)
    const pages = []
    let fault: unknown
    for (;;) {
      try {
        const next = await reader.next(never)
        if (next === undefined) break
        pages.push(next.translate())
      } catch (error) {
        fault = error
        break
      }
    }
    expect(totals(pages).items).toBe(50)
    expect(fault).toMatchObject({ code: 'OB_SOURCE', message: expect.stringMatching(/^corrupt: cannot read .*bad\.gz behind byte \d+/) })
  })

  it('leaves out what is outside of the time or of other services, item by item', async () => {
    const from = 1_762_500_000_000
    const filter = { sinceMs: from, untilMs: from + 3, services: ['shop'], query: undefined }
    const at = (ms: number) => (from + ms) * 1000
    const trace = jaegerTrace(1, 4)
    const spans = trace.spans.map((span, one) => ({ ...span, startTime: at(one), processID: one === 2 ? 'p2' : 'p1' }))
    const processes = { ...trace.processes, p2: { serviceName: 'till', tags: [] } }
    const contents = {
      jaeger: JSON.stringify({ data: [{ ...trace, spans, processes }, jaegerTrace(2)] }),
      zipkin: JSON.stringify(
        numbers(4).map((one) => ({ ...zipkinSpan(one), timestamp: at(one), localEndpoint: { serviceName: one === 2 ? 'till' : 'shop' } })),
      ),
      'jaeger-es': lines(
        numbers(4).map((one) => ({
          ...jaegerDocument(one),
          startTime: at(one),
          process: { serviceName: one === 2 ? 'till' : 'shop', tags: [] },
        })),
      ),
      logs: lines(numbers(4).map((one) => ({ '@timestamp': new Date(from + one).toISOString(), message: 'm' }))),
    }
    for (const [name, content] of Object.entries(contents)) {
      const source = await files.open({}, [await write(`${name}.json`, content)], sourceDeps({ filter }))
      const { read, translated, skipped } = totals(await allPages(source))
      const all = name === 'jaeger' ? 6 : 4
      const kept = name === 'jaeger' ? 4 : name === 'logs' ? 3 : 2
      expect({ name, read, translated, skipped }).toEqual({ name, read: all, translated: kept, skipped: { outside_window: all - kept } })
    }
  })

  it('takes requests of remote-write, each behind its length, of either version', async () => {
    const requests = vectorFiles('prometheus').filter((file) => /0[14]-rw[12].*\.bin$/.test(file))
    if (requests.length === 0) return
    const bodies = requests.map((file) => readFileSync(file))
    const content = Buffer.concat(
      bodies.flatMap((body) => {
        const length = Buffer.alloc(4)
        length.writeUInt32BE(body.length)
        return [length, body]
      }),
    )
    const source = await files.open({}, [await write('capture', content)], page(1))
    const pages = await allPages(source)
    const { read, translated, items, skipped } = totals(pages)
    expect(items).toBeGreaterThan(0)
    expect(read).toBe(translated + Object.values(skipped).reduce((all, one) => all + one, 0))
    expect(pages.flatMap(({ requests }) => requests.map(({ signal }) => signal))).toContain('metrics')
    await truncate(join(folder, 'capture'), content.length - 3)
    expect(totals(await allPages(await files.open({}, [join(folder, 'capture')], page(1)))).skipped).toMatchObject({ truncated: 1 })
  })

  it('reads OpenMetrics with times, histograms whole, and goes on at every page as if it had not stopped', async () => {
    const t = 1_762_500_000
    const times = numbers(200)
    const counter = times.map((at) => `requests_total{path="/a \\"b\\",}",code="200"} ${at} ${t + at}.250`)
    const gauges = [
      '# HELP heat How warm',
      '# TYPE heat gauge',
      ...times.map((at) => `heat ${at}.5 ${t + at} # {trace_id="x"} 1`),
      'heat NaN 1762600000',
      'heat 7',
    ]
    const buckets = ['1', '5', '+Inf'].flatMap((le) => times.map((at) => `took_seconds_bucket{le="${le}"} ${at + 1} ${t + at}`))
    const histogram = [
      '# TYPE took_seconds histogram',
      ...buckets,
      ...times.map((at) => `took_seconds_count ${at + 1} ${t + at}`),
      ...times.map((at) => `took_seconds_sum ${at} ${t + at}`),
    ]
    const content = `${['# TYPE requests counter', ...counter, ...gauges, ...histogram, 'torn{', '# EOF'].join('\n')}`
    const source = await files.open({}, [await write('dump.txt', content)], page(300))
    const slice = (await source.plan(never)).slices[0]
    if (slice === undefined) throw new Error('no slice')
    const whole = await pagesOf(source.open(slice, undefined))
    const { read, translated, items, skipped } = totals(whole)
    expect({ read, translated, items, skipped }).toEqual({
      read: 200 + 202 + 1000 + 1,
      translated: 200 + 201 + 1000,
      items: 200 + 201 + 200,
      skipped: { no_timestamp: 1, not_a_sample: 1 },
    })
    for (const [at, { cursor, last }] of whole.entries())
      if (!last) expect(await pagesOf(source.open(slice, cursor))).toEqual(whole.slice(at + 1))
  })

  it('cuts lines into slices at their ends', async () => {
    const { createFileReader } = await import('../../../src/backfill/sources/files/reader.ts')
    const { openFile } = await import('../../../src/backfill/sources/files/bytes.ts')
    const { createRecordsTranslator } = await import('../../../src/backfill/sources/files/payloads.ts')
    const slicesOf = async (count: number, sizeOf: (length: number) => number): Promise<void> => {
      const content = lines(numbers(count).map(otlpLine))
      const path = await write('lines', content)
      const size = sizeOf(content.length)
      const pages = []
      for (let from = 0; from < content.length; from += size) {
        const reader = createFileReader({
          name: path,
          identity: 'x',
          kind: 'otlp',
          from,
          to: from + size,
          cursor: undefined,
          page: { items: 3, bytes: 1e6 },
          filter: undefined,
          open: (offset) => openFile(path, 'none', offset),
          translator: () => createRecordsTranslator('otlp', sourceDeps(), 0),
        })
        pages.push(...(await pagesOf(reader)))
      }
      expect(spanIds(pages)).toEqual(numbers(count).map((at) => `${hex(at + 1, 32)}/${hex(at + 1, 16)}`))
    }
    // A slice of one byte each is a file opened for each byte.
    await slicesOf(2, () => 1)
    for (const size of [50, 300, 777]) await slicesOf(20, () => size)
    await slicesOf(20, (length) => length / 20)
    await slicesOf(20, (length) => length)
  })

  it('takes folders and patterns in natural order, and sends blocks of Prometheus where they are read', async () => {
    for (const at of [10, 9, 1]) await write(`part-${at}.json`, lines([otlpLine(at)]))
    await write('.hidden', 'x')
    const source = await files.open({}, [folder], sourceDeps())
    expect((await source.plan(never)).groups.map(({ name }) => name.slice(folder.length + 1))).toEqual([
      'part-1.json',
      'part-9.json',
      'part-10.json',
    ])
    const some = await files.open({}, [join(folder, 'part-1*.json')], sourceDeps())
    expect((await some.plan(never)).slices).toHaveLength(2)
    await expect(files.open({}, [join(folder, 'none*')], sourceDeps())).rejects.toMatchObject({ code: 'OB_SOURCE' })
    const block = join(folder, '01HZZZZZZZZZZZZZZZZZZZZZZZ')
    await mkdir(block)
    await writeFile(join(block, 'meta.json'), '{}')
    await writeFile(join(block, 'index'), '')
    for (const path of [block, folder])
      await expect(files.open({}, [path], sourceDeps())).rejects.toMatchObject({
        code: 'OB_CONFIG',
        message: expect.stringContaining('prometheus-tsdb'),
      })
  })

  it('does not go on with a file that is another by now', async () => {
    const path = await write('spans.json', lines(numbers(9).map(otlpLine)))
    const source = await files.open({}, [path], page(2))
    const slice = (await source.plan(never)).slices[0]
    if (slice === undefined) throw new Error('no slice')
    const [first] = await pagesOf(source.open(slice, undefined))
    await write('spans.json', lines(numbers(9).map((at) => otlpLine(at + 7))))
    await expect(pagesOf(source.open(slice, first?.cursor))).rejects.toMatchObject({
      code: 'OB_SOURCE',
      message: expect.stringMatching(/^vanished: /),
    })
  })
})
