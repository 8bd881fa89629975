/** One destination's share of a Kafka queue: the messages that its consumer group gave to this process. */

import { setTimeout as delay } from 'node:timers/promises'
import type { TopicPartition } from '../../net/kafka-fetch.ts'
import type { Hold } from '../../net/kafka-lease.ts'
import type { OutgoingMessage } from '../../net/kafka-producer.ts'
import type { KafkaReader } from '../../net/kafka-reader.ts'
import type { KafkaMessage } from '../../net/kafka-records.ts'
import { createInspector } from '../../otlp/decode/inspect.ts'
import { type Accounts, createAccounts, createDealOut } from './accounts.ts'
import { createDoorbell } from './doorbell.ts'
import { createHeadReader, encodeHead } from './kafka-message.ts'
import type { Cargo } from './outcomes.ts'
import type { Lane, LaneOptions, QueueDeps, QueuedBatch } from './queue.ts'
import { asQueued, createWaiting, type Entry } from './waiting.ts'

/** What starts reading for a lane; given in tests. */
export type StartReader = (
  lane: LaneOptions,
  take: {
    readonly onMessage: (place: TopicPartition, message: KafkaMessage, hold: Hold) => void
    readonly hurry: () => void
  },
) => KafkaReader

export interface KafkaLaneDeps extends Pick<QueueDeps, 'metrics' | 'log' | 'nowMs' | 'outcomes'> {
  readonly startReader: StartReader
  readonly signalOf: (topic: string) => Cargo
  /** Writes to the dead letters of a topic; rejects when it cannot now. */
  readonly writeDead: (message: Omit<OutgoingMessage, 'partition'>) => Promise<void>
}

export interface KafkaLane extends Lane {
  options: LaneOptions
  readonly accounts: Accounts
  /** Sentences about what cannot be read. */
  trouble(): readonly string[]
  look(): void
  /** What is here goes back to the topics. */
  end(deadlineMs: number): Promise<void>
}

interface Place {
  readonly hold: Hold
  readonly topic: string
}

const buryAgainMs = 1000

/** Nothing that is larger is an OTLP request that we would write; what others write may be. */
const inspectLimits = {
  maxItems: 1_000_000,
  maxAttributes: 100_000,
  maxEvents: 100_000,
  maxDepth: 128,
  maxStringBytes: 64 * 1024 * 1024,
}

/** Starts a lane: from here on its group reads. */
export function createKafkaLane(first: LaneOptions, deps: KafkaLaneDeps): KafkaLane {
  const { metrics, log, nowMs } = deps
  const { destination } = first
  const accounts = createAccounts(first, { metrics, outcomes: deps.outcomes })
  const waiting = createWaiting()
  const underWay = new Map<number, Entry>()
  const places = new Map<number, Place>()
  const headOf = createHeadReader(first.mirror)
  const inspectors = {
    traces: createInspector('traces', inspectLimits),
    metrics: createInspector('metrics', inspectLimits),
    logs: createInspector('logs', inspectLimits),
    // Whoever writes envelopes says how many items are in them.
    legacy: () => ({ items: 0 }),
  }
  const ended = new AbortController()
  let lastId = 0
  let deadItems = 0

  const bell = createDoorbell(
    () => waiting,
    () => waiting.size > 0,
  )

  /** It goes back to the topic: whoever has the partition next finds it there. */
  const giveBack = (entry: Entry): void => {
    const place = places.get(entry.id)
    places.delete(entry.id)
    accounts.carry({ format: entry.format, signal: entry.signal, items: -entry.items, bytes: -entry.bytes }, -1)
    if (place !== undefined) reader.abandon(place.hold)
  }

  const isGoing = (entry: Entry): boolean => places.get(entry.id)?.hold.lease.going !== false

  const giveBackWhatGoes = (): void => {
    if (waiting.size === 0) return
    const all = waiting.removeAll()
    for (const entry of all) {
      if (isGoing(entry)) giveBack(entry)
      else waiting.add(entry)
    }
  }

  const dead = (topic: string, value: Uint8Array | undefined, headers: Readonly<Record<string, string>>): Promise<void> =>
    deps.writeDead({ topic, value, headers: { ...headers, destination } })

  /** Tried until it is stored: what an endpoint refuses is not lost for want of a broker. */
  const buryUntilDone = async (
    topic: string,
    value: Uint8Array | undefined,
    headers: Readonly<Record<string, string>>,
  ): Promise<boolean> => {
    while (!ended.signal.aborted) {
      try {
        await dead(topic, value, headers)
        return true
      } catch (error) {
        log.warn(
          { destination, topic, fault: error instanceof Error ? error.message : String(error) },
          'cannot store a dead letter; trying again',
        )
        await delay(buryAgainMs, undefined, { signal: ended.signal }).catch(() => {})
      }
    }
    return false
  }

  const onMessage = ({ topic, partition }: TopicPartition, message: KafkaMessage, hold: Hold): void => {
    const signal = deps.signalOf(topic)
    const { value } = message
    const poison = (reason: string): void => {
      metrics.counter('otlp_bridge_kafka_poison_messages_total', { topic, reason }).value++
      log.warn(
        { topic, partition, offset: message.offset, reason },
        'a message in the queue could not be read and goes to the dead letters',
      )
      const own = value === undefined ? undefined : new Uint8Array(value)
      void buryUntilDone(topic, own, { reason }).then((stored) => (stored ? reader.done(hold) : reader.abandon(hold)))
    }
    if (value === undefined) {
      poison('null_value')
      return
    }
    try {
      const head = headOf(message, (bytes) => inspectors[signal](bytes).items)
      const wanted = head.destinations === undefined || head.destinations.includes(destination)
      if (!wanted || (head.items === 0 && signal !== 'legacy')) {
        reader.done(hold)
        return
      }
      const entry: Entry = {
        id: ++lastId,
        format: head.format,
        signal,
        items: head.items,
        bytes: value.length,
        queuedAtMs: head.queuedAtMs,
        maybeSent: false,
        account: head.account,
        data: new Uint8Array(value),
        holders: undefined,
        shared: false,
        stored: true,
        forwarded: undefined,
      }
      accounts.carry(entry, 1)
      places.set(entry.id, { hold, topic })
      waiting.add(entry)
      bell.ring()
    } catch {
      poison('decode_proto')
    }
  }

  const takeAway = (batches: readonly QueuedBatch[]): { entry: Entry; place: Place }[] => {
    const gone: { entry: Entry; place: Place }[] = []
    for (const { id } of batches) {
      const entry = underWay.get(id)
      const place = places.get(id)
      underWay.delete(id)
      places.delete(id)
      if (entry === undefined || place === undefined) continue
      accounts.remove(entry)
      gone.push({ entry, place })
    }
    return gone
  }

  const oldestMs = (): number | undefined => {
    let oldest = waiting.oldest()?.queuedAtMs
    for (const entry of underWay.values()) if (oldest === undefined || entry.queuedAtMs < oldest) oldest = entry.queuedAtMs
    return oldest === undefined ? undefined : Math.max(0, nowMs() - oldest)
  }

  const reader = deps.startReader(first, { onMessage, hurry: giveBackWhatGoes })

  const lane: KafkaLane = {
    destination,
    options: first,
    accounts,
    trouble: () => reader.trouble(),
    look: () => reader.look(),
    async take(limits) {
      const taken = waiting.take(limits)
      for (const entry of taken) underWay.set(entry.id, entry)
      return taken.map(asQueued)
    },
    async settle(batches, _memoryIsFree, rejected = 0, how = '') {
      let rest = rejected
      for (const { entry, place } of takeAway(batches)) {
        accounts.delivered(entry, Math.min(rest, entry.items), how)
        rest -= Math.min(rest, entry.items)
        reader.done(place.hold)
      }
    },
    release(batches, maybeSent = false) {
      for (const { id } of batches) {
        const entry = underWay.get(id)
        if (entry === undefined) continue
        underWay.delete(id)
        if (maybeSent) entry.maybeSent = true
        if (isGoing(entry)) giveBack(entry)
        else waiting.add(entry)
      }
      bell.ring()
    },
    async bury(batches, reason, message) {
      for (const { entry, place } of takeAway(batches)) {
        const headers = {
          ...encodeHead({
            format: entry.format,
            items: entry.items,
            queuedAtMs: entry.queuedAtMs,
            destinations: [destination],
            account: entry.account,
          }),
          reason,
          message: message.slice(0, 1000),
        }
        // Counted as queued until it is stored.
        accounts.hold(entry)
        const stored = await buryUntilDone(place.topic, entry.data, headers)
        accounts.remove(entry)
        if (stored) {
          accounts.lost(entry, 'dead', reason)
          deadItems += entry.items
          reader.done(place.hold)
        } else {
          accounts.books(entry).carried.value -= entry.items
          reader.abandon(place.hold)
        }
      }
    },
    // It is in memory as long as the partition is ours.
    unload() {},
    load: async () => true,
    async settleBut(batches, parts) {
      const taken = takeAway(batches)
      const [first] = taken
      if (first === undefined) return
      // Counted as queued until all of it is stored: a restart before that brings them again.
      for (const { entry } of taken) accounts.hold(entry)
      let stored = true
      for (const { data, items, reason, message } of parts) {
        const { format, queuedAtMs, account } = first.entry
        const head = encodeHead({ format, items, queuedAtMs, destinations: [destination], account })
        stored &&= await buryUntilDone(first.place.topic, data, { ...head, reason, message: message.slice(0, 1000) })
      }
      const lossOf = createDealOut(parts)
      for (const { entry, place } of taken) {
        accounts.remove(entry)
        if (stored) {
          accounts.deliveredBut(entry, lossOf(entry.items))
          reader.done(place.hold)
        } else {
          accounts.books(entry).carried.value -= entry.items
          reader.abandon(place.hold)
        }
      }
      if (stored) deadItems += parts.reduce((sum, { items }) => sum + items, 0)
    },
    ready: (atLeast) => bell.ready(atLeast),
    waiting: () => ({ items: waiting.items, bytes: waiting.bytes }),
    stats: () => ({
      batches: accounts.batches,
      items: accounts.items,
      bytes: accounts.bytes,
      // What is here is read ahead, and never full.
      maxBytes: Number.MAX_SAFE_INTEGER,
      oldestMs: oldestMs(),
      deadItems,
    }),
    async end(deadlineMs) {
      ended.abort()
      for (const entry of [...underWay.values(), ...waiting.removeAll()]) giveBack(entry)
      underWay.clear()
      await reader.stop(deadlineMs)
      // What came while it stopped.
      for (const entry of waiting.removeAll()) giveBack(entry)
    },
  }
  return lane
}
