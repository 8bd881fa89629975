/** New values of a JSON text, laid out as what is around them. */

import { escapeText, type JsonStyle } from './json-strings.ts'

/** How a value is laid out. */
export interface JsonLayout {
  readonly style: JsonStyle
  /** White space of one step; undefined: all on one line. */
  readonly indent: string | undefined
  readonly eol: string
  /** Between a key and its value. */
  readonly colon: string
  /** Between elements on one line. */
  readonly comma: string
}

const plainObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null

/** A key as it stands in the file. */
export const writeKey = (key: string, { style, colon }: JsonLayout): string => `"${escapeText(key, style)}"${colon}`

/**
 * A value as JSON. Members that are undefined are left out; numbers that JSON has no word for become null.
 * @param base indentation of the line that the value begins on
 */
export function writeJson(value: unknown, layout: JsonLayout, base: string): string {
  if (typeof value === 'string') return `"${escapeText(value, layout.style)}"`
  if (!plainObject(value)) return JSON.stringify(value) ?? 'null'
  const list = Array.isArray(value)
  const inner = layout.indent === undefined ? base : base + layout.indent
  const parts = list
    ? value.map((item) => writeJson(item, layout, inner))
    : Object.entries(value).flatMap(([key, member]) =>
        member === undefined ? [] : [`${writeKey(key, layout)}${writeJson(member, layout, inner)}`],
      )
  const [open, close] = list ? '[]' : '{}'
  if (parts.length === 0) return `${open}${close}`
  if (layout.indent === undefined) return `${open}${parts.join(layout.comma)}${close}`
  const line = `${layout.eol}${inner}`
  return `${open}${line}${parts.join(`,${line}`)}${layout.eol}${base}${close}`
}
