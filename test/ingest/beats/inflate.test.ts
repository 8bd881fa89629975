import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { FrameFault } from '../../../src/ingest/beats/decode-frames.ts'
import { type InflateLimits, inflateSmall, startInflating } from '../../../src/ingest/beats/inflate.ts'

const limits: InflateLimits = { maxBytes: 8 * 2 ** 20, maxRatio: 50 }

const text = Buffer.from(Array.from({ length: 20_000 }, (_, at) => `{"event":${at * 7919}}`).join('\n'))
const good = deflateSync(text)

/** Both ways; they must agree. */
async function both(stream: Uint8Array, pieceBytes = 1000, own = limits): Promise<{ plain: Buffer; largest: number } | string> {
  const reasonOf = (error: unknown): string => {
    if (error instanceof FrameFault) return error.reason
    throw error
  }
  let small: Buffer | string
  try {
    small = Buffer.from(inflateSmall(stream, own))
  } catch (error) {
    small = reasonOf(error)
  }
  const pieces: Buffer[] = []
  const inflating = startInflating(own, (bytes) => void pieces.push(Buffer.from(bytes)))
  try {
    for (let at = 0; at < stream.length; at += pieceBytes) await inflating.write(stream.subarray(at, at + pieceBytes))
    await inflating.end()
  } catch (error) {
    const streamed = reasonOf(error)
    expect(streamed).toBe(small)
    return streamed
  }
  const plain = Buffer.concat(pieces)
  expect(plain.equals(small as Buffer)).toBe(true)
  return { plain, largest: Math.max(...pieces.map(({ length }) => length)) }
}

describe('inflating a frame', () => {
  it.each([1, 2, 3, 6, 9])('takes level %i', async (level) => {
    expect(await both(deflateSync(text, { level }))).toMatchObject({ plain: text })
  })

  it('hands on what there is in pieces', async () => {
    const found = await both(good)
    expect(typeof found === 'string' ? 0 : found.largest).toBeLessThanOrEqual(64 * 1024)
  })

  it.each([
    ['a checksum that does not hold', Buffer.concat([good.subarray(0, -1), Buffer.of((good.at(-1) as number) ^ 1)]), 'zlib'],
    ['a stream cut off', good.subarray(0, -5), 'zlib'],
    ['bytes behind the stream', Buffer.concat([good, Buffer.of(1, 2)]), 'trailing'],
    ['two streams', Buffer.concat([good, good]), 'trailing'],
    ['gzip', gzipSync(text), 'zlib'],
    ['a bare stream', deflateRawSync(text), 'zlib'],
    ['a preset dictionary', deflateSync(text, { dictionary: Buffer.from('event') }), 'zlib'],
    ['nothing', Buffer.alloc(0), 'zlib'],
    ['more than may come out', deflateSync(Buffer.from(Array.from({ length: 9 * 2 ** 20 }, (_, at) => at % 251)), { level: 1 }), 'ratio'],
  ])('refuses %s', async (_name, stream, reason) => expect(await both(stream)).toBe(reason))

  it('holds small frames to no ratio', async () => {
    const zeros = Buffer.alloc(1_000_000)
    expect(await both(deflateSync(zeros))).toMatchObject({ plain: zeros })
  })

  it('refuses more than the limit, whatever the ratio', async () => {
    expect(await both(good, 1000, { maxBytes: text.length, maxRatio: 1 })).toMatchObject({ plain: text })
    expect(await both(good, 1000, { maxBytes: text.length - 1, maxRatio: 1000 })).toBe('inflated_limit')
  })

  it('waits for who takes the pieces', async () => {
    let taken = 0
    let most = 0
    let open = 0
    const inflating = startInflating(limits, (bytes) => {
      taken += bytes.length
      most = Math.max(most, ++open)
      return new Promise((resolve) =>
        setImmediate(() => {
          open--
          resolve()
        }),
      )
    })
    await inflating.write(good)
    await inflating.end()
    expect([taken, most]).toEqual([text.length, 1])
  })

  it('rejects with what the taker throws', async () => {
    const inflating = startInflating(limits, () => {
      throw new FrameFault('nested', 'cannot')
    })
    await expect(inflating.write(good).then(() => inflating.end())).rejects.toMatchObject({ reason: 'nested' })
  })

  it('rejects what waits when it is let go of', async () => {
    const inflating = startInflating(limits, () => new Promise(() => {}))
    const writing = inflating.write(good).then(() => inflating.end())
    inflating.destroy()
    await expect(writing).rejects.toMatchObject({ reason: 'closed' })
  })
})
