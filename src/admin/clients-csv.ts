/** The list of clients as CSV (RFC 4180) for spreadsheets, which take cells that begin like a formula for one. */

import type { ClientRecord } from './api.ts'

const columns: readonly (readonly [title: string, cell: (one: ClientRecord) => string | number | boolean | undefined])[] = [
  ['endpoint', (one) => one.endpoint],
  ['format', (one) => one.format],
  ['key', (one) => one.key],
  ['library', (one) => one.library],
  ['version', (one) => one.version],
  ['language', (one) => one.language],
  ['probably', (one) => one.probably],
  ['addresses', (one) => one.addresses.join(' ')],
  ['via', (one) => one.via],
  ['first seen', (one) => one.firstSeen],
  ['last seen', (one) => one.lastSeen],
  ['items a minute', (one) => Math.round(one.itemsPerMinute)],
  ['items today', (one) => one.itemsToday],
  ['errors', (one) => one.errors],
  ['silent', (one) => one.silent],
  ['advice', (one) => one.advice],
]

/** What spreadsheets begin a formula with, also in its wide forms, and what they skip before it. */
const formula = /^[\s\p{C}=+\-@|%＝＋－＠；]/u

/** A cell that a sender chose is text, whatever it begins with. */
function cellOf(value: string | number | boolean | undefined): string {
  if (typeof value !== 'string') return String(value ?? '')
  const safe = formula.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

export function clientsCsv(clients: readonly ClientRecord[]): string {
  const rows = clients.map((one) => columns.map(([, cell]) => cellOf(cell(one))).join(','))
  return `${[columns.map(([title]) => title).join(','), ...rows].join('\r\n')}\r\n`
}
