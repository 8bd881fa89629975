/** The doors of mirrored endpoints: what the old side gets, whose answer clients get. Table 1.7 of the cutover's mapping. */

import { createHash } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Pipeline } from '../src/pipeline.ts'
import { addressOf, type BothSides, startBothSides } from './support/both-sides.ts'
import { type OldSide, pairs } from './support/old-side.ts'

let sides: BothSides
let old: OldSide
beforeEach(async () => {
  sides = await startBothSides(['admin.enabled=false'])
  old = sides.old
})
afterEach(() => sides.close())

const load = (...set: string[]) => sides.load(...set)
const start = (...set: string[]): Promise<Pipeline> => sides.start(...set)
const arrived = (): number => sides.arrived()

interface Answer {
  readonly status: number
  readonly headers: readonly string[]
  readonly body: string
}

/** A request as node writes it. @param pieces several: chunked */
const send = (url: string, headers: readonly string[], pieces: readonly Uint8Array[], method = 'POST'): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const { host } = new URL(url)
    const outgoing = httpRequest(url, { method, headers: ['Host', host, ...headers], setHost: false, agent: false }, (answer) => {
      let body = ''
      answer.setEncoding('utf8').on('data', (piece: string) => {
        body += piece
      })
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.rawHeaders, body }))
    })
    outgoing.on('error', reject)
    for (const piece of pieces) outgoing.write(piece)
    outgoing.end()
  })

const span = (id: string): string =>
  JSON.stringify([
    { traceId: '00000000000000000000000000000001', id, name: 'get', timestamp: 1, duration: 1, localEndpoint: { serviceName: 'shop' } },
  ])

const spans = Buffer.from(span('0000000000000001'))
const json = ['Content-Type', 'application/json']
const sized = (body: Uint8Array): string[] => ['Content-Length', String(body.length)]

const zipkin = (...set: string[]): Promise<Pipeline> => start('ingest.zipkin.port=0', `mirror.zipkin.url=${old.url}/old`, ...set)

const hash = (body: Uint8Array): string => createHash('sha256').update(body).digest('hex')

describe('a mirrored endpoint that answers itself', () => {
  it('sends what it gets to both sides, to the old one byte for byte', async () => {
    const url = `${addressOf(await zipkin(), 'ingest.zipkin')}/api/v2/spans?a=1&a=%20`
    const body = gzipSync(spans)
    const own = [
      'content-TYPE',
      'application/json',
      'Content-Encoding',
      'gzip',
      'X-Scope-OrgID',
      'one',
      'b3',
      '0',
      'X-Two',
      '1',
      'X-Two',
      '2',
    ]
    expect(await send(url, [...own, 'Connection', 'keep-alive, X-Hop', 'X-Hop', 'no', ...sized(body)], [body])).toMatchObject({
      status: 202,
    })
    await expect.poll(() => old.heard.length).toBe(1)
    await expect.poll(arrived).toBe(1)
    const [heard] = old.heard
    expect(heard).toMatchObject({ method: 'POST', url: '/old/api/v2/spans?a=1&a=%20', sha256: hash(body) })
    const added = pairs(heard?.headers ?? [], 'host', 'content-length', 'connection')
    expect(added.slice(0, -1)).toEqual(pairs(own))
    expect(added.at(-1)).toEqual(['Via', expect.stringMatching(/^1\.1 otlp-bridge-[0-9a-f]{8}$/)])
    expect(pairs(heard?.headers ?? []).filter(([name]) => /^(host|content-length)$/i.test(name))).toEqual(
      expect.arrayContaining([
        [expect.stringMatching(/host/i), `127.0.0.1:${old.port}`],
        [expect.stringMatching(/content-length/i), String(body.length)],
      ]),
    )
  })

  it('forwards a chunked body with its length', async () => {
    const url = `${addressOf(await zipkin(), 'ingest.zipkin')}/api/v2/spans`
    expect(await send(url, [...json, 'Transfer-Encoding', 'chunked'], [spans.subarray(0, 20), spans.subarray(20)])).toMatchObject({
      status: 202,
    })
    await expect.poll(() => old.heard.map(({ sha256 }) => sha256)).toEqual([hash(spans)])
    const names = pairs(old.heard[0]?.headers ?? []).map(([name]) => name.toLowerCase())
    expect(names).not.toContain('transfer-encoding')
    expect(names).toContain('content-length')
  })

  it('passes an empty list on, with which reporters probe', async () => {
    const url = `${addressOf(await zipkin(), 'ingest.zipkin')}/api/v2/spans`
    expect(await send(url, [...json, 'Content-Length', '2'], [Buffer.from('[]')])).toMatchObject({ status: 202 })
    await expect.poll(() => old.heard.map(({ body }) => body.toString())).toEqual(['[]'])
  })

  it('refuses what it cannot read, and sends it nowhere', async () => {
    const url = `${addressOf(await zipkin(), 'ingest.zipkin')}/api/v2/spans`
    const broken = Buffer.from('[{"traceId":')
    expect(await send(url, [...json, ...sized(broken)], [broken])).toMatchObject({ status: 400 })
    expect(await send(url, [...json, ...sized(spans)], [spans])).toMatchObject({ status: 202 })
    await expect.poll(() => old.heard.map(({ body }) => body.toString())).toEqual([spans.toString()])
  })

  it('passes on what it cannot read where the old side is the truth', async () => {
    const pipeline = await zipkin('mirror.zipkin.undecodable=mirror')
    const url = `${addressOf(pipeline, 'ingest.zipkin')}/api/v2/spans`
    const broken = Buffer.from('[{"traceId":')
    expect(await send(url, [...json, ...sized(broken)], [broken])).toMatchObject({ status: 202 })
    await expect.poll(() => old.heard.map(({ sha256 }) => sha256)).toEqual([hash(broken)])
    expect(pipeline.metrics.total('otlp_bridge_mirror_notes_total')).toBe(1)
  })

  it('keeps what an old side that is down has not got', async () => {
    await old.stop()
    const url = `${addressOf(await zipkin('mirror.zipkin.retry.initial=20ms', 'mirror.zipkin.retry.max=50ms', 'mirror.zipkin.breaker.open=50ms'), 'ingest.zipkin')}/api/v2/spans`
    expect(await send(url, [...json, ...sized(spans)], [spans])).toMatchObject({ status: 202 })
    await expect.poll(arrived).toBe(1)
    old = await sides.reviveOld()
    await expect.poll(() => old.heard.map(({ sha256 }) => sha256), { timeout: 5000 }).toEqual([hash(spans)])
  })

  it('refuses what went out here, and what came through too many bridges', async () => {
    const pipeline = await zipkin()
    const url = `${addressOf(pipeline, 'ingest.zipkin')}/api/v2/spans`
    await send(url, [...json, ...sized(spans)], [spans])
    await expect.poll(() => old.heard.length).toBe(1)
    const [, via = ''] = pairs(old.heard[0]?.headers ?? []).find(([name]) => name === 'Via') ?? []
    expect(await send(url, [...json, 'Via', `1.1 proxy, ${via}`, ...sized(spans)], [spans])).toMatchObject({ status: 508 })
    const many = Array.from({ length: 4 }, (_, at) => `1.1 otlp-bridge-0000000${at}`).join(', ')
    expect(await send(url, [...json, 'Via', many, ...sized(spans)], [spans])).toMatchObject({ status: 508 })
    const few = many.slice(0, many.lastIndexOf(','))
    expect(await send(url, [...json, 'Via', few, ...sized(spans)], [spans])).toMatchObject({ status: 202 })
    await expect.poll(() => old.heard.length).toBe(2)
    // Two more of our own: the third within a minute pauses the mirror, and what comes then waits. What came through others does not count.
    expect(await send(url, [...json, 'Via', via, ...sized(spans)], [spans])).toMatchObject({ status: 508 })
    expect(pipeline.health.reasons()).toEqual([])
    expect(await send(url, [...json, 'Via', via, ...sized(spans)], [spans])).toMatchObject({ status: 508 })
    await expect
      .poll(() => pipeline.health.reasons().map(({ reason }) => reason))
      .toContainEqual(expect.stringMatching(/^mirror\.zipkin is paused: what was sent to the old side came back here/))
    expect(await send(url, [...json, ...sized(spans)], [spans])).toMatchObject({ status: 202 })
    await expect.poll(arrived).toBe(3)
    // Three received, two delivered.
    expect(pipeline.metrics.total('otlp_bridge_mirror_requests_total')).toBe(5)
    expect(old.heard).toHaveLength(2)
  })
})

describe('a mirrored endpoint that gives the old answer', () => {
  const legacy = (...set: string[]): Promise<Pipeline> => zipkin('mirror.zipkin.phase=shadow', ...set)

  it('passes it on as it is, once the new side has the data', async () => {
    old.answer = (_heard, response) => {
      response.writeHead(202, ['X-Zipkin', 'a', 'X-Zipkin', 'b', 'Content-Length', '3', 'Connection', 'X-Gone', 'X-Gone', '1'])
      response.end('yes')
    }
    const url = `${addressOf(await legacy(), 'ingest.zipkin')}/api/v2/spans`
    const answer = await send(url, [...json, 'Accept-Encoding', 'gzip', ...sized(spans)], [spans])
    expect(answer).toMatchObject({ status: 202, body: 'yes' })
    expect(pairs(answer.headers, 'date', 'connection', 'keep-alive')).toEqual([
      ['X-Zipkin', 'a'],
      ['X-Zipkin', 'b'],
      ['Content-Length', '3'],
    ])
    await expect.poll(arrived).toBe(1)
    expect(old.heard.length).toBe(1)
    expect(pairs(old.heard[0]?.headers ?? [])).toContainEqual(['Accept-Encoding', 'gzip'])
  })

  it.each([400, 413, 429, 500, 503])('passes %s on, and the new side gets nothing', async (status) => {
    old.answer = (_heard, response) => {
      response.writeHead(status, { 'Retry-After': '7', 'Content-Type': 'text/x-own' })
      response.end('no')
    }
    const pipeline = await legacy()
    const url = `${addressOf(pipeline, 'ingest.zipkin')}/api/v2/spans`
    const answer = await send(url, [...json, ...sized(spans)], [spans])
    expect(answer).toMatchObject({ status, body: 'no' })
    expect(pairs(answer.headers)).toContainEqual(['Retry-After', '7'])
    const sums = pipeline.metrics.sums().find(({ format }) => format === 'zipkin-json')
    expect(sums).toMatchObject({ received: 1, refused: 1, balance: 0 })
    expect(arrived()).toBe(0)
  })

  it('keeps what the old side refuses for the new one when told so', async () => {
    old.answer = (_heard, response) => response.writeHead(400).end('no')
    const url = `${addressOf(await legacy('mirror.zipkin.legacy.keepRefused=true'), 'ingest.zipkin')}/api/v2/spans`
    expect(await send(url, [...json, ...sized(spans)], [spans])).toMatchObject({ status: 400 })
    await expect.poll(arrived).toBe(1)
  })

  it('answers itself when the old side is down, says so, and queues for both', async () => {
    await old.stop()
    const quick = ['mirror.zipkin.retry.initial=20ms', 'mirror.zipkin.retry.max=50ms', 'mirror.zipkin.breaker.open=50ms']
    const url = `${addressOf(await legacy(...quick), 'ingest.zipkin')}/api/v2/spans`
    const answer = await send(url, [...json, ...sized(spans)], [spans])
    expect(answer.status).toBe(202)
    expect(pairs(answer.headers)).toContainEqual(['X-Otlp-Bridge-Answer', 'bridge'])
    await expect.poll(arrived).toBe(1)
    old = await sides.reviveOld()
    await expect.poll(() => old.heard.map(({ sha256 }) => sha256), { timeout: 5000 }).toEqual([hash(spans)])
  })

  it.each([
    ['502 when it is down', 502, true],
    ['504 when it is slow', 504, false],
  ])('fails with %s where the configuration wants that', async (_name, status, isDown) => {
    if (isDown) await old.stop()
    old.answer = () => {}
    const url = `${addressOf(await legacy('mirror.zipkin.legacy.fallback=fail', 'mirror.zipkin.legacy.timeout=50ms'), 'ingest.zipkin')}/api/v2/spans`
    const answer = await send(url, [...json, ...sized(spans)], [spans])
    expect(answer.status).toBe(status)
    expect(pairs(answer.headers).map(([name]) => name.toLowerCase())).toContain('retry-after')
    expect(arrived()).toBe(0)
  })

  it('answers itself when the old side is slow, and sends nothing twice', async () => {
    const slow = Promise.withResolvers<void>()
    old.answer = async (_heard, response) => {
      await slow.promise
      response.writeHead(202).end()
    }
    const pipeline = await legacy('mirror.zipkin.legacy.timeout=50ms')
    const answer = await send(`${addressOf(pipeline, 'ingest.zipkin')}/api/v2/spans`, [...json, ...sized(spans)], [spans])
    expect(answer.status).toBe(202)
    expect(pairs(answer.headers)).toContainEqual(['X-Otlp-Bridge-Answer', 'bridge'])
    await expect.poll(arrived).toBe(1)
    slow.resolve()
    await expect.poll(() => pipeline.metrics.total('otlp_bridge_mirror_queue_batches')).toBe(0)
    expect(old.heard.length).toBe(1)
  })

  it('gives the truth of what it cannot read itself', async () => {
    old.answer = (_heard, response) => response.writeHead(418).end('teapot')
    const broken = Buffer.from('[{"traceId":')
    const url = `${addressOf(await legacy(), 'ingest.zipkin')}/api/v2/spans`
    expect(await send(url, [...json, ...sized(broken)], [broken])).toMatchObject({ status: 418, body: 'teapot' })
  })
})

describe('what brings no data', () => {
  it('is passed to the old side and back', async () => {
    old.answer = (heard, response) => {
      response.writeHead(200, [
        'Content-Type',
        'application/json',
        'Location',
        `${old.url}/old/zipkin/?x=1`,
        'X-Hop',
        'no',
        'Connection',
        'X-Hop',
      ])
      response.end(JSON.stringify([heard.method, heard.url]))
    }
    const base = addressOf(await zipkin(), 'ingest.zipkin')
    const answer = await send(`${base}/api/v2/trace/1?raw=true`, ['Accept', '*/*'], [], 'GET')
    expect(answer).toMatchObject({ status: 200, body: '["GET","/old/api/v2/trace/1?raw=true"]' })
    expect(pairs(answer.headers)).toContainEqual(['Location', '/zipkin/?x=1'])
    expect(pairs(answer.headers).map(([name]) => name)).not.toContain('X-Hop')
    expect((await send(`${base}/zipkin/static/main.js`, [], [], 'GET')).body).toBe('["GET","/old/zipkin/static/main.js"]')
    expect(JSON.parse((await send(`${base}/health`, [], [], 'GET')).body)).toMatchObject({ status: 'UP' })
  })

  it('is told where the data is when the old side is gone', async () => {
    const base = addressOf(await zipkin('mirror.zipkin.phase=new-only', 'mirror.zipkin.newUi=https://tempo.example'), 'ingest.zipkin')
    expect(await send(`${base}/api/v2/traces`, [], [], 'GET')).toMatchObject({
      status: 503,
      body: expect.stringContaining('https://tempo.example'),
    })
    expect(old.heard).toEqual([])
  })
})

describe('a mirror in the configuration', () => {
  it('must not lead to an endpoint of ours', async () => {
    await expect(start('ingest.zipkin.port=19711', 'mirror.zipkin.url=http://localhost:19711')).rejects.toMatchObject({
      code: 'OB_LOOP',
      place: 'mirror.zipkin.url',
    })
  })

  it('needs its endpoint', async () => {
    await expect(start('ingest.zipkin.port=0', `mirror.prometheus.url=${old.url}`)).rejects.toMatchObject({
      code: 'OB_CONFIG',
      place: 'mirror.prometheus',
    })
  })

  it('may come, change and go while the bridge runs', async () => {
    const pipeline = await start('ingest.zipkin.port=0')
    const url = `${addressOf(pipeline, 'ingest.zipkin')}/api/v2/spans`
    const post = () => send(url, [...json, ...sized(spans)], [spans])
    expect(await post()).toMatchObject({ status: 202 })
    const reload = async (...set: string[]) => pipeline.reload(await load('ingest.zipkin.port=0', ...set))
    expect((await reload(`mirror.zipkin.url=${old.url}/one`)).endpoints.restarted).toEqual(['zipkin'])
    expect(await post()).toMatchObject({ status: 202 })
    await expect.poll(() => old.heard.map((one) => one.url)).toEqual(['/one/api/v2/spans'])
    expect((await reload(`mirror.zipkin.url=${old.url}/two`)).endpoints.kept).toEqual(['zipkin'])
    expect(await post()).toMatchObject({ status: 202 })
    await expect.poll(() => old.heard.map((one) => one.url)).toEqual(['/one/api/v2/spans', '/two/api/v2/spans'])
    expect((await reload()).endpoints.restarted).toEqual(['zipkin'])
    expect(await post()).toMatchObject({ status: 202 })
    await expect.poll(arrived).toBe(4)
    expect(old.heard.length).toBe(2)
  })
})
