/**
 * The configuration out of file, `--set` and environment. What is set nearer wins: `--set`, then the file, then the standard
 * environment variables, then the defaults. All faults are found at once.
 */

import { readFile } from 'node:fs/promises'
import type { z } from 'zod'
import { BridgeError } from '../errors.ts'
import { expectation, type Fault, faultAt, faultsOf, type Locate, printFaults } from './faults.ts'
import { typedScalar } from './interpolate.ts'
import { deepFreeze, emptySection, isSection, merge, type Path, printPath, type Section, setAt, valueAt } from './tree.ts'
import { schemaAt, shapeOf, unwrap } from './walk.ts'
import type { Place } from './yaml.ts'

export interface Sources {
  /** Path of a YAML file; without one only the other sources count. */
  readonly file?: string | undefined
  /** `a.b.c=value`, in order; values are typed as YAML types plain ones, lists and sections are written as JSON. */
  readonly sets?: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  /** What the standard environment variables say, as a tree of the same shape as the file, and which of them cannot be used. */
  readonly fromEnv?: (env: Readonly<Record<string, string | undefined>>) => Standard
}

export interface Standard {
  readonly tree: object
  readonly faults: readonly { readonly name: string; readonly message: string }[]
}

export type Read<T> =
  | { readonly config: T; readonly faults: readonly [] }
  | { readonly config: undefined; readonly faults: readonly Fault[] }

/** Looks at what a schema cannot see, such as files that a configuration names; says what is wrong with which option. */
export type Check<T> = (config: T) => Promise<readonly { readonly path: Path; readonly message: string }[]>

interface Gathered {
  tree: Section
  readonly faults: Fault[]
  readonly places: Map<string, Place | string>
}

async function readConfigFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new BridgeError('OB_CONFIG', `cannot read the configuration ${file}: ${why}`, { place: file, cause })
  }
}

async function addFile(gathered: Gathered, file: string, env: Sources['env']): Promise<void> {
  const text = await readConfigFile(file)
  const { readYaml } = await import('./yaml.ts')
  const read = await readYaml(text, env)
  for (const { path, message, line, column } of read.faults) {
    const where = line === undefined ? file : `${file}:${line}:${column}`
    gathered.faults.push({ path: printPath(path), value: '', message, where })
  }
  for (const [path, place] of read.places) gathered.places.set(path, place)
  gathered.tree = merge(gathered.tree, read.tree)
}

const setPattern = /^([\w-]+(?:\.[\w-]+)*)=(.*)$/s

function addSet(gathered: Gathered, schema: z.ZodType, set: string): void {
  const match = setPattern.exec(set)
  if (match?.[1] === undefined || match[2] === undefined) {
    const name = set.split('=', 1)[0] ?? ''
    gathered.faults.push({ path: name, value: '', message: 'expected --set section.key=value', where: '--set' })
    return
  }
  const [, name, text] = match
  const below = schemaAt(schema, name.split('.'))
  // Where a text is wanted, `--set emit.headers.tenant=42` means the text 42.
  const wantsText = below !== undefined && unwrap(below).def.type === 'string'
  let value: unknown = wantsText ? text : typedScalar(text)
  if (!wantsText && /^[[{"]/.test(text)) {
    try {
      value = JSON.parse(text)
    } catch {
      gathered.faults.push({ path: name, value: '', message: 'expected JSON after [, { or "', where: '--set' })
      return
    }
  }
  setAt(gathered.tree, name.split('.'), value)
  gathered.places.set(name, '--set')
}

/** A key without a value (`zipkin:`) is an empty section where a section is expected, and not given where it is not. */
function withoutNulls(tree: Section, schema: z.ZodType | undefined): Section {
  const shape = (schema === undefined ? undefined : shapeOf(schema)) ?? {}
  const kept = emptySection()
  for (const key of Object.keys(tree)) {
    const [value, below] = [tree[key], Object.hasOwn(shape, key) ? shape[key] : undefined]
    if (isSection(value)) kept[key] = withoutNulls(value, below)
    else if (value !== null) kept[key] = value
    else if (below === undefined) kept[key] = null
    else if (shapeOf(below) !== undefined) kept[key] = emptySection()
  }
  return kept
}

/** Where a value stands, or the nearest section above it that stands anywhere. */
function locator(gathered: Gathered): Locate {
  return (path: Path) => {
    for (let length = path.length; length > 0; length--) {
      const place = gathered.places.get(printPath(path.slice(0, length)))
      if (place !== undefined) return place
    }
    return undefined
  }
}

/** Gathers, validates and freezes; `check` comes last, when all else is well. Throws OB_CONFIG only when the file cannot be read at all. */
export async function readConfig<T extends z.ZodType>(schema: T, sources: Sources, check?: Check<z.output<T>>): Promise<Read<z.output<T>>> {
  const gathered: Gathered = { tree: emptySection(), faults: [], places: new Map() }
  const standard = sources.fromEnv?.(sources.env)
  if (standard !== undefined) {
    gathered.tree = merge(gathered.tree, JSON.parse(JSON.stringify(standard.tree)) as Section)
    for (const { name, message } of standard.faults) gathered.faults.push({ path: name, value: '', message, where: 'environment' })
    markAll(gathered.places, gathered.tree, [])
  }
  if (sources.file !== undefined) await addFile(gathered, sources.file, sources.env)
  for (const set of sources.sets ?? []) addSet(gathered, schema, set)
  const tree = withoutNulls(gathered.tree, unwrap(schema))
  const unreadableFile = gathered.faults.some((fault) => fault.path === '' && fault.where !== '--set')
  const parsed = schema.safeParse(tree, { error: expectation })
  const faults = [...gathered.faults]
  if (parsed.success && faults.length === 0) {
    const findings = (await check?.(parsed.data)) ?? []
    if (findings.length === 0) return { config: deepFreeze(parsed.data), faults: [] }
    for (const { path, message } of findings) faults.push(faultAt(tree, path, message, locator(gathered), sources.file ?? ''))
  }
  if (!parsed.success && !unreadableFile) {
    const seen = new Set(faults.map((fault) => fault.path))
    const found = faultsOf(schema, tree, parsed.error.issues, locator(gathered), sources.file ?? '')
    faults.push(...found.filter((fault) => !seen.has(fault.path)))
  }
  return { config: undefined, faults }
}

function markAll(places: Map<string, Place | string>, tree: unknown, path: Path): void {
  if (isSection(tree)) for (const key of Object.keys(tree)) markAll(places, valueAt(tree, [key]), [...path, key])
  else places.set(printPath(path), 'environment')
}

/** {@link readConfig}, but faults are thrown: OB_CONFIG whose message lists them all. */
export async function loadConfig<T extends z.ZodType>(schema: T, sources: Sources, check?: Check<z.output<T>>): Promise<z.output<T>> {
  const { config, faults } = await readConfig(schema, sources, check)
  if (faults.length === 0) return config as z.output<T>
  const count = faults.length === 1 ? '1 fault' : `${faults.length} faults`
  throw new BridgeError('OB_CONFIG', `cannot use the configuration: ${count}\n${printFaults(faults)}`)
}
