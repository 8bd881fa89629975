import { readFileSync } from 'node:fs'
import { createSecureServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { performance } from 'node:perf_hooks'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { emitConfig, queueConfig } from '../../src/emit/config.ts'
import { createEmit, type Emit } from '../../src/emit/create.ts'
import { silentLog } from '../../src/telemetry/log.ts'
import { createMetrics, type Metrics } from '../../src/telemetry/metrics.ts'
import { type Authority, type Certificate, type Certificates, createCertificates, hasOpenssl } from '../support/certificates.ts'
import { accept, startSink } from './support/otlp-sink.ts'
import { batch, until } from './support/queues.ts'

interface Started {
  readonly emit: Emit
  readonly metrics: Metrics
  put(): Promise<void>
  retries(reason: string): number
}

const start = async (endpoint: string, tls: object, nowMs: () => number = Date.now): Promise<Started> => {
  const metrics = createMetrics()
  const emit = await createEmit({
    emit: emitConfig.parse({ endpoint, tls, retry: { initialInterval: 5, maxInterval: 20 }, batch: { delay: 5 } }),
    queue: queueConfig.parse({ type: 'memory' }),
    metrics,
    log: silentLog,
    nowMs,
    random: () => 0.5,
    instanceId: 'test-instance',
  })
  onTestFinished(() => emit.stop(200))
  return {
    emit,
    metrics,
    put() {
      metrics.books('zipkin-json', 'traces').received.value++
      return emit.intake.put(batch(1, 100))
    },
    retries: (reason) => metrics.counter('otlp_bridge_retries_total', { destination: 'default', reason }).value,
  }
}

const delivered = ({ metrics }: Started): boolean => metrics.sums()[0]?.delivered === 1

/** Makes the monotonic clock jump, so that a failing endpoint has been failing for long. */
const later = (ms: number): void => {
  const now = performance.now.bind(performance)
  const spy = vi.spyOn(performance, 'now').mockImplementation(() => now() + ms)
  onTestFinished(() => spy.mockRestore())
}

describe.skipIf(!hasOpenssl())('createEmit over TLS', () => {
  let made: Certificates
  let authority: Authority
  let other: Authority
  let server: Certificate
  let client: Certificate
  let expired: Certificate
  beforeAll(() => {
    made = createCertificates()
    authority = made.authority('our-ca')
    other = made.authority('other-ca')
    server = authority.issue('endpoint')
    client = authority.issue('bridge')
    expired = authority.issue('bridge-of-old', -1)
  })
  afterAll(() => made.remove())

  const read = ({ cert, key }: Certificate): { cert: Buffer; key: Buffer } => ({ cert: readFileSync(cert), key: readFileSync(key) })
  /** An endpoint that takes only clients of our authority. */
  const strict = () => ({ ...read(server), ca: readFileSync(authority.cert), requestCert: true, rejectUnauthorized: true })

  it('delivers to an endpoint whose authority it was told of', async () => {
    const sink = await startSink(accept, read(server))
    const bridge = await start(sink.url, { ca: authority.cert })
    await bridge.put()
    await until(() => delivered(bridge))
    expect(sink.received).toHaveLength(1)
    expect(bridge.emit.health()).toEqual({ ok: true, reasons: [] })
  })

  it('shows its certificate to an endpoint that asks for one', async () => {
    const sink = await startSink(accept, strict())
    const bridge = await start(sink.url, { ca: authority.cert, ...client })
    await bridge.put()
    await until(() => delivered(bridge))
  })

  it.each([
    ['another authority', () => ({ ca: other.cert })],
    ['no authority', () => ({})],
  ])('keeps the data and turns red with %s', async (_, tls) => {
    const sink = await startSink(accept, read(server))
    const bridge = await start(sink.url, tls())
    await bridge.put()
    await until(() => bridge.retries('tls') >= 2)
    later(6000)
    expect(bridge.emit.health()).toMatchObject({
      ok: false,
      reasons: [
        expect.stringMatching(
          /destination default failing since \d+ s: .*not signed by an authority that is trusted here; see emit\.tls\.ca/,
        ),
      ],
    })
    expect(bridge.metrics.sums()[0]).toMatchObject({ queued: 1, delivered: 0, dead: 0, dropped: 0, balance: 0 })
    expect(sink.received).toEqual([])
    expect(bridge.metrics.counter('otlp_bridge_repeated_items_total', { destination: 'default' }).value).toBe(0)
  })

  it.each([
    ['no certificate', () => ({})],
    ["a stranger's certificate", () => other.issue('stranger')],
  ])('keeps the data and turns red when the endpoint refuses %s', async (_, own) => {
    const sink = await startSink(accept, strict())
    const bridge = await start(sink.url, { ca: authority.cert, ...own() })
    await bridge.put()
    await until(() => bridge.emit.queue.lanes[0]?.waiting().items === 0 && bridge.retries('connection') + bridge.retries('tls') >= 2)
    later(6000)
    expect(bridge.emit.health()).toMatchObject({ ok: false, reasons: [expect.stringContaining('see emit.tls.cert')] })
    expect(bridge.metrics.sums()[0]).toMatchObject({ queued: 1, delivered: 0, dead: 0, dropped: 0, balance: 0 })
    expect(sink.received).toEqual([])
  })

  it("says that the endpoint's certificate has expired", async () => {
    const sink = await startSink(accept, read(authority.issue('endpoint-of-old', -1)))
    const bridge = await start(sink.url, { ca: authority.cert })
    await bridge.put()
    await until(() => bridge.retries('tls') >= 1)
    later(6000)
    expect(bridge.emit.health().reasons).toEqual([expect.stringMatching(/has expired \(CERT_HAS_EXPIRED\)/)])
  })

  it('starts with an expired certificate, and is red by its name before anything was sent', async () => {
    const bridge = await start('https://127.0.0.1:9', { ca: authority.cert, ...expired })
    expect(bridge.emit.health()).toMatchObject({
      ok: false,
      reasons: [expect.stringMatching(/^emit\.tls\.cert: certificate bridge-of-old expired at/)],
    })
  })

  it('turns red when a certificate expires while it runs', async () => {
    let now = Date.now()
    const bridge = await start('https://127.0.0.1:9', { ca: authority.cert, ...client }, () => now)
    expect(bridge.emit.health().ok).toBe(true)
    now += 1.5 * 86_400_000
    expect(bridge.emit.health().reasons).toEqual([expect.stringMatching(/^emit\.tls\.cert: certificate bridge expired at/)])
  })

  it('does not start with files it cannot use, and names each', async () => {
    const failed = start('https://127.0.0.1:9', { ca: `${made.folder}/absent`, cert: client.cert, key: server.key })
    await expect(failed).rejects.toMatchObject({
      code: 'OB_CONFIG',
      place: 'emit.tls.ca',
      message: expect.stringMatching(/emit\.tls\.ca \(.*absent\): cannot read the file: ENOENT.*; emit\.tls\.key \(.*\): .*not that of/),
    })
  })

  it('speaks HTTP/1.1 also where HTTP/2 is offered', async () => {
    const versions: string[] = []
    const both = createSecureServer({ ...read(server), allowHTTP1: true }, (request, response) => {
      versions.push(request.httpVersion)
      request.resume()
      request.on('end', () => response.end())
    })
    await new Promise<void>((resolve) => both.listen(0, '127.0.0.1', resolve))
    const bridge = await start(`https://127.0.0.1:${(both.address() as AddressInfo).port}`, { ca: authority.cert })
    await bridge.put()
    await until(() => delivered(bridge))
    expect(versions).toEqual(['1.1'])
    await bridge.emit.stop(200)
    await new Promise((resolve) => both.close(resolve))
  })
})
