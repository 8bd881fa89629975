/** What the Kafka tests have in common: topics, writers that remember what was acknowledged, bridges that can be killed, an OTLP sink. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Admin, Consumer, Producer } from '@platformatic/kafka'
import { stringify } from 'yaml'
import { decodeTraces } from '../../src/otlp/decode/traces.ts'
import { tracesToPlain } from '../../src/otlp/encode/json.ts'
import { metricOn } from './exposition.ts'
import { root } from './peers.ts'
import { freeTcpPort } from './ports.ts'
import { until } from './wait.ts'

export interface OtlpSink {
  readonly url: string
  /** Requests as OTLP/JSON. */
  readonly requests: unknown[]
  /** How often each span id came. */
  readonly spans: Map<string, number>
  /** While set, every request is answered with it. */
  refuseWith: number | undefined
  close(): Promise<void>
}

interface PlainRequest {
  readonly resourceSpans?: readonly { readonly scopeSpans?: readonly { readonly spans?: readonly { readonly spanId: string }[] }[] }[]
}

/** Starts a sink on a free port. @param keep whether whole requests are kept */
export async function startOtlpSink(keep = false): Promise<OtlpSink> {
  const requests: unknown[] = []
  const spans = new Map<string, number>()
  const server = createServer((request, reply) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      if (sink.refuseWith !== undefined) {
        reply.writeHead(sink.refuseWith, { 'content-length': 0 }).end()
        return
      }
      const plain = tracesToPlain(decodeTraces(Buffer.concat(chunks))) as PlainRequest
      if (keep) requests.push(plain)
      for (const { scopeSpans } of plain.resourceSpans ?? [])
        for (const scope of scopeSpans ?? []) for (const { spanId } of scope.spans ?? []) spans.set(spanId, (spans.get(spanId) ?? 0) + 1)
      reply.writeHead(200, { 'content-type': 'application/x-protobuf', 'content-length': 0 }).end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const sink: OtlpSink = {
    url: `http://127.0.0.1:${port}`,
    requests,
    spans,
    refuseWith: undefined,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  return sink
}

export interface LabBridge {
  readonly admin: string
  output(): string
  /** Values of one metric by their label text. */
  metric(name: string): Promise<ReadonlyMap<string, number>>
  /** Reasons of `/health/ready`; empty when it is ready. */
  reasons(): Promise<readonly string[]>
  kill(): Promise<void>
  stop(): Promise<void>
}

/** Starts `serve` out of the source, with this configuration; resolves when it is alive. */
export async function startLabBridge(config: Record<string, unknown>): Promise<LabBridge> {
  const folder = await mkdtemp(join(tmpdir(), 'otlp-bridge-lab-'))
  const adminPort = await freeTcpPort()
  const file = join(folder, 'bridge.yaml')
  await writeFile(file, stringify({ admin: { port: adminPort }, ...config }))
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('OTEL_')))
  const child = spawn(process.execPath, [join(root, 'src/main.ts'), 'serve', '-c', file], {
    cwd: folder,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const lines: string[] = []
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => lines.push(text))
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  const admin = `http://127.0.0.1:${adminPort}`
  await until('the bridge alive', async () => {
    if (child.exitCode !== null) throw new Error(`exit code ${child.exitCode}\n${lines.join('')}`)
    return (await fetch(`${admin}/health/live`)).ok ? true : undefined
  })
  return {
    admin,
    output: () => lines.join(''),
    metric: (name) => metricOn(`${admin}/metrics`, name),
    async reasons() {
      const { reasons } = (await (await fetch(`${admin}/health/ready`)).json()) as { reasons: { reason: string }[] }
      return reasons.map(({ reason }) => reason)
    },
    async kill() {
      child.kill('SIGKILL')
      await ended
      await rm(folder, { recursive: true, force: true })
    },
    async stop() {
      child.kill('SIGTERM')
      const code = await ended
      await rm(folder, { recursive: true, force: true })
      if (code !== 0) throw new Error(`cannot stop the bridge cleanly: exit code ${code}\n${lines.join('')}`)
    },
  }
}

type ClientOptions = Partial<ConstructorParameters<typeof Admin>[0]>

/** Creates a topic, once the broker takes requests. */
export async function createTopic(address: string, topic: string, partitions = 3, client: ClientOptions = {}): Promise<void> {
  const admin = new Admin({ clientId: 'lab', bootstrapBrokers: [address], ...client })
  try {
    await until('the topic made', async () => {
      await admin.createTopics({ topics: [topic], partitions, replicas: 1 })
      return true
    })
  } finally {
    await admin.close()
  }
}

/** Writes messages to a topic; resolves when they are acknowledged. */
export async function write(
  address: string,
  topic: string,
  values: readonly (Buffer | undefined)[],
  compression: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd' = 'none',
  client: ClientOptions = {},
): Promise<void> {
  const producer = new Producer({ clientId: 'lab', bootstrapBrokers: [address], ...client })
  try {
    for (const value of values) await producer.send({ messages: [{ topic, value: value as Buffer }], acks: -1, compression })
  } finally {
    await producer.close()
  }
}

/** Values and headers of everything in a topic. */
export async function readAll(
  address: string,
  topic: string,
  count: number,
): Promise<{ value: Buffer | undefined; headers: Record<string, string> }[]> {
  const consumer = new Consumer({ clientId: 'lab', bootstrapBrokers: [address], groupId: `lab-${process.hrtime.bigint()}` })
  const stream = await consumer.consume({ topics: [topic], mode: 'earliest', autocommit: false, maxWaitTime: 200 })
  const found: { value: Buffer | undefined; headers: Record<string, string> }[] = []
  for await (const message of stream) {
    found.push({
      value: message.value,
      headers: Object.fromEntries([...message.headers].map(([key, value]) => [String(key), String(value)])),
    })
    if (found.length === count) break
  }
  await consumer.close(true)
  return found
}

/** Offsets that a group has committed, by partition; -1 for none. */
export async function committedOffsets(address: string, group: string, topic: string, partitions: number): Promise<number[]> {
  const consumer = new Consumer({ clientId: 'lab', bootstrapBrokers: [address], groupId: group })
  try {
    const list = Array.from({ length: partitions }, (_, at) => at)
    const offsets = await consumer.listCommittedOffsets({ topics: [{ topic, partitions: list }] })
    return list.map((at) => Number(offsets.get(topic)?.[at] ?? -1n))
  } finally {
    await consumer.close()
  }
}

const hex = (value: number): string => value.toString(16).padStart(16, '0')

/** A Zipkin v2 list of so many spans with ids from `first` on. */
export function zipkinList(first: number, count: number): Buffer {
  const spans = Array.from({ length: count }, (_, at) => ({
    traceId: hex((first + at) * 7919),
    id: hex(first + at),
    name: 'work',
    timestamp: 1_700_000_000_000_000 + at,
    duration: 10,
    localEndpoint: { serviceName: 'lab' },
  }))
  return Buffer.from(JSON.stringify(spans))
}

export interface Load {
  /** Ids of the spans that were acknowledged so far. */
  readonly acknowledged: Set<string>
  stop(): Promise<void>
}

const spansAtOnce = 5

/** Writes Zipkin messages to a topic until it is stopped; what is not acknowledged is not repeated. */
export function startTopicLoad(address: string, topic: string, pauseMs = 5): Load {
  // Idempotent, or its own repeats would count as ours.
  const producer = new Producer({ clientId: 'lab', bootstrapBrokers: [address], idempotent: true, retries: 3, retryDelay: 300 })
  const acknowledged = new Set<string>()
  let stopped = false
  let next = 1
  const work = async (): Promise<void> => {
    while (!stopped) {
      const first = next
      next += 20 * spansAtOnce
      const messages = Array.from({ length: 20 }, (_, at) => ({ topic, value: zipkinList(first + at * spansAtOnce, spansAtOnce) }))
      try {
        await producer.send({ messages, acks: -1 })
        for (let id = first; id < first + 20 * spansAtOnce; id++) acknowledged.add(hex(id))
      } catch {
        await delay(200)
      }
      await delay(pauseMs)
    }
  }
  const running = work()
  return {
    acknowledged,
    async stop() {
      stopped = true
      await running
      await producer.close()
    },
  }
}

/** Posts Zipkin lists to bridges over HTTP until it is stopped; refused ones are given up, and counted by status. */
export function startHttpLoad(urls: () => readonly string[], pauseMs = 5): Load & { readonly refused: Map<number, number> } {
  const acknowledged = new Set<string>()
  const refused = new Map<number, number>()
  let stopped = false
  let next = 1
  const work = async (at: number): Promise<void> => {
    while (!stopped) {
      const all = urls()
      const url = all[at % Math.max(1, all.length)]
      const first = next
      next += spansAtOnce
      if (url !== undefined) {
        try {
          const reply = await fetch(`${url}/api/v2/spans`, {
            method: 'POST',
            body: zipkinList(first, spansAtOnce),
            headers: { 'content-type': 'application/json' },
          })
          await reply.arrayBuffer()
          if (reply.status === 202) for (let id = first; id < first + spansAtOnce; id++) acknowledged.add(hex(id))
          else refused.set(reply.status, (refused.get(reply.status) ?? 0) + 1)
        } catch {
          await delay(50)
        }
      }
      await delay(pauseMs)
    }
  }
  const running = Promise.all(Array.from({ length: 6 }, (_, at) => work(at)))
  return {
    acknowledged,
    refused,
    async stop() {
      stopped = true
      await running
    },
  }
}

/** What was acknowledged and did not arrive, and how many arrivals were repeats. Waits until all are there. */
export async function reconcile(load: Load, sink: OtlpSink, limitMs = 40_000): Promise<{ missing: number; repeats: number }> {
  const missing = (): number => [...load.acknowledged].filter((id) => !sink.spans.has(id)).length
  await until('every acknowledged span', () => (missing() === 0 ? true : undefined), limitMs).catch(() => {})
  const repeats = [...sink.spans.values()].reduce((sum, count) => sum + count - 1, 0)
  return { missing: missing(), repeats }
}
