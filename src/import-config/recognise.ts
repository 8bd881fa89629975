/** Tells what a file is: a Collector's configuration, a Jaeger configuration file, an environment, a unit or manifest that starts a program. */

import { isSection, type Section } from '../config/tree.ts'

/** A program as something starts it. */
export interface Launch {
  /** Where it stands: `ExecStart`, `containers[jaeger-collector]`. */
  readonly place: string
  readonly argv: readonly string[]
  readonly env: ReadonlyMap<string, string>
}

/** What was recognised. */
export type Recognised =
  | { readonly kind: 'collector'; readonly file: Section }
  | { readonly kind: 'flags'; readonly file: Section }
  | { readonly kind: 'launches'; readonly launches: readonly Launch[] }
  | { readonly kind: 'unknown' }

const maxDepth = 32

/** A command line as a shell would split it: quotes and backslashes, no substitutions. */
export function splitWords(text: string): string[] {
  const words: string[] = []
  const pattern = /\s*((?:"(?:\\.|[^"\\])*"|'[^']*'|\\[\s\S]|[^\s"'\\])+)/y
  for (let found = pattern.exec(text); found !== null; found = pattern.exec(text)) {
    const raw = found[1] ?? ''
    words.push(
      raw.replace(
        /"((?:\\.|[^"\\])*)"|'([^']*)'|\\([\s\S])/g,
        (_all, double, single, one) => double?.replace(/\\(.)/g, '$1') ?? single ?? one,
      ),
    )
  }
  return words
}

/** `NAME=value` lines, as env files, `docker --env-file` and systemd's EnvironmentFile have them; undefined when other lines stand between. */
function readEnvFile(text: string): Map<string, string> | undefined {
  const env = new Map<string, string>()
  for (const line of text.split(/\r?\n/)) {
    const trimmed = line.trim().replace(/^export\s+/, '')
    if (trimmed === '' || trimmed.startsWith('#') || trimmed.startsWith(';')) continue
    const found = /^([A-Za-z_]\w*)=(.*)$/.exec(trimmed)
    if (found === null) return undefined
    env.set(found[1] ?? '', splitWords(found[2] ?? '').join(' '))
  }
  return env.size === 0 ? undefined : env
}

/** The programs of a systemd unit. */
function readUnit(text: string): Launch | undefined {
  const joined = text.replace(/\\\r?\n/g, ' ')
  const exec = /^ExecStart=[-@:+!]*(.*)$/m.exec(joined)?.[1]
  if (exec === undefined) return undefined
  const env = new Map<string, string>()
  for (const found of joined.matchAll(/^Environment=(.*)$/gm)) {
    for (const word of splitWords(found[1] ?? '')) {
      const [name = '', ...rest] = word.split('=')
      env.set(name, rest.join('='))
    }
  }
  return { place: 'ExecStart', argv: splitWords(exec), env }
}

const wordsOf = (value: unknown): string[] =>
  Array.isArray(value)
    ? value.filter((one) => typeof one === 'string' || typeof one === 'number').map(String)
    : typeof value === 'string'
      ? splitWords(value)
      : []

function envOf(value: unknown): Map<string, string> {
  const env = new Map<string, string>()
  if (Array.isArray(value)) {
    for (const one of value) {
      if (typeof one === 'string') {
        const at = one.indexOf('=')
        if (at > 0) env.set(one.slice(0, at), one.slice(at + 1))
      } else if (isSection(one) && typeof one['name'] === 'string' && one['value'] !== undefined) env.set(one['name'], String(one['value']))
    }
  } else if (isSection(value)) for (const [name, one] of Object.entries(value)) if (one !== null) env.set(name, String(one))
  return env
}

/** The last part of an image's name: `jaegertracing/jaeger-collector:1.57` → `jaeger-collector`. */
const imageName = (image: string): string => (image.split('/').at(-1) ?? '').split(/[:@]/, 1)[0] ?? ''

const isOurs = (name: string): boolean => /jaeger|zipkin/.test(name)

/** Containers of Kubernetes manifests and services of compose files, wherever they stand. */
function findContainers(value: unknown, place: string, found: Launch[], depth = 0): void {
  if (depth > maxDepth) return
  if (Array.isArray(value)) for (const [at, one] of value.entries()) findContainers(one, `${place}[${at}]`, found, depth + 1)
  if (!isSection(value)) return
  const { image } = value
  if (typeof image === 'string' && isOurs(imageName(image))) {
    const argv = [...wordsOf(value['args']), ...wordsOf(value['command'])]
    const program = argv[0]?.startsWith('-') === false ? [] : [imageName(image)]
    found.push({ place: `${place} (${image})`, argv: [...program, ...argv], env: envOf(value['env'] ?? value['environment']) })
  }
  for (const [key, one] of Object.entries(value)) findContainers(one, place === '' ? key : `${place}.${key}`, found, depth + 1)
}

/** Recognises a file by what is in it. @param documents the file as YAML, where it is YAML */
export function recognise(text: string, documents: readonly unknown[]): Recognised {
  for (const one of documents)
    if (isSection(one) && (one['receivers'] !== undefined || one['service'] !== undefined)) return { kind: 'collector', file: one }
  const launches: Launch[] = []
  for (const one of documents) findContainers(one, '', launches)
  const unit = launches.length === 0 ? readUnit(text) : undefined
  if (unit !== undefined) launches.push(unit)
  if (launches.length > 0) return { kind: 'launches', launches }
  const env = readEnvFile(text)
  if (env !== undefined) return { kind: 'launches', launches: [{ place: 'environment', argv: [], env }] }
  const [first] = documents
  const known = [
    'collector',
    'processor',
    'reporter',
    'sampling',
    'span-storage',
    'es',
    'cassandra',
    'kafka',
    'http-server',
    'agent',
    'ingester',
    'query',
  ]
  if (isSection(first) && Object.keys(first).some((key) => known.includes(key.split('.', 1)[0] ?? '')))
    return { kind: 'flags', file: first }
  return { kind: 'unknown' }
}

/** A Jaeger configuration file (`--config-file`) as flags: nested keys joined by dots. */
export function flattenFlags(section: Section, prefix = ''): { readonly name: string; readonly value: string; readonly from: string }[] {
  return Object.entries(section).flatMap(([key, value]) => {
    const name = prefix === '' ? key : `${prefix}.${key}`
    if (isSection(value)) return flattenFlags(value, name)
    const text = Array.isArray(value) ? value.join(',') : String(value)
    return [{ name, value: text, from: `${name}: ${text}` }]
  })
}
