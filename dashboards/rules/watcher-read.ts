/**
 * Reads a watch. Files of watches are often not quite JSON: Mustache stands where a number should be, scripts are in triple quotes as Kibana's console has them, and a
 * request line may come first. None of it is run.
 */

import { parseJsonDocument } from '../text/json.ts'
import { fillMustache } from './mustache.ts'
import { isPlain, memberOf, type Plain, wordOf } from './plain.ts'

/** A watch as a value, and what its text needed to be one. */
export interface WatchText {
  readonly value: Plain
  readonly repairs: readonly string[]
}

/** Makes JSON of what people write for it. Linear. */
function repaired(text: string): { readonly text: string; readonly repairs: readonly string[] } {
  const repairs = new Set<string>()
  const pieces: string[] = []
  let at = 0
  const request = /^\uFEFF?\s*(?:PUT|POST)\s+\/?_(?:watcher|xpack)[^\r\n]*\r?\n/.exec(text)
  if (request !== null) {
    at = request[0].length
    repairs.add('a request line')
  }
  let from = at
  const replace = (start: number, end: number, by: string): void => {
    pieces.push(text.slice(from, start), by)
    from = at = end
  }
  while (at < text.length) {
    if (text.startsWith('"""', at)) {
      const end = text.indexOf('"""', at + 3)
      if (end < 0) break
      repairs.add('text in triple quotes')
      replace(at, end + 3, JSON.stringify(text.slice(at + 3, end)))
    } else if (text[at] === '"') {
      at++
      while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1
      at++
    } else if (text.startsWith('{{', at)) {
      const triple = text.startsWith('{{{', at)
      const close = triple ? '}}}' : '}}'
      const end = text.indexOf(close, at)
      if (end < 0) break
      repairs.add('Mustache outside of a text')
      replace(at, end + close.length, JSON.stringify(text.slice(at, end + close.length)))
    } else if (text.startsWith('//', at) || text[at] === '#') {
      const end = text.indexOf('\n', at)
      repairs.add('a comment')
      replace(at, end < 0 ? text.length : end, '')
    } else if (text.startsWith('/*', at)) {
      const end = text.indexOf('*/', at + 2)
      repairs.add('a comment')
      replace(at, end < 0 ? text.length : end + 2, '')
    } else at++
  }
  pieces.push(text.slice(from))
  return { text: pieces.join(''), repairs: [...repairs] }
}

/** The value of a watch's text; undefined: it is none, however it is read. The file's limits are those of JSON. */
export function readWatchText(text: string): WatchText | undefined {
  const read = (json: string): Plain | undefined => {
    try {
      const value = parseJsonDocument(json).root.plain()
      return isPlain(value) ? value : undefined
    } catch {
      return undefined
    }
  }
  const whole = read(text)
  if (whole !== undefined) return { value: whole, repairs: [] }
  const mended = repaired(text)
  const value = mended.repairs.length === 0 ? undefined : read(mended.text)
  return value === undefined ? undefined : { value, repairs: mended.repairs }
}

/** A watch without its wrapper. */
export interface Watch {
  readonly id: string | undefined
  readonly active: boolean
  readonly body: Plain
}

/** Whether a value is a watch, wrapped or not. */
export const isWatch = (value: unknown): boolean => {
  const body = memberOf(value, 'watch') ?? value
  return isPlain(body) && isPlain(memberOf(body, 'trigger')) && (isPlain(memberOf(body, 'input')) || isPlain(memberOf(body, 'actions')))
}

/** Takes `{_id, watch}`, hits of `.watches` and bare watches. */
export function unwrapWatch(value: Plain): Watch {
  const source = memberOf(value, '_source')
  const outer = isPlain(source) ? source : value
  const inner = memberOf(outer, 'watch')
  const body = isPlain(inner) ? inner : outer
  const state = memberOf(memberOf(memberOf(value, 'status') ?? memberOf(body, 'status'), 'state'), 'active')
  return { id: wordOf(memberOf(value, '_id')) ?? wordOf(memberOf(memberOf(body, 'metadata'), 'name')), active: state !== false, body }
}

/** `ctx.metadata.threshold` as text. Undefined: no number and no text is there. */
export function metadataAt(body: Plain, path: string): string | undefined {
  if (!path.startsWith('ctx.metadata.')) return undefined
  let found: unknown = memberOf(body, 'metadata')
  for (const key of path.slice('ctx.metadata.'.length).split('.')) found = memberOf(found, key)
  return typeof found === 'string' || typeof found === 'number' || typeof found === 'boolean' ? String(found) : undefined
}

/** A value with the watch's own metadata in place of its tags. A text that is one tag becomes the number that is meant. The depth is that of the file, which is limited. */
export function filled(value: unknown, body: Plain): unknown {
  if (typeof value === 'string') {
    const text = fillMustache(value, (path) => metadataAt(body, path))
    return text !== value && /^-?\d+(\.\d+)?$/.test(text) && /^\{\{\{?[^{}]*\}?\}\}$/.test(value) ? Number(text) : text
  }
  if (Array.isArray(value)) return value.map((one) => filled(one, body))
  if (!isPlain(value)) return value
  const made: Record<string, unknown> = Object.create(null)
  for (const [key, one] of Object.entries(value)) made[key] = filled(one, body)
  return made
}
