/** Live parity: what the books alone say of each minute and key. No backend is asked. */

import { setImmediate as turn } from 'node:timers/promises'
import type { LiveMinute, ParityLive } from '../admin/api.ts'
import type { ParityQuery } from '../admin/sources.ts'
import type { Books, Side } from './books.ts'
import { type Line, newOpen, notMirrored, oldOpen } from './columns.ts'
import { type KeyLine, type ReasonLine, readBusy, readKnown, readMinutes, readReasons, readUneven } from './reading.ts'

export interface LiveDeps {
  readonly books: Pick<Books, 'file' | 'flush' | 'nowMs'>
  /** Age of what has waited longest for a side of an endpoint; undefined: nothing waits. Default: nothing ever does. */
  readonly oldestMs?: (endpoint: string, side: Side) => number | undefined
  /** Whether an endpoint has an old side; default: when something was put for it. */
  readonly mirrored?: (endpoint: string) => boolean
}

/** What is under way when a minute ends may take so long, also where nothing waits. */
const settleMs = 10_000

/** Lines that are shown. */
const maxShown = 2000

const plural = (items: number, what: string): string => `${items} ${what}`

/** How a minute of a key stands. */
export interface Judged {
  readonly verdict: LiveMinute['verdict']
  readonly text: string
}

export interface Judging {
  readonly closed: boolean
  readonly marks: ReadonlySet<string> | undefined
  readonly reasons: readonly ReasonLine[]
  readonly mirrored: boolean
}

/** Why, in the words of the books: `new side: 12 dead letters (413)`. */
const because = (side: Side, outcome: string, word: string, items: number, reasons: readonly ReasonLine[]): string => {
  const prefix = `${side} ${outcome} `
  const why = reasons
    .filter(({ what }) => what.startsWith(prefix))
    .map(({ what, items: count }) => (count === items ? what.slice(prefix.length) : `${count} ${what.slice(prefix.length)}`))
  return `${side} side: ${plural(items, word)}${why.length === 0 ? '' : ` (${why.slice(0, 3).join(', ')})`}`
}

/** The verdict over one line. */
export function judge(line: Line, { closed, marks, reasons, mirrored }: Judging): Judged {
  const [missingNew, missingOld] = [newOpen(line), oldOpen(line)]
  const short: string[] = []
  const told = (side: Side, outcome: string, word: string, items: number): void => {
    if (items > 0) short.push(because(side, outcome, word, items, reasons))
  }
  told('new', 'dead', 'dead letters', line.newDead)
  told('new', 'dropped', 'lost or shed', line.newShed)
  told('new', 'rejected', 'left out by the endpoint', line.newRejected)
  told('old', 'dead', 'dead letters', line.oldDead)
  told('old', 'dropped', 'lost or shed', line.oldShed)
  told('old', 'rejected', 'left out by the old backend', line.oldRejected)
  if (!closed && (missingNew > 0 || missingOld > 0)) {
    const waits = [missingNew > 0 ? `${missingNew} for the new side` : '', missingOld > 0 ? `${missingOld} for the old side` : '']
    return { verdict: 'open', text: `waiting: ${waits.filter((one) => one !== '').join(', ')}` }
  }
  if (marks?.has('crash') || marks?.has('lost'))
    return { verdict: 'unknown', text: 'a process ended in this minute: what it counted in its last seconds is not known' }
  if (marks?.has('open') && (missingNew > 0 || missingOld > 0))
    return {
      verdict: 'unknown',
      text: `a process ended while ${plural(Math.max(missingNew, missingOld), 'items')} were under way: what became of them is not known`,
    }
  if (missingNew > 0) short.push(`new side: ${missingNew} missing, the books do not say why`)
  if (missingOld > 0) short.push(`old side: ${missingOld} missing, the books do not say why`)
  if (short.length > 0) return { verdict: 'short', text: short.join('; ') }
  const explained: string[] = []
  const explain = (side: Side, outcome: string, word: string, items: number): void => {
    if (items > 0) explained.push(because(side, outcome, word, items, reasons))
  }
  explain('new', 'refused', 'refused, the sender was told', line.refused)
  explain('new', 'skipped', 'skipped', line.newSkipped)
  if (mirrored) explain('old', 'skipped', 'not sent there', notMirrored(line))
  if (missingNew < 0) explained.push(`new side: ${-missingNew} more than once`)
  if (missingOld < 0) explained.push(`old side: ${-missingOld} more than once`)
  return explained.length > 0 ? { verdict: 'explained', text: explained.join('; ') } : { verdict: 'equal', text: '' }
}

const minuteOf = (ms: number): number => Math.floor(ms / 60_000)

/** A line with its verdict. */
export interface JudgedLine extends KeyLine, Judged {
  readonly closed: boolean
}

/** What judges the lines of a window. */
function createJudge({ books, oldestMs, mirrored }: LiveDeps, from: number, to: number): (one: KeyLine) => JudgedLine {
  const now = books.nowMs()
  const { marks } = readKnown(books.file, from, to)
  const reasons = readReasons(books.file, from, to)
  const waits = new Map<string, number>()
  const waitingSince = (one: string): number => {
    let age = waits.get(one)
    if (age === undefined) waits.set(one, (age = Math.max(oldestMs?.(one, 'old') ?? 0, oldestMs?.(one, 'new') ?? 0)))
    return now - age
  }
  return (one) => {
    const closed = (one.at + 1) * 60_000 <= Math.min(now - settleMs, waitingSince(one.endpoint))
    const judging = {
      closed,
      marks: marks.get(one.at),
      reasons: reasons.get(`${one.at} ${one.id}`) ?? [],
      mirrored: mirrored?.(one.endpoint) ?? one.line.oldPut > 0,
    }
    return { ...one, ...judge(one.line, judging), closed }
  }
}

/** Every minute and key within a window of whole minutes, oldest first. All at once: for windows of an hour or so, or of one key. */
export function judgeMinutes(deps: LiveDeps, { endpoint, key, fromMs, toMs }: ParityQuery): readonly JudgedLine[] {
  const { books } = deps
  books.flush()
  const [from, to] = [minuteOf(fromMs), minuteOf(Math.min(toMs - 1, books.nowMs()))]
  return readMinutes(books.file, { from, to, endpoint, key }).map(createJudge(deps, from, to))
}

const timeOf = (minute: number): string => new Date(minute * 60_000).toISOString()

const rank = { short: 0, unknown: 1, open: 2, explained: 3, equal: 4 } as const

const shown = ({ at, endpoint, format, key, line, verdict, text }: JudgedLine): LiveMinute => ({
  at: timeOf(at),
  endpoint,
  format,
  key,
  received: line.received,
  old: { delivered: line.oldDelivered + line.oldSent, expected: line.oldPut - line.oldRefused },
  new: { delivered: line.newDelivered, expected: line.received - line.refused - line.newSkipped },
  verdict,
  text,
})

/** Minutes that are read at a time: a day of many keys is not read without letting others have their turn. */
const minutesAtOnce = 60

/** Lines that are not equal; nobody reads more. */
const maxJudged = 20_000

/**
 * What `/parity/live` answers. A minute of an endpoint is as good as the worst of its keys; minutes in which no bridge ran, or of which nothing is known,
 * count as unknown. Lines that are equal are counted where they lie, and read only as far as they are shown. @param query whole minutes
 */
export async function readLive(deps: LiveDeps, query: ParityQuery): Promise<ParityLive> {
  const { books, mirrored } = deps
  const { endpoint, key } = query
  books.flush()
  const now = books.nowMs()
  const [from, to] = [minuteOf(query.fromMs), minuteOf(Math.min(query.toMs - 1, now))]
  const judgeLine = createJudge(deps, from, to)
  const busy = readBusy(books.file, { from, to, endpoint })
  const old = mirrored === undefined ? [] : [...busy.keys()].filter(mirrored)
  const judged: JudgedLine[] = []
  // Of one key all that there is; else what is not equal, latest first.
  if (key !== undefined) judged.push(...readMinutes(books.file, { from, to, endpoint, key }).map(judgeLine))
  for (let last = to; key === undefined && last >= from && judged.length < maxJudged; last -= minutesAtOnce) {
    const wanted = { from: Math.max(from, last - minutesAtOnce + 1), to: last, endpoint, key }
    judged.push(...readUneven(books.file, wanted, old).map(judgeLine))
    await turn()
  }
  const { alive } = readKnown(books.file, from, to)
  const unknown = Math.max(0, to - from + 1 - alive.size)
  const worst = new Map<string, Map<number, LiveMinute['verdict']>>()
  for (const [name, minutes] of key === undefined ? busy : []) worst.set(name, new Map(minutes.map((at) => [at, 'equal'])))
  for (const { endpoint: name, at, verdict } of judged) {
    let minutes = worst.get(name)
    if (minutes === undefined) worst.set(name, (minutes = new Map()))
    const before = minutes.get(at)
    if (before === undefined || rank[verdict] < rank[before]) minutes.set(at, verdict)
  }
  const summary = [...worst].map(([name, minutes]) => {
    const sums = { minutes: minutes.size + unknown, equal: 0, explained: 0, short: 0, open: 0, unknown }
    for (const verdict of minutes.values()) sums[verdict]++
    return { endpoint: name, ...sums }
  })
  const latest = key === undefined ? readMinutes(books.file, { from, to, endpoint, key }, maxShown).map(judgeLine) : judged
  const ordered = [...judged.filter(({ verdict }) => verdict !== 'equal'), ...latest.filter(({ verdict }) => verdict === 'equal')].sort(
    (a, b) => Number(a.verdict === 'equal') - Number(b.verdict === 'equal') || b.at - a.at,
  )
  return {
    at: new Date(now).toISOString(),
    from: timeOf(from),
    to: timeOf(to + 1),
    summary,
    minutes: ordered.slice(0, maxShown).map(shown),
  }
}
