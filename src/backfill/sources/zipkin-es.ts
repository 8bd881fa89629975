/** `zipkin-es`: spans in the indices of a Zipkin server (mapping backfill.md §2.3, zipkin.md). */

import { z } from 'zod'
import { HitColumn, type HitTable } from '../../read/elasticsearch-hits.ts'
import { type SourceDeps, sourceFault } from '../source.ts'
import type { SourceKind } from '../source-kind.ts'
import { timeFieldOf } from './elasticsearch-mapping.ts'
import { type PayloadBuffer, writeSource, writeSourceWith } from './elasticsearch-payload.ts'
import { dateInName } from './elasticsearch-plan.ts'
import { type ElasticsearchKind, openElasticsearch, queryClause } from './elasticsearch-source.ts'
import { createSourceClient, httpSourceKeys } from './http-options.ts'

const options = z.strictObject({
  ...httpSourceKeys,
  prefix: z.string().min(1).default('zipkin').describe('Index prefix of the old Zipkin (`ES_INDEX`).'),
  includeCold: z.boolean().default(false).describe('Reads indices of the cold and the frozen tier, too.'),
})

type Options = z.output<typeof options>

const Trace = HitColumn.Wanted
const Span = HitColumn.Wanted + 1
const Time = HitColumn.Wanted + 2
const Millis = HitColumn.Wanted + 3

/** Whether a name is that of an index of spans: `zipkin-span-2026-11-07`, `zipkin:span-…` of old servers; any separator of dates. */
export function isZipkinIndex(name: string, prefix: string): boolean {
  return (name.startsWith(`${prefix}-span-`) || name.startsWith(`${prefix}:span-`)) && dateInName(name) !== undefined
}

const isPlainNumber = /^\d{1,16}$/

/** A span without `timestamp` takes its `timestamp_millis`, where there is one (Z-T4). */
function writeSpan(out: PayloadBuffer, table: HitTable, row: number): void {
  if (table.has(row, Time) || !table.has(row, Millis)) {
    writeSource(out, table, row)
    return
  }
  const millis = table.inner(row, Millis).toString()
  writeSourceWith(out, table, row, isPlainNumber.test(millis) ? `"timestamp":${millis}000` : '')
}

function kindOf({ prefix }: Options, deps: SourceDeps): ElasticsearchKind {
  const { filter } = deps
  // Names are in lower case in the store.
  const names = filter.services.map((name) => name.toLowerCase())
  const services = names.length === 0 ? [] : [{ terms: { 'localEndpoint.serviceName': names } }]
  const filters = [...queryClause(filter.query), ...services]
  return {
    kind: 'zipkin-es',
    unit: 'span',
    wanted: ['traceId', 'id', 'timestamp', 'timestamp_millis', 'kind'],
    identity: [Trace, Span, Time, HitColumn.Wanted + 4],
    // Ids are hashes of the content: what is written again replaces itself.
    duplicates: false,
    aimBytes: Number.POSITIVE_INFINITY,
    async indices(store, abort) {
      // A colon names another cluster since version 7.
      const { major } = await store.info(abort)
      const all = await store.indices(major < 7 ? `${prefix}-span-*,${prefix}:span-*` : `${prefix}-span-*`, abort)
      const indices = all.filter(({ name }) => isZipkinIndex(name, prefix))
      if (indices.length === 0) {
        throw sourceFault('source_error', `cannot find span indices of a Zipkin in ${store.client.name}: none begins with ${prefix}-span-`)
      }
      return { indices, notes: [] }
    },
    shape(_index, mapping, { isKept }) {
      const millis = timeFieldOf(mapping, 'timestamp_millis', 1)
      const micros = timeFieldOf(mapping, 'timestamp', 1000)
      const isTime = (field: typeof millis) => field !== undefined && field.kind !== 'keyword'
      const window = isTime(millis) ? millis : isTime(micros) ? micros : undefined
      return {
        window,
        order: isTime(micros) && micros?.kind === 'number' ? micros : window,
        filters,
        unreadable: isKept ? '' : 'its documents are not kept (_source is off)',
        note: '',
      }
    },
    async form({ index }) {
      return {
        signal: 'traces',
        payload: { before: '[', between: ',', after: ']', write: writeSpan },
        translate: await deps.translator('zipkin-json'),
        refuse: (table, row) => (table.has(row, Trace) && table.has(row, Span) ? '' : 'not_a_span'),
        identity: [Trace, Span, Time, HitColumn.Wanted + 4],
        // A span without any time lies in the index of the day on which it came.
        receivedAtMs: dateInName(index.name) ?? index.createdMs ?? 0,
      }
    },
  }
}

export const zipkinEs: SourceKind = {
  options,
  async open(given, _args, deps) {
    const own = options.parse(given)
    return openElasticsearch(kindOf(own, deps), own, await createSourceClient(own, deps), deps)
  },
}
