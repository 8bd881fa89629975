/**
 * `npm run build && node bench/backfill.ts --url http://127.0.0.1:9200 [--index jaeger-span-2026-11-18] [--format jaeger-es] [--runs 3] [--elasticdump FILE] [--pages 20]
 * [--root FOLDER] [--json] [-- further flags of backfill]`: processor time of a back-fill of one index into files, by item, beside that of elasticdump.
 *
 * `translate`: so many pages of the index are taken into memory and translated in a loop by the translator that the back-fill uses; best and middle of many
 * short windows; of logs (`--format elasticsearch`), which are translated where they lie in an answer, there is none. `back-fill`: the whole command of the built bridge, start and plan included, the day that the index is of, of logs the index, `--file-format proto --compress none`, since elasticdump compresses nothing either.
 * `elasticdump`: `elasticdump --type data --limit 2000`, where its bin/elasticdump is named. Each run is a process of its own, taken in turns, because the
 * machine is not the same from minute to minute; CPU is user and system time of the process, all threads. The store is only read.
 * The table goes to stdout, progress to stderr.
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type CellText, printTable } from '../src/cli/table.ts'
import { createFileTranslator, translateConfig } from '../src/ingest/index.ts'
import { measure } from './measure.ts'

const { values, positionals } = parseArgs({
  options: {
    url: { type: 'string' },
    index: { type: 'string', default: 'jaeger-span-2026-11-18' },
    format: { type: 'string', default: 'jaeger-es' },
    runs: { type: 'string', default: '3' },
    elasticdump: { type: 'string' },
    pages: { type: 'string', default: '20' },
    seconds: { type: 'string', default: '5' },
    root: { type: 'string', default: fileURLToPath(new URL('..', import.meta.url)) },
    json: { type: 'boolean', default: false },
  },
  allowPositionals: true,
})
const { url, index, format } = values
if (url === undefined || (format !== 'jaeger-es' && format !== 'zipkin-es' && format !== 'elasticsearch')) {
  console.error('cannot begin: expected --url, and --format jaeger-es, zipkin-es or elasticsearch')
  process.exit(2)
}

const launcher = join(resolve(values.root), 'bin', 'otlp-bridge')
const pageItems = 2000

/** Documents of the index as they stand, a page each. */
async function recordedPages(count: number): Promise<Uint8Array[]> {
  const pages: Uint8Array[] = []
  let after: unknown
  while (pages.length < count) {
    const time = format === 'jaeger-es' ? 'startTime' : 'timestamp_millis'
    const query = {
      size: pageItems,
      sort: [{ [time]: 'asc' }],
      track_total_hits: false,
      ...(after === undefined ? {} : { search_after: after }),
    }
    const answer = await fetch(`${url}/${index}/_search?filter_path=hits.hits._source,hits.hits.sort`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(query),
    })
    if (!answer.ok) throw new Error(`cannot read ${index}: ${answer.status} ${(await answer.text()).slice(0, 200)}`)
    const text = await answer.text()
    // Cut out of the answer, not parsed and written again: every byte is the store's.
    const documents = text
      .split('{"_source":')
      .slice(1)
      .map((one) => one.slice(0, one.lastIndexOf(',"sort":')))
    if (documents.length === 0) break
    pages.push(Buffer.from(format === 'jaeger-es' ? documents.join('\n') : `[${documents.join(',')}]`))
    after = JSON.parse(text.slice(text.lastIndexOf('"sort":') + 7, text.indexOf(']', text.lastIndexOf('"sort":')) + 1))
  }
  return pages
}

interface Cost {
  readonly cpuSeconds: number
  readonly wallSeconds: number
  readonly maxRssMb: number
}

/** Says on file descriptor 3 what the process has used, in whatever program it is. */
const reporter = `import{isMainThread}from'node:worker_threads';import{writeSync}from'node:fs';if(isMainThread)process.on('exit',()=>writeSync(3,JSON.stringify(process.resourceUsage())))`

async function costOf(command: string, args: readonly string[]): Promise<Cost> {
  const begin = performance.now()
  const child = spawn(command, args, {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(reporter)}` },
  })
  let [told, errors] = ['', '']
  child.stdio[3]?.on('data', (part: Buffer) => (told += part))
  child.stderr?.on('data', (part: Buffer) => (errors = `${errors}${part}`.slice(-2000)))
  const [code] = await once(child, 'close')
  if (code !== 0 || told === '') throw new Error(`${command} ended with ${code}: ${errors}`)
  const { userCPUTime, systemCPUTime, maxRSS } = JSON.parse(told) as NodeJS.ResourceUsage
  return { cpuSeconds: (userCPUTime + systemCPUTime) / 1e6, wallSeconds: (performance.now() - begin) / 1000, maxRssMb: maxRSS / 1024 }
}

/** The day that an index is of, as flags; none where its name says no day. */
function dayFlags(): readonly string[] {
  const day = /(\d{4})[-._](\d\d)[-._](\d\d)$/.exec(index)?.slice(1).join('-')
  return day === undefined ? [] : ['--since', day, '--until', new Date(Date.parse(day) + 86_400_000).toISOString()]
}

async function backfillOnce(): Promise<Cost & { readonly items: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-backfill-'))
  try {
    const ledger = join(folder, 'ledger')
    const args = [
      'backfill',
      String(format),
      '--url',
      String(url),
      ...(format === 'elasticsearch' ? ['--index', index] : dayFlags()),
      '--to-file',
      join(folder, 'out'),
      '--file-format',
      'proto',
      '--compress',
      'none',
      '--ledger',
      ledger,
    ]
    const cost = await costOf(launcher, [...args, ...positionals])
    const report = await textOf(launcher, ['backfill', 'report', '--ledger', ledger])
    return { ...cost, items: Number(/^\s*read\s+([\d,]+)/m.exec(report)?.[1]?.replaceAll(',', '') ?? Number.NaN) }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function textOf(command: string, args: readonly string[]): Promise<string> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] })
  let text = ''
  child.stdout.on('data', (part: Buffer) => (text += part))
  await once(child, 'close')
  return text
}

async function elasticdumpOnce(program: string): Promise<Cost & { readonly items: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-elasticdump-'))
  try {
    const out = join(folder, 'out.ndjson')
    const cost = await costOf(process.execPath, [
      program,
      `--input=${url}/${index}`,
      `--output=${out}`,
      '--type=data',
      '--limit=2000',
      '--quiet',
    ])
    let items = 0
    for (const file of readdirSync(folder)) for (const byte of readFileSync(join(folder, file))) if (byte === 0x0a) items++
    return { ...cost, items }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const rows: { name: string; items: number; micros: number; perCpuSecond: number; wall?: number; rss?: number }[] = []

const pages = format === 'elasticsearch' ? [] : await recordedPages(Number(values.pages))
if (pages.length > 0) {
  const translate = await createFileTranslator(format === 'jaeger-es' ? 'jaeger-es' : 'zipkin-json', translateConfig.parse({}))
  let [at, items] = [0, 0]
  for (const page of pages) items += translate(page, 0).received
  const run = (): void => void translate(pages[at++ % pages.length] as Uint8Array, 0)
  const { microsMin, microsMedian } = measure(
    { name: 'translate', spans: items / pages.length, bytesIn: undefined, bytesOut: undefined, run },
    Number(values.seconds),
  )
  rows.push({ name: 'translate, best', items, micros: microsMin, perCpuSecond: 1e6 / microsMin })
  rows.push({ name: 'translate, middle', items, micros: microsMedian, perCpuSecond: 1e6 / microsMedian })
}
for (let i = 1; i <= Number(values.runs); i++) {
  const both: readonly (readonly [string, () => Promise<Cost & { readonly items: number }>])[] = [
    ['back-fill', backfillOnce],
    ...(values.elasticdump === undefined ? [] : [['elasticdump', () => elasticdumpOnce(String(values.elasticdump))] as const]),
  ]
  for (const [name, once_] of both) {
    console.error(`${name}, run ${i}`)
    const { items, cpuSeconds, wallSeconds, maxRssMb } = await once_()
    const perCpuSecond = items / cpuSeconds
    rows.push({ name: `${name}, run ${i}`, items, micros: 1e6 / perCpuSecond, perCpuSecond, wall: wallSeconds, rss: maxRssMb })
  }
}
if (values.json) console.log(JSON.stringify({ url, index, format, rows }, null, 2))
else {
  const cells = rows.map(({ name, items, micros, perCpuSecond, wall, rss }): CellText[] => [
    name,
    items,
    micros.toFixed(2),
    Math.round(perCpuSecond),
    wall === undefined ? '' : wall.toFixed(1),
    rss === undefined ? '' : Math.round(rss),
  ])
  console.log(printTable(['', 'items', 'µs CPU/item', 'items/CPU s', 'wall s', 'peak MB'], cells))
}
