/**
 * ECS fields → where they are in OTLP: sections 5 to 6 of the mapping, and the user's own rules. The only place of these rules: live traffic,
 * back-fill and dashboards use it alike. Pure.
 */

import { guessedNames, listFields, renamedFields, renamedGeo, scalarFields } from './ecs-table.ts'
import { type RoleRow, roleRows, type ShapeRow, shapeRows } from './field-roles.ts'
import { isOfResource } from './placement.ts'
import { type FieldRule, Marker, Role, ruleIn, Scale, type ShapedRule, Transform } from './rules.ts'
import type { FieldMapping, OwnField } from './user-fields.ts'

export interface FieldOptions {
  /** default: names of the semantic conventions; none: those of ECS; full: guesses, too. */
  readonly renames: 'default' | 'none' | 'full'
  /** Whether loggers become the name of the scope; default true. */
  readonly scopeFromLogger?: boolean | undefined
  /** The user's own rules, which go before all others. */
  readonly fields?: FieldMapping | undefined
}

const renamed: ReadonlyMap<string, string> = new Map(Object.entries(renamedFields))
const guessed: ReadonlyMap<string, string> = new Map(Object.entries(guessedNames))
const geoLeaves: ReadonlyMap<string, string> = new Map(Object.entries(renamedGeo))
const lists: ReadonlySet<string> = new Set(listFields)
const scalars: ReadonlySet<string> = new Set(scalarFields)

/** Names below these are labels of somebody's own: dots in them are part of the name. */
const verbatim: ReadonlySet<string> = new Set([
  'labels',
  'numeric_labels',
  'fields',
  'annotations',
  'winlog.event_data',
  'container.labels',
  'kubernetes.labels',
  'kubernetes.annotations',
  'kubernetes.namespace_labels',
  'kubernetes.namespace_annotations',
  'kubernetes.node.labels',
  'kubernetes.node.annotations',
])

/** True for paths below which names are taken as they are, whatever dots they hold. */
export function isVerbatim(path: string): boolean {
  return verbatim.has(path)
}

/** Most parts of a path in `verbatim`; a path of a sender may have a million. */
const verbatimParts = 3

/** Whether a path is below one of those. */
function isBelowVerbatim(path: string): boolean {
  let dot = path.indexOf('.')
  for (let part = 0; part < verbatimParts && dot > 0; part++) {
    if (verbatim.has(path.slice(0, dot))) return true
    dot = path.indexOf('.', dot + 1)
  }
  return false
}

/** Prefixes of renames that end in `.*`. */
const renamedPrefixes = Object.entries(renamedFields)
  .filter(([field]) => field.endsWith('.*'))
  .map(([field, name]) => [field.slice(0, -1), name.slice(0, -1)] as const)

/** The name by the table; the path where it has none. */
function nameOf(path: string, renames: FieldOptions['renames']): string {
  if (renames === 'none') return path
  const name = renamed.get(path) ?? (renames === 'full' ? guessed.get(path) : undefined)
  if (name !== undefined) return name
  for (const [prefix, target] of renamedPrefixes) {
    if (path.startsWith(prefix) && path.length > prefix.length) return target + path.slice(prefix.length)
  }
  const dot = path.lastIndexOf('.')
  const leaf = geoLeaves.get(path.slice(dot + 1))
  const isGeo = leaf !== undefined && (path.slice(0, dot) === 'geo' || path.slice(0, dot).endsWith('.geo')) && !isBelowVerbatim(path)
  return isGeo ? path.slice(0, dot + 1) + leaf : path
}

const transforms: ReadonlyMap<string, number> = new Map([
  ['http.request.method', Transform.HttpMethod],
  ['os.type', Transform.OsType],
  ['host.os.type', Transform.OsType],
  ['kubernetes.container_image', Transform.ContainerImage],
  ['file.uid', Transform.Stringify],
  ['file.gid', Transform.Stringify],
  ['http.version', Transform.HttpVersion],
  ['orchestrator.cluster.name', Transform.KubernetesCluster],
])

const doubled: ReadonlyMap<string, string> = new Map([
  ['error.type', 'exception.type'],
  ['http.version', 'network.protocol.version'],
])

/** Fields that give way to one that has their new name already, without a word. */
const yielding: ReadonlySet<string> = new Set(['host.hostname', 'cloud.instance.id', 'cloud.machine.type'])

const serviceNames = [
  'service.type',
  'kubernetes.labels.app.kubernetes.io/name',
  'kubernetes.labels.app_kubernetes_io/name',
  'kubernetes.labels.app',
  'kubernetes.container.name',
  'kubernetes.container_name',
  'fields.service',
  'event.module',
]

const noShapes: readonly ShapedRule[] = []

const markerOf = (path: string, row: RoleRow | undefined): number => row?.marker ?? (path.startsWith('winlog.') ? Marker.Winlog : 0)

/** The rule without shapes. */
function plainRule(path: string, { renames, scopeFromLogger = true }: FieldOptions): FieldRule {
  const row = roleRows.get(path)
  const role = row?.role ?? Role.Attribute
  const name = nameOf(path, renames)
  const resource = isOfResource(path)
  const maps = renames !== 'none'
  return {
    role: role === Role.ScopeName && !scopeFromLogger ? Role.Attribute : role,
    rank: row?.rank ?? 0,
    keep: row?.keep ?? false,
    scale: row?.scale ?? Scale.None,
    marker: markerOf(path, row),
    resource,
    name,
    list: maps && lists.has(path),
    scalar: scalars.has(path) || (row?.role !== undefined && row.role !== Role.ApmException),
    transform: maps ? (transforms.get(path) ?? Transform.None) : Transform.None,
    onlyWhenAbsent: maps && yielding.has(path) ? name : undefined,
    also: maps ? doubled.get(path) : undefined,
    inMessage: role === Role.Attribute && path.startsWith('message.'),
    serviceRank: serviceNames.indexOf(path),
    shaped: noShapes,
  }
}

/** The rule of a field that a shape gives another meaning. */
function shapedRule(plain: FieldRule, row: ShapeRow, { scopeFromLogger = true }: FieldOptions): FieldRule {
  const name = row.name ?? plain.name
  const resource = row.resource ?? false
  const role = row.role ?? Role.Attribute
  return {
    ...plain,
    role: role === Role.ScopeName && !scopeFromLogger ? Role.Attribute : role,
    rank: row.rank ?? 0,
    keep: row.keep ?? false,
    scale: row.scale ?? Scale.None,
    resource,
    name,
    transform: row.transform ?? Transform.None,
    onlyWhenAbsent: row.yields === true ? name : undefined,
    also: undefined,
    scalar: role !== Role.Exceptions,
  }
}

/** Names of extra fields of GELF and of properties of Serilog, without what stands before them. */
function strippedRules(path: string, plain: FieldRule): ShapedRule[] {
  const bare = (name: string): FieldRule => ({ ...plain, name, resource: false, transform: Transform.None })
  if (path.startsWith('_') && path.length > 1) return [{ markers: Marker.Gelf, rule: bare(path.slice(1)) }]
  if (path.startsWith('fields.') && path.length > 7) return [{ markers: Marker.Serilog, rule: bare(path.slice(7)) }]
  return []
}

/** What the user says goes before all else; the document's shape is recognised by the field as ever. */
function ownRule(plain: FieldRule, { drop, resource, name }: OwnField): FieldRule {
  return {
    ...plain,
    role: drop ? Role.Dropped : Role.Attribute,
    rank: 0,
    keep: false,
    scale: Scale.None,
    resource,
    name,
    list: false,
    transform: Transform.None,
    onlyWhenAbsent: undefined,
    also: undefined,
    inMessage: false,
    shaped: noShapes,
  }
}

/**
 * What a path means. A user's rule of exactly this path goes before everything; one with a pattern before everything but fields that are parts of
 * the record (time, body, severity, ids, …), which are rarely meant by a pattern.
 */
export function ruleOf(path: string, options: FieldOptions): FieldRule {
  const plain = plainRule(path, options)
  const own = options.fields?.named(path) ?? (plain.role === Role.Attribute ? options.fields?.fitting(path) : undefined)
  if (own !== undefined) return ownRule(plain, own)
  const row = shapeRows.get(path)
  const rule = row === undefined ? undefined : shapedRule(plain, row, options)
  if (row?.when === 0 && rule !== undefined) return rule
  const shaped = row === undefined || rule === undefined ? [] : [{ markers: row.when, rule }]
  const all = [...shaped, ...strippedRules(path, plain)]
  return all.length === 0 ? plain : { ...plain, shaped: all }
}

/** Where a field is in OTLP, for queries. */
export interface FieldTarget {
  /** `dropped`: nowhere. */
  readonly where:
    | 'attribute'
    | 'resource'
    | 'time'
    | 'observed_time'
    | 'body'
    | 'severity_text'
    | 'severity_number'
    | 'trace_id'
    | 'span_id'
    | 'flags'
    | 'event_name'
    | 'scope_name'
    | 'dropped'
  /** Name of the attribute; of a part of the record, the attribute that it is in documents in which another field is that part. */
  readonly name: string
  /** False when other fields of a document have a say in where it goes: `level` beside `log.level`, `host.hostname` beside `host.name`. */
  readonly certain: boolean
  /** One of `Transform`: what queries have to expect of values. */
  readonly transform: number
}

const parts: ReadonlyMap<number, FieldTarget['where']> = new Map([
  [Role.Time, 'time'],
  [Role.Observed, 'observed_time'],
  [Role.Body, 'body'],
  [Role.SeverityText, 'severity_text'],
  [Role.SeverityNumber, 'severity_number'],
  [Role.LevelValue, 'severity_number'],
  [Role.TraceId, 'trace_id'],
  [Role.SpanId, 'span_id'],
  [Role.TraceFlags, 'flags'],
  [Role.EventName, 'event_name'],
  [Role.ScopeName, 'scope_name'],
  [Role.Ignored, 'dropped'],
  [Role.Dropped, 'dropped'],
])

/**
 * Where a field of documents is afterwards, for dashboards and alert rules.
 * @param markers what is known of the documents' shape: bits of `Marker`
 */
export function fieldTarget(field: string, options: FieldOptions, markers = 0): FieldTarget {
  const rule = ruleOf(field, options)
  const { role, rank, keep, resource, name, transform, onlyWhenAbsent } = ruleIn(rule, markers)
  const part = keep ? undefined : parts.get(role)
  const open = onlyWhenAbsent !== undefined || transform === Transform.KubernetesCluster || (markers === 0 && rule.shaped.length > 0)
  return {
    where: part ?? (resource ? 'resource' : 'attribute'),
    name,
    certain: !open && (part === undefined || rank === 0),
    transform,
  }
}
