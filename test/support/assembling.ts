/** Members of histograms and summaries in plain words, and points as plain objects. */

import { encodeTextAttributes } from '../../src/otlp/encode/metric-parts.ts'
import { attributeTag, type EncodedExemplar, type EncodedMetric, MetricPoints } from '../../src/otlp/metrics.ts'
import { fromDouble, toBigInt, toDouble } from '../../src/otlp/time.ts'
import { createAssembler } from '../../src/translate/prometheus/assemble.ts'
import { type AssembleOptions, type Assembler, FamilyKind, type FamilyOutput, Member } from '../../src/translate/prometheus/assembler.ts'
import { staleHi, staleLo } from '../../src/translate/prometheus/model.ts'

export const defaults: AssembleOptions = {
  windowMs: 10_000,
  reorderMs: 2_000,
  maxPending: 200_000,
  incomplete: 'derive',
  late: 'drop',
  preferNative: true,
  stale: 'flag',
}

/** The stale marker, which is no number. */
export const stale = 'stale'
export type Value = number | typeof stale

/** `le=0.1`, `sum`, `count`, `quantile=0.5`. */
export type Name = 'sum' | 'count' | `le=${string}` | `quantile=${string}`

export interface MemberSample {
  readonly name: Name
  readonly value: Value
  readonly timeMs: number
  readonly startMs?: number
}

const metrics = new WeakMap<EncodedMetric, string>()

function metric(name: string): EncodedMetric {
  const made: EncodedMetric = { head: new Uint8Array(0), data: 0, monotonic: false, stamp: 0, place: 0 }
  metrics.set(made, name)
  return made
}

const suffixes = { [Member.Bucket]: 'bucket', [Member.Sum]: 'sum', [Member.Count]: 'count', [Member.Quantile]: 'quantile' }

/** How a family with one attribute is written. */
export function outputOf(name: string): FamilyOutput {
  const list = encodeTextAttributes([['family', name]], attributeTag)
  const bytes = new Uint8Array(list.length + 7)
  bytes.set(list, 3)
  return {
    resource: { bytes: new Uint8Array(0), stamp: 0, place: 0 },
    scope: { bytes: new Uint8Array(0), schemaUrl: new Uint8Array(0), stamp: 0, place: 0 },
    attributes: new DataView(bytes.buffer),
    attributesStart: 3,
    attributesEnd: 3 + list.length,
    metric: (kind) => metric(kind === FamilyKind.Summary ? 'summary' : 'histogram'),
    memberMetric: (member, as) => metric(`${suffixes[member as keyof typeof suffixes]} ${as}`),
  }
}

export interface PlainPoint {
  readonly metric: string
  readonly family: string
  readonly timeMs: number
  readonly [field: string]: unknown
}

const ms = (hi: number, lo: number): number => Number(toBigInt(hi, lo) / 1_000_000n)

/** Keys and values of an encoded list, in order. */
function attributesOf(view: DataView, start: number, end: number): Record<string, string> {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
  const text = new TextDecoder()
  const found: Record<string, string> = {}
  for (let at = start; at < end; ) {
    const keyAt = at + 4
    const keyEnd = keyAt + (bytes[at + 3] as number)
    const valueAt = keyEnd + 4
    const valueEnd = valueAt + (bytes[keyEnd + 3] as number)
    found[text.decode(bytes.subarray(keyAt, keyEnd))] = text.decode(bytes.subarray(valueAt, valueEnd))
    at += 2 + (bytes[at + 1] as number)
  }
  return found
}

/** What stands in the columns, point by point. Fields that are not set are left out. */
export function plainPoints(points: MetricPoints): PlainPoint[] {
  return Array.from({ length: points.count }, (_, at) => {
    const { family = '', ...attributes } = attributesOf(
      points.attributes[at] as DataView,
      points.attributesStart[at] as number,
      points.attributesEnd[at] as number,
    )
    const body = points.bodies[at]
    const startMs = ms(points.startHi[at] as number, points.startLo[at] as number)
    const exemplars = points.exemplars[at]?.map(({ valueHi, valueLo }) => toDouble(valueHi, valueLo))
    return {
      metric: metrics.get(points.metrics[at] as EncodedMetric) ?? '?',
      family,
      timeMs: ms(points.timeHi[at] as number, points.timeLo[at] as number),
      ...attributes,
      ...(startMs === 0 ? {} : { startMs }),
      ...(points.flags[at] === 0 ? {} : { flags: points.flags[at] }),
      ...(exemplars === undefined ? {} : { exemplars }),
      ...(body === undefined && points.flags[at] === 0
        ? { value: toDouble(points.valueHi[at] as number, points.valueLo[at] as number) }
        : {}),
      ...(body?.kind === 'explicit'
        ? {
            count: body.count,
            ...(body.hasSum ? { sum: toDouble(body.sumHi, body.sumLo) } : {}),
            bounds: [...Array.from(body.bounds)],
            counts: [...body.counts],
          }
        : {}),
      ...(body?.kind === 'summary'
        ? { count: body.count, sum: body.sum, quantiles: Array.from(body.quantiles), values: Array.from(body.values) }
        : {}),
    }
  })
}

const words = { hi: 0, lo: 0 }

function wordsOf(value: Value): { readonly hi: number; readonly lo: number } {
  if (value === stale) return { hi: staleHi, lo: staleLo }
  fromDouble(value, words)
  return words
}

const memberOf = (name: Name): number =>
  name === 'sum' ? Member.Sum : name === 'count' ? Member.Count : name.startsWith('le=') ? Member.Bucket : Member.Quantile

export const exemplarOf = (value: number): EncodedExemplar => {
  fromDouble(value, words)
  const none = new Uint8Array(0)
  return { timeHi: 0, timeLo: 1, valueHi: words.hi, valueLo: words.lo, traceId: none, spanId: none, attributes: none }
}

/** An assembler with a hand on its clock. */
export class Bench {
  readonly assembler: Assembler
  readonly points = new MetricPoints()
  nowMs = 1_700_000_000_000
  private readonly retained = new Set<string>()
  private readonly names = new Map<string, readonly [number, number, number]>()

  constructor(options: Partial<AssembleOptions> = {}) {
    this.assembler = createAssembler({ ...defaults, ...options })
  }

  key(name: string): readonly [number, number, number] {
    let key = this.names.get(name)
    if (key === undefined) {
      let hash = 7
      for (const char of name) hash = Math.imul(hash ^ char.charCodeAt(0), 0x9e3779b1)
      this.names.set(name, (key = [hash, hash ^ 5, ~hash]))
    }
    return key
  }

  family(name = 'f', kind: number = FamilyKind.Unknown): number {
    const id = this.assembler.family(...this.key(name))
    if (!this.retained.has(name)) this.assembler.retain(id)
    this.retained.add(name)
    this.assembler.describe(id, kind, outputOf(name))
    return id
  }

  add(id: number, name: Name, value: Value, timeMs: number, startMs = 0): string {
    const { hi, lo } = wordsOf(value)
    const bound = name.includes('=') ? Number(name.slice(name.indexOf('=') + 1).replace('+Inf', 'Infinity')) : 0
    return this.assembler.add(id, memberOf(name), bound, timeMs, hi, lo, startMs, this.nowMs)
  }

  /** All members at one time; the results, each once. */
  addAll(id: number, timeMs: number, members: Partial<Record<Name, Value>>): string[] {
    return [...new Set(Object.entries(members).map(([name, value]) => this.add(id, name as Name, value as Value, timeMs)))]
  }

  /** Lets time pass, takes what is due and commits it. */
  after(passedMs: number, all = false): PlainPoint[] {
    this.nowMs += passedMs
    this.points.clear()
    const emission = this.assembler.take(this.nowMs, this.points, all)
    if (emission !== undefined) this.assembler.commit(emission)
    return plainPoints(this.points)
  }
}

export type Members = Partial<Record<Name, Value>>

/** All members of a histogram at one time, and the same some time later. */
export const first: Members = { 'le=0.1': 3, 'le=0.5': 10, 'le=1': 12, 'le=+Inf': 15, sum: 9.5, count: 15 }
export const second: Members = { 'le=0.1': 4, 'le=0.5': 11, 'le=1': 13, 'le=+Inf': 17, sum: 11, count: 17 }

/** The point of {@link first}, of family `f`; fields that are undefined are not there. */
export const pointOf = (timeMs: number, more: Record<string, unknown> = {}): object => {
  const point = { metric: 'histogram', family: 'f', timeMs, count: 15, sum: 9.5, bounds: [0.1, 0.5, 1], counts: [3, 7, 2, 3], ...more }
  return Object.fromEntries(Object.entries(point).filter(([, value]) => value !== undefined))
}

export const without = (members: Members, ...names: Name[]): Members =>
  Object.fromEntries(Object.entries(members).filter(([name]) => !names.includes(name as Name)))

/** A bench with a family `f` whose layout is known from a group at this time. */
export function knownFamily(timeMs: number, options: Partial<AssembleOptions> = {}, members = first): { bench: Bench; id: number } {
  const bench = new Bench(options)
  const id = bench.family()
  bench.addAll(id, timeMs, members)
  if (bench.after(10_000).length !== 1) throw new Error('the first group has to give one point')
  bench.assembler.counts()
  bench.assembler.decisions()
  return { bench, id }
}
