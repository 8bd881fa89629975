/**
 * What is behind `/api/v1`: rates and history, which are noted from the start on, and the stream of events. The routes themselves, with the schemas of
 * every answer, are loaded with the first request: a bridge that nobody looks at does without them.
 */

import type { RequestListener, ServerResponse } from 'node:http'
import { hostname } from 'node:os'
import type { Cutover } from '../cutover/model.ts'
import type { Health } from '../telemetry/health.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { Access } from './access.ts'
import type { App } from './app.ts'
import { detailsOf } from './details.ts'
import { createEvents } from './events.ts'
import { createFlow } from './flow.ts'
import { createOverview } from './overview.ts'
import type { ApiSources, BooksSource } from './sources.ts'
import { readStatus, type StatusSource } from './status.ts'

export interface ServeApiDeps {
  readonly metrics: Metrics
  readonly health: Health
  readonly status: StatusSource
  readonly nowMs: () => number
  readonly log: Logger
  readonly refresh?: () => Promise<void>
  readonly sources?: ApiSources
  readonly instance?: string
  /** Shuts out requests under names that are not ours. */
  readonly access: Access
}

export interface ServedApi {
  /** Answers what {@link isApi} says. */
  readonly onRequest: RequestListener
  stop(): Promise<void>
}

/** How often the charts of a bridge that nobody looks at are fed. */
const noteEveryMs = 10_000

/** Whether a request is for the API. */
export const isApi = (url: string | undefined): boolean => url?.startsWith('/api/v1/') === true

/** Begins to note what flows. */
export function serveApi(deps: ServeApiDeps): ServedApi {
  const { nowMs, metrics, health, status, log, access, sources = {}, instance = hostname() } = deps
  const refresh = deps.refresh ?? (async () => {})
  const flow = createFlow(nowMs)
  const reader = createOverview({ metrics, health, status, sources, flow, nowMs, instance })
  const overview = async () => {
    await refresh()
    listenToSources()
    return reader.read()
  }
  const events = createEvents({ overview, nowMs })
  const details = async () => {
    await refresh()
    return detailsOf(readStatus(status, metrics, health, nowMs()))
  }

  // Parts come and go with the configuration: those that tell of changes are listened to as they come.
  let cutover: Cutover | undefined
  let books: BooksSource | undefined
  let endCutover: (() => void) | undefined
  let endBooks: (() => void) | undefined
  function listenToSources(): void {
    if (cutover !== sources.mirror?.cutover) {
      endCutover?.()
      cutover = sources.mirror?.cutover
      endCutover = cutover?.subscribe((state) => events.publish('change', { endpoint: state.endpoint, revision: state.revision }))
    }
    if (books !== sources.books) {
      endBooks?.()
      books = sources.books
      endBooks = books?.subscribe?.((minute) => events.publish('minute', { ...minute, at: new Date(minute.atMs).toISOString() }))
    }
  }
  listenToSources()

  const noteFailed = (error: Error): void => log.error({ fault: error.message }, 'cannot note how things stand for the page')
  reader.note()
  const timer = setInterval(() => void refresh().then(reader.note).catch(noteFailed), noteEveryMs).unref()

  let app: Promise<App> | undefined
  const load = async (): Promise<App> => {
    const [{ createApp }, { addApi }] = await Promise.all([import('./app.ts'), import('./api-routes.ts')])
    return createApp((own) => addApi(own, { access, sources, overview, details, flow, events, nowMs }))
  }
  const failed = (response: ServerResponse, error: Error): void => {
    app = undefined
    log.error({ fault: error.message }, 'cannot load what answers /api/v1')
    response.writeHead(500, { 'content-type': 'application/json', connection: 'close' })
    response.end(JSON.stringify({ code: 'OB_INTERNAL', message: 'cannot answer: see the log' }))
  }
  return {
    onRequest(request, response) {
      app ??= load()
      app.then(
        (loaded) => loaded.onRequest(request, response),
        (error: Error) => failed(response, error),
      )
    },
    async stop() {
      clearInterval(timer)
      endCutover?.()
      endBooks?.()
      events.close()
      await app?.then((loaded) => loaded.close()).catch(() => {})
    },
  }
}
