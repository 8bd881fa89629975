/** A Redis of a test's own: in a folder that vanishes, on a free port of this machine. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createServer } from 'node:net'
import { onTestFinished } from 'vitest'
import { stateFolder } from '../../../emit/support/queues.ts'

const found = spawnSync('redis-server', ['--version'])

/** Said once where it is missing. */
export const hasRedis = found.status === 0
if (!hasRedis) console.warn('SKIPPED: redis-server is not installed, back-fill on several machines is not tested here')

export interface RedisServer {
  readonly url: string
  readonly port: number
  stop(): Promise<void>
  /** On the same port again, with what it has kept. */
  start(): Promise<void>
}

const freePort = async (): Promise<number> => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** Keeps nothing over a restart, unless told so. @param flags of redis-server */
export async function startRedis(flags: readonly string[] = ['--save', '', '--appendonly', 'no']): Promise<RedisServer> {
  const port = await freePort()
  const folder = stateFolder()
  let child: ChildProcess | undefined
  const stop = async (): Promise<void> => {
    const old = child
    child = undefined
    if (old === undefined || old.exitCode !== null) return
    const over = new Promise((resolve) => old.once('exit', resolve))
    old.kill('SIGKILL')
    await over
  }
  const start = async (): Promise<void> => {
    const one = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, ...flags], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    child = one
    await new Promise<void>((resolve, reject) => {
      one.stdout?.on('data', (data: Buffer) => {
        if (data.includes('Ready to accept connections')) resolve()
      })
      one.once('exit', (code) => reject(new Error(`redis-server ended: ${code}`)))
    })
  }
  await start()
  onTestFinished(stop)
  return { url: `redis://127.0.0.1:${port}`, port, stop, start }
}
