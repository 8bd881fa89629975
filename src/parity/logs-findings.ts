/** What is wrong with the documents of one index in one window, field by field and minute by minute. */

import { createDifferences } from './differences.ts'
import { logCensus } from './logs-census.ts'
import { isOwnId, type Match } from './logs-matching.ts'
import type { ExpectedEntry, LogStore, StoredEntry } from './logs-store.ts'
import { sameText } from './logs-text.ts'
import type { DifferenceClass, DifferenceKind, Finding, KeyResult } from './model.ts'

export interface LogFindings {
  /** A document and the entry that it became. @param sampled false: it was looked at because its minute differs */
  matched(match: Match, sampled: boolean): void
  missing(expected: ExpectedEntry, sampled: boolean): void
  /** A document that is another one's equal. */
  repeated(expected: ExpectedEntry, sampled: boolean): void
  /** An entry that no document became. */
  extra(entry: StoredEntry, isRepeated: boolean): void
  /** How many documents a minute has that is looked at one by one. */
  sized(minuteMs: number, documents: number): void
  /** A minute of which the numbers differ, where it could not be looked at one by one. */
  minute(minuteMs: number, old: number, other: number): void
  /** Documents that are explained to differ in number. */
  explained(what: DifferenceClass, rule: string, path: string, kind: DifferenceKind, minuteMs: number, count: number): void
  result(): Pick<KeyResult, 'samples' | 'differences'>
}

const minuteOf = (ms: number): string => new Date(ms).toISOString().slice(11, 16)
const millis = (ns: bigint): number => Number(ns / 1_000_000n)

/** Findings of one minute that are told one by one. */
const mostOfMinute = 100_000

/** `ns cut to ms`, and the like: what became of a time. */
function timeChange(expected: bigint, found: bigint): string {
  const unit = (
    [
      ['s', 1_000_000_000n],
      ['ms', 1_000_000n],
      ['µs', 1000n],
    ] as const
  ).find(([, size]) => found === (expected / size) * size)
  if (unit !== undefined) return `timestamp, cut to ${unit[0]}`
  const shift = found - expected
  return shift % 1_000_000n === 0n ? `timestamp, shifted by ${shift / 1_000_000n} ms` : 'timestamp'
}

/** `body, cut to 4096 bytes` */
function lineChange(expected: string, found: string): string {
  return found !== '' && expected.startsWith(found) ? `body, cut to ${Buffer.byteLength(found)} bytes` : 'body'
}

export interface LogFindingsOptions {
  readonly index: string
  readonly store: LogStore
  /** `--tolerance pipelines=judged` */
  readonly judgesPipelines: boolean
  /** Ingest pipelines of the index itself. */
  readonly pipelines: readonly string[]
  /** See `DocumentTranslator.isRuled`. */
  readonly isRuled: (path: string) => boolean
}

export function createLogFindings({ index, store, judgesPipelines, pipelines, isRuled }: LogFindingsOptions): LogFindings {
  const differences = createDifferences(`documents of index ${index}`)
  const samples = { asked: 0, foundNew: 0, equal: 0, explained: 0, unexplained: 0 }
  const perMinute = new Map<string, number>()
  /** Documents that were looked at: one of a minute that differs may be among the samples, too, and is told of once. */
  const told = new Set<string>()

  const isNew = (id: string): boolean => {
    const before = told.size
    return told.add(id).size > before
  }

  const changesPipeline = (entry: StoredEntry): boolean => {
    const named = [...entry.fields.keys()].some((name) => /elasticsearch[._]pipeline$/.test(name))
    return !judgesPipelines && (named || pipelines.length > 0)
  }

  /** Compares fields; gives the worst: 0 equal, 1 explained, 2 unexplained. */
  const fields = ({ expected, found, by }: Match, isTold: boolean): number => {
    const { record } = expected
    const id = record.id
    const atMs = millis(found.timeNs)
    let worst = 0
    const piped = changesPipeline(found)
    const add = (finding: Omit<Finding, 'id' | 'atMs'>): void => {
      const isPiped = piped && finding.class === 'unexplained'
      if (!isTold) differences.add({ ...finding, ...(isPiped ? { class: 'pipeline', rule: '3.6 pipeline' } : {}), id, atMs })
      worst = Math.max(worst, finding.class === 'unexplained' && !isPiped ? 2 : 1)
    }
    const wrong = (kind: DifferenceKind, path: string, values: Pick<Finding, 'old' | 'new' | 'expected'>): void =>
      add({ class: 'unexplained', kind, rule: '', path, ...values })

    if (by === 'time') {
      const values = { old: String(expected.timeNs), expected: String(expected.timeNs), new: String(found.timeNs) }
      if (expected.timeNs === 0n) add({ class: 'observed_time', kind: 'changed', rule: '3.6 time 0', path: 'timestamp', ...values })
      else wrong('changed', timeChange(expected.timeNs, found.timeNs), values)
    }
    if (!sameText(expected.line, found.line)) {
      wrong('changed', lineChange(expected.line, found.line), { old: expected.line, expected: expected.line, new: found.line })
    }
    for (const [name, [text = '', ...others]] of expected.fields) {
      const there = found.fields.get(name)
      const path = `attributes["${name}"]`
      if (there === undefined) {
        // An id that Elasticsearch made was never sent.
        const own = name === store.idField && isOwnId(record.id)
        if (!own) wrong('missing_new', path, { old: text, expected: text })
      } else if (!sameText(text, there)) {
        const alias = name === store.indexField && index !== record.index && there === index
        const other = others.some((one) => sameText(one, there))
        if (other) add({ ...store.shape, kind: 'changed', path, old: text, expected: text, new: there })
        else if (!alias) wrong('changed', path, { old: text, expected: text, new: there })
      }
    }
    for (const [name, text] of found.fields) {
      if (!expected.fields.has(name) && !store.isAdded(name, expected)) wrong('extra_new', `attributes["${name}"]`, { new: text })
    }
    for (const [name, text] of expected.unkept) {
      if (text !== '') add({ ...store.shape, kind: 'missing_new', path: `attributes["${name}"]`, old: text, expected: text })
    }
    // Where the first path found nothing, the second one may: it shares no rule with the bridge.
    if (worst === 0 && !piped) {
      for (const { path, value } of logCensus(record.source, found, { isRuled, index: record.index, indexField: store.indexField })) {
        if (path === '_index' && found.fields.get(store.indexField) === index) continue
        wrong('unaccounted', path, { old: value })
      }
    }
    return worst
  }

  const count = (sampled: boolean, worst: number, found: boolean): void => {
    if (!sampled) return
    samples.asked++
    if (found) samples.foundNew++
    if (worst === 0) samples.equal++
    else if (worst === 1) samples.explained++
    else samples.unexplained++
  }

  const minutePath = (ms: number): string => `documents at ${minuteOf(ms)}`

  return {
    matched(match, sampled) {
      count(sampled, fields(match, !isNew(match.expected.record.id)), true)
    },
    missing({ record, timeNs, line }, sampled) {
      const atMs = millis(timeNs)
      const finding = { class: 'unexplained', kind: 'missing_new', rule: '', id: record.id, old: line, atMs } as const
      if (isNew(record.id)) differences.add({ ...finding, path: minutePath(atMs) })
      count(sampled, 2, false)
    },
    repeated({ record, timeNs, line }, sampled) {
      const atMs = millis(timeNs)
      differences.add({
        class: 'duplicate',
        kind: 'missing_new',
        rule: '3.6 duplicates',
        path: 'documents',
        id: record.id,
        old: line,
        atMs,
      })
      count(sampled, 1, true)
    },
    extra(entry, isRepeated) {
      const atMs = millis(entry.timeNs)
      const id = entry.fields.get(store.idField) ?? String(entry.timeNs)
      const what = isRepeated ? ({ class: 'duplicate', rule: '3.6 duplicates' } as const) : ({ class: 'unexplained', rule: '' } as const)
      const path = isRepeated ? 'documents' : minutePath(atMs)
      differences.add({ ...what, kind: 'missing_old', path, id, new: entry.line, atMs })
    },
    sized(minuteMs, documents) {
      perMinute.set(minutePath(minuteMs), documents)
    },
    minute(minuteMs, old, other) {
      const kind = old > other ? 'missing_new' : 'missing_old'
      const path = minutePath(minuteMs)
      perMinute.set(path, Math.max(old, other))
      for (let at = 0; at < Math.min(Math.abs(old - other), mostOfMinute); at++) {
        differences.add({ class: 'unexplained', kind, rule: '', path, id: `${old} | ${other}`, old, new: other, atMs: minuteMs })
      }
    },
    explained(what, rule, path, kind, minuteMs, many) {
      for (let at = 0; at < Math.min(many, mostOfMinute); at++) differences.add({ class: what, kind, rule, path, id: '', atMs: minuteMs })
    },
    result: () => ({
      samples: { ...samples, foundOld: samples.asked },
      differences: differences.rows(({ path }) => perMinute.get(path) ?? samples.asked),
    }),
  }
}
