/** Legacy clients: several connections, half of them Zipkin JSON, half Jaeger thrift, every span with an id of its own. */

import { Agent, request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import { i32, i64, list, string, struct, structBytes } from '../../support/thrift-writer.ts'
import type { BridgePorts } from './bridge.ts'
import { type Ledger, spanHex } from './ledger.ts'

export interface LoadOptions {
  /** Where to send to; undefined while there is no bridge: then the clients wait. */
  readonly target: () => BridgePorts | undefined
  readonly ledger: Ledger
  readonly connections?: number
  readonly spansPerRequest?: number
  /** Length of a tag in every span. */
  readonly padding?: number
  /** Wait after each answer. */
  readonly pauseMs?: number
  /** Wait after a refusal, whatever its Retry-After says: the door is to be knocked at. */
  readonly refusedPauseMs?: number
}

export interface Load {
  /** Stops after the requests under way. */
  stop(): Promise<void>
}

/** Connection numbers go on through all loads of a test file, so that ids never meet. */
let nextConnection = 1

const zipkinBody = (keys: readonly number[], padding: string): Buffer =>
  Buffer.from(
    JSON.stringify(
      keys.map((key) => ({
        traceId: spanHex(key).padStart(32, 'a'),
        id: spanHex(key),
        name: 'crash',
        kind: 'CLIENT',
        timestamp: 1_700_000_000_000_000 + (key % 1_000_000),
        duration: 1000,
        localEndpoint: { serviceName: 'zipkin-client' },
        tags: { padding },
      })),
    ),
  )

const jaegerBody = (keys: readonly number[], padding: string): Buffer => {
  const span = (key: number) =>
    struct([
      [1, i64(BigInt(key))],
      [2, i64(1n)],
      [3, i64(BigInt(key))],
      [4, i64(0n)],
      [5, string('crash')],
      [7, i32(1)],
      [8, i64(1_700_000_000_000_000n)],
      [9, i64(1000n)],
      [
        10,
        list('struct', [
          struct([
            [1, string('padding')],
            [2, i32(0)],
            [3, string(padding)],
          ]),
        ]),
      ],
    ])
  const batch = struct([
    [1, struct([[1, string('jaeger-client')]])],
    [2, list('struct', keys.map(span))],
  ])
  return Buffer.from(structBytes(batch, 'binary'))
}

interface Reply {
  readonly status: number
  readonly retryAfter: string | undefined
}

const post = (agent: Agent, port: number, path: string, type: string, body: Buffer): Promise<Reply> =>
  new Promise((resolve) => {
    const lost = (): void => resolve({ status: 0, retryAfter: undefined })
    const headers = { 'content-type': type, 'content-length': body.length }
    const sent = request({ host: '127.0.0.1', port, path, method: 'POST', agent, headers }, (response) => {
      response.resume()
      response.on('error', lost)
      response.on('close', () => {
        if (!response.complete) return lost()
        resolve({ status: response.statusCode ?? 0, retryAfter: response.headers['retry-after'] })
      })
    })
    sent.on('error', lost)
    sent.end(body)
  })

/** Starts the clients. They are stopped at the end of the test if it has not done so. */
export function startLoad(options: LoadOptions): Load {
  const { target, ledger, connections = 4, spansPerRequest = 10, padding = 100, pauseMs = 10, refusedPauseMs = 50 } = options
  const text = 'x'.repeat(padding)
  let stopped = false

  const client = async (jaeger: boolean): Promise<void> => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const first = nextConnection++ * 2 ** 32
    let sequence = 1
    while (!stopped) {
      const ports = target()
      if (ports === undefined) {
        await delay(20)
        continue
      }
      const keys = Array.from({ length: spansPerRequest }, (_, at) => first + sequence + at)
      sequence += spansPerRequest
      ledger.open += keys.length
      const { status, retryAfter } = await (jaeger
        ? post(agent, ports.jaegerHttp, '/api/traces', 'application/x-thrift', jaegerBody(keys, text))
        : post(agent, ports.zipkin, '/api/v2/spans', 'application/json', zipkinBody(keys, text)))
      ledger.open -= keys.length
      ledger.note(keys, status, retryAfter)
      await delay(status === 202 ? pauseMs : refusedPauseMs)
    }
    agent.destroy()
  }

  const running = Promise.all(Array.from({ length: connections }, (_, at) => client(at % 2 === 1)))
  const stop = async (): Promise<void> => {
    stopped = true
    await running
  }
  onTestFinished(async () => {
    stopped = true
  })
  return { stop }
}
