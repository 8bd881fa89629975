/**
 * `npm run bench -- [--filter TEXT]… [--seconds 0.6] [--json] [FORMAT=FILE]…` measures every stage of every format, the encoder of metrics
 * by itself, documents of Elasticsearch beside bare `JSON.parse`, and the queue.
 * `npm run bench -- --profile NAME [--seconds 3] [--out FILE]` writes a CPU profile of one case and prints its top self times.
 * `npm run bench -- --list` prints the names.
 *
 * --filter: only cases whose name holds the text; of several texts, any. --seconds: CPU windows of one case, or time of one queue
 * row. FORMAT=FILE: one request body instead of the seeded ones. Tables and JSON go to stdout, progress to stderr.
 */

import { fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type CellText, printTable } from '../src/cli/table.ts'
import { type Format, formats, spansOf } from './bodies.ts'
import { stagesOf } from './cases.ts'
import type { Answer, Group, Task } from './child.ts'
import { documentCaseNames } from './documents.ts'
import type { Measured } from './measure.ts'
import { pointCaseNames } from './points.ts'
import type { SelfTime } from './profile.ts'
import { type QueueRow, queueCases } from './queue.ts'

const { values, positionals } = parseArgs({
  options: {
    filter: { type: 'string', multiple: true, default: [] },
    seconds: { type: 'string' },
    json: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    profile: { type: 'string' },
    out: { type: 'string' },
  },
  allowPositionals: true,
})

const files = new Map<Format, string>()
for (const one of positionals) {
  const [name, file] = one.split('=', 2)
  const format = formats.find((known) => known === name)
  if (format === undefined || file === undefined) fail(`cannot read ${one}: expected FORMAT=FILE with one of ${formats.join(', ')}`)
  files.set(format, resolve(file))
}

const seconds = Number(values.seconds ?? (values.profile === undefined ? 0.6 : 3))
if (!(seconds > 0 && seconds <= 600)) fail(`cannot use --seconds ${values.seconds}: expected a number up to 600`)

function fail(message: string): never {
  console.error(message)
  process.exit(2)
}

const groups: readonly Group[] = [...formats, 'points', 'documents']

function caseNames(group: Group): readonly string[] {
  if (group === 'points') return pointCaseNames
  if (group === 'documents') return documentCaseNames
  return stagesOf(group).map((stage) => `${stage}/${group}/${spansOf(group)}-spans`)
}

const wanted = (name: string): boolean => values.filter.length === 0 || values.filter.some((text) => name.includes(text))

/** The flags that `bin/otlp-bridge` gives the Node.js it brings: what is measured is to run as the bridge does. */
function launcherFlags(): string[] {
  const launcher = readFileSync(new URL('../bin/otlp-bridge', import.meta.url), 'utf8')
  const flags = [...launcher.matchAll(/^\s*flags="?(?:\$flags )?(--[^"\n]+)/gm)].flatMap((match) => match[1]?.split(' ') ?? [])
  if (flags.length === 0) throw new Error('cannot find the flags in bin/otlp-bridge')
  return flags
}

const flags = launcherFlags()

/** Has a child work on a task; its answers in order. */
function run(task: Task): Promise<Answer[]> {
  const answers: Answer[] = []
  const child = fork(new URL('./child.ts', import.meta.url), [JSON.stringify(task)], { execArgv: flags })
  child.on('message', (answer) => answers.push(answer as Answer))
  // The last answers may come after the exit: the channel says when it is empty.
  const drained = new Promise((done) => child.once('disconnect', done))
  return new Promise((done, reject) => {
    child.once('error', reject)
    child.once('exit', async (code, signal) => {
      await drained
      if (code === 0) done(answers)
      else reject(new Error(`the bench ended with ${code ?? signal}`))
    })
  })
}

const fixed = (value: number | undefined, digits: number, width: number): string => (value?.toFixed(digits) ?? '').padStart(width)
const thousands = (value: number): number => Math.round(value)

function stageTable(rows: readonly Measured[]): string {
  const cells = rows.map((row): CellText[] => [
    row.name,
    fixed(row.microsMin, 2, 6),
    fixed(row.microsMedian, 2, 6),
    thousands(row.spansPerCpuSecond),
    fixed(row.bytesInPerSpan, 0, 5),
    fixed(row.bytesOutPerSpan, 0, 5),
    thousands(row.allocatedBytesPerSpan),
  ])
  return printTable(['case', 'µs/item', 'median', 'items/CPU-s', 'B in', 'B out', 'B allocated'], cells)
}

function queueTable(rows: readonly QueueRow[]): string {
  const cells = rows.map((row): CellText[] => [
    row.name,
    thousands(row.putsPerSecond),
    thousands(row.megabytesPerSecond),
    fixed(row.cpuMsPerPut, 3, 6),
    fixed(row.latencyMs, 2, 6),
    fixed(row.handedOutMs, 2, 6),
    thousands(row.loopLateMs),
    thousands(row.rssMegabytes),
  ])
  return printTable(['case', 'puts/s', 'MB/s', 'CPU ms/put', 'latency ms', 'handed out ms', 'loop late ms', 'RSS MB'], cells)
}

function profileTable(times: readonly SelfTime[]): string {
  const cells = times.slice(0, 25).map(({ name, place, ms, share }): CellText[] => [fixed(share * 100, 1, 5), fixed(ms, 0, 6), name, place])
  return printTable(['self %', 'ms', 'function', 'place'], cells)
}

const fileOf = (group: Group): { file?: string } => {
  const file = group === 'points' || group === 'documents' ? undefined : files.get(group)
  return file === undefined ? {} : { file }
}

async function profile(asked: string): Promise<void> {
  const all = groups.flatMap((format) => caseNames(format).map((name) => ({ format, name })))
  const found = all.filter(({ name }) => name === asked || name.startsWith(`${asked}/`))
  const [one] = found
  if (one === undefined || found.length > 1)
    fail(`cannot profile ${asked}: expected one of\n${all.map(({ name }) => `  ${name}`).join('\n')}`)
  const out = resolve(values.out ?? `${one.name.replaceAll('/', '-')}.cpuprofile`)
  for (const answer of await run({ kind: 'profile', ...one, ...fileOf(one.format), seconds, out })) {
    if (answer.kind !== 'profile') continue
    process.stdout.write(values.json ? `${JSON.stringify(answer.times, null, 2)}\n` : profileTable(answer.times))
  }
  console.error(`written: ${out}`)
}

async function measureAll(): Promise<void> {
  const tasks: Task[] = groups.map((format) => ({
    kind: 'format',
    format,
    ...fileOf(format),
    names: caseNames(format).filter(wanted),
    seconds,
  }))
  tasks.push({ kind: 'queue', names: queueCases.map(({ name }) => name).filter(wanted), seconds })
  const asked = tasks.filter((task) => task.kind !== 'profile' && task.names.length > 0)
  if (asked.length === 0) fail(`no case holds ${values.filter.join(' or ')}; --list prints all names`)
  const cases: Measured[] = []
  const queue: QueueRow[] = []
  for (const task of asked) {
    console.error(`measuring ${task.kind === 'queue' ? 'the queue' : task.format}`)
    for (const answer of await run(task)) {
      if (answer.kind === 'format') cases.push(answer.row)
      else if (answer.kind === 'queue') queue.push(answer.row)
    }
  }
  if (values.json) {
    process.stdout.write(`${JSON.stringify({ node: process.version, flags, seconds, cases, queue }, null, 2)}\n`)
    return
  }
  process.stdout.write([cases.length > 0 ? stageTable(cases) : '', queue.length > 0 ? queueTable(queue) : ''].filter(Boolean).join('\n'))
}

if (values.list) console.log([...groups.flatMap(caseNames), ...queueCases.map(({ name }) => name)].join('\n'))
else if (values.profile !== undefined) await profile(values.profile)
else await measureAll()
