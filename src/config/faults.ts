/** Faults of a configuration: each with path, value, what is expected, and where it stands. */

import type { z } from 'zod'
import { isSecret, masked, maskUserinfo } from './mask.ts'
import { nearest } from './nearest.ts'
import { isSection, type Path, printPath, valueAt } from './tree.ts'
import { schemaAt, shapeOf } from './walk.ts'
import type { Place } from './yaml.ts'

export interface Fault {
  /** As the user types it: `ingest.zipkin.port`; empty when the file as a whole is meant. */
  readonly path: string
  /** The value as given, shortened, secrets masked; empty when there is none. */
  readonly value: string
  readonly message: string
  /** `bridge.yaml:4:9`, `--set`, `environment`; empty when nothing was given. */
  readonly where: string
}

/** Tells where a value came from: a place in the file, or the words for another source. */
export type Locate = (path: Path) => Place | string | undefined

const longest = 80

/** A value as a fault shows it: JSON, cut at 80 characters, secrets masked; empty for values that are absent or sections. */
export function showValue(value: unknown, path: Path): string {
  if (value === undefined || isSection(value)) return ''
  if (isSecret(path)) return masked
  const text = maskUserinfo(JSON.stringify(value) ?? '')
  // A key or certificate where its path should stand.
  if (text.includes('-----BEGIN')) return masked
  return text.length > longest ? `${text.slice(0, longest)}…` : text
}

const kinds: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a section (key: value)',
  record: 'a section (key: value)',
  array: 'a list',
  null: 'nothing',
}

/** zod's issues in our words; used where a schema has no message of its own. */
export function expectation(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === 'invalid_type') {
    return `expected ${kinds[issue.expected] ?? issue.expected}${issue.input === undefined ? ', but it is missing' : ''}`
  }
  if (issue.code === 'invalid_value') return `expected ${issue.values.length > 1 ? 'one of ' : ''}${issue.values.join(', ')}`
  if (issue.code === 'too_small' || issue.code === 'too_big') {
    const [bound, words] = issue.code === 'too_small' ? [issue.minimum, 'at least'] : [issue.maximum, 'at most']
    const more = issue.inclusive === false ? (issue.code === 'too_small' ? 'more than' : 'less than') : words
    if (issue.origin === 'string') return bound === 1 ? 'expected a text that is not empty' : `expected ${more} ${bound} characters`
    if (issue.origin === 'array' || issue.origin === 'set') return `expected ${more} ${bound} entries`
    return `expected ${more} ${bound}`
  }
  if (issue.code === 'invalid_format') return `expected a ${issue.format === 'url' ? 'URL such as http://localhost:4318' : issue.format}`
  return undefined
}

const unknownKey = (key: string, known: readonly string[]): string => {
  const meant = nearest(key, known)
  if (meant !== undefined) return `unknown key; did you mean ${meant}?`
  return known.length === 0 ? 'unknown key' : `unknown key; known here: ${known.join(', ')}`
}

/** A union's branches told as one: the branch that got furthest speaks. */
function flatten(issues: readonly z.core.$ZodIssue[], base: Path): { path: Path; issue: z.core.$ZodIssue }[] {
  return issues.flatMap((issue) => {
    const path = [...base, ...(issue.path as Path)]
    if (issue.code !== 'invalid_union' || issue.errors.length === 0) return [{ path, issue }]
    const branches = issue.errors.map((branch) => flatten(branch, path))
    const depth = (branch: readonly { path: Path }[]): number => Math.max(...branch.map((one) => one.path.length))
    const furthest = branches.reduce((best, branch) => (depth(branch) > depth(best) ? branch : best))
    return depth(furthest) > path.length ? furthest : [{ path, issue }]
  })
}

const printWhere = (place: Place | string | undefined, file: string): string => {
  if (place === undefined) return file
  return typeof place === 'string' ? place : `${file}:${place.line}:${place.column}`
}

/** A fault of the value at a path. */
export function faultAt(tree: unknown, path: Path, message: string, locate: Locate, file: string): Fault {
  return { path: printPath(path), value: showValue(valueAt(tree, path), path), message, where: printWhere(locate(path), file) }
}

/** Faults out of zod's issues, sorted by their place in the file, unknown keys with the nearest known one. */
export function faultsOf(schema: z.ZodType, tree: unknown, issues: readonly z.core.$ZodIssue[], locate: Locate, file: string): Fault[] {
  const found: { fault: Fault; order: number }[] = []
  const add = (path: Path, message: string): void => {
    const place = locate(path)
    const fault = faultAt(tree, path, message, locate, file)
    found.push({ fault, order: typeof place === 'object' ? place.line * 10_000 + place.column : 0 })
  }
  for (const { path, issue } of flatten(issues, [])) {
    if (issue.code === 'unrecognized_keys') {
      const section = schemaAt(schema, path)
      const known = Object.keys((section === undefined ? undefined : shapeOf(section)) ?? {})
      for (const key of issue.keys) add([...path, key], unknownKey(key, known))
    } else add(path, issue.message)
  }
  return found.sort((a, b) => a.order - b.order).map(({ fault }) => fault)
}

/** The faults as lines for a person: where, key, value, what is expected. */
export function printFaults(faults: readonly Fault[]): string {
  return faults
    .map(({ where, path, value, message }) => {
      const key = value === '' ? path : `${path} = ${value}`
      return `  ${where === '' ? '' : `${where}  `}${key === '' ? '' : `${key}: `}${message}`
    })
    .join('\n')
}
