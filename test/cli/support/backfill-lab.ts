/** The command `backfill` as a process, files to fill in, and an OTLP endpoint that keeps what it is sent and answers as it is told. */

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { canonicalSpansOf } from '../../../src/parity/traces-legacy.ts'
import { closeNow, listenLocally } from '../../support/local-server.ts'

const main = fileURLToPath(new URL('../../../src/main.ts', import.meta.url))

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Started {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  stderr(): string
}

export interface Lab {
  readonly folder: string
  /** Zipkin spans, one a second; returns the path. */
  spans(name: string, count: number, first?: number): string
  /** Begins `otlp-bridge backfill …`, in the folder. */
  start(...words: string[]): Started
  run(...words: string[]): Promise<Ended>
  /** `spanId` of each span that was answered with success, repeats and all. */
  readonly received: string[]
  /** Requests so far; those that were refused, too. */
  requests(): number
  /** What is answered from now on. */
  answer(how: (response: ServerResponse, request: number) => void): void
  /** Resolves when so many requests have come. */
  after(requests: number): Promise<void>
  close(): Promise<void>
}

const firstMs = Date.UTC(2026, 10, 7)

const success = (response: ServerResponse): void => void response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()

export async function createLab(): Promise<Lab> {
  const folder = mkdtempSync(join(tmpdir(), 'backfill-cli-'))
  const received: string[] = []
  const waiting: { readonly requests: number; readonly done: () => void }[] = []
  let requests = 0
  let answer: (response: ServerResponse, request: number) => void = success
  const server = createServer((request, response) => {
    const pieces: Buffer[] = []
    request.on('data', (piece: Buffer) => void pieces.push(piece))
    request.on('end', () => {
      const number = ++requests
      const bytes = Buffer.concat(pieces)
      const plain = request.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes
      response.once('finish', () => {
        if (response.statusCode === 200) received.push(...canonicalSpansOf(plain).map(({ spanId }) => spanId))
      })
      for (const one of waiting.filter((each) => each.requests <= number)) one.done()
      answer(response, number)
    })
  })
  const port = await listenLocally(server)
  const children = new Set<ChildProcess>()

  const start: Lab['start'] = (...words) => {
    const endpoint = ['--set', `emit.endpoint=http://127.0.0.1:${port}`]
    const child = spawn(process.execPath, [main, 'backfill', ...words, ...endpoint], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
    children.add(child)
    const text = { stdout: '', stderr: '' }
    child.stdout.setEncoding('utf8').on('data', (piece: string) => void (text.stdout += piece))
    child.stderr.setEncoding('utf8').on('data', (piece: string) => void (text.stderr += piece))
    const ended = new Promise<Ended>((done) => {
      child.once('close', (code) => {
        children.delete(child)
        done({ code, ...text })
      })
    })
    return { child, ended, stderr: () => text.stderr }
  }
  return {
    folder,
    received,
    start,
    run: (...words) => start(...words).ended,
    requests: () => requests,
    answer: (how) => {
      answer = how
    },
    after: (wanted) => new Promise((done) => void (requests >= wanted ? done() : waiting.push({ requests: wanted, done }))),
    spans(name, count, first = 1) {
      const spans = Array.from({ length: count }, (_, at) => ({
        traceId: (first + at).toString(16).padStart(32, '0'),
        id: (first + at).toString(16).padStart(16, '0'),
        name: 'get',
        kind: 'SERVER',
        timestamp: (firstMs + (first + at) * 1000) * 1000,
        duration: 1000,
        localEndpoint: { serviceName: 'cart' },
      }))
      const path = join(folder, name)
      writeFileSync(path, JSON.stringify(spans))
      return path
    },
    async close() {
      for (const child of children) child.kill('SIGKILL')
      await closeNow(server)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Answers with success. */
export { success }
