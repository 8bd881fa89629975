/** A store of log records on the new side, as the comparison sees it: entries with a time, a line and fields that are text. */

import type { ExpectedRecord } from './logs-expected.ts'
import type { DifferenceClass } from './model.ts'

/** An entry of the new side. */
export interface StoredEntry {
  readonly timeNs: bigint
  readonly line: string
  /** By the store's own names. */
  readonly fields: ReadonlyMap<string, string>
}

/** What an entry should be. */
export interface ExpectedEntry {
  readonly record: ExpectedRecord
  /** 0: the store will have put in the time at which the record came. */
  readonly timeNs: bigint
  readonly line: string
  /** More than one text where two fields fall on one name: the store keeps one of them. */
  readonly fields: ReadonlyMap<string, readonly string[]>
  /** Fields that the store does not keep. */
  readonly unkept: ReadonlyMap<string, string>
}

/** `[startNs, endNs)` */
export interface NanoRange {
  readonly startNs: bigint
  readonly endNs: bigint
}

export interface LogStore {
  /** Names of the fields that hold the old side's index and id. */
  readonly indexField: string
  readonly idField: string
  /** Class and rule of what the store itself does. */
  readonly shape: { readonly class: DifferenceClass; readonly rule: string }
  /** Entries by minute. @param index undefined: of all */
  counts(index: string | undefined, fromMs: number, toMs: number): Promise<ReadonlyMap<number, number>>
  /** Entries that {@link counts} has in the minute from `minuteMs` though they are of the one before. */
  edge(index: string | undefined, minuteMs: number): Promise<number>
  entries(index: string | undefined, range: NanoRange): AsyncGenerator<readonly StoredEntry[], void, undefined>
  /** Entries with one of these ids, of whatever index. */
  byIds(ids: readonly string[], range: NanoRange): Promise<readonly StoredEntry[]>
  /** Entries whose line has this text in it, of whatever index. */
  byText(text: string, range: NanoRange): Promise<readonly StoredEntry[]>
  expect(record: ExpectedRecord): ExpectedEntry
  /** Fields that the store, or who brought the record, adds by itself. */
  isAdded(field: string, expected: ExpectedEntry): boolean
}
