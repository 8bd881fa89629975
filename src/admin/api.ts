/**
 * Every answer of `/api/v1` on the admin port, as a schema; the page and `schema.json` are made from the same. Times are RFC 3339 in UTC, counts are
 * numbers, `null` in a series means that nobody knows, never 0. Lists that may be long are `{items, next, total, truncated}`.
 */

import { z } from 'zod'
import { backfillList, type backfillRun } from './api-backfill.ts'

const at = z.string().describe('Time, RFC 3339, UTC.')
const count = z.number().describe('A count.')
const optionalAt = at.optional()

export const phaseName = z.enum(['shadow', 'dual', 'new-primary', 'new-only'])
export const answerName = z.enum(['bridge', 'legacy'])
export const sideName = z.enum(['old', 'new'])
export const shareOf = z.object({ new: z.number(), old: z.number() })

/** A list that may be cut: `next` is the cursor of what follows. */
const listOf = <Item extends z.ZodType>(item: Item) =>
  z.object({
    items: z.array(item).readonly(),
    next: z.string().optional().describe('Give it as `cursor` to go on.'),
    total: count,
    truncated: z.boolean().describe('True when the list is not all that there was: a bound was reached.'),
  })

/** What every error answers with. */
export const apiError = z.object({
  code: z.string().describe('A code of the table of errors.'),
  message: z.string(),
  hint: z.string().optional().describe('What to do about it; for a source that is off, the option that turns it on.'),
  conditions: z.array(z.string()).readonly().optional().describe('With 422: the conditions that are not met.'),
})

/** One thing that is not well. */
export const reason = z.object({
  code: z.string().describe('Which part says so.'),
  text: z.string(),
  state: z.enum(['degraded', 'broken']).describe('`broken`: the bridge is not ready because of it.'),
  since: optionalAt,
  link: z.string().optional().describe('Where the page shows more: `#/dead`.'),
})

/** How one side of an endpoint is doing. */
export const sideStatus = z.object({
  state: z.enum(['up', 'slow', 'down', 'off']),
  acknowledges: z.boolean().describe('False where the protocol has no answer (UDP): what is delivered is what was sent.'),
  deliveredPerMinute: z.number(),
  queueItems: count,
  queueBytes: count,
  oldestAgeSeconds: z.number().nullable().describe('null: nothing waits.'),
  timeToFullSeconds: z.number().nullable().describe('At the present rate; null: it is not filling.'),
  deadItems: count,
  breaker: z.enum(['closed', 'open', 'half-open']),
  lastError: z.object({ at: optionalAt, text: z.string(), count: count }).optional(),
})

/** One legacy endpoint: what comes in, and what became of it on each side. */
export const endpointStatus = z.object({
  id: z.string().describe('`ingest.zipkin`'),
  mirror: z.string().optional().describe('Name of its mirror, `zipkin`, where it has one.'),
  formats: z.array(z.string()).readonly(),
  listening: z.string().describe('Addresses, as they are typed into a client.'),
  unit: z.enum(['spans', 'samples', 'documents', 'items']),
  phase: phaseName.optional(),
  answer: answerName.optional(),
  inPerMinute: z.number(),
  bytesPerMinute: z.number(),
  received: count.describe('Items since the start.'),
  clients: count.nullable().describe('null: nobody keeps the list.'),
  old: sideStatus.optional().describe('Absent: this endpoint has no mirror.'),
  new: sideStatus,
})

/** A line of the books: every item received is in exactly one of the others. */
export const booksRow = z.object({
  format: z.string(),
  side: sideName,
  received: count,
  delivered: count,
  queued: count,
  dead: count,
  refused: count,
  shed: count.describe('Left out because there was no room, or lost.'),
  skipped: count.describe('Left out on purpose: share, phase, routed elsewhere, used up.'),
  open: count.describe('What is in none of them yet; 0 when the books balance.'),
})

/** `GET /overview`. */
export const overview = z.object({
  at,
  instance: z.string(),
  version: z.string(),
  uptimeSeconds: z.number(),
  health: z.object({ state: z.enum(['ok', 'degraded', 'broken']), reasons: z.array(reason).readonly() }),
  endpoints: z.array(endpointStatus).readonly(),
  books: z.object({ balanced: z.boolean(), rows: z.array(booksRow).readonly() }),
  deadItems: count,
  queue: z.object({ items: count, bytes: count, maxBytes: count, type: z.string() }),
  memoryBytes: count,
})

/** `GET /details`: what was refused or lost and why, what was noticed in the data, and the processes of a bridge that has several. */
export const details = z.object({
  losses: z
    .array(
      z.object({
        what: z.enum(['refused', 'refused requests', 'shed', 'set aside', 'noticed']),
        reason: z.string(),
        format: z.string(),
        destination: z.string().optional(),
        count,
      }),
    )
    .readonly(),
  workers: z
    .array(
      z.object({
        worker: count,
        state: z.enum(['starting', 'running', 'down', 'stopping']),
        since: at,
        restarts: count,
        itemsPerSecond: z.number(),
        memoryBytes: count,
        pid: count.optional(),
      }),
    )
    .readonly()
    .describe('Empty when one process does everything.'),
})

export const seriesMetric = z.enum(['in', 'old', 'new', 'queue', 'age'])
export const seriesRange = z.enum(['1h', '24h', '35d'])

/** `GET /series?endpoint&metric&range`. */
export const series = z.object({
  endpoint: z.string().describe('Empty: all of them.'),
  metric: seriesMetric,
  range: seriesRange,
  step: z.number().describe('Seconds from one value to the next.'),
  from: at,
  values: z.array(z.number().nullable()).readonly(),
  since: optionalAt.describe('Nothing is known of before.'),
})

/** One mirrored endpoint, as `GET /mirror` lists it and `PUT /mirror/{endpoint}` answers. */
export const mirrorState = z.object({
  endpoint: z.string().describe('`zipkin`, `jaeger.http`'),
  url: z.string().describe('The old backend, without credentials.'),
  answer: answerName,
  phase: phaseName,
  since: at,
  share: shareOf,
  paused: z.boolean(),
  until: z.string().optional().describe('Day by which the phase should be over.'),
  revision: z.number().int().describe('To be sent as `If-Match` with a change.'),
  switchable: z.boolean().describe('Whether the one who asks may move the switches.'),
})
export const mirrorList = z.object({ items: z.array(mirrorState).readonly() })

const portion = z.number().min(0).max(1)

/** Body of `PUT /mirror/{endpoint}`. */
export const mirrorChange = z.strictObject({
  phase: phaseName.optional(),
  answer: answerName.optional(),
  share: z.strictObject({ new: portion.optional(), old: portion.optional() }).optional(),
  paused: z.boolean().optional(),
  reason: z.string().trim().min(1).max(500),
  force: z.boolean().optional(),
})

/** A request that was looked at. */
export const inspectItem = z.object({
  id: z.string(),
  at,
  endpoint: z.string(),
  format: z.string(),
  signal: z.string(),
  client: z.string(),
  request: z.string(),
  bytes: count,
  items: count,
  outcome: z.enum(['taken', 'partly', 'refused']),
  text: z.string().optional().describe('Why it, or some of it, was refused.'),
})
export const inspectList = z.object({
  items: z.array(inspectItem).readonly(),
  endpoints: z.array(z.string()).readonly(),
  mode: z.enum(['masked', 'full']),
})

/** `GET /inspect/{id}`: one request before and after. */
export const inspectDetail = z.object({
  ...inspectItem.shape,
  mode: z.enum(['masked', 'full']),
  legacy: z.object({
    media: z.string(),
    headers: z.array(z.tuple([z.string(), z.string()])).readonly(),
    text: z.string().optional(),
    hex: z.string().optional(),
    truncated: z.boolean(),
  }),
  otlp: z.unknown().describe('An OTLP request as JSON; null when nothing came of it, or it was too large to keep.'),
  rules: z.array(z.object({ path: z.string(), from: z.string(), rule: z.string(), note: z.string() })).readonly(),
  lost: z.array(z.object({ path: z.string(), why: z.string() })).readonly(),
})

/** A batch or request that no side took. */
export const deadItem = z.object({
  id: z.string(),
  at,
  side: sideName,
  destination: z.string(),
  endpoint: z.string().optional(),
  format: z.string(),
  key: z.string().optional(),
  reason: z.string(),
  status: z.number().optional(),
  text: z.string(),
  items: count,
  bytes: count,
  tries: count.optional(),
})
export const deadList = z.object({
  ...listOf(deadItem).shape,
  byReason: z
    .array(z.object({ side: sideName, reason: z.string(), text: z.string(), batches: count, items: count, first: at, last: at }))
    .readonly(),
})

const deadFilter = z.strictObject({ side: sideName.optional(), reason: z.string().optional(), key: z.string().optional() })
const deadChoice = {
  ids: z.array(z.string().max(40)).max(10_000).optional(),
  filter: deadFilter.optional(),
  limit: z.number().int().min(1).max(10_000).default(1000),
}
const oneOfBoth = (value: { readonly ids?: unknown; readonly filter?: unknown }): boolean =>
  (value.ids === undefined) !== (value.filter === undefined)

/** Body of `POST /dead/retry`. */
export const deadRetry = z.strictObject(deadChoice).refine(oneOfBoth, { error: 'expected either ids or filter' })

/** Body of `POST /dead/drop`: `confirm` is the number of dead letters that go. */
export const deadDrop = z.strictObject({ ...deadChoice, confirm: z.string() }).refine(oneOfBoth, { error: 'expected either ids or filter' })
export const deadDone = z.object({ job: z.string(), batches: count })

/** One switch that somebody moved. */
export const change = z.object({
  at,
  who: z.string(),
  endpoint: z.string(),
  what: z.string(),
  from: z.string(),
  to: z.string(),
  reason: z.string(),
  forced: z.boolean(),
})
export const changeList = z.object({ items: z.array(change).readonly() })

/** A kind of legacy client that was seen. */
export const client = z.object({
  endpoint: z.string(),
  format: z.string(),
  key: z.string().describe('Service, job or index.'),
  library: z.string(),
  version: z.string().optional(),
  language: z.string().optional(),
  probably: z.boolean().describe('True when the library is an informed guess.'),
  addresses: z.array(z.string()).readonly(),
  via: z.string().optional(),
  firstSeen: optionalAt,
  lastSeen: optionalAt,
  itemsPerMinute: z.number(),
  itemsToday: count,
  errors: count,
  silent: z.boolean(),
  advice: z.string().optional(),
})
export const clientList = listOf(client)

export const checkState = z.enum(['pass', 'fail', 'unknown', 'waived'])

/** The verdict over one key. */
export const readinessItem = z.object({
  format: z.string(),
  endpoint: z.string(),
  key: z.string(),
  phase: phaseName,
  question: z.enum(['A', 'B']),
  answer: z.enum(['ready', 'not-yet', 'no-data', 'silent']),
  headline: z.string(),
  since: at,
  share: shareOf.optional(),
  checks: z
    .array(
      z.object({
        id: z.string(),
        state: checkState,
        value: z.union([z.number(), z.string()]).optional(),
        limit: z.union([z.number(), z.string()]).optional(),
        text: z.string(),
        link: z.string().optional(),
        validUntil: optionalAt,
      }),
    )
    .readonly(),
})
export const readiness = z.object({ at, mappingHash: z.string(), items: z.array(readinessItem).readonly() })

/** What a closed minute of a key came to. */
export const minuteVerdict = z.enum(['equal', 'explained', 'short', 'open', 'unknown'])

const minuteSide = z.object({
  delivered: count,
  expected: count,
  digest: z.string().optional().describe('Hexadecimal, 16 digits.'),
})
export const liveMinute = z.object({
  at,
  endpoint: z.string(),
  format: z.string(),
  key: z.string(),
  received: count,
  old: minuteSide,
  new: minuteSide,
  verdict: minuteVerdict,
  text: z.string().describe('Why, in a sentence; empty when equal.'),
})

/** `GET /parity/live?endpoint&key&since&until`. */
export const parityLive = z.object({
  at,
  from: at,
  to: at,
  summary: z
    .array(
      z.object({
        endpoint: z.string(),
        minutes: count,
        equal: count,
        explained: count,
        short: count,
        open: count,
        unknown: count,
      }),
    )
    .readonly(),
  minutes: z.array(liveMinute).readonly().describe('Those that are not equal first, then the latest; at most 2000.'),
})

/** A run of the parity command, without its findings. */
export const parityRun = z.object({
  id: z.string(),
  at,
  format: z.string(),
  from: at,
  to: at,
  result: z.enum(['equal', 'explained', 'different', 'failed']),
  percent: z.number().nullable().describe('Of what was compared; null: nothing could be.'),
  compared: count,
  missing: count,
  text: z.string(),
})
export const parityRuns = z.object({ items: z.array(parityRun).readonly() })
export const parityRunDetail = z.object({ ...parityRun.shape, report: z.unknown().describe('The report as `parity --json` prints it.') })

/** `GET /parity/samples?endpoint&key&since&until`: what the parity command asks both sides for. */
export const paritySamples = z.object({
  from: at,
  to: at,
  mappingHash: z.string(),
  expected: z
    .array(z.object({ endpoint: z.string(), key: z.string(), minute: at, items: count, itemsOut: count, incomplete: z.boolean() }))
    .readonly(),
  items: z
    .array(
      z.object({
        endpoint: z.string(),
        format: z.string(),
        key: z.string(),
        id: z.string().describe('Trace id and span id, series and time, or `_id`; as the format has them.'),
        at,
        legacy: z.string().optional().describe('The item as it was received, base64.'),
        otlp: z.string().optional().describe('The OTLP item as it was sent, base64.'),
      }),
    )
    .readonly(),
})

/** `GET /session`: who asks, and what they may do. */
export const session = z.object({
  user: z.string(),
  role: z.enum(['read', 'operate']),
  why: z.string().optional().describe('Why switches are disabled.'),
  csrf: z.string().describe('To be sent as `X-OB-CSRF` with every change.'),
  inspect: z.enum(['off', 'masked', 'full']),
  has: z
    .object({
      history: z.boolean(),
      mirror: z.boolean(),
      clients: z.boolean(),
      readiness: z.boolean(),
      parity: z.boolean(),
      inspect: z.boolean(),
      dead: z.boolean(),
      backfill: z.boolean(),
    })
    .describe('Which parts of the API have something behind them.'),
  off: z.record(z.string(), z.string()).describe('Of those that have nothing: which option turns them on.'),
})

/** One event of `GET /events`: what changed of the overview since the last tick, endpoints by their id. */
export const tick = z.object({
  at,
  health: overview.shape.health.optional(),
  deadItems: count.optional(),
  endpoints: z.record(z.string(), z.record(z.string(), z.unknown())),
  books: overview.shape.books.optional(),
})

/** What `/api/v1/schema.json` shows, by the path that answers with it. */
export const answers = {
  '/overview': overview,
  '/details': details,
  '/series': series,
  '/mirror': mirrorList,
  '/mirror/{endpoint}': mirrorState,
  '/inspect': inspectList,
  '/inspect/{id}': inspectDetail,
  '/dead': deadList,
  '/dead/retry': deadDone,
  '/dead/drop': deadDone,
  '/changes': changeList,
  '/clients': clientList,
  '/readiness': readiness,
  '/parity/live': parityLive,
  '/parity/runs': parityRuns,
  '/parity/runs/{id}': parityRunDetail,
  '/parity/samples': paritySamples,
  '/backfill': backfillList,
  '/session': session,
  error: apiError,
} as const

export type ApiErrorBody = z.infer<typeof apiError>
export type ApiReason = z.infer<typeof reason>
export type SideStatus = z.infer<typeof sideStatus>
export type EndpointStatus = z.infer<typeof endpointStatus>
export type BooksRow = z.infer<typeof booksRow>
export type Overview = z.infer<typeof overview>
export type Details = z.infer<typeof details>
export type SeriesMetric = z.infer<typeof seriesMetric>
export type SeriesRange = z.infer<typeof seriesRange>
export type Series = z.infer<typeof series>
export type MirrorState = z.infer<typeof mirrorState>
export type MirrorList = z.infer<typeof mirrorList>
export type InspectItem = z.infer<typeof inspectItem>
export type InspectList = z.infer<typeof inspectList>
export type InspectDetail = z.infer<typeof inspectDetail>
export type DeadItem = z.infer<typeof deadItem>
export type DeadList = z.infer<typeof deadList>
export type DeadFilter = z.infer<typeof deadFilter>
export type DeadDone = z.infer<typeof deadDone>
export type ChangeRecord = z.infer<typeof change>
export type ChangeList = z.infer<typeof changeList>
export type ClientRecord = z.infer<typeof client>
export type ClientList = z.infer<typeof clientList>
export type ReadinessItem = z.infer<typeof readinessItem>
export type Readiness = z.infer<typeof readiness>
export type LiveMinute = z.infer<typeof liveMinute>
export type ParityLive = z.infer<typeof parityLive>
export type ParityRun = z.infer<typeof parityRun>
export type ParityRuns = z.infer<typeof parityRuns>
export type ParityRunDetail = z.infer<typeof parityRunDetail>
export type ParitySamples = z.infer<typeof paritySamples>
export type BackfillRun = z.infer<typeof backfillRun>
export type BackfillList = z.infer<typeof backfillList>
export type Session = z.infer<typeof session>
export type Tick = z.infer<typeof tick>
