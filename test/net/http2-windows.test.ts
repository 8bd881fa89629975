/** Flow control of Http2Connection, to the byte. @see RFC 9113, 5.2 and 6.9 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Flag, FrameType, Http2Code, Setting } from '../../src/net/http2-frames.ts'
import { connect, limits, type Seen } from '../support/http2-connection.ts'
import { callFields, type Frame, headers, hello, rawFrame } from '../support/http2-frames.ts'

const block = Uint8Array.of(0x88)
const call = (id: number): Buffer => headers(id, callFields('/a'))
const data = (id: number, bytes: number, flags = 0): Buffer => rawFrame(FrameType.Data, flags, id, Buffer.alloc(bytes, 'x'))
const padded = (id: number, bytes: number, padding: number): Buffer =>
  rawFrame(FrameType.Data, Flag.Padded, id, Buffer.concat([Uint8Array.of(padding), Buffer.alloc(bytes, 'x'), Buffer.alloc(padding)]))
const grow = (id: number, by: number): Buffer => {
  const payload = Buffer.alloc(4)
  payload.writeUInt32BE(by)
  return rawFrame(FrameType.WindowUpdate, 0, id, payload)
}
const firstWindows = (bytes: number): Buffer => {
  const payload = Buffer.from([0, Setting.InitialWindowSize, 0, 0, 0, 0])
  payload.writeUInt32BE(bytes, 2)
  return rawFrame(FrameType.Settings, 0, 0, payload)
}

const dataBytes = (frames: readonly Frame[], id?: number): number =>
  frames
    .filter((one) => one.type === FrameType.Data && (id === undefined || one.id === id))
    .reduce((sum, one) => sum + one.payload.length, 0)
const updates = (frames: readonly Frame[]): [number, number][] =>
  frames.filter((one) => one.type === FrameType.WindowUpdate).map((one) => [one.id, one.payload.readUInt32BE(0)])

function respond(seen: Seen, index: number, bytes: number): void {
  const stream = seen.streams[index]
  if (stream === undefined) throw new Error('no such stream')
  seen.connection.respond(stream, block, Buffer.alloc(bytes, 'y'), block)
}

describe('Http2Connection, windows of its own', () => {
  it.each([
    ['stream', { streamWindow: 16_000, connectionWindow: 80_000 }],
    ['connection', { streamWindow: 80_000, connectionWindow: 16_000 }],
  ])('takes a %s to the last byte of its window and no further', (_whose, windows) => {
    for (const [last, code] of [
      [8_001, undefined],
      [8_002, Http2Code.FlowControlError],
    ] as const) {
      const seen = connect(windows)
      // Below half, nothing is given back.
      seen.feed(call(1), data(1, 7_999))
      expect(updates(seen.written())).toEqual([])
      seen.feed(data(1, last))
      expect(seen.ended()).toBe(code)
    }
  })

  it('counts padding, and its length', () => {
    const seen = connect({ streamWindow: 1000, connectionWindow: 80_000 })
    seen.feed(call(1), padded(1, 10, 244), padded(1, 10, 234))
    expect(updates(seen.written())).toEqual([[1, 500]])
    seen.feed(padded(1, 0, 255), padded(1, 0, 255), padded(1, 0, 255), padded(1, 0, 231))
    expect(updates(seen.written())).toEqual([[1, 512]])
    expect(seen.events.filter((one) => one.startsWith('data'))).toEqual(['data 1 xxxxxxxxxx', 'data 1 xxxxxxxxxx'])
  })

  it('gives back to the connection what came on streams that are over', () => {
    const seen = connect({ streamWindow: 70_000, connectionWindow: 70_000 })
    seen.feed(call(1))
    const [stream] = seen.streams
    if (stream !== undefined) seen.connection.respondOnly(stream, block)
    seen.written()
    for (let i = 0; i < 10; i++) seen.feed(data(1, 16_000))
    expect(updates(seen.written()).every(([id]) => id === 0)).toBe(true)
    expect(seen.connection.over).toBe(false)
  })

  it('never lets a client that keeps to it stand still, whatever it sends', () => {
    const piece = fc.record({ stream: fc.nat(2), bytes: fc.nat(5000), padding: fc.option(fc.nat(255)) })
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60, size: 'max' }), (pieces) => {
        const seen = connect()
        seen.feed(call(1), call(3), call(5))
        const windows = new Map([0, 1, 3, 5].map((id) => [id, id === 0 ? limits.connectionWindow : limits.streamWindow]))
        let sent = 0
        for (const { stream, bytes, padding } of pieces) {
          const id = 2 * stream + 1
          const frame = padding === null ? data(id, bytes) : padded(id, bytes, padding)
          const cost = frame.length - 9
          // At least half of each window is always there.
          expect(windows.get(id)).toBeGreaterThan(limits.streamWindow / 2)
          expect(windows.get(0)).toBeGreaterThan(limits.connectionWindow / 2)
          for (const one of [0, id]) windows.set(one, (windows.get(one) ?? 0) - cost)
          seen.feed(frame)
          sent += bytes
          for (const [one, by] of updates(seen.written())) windows.set(one, (windows.get(one) ?? 0) + by)
        }
        expect(seen.connection.over).toBe(false)
        expect(seen.events.filter((one) => one.startsWith('data')).reduce((sum, one) => sum + one.length - 7, 0)).toBe(sent)
      }),
    )
  })
})

describe('Http2Connection, windows of its client', () => {
  it('writes what they let through: the window of the connection first, then that of the stream', () => {
    const seen = connect()
    seen.feed(firstWindows(100_000), call(1), call(3))
    seen.written()
    respond(seen, 0, 60_000)
    respond(seen, 1, 60_000)
    const first = seen.written()
    expect([dataBytes(first, 1), dataBytes(first, 3)]).toEqual([60_000, 5_535])
    seen.feed(grow(3, 1))
    expect(dataBytes(seen.written())).toBe(0)
    seen.feed(grow(0, 54_464))
    expect(dataBytes(seen.written())).toBe(54_464)
    seen.feed(grow(0, 1))
    const last = seen.written()
    expect(last.map((one) => [one.id, one.type, one.payload.length])).toEqual([
      [3, FrameType.Data, 1],
      [3, FrameType.Headers, 1],
      [3, FrameType.RstStream, 4],
    ])
    expect(seen.connection.streams.size).toBe(0)
  })

  it('answers without a body need no window', () => {
    const seen = connect()
    seen.feed(firstWindows(0), call(1))
    seen.written()
    respond(seen, 0, 0)
    expect(seen.written().map((one) => one.type)).toEqual([FrameType.Headers, FrameType.Data, FrameType.Headers, FrameType.RstStream])
  })

  it('keeps its books when windows of open streams become smaller than nothing', () => {
    const seen = connect()
    seen.feed(firstWindows(100), call(1), call(3), call(5))
    seen.written()
    const [one, other, third] = seen.streams
    if (one === undefined || other === undefined || third === undefined) throw new Error('no streams')
    seen.connection.begin(one, block)
    seen.connection.write(one, Buffer.alloc(80))
    expect(dataBytes(seen.written())).toBe(80)
    seen.feed(firstWindows(10))
    expect(one.sendWindow).toBe(-70)
    // Nothing is written, and nothing is taken out of the window of the connection or put into it.
    seen.connection.write(one, Buffer.alloc(0))
    expect(dataBytes(seen.written())).toBe(0)
    expect(one.sendWindow).toBe(-70)
    respond(seen, 1, 0)
    seen.feed(grow(1, 70))
    seen.connection.write(one, Buffer.alloc(5))
    expect(dataBytes(seen.written(), 1)).toBe(0)
    seen.feed(grow(1, 5))
    expect(dataBytes(seen.written(), 1)).toBe(5)
    // 85 of the first 65,535 bytes are gone.
    seen.feed(firstWindows(100_000))
    respond(seen, 2, 70_000)
    expect(dataBytes(seen.written())).toBe(65_535 - 85)
  })

  it('resets a stream whose window grows too far, and serves its neighbours', () => {
    const seen = connect()
    seen.feed(call(1), call(3), grow(1, 0x7fffffff))
    expect(seen.written().map((one) => [one.type, one.id, one.payload.readUInt32BE(0)])).toEqual([
      [FrameType.RstStream, 1, Http2Code.FlowControlError],
    ])
    expect(seen.events.at(-1)).toBe('aborted 1')
    respond(seen, 1, 5)
    expect(dataBytes(seen.written(), 3)).toBe(5)
  })

  it('refuses a first window that makes one of an open stream too large', () => {
    const seen = connect()
    seen.feed(call(1), grow(1, 0x7fffffff - 65_535), firstWindows(65_536))
    expect(seen.ended()).toBe(Http2Code.FlowControlError)
  })

  it('writes everything, and never more than allowed, however the windows grow', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('answer' as const), bytes: fc.nat(60_000) }),
      fc.record({ kind: fc.constant('grow' as const), stream: fc.nat(3), by: fc.integer({ min: 1, max: 50_000 }) }),
      fc.record({ kind: fc.constant('first' as const), bytes: fc.nat(40_000) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40, size: 'max' }), (steps) => {
        const seen = connect({}, false)
        seen.feed(hello([[Setting.InitialWindowSize, 1000]]), call(1), call(3), call(5))
        seen.written()
        let initial = 1000
        let connectionWindow = 65_535
        const windows = new Map([1, 3, 5].map((id) => [id, initial]))
        const owed = new Map<number, number>()
        const written = new Map<number, number>()
        const look = (): void => {
          for (const frame of seen.written()) {
            if (frame.type !== FrameType.Data) continue
            const { length } = frame.payload
            connectionWindow -= length
            windows.set(frame.id, (windows.get(frame.id) ?? 0) - length)
            written.set(frame.id, (written.get(frame.id) ?? 0) + length)
            expect(connectionWindow).toBeGreaterThanOrEqual(0)
            if (length > 0) expect(windows.get(frame.id)).toBeGreaterThanOrEqual(0)
          }
        }
        let next = 0
        for (const one of steps) {
          if (one.kind === 'answer') {
            if (next === 3) continue
            owed.set(2 * next + 1, one.bytes)
            respond(seen, next++, one.bytes)
          } else if (one.kind === 'grow') {
            const id = one.stream === 0 ? 0 : 2 * one.stream - 1
            if (id === 0) connectionWindow += one.by
            else windows.set(id, (windows.get(id) ?? 0) + one.by)
            seen.feed(grow(id, one.by))
          } else {
            for (const [id, window] of windows) windows.set(id, window + one.bytes - initial)
            initial = one.bytes
            seen.feed(firstWindows(one.bytes))
          }
          look()
        }
        // In the end, with room for all.
        seen.feed(grow(0, 200_000), ...[1, 3, 5].filter((id) => seen.connection.streams.has(id)).map((id) => grow(id, 200_000)))
        connectionWindow += 200_000
        for (const [id, window] of windows) windows.set(id, window + 200_000)
        look()
        for (const [id, bytes] of owed) expect(written.get(id)).toBe(bytes)
        expect(seen.connection.streams.size).toBe(3 - owed.size)
        expect(seen.connection.over).toBe(false)
      }),
      { numRuns: 300 },
    )
  })
})

describe('Http2Connection, any frames', () => {
  /** Frames that are well-formed, on streams that may or may not be there. */
  const id = fc.constantFrom(1, 3, 5, 7, 9)
  const wellFormed = fc.oneof(
    fc.tuple(id, fc.boolean()).map(([stream, ends]) => headers(stream, callFields('/a'), Flag.EndHeaders | (ends ? Flag.EndStream : 0))),
    fc.tuple(id, fc.nat(300), fc.boolean()).map(([stream, bytes, ends]) => data(stream, bytes, ends ? Flag.EndStream : 0)),
    fc.tuple(id, fc.nat(9), fc.nat(9)).map(([stream, bytes, padding]) => padded(stream, bytes, padding)),
    id.map((stream) => rawFrame(FrameType.RstStream, 0, stream, '00000008')),
    fc.tuple(fc.oneof(fc.constant(0), id), fc.integer({ min: 1, max: 1000 })).map(([stream, by]) => grow(stream, by)),
    fc.nat(2000).map(firstWindows),
    fc.constant(rawFrame(FrameType.Ping, 0, 0, '0102030405060708')),
    fc.constant(rawFrame(0x42, 7, 3, 'aa')),
  )
  const act = fc.constantFrom('respond', 'only', 'reset', 'begin', 'close', 'nothing', 'nothing')

  it('leave every stream either open, ended, or told of: none twice, none forgotten', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(wellFormed, act), { maxLength: 40, size: 'max' }), (steps) => {
        const seen = connect({ streams: 3 })
        const { connection, events, streams } = seen
        const ours = new Set<number>()
        for (const [frame, what] of steps) {
          seen.feed(frame)
          const stream = streams.find((one) => !one.closed)
          if (stream !== undefined && what !== 'nothing' && what !== 'close') {
            if (what === 'respond') connection.respond(stream, block, Buffer.alloc(1500), block)
            else if (what === 'only') connection.respondOnly(stream, block)
            else if (what === 'reset') connection.reset(stream, Http2Code.Cancel)
            else {
              connection.begin(stream, block)
              connection.write(stream, Buffer.alloc(10))
            }
            if (stream.closed) ours.add(stream.id)
          }
          if (what === 'close') connection.close()
          seen.written()
          expect([...connection.streams.values()].every((one) => !one.closed)).toBe(true)
          expect(connection.streams.size).toBeLessThanOrEqual(3)
          if (connection.over) expect(connection.streams.size).toBe(0)
        }
        connection.lost()
        // An answer may wait for its window, and be written or be lost later; nothing else may be in both.
        for (const { id: one, closed } of streams) {
          expect(closed).toBe(true)
          const aborted = events.filter((event) => event === `aborted ${one}`).length
          expect(aborted).toBeLessThanOrEqual(ours.has(one) ? 0 : 1)
          expect(events.filter((event) => event === `end ${one}`).length).toBeLessThanOrEqual(1)
          expect(events.filter((event) => event.startsWith(`open ${one} `)).length).toBe(1)
        }
        expect(events.filter((event) => event.startsWith('over')).length).toBeLessThanOrEqual(1)
      }),
      { numRuns: 500 },
    )
  })

  it('give the same when they come in pieces, at every byte', () => {
    const wire = Buffer.concat([
      hello([[Setting.InitialWindowSize, 5]]),
      call(1),
      padded(1, 3, 2),
      rawFrame(FrameType.Data, Flag.Padded, 1, '00'),
      call(3),
      rawFrame(FrameType.Ping, 0, 0, '0102030405060708'),
      data(3, 4, Flag.EndStream),
      grow(0, 7),
      rawFrame(FrameType.Data, Flag.EndStream, 1),
      rawFrame(FrameType.RstStream, 0, 3, '00000008'),
      data(1, 1),
    ])
    const run = (...pieces: Buffer[]): unknown[] => {
      const seen = connect({}, false)
      for (const piece of pieces) {
        // As a socket does it: the memory is used again for the next piece.
        const memory = Buffer.from(piece)
        seen.connection.feed(memory, memory.length)
        memory.fill(0xff)
      }
      const events = seen.events.filter((one) => !one.startsWith('data'))
      const body = seen.events.filter((one) => one.startsWith('data')).map((one) => one.slice(5))
      const text = [1, 3].map((one) =>
        body
          .filter((part) => part.startsWith(`${one} `))
          .map((part) => part.slice(2))
          .join(''),
      )
      return [events, text, Buffer.from(seen.connection.take()).toString('hex')]
    }
    const whole = run(wire)
    expect(whole[0]).toEqual(['open 1 /a', 'open 3 /a', 'end 3', 'end 1', 'aborted 3', 'aborted 1', 'over data_after_end'])
    expect(whole[1]).toEqual(['xxx', 'xxxx'])
    for (let at = 1; at < wire.length; at++) expect(run(wire.subarray(0, at), wire.subarray(at))).toEqual(whole)
    expect(run(...Array.from(wire, (_, i) => wire.subarray(i, i + 1)))).toEqual(whole)
  })
})
