import { describe, expect, it } from 'vitest'
import { Flag, FrameType, Http2Code } from '../../src/net/http2-frames.ts'
import { EarlyEnds } from '../../src/net/http2-late.ts'
import { connect, type Seen } from '../support/http2-connection.ts'
import { callFields, headers, rawFrame } from '../support/http2-frames.ts'

const { EndHeaders, EndStream } = Flag
const block = Uint8Array.of(0x88)
const head = (id: number, flags: number = EndHeaders): Buffer => headers(id, callFields('/a'), flags)
const trailers = (id: number): Buffer => headers(id, [['x', 'y']], EndHeaders | EndStream)
const data = (id: number, flags = 0): Buffer => rawFrame(FrameType.Data, flags, id, Buffer.alloc(300))
const reset = (id: number): Buffer => rawFrame(FrameType.RstStream, 0, id, '00000008')
const grow = (id: number): Buffer => rawFrame(FrameType.WindowUpdate, 0, id, '00000001')

/** Opens a stream and answers it at once. */
function answered(ends: boolean): Seen {
  const seen = connect()
  seen.feed(head(1, ends ? EndHeaders | EndStream : EndHeaders))
  const [stream] = seen.streams
  if (stream !== undefined) seen.connection.respondOnly(stream, block)
  return seen
}

describe('EarlyEnds', () => {
  it.each<[string, Buffer[]]>([
    ['DATA', [data(1), data(1), data(1, EndStream)]],
    ['trailers', [data(1), trailers(1)]],
    ['a reset', [data(1), reset(1)]],
    ['a wider window', [grow(1)]],
  ])('lets %s go by that was under way when we answered', (_what, frames) => {
    const seen = answered(false)
    seen.feed(...frames, head(3))
    expect(seen.ended()).toBeUndefined()
    expect(seen.events.at(-1)).toBe('open 3 /a')
  })

  it.each<[string, Buffer[]]>([
    ['DATA behind the last', [data(1, EndStream), data(1)]],
    ['empty DATA behind the last', [data(1, EndStream), rawFrame(FrameType.Data, 0, 1)]],
    ['headers behind the last', [data(1, EndStream), head(1)]],
    ['headers behind trailers', [trailers(1), trailers(1)]],
    ['DATA behind a reset', [reset(1), data(1)]],
    ['headers behind a reset', [reset(1), head(1)]],
  ])('ends the connection for %s', (_what, frames) => {
    const seen = answered(false)
    seen.feed(...frames)
    expect(seen.ended()).toBe(Http2Code.StreamClosed)
    expect(seen.connection.streams.size).toBe(0)
  })

  it.each<[string, (id: number) => Buffer]>([
    ['DATA', data],
    ['headers', head],
  ])('ends the connection for %s on a stream that both have ended, or that was passed over', (_what, make) => {
    const closed = answered(true)
    closed.feed(make(1))
    expect(closed.ended()).toBe(Http2Code.StreamClosed)

    const passed = connect()
    passed.feed(head(5), make(3))
    expect(passed.ended()).toBe(Http2Code.StreamClosed)
    expect(passed.events.filter((one) => one.startsWith('open'))).toEqual(['open 5 /a'])
  })

  it('lets resets and wider windows go by on streams that both have ended: they cross our answer', () => {
    const seen = answered(true)
    seen.feed(reset(1), grow(1))
    expect(seen.ended()).toBeUndefined()
  })

  it('writes no reset behind an answer to a stream that had ended', () => {
    expect(
      answered(true)
        .written()
        .map((one) => one.type),
    ).toEqual([FrameType.Headers])
    expect(
      answered(false)
        .written()
        .map((one) => one.type),
    ).toEqual([FrameType.Headers, FrameType.RstStream])
  })

  it('lets the rest of refused and malformed requests go by', () => {
    const seen = connect({ streams: 1 })
    seen.feed(head(1), head(3), headers(5, [[':method', 'POST']]), data(3), data(3, EndStream), data(5), trailers(5))
    expect(seen.ended()).toBeUndefined()
    seen.feed(data(3))
    expect(seen.ended()).toBe(Http2Code.StreamClosed)
  })

  it('forgets the oldest, and then rather lets too much through', () => {
    const early = new EarlyEnds()
    for (let id = 1; id <= 2001; id += 2) early.add(id)
    expect(() => early.frame(1, false, 'x')).not.toThrow()
    expect(() => early.frame(2001, true, 'x')).not.toThrow()
    expect(() => early.frame(2001, true, 'x')).toThrow('x')
    expect(() => early.frame(2003, true, 'x')).toThrow('x')
  })
})
