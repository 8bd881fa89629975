/**
 * What every shipper goes through: the bridge behind it has a small disk queue, the endpoint behind the bridge refuses half of the requests;
 * the bridge is killed with signal 9, for a while the endpoint takes nothing until the queue is full and longer, the bridge is killed
 * once more; then everything is drained and counted.
 */

import { setTimeout as delay } from 'node:timers/promises'
import { type LogsSink, lineOf, startLogsSink } from './logs-sink.ts'
import { type RestartingBridge, startRestartingBridge } from './restarting-bridge.ts'
import type { Feed, Said } from './shipper-feeds.ts'
import type { Shipper } from './shippers.ts'
import { until } from './wait.ts'

export interface Plan {
  /** For each shipper. */
  readonly lines: number
  /** Lines a second that each shipper is given. */
  readonly perSecond: number
  /** How long the queue stays full. */
  readonly fullMs: number
  /** Decides about moments and faults: 0 ≤ x < 1. */
  readonly random: () => number
  /** Told what happens, for the console. */
  readonly tell: (what: string) => unknown
}

export interface Outcome {
  readonly shipper: Shipper
  readonly lines: number
  readonly missing: number
  /** Numbers of the first that are missing. */
  readonly first: readonly number[]
  readonly repeats: number
  /** What a program said of its own. */
  readonly said: Said | undefined
  /** How it failed to end as it should. */
  readonly fault: string | undefined
}

export interface Round {
  readonly outcomes: readonly Outcome[]
  /** What was wrong with records, by kind; whoever sent them. */
  readonly faults: LogsSink['faults']
  /** At which part of all looks the queue was full while it should have been. */
  readonly fullShare: number
  readonly kills: number
  /** Items by the metric's label text, of the last run of the bridge. */
  readonly books: Readonly<Record<string, ReadonlyMap<string, number>>>
}

type LogsBridge = RestartingBridge<'elasticsearch' | 'beats'>

const total = async (bridge: LogsBridge, name: string): Promise<number> => {
  const values = await bridge.metric(`otlp_bridge_${name}`)
  return [...values.values()].reduce((sum, value) => sum + value, 0)
}

/**
 * How many bytes the queue may hold: about a tenth of all lines as OTLP, so that it is full soon. What one shipper brings at once must fit into
 * it: winston sends all that it has kept meanwhile as one request, so it goes with several others.
 */
const queueBytes = (lines: number, shippers: number): number => Math.max(2 * 1024 * 1024, Math.round((lines * shippers * 400) / 10))

/** Feeds one shipper at its pace; keeps count for whoever waits for a part of it. */
async function feedAll(shipper: Shipper, feed: Feed, { lines, perSecond }: Plan, fed: Map<Shipper, number>): Promise<void> {
  const piece = Math.max(1, Math.round(perSecond / 20))
  const startedMs = performance.now()
  for (let next = 1; next <= lines; next += piece) {
    const last = Math.min(lines, next + piece - 1)
    await feed.write(Array.from({ length: last - next + 1 }, (_, index) => lineOf(shipper.name, next + index)))
    fed.set(shipper, last)
    const dueMs = startedMs + (last / perSecond) * 1000
    await delay(Math.max(0, dueMs - performance.now()))
  }
}

/** Until everything is there, or nothing new has come for as long as the most patient shipper waits. */
async function settled(sink: LogsSink, bridge: LogsBridge, shippers: readonly Shipper[], lines: number): Promise<void> {
  // syslog-ng tries again after a minute.
  const quietMs = 75_000
  let left = Number.POSITIVE_INFINITY
  let movedMs = performance.now()
  for (;;) {
    const now = shippers.reduce((sum, { name }) => sum + lines - sink.of(name).arrived, 0)
    if (now !== left) movedMs = performance.now()
    left = now
    if (left === 0 || performance.now() - movedMs > quietMs) break
    await delay(250)
  }
  await until('the queue empty', async () => ((await total(bridge, 'queue_items')) === 0 ? true : undefined), 60_000)
}

const bookNames = ['received', 'carried', 'recovered', 'delivered', 'refused', 'dropped', 'dead'].map((name) => `${name}_items_total`)

/** Runs it with all these shippers at once, each sending to the same bridge. */
export async function shipperRound(shippers: readonly Shipper[], plan: Plan): Promise<Round> {
  const { lines, fullMs, random } = plan
  const beganMs = performance.now()
  const tell = (what: string): unknown => plan.tell(`${((performance.now() - beganMs) / 1000).toFixed(1).padStart(6)} s  ${what}`)
  const sink = await startLogsSink(random)
  const bridge = await startRestartingBridge(['elasticsearch', 'beats'] as const, (ports) => ({
    ingest: { elasticsearch: { port: ports.elasticsearch }, beats: { port: ports.beats } },
    queue: { maxSize: queueBytes(lines, shippers.length), ballast: '1MiB' },
    emit: { endpoint: sink.url, batch: { maxItems: 1000 }, retry: { initialInterval: '50ms', maxInterval: '1s' } },
  }))
  const feeds = new Map<Shipper, Feed>()
  const fed = new Map<Shipper, number>()
  const state = { kills: 0, fullShare: 0, fedAll: false }

  const killed = async (): Promise<void> => {
    await bridge.kill()
    state.kills++
    const awayMs = 200 + random() * 1800
    tell(`killed, ${share().toFixed(2)} of the lines given; back in ${Math.round(awayMs)} ms`)
    await delay(awayMs)
    await bridge.start()
  }
  /** What part of all lines shippers were given. */
  const share = (): number => [...fed.values()].reduce((sum, count) => sum + count, 0) / (lines * shippers.length)
  const given = async (part: number): Promise<void> => {
    while (share() < part && !state.fedAll) await delay(20)
  }
  const limit = queueBytes(lines, shippers.length)
  /** Somebody is made to wait, or nobody would have room who brings as much as most do. */
  const isFull = async (): Promise<boolean> =>
    (await total(bridge, 'elasticsearch_held_requests')) > 0 ||
    ((await bridge.metric('otlp_bridge_beats_connections')).get('state="waiting"') ?? 0) > 0 ||
    (await total(bridge, 'queue_bytes')) > limit * 0.8

  const filled = async (killWithin: boolean): Promise<void> => {
    sink.mode = 'down'
    const downMs = performance.now()
    // For a second: a single request may have to wait at other times too.
    for (let looks = 0; looks < 10 && performance.now() - downMs < 60_000; await delay(100)) looks = (await isFull()) ? looks + 1 : 0
    const fullSinceMs = performance.now()
    tell(`endpoint down for ${Math.round(fullSinceMs - downMs)} ms, queue ${(await isFull()) ? 'full' : 'not full'}`)
    const killAtMs = killWithin ? fullSinceMs + fullMs * random() : Number.POSITIVE_INFINITY
    const looks = { full: 0, all: 0 }
    while (performance.now() < fullSinceMs + fullMs || state.kills < (killWithin ? 2 : 1)) {
      if (performance.now() > killAtMs && state.kills < 2) await killed()
      looks.all++
      if (await isFull()) looks.full++
      await delay(100)
    }
    state.fullShare = looks.full / looks.all
    sink.mode = 'half'
    tell(`endpoint back, ${share().toFixed(2)} of the lines given; the queue was full at ${looks.full} of ${looks.all} looks`)
  }

  /** Events by how much shippers were given. */
  const direct = async (): Promise<void> => {
    const killWithin = random() < 0.5
    await given(0.05 + random() * 0.25)
    await killed()
    await given(0.4)
    await filled(killWithin)
    if (killWithin) return
    await given(0.6 + random() * 0.3)
    await killed()
  }

  try {
    sink.mode = 'half'
    for (const shipper of shippers) feeds.set(shipper, await shipper.start(bridge.ports))
    const said = new Map<Shipper, Said | undefined>()
    const broken = new Map<Shipper, string>()
    const ended = [...feeds].map(async ([shipper, feed]) => {
      try {
        await feedAll(shipper, feed, plan, fed)
        said.set(shipper, await feed.end())
        tell(`${shipper.name} has ended: ${JSON.stringify(said.get(shipper) ?? 'nothing to say')}`)
      } catch (error) {
        broken.set(shipper, String(error))
      }
    })
    const feeding = Promise.all(ended).then(() => (state.fedAll = true))
    await direct()
    await feeding
    tell('all were given everything; draining')
    sink.mode = 'ok'
    // What a program that has ended did not deliver will not come.
    const open = shippers.filter((shipper) => said.get(shipper) === undefined)
    await settled(sink, bridge, open, lines)
    const books: Record<string, ReadonlyMap<string, number>> = {}
    for (const name of bookNames) books[name] = await bridge.metric(`otlp_bridge_${name}`)
    tell(`${sink.records} records in ${sink.requests.taken} requests; ${sink.requests.refused} were refused`)
    for (const [{ name }, feed] of feeds) {
      const remarks = await feed.remarks?.()
      if (remarks !== undefined) tell(`${name}: ${remarks}`)
    }
    const outcomes = shippers.map((shipper): Outcome => {
      const arrivals = sink.of(shipper.name)
      const { count, first } = arrivals.missing(lines)
      if (count > 0) tell(`${shipper.name}: ${count} missing, the first of them ${first.join(', ')}`)
      return {
        shipper,
        lines,
        missing: count,
        first,
        repeats: arrivals.repeats,
        said: said.get(shipper),
        fault: broken.get(shipper),
      }
    })
    return { outcomes, faults: sink.faults, fullShare: state.fullShare, kills: state.kills, books }
  } finally {
    for (const feed of feeds.values()) await feed.stop()
    try {
      await bridge.stop()
    } finally {
      await sink.close()
    }
  }
}
