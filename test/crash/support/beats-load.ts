/** Senders of Beats: each with a connection of its own and up to three windows on the way, which it sends again, whole, until they are acknowledged. */

import { setTimeout as delay } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import { connectLumberjack, type LumberjackClient, windowOf } from '../../support/lumberjack.ts'
import type { BridgePorts } from './bridge.ts'

export interface BeatsLedger {
  /** Numbers of events whose window was acknowledged: these must arrive. */
  readonly acked: ReadonlySet<number>
  /** Numbers of events that were sent more than once. */
  readonly resent: ReadonlySet<number>
  /** Windows sent again. */
  readonly repeatedWindows: number
  /** Acks that were not what was waited for. */
  readonly wrong: readonly string[]
}

export interface BeatsLoadOptions {
  /** Where to send to; undefined while there is no bridge: then the senders wait. */
  readonly target: () => Pick<BridgePorts, 'beats'> | undefined
  readonly pauseMs?: number
}

export interface BeatsLoad {
  readonly ledger: BeatsLedger
  /** Stops when every window that was begun is acknowledged. */
  stop(): Promise<void>
}

/** How the senders differ. */
const kinds = [
  { version: 2, compressed: true, running: false, pipelining: 3 },
  { version: 2, compressed: false, running: false, pipelining: 1 },
  { version: 2, compressed: true, running: true, pipelining: 1 },
  { version: 1, compressed: true, running: false, pipelining: 2 },
] as const

interface SentWindow {
  readonly numbers: readonly number[]
  sent: boolean
}

const eventOf = (number: number, version: 1 | 2): object =>
  version === 1
    ? { line: `event ${number}`, host: 'h' }
    : { '@timestamp': '2026-01-01T00:00:00Z', message: `event ${number}`, host: { name: 'h' } }

/** Starts the senders. They are stopped when the test ends. */
export function startBeatsLoad({ target, pauseMs = 5 }: BeatsLoadOptions): BeatsLoad {
  const acked = new Set<number>()
  const resent = new Set<number>()
  const wrong: string[] = []
  let repeatedWindows = 0
  let next = 0
  let stopping = false
  let over = false
  onTestFinished(() => {
    over = true
  })

  const fresh = (): SentWindow => ({ numbers: Array.from({ length: 1 + (next % 97) }, () => next++), sent: false })

  const send = async (kind: (typeof kinds)[number]): Promise<void> => {
    const { version, compressed, running, pipelining } = kind
    const waiting: SentWindow[] = []
    while (!over && !(stopping && waiting.length === 0)) {
      const port = target()?.beats
      const client: LumberjackClient | undefined = port === undefined ? undefined : await connectLumberjack(port).catch(() => undefined)
      if (client === undefined) {
        await delay(20)
        continue
      }
      let sequence = 0
      const expected: number[] = []
      const put = (window: SentWindow): void => {
        if (window.sent) {
          repeatedWindows++
          for (const number of window.numbers) resent.add(number)
        }
        window.sent = true
        const from = running ? sequence + 1 : 1
        sequence = from + window.numbers.length - 1
        expected.push(sequence)
        client.write(
          windowOf(
            window.numbers.map((number) => eventOf(number, version)),
            { version, compressed, from },
          ),
        )
      }
      for (const window of waiting) put(window)
      for (let seen = 0; !client.isClosed && !over; ) {
        if (seen < client.finals.length) {
          const ack = client.finals[seen] as number
          if (ack !== expected[seen]) wrong.push(`${ack} instead of ${expected[seen]}`)
          seen++
          for (const number of waiting.shift()?.numbers ?? []) acked.add(number)
          continue
        }
        if (stopping && waiting.length === 0) break
        while (!stopping && waiting.length < pipelining) {
          const window = fresh()
          waiting.push(window)
          put(window)
        }
        await delay(pauseMs)
      }
      // What was acknowledged before the end counts, too.
      client.destroy()
    }
  }
  const senders = kinds.map(send)

  return {
    ledger: {
      acked,
      resent,
      get repeatedWindows() {
        return repeatedWindows
      },
      wrong,
    },
    async stop() {
      stopping = true
      await Promise.all(senders)
    },
  }
}
