/** The scalars of a legacy record as a backend stores it, for the census: where one would be looked for first, and what it may look like there. */

import { isJson, type Json, listOf } from '../read/otlp-json.ts'
import { attributePath } from './canonical.ts'
import { normalized } from './census-text.ts'

export interface Atom {
  /** As the rule trace names it: `tags[3] http.url`. */
  readonly name: string
  /** Without the place in a list. */
  readonly label: string
  /** What it may be on the other side, normalised. */
  readonly values: readonly string[]
  readonly shown: string
  /** Where it is looked for first. */
  readonly paths: readonly string[]
  /** Members of one annotation or log have the same; empty for all others. */
  readonly group: string
  /** True for what is looked for there alone. */
  readonly placed: boolean
}

const micros = (value: unknown): string => (typeof value === 'number' ? `${value}000` : String(value))

const textOf = (value: unknown): string => (typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value))

interface AtomParts {
  readonly name: string
  readonly value: string
  readonly paths: readonly string[]
  readonly values?: readonly string[]
  readonly group?: string
  readonly placed?: boolean
}

const atom = ({ name, value, paths, values, group = '', placed = false }: AtomParts): Atom => ({
  name,
  label: name.replace(/\[\d+\]/g, ''),
  values: (values ?? [value]).map(normalized),
  shown: value,
  paths,
  group,
  placed,
})

const taggedPaths = (key: string): readonly string[] => [attributePath(key), attributePath(key, 'resource.'), attributePath(key, 'scope.')]

/** Of an annotation or a log, in microseconds. */
const eventTime = (value: unknown, group: string): AtomParts => ({
  name: `${group}.timestamp`,
  value: String(value),
  values: [micros(value)],
  paths: ['events.timeUnixNano'],
  group,
  placed: true,
})

const isTrue = (value: unknown): boolean => value === true

/** A span of `/api/v2/trace`. */
export function zipkinAtoms(span: Json): readonly Atom[] {
  const atoms: Atom[] = []
  const add = (parts: AtomParts): void => {
    if (parts.value !== '' && parts.value !== 'undefined' && parts.value !== 'null') atoms.push(atom(parts))
  }
  add({ name: 'traceId', value: String(span['traceId']).padStart(32, '0'), paths: ['traceId'], placed: true })
  add({ name: 'id', value: String(span['id']).padStart(16, '0'), paths: ['spanId'], placed: true })
  if (span['parentId'] !== undefined)
    add({ name: 'parentId', value: String(span['parentId']).padStart(16, '0'), paths: ['parentSpanId'], placed: true })
  add({ name: 'name', value: String(span['name']), paths: ['name'] })
  add({ name: 'kind', value: String(span['kind']), paths: ['kind', attributePath('span.kind')], placed: true })
  if (span['timestamp'] !== undefined)
    add({ name: 'timestamp', value: String(span['timestamp']), values: [micros(span['timestamp'])], paths: ['start'], placed: true })
  if (span['duration'] !== undefined)
    add({ name: 'duration', value: String(span['duration']), values: [micros(span['duration'])], paths: ['duration'], placed: true })
  for (const side of ['localEndpoint', 'remoteEndpoint'] as const) {
    const endpoint = isJson(span[side]) ? span[side] : {}
    const local = side === 'localEndpoint'
    for (const field of ['serviceName', 'ipv4', 'ipv6', 'port'] as const) {
      const paths = field === 'serviceName' ? [local ? 'resource.attributes["service.name"]' : attributePath('peer.service')] : []
      if (endpoint[field] !== undefined) add({ name: `${side}.${field}`, value: String(endpoint[field]), paths })
    }
  }
  if (isTrue(span['debug'])) add({ name: 'debug', value: 'true', paths: [attributePath('zipkin.debug')], placed: true })
  if (isTrue(span['shared'])) add({ name: 'shared', value: 'true', paths: [attributePath('zipkin.shared')], placed: true })
  listOf(span['annotations']).forEach((one, at) => {
    const group = `annotations[${at}]`
    if (one['timestamp'] !== undefined) add(eventTime(one['timestamp'], group))
    add({ name: `${group}.value`, value: String(one['value']), paths: ['events.name'], group })
  })
  Object.entries(isJson(span['tags']) ? span['tags'] : {}).forEach(([key, value], at) => {
    add({ name: `tags[${at}] ${key}`, value: textOf(value), paths: taggedPaths(key) })
  })
  return atoms
}

const fieldAtoms = (list: unknown, name: string, pathsOf: (key: string) => readonly string[], group = ''): readonly Atom[] =>
  listOf(list).flatMap((one, at) => {
    const key = String(one['key'])
    const value = textOf(one['value'])
    return value === '' ? [] : [atom({ name: `${name}[${at}] ${key}`, value, paths: pathsOf(key), group })]
  })

/** A span of `/api/traces?raw=true` with its process. */
export function jaegerAtoms(span: Json, process: Json): readonly Atom[] {
  const atoms: Atom[] = []
  const add = (parts: AtomParts): void => void atoms.push(atom(parts))
  add({ name: 'traceId', value: String(span['traceID']).padStart(32, '0'), paths: ['traceId'], placed: true })
  add({ name: 'spanId', value: String(span['spanID']).padStart(16, '0'), paths: ['spanId'], placed: true })
  if (span['operationName'] !== '') add({ name: 'operationName', value: String(span['operationName']), paths: ['name'] })
  listOf(span['references']).forEach((one, at) => {
    const value = String(one['spanID']).padStart(16, '0')
    const paths = one['refType'] === 'CHILD_OF' ? ['parentSpanId', 'links.spanId'] : ['links.spanId', 'parentSpanId']
    add({ name: `references[${at}]`, value, paths, placed: true })
  })
  add({ name: 'startTime', value: String(span['startTime']), values: [micros(span['startTime'])], paths: ['start'], placed: true })
  add({ name: 'duration', value: String(span['duration']), values: [micros(span['duration'])], paths: ['duration'], placed: true })
  atoms.push(...fieldAtoms(span['tags'], 'tags', (key) => (key === 'span.kind' ? ['kind', ...taggedPaths(key)] : taggedPaths(key))))
  listOf(span['logs']).forEach((one, at) => {
    const group = `logs[${at}]`
    add(eventTime(one['timestamp'], group))
    const pathsOf = (key: string): readonly string[] =>
      key === 'event' ? ['events.name', 'events.attributes["event"]'] : [`events.${attributePath(key)}`, 'events.name']
    atoms.push(...fieldAtoms(one['fields'], `${group}.fields`, pathsOf, group))
  })
  if (typeof process['serviceName'] === 'string' && process['serviceName'] !== '')
    add({ name: 'process.serviceName', value: process['serviceName'], paths: ['resource.attributes["service.name"]'] })
  atoms.push(...fieldAtoms(process['tags'], 'process.tags', (key) => [attributePath(key, 'resource.'), attributePath(key)]))
  return atoms
}
