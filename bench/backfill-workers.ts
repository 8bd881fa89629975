/**
 * `npm run build && node bench/backfill-workers.ts [--spans 120000] [--files 48] [--root .] [--source] [--json]`: what a second worker brings to a back-fill. One worker
 * over files as fast as it can; one that is held to a quarter of that; two, each held to a quarter. Time is from the start of the workers to the planner's
 * word that nothing is left. Exit code 1 when two take more than 0.6 of the time of one, or anything is missing. Needs redis-server.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { createServer as createSocket } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type CellText, printTable } from '../src/cli/table.ts'

const { values } = parseArgs({
  options: {
    spans: { type: 'string', default: '120000' },
    files: { type: 'string', default: '48' },
    root: { type: 'string', default: fileURLToPath(new URL('..', import.meta.url)) },
    /** Runs the TypeScript, not what was built. */
    source: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
})

const spans = Number(values.spans)
const files = Number(values.files)
const launcher = join(resolve(values.root), 'bin', 'otlp-bridge')
const mostShare = 0.6
const folder = mkdtempSync(join(tmpdir(), 'otlp-bridge-workers-'))

const freePort = async (): Promise<number> => {
  const socket = createSocket().listen(0, '127.0.0.1')
  await once(socket, 'listening')
  const address = socket.address()
  socket.close()
  await once(socket, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

function writeHistory(): string {
  const into = join(folder, 'history')
  mkdirSync(into)
  for (let file = 0; file < files; file++) {
    const list = []
    for (let at = file; at < spans; at += files) {
      const id = (at + 1).toString(16).padStart(16, '0')
      const timestamp = 1_760_000_000_000_000 + at * 1000
      const localEndpoint = { serviceName: `service-${at % 7}`, ipv4: '10.0.0.1', port: 8080 }
      const tags = { 'http.method': 'GET', 'http.path': `/items/${at}`, 'http.status_code': '200' }
      list.push({ traceId: id.padStart(32, '0'), id, name: 'get /items', kind: 'SERVER', timestamp, duration: 1500, localEndpoint, tags })
    }
    writeFileSync(join(into, `${String(file).padStart(3, '0')}.json`), JSON.stringify(list))
  }
  return join(into, '*.json')
}

/** Takes everything. */
async function startEnd(): Promise<{ readonly server: Server; readonly url: string; readonly seen: { first: number; last: number } }> {
  const seen = { first: 0, last: 0 }
  const server = createServer((request, response) => {
    seen.last = performance.now()
    if (seen.first === 0) seen.first = seen.last
    request.resume().on('end', () => response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return { server, seen, url: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}` }
}

async function startRedis(): Promise<{ readonly child: ChildProcess; readonly url: string }> {
  const port = await freePort()
  const flags = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'yes']
  const child = spawn('redis-server', flags, { stdio: ['ignore', 'pipe', 'inherit'] })
  if (child.stdout !== null) await said(child.stdout, 'Ready to accept')
  return { child, url: `redis://127.0.0.1:${port}` }
}

const children = new Set<ChildProcess>()

const bridge = (words: readonly string[], endpoint: string): ChildProcess => {
  const env = { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }
  const [program, first] = values.source ? [process.execPath, [join(resolve(values.root), 'src', 'main.ts')]] : [launcher, []]
  const child = spawn(program, [...first, 'backfill', ...words], { env, cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  children.add(child)
  child.once('exit', () => children.delete(child))
  return child
}

interface Done {
  readonly name: string
  readonly workers: number
  readonly limit: number | undefined
  readonly ms: number
  /** From the first request to the last. */
  readonly sendingMs: number
  readonly acknowledged: number
}

const said = async (stream: NodeJS.ReadableStream, word: string): Promise<void> => {
  const { promise, resolve: done, reject } = Promise.withResolvers<void>()
  let text = ''
  stream.on('data', (data) => {
    text += String(data)
    if (text.includes(word)) done()
  })
  stream.on('end', () => reject(new Error(`ended without "${word}": ${text}`)))
  await promise
}

interface From {
  readonly glob: string
  readonly redis: string
  readonly endpoint: string
  readonly seen: { first: number; last: number }
}

async function oneRun(name: string, workers: number, limit: number | undefined, from: From): Promise<Done> {
  process.stderr.write(`${name}\n`)
  from.seen.first = 0
  const planner = bridge(
    [
      'files',
      from.glob,
      '--workers',
      from.redis,
      '--ledger',
      join(folder, name.replaceAll(/\W/g, '-')),
      '--order',
      'any',
      '--clean',
      '--json',
    ],
    from.endpoint,
  )
  let report = ''
  planner.stdout?.on('data', (data) => {
    report += String(data)
  })
  const ended = once(planner, 'exit')
  if (planner.stderr !== null) await said(planner.stderr, 'handed out')
  const rate = limit === undefined ? [] : ['--rate', `${limit}/s`]
  const since = performance.now()
  const all = Array.from({ length: workers }, () => bridge(['worker', from.redis, '--parallel', '2', ...rate], from.endpoint))
  for (const one of all) {
    one.stderr?.resume()
    one.stdout?.resume()
  }
  const ends = all.map((one) => once(one, 'exit'))
  const [code] = await ended
  const ms = performance.now() - since
  await Promise.all(ends)
  const { acknowledged } = JSON.parse(report) as { readonly acknowledged: number }
  if (code !== 0 || acknowledged !== spans) throw new Error(`${name}: exit code ${String(code)}, ${acknowledged} of ${spans} arrived`)
  return { name, workers, limit, ms, sendingMs: from.seen.last - from.seen.first, acknowledged }
}

const glob = writeHistory()
const redis = await startRedis()
const end = await startEnd()
try {
  const from = { glob, redis: redis.url, endpoint: end.url, seen: end.seen }
  const full = await oneRun('one, as fast as it can', 1, undefined, from)
  const quarter = Math.max(1, Math.round((spans / full.ms) * 250))
  const one = await oneRun('one, a quarter', 1, quarter, from)
  const two = await oneRun('two, a quarter each', 2, quarter, from)
  const share = two.ms / one.ms
  if (values.json) console.log(JSON.stringify({ spans, files, runs: [full, one, two], share }, null, 2))
  else {
    const rows = [full, one, two].map(({ name, limit, ms, sendingMs, acknowledged }): CellText[] => [
      name,
      limit === undefined ? '' : `${limit}/s`,
      (ms / 1000).toFixed(1),
      (sendingMs / 1000).toFixed(1),
      String(Math.round((acknowledged / ms) * 1000)),
      (ms / one.ms).toFixed(2),
    ])
    console.log(printTable(['workers', 'each at most', 'seconds', 'of them sending', 'spans/s', 'of one such worker'], rows).trimEnd())
    console.log(`${share <= mostShare ? 'ok' : 'TOO SLOW'}: two take ${share.toFixed(2)} of the time of one, ${mostShare} is the most`)
  }
  if (share > mostShare) process.exitCode = 1
} finally {
  for (const child of children) child.kill('SIGKILL')
  redis.child.kill('SIGKILL')
  end.server.close()
  end.server.closeAllConnections()
  rmSync(folder, { recursive: true, force: true })
}
