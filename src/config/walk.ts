/** Looks into zod schemas: which keys a section has, what each option's default and description is. */

import type { z } from 'zod'
import type { Path } from './tree.ts'

interface AnyDef {
  readonly type: string
  readonly innerType?: z.ZodType
  readonly in?: z.ZodType
  readonly shape?: Readonly<Record<string, z.ZodType>>
  readonly valueType?: z.ZodType
  readonly element?: z.ZodType
  readonly options?: readonly z.ZodType[]
  readonly defaultValue?: unknown
}

const defOf = (schema: z.ZodType): AnyDef => schema.def as AnyDef

/** The schema below `.optional()`, `.default()`, `.transform()` and the like. */
export function unwrap(schema: z.ZodType): z.ZodType {
  let at = schema
  for (;;) {
    const def = defOf(at)
    const next = def.innerType ?? def.in
    if (next === undefined) return at
    at = next
  }
}

/** The options of a section, or undefined when the schema is not a section. */
export function shapeOf(schema: z.ZodType): Readonly<Record<string, z.ZodType>> | undefined {
  return defOf(unwrap(schema)).shape
}

/** The schema at a path of the configuration; undefined where there is none. Of a union, the first branch that has the path. */
export function schemaAt(schema: z.ZodType, path: Path): z.ZodType | undefined {
  const [first, ...rest] = path
  if (first === undefined) return schema
  const def = defOf(unwrap(schema))
  for (const branch of def.options ?? []) {
    const found = schemaAt(branch, path)
    if (found !== undefined) return found
  }
  const next = def.shape?.[String(first)] ?? def.valueType ?? def.element
  return next === undefined ? undefined : schemaAt(next, rest)
}

/** One option as the reference page shows it. */
export interface OptionRow {
  readonly path: Path
  readonly schema: z.ZodType
  readonly description: string
  /** As it would stand in a file; undefined when there is none. */
  readonly default: unknown
  readonly required: boolean
  /** True for a section, whose own options follow. */
  readonly section: boolean
}

/** Every option below a schema, sections before what they hold, in the order of declaration. */
export function options(schema: z.ZodType, path: Path = []): OptionRow[] {
  const rows: OptionRow[] = []
  for (const [key, one] of Object.entries(shapeOf(schema) ?? {})) {
    const at = [...path, key]
    const section = shapeOf(one) !== undefined
    rows.push({
      path: at,
      schema: one,
      description: descriptionOf(one),
      default: defaultOf(one),
      required: !section && !one.safeParse(undefined).success,
      section,
    })
    if (section) rows.push(...options(one, at))
  }
  return rows
}

/** The description given with `.describe()`, on the schema or below its wrappers. */
export function descriptionOf(schema: z.ZodType): string {
  let at: z.ZodType | undefined = schema
  while (at !== undefined) {
    if (at.description !== undefined) return at.description
    const def = defOf(at)
    at = def.innerType ?? def.in
  }
  return ''
}

/** The default of `.default()` or `.prefault()`, looking through other wrappers; undefined when there is none. */
export function defaultOf(schema: z.ZodType): unknown {
  let at: z.ZodType | undefined = schema
  while (at !== undefined) {
    const def = defOf(at)
    if (def.type === 'default' || def.type === 'prefault') return def.defaultValue
    at = def.innerType ?? def.in
  }
  return undefined
}
