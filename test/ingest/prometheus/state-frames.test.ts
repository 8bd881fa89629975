import { describe, expect, it } from 'vitest'
import { type FramesFound, frameHeadBytes, maxPieceBytes, readFrames, writeFrameHead } from '../../../src/ingest/prometheus/state-frames.ts'

const framed = (pieces: readonly Uint8Array[], writing = 7): Buffer => {
  const parts: Uint8Array[] = []
  for (const [number, piece] of [...pieces, new Uint8Array(0)].entries()) {
    const head = Buffer.alloc(frameHeadBytes)
    writeFrameHead(head, writing, number, piece)
    parts.push(head, piece)
  }
  return Buffer.concat(parts)
}

const readAll = async (file: Buffer): Promise<FramesFound & { readonly taken: string[] }> => {
  const taken: string[] = []
  const read = async (position: number, length: number): Promise<Buffer> => file.subarray(position, position + length)
  const found = await readFrames(file.length, read, (piece) => taken.push(piece.toString()))
  return { ...found, taken }
}

const texts = ['first', 'second piece', 'OBsf third', 'x'.repeat(100)]
const whole = framed(texts.map((one) => Buffer.from(one)))

describe('readFrames', () => {
  it('gives what was written, in order', async () => {
    expect(await readAll(whole)).toEqual({ taken: texts, pieces: 4, damaged: 0, torn: false, foreign: false, newer: false })
    expect(await readAll(framed([]))).toEqual({ taken: [], pieces: 0, damaged: 0, torn: false, foreign: false, newer: false })
  })

  it('loses one piece at most by one damaged byte, wherever it is, and says so', async () => {
    for (let at = 0; at < whole.length; at++) {
      for (const bit of [1, 0x80]) {
        const damaged = Buffer.from(whole)
        damaged[at] = (damaged[at] as number) ^ bit
        const { taken, pieces, damaged: lost, torn, foreign, newer } = await readAll(damaged)
        expect(
          taken.filter((one) => !texts.includes(one)),
          `byte ${at}`,
        ).toEqual([])
        expect([taken.length, pieces + lost + (torn ? 1 : 0), foreign, newer], `byte ${at}`).toEqual([pieces, torn ? 5 : 4, false, false])
        expect(pieces, `byte ${at}`).toBe(at >= whole.length - frameHeadBytes ? 4 : 3)
      }
    }
  })

  it('reads what is before the end of a file that is cut, wherever', async () => {
    let last = 0
    for (let length = 0; length < whole.length; length++) {
      const { taken, torn, foreign } = await readAll(whole.subarray(0, length))
      expect(taken, `${length} bytes`).toEqual(texts.slice(0, taken.length))
      expect(taken.length).toBeGreaterThanOrEqual(last)
      expect([torn, foreign]).toEqual([true, length < frameHeadBytes])
      last = taken.length
    }
    expect(last).toBe(4)
  })

  it('reads on behind bytes that are missing, too many or zeros', async () => {
    const at = frameHeadBytes + 5 + 3
    for (const damaged of [
      Buffer.concat([whole.subarray(0, at), whole.subarray(at + 7)]),
      Buffer.concat([whole.subarray(0, at), Buffer.alloc(200_000, 'OBs'), whole.subarray(at + 3)]),
      Buffer.concat([whole.subarray(0, at), Buffer.alloc(30), whole.subarray(at + 30)]),
    ]) {
      const { taken, damaged: lost, torn } = await readAll(damaged)
      expect(taken).toEqual(['first', ...texts.slice(2)].filter((one) => taken.includes(one)))
      expect(taken.slice(-2)).toEqual(texts.slice(2))
      expect([taken.length + lost, torn]).toEqual([4, false])
    }
  })

  it('is not led astray by a piece that holds frames', async () => {
    const inner = framed([Buffer.from('forged'), Buffer.from('forged too')], 8)
    const outer = framed([Buffer.from('before'), inner, Buffer.from('after')])
    expect((await readAll(outer)).taken).toEqual(['before', inner.toString(), 'after'])
    const damaged = Buffer.from(outer)
    damaged[frameHeadBytes + 6 + 8] = 0xff
    expect((await readAll(damaged)).taken).toEqual(['before', 'after'])
  })

  it('knows a file of somebody else, and one of a newer version', async () => {
    expect(await readAll(Buffer.from('{"json": true}'.repeat(50)))).toMatchObject({ foreign: true, pieces: 0 })
    const newer = Buffer.from(whole)
    newer.writeUInt32LE(2, 4)
    const head = Buffer.alloc(frameHeadBytes)
    writeFrameHead(head, 7, 0, Buffer.from('first'))
    expect(head.compare(whole, 0, frameHeadBytes)).toBe(0)
    const { crc32 } = await import('node:zlib')
    newer.writeUInt32LE(crc32(newer.subarray(0, 24)), 24)
    expect(await readAll(newer)).toMatchObject({ newer: true, foreign: false, pieces: 0 })
  })

  it('does not believe a length', async () => {
    const head = Buffer.alloc(frameHeadBytes)
    writeFrameHead(head, 7, 0, Buffer.from('abc'))
    const { crc32 } = await import('node:zlib')
    head.writeUInt32LE(0xffffffff, 16)
    head.writeUInt32LE(crc32(head.subarray(0, 24)), 24)
    let asked = 0
    const file = Buffer.concat([head, whole])
    const found = await readFrames(
      file.length,
      async (position, length) => {
        asked = Math.max(asked, length)
        return file.subarray(position, position + length)
      },
      () => {},
    )
    expect(asked).toBeLessThanOrEqual(maxPieceBytes)
    expect(found).toMatchObject({ pieces: 4, torn: false })
  })
})
