import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { runCommandLine } from '../../src/cli/args.ts'
import { printFindings } from '../../src/cli/preflight.ts'
import { createTestIo } from './support/test-io.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'preflight-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const sink = async (status: number): Promise<string> => {
  const server = createServer((request, response) => {
    request.resume()
    request.on('end', () => response.writeHead(status).end())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const at = server.address()
  return `http://127.0.0.1:${typeof at === 'object' && at !== null ? at.port : 0}`
}

const run = async (endpoint: string, more: readonly string[] = [], yaml = '') => {
  const file = join(folder, 'bridge.yaml')
  const ports = 'ingest: { zipkin: { port: 0 }, jaeger: { compact: { port: 0 } } }\nadmin: { port: 0 }\n'
  writeFileSync(file, `${yaml === '' ? ports : yaml}emit: { endpoint: "${endpoint}" }\nqueue: { path: ${folder}/queue, maxSize: 1MiB }\n`)
  const io = createTestIo()
  const code = await runCommandLine(['preflight', '-c', file, ...more], io)
  return { code, out: io.stdout(), err: io.stderr() }
}

describe('preflight', () => {
  it('ends with 0 and a table when nothing failed', async () => {
    const { code, out } = await run(await sink(200))
    expect(out).toMatch(/^ok {4}port +ingest\.zipkin +any free port$/m)
    expect(out).toMatch(/^ok {4}destination +default, traces +http:.* takes a probe$/m)
    expect(out).toMatch(/\n\n\d+ ok, \d+ to look at, 0 failed\n$/)
    expect(code).toBe(0)
  })

  it('ends with 4 when the endpoint refuses, with the knob below the finding', async () => {
    const { code, out } = await run(await sink(401))
    expect(out).toMatch(/^FAIL {2}destination .*HTTP 401\n +→ emit\.headers \(authorization\)$/m)
    expect(code).toBe(4)
  })

  it('ends with 2 when only this machine is at fault', async () => {
    const url = await sink(200)
    const { code, out } = await run(
      url,
      [],
      `ingest: { zipkin: { host: 127.0.0.1, port: ${new URL(url).port} } }\nadmin: { enabled: false }\n`,
    )
    expect(out).toMatch(/^FAIL {2}port +ingest\.zipkin/m)
    // The endpoint is the same address: that is a loop as well.
    expect(out).toMatch(/^FAIL {2}loop/m)
    expect(code).toBe(2)
  })

  it('asks the old backends, also with --no-send, and ends with 4 when one is not there', async () => {
    const yaml = (old: string): string =>
      `ingest: { zipkin: { port: 0 } }\nadmin: { port: 0 }\nmirror: { zipkin: { url: "${old}", phase: shadow } }\n`
    const there = await run('http://127.0.0.1:1', ['--no-send'], yaml(await sink(401)))
    expect(there.out).toMatch(/^ok {4}old side +mirror\.zipkin +http:.*wants credentials \(HTTP 401\); those of each client go on/m)
    expect(there.out).toMatch(/^WARN {2}mirror +admin .*\n +→ admin\.auth$/m)
    expect(there.code).toBe(0)
    const gone = await run('http://127.0.0.1:1', ['--no-send'], yaml('http://127.0.0.1:1'))
    expect(gone.out).toMatch(/^FAIL {2}old side +mirror\.zipkin +cannot reach .*\n +→ mirror\.zipkin\.url/m)
    expect(gone.code).toBe(4)
  })

  it('sends nothing with --no-send, and prints JSON', async () => {
    const { code, out } = await run('http://127.0.0.1:1', ['--no-send', '--json'])
    const { ok, findings } = JSON.parse(out) as { ok: boolean; findings: { check: string }[] }
    expect([code, ok]).toEqual([0, true])
    expect(findings.map(({ check }) => check)).not.toContain('destination')
    expect(findings[0]).toEqual({ check: 'port', about: 'ingest.zipkin', level: 'ok', seen: 'any free port' })
  })

  it.each([
    [['--age', 'long'], '--age long: expected a duration'],
    [['--query-url', 'localhost'], '--query-url localhost: expected an http:// or https:// URL'],
    [['--set', 'emit.endpoint=x'], 'emit.endpoint'],
  ])('refuses %j as wrong usage', async (more, message) => {
    const { code, err } = await run('http://127.0.0.1:1', more)
    expect(code).toBe(2)
    expect(err).toContain(message)
  })
})

describe('printFindings', () => {
  it('puts the knob below what is not well', () => {
    const text = printFindings([
      { check: 'port', about: 'ingest.zipkin', level: 'ok', seen: 'free', knob: 'never shown' },
      { check: 'disk', about: 'queue.path', level: 'warn', seen: 'small', knob: 'queue.maxSize' },
    ])
    expect(text).toBe(
      'ok    port  ingest.zipkin  free\nWARN  disk  queue.path     small\n                           → queue.maxSize\n\n1 ok, 1 to look at, 0 failed\n',
    )
  })
})
