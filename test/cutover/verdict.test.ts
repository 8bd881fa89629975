import { describe, expect, it } from 'vitest'
import { type VerdictConfig, verdictConfig } from '../../src/cutover/config.ts'
import type { Evidence } from '../../src/cutover/evidence.ts'
import type { EndpointState, Phase } from '../../src/cutover/model.ts'
import { createReadiness } from '../../src/cutover/readiness.ts'
import { type Check, verdictOf } from '../../src/cutover/verdict.ts'

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour
const nowMs = Date.UTC(2026, 10, 20, 14, 0)

const config = verdictConfig.parse({})

const stateIn = (phase: Phase, over: Partial<EndpointState> = {}): EndpointState => ({
  endpoint: 'zipkin',
  phase,
  answer: 'bridge',
  share: { new: 1, old: 1 },
  paused: false,
  until: undefined,
  revision: 1,
  sinceMs: nowMs - 3 * day,
  ...over,
})

const minutesOf = (count: number, verdict: 'equal' | 'explained' | 'short' | 'unknown' = 'equal'): Evidence['minutes'] =>
  Array.from({ length: count }, (_, at) => ({
    atMs: nowMs - (count - at) * minute,
    verdict,
    text: verdict === 'short' ? '3 missing on new' : '',
  }))

const run = (agoMs: number, over: Partial<Evidence['stored'][number]> = {}): Evidence['stored'][number] => ({
  atMs: nowMs - agoMs,
  parity: 1,
  sampled: 200,
  lowerBound: 0.99,
  why: '',
  ...over,
})

/** All that is needed for both questions. */
const good: Evidence = {
  format: 'zipkin-json',
  endpoint: 'zipkin',
  key: 'checkout',
  state: stateIn('dual'),
  nowMs,
  lastSeenMs: nowMs - 2000,
  knownSinceMs: nowMs - 8 * day,
  minutes: minutesOf(30),
  stored: [run(25 * minute), run(15 * minute), run(5 * minute)],
  dead: { unresolved: 0, lastMs: nowMs - 3 * day, reason: '' },
  queue: { ageSeconds: 0.4, worstAgeSeconds: 12 },
  books: { balanced: true, minutes: 30, unknownMinutes: 0 },
  untranslated: { count: 0, text: '' },
  peak: { window: 41_000, all: 44_000, historyMs: 7 * day },
  dashboards: { converted: 0.93, byHand: '2 panels by hand', atMs: nowMs - day },
  reads: { count: 0, text: '' },
  others: 0,
  history: { complete: true, text: 'back-fill: 30 days, verified 100 %' },
  legacyClients: 3,
  drill: { atMs: nowMs - 2 * day, tookMs: 41_000 },
}

const checkOf = (evidence: Evidence, id: string, question: 'A' | 'B' = 'A', settings: VerdictConfig = config): Check | undefined =>
  verdictOf(evidence, settings, question).checks.find((one) => one.id === id)

describe('verdictOf', () => {
  it('is ready when all holds, with the evidence in words', () => {
    const verdict = verdictOf(good, config)
    expect(verdict).toMatchObject({ question: 'A', answer: 'ready', headline: 'checkout: ready to rely on the new side' })
    expect(verdict.checks.map(({ id, text }) => `${id} ${text}`)).toEqual([
      'V1 live: 30 of 30 minutes equal',
      'V2 stored: 100 % (3 windows, 600 items sampled, at least 99 %)',
      'V3 no dead letters since 2026-11-17 14:00',
      'V4 new side 0.4 s behind, worst today 12 s',
      'V5 books balance (30 of 30 minutes)',
      'V6 everything was translated',
      'V7 the windows saw 41\u202f000 items/min, the busiest minute of two days had 44\u202f000',
      'V8 dashboards converted 93 % (2 panels by hand)',
    ])
    const primary = verdictOf({ ...good, state: stateIn('new-primary') }, config)
    expect(primary).toMatchObject({ question: 'B', answer: 'ready', headline: 'checkout: ready to switch the old side off' })
    expect(primary.checks.map(({ id }) => id)).toEqual(['V1', 'V2', 'V3', 'V4', 'V5', 'V6', 'V8', 'V9', 'V10', 'V11', 'V13'])
  })

  it.each<[what: string, over: Partial<Evidence>, id: string, text: string]>([
    [
      'a short minute',
      { minutes: [...minutesOf(29), ...minutesOf(1, 'short')] },
      'V1',
      '1 of 30 minutes are short: 13:59 3 missing on new',
    ],
    [
      'parity below what is asked',
      { stored: [run(25 * minute), run(15 * minute, { parity: 0.99989, why: 'spans missing' }), run(5 * minute)] },
      'V2',
      'stored: 99.989 % at 13:45: spans missing',
    ],
    ['dead letters', { dead: { unresolved: 37, lastMs: nowMs, reason: 'status 400' } }, 'V3', '37 dead letters: status 400'],
    [
      'dead letters a while ago',
      { dead: { unresolved: 0, lastMs: nowMs - hour, reason: 'status 400' } },
      'V3',
      'dead letters or losses until 2026-11-20 13:00: status 400',
    ],
    ['an old queue', { queue: { ageSeconds: 61, worstAgeSeconds: 61 } }, 'V4', 'new side 61 s behind, worst today 61 s'],
    ['a queue that was old today', { queue: { ageSeconds: 1, worstAgeSeconds: 1000 } }, 'V4', 'new side 1 s behind, worst today 17 min'],
    ['books that are open', { books: { balanced: false, minutes: 30, unknownMinutes: 0 } }, 'V5', 'the books do not balance'],
    [
      'what was not translated',
      { untranslated: { count: 2, text: 'pipeline nginx-parse is not run here' } },
      'V6',
      'pipeline nginx-parse is not run here',
    ],
    ['dashboards that are not converted', { dashboards: { converted: 0.5, byHand: '', atMs: nowMs } }, 'V8', 'dashboards converted 50 %'],
  ])('is not ready with %s', (_what, over, id, text) => {
    const evidence = { ...good, ...over }
    expect(checkOf(evidence, id)).toMatchObject({ state: 'fail', text })
    expect(verdictOf(evidence, config)).toMatchObject({ answer: 'not-yet', headline: `checkout: not yet — ${text}` })
  })

  it.each<[what: string, over: Partial<Evidence>, id: string, text: string]>([
    ['too few minutes', { minutes: minutesOf(14) }, 'V1', '14 min of 30 observed'],
    ['minutes that nobody counted', { minutes: [...minutesOf(29), ...minutesOf(1, 'unknown')] }, 'V1', '29 min of 30 observed'],
    ['no comparison', { stored: [] }, 'V2', 'not compared yet: run otlp-bridge parity'],
    ['too few comparisons', { stored: [run(minute)] }, 'V2', 'stored: 1 of 3 windows compared'],
    ['old comparisons', { stored: [run(5 * hour), run(4 * hour), run(3 * hour)] }, 'V2', 'not compared since 2026-11-20 11:00'],
    ['incomplete minutes', { books: { balanced: true, minutes: 30, unknownMinutes: 2 } }, 'V5', 'books: 28 of 30 minutes are complete'],
    ['a history of hours', { peak: { window: 5, all: 5, historyMs: 3 * hour } }, 'V7', '3 h of 24 h of history'],
    [
      'no peak yet',
      { peak: { window: 10, all: 44, historyMs: 7 * day } },
      'V7',
      'the windows saw 10 items/min, the busiest minute of two days had 44',
    ],
    ['an old report', { dashboards: { converted: 1, byHand: '', atMs: nowMs - 8 * day } }, 'V8', 'the report is of 2026-11-12'],
  ])('has no data with %s', (_what, over, id, text) => {
    const evidence = { ...good, ...over }
    expect(checkOf(evidence, id)).toMatchObject({ state: 'unknown', text })
    expect(verdictOf(evidence, config)).toMatchObject({ answer: 'no-data', headline: `checkout: no data yet — ${text}` })
  })

  it('never takes what nobody knows for good: without any evidence nothing passes', () => {
    const { format, endpoint, key, state } = good
    const nothing: Evidence = {
      ...{ format, endpoint, key, state, nowMs, minutes: [], stored: [] },
      lastSeenMs: undefined,
      knownSinceMs: undefined,
      dead: undefined,
      queue: undefined,
      books: undefined,
      untranslated: undefined,
      peak: undefined,
      dashboards: undefined,
      reads: undefined,
      others: undefined,
      history: undefined,
      legacyClients: undefined,
      drill: undefined,
    }
    for (const question of ['A', 'B'] as const) {
      const verdict = verdictOf(nothing, config, question)
      expect(verdict.answer).toBe('no-data')
      expect(new Set(verdict.checks.map(({ state }) => state))).toEqual(new Set(['unknown']))
    }
  })

  it('says the worst first, and three at the most', () => {
    const evidence: Evidence = {
      ...good,
      minutes: minutesOf(30, 'short'),
      dead: { unresolved: 37, lastMs: nowMs, reason: 'status 400' },
      queue: { ageSeconds: 99, worstAgeSeconds: 99 },
      stored: [run(minute, { parity: 0.992, why: 'missing spans 11:07–11:09 on the new side' })],
    }
    expect(verdictOf(evidence, config).headline).toBe(
      'checkout: not yet — 37 dead letters: status 400, stored: 99.2 % at 13:59: missing spans 11:07–11:09 on the new side, 30 of 30 minutes are short: 13:30 3 missing on new',
    )
  })

  it('lets somebody waive a condition, for a key and a time, and says who', () => {
    const waive = [{ condition: 'V8', key: 'check*', by: 'ana', reason: 'no dashboards', until: '2026-11-20' }] as const
    const settings = verdictConfig.parse({ waive })
    const evidence = { ...good, dashboards: undefined }
    expect(checkOf(evidence, 'V8', 'A', settings)).toMatchObject({
      state: 'waived',
      text: expect.stringContaining('waived by ana until 2026-11-20: no dashboards'),
    })
    expect(verdictOf(evidence, settings).answer).toBe('ready')
    expect(verdictOf({ ...evidence, key: 'cart' }, settings).answer).toBe('no-data')
    expect(verdictOf({ ...evidence, nowMs: nowMs + 11 * hour }, settings).checks.find(({ id }) => id === 'V8')?.state).toBe('unknown')
  })

  it('tells a key that nothing comes from any more from one that fails', () => {
    const evidence: Evidence = { ...good, lastSeenMs: nowMs - 25 * hour, dead: { unresolved: 1, lastMs: nowMs, reason: 'x' } }
    expect(verdictOf(evidence, config)).toMatchObject({ answer: 'silent', headline: 'checkout: silent since 2026-11-19 13:00' })
  })

  it('never rounds up to 100 %', () => {
    const evidence = { ...good, stored: [run(1), run(1), run(1, { parity: 0.999999 })] }
    expect(checkOf(evidence, 'V2')?.text).toContain('stored: 99.999 %')
  })
})

describe('createReadiness', () => {
  const setUp = (first: Evidence = good, waiting = 0) => {
    let evidence: readonly Evidence[] = [first]
    let now = nowMs
    const readiness = createReadiness({
      source: { all: () => evidence, waitingForOld: () => waiting },
      config,
      nowMs: () => now,
    })
    return {
      readiness,
      at(ms: number, ...next: readonly Evidence[]) {
        now = nowMs + ms
        evidence = next
        return readiness.verdicts()[0]
      },
    }
  }
  const bad: Evidence = { ...good, queue: { ageSeconds: 99, worstAgeSeconds: 99 } }

  it('flips at once when something fails, and back only after it was well for a while', () => {
    const { at } = setUp()
    expect(at(0, good)).toMatchObject({ answer: 'ready', sinceMs: nowMs })
    expect(at(minute, bad)).toMatchObject({ answer: 'not-yet', sinceMs: nowMs + minute })
    expect(at(13 * minute, good)).toMatchObject({ answer: 'not-yet', headline: 'checkout: not yet — all well for 12 min of 30' })
    expect(at(20 * minute, bad)?.answer).toBe('not-yet')
    expect(at(49 * minute, good)?.answer).toBe('not-yet')
    expect(at(50 * minute, good)).toMatchObject({ answer: 'ready', sinceMs: nowMs + 50 * minute })
  })

  it('asks every key of an endpoint before the next phase, but those left out and those that are silent', () => {
    const settings = verdictConfig.parse({ exclude: ['batch*'] })
    const keys = [good, { ...bad, key: 'cart' }, { ...bad, key: 'batch-1' }, { ...bad, key: 'old', lastSeenMs: nowMs - 2 * day }]
    const readiness = createReadiness({ source: { all: () => keys, waitingForOld: () => 0 }, config: settings, nowMs: () => nowMs })
    expect(readiness.unmet(stateIn('dual'), 'new-primary')).toEqual(['cart: not yet — new side 99 s behind, worst today 99 s'])
  })

  it('lets nothing go on of which nothing is known', () => {
    const readiness = createReadiness({ source: { all: () => [], waitingForOld: () => 0 }, config, nowMs: () => nowMs })
    const nothing = ['nothing came in through zipkin within two days, or the books cannot be read']
    expect(readiness.unmet(stateIn('shadow'), 'dual')).toEqual(nothing)
    expect(readiness.unmet(stateIn('dual'), 'new-primary')).toEqual(nothing)
    expect(readiness.unmet(stateIn('new-primary'), 'new-only')).toEqual(nothing)
  })

  it('lets shadow and history last as long as is asked for', () => {
    const settings = verdictConfig.parse({ history: '10m' })
    const evidence: Evidence = { ...good, peak: { window: 44, all: 44, historyMs: 3 * minute } }
    const readiness = createReadiness({ source: { all: () => [evidence], waitingForOld: () => 0 }, config: settings, nowMs: () => nowMs })
    expect(readiness.unmet(stateIn('shadow', { sinceMs: nowMs - 9 * minute }), 'dual')).toEqual(['9 min of 10 min in shadow'])
    expect(readiness.unmet(stateIn('shadow', { sinceMs: nowMs - 10 * minute }), 'dual')).toEqual([])
    expect(readiness.unmet(stateIn('dual'), 'new-primary')).toEqual(['checkout: no data yet — 3 min of 10 min of history'])
  })

  it('lets shadow last a day, and the old queue run empty before the old side is left out', () => {
    expect(setUp().readiness.unmet(stateIn('shadow', { sinceMs: nowMs - 3 * hour }), 'dual')).toEqual(['3 h of 24 h in shadow'])
    expect(setUp().readiness.unmet(stateIn('shadow'), 'dual')).toEqual([])
    const dead: Evidence = { ...good, dead: { unresolved: 2, lastMs: nowMs, reason: 'status 400' } }
    expect(setUp(dead).readiness.unmet(stateIn('shadow'), 'dual')).toEqual(['checkout: 2 dead letters: status 400'])
    expect(setUp(good, 12).readiness.unmet(stateIn('new-primary'), 'new-only')).toEqual(['12 items still wait for the old side'])
  })
})
