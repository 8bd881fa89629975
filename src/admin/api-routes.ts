/** `/api/v1` on the admin port: what the page and the commands of the cutover ask. */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { BridgeError, isBridgeError } from '../errors.ts'
import type { Access } from './access.ts'
import type { ApiErrorBody, Details, MirrorState, Overview, Session } from './api.ts'
import { answers, deadDrop, deadRetry, mirrorChange, seriesMetric, seriesRange, sideName } from './api.ts'
import { clientsCsv } from './clients-csv.ts'
import type { Events } from './events.ts'
import type { Flow } from './flow.ts'
import { safeHeaders } from './headers.ts'
import type { ApiSources, MirrorSource, ParityQuery } from './sources.ts'

export interface ApiDeps {
  readonly access: Access
  readonly sources: ApiSources
  readonly overview: () => Promise<Overview>
  readonly details: () => Promise<Details>
  readonly flow: Flow
  readonly events: Events
  readonly nowMs: () => number
}

/** Which option brings what is not there. */
const hints = {
  history: 'Charts of 35 days need the books of the cutover: configure section mirror.',
  mirror: 'Set mirror.<endpoint>.url to the address of the old backend: its endpoint is mirrored at once.',
  clients: 'The list of clients comes with the books of the cutover: configure section mirror.',
  readiness: 'A verdict needs both sides: configure section mirror.',
  parity: 'Parity needs both sides: configure section mirror.',
  inspect: 'Set admin.inspect to masked or full; off this machine it needs admin.auth as well.',
  dead: 'Dead letters can be looked at here with queue.type: disk. Those of Kafka are in its topics that end in _dead.',
  backfill: 'Runs of otlp-bridge backfill are shown here when their ledgers are in the folder backfill.ledger of this bridge.',
} as const

const dayMs = 86_400_000
/** No books go further back; each hour of them is read. */
const widestMs = 35 * dayMs
/** The last time that a date can be. */
const latestMs = 8.64e15
const maxBody = 1024 * 1024
const pageItems = 200

class Absent extends BridgeError {
  readonly hint: string

  constructor(what: keyof typeof hints) {
    super('OB_ADMIN_NONE', `cannot show this: there is no ${what} here`)
    this.hint = hints[what]
  }
}

const have = <T>(source: T | undefined, what: keyof typeof hints): T => {
  if (source === undefined) throw new Absent(what)
  return source
}

const noSuch = (what: string): BridgeError => new BridgeError('OB_ADMIN_NONE', `cannot show this: there is no ${what}, or not any more`)

function parse<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const found = schema.safeParse(value)
  if (found.success) return found.data
  const faults = found.error.issues.slice(0, 5).map(({ path, message }) => (path.length === 0 ? message : `${path.join('.')}: ${message}`))
  throw new BridgeError('OB_ADMIN_REQUEST', `cannot read the request: ${faults.join('; ')}`)
}

/** Of a parameter that comes more than once, the last value; an empty one is none. */
function queryOf(request: FastifyRequest): (name: string) => string | undefined {
  const all = request.query as Readonly<Record<string, string | readonly string[]>>
  return (name) => {
    const value = Object.hasOwn(all, name) ? all[name] : undefined
    const last = typeof value === 'string' ? value : value?.at(-1)
    return last === undefined || last === '' ? undefined : last.slice(0, 1000)
  }
}

const paramOf = (request: FastifyRequest, name: string): string => String((request.params as Record<string, unknown>)[name] ?? '')

function answerError(reply: FastifyReply, error: unknown): FastifyReply {
  const own = isBridgeError(error) ? error : undefined
  const status = (error as { readonly statusCode?: number }).statusCode
  const fault = own === undefined && status !== undefined && status < 500
  const body: ApiErrorBody = {
    code: own?.code ?? (fault ? 'OB_ADMIN_REQUEST' : 'OB_INTERNAL'),
    message: error instanceof Error ? error.message : String(error),
    ...(error instanceof Absent ? { hint: error.hint } : {}),
    ...(own?.code === 'OB_CUTOVER_REFUSED' ? { conditions: own.message.replace(/^[^:]*: /, '').split('; ') } : {}),
  }
  return reply.code(own?.http ?? (fault ? status : 500)).send(body)
}

function mirrorState(mirror: MirrorSource, endpoint: string, switchable: boolean): MirrorState {
  const state = mirror.cutover.of(endpoint)
  const url = mirror.url(endpoint)
  if (state === undefined || url === undefined) throw noSuch(`mirror ${JSON.stringify(endpoint.slice(0, 80))}`)
  return {
    endpoint,
    url,
    answer: state.answer,
    phase: state.phase,
    since: new Date(state.sinceMs).toISOString(),
    share: state.share,
    paused: state.paused,
    ...(state.until === undefined ? {} : { until: state.until }),
    revision: state.revision,
    switchable,
  }
}

const page = <T>(all: readonly T[], cursor: string | undefined, limit: number) => {
  const from = Math.max(0, Math.min(all.length, Math.trunc(Number(cursor ?? 0)) || 0))
  const items = all.slice(from, from + limit)
  return { items, ...(from + limit < all.length ? { next: String(from + limit) } : {}), total: all.length }
}

/** Adds `/api/v1`. Every answer is JSON that is never kept, but the stream and the downloads. */
export function addApi(app: FastifyInstance, deps: ApiDeps): void {
  const { access, sources, flow, events, nowMs } = deps
  const limitOf = (value: string | undefined): number => Math.max(1, Math.min(1000, Math.trunc(Number(value ?? pageItems)) || pageItems))
  const timeOf = (text: string | undefined, fallback: number): number => {
    if (text === undefined) return fallback
    // `Date.parse` makes a year of nearly everything.
    const ms = /^\d+$/.test(text) ? Number(text) : /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN
    if (ms <= latestMs) return ms
    throw new BridgeError('OB_ADMIN_REQUEST', `cannot read the time ${JSON.stringify(text.slice(0, 40))}: expected RFC 3339`)
  }
  const parityQuery = (query: (name: string) => string | undefined): ParityQuery => {
    const toMs = timeOf(query('until'), nowMs())
    const fromMs = timeOf(query('since'), toMs - dayMs)
    if (fromMs > toMs) throw new BridgeError('OB_ADMIN_REQUEST', 'cannot read the times: since is after until')
    if (toMs - fromMs > widestMs) throw new BridgeError('OB_ADMIN_REQUEST', 'cannot read the times: more than 35 days are not read at once')
    return { endpoint: query('endpoint'), key: query('key'), fromMs, toMs }
  }
  const mayOperate = (request: FastifyRequest): boolean => access.visitor(request.headers).role === 'operate'

  type Answer = (request: FastifyRequest, query: (name: string) => string | undefined, reply: FastifyReply) => unknown
  const wrap =
    (answer: Answer) =>
    async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
      reply.headers({ ...safeHeaders, 'cache-control': 'no-store' })
      try {
        access.checkHost(request.headers)
        const found = await answer(request, queryOf(request), reply)
        if (reply.sent) return reply
        if (found instanceof Uint8Array || typeof found === 'string') return reply.send(found)
        return reply.type('application/json; charset=utf-8').send(JSON.stringify(found))
      } catch (error) {
        if (reply.raw.headersSent) throw error
        return answerError(reply.type('application/json; charset=utf-8'), error)
      }
    }
  const get = (path: string, answer: Answer): void => void app.get(`/api/v1${path}`, wrap(answer))
  const change = (method: 'PUT' | 'POST', path: string, answer: (request: FastifyRequest, who: string, reply: FastifyReply) => unknown) =>
    app.route({
      method,
      url: `/api/v1${path}`,
      bodyLimit: maxBody,
      // Before the body is read: a stranger's is not.
      onRequest: async (request, reply) => {
        reply.headers({ ...safeHeaders, 'cache-control': 'no-store' })
        try {
          access.checkHost(request.headers)
          access.checkChange(request.headers)
        } catch (error) {
          await answerError(reply, error)
        }
      },
      handler: wrap((request, _query, reply) => answer(request, access.visitor(request.headers).user, reply)),
    })

  get('/session', (request): Session => {
    const { user, role, why, csrf } = access.visitor(request.headers)
    const has = {
      history: sources.books !== undefined,
      mirror: sources.mirror !== undefined,
      clients: sources.clients !== undefined,
      readiness: sources.readiness !== undefined,
      parity: sources.parity !== undefined,
      inspect: sources.inspect !== undefined && access.inspect !== 'off',
      dead: sources.dead !== undefined,
      backfill: sources.backfill?.some === true,
    }
    return {
      user,
      role,
      ...(why === undefined ? {} : { why }),
      csrf,
      inspect: access.inspect,
      has,
      off: Object.fromEntries(Object.entries(hints).filter(([name]) => !has[name as keyof typeof has])),
    }
  })
  let schemas: unknown
  get(
    '/schema.json',
    () => (schemas ??= Object.fromEntries(Object.entries(answers).map(([name, schema]) => [name, z.toJSONSchema(schema)]))),
  )
  get('/overview', () => deps.overview())
  get('/details', () => deps.details())
  get('/health', async () => (await deps.overview()).health)
  get('/series', async (_request, query) => {
    const metric = parse(seriesMetric, query('metric') ?? 'in')
    const range = parse(seriesRange, query('range') ?? '24h')
    const endpoint = query('endpoint')?.replace(/^ingest\./, '')
    if (sources.books === undefined && range === '35d') throw new Absent('history')
    const found = await (sources.books?.series(endpoint, metric, range) ?? flow.series(endpoint, metric, range === '1h' ? 60 : 1440))
    return {
      endpoint: endpoint === undefined ? '' : `ingest.${endpoint}`,
      metric,
      range,
      step: found.stepSeconds,
      from: new Date(found.fromMs).toISOString(),
      values: found.values,
      ...(found.sinceMs === undefined ? {} : { since: new Date(found.sinceMs).toISOString() }),
    }
  })

  get('/mirror', (request) => {
    const mirror = have(sources.mirror, 'mirror')
    const may = mayOperate(request)
    return { items: mirror.cutover.list().map(({ endpoint }) => mirrorState(mirror, endpoint, may)) }
  })
  change('PUT', '/mirror/:endpoint', async (request, who) => {
    const mirror = have(sources.mirror, 'mirror')
    const endpoint = paramOf(request, 'endpoint')
    const wanted = parse(mirrorChange, request.body)
    const match = /^"?(\d+)"?$/.exec(request.headers['if-match'] ?? '')
    if (match === null)
      throw new BridgeError('OB_ADMIN_REQUEST', 'cannot change it: If-Match with the revision of /api/v1/mirror is missing')
    mirrorState(mirror, endpoint, true)
    const { share, ...rest } = wanted
    const part = {
      ...(share?.new === undefined ? {} : { new: share.new }),
      ...(share?.old === undefined ? {} : { old: share.old }),
    }
    await mirror.cutover.change(endpoint, { ...rest, ...(share === undefined ? {} : { share: part }) }, who, Number(match[1]))
    return mirrorState(mirror, endpoint, true)
  })
  get('/changes', () => ({
    items: [...(sources.mirror?.cutover.changes() ?? [])]
      .sort((a, b) => b.atMs - a.atMs)
      .slice(0, 1000)
      .map(({ atMs, ...one }) => ({ at: new Date(atMs).toISOString(), ...one })),
  }))
  get('/readiness', (request) => {
    const { question } = request.query as { readonly question?: unknown }
    return have(sources.readiness, 'readiness').readiness(question === 'A' || question === 'B' ? question : undefined)
  })

  const clientsOf = (query: (name: string) => string | undefined) => {
    const sort = parse(z.enum(['items', 'key', 'library', 'lastSeen', 'firstSeen']), query('sort') ?? 'items')
    return have(sources.clients, 'clients').list({ sort, filter: query('filter') ?? '' })
  }
  get('/clients', (_request, query) => ({
    ...page(clientsOf(query), query('cursor'), limitOf(query('limit'))),
    truncated: sources.clients?.truncated ?? false,
  }))
  get('/clients.csv', (_request, query, reply) => {
    reply.type('text/csv; charset=utf-8').header('content-disposition', 'attachment; filename="clients.csv"')
    return clientsCsv(clientsOf(query))
  })

  get('/parity/live', (_request, query) => have(sources.parity, 'parity').live(parityQuery(query)))
  get('/parity/runs', async () => ({ items: await have(sources.parity, 'parity').runs() }))
  get('/parity/runs/:id', async (request) => {
    const found = await have(sources.parity, 'parity').run(paramOf(request, 'id'))
    if (found === undefined) throw noSuch('such run')
    return { ...found.run, report: found.report }
  })
  get('/parity/samples', (_request, query) => have(sources.parity, 'parity').samples(parityQuery(query), access.inspect === 'full'))

  const inspecting = () => have(access.inspect === 'off' ? undefined : sources.inspect, 'inspect')
  get('/inspect', (_request, query) => {
    const source = inspecting()
    return { items: source.list(query('endpoint')?.replace(/^ingest\./, '')), endpoints: source.endpoints(), mode: source.mode }
  })
  get('/inspect/:id', async (request) => {
    const found = await inspecting().show(paramOf(request, 'id'))
    if (found === undefined) throw noSuch('such request')
    return found
  })

  get('/dead', (_request, query) => {
    const [side, reason, key] = [query('side'), query('reason'), query('key')]
    const filter = { ...(side === undefined ? {} : { side: parse(sideName, side) }), ...(reason === undefined ? {} : { reason }) }
    return have(sources.dead, 'dead').list({ ...filter, ...(key === undefined ? {} : { key }) }, query('cursor'), limitOf(query('limit')))
  })
  get('/dead/:id/raw', (request, _query, reply) => {
    if (access.inspect !== 'full') throw new BridgeError('OB_ADMIN_FORBIDDEN', 'cannot give what was received: admin.inspect is not full')
    const id = paramOf(request, 'id')
    const found = /^\d{1,15}$/.test(id) ? have(sources.dead, 'dead').raw(id) : undefined
    if (found === undefined) throw noSuch('such dead letter')
    reply.type(found.media).header('content-disposition', `attachment; filename="${found.name}"`)
    return Buffer.from(found.data)
  })
  let jobs = 0
  change('POST', '/dead/retry', async (request, who, reply) => {
    const { ids, filter, limit } = parse(deadRetry, request.body)
    const batches = await have(sources.dead, 'dead').retry({ ids, filter, limit }, who)
    reply.code(202)
    return { job: String(++jobs), batches }
  })
  change('POST', '/dead/drop', async (request, who, reply) => {
    const { ids, filter, limit, confirm } = parse(deadDrop, request.body)
    const dead = have(sources.dead, 'dead')
    const count = await dead.count({ ids, filter, limit })
    if (confirm !== String(count)) {
      throw new BridgeError('OB_ADMIN_REQUEST', `cannot delete: ${count} dead letters would go, and "confirm" does not say so`)
    }
    reply.code(202)
    return { job: String(++jobs), batches: await dead.drop({ ids, filter, limit }, who) }
  })

  get('/backfill', () => have(sources.backfill, 'backfill').list())

  get('/events', (request, _query, reply) => {
    const headers = Object.fromEntries(Object.entries(safeHeaders))
    events.open(reply.raw, headers, request.headers['last-event-id']?.toString())
    reply.hijack()
  })
  get('/*', () => {
    throw noSuch('such path')
  })
  app.setNotFoundHandler((_request, reply) =>
    answerError(reply.headers({ ...safeHeaders, 'cache-control': 'no-store' }), noSuch('such path')),
  )
}
