import { get } from 'node:https'
import { afterEach, describe, expect, it } from 'vitest'
import { adminConfig } from '../../src/admin/config.ts'
import { startAdmin } from '../../src/admin/routes.ts'
import type { StatusSource } from '../../src/admin/status.ts'
import type { Listener } from '../../src/ingest/adapter.ts'
import { createExposition } from '../../src/telemetry/exposition.ts'
import { createHealth } from '../../src/telemetry/health.ts'
import { silentLog } from '../../src/telemetry/log.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { createCertificates, hasOpenssl } from '../support/certificates.ts'

let started: Listener | undefined
afterEach(() => started?.stop(0))

const start = async (page?: StatusSource['page']) => {
  const metrics = createMetrics()
  const health = createHealth()
  const status = {
    version: '1.2.3',
    startedMs: 1000,
    listeners: () => [{ section: 'ingest.zipkin', addresses: ['http://127.0.0.1:9411'] }],
    queue: () => ({ type: 'disk', ack: 'durable', batches: 1, items: 7, bytes: 100, maxBytes: 1000, deadItems: 0 }),
    destinations: () => [{ name: 'default', endpoint: 'http://localhost:4318', protocol: 'http/protobuf' }],
    ...(page === undefined ? {} : { page }),
  }
  const config = adminConfig.parse({ port: 0 })
  started = await startAdmin(config, { metrics, health, status, nowMs: () => 61_000, expose: createExposition(metrics), log: silentLog })
  const base = started.addresses[0] ?? ''
  return { metrics, health, get: (path: string) => fetch(base + path), base }
}

describe('startAdmin', () => {
  it('serves the live page with nothing from elsewhere', async () => {
    const { get } = await start()
    const page = await get('/')
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'")
    const text = await page.text()
    expect(text).not.toMatch(/(src|href)="https?:/)
    const files = [...text.matchAll(/(?:src|href)="(page\.[A-Z0-9]+\.[a-z]+)"/g)].map(([, path]) => path)
    expect(files).toHaveLength(2)
    for (const path of files) {
      const file = await get(`/${path}`)
      expect([path, file.status, file.headers.get('cache-control')]).toEqual([path, 200, 'public, max-age=31536000, immutable'])
    }
    expect((await get('/page.absent.js')).status).toBe(404)
  })

  it('is live whatever else', async () => {
    const { get, health } = await start()
    health.watch('queue', () => 'full')
    expect((await get('/health/live')).status).toBe(200)
  })

  it('is ready only when no part has a reason not to be', async () => {
    const { get, health } = await start()
    expect((await get('/health/ready')).status).toBe(200)
    health.watch('queue', () => 'the disk is full')
    const answer = await get('/health/ready')
    expect(answer.status).toBe(503)
    expect(await answer.json()).toEqual({ status: 'not ready', reasons: [{ part: 'queue', reason: 'the disk is full' }] })
  })

  it('gives the status with books, losses and destinations', async () => {
    const { get, metrics } = await start()
    const books = metrics.books('zipkin-json', 'traces')
    books.received.value = 10
    books.at('default').delivered.value = 8
    books.refused('zero_id').value = 2
    metrics.counter('otlp_bridge_received_requests_total', { format: 'zipkin-json', transport: 'http' }).value = 3
    metrics.counter('otlp_bridge_received_requests_total', { format: 'zipkin-proto', transport: 'http' }).value = 1
    metrics.counter('otlp_bridge_refused_requests_total', { format: 'zipkin-proto', transport: 'http', reason: 'decode_proto' }).value = 1
    expect(await (await get('/api/status')).json()).toMatchObject({
      version: '1.2.3',
      ready: true,
      queue: { items: 7 },
      formats: [
        { format: 'zipkin-json', received: 10, delivered: 8, refused: 2, balance: 0, requests: 3 },
        { format: 'zipkin-proto', received: 0, requests: 1, refusedRequests: 1 },
      ],
      losses: { refused: [{ reason: 'zero_id', value: 2 }], refusedRequests: [{ reason: 'decode_proto', value: 1 }] },
      destinations: [{ name: 'default', delivered: 8 }],
    })
  })

  it('hands on the pages of listeners, and says where one would come from', async () => {
    const asked: unknown[] = []
    const { get } = await start(async (path, query) => {
      asked.push([path, query])
      if (path === 'metrics/types') return { content: query['none'] === undefined ? { types: [1] } : undefined }
      if (path === 'broken') throw new Error('cannot read it now')
      return undefined
    })
    const types = await get('/api/metrics/types?family=up&limit=1&limit=2')
    expect([types.status, types.headers.get('content-type'), types.headers.get('cache-control'), await types.json()]).toEqual([
      200,
      'application/json; charset=utf-8',
      'no-store',
      { types: [1] },
    ])
    expect(asked).toEqual([['metrics/types', { family: 'up', limit: '2' }]])
    expect(await (await get('/api/metrics/types?none=')).json()).toBeNull()
    const other = await get('/api/other')
    expect([other.status, await other.json()]).toEqual([404, { error: 'cannot show /api/other: there is no such page' }])
    expect((await get('/api/broken')).status).toBe(500)
    expect((await get('/api/status')).status).toBe(200)
  })

  it('names the endpoint that a page comes with, while none runs', async () => {
    const { get } = await start()
    const answer = await get('/api/metrics/types')
    expect([answer.status, await answer.json()]).toEqual([
      404,
      { error: 'cannot show /api/metrics/types: it comes with ingest.prometheus, and no such endpoint is running' },
    ])
  })

  it('serves the metrics', async () => {
    const { get } = await start()
    const answer = await get('/metrics')
    expect(answer.headers.get('content-type')).toContain('text/plain')
    expect(await answer.text()).toContain('# TYPE otlp_bridge_received_items_total counter')
  })

  it('says which knob when its port is taken', async () => {
    const { base, metrics, health } = await start()
    const status = { version: '', startedMs: 0, listeners: () => [], destinations: () => [], queue: () => Object.create(null) }
    const config = adminConfig.parse({ port: Number(new URL(base).port) })
    const second = startAdmin(config, { metrics, health, status, nowMs: () => 0, expose: createExposition(metrics), log: silentLog })
    await expect(second).rejects.toMatchObject({ code: 'OB_LISTEN', place: 'admin.port' })
  })
})

describe('startAdmin with credentials', () => {
  const status = { version: '', startedMs: 0, listeners: () => [], destinations: () => [], queue: () => Object.create(null) }

  it('shows a stranger health alone', async () => {
    const metrics = createMetrics()
    const config = adminConfig.parse({ port: 0, auth: { basic: [{ user: 'ann', password: 'x' }], bearer: ['t'] } })
    started = await startAdmin(config, {
      metrics,
      health: createHealth(),
      status,
      nowMs: () => 0,
      expose: createExposition(metrics),
      log: silentLog,
    })
    const base = started.addresses[0] ?? ''
    const get = (path: string, headers: Record<string, string> = {}) => fetch(base + path, { headers })
    for (const path of ['/', '/metrics', '/api/status', '/page.js', '/absent', '/health', '/health/ready/', '//health/ready']) {
      const answer = await get(path)
      expect([path, answer.status, answer.headers.get('www-authenticate')]).toEqual([
        path,
        401,
        'Basic realm="otlp-bridge", charset="UTF-8", Bearer realm="otlp-bridge"',
      ])
    }
    expect((await get('/health/live')).status).toBe(200)
    expect((await get('/health/ready')).status).toBe(200)
    expect((await get('/metrics', { authorization: 'Bearer t' })).status).toBe(200)
    expect((await get('/metrics', { authorization: `Basic ${btoa('ann:x')}` })).status).toBe(200)
    expect((await get('/metrics', { authorization: `Basic ${btoa('ann:y')}` })).status).toBe(401)
  })
})

describe.skipIf(!hasOpenssl())('startAdmin over TLS', () => {
  it('serves its page over https and says when its certificate has expired', async () => {
    const made = createCertificates()
    const authority = made.authority('our-ca')
    const metrics = createMetrics()
    const config = adminConfig.parse({ port: 0, tls: authority.issue('old', -1) })
    const status = { version: '', startedMs: 0, listeners: () => [], destinations: () => [], queue: () => Object.create(null) }
    started = await startAdmin(config, {
      metrics,
      health: createHealth(),
      status,
      nowMs: Date.now,
      expose: createExposition(metrics),
      log: silentLog,
    })
    const base = started.addresses[0] ?? ''
    expect(base).toMatch(/^https:/)
    const code = await new Promise<number | undefined>((resolve, reject) => {
      get(`${base}/health/live`, { rejectUnauthorized: false, agent: false }, (answer) => {
        answer.resume()
        resolve(answer.statusCode)
      }).on('error', reject)
    })
    expect(code).toBe(200)
    expect(started.trouble?.()).toEqual([expect.stringContaining('certificate old expired')])
    made.remove()
  })
})
