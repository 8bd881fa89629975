import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ParityReport, ReportItem } from '../../src/parity/model.ts'
import { createRunStore } from '../../src/parity/runs.ts'

let folder: string
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'parity-')), 'parity')
})
afterEach(() => rm(join(folder, '..'), { recursive: true }))

const itemOf = (over: Partial<ReportItem> = {}): ReportItem => ({
  format: 'zipkin',
  key: 'cart',
  window: { from: '2026-11-20T10:00:00Z', to: '2026-11-20T10:10:00Z' },
  counts: { expected: 100, old: 100, new: 100, distinctOld: 100, distinctNew: 100 },
  samples: { asked: 50, foundOld: 50, foundNew: 50, equal: 50, explained: 0, unexplained: 0, lowerBound: 0.93 },
  differences: [],
  parity: 1,
  verdict: 'equal',
  why: '',
  ...over,
})

const reportOf = (items: readonly ReportItem[], startedAt = '2026-11-20T10:11:00Z'): ParityReport => ({
  version: 1,
  tool: 'otlp-bridge',
  mappingHash: 'abc',
  startedAt,
  reference: 'old',
  settle: { old: '10s', new: '30s' },
  result: { parity: Math.min(1, ...items.map(({ parity }) => parity)), require: 1, ok: true, unjudged: 0 },
  cost: { old: { requests: 1, bytes: 1, seconds: 1 }, new: { requests: 1, bytes: 1, seconds: 1 } },
  items,
})

const short = itemOf({
  key: 'pay',
  counts: { expected: 100, old: 100, new: 97, distinctOld: 100, distinctNew: 97 },
  parity: 0.97,
  verdict: 'different',
  why: '3 spans missing on new',
})

describe('createRunStore', () => {
  it('has none before there is a folder', async () => {
    const store = createRunStore(folder)
    expect(await store.list()).toEqual([])
    expect(await store.read('20261120T101100Z-00000000')).toBeUndefined()
  })

  it('keeps reports for another process, latest first, in a few words', async () => {
    const writer = createRunStore(folder)
    await writer.add(reportOf([itemOf()]))
    const id = await writer.add(reportOf([itemOf(), short], '2026-11-20T11:11:00Z'))
    const store = createRunStore(folder)
    const [latest, first] = await store.list()
    expect(latest).toMatchObject({
      id,
      formats: ['zipkin'],
      result: 'different',
      parity: 0.97,
      compared: 200,
      missing: 3,
      why: 'pay: 3 spans missing on new',
    })
    expect(first).toMatchObject({ result: 'equal', parity: 1, why: '', toMs: Date.parse('2026-11-20T10:10:00Z') })
    expect((await store.read(id))?.items).toHaveLength(2)
  })

  it('tells what was found of one key, window by window, without those that were not judged', async () => {
    const store = createRunStore(folder)
    await store.add(
      reportOf([itemOf({ window: { from: '2026-11-20T10:10:00Z', to: '2026-11-20T10:20:00Z' } }), itemOf({ verdict: 'unjudged' })]),
    )
    await store.add(reportOf([itemOf(), short]))
    await store.list()
    expect(store.ofKey('zipkin', 'cart').map(({ atMs }) => new Date(atMs).toISOString())).toEqual([
      '2026-11-20T10:10:00.000Z',
      '2026-11-20T10:20:00.000Z',
    ])
    expect(store.ofKey('zipkin', 'pay')).toMatchObject([{ parity: 0.97, sampled: 50, lowerBound: 0.93, mappingHash: 'abc' }])
    expect(store.ofKey('jaeger', 'pay')).toEqual([])
  })

  it('knows of one key what came since, and nothing of what is gone', async () => {
    const store = createRunStore(folder)
    const id = await store.add(reportOf([short]))
    await store.list()
    expect(store.ofKey('zipkin', 'pay')).toHaveLength(1)
    await store.add(reportOf([itemOf()], '2026-11-20T11:11:00Z'))
    expect(store.ofKey('zipkin', 'cart')).toEqual([])
    await store.list()
    expect(store.ofKey('zipkin', 'cart')).toHaveLength(1)
    await rm(join(folder, `${id}.json`))
    await store.list()
    expect(store.ofKey('zipkin', 'pay')).toEqual([])
  })

  it('leaves out what is no report, and reads nothing outside of its folder', async () => {
    const store = createRunStore(folder)
    const id = await store.add(reportOf([itemOf()]))
    await writeFile(join(folder, '20261120T101200Z-00000000.json'), '{')
    await writeFile(join(folder, '..', 'secret.json'), '{"version":1,"items":[]}')
    expect((await store.list()).map((one) => one.id)).toEqual([id])
    expect(await store.read('../secret')).toBeUndefined()
  })

  it('keeps 200', async () => {
    const store = createRunStore(folder)
    for (let at = 0; at < 203; at++) await store.add(reportOf([], new Date(Date.UTC(2026, 10, 20) + at * 1000).toISOString()))
    expect(await readdir(folder)).toHaveLength(200)
    expect((await store.list()).at(-1)?.id).toMatch(/^20261120T000003Z/)
  })
})
