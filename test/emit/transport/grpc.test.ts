import { createServer, type Http2Server, type ServerHttp2Session } from 'node:http2'
import { type AddressInfo, connect, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { PartialSuccess } from '../../../src/emit/sender.ts'
import { withTimeout } from '../../../src/emit/timeout.ts'
import { createGrpcTransport, type GrpcTransportOptions } from '../../../src/emit/transport/grpc.ts'
import type { Transport, WireRequest } from '../../../src/emit/transport/wire.ts'
import { startGrpcSink } from '../support/grpc-sink.ts'
import { startSink } from '../support/otlp-sink.ts'
import { until } from '../support/queues.ts'

const never = new AbortController().signal

const open = (url: string, options: Partial<GrpcTransportOptions> = {}): Transport => {
  const transport = createGrpcTransport({
    urls: { traces: url, metrics: url, logs: url },
    headers: { 'user-agent': 'otlp-bridge' },
    timeoutMs: 5000,
    keepAlive: { timeMs: 0, timeoutMs: 1000 },
    nowMs: Date.now,
    monotonicMs: () => performance.now(),
    ...options,
  })
  onTestFinished(() => transport.close())
  return transport
}

interface Told {
  repeats: number
  readonly partials: PartialSuccess[]
}

const request = (part: Partial<WireRequest> = {}): WireRequest & Told => {
  const body = part.body ?? [Buffer.from('one'), Buffer.from('two')]
  const one = {
    signal: 'traces' as const,
    items: 3,
    bytes: body.reduce((sum, each) => sum + each.byteLength, 0),
    contentType: 'application/x-protobuf',
    contentEncoding: undefined,
    repeats: 0,
    partials: [] as PartialSuccess[],
    onRepeat: () => void one.repeats++,
    onPartialSuccess: (partial: PartialSuccess) => void one.partials.push(partial),
    ...part,
    body,
  }
  return one
}

const listening = async <T extends Server | Http2Server>(server: T): Promise<string> => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** An HTTP/2 server that does what no gRPC library would; gone, with its connections, when the test ends. */
const startRaw = async (server: Http2Server): Promise<string> => {
  const sessions = new Set<ServerHttp2Session>()
  server.on('session', (session) => {
    sessions.add(session)
    session.on('error', () => {
      // Broken on purpose.
    })
  })
  onTestFinished(() => {
    for (const session of sessions) session.destroy()
    server.close()
  })
  return listening(server)
}

const varint = (value: number): number[] => (value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(Math.floor(value / 128))])
const field = (number: number, bytes: readonly number[]): number[] => [...varint((number << 3) | 2), ...varint(bytes.length), ...bytes]
const ascii = (text: string): number[] => [...Buffer.from(text)]

/** `google.rpc.Status` with a RetryInfo. */
const statusWithDelay = (code: number, seconds: number, nanos: number): Buffer => {
  const duration = [...(seconds > 0 ? [0x08, ...varint(seconds)] : []), ...(nanos > 0 ? [0x10, ...varint(nanos)] : [])]
  const other = field(3, [...field(1, ascii('type.googleapis.com/google.rpc.DebugInfo')), ...field(2, [1, 2, 3])])
  const info = field(3, [...field(1, ascii('type.googleapis.com/google.rpc.RetryInfo')), ...field(2, field(1, duration))])
  return Buffer.from([0x08, code, ...other, ...info])
}

describe('createGrpcTransport', () => {
  it.each([
    ['traces', 'trace.v1.TraceService'],
    ['metrics', 'metrics.v1.MetricsService'],
    ['logs', 'logs.v1.LogsService'],
  ] as const)('exports %s to their service, whole, with metadata and a deadline', async (signal, service) => {
    const sink = await startGrpcSink()
    const transport = open(sink.url, { headers: { 'user-agent': 'otlp-bridge', authorization: 'Bearer x' }, timeoutMs: 7000 })
    await transport.send(request({ signal }), never)
    expect(sink.received).toHaveLength(1)
    const [one] = sink.received
    expect(one).toMatchObject({ method: `/opentelemetry.proto.collector.${service}/Export`, body: Buffer.from('onetwo') })
    expect(one?.metadata.getMap()).toMatchObject({ 'user-agent': 'otlp-bridge', authorization: 'Bearer x' })
    expect(one?.deadlineMs).toBeGreaterThan(5000)
    expect(one?.deadlineMs).toBeLessThanOrEqual(7000)
  })

  it('sends many at once over one connection, large ones too', async () => {
    const sink = await startGrpcSink()
    const transport = open(sink.url)
    const large = Buffer.alloc(6 * 2 ** 20, 'x')
    await Promise.all(Array.from({ length: 8 }, () => transport.send(request({ body: [large, Buffer.from('end')] }), never)))
    expect(sink.received.map(({ body }) => body.length)).toEqual(new Array(8).fill(large.length + 3))
  })

  it('has gzip taken apart by the endpoint', async () => {
    const sink = await startGrpcSink()
    const { gzipSync } = await import('node:zlib')
    const body = [gzipSync('compressed')]
    expect(gunzipSync(body[0] as Buffer).toString()).toBe('compressed')
    await open(sink.url).send(request({ body, contentEncoding: 'gzip' }), never)
    expect(sink.received[0]?.body.toString()).toBe('compressed')
  })

  it('hears that an endpoint does not know zstd', async () => {
    const sink = await startGrpcSink()
    const sent = open(sink.url).send(request({ contentEncoding: 'zstd' }), never)
    await expect(sent).rejects.toMatchObject({
      failure: 'permanent',
      reason: 'grpc_unimplemented',
      message: expect.stringMatching(/encoding/),
    })
  })

  it.each([
    [1, 'transient', 'grpc_cancelled', true, 499],
    [2, 'permanent', 'grpc_unknown', false, 500],
    [3, 'permanent', 'grpc_invalid_argument', false, 400],
    [4, 'transient', 'grpc_deadline_exceeded', true, 504],
    [5, 'permanent', 'grpc_not_found', false, 404],
    [6, 'permanent', 'grpc_already_exists', false, 409],
    [7, 'permanent', 'grpc_permission_denied', false, 403],
    [8, 'permanent', 'grpc_resource_exhausted', false, 413],
    [9, 'permanent', 'grpc_failed_precondition', false, 400],
    [10, 'transient', 'grpc_aborted', true, 409],
    [11, 'transient', 'grpc_out_of_range', false, 400],
    [12, 'permanent', 'grpc_unimplemented', false, 404],
    [13, 'permanent', 'grpc_internal', false, 500],
    [14, 'transient', 'grpc_unavailable', false, 503],
    [15, 'transient', 'grpc_data_loss', true, 500],
    [16, 'permanent', 'grpc_unauthenticated', false, 401],
    [77, 'permanent', 'grpc_unknown', false, 500],
  ])('status %d is %s, %s, may have arrived: %s, as HTTP %d', async (code, failure, reason, mayHaveArrived, status) => {
    const sink = await startGrpcSink()
    sink.answer = () => ({ code, details: 'because: 100 % ü\n' })
    const sent = open(sink.url).send(request(), never)
    await expect(sent).rejects.toMatchObject({
      failure,
      reason,
      mayHaveArrived,
      status,
      retryAfterSeconds: 0,
      message: expect.stringMatching(/: because: 100 % ü$/),
    })
    expect(sink.received).toHaveLength(1)
  })

  it.each([
    [8, 3, 0, 'throttled', 3],
    [8, 0, 250_000_000, 'throttled', 0.25],
    [8, 0, 0, 'throttled', 0],
    [14, 2, 500_000_000, 'throttled', 2.5],
    [14, 0, 0, 'transient', 0],
    [14, 1e9, 0, 'throttled', 600],
    [3, 3, 0, 'permanent', 0],
  ])('status %d with a RetryInfo of %d s and %d ns is %s for %d s', async (code, seconds, nanos, failure, retryAfterSeconds) => {
    const sink = await startGrpcSink()
    sink.answer = () => ({ code, trailers: { 'grpc-status-details-bin': statusWithDelay(code, seconds, nanos) } })
    await expect(open(sink.url).send(request(), never)).rejects.toMatchObject({ failure, retryAfterSeconds })
  })

  it('takes details that it cannot read for none', async () => {
    const sink = await startGrpcSink()
    sink.answer = () => ({ code: 8, trailers: { 'grpc-status-details-bin': Buffer.from([0x1a, 0x7f, 0x01]) } })
    await expect(open(sink.url).send(request(), never)).rejects.toMatchObject({ failure: 'permanent', status: 413 })
  })

  it('tells of a partial success', async () => {
    const sink = await startGrpcSink()
    sink.answer = () => ({ body: Buffer.from(field(1, [0x08, 2, ...field(2, ascii('bad\nspans'))])) })
    const one = request()
    await open(sink.url).send(one, never)
    expect(one.partials).toEqual([{ rejectedItems: 2, message: 'bad spans' }])
    expect(one.repeats).toBe(0)
  })

  it('is too late after its deadline, and tells the endpoint so', async () => {
    const sink = await startGrpcSink()
    sink.answer = () => undefined
    const transport = open(sink.url, { timeoutMs: 100 })
    const sent = withTimeout(transport.send, { timeoutMs: 100 })(request(), never)
    await expect(sent).rejects.toMatchObject({
      failure: 'transient',
      reason: expect.stringMatching(/timeout|deadline/),
      mayHaveArrived: true,
    })
  })

  it('knows that nothing was sent when there was no connection in time', async () => {
    // Takes the connection and says nothing.
    const silent = createTcpServer((socket) => void socket.on('error', () => socket.destroy()))
    const url = await listening(silent)
    onTestFinished(() => void silent.close())
    const transport = open(url, { timeoutMs: 50 })
    const sent = withTimeout(transport.send, { timeoutMs: 50 })(request(), never)
    await expect(sent).rejects.toMatchObject({ failure: 'transient', reason: 'timeout', mayHaveArrived: false })
    await transport.close()
  })

  it('ends when it is aborted', async () => {
    const sink = await startGrpcSink()
    sink.answer = () => undefined
    const abort = new AbortController()
    const sent = open(sink.url).send(request(), abort.signal)
    await until(() => sink.received.length === 1)
    abort.abort()
    await expect(sent).rejects.toMatchObject({ code: 'OB_STOPPING' })
  })

  it('knows that a closed port got nothing', async () => {
    const sent = open('http://127.0.0.1:9').send(request(), never)
    await expect(sent).rejects.toMatchObject({
      failure: 'transient',
      reason: 'connection',
      mayHaveArrived: false,
      message: expect.stringMatching(/ECONNREFUSED/),
    })
  })

  it('says that an HTTP/1.1 endpoint does not speak HTTP/2; it got nothing', async () => {
    const sink = await startSink()
    const sent = open(sink.url).send(request(), never)
    await expect(sent).rejects.toMatchObject({
      failure: 'transient',
      mayHaveArrived: false,
      message: expect.stringMatching(/does not speak HTTP\/2; see emit\.protocol/),
    })
    expect(sink.received).toEqual([])
  })

  it('does not know about what a broken connection took along', async () => {
    const sockets = new Set<Socket>()
    const server = createServer()
    server.on('connection', (socket: Socket) => sockets.add(socket))
    server.on('stream', () => {
      for (const socket of sockets) socket.resetAndDestroy()
    })
    const sent = open(await startRaw(server)).send(request(), never)
    await expect(sent).rejects.toMatchObject({ failure: 'transient', reason: 'connection', mayHaveArrived: true })
  })

  it('opens a new connection after one that broke', async () => {
    const first = await startGrpcSink()
    const transport = open(first.url)
    await transport.send(request(), never)
    first.server.forceShutdown()
    await expect(transport.send(request(), never)).rejects.toMatchObject({ failure: 'transient' })
    const second = await startGrpcSink({ port: first.port })
    await transport.send(request(), never)
    expect(second.received).toHaveLength(1)
  })

  it('goes on over a new connection after a GOAWAY, and finishes what is under way on the old', async () => {
    const sink = await startGrpcSink()
    let release: (() => void) | undefined
    sink.answer = async ({ body }) => {
      if (body.toString() === 'slow') await new Promise<void>((resolve) => (release = resolve))
      return {}
    }
    const server = createServer()
    const sessions: ServerHttp2Session[] = []
    server.on('session', (session) => void sessions.push(session))
    let held: (() => void) | undefined
    server.on('stream', (stream) => {
      const answer = (): void => {
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
        stream.end()
      }
      stream.resume()
      if (sessions.length === 1 && held === undefined) held = answer
      else answer()
    })
    const transport = open(await startRaw(server))
    const slow = transport.send(request(), never)
    await until(() => held !== undefined)
    sessions[0]?.goaway(0)
    await transport.send(request(), never)
    expect(sessions).toHaveLength(2)
    held?.()
    await slow
    expect(release).toBeUndefined()
  })

  it('sends again at once what the endpoint says it has not begun with', async () => {
    const server = createServer()
    let refused = 0
    server.on('stream', (stream) => {
      stream.on('error', () => {
        // Reset on purpose.
      })
      if (refused++ < 2) return stream.close(7)
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
      stream.end()
    })
    await open(await startRaw(server)).send(request(), never)
    expect(refused).toBe(3)
  })

  it('gives up on an endpoint that begins with nothing: that cost no data', async () => {
    const server = createServer()
    server.on('stream', (stream) => {
      stream.on('error', () => {
        // Reset on purpose.
      })
      stream.close(7)
    })
    await expect(open(await startRaw(server)).send(request(), never)).rejects.toMatchObject({ failure: 'transient', mayHaveArrived: false })
  })

  it.each([
    ['a proxy that is overloaded', 503, 'text/plain', undefined, 'http_503', 'transient', false],
    ['a proxy without a backend', 502, 'text/html', undefined, 'http_502', 'transient', true],
    ['a proxy that wants a pause', 429, 'text/plain', '4', 'http_429', 'throttled', false],
    ['a proxy that wants credentials', 401, 'text/plain', undefined, 'http_401', 'permanent', false],
    ['a web server', 200, 'text/html', undefined, 'connection', 'transient', true],
  ])('understands %s', async (_, status, type, retryAfter, reason, failure, mayHaveArrived) => {
    const server = createServer((_request, response) => {
      response.writeHead(status, { 'content-type': type, ...(retryAfter === undefined ? {} : { 'retry-after': retryAfter }) })
      response.end('<html>')
    })
    await expect(open(await startRaw(server)).send(request(), never)).rejects.toMatchObject({ failure, reason, mayHaveArrived })
  })

  it('reads no more of an answer than it needs', async () => {
    const server = createServer()
    server.on('stream', (stream) => {
      stream.on('error', () => {
        // Cut off on purpose.
      })
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' })
      stream.write(Buffer.alloc(1_000_000))
      // And never an end.
    })
    const sent = open(await startRaw(server)).send(request(), never)
    await expect(sent).rejects.toMatchObject({ failure: 'transient', message: expect.stringMatching(/longer than 65536 bytes/) })
  })

  it('believes an answer that comes before all was sent, and says that its memory is not free', async () => {
    const server = createServer({ settings: { initialWindowSize: 65_535 } })
    server.on('stream', (stream) => {
      // Never reads: the window stays closed.
      stream.respond(
        { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '8', 'grpc-message': 'too large' },
        { endStream: true },
      )
    })
    const one = request({ body: [Buffer.alloc(4 * 2 ** 20)] })
    await expect(open(await startRaw(server)).send(one, never)).rejects.toMatchObject({ reason: 'grpc_resource_exhausted', status: 413 })
    expect(one.repeats).toBe(1)
  })

  it('does not believe that a request has arrived that was not read', async () => {
    const server = createServer({ settings: { initialWindowSize: 65_535 } })
    server.on('stream', (stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '0' }, { endStream: true })
    })
    const one = request({ body: [Buffer.alloc(4 * 2 ** 20)] })
    await expect(open(await startRaw(server)).send(one, never)).rejects.toMatchObject({ failure: 'transient', mayHaveArrived: true })
    expect(one.repeats).toBe(1)
  })

  it('finds the status in headers that do not end the answer', async () => {
    const server = createServer()
    server.on('stream', (stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '16', 'grpc-message': 'no' })
      stream.resume().on('end', () => stream.end())
    })
    await expect(open(await startRaw(server)).send(request(), never)).rejects.toMatchObject({ reason: 'grpc_unauthenticated' })
  })

  it('hears of a message above the limit of the endpoint', async () => {
    const sink = await startGrpcSink({ settings: { 'grpc.max_receive_message_length': 1000 } })
    const sent = open(sink.url).send(request({ body: [Buffer.alloc(100_000)] }), never)
    await expect(sent).rejects.toMatchObject({ failure: 'permanent', reason: 'grpc_resource_exhausted', status: 413 })
  })

  it('asks for a sign of life after a silence, and gives a dead connection up', async () => {
    // A relay that forgets its connections, as firewalls do: nobody is told.
    const sink = await startGrpcSink()
    const pairs: [Socket, Socket][] = []
    const relay = createTcpServer((near) => {
      const far = connect(sink.port, '127.0.0.1')
      for (const socket of [near, far]) socket.on('error', () => socket.destroy())
      near.pipe(far).pipe(near)
      pairs.push([near, far])
    })
    sink.answer = () => {
      for (const [near, far] of pairs) near.unpipe(far).pause()
      return undefined
    }
    const url = await listening(relay)
    onTestFinished(() => {
      for (const pair of pairs) for (const socket of pair) socket.destroy()
      relay.close()
    })
    const transport = open(url, { keepAlive: { timeMs: 30, timeoutMs: 30 } })
    await expect(transport.send(request(), never)).rejects.toMatchObject({
      failure: 'transient',
      mayHaveArrived: true,
      message: expect.stringMatching(/no sign of life within 30 ms/),
    })
  })

  it('leaves a slow endpoint that shows signs of life its time', async () => {
    const sink = await startGrpcSink()
    let answer: (() => void) | undefined
    sink.answer = () => new Promise((resolve) => (answer = () => resolve({})))
    const sent = open(sink.url, { keepAlive: { timeMs: 20, timeoutMs: 2000 } }).send(request(), never)
    await until(() => answer !== undefined)
    await new Promise((resolve) => setTimeout(resolve, 100))
    answer?.()
    await sent
  })
})
