import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import type { TLSSocket } from 'node:tls'
import { zstdDecompressSync } from 'node:zlib'
import { ServerCredentials } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { emitConfig } from '../../src/emit/config.ts'
import { destinationsOf } from '../../src/emit/destinations.ts'
import { isSendError, type OutgoingRequest, type PartialSuccess } from '../../src/emit/sender.ts'
import { createSending, type Sending } from '../../src/emit/sending.ts'
import { silentLog } from '../../src/telemetry/log.ts'
import { createMetrics, type Metrics } from '../../src/telemetry/metrics.ts'
import { type Authority, type Certificate, type Certificates, createCertificates, hasOpenssl } from '../support/certificates.ts'
import { startGrpcSink } from './support/grpc-sink.ts'
import { accept, refuse, startSink } from './support/otlp-sink.ts'

const never = new AbortController().signal

interface Started {
  readonly sending: Sending
  readonly metrics: Metrics
  readonly warnings: string[]
  /** Encodes and tries once. */
  send(text?: string): Promise<{ repeats: number; partials: PartialSuccess[] }>
}

const start = async (emit: object): Promise<Started> => {
  const metrics = createMetrics()
  const warnings: string[] = []
  const [config] = destinationsOf(emitConfig.parse(emit))
  if (config === undefined) throw new Error('no destination')
  const sending = await createSending(config, {
    metrics,
    log: { ...silentLog, warn: (_, message) => void warnings.push(message) },
    nowMs: Date.now,
    monotonicMs: () => performance.now(),
    instanceId: 'test-instance',
    toJson: (_, data) => `{"size":${data.length}}`,
  })
  onTestFinished(() => sending.close())
  const encoded = sending.encode(sending.transport)
  return {
    sending,
    metrics,
    warnings,
    async send(text = 'data') {
      const told = { repeats: 0, partials: [] as PartialSuccess[] }
      const request: OutgoingRequest = {
        signal: 'traces',
        parts: [Buffer.from(text)],
        bytes: text.length,
        items: 1,
        onRepeat: () => void told.repeats++,
        onPartialSuccess: (partial) => void told.partials.push(partial),
      }
      await encoded(request, never)
      return told
    },
  }
}

const up = ({ metrics }: Started, endpoint: string): number =>
  metrics.gauge('otlp_bridge_endpoint_up', { destination: 'default', endpoint }).value

describe('createSending', () => {
  it.each(['http/protobuf', 'grpc'])('says over %s who it is', async (protocol) => {
    const http = await startSink()
    const grpc = await startGrpcSink()
    const { send } = await start({ protocol, endpoint: protocol === 'grpc' ? grpc.url : http.url, headers: { Authorization: 'Bearer x' } })
    await send()
    const headers = protocol === 'grpc' ? grpc.received[0]?.metadata.getMap() : http.received[0]?.headers
    expect(headers).toMatchObject({ 'user-agent': 'otlp-bridge', authorization: 'Bearer x', 'x-otlp-bridge': 'test-instance' })
  })

  it('reads the reason of an answer that does not say what it is, as Loki gives it; all of it is kept, the message has the beginning', async () => {
    const text = 'entry too far behind, '.repeat(40)
    const status = Buffer.concat([Buffer.from([0x12, (text.length & 0x7f) | 0x80, text.length >> 7]), Buffer.from(text)])
    const sink = await startSink((response) => void response.writeHead(400, { 'content-type': 'application/octet-stream' }).end(status))
    const { send } = await start({ endpoint: sink.url })
    const error: unknown = await send().catch((one: unknown) => one)
    if (!isSendError(error)) throw error
    expect(error.said).toBe(text)
    expect(error.message).toMatch(/^cannot deliver to the endpoint: HTTP 400: entry too far behind, .{200,300}…$/)
  })

  it('compresses with zstd', async () => {
    const sink = await startSink()
    const { send } = await start({ endpoint: sink.url, compression: 'zstd', compressionLevel: 19 })
    await send('a'.repeat(10_000))
    const [one] = sink.received
    expect(one?.headers['content-encoding']).toBe('zstd')
    expect(one?.body.length).toBeLessThan(100)
    expect(zstdDecompressSync(one?.body ?? Buffer.alloc(0)).toString()).toBe('a'.repeat(10_000))
  })

  it('compresses with gzip over gRPC', async () => {
    const sink = await startGrpcSink()
    const { send } = await start({ protocol: 'grpc', endpoint: sink.url, compression: 'gzip' })
    await send('a'.repeat(1000))
    expect(sink.received[0]?.body.toString()).toBe('a'.repeat(1000))
  })

  it('goes back to gzip for a gRPC endpoint that does not know zstd, once and for all', async () => {
    const sink = await startGrpcSink()
    const { send, warnings } = await start({ protocol: 'grpc', endpoint: sink.url, compression: 'zstd' })
    expect(await send('one')).toMatchObject({ repeats: 1 })
    expect(await send('two')).toMatchObject({ repeats: 0 })
    expect(sink.received.map(({ body }) => body.toString())).toEqual(['one', 'two'])
    expect(warnings).toEqual([expect.stringMatching(/does not know zstd, sending gzip from now on: .*UNIMPLEMENTED/)])
  })

  it('goes back to plain bodies for an HTTP endpoint that knows neither', async () => {
    const sink = await startSink((response, one) => (one.headers['content-encoding'] === undefined ? accept : refuse(415))(response, one))
    const { send, warnings } = await start({ endpoint: sink.url, compression: 'zstd' })
    await send('one')
    await send('two')
    expect(sink.received.map(({ headers }) => headers['content-encoding'])).toEqual(['zstd', 'gzip', undefined, undefined])
    expect(warnings).toHaveLength(1)
  })

  it('stays with the compression when it was not that', async () => {
    const sink = await startSink(refuse(415))
    const { send, warnings } = await start({ endpoint: sink.url, compression: 'gzip' })
    await expect(send()).rejects.toMatchObject({ reason: 'http_415' })
    sink.answer = accept
    await send()
    expect(sink.received.at(-1)?.headers['content-encoding']).toBe('gzip')
    expect(warnings).toEqual([])
  })

  it('gives the endpoint its time, and each of several its own', async () => {
    const silent = await startSink(() => {
      // Never answers.
    })
    const sink = await startSink()
    const one = await start({ endpoint: silent.url, timeout: 50 })
    await expect(one.send()).rejects.toMatchObject({ failure: 'transient', reason: 'timeout', mayHaveArrived: true })
    const two = await start({ endpoints: [silent.url, sink.url], balance: 'failover', timeout: 100 })
    expect(await two.send()).toMatchObject({ repeats: 1 })
    expect(sink.received).toHaveLength(1)
    const own = { destination: 'default' }
    expect(two.metrics.counter('otlp_bridge_failovers_total', { ...own, endpoint: silent.url, reason: 'timeout' }).value).toBe(1)
    expect(two.metrics.counter('otlp_bridge_repeated_items_total', own).value).toBe(1)
  })

  it('shows which endpoints are used, in a gauge and in its troubles', async () => {
    const bad = await startSink(refuse(503, 'down'))
    const good = await startSink()
    const started = await start({ endpoints: [bad.url, { url: good.url }], balance: 'failover', breaker: { failures: 2 } })
    expect([up(started, bad.url), up(started, good.url)]).toEqual([1, 1])
    await started.send()
    await started.send()
    await started.send()
    expect(bad.received).toHaveLength(2)
    expect([up(started, bad.url), up(started, good.url)]).toEqual([0, 1])
    expect(started.sending.trouble()).toEqual([
      expect.stringMatching(/^endpoint http:.* of destination default is left alone: .*503: down$/),
    ])
    expect(started.sending.endpoints().map(({ up }) => up)).toEqual([false, true])
  })

  it('has no breaker for a single endpoint, but a gauge', async () => {
    const sink = await startSink(refuse(503))
    const started = await start({ endpoint: sink.url })
    for (let times = 0; times < 6; times++) await expect(started.send()).rejects.toMatchObject({ reason: 'http_503' })
    expect(sink.received).toHaveLength(6)
    expect(up(started, sink.url)).toBe(0)
    expect(started.sending.trouble()).toEqual([])
    sink.answer = accept
    await started.send()
    expect(up(started, sink.url)).toBe(1)
  })

  it('sends each endpoint the headers of its own, and names two of one URL apart, without secrets', async () => {
    const sink = await startSink()
    const url = sink.url.replace('//', '//user:secret@')
    const started = await start({ endpoints: [url, { url, headers: { tenant: 'b' } }], headers: { tenant: 'a' } })
    await started.send()
    await started.send()
    expect(sink.received.map(({ headers }) => headers['tenant'])).toEqual(['a', 'b'])
    expect(started.sending.endpoints().map(({ name }) => name)).toEqual([sink.url, `${sink.url} (2)`])
  })
})

describe.skipIf(!hasOpenssl())('createSending over TLS', () => {
  let made: Certificates
  let authority: Authority
  let other: Authority
  let server: Certificate
  let first: Certificate
  let second: Certificate
  beforeAll(() => {
    made = createCertificates()
    authority = made.authority('our-ca')
    other = made.authority('other-ca')
    server = authority.issue('endpoint')
    first = authority.issue('first')
    second = authority.issue('second')
  })
  afterAll(() => made.remove())

  /** An endpoint that takes only clients of our authority, and tells their names. */
  const strict = async (protocol: string): Promise<{ url: string; names: string[] }> => {
    const names: string[] = []
    if (protocol === 'grpc') {
      const pair = { private_key: readFileSync(server.key), cert_chain: readFileSync(server.cert) }
      const sink = await startGrpcSink({ credentials: ServerCredentials.createSsl(readFileSync(authority.cert), [pair], true) })
      sink.answer = ({ peer }) => {
        names.push(peer ?? '')
        return {}
      }
      return { url: sink.url, names }
    }
    const tls = { key: readFileSync(server.key), cert: readFileSync(server.cert), ca: readFileSync(authority.cert) }
    const sink = await startSink(
      (response, one) => {
        names.push(String((response.socket as TLSSocket).getPeerCertificate().subject.CN))
        accept(response, one)
      },
      { ...tls, requestCert: true, rejectUnauthorized: true },
    )
    return { url: sink.url, names }
  }

  /** A copy of a certificate that can be replaced. */
  const installed = (name: string, from: Certificate): Certificate => {
    const own = { cert: `${made.folder}/${name}.pem`, key: `${made.folder}/${name}.key` }
    copyFileSync(from.cert, own.cert)
    copyFileSync(from.key, own.key)
    return own
  }

  describe.each(['http/protobuf', 'grpc'])('with %s', (protocol) => {
    const kind = protocol.slice(0, 4)

    it('shows its certificate, and the new one after its files were replaced', async () => {
      const { url, names } = await strict(protocol)
      const own = installed(`${kind}-replaced`, first)
      const { sending, send } = await start({ protocol, endpoint: url, tls: { ca: authority.cert, ...own } })
      await send()
      installed(`${kind}-replaced`, second)
      await sending.look()
      await send()
      await sending.look()
      await send()
      expect(names).toEqual(['first', 'first', 'second'])
      expect(sending.trouble()).toEqual([])
    })

    it('stays with the old certificate when the new files are bad, says so, and takes good ones', async () => {
      const { url, names } = await strict(protocol)
      const own = installed(`${kind}-bad`, first)
      const { sending, send } = await start({ protocol, endpoint: url, tls: { ca: authority.cert, ...own } })
      copyFileSync(second.cert, own.cert)
      await sending.look()
      await sending.look()
      expect(sending.trouble()).toEqual([expect.stringMatching(/the old ones are still in use: emit\.tls\.key .*not that of/)])
      await send()
      copyFileSync(second.key, own.key)
      await sending.look()
      await sending.look()
      expect(sending.trouble()).toEqual([])
      await send()
      expect(names).toEqual(['first', 'second'])
    })

    it('comes to trust an authority that is put into its file', async () => {
      const { url, names } = await strict(protocol)
      const ca = made.file(`${kind}-ca.pem`, readFileSync(other.cert, 'utf8'))
      const { sending, send } = await start({ protocol, endpoint: url, tls: { ca, ...first } })
      await expect(send()).rejects.toMatchObject({ failure: 'transient', reason: 'tls', mayHaveArrived: false })
      writeFileSync(ca, readFileSync(authority.cert))
      await sending.look()
      await sending.look()
      await send()
      expect(names).toEqual(['first'])
    })

    it('says that its certificate is missing or not taken, and that nothing was sent', async () => {
      const { url, names } = await strict(protocol)
      const { send } = await start({ protocol, endpoint: url, tls: { ca: authority.cert } })
      await expect(send()).rejects.toMatchObject({ failure: 'transient', message: expect.stringMatching(/emit\.tls\.cert/) })
      expect(names).toEqual([])
    })

    it('does not start with files it cannot use', async () => {
      const starting = start({ protocol, endpoint: 'https://127.0.0.1:9', tls: { ca: `${made.folder}/absent` } })
      await expect(starting).rejects.toMatchObject({ code: 'OB_CONFIG', place: 'emit.tls.ca' })
    })
  })

  it('says that an endpoint without TLS does not speak it', async () => {
    const sink = await startGrpcSink()
    const { send } = await start({ protocol: 'grpc', endpoint: `127.0.0.1:${sink.port}` })
    await expect(send()).rejects.toMatchObject({ failure: 'transient', mayHaveArrived: false })
    const plain = await start({ protocol: 'grpc', endpoint: `127.0.0.1:${sink.port}`, insecure: true })
    await plain.send()
    expect(sink.received).toHaveLength(1)
  })
})
