/** The bridge with an endpoint of remote-write, its disk queue and its ports its own: so it can be killed and started again on what it had. */

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { metricOn } from './exposition.ts'
import { root } from './peers.ts'
import { freePorts, freeTcpPort } from './ports.ts'
import { until } from './wait.ts'

export interface WriteBridge {
  /** Where senders write to. */
  readonly url: string
  readonly admin: string
  /** Of all runs. */
  output(): string
  /** Values of one metric by their label text. */
  metric(name: string): Promise<ReadonlyMap<string, number>>
  /** Ends it as a power cut would, but for what the kernel still writes. */
  kill(): Promise<void>
  /** TERM, then waits; throws when it does not end with exit code 0. What it keeps stays. */
  halt(): Promise<void>
  start(): Promise<void>
  /** As `halt`, and removes what it kept. */
  stop(): Promise<void>
}

/** Starts `serve` with one destination for each of `receivers`, base URLs by name, and `translate.prometheus` as given. */
export async function startWriteBridge(receivers: Readonly<Record<string, string>>, prometheus: object = {}): Promise<WriteBridge> {
  const folder = await mkdtemp(join(tmpdir(), 'otlp-bridge-interop-'))
  const ports = await freePorts(['write', 'admin'], freeTcpPort)
  const file = join(folder, 'bridge.yaml')
  const config = {
    admin: { port: ports.admin },
    ingest: { prometheus: { port: ports.write } },
    translate: { prometheus },
    queue: { type: 'disk', path: join(folder, 'queue') },
    emit: { destinations: Object.entries(receivers).map(([name, endpoint]) => ({ name, endpoint })) },
  }
  await writeFile(file, stringify(config))
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('OTEL_')))
  const admin = `http://127.0.0.1:${ports.admin}`
  const lines: string[] = []
  let child: ChildProcess | undefined
  let ended: Promise<number | null> = Promise.resolve(null)

  const start = async (): Promise<void> => {
    const run = spawn(join(root, 'bin/otlp-bridge'), ['serve', '-c', file], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [run.stdout, run.stderr]) stream.setEncoding('utf8').on('data', (text: string) => lines.push(text))
    ended = new Promise((settle) => run.once('close', settle))
    child = run
    await until('the bridge alive', async () => {
      if (run.exitCode !== null) return true
      return (await fetch(`${admin}/health/live`)).ok ? true : undefined
    })
    if (run.exitCode !== null) throw new Error(`cannot start the bridge: exit code ${run.exitCode}\n${lines.join('')}`)
  }
  const halt = async (): Promise<void> => {
    child?.kill('SIGTERM')
    const code = await ended
    if (code !== 0) throw new Error(`cannot stop the bridge cleanly: exit code ${code}\n${lines.join('').slice(-4000)}`)
  }
  await start()
  return {
    url: `http://127.0.0.1:${ports.write}/api/v1/write`,
    admin,
    output: () => lines.join(''),
    metric: (name) => metricOn(`${admin}/metrics`, name),
    async kill() {
      child?.kill('SIGKILL')
      await ended
    },
    halt,
    start,
    async stop() {
      try {
        await halt()
      } finally {
        await rm(folder, { recursive: true, force: true })
      }
    },
  }
}
