/** A real Kafka broker with a configuration of one's own, which can be killed and started again on what it had. Its jars come from the peers. */

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePorts, freeTcpPort } from './ports.ts'
import { until } from './wait.ts'

const run = promisify(execFile)

const jars = join(process.env['PEERS_CACHE'] ?? join(homedir(), '.cache/otlp-bridge-peers'), 'kafka/lib')

/** True when a broker can be started; else says what would bring it. */
export function kafkaPresent(): boolean {
  if (existsSync(join(jars, '.complete'))) return true
  console.warn('SKIPPED: Kafka is not installed; run kafka.sh install of the peers')
  return false
}

export interface BrokerOptions {
  /** Further lines of server.properties; `%PORT%` is the port for clients. */
  readonly properties?: readonly string[]
  /** Protocol of the port for clients; default PLAINTEXT. */
  readonly protocol?: 'PLAINTEXT' | 'SSL' | 'SASL_PLAINTEXT' | 'SASL_SSL'
  /** `SCRAM-SHA-256=[name=alice,password=secret]` */
  readonly scram?: readonly string[]
  readonly port?: number
}

export interface Broker {
  readonly address: string
  readonly port: number
  /** As by a power cut of the machine, but for what the kernel still writes. */
  kill(): Promise<void>
  /** Stops it as an operator would. */
  halt(): Promise<void>
  /** Starts it again on the same data and port. */
  start(): Promise<void>
  /** Ends it and removes its data. */
  remove(): Promise<void>
}

const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })

/** Formats the storage and starts a broker with one node. */
export async function startBroker(options: BrokerOptions = {}): Promise<Broker> {
  const folder = await mkdtemp(join(tmpdir(), 'otlp-bridge-kafka-'))
  const ports = await freePorts(['client', 'controller'], freeTcpPort)
  const port = options.port ?? ports.client
  const protocol = options.protocol ?? 'PLAINTEXT'
  const properties = join(folder, 'server.properties')
  await writeFile(
    properties,
    [
      'process.roles=broker,controller',
      'node.id=1',
      `controller.quorum.voters=1@127.0.0.1:${ports.controller}`,
      `listeners=CLIENTS://127.0.0.1:${port},CONTROLLER://127.0.0.1:${ports.controller}`,
      `advertised.listeners=CLIENTS://127.0.0.1:${port}`,
      'controller.listener.names=CONTROLLER',
      'inter.broker.listener.name=CLIENTS',
      `listener.security.protocol.map=CLIENTS:${protocol},CONTROLLER:PLAINTEXT`,
      `log.dirs=${join(folder, 'log')}`,
      'num.partitions=3',
      'auto.create.topics.enable=false',
      'offsets.topic.num.partitions=1',
      'offsets.topic.replication.factor=1',
      'transaction.state.log.num.partitions=1',
      'transaction.state.log.replication.factor=1',
      'transaction.state.log.min.isr=1',
      'share.coordinator.state.topic.num.partitions=1',
      'share.coordinator.state.topic.replication.factor=1',
      'share.coordinator.state.topic.min.isr=1',
      'group.initial.rebalance.delay.ms=0',
      ...(options.properties ?? []).map((line) => line.replaceAll('%PORT%', String(port))),
    ].join('\n'),
  )
  const scram = (options.scram ?? []).flatMap((one) => ['--add-scram', one])
  const classPath = ['-cp', join(jars, '*')]
  await run('java', [...classPath, 'kafka.tools.StorageTool', 'format', '-t', 'AAAAAAAAQACAAAAAAAAAAQ', '-c', properties, ...scram])

  let child: ChildProcess | undefined
  const lines: string[] = []

  const start = async (): Promise<void> => {
    const started = spawn('java', ['-Xmx384m', ...classPath, 'kafka.Kafka', properties], { stdio: ['ignore', 'pipe', 'pipe'] })
    child = started
    for (const stream of [started.stdout, started.stderr]) stream.setEncoding('utf8').on('data', (text: string) => lines.push(text))
    await until(
      'the broker listening',
      async () => {
        if (started.exitCode !== null) throw new Error(lines.slice(-30).join(''))
        return (await listens(port)) ? true : undefined
      },
      60_000,
    )
  }

  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const ending = child
    child = undefined
    if (ending === undefined || ending.exitCode !== null) return
    const ended = new Promise((resolve) => ending.once('close', resolve))
    ending.kill(signal)
    await ended
  }

  const broker: Broker = {
    address: `127.0.0.1:${port}`,
    port,
    kill: () => end('SIGKILL'),
    halt: () => end('SIGTERM'),
    start,
    async remove() {
      await end('SIGKILL')
      await rm(folder, { recursive: true, force: true })
    },
  }
  try {
    await start()
  } catch (error) {
    await broker.remove()
    throw error
  }
  return broker
}
