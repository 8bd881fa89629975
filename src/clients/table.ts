/** The table `clients` in the file of the books. Processes of one bridge share it: they add, and none overwrites what another counted. */

import type { OpenFile } from '../books/file.ts'
import type { Entries, Entry } from './entries.ts'

const schema = `CREATE TABLE IF NOT EXISTS clients (endpoint TEXT NOT NULL, agent TEXT NOT NULL, format TEXT NOT NULL, key TEXT NOT NULL,
  identity TEXT NOT NULL, addresses TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, items INTEGER NOT NULL, errors INTEGER NOT NULL,
  day INTEGER NOT NULL, day_items INTEGER NOT NULL, rate REAL NOT NULL, PRIMARY KEY (endpoint, agent, format, key)) WITHOUT ROWID`

/** Rows are kept for so long after they were last heard of. */
const keptMs = 35 * 86_400_000

const upsert = `INSERT INTO clients VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
  identity = excluded.identity, addresses = excluded.addresses, first = min(first, excluded.first), last = max(last, excluded.last),
  items = items + excluded.items, errors = errors + excluded.errors,
  day_items = CASE WHEN day = excluded.day THEN day_items + excluded.day_items ELSE excluded.day_items END, day = excluded.day, rate = excluded.rate`

/** Adds what was counted since the last time. @param gone entries that left the list */
export function saveClients(open: OpenFile, dirty: readonly Entry[], gone: readonly Entry[], nowMs: number): void {
  open.run(schema)
  for (const { agent, format, key } of gone)
    open.run('DELETE FROM clients WHERE endpoint = ? AND agent = ? AND format = ? AND key = ?', agent.endpoint, agent.name, format, key)
  for (const entry of dirty) {
    open.run(
      upsert,
      entry.agent.endpoint,
      entry.agent.name,
      entry.format,
      entry.key,
      JSON.stringify(entry.agent.identity),
      JSON.stringify(entry.addresses.list()),
      entry.firstMs,
      entry.lastMs,
      entry.newItems,
      entry.newErrors,
      entry.day,
      Math.min(entry.newItems, entry.dayItems),
      entry.rate,
    )
  }
  open.run('DELETE FROM clients WHERE last < ?', nowMs - keptMs)
}

/** Takes over what the file knows; what was counted here and is not written yet is added to it. */
export function loadClients(open: OpenFile, entries: Entries): void {
  open.run(schema)
  for (const row of open.all('SELECT * FROM clients ORDER BY last')) {
    const endpoint = String(row['endpoint'])
    const agent = entries.named(endpoint, String(row['agent']), JSON.parse(String(row['identity'])))
    const entry = entries.entry(agent, String(row['format']), String(row['key']), Number(row['last']), JSON.parse(String(row['addresses'])))
    entry.firstMs = Math.min(entry.firstMs, Number(row['first']))
    entry.lastMs = Math.max(entry.lastMs, Number(row['last']))
    entry.items = Number(row['items']) + entry.newItems
    entry.errors = Number(row['errors']) + entry.newErrors
    const day = Number(row['day'])
    if (day >= entry.day) {
      entry.dayItems = Number(row['day_items']) + (day === entry.day ? entry.newItems : 0)
      entry.day = day
    }
    if (entry.rate === 0) entry.rate = Number(row['rate'])
  }
}
