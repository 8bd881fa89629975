import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { hasRedis, startRedis } from '../backfill/redis/support/redis-server.ts'
import { createLab, type Lab, type Started } from './support/backfill-lab.ts'

let lab: Lab
beforeEach(async () => {
  lab = await createLab()
})
afterEach(() => lab.close())

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

const until = async (what: () => boolean): Promise<void> => {
  while (!what()) await new Promise((done) => setTimeout(done, 20))
}

const handedOut = (planner: Started): Promise<void> => until(() => planner.stderr().includes('handed out'))

describe.skipIf(!hasRedis)('otlp-bridge backfill --workers', { timeout: 90_000 }, () => {
  it('plans, hands out, and reports as one process does; looks, verifies and retries with --workers', async () => {
    const { url } = await startRedis()
    for (const name of ['a.json', 'b.json', 'c.json']) lab.spans(name, 1000, 1 + 1000 * ['a.json', 'b.json', 'c.json'].indexOf(name))
    const planner = lab.start('files', '*.json', '--workers', url, '--json')
    await handedOut(planner)
    const alone = await lab.run('files', '*.json')
    expect(alone.code).toBe(2)
    expect(alone.stderr).toContain('workers may be doing it')
    const worker = await lab.run('worker', url)
    expect(worker.code).toBe(0)
    const { code, stdout } = await planner.ended
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      end: 'complete',
      result: 'complete',
      read: 3000,
      acknowledged: 3000,
      resent: 0,
      balanced: true,
    })
    expect(lab.received.length).toBe(3000)
    expect(new Set(lab.received).size).toBe(3000)

    expect((await lab.run('status', '--workers', url)).stdout).toMatch(/a\.json.* done /)
    expect((await lab.run('report', '--workers', url)).stdout).toContain('complete: everything that was read is accounted for')
    const verified = await lab.run('verify', '--deep', '--workers', url)
    expect([verified.code, verified.stdout]).toEqual([0, expect.stringContaining('3 slices: 3 complete')])
    expect((await lab.run('retry-failed', '--workers', url)).stdout).toMatch(/^0 slices/)
    // The file alone tells the same: the run went back into it.
    expect((await lab.run('report')).stdout).toContain('complete: everything that was read is accounted for')
  })

  it('has nothing secret in Redis, and lets in no worker that would make other items of it', async () => {
    const { url, port } = await startRedis()
    lab.spans('a.json', 100)
    const planner = lab.start(
      'files',
      'a.json',
      '--workers',
      url.replace('//', '//default:@'),
      '--set',
      'emit.headers.authorization=hidden-word',
    )
    await handedOut(planner)
    const mapping = await lab.run('worker', url, '--set', 'translate.semconv=both')
    expect([mapping.code, mapping.stderr]).toEqual([2, expect.stringContaining('section translate of the configuration is not as it was')])

    const elsewhere = join(lab.folder, 'elsewhere')
    mkdirSync(elsewhere)
    const endpoint = ['--set', `emit.endpoint=${/→ (http:\S+)/.exec(planner.stderr())?.[1] ?? ''}`]
    const blind = spawn(process.execPath, [main, 'backfill', 'worker', url, ...endpoint], { cwd: elsewhere, stdio: 'ignore' })
    expect(await new Promise((done) => blind.once('exit', done))).toBe(3)
    await until(() => planner.stderr().includes('cannot read'))
    const other = await lab.run('worker', url, '--set', 'emit.endpoint=http://127.0.0.1:1')
    expect(other.code).not.toBe(2)

    expect((await planner.ended).code).toBe(0)
    const redis = new Redis(port, '127.0.0.1')
    for (const key of await redis.keys('*')) {
      const kind = await redis.type(key)
      const text = kind === 'string' ? await redis.get(key) : kind === 'hash' ? JSON.stringify(await redis.hgetall(key)) : ''
      expect(text, key).not.toContain('hidden-word')
    }
    redis.disconnect()
  })

  it('refuses what does not go together', async () => {
    lab.spans('a.json', 10)
    const files = await lab.run('files', 'a.json', '--workers', 'redis://127.0.0.1:1', '--to-file', 'out')
    expect([files.code, files.stderr]).toEqual([2, expect.stringContaining('files are written by one process')])
    const http = await lab.run('worker', 'http://127.0.0.1:1')
    expect([http.code, http.stderr]).toEqual([2, expect.stringContaining('expected redis://')])
  })
})
