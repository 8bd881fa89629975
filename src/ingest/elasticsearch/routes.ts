/** The endpoint: who may come in, and which requests bring documents. What answers is loaded with the first request. */

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ElasticsearchTranslateConfig } from '../../translate/elasticsearch/config.ts'
import type { AdapterDeps, Listener } from '../adapter.ts'
import { type Door, type Service, startServer } from '../http.ts'
import type { Pages } from '../pages.ts'
import type { DocumentBatcherOptions } from './batcher.ts'
import type { ElasticsearchConfig } from './config.ts'
import type { Handshake } from './handshake.ts'
import type { PassThrough } from './pass-through.ts'
import type { DocumentReceiver } from './receiver.ts'
import type { DocumentTarget } from './target.ts'

const section = 'ingest.elasticsearch'

export interface ElasticsearchParts {
  readonly config: ElasticsearchConfig
  readonly translate: ElasticsearchTranslateConfig
  /** Reads the user's own rules for fields, where there are any. Rejects with OB_CONFIG. */
  readonly fields: () => Promise<DocumentBatcherOptions['fields']>
}

/** What answers requests. */
interface Opened {
  readonly handshake: Handshake
  readonly documents: DocumentReceiver
  readonly find: (method: string, url: string) => DocumentTarget | undefined
  /** Undefined without an old backend. */
  readonly passing: PassThrough | undefined
  mayPass(request: IncomingMessage, response: ServerResponse): boolean
}

/** Starts the endpoint. Throws OB_LISTEN, or OB_CONFIG for the files of `tls`, `auth` and of the user's own rules. */
export async function startElasticsearch(parts: ElasticsearchParts, pages: Pages, deps: AdapterDeps): Promise<Listener> {
  const { config } = parts
  const { host, port, limits, timeouts, tls, auth } = config
  // Read now, so that what is wrong with it is told at the start.
  const fields = await parts.fields()
  let opened: Opened | undefined

  const load = async ({ guard }: Door): Promise<Opened> => {
    const [{ createHandshake }, { mayPass }, { createDocumentReceiver }, { createTargets }] = await Promise.all([
      import('./handshake.ts'),
      import('./handshake-replies.ts'),
      import('./receiver.ts'),
      import('./target.ts'),
    ])
    const handshake = createHandshake({ config, backend: pages.endpoint }, deps)
    const old = deps.mirrors?.('elasticsearch')
    return {
      handshake,
      passing:
        old === undefined ? undefined : (await import('./pass-through.ts')).createPassThrough({ config, door: old, handshake }, deps),
      documents: createDocumentReceiver({ config, translate: parts.translate, fields }, deps),
      find: createTargets(config.prefix),
      mayPass: (request, response) => mayPass(guard, request, response),
    }
  }

  const service = (door: Door): Service => {
    let loading: Promise<Opened> | undefined

    const serve = ({ mayPass, find, documents, handshake, passing }: Opened, request: IncomingMessage, response: ServerResponse): void => {
      if (door.state.draining) response.shouldKeepAlive = false
      if (!mayPass(request, response) || passing?.answer(request, response) === true) return
      const target = find(request.method ?? '', request.url ?? '')
      if (target === undefined) handshake.answer(request, response)
      else documents.take(request, response, target)
    }

    const wait = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
      try {
        loading ??= load(door)
        opened = await loading
      } catch (error) {
        loading = undefined
        deps.log.error({ section, error }, 'what takes documents could not be loaded')
        response.shouldKeepAlive = false
        response.writeHead(503, { 'x-elastic-product': 'Elasticsearch', 'content-length': 0 })
        response.end()
        return
      }
      if (!response.destroyed) serve(opened, request, response)
    }

    return {
      onRequest(request, response) {
        if (opened === undefined) void wait(request, response)
        else serve(opened, request, response)
      },
      drain: () => opened?.documents.drain(),
      async close() {
        await opened?.handshake.close()
      },
    }
  }

  const listener = await startServer({ section, host, port, limits, timeouts, tls, auth }, deps, async (door) => service(door))
  return { ...listener, warnings: () => opened?.handshake.warnings() ?? [] }
}
