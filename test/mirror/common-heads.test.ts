import { describe, expect, it } from 'vitest'
import type { RequestHead } from '../../src/ingest/mirror-door.ts'
import { createCommonHeads } from '../../src/mirror/common-heads.ts'
import { type CommonHead, decodeEnvelope, encodeEnvelope, encodeEnvelopeOf, markSent } from '../../src/mirror/envelope.ts'

const request = (more: Partial<RequestHead> = {}): RequestHead => ({
  kind: 'http',
  method: 'POST',
  target: '/api/v2/spans',
  headers: ['Host', 'old', 'X-Who', 'Zoë ","kind":"', 'content-length', '10'],
  address: '10.0.0.1',
  connection: '1',
  ...more,
})

const commonOf = ({ kind, method, target, headers, address, connection }: RequestHead): CommonHead => ({
  kind,
  method,
  target,
  headers: headers.slice(0, 4),
  from: address,
  lane: connection,
})

describe('createCommonHeads', () => {
  it('makes the head of a connection once, whatever the lengths of its bodies', () => {
    let made = 0
    const bytesOf = createCommonHeads((head) => {
      made++
      return commonOf(head)
    })
    const first = bytesOf(request())
    expect(bytesOf(request({ headers: ['Host', 'old', 'X-Who', 'Zoë ","kind":"', 'content-length', '9999'] }))).toBe(first)
    expect(made).toBe(1)
  })

  it.each<[string, Partial<RequestHead>]>([
    ['a target', { target: '/api/v2/spans?x=1' }],
    ['a method', { method: 'PUT' }],
    ['a header', { headers: ['Host', 'old', 'X-Who', 'else', 'content-length', '10'] }],
    ['the case of a name', { headers: ['host', 'old', 'X-Who', 'Zoë ","kind":"', 'content-length', '10'] }],
    ['one header more', { headers: [...request().headers, 'b3', '0'] }],
    ['an address', { address: '10.0.0.2' }],
    ['a connection', { connection: '2' }],
  ])('makes it anew for %s', (_what, more) => {
    const bytesOf = createCommonHeads(commonOf)
    bytesOf(request())
    const own = { id: 'e', at: 7 }
    const other = request(more)
    expect(decodeEnvelope(encodeEnvelopeOf(own, bytesOf(other), [])).head).toEqual({ ...own, ...commonOf(other) })
  })
})

describe('decodeEnvelope', () => {
  const body = new TextEncoder().encode('[{}]')

  it('reads what is of one request and what it has in common with others, the same however it was written', () => {
    const bytesOf = createCommonHeads(commonOf)
    for (let at = 0; at < 3; at++) {
      const own = { id: `id${at}","kind":"`, at, seq: at, beside: [at + 1, at + 2] }
      const whole = { ...own, ...commonOf(request()) }
      for (const data of [encodeEnvelopeOf(own, bytesOf(request()), [body]), encodeEnvelope(whole, [body])]) {
        const opened = decodeEnvelope(data)
        expect(opened.head).toEqual(whole)
        expect(opened.body).toEqual(body)
      }
    }
  })

  it('gives the same list of headers to heads that have the same', () => {
    const common = createCommonHeads(commonOf)(request())
    const [first, second] = [1, 2].map((at) => decodeEnvelope(encodeEnvelopeOf({ id: `e${at}`, at }, common, [body])).head)
    expect(second?.headers).toBe(first?.headers)
    expect([first?.id, second?.id]).toEqual(['e1', 'e2'])
  })
})

describe('markSent', () => {
  it('is told of an envelope, and changes nothing else of it', () => {
    const head = { id: 'e', at: 0, ...commonOf(request()) }
    const data = encodeEnvelope(head, [new Uint8Array([1, 2, 3])])
    const before = decodeEnvelope(data.slice())
    markSent(data)
    markSent(data)
    expect(before.maybeSent).toBe(false)
    expect(decodeEnvelope(data)).toEqual({ ...before, maybeSent: true })
  })
})

describe('encodeEnvelope', () => {
  it('takes memory of its own size for a small body, and from the pool for a large one', () => {
    const taken: number[] = []
    const take = (bytes: number): ArrayBuffer => {
      taken.push(bytes)
      return new ArrayBuffer(bytes * 2)
    }
    const head = { id: 'e', at: 0, ...commonOf(request()) }
    const small = encodeEnvelope(head, [new Uint8Array(5000)], take)
    expect(small.buffer.byteLength).toBe(small.length)
    expect(taken).toEqual([])
    const large = encodeEnvelope(head, [new Uint8Array(50_000)], take)
    expect(taken).toEqual([large.length])
  })
})
