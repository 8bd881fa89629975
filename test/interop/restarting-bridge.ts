/** The bridge with its disk queue and its ports its own: so it can be killed and started again on what it had. */

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { metricOn } from './exposition.ts'
import { root } from './peers.ts'
import { freePorts, freeTcpPort } from './ports.ts'
import { until } from './wait.ts'

/** `OTLP_BRIDGE_COMMAND` names another program than the launcher, such as an installed `otlp-bridge`. */
const command = process.env['OTLP_BRIDGE_COMMAND'] ?? join(root, 'bin/otlp-bridge')

export interface RestartingBridge<Port extends string> {
  readonly ports: Readonly<Record<Port | 'admin', number>>
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

/** Starts `serve` with what `configOf` makes of free ports, one for each of `names`; `admin`, and the queue where it is not said, are added. */
export async function startRestartingBridge<Port extends string>(
  names: readonly Port[],
  configOf: (ports: Readonly<Record<Port, number>>) => { readonly queue?: object; readonly admin?: object } & object,
): Promise<RestartingBridge<Port>> {
  const folder = await mkdtemp(join(tmpdir(), 'otlp-bridge-interop-'))
  const ports = await freePorts([...names, 'admin' as const], freeTcpPort)
  const file = join(folder, 'bridge.yaml')
  const config = configOf(ports)
  const queue = { type: 'disk', path: join(folder, 'queue'), ...config.queue }
  await writeFile(file, stringify({ ...config, admin: { ...config.admin, port: ports.admin }, queue }))
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('OTEL_')))
  const admin = `http://127.0.0.1:${ports.admin}`
  const lines: string[] = []
  let child: ChildProcess | undefined
  let ended: Promise<number | null> = Promise.resolve(null)

  const start = async (): Promise<void> => {
    const run = spawn(command, ['serve', '-c', file], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
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
    ports,
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
