/** A started endpoint of `_bulk` whose intake remembers, and bodies for it. */

import type { Listener } from '../../../src/ingest/adapter.ts'
import { elasticsearchConfig } from '../../../src/ingest/elasticsearch/config.ts'
import { startElasticsearch } from '../../../src/ingest/elasticsearch/routes.ts'
import { elasticsearchTranslateConfig } from '../../../src/translate/elasticsearch/config.ts'
import { type GoldenLog, goldenLogs } from '../../support/logs-sink.ts'
import { createFakeDeps, type FakeDeps, quietPages } from './fakes.ts'

export interface Bulk {
  readonly deps: FakeDeps
  readonly listener: Listener
  /** `http://127.0.0.1:port` */
  readonly url: string
  /** Log records that the queue has, in order. */
  records(): GoldenLog[]
  /** Bodies of them. */
  messages(): unknown[]
  post(path: string, body: string | Uint8Array, headers?: Record<string, string>, method?: string): Promise<Answer>
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** Undefined where it is no JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: read by tests as it comes
  readonly json: any
}

export const ndjson = { 'content-type': 'application/x-ndjson' }

/** Starts one on any free port. */
export async function startBulk(config: object = {}, translate: object = {}, deps = createFakeDeps()): Promise<Bulk> {
  const listener = await startElasticsearch(
    {
      config: elasticsearchConfig.parse({ host: '127.0.0.1', port: 0, ...config }),
      translate: elasticsearchTranslateConfig.parse(translate),
      fields: async () => undefined,
    },
    quietPages,
    deps,
  )
  const url = listener.addresses[0] as string
  const records = (): GoldenLog[] => deps.fake.batches.filter(({ signal }) => signal === 'logs').flatMap(({ data }) => goldenLogs(data))
  return {
    deps,
    listener,
    url,
    records,
    messages: () => records().map(({ body }) => body),
    async post(path, body, headers = ndjson, method = 'POST') {
      const response = await fetch(url + path, { method, body: typeof body === 'string' ? Buffer.from(body) : Buffer.from(body), headers })
      const text = await response.text()
      return { status: response.status, headers: response.headers, text, json: text.startsWith('{') ? JSON.parse(text) : undefined }
    },
  }
}

/** Lines of a body, the last one with its line feed. */
export const lines = (...all: readonly (string | object)[]): string =>
  all.map((one) => `${typeof one === 'string' ? one : JSON.stringify(one)}\n`).join('')

export const create = (index = 'logs', id?: string): object => ({ create: { _index: index, ...(id === undefined ? {} : { _id: id }) } })

/** Documents with these messages. */
export const creates = (...messages: readonly string[]): string => lines(...messages.flatMap((message) => [create(), { message }]))

/** Status of each item. */
export const statuses = (answer: Answer): number[] =>
  (answer.json.items as Record<string, { status: number }>[]).flatMap((item) => Object.values(item).map(({ status }) => status))
