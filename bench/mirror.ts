/**
 * `npm run build && node bench/mirror.ts [--format zipkin-proto]… [--items 10]… [--queue memory] [--rounds 3] [--seconds 3] [--warm 4000] [--slow 5000] [--json]`:
 * what it costs the built bridge to send every request to an old backend, too, and what becomes of the new side when that one is slow.
 *
 * Every round starts a bridge for each --case, warms it with --warm requests while all ends answer at once, and sends to them in turn, a short time each: `alone` (with the books, as with the page on; --bare: without
 * admin and books), `mirror`, `slow`: the old side answers after --slow ms, and `shed`: the same with `onFull: shed`. CPU is that of the bridge's process, by
 * request, at a steady rate at which it is about half busy. Throughput is that of the new side over 8 connections; of `slow` as long as the queue for the
 * old side has room. Ratios are to the first case of the same round, figures are medians of rounds.
 * Tables and JSON go to stdout, progress to stderr. Linux alone.
 */

import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type CellText, printTable } from '../src/cli/table.ts'
import { type Driven, drivenFormats } from './mirror-bodies.ts'
import type { Count, Drive, Driven as Drove, End, PeerAnswer } from './mirror-peers.ts'
import { freePorts, status } from './served-bridge.ts'

const { values } = parseArgs({
  options: {
    format: { type: 'string', multiple: true, default: drivenFormats.map(({ name }) => name) },
    items: { type: 'string', multiple: true },
    case: { type: 'string', multiple: true, default: ['alone', 'mirror', 'slow', 'shed'] },
    queue: { type: 'string', default: 'memory' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    warm: { type: 'string', default: '4000' },
    slow: { type: 'string', default: '5000' },
    bare: { type: 'boolean', default: false },
    root: { type: 'string', default: fileURLToPath(new URL('..', import.meta.url)) },
    json: { type: 'boolean', default: false },
  },
})

const rounds = Number(values.rounds)
const seconds = Number(values.seconds)
const launcher = join(resolve(values.root), 'bin', 'otlp-bridge')
const connections = 8

/** Bytes of requests that a slow old side is sent: they have room in a queue in memory. */
const roomBytes = 180 * 2 ** 20

/** After a turn of the steady part. */
const afterMs = 200

/** CPU of all threads that a process has, to the microsecond. */
function threadSecondsOf(pid: number): number {
  let nanos = 0
  for (const thread of readdirSync(`/proc/${pid}/task`))
    nanos += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ', 1)[0])
  return nanos / 1e9
}

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms))

interface Peer {
  readonly port: number
  ask(message: object): Promise<PeerAnswer>
  stop(): void
}

async function startPeer(role: string, options: object = {}): Promise<Peer> {
  const child = fork(new URL('./mirror-peers.ts', import.meta.url), [role, JSON.stringify(options)])
  const answer = async (): Promise<PeerAnswer> => ((await once(child, 'message')) as [PeerAnswer])[0]
  const ready = await answer()
  return {
    port: ready.kind === 'ready' ? ready.port : 0,
    async ask(message) {
      const answered = answer()
      child.send(message)
      const said = await answered
      if (said.kind === 'failed') throw new Error(`cannot drive: ${said.message}`)
      return said
    },
    stop: () => void child.kill(),
  }
}

const countOf = async (end: Peer): Promise<Count> => (await end.ask({})) as Count

/** Waits until an end gets nothing more, or has as many requests as it is to get. */
async function quiet(end: Peer, requests = Number.POSITIVE_INFINITY): Promise<Count> {
  let last = await countOf(end)
  for (let still = 0; still < 10 && last.requests < requests; ) {
    await pause(50)
    const now = await countOf(end)
    still = now.requests === last.requests ? still + 1 : 0
    last = now
  }
  return last
}

interface Figures {
  readonly case: string
  readonly cpuMicros: number
  readonly perSecond: number
  readonly p99Ms: number
  readonly refused: number
  readonly peakBytes: number
}

/** A bridge of one case with its two ends. */
interface Served {
  readonly name: string
  readonly pid: number
  /** Requests that it may still be sent. */
  room: number
  /** From here on the old side is as slow as the case says. */
  begin(): Promise<void>
  /** @param rate a second; 0: as fast as they are answered */
  run(requests: number, rate: number): Promise<Drove>
  /** Resolves when everything is where it is to go. */
  settled(): Promise<void>
  stop(): Promise<void>
}

async function start(format: Driven, items: number, bytes: number, name: string, driver: Peer): Promise<Served> {
  const slow = name === 'slow' || name === 'shed'
  const sink = await startPeer('end', { status: 200, delayMs: 0, results: 0 } satisfies End)
  const old =
    name === 'alone'
      ? undefined
      : await startPeer('end', { status: format.status, delayMs: 0, results: format.perItem ? items : 0 } satisfies End)
  const folder = mkdtempSync(join(tmpdir(), 'otlp-bridge-mirror-'))
  const [port = 0, adminPort = 0] = await freePorts(2)
  const key = `mirror.${format.endpoint}`
  const settings = [
    ...[`ingest.${format.endpoint}.host=127.0.0.1`, `ingest.${format.endpoint}.port=${port}`],
    ...(values.bare ? ['admin.enabled=false'] : ['admin.host=127.0.0.1', `admin.port=${adminPort}`]),
    ...[`emit.endpoint=http://127.0.0.1:${sink.port}`, 'emit.protocol=http/protobuf', 'emit.compression=none', 'log.level=error'],
    ...[`queue.type=${values.queue}`, `queue.path=${join(folder, 'queue')}`],
    ...format.settings,
    ...(old === undefined ? [] : [`${key}.url=http://127.0.0.1:${old.port}`]),
    ...(name === 'shed' ? [`${key}.onFull=shed`] : []),
  ]
  const args = ['serve', ...settings.flatMap((one) => ['--set', one])]
  const child: ChildProcess = spawn(launcher, args, { stdio: ['ignore', 'inherit', 'inherit'] })
  const kill = (): void => void child.kill('SIGKILL')
  process.once('exit', kill)
  const ended = once(child, 'exit')
  const run = async (requests: number, rate: number): Promise<Drove> =>
    (await driver.ask({ kind: 'drive', port, format: format.name, items, connections, requests, rate } satisfies Drive)) as Drove
  for (let tries = 0; ; tries++) {
    try {
      await run(1, 0)
      break
    } catch (error) {
      if (tries > 200 || child.exitCode !== null) throw error
      await pause(50)
    }
  }
  let isSlow = false
  const served: Served = {
    name,
    pid: child.pid ?? 0,
    room: Number.POSITIVE_INFINITY,
    async begin() {
      await served.settled()
      if (!slow) return
      isSlow = true
      await old?.ask({ delayMs: Number(values.slow) })
      if (name === 'slow') served.room = Math.floor(roomBytes / bytes)
    },
    run(requests, rate) {
      served.room -= requests
      return run(requests, rate)
    },
    async settled() {
      await quiet(sink)
      if (old !== undefined && !isSlow) await quiet(old)
    },
    async stop() {
      child.kill('SIGKILL')
      await ended
      process.off('exit', kill)
      sink.stop()
      old?.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
  return served
}

/**
 * All cases of a round at once, driven in turn for a short time each: what else the machine does meets all of them.
 * @param rate requests a second of the steady part; undefined: half of what the first case takes at most
 */
async function measure(
  format: Driven,
  items: number,
  driver: Peer,
  rate: number | undefined,
): Promise<{ figures: Figures[]; rate: number }> {
  const bytes = format.bodies(items, 1)[0]?.length ?? 0
  const served: Served[] = []
  try {
    for (const name of values.case) served.push(await start(format, items, bytes, name, driver))
    const turns = 10
    const full = new Map<Served, Drove[]>(served.map((one) => [one, []]))
    let steady = rate ?? 0
    for (const one of served) {
      await one.run(Number(values.warm) - 1000, 0)
      const warm = await one.run(1000, 0)
      steady ||= Math.max(20, warm.perSecond / 2)
      await one.begin()
    }
    const fast = Math.max(8, Math.floor((steady * 2 * seconds) / turns))
    for (let turn = 0; turn < turns; turn++) {
      for (const one of served) full.get(one)?.push(await one.run(Math.floor(Math.min(fast, one.room / 2 / (turns - turn))), 0))
    }
    for (const one of served) await one.settled()
    const used = served.map(() => 0)
    const counts = served.map(() => 0)
    for (let turn = 0; turn < turns; turn++) {
      for (const [at, one] of served.entries()) {
        const count = Math.floor(Math.min((steady * seconds) / turns, one.room / (turns - turn + 1)))
        const before = threadSecondsOf(one.pid)
        await one.run(count, steady)
        // What came last is on its way still. Not longer: what a bridge does while others have their turn is not to count.
        await pause(afterMs)
        used[at] = (used[at] ?? 0) + threadSecondsOf(one.pid) - before
        counts[at] = (counts[at] ?? 0) + count
      }
    }
    const figures = served.map((one, at): Figures => {
      const all = full.get(one) ?? []
      return {
        case: one.name,
        cpuMicros: ((used[at] ?? 0) * 1e6) / (counts[at] ?? 1),
        perSecond:
          all.reduce((sum, drove) => sum + drove.perSecond * drove.seconds, 0) / all.reduce((sum, drove) => sum + drove.seconds, 0),
        p99Ms: median(all.map(({ p99Ms }) => p99Ms)),
        refused: all.reduce((sum, { refused }) => sum + refused, 0),
        peakBytes: status(one.pid, 'VmHWM'),
      }
    })
    return { figures, rate: steady }
  } finally {
    for (const one of served) await one.stop()
  }
}

const median = (all: readonly number[]): number => [...all].sort((a, b) => a - b)[Math.floor(all.length / 2)] ?? Number.NaN

interface Row extends Figures {
  readonly format: string
  readonly items: number
  readonly bytes: number
  readonly cpuRatio: number
  readonly throughputRatio: number
}

async function measureFormat(format: Driven, items: number, driver: Peer): Promise<Row[]> {
  const all: (readonly Figures[])[] = []
  let rate: number | undefined
  for (let round = 0; round < rounds; round++) {
    console.error(`${format.name}, ${items} items, round ${round + 1}`)
    const found = await measure(format, items, driver, rate)
    rate ??= found.rate
    all.push(found.figures)
  }
  return values.case.map((name, place) => {
    const of = (key: Exclude<keyof Figures, 'case'>): number => median(all.map((one) => one[place]?.[key] ?? Number.NaN))
    const ratio = (key: 'cpuMicros' | 'perSecond'): number =>
      median(all.map((one) => (one[place]?.[key] ?? Number.NaN) / (one[0]?.[key] ?? Number.NaN)))
    return {
      ...{ format: format.name, items, bytes: format.bodies(items, 1)[0]?.length ?? 0, case: name },
      ...{ cpuMicros: of('cpuMicros'), perSecond: of('perSecond'), p99Ms: of('p99Ms'), refused: of('refused'), peakBytes: of('peakBytes') },
      ...{ cpuRatio: ratio('cpuMicros'), throughputRatio: ratio('perSecond') },
    }
  })
}

// So that what was started ends, too.
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(1))

const driver = await startPeer('driver')
const rows: Row[] = []
for (const name of values.format) {
  const format = drivenFormats.find((one) => one.name === name)
  if (format === undefined) {
    console.error(`cannot measure ${name}: expected one of ${drivenFormats.map((one) => one.name).join(', ')}`)
    process.exit(2)
  }
  for (const items of values.items?.map(Number) ?? [10, format.usual]) rows.push(...(await measureFormat(format, items, driver)))
}
driver.stop()

const fixed = (value: number, digits: number, width: number): string => value.toFixed(digits).padStart(width)
if (values.json) process.stdout.write(`${JSON.stringify({ node: process.version, queue: values.queue, rounds, rows }, null, 2)}\n`)
else {
  const cells = rows.map((row): CellText[] => [
    row.format,
    row.items,
    row.bytes,
    row.case,
    fixed(row.cpuMicros, 0, 6),
    fixed(row.cpuRatio, 2, 5),
    Math.round(row.perSecond),
    fixed(row.throughputRatio, 2, 5),
    fixed(row.p99Ms, 1, 6),
    Math.round(row.refused),
    Math.round(row.peakBytes / 2 ** 20),
  ])
  process.stdout.write(
    printTable(
      ['format', 'items', 'bytes', 'case', 'CPU µs/request', 'ratio', 'requests/s', 'ratio', 'p99 ms', 'refused', 'peak MiB'],
      cells,
    ),
  )
}
