/** The built bridge as a child whose memory and time are measured, and an endpoint of OTLP that takes all it sends. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Agent, createServer, request } from 'node:http'
import { type AddressInfo, createServer as createSocketServer } from 'node:net'
import { fileURLToPath } from 'node:url'

const launcher = fileURLToPath(new URL('../bin/otlp-bridge', import.meta.url))

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

export interface Sink {
  readonly url: string
  readonly bytes: number
  close(): void
}

/** Takes everything and says yes. */
export async function startSink(): Promise<Sink> {
  let bytes = 0
  const server = createServer((message, response) => {
    message.on('data', (chunk: Buffer) => void (bytes += chunk.length))
    message.on('end', () => response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get bytes() {
      return bytes
    },
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

/** Ports that nobody listens on: they have to be known before the bridge does, whose first answer is waited for. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createSocketServer().listen(0, '127.0.0.1')
      await once(server, 'listening')
      return server
    }),
  )
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => once(server.close(), 'close')))
  return ports
}

/** What `process.memoryUsage()` says, in bytes. */
export interface Memory {
  readonly heapUsed: number
  readonly external: number
  readonly arrayBuffers: number
}

export interface ServedBridge {
  /** Sends until it is taken: again when nobody listens yet, or when it is told to come again. Throws on any other refusal. */
  write(body: Uint8Array, version: 1 | 2): Promise<void>
  /** ms from the start of the process to the first write that was answered 204. */
  readonly firstWriteMs: number
  /** Sum of all series of a metric. */
  metric(name: string): Promise<number>
  /** Resolves when nothing is in the queue and nothing waits for other samples. */
  drained(): Promise<void>
  rssBytes(): number
  peakRssBytes(): number
  cpuSeconds(): number
  /** Has the bridge collect all its garbage. Opens its inspector: nothing is measured before that without it. */
  collect(): Promise<Memory>
  /** Sends SIGTERM; ms to the end. */
  stop(): Promise<number>
}

/** A line of `/proc/<pid>/status`, in bytes. */
export const status = (pid: number, name: string): number =>
  Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024

/** CPU of a process since its start; the clock of the kernel ticks a hundred times a second. */
const cpuSecondsOf = (pid: number): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

/** Asks an inspector for one thing after the other. */
async function inspect(url: string, calls: readonly [method: string, params?: object][]): Promise<unknown[]> {
  const socket = new WebSocket(url)
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve, { once: true })
    socket.addEventListener('error', reject, { once: true })
  })
  const answers: unknown[] = []
  for (const [id, [method, params]] of calls.entries()) {
    const answered = new Promise<unknown>((resolve) => {
      const listen = ({ data }: MessageEvent): void => {
        const message = JSON.parse(String(data)) as { id?: number; result?: unknown }
        if (message.id !== id) return
        socket.removeEventListener('message', listen)
        resolve(message.result)
      }
      socket.addEventListener('message', listen)
    })
    socket.send(JSON.stringify({ id, method, params }))
    answers.push(await answered)
  }
  socket.close()
  return answers
}

/** Starts `serve` with an endpoint of remote-write. @param settings further `a.b=c` */
export async function serve(endpoint: string, settings: readonly string[]): Promise<ServedBridge> {
  const [port = 0, adminPort = 0] = await freePorts(2)
  const all = [
    ...['ingest.prometheus.host=127.0.0.1', `ingest.prometheus.port=${port}`, 'admin.host=127.0.0.1', `admin.port=${adminPort}`],
    ...[`emit.endpoint=${endpoint}`, 'emit.protocol=http/protobuf', 'emit.compression=none', 'log.level=warn', ...settings],
  ]
  const begun = performance.now()
  const child: ChildProcess = spawn(launcher, ['serve', ...all.flatMap((one) => ['--set', one])], {
    stdio: ['ignore', 'inherit', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '--inspect-port=127.0.0.1:0' },
  })
  const pid = child.pid ?? 0
  const ended = once(child, 'exit')
  const kill = (): void => void child.kill('SIGKILL')
  process.once('exit', kill)
  let said = ''
  child.stderr?.on('data', (chunk: Buffer) => void (said += chunk))
  const agent = new Agent({ keepAlive: true, maxSockets: 8 })
  let firstWriteMs = Number.NaN

  /** The status, or undefined where nobody listens. */
  const post = (body: Uint8Array, version: 1 | 2): Promise<{ code: number; text: string } | undefined> =>
    new Promise((resolve) => {
      const proto = version === 1 ? 'prometheus.WriteRequest' : 'io.prometheus.write.v2.Request'
      const headers = {
        'content-type': `application/x-protobuf;proto=${proto}`,
        'content-encoding': 'snappy',
        'content-length': body.length,
        'x-prometheus-remote-write-version': version === 1 ? '0.1.0' : '2.0.0',
      }
      const sent = request({ agent, host: '127.0.0.1', port, path: '/api/v1/write', method: 'POST', headers }, (answer) => {
        let text = ''
        answer.on('data', (chunk: Buffer) => void (text += chunk))
        answer.on('end', () => resolve({ code: answer.statusCode ?? 0, text }))
        answer.on('error', () => resolve(undefined))
      })
      sent.on('error', () => resolve(undefined))
      sent.end(body)
    })

  const metric = async (name: string): Promise<number> => {
    const text = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text()
    return [...text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'gm'))].reduce((sum, [, value]) => sum + Number(value), 0)
  }

  const collect = async (): Promise<Memory> => {
    child.kill('SIGUSR1')
    let url: string | undefined
    while ((url = /ws:\/\/\S+/.exec(said)?.[0]) === undefined) await pause(50)
    const expression = 'JSON.stringify(process.memoryUsage())'
    const answers = await inspect(url, [
      ['HeapProfiler.enable'],
      ['HeapProfiler.collectGarbage'],
      ['HeapProfiler.collectGarbage'],
      ['Runtime.evaluate', { expression }],
    ])
    return JSON.parse((answers[3] as { result: { value: string } }).result.value) as Memory
  }

  return {
    async write(body, version) {
      for (;;) {
        const answer = await post(body, version)
        if (answer?.code === 204) break
        if (answer === undefined && child.exitCode === null) await pause(2)
        else if (answer?.code === 429 || answer?.code === 503) await pause(50)
        else
          throw new Error(
            `cannot write: ${answer === undefined ? `no answer, exit code ${child.exitCode}` : `${answer.code} ${answer.text}`}`,
          )
      }
      if (Number.isNaN(firstWriteMs)) firstWriteMs = performance.now() - begun
    },
    get firstWriteMs() {
      return firstWriteMs
    },
    metric,
    async drained() {
      while ((await metric('otlp_bridge_queue_items')) + (await metric('otlp_bridge_held_items')) > 0) await pause(100)
    },
    rssBytes: () => status(pid, 'VmRSS'),
    peakRssBytes: () => status(pid, 'VmHWM'),
    cpuSeconds: () => cpuSecondsOf(pid),
    collect,
    async stop() {
      const from = performance.now()
      child.kill('SIGTERM')
      await ended
      process.off('exit', kill)
      agent.destroy()
      return performance.now() - from
    },
  }
}
