import { PassThrough, Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { wholeBody } from '../../src/read/answer-body.ts'

const tooLarge = (): Error => new Error('too large')
const pieces = (): Buffer[] => [Buffer.alloc(30_000, 'a'), Buffer.alloc(200_000, 'b'), Buffer.from('c')]
const streamOf = (parts: readonly Buffer[]): Readable => Readable.from(parts, { objectMode: false })

describe('wholeBody', () => {
  it.each([
    ['as long as announced', 230_001],
    ['of unknown length', 0],
    ['longer than announced', 100],
    ['shorter than announced', 500_000],
  ])('is all of a body %s', async (_what, declared) => {
    const whole = Buffer.concat(pieces())
    expect((await wholeBody(streamOf(pieces()), declared, 1_000_000, tooLarge)).equals(whole)).toBe(true)
  })

  it('gives back the memory of what came before the last piece', async () => {
    const own = Buffer.allocUnsafeSlow(65_536)
    await wholeBody(streamOf([own, Buffer.from('x')]), 0, 1_000_000, tooLarge)
    expect(own.length).toBe(0)
  })

  it('rejects, and lets go of the stream, when there is more than may be', async () => {
    for (const declared of [0, 230_001]) {
      const body = streamOf(pieces())
      await expect(wholeBody(body, declared, 229_000, tooLarge)).rejects.toThrow('too large')
      expect(body.destroyed).toBe(true)
    }
  })

  it('rejects when the stream breaks, and when it just ends to be', async () => {
    const broken = new PassThrough()
    const first = wholeBody(broken, 0, 1000, tooLarge)
    broken.destroy(new Error('reset'))
    await expect(first).rejects.toThrow('reset')
    const gone = new PassThrough()
    const second = wholeBody(gone, 0, 1000, tooLarge)
    gone.destroy()
    await expect(second).rejects.toThrow('the connection was closed before the answer was whole')
  })
})
