/** Fields of documents → where they are after OTLP, in Loki or in Elasticsearch with OpenTelemetry's names: section 7.1 of the reference. */

import { type FieldOptions, type FieldTarget, fieldTarget, ruleOf } from '../../src/translate/elasticsearch/names.ts'
import { Role, Transform } from '../../src/translate/elasticsearch/rules.ts'
import { isPattern, matches } from '../../src/translate/patterns.ts'
import type { IndexOptions } from '../targets.ts'

/** Where a field is in the target. */
export interface FieldPlace {
  /**
   * `label`: usable in a stream selector. `metadata`: behind a pipe. `line`: the log line itself. `json`: in a line that is JSON, behind `| json`.
   * `time`: the timestamp. `gone`: nowhere.
   */
  readonly where: 'label' | 'metadata' | 'line' | 'json' | 'time' | 'gone'
  /** As queries write it there. */
  readonly name: string
  /** The attribute's OTLP name. */
  readonly attribute: string
  /** Whether letters' case or spelling of values may differ from the documents' (`log.level`). */
  readonly changesCase: boolean
  /** It may hold several values, which Loki shows as JSON: `["a","b"]`. */
  readonly isList?: boolean | undefined
  /** False: it depends on documents, and the note says how. */
  readonly certain: boolean
  readonly why?: string | undefined
}

export interface FieldNaming {
  /** @param index pattern of the indices that are asked; undefined: unknown */
  field(name: string, index?: string): FieldPlace
  /** Whether values of a field are analysed text rather than keywords. */
  isText(name: string, index?: string): boolean
  /** The stream selector that stands for an index pattern (`{service_name="nginx"}`), as the mapping says it; undefined: it says none. */
  selectorOf(index: string): string | undefined
  /** Whether a field says something of the resource: metrics have it on `target_info` only, unless it is promoted. */
  isResource?(name: string): boolean
  /** Whether documents of an index became metrics. */
  areMetrics(index: string): boolean
  /** Fields of an index pattern, where an export lists them; undefined: unknown. */
  fieldsOf(index: string): readonly string[] | undefined
}

/** Resource attributes that Loki 3 makes index labels of when nobody tells it otherwise. */
export const defaultIndexLabels: readonly string[] = [
  'cloud.availability_zone',
  'cloud.region',
  'container.name',
  'deployment.environment',
  'k8s.cluster.name',
  'k8s.container.name',
  'k8s.cronjob.name',
  'k8s.daemonset.name',
  'k8s.deployment.name',
  'k8s.job.name',
  'k8s.namespace.name',
  'k8s.pod.name',
  'k8s.replicaset.name',
  'k8s.statefulset.name',
  'service.instance.id',
  'service.name',
  'service.namespace',
]

export interface FieldNamingOptions {
  /** The translator's: renames, the user's own rules. */
  readonly rules: FieldOptions
  readonly flavour: 'loki' | 'elasticsearch-otel'
  /** Resource attributes that are index labels; undefined: Loki's default. */
  readonly labels?: readonly string[] | undefined
  /** Index pattern → what the mapping file says of it. */
  readonly indices: Readonly<Record<string, IndexOptions>>
  /** Index pattern → its fields, where an export lists them. */
  readonly fields?: ReadonlyMap<string, readonly string[]> | undefined
}

/** Most fields that are kept in mind; beyond it they are worked out again. */
const mostKept = 10_000

/** Fields of the common schema that are lists by definition. */
const listsOfEcs: ReadonlySet<string> = new Set([
  'tags',
  'event.category',
  'event.type',
  'host.ip',
  'host.mac',
  'observer.ip',
  'observer.mac',
  'process.args',
  'process.parent.args',
  'dns.header_flags',
  'dns.resolved_ip',
  'related.hash',
  'related.hosts',
  'related.ip',
  'related.user',
  'file.attributes',
  'user.roles',
  'container.image.tag',
  'container.image.hash.all',
])

/**
 * A label as Loki makes it of an attribute's name: signs other than letters, digits and `_` become `_`, of several in a row one is left, and a name
 * never begins with a digit. Measured on Loki 3.7.
 */
export function lokiLabel(attribute: string): string {
  const name = attribute.replaceAll(/[^A-Za-z0-9_]/g, '_').replaceAll(/_{2,}/g, '_')
  return /^[0-9]/.test(name) ? `key_${name}` : name
}

/** Names that the translator's parts of a record have in Loki. */
const partsInLoki: Readonly<Record<string, string>> = {
  severity_text: 'severity_text',
  severity_number: 'severity_number',
  observed_time: 'observed_timestamp',
  trace_id: 'trace_id',
  span_id: 'span_id',
  flags: 'flags',
  scope_name: 'scope_name',
  event_name: 'event_name',
}

/** The same in Elasticsearch. */
const partsInElasticsearch: Readonly<Record<string, string>> = {
  ...partsInLoki,
  flags: 'trace_flags',
  observed_time: 'observed_timestamp',
  scope_name: 'scope.name',
  body: 'body.text',
  time: '@timestamp',
}

/** Fields that Elasticsearch shows beside the attributes, whatever the document's shape. */
const ownOfElasticsearch =
  /^(data_stream\.(type|dataset|namespace)|_id|_index|_source|_doc_count|@timestamp|(resource\.)?attributes\..+|scope\..+|body\.(text|structured).*|observed_timestamp|severity_(text|number)|trace_id|span_id|event_name)$/

/** A field without the name of its multi-field, and what that says. */
function withoutMultiField(name: string): { readonly base: string; readonly kind: 'keyword' | 'text' | undefined } {
  for (const [end, kind] of [
    ['.keyword', 'keyword'],
    ['.raw', 'keyword'],
    ['.text', 'text'],
  ] as const) {
    if (name.endsWith(end) && name.length > end.length && name !== 'body.text') return { base: name.slice(0, -end.length), kind }
  }
  return { base: name, kind: undefined }
}

/** Why values are others than in documents; undefined: they are the same. */
function whyChanged(transform: number): string | undefined {
  switch (transform) {
    case Transform.OsType:
      return 'macos is darwin now'
    case Transform.ContainerImage:
      return 'the tag of an image stands in container.image.tags now'
    case Transform.LeadingSlash:
      return 'the slash at the front is gone'
    case Transform.KubernetesCluster:
      return 'it is renamed only where the orchestrator is Kubernetes'
    default:
      return undefined
  }
}

/** Patterns of a list: `logs-a,logs-b`; an exclusion (`-logs-c`) is none. */
const patternsOf = (index: string): string[] =>
  index
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '' && !one.startsWith('-'))
    // Clusters elsewhere: `eu:logs-*`.
    .map((one) => one.slice(one.lastIndexOf(':') + 1))

/** Joins `{a="x"}` and `{a="y"}`; undefined: they are not of that kind. */
function joinSelectors(selectors: readonly string[]): string | undefined {
  const different = [...new Set(selectors)]
  if (different.length === 1) return different[0]
  const parts = different.map((one) => /^\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*=\s*"([^"\\]*)"\s*\}$/.exec(one))
  const label = parts[0]?.[1]
  if (label === undefined || parts.some((one) => one?.[1] !== label)) return undefined
  return `{${label}=~"${parts.map((one) => (one?.[2] ?? '').replaceAll(/[.+*?()|[\]{}^$]/g, '\\\\$&')).join('|')}"}`
}

/** Names of fields, out of the translator's own rules: what live traffic becomes is what queries ask for. Results are kept. */
export function createFieldNaming({
  rules,
  flavour,
  labels = defaultIndexLabels,
  indices,
  fields = new Map(),
}: FieldNamingOptions): FieldNaming {
  const indexLabels = new Set(labels)
  const places = new Map<string, FieldPlace>()
  const known = Object.entries(indices)

  const optionsOf = (pattern: string): IndexOptions | undefined =>
    (Object.hasOwn(indices, pattern) ? indices[pattern] : undefined) ?? known.find(([key]) => isPattern(key) && matches(key, pattern))?.[1]

  const optionsOfAll = (index: string | undefined): IndexOptions[] =>
    index === undefined ? [] : patternsOf(index).flatMap((one) => optionsOf(one) ?? [])

  const fieldsOf = (index: string): readonly string[] | undefined => fields.get(index)

  function placeIn(target: FieldTarget, base: string): FieldPlace {
    const rule = ruleOf(base, rules)
    const { where, name: attribute, transform } = target
    const why = whyChanged(transform) ?? (target.certain ? undefined : 'where it is depends on other fields of the document')
    const common = {
      attribute,
      changesCase: where === 'severity_text' || transform === Transform.HttpMethod || transform === Transform.OsType,
      certain: why === undefined,
      why,
      isList: rule.list || listsOfEcs.has(base) ? true : undefined,
    }
    if (where === 'dropped') return { ...common, where: 'gone', name: base, certain: true, why: 'the mapping leaves it out' }
    if (flavour === 'elasticsearch-otel') {
      const part = partsInElasticsearch[where]
      if (where === 'time' || where === 'body') return { ...common, where: where === 'time' ? 'time' : 'line', name: part ?? '' }
      if (part !== undefined) return { ...common, where: 'metadata', name: part }
      if (rule.inMessage) return { ...common, where: 'json', name: `body.structured.${base.slice('message.'.length)}` }
      return { ...common, where: 'metadata', name: `${where === 'resource' ? 'resource.attributes' : 'attributes'}.${attribute}` }
    }
    if (where === 'time') return { ...common, where: 'time', name: '__timestamp__' }
    if (where === 'body') return { ...common, where: 'line', name: '__line__' }
    const part = partsInLoki[where]
    if (part !== undefined) return { ...common, where: 'metadata', name: part }
    if (rule.inMessage) return { ...common, where: 'json', name: lokiLabel(base.slice('message.'.length)) }
    if (!/[A-Za-z0-9]/.test(attribute)) return { ...common, where: 'gone', name: base, why: `Loki has no name for ${base}` }
    return { ...common, where: where === 'resource' && indexLabels.has(attribute) ? 'label' : 'metadata', name: lokiLabel(attribute) }
  }

  function field(name: string): FieldPlace {
    const kept = places.get(name)
    if (kept !== undefined) return kept
    const place = make(name)
    if (places.size < mostKept) places.set(name, place)
    return place
  }

  function make(name: string): FieldPlace {
    if (flavour === 'elasticsearch-otel' && ownOfElasticsearch.test(name)) {
      const isStream = name.startsWith('data_stream.')
      return {
        where: name === '@timestamp' ? 'time' : 'metadata',
        name,
        attribute: name,
        changesCase: false,
        certain: !isStream,
        why: isStream ? 'data streams of OpenTelemetry have other names' : undefined,
      }
    }
    const { base } = withoutMultiField(name)
    return placeIn(fieldTarget(base, rules), base)
  }

  function isText(name: string, index?: string): boolean {
    const { base, kind } = withoutMultiField(name)
    const options = optionsOfAll(index)
    if (options.some((one) => one.keyword_fields.includes(name))) return false
    if (options.some((one) => one.text_fields.includes(name))) return true
    if (kind !== undefined) return kind === 'text'
    if (name === 'error.message') return true
    const { role, keep } = ruleOf(base, rules)
    if (role === Role.Body && !keep) return base !== 'log.original'
    return index !== undefined && (fieldsOf(index)?.includes(`${name}.keyword`) ?? false)
  }

  return {
    field,
    isText,
    isResource: (name) => fieldTarget(withoutMultiField(name).base, rules).where === 'resource',
    selectorOf(index) {
      const selectors = patternsOf(index).map((one) => optionsOf(one)?.selector)
      return selectors.length === 0 || selectors.includes(undefined) ? undefined : joinSelectors(selectors as string[])
    },
    areMetrics: (index) => {
      const options = patternsOf(index).map((one) => optionsOf(one)?.as)
      return options.length > 0 && options.every((one) => one === 'metrics')
    },
    fieldsOf,
  }
}
