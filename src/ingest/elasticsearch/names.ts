/** Names in paths: of indices, templates and their like; with wildcards, and with dates in them. */

import { indexNameFault } from './index-name.ts'

/** Parts of a list of names that are looked at; no client asks for more. */
const mostNames = 64

/** `filebeat-*,logs` → its parts; undefined when it means all: absent, `*`, `_all`. */
export function namesOf(list: string | undefined): readonly string[] | undefined {
  if (list === undefined || list === '*' || list === '_all') return undefined
  return list.split(',', mostNames).filter((name) => name !== '')
}

export const isPattern = (name: string): boolean => name.includes('*')

/** Whether a name fits a pattern in which `*` stands for any characters. Linear in either, so that no pattern is a trap. */
export function fits(pattern: string, name: string): boolean {
  let at = 0
  let star = -1
  let resume = 0
  for (let i = 0; i < name.length; ) {
    if (pattern[at] === '*') {
      star = at++
      resume = i
    } else if (pattern[at] === name[i]) {
      at++
      i++
    } else if (star >= 0) {
      at = star + 1
      i = ++resume
    } else return false
  }
  while (pattern[at] === '*') at++
  return at === pattern.length
}

/** Bytes of a name. */
const longestName = 255

/** What no name holds, and SQLite would not give back. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const control = /[\x00-\x1f\x7f]/

/** What is wrong with the name of an index to be, in Elasticsearch's words; undefined when nothing is. @param old as version 7 words it */
export function newIndexFault(name: string, old: boolean): string | undefined {
  // Dates that could be read are resolved by now.
  if (control.test(name) || /[<>]/.test(name)) return indexNameFault('<', old)
  return indexNameFault(name, old)
}

/** The same for names of templates, policies and pipelines. @param lower whether it must be in lower case */
export function entryNameFault(name: string, lower: boolean): string | undefined {
  if (/\s/.test(name) || control.test(name)) return 'name must not contain a space'
  for (const sign of [',', '#', '*']) if (name.includes(sign)) return `name must not contain a '${sign}'`
  if (name.startsWith('_')) return "name must not start with '_'"
  if (lower && name !== name.toLowerCase()) return 'name must be lower cased'
  return Buffer.byteLength(name) > longestName ? `name must not be longer than ${longestName} bytes` : undefined
}

const units: Readonly<Record<string, (time: Date, count: number) => void>> = {
  y: (time, count) => time.setUTCFullYear(time.getUTCFullYear() + count),
  M: (time, count) => time.setUTCMonth(time.getUTCMonth() + count),
  w: (time, count) => time.setUTCDate(time.getUTCDate() + 7 * count),
  d: (time, count) => time.setUTCDate(time.getUTCDate() + count),
  h: (time, count) => time.setUTCHours(time.getUTCHours() + count),
  H: (time, count) => time.setUTCHours(time.getUTCHours() + count),
  m: (time, count) => time.setUTCMinutes(time.getUTCMinutes() + count),
  s: (time, count) => time.setUTCSeconds(time.getUTCSeconds() + count),
}

/** Sets to its beginning the unit that stands first, and all those behind it. */
function roundTo(time: Date, unit: string): void {
  if (unit === 'w') time.setUTCDate(time.getUTCDate() - ((time.getUTCDay() + 6) % 7))
  const from = 'yMdhms'.indexOf(unit === 'H' ? 'h' : unit === 'w' ? 'd' : unit)
  if (from < 1) time.setUTCMonth(0)
  if (from < 2) time.setUTCDate(1)
  if (from < 3) time.setUTCHours(0)
  if (from < 4) time.setUTCMinutes(0)
  if (from < 5) time.setUTCSeconds(0)
}

const two = (value: number): string => String(value).padStart(2, '0')

/** Java's letters of dates, as far as names of indices hold them. */
const formatted = (time: Date, format: string): string =>
  format.replace(/yyyy|uuuu|YYYY|xxxx|yy|MM|dd|HH|mm|ss/g, (part) => {
    if (part === 'yy') return two(time.getUTCFullYear() % 100)
    if (part === 'MM') return two(time.getUTCMonth() + 1)
    if (part === 'dd') return two(time.getUTCDate())
    if (part === 'HH') return two(time.getUTCHours())
    if (part === 'mm') return two(time.getUTCMinutes())
    return part === 'ss' ? two(time.getUTCSeconds()) : String(time.getUTCFullYear()).padStart(4, '0')
  })

const expression = /\{now((?:[+-]\d{1,6}[yMwdhHms])*)(?:\/([yMwdhHms]))?(?:\{([^{}|]{1,40})(?:\|[^{}]{0,40})?\})?\}/g

/**
 * `<filebeat-{now/d}-000001>` → `filebeat-2026.11.21-000001`. Times are UTC: a time zone in it is passed over. Names without such brackets,
 * and what cannot be read, stay as they are.
 */
export function resolveDates(name: string, nowMs: number): string {
  if (!name.startsWith('<') || !name.endsWith('>') || name.length > 1024) return name
  const resolved = name.slice(1, -1).replace(expression, (all, steps: string, rounded: string | undefined, format = 'yyyy.MM.dd') => {
    const time = new Date(nowMs)
    time.setUTCMilliseconds(0)
    for (const [, count, unit = ''] of steps.matchAll(/([+-]\d+)([yMwdhHms])/g)) units[unit]?.(time, Number(count))
    if (rounded !== undefined) roundTo(time, rounded)
    return Number.isNaN(time.getTime()) ? all : formatted(time, format)
  })
  return /[{}]/.test(resolved) ? name : resolved
}
