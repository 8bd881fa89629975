import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createDeadSource } from '../../src/admin/dead.ts'
import { openStoreForInspection } from '../../src/emit/queue/dead-letters.ts'
import { openStore } from '../../src/emit/queue/store.ts'
import { encodeEnvelope } from '../../src/mirror/envelope.ts'
import { silentLog } from '../../src/telemetry/log.ts'

let path = ''
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'ob-dead-'))
  const db = openStore(path, 'FULL')
  const insert = db.prepare(
    `INSERT INTO dead (destination, format, signal, items, bytes, reason, message, queued_at, died_at, crc, data)
     VALUES (?, ?, 'traces', ?, 3, ?, ?, 1, ?, ?, ?)`,
  )
  const data = Buffer.from('abc')
  const put = (destination: string, format: string, items: number, reason: string, diedAt: number) =>
    insert.run(destination, format, items, reason, 'answered with status 400: bad', diedAt, crc32(data), data)
  put('default', 'zipkin-json', 5, 'endpoint_refused', 1000)
  put('default', 'zipkin-json', 7, 'endpoint_refused', 2000)
  put('mirror.elasticsearch', 'es-bulk', 2, 'too_large', 3000)
  db.close()
})
afterEach(() => rmSync(path, { recursive: true, force: true }))

const none = { ids: undefined, filter: undefined, limit: 1000 }

describe('createDeadSource', () => {
  const source = () => createDeadSource({ path, log: silentLog })

  it('lists them, latest first, with their side, and sums them by reason', async () => {
    const list = await source().list({}, undefined, 2)
    expect(list.items.map(({ id, side, endpoint, items, status }) => [id, side, endpoint, items, status])).toEqual([
      ['3', 'old', 'elasticsearch', 2, 400],
      ['2', 'new', 'zipkin', 7, 400],
    ])
    expect([list.total, list.next]).toEqual([3, '2'])
    expect((await source().list({}, list.next, 2)).items.map(({ id }) => id)).toEqual(['1'])
    expect(list.byReason.map(({ reason, side, batches, items }) => [reason, side, batches, items])).toEqual([
      ['endpoint_refused', 'new', 2, 12],
      ['too_large', 'old', 1, 2],
    ])
    expect((await source().list({ side: 'old' }, undefined, 9)).items).toHaveLength(1)
    expect((await source().list({ key: 'zipkin' }, undefined, 9)).items).toHaveLength(2)
  })

  it('gives the bytes of one', () => {
    expect(Buffer.from(source().raw('1')?.data ?? []).toString()).toBe('abc')
    expect(source().raw('9')).toBeUndefined()
  })

  it('gives of a request for a mirror what was received, and nothing of its headers', () => {
    const head = {
      id: 'a',
      at: 1,
      kind: 'http',
      method: 'POST',
      target: '/_bulk',
      headers: ['Authorization', 'Basic c2VjcmV0'],
      from: '',
      lane: '',
    } as const
    const data = Buffer.from(encodeEnvelope(head, [Buffer.from('{"index":{}}\n{}\n')]))
    const db = openStore(path, 'FULL')
    db.prepare('UPDATE dead SET data = ?, crc = ?, bytes = ? WHERE id = 3').run(data, crc32(data), data.length)
    db.close()
    const raw = source().raw('3')
    expect(raw).toMatchObject({ media: 'application/octet-stream' })
    expect(Buffer.from(raw?.data ?? []).toString()).toBe('{"index":{}}\n{}\n')
  })

  it('puts the oldest back first, and no more than was asked for', async () => {
    expect(await source().retry({ ...none, filter: { reason: 'endpoint_refused' }, limit: 1 }, 'ann')).toBe(1)
    const store = openStoreForInspection(path)
    expect(store.waiting().map(({ items }) => items)).toEqual([5])
    expect(store.list().map(({ id }) => id)).toEqual([2, 3])
    store.close()
  })

  it('removes those that were named, and no others', async () => {
    expect(await source().count({ ...none, ids: ['3', '99'] })).toBe(1)
    expect(await source().drop({ ...none, ids: ['3', '99'] }, 'ann')).toBe(1)
    expect((await source().list({}, undefined, 9)).items.map(({ id }) => id)).toEqual(['2', '1'])
  })
})
