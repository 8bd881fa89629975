/** What streams have in common on the OTLP side: resources, scopes, metrics. Each is encoded once and kept as long as a stream uses it. */

import { encodeMetric, encodeResource, encodeScope } from '../../otlp/encode/metric-parts.ts'
import { mapKey } from '../../otlp/map-key.ts'
import { type EncodedMetric, type EncodedResource, type EncodedScope, MetricData } from '../../otlp/metrics.ts'
import { MetricType } from './model.ts'
import { createRegistry, type Registry } from './registry.ts'
import type { Label } from './series-labels.ts'

/** `prometheus.type` of a metric's metadata. */
const typeNames: readonly string[] = ['unknown', 'counter', 'gauge', 'histogram', 'gaugehistogram', 'summary', 'info', 'stateset']

/** The name of a type as metadata says it. */
export const typeName = (type: number): string => typeNames[type] ?? 'unknown'

/** A metric in all shapes that points of it may need: floats may come under the name of a histogram. */
export interface Metric {
  readonly name: string
  readonly type: number
  /** Values are multiplied by it. */
  readonly factor: number
  /** Its shape for floats. */
  readonly number: EncodedMetric
  as(data: number): EncodedMetric
}

/** What a metric is made of. */
export interface MetricParts {
  readonly name: string
  readonly unit: string
  readonly description: string
  /** One of {@link MetricType}. */
  readonly type: number
  readonly factor: number
  /** Floats of it are counts that only grow: members of histograms that are sent by themselves. */
  readonly counts?: boolean | undefined
}

/** Shape of float samples, by type. */
function numberData({ type, counts }: MetricParts): { readonly data: number; readonly monotonic: boolean } {
  if (type === MetricType.Counter || counts === true) return { data: MetricData.Sum, monotonic: true }
  if (type === MetricType.Info || type === MetricType.StateSet) return { data: MetricData.Sum, monotonic: false }
  return { data: MetricData.Gauge, monotonic: false }
}

const encode = ({ name, unit, description, type }: MetricParts, data: number, monotonic: boolean): EncodedMetric =>
  encodeMetric({ name, description, unit, data, monotonic, metadata: [['prometheus.type', typeName(type)]] })

export function createMetric(parts: MetricParts): Metric {
  const { data, monotonic } = numberData(parts)
  const number = encode(parts, data, monotonic)
  const others = new Map<number, EncodedMetric>()
  return {
    name: parts.name,
    type: parts.type,
    factor: parts.factor,
    number,
    as(wanted) {
      if (wanted === data) return number
      let found = others.get(wanted)
      if (found === undefined) others.set(wanted, (found = encode(parts, wanted, wanted === MetricData.Sum)))
      return found
    },
  }
}

/** Where points of a target and scope go. */
export interface Source {
  readonly resource: EncodedResource
  readonly scope: EncodedScope
  /** Of the target: its `process_start_time_seconds` in ms; 0: unknown. */
  readonly process: { startMs: number }
}

export interface SourceParts {
  /** Key of the target whose `target_info` completes the resource. */
  readonly target: string
  readonly resource: readonly Label[]
  readonly scope: { readonly name: string; readonly version: string; readonly schemaUrl: string; readonly attributes: readonly Label[] }
}

interface Resource {
  /** As a key of maps. */
  readonly target: string
  readonly own: readonly Label[]
  readonly encoded: EncodedResource
}

interface OwnedSource extends Source {
  readonly resourceId: number
}

export interface Outputs {
  readonly sources: Registry<Source>
  readonly metrics: Registry<Metric>
  acquireSource(parts: SourceParts): number
  acquireMetric(parts: MetricParts): number
  /** Encodes the resources of a target anew. */
  targetChanged(target: string): void
  /** Characters of what all of them are made of. */
  readonly size: number
}

/** Own attributes and, behind them, those of the target whose names are not taken. */
function joined(own: readonly Label[], more: readonly Label[]): readonly Label[] {
  if (more.length === 0) return own
  return [...own, ...more.filter(([name]) => !own.some((one) => one[0] === name))]
}

/** Whether two sources are one and the same, as far as it shows at a glance. */
function isSameSource(left: SourceParts, right: SourceParts): boolean {
  if (left.target !== right.target || left.scope !== right.scope || left.resource.length !== right.resource.length) return false
  for (let at = 0; at < left.resource.length; at++) {
    const [one, other] = [left.resource[at] as Label, right.resource[at] as Label]
    if (one[0] !== other[0] || one[1] !== other[1]) return false
  }
  return true
}

/** @param targetAttributes what `target_info` says of a target now */
export function createOutputs(targetAttributes: (target: string) => readonly Label[]): Outputs {
  const byTarget = new Map<string, { readonly resources: Set<Resource>; readonly process: { startMs: number } }>()
  const resources = createRegistry<Resource>((gone) => {
    const others = byTarget.get(gone.target)?.resources
    others?.delete(gone)
    if (others?.size === 0) byTarget.delete(gone.target)
  })
  const sources = createRegistry<OwnedSource>(({ resourceId }) => resources.release(resourceId))
  const metrics = createRegistry<Metric>()

  const acquireResource = (name: string, own: readonly Label[]): number => {
    const target = mapKey(name)
    return resources.acquire(JSON.stringify([target, own]), () => {
      const made: Resource = { target, own, encoded: encodeResource(joined(own, targetAttributes(name))) }
      let of = byTarget.get(target)
      if (of === undefined) byTarget.set(target, (of = { resources: new Set(), process: { startMs: 0 } }))
      of.resources.add(made)
      return made
    })
  }

  /** Key of the parts that were asked for last: series of a target come one after the other. */
  let last: SourceParts | undefined
  let lastKey = ''
  const sourceKey = (parts: SourceParts): string => {
    if (last === undefined || !isSameSource(last, parts)) {
      lastKey = JSON.stringify([parts.target, parts.resource, parts.scope])
      last = parts
    }
    return lastKey
  }

  return {
    sources,
    metrics,
    get size() {
      return resources.keyLength + sources.keyLength + metrics.keyLength
    },
    acquireSource(parts) {
      return sources.acquire(sourceKey(parts), () => {
        const { target, resource, scope } = parts
        const resourceId = acquireResource(target, resource)
        const { name, version, attributes, schemaUrl } = scope
        return {
          resourceId,
          resource: resources.get(resourceId).encoded,
          scope: encodeScope(name, version, attributes, schemaUrl),
          process: byTarget.get(mapKey(target))?.process ?? { startMs: 0 },
        }
      })
    },
    acquireMetric(parts) {
      const { name, unit, description, type, factor, counts = false } = parts
      return metrics.acquire(JSON.stringify([name, unit, type, factor, counts, description]), () => createMetric(parts))
    },
    targetChanged(target) {
      for (const { own, encoded } of byTarget.get(mapKey(target))?.resources ?? [])
        encoded.bytes = encodeResource(joined(own, targetAttributes(target))).bytes
    },
  }
}
