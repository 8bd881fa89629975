import { get as httpGet } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { answers } from '../../src/admin/api.ts'
import { clientsCsv } from '../../src/admin/clients-csv.ts'
import { adminConfig, inspectMode } from '../../src/admin/config.ts'
import { pageFiles } from '../../src/admin/page-files.ts'
import { type Scene, type SceneOptions, startScene } from '../support/page-scene.ts'

let scene: Scene | undefined
afterEach(() => scene?.stop())

const auth = {
  auth: {
    basic: [
      { user: 'ann', password: 'x' },
      { user: 'ben', password: 'y' },
    ],
    bearer: ['t'],
  },
  operate: ['ann', 'bearer'],
}
const basic = (user: string, password: string) => ({ authorization: `Basic ${btoa(`${user}:${password}`)}` })

const start = async (options: Partial<SceneOptions> = {}) => {
  const started = await startScene({ mood: 'broken', ...options })
  scene = started
  const ask = (path: string, headers: Record<string, string> = {}) => fetch(`${started.url}/api/v1${path}`, { headers })
  const session = async (headers: Record<string, string> = {}) =>
    (await (await ask('/session', headers)).json()) as { csrf: string; role: string; user: string; why?: string }
  const send = async (method: string, path: string, body: unknown, headers: Record<string, string> = {}) => {
    const answer = await fetch(`${started.url}/api/v1${path}`, {
      method,
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json', origin: started.url, ...headers },
    })
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
  }
  return { scene: started, ask, session, send }
}

/** A request under another host name: `fetch` does not let its own be set. */
const underHost = (url: string, host: string): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    httpGet(url, { headers: { host }, agent: false }, (answer) => {
      answer.resume()
      resolve(answer.statusCode)
    }).on('error', reject)
  })

describe('/api/v1', () => {
  it.each(['empty', 'healthy', 'broken'] as const)('answers as its schemas say: %s', async (mood) => {
    const { ask } = await start({ mood })
    const paths: readonly (readonly [path: keyof typeof answers, asked?: string])[] = [
      ['/overview'],
      ['/details'],
      ['/series', '/series?endpoint=ingest.zipkin&metric=old&range=24h'],
      ['/mirror'],
      ['/inspect'],
      ['/dead'],
      ['/changes'],
      ['/clients', '/clients?sort=key&limit=3'],
      ['/readiness'],
      ['/parity/live'],
      ['/parity/runs'],
      ['/parity/samples'],
      ['/backfill'],
      ['/session'],
      ...(mood === 'empty' ? [] : [['/inspect/{id}', '/inspect/1'] as const, ['/parity/runs/{id}', '/parity/runs/12'] as const]),
    ]
    for (const [name, asked = name] of paths) {
      const answer = await ask(asked)
      const body: unknown = await answer.json()
      expect([asked, answer.status, answers[name].safeParse(body).error?.issues]).toEqual([asked, 200, undefined])
    }
  })

  it('shows the same as JSON Schema', async () => {
    const { ask } = await start()
    const schemas = (await (await ask('/schema.json')).json()) as Record<string, { type: string }>
    expect(Object.keys(schemas)).toEqual(Object.keys(answers))
    expect(schemas['/overview']).toMatchObject({ type: 'object', properties: { books: { type: 'object' } } })
  })

  it.each([
    ['/mirror', 'mirror.<endpoint>.url'],
    ['/clients', 'section mirror'],
    ['/readiness', 'section mirror'],
    ['/parity/live', 'section mirror'],
    ['/parity/runs', 'section mirror'],
    ['/parity/samples', 'section mirror'],
    ['/inspect', 'admin.inspect'],
    ['/dead', 'queue.type: disk'],
    ['/series?range=35d', 'section mirror'],
  ])('says which option turns %s on', async (path, option) => {
    const { ask } = await start({ bare: true })
    const answer = await ask(path)
    const body = (await answer.json()) as { code: string; hint: string }
    expect([answer.status, body.code]).toEqual([404, 'OB_ADMIN_NONE'])
    expect(body.hint).toContain(option)
  })

  it('answers 404 and 400 with a code, a message and nothing else', async () => {
    const { ask } = await start()
    for (const [path, status, code] of [
      ['/absent', 404, 'OB_ADMIN_NONE'],
      ['/inspect/999', 404, 'OB_ADMIN_NONE'],
      ['/series?metric=absent', 400, 'OB_ADMIN_REQUEST'],
      ['/parity/live?since=tomorrow', 400, 'OB_ADMIN_REQUEST'],
      ['/dead?side=left', 400, 'OB_ADMIN_REQUEST'],
      ['/parity/live?since=-1', 400, 'OB_ADMIN_REQUEST'],
      ['/parity/live?since=5', 400, 'OB_ADMIN_REQUEST'],
      ['/parity/live?until=99999999999999999999', 400, 'OB_ADMIN_REQUEST'],
      ['/parity/samples?since=2026-01-01T00:00:00Z&until=2026-03-01T00:00:00Z', 400, 'OB_ADMIN_REQUEST'],
      ['/x/../y//', 404, 'OB_ADMIN_NONE'],
    ] as const) {
      const answer = await ask(path)
      expect([path, answer.status, ((await answer.json()) as { code: string }).code]).toEqual([path, status, code])
    }
  })

  it('keeps a day of minutes without any books, null where nobody looked', async () => {
    const { ask } = await start({ bare: true, mood: 'healthy' })
    const day = (await (await ask('/series?metric=in')).json()) as { values: (number | null)[]; since: string }
    expect(day.values).toHaveLength(1440)
    expect(day.values.slice(0, 1400)).toEqual(Array(1400).fill(null))
    expect(Date.parse(day.since)).toBeGreaterThan(0)
  })

  it('gives clients page by page, and as CSV whose cells are never formulas', async () => {
    const { ask } = await start({ mood: 'healthy', names: ['=cmd|calc', 'a "b", c'] })
    const first = (await (await ask('/clients?limit=4')).json()) as { items: unknown[]; next: string; total: number }
    expect([first.items.length, first.next, first.total]).toEqual([4, '4', 10])
    const csv = await (await ask('/clients.csv?filter=zipkin')).text()
    expect(csv).toContain(`,'=cmd|calc,`)
    expect(csv).toContain('"a ""b"", c"')
  })

  it('has no formula in a CSV, however it begins', () => {
    const one = { endpoint: 'zipkin', format: 'f', library: '', probably: false, addresses: [], firstSeen: '', lastSeen: '' }
    const more = { itemsPerMinute: 0, itemsToday: 0, errors: 0, silent: false, advice: '' }
    for (const key of ['=1', '+1', '-1', '@a', '\t=1', '\r=1', '\n=1', ' =1', '\u00a0=1', '\u200e=1', '\u202e=1', '＝1', '；=1', '|x'])
      expect(clientsCsv([{ ...one, ...more, key }]).split(',f,')[1]).toMatch(/^"?'/)
    expect(clientsCsv([{ ...one, ...more, key: 'cart-service' }])).toContain(',cart-service,')
  })
})

describe('headers of the page', () => {
  const policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

  it.each([
    ['/', 'no-cache'],
    ['/api/v1/overview', 'no-store'],
    ['/api/v1/absent', 'no-store'],
  ])('%s', async (path, kept) => {
    const { scene } = await start()
    const { headers } = await fetch(scene.url + path)
    expect({
      csp: headers.get('content-security-policy'),
      sniff: headers.get('x-content-type-options'),
      referrer: headers.get('referrer-policy'),
      opener: headers.get('cross-origin-opener-policy'),
      resource: headers.get('cross-origin-resource-policy'),
      permissions: headers.get('permissions-policy'),
      kept: headers.get('cache-control'),
      cors: headers.get('access-control-allow-origin'),
    }).toEqual({
      csp: policy,
      sniff: 'nosniff',
      referrer: 'no-referrer',
      opener: 'same-origin',
      resource: 'same-origin',
      permissions: 'camera=(), microphone=(), geolocation=()',
      kept,
      cors: null,
    })
  })

  it('has less than 150 kB to load', async () => {
    const files = [...(await pageFiles()).values()]
    expect(files).toHaveLength(3)
    expect(files.reduce((sum, { data }) => sum + data.length, 0)).toBeLessThan(150_000)
  })
})

describe('who may change things', () => {
  const change = { phase: 'new-primary', reason: 'it is time' }

  it('takes a change of an operator that comes from the page', async () => {
    const { scene, session, send } = await start({ admin: auth })
    const ann = basic('ann', 'x')
    const { csrf, role, user } = await session(ann)
    expect([role, user]).toEqual(['operate', 'ann'])
    const answer = await send('PUT', '/mirror/zipkin', change, { ...ann, 'x-ob-csrf': csrf, 'if-match': '"3"' })
    expect([answer.status, answer.body['phase'], answer.body['revision']]).toEqual([200, 'new-primary', 4])
    expect(scene.mirror.asked).toEqual([{ endpoint: 'zipkin', request: change, who: 'ann' }])
    const again = await send('PUT', '/mirror/zipkin', change, { ...ann, 'x-ob-csrf': csrf, 'if-match': '"3"' })
    expect([again.status, again.body['code']]).toEqual([409, 'OB_CUTOVER_CONFLICT'])
    const blind = await send('PUT', '/mirror/zipkin', change, { ...ann, 'x-ob-csrf': csrf })
    expect([blind.status, blind.body['code']]).toEqual([400, 'OB_ADMIN_REQUEST'])
    const early = await send('PUT', '/mirror/zipkin', { ...change, phase: 'new-only' }, { ...ann, 'x-ob-csrf': csrf, 'if-match': '"4"' })
    expect([early.status, early.body['conditions']]).toEqual([
      422,
      ['212 queries a day still read the old side', '840 requests wait for it'],
    ])
  })

  it('refuses everything else, and changes nothing', async () => {
    const { scene, session, send } = await start({ admin: auth })
    const [ann, ben] = [basic('ann', 'x'), basic('ben', 'y')]
    const { csrf } = await session(ann)
    const good = { ...ann, 'x-ob-csrf': csrf, 'if-match': '"3"' }
    const bens = { ...ben, 'x-ob-csrf': (await session(ben)).csrf, 'if-match': '"3"' }
    const cases: readonly (readonly [why: string, headers: Record<string, string>, status: number])[] = [
      ['no credentials', { 'x-ob-csrf': csrf, 'if-match': '"3"' }, 401],
      ['wrong password', { ...good, ...basic('ann', 'y') }, 401],
      ['no token', { ...ann, 'if-match': '"3"' }, 403],
      ['wrong token', { ...good, 'x-ob-csrf': csrf.replace(/./, 'z') }, 403],
      ['token of another', { ...good, ...ben }, 403],
      ['not an operator', bens, 403],
      ['foreign origin', { ...good, origin: 'http://evil.example' }, 403],
      ['origin null', { ...good, origin: 'null' }, 403],
      ['a form', { ...good, 'content-type': 'text/plain' }, 403],
    ]
    for (const [why, headers, status] of cases) {
      const answer = await fetch(`${scene.url}/api/v1/mirror/zipkin`, {
        method: 'PUT',
        body: JSON.stringify(change),
        headers: { 'content-type': 'application/json', origin: scene.url, ...headers },
      })
      expect([why, answer.status]).toEqual([why, status])
    }
    for (const path of ['/dead/retry', '/dead/drop']) {
      expect((await send('POST', path, { filter: {}, confirm: '4' }, bens)).status).toBe(403)
      expect((await fetch(`${scene.url}/api/v1${path}?filter=`, { headers: ann })).status).toBe(404)
    }
    expect([scene.mirror.asked, scene.dead.done]).toEqual([[], []])
  })

  it('lets nobody operate without admin.auth, loopback or not', async () => {
    const { session, send } = await start()
    const { csrf, role, why } = await session()
    expect([role, why]).toEqual(['read', 'Set admin.auth to use the switches.'])
    const answer = await send('PUT', '/mirror/zipkin', change, { 'x-ob-csrf': csrf, 'if-match': '"3"' })
    expect([answer.status, answer.body['code']]).toEqual([403, 'OB_ADMIN_FORBIDDEN'])
  })

  it('answers a method that it does not have as it answers a path', async () => {
    const { scene } = await start()
    for (const method of ['DELETE', 'POST', 'OPTIONS']) {
      const answer = await fetch(`${scene.url}/api/v1/overview`, { method })
      expect([answer.status, answer.headers.get('x-content-type-options'), ((await answer.json()) as { code: string }).code]).toEqual([
        404,
        'nosniff',
        'OB_ADMIN_NONE',
      ])
    }
  })

  it('drops dead letters only for their number', async () => {
    const { scene, session, send } = await start({ admin: auth })
    const token = { authorization: 'Bearer t' }
    const { csrf, user } = await session(token)
    expect(user).toBe('bearer')
    const headers = { ...token, 'x-ob-csrf': csrf }
    const filter = { reason: 'endpoint_refused' }
    expect((await send('POST', '/dead/drop', { filter, confirm: '4' }, headers)).status).toBe(400)
    expect((await send('POST', '/dead/drop', { filter }, headers)).status).toBe(400)
    expect((await send('POST', '/dead/drop', { confirm: '4' }, headers)).status).toBe(400)
    expect(scene.dead.done).toEqual([])
    expect(await send('POST', '/dead/drop', { filter, confirm: '3' }, headers)).toMatchObject({ status: 202, body: { batches: 3 } })
    expect(await send('POST', '/dead/retry', { ids: ['9'] }, headers)).toMatchObject({ status: 202, body: { batches: 1 } })
    expect(scene.dead.done).toEqual(['drop 8,7,3', 'retry 9'])
  })

  it('answers under its own names alone, but for metrics and health', async () => {
    const { scene } = await start({ admin: { names: ['bridge.internal'] } })
    for (const [host, status] of [
      ['evil.example', 421],
      ['evil.example:8899', 421],
      ['localhost.evil.example', 421],
      ['localhost:1', 200],
      ['127.0.0.1:1', 200],
      ['[::1]:1', 200],
      ['Bridge.Internal:8899', 200],
    ] as const) {
      for (const path of ['/', '/api/v1/overview'])
        expect([host, path, await underHost(scene.url + path, host)]).toEqual([host, path, status])
    }
    expect(await underHost(`${scene.url}/api/status`, 'evil.example')).toBe(421)
    expect(await underHost(`${scene.url}/api/metrics/types`, 'evil.example')).toBe(421)
    expect(await underHost(`${scene.url}/api/status`, 'localhost')).toBe(200)
    for (const path of ['/metrics', '/health/live', '/health/ready']) {
      expect([path, await underHost(scene.url + path, 'evil.example')]).toEqual([path, path === '/health/ready' ? 503 : 200])
    }
  })
})

describe('inspectMode', () => {
  it.each([
    [{}, 'full'],
    [{ inspect: 'masked' }, 'masked'],
    [{ host: '0.0.0.0' }, 'off'],
    [{ host: '0.0.0.0', auth: { bearer: ['t'] } }, 'masked'],
    [{ host: '0.0.0.0', auth: { bearer: ['t'] }, inspect: 'full' }, 'full'],
  ])('%j is %s', (section, mode) => {
    expect(inspectMode(adminConfig.parse(section))).toBe(mode)
  })

  it('is a fault of the configuration where everybody could read', () => {
    expect(() => adminConfig.parse({ host: '0.0.0.0', inspect: 'masked' })).toThrow(/auth/)
    expect(() => adminConfig.parse({ operate: ['ann'] })).toThrow(/auth/)
  })
})
