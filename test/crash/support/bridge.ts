/** The bridge as a child process that is stopped, killed and starved: its ports, its health, its books. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { until } from '../../emit/support/queues.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))

/**
 * What the launcher runs, but always of the source: `dist` may be older. `OTLP_BRIDGE_COMMAND` names another program,
 * such as an installed `otlp-bridge`.
 */
const command: readonly string[] =
  process.env['OTLP_BRIDGE_COMMAND'] === undefined
    ? [process.execPath, '--max-semi-space-size=1', `${root}/src/main.ts`]
    : [process.env['OTLP_BRIDGE_COMMAND']]

export interface BridgePorts {
  readonly zipkin: number
  readonly jaegerHttp: number
  readonly prometheus: number
  readonly elasticsearch: number
  readonly beats: number
  readonly admin: number
}

/** One line of the books of a format that had items, summed from `/metrics`; `balance` is 0 when received + carried + recovered is all accounted for. */
export interface Books {
  readonly key: string
  readonly received: number
  readonly carried: number
  readonly recovered: number
  readonly delivered: number
  readonly queued: number
  readonly consumed: number
  readonly dead: number
  readonly dropped: number
  readonly refused: number
  readonly elsewhere: number
  readonly held: number
  readonly balance: number
}

export interface Readiness {
  readonly ready: boolean
  /** One sentence each. */
  readonly reasons: readonly string[]
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** From the signal to the end of the process. */
  readonly tookMs: number
}

export interface Bridge {
  readonly ports: BridgePorts
  readonly pid: number
  alive(): boolean
  /** Everything it has logged. */
  output(): string
  /** Sum of all series of a metric whose labels include the text given. */
  metric(name: string, labels?: string): Promise<number>
  books(): Promise<readonly Books[]>
  readiness(): Promise<Readiness>
  /** Process ids of the workers that run. */
  workers(): Promise<readonly number[]>
  /** Seconds of CPU since its start. */
  cpuSeconds(): number
  /** Sends a signal and does not wait. */
  signal(signal: NodeJS.Signals): void
  /** Sends a signal, TERM unless said otherwise, and waits for the end. */
  end(signal?: NodeJS.Signals): Promise<Exit>
}

export interface BridgeOptions {
  /** State folder; none: the queue is in memory. */
  readonly state: string | undefined
  /** Base URL of the sink. */
  readonly endpoint: string
  /** Further `a.b=c`; they win over those of {@link quickSettings}. */
  readonly settings?: readonly string[]
  /** Limit of open files. */
  readonly openFiles?: number
  readonly env?: Readonly<Record<string, string>>
  /** Further arguments of `serve`. */
  readonly args?: readonly string[]
}

/** Short waits, small requests: what takes minutes in production is seen in seconds. */
const quickSettings = [
  'emit.retry.initialInterval=50ms',
  'emit.retry.maxInterval=500ms',
  'emit.timeout=2s',
  'emit.batch.delay=20ms',
  'emit.batch.maxItems=200',
  'queue.ballast=1MiB',
]

const sections: readonly (readonly [keyof BridgePorts, string])[] = [
  ['zipkin', 'ingest.zipkin'],
  ['jaegerHttp', 'ingest.jaeger.http'],
  ['prometheus', 'ingest.prometheus'],
  ['elasticsearch', 'ingest.elasticsearch'],
  ['beats', 'ingest.beats'],
  ['admin', 'admin'],
]

const portsIn = (output: string): BridgePorts | undefined => {
  const found: Record<string, number> = {}
  for (const line of output.split('\n')) {
    if (!line.includes('"listening"')) continue
    const { section, addresses } = JSON.parse(line) as { section: string; addresses: string[] }
    const name = sections.find((one) => one[1] === section)?.[0]
    const port = addresses[0]?.match(/:(\d+)$/)?.[1]
    if (name !== undefined && port !== undefined) found[name] = Number(port)
  }
  return sections.every(([name]) => name in found) ? (found as unknown as BridgePorts) : undefined
}

interface Series {
  readonly name: string
  readonly labels: string
  readonly value: number
}

const seriesIn = (text: string): Series[] =>
  text.split('\n').flatMap((line) => {
    const match = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line)
    return match?.[1] === undefined ? [] : [{ name: match[1], labels: match[2] ?? '', value: Number(match[3]) }]
  })

const bookNames = {
  received: 'otlp_bridge_received_items_total',
  carried: 'otlp_bridge_carried_items_total',
  recovered: 'otlp_bridge_recovered_items_total',
  delivered: 'otlp_bridge_delivered_items_total',
  queued: 'otlp_bridge_queue_items',
  consumed: 'otlp_bridge_consumed_items_total',
  dead: 'otlp_bridge_dead_items_total',
  dropped: 'otlp_bridge_dropped_items_total',
  refused: 'otlp_bridge_refused_items_total',
  elsewhere: 'otlp_bridge_routed_elsewhere_items_total',
  held: 'otlp_bridge_held_items',
} as const

const booksIn = (series: readonly Series[]): Books[] => {
  const labelOf = (labels: string, name: string): string => new RegExp(`${name}="([^"]*)"`).exec(labels)?.[1] ?? ''
  const keyOf = ({ labels }: Series): string => `${labelOf(labels, 'format')} ${labelOf(labels, 'signal')}`
  const names: readonly string[] = Object.values(bookNames)
  const own = series.filter(({ name }) => names.includes(name))
  return [...new Set(own.map(keyOf))]
    .map((key) => {
      const of = (what: keyof typeof bookNames): number =>
        own.reduce((sum, one) => sum + (one.name === bookNames[what] && keyOf(one) === key ? one.value : 0), 0)
      const line = {
        received: of('received'),
        carried: of('carried'),
        recovered: of('recovered'),
        delivered: of('delivered'),
        queued: of('queued'),
        consumed: of('consumed'),
        dead: of('dead'),
        dropped: of('dropped'),
        refused: of('refused'),
        elsewhere: of('elsewhere'),
        held: of('held'),
      }
      const left = line.received + line.carried + line.recovered
      const right = line.delivered + line.queued + line.consumed + line.dead + line.dropped + line.refused + line.elsewhere + line.held
      return { key, ...line, balance: left - right }
    })
    .filter((line) => line.received + line.carried + line.recovered > 0)
}

/** Clock ticks of `/proc/<pid>/stat`: 100 a second on every Linux that Node.js runs on. */
const ticksPerSecond = 100

/** Starts it with the Zipkin, the Jaeger HTTP, the remote-write, the `_bulk` and the Beats endpoint on free ports of 127.0.0.1. It is killed when the test ends. */
export async function startBridge(options: BridgeOptions): Promise<Bridge> {
  const settings = [
    'log.format=json',
    ...sections.flatMap(([, section]) => [`${section}.port=0`, `${section}.host=127.0.0.1`]),
    ...(options.state === undefined ? ['queue.type=memory'] : [`queue.path=${options.state}`]),
    `emit.endpoint=${options.endpoint}`,
    ...quickSettings.filter((one) => options.state !== undefined || !one.startsWith('queue.')),
    ...(options.settings ?? []),
  ]
  const args = [...command, 'serve', ...(options.args ?? []), ...settings.flatMap((one) => ['--set', one])]
  const limited = options.openFiles === undefined ? args : ['sh', '-c', `ulimit -n ${options.openFiles}; exec "$@"`, 'sh', ...args]
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('OTEL_')))
  const child: ChildProcess = spawn(limited[0] as string, limited.slice(1), {
    env: { ...env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const parts: string[] = []
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (text: string) => void parts.push(text))
  const output = (): string => parts.join('')
  const alive = (): boolean => child.exitCode === null && child.signalCode === null
  const ended = once(child, 'exit')
  onTestFinished(() => {
    if (alive()) child.kill('SIGKILL')
  })

  let ports: BridgePorts | undefined
  await until(() => (ports = portsIn(output())) !== undefined || !alive(), 30_000)
  if (ports === undefined) throw new Error(`cannot start the bridge:\n${output()}`)
  const admin = `http://127.0.0.1:${ports.admin}`
  const pid = child.pid as number
  const metrics = async (): Promise<Series[]> => seriesIn(await (await fetch(`${admin}/metrics`)).text())

  return {
    ports,
    pid,
    alive,
    output,
    async metric(name, labels = '') {
      const all = await metrics()
      return all.reduce((sum, one) => sum + (one.name === name && one.labels.includes(labels) ? one.value : 0), 0)
    },
    books: async () => booksIn(await metrics()),
    async readiness() {
      const answer = await fetch(`${admin}/health/ready`)
      const { reasons } = (await answer.json()) as { reasons: readonly { reason: string }[] }
      return { ready: answer.status === 200, reasons: reasons.map(({ reason }) => reason) }
    },
    async workers() {
      const status = (await (await fetch(`${admin}/api/status`)).json()) as { workers?: readonly { pid?: number; state: string }[] }
      return (status.workers ?? []).flatMap((one) => (one.state === 'running' ? (one.pid ?? []) : []))
    },
    cpuSeconds() {
      // The name in parentheses may hold spaces; user and system time are the 14th and 15th field.
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
      return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
    },
    signal: (signal) => void child.kill(signal),
    async end(signal = 'SIGTERM') {
      const startedMs = performance.now()
      child.kill(signal)
      await ended
      return { code: child.exitCode, signal: child.signalCode, tookMs: performance.now() - startedMs }
    },
  }
}
