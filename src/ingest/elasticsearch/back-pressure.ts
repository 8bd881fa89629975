/**
 * What a request is told that the queue has no room for, by the client that sent it: most lose a batch that is refused, and each survives another
 * answer. Rules of section 2 of the page on shippers; all of them were tried with the clients.
 */

import type { ElasticsearchConfig } from './config.ts'

/** `429`, `503`: the whole request is refused with it. `items`: 200, with 429 for each item. `close`: no answer at all. */
export type Answer = 429 | 503 | 'items' | 'close'

/** What a client that cannot be taken now gets. */
export interface Patience {
  /** How long it waits for room first. */
  readonly holdMs: number
  readonly answer: Answer
}

/** Headers that tell clients apart. */
export interface ClientHead {
  readonly agent: string | undefined
  /** `x-elastic-client-meta`: clients of Elastic's send it even where their name is hidden. */
  readonly meta: string | undefined
}

/** Java's client waits 30 s by default, and so does the appender of logback. */
const javaHoldMs = 25_000
/** A hold below this was chosen to be short. */
const usualHoldMs = 8000

/** By name, in order; all others are told 429, which Beats, Logstash, syslog-ng and olivere repeat for ever. */
const byAgent: readonly (readonly [agent: RegExp, answer: Answer])[] = [
  // Its helper repeats items that were refused, and throws on a request that was.
  [/^elasticsearch-js\//i, 'items'],
  // Four tries instead of one.
  [/^elasticsearch-py\/7\b/i, 503],
  [/^go-elasticsearch\//i, 503],
]

const isJava = (agent: string): boolean => /^(elastic-java|java)\//i.test(agent)

function autoAnswer({ agent, meta }: ClientHead): Answer {
  // rsyslog: it loses the batch to any status, and comes back for ever after a connection that was lost.
  if (agent === undefined || agent === '') return meta === undefined ? 'close' : 429
  return byAgent.find(([name]) => name.test(agent))?.[1] ?? 429
}

/** What a client gets. */
export function patienceFor(client: ClientHead, { hold, answer }: ElasticsearchConfig['backpressure']): Patience {
  const chosen = answer === 'auto' ? autoAnswer(client) : answer
  const patient = client.agent !== undefined && isJava(client.agent) && hold >= usualHoldMs
  return { holdMs: patient ? Math.max(hold, javaHoldMs) : hold, answer: chosen }
}

/** Connections that were closed, remembered by peer. */
const peersKept = 1000
const closeEveryMs = 1000

/**
 * Spreads connections that are closed without an answer: rsyslog comes back 30 times a second. @param nowMs a clock that does not jump
 */
export function createCloseTimes(nowMs: () => number): (peer: string) => number {
  const next = new Map<string, number>()
  /** Milliseconds until the connection may be closed. Each call is one more connection of the peer. */
  return (peer) => {
    const now = nowMs()
    const at = Math.max(now, next.get(peer) ?? now)
    next.delete(peer)
    next.set(peer, at + closeEveryMs)
    if (next.size > peersKept) {
      const [oldest = ''] = next.keys()
      next.delete(oldest)
    }
    return at - now
  }
}
