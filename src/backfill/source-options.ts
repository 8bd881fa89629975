/** The options of a source as flags, out of its zod schema: which there are, and what was given. */

import type { z } from 'zod'
import { isSecret, masked, maskUserinfo } from '../config/mask.ts'
import { printByteSize, printDuration, unitOf } from '../config/units.ts'
import { options, unwrap } from '../config/walk.ts'
import { BridgeError } from '../errors.ts'
import type { Json } from './model.ts'
import type { SourceKind } from './source-kind.ts'

export interface SourceFlag {
  /** `timeField` */
  readonly key: string
  /** `--time-field` */
  readonly flag: string
  readonly takes: 'nothing' | 'text' | 'number' | 'list'
  /** What stands behind the flag in a help text; empty for `nothing`. */
  readonly value: string
  readonly description: string
  /** As somebody would write it; empty: none. */
  readonly fallback: string
  readonly required: boolean
  readonly secret: boolean
}

const flagOf = (key: string): string => `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`

/** `.meta({ secret: true })`, looking through `.optional()` and the like. */
function hasSecretMark(schema: z.ZodType): boolean {
  let at: z.ZodType | undefined = schema
  while (at !== undefined) {
    if (at.meta()?.['secret'] === true) return true
    const def = at.def as { readonly innerType?: z.ZodType; readonly in?: z.ZodType }
    at = def.innerType ?? def.in
  }
  return false
}

function fallbackText(schema: z.ZodType, value: unknown): string {
  if (value === undefined || value === false || value === '' || (Array.isArray(value) && value.length === 0)) return ''
  const unit = unitOf(schema)
  if (typeof value === 'number' && unit !== undefined) return unit === 'duration' ? printDuration(value) : printByteSize(value)
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** In the order of the schema. */
export function sourceFlags({ options: schema }: Pick<SourceKind, 'options'>): readonly SourceFlag[] {
  return options(schema)
    .filter(({ path }) => path.length === 1)
    .map(({ path, schema: one, description, default: standard, required }): SourceFlag => {
      const key = String(path[0])
      const base = unwrap(one)
      const type: string = base.def.type
      const takes =
        unitOf(one) !== undefined
          ? 'text'
          : type === 'boolean'
            ? 'nothing'
            : type === 'array'
              ? 'list'
              : type === 'number'
                ? 'number'
                : 'text'
      const choices = (base.def as { readonly entries?: Readonly<Record<string, string>> }).entries
      const value =
        takes === 'nothing'
          ? ''
          : choices !== undefined
            ? Object.values(choices).join('|')
            : takes === 'number'
              ? 'count'
              : (unitOf(one) ?? 'text')
      return {
        key,
        flag: takes === 'nothing' && standard === true ? flagOf(`no-${key}`) : flagOf(key),
        takes,
        value: value === 'byteSize' ? 'size' : value,
        description,
        fallback: standard === true ? '' : fallbackText(one, standard),
        required,
        secret: hasSecretMark(one),
      }
    })
}

/** `{ timeField: '@timestamp' }` by the flags of the command line and the section of the configuration; flags win. Parsed; throws OB_CONFIG. */
export function parseSourceOptions(
  kind: string,
  { options: schema }: Pick<SourceKind, 'options'>,
  given: Readonly<Record<string, unknown>>,
  configured: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, unknown>> {
  const read = schema.safeParse({ ...configured, ...given })
  if (read.success) return read.data as Readonly<Record<string, unknown>>
  const faults = read.error.issues.map(({ path, message, code }) => {
    const key = path.length === 0 ? '' : String(path[0])
    const isMissing = key !== '' && given[key] === undefined && configured[key] === undefined
    const from = given[key] === undefined && configured[key] !== undefined ? `backfill.sources.${kind}.${key}` : flagOf(key)
    if (code === 'unrecognized_keys') return `backfill.sources.${kind}: ${message}`
    return key === '' ? message : `${from}: ${isMissing ? 'is required' : message}`
  })
  throw new BridgeError('OB_CONFIG', `cannot open ${kind}: ${faults.join('; ')}`, { place: kind })
}

/** Without `user:password@` and what stands behind `?`; undefined for what is no URL. */
function plainUrl(text: unknown): string | undefined {
  if (typeof text !== 'string' || !URL.canParse(text) || !/^[a-z][\w+.-]*:\/\//i.test(text)) return undefined
  const url = new URL(text)
  return url.username === '' && url.password === '' && url.search === '' ? text : undefined
}

/** What a run keeps of its source's options, as JSON: nothing that is a secret, and nothing that is as always. */
export function publicOptions(
  kind: Pick<SourceKind, 'options'>,
  parsed: Readonly<Record<string, unknown>>,
): { readonly [name: string]: Json } {
  const kept: { [name: string]: Json } = {}
  const standard = new Map(options(kind.options).map((row) => [String(row.path[0]), row.default]))
  for (const { key, secret } of sourceFlags(kind)) {
    const value = parsed[key]
    if (value === undefined || JSON.stringify(value) === JSON.stringify(standard.get(key))) continue
    // An address is marked because of what may stand in it.
    if (secret || isSecret([key])) {
      const address = key === 'url' ? plainUrl(value) : undefined
      if (address !== undefined) kept[key] = address
      continue
    }
    kept[key] = JSON.parse(JSON.stringify(value)) as Json
  }
  return kept
}

/** A command line fit for printing: values of secret flags masked, and user and password in URLs. */
export function maskedWords(words: readonly string[], flags: readonly SourceFlag[]): readonly string[] {
  const secrets = new Set(flags.filter((one) => one.secret && one.key !== 'url').map((one) => one.flag))
  return words.map((word, at) => {
    const [flag = '', ...rest] = word.split('=')
    if (secrets.has(flag) && rest.length > 0) return `${flag}=${masked}`
    return secrets.has(words[at - 1] ?? '') ? masked : maskUserinfo(word)
  })
}
