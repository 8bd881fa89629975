/**
 * The user's own mapping file, its part about fields of documents: other names and places, for live logs, back-fill and dashboards alike. It is read
 * elsewhere; here is what it may say, and how it is looked up.
 */

import { z } from 'zod'
import { isPattern, matches } from '../patterns.ts'

const longestName = 1024

/** Patterns are tried one by one for each path that is met first. */
const maxPatterns = 1000

const newName = (meaning: string) => z.string().min(1).max(longestName).optional().describe(meaning)

const field = z
  .strictObject({
    field: z
      .string()
      .min(1)
      .max(longestName)
      .describe(
        'Dotted path of the field as it comes. Or a pattern: `*` is any text, `?` one character. A name goes before patterns, of patterns the first that fits counts, and none holds for a field that becomes a part of the record (time, body, severity, ids, …): such a field has to be named.',
      ),
    attribute: newName(
      'It becomes this attribute of the log record. For a pattern with one `*` the name has one too, which stands for the same text.',
    ),
    resource: newName('It becomes this attribute of the resource.'),
    drop: z.literal(true, { error: 'expected true, or nothing' }).optional().describe('It is left out, and counted.'),
  })
  .describe('One field, or several that fit a pattern: exactly one of attribute, resource and drop says what becomes of it.')

type Field = z.output<typeof field>

/** Keys of the mapping file that are about fields of documents: what reads the whole file puts those of other formats beside them. */
export const fieldMappingKeys = {
  fields: z
    .array(field)
    .max(100_000)
    .default([])
    .describe('Fields of documents that get another name or another place than the built-in rules give them, or none.'),
}

/** What is wrong in a mapping file although each of its values may stand there. */
interface MappingFault {
  readonly path: (string | number)[]
  readonly message: string
}

const stars = (text: string): number => text.split('*').length - 1

/** What is wrong with the new name; undefined: nothing. */
function nameFault(from: string, to: string): string | undefined {
  if (!isPattern(from)) return to.includes('*') ? 'expected a name without *: the field is one, and no pattern' : undefined
  if (stars(from) !== 1 || from.includes('?'))
    return 'cannot rename what fits a pattern with more than one *, or with ?: which text would go where?'
  return stars(to) === 1 ? undefined : 'expected a name with one *: all fields that fit the pattern would become one'
}

function faultsOf(fields: readonly Field[]): MappingFault[] {
  const faults: MappingFault[] = []
  if (fields.filter((one) => isPattern(one.field)).length > maxPatterns) {
    faults.push({ path: ['fields'], message: `expected at most ${maxPatterns} with a pattern` })
  }
  const places = new Map<string, number>()
  for (const [at, { field: from, attribute, resource, drop }] of fields.entries()) {
    const first = places.get(from)
    if (first === undefined) places.set(from, at)
    else faults.push({ path: ['fields', at, 'field'], message: `expected each once: fields.${first} has it already` })
    if ([attribute, resource, drop].filter((one) => one !== undefined).length !== 1) {
      faults.push({ path: ['fields', at], message: 'expected exactly one of attribute, resource and drop' })
      continue
    }
    const to = attribute ?? resource
    const message = to === undefined ? undefined : nameFault(from, to)
    if (message !== undefined) faults.push({ path: ['fields', at, attribute === undefined ? 'resource' : 'attribute'], message })
  }
  return faults
}

/** The part of a mapping file that is about fields, as it was checked. */
export interface FieldMappingFile {
  readonly fields: readonly Field[]
}

/** Tells zod what contradicts itself in the file: a field twice, a rule that says nothing or two things, a new name for many fields. */
export function checkFieldMapping({ fields }: FieldMappingFile, context: z.core.$RefinementCtx): void {
  for (const { path, message } of faultsOf(fields)) context.addIssue({ code: 'custom', path, message })
}

/** What the user's file says of a field. */
export interface OwnField {
  readonly drop: boolean
  readonly resource: boolean
  /** New name; the path itself of what is left out. */
  readonly name: string
}

export interface FieldMapping {
  /** What the file says of exactly this path; undefined: nothing. */
  named(path: string): OwnField | undefined
  /** What the first of its patterns that fits says; undefined: none does. Patterns are tried one by one. */
  fitting(path: string): OwnField | undefined
}

const toOwn = ({ attribute, resource, drop }: Field, name: string): OwnField => ({
  drop: drop === true,
  resource: attribute === undefined && resource !== undefined,
  name,
})

/** Indexes a checked file. */
export function createFieldMapping({ fields }: FieldMappingFile): FieldMapping {
  const byName = new Map<string, OwnField>()
  const patterns: Field[] = []
  for (const one of fields) {
    if (isPattern(one.field)) patterns.push(one)
    else byName.set(one.field, toOwn(one, one.attribute ?? one.resource ?? one.field))
  }
  return {
    named: (path) => byName.get(path),
    fitting(path) {
      // Longer than any name that could be written there, and of a sender's making.
      if (path.length > longestName) return undefined
      const found = patterns.find((one) => matches(one.field, path))
      if (found === undefined) return undefined
      const to = found.attribute ?? found.resource
      if (to === undefined) return toOwn(found, path)
      const [before = '', after = ''] = found.field.split('*')
      const text = path.slice(before.length, path.length - after.length)
      return toOwn(
        found,
        to.replace('*', () => text),
      )
    },
  }
}
