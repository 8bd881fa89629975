/** Converts one source: what is in it, by whom, and what came of it. Pure: the same input, options and version give the same bytes. */

import { isBridgeError } from '../src/errors.ts'
import type { Code } from './codes.ts'
import { converters } from './converters.ts'
import { detect, kindFor } from './detect.ts'
import { type Converted, type Item, type Note, type OutputFile, worse } from './model.ts'
import type { Context } from './options.ts'
import { type Converter, type Kind, kinds, type Source } from './registry.ts'
import { unwrap } from './wrapped.ts'

export type Family = 'dashboards' | 'alerts'

/** What came of a source. */
export interface Conversion {
  readonly output: readonly OutputFile[]
  readonly diagnostics: Converted
  /**
   * `converted`. `other`: it is known, but not what the command is for, or nothing converts it yet. `unknown`: it is none of the formats.
   * `failed`: it could not be read, or the conversion is at fault; nothing is written.
   */
  readonly outcome: 'converted' | 'other' | 'unknown' | 'failed'
}

const nothing = (kind: string, outcome: Conversion['outcome'], code: Code, text: string): Conversion => ({
  output: [],
  outcome,
  diagnostics: { kind, title: '', uid: '', tags: [], files: [], items: [], parts: [], notes: [{ code, text }] },
})

async function converterOf(kind: Kind): Promise<Converter | undefined> {
  return converters[kind]?.()
}

/** A path as an output may have: relative, forward slashes, never leaving its folder. */
export function safePath(path: string): string {
  const parts = path
    .split(/[\\/]+/)
    .map((part) => part.replace(/[\p{Cc}:*?"<>|]/gu, '_'))
    .filter((part) => part !== '' && part !== '.' && part !== '..')
  return parts.length === 0 ? 'converted' : parts.map((part) => part.slice(0, 200)).join('/')
}

/**
 * Converts a source.
 * @param kind what it is; `undefined`: found out
 * @param family what the command is for; of an export with both, the other is left out
 */
export async function convert(source: Source, kind: Kind | undefined, family: Family, context: Context): Promise<Conversion> {
  const detected = kind === undefined ? detect(source) : undefined
  const known = kind ?? (detected === undefined ? undefined : kindFor(detected, family))
  if (known === undefined) {
    const why = detected?.problem === undefined ? 'none of the formats that can be converted' : detected.problem
    return nothing('', 'unknown', 'OBD-F-001', why)
  }
  const row = kinds[known]
  if (known === 'kubernetes') return guarded(known, () => convertWrapped(source, family, context))
  if (row.family === 'context') return nothing(known, 'other', 'OBD-F-003', `${row.title}: read for what it says of others`)
  if (row.family !== family) {
    return nothing(known, 'other', 'OBD-F-002', `${row.title}: for \`convert ${row.family}\``)
  }
  const converter = await converterOf(known)
  if (converter === undefined) return nothing(known, 'other', 'OBD-F-004', `${row.title}: recognised, but not converted`)
  return guarded(known, async () => {
    const diagnostics = converter.convert(source, context)
    return { output: diagnostics.files.map(({ path, text }) => ({ path: safePath(path), text })), diagnostics, outcome: 'converted' }
  })
}

/** What is wrong with an input is told; what is wrong with us is told as that, and the next source goes on. */
async function guarded(kind: Kind, run: () => Promise<Conversion>): Promise<Conversion> {
  try {
    return await run()
  } catch (error) {
    if (isBridgeError(error)) return nothing(kind, 'failed', 'OBD-F-005', error.message)
    const words = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
    return nothing(kind, 'failed', 'OBD-F-006', `the conversion is at fault, nothing was written: ${words.slice(0, 300)}`)
  }
}

/** An item of something within: its id and place begin with those of what it stands in. */
const within = (item: Item, name: string, where: string): Item => ({ ...item, id: `${name}/${item.id}`, where: `${where} ${item.where}` })

async function convertWrapped(source: Source, family: Family, context: Context): Promise<Conversion> {
  const { document, title, parts, elsewhere } = unwrap(source.text)
  const items: Item[] = []
  const otherParts: Item[] = []
  const files: OutputFile[] = []
  const notes: Note[] = elsewhere.map(({ node, text }) => ({ code: 'OBD-F-007', text: `${text} (${node.path})` }))
  const tags = new Set<string>()
  let converted = 0
  let failed = 0
  const folder = source.path.includes('/') ? source.path.slice(0, source.path.lastIndexOf('/') + 1) : ''
  let uid = ''
  for (const part of parts) {
    const path = `${folder}${safePath(part.name)}`
    const inner = await convert({ path, text: part.text }, undefined, family, context)
    if (inner.outcome !== 'converted') {
      if (inner.outcome === 'failed') failed++
      if (inner.outcome !== 'unknown')
        for (const note of inner.diagnostics.notes) notes.push({ ...note, text: `${part.name}: ${note.text}` })
      continue
    }
    converted++
    const { diagnostics, output } = inner
    const [first] = output
    if (output.length === 1 && first !== undefined && first.path === safePath(path)) part.write(first.text)
    else files.push(...output)
    uid ||= diagnostics.uid
    for (const tag of diagnostics.tags) tags.add(tag)
    for (const item of diagnostics.items) items.push(within(item, part.name, part.node.path))
    for (const item of diagnostics.parts) otherParts.push(within(item, part.name, part.node.path))
    for (const note of diagnostics.notes) notes.push({ ...note, text: `${part.name}: ${note.text}` })
  }
  if (converted === 0) {
    const note: Note = { code: 'OBD-F-008', text: 'nothing in it is for this command' }
    const empty = { kind: 'kubernetes', title, uid: '', tags: [], files: [], items: [], parts: [], notes: [...notes, note] }
    return { output: [], outcome: failed > 0 ? 'failed' : 'other', diagnostics: empty }
  }
  const output = [{ path: safePath(source.path), text: document.toString() }, ...files]
  const diagnostics: Converted = { kind: 'kubernetes', title, uid, tags: [...tags], files: output, items, parts: otherParts, notes }
  return { output, diagnostics, outcome: 'converted' }
}

/** The worst status of items; `unchanged` of none. */
export const worstOf = (items: readonly Pick<Item, 'status'>[]): Item['status'] =>
  items.reduce<Item['status']>((worst, { status }) => worse(worst, status), 'unchanged')
