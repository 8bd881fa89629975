/** Real Prometheus servers, old and new, and node_exporter: with a configuration of one's own, which may be changed while they run. */

import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { binaries, unpacked } from './peers.ts'
import { freeTcpPort } from './ports.ts'
import type { PrometheusApi } from './prometheus-api.ts'
import { prometheusApi } from './prometheus-api.ts'
import { until } from './wait.ts'

export interface Program {
  readonly pid: number
  output(): string
  stop(): Promise<void>
}

/** `--flag=value`, or `null` for the flag of another version. */
export interface PrometheusOptions {
  readonly major: 2 | 3
  readonly port?: number
  /** `prometheus.yml`, as the JSON that it may be. */
  readonly config: (port: number) => unknown
  readonly features?: readonly string[]
  readonly flags?: readonly string[]
}

export interface Prometheus extends PrometheusApi, Program {
  readonly port: number
  /** Writes the configuration anew and has it read. */
  reload(config: unknown): Promise<void>
}

/** Starts a program whose output is kept, and waits until `url` answers with 2xx. */
async function startProgram(name: string, command: string, args: readonly string[], url: string): Promise<Program> {
  const child: ChildProcess = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const lines: string[] = []
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (text: string) => lines.push(text))
  const ended = new Promise<void>((settle) => child.once('close', () => settle()))
  const output = (): string => lines.join('')
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    const hard = setTimeout(() => child.kill('SIGKILL'), 30_000)
    await ended
    clearTimeout(hard)
  }
  try {
    await until(`${name} ready`, async () => {
      if (child.exitCode !== null) return false
      return (await fetch(url)).ok ? true : undefined
    })
    if (child.exitCode !== null) throw new Error(`exit code ${child.exitCode}`)
  } catch (error) {
    await stop()
    throw new Error(`cannot start ${name}\n${output().slice(-2000)}`, { cause: error })
  }
  return { pid: child.pid ?? 0, output, stop }
}

const program = (major: 2 | 3): string =>
  major === 2
    ? join(unpacked('prometheus'), 'usr/bin/prometheus')
    : join(binaries, readdirSync(binaries).find((name) => name.startsWith('prometheus-v')) ?? 'prometheus')

/** Starts a Prometheus with its data in a folder that goes with it. */
export async function startPrometheus({ major, config, features = [], flags = [], ...options }: PrometheusOptions): Promise<Prometheus> {
  const port = options.port ?? (await freeTcpPort())
  const url = `http://127.0.0.1:${port}`
  const folder = await mkdtemp(join(tmpdir(), 'otlp-bridge-interop-'))
  const file = join(folder, 'prometheus.yml')
  await writeFile(file, JSON.stringify(config(port)))
  const args = [
    `--config.file=${file}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--web.enable-lifecycle',
    ...(features.length === 0 ? [] : [`--enable-feature=${features.join(',')}`]),
    // Debian's looks for pages in a folder that is not there.
    ...(major === 2 ? [`--web.console.templates=${folder}`, `--web.console.libraries=${folder}`] : []),
    ...flags,
  ]
  const running = await startProgram(`Prometheus ${major}`, program(major), args, `${url}/-/ready`)
  return {
    ...running,
    ...prometheusApi(url),
    port,
    async reload(next) {
      await writeFile(file, JSON.stringify(next))
      const reply = await fetch(`${url}/-/reload`, { method: 'POST' })
      if (!reply.ok) throw new Error(`cannot reload Prometheus: ${await reply.text()}`)
    },
    async stop() {
      await running.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

export interface NodeExporter extends Program {
  /** `host:port`, as a scrape configuration has it. */
  readonly target: string
}

export async function startNodeExporter(): Promise<NodeExporter> {
  const target = `127.0.0.1:${await freeTcpPort()}`
  const command = join(unpacked('prometheus'), 'usr/bin/prometheus-node-exporter')
  const running = await startProgram('node_exporter', command, [`--web.listen-address=${target}`], `http://${target}/metrics`)
  return { ...running, target }
}
