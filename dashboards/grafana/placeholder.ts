/** What stands where nothing could be converted: a text panel with the old query. Section 4 of the reference. */

import type { Note } from '../model.ts'
import { isPlain } from './patch.ts'
import type { Plain } from './target.ts'

/** Longest query that a placeholder shows; the whole panel is kept beside it. */
const longestShown = 20_000

const secretKey = /pass(?:word|wd|phrase)?$|secret|token|api_?key|authori[sz]ation|credential|cookie|private_?key|webhook/i
const userInfo = /([a-z][a-z0-9+.-]{1,20}:\/\/)[^\s/@:"']{0,256}:[^\s/@"']{0,256}@/gi
const secretParameter = /([?&](?:[\w.-]{0,40}(?:token|secret|password|api_?key|signature))=)[^&#\s"']{1,4096}/gi

/** What stands for something that must not be copied. */
export const masked = '***'

/** A text without user info and tokens of URLs. */
export const withoutSecrets = (text: string): string => text.replace(userInfo, `$1${masked}@`).replace(secretParameter, `$1${masked}`)

/** A copy in which nothing secret stands. Values of keys that sound like a secret go, whatever they are. */
export function maskSecrets(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return withoutSecrets(value)
  if (depth > 200) return null
  if (Array.isArray(value)) return value.map((one) => maskSecrets(one, depth + 1))
  if (!isPlain(value)) return value
  const copy: Record<string, unknown> = Object.create(null)
  // Headers and parameters are pairs: `{ key: 'Authorization', value: … }`.
  const names = ['key', 'name', 'header'].some((key) => typeof value[key] === 'string' && secretKey.test(String(value[key])))
  for (const [key, one] of Object.entries(value))
    copy[key] =
      (secretKey.test(key) || (key === 'value' && names)) && typeof one !== 'object' && typeof one !== 'boolean'
        ? masked
        : maskSecrets(one, depth + 1)
  return copy
}

/** Backticks that no text ends: one more than the longest run in it, three at least. */
export function fenceFor(text: string): string {
  let longest = 2
  for (const [run] of text.matchAll(/`+/g)) longest = Math.max(longest, run.length)
  return '`'.repeat(longest + 1)
}

const escapeMarkdown = (text: string): string =>
  text.replace(/[&<>]/g, (sign) => (sign === '&' ? '&amp;' : sign === '<' ? '&lt;' : '&gt;')).replace(/[\\`*_[\]|]/g, '\\$&')

/** A query that a placeholder stands for. */
export interface OldQuery {
  readonly refId: string
  /** Language as the fence names it. */
  readonly language: string
  readonly text: string
  readonly notes: readonly Note[]
}

/** The text of a placeholder: why, the old queries, and where the report is. */
export function placeholderText(queries: readonly OldQuery[], reportUrl: string | undefined): string {
  const parts = ['**Not converted.**']
  for (const { refId, language, text, notes } of queries) {
    const shown = withoutSecrets(text.length > longestShown ? `${text.slice(0, longestShown)}…` : text)
    const fence = fenceFor(shown)
    for (const note of notes) parts.push(`${note.code}: ${escapeMarkdown(withoutSecrets(note.text))}`)
    parts.push(
      `${refId === '' ? '' : `${escapeMarkdown(refId)}:\n\n`}${fence}${/^[\w-]{1,32}$/.test(language) ? language : ''}\n${shown}\n${fence}`,
    )
  }
  if (reportUrl !== undefined) parts.push(`[Report of the conversion](${encodeURI(reportUrl).replaceAll(')', '%29')})`)
  return parts.join('\n\n')
}

/** The panel as it was, to be kept in its placeholder. */
export const keptOriginal = (panel: Plain): Plain => {
  const copy = maskSecrets(panel)
  return isPlain(copy) ? copy : {}
}
