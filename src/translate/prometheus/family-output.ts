/** How points of classic histograms and summaries are written. There are many of them, so that what families share is made once. */

import { type EncodedMetric, MetricData } from '../../otlp/metrics.ts'
import { FamilyKind, type FamilyOutput, Member } from './assembler.ts'
import { MetricType } from './model.ts'
import { createMetric, type Source } from './outputs.ts'

/** The metric of families of one name, in all shapes that points of them may need. */
export interface FamilyMetric {
  readonly name: string
  readonly unit: string
  readonly description: string
}

const suffixes: Readonly<Record<number, string>> = {
  [Member.Bucket]: '_bucket',
  [Member.Sum]: '_sum',
  [Member.Count]: '_count',
  [Member.Quantile]: '',
}

class Shapes {
  private readonly parts: FamilyMetric
  /** By suffix, type and data, of which there are few. */
  private readonly made = new Map<number, EncodedMetric>()

  constructor(parts: FamilyMetric) {
    this.parts = parts
  }

  shape(suffix: string, type: number, data: number): EncodedMetric {
    const key = (suffix.length * 16 + type) * 16 + data
    let found = this.made.get(key)
    if (found === undefined) {
      const { name, unit, description } = this.parts
      found = createMetric({ name: name + suffix, unit, description, type, factor: 1 }).as(data)
      this.made.set(key, found)
    }
    return found
  }
}

class Output implements FamilyOutput {
  readonly resource
  readonly scope
  readonly attributes: DataView
  readonly attributesStart: number
  readonly attributesEnd: number
  private readonly shapes: Shapes

  constructor(source: Source, shapes: Shapes, attributes: DataView, start: number, end: number) {
    this.resource = source.resource
    this.scope = source.scope
    this.shapes = shapes
    this.attributes = attributes
    this.attributesStart = start
    this.attributesEnd = end
  }

  is({ resource, scope }: Source, shapes: Shapes, attributes: Uint8Array): boolean {
    const { attributesStart: start, attributesEnd: end } = this
    if (this.resource !== resource || this.scope !== scope || this.shapes !== shapes || end - start !== attributes.length) return false
    for (let at = 0; at < attributes.length; at++) if (this.attributes.getUint8(start + at) !== attributes[at]) return false
    return true
  }

  metric(kind: number): EncodedMetric {
    return kind === FamilyKind.Summary
      ? this.shapes.shape('', MetricType.Summary, MetricData.Summary)
      : this.shapes.shape('', MetricType.Histogram, MetricData.Histogram)
  }

  memberMetric(member: number, as: 'gauge' | 'sum'): EncodedMetric {
    const suffix = suffixes[member] ?? ''
    return as === 'gauge'
      ? this.shapes.shape(suffix, MetricType.Unknown, MetricData.Gauge)
      : this.shapes.shape(suffix, MetricType.Histogram, MetricData.Sum)
  }
}

/** Names of families whose shapes are remembered. Beyond it they are made anew, which costs memory and no more. */
const maxShapes = 10_000
const slabBytes = 16 * 1024

export interface FamilyOutputs {
  /** A member of a family, with its source, which was acquired for it: the newest is that of the family. Every `use` wants a `release`. */
  use(family: number, source: number): void
  release(family: number): void
  /** Undefined: it has no members. */
  sourceOf(family: number): number | undefined
  /**
   * How a family in use is written; the same as before where nothing has changed.
   * @param attributes without `le` and `quantile`, as `encodeTextAttributes` makes them; copied
   */
  create(family: number, source: Source, metric: FamilyMetric, attributes: Uint8Array): FamilyOutput
}

/** @param releaseSource called with the source of a family that has no members any more */
export function createFamilyOutputs(releaseSource: (source: number) => void): FamilyOutputs {
  const sources = new Map<number, { source: number; uses: number; output: Output | undefined }>()
  const known = new Map<string, Shapes>()
  let slab = new DataView(new ArrayBuffer(0))
  let used = 0

  const shapesOf = (metric: FamilyMetric): Shapes => {
    const key = JSON.stringify([metric.name, metric.unit, metric.description])
    let found = known.get(key)
    if (found === undefined) {
      if (known.size >= maxShapes) known.clear()
      known.set(key, (found = new Shapes(metric)))
    }
    return found
  }

  return {
    use(family, source) {
      const found = sources.get(family)
      if (found === undefined) {
        sources.set(family, { source, uses: 1, output: undefined })
        return
      }
      found.uses++
      releaseSource(found.source)
      found.source = source
    },
    release(family) {
      const found = sources.get(family)
      if (found === undefined || --found.uses > 0) return
      sources.delete(family)
      releaseSource(found.source)
    },
    sourceOf: (family) => sources.get(family)?.source,
    create(family, source, metric, attributes) {
      const own = sources.get(family)
      const shapes = shapesOf(metric)
      if (own?.output?.is(source, shapes, attributes) === true) return own.output
      if (used + attributes.length > slab.byteLength) {
        slab = new DataView(new ArrayBuffer(Math.max(slabBytes, attributes.length)))
        used = 0
      }
      const start = used
      used += attributes.length
      new Uint8Array(slab.buffer).set(attributes, start)
      const output = new Output(source, shapes, slab, start, used)
      if (own !== undefined) own.output = output
      return output
    },
  }
}
