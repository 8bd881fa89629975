/** `target_info` and `otel_scope_info`: the tables of sections 8.3 and 8.4 of the mapping, row by row. */

import { describe, expect, it } from 'vitest'
import { targetOf } from '../../../src/translate/prometheus/state-series.ts'
import { type PlainPoint, type PlainSeries, stale, type Value, Writing } from '../../support/writing.ts'

const pair = 'job="ns/app",instance="h:1"'
const own = { 'service.namespace': 'ns', 'service.name': 'app', 'service.instance.id': 'h:1' }

const info = (w: Writing, labels = 'k8s_pod_name="p"', value: Value = 1): PlainSeries => ({
  labels: `target_info{${pair}${labels === '' ? '' : ','}${labels}}`,
  samples: [[w.nowMs, value]],
})
const data = (w: Writing, labels = pair): PlainSeries => ({ labels: `up{${labels}}`, samples: [[w.nowMs, 1]] })
const resources = (points: readonly PlainPoint[]): unknown[] => points.map((one) => one.resource)

describe('targetOf', () => {
  it('tells job and instance from the rest', () => {
    const labels = [
      ['__name__', 'target_info'],
      ['__type__', 'info'],
      ['__unit__', 's'],
      ['__meta__', 'm'],
      ['instance', 'i'],
      ['job', 'j'],
      ['x', '1'],
    ] as const
    expect(targetOf(labels)).toEqual({
      job: 'j',
      instance: 'i',
      rest: [
        ['__meta__', 'm'],
        ['x', '1'],
      ],
    })
    expect(targetOf([])).toEqual({ job: '', instance: '', rest: [] })
  })
})

describe('createWriteTranslator with target_info', () => {
  it.each([0, 1])('in the same request, at place %i: holds for all of it', (place) => {
    const w = new Writing()
    const series = [data(w)]
    series.splice(place, 0, info(w))
    expect(resources(w.write(1, series))).toEqual([{ ...own, k8s_pod_name: 'p' }])
  })

  it('after the data: earlier points went without, later ones carry it', () => {
    const w = new Writing()
    expect(resources(w.write(1, [data(w)]))).toEqual([own])
    w.nowMs++
    expect(w.write(1, [info(w)])).toEqual([])
    expect(resources(w.write(1, [data(w)]))).toEqual([{ ...own, k8s_pod_name: 'p' }])
  })

  it('with other labels: they take the place of all before', () => {
    const w = new Writing()
    w.write(1, [info(w, 'a="1",b="2"'), data(w)])
    w.nowMs++
    expect(resources(w.write(1, [info(w, 'b="3"'), data(w)]))).toEqual([{ ...own, b: '3' }])
  })

  it.each([stale, 0, -0] as const)('with value %s: is forgotten', (value) => {
    const w = new Writing()
    w.write(1, [info(w), data(w)])
    w.nowMs++
    expect(resources(w.write(1, [info(w, 'k8s_pod_name="p"', value), data(w)]))).toEqual([own])
  })

  it('that ends, of labels before: says nothing about those of now, in whatever order they come', () => {
    const w = new Writing()
    w.write(1, [info(w, 'v="1"')])
    w.nowMs++
    const change = [info(w, 'v="2"'), info(w, 'v="1"', stale), data(w)]
    expect(resources(w.write(1, change))).toEqual([{ ...own, v: '2' }])
  })

  it('with several samples: the newest counts', () => {
    const w = new Writing()
    const labels = `target_info{${pair},x="1"}`
    const newestEnds: PlainSeries = {
      labels,
      samples: [
        [w.nowMs, stale],
        [w.nowMs - 1, 1],
      ],
    }
    expect(resources(w.write(1, [newestEnds, data(w)]))).toEqual([own])
  })

  it('of a pair without data: is used up and counts as written', () => {
    const w = new Writing()
    const outcome = w.outcome(2, [info(w), { labels: 'target_info{x="1"}', samples: [[w.nowMs, 1]] }])
    expect([outcome.points.count, outcome.samples, outcome.consumed, outcome.refusals.size]).toEqual([
      0,
      2,
      new Map([['target_info', 2]]),
      0,
    ])
  })

  it('without job and instance: is that of series without them', () => {
    const w = new Writing()
    const bare: PlainSeries = { labels: 'target_info{x="1"}', samples: [[w.nowMs, 1]] }
    const points = w.write(1, [bare, data(w), data(w, 'a="b"'), data(w, 'job="j"')])
    expect(resources(points)).toEqual([own, { x: '1' }, { 'service.name': 'j' }])
  })

  it('that contradicts job and instance: these win', () => {
    const w = new Writing({ targetInfo: { dotted: true } })
    const labels = 'service_name="other",service_instance_id="x",k8s_pod_name="p",service_version="3"'
    expect(resources(w.write(1, [info(w, labels), data(w)]))).toEqual([{ ...own, 'k8s.pod.name': 'p', 'service.version': '3' }])
  })

  it('of another tenant: is none', () => {
    const w = new Writing()
    w.tenant = 'a'
    w.write(1, [info(w)])
    w.tenant = 'b'
    expect(resources(w.write(1, [data(w)]))).toEqual([own])
  })

  it('is forgotten when it does not come again, and when there are too many', () => {
    const w = new Writing({ targetInfo: { ttl: 3_600_000, max: 1 } })
    w.write(1, [info(w)])
    w.nowMs += 3_600_001
    expect(resources(w.write(1, [data(w)]))).toEqual([own])
    w.write(1, [info(w)])
    w.write(1, [{ labels: 'target_info{job="k",y="1"}', samples: [[w.nowMs, 1]] }])
    w.nowMs++
    expect(resources(w.write(1, [data(w), data(w, 'job="k"')]))).toEqual([own, { 'service.name': 'k', y: '1' }])
  })

  it('completes histograms that were begun before it came', () => {
    const w = new Writing()
    const members = ['h_bucket{le="+Inf",', 'h_count{', 'h_sum{'].map(
      (name): PlainSeries => ({ labels: `${name}${pair}}`, samples: [[w.nowMs, 1]] }),
    )
    w.write(1, members)
    w.write(1, [info(w)])
    expect(resources(w.after(10_000))).toEqual([{ ...own, k8s_pod_name: 'p' }])
  })

  it('leaves those alone that have no labels that can be read', () => {
    const w = new Writing()
    const twice: PlainSeries = {
      labels: [
        ['__name__', 'target_info'],
        ['a', '1'],
        ['a', '2'],
      ],
      samples: [[w.nowMs, 1]],
    }
    const outcome = w.outcome(2, [twice, info(w), { labels: 'target_info{b="1"}' }])
    expect([...outcome.refusals.keys()]).toEqual(['duplicate_label'])
    expect(w.state.targets.size).toBe(1)
  })

  it('of a replica that is not heard: says nothing', () => {
    const w = new Writing({ ha: { enabled: true } })
    const of = (replica: string, value: string): PlainSeries => info(w, `cluster="c",prometheus_replica="${replica}",v="${value}"`)
    w.write(1, [of('a', '1')])
    const outcome = w.outcome(1, [of('b', '2')])
    expect(outcome.consumed).toEqual(new Map([['ha', 1]]))
    expect(w.state.targets.rows()[0]?.attributes).toEqual([
      ['cluster', 'c'],
      ['v', '1'],
    ])
  })
})

describe('createWriteTranslator with scopes', () => {
  const scoped = (w: Writing, more = ''): PlainSeries => ({
    labels: `a_total{job="j",otel_scope_name="lib",otel_scope_version="1"${more}}`,
    samples: [[w.nowMs, 1]],
  })
  const scopes = (points: readonly PlainPoint[]): unknown[] => points.map((one) => one['scope'])

  it('takes name, version, schema and attributes out of the labels', () => {
    const w = new Writing()
    const [point] = w.write(1, [scoped(w, ',otel_scope_schema_url="http://s",otel_scope_x="1",y="2"')])
    expect(point).toMatchObject({
      attributes: { y: '2' },
      scope: { name: 'lib', version: '1', schema_url: 'http://s', attributes: { x: '1' } },
    })
    const [bare] = new Writing().write(1, [data(w)])
    expect(bare).not.toHaveProperty('scope')
  })

  it('adds what otel_scope_info says to the scope of the same target, histograms too', () => {
    const w = new Writing()
    const members = (): PlainSeries[] =>
      ['h_bucket{le="+Inf",', 'h_count{', 'h_sum{'].map((name) => ({
        labels: `${name}job="j",otel_scope_name="lib",otel_scope_version="1"}`,
        samples: [[w.nowMs, 1]],
      }))
    w.write(1, [scoped(w), ...members()])
    w.after(10_000)
    const scopeInfo: PlainSeries = {
      labels: 'otel_scope_info{job="j",otel_scope_name="lib",otel_scope_version="1",animal="bear"}',
      samples: [[w.nowMs, 1]],
    }
    const outcome = w.outcome(2, [scopeInfo])
    expect([outcome.points.count, outcome.samples, outcome.consumed]).toEqual([0, 1, new Map([['scope_info', 1]])])
    w.nowMs += 1000
    const wanted = { name: 'lib', version: '1', attributes: { animal: 'bear' } }
    expect(scopes(w.write(1, [scoped(w), ...members()]))).toEqual([wanted, wanted])
    expect(scopes(w.write(1, [{ ...scoped(w), labels: 'b_total{job="k",otel_scope_name="lib",otel_scope_version="1"}' }]))).toEqual([
      { name: 'lib', version: '1' },
    ])
  })
})
