/** What real shippers asked of a real Elasticsearch, asked of the bridge again. */

import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Listener } from '../../../src/ingest/adapter.ts'
import { ingestConfig, startIngest, translateConfig } from '../../../src/ingest/index.ts'
import { vectorFiles } from '../../support/shared.ts'
import { createFakeDeps, type FakeDeps, noUserMapping, openBooks, quietPages, quietSampling } from '../support/fakes.ts'
import { type Answer, ask } from '../support/handshake.ts'

interface Exchange {
  readonly method: string
  readonly path: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** Plain, whatever `Content-Encoding` says. */
  readonly body: string
  readonly answer: { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: string }
}

interface Recording {
  readonly client: string
  readonly exchanges: readonly Exchange[]
}

const files = vectorFiles('elasticsearch/handshakes').filter((file) => file.endsWith('.json'))

/** The recorder had a server refuse a template for the sake of it; the bridge takes them all. */
const refusedOnPurpose = 'filebeat-7.17-template-refused.json'

let deps: FakeDeps
let listener: Listener

beforeEach(async () => {
  deps = createFakeDeps(() => Date.UTC(2026, 10, 21, 12))
  const section = ingestConfig.parse({ elasticsearch: { host: '127.0.0.1', port: 0 } })
  const context = {
    ...deps,
    pages: quietPages,
    sampling: quietSampling,
    translate: translateConfig.parse({}),
    userMapping: noUserMapping,
  }
  const [endpoint] = await startIngest(section, context)
  if (endpoint === undefined) throw new Error('no endpoint')
  listener = endpoint.listener
})
afterEach(async () => {
  await listener.stop(0)
})

const isBulk = ({ path }: Exchange): boolean => /\/_bulk(\?|$)/.test(path)

function again({ method, path, headers, body }: Exchange): Promise<Answer> {
  const kept = headers.filter(([name]) => !/^(content-length|connection|accept-encoding|transfer-encoding|host)$/i.test(name))
  const sent = Object.fromEntries(kept)
  if (body === '') return ask(listener, method, path, { headers: sent })
  const isGzip = kept.some(([name, value]) => /^content-encoding$/i.test(name) && value === 'gzip')
  return ask(listener, method, path, { headers: sent, body: isGzip ? gzipSync(body) : body })
}

/** What a client reads of an answer, by the path that it asked for. */
function expectUseful(path: string, answer: Answer): void {
  const [plain = ''] = path.split('?')
  if (plain === '/') {
    expect(answer.json).toMatchObject({
      cluster_uuid: expect.stringMatching(/^[\w-]{22}$/),
      version: { number: expect.stringMatching(/^\d+\.\d+\.\d+$/), build_flavor: 'default' },
      tagline: 'You Know, for Search',
    })
  }
  if (plain === '/_license') expect(answer.json).toMatchObject({ license: { status: 'active', type: 'basic' } })
  if (plain === '/_xpack') expect(answer.json).toMatchObject({ features: { ilm: { available: true, enabled: true } } })
  if (plain === '/_cluster/health') expect(answer.json).toMatchObject({ status: 'green', timed_out: false })
  if (plain === '/_nodes/http') expect(answer.json).toMatchObject({ cluster_name: 'otlp-bridge', nodes: {} })
  if (plain.startsWith('/%3C')) {
    expect(answer.json).toEqual({ acknowledged: true, shards_acknowledged: true, index: 'filebeat-7.17.29-2026.11.21-000001' })
  }
}

describe.skipIf(files.length === 0)('recorded handshakes', () => {
  it.each(files.map((file) => [basename(file), file]))('%s', async (name, file) => {
    const { exchanges } = JSON.parse(readFileSync(file, 'utf8')) as Recording
    const wasPut = new Set<string>()
    let accepted = 0
    for (const exchange of exchanges) {
      const answer = await again(exchange)
      const what = `${exchange.method} ${exchange.path}`
      let { status } = exchange.answer
      if (name === refusedOnPurpose && /_index_template/.test(exchange.path)) {
        status = exchange.method === 'PUT' || wasPut.has(exchange.path) ? 200 : 404
      }
      if (exchange.method === 'PUT') wasPut.add(exchange.path)
      expect([what, answer.status]).toEqual([what, status])
      expect(answer.headers['x-elastic-product']).toBe('Elasticsearch')
      if (exchange.method === 'HEAD') expect(answer.text).toBe('')
      else expectUseful(exchange.path, answer)
      if (!isBulk(exchange)) continue
      const given = JSON.parse(exchange.answer.body) as { items: readonly Record<string, object>[] }
      const own = answer.json as { errors: boolean; items: readonly Record<string, { status: number }>[] }
      expect(own.errors).toBe(false)
      expect(own.items.map((item) => Object.entries(item).map(([action, one]) => [action, one.status]))).toEqual(
        given.items.map((item) => Object.keys(item).map((action) => [action, 201])),
      )
      accepted += own.items.length
    }
    expect(deps.fake.batches.reduce((sum, { items }) => sum + items, 0)).toBe(accepted)
    expect(openBooks(deps.metrics)).toEqual([])
  })
})
