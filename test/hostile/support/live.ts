/** The bridge as a child process that hostile input is thrown at: its ports, its memory, its books. */

import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../..', import.meta.url))

/** `OTLP_BRIDGE_COMMAND` names another program than the launcher, such as an installed `otlp-bridge`. */
const command = process.env['OTLP_BRIDGE_COMMAND'] ?? join(root, 'bin/otlp-bridge')

/** A port of the bridge: HTTP, gRPC, plain TCP or UDP, on 127.0.0.1. */
export interface Ports {
  readonly zipkin: number
  readonly jaegerHttp: number
  readonly jaegerGrpc: number
  readonly sampling: number
  readonly otlpHttp: number
  readonly otlpGrpc: number
  readonly prometheus: number
  readonly elasticsearch: number
  readonly beats: number
  readonly compact: number
  readonly binary: number
  readonly agentZipkin: number
  readonly admin: number
}

/** One format's books, as the page shows them. */
export interface Books {
  readonly format: string
  readonly received: number
  readonly delivered: number
  readonly queued: number
  readonly dropped: number
  readonly refused: number
  readonly balance: number
}

export interface Live {
  readonly ports: Ports
  /** True until the process ended. */
  alive(): boolean
  output(): string
  /** Value of each series of `/metrics`, by name and labels as they stand there. */
  metrics(): Promise<ReadonlyMap<string, number>>
  books(): Promise<readonly Books[]>
  /** Resident memory now, in bytes. */
  residentBytes(): number
  /** Sets the peak back to what is resident now. */
  resetPeak(): void
  /** The highest resident memory since `resetPeak`, in bytes. */
  peakBytes(): number
  /** TERM; the exit code. */
  stop(): Promise<number | null>
}

const sections: readonly (readonly [keyof Ports, string, string])[] = [
  ['zipkin', 'ingest.zipkin', 'http'],
  ['jaegerHttp', 'ingest.jaeger.http', 'http'],
  ['jaegerGrpc', 'ingest.jaeger.grpc', 'grpc'],
  ['sampling', 'ingest.jaeger.sampling', 'http'],
  ['otlpHttp', 'ingest.otlp.http', 'http'],
  ['otlpGrpc', 'ingest.otlp.grpc', 'grpc'],
  ['prometheus', 'ingest.prometheus', 'http'],
  ['elasticsearch', 'ingest.elasticsearch', 'http'],
  ['beats', 'ingest.beats', 'tcp'],
  ['compact', 'ingest.jaeger.compact', 'udp'],
  ['binary', 'ingest.jaeger.binary', 'udp'],
  ['agentZipkin', 'ingest.jaeger.zipkin', 'udp'],
  ['admin', 'admin', 'http'],
]

interface ListeningLine {
  readonly msg?: string
  readonly section?: string
  readonly addresses?: readonly string[]
}

const linesOf = (text: string): ListeningLine[] =>
  text.split('\n').flatMap((line): ListeningLine[] => {
    try {
      return [JSON.parse(line) as ListeningLine]
    } catch {
      return []
    }
  })

function portsOf(output: string): Ports | undefined {
  const found: Record<string, number> = {}
  for (const { msg, section, addresses } of linesOf(output)) {
    const name = sections.find((one) => one[1] === section)?.[0]
    const port = addresses?.[0]?.match(/:(\d+)$/)?.[1]
    if (msg === 'listening' && name !== undefined && port !== undefined) found[name] = Number(port)
  }
  return sections.every(([name]) => name in found) ? (found as unknown as Ports) : undefined
}

/** Starts a process with its log as JSON. @param args what follows `serve` */
export function spawnBridge(
  args: readonly string[],
  cwd: string,
): { readonly child: ChildProcess; output(): string; ended: Promise<number | null> } {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('OTEL_')))
  const child = spawn(command, ['serve', '--set', 'log.format=json', ...args], {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const parts: string[] = []
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (text: string) => void parts.push(text))
  const ended = new Promise<number | null>((resolve) => {
    child.once('error', () => resolve(null))
    child.once('close', resolve)
  })
  return { child, output: () => parts.join(''), ended }
}

const statusBytes = (pid: number, name: string): number => {
  const match = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  if (match?.[1] === undefined) throw new Error(`cannot read ${name} of process ${pid}`)
  return Number(match[1]) * 1024
}

/** Starts the bridge with every endpoint on a free port of 127.0.0.1 and a queue in memory. @param settings further `a.b=c` */
export async function startLive(endpoint: string, settings: readonly string[] = []): Promise<Live> {
  const folder = await mkdtemp(join(tmpdir(), 'otlp-bridge-hostile-'))
  const all = [
    ...sections.flatMap(([, section]) => [`${section}.port=0`, `${section}.host=127.0.0.1`]),
    'queue.type=memory',
    `emit.endpoint=${endpoint}`,
    'emit.batch.delay=20ms',
    ...settings,
  ]
  const { child, output, ended } = spawnBridge(
    all.flatMap((one) => ['--set', one]),
    folder,
  )
  const started = async (): Promise<Ports> => {
    for (const end = Date.now() + 20_000; Date.now() < end && child.exitCode === null; await delay(20)) {
      const ports = portsOf(output())
      if (ports !== undefined) return ports
    }
    child.kill('SIGKILL')
    throw new Error(`cannot start the bridge:\n${output()}`)
  }
  const ports = await started()
  const pid = child.pid ?? 0
  const admin = `http://127.0.0.1:${ports.admin}`
  return {
    ports,
    alive: () => child.exitCode === null && child.signalCode === null,
    output,
    async metrics() {
      const text = await (await fetch(`${admin}/metrics`)).text()
      return new Map(
        text.split('\n').flatMap((line): [string, number][] => {
          const space = line.lastIndexOf(' ')
          return line === '' || line.startsWith('#') ? [] : [[line.slice(0, space), Number(line.slice(space + 1))]]
        }),
      )
    },
    async books() {
      const status = (await (await fetch(`${admin}/api/status`)).json()) as { formats: Books[] }
      return status.formats
    },
    residentBytes: () => statusBytes(pid, 'VmRSS'),
    resetPeak: () => writeFileSync(`/proc/${pid}/clear_refs`, '5'),
    peakBytes: () => statusBytes(pid, 'VmHWM'),
    async stop() {
      child.kill('SIGTERM')
      const code = await ended
      await rm(folder, { recursive: true, force: true })
      return code
    },
  }
}
