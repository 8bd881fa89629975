import { describe, expect, it } from 'vitest'
import { Credit } from '../../src/net/http2-credit.ts'
import { Flag, FrameType, Http2Code } from '../../src/net/http2-frames.ts'
import { connect } from '../support/http2-connection.ts'
import { callFields, headers, rawFrame } from '../support/http2-frames.ts'

const call = (id: number): Buffer => headers(id, callFields('/a'))
const many = (count: number, make: (i: number) => Buffer | Buffer[]): Buffer[] => Array.from({ length: count }, (_, i) => make(i)).flat()

describe('Credit', () => {
  it('is spent, and grows again by answers and by time, to where it began', () => {
    const credit = new Credit()
    credit.spend(2000)
    expect(() => credit.spend(1)).toThrow('flood')
    credit.earn()
    credit.spend(19)
    expect(() => credit.spend(1)).toThrow('flood')
    credit.refill(1000)
    credit.spend(2000)
    expect(() => credit.spend(1)).toThrow('flood')
  })

  it.each<[string, () => Buffer[]]>([
    ['one SETTINGS frame after the other', () => many(2001, () => rawFrame(FrameType.Settings, 0, 0))],
    [
      // 2730 values in one frame, each of which may go through all streams.
      'SETTINGS of thousands of values',
      () => many(1, () => rawFrame(FrameType.Settings, 0, 0, Buffer.concat(many(2730, (i) => Buffer.from([0, 4, 0, 0, 0, i & 1]))))),
    ],
    ['answers to settings', () => many(2001, () => rawFrame(FrameType.Settings, Flag.Ack, 0))],
    ['wider windows', () => many(2001, () => rawFrame(FrameType.WindowUpdate, 0, 0, '00000001'))],
    ['wider windows of a stream', () => [call(1), ...many(2001, () => rawFrame(FrameType.WindowUpdate, 0, 1, '00000001'))]],
    [
      'windows of streams that grow too far',
      () => many(600, (i) => [call(2 * i + 1), rawFrame(FrameType.WindowUpdate, 0, 2 * i + 1, '7fffffff')]),
    ],
    ['DATA that is all padding', () => [call(1), ...many(2001, () => rawFrame(FrameType.Data, Flag.Padded, 1, Buffer.alloc(9, 8)))]],
    ['DATA of one byte that says: no padding', () => [call(1), ...many(2001, () => rawFrame(FrameType.Data, Flag.Padded, 1, '00'))]],
    ['priorities', () => many(2001, () => rawFrame(FrameType.Priority, 0, 1, '0000000310'))],
    ['unknown frames', () => many(2001, () => rawFrame(0x77, 0, 0))],
    ['malformed requests', () => many(600, (i) => headers(2 * i + 1, [[':method', 'POST']]))],
  ])('ends with a connection that sends nothing but %s', (_what, frames) => {
    const seen = connect()
    seen.feed(...frames())
    expect(seen.ended()).toBe(Http2Code.EnhanceYourCalm)
    expect(seen.events.at(-1)).toBe('over flood')
    expect(seen.connection.streams.size).toBe(0)
  })

  it('costs nothing to send a body in the smallest pieces', () => {
    const seen = connect({ streamWindow: 10_000_000, connectionWindow: 20_000_000 })
    seen.feed(call(1), ...many(100_000, () => rawFrame(FrameType.Data, 0, 1, '61')))
    expect(seen.ended()).toBeUndefined()
  })

  it('bounds what is written to a client that asks and asks', () => {
    const seen = connect()
    seen.feed(...many(5000, () => rawFrame(FrameType.Ping, 0, 0, '0102030405060708')))
    expect(seen.connection.outBytes).toBeLessThan(2000 * 17 + 100)
  })
})
