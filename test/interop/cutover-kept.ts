/** Real programs that are stopped and started again on what they had: their start scripts would begin anew. */

import { execFile, spawn } from 'node:child_process'
import { mkdtemp, readFile, readlink, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { cache, root } from './peers.ts'
import { until } from './wait.ts'

const run = promisify(execFile)

/** A program that runs, or does not. */
export interface Kept {
  /** TERM, then waits until it is gone. */
  stop(): Promise<void>
  /** The same command once more; resolves when it answers. */
  start(): Promise<void>
}

/** A program and the folder that goes with it in the end. */
export interface KeptPeer extends Kept {
  end(): Promise<void>
}

const isGone = async (pid: number): Promise<boolean> => {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z')
  } catch {
    return true
  }
}

/** Of a running process: its command, folder and environment are read from the system (Linux). @param healthUrl answers with 2xx when it is ready */
export async function keep(pid: number, healthUrl: string): Promise<Kept> {
  const texts = async (name: string): Promise<string[]> => (await readFile(`/proc/${pid}/${name}`, 'utf8')).split('\0').slice(0, -1)
  const [, ...args] = await texts('cmdline')
  const [program, cwd] = [await readlink(`/proc/${pid}/exe`), await readlink(`/proc/${pid}/cwd`)]
  const env = Object.fromEntries((await texts('environ')).map((one) => [one.slice(0, one.indexOf('=')), one.slice(one.indexOf('=') + 1)]))
  let current = pid
  return {
    async stop() {
      if (await isGone(current)) return
      process.kill(current, 'SIGTERM')
      await until(`the end of ${program}`, async () => ((await isGone(current)) ? true : undefined), 60_000)
    },
    async start() {
      const child = spawn(program, args, { cwd, env, stdio: 'ignore', detached: true })
      child.unref()
      current = child.pid ?? 0
      await until(`${program} ready`, async () => ((await fetch(healthUrl)).ok ? true : undefined), 120_000)
    },
  }
}

/** Starts a script of the peers. @param health URL that answers when it is ready */
export async function startKept(script: string, environment: Readonly<Record<string, string>>, health: string): Promise<KeptPeer> {
  const folder = await mkdtemp(join(tmpdir(), 'otlp-bridge-interop-'))
  const name = `cutover-${script}`
  const path = join(resolve(root, process.env['OTLP_BRIDGE_PEERS'] ?? '../shared/peers'), `${script}.sh`)
  const { stdout } = await run('bash', [path, 'start'], {
    env: { ...process.env, ...environment, NAME: name, PEERS_RUN: folder, PEERS_CACHE: cache },
  })
  const kept = await keep(Number(/^pid=(\d+)$/m.exec(stdout)?.[1]), health)
  return {
    ...kept,
    async end() {
      await kept.stop()
      const data = await readFile(join(folder, `${name}.data`), 'utf8').catch(() => '')
      if (data.includes(`peer-${name}.`)) await rm(data.trim(), { recursive: true, force: true })
      await rm(folder, { recursive: true, force: true })
    },
  }
}
