/** `--to kibana`: the same saved objects with fields renamed inside, for logs that are in Elasticsearch with OpenTelemetry's names. Sections 3, 7.4. */

import { type Item, type Note, type Status, worse } from '../model.ts'
import type { Context } from '../options.ts'
import type { Source } from '../registry.ts'
import { parseJsonDocument } from '../text/json.ts'
import type { Node } from '../text/node.ts'
import type { ConvertedDashboard } from './convert-dashboard.ts'
import { otelIndices, type Renaming, reachesOtel, renameAttributes } from './renaming.ts'
import { readSavedObjects, type SavedObjects } from './saved-objects.ts'
import { isObject, type Json, parseJson, textOf } from './value.ts'

export interface RenamedObjects {
  readonly text: string
  readonly items: readonly Item[]
  readonly parts: readonly Item[]
  readonly notes: readonly Note[]
}

/** Attributes of an object, in any spelling. */
const attributesOf = (object: Node): Node | undefined => object.get('attributes') ?? object.get('_source')

const typeOf = (object: Node): string => String((object.get('type') ?? object.get('_type'))?.value ?? '')

/** Renames in one document: a line, a list, or a single object. */
function renamedText(text: string, renaming: Renaming): string {
  const document = parseJsonDocument(text)
  const { root } = document
  const listed = root.kind === 'array' ? root : (root.get('objects') ?? root.get('saved_objects'))
  for (const object of listed?.kind === 'array' ? listed.items : [root]) {
    const attributes = attributesOf(object)
    if (attributes?.kind !== 'object') continue
    const before = attributes.plain() as Json
    if (!isObject(before)) continue
    const after = renameAttributes(typeOf(object), before, renaming)
    for (const [key, node] of attributes.members) {
      const value = after[key]
      // Only what changed is written again.
      if (value !== undefined && value !== before[key]) document.replace(node, value)
    }
  }
  return document.toString()
}

/** A file of lines is renamed line by line, so that each stays one line. */
function renamedFile(text: string, renaming: Renaming): string {
  const isLines = text.trimStart().startsWith('{') && text.trim().includes('\n') && isWhole(text.slice(0, text.indexOf('\n')))
  if (!isLines) return renamedText(text, renaming)
  return text
    .split('\n')
    .map((line) => (line.trim() === '' ? line : renamedText(line, renaming)))
    .join('\n')
}

function isWhole(line: string): boolean {
  try {
    JSON.parse(line)
    return true
  } catch {
    return false
  }
}

/** Index that a query of the report names. */
function indexOf(before: string): string | undefined {
  if (!before.startsWith('{')) return undefined
  const object = parseJson(before)
  return isObject(object) ? textOf(object.index) : undefined
}

/** Status of a query that was renamed. */
function statusOf(before: Item, after: Item, renaming: Renaming): { readonly status: Status; readonly notes: readonly Note[] } {
  const unread = before.notes.filter(({ code }) => code === 'OBD-K-003' || code === 'OBD-K-001')
  const scripts = before.notes.filter(({ code }) => code === 'OBD-K-013')
  const notes: Note[] = [...unread, ...scripts]
  let status: Status = before.before === after.before ? 'unchanged' : 'exact'
  if (notes.length > 0) status = 'manual'
  const text = before.before
  const index = indexOf(text)
  if (index !== undefined && !reachesOtel(index)) {
    // A filter of its own holds in the wider index, too.
    if (!text.includes('"query":')) status = worse(status, 'approximate')
    const isMoved = indexOf(after.before) === otelIndices
    const why = isMoved
      ? `${index} is ${otelIndices} now, which holds all logs`
      : `${index} is a data view that is not in the source: it has to reach ${otelIndices}`
    notes.push({ code: 'OBD-K-022', text: `${why}.` })
  }
  for (const [field, why] of renaming.doubtful) {
    if (!text.includes(field)) continue
    status = worse(status, 'approximate')
    notes.push({ code: 'OBD-K-023', text: `${field}: ${why}.` })
  }
  if (before.language === 'esql' || before.language === 'vega' || before.language === 'timelion') {
    status = worse(status, 'manual')
    notes.push({ code: 'OBD-K-023', text: `Fields in ${before.language} are left as they are.` })
  }
  return { status, notes }
}

/** Renames all fields. `convertAll` lists the queries of objects, so that each is told before and after. */
export function convertNames(
  source: Source,
  context: Context,
  convertAll: (objects: SavedObjects) => readonly ConvertedDashboard[],
): RenamedObjects {
  const doubtful = new Map<string, string>()
  const kept = new Set<string>()
  const renaming: Renaming = {
    doubtful,
    kept,
    field(name) {
      const place = context.fields.field(name)
      if (place.changesCase) doubtful.set(name, 'its values may be written in another way')
      else if (!place.certain) doubtful.set(name, place.why ?? 'where it is depends on documents')
      return place.where === 'gone' ? name : place.name
    },
  }
  const text = renamedFile(source.text, renaming)
  const before = convertAll(readSavedObjects(source.text, source.path))
  const after = convertAll(readSavedObjects(text, source.path))
  const items = before.flatMap((dashboard, index) =>
    dashboard.items.map((item, position): Item => {
      const other = after[index]?.items[position] ?? item
      const { status, notes } = statusOf(item, other, renaming)
      return { ...item, status, notes, afterLanguage: undefined, after: other.before }
    }),
  )
  const notes: Note[] = [...kept].slice(0, 100).map((each) => ({ code: 'OBD-K-023', text: each }))
  return { text, items, parts: [], notes }
}
