/** What is remembered outlives a restart: types, order, starts, targets, and what histograms look like. */

import { describe, expect, it } from 'vitest'
import { createSections } from '../../../src/ingest/prometheus/state-sections.ts'
import { nanos, type PlainSeries, Writing } from '../../support/writing.ts'

/** Saves one state and loads it into another, piece by piece, each a copy. */
function restart(before: Writing, options: object = {}, seed: readonly [number, number, number, number] = [9, 9, 9, 9], keepsSeed = false) {
  const saved = new Map(
    createSections(before.state, false, () => before.nowMs).map((one) => [one.name, [...one.save()].map((piece) => piece.slice())]),
  )
  const { state } = new Writing(options, { seed })
  for (const section of createSections(state, keepsSeed, () => before.nowMs)) {
    for (const piece of saved.get(section.name) ?? []) section.load(piece)
  }
  // The translator is made when the state is there: it hashes names with its seed.
  const after = new Writing(options, state)
  after.nowMs = before.nowMs
  return { after }
}

const one = (w: Writing, labels: string, value = 1): PlainSeries => ({ labels, samples: [[w.nowMs, value]] })

describe('createSections', () => {
  it('knows types of 1.0 again: nothing flips', () => {
    const before = new Writing()
    before.write(1, [one(before, 'requests'), one(before, 'lone_count')], [{ family: 'requests', type: 1, unit: 'seconds', help: 'H' }])
    const { after } = restart(before)
    after.nowMs += 1000
    expect(after.write(1, [one(after, 'requests')])).toMatchObject([{ metric: 'requests', type: 'sum', unit: 's', description: 'H' }])
    expect(after.state.types.switches).toBe(0)
  })

  it('knows streams again under the seed of before, and their starts', () => {
    const before = new Writing()
    const startMs = 1_699_999_000_000
    before.write(1, [one(before, 'x_total')])
    before.write(1, [one(before, 'x_created', startMs / 1000)])
    const { after } = restart(before)
    expect([after.state.streams.count, after.state.hasher.seed]).toEqual([2, before.state.hasher.seed])
    after.nowMs += 1000
    const points = after.write(1, [one(after, 'x_total', 2), one(after, 'x_created', startMs / 1000)])
    expect(points).toMatchObject([{ metric: 'x_total', start_time_unix_nano: nanos(startMs) }])
    expect(after.state.streams.count).toBe(2)
  })

  it('takes nothing for a duplicate of what may not have been acknowledged before', () => {
    const before = new Writing()
    before.write(1, [one(before, 'x')])
    const { after } = restart(before)
    const outcome = after.outcome(1, [one(after, 'x')])
    expect([outcome.points.count, outcome.consumed.size]).toEqual([1, 0])
    expect(after.outcome(1, [one(after, 'x')]).consumed.get('duplicate')).toBe(1)
  })

  it('knows targets and scopes again', () => {
    const before = new Writing()
    const scope = 'otel_scope_name="lib",otel_scope_version="1"'
    before.write(1, [one(before, 'target_info{job="j",pod="p"}'), one(before, `otel_scope_info{job="j",${scope},animal="bear"}`)])
    const { after } = restart(before)
    expect(after.write(1, [one(after, `x{job="j",${scope}}`)])).toMatchObject([
      { resource: { 'service.name': 'j', pod: 'p' }, scope: { name: 'lib', attributes: { animal: 'bear' } } },
    ])
  })

  it('knows what histograms look like: the first is complete at once', () => {
    const before = new Writing()
    const members = (w: Writing): PlainSeries[] =>
      ['h_bucket{le="1"}', 'h_bucket{le="+Inf"}', 'h_sum', 'h_count'].map((labels) => one(w, labels, 3))
    before.write(1, members(before))
    before.after(10_000)
    const { after } = restart(before)
    after.nowMs += 1000
    expect(after.write(1, members(after))).toMatchObject([{ metric: 'h', count: '3' }])
  })

  it('takes no hashes of another seed over one that must stay', () => {
    const before = new Writing()
    before.write(1, [one(before, 'x'), one(before, 'target_info{job="j",pod="p"}')])
    const { after } = restart(before, {}, [9, 9, 9, 9], true)
    expect([after.state.streams.count, after.state.hasher.seed, after.state.targets.size]).toEqual([0, [9, 9, 9, 9], 1])
  })

  it('says what it cannot read, and takes the rest', () => {
    const w = new Writing()
    const sections = new Map(createSections(w.state, false, () => w.nowMs).map((section) => [section.name, section]))
    const lines = (...values: unknown[]): Uint8Array => Buffer.from(values.map((value) => `${JSON.stringify(value)}\n`).join(''))
    const good = { key: 'k', attributes: [['a', 'b']], seenMs: 5 }
    expect(() => sections.get('targets')?.load(lines({ key: 5 }, good, { ...good, attributes: [['a', 1]] }))).toThrow(/2 lines of targets/)
    expect(w.state.targets.rows()).toEqual([good])
    expect(() => sections.get('streams')?.load(new Uint8Array([1, 2, 3]))).not.toThrow()
    expect(() => sections.get('layouts')?.load(lines({ seed: [1, 2, 3, 4], layouts: 'x' }, 'x', null))).toThrow(/layouts/)
    expect(() => sections.get('types')?.load(Buffer.from('{broken\n'))).toThrow(/types/)
  })
})
