/**
 * Puts the points of a request into groups: by resource, below it by scope, below it by metric, each known by its object. Groups stand in
 * the order of their first points, points of a group in the order in which they came.
 *
 *     order        7 3 4 │ 0 │ 1 2 │ 5 6        places in MetricPoints
 *     metrics        A   │ B │  A  │  C         point ends 3 4 6 8
 *     scopes         x       │      y           metric ends 2 4
 *     resources               r                 scope ends 2
 *
 * Three times a stable counting sort, each within the groups of the one before; no object, string or map per point.
 */

import type { EncodedMetric, EncodedResource, EncodedScope, MetricPoints } from '../metrics.ts'

/** What groups are made of: scratch fields say which group it is within the parent that has this stamp. */
interface Shared {
  stamp: number
  place: number
}

/** Number of the parent that was looked at last, in all requests. It never comes again: below 2^53. */
let stamp = 0

/** Entries that stay allocated between requests. */
const largestKept = 262_144
const initial = 1024

/** Groups of one level. */
class Level<T extends Shared> {
  count = 0
  /** Whose groups they are. */
  readonly owners: T[] = []
  /** Where each ends among the children: the points of a metric, the metrics of a scope, the scopes of a resource. */
  ends = new Int32Array(initial)

  open(owner: T): void {
    const place = this.count++
    if (place === this.ends.length) {
      const larger = new Int32Array(place * 2)
      larger.set(this.ends)
      this.ends = larger
    }
    this.owners[place] = owner
    this.ends[place] = 0
    owner.stamp = stamp
    owner.place = place
  }

  clear(): void {
    this.count = 0
    this.owners.length = 0
    if (this.ends.length > largestKept) this.ends = new Int32Array(initial)
  }
}

/** The groups of one request at a time. */
export class MetricGroups {
  readonly resources = new Level<EncodedResource>()
  readonly scopes = new Level<EncodedScope>()
  readonly metrics = new Level<EncodedMetric>()
  /** Places of the points, group by group. */
  order = new Int32Array(initial)
  private other = new Int32Array(initial)
  private groupOf = new Int32Array(initial)

  /** Groups the points. Call {@link clear} when done: it lets go of what they share. */
  group(points: MetricPoints): void {
    const { count } = points
    this.clear()
    if (count > this.order.length) this.resize(Math.max(count, this.order.length * 2))
    const { order, resources, scopes, metrics } = this
    for (let i = 0; i < count; i++) order[i] = i
    this.divide(resources, points.resources, 0, count)
    let from = 0
    for (let parent = 0; parent < resources.count; parent++) {
      const to = resources.ends[parent] as number
      this.divide(scopes, points.scopes, from, to)
      resources.ends[parent] = scopes.count
      from = to
    }
    from = 0
    for (let parent = 0; parent < scopes.count; parent++) {
      const to = scopes.ends[parent] as number
      this.divide(metrics, points.metrics, from, to)
      scopes.ends[parent] = metrics.count
      from = to
    }
  }

  clear(): void {
    this.resources.clear()
    this.scopes.clear()
    this.metrics.clear()
    if (this.order.length > largestKept) this.resize(initial)
  }

  /** Divides the points `from` to `to` of the order among new groups of a level, whose ends are places in the order. */
  private divide<T extends Shared>(level: Level<T>, column: readonly T[], from: number, to: number): void {
    const { order, groupOf } = this
    const first = level.count
    let last = first
    let sorted = true
    stamp++
    for (let at = from; at < to; at++) {
      const owner = column[order[at] as number] as T
      if (owner.stamp !== stamp) level.open(owner)
      const { place } = owner
      if (place < last) sorted = false
      last = place
      groupOf[at] = place
      level.ends[place] = (level.ends[place] as number) + 1
    }
    const { ends, count } = level
    if (sorted) {
      for (let place = first, end = from; place < count; place++) ends[place] = end += ends[place] as number
      return
    }
    // First where each begins; as points are put down, that moves to where it ends.
    for (let place = first, begin = from; place < count; place++) {
      const size = ends[place] as number
      ends[place] = begin
      begin += size
    }
    const { other } = this
    for (let at = from; at < to; at++) {
      const place = groupOf[at] as number
      const put = ends[place] as number
      other[put] = order[at] as number
      ends[place] = put + 1
    }
    for (let at = from; at < to; at++) order[at] = other[at] as number
  }

  private resize(size: number): void {
    this.order = new Int32Array(size)
    this.other = new Int32Array(size)
    this.groupOf = new Int32Array(size)
  }
}
