import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { createPatientClient, faultWord, type PatientClient, type PatientOptions } from '../../src/read/patient-client.ts'
import { closeNow, listenLocally } from '../support/local-server.ts'

const never = new AbortController().signal
const started: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const stop of started.splice(0)) await stop()
})

interface Scene {
  readonly client: PatientClient
  readonly waits: readonly number[]
  readonly distress: readonly string[]
  readonly seen: readonly IncomingMessage[]
}

async function scene(
  answer: (response: ServerResponse, number: number, request: IncomingMessage) => void,
  over: Partial<PatientOptions> = {},
): Promise<Scene> {
  const seen: IncomingMessage[] = []
  const server = createServer((request, response) => {
    seen.push(request)
    request.resume()
    answer(response, seen.length, request)
  })
  const port = await listenLocally(server)
  const waits: number[] = []
  const distress: string[] = []
  const client = createPatientClient(
    {
      url: `http://127.0.0.1:${port}/base/`,
      headers: { 'x-key': 'secret' },
      timeoutMs: 10_000,
      maxBytes: 1000,
      compress: false,
      connections: 2,
      ...over,
    },
    {
      nowMs: () => 0,
      distress: (reason, ms) => void distress.push(`${reason} ${ms}`),
      sleep: (ms) => {
        waits.push(ms)
        return Promise.resolve()
      },
    },
  )
  started.push(
    () => client.close(),
    () => closeNow(server),
  )
  return { client, waits, distress, seen }
}

describe('createPatientClient', () => {
  it('asks below its path, with its headers, and parses', async () => {
    const { client, seen } = await scene((response) => response.end('{"a":1}'))
    const query = [
      ['q', 'a b'],
      ['left', undefined],
    ] as const
    expect(await client.json({ path: '/x', query }, never)).toEqual({ a: 1 })
    expect(seen[0]?.url).toBe('/base/x?q=a+b')
    expect(seen[0]?.headers['x-key']).toBe('secret')
    expect(client.name).not.toContain('secret')
  })

  it.each([429, 502, 503, 504])('waits out %i for ever, as long as Retry-After says', async (status) => {
    const { client, waits, distress } = await scene((response, number) => {
      response.writeHead(number <= 12 ? status : 200, number === 1 ? { 'retry-after': '17' } : {}).end('{}')
    })
    await client.send({ path: '/x' }, never)
    expect(waits.length).toBe(12)
    expect(waits[0]).toBe(17_000)
    expect(Math.max(...waits)).toBe(30_000)
    expect(distress[0]).toBe(`http_${status} 17000`)
  })

  it('waits out a connection that breaks, once the store has answered', async () => {
    const { client, distress } = await scene((response, number) => {
      if (number > 1 && number < 9) response.destroy()
      else response.end('{}')
    })
    await client.send({ path: '/x' }, never)
    await client.send({ path: '/x' }, never)
    expect(distress.length).toBe(7)
  })

  it('gives up soon where nothing has ever answered', async () => {
    const { client, waits } = await scene((response) => response.destroy())
    await expect(client.send({ path: '/x' }, never)).rejects.toMatchObject({ code: 'OB_SOURCE' })
    expect(waits.length).toBe(3)
  })

  it.each([
    [401, 'unauthorised'],
    [403, 'unauthorised'],
    [413, 'too_large'],
    [400, 'source_error'],
    [302, 'source_error'],
  ])('ends with a word for what does not pass: %i', async (status, word) => {
    const { client } = await scene((response) => response.writeHead(status, { location: '/elsewhere' }).end('no\u001b[2J way'))
    const error = await client.send({ path: '/x' }, never).catch((one: unknown) => one)
    expect(faultWord(error)).toBe(word)
    expect(String(error)).toContain(`status ${status}`)
    expect(String(error)).not.toContain('\u001b')
  })

  it('takes other statuses as answers when told to, by number and by body', async () => {
    const { client } = await scene((response, number) => response.writeHead(number === 1 ? 404 : 503).end('gone for good'))
    expect((await client.send({ path: '/x', accept: [404] }, never)).status).toBe(404)
    const isAnswer = (_status: number, body: Buffer): boolean => body.includes('for good')
    expect((await client.send({ path: '/x', isAnswer }, never)).status).toBe(503)
  })

  it('takes no more than its limit, as it comes and inflated', async () => {
    const { client } = await scene((response, number) => {
      if (number === 1) response.end(Buffer.alloc(1001))
      else response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(1001)))
    })
    for (let i = 0; i < 2; i++) {
      const error = await client.send({ path: '/x' }, never).catch((one: unknown) => one)
      expect(faultWord(error)).toBe('too_large')
    }
  })

  it('inflates what comes in gzip, and asks for it when told to', async () => {
    const { client, seen } = await scene((response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('{"a":1}')), {
      compress: true,
    })
    expect(await client.json({ path: '/x' }, never)).toEqual({ a: 1 })
    expect(seen[0]?.headers['accept-encoding']).toBe('gzip')
  })

  it('stops at once when the run does', async () => {
    const abort = new AbortController()
    const { client } = await scene(() => abort.abort())
    await expect(client.send({ path: '/x' }, abort.signal)).rejects.toMatchObject({ code: 'OB_STOPPING' })
    await expect(client.send({ path: '/x' }, abort.signal)).rejects.toMatchObject({ code: 'OB_STOPPING' })
  })

  it('asks again when an answer takes too long', async () => {
    const { client, distress } = await scene((response, number) => void (number === 2 ? undefined : response.end('{}')), { timeoutMs: 50 })
    await client.send({ path: '/x' }, never)
    await client.send({ path: '/x' }, never)
    expect(distress).toEqual(['timeout 0'])
  })

  it('gives a body as it comes, without a limit', async () => {
    const { client } = await scene((response) => response.end(Buffer.alloc(5000)))
    let size = 0
    for await (const piece of (await client.stream({ path: '/x' }, never)).body) size += piece.length
    expect(size).toBe(5000)
  })
})
