/**
 * Senders of documents: small requests and windows of Beats, each sent again until it is taken, and large requests that come slowly and are sent once,
 * so that it can be seen of each whether it is there whole or not at all.
 */

import { Agent, request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import { connectLumberjack, type LumberjackClient, windowOf } from '../../support/lumberjack.ts'
import type { BridgePorts } from './bridge.ts'
import { bulkOf, type LogKey } from './logs.ts'

/** A large request and what became of it: `begun` its last bytes were not sent; `sent` they were, and there was no answer. */
export interface LargeRequest {
  readonly keys: readonly LogKey[]
  state: 'begun' | 'sent' | 'acked' | 'refused'
}

export interface LogsLedger {
  /** Documents and events that were acknowledged: these must arrive. */
  readonly acked: ReadonlySet<LogKey>
  /** Those that were sent more than once: these may arrive twice. */
  readonly resent: ReadonlySet<LogKey>
  readonly large: readonly LargeRequest[]
  /** Requests of `_bulk` by status; 0: no answer. Windows by `window` and `lost`. */
  readonly answers: Readonly<Record<string, number>>
  /** Answers that no sender of ours is ever to get. */
  readonly wrong: readonly string[]
}

export interface LogsLoadOptions {
  /** Where to send to; undefined while there is no bridge: then the senders wait. */
  readonly target: () => Pick<BridgePorts, 'elasticsearch' | 'beats'> | undefined
  readonly small?: number
  readonly large?: number
  readonly beats?: number
  /** Documents of a large request, of 1 kB each. */
  readonly largeDocuments?: number
  /** Bytes of a document of a small request. */
  readonly bytes?: number
  readonly pauseMs?: number
}

export interface LogsLoad {
  readonly ledger: LogsLedger
  /** Stops when everything that was begun is taken, or, of large requests, over. */
  stop(): Promise<void>
}

interface Reply {
  readonly status: number
  readonly text: string
}

const headers = { 'content-type': 'application/x-ndjson', 'user-agent': 'crash/1' }

/** Posts pieces, with a pause after each. @param wrote is called when the last one was handed over */
const post = (
  agent: Agent,
  port: number,
  path: string,
  pieces: readonly string[],
  pauseMs: number,
  wrote = (): void => {},
): Promise<Reply> =>
  new Promise((resolve) => {
    let over = false
    const lost = (): void => {
      over = true
      resolve({ status: 0, text: '' })
    }
    const length = pieces.reduce((sum, one) => sum + Buffer.byteLength(one), 0)
    const all = { ...headers, 'content-length': length }
    const sent = request({ host: '127.0.0.1', port, path, method: 'POST', agent, headers: all }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part
      })
      response.on('error', lost)
      response.on('close', () => {
        over = true
        resolve(response.complete ? { status: response.statusCode ?? 0, text } : { status: 0, text: '' })
      })
    })
    sent.on('error', lost)
    const send = async (): Promise<void> => {
      for (const piece of pieces.slice(0, -1)) {
        if (over) return
        sent.write(piece)
        if (pauseMs > 0) await delay(pauseMs)
      }
      if (over) return
      wrote()
      sent.end(pieces.at(-1))
    }
    void send()
  })

/** Numbers of senders go on through all loads of a test file, so that keys never meet. */
let nextSender = 1

/** Starts the senders. They are stopped at the end of the test if it has not done so. */
export function startLogsLoad(options: LogsLoadOptions): LogsLoad {
  const { target, small = 3, large = 2, beats = 2, largeDocuments = 6000, bytes = 200, pauseMs = 10 } = options
  const acked = new Set<LogKey>()
  const resent = new Set<LogKey>()
  const requests: LargeRequest[] = []
  const answers: Record<string, number> = {}
  const wrong: string[] = []
  let stopping = false
  let abandoned = false
  const count = (what: string | number): void => void (answers[what] = (answers[what] ?? 0) + 1)

  const keysOf = (sender: string, requestNumber: number, documents: number): LogKey[] =>
    Array.from({ length: documents }, (_, at) => `${sender}/${requestNumber}/${at}`)

  /** Resolves with the ports, once there is a bridge; undefined when nobody waits any more. */
  const bridge = async (): Promise<Pick<BridgePorts, 'elasticsearch' | 'beats'> | undefined> => {
    for (;;) {
      const ports = target()
      if (ports !== undefined || abandoned) return ports
      await delay(10)
    }
  }

  const isTaken = ({ status, text }: Reply, documents: number): boolean => {
    if (status !== 200) return false
    const { errors, items } = JSON.parse(text) as { errors: boolean; items: readonly object[] }
    if (!errors && items.length === documents) return true
    if (items.length !== documents || !text.includes('"status":429')) wrong.push(text.slice(0, 500))
    return false
  }

  const note = ({ status, text }: Reply): void => {
    count(status)
    if (![0, 200, 429, 503].includes(status)) wrong.push(`${status} ${text.slice(0, 300)}`)
  }

  const smallSender = async (): Promise<void> => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const name = `s${nextSender++}`
    for (let number = 1; !stopping && !abandoned; number++) {
      const keys = keysOf(name, number, 1 + ((number * 7) % 40))
      const body = bulkOf(keys, bytes)
      for (let attempt = 1; !abandoned; attempt++) {
        const ports = await bridge()
        if (ports === undefined) break
        if (attempt === 2) for (const key of keys) resent.add(key)
        const reply = await post(agent, ports.elasticsearch, '/_bulk', [body], 0)
        note(reply)
        if (isTaken(reply, keys.length)) {
          for (const key of keys) acked.add(key)
          break
        }
        await delay(30)
      }
      await delay(pauseMs)
    }
    agent.destroy()
  }

  const largeSender = async (): Promise<void> => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const name = `l${nextSender++}`
    for (let number = 1; !stopping && !abandoned; number++) {
      const ports = await bridge()
      if (ports === undefined) break
      const keys = keysOf(name, number, largeDocuments)
      const one: LargeRequest = { keys, state: 'begun' }
      requests.push(one)
      const each = Math.ceil(keys.length / 20)
      const pieces = Array.from({ length: 20 }, (_, at) => bulkOf(keys.slice(at * each, (at + 1) * each), 900)).filter(
        (piece) => piece !== '',
      )
      const reply = await post(agent, ports.elasticsearch, '/_bulk', pieces, number % 3 === 0 ? 0 : 15, () => {
        one.state = 'sent'
      })
      note(reply)
      if (isTaken(reply, keys.length)) {
        one.state = 'acked'
        for (const key of keys) acked.add(key)
      } else if (reply.status !== 0) one.state = 'refused'
      await delay(pauseMs)
    }
    agent.destroy()
  }

  const beat = async (): Promise<void> => {
    const name = `b${nextSender++}`
    let client: LumberjackClient | undefined
    for (let number = 1; !stopping && !abandoned; number++) {
      const keys = keysOf(name, number, 1 + ((number * 13) % 200))
      const window = windowOf(
        keys.map((message) => ({ '@timestamp': '2024-05-01T10:00:00.123Z', '@metadata': { beat: 'crash', version: '8.0.0' }, message })),
        { compressed: number % 2 === 0 },
      )
      for (let attempt = 1; !abandoned; attempt++) {
        const ports = await bridge()
        if (ports === undefined) break
        if (attempt === 2) for (const key of keys) resent.add(key)
        try {
          client ??= await connectLumberjack(ports.beats)
          const due = client.finals.length + 1
          client.write(window)
          await client.acknowledged(due)
          if (client.finals.at(-1) !== keys.length) wrong.push(`ack ${client.finals.at(-1)} of a window of ${keys.length}`)
          for (const key of keys) acked.add(key)
          count('window')
          break
        } catch {
          client?.destroy()
          client = undefined
          count('lost')
          await delay(50)
        }
      }
      await delay(pauseMs)
    }
    client?.end()
  }

  const many = (senders: number, sender: () => Promise<void>): Promise<void>[] => Array.from({ length: senders }, sender)
  const running = Promise.all([...many(small, smallSender), ...many(large, largeSender), ...many(beats, beat)])
  onTestFinished(() => {
    abandoned = true
  })
  return {
    ledger: { acked, resent, large: requests, answers, wrong },
    async stop() {
      stopping = true
      await running
    },
  }
}
