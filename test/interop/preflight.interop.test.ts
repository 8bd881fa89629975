import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { createServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { preflight } from '../../src/cli/preflight.ts'
import type { Finding } from '../../src/preflight/finding.ts'
import { createTestIo } from '../cli/support/test-io.ts'
import { mountSmallDisk } from '../crash/support/small-disk.ts'
import { createCertificates, hasOpenssl } from '../support/certificates.ts'
import { type JaegerPorts, type Peer, present, startJaeger } from './peers.ts'

/** The findings and the exit code of a run whose own ports are any free ones. */
async function run(sets: Readonly<Record<string, string>>, queryUrl: readonly string[] = []) {
  const io = createTestIo()
  const own = { 'ingest.zipkin.port': '0', 'admin.port': '0', 'queue.maxSize': '1MiB' }
  const set = Object.entries({ ...own, ...sets }).map(([key, value]) => `${key}=${value}`)
  const code = await preflight({ set, queryUrl, json: true }, io)
  const { findings } = JSON.parse(io.stdout()) as { findings: Finding[] }
  const of = (check: string) => findings.filter((one) => one.check === check).map(({ level, about, seen }) => `${level} ${about}: ${seen}`)
  return { code, findings, of }
}

describe.skipIf(!present('jaeger-v2'))('preflight against a Jaeger', () => {
  let jaeger: Peer<JaegerPorts>
  let folder: string
  beforeAll(async () => {
    jaeger = await startJaeger()
    folder = mkdtempSync(join(tmpdir(), 'preflight-'))
  }, 60_000)
  afterAll(async () => {
    await jaeger.stop()
    rmSync(folder, { recursive: true })
  })
  const url = (port: number): string => `http://127.0.0.1:${port}`

  it.each(['http/protobuf', 'http/json', 'grpc'])('sends a new and an old span over %s and reads both back', async (protocol) => {
    const endpoint = url(protocol === 'grpc' ? jaeger.ports.otlpGrpc : jaeger.ports.otlpHttp)
    const { code, of } = await run({ 'emit.endpoint': endpoint, 'emit.protocol': protocol, 'queue.path': join(folder, 'queue') }, [
      url(jaeger.ports.query),
    ])
    expect(of('query')).toEqual([`ok ${url(jaeger.ports.query)}: Jaeger answers`])
    expect(of('read back').map((one) => one.split(':', 1)[0])).toEqual(['ok default, traces', 'ok default, traces, old'])
    expect(of('destination').map((one) => one.split(':', 1)[0])).toEqual([
      'ok default, traces',
      'warn default, metrics',
      'warn default, logs',
    ])
    expect(code).toBe(0)
  })

  it('says which protocol the other port speaks', async () => {
    const { code, findings } = await run({ 'emit.endpoint': url(jaeger.ports.otlpGrpc), 'queue.path': join(folder, 'queue') })
    expect(findings.find(({ level }) => level === 'fail')?.knob).toBe('emit.protocol: grpc, or the port in emit.endpoint')
    expect(code).toBe(4)
  })

  it('tells a closed port from a Jaeger', async () => {
    const { code, of } = await run({ 'emit.endpoint': url(1), 'queue.path': join(folder, 'queue') })
    expect(of('destination')).toEqual([expect.stringMatching(/^fail default, traces: .*ECONNREFUSED/)])
    expect(code).toBe(4)
  })

  it.skipIf(!hasOpenssl())('tells a wrong certificate', async () => {
    const made = createCertificates()
    onTestFinished(() => made.remove())
    const [ours, theirs] = [made.authority('ours'), made.authority('theirs').issue('endpoint')]
    const server = createServer({ cert: readFileSync(theirs.cert), key: readFileSync(theirs.key) })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const at = server.address()
    const port = typeof at === 'object' && at !== null ? at.port : 0
    const { code, of } = await run({
      'emit.endpoint': `https://127.0.0.1:${port}`,
      'emit.tls.ca': ours.cert,
      'queue.path': join(folder, 'queue'),
    })
    expect(of('certificate')).toEqual([expect.stringMatching(/^fail .*endpoint is not signed by an authority that is trusted here/)])
    expect(code).toBe(4)
  })

  it('tells a full disk', async ({ skip }) => {
    const disk = mountSmallDisk(24)
    if (disk === undefined) return skip()
    disk.fill()
    expect((await statfs(disk.path)).bavail).toBeLessThan(4)
    const { code, of } = await run({ 'emit.endpoint': url(jaeger.ports.otlpHttp), 'queue.path': disk.path })
    expect(of('disk').map((one) => one.split(':', 1)[0])).toEqual([
      'fail queue.path',
      'warn queue.path',
      'fail queue.path, writing',
      'ok queue.path, store',
    ])
    expect(code).toBe(2)
  })
})
