/**
 * What the rest of the program supplies to `/api/v1`. Every part may be absent: its routes then answer 404 and say which option turns it on. All of
 * them are asked at every request, so they are to be cheap or to remember; what they throw with a code of the error table is answered as such.
 */

import type { Cutover } from '../cutover/model.ts'
import type {
  BackfillList,
  BooksRow,
  ClientRecord,
  DeadFilter,
  DeadItem,
  DeadList,
  InspectDetail,
  InspectItem,
  ParityLive,
  ParityRun,
  ParitySamples,
  Readiness,
  SeriesMetric,
  SeriesRange,
  SideStatus,
} from './api.ts'

/** Part of a day or of a list of keys. */
export interface ParityQuery {
  /** `zipkin`, `jaeger.http`; undefined: all. */
  readonly endpoint: string | undefined
  readonly key: string | undefined
  readonly fromMs: number
  readonly toMs: number
}

/** Values of one line of a chart, oldest first. */
export interface SeriesAnswer {
  readonly stepSeconds: number
  readonly fromMs: number
  /** null where nothing is known. */
  readonly values: readonly (number | null)[]
  /** Nothing is known of before. */
  readonly sinceMs: number | undefined
}

/** The minute store. On: section `mirror.books`. */
export interface BooksSource {
  /** @param endpoint `ingest.zipkin` without `ingest.`; undefined: the sum of all. Rates are per step; `queue` and `age` are the last of each step. */
  series(endpoint: string | undefined, metric: SeriesMetric, range: SeriesRange): SeriesAnswer | Promise<SeriesAnswer>
  /** Called once a minute of an endpoint is closed. Returns what ends that. */
  subscribe?(closed: (minute: { readonly endpoint: string; readonly atMs: number; readonly verdict: string }) => void): () => void
}

export interface ClientsQuery {
  readonly sort: 'items' | 'key' | 'library' | 'lastSeen' | 'firstSeen'
  /** Part of a key, library, address or endpoint, in any case; empty: all. */
  readonly filter: string
}

/** The list of legacy clients. On: section `inventory`. */
export interface ClientsSource {
  /** All that match, sorted; the API cuts pages out of them. At most 5000. */
  list(query: ClientsQuery): readonly ClientRecord[]
  /** How many there are, by endpoint (`zipkin`, `jaeger.http`). */
  count(endpoint: string): number
  /** True once a bound was reached and something is not listed. */
  readonly truncated: boolean
}

/** The old backends. On: section `mirror`. */
export interface MirrorSource {
  readonly cutover: Cutover
  /** The address of the old backend without credentials; undefined for an endpoint without one. */
  url(endpoint: string): string | undefined
  /** How the old side of an endpoint does; `deliveredPerMinute` is of the last minute. */
  status(endpoint: string): SideStatus | undefined
  /** Lines of the old side, by format; the sums of `metrics.sums()` are the new side's. */
  books?(): readonly BooksRow[]
}

/** The verdict. On: section `mirror`. */
export interface ReadinessSource {
  /** @param question undefined: each key's own, by its phase */
  readiness(question?: 'A' | 'B'): Readiness | Promise<Readiness>
}

/** Dead letters of the queue. On: `queue.type: disk`. */
export interface DeadSource {
  /** Newest first. `items` is what the cursor and the limit ask for. */
  list(filter: DeadFilter, cursor: string | undefined, limit: number): DeadList | Promise<DeadList>
  show(id: string): DeadItem | undefined | Promise<DeadItem | undefined>
  /** The bytes as they would have gone out; undefined when there is none with this id. */
  raw(id: string): { readonly data: Uint8Array; readonly media: string; readonly name: string } | undefined
  /** How many a choice means. */
  count(choice: DeadChoice): number | Promise<number>
  /** Back into the queue. Resolves with how many. */
  retry(choice: DeadChoice, who: string): number | Promise<number>
  /** Removes them for good. Resolves with how many. */
  drop(choice: DeadChoice, who: string): number | Promise<number>
}

export interface DeadChoice {
  readonly ids: readonly string[] | undefined
  readonly filter: DeadFilter | undefined
  readonly limit: number
}

/** Parity out of the books, and the runs of the parity command. On: section `mirror.books`. */
export interface ParitySource {
  live(query: ParityQuery): ParityLive | Promise<ParityLive>
  /** Latest first. */
  runs(): readonly ParityRun[] | Promise<readonly ParityRun[]>
  /** The report as `parity --json` prints it; undefined when there is no such run. */
  run(
    id: string,
  ):
    | { readonly run: ParityRun; readonly report: unknown }
    | undefined
    | Promise<{ readonly run: ParityRun; readonly report: unknown } | undefined>
  /** @param withBytes false: without what was received and sent, since the one who asks may not see it */
  samples(query: ParityQuery, withBytes: boolean): ParitySamples | Promise<ParitySamples>
}

/** Requests that were looked at, before and after. On: `admin.inspect`. */
export interface InspectSource {
  readonly mode: 'masked' | 'full'
  endpoints(): readonly string[]
  /** Newest first. @param endpoint undefined: all */
  list(endpoint: string | undefined): readonly InspectItem[]
  /** Undefined when it is not kept any more. */
  show(id: string): InspectDetail | undefined | Promise<InspectDetail | undefined>
}

/** Back-fills beside this bridge. On: a ledger in `backfill.ledger`. */
export interface BackfillSource {
  /** Whether there is any. */
  readonly some: boolean
  list(): BackfillList | Promise<BackfillList>
}

/** Everything behind the page that not every bridge has. */
export interface ApiSources {
  readonly books?: BooksSource | undefined
  readonly clients?: ClientsSource | undefined
  readonly mirror?: MirrorSource | undefined
  readonly readiness?: ReadinessSource | undefined
  readonly dead?: DeadSource | undefined
  readonly parity?: ParitySource | undefined
  readonly inspect?: InspectSource | undefined
  readonly backfill?: BackfillSource | undefined
}
