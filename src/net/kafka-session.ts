/**
 * One membership of a consumer group, from joining to its end: partitions come and go, each is fetched, handed on message by message,
 * and its offsets are committed once everything before them is done. Nothing is fetched while too much is under way.
 */

import { performance } from 'node:perf_hooks'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { kafkaReason } from './kafka.ts'
import { type Edge, type GroupClient, type GroupHooks, partitionKey, revokeLimitMs, within } from './kafka-client.ts'
import { type FetchedPartition, KafkaError, type TopicPartition } from './kafka-fetch.ts'
import { createLease, type Hold, jump, type Lease, lagOf } from './kafka-lease.ts'
import type { BatchReader, KafkaMessage, SetAside } from './kafka-records.ts'

/** A member that has not joined yet, and how its fetches are read. */
export interface Member {
  readonly client: GroupClient
  /** Batches of a fetched partition from an offset on. */
  open(fetched: FetchedPartition, from: number): BatchReader
}

export interface SessionOptions {
  readonly startFrom: Edge
  /** Bytes under way above which nothing is fetched or handed on. */
  readonly maxHeldBytes: number
  readonly commitIntervalMs: number
}

export interface SessionDeps {
  /** Takes one message; `hold` is done with later. Its bytes are a view: copy what you keep. Must not throw. */
  readonly onMessage: (place: TopicPartition, message: KafkaMessage, hold: Hold) => void
  /** Messages that could not be read; they are behind us. */
  readonly onSetAside: (place: TopicPartition, setAside: SetAside) => void
  /** Messages that the broker no longer had when their turn came. */
  readonly onMissed: (place: TopicPartition, messages: number) => void
  /**
   * Partitions are about to go, or are gone (their leases say so): finish soon what is on hand of them, or abandon it. May be called
   * for nothing.
   */
  readonly hurry: () => void
  readonly onLag: (place: TopicPartition, messages: number) => void
  readonly onRebalance: () => void
  /** Bytes under way, of this and earlier sessions. */
  readonly heldBytes: () => number
  readonly hold: (lease: Lease, message: KafkaMessage, bytes: number) => Hold
  readonly paused: () => boolean
}

export interface Session {
  readonly hooks: GroupHooks
  /** Resolves when the membership is over, with its reason; undefined when we ended it. */
  readonly over: Promise<unknown>
  /** Something was done, or reading may go on. */
  wake(): void
  /** True once partitions were assigned. */
  readonly joined: boolean
  /** Sentences about partitions that are not read, and commits that fail. */
  trouble(): readonly string[]
  /** Finishes what is under way within the time given, commits, and leaves. */
  end(deadlineMs: number): Promise<void>
}

const tickMs = 200
const backOffMs = 500
const authorizationBackOffMs = 10_000
const commitLimitMs = 5000

/** Handing on goes on for this long, then others have their turn. */
const turnMs = 4

/** The end of a partition that is not fetched is asked for this often. */
const endsEveryMs = 15_000

/** A message costs this beside its bytes while it is under way. */
const messageCostBytes = 256

const fetchLimits = { maxWaitMs: 400, maxBytes: 4 * 1024 * 1024, maxPartitionBytes: 1024 * 1024 }

const now = (): number => performance.now()

/** Starts a session; the caller joins with its hooks. */
export function openSession(member: Member, options: SessionOptions, deps: SessionDeps): Session {
  const { client } = member
  const leases = new Map<string, Lease>()
  const fetching = new Set<number>()
  const wakers = new Set<() => void>()
  let wanted = new Set<string>()
  let closed = false
  let joined = false
  let commits: Promise<void> = Promise.resolve()
  let commitFault: string | undefined
  let committedAtMs = now()
  let endsAtMs = now()
  let asking = false
  let waking = false
  let openFault: string | undefined
  let finish: (reason: unknown) => void = () => {}
  const over = new Promise<unknown>((resolve) => void (finish = resolve))

  const wakeNow = (): void => {
    waking = false
    for (const waker of [...wakers]) waker()
    pump()
  }

  const wake = (): void => {
    if (waking) return
    waking = true
    // Many messages are done at once: one look is enough for all of them.
    queueMicrotask(wakeNow)
  }

  /** Resolves at the next {@link wake}, or after the time given. */
  const woken = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(() => waker(), ms)
      const waker = (): void => {
        clearTimeout(timer)
        wakers.delete(waker)
        resolve()
      }
      wakers.add(waker)
    })

  const full = (): boolean => deps.paused() || deps.heldBytes() >= options.maxHeldBytes

  const showLag = (lease: Lease): void => {
    if (leases.get(lease.key) === lease) deps.onLag(lease, lagOf(lease))
  }

  const commitOf = async (list: readonly Lease[]): Promise<void> => {
    const dirty = list.filter((lease) => lease.tracker.committable > lease.committed)
    committedAtMs = now()
    if (dirty.length === 0) return
    const offsets = dirty.map((lease) => ({ topic: lease.topic, partition: lease.partition, offset: lease.tracker.committable }))
    try {
      const answers = new Map((await client.commit(offsets)).map((answer) => [partitionKey(answer), answer.error]))
      commitFault = undefined
      dirty.forEach((lease, at) => {
        const error = answers.get(lease.key)
        // A jump in between has set another mark.
        if (error === 0 && lease.committed < (offsets[at]?.offset ?? -1)) lease.committed = offsets[at]?.offset ?? -1
        else if (error !== 0) commitFault = `error ${error ?? 'unknown'} of the group's coordinator`
        showLag(lease)
      })
    } catch (error) {
      commitFault = kafkaReason(error)
    }
  }

  /** One commit at a time, so that a lower offset never comes after a higher one. */
  const commit = (list: readonly Lease[]): Promise<void> => {
    commits = commits.then(() => commitOf(list))
    return commits
  }

  const drop = (lease: Lease): void => {
    lease.going = true
    if (leases.get(lease.key) !== lease) return
    leases.delete(lease.key)
    deps.onLag(lease, 0)
  }

  /** Waits until nothing of these partitions is under way, then commits; after the time given it is given up. */
  const letGo = async (going: readonly Lease[], limitMs: number): Promise<void> => {
    if (going.length === 0) return
    for (const lease of going) lease.going = true
    const until = now() + limitMs
    wake()
    deps.hurry()
    while (!closed && now() < until && going.some((lease) => lease.tracker.underWay > 0)) await woken(Math.max(1, until - now()))
    await within(commitLimitMs, commit(going))
    for (const lease of going) drop(lease)
  }

  /** Where each partition is read from: what the group has stored, or the edge that the configuration says. */
  const takeUp = async (places: readonly TopicPartition[]): Promise<void> => {
    for (let list = places; !closed && list.length > 0; ) {
      try {
        const committed = await client.committed(list)
        const blank = list.filter((place) => !committed.has(partitionKey(place)))
        const edges = blank.length === 0 ? new Map<string, number>() : await client.edges(blank, options.startFrom)
        openFault = undefined
        for (const place of list) {
          const key = partitionKey(place)
          const stored = committed.get(key)
          const position = stored ?? edges.get(key)
          if (closed || position === undefined || !wanted.has(key) || leases.has(key)) continue
          leases.set(key, createLease(place, key, position, stored ?? -1))
        }
        pump()
      } catch (error) {
        openFault = kafkaReason(error)
        await woken(backOffMs)
      }
      list = list.filter((place) => wanted.has(partitionKey(place)) && !leases.has(partitionKey(place)))
    }
  }

  const hooks: GroupHooks = {
    async revoking(kept) {
      // The first joining is none.
      if (joined) deps.onRebalance()
      const keys = new Set(kept.map(partitionKey))
      wanted = new Set([...wanted].filter((key) => keys.has(key)))
      await letGo(
        [...leases.values()].filter((lease) => !keys.has(lease.key)),
        revokeLimitMs - commitLimitMs,
      )
    },
    assigned(all) {
      joined = true
      wanted = new Set(all.map(partitionKey))
      // What went without a word was another's already: its offsets are not ours to commit any more.
      for (const lease of [...leases.values()]) if (!wanted.has(lease.key)) drop(lease)
      deps.hurry()
      void takeUp(all.filter((place) => !leases.has(partitionKey(place))))
    },
    lost: (error) => close(error ?? new Error('the membership was lost')),
  }

  const findLeaders = async (): Promise<void> => {
    if (asking) return
    asking = true
    const lost = [...leases.values()].filter((lease) => lease.node === undefined && lease.notBeforeMs <= now())
    for (const topic of new Set(lost.map((lease) => lease.topic))) {
      const list = lost.filter((lease) => lease.topic === topic)
      try {
        const leaders = await client.leaders(list, true)
        for (const lease of list) {
          const node = leaders.get(lease.key)
          if (node !== undefined && node >= 0) lease.node = node
          else setBack(lease, 'it has no leader now')
        }
      } catch (error) {
        for (const lease of list) setBack(lease, kafkaReason(error))
      }
    }
    asking = false
    pump()
  }

  const setBack = (lease: Lease, fault: string, ms = backOffMs): void => {
    lease.node = undefined
    lease.fault = fault
    lease.notBeforeMs = now() + ms
  }

  /** The broker has not what comes next: it was deleted by age or size, or the topic is another of the same name. */
  const recover = async (lease: Lease): Promise<void> => {
    const first = (await client.edges([lease], 'earliest')).get(lease.key)
    if (first === undefined || lease.going) return
    if (first > lease.position) deps.onMissed(lease, first - lease.position)
    jump(lease, first)
  }

  const deliver = async (lease: Lease, fetched: FetchedPartition): Promise<void> => {
    const batches = member.open(fetched, lease.position)
    const from = lease.position
    let turnEnds = now() + turnMs
    for (;;) {
      while (!closed && !lease.going && full()) await woken(tickMs)
      if (closed || lease.going) return
      const batch = batches.next()
      if (batch === undefined) break
      if (batch.setAside !== undefined) {
        if (batch.setAside.reason === 'checksum' && lease.doubtful !== batch.setAside.offset) {
          lease.doubtful = batch.setAside.offset
          return
        }
        deps.onSetAside(lease, batch.setAside)
      }
      for (const message of batch.messages) {
        if (lease.going) return
        deps.onMessage(lease, message, deps.hold(lease, message, (message.value?.length ?? 0) + messageCostBytes))
        if (now() < turnEnds) continue
        await nextTurn()
        turnEnds = now() + turnMs
      }
      if (lease.going) return
      lease.tracker.reached(batch.nextOffset)
      lease.position = batch.nextOffset
    }
    if (lease.position === from && fetched.records.length > 0) setBack(lease, 'what was fetched holds no whole batch')
  }

  const answered = async (lease: Lease, fetched: FetchedPartition): Promise<void> => {
    switch (fetched.error) {
      case 0:
        lease.fault = undefined
        lease.end = Math.max(lease.end, fetched.highWatermark)
        if (fetched.records.length > 0) await deliver(lease, fetched)
        showLag(lease)
        return
      case KafkaError.OffsetOutOfRange:
        return recover(lease)
      case KafkaError.TopicAuthorizationFailed:
        return setBack(lease, 'we may not read this topic', authorizationBackOffMs)
      default:
        // A leader that moved, a broker that comes up: asked for again.
        return setBack(lease, `error ${fetched.error} of the broker`)
    }
  }

  const take = async (lease: Lease, fetched: FetchedPartition | undefined): Promise<void> => {
    try {
      if (fetched !== undefined && !closed && !lease.going) await answered(lease, fetched)
    } catch (error) {
      setBack(lease, kafkaReason(error))
    } finally {
      lease.busy = false
    }
  }

  /**
   * All that is handed on before the next fetch of a broker: it answers one after the other, and one that waits for data of quiet
   * partitions would hold up the busy ones.
   */
  const fetchFrom = async (node: number, list: readonly Lease[]): Promise<void> => {
    fetching.add(node)
    for (const lease of list) lease.busy = true
    let fetched: readonly FetchedPartition[] = []
    try {
      fetched = await client.fetch(
        node,
        list.map(({ topic, partition, position }) => ({ topic, partition, offset: position })),
        fetchLimits,
      )
    } catch (error) {
      for (const lease of list) setBack(lease, kafkaReason(error))
    }
    const byKey = new Map(fetched.map((one) => [partitionKey(one), one]))
    await Promise.all(list.map((lease) => take(lease, byKey.get(lease.key))))
    fetching.delete(node)
    pump()
  }

  const pump = (): void => {
    if (closed || full()) return
    const at = now()
    const ready = new Map<number, Lease[]>()
    let homeless = false
    for (const lease of leases.values()) {
      if (lease.busy || lease.going || lease.notBeforeMs > at) continue
      if (lease.node === undefined) homeless = true
      else if (!fetching.has(lease.node)) {
        const list = ready.get(lease.node)
        if (list === undefined) ready.set(lease.node, [lease])
        else list.push(lease)
      }
    }
    for (const [node, list] of ready) void fetchFrom(node, list)
    if (homeless) void findLeaders()
  }

  /** While nothing is fetched, nobody tells how far the end has moved. */
  const askEnds = async (): Promise<void> => {
    endsAtMs = now()
    if (!full() || leases.size === 0) return
    try {
      const ends = await client.edges([...leases.values()], 'latest')
      for (const lease of leases.values()) {
        lease.end = Math.max(lease.end, ends.get(lease.key) ?? -1)
        showLag(lease)
      }
    } catch {
      // Who cannot be asked cannot be fetched from either, and that is told elsewhere.
    }
  }

  const tick = setInterval(() => {
    pump()
    if (now() - committedAtMs >= options.commitIntervalMs) void commit([...leases.values()])
    if (now() - endsAtMs >= endsEveryMs) void askEnds()
  }, tickMs)

  const close = (reason: unknown): void => {
    if (closed) return
    closed = true
    clearInterval(tick)
    for (const lease of [...leases.values()]) drop(lease)
    deps.hurry()
    for (const waker of [...wakers]) waker()
    finish(reason)
  }

  return {
    hooks,
    over,
    wake,
    get joined() {
      return joined
    },
    trouble() {
      const byFault = new Map<string, number[]>()
      for (const { topic, partition, fault } of leases.values()) {
        if (fault === undefined) continue
        const key = `${topic}\n${fault}`
        byFault.set(key, [...(byFault.get(key) ?? []), partition])
      }
      const troubles = [...byFault].map(([key, partitions]) => {
        const [topic, fault] = key.split('\n', 2)
        return `cannot read ${topic} (${partitions.length === 1 ? 'partition' : 'partitions'} ${partitions.join(', ')}): ${fault}`
      })
      if (openFault !== undefined) troubles.push(`cannot find where to go on reading: ${openFault}`)
      if (commitFault !== undefined) troubles.push(`cannot commit offsets: ${commitFault}`)
      return troubles
    },
    async end(deadlineMs) {
      await letGo([...leases.values()], deadlineMs)
      close(undefined)
    },
  }
}
