/** What the three sources in an Elasticsearch or OpenSearch have in common: planning by index and time, reading by point in time, counting again. */

import { BridgeError } from '../../errors.ts'
import { createDocumentReaders, type DocumentReader } from '../../read/elasticsearch-pages.ts'
import { createElasticsearchStore, type ElasticsearchStore, type StoreIndex } from '../../read/elasticsearch-store.ts'
import type { PatientClient } from '../../read/patient-client.ts'
import { createIdentitySum } from '../identity.ts'
import type { Json, Plan, PlanGroup, SliceSpec } from '../model.ts'
import { type Source, type SourceDeps, sourceFault } from '../source.ts'
import { type Mapping, type SourceState, sourceStateOf } from './elasticsearch-mapping.ts'
import { type IndexQuery, type IndexSliceKey, planIndex, skipsUndated, sliceFilters, sliceQuery } from './elasticsearch-plan.ts'
import { addIdentity, createSliceReader, type DocumentForm, positionOf } from './elasticsearch-slice.ts'
import { publicUrl } from './http-options.ts'

/** An index, looked at. */
export interface IndexShape extends IndexQuery {
  readonly index: StoreIndex
  readonly mapping: Mapping
  readonly source: SourceState
  /** What is asked for beside documents. */
  readonly more?: Readonly<Record<string, unknown>> | undefined
  /** Members whose places are wanted, where it is not those of the kind. */
  readonly wanted?: readonly string[] | undefined
  /** Why it cannot be read: a slice of it fails with these words. Empty: it can. */
  readonly unreadable: string
  /** For the plan. */
  readonly note: string
}

/** What tells one source from the others. */
export interface ElasticsearchKind {
  readonly kind: string
  readonly unit: string
  /** Members of a document whose places are wanted. */
  readonly wanted: readonly string[]
  /** Columns of those that are part of a document's identity. */
  readonly identity: readonly number[]
  /** Equal documents of one time are left out. */
  readonly duplicates: boolean
  /** Documents of a slice. */
  readonly aimBytes: number
  /** Indices to be read, and sentences for the plan. Rejects with OB_CONFIG, OB_SOURCE. */
  indices(
    store: ElasticsearchStore,
    abort: AbortSignal,
  ): Promise<{ readonly indices: readonly StoreIndex[]; readonly notes: readonly string[] }>
  /** How an index is read. */
  shape(index: StoreIndex, mapping: Mapping, source: SourceState): Omit<IndexShape, 'index' | 'mapping' | 'source'>
  form(shape: IndexShape, key: IndexSliceKey, deps: SourceDeps): Promise<DocumentForm>
  /** More sentences for the plan. */
  remarks?(store: ElasticsearchStore, shapes: readonly IndexShape[], abort: AbortSignal): Promise<readonly string[]>
}

export interface ElasticsearchOptions {
  readonly url: string
  readonly includeCold: boolean
}

const aim = 100_000
const most = 250_000
/** Nothing is remembered within a slice of a scroll: it is short. */
const scrollAim = 50_000
/** Indices that are remembered by how they are read. */
const mostShapes = 1000

const textOf = (key: SliceSpec['key'], name: string): string => (typeof key[name] === 'string' ? key[name] : '')
const numberOf = (key: SliceSpec['key'], name: string): number | undefined => (typeof key[name] === 'number' ? key[name] : undefined)

function keyOf({ key }: SliceSpec): IndexSliceKey {
  const from = numberOf(key, 'from')
  const to = numberOf(key, 'to')
  const part = numberOf(key, 'part')
  const parts = numberOf(key, 'parts')
  return {
    index: textOf(key, 'index'),
    uuid: textOf(key, 'uuid'),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    ...(key['undated'] === true ? { undated: true } : {}),
    ...(part === undefined || parts === undefined ? {} : { part, parts }),
  }
}

/** The clause of `--query`: of the query language, with or without `{"query": …}` around it. Throws OB_CONFIG. */
export function queryClause(query: string | undefined): readonly object[] {
  if (query === undefined) return []
  let read: unknown
  try {
    read = JSON.parse(query)
  } catch {
    // Told below.
  }
  if (typeof read !== 'object' || read === null || Array.isArray(read)) {
    throw new BridgeError('OB_CONFIG', 'cannot use --query: expected an object of the query language, such as {"term":{"level":"error"}}', {
      place: 'query',
    })
  }
  const inner = 'query' in read && Object.keys(read).length === 1 ? read.query : read
  return [inner as object]
}

/** Opens it: asks who answers. Rejects with OB_SOURCE. */
export async function openElasticsearch(
  kind: ElasticsearchKind,
  options: ElasticsearchOptions,
  client: PatientClient,
  deps: SourceDeps,
): Promise<Source> {
  const { filter } = deps
  const store = createElasticsearchStore(client, deps.sleep)
  const readers = createDocumentReaders(store)
  const never = new AbortController().signal
  const { clusterUuid, distribution, version } = await store.info(never)
  deps.log.debug({ distribution, version }, 'source')
  const shapes = new Map<string, Promise<IndexShape>>()

  const look = async (index: StoreIndex, abort: AbortSignal): Promise<IndexShape> => {
    const mapping = await store.mapping(index.name, abort)
    const source = sourceStateOf(mapping, index.settings)
    return { index, mapping, source, ...kind.shape(index, mapping, source) }
  }

  /** Of a slice of the ledger: its index may be another by now, or gone. */
  const shapeOf = (key: IndexSliceKey, abort: AbortSignal): Promise<IndexShape> => {
    const known = shapes.get(key.index)
    if (known !== undefined) return known
    const asked = (async () => {
      const [index] = (await store.indices(key.index, abort)).filter(({ name }) => name === key.index)
      if (index === undefined)
        throw sourceFault('vanished', `cannot read index ${key.index}: it is not there any more`, { place: key.index })
      // The name of the stream is not told of a backing index by itself everywhere.
      return look(index, abort)
    })()
    if (shapes.size >= mostShapes) shapes.clear()
    shapes.set(key.index, asked)
    asked.catch(() => shapes.delete(key.index))
    return asked
  }

  const checked = async (key: IndexSliceKey, abort: AbortSignal): Promise<IndexShape> => {
    const shape = await shapeOf(key, abort)
    const { index, unreadable } = shape
    if (key.uuid !== '' && index.uuid !== '' && key.uuid !== index.uuid) {
      throw sourceFault('vanished', `cannot read index ${key.index}: another one has its name now`, { place: key.index })
    }
    if (unreadable !== '') throw sourceFault('source_error', `cannot read index ${key.index}: ${unreadable}`, { place: key.index })
    return shape
  }

  const readerOf = (shape: IndexShape, key: IndexSliceKey, cursor: Json | undefined, idsAlone: boolean): DocumentReader =>
    readers.open(
      {
        index: key.index,
        filters: sliceFilters(key, shape),
        order: key.undated === true ? undefined : shape.order,
        slice:
          key.part === undefined || key.parts === undefined || shape.order === undefined
            ? undefined
            : { field: shape.order.name, id: key.part, max: key.parts },
        source: idsAlone ? (kind.identity.length === 0 ? false : kind.wanted) : shape.source.isKept,
        wanted: shape.wanted ?? kind.wanted,
        more: idsAlone ? undefined : shape.more,
      },
      shape.index.shards,
      positionOf(cursor),
      kind.duplicates && !idsAlone,
    )

  const plan = async (abort: AbortSignal): Promise<Plan> => {
    const { indices, notes: found } = await kind.indices(store, abort)
    const groups: PlanGroup[] = []
    const slices: SliceSpec[] = []
    const notes: string[] = [...found]
    const readable: IndexShape[] = []
    for (const index of indices) {
      const row = { name: index.name, items: 0, bytes: index.bytes, fromMs: undefined, toMs: undefined }
      if (index.isClosed) {
        groups.push({ ...row, note: 'closed, cannot be read', isUnreadable: true })
        continue
      }
      if (index.isCold && !options.includeCold) {
        groups.push({ ...row, note: 'cold or frozen: left out, since reading it is dear; --include-cold reads it' })
        continue
      }
      const shape = await look(index, abort)
      shapes.set(index.name, Promise.resolve(shape))
      if (shape.unreadable !== '') {
        groups.push({ ...row, items: index.luceneDocuments, note: shape.unreadable })
        // A slice that fails: what cannot be read must not look done.
        slices.push({
          key: { index: index.name, uuid: index.uuid },
          group: index.name,
          fromMs: undefined,
          toMs: undefined,
          items: index.luceneDocuments,
          bytes: index.bytes,
        })
        continue
      }
      readable.push(shape)
      const { context } = await readers.mode(index.name, abort)
      const weight = index.luceneDocuments === 0 ? 0 : index.bytes / index.luceneDocuments
      const wished = context === 'scroll' ? scrollAim : aim
      const cut = {
        sinceMs: filter.sinceMs,
        untilMs: filter.untilMs,
        skipUndated: skipsUndated(index.dataStream ?? index.name, filter.sinceMs, filter.untilMs),
        aim: weight === 0 ? wished : Math.max(1000, Math.min(wished, Math.floor(kind.aimBytes / weight))),
        most: context === 'scroll' ? scrollAim : most,
      }
      const { group, slices: own } = await planIndex(store, index, shape, cut, abort)
      groups.push({ ...group, note: [group.note, shape.note].filter((one) => one !== '').join('; ') })
      slices.push(...own)
    }
    notes.push(...((await kind.remarks?.(store, readable, abort)) ?? []))
    slices.sort((a, b) => (a.fromMs ?? Number.NEGATIVE_INFINITY) - (b.fromMs ?? Number.NEGATIVE_INFINITY))
    return { groups, slices, notes }
  }

  return {
    kind: kind.kind,
    name: publicUrl(options.url),
    identity: clusterUuid === '' ? publicUrl(options.url) : clusterUuid,
    unit: kind.unit,
    approximate: undefined,
    isLocal: false,
    // Cut by how many documents there are: more of them are cut in other places.
    plansOnce: 'group',
    plan,
    open(slice, cursor) {
      const key = keyOf(slice)
      return createSliceReader(async (abort) => {
        const shape = await checked(key, abort)
        const form = await kind.form(shape, key, deps)
        return { reader: readerOf(shape, key, cursor, false), form }
      }, deps.page)
    },
    async count(slice, deep, abort) {
      const key = keyOf(slice)
      const shape = await checked(key, abort)
      if (key.parts === undefined && !deep) return { items: await store.count(key.index, sliceQuery(key, shape), abort), sum: undefined }
      const reader = readerOf(shape, key, undefined, true)
      const sum = createIdentitySum()
      let items = 0
      try {
        for (;;) {
          const page = await reader.next(deps.page.items, deps.page.bytes, abort)
          if (page === undefined) break
          for (let i = 0; i < page.count; i++) addIdentity(sum, page.table(i), page.row(i), kind.identity)
          items += page.count
          page.release()
          if (page.last) break
        }
      } finally {
        await reader.rest()
      }
      return { items, sum: deep ? sum.value() : undefined }
    },
    async close() {
      await client.close()
    },
  }
}
