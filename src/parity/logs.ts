/**
 * Logs as stored, old Elasticsearch against Loki or Elasticsearch in OTel mode: cutover 3.6. By index: numbers of documents by minute, all
 * documents of the minutes that differ, and a sample out of the others, field by field.
 */

import { BridgeError } from '../errors.ts'
import { createElasticsearchSearch, type ElasticsearchSearch, type Hit } from '../read/elasticsearch-search.ts'
import type { ElasticsearchTranslateConfig } from '../translate/elasticsearch/config.ts'
import { keyFilter } from './keys.ts'
import { createDocumentTranslator, type DocumentTranslator, type NoRecord, streamOf } from './logs-expected.ts'
import { createLogFindings, type LogFindings } from './logs-findings.ts'
import { createLokiStore } from './logs-loki.ts'
import { type Matching, matchEntries, repeatedEntries } from './logs-matching.ts'
import { createOtelStore } from './logs-otel.ts'
import type { ExpectedEntry, LogStore, StoredEntry } from './logs-store.ts'
import { type CompareDeps, type Comparison, type ExpectedMinute, type KeyResult, type Window, wholeItem } from './model.ts'

const minuteMs = 60_000
const nanos = 1_000_000n
const second = 1_000_000_000n

/** Indices behind the names that were asked for. */
const mostIndices = 200

/** Minutes that differ and are looked at one by one, and most documents of one of them. */
const mostMinutes = 10
const mostOfMinute = 10_000

/** Parts of a window that samples are taken from. */
const slices = 5

/** Documents not found where they should be that are looked for elsewhere. */
const mostSearches = 20

/** Words of a text that it is looked for by, when it has no id. */
const searchedCharacters = 60

const wordOf: Readonly<Record<NoRecord, string>> = {
  span: 'documents that are spans',
  points: 'documents that are data points',
  discarded: 'documents that are left out',
  refused: 'documents that the bridge refuses',
  no_source: 'documents without source',
}

/** An index or data stream, and where it lies. */
interface Key {
  readonly key: string
  readonly indices: readonly string[]
  /** What the books say of it; undefined: they say nothing, and the old side is what is expected. */
  readonly books: readonly ExpectedMinute[] | undefined
}

interface Tools {
  readonly search: ElasticsearchSearch
  readonly store: LogStore
  readonly translator: DocumentTranslator
  readonly deps: CompareDeps
}

async function gather(pages: AsyncIterable<readonly StoredEntry[]>, most: number): Promise<readonly StoredEntry[] | undefined> {
  const all: StoredEntry[] = []
  for await (const page of pages) {
    all.push(...page)
    if (all.length > most) return undefined
  }
  return all
}

/** Records of documents; those that become none are told of by minute. */
function expectedOf(hits: readonly Hit[], key: string, { translator, store }: Tools, none: (why: NoRecord) => void): ExpectedEntry[] {
  return hits.flatMap((hit) => {
    // An alias is known by its own name on the new side, a backing index by its stream's.
    const record = translator.record(hit, streamOf(hit.index) === hit.index ? hit.index : key)
    if (typeof record !== 'string') return [store.expect(record)]
    none(record)
    return []
  })
}

const rangeAround = (expected: readonly ExpectedEntry[], aroundNs: bigint): { startNs: bigint; endNs: bigint } | undefined => {
  let least: bigint | undefined
  let most = 0n
  for (const { timeNs } of expected) {
    if (timeNs === 0n) continue
    if (least === undefined || timeNs < least) least = timeNs
    if (timeNs > most) most = timeNs
  }
  if (least === undefined) return undefined
  return { startNs: least - aroundNs, endNs: most + aroundNs + 1n }
}

/** Looks for what was not found in its index and at its time: by id, or by its text, anywhere a second around. */
async function lookElsewhere({ missing, ...matching }: Matching, { store }: Tools): Promise<Matching> {
  const asked = missing.slice(0, mostSearches)
  const range = rangeAround(asked, second)
  if (range === undefined) return { missing, ...matching }
  const found: StoredEntry[] = [
    ...(await store.byIds(
      asked.map(({ record }) => record.id),
      range,
    )),
  ]
  if (found.length < asked.length) {
    for (const one of asked) {
      const around = rangeAround([one], second)
      const words = one.line.slice(0, searchedCharacters)
      if (around === undefined || words === '' || found.some((entry) => entry.fields.get(store.idField) === one.record.id)) continue
      found.push(...(await store.byText(words, around)))
    }
  }
  const known = new Set(matching.matches.map((one) => `${one.found.timeNs} ${one.found.line}`))
  const again = matchEntries(
    asked,
    found.filter((entry) => !known.has(`${entry.timeNs} ${entry.line}`)),
    store.idField,
  )
  return {
    matches: [...matching.matches, ...again.matches],
    repeated: [...matching.repeated, ...again.repeated],
    missing: [...again.missing, ...missing.slice(mostSearches)],
    left: matching.left,
  }
}

/** A minute whose numbers differ. */
interface Minute {
  readonly atMs: number
  readonly old: number
  readonly other: number
}

const pathOf = ({ indices }: Key): string => indices.join(',')

/** Looks at all of a minute. Gives how many documents are distinct, and how many of them are on the new side. */
async function compareMinute(minute: Minute, key: Key, tools: Tools, findings: LogFindings): Promise<{ old: number; new: number }> {
  const { search, store } = tools
  const { atMs } = minute
  if (Math.max(minute.old, minute.other) > mostOfMinute) {
    findings.minute(atMs, minute.old, minute.other)
    return { old: minute.old, new: minute.other }
  }
  findings.sized(atMs, Math.max(minute.old, minute.other))
  const hits = await search.find(pathOf(key), { fromMs: atMs, toMs: atMs + minuteMs }, undefined, mostOfMinute)
  let without = 0
  const expected = expectedOf(hits, key.key, tools, (why) => {
    without++
    const refused = why === 'refused'
    findings.explained(refused ? 'refused_by_new' : 'mapped', `elasticsearch.md 7 ${why}`, wordOf[why], 'missing_new', atMs, 1)
  })
  const range = { startNs: BigInt(atMs) * nanos, endNs: BigInt(atMs + minuteMs) * nanos }
  const entries = await gather(store.entries(key.key, range), 2 * mostOfMinute)
  if (entries === undefined) {
    findings.minute(atMs, minute.old, minute.other)
    return { old: minute.old, new: minute.other }
  }
  const matching = await lookElsewhere(matchEntries(expected, entries, store.idField), tools)
  const again = repeatedEntries(matching.matches, matching.left)
  for (const one of matching.matches) findings.matched(one, false)
  for (const one of matching.missing) findings.missing(one, false)
  for (const one of matching.repeated) findings.repeated(one, false)
  for (const one of matching.left) findings.extra(one, again.has(one))
  const distinct = hits.length - without - matching.repeated.length
  // What was found under another index or at another time is there.
  return { old: distinct, new: distinct - matching.missing.length + matching.left.length - again.size }
}

/** Numbers by minute, and documents of the minutes that differ. */
async function compareCounts(key: Key, window: Window, tools: Tools, findings: LogFindings): Promise<KeyResult['counts']> {
  const { search, store, deps } = tools
  const { fromMs, toMs } = window
  const here = await search.counts(pathOf(key), { fromMs, toMs })
  const there = await store.counts(key.key, fromMs, toMs)
  const counts = { old: 0, new: 0, distinctOld: 0, distinctNew: 0 }
  let looked = 0
  for (let atMs = fromMs; atMs < toMs; atMs += minuteMs) {
    const old = here.minutes.get(atMs) ?? 0
    let other = there.get(atMs) ?? 0
    let distinct = { old, new: other }
    if (old !== other && looked < mostMinutes) {
      deps.signal.throwIfAborted()
      deps.progress(`index ${key.key}: minute ${new Date(atMs).toISOString()}`)
      looked++
      const moved = (await store.edge(key.key, atMs + minuteMs)) - (await store.edge(key.key, atMs))
      if (moved !== 0) {
        findings.explained('boundary', '3.6 last ms', 'documents within the last ms of a minute', 'changed', atMs, Math.abs(moved))
        other += moved
      }
      distinct = old === other ? { old, new: other } : await compareMinute({ atMs, old, other }, key, tools, findings)
    } else if (old !== other) findings.minute(atMs, old, other)
    counts.old += old
    counts.new += other
    counts.distinctOld += distinct.old
    counts.distinctNew += distinct.new
  }
  return { expected: expectedBy(key, findings) - (counts.old - counts.distinctOld) || counts.distinctOld, ...counts }
}

/** Records that the books say should be on the new side, and why some are not; NaN when they say nothing. */
function expectedBy({ books }: Key, findings: LogFindings): number {
  if (books === undefined) return Number.NaN
  for (const { minuteMs: atMs, reasons } of books) {
    for (const { side, class: why, reason, count } of reasons) {
      findings.explained(why, `books: ${reason}`, wholeItem, side === 'old' ? 'missing_old' : 'missing_new', atMs, count)
    }
  }
  return books.reduce((sum, one) => sum + one.new, 0)
}

/** So many documents of a window are all looked at, where the numbers of its minutes are equal: a copy may stand where another one is lost. */
const mostWhole = 2000

/** Which documents of a window that is not large are there; what is in them is for the sample. Only where no minute was looked at by itself. */
async function compareWhole(key: Key, { fromMs, toMs }: Window, tools: Tools, findings: LogFindings): Promise<void> {
  const { search, store } = tools
  const expected = expectedOf(await search.find(pathOf(key), { fromMs, toMs }, undefined, mostWhole), key.key, tools, () => {})
  const entries = await gather(store.entries(key.key, { startNs: BigInt(fromMs) * nanos, endNs: BigInt(toMs) * nanos }), 2 * mostWhole)
  if (entries === undefined) return
  const matching = await lookElsewhere(matchEntries(expected, entries, store.idField), tools)
  const again = repeatedEntries(matching.matches, matching.left)
  for (const one of matching.missing) findings.missing(one, false)
  for (const one of matching.left) findings.extra(one, again.has(one))
}

/** Documents out of parts of the window, and those with ids that were asked for. */
async function compareSamples(key: Key, window: Window, tools: Tools, findings: LogFindings): Promise<void> {
  const { search, store, deps } = tools
  const { fromMs, toMs } = window
  const none = (): void => {}
  const compare = async (hits: readonly Hit[]): Promise<void> => {
    const expected = expectedOf(hits, key.key, tools, none)
    const range = rangeAround(expected, 0n)
    if (range === undefined) return
    const entries =
      (await gather(store.entries(key.key, range), mostOfMinute)) ??
      (await store.byIds(
        expected.map(({ record }) => record.id),
        range,
      ))
    const matching = await lookElsewhere(matchEntries(expected, entries, store.idField), tools)
    for (const one of matching.matches) findings.matched(one, true)
    for (const one of matching.missing) findings.missing(one, true)
    for (const one of matching.repeated) findings.repeated(one, true)
  }
  const { ids, samples } = deps.options
  if (ids.length > 0) {
    for (const hit of await search.byIds(pathOf(key), ids)) await compare([hit])
  }
  const each = Math.max(1, Math.floor(samples / slices))
  for (let at = 0; at < slices; at++) {
    deps.signal.throwIfAborted()
    deps.progress(`index ${key.key}: samples ${at + 1} of ${slices}`)
    const part = {
      fromMs: Math.floor(fromMs + ((toMs - fromMs) * at) / slices),
      toMs: Math.floor(fromMs + ((toMs - fromMs) * (at + 1)) / slices),
    }
    await compare(await search.find(pathOf(key), part, undefined, each))
  }
}

/** Compares logs as stored. Keys are indices and data streams: those that the books know, else those that are asked for by name or pattern. */
export function createLogsComparison(deps: CompareDeps): Comparison {
  const search = createElasticsearchSearch(deps.old.http)
  const selector = deps.options.match ?? (deps.new.kind === 'loki' ? '{service_name=~".+"}' : 'logs-*.otel-*')
  const store = deps.new.kind === 'loki' ? createLokiStore(deps.new.http, selector) : createOtelStore(deps.new.http, selector)
  const { translate } = deps.config
  const config = ((translate ?? {}) as { elasticsearch?: ElasticsearchTranslateConfig }).elasticsearch
  let translating: Promise<DocumentTranslator> | undefined

  const keysOf = async (window: Window): Promise<readonly Key[]> => {
    const known = await deps.books?.expected('elasticsearch', window)
    const fits = keyFilter(deps.options.keys)
    const asked =
      known === undefined
        ? deps.options.keys.flatMap((one) => one.split(',')).map((one) => one.trim())
        : [...new Set(known.map(({ key }) => key))].filter((key) => fits(key) && !key.startsWith('('))
    if (known === undefined && asked.length === 0) {
      throw new BridgeError('OB_PARITY', 'cannot compare logs: name the indices with --key; a search over all of them is not made')
    }
    const keys = new Map<string, string[]>()
    for (const one of asked) {
      if (/^[*,_\s]*$/.test(one))
        throw new BridgeError('OB_PARITY', `cannot compare the indices ${one}: a pattern of all of them is not asked for`)
      const { indices, type } = await search.timeField(one)
      if (type === 'other') throw new BridgeError('OB_PARITY', `cannot compare the index ${one}: its @timestamp is not a date`)
      // A name without wildcards stands for what lies behind it.
      const plain = !one.includes('*')
      for (const index of indices) {
        const key = plain ? one : streamOf(index)
        keys.set(key, [...(keys.get(key) ?? []), index])
      }
      if (indices.length === 0 && plain) keys.set(one, [one])
    }
    if (keys.size > mostIndices)
      throw new BridgeError('OB_PARITY', `cannot compare ${keys.size} indices: at most ${mostIndices} in one run`)
    const ofKey = (key: string): readonly ExpectedMinute[] | undefined => known?.filter((one) => one.key === key)
    return [...keys].map(([key, indices]) => ({ key, indices, books: ofKey(key) }))
  }

  return {
    async compare(window) {
      if (config?.indexAttribute === 'none') {
        throw new BridgeError(
          'OB_PARITY',
          'cannot compare logs: records do not say their index (translate.elasticsearch.indexAttribute: none)',
        )
      }
      translating ??= createDocumentTranslator(config)
      const tools: Tools = { search, store, translator: await translating, deps }
      const judges = deps.options.tolerances.get('pipelines') === 'judged'
      const results: KeyResult[] = []
      for (const key of await keysOf(window)) {
        deps.signal.throwIfAborted()
        deps.progress(`index ${key.key}: counts`)
        if (deps.options.refresh) await search.refresh(pathOf(key))
        const findings = createLogFindings({
          index: key.key,
          store,
          judgesPipelines: judges,
          pipelines: await search.pipelines(pathOf(key)),
          isRuled: tools.translator.isRuled,
        })
        const counts = await compareCounts(key, window, tools, findings)
        const isEven = counts.old === counts.new && counts.distinctOld === counts.old && counts.distinctNew === counts.new
        if (isEven && counts.old > 0 && counts.old <= mostWhole) await compareWhole(key, window, tools, findings)
        if (counts.old > 0) await compareSamples(key, window, tools, findings)
        results.push({ format: 'elasticsearch', key: key.key, window, counts, unjudged: '', ...findings.result() })
      }
      return results
    },
  }
}
