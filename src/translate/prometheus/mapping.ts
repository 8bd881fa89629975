/**
 * One series → where its name and labels are in OTLP: sections 8.1, 8.2, 8.4 and 12 of the mapping. The only place of these rules: live traffic,
 * back-fill and dashboards use it alike. Pure.
 */

import { Member } from './assembler.ts'
import type { Claims } from './claims.ts'
import { MetricType } from './model.ts'
import type { Names } from './names.ts'
import type { Label } from './series-labels.ts'
import type { LabelMap } from './user-mapping.ts'

export interface MapOptions {
  readonly names: Names
  /** Who has which name; see `Names.metric`. */
  readonly claims?: Claims | undefined
  /** exact-one: a job with one slash in it is namespace and name. */
  readonly jobSplit: 'exact-one' | 'never'
  /** Derive `server.address` and `server.port` from an instance `host:port`. */
  readonly scrapeAttributes: boolean
  /** Labels that become resource attributes: label → attribute. */
  readonly resourceLabels: ReadonlyMap<string, string>
  /** Resource attribute of the tenant; undefined: it gets none. */
  readonly tenantAttribute?: string | undefined
}

/** What is known of a series beside its labels: `Resolved` of types.ts is one. */
export interface SeriesMetadata {
  readonly tenant?: string | undefined
  /** Name of the metric before renaming. */
  readonly family: string
  /** One of `Member` of assembler.ts; 0: a metric of its own, as is a member that goes by itself (`histograms: passthrough`). */
  readonly member: number
  /** One of `MetricType`. */
  readonly type: number
  /** As metadata says it. */
  readonly unit: string
  /** Its points are native histograms, whose buckets cannot be multiplied. */
  readonly exponential?: boolean | undefined
}

/** Scope out of labels `otel_scope_…`. */
export interface MappedScope {
  readonly name: string
  readonly version: string
  readonly schemaUrl: string
  readonly attributes: readonly Label[]
}

export interface Mapped {
  /** Of a member the name of its histogram or summary. */
  readonly metric: string
  /** UCUM, empty: none. */
  readonly unit: string
  /** What values are multiplied by; see `MetricName.factor`. */
  readonly factor: number
  /** One of `MetricType`. */
  readonly type: number
  /** Name of the metric before renaming. */
  readonly family: string
  readonly member: number
  /** Each key once: `service.namespace`, `service.name`, `service.instance.id`, tenant, then labels in their order, then what was derived. */
  readonly resource: readonly Label[]
  /** Undefined: the series names none, and gets the bridge's own. */
  readonly scope: MappedScope | undefined
  /** Of the point, each key once, in the order of the labels. */
  readonly attributes: readonly Label[]
  /** Label `le` or `quantile` of a member, as it came. */
  readonly bound: Label | undefined
  /** Names of labels that went into the metric's type and unit, are members' bounds, or had no value. */
  readonly consumed: readonly string[]
  /** Names of labels that the user's mapping leaves out. */
  readonly dropped: readonly string[]
}

const scopePrefix = 'otel_scope_'
const isScopeLabel = (name: string): boolean => name.startsWith(scopePrefix) && name.length > scopePrefix.length

/** `service.*` of a job: section 8.1. */
function serviceOf(job: string, split: MapOptions['jobSplit']): Label[] {
  const slash = job.indexOf('/')
  if (split === 'never' || slash <= 0 || slash === job.length - 1 || job.includes('/', slash + 1)) return [['service.name', job]]
  return [
    ['service.namespace', job.slice(0, slash)],
    ['service.name', job.slice(slash + 1)],
  ]
}

const hostAndPort = /^(?:\[([0-9a-fA-F:.%a-zA-Z0-9]+)\]|([^:/[\]\s]+)):(\d{1,5})$/

/** Server attributes of an instance `host:port` or `[address]:port`; of others none. Texts both, as the Collector's own scraper writes them. */
function serverOf(instance: string): Label[] {
  const found = hostAndPort.exec(instance)
  const host = found?.[1] ?? found?.[2]
  const port = found?.[3]
  if (host === undefined || port === undefined || Number(port) > 65_535) return []
  return [
    ['server.address', host],
    ['server.port', port],
  ]
}

function scopeOf(labels: readonly Label[]): MappedScope {
  const attributes: Label[] = []
  const scope = { name: '', version: '', schemaUrl: '', attributes }
  for (const [name, value] of labels) {
    const key = name.slice(scopePrefix.length)
    if (key === 'name') scope.name = value
    else if (key === 'version') scope.version = value
    else if (key === 'schema_url') scope.schemaUrl = value
    else attributes.push([key, value])
  }
  return scope
}

/** Where the labels go that are the user's to move. */
interface Places {
  readonly resource: Label[]
  readonly attributes: Label[]
}

/**
 * Gives labels their places. Two that would get the same one keep their own names, as attributes: a name that is moved never displaces another.
 * @param taken keys of the resource that are given already
 */
function placesOf(labels: readonly Label[], renamed: LabelMap, moved: ReadonlyMap<string, string>, taken: ReadonlySet<string>): Places {
  const held = new Set<string>()
  for (;;) {
    const places: Places = { resource: [], attributes: [] }
    const resource = new Map<string, string>()
    const attributes = new Map<string, string>()
    const before = held.size
    for (const [name, value] of labels) {
      const isHeld = held.has(name)
      const toResource = isHeld ? undefined : moved.get(name)
      const key = toResource ?? (isHeld ? name : (renamed.get(name) ?? name))
      const keys = toResource === undefined ? attributes : resource
      const other = keys.get(key)
      if (other !== undefined || (toResource !== undefined && taken.has(key))) {
        held.add(name)
        if (other !== undefined) held.add(other)
      }
      keys.set(key, name)
      if (toResource === undefined) places.attributes.push([key, value])
      else places.resource.push([key, value])
    }
    // Names are different, so that it ends: at the latest with all of them held.
    if (held.size === before) return places
  }
}

/**
 * Where a series is in OTLP. `target_info` is not in it: it is other series that say it, and says it later, too.
 * @param labels each once; `__name__` may be among them
 */
export function mapSeries(labels: readonly Label[], metadata: SeriesMetadata, options: MapOptions): Mapped {
  const { family, member, type, tenant = '', exponential } = metadata
  const undecided = member !== 0 && type === MetricType.Unknown
  const query = { tenant, name: family, type, undecided, unit: metadata.unit, exponential }
  const { name, unit, factor, labels: renamed } = options.names.metric(query, options.claims)
  const consumed: string[] = []
  const dropped: string[] = []
  const free: Label[] = []
  const scope: Label[] = []
  let service: Label[] = []
  let instance = ''
  let bound: Label | undefined
  for (const label of labels) {
    const [key, value] = label
    if (key === '__name__') continue
    if (value === '' || key === '__type__' || key === '__unit__') consumed.push(key)
    else if (key === 'job') service = serviceOf(value, options.jobSplit)
    else if (key === 'instance') instance = value
    else if (isScopeLabel(key)) scope.push(label)
    else if (member !== 0 && (key === 'le' || key === 'quantile')) {
      consumed.push(key)
      if (key === boundLabel(member)) bound = label
    } else if (renamed.get(key) === null) dropped.push(key)
    else free.push(label)
  }
  const resource: Label[] = instance === '' ? service : [...service, ['service.instance.id', instance]]
  if (options.tenantAttribute !== undefined && tenant !== '' && !resource.some(([key]) => key === options.tenantAttribute)) {
    resource.push([options.tenantAttribute, tenant])
  }
  let attributes: readonly Label[] = free
  if (renamed.size > 0 || options.resourceLabels.size > 0) {
    const places = placesOf(free, renamed, options.resourceLabels, new Set(resource.map(([key]) => key)))
    resource.push(...places.resource)
    attributes = places.attributes
  }
  if (options.scrapeAttributes) {
    for (const label of serverOf(instance)) if (!resource.some(([key]) => key === label[0])) resource.push(label)
  }
  return {
    metric: name,
    unit,
    factor,
    type,
    family,
    member,
    resource,
    scope: scope.length === 0 ? undefined : scopeOf(scope),
    attributes,
    bound,
    consumed,
    dropped,
  }
}

/** The label that tells members of a kind apart. */
const boundLabel = (member: number): string | undefined =>
  member === Member.Bucket ? 'le' : member === Member.Quantile ? 'quantile' : undefined
