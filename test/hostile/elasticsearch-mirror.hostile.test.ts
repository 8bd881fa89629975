/** Bodies of 100 MB on their way to both sides: what the old one gets is what was sent, byte for byte, and taking a body costs no more memory than a
 * few pieces of it. */

import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
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

const newline = 0x0a

/** One that refuses each hundredth item for good, and takes each tenth at the second time alone. Counts what it took and refused. */
async function startPicky(documents: number) {
  const seen = { taken: 0, refused: 0, requests: 0 }
  const server = createServer((request, response) => {
    let lines = 0
    const isFirst = request.headers['content-encoding'] === 'gzip'
    request.on('data', (piece: Buffer) => {
      if (!isFirst) for (let at = piece.indexOf(newline); at !== -1; at = piece.indexOf(newline, at + 1)) lines++
    })
    request.on('end', () => {
      seen.requests++
      const statuses = Array.from({ length: isFirst ? documents : lines / 2 }, (_, at) =>
        !isFirst ? 201 : at % 100 === 0 ? 400 : at % 10 === 1 ? 429 : 201,
      )
      for (const status of statuses) if (status !== 429) seen[status === 201 ? 'taken' : 'refused']++
      const items = statuses.map((status) => `{"create":{"_index":"logs","status":${status}${status === 201 ? '' : ',"error":"no"'}}}`)
      response.end(`{"errors":${isFirst},"took":1,"items":[${items.join(',')}]}`)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { url, seen, close: () => new Promise((done) => server.close(done)) }
}

const settings = (url: string): string[] => ['queue.type=disk', 'queue.path=./queue', `mirror.elasticsearch.url=${url}`]

/** Sends three, one after the other; gives the rise of memory in MiB once all has arrived. */
async function sendThree(url: string, encoding: keyof typeof bodies, arrived: () => boolean): Promise<number> {
  const sink = await startCountingSink()
  const live = await startLive(sink.url, settings(url))
  try {
    const before = live.residentBytes() / mebi
    for (let round = 0; round < 3; round++) {
      const answer = await postLarge(live.ports.elasticsearch, bodies[encoding], encoding)
      expect(answer).toMatch(/^200 \{"took":0,"errors":false,"items":\[\{"create/)
    }
    const count = 3 * large.documents
    expect(await eventually(() => sink.records === count && arrived(), 120_000), `${sink.records} of ${count}`).toBe(true)
    const most = live.peakBytes() / mebi
    console.log(`${encoding}: from ${Math.round(before)} to ${Math.round(most)} MiB`)
    expect(await live.stop()).toBe(0)
    return most - before
  } finally {
    await live.stop()
    await sink.close()
  }
}

describe('mirrored bodies of 100 MB', () => {
  it.each(['identity', 'gzip'] as const)(
    'arrive as they were sent: %s',
    async (encoding) => {
      const old = await startRecorder(large.documents)
      try {
        const rise = await sendThree(old.url, encoding, () => old.hashes.length >= 3)
        expect(old.hashes).toEqual(Array.from({ length: 3 }, () => hashOf(bodies[encoding])))
        // Taking them is 90 of it: see below.
        expect(rise).toBeLessThan(130)
      } finally {
        await old.close()
      }
    },
    300_000,
  )

  it('go again in part, and to the dead letters in part, without being in memory', async () => {
    const old = await startPicky(large.documents)
    try {
      const refused = Math.ceil(large.documents / 100)
      const rise = await sendThree(old.url, 'gzip', () => old.seen.taken === 3 * (large.documents - refused))
      expect(old.seen).toMatchObject({ refused: 3 * refused, requests: 6 })
      expect(rise).toBeLessThan(170)
    } finally {
      await old.close()
    }
  }, 300_000)

  it.each(['identity', 'gzip'] as const)(
    'are taken for an old side that is away without being in memory: %s',
    async (encoding) => {
      expect(await sendThree('http://127.0.0.1:9', encoding, () => true)).toBeLessThan(120)
    },
    300_000,
  )
})
