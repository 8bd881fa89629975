import { request as httpRequest } from 'node:http'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BridgeError } from '../../../src/errors.ts'
import type { Listener } from '../../../src/ingest/adapter.ts'
import { prometheusConfig } from '../../../src/ingest/prometheus/config.ts'
import type { Version } from '../../../src/ingest/prometheus/negotiate.ts'
import type { RemoteWrite, WriteReceipt, WriteReceiver } from '../../../src/ingest/prometheus/remote-write.ts'
import { type Opened, startPrometheus } from '../../../src/ingest/prometheus/routes.ts'
import { createRequestBooks } from '../../../src/ingest/receive.ts'
import { countsOf, createFakeDeps, eventually, type FakeDeps, openRaw, queueFull, quietPages } from '../support/fakes.ts'

const v2 = 'application/x-protobuf;proto=io.prometheus.write.v2.Request'

let deps: FakeDeps
let listener: Listener | undefined
/** What reached the other side: `version tenant plain wire`. */
let taken: string[]
let events: string[]
let receipt: WriteReceipt
let putError: Error | undefined
let translateError: Error | undefined

beforeEach(() => {
  deps = createFakeDeps()
  taken = []
  events = []
  receipt = { items: 1, rejected: 0, samples: 4, histograms: 5, exemplars: 6, reasons: [] }
  putError = undefined
  translateError = undefined
})

afterEach(async () => {
  await listener?.stop(0)
  listener = undefined
})

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()

/** A toy: behind `z` stands the plain body; anything else is no snappy. */
const decode = (body: Uint8Array): Uint8Array => {
  if (body[0] !== 0x7a) throw new BridgeError('OB_DECODE_ENCODING', 'cannot decompress body: no z')
  return body.slice(1)
}

const receiver = (version: Version, tenant: string): WriteReceiver => {
  const books = createRequestBooks(`remote-write-${version}`, 'http', deps)
  return {
    ...books,
    format: 'prometheus',
    totals: { requests: 0, refusedRequests: 0, bytes: 0, items: 0, lostItems: 0 },
    translate(body, wire = body) {
      taken.push([version, tenant, text(body), text(wire)].join(' '))
      if (translateError !== undefined) throw translateError
      return { received: 1, items: 1, data: new Uint8Array(1), drops: [], notes: [] }
    },
    async put() {
      if (putError !== undefined) throw putError
      return receipt
    },
  }
}

const createRemote = (): RemoteWrite => ({
  receiver,
  trouble: () => ['a part of it'],
  warnings: () => ['look at it'],
  types: (query) => ({ asked: query }),
  async stop() {
    events.push('remote stopped')
  },
})

const createOpened = (): Opened => {
  events.push('opened')
  return { remote: createRemote(), decode }
}

async function start(
  config: object = {},
  { open = async () => createOpened(), waits }: { open?: () => Promise<Opened>; waits?: () => Promise<boolean> } = {},
  pages = quietPages,
): Promise<string> {
  const parts = { open, ...(waits === undefined ? {} : { waits }) }
  listener = await startPrometheus(prometheusConfig.parse({ host: '127.0.0.1', port: 0, ...config }), parts, pages, deps)
  return listener.addresses[0] as string
}

const post = (url: string, body = 'zhello', headers: Record<string, string> = {}): Promise<Response> =>
  fetch(url, { method: 'POST', body: Buffer.from(body), headers })

const writtenBy = ({ headers }: Response): (string | null)[] =>
  ['samples', 'histograms', 'exemplars'].map((one) => headers.get(`x-prometheus-remote-write-${one}-written`))

describe('startPrometheus', () => {
  it.each(['/api/v1/write', '/api/v1/push', '/api/v1/receive', '/prometheus/api/v1/write', '/api/v1/write?extra=1'])(
    'takes both versions at %s',
    async (path) => {
      const base = await start()
      const one = await post(`${base}${path}`)
      expect([one.status, await one.text(), writtenBy(one)]).toEqual([204, '', [null, null, null]])
      const two = await post(`${base}${path}`, 'zhello', { 'content-type': v2, 'content-encoding': 'Snappy' })
      expect([two.status, await two.text(), writtenBy(two)]).toEqual([204, '', ['4', '5', '6']])
      expect(taken).toEqual(['1  hello zhello', '2  hello zhello'])
    },
  )

  it('takes a body in chunks', async () => {
    const base = await start()
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const sending = httpRequest(`${base}/api/v1/write`, { method: 'POST' }, (response) => {
        response.resume()
        resolve(response.statusCode)
      })
      sending.on('error', reject)
      sending.write('zhe')
      setImmediate(() => sending.end('llo'))
    })
    expect([status, taken]).toEqual([204, ['1  hello zhello']])
  })

  it('reads the tenant from the header or the path, which wins', async () => {
    const base = await start()
    await post(`${base}/api/v1/write`, 'za', { 'x-scope-orgid': 'team-a' })
    await post(`${base}/insert/12:34/prometheus/api/v1/write`, 'zb', { 'x-scope-orgid': 'team-a' })
    await post(`${base}/insert/7/prometheus/api/v1/write?x=1`, 'zc')
    expect(taken).toEqual(['1 team-a a za', '1 12:34 b zb', '1 7 c zc'])
  })

  it('refuses a tenant that cannot be one', async () => {
    const answer = await post(`${await start({ limits: { tenant: 5 } })}/api/v1/write`, 'za', { 'x-scope-orgid': 'sixsix' })
    expect([answer.status, await answer.text(), taken]).toEqual([400, expect.stringContaining('longer than 5 bytes'), []])
    expect(countsOf(deps.metrics, 'otlp_bridge_refused_requests_total', 'reason')).toEqual({ tenant: 1 })
  })

  it.each([
    [{ 'content-type': 'application/json' }, 'unsupported_type'],
    [{ 'content-type': 'application/x-protobuf;proto=other.Message' }, 'unsupported_type'],
    [{ 'content-encoding': 'gzip' }, 'unsupported_encoding'],
    [{ 'content-encoding': 'zstd', 'content-type': v2 }, 'unsupported_encoding'],
    [{ 'content-encoding': 'identity' }, 'unsupported_encoding'],
    [{ 'content-encoding': 'snappy, snappy' }, 'unsupported_encoding'],
  ])('answers 415 to %j, and looks at nothing', async (headers, reason) => {
    const answer = await post(`${await start()}/api/v1/write`, 'zhello', headers as Record<string, string>)
    expect([answer.status, writtenBy(answer), taken]).toEqual([415, [null, null, null], []])
    expect(countsOf(deps.metrics, 'otlp_bridge_refused_requests_total', 'reason')).toEqual({ [reason]: 1 })
  })

  it('answers 415 before the body has come, and 401 before that', async () => {
    const base = await start()
    const head = 'POST /api/v1/write HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\n'
    const socket = await openRaw(base)
    socket.send(head)
    expect(await socket.until('\r\n\r\n')).toContain('415 Unsupported Media Type')
    socket.destroy()
    await listener?.stop(0)
    const guarded = await start({ auth: { bearer: ['t'] } })
    expect((await post(`${guarded}/api/v1/write`, 'z', { 'content-type': 'text/plain' })).status).toBe(401)
    expect((await post(`${guarded}/insert/1/prometheus/api/v1/write`, 'z')).status).toBe(401)
    expect((await post(`${guarded}/api/v1/write`, 'z', { 'content-type': 'text/plain', authorization: 'Bearer t' })).status).toBe(415)
    expect((await post(`${guarded}/api/v1/write`, 'z', { authorization: 'Bearer t' })).status).toBe(204)
    expect((await fetch(`${guarded}/-/ready`)).status).toBe(200)
    expect((await fetch(`${guarded}/api/v1/query`)).status).toBe(401)
  })

  it('answers 413 to a body that declares to be too large, and while the queue is full', async () => {
    const base = await start({ limits: { compressedBody: 4 } })
    deps.fake.refuseWith = queueFull()
    const answer = await post(`${base}/api/v1/write`)
    expect([answer.status, await answer.text()]).toEqual([413, expect.stringContaining('ingest.prometheus.limits.compressedBody')])
    deps.fake.refuseWith = undefined
  })

  it('answers 400 to what is no snappy, without headers, for nothing was decoded', async () => {
    const answer = await post(`${await start()}/api/v1/write`, 'xx', { 'content-type': v2 })
    expect([answer.status, await answer.text(), writtenBy(answer)]).toEqual([400, 'cannot decompress body: no z\n', [null, null, null]])
    expect(countsOf(deps.metrics, 'otlp_bridge_refused_requests_total', 'reason')).toEqual({ decode_encoding: 1 })
  })

  it('tells 2.0 that nothing was written of what cannot be read, or not be queued', async () => {
    const base = await start()
    translateError = new BridgeError('OB_DECODE_PROTO', 'cannot read')
    const unread = await post(`${base}/api/v1/write`, 'z', { 'content-type': v2 })
    expect([unread.status, writtenBy(unread)]).toEqual([400, ['0', '0', '0']])
    translateError = undefined
    putError = queueFull()
    const full = await post(`${base}/api/v1/write`, 'z', { 'content-type': v2 })
    expect([full.status, full.headers.get('retry-after'), writtenBy(full)]).toEqual([429, '7', ['0', '0', '0']])
    const old = await post(`${base}/api/v1/write`, 'z')
    expect([old.status, writtenBy(old)]).toEqual([429, [null, null, null]])
    putError = new TypeError('oops')
    expect((await post(`${base}/api/v1/write`, 'z')).status).toBe(500)
  })

  it('asks nobody to read a body while the queue is full; Prometheus is told to come back in words that it heeds', async () => {
    const base = await start()
    deps.fake.refuseWith = queueFull()
    const answer = await post(`${base}/api/v1/write`, 'z', { 'user-agent': 'Prometheus/3.8.0' })
    expect([answer.status, answer.headers.get('retry-after'), taken]).toEqual([503, '7', []])
    expect((await post(`${base}/api/v1/write`, 'z', { 'user-agent': 'vmagent' })).status).toBe(429)
    expect((await post(`${base}/api/v1/write`, 'z', { 'content-encoding': 'gzip' })).status).toBe(415)
  })

  it('answers 400 with what was refused, and says what was written', async () => {
    receipt = { ...receipt, rejected: 2, reasons: [{ reason: 'no_name', count: 2, example: '{a="b"} has no __name__' }] }
    const answer = await post(`${await start()}/api/v1/write`, 'z', { 'content-type': v2 })
    expect([answer.status, await answer.text(), writtenBy(answer)]).toEqual([
      400,
      '2 samples refused (no_name): {a="b"} has no __name__\n',
      ['4', '5', '6'],
    ])
  })

  it.each([
    ['GET', '/api/v1/write'],
    ['PUT', '/insert/7/prometheus/api/v1/write'],
    ['DELETE', '/api/v1/push?x=1'],
  ])('answers 405 to %s %s', async (method, path) => {
    const answer = await fetch(`${await start()}${path}`, { method })
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST'])
  })

  it.each([
    ['GET', '/api/v1/query?query=up'],
    ['POST', '/api/v1/query_range'],
    ['GET', '/api/v1/labels'],
    ['GET', '/api/v1/label/job/values'],
    ['POST', '/api/v1/series'],
    ['GET', '/api/v1/metadata'],
    ['POST', '/api/v1/read'],
    ['GET', '/api/v1/status/buildinfo'],
    ['GET', '/prometheus/api/v1/rules'],
    ['GET', '/api/v1/alerts'],
  ])('says to %s %s where to look now, as Prometheus words its errors', async (method, path) => {
    const base = await start({ newBackend: 'https://grafana.example' })
    const form = method === 'POST' ? { body: 'query=up', headers: { 'content-type': 'application/x-www-form-urlencoded' } } : {}
    const answer = await fetch(`${base}${path}`, { method, ...form })
    expect([answer.status, answer.headers.get('content-type'), await answer.json()]).toEqual([
      404,
      'application/json',
      { status: 'error', errorType: 'not_found', error: expect.stringContaining('forwarded to https://grafana.example') },
    ])
  })

  it.each(['/', '/graph', '/federate?match[]=up', '/targets', '/consoles/x', '/%zz'])('says at %s where to look now', async (path) => {
    const answer = await fetch(`${await start()}${path}`)
    expect([answer.status, await answer.text()]).toEqual([
      404,
      'otlp-bridge stores nothing: samples are forwarded to http://collector:4318, query them there\n',
    ])
  })

  it('is healthy as long as it answers, and ready when all is well', async () => {
    const base = await start()
    expect([(await fetch(`${base}/-/healthy`)).status, (await fetch(`${base}/-/ready`, { method: 'HEAD' })).status]).toEqual([200, 200])
    await listener?.stop(0)
    const ill = await start({}, {}, { ...quietPages, trouble: () => 'the disk is full' })
    const ready = await fetch(`${ill}/-/ready`)
    expect([(await fetch(`${ill}/-/healthy`)).status, ready.status, await ready.text()]).toEqual([
      200,
      503,
      'otlp-bridge is not Ready: the disk is full\n',
    ])
  })

  it('takes the paths that it is given, and no others', async () => {
    const base = await start({ paths: ['/w', '/t/{tenant}'] })
    expect((await post(`${base}/w`, 'z')).status).toBe(204)
    expect((await post(`${base}/t/a`, 'z')).status).toBe(204)
    expect((await post(`${base}/t/a/b`, 'z')).status).toBe(404)
    expect((await post(`${base}/api/v1/write`, 'z')).status).toBe(404)
    expect(taken).toEqual(['1   z', '1 a  z'])
  })
})

describe('startPrometheus: what is behind it', () => {
  it('loads nothing before the first write, and all of it once', async () => {
    const gate = Promise.withResolvers<void>()
    const base = await start({}, { open: () => gate.promise.then(createOpened) })
    await fetch(`${base}/-/ready`)
    await fetch(`${base}/api/v1/query`)
    expect([events, listener?.trouble?.(), listener?.warnings?.()]).toEqual([[], [], []])
    const answers = Promise.all([post(`${base}/api/v1/write`, 'za'), post(`${base}/api/v1/write`, 'zb')])
    gate.resolve()
    expect((await answers).map(({ status }) => status)).toEqual([204, 204])
    expect(events).toEqual(['opened'])
    expect([listener?.trouble?.(), listener?.warnings?.()]).toEqual([['a part of it'], ['look at it']])
  })

  it('does not wait for a request where something waits from an earlier run', async () => {
    await start({}, { waits: async () => true })
    await eventually(() => events.includes('opened'))
    await listener?.stop(0)
    events = []
    await start({}, { waits: async () => false })
    await listener?.stop(0)
    await start({}, { waits: () => Promise.reject(new BridgeError('OB_STOPPING', 'x')) })
    await new Promise((resolve) => setImmediate(resolve))
    expect(events).toEqual([])
  })

  it('tells senders to come back, and health why, while it cannot be loaded; and tries again', async () => {
    let broken = true
    const base = await start(
      {},
      {
        async open() {
          if (broken) throw new BridgeError('OB_QUEUE_BROKEN', 'cannot read the state: EIO')
          return createOpened()
        },
      },
    )
    expect((await post(`${base}/api/v1/write`, 'z')).status).toBe(503)
    expect(listener?.trouble?.()).toEqual(['remote-write cannot be taken: cannot read the state: EIO'])
    expect(countsOf(deps.metrics, 'otlp_bridge_refused_requests_total', 'format')).toEqual({ 'remote-write-1': 1 })
    broken = false
    expect((await post(`${base}/api/v1/write`, 'z')).status).toBe(204)
    expect(listener?.trouble?.()).toEqual(['a part of it'])
  })

  it('stops it after the last answer', async () => {
    const base = await start()
    await post(`${base}/api/v1/write`, 'z')
    await listener?.stop(100)
    expect(events).toEqual(['opened', 'remote stopped'])
  })

  it('waits until the endpoint before it has let go', async () => {
    const first = await start()
    await post(`${first}/api/v1/write`, 'z')
    const before = listener as Listener
    const base = await startPrometheus(
      prometheusConfig.parse({ host: '127.0.0.1', port: 0 }),
      { open: async () => createOpened() },
      quietPages,
      { ...deps, before: () => before },
    )
    listener = base
    const answer = post(`${base.addresses[0]}/api/v1/write`, 'z')
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(events).toEqual(['opened'])
    await before.stop(0)
    expect((await answer).status).toBe(204)
    expect(events).toEqual(['opened', 'remote stopped', 'opened'])
  })

  it('can be given up while the endpoint before it goes on', async () => {
    await start()
    const before = listener as Listener
    const next = await startPrometheus(
      prometheusConfig.parse({ host: '127.0.0.1', port: 0 }),
      { open: async () => createOpened() },
      quietPages,
      { ...deps, before: () => before },
    )
    const answer = post(`${next.addresses[0]}/api/v1/write`, 'z').catch(() => undefined)
    await new Promise((resolve) => setTimeout(resolve, 20))
    await next.stop(50)
    expect(events).toEqual([])
    expect((await answer)?.status ?? 503).toBe(503)
  })

  it('has a page about types, which loads what it needs', async () => {
    await start()
    expect(await listener?.pages?.['metrics/types']?.({ family: 'up' })).toEqual({ asked: { family: 'up' } })
    expect(events).toEqual(['opened'])
  })
})
