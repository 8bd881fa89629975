import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Counts } from '../../src/backfill/ledger.ts'
import { createFileLedger } from '../../src/backfill/ledger-file.ts'
import { idsIn } from '../backfill/support/otlp-requests.ts'
import { lawOne, runName } from '../backfill/support/runs.ts'
import { stateFolder } from '../emit/support/queues.ts'
import { closeNow, listenLocally } from '../support/local-server.ts'
import { randomFrom, runSeed } from './support/random.ts'

const kills = Number(process.env['OTLP_BRIDGE_CRASH_ROUNDS'] ?? 50)
const child = fileURLToPath(new URL('./backfill-child.ts', import.meta.url))

/** Counts each span that came, whether its answer was heard or not. Answers after a moment, so that a kill meets pages that are out. */
const startRecorder = async (random: () => number) => {
  const arrived = new Map<number, number>()
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('error', () => {})
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      for (const id of idsIn('traces', Buffer.concat(parts))) arrived.set(id, (arrived.get(id) ?? 0) + 1)
      const answer = (): void => void response.writeHead(200, { 'content-type': 'application/x-protobuf', 'content-length': 0 }).end()
      setTimeout(answer, random() * 12)
    })
  })
  const port = await listenLocally(server)
  onTestFinished(() => closeNow(server))
  return { arrived, url: `http://127.0.0.1:${port}` }
}

const lineOf = async (process: ChildProcess): Promise<string> => {
  const [data] = (await once(process.stdout as NodeJS.ReadableStream, 'data')) as [Buffer]
  return data.toString()
}

describe('kill -9 of a back-fill', () => {
  it(`loses no item in ${kills} kills, and every repeat is in its counts`, { timeout: 600_000 }, async () => {
    const seed = runSeed()
    const random = randomFrom(seed)
    const [slices, perSlice, perPage] = [40, 500, 25]
    const folder = stateFolder()
    const { arrived, url } = await startRecorder(random)
    const start = (): ChildProcess =>
      spawn(process.execPath, [child, folder, url, String(slices), String(perSlice), String(perPage)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })

    let met = 0
    for (let kill = 0; kill < kills; kill++) {
      const one = start()
      const gone = once(one, 'exit')
      await lineOf(one)
      await new Promise((resolve) => setTimeout(resolve, random() * 60))
      one.kill('SIGKILL')
      const [, signal] = await gone
      if (signal === 'SIGKILL') met++
      const look = await createFileLedger({ folder, run: runName, mode: 'read' })
      const { counts } = await look.summary()
      await look.close()
      // At every moment.
      expect(lawOne(counts)).toEqual([0, 0])
      expect(counts.acked).toBeLessThanOrEqual(arrived.size)
    }
    const last = start()
    const output: string[] = []
    last.stdout?.on('data', (data: Buffer) => output.push(data.toString()))
    await once(last, 'exit')
    const counts = JSON.parse(output.join('').trim().split('\n').at(-1) ?? '') as Counts & { readonly done: number }
    const extra = [...arrived.values()].reduce((sum, one) => sum + one - 1, 0)
    console.log(`kill -9 of a back-fill, seed ${seed}:`, {
      kills: met,
      items: arrived.size,
      extra,
      resent: counts.resent,
      acked: counts.acked,
    })
    expect(counts).toMatchObject({ done: slices, read: slices * perSlice, acked: slices * perSlice })
    expect(arrived.size).toBe(slices * perSlice)
    expect(met).toBeGreaterThan(kills / 2)
    expect(counts.resent).toBeGreaterThanOrEqual(extra)
    expect(counts.resent).toBeLessThanOrEqual(kills * 4 * perPage)
  })
})
