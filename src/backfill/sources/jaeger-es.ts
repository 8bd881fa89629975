/** `jaeger-es`: spans in the indices of a Jaeger, v1 or v2 (mapping backfill.md §2.2, jaeger.md §12). */

import { z } from 'zod'
import { BridgeError } from '../../errors.ts'
import { createFileTranslator } from '../../ingest/index.ts'
import { HitColumn } from '../../read/elasticsearch-hits.ts'
import type { ElasticsearchStore, StoreIndex } from '../../read/elasticsearch-store.ts'
import { type SourceDeps, sourceFault } from '../source.ts'
import type { SourceKind } from '../source-kind.ts'
import { timeFieldOf } from './elasticsearch-mapping.ts'
import { writeSource } from './elasticsearch-payload.ts'
import { type ElasticsearchKind, type IndexShape, openElasticsearch, queryClause } from './elasticsearch-source.ts'
import { createSourceClient, httpSourceKeys } from './http-options.ts'

const options = z.strictObject({
  ...httpSourceKeys,
  prefix: z
    .string()
    .optional()
    .describe(
      'Index prefix of the old Jaeger (`--es.index-prefix`), with or without its dash; `*`: all there are. Needed where there are several.',
    ),
  dot: z
    .string()
    .min(1)
    .max(8)
    .optional()
    .describe(
      'What stands for a dot in keys of tags as fields (`--es.tags-as-fields.dot-replacement`); default: translate.jaeger.tagsAsFields.dotReplacement.',
    ),
  archive: z
    .boolean()
    .default(false)
    .describe('Reads the archive, and nothing else: traces in it are copies, so that it is a run of its own.'),
  keepDuplicates: z
    .boolean()
    .default(false)
    .describe('Keeps equal documents under several ids, which Jaeger v1 writes when it has to try again. Otherwise one of them is kept.'),
  includeCold: z.boolean().default(false).describe('Reads indices of the cold and the frozen tier, too.'),
})

type Options = z.output<typeof options>

/** What was put in front of an index by life-cycle management. */
const moved = /^(?:shrink-[\w-]{4}-|restored-|partial-)/

export interface JaegerIndexName {
  /** With its dash, as in the name; empty: none. */
  readonly prefix: string
  readonly isArchive: boolean
}

/** Undefined: it holds no spans. */
export function jaegerIndexName(index: Pick<StoreIndex, 'name' | 'dataStream'>): JaegerIndexName | undefined {
  const stream = /^(.*?)jaeger\.spans(\.archive)?$/.exec(index.dataStream ?? '')
  if (stream !== null) return { prefix: stream[1] ?? '', isArchive: stream[2] !== undefined }
  const name = index.name.replace(moved, '')
  const found = /^(.*?)jaeger-span-(archive$|archive-\d+$|\d[\d\-._/]*$)/.exec(name)
  if (found === null) return undefined
  return { prefix: found[1] ?? '', isArchive: found[2]?.startsWith('archive') === true }
}

const withDash = (prefix: string): string => (prefix === '' || /[-._:]$/.test(prefix) ? prefix : `${prefix}-`)
const shown = (prefix: string): string => (prefix === '' ? '(none)' : prefix.replace(/-$/, ''))

async function findIndices(store: ElasticsearchStore, { prefix, archive }: Options, abort: AbortSignal) {
  const all = await store.indices('*jaeger-span*,*jaeger.spans*', abort)
  const named = all.flatMap((index) => {
    const name = jaegerIndexName(index)
    return name === undefined ? [] : [{ index, ...name }]
  })
  const archived = named.filter(({ isArchive }) => isArchive === archive)
  const prefixes = [...new Set(archived.map((one) => one.prefix))].sort()
  const list = prefixes.map(shown).join(', ')
  const chosen = prefix === undefined || prefix === '*' ? archived : archived.filter((one) => one.prefix === withDash(prefix))
  if (chosen.length === 0) {
    const there = prefixes.length === 0 ? '' : `; prefixes that are there: ${list}`
    throw sourceFault('source_error', `cannot find ${archive ? 'an archive' : 'span indices'} of a Jaeger in ${store.client.name}${there}`)
  }
  if (prefix === undefined && prefixes.length > 1) {
    throw new BridgeError('OB_CONFIG', `cannot choose among several Jaegers: --prefix names one, '*' all: ${list}`, { place: 'prefix' })
  }
  const copies = named.filter(({ isArchive }) => isArchive).length
  const notes = archive || copies === 0 ? [] : [`${copies} archive indices are left out: traces in them are copies; --archive reads them`]
  return { indices: chosen.map(({ index }) => index), notes }
}

/** What stands for a dot elsewhere. */
const candidates = ['@', '_', '#', ':'] as const

/** Keys of `tag` and `process.tag` of some documents. */
function fieldKeys(documents: readonly unknown[]): readonly string[] {
  const keys = new Set<string>()
  for (const document of documents) {
    const { tag, process } = (document ?? {}) as { tag?: object; process?: { tag?: object } }
    for (const one of [tag, process?.tag]) for (const key of Object.keys(one ?? {})) keys.add(key)
  }
  return [...keys]
}

/** A sentence where keys look as if another character stood for dots. */
export function dotRemark(documents: readonly unknown[], dot: string): string {
  const keys = fieldKeys(documents)
  if (keys.length === 0 || keys.some((key) => key.includes(dot))) return ''
  const other = candidates.find((one) => one !== dot && keys.some((key) => key.includes(one)))
  if (other === undefined) return ''
  const example = keys.find((key) => key.includes(other)) ?? ''
  return `no key of tags as fields holds '${dot}', some hold '${other}' (${example.slice(0, 80)}): if that stands for a dot, say --dot '${other}'`
}

const sampled = 1000
const Trace = HitColumn.Wanted
const Span = HitColumn.Wanted + 1
const Start = HitColumn.Wanted + 2

function kindOf(own: Options, deps: SourceDeps): ElasticsearchKind {
  const { filter, translate } = deps
  const dot = own.dot ?? translate.jaeger.tagsAsFields.dotReplacement
  const services = filter.services.length === 0 ? [] : [{ terms: { 'process.serviceName': filter.services } }]
  const filters = [...queryClause(filter.query), ...services]
  const translator = () =>
    own.dot === undefined
      ? deps.translator('jaeger-es')
      : createFileTranslator('jaeger-es', {
          ...translate,
          jaeger: { ...translate.jaeger, tagsAsFields: { ...translate.jaeger.tagsAsFields, dotReplacement: own.dot } },
        })
  return {
    kind: 'jaeger-es',
    unit: 'span',
    wanted: ['traceID', 'spanID', 'startTime'],
    identity: [Trace, Span, Start],
    duplicates: !own.keepDuplicates,
    aimBytes: Number.POSITIVE_INFINITY,
    indices: (store, abort) => findIndices(store, own, abort),
    shape(_index, mapping, { isKept }) {
      const millis = timeFieldOf(mapping, 'startTimeMillis', 1)
      const micros = timeFieldOf(mapping, 'startTime', 1000)
      const isTime = (field: typeof millis) => field !== undefined && field.kind !== 'keyword'
      const window = isTime(millis) ? millis : isTime(micros) ? micros : undefined
      return {
        window,
        order: isTime(micros) ? micros : window,
        filters,
        unreadable: isKept ? '' : 'its documents are not kept (_source is off)',
        note: '',
      }
    },
    async form() {
      const translate = await translator()
      return {
        signal: 'traces',
        payload: { before: '', between: '\n', after: '', write: writeSource },
        translate,
        placed: translate.placed === undefined ? undefined : { translate: translate.placed, index: '' },
        refuse: (table, row) => (table.has(row, Trace) && table.has(row, Span) && table.has(row, Start) ? '' : 'not_a_span'),
        identity: [Trace, Span, Start],
        receivedAtMs: 0,
      }
    },
    async remarks(store, shapes, abort) {
      const last: IndexShape | undefined = shapes.at(-1)
      if (last === undefined) return []
      const either = [{ exists: { field: 'tag' } }, { exists: { field: 'process.tag' } }]
      const documents = await store.sample(
        last.index.name,
        { bool: { should: either, minimum_should_match: 1 } },
        ['tag', 'process.tag'],
        sampled,
        abort,
      )
      const remark = dotRemark(documents, dot)
      return remark === '' ? [] : [remark]
    },
  }
}

export const jaegerEs: SourceKind = {
  options,
  async open(given, _args, deps) {
    const own = options.parse(given)
    return openElasticsearch(kindOf(own, deps), own, await createSourceClient(own, deps), deps)
  },
}
