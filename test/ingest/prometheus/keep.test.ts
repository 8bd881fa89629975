import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeKeep, encodeKeep, type Keep } from '../../../src/ingest/prometheus/keep.ts'

const keep: Keep = {
  layout: 1,
  seed: [1, -2, 3, -4],
  version: 2,
  tenant: 'é\u0000',
  series: [0, 5, 9],
  sent: [[-1, 2, 3, 1_700_000_000_000]],
  done: [[7, 1, 2]],
  body: new Uint8Array([1, 2, 3]),
}

const encoded = (head: object): Uint8Array => {
  const text = Buffer.from(JSON.stringify(head))
  const bytes = Buffer.alloc(4 + text.length + 2)
  bytes.writeUInt32LE(text.length)
  text.copy(bytes, 4)
  return bytes
}

describe('decodeKeep', () => {
  it('reads what was kept, as part of a larger buffer too', () => {
    const bytes = encodeKeep(keep)
    expect(decodeKeep(bytes)).toEqual(keep)
    const larger = new Uint8Array(bytes.length + 9).fill(255)
    larger.set(bytes, 5)
    expect(decodeKeep(larger.subarray(5, 5 + bytes.length))).toEqual(keep)
  })

  it('reads records of before without what was done', () => {
    const { done: _done, body: _body, ...head } = keep
    expect(decodeKeep(encoded(head))).toEqual({ ...head, body: Buffer.alloc(2) })
  })

  it.each<[string, object]>([
    ['another layout', { layout: 2 }],
    ['series that are no numbers', { series: ['1'] }],
    ['series that are none', { series: 5 }],
    ['no seed', { seed: undefined }],
    ['a group that is no list', { sent: [5] }],
    ['a group with a text', { sent: [[1, 2, 3, 'x']] }],
    ['done that is none', { done: { 1: 2 } }],
    ['a version beyond ours', { version: 3 }],
    ['a tenant that is none', { tenant: 5 }],
  ])('reads nothing with %s', (_what, change) => {
    const { body: _body, ...head } = keep
    expect(decodeKeep(encoded({ ...head, ...change }))).toBeUndefined()
  })

  it('reads no bytes that are none of ours, and throws at none', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => decodeKeep(bytes) === undefined))
    const bytes = encodeKeep(keep)
    for (let length = 0; length < bytes.length - 3; length++) expect(decodeKeep(bytes.subarray(0, length))).toBeUndefined()
    expect(decodeKeep(encoded([]))).toBeUndefined()
    expect(decodeKeep(encoded({}))).toBeUndefined()
  })
})
