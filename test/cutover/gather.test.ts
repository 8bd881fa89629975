import { describe, expect, it } from 'vitest'
import { verdictConfig } from '../../src/cutover/config.ts'
import { createEvidence, drillOf, type GatherDeps } from '../../src/cutover/gather.ts'
import type { Change, EndpointState, Phase } from '../../src/cutover/model.ts'
import { verdictOf } from '../../src/cutover/verdict.ts'
import type { EncodedBatch } from '../../src/otlp/intake.ts'
import { mirrored, noon, type TestBooks, testBooks } from '../support/books.ts'

const minute = 60_000

const state: EndpointState = {
  endpoint: 'zipkin',
  phase: 'dual',
  answer: 'bridge',
  share: { new: 1, old: 1 },
  paused: false,
  until: undefined,
  revision: 1,
  sinceMs: noon,
}

const evidenceOf = (test: TestBooks, over: Partial<GatherDeps> = {}) =>
  createEvidence({
    cutover: { of: () => state, list: () => [state], changes: () => [] },
    books: test.books,
    live: {},
    runs: { ofKey: () => [] },
    config: verdictConfig.parse({ windows: 1, window: '5m' }),
    dead: () => undefined,
    newAgeSeconds: () => 0.5,
    waitingForOld: () => 0,
    balanced: () => true,
    untranslated: () => ({ count: 0, text: '' }),
    ...over,
  })

/** A request of one key, and what becomes of it on the new side. */
async function send(test: TestBooks, service: string, outcome: 'delivered' | 'dead' | 'dropped' | 'nothing' = 'delivered'): Promise<void> {
  await test.intake.put(mirrored(10, { keys: [{ service, items: 10 }] }))
  const batch = test.put.at(-1) as EncodedBatch
  test.books.outcomes.left(
    'mirror.zipkin',
    { format: batch.format, signal: 'legacy', items: 10, account: batch.account },
    'delivered',
    '',
    0,
  )
  if (outcome !== 'nothing') test.books.outcomes.left('default', batch, outcome, outcome === 'dead' ? '413' : '', 0)
}

/** Minutes pass, the books looking on. */
function pass(test: TestBooks, ms: number): void {
  for (let left = ms; left > 0; left -= 10_000) {
    test.forward(Math.min(10_000, left))
    test.tick()
  }
}

describe('createEvidence', () => {
  it('leaves out reports of another mapping', async () => {
    const test = testBooks()
    test.tick()
    await send(test, 'cart')
    const run = (mappingHash: string, parity: number) => ({ atMs: noon, parity, sampled: 1, lowerBound: 0, why: '', mappingHash })
    const runs = { ofKey: () => [run('before', 0.5), run('now', 1)] }
    expect(evidenceOf(test, { runs, mappingHash: () => 'now' }).all()[0]?.stored).toMatchObject([{ parity: 1 }])
  })

  it('takes minutes in which nothing came for equal, and those before the books began for nothing', async () => {
    const test = testBooks()
    test.tick()
    await send(test, 'cart')
    pass(test, 3 * minute)
    await send(test, 'cart')
    pass(test, 4 * minute)
    const [cart] = evidenceOf(test).all()
    expect(cart).toMatchObject({
      key: 'cart',
      endpoint: 'zipkin',
      lastSeenMs: noon + 4 * minute,
      queue: { ageSeconds: 0.5, worstAgeSeconds: 0.5 },
    })
    expect(cart?.minutes.map(({ verdict }) => verdict)).toEqual(['equal', 'equal', 'equal', 'equal', 'equal'])
    expect(cart?.books).toEqual({ balanced: true, minutes: 5, unknownMinutes: 0 })
    expect(cart?.dead).toEqual({ unresolved: 0, lastMs: undefined, reason: '' })
  })

  it('names what one key lacks, and leaves the others alone', async () => {
    const test = testBooks()
    test.tick()
    await send(test, 'cart')
    await send(test, 'pay', 'dead')
    pass(test, 7 * minute)
    const evidence = evidenceOf(test, { dead: () => ({ items: 3, reason: 'status 413' }) }).all('zipkin')
    expect(evidence.map(({ key, dead }) => [key, dead])).toEqual([
      ['cart', { unresolved: 0, lastMs: undefined, reason: '' }],
      ['pay', { unresolved: 3, lastMs: noon + minute, reason: 'status 413' }],
    ])
    const pay = evidence.find(({ key }) => key === 'pay')
    expect(pay === undefined ? '' : verdictOf(pay, verdictConfig.parse({})).headline).toContain('pay: not yet — 3 dead letters: status 413')
  })

  it('does not forget dead letters that the books know no key of, and remembers those that are resolved for a while', async () => {
    const test = testBooks()
    test.tick()
    await send(test, 'cart')
    await send(test, 'pay', 'dead')
    pass(test, 2 * minute)
    const unnamed = evidenceOf(test, { dead: () => ({ items: 12, reason: 'status 413' }) }).all('zipkin')
    const reason = 'status 413 (of 2 nobody knows whose they are)'
    expect(unnamed.map(({ key, dead }) => [key, dead?.unresolved, dead?.reason])).toEqual([
      ['cart', 2, reason],
      ['pay', 12, reason],
    ])
    const resolved = evidenceOf(test, { dead: () => ({ items: 0, reason: '' }) }).all('zipkin')
    expect(resolved[1]?.dead).toMatchObject({ unresolved: 0, lastMs: noon + minute })
  })

  it('counts what the new side lost without a dead letter', async () => {
    const test = testBooks()
    test.tick()
    await send(test, 'cart', 'dropped')
    pass(test, 2 * minute)
    expect(evidenceOf(test).all('zipkin')[0]?.dead).toEqual({ unresolved: 0, lastMs: noon + minute, reason: '10 items were lost or shed' })
  })

  it('knows nothing of what was not translated while the process is young', async () => {
    const test = testBooks()
    test.tick()
    await send(test, 'cart')
    pass(test, minute)
    expect(evidenceOf(test, { untranslated: () => undefined }).all()[0]?.untranslated).toBeUndefined()
  })

  it('does not take a minute for equal in which a process was lost', async () => {
    const test = testBooks()
    test.tick()
    await send(test, 'cart')
    pass(test, 3 * minute)
    test.books.flush()
    test.books.file.write((open) => open.run("INSERT INTO marks (at, why) VALUES (?, 'crash')", Math.floor(noon / minute) + 1))
    pass(test, 4 * minute)
    expect(
      evidenceOf(test)
        .all()[0]
        ?.minutes.filter(({ verdict }) => verdict === 'unknown')
        .map(({ atMs }) => atMs),
    ).toEqual([noon + minute])
  })

  it('does not take a minute for good of which a part is still on its way', async () => {
    const test = testBooks()
    test.tick()
    pass(test, minute)
    await send(test, 'cart', 'nothing')
    pass(test, minute)
    const open = evidenceOf(test, { live: { oldestMs: () => 5 * minute } }).all()
    expect(open[0]?.minutes.some(({ verdict }) => verdict === 'short')).toBe(false)
    expect(open[0]?.minutes.length).toBeLessThan(2)
    pass(test, 5 * minute)
    expect(
      evidenceOf(test)
        .all()[0]
        ?.minutes.map(({ verdict }) => verdict),
    ).toContain('short')
  })

  it('tells the busiest minute of the windows and of two days, key by key', async () => {
    const test = testBooks()
    test.tick()
    await send(test, 'cart')
    await send(test, 'cart')
    await send(test, 'pay')
    pass(test, 10 * minute)
    await send(test, 'cart')
    pass(test, 2 * minute)
    expect(
      evidenceOf(test)
        .all()
        .map(({ key, peak }) => [key, peak]),
    ).toEqual([
      ['cart', { window: 10, all: 20, historyMs: 12 * minute }],
      ['pay', { window: 0, all: 10, historyMs: 12 * minute }],
    ])
  })

  it('asks once for what is the same for all keys', async () => {
    const test = testBooks()
    test.tick()
    for (const key of ['cart', 'pay', 'web']) await send(test, key)
    pass(test, 2 * minute)
    const asked: string[] = []
    const evidence = evidenceOf(test, {
      balanced: () => asked.push('balanced') > 0,
      dead: (format) => void asked.push(`dead ${format}`),
      dashboards: () => void asked.push('dashboards'),
      reads: (endpoint) => void asked.push(`reads ${endpoint}`),
      legacyClients: (endpoint) => asked.push(`clients ${endpoint}`),
    }).all()
    expect(evidence).toHaveLength(3)
    expect(asked.toSorted()).toEqual(['balanced', 'clients zipkin', 'dashboards', 'dead zipkin-json', 'reads zipkin'])
  })

  it('remembers the worst age of the queue', async () => {
    const test = testBooks()
    test.tick()
    await send(test, 'cart')
    let age = 900
    const source = evidenceOf(test, { newAgeSeconds: () => age })
    source.all()
    age = 1
    pass(test, minute)
    expect(source.all()[0]?.queue).toEqual({ ageSeconds: 1, worstAgeSeconds: 900 })
    test.forward(25 * 60 * minute)
    test.tick()
    expect(source.all()[0]?.queue).toEqual({ ageSeconds: 1, worstAgeSeconds: 1 })
  })
})

describe('drillOf', () => {
  const went = (atMs: number, from: Phase, to: Phase, endpoint = 'zipkin'): Change => ({
    ...{ atMs, endpoint, from, to },
    who: 'ana',
    what: 'phase',
    reason: '',
    forced: false,
  })

  it('is a step back and the same step forward again', () => {
    const changes = [
      went(1, 'shadow', 'dual'),
      went(2, 'dual', 'shadow', 'prometheus'),
      went(5, 'dual', 'shadow'),
      went(9, 'shadow', 'dual'),
    ]
    expect(drillOf('zipkin', changes)).toEqual({ atMs: 9, tookMs: 4 })
    expect(drillOf('prometheus', changes)).toBeUndefined()
  })

  it('does not count before dual began', () => {
    expect(drillOf('zipkin', [went(1, 'shadow', 'dual')])).toBeUndefined()
    expect(drillOf('zipkin', [went(1, 'dual', 'shadow'), went(2, 'shadow', 'dual'), went(3, 'dual', 'new-primary')])).toEqual({
      atMs: 2,
      tookMs: 1,
    })
  })
})
