/** Writes the books: lines, names, what each process is doing; rolls minutes up to hours and keeps the file small. */

import { hostname } from 'node:os'
import { keyId } from './account.ts'
import type { Row } from './cells.ts'
import { columnCount, columnNames } from './columns.ts'
import type { BooksFile, OpenFile } from './file.ts'

export interface StoreOptions {
  /** Of this process, in accounts and in the table of processes. */
  readonly run: number
  /** ms */
  readonly minutes: number
  /** ms */
  readonly hours: number
  /** Bytes. */
  readonly maxSize: number
}

/** What waits now; for the lines of the page. */
export interface Waiting {
  readonly endpoint: string
  readonly items: number
  readonly ageMs: number
}

export interface Store {
  /** Writes the lines and says that this process lives. False when it could not: they are to be kept. */
  write(rows: readonly Row[], nowMs: number, waiting: readonly Waiting[]): boolean
  /** Part of the work of rolling up and keeping the size; to be called once a second. */
  tidy(nowMs: number): void
  /** Marks minutes of which not everything is known. */
  mark(minutes: readonly number[], why: string): void
  /** This process ends in order. */
  leave(): void
}

/** Rows a table is written with. */
const upsert = (table: string): string =>
  `INSERT INTO ${table} VALUES (?, ?${', ?'.repeat(columnCount)}) ON CONFLICT DO UPDATE SET ${columnNames.map((name) => `${name} = ${name} + excluded.${name}`).join(', ')}`

const fold = (from: string, to: string): string =>
  `INSERT INTO ${to} SELECT at / 60, id, ${columnNames.join(', ')} FROM ${from} WHERE at = ? ON CONFLICT DO UPDATE SET ${columnNames.map((name) => `${name} = ${name} + excluded.${name}`).join(', ')}`

const upsertMinute = upsert('minutes')
const upsertTotal = upsert('totals')
const foldMinute = fold('minutes', 'hours')
const foldTotal = fold('totals', 'total_hours')

/** Minutes that are folded in one go, so that no second is spent on it. */
const foldedAtOnce = 4

/** A process that was not heard of for so long is dead, whatever its number says. */
const silentMs = 15_000

/** How often a process says that it lives while there is nothing to write. */
const beatMs = 5000

/** What is lost by a crash was received at most so long after the last beat. */
const graceMs = beatMs + 1500

/** Names in the dictionary from which on those are looked for that no line has any more: it takes a while. */
const manyKeys = 100_000

const lives = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return typeof error === 'object' && error !== null && 'code' in error && error.code === 'EPERM'
  }
}

const number = (value: unknown): number => Number(value ?? 0)

/** Creates the store. @param file is shared with others who keep tables of their own in it */
export function createStore(file: BooksFile, options: StoreOptions, startMs: number): Store {
  const { run } = options
  const host = hostname()
  let lastBeat = 0
  let lastMinute = Math.floor(startMs / 60_000) - 1
  let shrinking = false
  let opened = false

  /** Processes that did not end in order: what they had not written is lost, so the minutes are marked. */
  const bury = (open: OpenFile, nowMs: number): void => {
    for (const { run: dead, pid, beat, host: where } of open.all('SELECT run, pid, host, beat FROM processes WHERE run <> ?', run)) {
      const ours = where === host
      const gone = (ours && (number(pid) === process.pid || !lives(number(pid)))) || Math.abs(nowMs - number(beat)) > silentMs
      if (!gone) continue
      const from = Math.floor(number(beat) / 60_000)
      for (let at = from; at <= Math.floor((number(beat) + graceMs) / 60_000); at++)
        open.run("INSERT OR IGNORE INTO marks VALUES (?, 'crash')", at)
      // What was open then may have gone out in the last second: nobody told the file.
      open.run(
        `INSERT OR IGNORE INTO marks SELECT DISTINCT at, 'open' FROM totals WHERE at <= ? AND at > ? AND (
          received - refused <> newDelivered + newRejected + newDead + newShed + newSkipped
          OR oldPut - oldRefused <> oldDelivered + oldSent + oldRejected + oldDead + oldShed)`,
        from,
        from - 2880,
      )
      open.run('DELETE FROM processes WHERE run = ?', number(dead))
    }
  }

  file.onOpen((open) => {
    bury(open, startMs)
    open.run('INSERT OR REPLACE INTO processes VALUES (?, ?, ?, ?)', run, process.pid, host, startMs)
    // A file that is new while we run knows nothing of before.
    if (opened) lastMinute = Number.MAX_SAFE_INTEGER
    opened = true
  })

  const beat = (open: OpenFile, nowMs: number, waiting: readonly Waiting[]): void => {
    open.run('UPDATE processes SET beat = ? WHERE run = ?', nowMs, run)
    const minute = Math.floor(nowMs / 60_000)
    if (minute !== lastMinute) {
      // Since the last time, or two days at most: a clock that was set makes no past.
      const from = minute > lastMinute && minute - lastMinute < 2880 ? lastMinute + 1 : minute
      for (let at = from; at <= minute; at++) open.run('INSERT OR IGNORE INTO alive VALUES (?)', at)
    }
    for (const { endpoint, items, ageMs } of waiting)
      open.run(
        'INSERT INTO gauges VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET items = excluded.items, age = excluded.age',
        minute,
        endpoint,
        items,
        ageMs,
      )
  }

  const writeRows = (open: OpenFile, rows: readonly Row[]): void => {
    const totals = new Map<string, { readonly id: number; readonly at: number; readonly counts: Float64Array }>()
    for (const { cell, minute, counts, reasons } of rows) {
      const { endpoint, format } = cell.group
      if (!cell.named) {
        open.run('INSERT OR REPLACE INTO keys VALUES (?, ?, ?, ?)', cell.id, endpoint, format, cell.key)
      }
      open.run(upsertMinute, minute, cell.id, ...counts)
      const name = `${minute} ${endpoint} ${format}`
      const total = totals.get(name)
      if (total === undefined) totals.set(name, { id: groupId(open, endpoint, format), at: minute, counts: counts.slice() })
      else for (let at = 0; at < columnCount; at++) total.counts[at] = (total.counts[at] as number) + (counts[at] as number)
      for (const [what, items] of reasons ?? [])
        open.run(
          'INSERT INTO reasons VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET items = items + excluded.items',
          minute,
          cell.id,
          what,
          items,
        )
    }
    for (const { id, at, counts } of totals.values()) open.run(upsertTotal, at, id, ...counts)
  }

  const groupId = (open: OpenFile, endpoint: string, format: string): number => {
    const id = keyId(endpoint, format, '\n')
    open.run('INSERT OR IGNORE INTO groups VALUES (?, ?, ?)', id, endpoint, format)
    return id
  }

  return {
    write(rows, nowMs, waiting) {
      if (rows.length === 0 && (!file.open || Math.abs(nowMs - lastBeat) < beatMs)) return true
      const done = file.write((open) => {
        writeRows(open, rows)
        beat(open, nowMs, waiting)
      })
      if (!done) return false
      for (const { cell } of rows) cell.named = true
      lastBeat = nowMs
      lastMinute = Math.floor(nowMs / 60_000)
      return true
    },
    tidy(nowMs) {
      if (!file.open) return
      const minute = Math.floor(nowMs / 60_000)
      const [keptFrom, hoursFrom] = [minute - Math.floor(options.minutes / 60_000), Math.floor((nowMs - options.hours) / 3_600_000)]
      const size = file.read((open) => open.size()) ?? 0
      // Not at the very edge, or it would be reached again with every line.
      shrinking = size > options.maxSize * (shrinking ? 0.9 : 1)
      const oldest = file.read((open) => open.get('SELECT min(at) AS at FROM totals')?.['at'])
      const old = typeof oldest === 'number' && (oldest < keptFrom || shrinking)
      const late = file.read((open) => open.get('SELECT min(at) AS at FROM hours')?.['at'])
      const gone = typeof late === 'number' && (late < hoursFrom || (shrinking && !old))
      if (!old && !gone) return
      file.write((open) => {
        for (let turn = 0; turn < foldedAtOnce; turn++) {
          const first = open.get('SELECT min(at) AS at FROM totals')?.['at']
          if (typeof first !== 'number' || (first >= keptFrom && !shrinking) || first >= minute - 60) break
          open.run(foldMinute, first)
          open.run(foldTotal, first)
          for (const table of ['minutes', 'totals', 'reasons', 'gauges']) open.run(`DELETE FROM ${table} WHERE at <= ?`, first)
        }
        if (!gone) return
        open.run('DELETE FROM hours WHERE at = ?', late as number)
        open.run('DELETE FROM total_hours WHERE at <= ?', late as number)
        open.run('DELETE FROM alive WHERE at < ?', hoursFrom * 60)
        open.run('DELETE FROM marks WHERE at < ?', hoursFrom * 60)
        if (number(open.get('SELECT count(*) AS n FROM keys')?.['n']) > manyKeys)
          open.run('DELETE FROM keys WHERE id NOT IN (SELECT id FROM minutes) AND id NOT IN (SELECT id FROM hours)')
      })
    },
    mark(minutes, why) {
      if (minutes.length > 0)
        file.write((open) => {
          for (const at of minutes) open.run('INSERT OR IGNORE INTO marks VALUES (?, ?)', at, why)
        })
    },
    leave() {
      if (file.open) file.write((open) => open.run('DELETE FROM processes WHERE run = ?', run))
    },
  }
}
