/**
 * `otlp-bridge demo`: one process with an OTLP sink, an old Zipkin that goes on getting what it got, the bridge on free ports with a disk queue in a
 * temporary folder, and recorded requests of real clients sent through every endpoint. Ends with a table; exit code 0 only if everything arrived, at the
 * old side byte for byte, and the books balance.
 */

import { createSocket, type Socket } from 'node:dgram'
import { mkdtemp, rm } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { loadBridgeConfig } from '../config/compose.ts'
import { type Pipeline, startPipeline } from '../pipeline.ts'
import { createLog } from '../telemetry/log.ts'
import type { BooksSums } from '../telemetry/metrics.ts'
import { replayConnection } from './connection-replay.ts'
import { type DemoOldSide, startDemoOldSide } from './demo-old-side.ts'
import { type DemoSink, startDemoSink } from './demo-sink.ts'
import { type Fixture, readFixtures } from './fixtures.ts'
import { createGrpcCaller, type GrpcCaller } from './grpc-caller.ts'
import { type Io, interruptedCode } from './io.ts'
import { printTable } from './table.ts'
import { version } from './version.ts'

export interface DemoOptions {
  readonly keep?: boolean
  readonly json?: boolean
}

/** How often every recorded request is sent. */
const rounds = 100
/** Longest wait for the sink to have everything. */
const patienceMs = 15_000
/** Pause between two requests of `--keep`. */
const trickleMs = 120

/** One line of the table: what became of the items of one format. */
interface DemoRow {
  readonly format: string
  readonly endpoints: string
  readonly sent: number
  readonly received: number
  readonly translated: number
  readonly delivered: number
  readonly repeated: number
  readonly lost: number
  /** Items that wait for others to be sent with. */
  readonly held: number
  /** Items that the bridge's own books cannot account for. */
  readonly open: number
}

/** Both sides of the bridge. */
interface Sides {
  readonly sink: DemoSink
  readonly old: DemoOldSide
}

const settings = ({ sink, old }: Sides, folder: string): string[] => [
  'ingest.zipkin.port=0',
  'ingest.prometheus.port=0',
  'ingest.elasticsearch.port=0',
  'ingest.beats.port=0',
  // A recorded request holds all members of its histograms: nothing more is to come.
  'translate.prometheus.assembler.window=500ms',
  ...['http', 'grpc', 'compact', 'binary', 'zipkin', 'sampling', 'samplingGrpc'].map((name) => `ingest.jaeger.${name}.port=0`),
  `emit.endpoint=${sink.endpoint}`,
  `mirror.zipkin.url=${old.url}`,
  'emit.batch.delay=50',
  `queue.path=${folder}`,
  'admin.port=0',
  'log.level=warn',
]

/** What an answer says against the request; undefined when all of it was taken. */
function refusalOf({ format }: Fixture, status: number | undefined, body: Buffer): string | undefined {
  if (status === 202 || status === 204) return undefined
  // Elasticsearch answers each item: the request is read when it is 200, and taken when none of them failed.
  const taken = status === 200 && format === 'es-bulk' && (JSON.parse(body.toString()) as { errors?: boolean }).errors === false
  return taken ? undefined : String(status)
}

interface Sender {
  /**
   * Resolves when the request is answered, the connection acknowledged or the datagram handed to the kernel; what was refused is in `refusals`.
   * @param round metrics of each case and round are another tenant's: the same samples again would be taken for a request that is repeated
   */
  send(fixture: Fixture, round: number): Promise<void>
  readonly refusals: ReadonlySet<string>
  close(): void
}

function createSender(pipeline: Pipeline): Sender {
  const agent = new Agent({ keepAlive: true, maxSockets: 4 })
  const refusals = new Set<string>()
  let socket: Socket | undefined
  const callers = new Map<string, Promise<GrpcCaller>>()

  const addressOf = (endpoint: string): URL => {
    const found = pipeline.listeners.find((one) => one.section === `ingest.${endpoint}`)?.addresses[0]
    if (found === undefined) throw new Error(`BUG: nothing listens for ${endpoint}`)
    return new URL(found)
  }

  const post = (url: URL, fixture: Fixture, round: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const tenant = fixture.endpoint === 'prometheus' ? { 'x-scope-orgid': `${fixture.name}-${round}` } : {}
      const headers = { ...fixture.headers, ...tenant, 'content-length': fixture.body.length }
      const { method } = fixture
      const sending = request(new URL(fixture.path ?? '/', url), { method, agent, headers }, (response) => {
        const pieces: Buffer[] = []
        response.on('data', (piece: Buffer) => pieces.push(piece))
        response.on('end', () => {
          const refusal = refusalOf(fixture, response.statusCode, Buffer.concat(pieces))
          if (refusal !== undefined) refusals.add(`${fixture.name}: the bridge answered ${refusal}`)
          resolve()
        })
      })
      sending.on('error', reject)
      sending.end(fixture.body)
    })

  const fire = (url: URL, fixture: Fixture): Promise<void> => {
    socket ??= createSocket('udp4')
    const sending = socket
    return new Promise((resolve, reject) => {
      sending.send(fixture.body, Number(url.port), '127.0.0.1', (error) => (error === null ? resolve() : reject(error)))
    })
  }

  const call = async ({ host }: URL, fixture: Fixture, method: string): Promise<void> => {
    let caller = callers.get(host)
    if (caller === undefined) callers.set(host, (caller = createGrpcCaller(host)))
    const refused = await (await caller).call(method, fixture.body)
    if (refused !== undefined) refusals.add(`${fixture.name}: the bridge answered ${refused}`)
  }

  const replay = async (url: URL, { name, body }: Fixture, acks: readonly number[]): Promise<void> => {
    const fault = await replayConnection(url, body, acks)
    if (fault !== undefined) refusals.add(`${name}: ${fault}`)
  }

  return {
    refusals,
    send(fixture, round) {
      const url = addressOf(fixture.endpoint)
      if (fixture.acks !== undefined) return replay(url, fixture, fixture.acks)
      if (fixture.grpc !== undefined) return call(url, fixture, fixture.grpc)
      return fixture.path === undefined ? fire(url, fixture) : post(url, fixture, round)
    },
    close() {
      agent.destroy()
      for (const caller of callers.values()) void caller.then((one) => one.close())
      socket?.close()
    },
  }
}

/** How many of these items the sink has, how many are missing and how many came more often than sent. */
function compare(
  fixtures: readonly Fixture[],
  times: number,
  seen: DemoSink['seen'],
): { delivered: number; lost: number; repeated: number } {
  const wanted = new Map<string, number>()
  for (const fixture of fixtures) for (const id of fixture.ids) wanted.set(id, (wanted.get(id) ?? 0) + times)
  let [delivered, lost, repeated] = [0, 0, 0]
  for (const [id, count] of wanted) {
    const found = seen.get(id) ?? 0
    delivered += Math.min(found, count)
    lost += Math.max(0, count - found)
    repeated += Math.max(0, found - count)
  }
  return { delivered, lost, repeated }
}

function rowsOf(fixtures: readonly Fixture[], pipeline: Pipeline, seen: DemoSink['seen']): DemoRow[] {
  const books = pipeline.metrics.sums().filter(({ signal }) => signal !== 'legacy')
  return [...new Set(fixtures.map((one) => one.format))].map((format) => {
    const own = fixtures.filter((one) => one.format === format)
    // One for each signal that came of the format.
    const sums = books.filter((one) => one.format === format)
    const total = (count: (sum: BooksSums) => number): number => sums.reduce((all, sum) => all + count(sum), 0)
    return {
      format,
      endpoints: [...new Set(own.map((one) => one.endpoint))].join(', '),
      sent: own.reduce((sum, one) => sum + one.items, 0) * rounds,
      received: total(({ received }) => received),
      translated: total(({ signal }) => pipeline.metrics.books(format, signal).translated.value),
      ...compare(own, rounds, seen),
      held: total(({ held }) => held),
      // Two that cancel out would balance together.
      open: total(({ balance }) => Math.abs(balance)),
    }
  })
}

async function settled(done: () => boolean, signal: AbortSignal): Promise<void> {
  for (const endMs = Date.now() + patienceMs; !done() && Date.now() < endMs && !signal.aborted; ) await sleep(20)
}

type Mirrored = ReturnType<DemoOldSide['compare']>

function report(rows: readonly DemoRow[], mirror: Mirrored, seconds: number, options: DemoOptions, io: Io): boolean {
  const same = mirror.identical === mirror.requests
  const well = same && rows.every((row) => row.lost === 0 && row.open === 0 && row.received === row.sent)
  if (options.json === true) {
    io.out(`${JSON.stringify({ ok: well, seconds, formats: rows, mirror }, null, 2)}\n`)
    return well
  }
  const head = ['format', 'through', 'sent', 'received', 'translated', 'delivered', 'lost']
  const table = rows.map((row) => [row.format, row.endpoints, row.sent, row.received, row.translated, row.delivered, row.lost])
  const sum = (key: 'sent' | 'received' | 'translated' | 'delivered' | 'lost'): number => rows.reduce((total, row) => total + row[key], 0)
  table.push(['all', '', sum('sent'), sum('received'), sum('translated'), sum('delivered'), sum('lost')])
  io.out(printTable(head, table))
  const open = rows.filter((row) => row.open !== 0).map((row) => `${row.format} by ${row.open}`)
  const repeated = rows.reduce((total, row) => total + row.repeated, 0)
  const held = rows.filter((row) => row.held > 0).map((row) => `${row.held} of ${row.format}`)
  if (held.length > 0) io.out(`\nHeld until the rest of them comes: ${held.join(', ')}.\n`)
  const books = open.length === 0 ? 'The books balance' : `The books do NOT balance: ${open.join(', ')}`
  io.out(
    `\n${well ? 'Nothing lost' : 'NOT everything arrived'} (spans by id, points by metric and time, log records by time and body, in ${seconds.toFixed(1)} s; ${repeated} repeated). ${books}.\n`,
  )
  io.out(`The old Zipkin got ${mirror.identical} of ${mirror.requests} requests byte for byte as well.\n`)
  return well
}

async function trickle(fixtures: readonly Fixture[], sender: Sender, signal: AbortSignal): Promise<void> {
  const busy = fixtures.filter((one) => one.ids.length > 0)
  for (let at = 0; !signal.aborted; at++) {
    const fixture = busy[at % busy.length]
    if (fixture !== undefined) await sender.send(fixture, rounds + at)
    await sleep(trickleMs * (0.3 + Math.random()), undefined, { signal }).catch(() => undefined)
  }
}

async function run(sides: Sides, folder: string, options: DemoOptions, io: Io, signal: AbortSignal): Promise<number> {
  const fixtures = await readFixtures()
  const { sink, old } = sides
  const config = await loadBridgeConfig({ set: settings(sides, folder) }, {})
  const log = createLog({ ...config.log, terminal: io.terminal })
  const pipeline = await startPipeline(config, { log, version, nowMs: Date.now, random: Math.random })
  const sender = createSender(pipeline)
  try {
    const startedMs = Date.now()
    io.err(`Sending ${fixtures.length} recorded requests ${rounds} times through ${pipeline.listeners.length - 1} endpoints …\n`)
    for (let round = 0; round < rounds && !signal.aborted; round++) {
      await Promise.all(fixtures.map((fixture) => sender.send(fixture, round)))
    }
    await settled(() => compare(fixtures, rounds, sink.seen).lost === 0, signal)
    await settled(() => old.compare(fixtures, rounds).identical === old.compare(fixtures, rounds).requests, signal)
    await settled(() => pipeline.metrics.sums().every((one) => one.queued === 0 && one.balance === 0), signal)
    if (signal.aborted) return interruptedCode
    for (const refusal of sender.refusals) io.err(`${refusal}\n`)
    const arrived = report(
      rowsOf(fixtures, pipeline, sink.seen),
      old.compare(fixtures, rounds),
      (Date.now() - startedMs) / 1000,
      options,
      io,
    )
    const well = arrived && sender.refusals.size === 0
    if (options.keep === true && well) {
      io.err(`\nThe live page: ${pipeline.adminUrl}/   (Ctrl-C ends it)\n`)
      await trickle(fixtures, sender, signal)
    }
    return well ? 0 : 1
  } finally {
    sender.close()
    await pipeline.stop(5000)
  }
}

export async function demo(options: DemoOptions, io: Io): Promise<number> {
  const signal = io.takeSignals()
  const folder = await mkdtemp(join(tmpdir(), 'otlp-bridge-demo-'))
  const sink = await startDemoSink()
  const old = await startDemoOldSide()
  try {
    return await run({ sink, old }, folder, options, io, signal)
  } finally {
    await old.stop()
    await sink.stop()
    await rm(folder, { recursive: true, force: true })
  }
}
