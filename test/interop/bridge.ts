/** The bridge as its users start it: `bin/otlp-bridge serve` in a child process, its queue on disk in a folder of its own. */

import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from './peers.ts'
import { freePorts, freeTcpPort, freeUdpPort } from './ports.ts'
import { until } from './wait.ts'

/** Ports of the running bridge. `agentZipkin` is the old agent port (5775 by default). */
export interface BridgePorts {
  readonly zipkin: number
  readonly jaegerHttp: number
  readonly admin: number
  readonly compact: number
  readonly binary: number
  readonly agentZipkin: number
  readonly jaegerGrpc: number
  /** Sampling strategies: 5778 and 5779 by default. */
  readonly sampling: number
  readonly samplingGrpc: number
}

export interface Bridge {
  readonly ports: BridgePorts
  /** All that it wrote so far, both streams, for messages of failed tests. */
  output(): string
  /** Values of one metric by their label text, from `/metrics`. */
  metric(name: string): Promise<ReadonlyMap<string, number>>
  /** TERM, then waits; throws when it does not end with exit code 0. */
  stop(): Promise<void>
}

/**
 * Starts it with every endpoint of Zipkin and Jaeger on a free port, sending to `endpoint`; resolves when it says it is alive.
 * `more` are further settings, `key=value`.
 */
export async function startBridge(endpoint: string, more: readonly string[] = []): Promise<Bridge> {
  const folder = await mkdtemp(join(tmpdir(), 'otlp-bridge-interop-'))
  const tcp = await freePorts(['zipkin', 'jaegerHttp', 'jaegerGrpc', 'sampling', 'samplingGrpc', 'admin'], freeTcpPort)
  const udp = await freePorts(['compact', 'binary', 'agentZipkin'], freeUdpPort)
  const settings = [
    `ingest.zipkin.port=${tcp.zipkin}`,
    `ingest.jaeger.http.port=${tcp.jaegerHttp}`,
    `ingest.jaeger.grpc.port=${tcp.jaegerGrpc}`,
    `ingest.jaeger.sampling.port=${tcp.sampling}`,
    `ingest.jaeger.samplingGrpc.port=${tcp.samplingGrpc}`,
    `ingest.jaeger.compact.port=${udp.compact}`,
    `ingest.jaeger.binary.port=${udp.binary}`,
    `ingest.jaeger.zipkin.port=${udp.agentZipkin}`,
    `admin.port=${tcp.admin}`,
    'queue.type=disk',
    `queue.path=${join(folder, 'queue')}`,
    `emit.endpoint=${endpoint}`,
    ...more,
  ]
  const args = ['serve', ...settings.flatMap((setting) => ['--set', setting])]
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('OTEL_')))
  const child = spawn(join(root, 'bin/otlp-bridge'), args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const lines: string[] = []
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => lines.push(text))
  const output = (): string => lines.join('')
  const ended = new Promise<number | null>((settle, fail) => {
    child.once('error', fail)
    child.once('close', settle)
  })
  // Kept from being an unhandled rejection; who waits below still sees it.
  ended.catch(() => {})

  const admin = `http://127.0.0.1:${tcp.admin}`
  try {
    await until('the bridge alive', async () => {
      if (child.exitCode !== null) return false
      const reply = await fetch(`${admin}/health/live`)
      return reply.ok ? true : undefined
    })
    if (child.exitCode !== null) throw new Error(`exit code ${child.exitCode}`)
  } catch (error) {
    child.kill('SIGKILL')
    throw new Error(`cannot start the bridge\n${output()}`, { cause: error })
  }

  return {
    ports: { ...tcp, ...udp },
    output,
    async metric(name) {
      const reply = await fetch(`${admin}/metrics`)
      const text = await reply.text()
      const found = new Map<string, number>()
      for (const line of text.split('\n')) {
        const match = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line)
        if (match?.[1] === name) found.set(match[2] ?? '', Number(match[3]))
      }
      return found
    },
    async stop() {
      child.kill('SIGTERM')
      const code = await ended
      await rm(folder, { recursive: true, force: true })
      if (code !== 0) throw new Error(`cannot stop the bridge cleanly: exit code ${code}\n${output()}`)
    },
  }
}
