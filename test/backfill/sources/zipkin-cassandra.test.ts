import { describe, expect, it } from 'vitest'
import { translateRows } from '../../../src/backfill/sources/row-page.ts'
import { createZipkinRowReader, joinList, spanJson, uuidMs, type ZipkinRow } from '../../../src/backfill/sources/zipkin-cassandra.ts'
import { sourceDeps, spanIds } from '../support/source-deps.ts'

const digits = (text: string) => ({ toString: () => text })
/** A time UUID of 2026-11-07T07:20:00.123Z. */
const uuid = '8f1e2ab0-bba9-11f1-8000-0123456789ab'

const row = (changes: Partial<ZipkinRow> = {}): ZipkinRow => ({
  trace_id: '463ac35c9f6413ad',
  ts_uuid: digits(uuid),
  id: 'a2fb4a1d1a96d312',
  ts: digits('1762500000123456'),
  l_ep: { service: 'shop', ipv4: digits('10.0.0.1'), ipv6: null, port: 50_000 },
  ...changes,
})

async function translated(rows: readonly ZipkinRow[], filter = sourceDeps().filter) {
  const translate = await sourceDeps().translator('zipkin-json')
  return translateRows(rows.map(createZipkinRowReader(filter)), { translate, join: joinList })
}

describe('spanJson', () => {
  it('writes all that a row holds', () => {
    const json = spanJson(
      row({
        parent_id: '1',
        kind: 'CLIENT',
        span: 'get "x"',
        duration: digits('9007199254740993'),
        r_ep: { service: null, ipv6: digits('2001:db8::1') },
        annotations: [{ ts: digits('1762500000123457'), v: 'a\nb' }],
        tags: new Map([
          ['__proto__', 'p'],
          ['10', 'ten'],
          ['2', 'two'],
        ]),
        debug: true,
        shared: true,
      }),
    )
    // As text: a number of this size is no double.
    expect(json).toContain('"duration":9007199254740993')
    expect(json).toContain('"tags":{"__proto__":"p","10":"ten","2":"two"}')
    expect(JSON.parse(json)).toMatchObject({
      traceId: '463ac35c9f6413ad',
      id: 'a2fb4a1d1a96d312',
      parentId: '1',
      kind: 'CLIENT',
      name: 'get "x"',
      timestamp: 1_762_500_000_123_456,
      localEndpoint: { serviceName: 'shop', ipv4: '10.0.0.1', port: 50_000 },
      remoteEndpoint: { ipv6: '2001:db8::1' },
      annotations: [{ timestamp: 1_762_500_000_123_457, value: 'a\nb' }],
      debug: true,
      shared: true,
    })
  })

  it.each([
    ['64 bits', { trace_id: '463ac35c9f6413ad', trace_id_high: null }, '463ac35c9f6413ad'],
    ['128 bits, strict', { trace_id: '48485a3953bb6124463ac35c9f6413ad', trace_id_high: null }, '48485a3953bb6124463ac35c9f6413ad'],
    ['128 bits in two', { trace_id: '463ac35c9f6413ad', trace_id_high: '48485a3953bb6124' }, '48485a3953bb6124463ac35c9f6413ad'],
    ['a short lower half', { trace_id: 'ad', trace_id_high: '48485a3953bb6124' }, '48485a3953bb612400000000000000ad'],
  ])('joins the halves of a trace id: %s', (_, changes, traceId) => {
    expect(JSON.parse(spanJson(row(changes)))).toMatchObject({ traceId })
  })
})

describe('uuidMs', () => {
  it('reads the time of a time UUID, and of no other', () => {
    expect(uuidMs('13814000-1dd2-11b2-8000-000000000000')).toBe(0)
    expect(uuidMs('d9428888-122b-11e1-b85c-61cd3cbb3210')).toBe(1_321_651_533_573)
    expect(uuidMs('d9428888-122b-41e1-b85c-61cd3cbb3210')).toBeNaN()
  })
})

describe('createZipkinRowReader', () => {
  it('gives a span without a time the moment at which it was stored, the same each time', async () => {
    const rows = [row(), row({ ts: null, id: '000000000000000b' }), row({ ts: null, id: '000000000000000c' })]
    const page = await translated(rows)
    expect(page).toMatchObject({ read: 3, translated: 3, skipped: {} })
    expect(spanIds([page])).toHaveLength(3)
    expect(page.minMs).toBe(Math.min(uuidMs(uuid), 1_762_500_000_123))
    expect(await translated(rows)).toEqual(page)
  })

  it('counts spans of other times and services, whatever their case is', async () => {
    const filter = { sinceMs: 1_762_500_000_123, untilMs: 1_762_500_000_124, services: ['Shop'], query: undefined }
    const rows = [row(), row({ ts: digits('1762500000122999') }), row({ l_ep: { service: 'other' } }), row({ l_ep: null })]
    expect(await translated(rows, filter)).toMatchObject({ read: 4, translated: 1, skipped: { filtered: 1, other_service: 2 } })
  })

  it('reads rows of old schemas', async () => {
    const bare: ZipkinRow = { trace_id: '1', id: '2', ts_uuid: digits(uuid), ts: digits('1762500000123456') }
    expect(await translated([bare])).toMatchObject({ read: 1, translated: 1 })
  })

  it('leaves out a row whose ids are none, and says which', async () => {
    const page = await translated([row({ id: 'not hex' }), row()])
    expect(page).toMatchObject({ read: 2, translated: 1 })
    expect(page.faults[0]?.where).toBe('463ac35c9f6413ad/not hex')
  })
})
