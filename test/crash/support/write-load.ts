/** Senders of remote-write: several shards each, every one with a connection of its own, that send a request again, byte by byte, until it is taken. */

import { Agent, request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import type { Version } from '../../support/remote-write.ts'
import type { BridgePorts } from './bridge.ts'
import { metadataRequest, type PointKey, type ScrapeSize, type ShardRequest, scrapeRequests } from './writes.ts'

/** What senders have heard. */
export interface WriteLedger {
  /** Points all of whose samples were acknowledged: these must arrive. */
  readonly acked: ReadonlySet<PointKey>
  /** Points of requests that were sent more than once: these may arrive twice. */
  readonly resent: ReadonlySet<PointKey>
  readonly sentPoints: number
  readonly ackedSamples: number
  /** Requests by status; 0: no answer. */
  readonly answers: Readonly<Record<number, number>>
  /** Answers with 4xx other than 429: a sender of ours is never to get one. */
  readonly refusals: readonly string[]
}

export interface WriteLoadOptions {
  /** Where to send to; undefined while there is no bridge: then the senders wait. */
  readonly target: () => Pick<BridgePorts, 'prometheus'> | undefined
  readonly senders?: readonly Version[]
  readonly shards?: number
  readonly size?: ScrapeSize
  /** Between two requests of a shard. */
  readonly pauseMs?: number
}

export interface WriteLoad {
  readonly ledger: WriteLedger
  /** Stops when every shard of a sender has sent the same scrapes: all histograms are whole then. */
  stop(): Promise<void>
}

const usualSize: ScrapeSize = { counters: 20, histograms: 10, summaries: 3, natives: 3 }

const contentTypes: Readonly<Record<Version, string>> = {
  1: 'application/x-protobuf',
  2: 'application/x-protobuf;proto=io.prometheus.write.v2.Request',
}

interface Reply {
  readonly status: number
  readonly text: string
}

const post = (agent: Agent, port: number, version: Version, body: Uint8Array): Promise<Reply> =>
  new Promise((resolve) => {
    const lost = (): void => resolve({ status: 0, text: '' })
    const headers = {
      'content-type': contentTypes[version],
      'content-encoding': 'snappy',
      'content-length': body.length,
      'user-agent': 'Prometheus/3.0',
    }
    const sent = request({ host: '127.0.0.1', port, path: '/api/v1/write', method: 'POST', agent, headers }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part
      })
      response.on('error', lost)
      response.on('close', () => (response.complete ? resolve({ status: response.statusCode ?? 0, text }) : lost()))
    })
    sent.on('error', lost)
    sent.end(body)
  })

/** Numbers of senders go on through all loads of a test file, so that names never meet. */
let nextSender = 1

/** Starts the senders. They are stopped at the end of the test if it has not done so. */
export function startWriteLoad(options: WriteLoadOptions): WriteLoad {
  const { target, senders = [1, 2], shards = 4, size = usualSize, pauseMs = 20 } = options
  const open = new Map<PointKey, number>()
  const acked = new Set<PointKey>()
  const resent = new Set<PointKey>()
  const answers: Record<number, number> = {}
  const refusals: string[] = []
  let ackedSamples = 0
  let stopping = false
  let abandoned = false

  /** Sends it until it is taken. */
  const deliver = async (agent: Agent, version: Version, { body, keys }: ShardRequest): Promise<void> => {
    for (let attempt = 1; !abandoned; attempt++) {
      const ports = target()
      if (ports === undefined) {
        attempt--
        await delay(10)
        continue
      }
      if (attempt === 2) for (const key of keys) resent.add(key)
      const { status, text } = await post(agent, ports.prometheus, version, body)
      answers[status] = (answers[status] ?? 0) + 1
      if (status >= 200 && status < 300) {
        ackedSamples += keys.length
        for (const key of keys) {
          const left = (open.get(key) ?? 0) - 1
          if (left > 0) open.set(key, left)
          else {
            open.delete(key)
            acked.add(key)
          }
        }
        return
      }
      if (status >= 400 && status < 500 && status !== 429) {
        refusals.push(`${status} ${text}`)
        return
      }
      await delay(30)
    }
  }

  const sender = async (version: Version): Promise<void> => {
    const name = `v${version}_${nextSender++}`
    const agents = Array.from({ length: shards }, () => new Agent({ keepAlive: true, maxSockets: 1 }))
    const scrapes: ShardRequest[][] = []
    const scrapeAt = (at: number): ShardRequest[] => {
      let found = scrapes[at]
      if (found === undefined) {
        scrapes[at] = found = scrapeRequests(name, version, at, size, shards)
        for (const { keys } of found) for (const key of keys) open.set(key, (open.get(key) ?? 0) + 1)
      }
      return found
    }
    if (version === 1) await deliver(agents[0] as Agent, 1, { body: metadataRequest(name, size), keys: [] })
    const shard = async (agent: Agent, which: number): Promise<void> => {
      // Whoever is behind catches up with what another one has begun.
      for (let at = 0; !abandoned && (!stopping || at < scrapes.length); at++) {
        await deliver(agent, version, scrapeAt(at)[which] as ShardRequest)
        await delay(pauseMs * (0.5 + ((which * 7 + at * 3) % 10) / 10))
      }
    }
    await Promise.all(agents.map(shard))
    for (const agent of agents) agent.destroy()
  }

  const running = Promise.all(senders.map(sender))
  onTestFinished(() => {
    abandoned = true
  })
  return {
    ledger: {
      acked,
      resent,
      answers,
      refusals,
      get sentPoints() {
        return acked.size + open.size
      },
      get ackedSamples() {
        return ackedSamples
      },
    },
    async stop() {
      stopping = true
      await running
    },
  }
}
