import { deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { createDecompressor, type Encoding, encodingOf } from '../../src/ingest/decompress.ts'

const inflater = createDecompressor({ maxBytes: 8 * 1024 * 1024, maxRatio: 100, section: 'ingest.test.limits' })

const textOf = async (encoding: Encoding, body: Uint8Array): Promise<string> =>
  Buffer.from(await inflater.decompress(encoding, body)).toString()

/** The code an input is refused with, whether it throws or rejects. */
const codeOf = async (encoding: Encoding, body: Uint8Array): Promise<unknown> => {
  try {
    await inflater.decompress(encoding, body)
    return 'taken'
  } catch (error) {
    return (error as { code: unknown }).code
  }
}

const noise = (bytes: number): Buffer => {
  const out = Buffer.alloc(bytes)
  let state = 1
  for (let at = 0; at < bytes; at++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    out[at] = state >>> 24
  }
  return out
}

describe('encodingOf', () => {
  it.each([
    [undefined, 'identity'],
    ['', 'identity'],
    ['identity', 'identity'],
    ['gzip', 'gzip'],
    ['GZIP', 'gzip'],
    ['x-gzip', 'gzip'],
    ['gzip, identity', 'gzip'],
    ['deflate', 'deflate'],
    ['zlib', 'deflate'],
  ])('reads %j as %s', (header, want) => {
    expect(encodingOf(header)).toBe(want)
  })

  it.each(['br', 'zstd', 'gzip, gzip', 'deflate,gzip', 'snappy'])('refuses %j', (header) => {
    expect(() => encodingOf(header)).toThrow(expect.objectContaining({ code: 'OB_UNSUPPORTED_ENCODING' }))
  })
})

describe('createDecompressor', () => {
  it('gives an identity body back as it is', () => {
    const body = Buffer.from('abc')
    expect(inflater.decompress('identity', body)).toBe(body)
  })

  it('inflates gzip, zlib and raw deflate', async () => {
    expect(await textOf('gzip', gzipSync('abc'))).toBe('abc')
    expect(await textOf('deflate', deflateSync('abc'))).toBe('abc')
    expect(await textOf('deflate', deflateRawSync('abc'))).toBe('abc')
  })

  it('inflates bodies too large to do at once, off the event loop', async () => {
    const plain = noise(300_000)
    for (const [encoding, body] of [
      ['gzip', gzipSync(plain)],
      ['deflate', deflateSync(plain)],
      ['deflate', deflateRawSync(plain)],
    ] as const) {
      const result = inflater.decompress(encoding, body)
      expect(result).toBeInstanceOf(Promise)
      expect(Buffer.from(await result).equals(plain)).toBe(true)
    }
  })

  it('joins a few gzip members and ignores zeros after the last', async () => {
    const body = Buffer.concat([gzipSync('abc'), gzipSync('def'), Buffer.alloc(8)])
    expect(await textOf('gzip', body)).toBe('abcdef')
  })

  it('refuses a thousand gzip members', async () => {
    expect(await codeOf('gzip', Buffer.concat(Array.from({ length: 1000 }, () => gzipSync('a'))))).toBe('OB_DECODE_ENCODING')
  })

  it('refuses a second member whose checksum does not hold', async () => {
    const second = gzipSync('def')
    second[second.length - 5] = (second[second.length - 5] as number) ^ 1
    expect(await codeOf('gzip', Buffer.concat([gzipSync('abc'), second]))).toBe('OB_DECODE_ENCODING')
  })

  it.each([
    ['gzip cut off', 'gzip', gzipSync('abcdefgh').subarray(0, 15)],
    ['gzip header cut off', 'gzip', gzipSync('abc').subarray(0, 5)],
    ['nothing', 'gzip', Buffer.alloc(0)],
    ['gzip with garbage behind', 'gzip', Buffer.concat([gzipSync('abc'), Buffer.from('this is no gzip member')])],
    ['a second member cut off', 'gzip', Buffer.concat([gzipSync('abc'), gzipSync('defghi').subarray(0, 18)])],
    ['plain text as gzip', 'gzip', Buffer.from('[{"traceId":"1"}]')],
    ['plain text as deflate', 'deflate', Buffer.from('[{"traceId":"1"}]')],
    ['deflate cut off', 'deflate', deflateSync(noise(100)).subarray(0, 50)],
    ['a large gzip cut off', 'gzip', gzipSync(noise(300_000)).subarray(0, 200_000)],
  ] as const)('refuses %s', async (_name, encoding, body) => {
    expect(await codeOf(encoding, body)).toBe('OB_DECODE_ENCODING')
  })

  it('takes a small body whatever its ratio', async () => {
    const plain = Buffer.alloc(900_000)
    expect((await inflater.decompress('gzip', gzipSync(plain))).length).toBe(900_000)
  })

  it('refuses a bomb for its ratio without inflating it', async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024))
    const before = process.memoryUsage().rss
    expect(await codeOf('gzip', bomb)).toBe('OB_LIMIT_RATIO')
    expect(process.memoryUsage().rss - before).toBeLessThan(32 * 1024 * 1024)
  })

  it('refuses a bomb made of members', async () => {
    const bomb = Buffer.concat(Array.from({ length: 10 }, () => gzipSync(Buffer.alloc(900_000))))
    expect(await codeOf('gzip', bomb)).toBe('OB_LIMIT_RATIO')
  })

  it('refuses a body over the limit of bytes, at once or later', async () => {
    const plain = Buffer.concat([noise(50_000), Buffer.alloc(9 * 1024 * 1024)])
    const small = createDecompressor({ maxBytes: 1_000_000, maxRatio: 1_000_000, section: 'ingest.test.limits' })
    expect(() => small.decompress('gzip', gzipSync(plain))).toThrow(
      expect.objectContaining({ code: 'OB_LIMIT_BODY', message: expect.stringContaining('ingest.test.limits.body') }),
    )
    expect(await codeOf('gzip', gzipSync(Buffer.concat([noise(400_000), Buffer.alloc(9 * 1024 * 1024)])))).toBe('OB_LIMIT_BODY')
  })
})

describe('zstd', () => {
  it('is taken only where it is asked for', () => {
    expect(encodingOf('zstd', true)).toBe('zstd')
    expect(encodingOf(' ZSTD ,identity', true)).toBe('zstd')
    expect(() => encodingOf('zstd')).toThrow('neither gzip nor deflate')
    expect(() => encodingOf('gzip, zstd', true)).toThrow('more than once')
  })

  it('is inflated, here and on the other threads', async () => {
    for (const size of [0, 10, 300_000]) {
      const plain = noise(size)
      expect(Buffer.compare(await inflater.decompress('zstd', zstdCompressSync(plain)), plain)).toBe(0)
    }
  })

  it('is held to the same limits', async () => {
    expect(await codeOf('zstd', zstdCompressSync(Buffer.alloc(50_000_000)))).toBe('OB_LIMIT_RATIO')
    expect(await codeOf('zstd', zstdCompressSync(noise(9_000_000)))).toBe('OB_LIMIT_BODY')
  })

  it('is refused when it is cut off, damaged or wants a window of gigabytes', async () => {
    const whole = zstdCompressSync(noise(1000))
    expect(await codeOf('zstd', whole.subarray(0, whole.length - 5))).toBe('OB_DECODE_ENCODING')
    expect(await codeOf('zstd', Buffer.from('hello'))).toBe('OB_DECODE_ENCODING')
    expect(await codeOf('zstd', Buffer.concat([whole, Buffer.from('more')]))).toBe('OB_DECODE_ENCODING')
    expect(await codeOf('zstd', Buffer.concat([whole, whole]))).toBe('OB_DECODE_ENCODING')
    // Magic, a frame without a declared size, a window of 2^31 bytes, one raw block of a byte that is the last.
    expect(await codeOf('zstd', Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x09, 0x00, 0x00, 0x61))).toBe('OB_DECODE_ENCODING')
  })
})
