/** Reads topics as a member of a consumer group, and goes on reading whatever happens to brokers, topics and the group. */

import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { kafkaReason } from './kafka.ts'
import { within } from './kafka-client.ts'
import type { Hold, Lease } from './kafka-lease.ts'
import type { KafkaMessage } from './kafka-records.ts'
import { type Member, openSession, type Session, type SessionDeps, type SessionOptions } from './kafka-session.ts'

export interface ReaderOptions extends SessionOptions {
  /** Section of the configuration, for messages: `ingest.kafka`. */
  readonly section: string
  readonly group: string
  readonly topics: readonly string[]
  /** False: topics may come later, and are no trouble until then. */
  readonly needsTopics?: boolean
  /** How often topics are looked at: those that were missing, and how many partitions they have. Default 15 s. */
  readonly topicCheckMs?: number
}

export interface ReaderDeps extends Pick<SessionDeps, 'onMessage' | 'onSetAside' | 'hurry'> {
  /** A new member; may reject. */
  readonly connect: () => Promise<Member>
  readonly metrics: Metrics
  readonly log: Logger
}

export interface KafkaReader {
  /** The message is where it must be; twice is once. */
  done(hold: Hold): void
  /** The message is not going to be done here, as its partition is another's: it is forgotten, and nothing behind it is committed. */
  abandon(hold: Hold): void
  /** Nothing more is handed on until {@link resume}. */
  pause(): void
  resume(): void
  /** Bytes handed on and not done. */
  readonly heldBytes: number
  /** Topics were made: look now, not at the next check. */
  look(): void
  /** Sentences about what is not read, and why; empty when all is well. */
  trouble(): readonly string[]
  /** Finishes what is under way within the time given, commits, leaves the group. */
  stop(deadlineMs: number): Promise<void>
}

const firstWaitMs = 500
const longestWaitMs = 5000

/** A membership that held this long was a good one: the next try comes soon again. */
const steadyMs = 60_000

/** How long a start may take before health says that it does. */
const patienceMs = 10_000

const logEveryMs = 60_000

/** Leaving the group and closing connections, on top of the time for what is under way. */
const closeMs = 8000

/** Starts reading; brokers need not be there yet. */
export function startReader(options: ReaderOptions, deps: ReaderDeps): KafkaReader {
  const { section, group, topics } = options
  const { metrics, log } = deps
  const rebalances = metrics.counter('otlp_bridge_kafka_rebalances_total', { group })
  const stopping = new AbortController()
  const logged = new Map<string, number>()
  let session: Session | undefined
  let heldBytes = 0
  let paused = false
  let fault: string | undefined
  let missing: readonly string[] = []
  let looking: (() => void) | undefined
  let unjoinedSince = performance.now()
  let stopMs = 0

  const rarely = (kind: string, say: () => void): void => {
    const last = logged.get(kind)
    if (last !== undefined && performance.now() - last < logEveryMs) return
    logged.set(kind, performance.now())
    say()
  }

  const hold = (lease: Lease, message: KafkaMessage, bytes: number): Hold => {
    heldBytes += bytes
    return { lease, tracker: lease.tracker, ticket: lease.tracker.add(message.offset, bytes) }
  }

  const sessionDeps: SessionDeps = {
    onMessage: deps.onMessage,
    onSetAside: deps.onSetAside,
    hurry: deps.hurry,
    hold,
    heldBytes: () => heldBytes,
    paused: () => paused,
    onLag: ({ topic, partition }, messages) => {
      metrics.gauge('otlp_bridge_kafka_lag_messages', { group, topic, partition: String(partition) }).value = messages
    },
    onRebalance: () => void rebalances.value++,
    onMissed: ({ topic, partition }, messages) => {
      metrics.counter('otlp_bridge_kafka_missed_messages_total', { group, topic }).value += messages
      log.error(
        { group, topic, partition, messages },
        'messages were deleted by the broker before they were read: retention is shorter than the delay',
      )
    },
  }

  const countsOf = async (member: Member): Promise<ReadonlyMap<string, number>> => {
    const counts = new Map<string, number>()
    for (const topic of topics) {
      const count = await member.client.partitionsOf(topic)
      if (count !== undefined) counts.set(topic, count)
    }
    missing = topics.filter((topic) => !counts.has(topic))
    return counts
  }

  /** Until the membership ends, or the topics are not what they were when it began. */
  const watch = async (member: Member, current: Session, counts: ReadonlyMap<string, number>): Promise<unknown> => {
    const ended = current.over.then((reason) => ({ reason }))
    while (!stopping.signal.aborted) {
      const check = new Promise<void>((resolve) => void (looking = resolve))
      const timer = new AbortController()
      const first = await Promise.race([
        ended,
        check,
        delay(options.topicCheckMs ?? 15_000, undefined, { signal: AbortSignal.any([timer.signal, stopping.signal]) }).catch(() => {}),
      ])
      timer.abort()
      if (first !== undefined) return first.reason
      if (stopping.signal.aborted) return undefined
      try {
        const found = await countsOf(member)
        // Fewer, or none, is a topic that was deleted: reading says so by itself.
        if ([...found].some(([topic, count]) => count > (counts.get(topic) ?? 0))) return undefined
      } catch (error) {
        rarely('topics', () => log.warn({ group, fault: kafkaReason(error) }, 'cannot ask Kafka for its topics; trying again'))
      }
    }
    return undefined
  }

  const live = async (): Promise<void> => {
    const member = await deps.connect()
    try {
      const counts = await countsOf(member)
      if (counts.size === 0) throw new Error(`there is no topic ${topics.join(', ')}`)
      const current = openSession(member, options, sessionDeps)
      session = current
      await member.client.join([...counts.keys()], current.hooks)
      fault = undefined
      log.info({ group, topics: [...counts.keys()] }, 'reading from Kafka')
      const reason = await watch(member, current, counts)
      if (reason !== undefined) throw reason
      await current.end(stopping.signal.aborted ? stopMs : patienceMs)
    } finally {
      await session?.end(0)
      if (session?.joined === true) unjoinedSince = performance.now()
      session = undefined
      await member.client.close()
    }
  }

  const run = async (): Promise<void> => {
    let waitMs = firstWaitMs
    while (!stopping.signal.aborted) {
      const startedMs = performance.now()
      try {
        await live()
        waitMs = firstWaitMs
        continue
      } catch (error) {
        fault = kafkaReason(error)
        rarely('interrupted', () => log.warn({ group, fault }, 'reading from Kafka was interrupted; trying again'))
      }
      if (performance.now() - startedMs > steadyMs) waitMs = firstWaitMs
      await delay(waitMs, undefined, { signal: stopping.signal }).catch(() => {})
      waitMs = Math.min(waitMs * 2, longestWaitMs)
    }
  }
  const running = run()

  return {
    done(hold) {
      if (hold.ticket.done || hold.ticket.abandoned) return
      heldBytes -= hold.ticket.bytes
      hold.tracker.done(hold.ticket)
      session?.wake()
    },
    abandon(hold) {
      if (hold.ticket.done || hold.ticket.abandoned) return
      heldBytes -= hold.ticket.bytes
      hold.tracker.abandon(hold.ticket)
      session?.wake()
    },
    pause() {
      paused = true
    },
    resume() {
      if (!paused) return
      paused = false
      session?.wake()
    },
    get heldBytes() {
      return heldBytes
    },
    look: () => looking?.(),
    trouble() {
      const troubles = (options.needsTopics === false ? [] : missing).map((topic) => `${section}: there is no topic ${topic}`)
      if (session?.joined === true) return [...troubles, ...session.trouble().map((one) => `${section}: ${one}`)]
      if (troubles.length < topics.length && performance.now() - unjoinedSince > patienceMs) {
        troubles.push(
          `${section}: not reading since ${Math.round((performance.now() - unjoinedSince) / 1000)} s: ${fault ?? 'no answer from Kafka yet'}`,
        )
      }
      return troubles
    },
    async stop(deadlineMs) {
      stopMs = deadlineMs
      stopping.abort()
      // A joining that hangs is not waited for: the process ends anyway, and the group notices.
      await within(deadlineMs + closeMs, running)
    },
  }
}
