import { describe, expect, it } from 'vitest'
import { FrameDecoder, FrameFault, FrameKind, type FrameLimits } from '../../../src/ingest/beats/decode-frames.ts'
import { compressedFrame, dataFrame, jsonFrame, rawCompressedFrame, windowFrame } from '../../support/lumberjack.ts'

const limits: FrameLimits = { maxWindow: 1000, maxFrameBytes: 5000, maxCompressedBytes: 10_000, maxPairs: 100 }

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')

interface Found {
  readonly kind: number
  readonly version: number
  readonly count: number
  readonly sequence?: number
  readonly text?: string
}

/** Everything in the pieces; W opens a window as the reader does, which is never complete. */
function readAll(pieces: readonly Uint8Array[], decoder = new FrameDecoder(limits)): Found[] {
  const found: Found[] = []
  let compressed = ''
  for (const piece of pieces) {
    decoder.give(piece)
    for (let kind = decoder.next(); kind !== FrameKind.More; kind = decoder.next()) {
      const { version, count, sequence, bytes, start, end } = decoder
      const text = Buffer.from(bytes.subarray(start, end)).toString('latin1')
      if (kind === FrameKind.Window) decoder.windowVersion = version
      if (kind === FrameKind.CompressedBytes) compressed += text
      else if (kind === FrameKind.CompressedEnd) found.push({ kind, version, count, text: compressed })
      else if (kind === FrameKind.Json || kind === FrameKind.Pairs) found.push({ kind, version, count, sequence, text })
      else found.push({ kind, version, count })
    }
  }
  return found
}

const faultOf = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    if (error instanceof FrameFault) return error.reason
    throw error
  }
  return 'none'
}

const stream = Buffer.concat([
  windowFrame(900),
  jsonFrame(1, { a: 1 }),
  jsonFrame(2, 'x'.repeat(3000)),
  dataFrame(
    3,
    [
      ['line', 'one'],
      ['', ''],
      ['host', 'h'],
    ],
    2,
  ),
  rawCompressedFrame(Buffer.from('not looked at here')),
  rawCompressedFrame(new Uint8Array(0)),
  dataFrame(2 ** 32 - 1, [['k', 'v'.repeat(2000)]], 2),
  jsonFrame(0, '{}'),
])

describe('FrameDecoder', () => {
  it('finds every frame', () => {
    const found = readAll([stream])
    expect(found.map(({ kind, sequence, count }) => [kind, sequence, count])).toEqual([
      [FrameKind.Window, undefined, 900],
      [FrameKind.Json, 1, 7],
      [FrameKind.Json, 2, 3000],
      [FrameKind.Pairs, 3, 3],
      [FrameKind.Compressed, undefined, 18],
      [FrameKind.CompressedEnd, undefined, 18],
      [FrameKind.Compressed, undefined, 0],
      [FrameKind.CompressedEnd, undefined, 0],
      [FrameKind.Pairs, 2 ** 32 - 1, 1],
      [FrameKind.Json, 0, 2],
    ])
    expect(found[1]?.text).toBe('{"a":1}')
    expect(found[5]?.text).toBe('not looked at here')
  })

  it('finds the same byte by byte', () => {
    expect(readAll([...stream].map((byte) => Buffer.of(byte)))).toEqual(readAll([stream]))
  })

  it('finds the same in pieces of every length', () => {
    const whole = readAll([stream])
    for (let length = 2; length < 400; length++) {
      const pieces: Buffer[] = []
      for (let at = 0; at < stream.length; at += length) pieces.push(stream.subarray(at, at + length))
      expect(readAll(pieces)).toEqual(whole)
    }
  })

  it('does not copy an event that lies whole in what it is given', () => {
    const decoder = new FrameDecoder(limits)
    const bytes = Buffer.concat([windowFrame(1), jsonFrame(1, '{}')])
    decoder.give(bytes)
    decoder.next()
    decoder.windowVersion = 2
    decoder.next()
    expect(decoder.bytes).toBe(bytes)
    expect(decoder.heldBytes).toBe(0)
  })

  it('grows with the bytes that came, not with what is declared', () => {
    const decoder = new FrameDecoder({ ...limits, maxFrameBytes: 2 ** 30 })
    decoder.windowVersion = 2
    decoder.give(hex('32 4a 00000001 3fffffff 7b'))
    expect(decoder.next()).toBe(FrameKind.More)
    expect(decoder.heldBytes).toBeLessThan(4096)
    decoder.give(Buffer.alloc(100_000))
    expect(decoder.next()).toBe(FrameKind.More)
    expect(decoder.heldBytes).toBeLessThan(250_000)
  })

  it('lets go of the memory of a large event with the next one', () => {
    const decoder = new FrameDecoder({ ...limits, maxFrameBytes: 1_000_000 })
    decoder.windowVersion = 2
    const large = jsonFrame(1, 'x'.repeat(500_000))
    decoder.give(large.subarray(0, 1000))
    decoder.next()
    decoder.give(large.subarray(1000))
    expect(decoder.next()).toBe(FrameKind.Json)
    decoder.give(new Uint8Array(0))
    decoder.next()
    expect(decoder.heldBytes).toBe(0)
  })

  it('knows whether a frame has begun', () => {
    const decoder = new FrameDecoder(limits)
    expect(decoder.between).toBe(true)
    for (const byte of windowFrame(1)) {
      decoder.give(Buffer.of(byte))
      const found = decoder.next()
      expect(decoder.between).toBe(found === FrameKind.Window)
    }
  })

  it.each([
    ['a window of 4 G', '32 57 ffffffff', 'window_limit'],
    ['a window of one more than the limit', '32 57 000003e9', 'window_limit'],
    ['an event of 4 GiB', '32 57 00000001 32 4a 00000001 ffffffff', 'frame_limit'],
    ['an event that is negative as int32', '32 57 00000001 32 4a 00000001 80000000', 'frame_limit'],
    ['4 GiB of zlib', '32 57 00000001 32 43 ffffffff', 'compressed_limit'],
    ['2 G pairs', '31 57 00000001 31 44 00000001 7fffffff', 'pairs_limit'],
    ['a key of 4 GiB', '31 57 00000001 31 44 00000001 00000001 ffffffff', 'frame_limit'],
    ['a value of 4 GiB', '31 57 00000001 31 44 00000001 00000001 00000001 61 ffffffff', 'frame_limit'],
    ['pairs that cannot fit', '31 57 00000001 31 44 00000001 00000001 0000138d', 'frame_limit'],
    ['an event of no bytes', '32 57 00000001 32 4a 00000001 00000000', 'empty_event'],
    ['an event of no pairs', '31 57 00000001 31 44 00000001 00000000', 'empty_event'],
    ['an ack', '32 41 00000001', 'ack_from_client'],
    ['an event before any window', '32 4a 00000001 00000002 7b7d', 'outside_window'],
    ['pairs before any window', '31 44 00000001 00000001', 'outside_window'],
    ['compressed frames before any window', '32 43 00000001', 'outside_window'],
    ['a window in a window', '32 57 00000002 32 57 00000001', 'window_in_window'],
    ['version 1 in a window of version 2', '32 57 00000001 31 4a 00000001 00000002', 'version_mixed'],
    ['a zero byte', '00', 'version'],
    ['version 3', '33 57', 'version'],
    ['an unknown type', '32 00', 'type'],
    ['a letter of no type', '32 58', 'type'],
    ['a TLS client', '16 03 01 02 00', 'tls_on_plain_port'],
    ['GET', '47 45 54 20 2f', 'http'],
    ['POST', '50 4f 53 54 20', 'http'],
    ['TLS after a window', '32 57 00000001 16', 'version'],
  ])('refuses %s', (_name, bytes, reason) => {
    expect(faultOf(() => readAll([hex(bytes)]))).toBe(reason)
    expect(faultOf(() => readAll([...hex(bytes)].map((byte) => Buffer.of(byte))))).toBe(reason)
  })

  it.each([
    ['a window', windowFrame(0)],
    ['compressed frames', compressedFrame([jsonFrame(1, '{}')])],
  ])('refuses %s within compressed frames', (_name, bytes) => {
    const decoder = new FrameDecoder(limits, true)
    decoder.windowVersion = 2
    expect(faultOf(() => readAll([bytes], decoder))).toBe('nested')
  })

  it('takes an event and pairs of just the limit', () => {
    const pairs: [string, string][] = [['k', 'v'.repeat(5000 - 9)]]
    expect(readAll([windowFrame(2), jsonFrame(1, 'x'.repeat(5000)), dataFrame(2, pairs, 2)])).toHaveLength(3)
    expect(faultOf(() => readAll([windowFrame(2), dataFrame(2, [['kk', pairs[0]?.[1] ?? '']], 2)]))).toBe('frame_limit')
  })
})
