import { deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { bulkActions } from '../../src/mirror/bulk-lines.ts'
import { actionsIn, decodedPieces } from '../../src/mirror/bulk-stream.ts'

async function* inPieces(bytes: Uint8Array, step: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step)
}

const body = Buffer.from(
  `{"index":{}}\r\n{"a":1}\r\n\n{"delete":{"_id":"1"}}\n{"create":{"_id":"é"}}\n${'{"long":"'.padEnd(3000, 'x')}"}\n{"update":{"_id":"2"}}\n{"doc":{}}`,
)

const listed = async (encoding: string | undefined, bytes: Uint8Array, step: number) => {
  const found = []
  for await (const some of actionsIn(decodedPieces(encoding, inPieces(bytes, step))))
    for (const { lines, number, ...rest } of some) {
      expect(number).toBe(found.length)
      expect(Buffer.from(lines).equals(body.subarray(rest.from, rest.to))).toBe(true)
      found.push(rest)
    }
  return found
}

describe('actionsIn', () => {
  it.each([1, 2, 3, 50, 999, 100_000])('finds what is found in the whole body, in pieces of %i bytes', async (step) => {
    expect(await listed(undefined, body, step)).toEqual(bulkActions(body))
  })
})

describe('decodedPieces', () => {
  it.each([
    ['gzip', gzipSync(body)],
    ['x-gzip', gzipSync(body)],
    ['deflate', deflateSync(body)],
    ['deflate', deflateRawSync(body)],
    ['zstd', zstdCompressSync(body)],
    [' GZIP ', gzipSync(body)],
    ['identity', body],
  ])('takes off %s', async (encoding, bytes) => {
    for (const step of [7, 100_000]) expect(await listed(encoding, bytes, step)).toEqual(bulkActions(body))
  })

  it('says what is not what it says', async () => {
    await expect(listed('gzip', body, 100)).rejects.toThrow('incorrect header check')
    await expect(listed('gzip', gzipSync(body).subarray(0, 40), 100)).rejects.toThrow()
    await expect(listed('br', body, 100)).rejects.toThrow('Content-Encoding br is not known here')
  })

  it('can be left', async () => {
    for await (const _some of decodedPieces('gzip', inPieces(gzipSync(body), 10))) break
  })
})
