/** `elasticsearch`: logs, and what else stands among them, in indices, aliases and data streams (mapping backfill.md §2.6, elasticsearch.md §5 to §7). */

import { createHash } from 'node:crypto'
import { z } from 'zod'
import { HitColumn, type HitTable } from '../../read/elasticsearch-hits.ts'
import type { StoreIndex } from '../../read/elasticsearch-store.ts'
import { type SourceDeps, sourceFault } from '../source.ts'
import type { SourceKind } from '../source-kind.ts'
import { fieldMembers } from './elasticsearch-fields.ts'
import { isMapped, leafFields, type Mapping, type SourceState, timeFieldOf } from './elasticsearch-mapping.ts'
import { type PayloadBuffer, writeSource, writeSourceWith } from './elasticsearch-payload.ts'
import { dateInName } from './elasticsearch-plan.ts'
import { type ElasticsearchKind, openElasticsearch, queryClause } from './elasticsearch-source.ts'
import { createSourceClient, httpSourceKeys } from './http-options.ts'

const options = z.strictObject({
  ...httpSourceKeys,
  index: z
    .string()
    .min(1)
    .describe(
      'Indices, patterns, aliases or data streams, separated by commas. Hidden ones and those of the system only by their own name.',
    ),
  timeField: z.string().min(1).default('@timestamp').describe('The field that tells when a document is of.'),
  fields: z
    .string()
    .min(1)
    .optional()
    .describe(
      '`docvalue`: where documents are not kept (_source is off), they are made of what can be had of their fields. Names, separated by commas: added to documents, for run-time fields and aliases.',
    ),
  uid: z
    .boolean()
    .default(false)
    .describe('Gives each record `log.record.uid`, made of index and id: a destination may know repeats by it.'),
  includeCold: z.boolean().default(false).describe('Reads indices of the cold and the frozen tier and snapshots that are searched, too.'),
})

type Options = z.output<typeof options>

/** Fields of doc values that a search gives at most, unless the index says otherwise. */
const mostDocValues = 100

const listed = (names: readonly string[]): string =>
  names.length <= 20 ? names.join(', ') : `${names.slice(0, 20).join(', ')} and ${names.length - 20} more`

/** What is asked for beside documents, and why it may not do. */
export function fieldsOf(
  fields: string | undefined,
  mapping: Mapping,
  { isKept }: SourceState,
  settings: Readonly<Record<string, unknown>>,
): { readonly more?: Readonly<Record<string, unknown>>; readonly unreadable: string; readonly notes: readonly string[] } {
  if (isKept) {
    if (fields === undefined || fields === 'docvalue') return { unreadable: '', notes: [] }
    return { more: { fields: fields.split(',').map((field) => ({ field: field.trim() })) }, unreadable: '', notes: [] }
  }
  if (fields !== 'docvalue') {
    return {
      unreadable: 'its documents are not kept (_source is off); --fields docvalue makes them of their fields, as far as these are kept',
      notes: [],
    }
  }
  const { docValues, stored, lost } = leafFields(mapping)
  const limit = Number(settings['index.max_docvalue_fields_search'] ?? mostDocValues)
  if (docValues.length > limit) {
    return { unreadable: `its documents are not kept, and it has ${docValues.length} fields of which one search gives ${limit}`, notes: [] }
  }
  const notes = ['documents are made of their fields (_source is off)']
  if (lost.length > 0) notes.push(`lost, since nothing is kept of them: ${listed(lost)}`)
  return { more: { docvalue_fields: docValues, ...(stored.length === 0 ? {} : { stored_fields: stored }) }, unreadable: '', notes }
}

const uidOf = (index: string, id: Buffer): string => createHash('sha256').update(index).update('/').update(id).digest('hex').slice(0, 32)

/** Ms of a text in the time field; NaN: cannot be read. */
function textTimeMs(text: string): number {
  if (/^-?\d{10,19}$/.test(text)) {
    const number = Number(text)
    return number < 1e11 ? number * 1000 : number < 1e14 ? number : number < 1e17 ? number / 1e3 : number / 1e6
  }
  return Date.parse(/(?:Z|[+-]\d\d:?\d\d)$/i.test(text) || !/[T ]\d/.test(text) ? text : `${text}Z`)
}

const Time = HitColumn.Wanted

function notesOf({ isSynthetic, includes, excludes }: SourceState): readonly string[] {
  return [
    ...(isSynthetic ? ['synthetic: documents are made of fields again, with sorted keys'] : []),
    ...(includes.length > 0 ? [`documents are kept in part: ${listed(includes)}`] : []),
    ...(excludes.length > 0 ? [`kept without ${listed(excludes)}`] : []),
  ]
}

function kindOf(own: Options, deps: SourceDeps): ElasticsearchKind {
  const { filter } = deps
  const { sinceMs = Number.NEGATIVE_INFINITY, untilMs = Number.POSITIVE_INFINITY } = filter
  const hasBounds = filter.sinceMs !== undefined || filter.untilMs !== undefined
  const services =
    filter.services.length === 0
      ? []
      : [
          {
            bool: {
              should: [{ terms: { 'service.name': filter.services } }, { terms: { 'service.name.keyword': filter.services } }],
              minimum_should_match: 1,
            },
          },
        ]
  const filters = [...queryClause(filter.query), ...services]
  return {
    kind: 'elasticsearch',
    unit: 'document',
    wanted: [own.timeField],
    identity: [],
    duplicates: false,
    aimBytes: 256e6,
    async indices(store, abort) {
      const indices = await store.indices(own.index, abort)
      if (indices.length === 0) {
        const hint = /[*?]/.test(own.index) ? '; hidden indices and those of the system are meant only by their own name' : ''
        throw sourceFault('source_error', `cannot find an index in ${store.client.name}: ${own.index} is none${hint}`, { place: own.index })
      }
      return { indices, notes: [] }
    },
    shape(index: StoreIndex, mapping, source) {
      const field = timeFieldOf(mapping, own.timeField, 1)
      const { more, unreadable, notes } = fieldsOf(own.fields, mapping, source, index.settings)
      const isText = field === undefined || field.kind === 'keyword'
      const untimed = isText ? [`${own.timeField} is no date here: read in one piece`] : []
      return {
        window: isText ? undefined : field,
        order: field,
        filters,
        isTimeText: field === undefined && isMapped(mapping, own.timeField),
        more,
        // The server tells times apart: nobody here looks at them.
        wanted: hasBounds && isText ? undefined : [],
        unreadable,
        note: [...notes, ...notesOf(source), ...untimed].join('; '),
      }
    },
    async form({ index, window, more, source }, key) {
      const name = JSON.stringify(index.dataStream ?? index.name)
      const isPlain = more === undefined && !own.uid
      // Where the server cannot tell times apart, it is done here.
      const filtersHere = window === undefined && hasBounds
      const write = (out: PayloadBuffer, table: HitTable, row: number): void => {
        out.text(`{"_index":${name},"_id":`)
        out.copy(table.body, table.start(row, HitColumn.Id), table.end(row, HitColumn.Id))
        out.text(',"_source":')
        if (isPlain) writeSource(out, table, row)
        else {
          const uid = own.uid ? `"log.record.uid":"${uidOf(index.name, table.inner(row, HitColumn.Id))}"` : ''
          writeSourceWith(out, table, row, [fieldMembers(table, row), uid].filter((one) => one !== '').join(','))
        }
        out.byte(0x7d)
      }
      const translate = await deps.translator('es-docs')
      const { placed } = translate
      return {
        signal: 'logs',
        payload: { before: '', between: '\n', after: '', write },
        translate,
        placed: isPlain && placed !== undefined ? { translate: placed, index: index.dataStream ?? index.name } : undefined,
        refuse(table, row) {
          if (source.isKept && !table.has(row, HitColumn.Source)) return 'no_source'
          if (!filtersHere || !table.has(row, Time)) return ''
          const ms = textTimeMs(table.text(row, Time) || table.inner(row, Time).toString())
          return ms < sinceMs || ms >= untilMs ? 'filtered' : ''
        },
        identity: [],
        // When it came is not known; documents without any time get that of their index.
        receivedAtMs: window === undefined || key.undated === true ? (dateInName(index.name) ?? index.createdMs ?? 0) : 0,
      }
    },
  }
}

export const elasticsearch: SourceKind = {
  options,
  async open(given, _args, deps) {
    const own = options.parse(given)
    return openElasticsearch(kindOf(own, deps), own, await createSourceClient(own, deps), deps)
  },
}
