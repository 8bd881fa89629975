/** Reports of the parity command, kept in a folder: the command writes them, the running bridge shows them and judges by them. */

import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BridgeError } from '../errors.ts'
import type { ParityFormat, ParityReport, ReportItem } from './model.ts'

/** A report in a few words. */
export interface RunSummary {
  readonly id: string
  readonly atMs: number
  readonly formats: readonly ParityFormat[]
  readonly fromMs: number
  readonly toMs: number
  readonly result: 'equal' | 'explained' | 'different' | 'failed'
  /** 0 to 1; undefined: nothing could be judged. */
  readonly parity: number | undefined
  readonly compared: number
  readonly missing: number
  /** The worst of it in words. */
  readonly why: string
}

/** What the reports say of one key, one a window. */
export interface StoredParity {
  readonly atMs: number
  readonly parity: number
  readonly sampled: number
  readonly lowerBound: number
  readonly why: string
  readonly mappingHash: string
}

export interface RunStore {
  /** Keeps a report; the oldest beyond what is kept go. Returns its id. */
  add(report: ParityReport): Promise<string>
  /** Latest first. What cannot be read is left out. */
  list(): Promise<readonly RunSummary[]>
  /** Undefined when there is none with this id. */
  read(id: string): Promise<ParityReport | undefined>
  /** Latest last, judged windows alone; out of what `list` or `read` saw last, so that asking costs nothing. */
  ofKey(format: ParityFormat, key: string): readonly StoredParity[]
}

/** Reports that are kept, and windows of one key that are remembered. */
const reportsKept = 200
const windowsKept = 50

const idPattern = /^\d{8}T\d{6}Z-[0-9a-f]{8}$/

const idOf = (atMs: number): string =>
  `${new Date(atMs).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z-${randomBytes(4).toString('hex')}`

const worstOf = (items: readonly ReportItem[]): ReportItem | undefined =>
  items.filter(({ verdict }) => verdict !== 'equal').toSorted((a, b) => a.parity - b.parity)[0]

function summaryOf(id: string, { startedAt, items, result }: ParityReport): RunSummary {
  const times = items.flatMap(({ window }) => [Date.parse(window.from), Date.parse(window.to)])
  const judged = items.filter(({ verdict }) => verdict !== 'unjudged')
  const worst = worstOf(items)
  const compared = judged.reduce((sum, { counts }) => sum + counts.expected, 0)
  const missing = judged.reduce((sum, { counts }) => sum + Math.max(0, counts.expected - Math.min(counts.old, counts.new)), 0)
  return {
    id,
    atMs: Date.parse(startedAt),
    formats: [...new Set(items.map(({ format }) => format))],
    fromMs: times.length === 0 ? Date.parse(startedAt) : Math.min(...times),
    toMs: times.length === 0 ? Date.parse(startedAt) : Math.max(...times),
    result:
      judged.length === 0
        ? 'failed'
        : judged.some(({ verdict }) => verdict === 'different')
          ? 'different'
          : judged.some(({ verdict }) => verdict === 'explained')
            ? 'explained'
            : 'equal',
    parity: judged.length === 0 ? undefined : result.parity,
    compared,
    missing,
    why: worst === undefined ? '' : `${worst.key}: ${worst.why}`,
  }
}

/** Where reports are kept: beside the disk queue. @param dataPath folder of the queue */
export const runsFolder = (dataPath: string): string => join(dataPath, 'parity')

const nameOf = (format: ParityFormat, key: string): string => `${format}\n${key}`

/** What reports say of each key, by {@link nameOf}: the latest windows, latest last. */
function windowsByKey(reports: Iterable<ParityReport>): ReadonlyMap<string, readonly StoredParity[]> {
  const found = new Map<string, StoredParity[]>()
  for (const { items, mappingHash } of reports) {
    for (const { format, key, window, parity, samples, verdict, why } of items) {
      if (verdict === 'unjudged') continue
      const { asked: sampled, lowerBound } = samples
      const one = { atMs: Date.parse(window.to), parity, sampled, lowerBound, why, mappingHash }
      const name = nameOf(format, key)
      const others = found.get(name)
      if (others === undefined) found.set(name, [one])
      else others.push(one)
    }
  }
  for (const [name, windows] of found) found.set(name, windows.sort((a, b) => a.atMs - b.atMs).slice(-windowsKept))
  return found
}

/** @param folder is made with the first report */
export function createRunStore(folder: string): RunStore {
  const known = new Map<string, { readonly summary: RunSummary; readonly report: ParityReport }>()
  /** Of what is known; undefined once that has changed. */
  let index: ReadonlyMap<string, readonly StoredParity[]> | undefined

  const parse = (id: string, text: string): boolean => {
    try {
      const report = JSON.parse(text) as ParityReport
      if (report.version !== 1 || !Array.isArray(report.items)) return false
      known.set(id, { summary: summaryOf(id, report), report })
      index = undefined
      return true
    } catch {
      return false
    }
  }

  const ids = async (): Promise<readonly string[]> => {
    try {
      const names = await readdir(folder)
      return names
        .filter((name) => name.endsWith('.json') && idPattern.test(name.slice(0, -5)))
        .map((name) => name.slice(0, -5))
        .toSorted()
    } catch {
      return []
    }
  }

  const load = async (id: string): Promise<boolean> => {
    if (known.has(id)) return true
    try {
      return parse(id, await readFile(join(folder, `${id}.json`), 'utf8'))
    } catch {
      return false
    }
  }

  return {
    async add(report) {
      const id = idOf(Date.parse(report.startedAt))
      const next = join(folder, `.${id}`)
      try {
        await mkdir(folder, { recursive: true })
        await writeFile(next, JSON.stringify(report), { mode: 0o600 })
        await rename(next, join(folder, `${id}.json`))
        for (const old of (await ids()).slice(0, -reportsKept)) await rm(join(folder, `${old}.json`), { force: true })
      } catch (cause) {
        await rm(next, { force: true })
        const why = cause instanceof Error ? cause.message : String(cause)
        throw new BridgeError('OB_PARITY', `cannot keep the report: ${why}`, { place: folder, cause })
      }
      return id
    },
    async list() {
      const present = await ids()
      for (const id of [...known.keys()]) if (!present.includes(id) && known.delete(id)) index = undefined
      const found: RunSummary[] = []
      for (const id of present.toReversed()) {
        if (await load(id)) found.push((known.get(id) as { summary: RunSummary }).summary)
      }
      return found
    },
    async read(id) {
      // It becomes a path.
      if (!idPattern.test(id) || !(await load(id))) return undefined
      return known.get(id)?.report
    },
    ofKey(format, key) {
      index ??= windowsByKey([...known.values()].map(({ report }) => report))
      return index.get(nameOf(format, key)) ?? []
    },
  }
}
