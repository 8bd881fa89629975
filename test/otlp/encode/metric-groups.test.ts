import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MetricGroups } from '../../../src/otlp/encode/metric-groups.ts'
import { encodeMetric, encodeResource, encodeScope } from '../../../src/otlp/encode/metric-parts.ts'
import { type EncodedMetric, type EncodedResource, type EncodedScope, MetricData, MetricPoints } from '../../../src/otlp/metrics.ts'

/** All different, so that one is not taken for another. */
const many = <T>(count: number, make: (name: string) => T): T[] => Array.from({ length: count }, (_, i) => make(`${i}`))
const resources = many(5, (name) => encodeResource([['name', name]]))
const scopes = many(4, (name) => encodeScope(name, '', [], ''))
const metrics = many(1500, (name) =>
  encodeMetric({ name, description: '', unit: '', data: MetricData.Gauge, monotonic: false, metadata: [] }),
)

type Place = readonly [resource: number, scope: number, metric: number]
/** Objects with the places of their points, in order. */
type Tree = [EncodedResource, [EncodedScope, [EncodedMetric, number[]][]][]][]

const pointsOf = (places: readonly Place[]): MetricPoints => {
  const points = new MetricPoints()
  for (const [r, s, m] of places)
    points.add(resources[r] as EncodedResource, scopes[s] as EncodedScope, metrics[m] as EncodedMetric, undefined)
  return points
}

/** What it should be: by maps. */
function expected(places: readonly Place[]): Tree {
  const found = new Map<EncodedResource, Map<EncodedScope, Map<EncodedMetric, number[]>>>()
  const get = <K, V>(map: Map<K, V>, key: K, make: () => V): V => map.get(key) ?? (map.set(key, make()).get(key) as V)
  for (const [i, [r, s, m]] of places.entries()) {
    const ofResource = get(found, resources[r] as EncodedResource, () => new Map<EncodedScope, Map<EncodedMetric, number[]>>())
    const ofScope = get(ofResource, scopes[s] as EncodedScope, () => new Map<EncodedMetric, number[]>())
    get(ofScope, metrics[m] as EncodedMetric, () => []).push(i)
  }
  return [...found].map(([r, inner]) => [r, [...inner].map(([s, innermost]) => [s, [...innermost]])])
}

function treeOf({ order, resources: r, scopes: s, metrics: m }: MetricGroups): Tree {
  const below = <T, U>(
    level: { owners: T[]; ends: Int32Array },
    from: number,
    to: number,
    each: (from: number, to: number) => U,
  ): [T, U][] =>
    Array.from({ length: to - from }, (_, i) => {
      const place = from + i
      return [level.owners[place] as T, each(place === 0 ? 0 : (level.ends[place - 1] as number), level.ends[place] as number)]
    })
  return below(r, 0, r.count, (from, to) =>
    below(s, from, to, (fromMetric, toMetric) => below(m, fromMetric, toMetric, (start, end) => [...order.subarray(start, end)])),
  )
}

const groups = new MetricGroups()

describe('MetricGroups', () => {
  it('puts points together whose resource, scope and metric are the same objects, in the order in which they came', () => {
    const place = fc.tuple(fc.nat(4), fc.nat(3), fc.oneof(fc.nat(3), fc.nat(1499)))
    fc.assert(
      fc.property(fc.array(place, { maxLength: 200 }), (places) => {
        groups.group(pointsOf(places))
        expect(treeOf(groups)).toEqual(expected(places))
        groups.clear()
      }),
      { numRuns: 200 },
    )
  })

  it('takes more points and groups than it has room for at first', () => {
    const places = Array.from({ length: 5000 }, (_, i): Place => [(i * 7) % 5, (i * 3) % 4, (i * 7919) % 1499])
    groups.group(pointsOf(places))
    expect(groups.metrics.count).toBeGreaterThan(2000)
    expect(treeOf(groups)).toEqual(expected(places))
  })

  it('keeps nothing of what it grouped', () => {
    groups.group(pointsOf([[0, 0, 0]]))
    groups.clear()
    expect([groups.resources, groups.scopes, groups.metrics].map(({ count, owners }) => [count, owners])).toEqual([
      [0, []],
      [0, []],
      [0, []],
    ])
  })
})
