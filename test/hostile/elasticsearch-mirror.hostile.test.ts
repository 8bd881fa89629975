/** Bodies of 100 MB on their way to both sides: what the old one gets is what was sent, byte for byte, and no body is ever in memory whole. */

import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync, gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { largeBody, postLarge, startCountingSink } from './support/large-bodies.ts'
import { startLive } from './support/live.ts'
import { eventually } from './support/throw.ts'

const mebi = 2 ** 20
const large = largeBody(100_000_000)
const bodies = { identity: large.bytes, gzip: gzipSync(large.bytes, { level: 6 }) } as const

const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** An old Elasticsearch that hashes what comes, and takes everything. */
async function startRecorder(documents: number) {
  const hashes: string[] = []
  const item = '{"create":{"_index":"logs-app-prod","_id":"x","status":201}}'
  const answer = Buffer.from(`{"took":1,"errors":false,"items":[${Array.from({ length: documents }, () => item).join(',')}]}`)
  const server = createServer((request, response) => {
    const hash = createHash('sha256')
    request.on('data', (piece: Buffer) => void hash.update(piece))
    request.on('end', () => {
      if (request.url?.startsWith('/_bulk') === true) hashes.push(hash.digest('hex'))
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': answer.length })
      response.end(answer)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { url, hashes, close: () => new Promise((done) => server.close(done)) }
}

describe('mirrored bodies of 100 MB', () => {
  it.each(['identity', 'gzip'] as const)(
    '%s, three in a row, with a queue on disk',
    async (encoding) => {
      const body = bodies[encoding]
      if (encoding === 'gzip') expect(gunzipSync(body).length).toBe(large.bytes.length)
      const sink = await startCountingSink()
      const old = await startRecorder(large.documents)
      const live = await startLive(sink.url, ['queue.type=disk', 'queue.path=./queue', `mirror.elasticsearch.url=${old.url}`])
      try {
        const before = live.residentBytes() / mebi
        for (let round = 0; round < 3; round++) {
          expect(await postLarge(live.ports.elasticsearch, body, encoding)).toMatch(/^200 \{"took":0,"errors":false,"items":\[\{"create/)
        }
        const count = 3 * large.documents
        expect(
          await eventually(() => sink.records === count && old.hashes.length >= 3, 120_000),
          `${sink.records}, ${old.hashes.length}`,
        ).toBe(true)
        const most = live.peakBytes() / mebi
        console.log(`${encoding}: from ${Math.round(before)} to ${Math.round(most)} MiB`)
        expect(old.hashes).toEqual([hashOf(body), hashOf(body), hashOf(body)])
        expect(most).toBeLessThan(250)
        expect(await live.stop()).toBe(0)
      } finally {
        await live.stop()
        await sink.close()
        await old.close()
      }
    },
    300_000,
  )
})
