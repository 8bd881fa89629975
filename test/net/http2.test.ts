import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Flag, FrameType, Http2Code, Setting } from '../../src/net/http2-frames.ts'
import { connect } from '../support/http2-connection.ts'
import { callFields, type Frame, headers, hello, rawFrame } from '../support/http2-frames.ts'

const data = (id: number, text: string, flags = 0): Buffer => rawFrame(FrameType.Data, flags, id, Buffer.from(text))
const call = (id: number, path = '/a'): Buffer => headers(id, callFields(path))
const typesOf = (frames: readonly Frame[]): number[] => frames.map((one) => one.type)

describe('Http2Connection', () => {
  it('greets with its settings, and answers those of the client', () => {
    const { feed, written } = connect({}, false)
    feed(hello())
    const [settings, window, ack] = written()
    expect(settings?.payload.toString('hex')).toBe('0003000000030004' + '00009c40' + '000600000400')
    expect(window?.payload.readUInt32BE(0)).toBe(80_000 - 65_535)
    expect([ack?.type, ack?.flags]).toEqual([FrameType.Settings, Flag.Ack])
  })

  it('hands on requests, whatever the pieces they come in', () => {
    const wire = Buffer.concat([hello(), call(1), data(1, 'abc'), data(1, 'def', Flag.EndStream), call(3, '/b')])
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 30 }), (steps) => {
        const { connection, events } = connect({}, false)
        for (let at = 0, i = 0; at < wire.length; i++) {
          const piece = wire.subarray(at, at + (steps[i % steps.length] ?? 1))
          connection.feed(piece, piece.length)
          at += piece.length
        }
        const text = events.filter((one) => one.startsWith('data 1')).map((one) => one.slice(7))
        expect(text.join('')).toBe('abcdef')
        expect(events.filter((one) => !one.startsWith('data'))).toEqual(['open 1 /a', 'end 1', 'open 3 /b'])
      }),
    )
  })

  it('joins headers out of several frames, and looks past padding and priority', () => {
    const { feed, events } = connect()
    const block = headers(1, callFields('/joined')).subarray(9)
    const padded = Buffer.concat([Uint8Array.of(3, 0, 0, 0, 0, 9), block.subarray(0, 10), Buffer.alloc(3)])
    feed(
      rawFrame(FrameType.Headers, Flag.Padded | Flag.Priority, 1, padded),
      rawFrame(FrameType.Continuation, 0, 1, block.subarray(10, 11)),
      rawFrame(FrameType.Continuation, 0, 1),
      rawFrame(FrameType.Continuation, Flag.EndHeaders, 1, block.subarray(11)),
      rawFrame(FrameType.Data, Flag.Padded, 1, Buffer.from('\x02abc..')),
      rawFrame(FrameType.Data, Flag.Padded | Flag.EndStream, 1, Buffer.from('\x00')),
    )
    expect(events).toEqual(['open 1 /joined', 'data 1 abc', 'end 1'])
  })

  it('answers pings, ignores priorities and what it does not know', () => {
    const { feed, written, events } = connect()
    feed(
      rawFrame(FrameType.Ping, 0, 0, '0102030405060708'),
      rawFrame(FrameType.Priority, 0, 1, '0000000010'),
      rawFrame(0x77, 0xff, 9, 'aabb'),
    )
    expect(written().map((one) => [one.type, one.flags, one.payload.toString('hex')])).toEqual([
      [FrameType.Ping, Flag.Ack, '0102030405060708'],
    ])
    expect(events).toEqual([])
  })

  it('answers in one piece when the windows are wide enough', () => {
    const { connection, feed, streams, written } = connect()
    feed(call(1), data(1, 'x', Flag.EndStream))
    const [stream] = streams
    if (stream !== undefined) connection.respond(stream, Uint8Array.of(0x88), Buffer.from('body'), Uint8Array.of(0x88))
    expect(written().map((one) => [one.type, one.flags, one.payload.toString('latin1')])).toEqual([
      [FrameType.Headers, Flag.EndHeaders, '\x88'],
      [FrameType.Data, 0, 'body'],
      [FrameType.Headers, Flag.EndHeaders | Flag.EndStream, '\x88'],
    ])
    expect(connection.streams.size).toBe(0)
  })

  it('keeps to the windows and the frame size of the client', () => {
    const { connection, feed, streams, written } = connect({}, false)
    feed(hello([[Setting.InitialWindowSize, 10]]), call(1), call(3))
    written()
    const [one, other] = streams
    if (one === undefined || other === undefined) throw new Error('no streams')
    connection.respond(one, Uint8Array.of(0x88), Buffer.from('0123456789abcdef'), Uint8Array.of(0x88))
    connection.respond(other, Uint8Array.of(0x88), Buffer.from('short'), Uint8Array.of(0x88))
    expect(written().map((frame) => `${frame.id}:${frame.type}:${frame.type === 0 ? frame.payload.toString() : ''}`)).toEqual([
      '1:1:',
      '1:0:0123456789',
      '3:1:',
      '3:0:short',
      '3:1:',
      '3:3:',
    ])
    feed(rawFrame(FrameType.WindowUpdate, 0, 1, '00000002'))
    expect(written().map((frame) => frame.payload.toString())).toEqual(['ab'])
    feed(rawFrame(FrameType.Settings, 0, 0, '000400000100'))
    expect(written().map((frame) => `${frame.id}:${frame.type}:${frame.type === 0 ? frame.payload.toString() : ''}`)).toEqual([
      '1:0:cdef',
      '1:1:',
      '1:3:',
      '0:4:',
    ])
  })

  it('cuts large answers into frames', () => {
    const { connection, feed, streams, written } = connect()
    feed(call(1), data(1, 'x', Flag.EndStream))
    const [stream] = streams
    if (stream !== undefined) connection.respond(stream, Uint8Array.of(0x88), Buffer.alloc(40_000), Uint8Array.of(0x88))
    expect(written().map((one) => one.payload.length)).toEqual([1, 16_384, 16_384, 7232, 1])
  })

  it('tells a client that made its header table smaller that it knows', () => {
    const { connection, feed, streams, written } = connect({}, false)
    feed(hello([[Setting.HeaderTableSize, 0]]), call(1))
    written()
    const [stream] = streams
    if (stream !== undefined) connection.respondOnly(stream, Uint8Array.of(0x88))
    expect(written()[0]?.payload.toString('hex')).toBe('2088')
  })

  it('opens its windows again when half is used, and resets a stream it has answered early', () => {
    const { connection, feed, streams, written } = connect()
    feed(call(1))
    for (let i = 0; i < 3; i++) feed(rawFrame(FrameType.Data, 0, 1, Buffer.alloc(15_000)))
    expect(written().map((one) => [one.type, one.id, one.payload.readUInt32BE(0)])).toEqual([
      [FrameType.WindowUpdate, 1, 30_000],
      [FrameType.WindowUpdate, 0, 45_000],
    ])
    const [stream] = streams
    if (stream !== undefined) connection.respondOnly(stream, Uint8Array.of(0x88))
    expect(typesOf(written())).toEqual([FrameType.Headers, FrameType.RstStream])
    feed(data(1, 'what was on its way', Flag.EndStream))
    expect(connection.over).toBe(false)
  })

  it('refuses streams over the limit and malformed requests, and stays in step', () => {
    const { feed, written, events } = connect()
    const bad = (id: number, fields: readonly (readonly [string, string])[]): Buffer => headers(id, [...callFields('/x'), ...fields])
    feed(bad(1, [['Upper', 'x']]), bad(3, [[':path', '/y']]), bad(5, [['connection', 'close']]), bad(7, [[':status', '200']]))
    feed(call(9), call(11), call(13), call(15))
    expect(written().map((one) => [one.id, one.payload.readUInt32BE(0)])).toEqual([
      ...[1, 3, 5, 7].map((id) => [id, Http2Code.ProtocolError]),
      [15, Http2Code.RefusedStream],
    ])
    expect(events).toEqual(['open 9 /a', 'open 11 /a', 'open 13 /a'])
  })

  it('marks a list over the limit, and reads the next one', () => {
    const { feed, events } = connect()
    feed(headers(1, callFields('/a', [['x', 'y'.repeat(2000)]])), call(3))
    expect(events).toEqual(['open 1 /a too large', 'open 3 /a'])
  })

  it('tells who is gone', () => {
    const { connection, feed, events } = connect()
    feed(call(1), call(3), rawFrame(FrameType.RstStream, 0, 1, '00000008'))
    connection.lost()
    expect(events.slice(2)).toEqual(['aborted 1', 'aborted 3'])
  })

  it('serves what was opened when it closes, and refuses what comes after', () => {
    const { connection, feed, streams, written, events } = connect()
    feed(call(1))
    connection.close()
    feed(call(3))
    expect(written().map((one) => [one.type, one.id])).toEqual([
      [FrameType.GoAway, 0],
      [FrameType.RstStream, 3],
    ])
    const [stream] = streams
    if (stream !== undefined) connection.respondOnly(stream, Uint8Array.of(0x88))
    expect(events.at(-1)).toBe('over undefined')
  })

  it('gives what is not HTTP/2 back as it came', () => {
    const { feed, events, written, connection } = connect({}, false)
    feed(Buffer.from('PR'))
    feed(Buffer.from('OPFIND / HTTP/1.1\r\n'))
    expect(events).toEqual(['foreign PROPFIND / HTTP/1.1\r\n'])
    expect(connection.over).toBe(true)
    expect(typesOf(written())).toContain(FrameType.Settings)
  })

  const block = headers(1, callFields('/a')).subarray(9)
  it.each<[string, number, Buffer[]]>([
    ['a frame before SETTINGS', Http2Code.ProtocolError, []],
    ['a frame that is too large', Http2Code.FrameSizeError, [rawFrame(0x77, 0, 0, '', 16_385)]],
    ['DATA without a stream', Http2Code.ProtocolError, [data(1, 'x')]],
    ['DATA on stream 0', Http2Code.ProtocolError, [data(0, 'x')]],
    ['DATA after the end', Http2Code.StreamClosed, [call(1), data(1, 'x', Flag.EndStream), data(1, 'y')]],
    ['padding longer than its frame', Http2Code.ProtocolError, [call(1), rawFrame(FrameType.Data, Flag.Padded, 1, '05aa')]],
    [
      'headers padded longer than their frame',
      Http2Code.ProtocolError,
      [rawFrame(FrameType.Headers, Flag.EndHeaders | Flag.Padded, 1, 'ff82')],
    ],
    ['an even stream', Http2Code.ProtocolError, [call(2)]],
    ['headers twice', Http2Code.ProtocolError, [call(1), call(1)]],
    ['headers that cannot be decoded', Http2Code.CompressionError, [rawFrame(FrameType.Headers, Flag.EndHeaders, 1, 'ffff')]],
    [
      'headers cut by another frame',
      Http2Code.ProtocolError,
      [rawFrame(FrameType.Headers, 0, 1, block), rawFrame(FrameType.Ping, 0, 0, '0102030405060708')],
    ],
    [
      'headers continued on another stream',
      Http2Code.ProtocolError,
      [rawFrame(FrameType.Headers, 0, 1, block), rawFrame(FrameType.Continuation, 4, 3, block)],
    ],
    ['CONTINUATION out of nothing', Http2Code.ProtocolError, [rawFrame(FrameType.Continuation, Flag.EndHeaders, 1, block)]],
    ['PUSH_PROMISE', Http2Code.ProtocolError, [rawFrame(FrameType.PushPromise, 4, 1, '00000002')]],
    ['a ping of 7 bytes', Http2Code.FrameSizeError, [rawFrame(FrameType.Ping, 0, 0, '01020304050607')]],
    ['SETTINGS of 5 bytes', Http2Code.FrameSizeError, [rawFrame(FrameType.Settings, 0, 0, '0001000000')]],
    ['SETTINGS of a stream', Http2Code.ProtocolError, [rawFrame(FrameType.Settings, 0, 1)]],
    ['a window of 2^31', Http2Code.FlowControlError, [rawFrame(FrameType.Settings, 0, 0, '000480000000')]],
    ['a frame size of 1', Http2Code.ProtocolError, [rawFrame(FrameType.Settings, 0, 0, '000500000001')]],
    ['a window that grows by 0', Http2Code.ProtocolError, [rawFrame(FrameType.WindowUpdate, 0, 0, '00000000')]],
    ['a window that grows too far', Http2Code.FlowControlError, [rawFrame(FrameType.WindowUpdate, 0, 0, '7fffffff')]],
    ['a reset of nothing', Http2Code.ProtocolError, [rawFrame(FrameType.RstStream, 0, 1, '00000008')]],
  ])('ends the connection for %s', (name, code, frames) => {
    const seen = connect({}, name !== 'a frame before SETTINGS')
    if (name === 'a frame before SETTINGS') seen.feed(hello().subarray(0, 24), rawFrame(FrameType.Ping, 0, 0, '0102030405060708'))
    seen.feed(...frames)
    expect(seen.ended()).toBe(code)
    expect(seen.events.at(-1)).toMatch(/^over \w+$/)
    expect(seen.connection.streams.size).toBe(0)
  })

  it('ends the connection for more DATA than the window', () => {
    const seen = connect({ streamWindow: 10_000 })
    seen.feed(call(1), rawFrame(FrameType.Data, 0, 1, Buffer.alloc(10_001)))
    expect(seen.ended()).toBe(Http2Code.FlowControlError)
  })

  it.each<[string, string, () => Buffer[]]>([
    [
      'streams opened and reset',
      'flood',
      () => Array.from({ length: 1000 }, (_, i) => [call(2 * i + 1), rawFrame(FrameType.RstStream, 0, 2 * i + 1, '00000008')]).flat(),
    ],
    ['pings', 'flood', () => Array.from({ length: 3000 }, () => rawFrame(FrameType.Ping, 0, 0, '0102030405060708'))],
    ['settings', 'flood', () => Array.from({ length: 3000 }, () => rawFrame(FrameType.Settings, 0, 0))],
    ['empty DATA', 'flood', () => [call(1), ...Array.from({ length: 3000 }, () => data(1, ''))]],
    ['streams over the limit', 'flood', () => Array.from({ length: 1000 }, (_, i) => call(2 * i + 1))],
    [
      'CONTINUATION',
      'header_flood',
      () => [rawFrame(FrameType.Headers, 0, 1, block), ...Array.from({ length: 100 }, () => rawFrame(FrameType.Continuation, 0, 1))],
    ],
    [
      'headers that have no end',
      'header_flood',
      () => [
        rawFrame(FrameType.Headers, 0, 1, block),
        ...Array.from({ length: 9 }, () => rawFrame(FrameType.Continuation, 0, 1, Buffer.alloc(16_000, 0x82))),
      ],
    ],
  ])('tells a client to be calm who floods it with %s', (_name, reason, frames) => {
    const seen = connect()
    seen.feed(...frames())
    expect(seen.ended()).toBe(Http2Code.EnhanceYourCalm)
    expect(seen.events.at(-1)).toBe(`over ${reason}`)
  })

  it('gives credit for answered requests and for time', () => {
    const { connection, feed, streams, ended } = connect()
    const ping = rawFrame(FrameType.Ping, 0, 0, '0102030405060708')
    for (let i = 0; i < 1000; i++) {
      feed(call(2 * i + 1), data(2 * i + 1, 'x', Flag.EndStream), ping, ping, ping)
      const stream = streams[i]
      if (stream !== undefined) connection.respondOnly(stream, Uint8Array.of(0x88))
    }
    for (let i = 0; i < 100; i++) {
      feed(...Array.from({ length: 100 }, () => ping))
      connection.refill(1)
    }
    expect(ended()).toBeUndefined()
  })

  it('throws nothing, whatever comes', () => {
    const noise = fc.record({ type: fc.nat(10), flags: fc.nat(255), id: fc.nat(6), payload: fc.uint8Array({ maxLength: 40 }) })
    fc.assert(
      fc.property(fc.array(noise, { maxLength: 12 }), fc.uint8Array({ maxLength: 20 }), (frames, tail) => {
        const { connection, feed } = connect()
        feed(call(1))
        feed(...frames.map((one) => rawFrame(one.type, one.flags, one.id, one.payload)), tail)
        connection.take()
        connection.lost()
      }),
      { numRuns: 1000 },
    )
  })
})
