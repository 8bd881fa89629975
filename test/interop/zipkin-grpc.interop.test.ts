import { existsSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { vectorFiles } from '../support/shared.ts'
import { type Bridge, startBridge } from './bridge.ts'
import { callGrpc, type GrpcAnswer } from './grpc-call.ts'
import { emitterNeeds, type Peer, present, runEmitter, startZipkin } from './peers.ts'
import { type Sink, type SunkSpan, startSink } from './sink.ts'
import { startRecorder } from './tee.ts'
import { until } from './wait.ts'

const report = (port: number, body: Uint8Array): Promise<GrpcAnswer> => callGrpc(port, '/zipkin.proto3.SpanService/Report', body)

/** Each vector that is a ListOfSpans. */
const isProto = (file: string): boolean => {
  const expected = file.replace(/\.bin$/, '.expected.json')
  return file.endsWith('.bin') && existsSync(expected) && /"format":\s*"v2proto"/.test(readFileSync(expected, 'utf8'))
}
const vectors = vectorFiles('zipkin')
  .filter(isProto)
  .map((file) => [basename(file), readFileSync(file)] as const)

/** A span whose id is all zeros, which neither takes. */
const zeroId = Buffer.from('0a1e0a10000000000000000000000000000000011a080000000000000000', 'hex')

const bySpan = (spans: readonly SunkSpan[]): SunkSpan[] => spans.toSorted((a, b) => (a.spanId + a.kind < b.spanId + b.kind ? -1 : 1))

describe('the bridge, given Zipkin spans over gRPC', () => {
  let sink: Sink
  let bridge: Bridge
  beforeAll(async () => {
    sink = await startSink()
    bridge = await startBridge(sink.url, ['ingest.zipkin.grpc.enabled=true'])
  })
  afterAll(async () => {
    await bridge?.stop()
    await sink?.close()
  })

  /** What arrives of a body over HTTP, and of the same over gRPC. */
  const bothWays = async (body: Uint8Array): Promise<readonly [http: SunkSpan[], grpc: SunkSpan[]]> => {
    const arrived = async (send: () => Promise<void>): Promise<SunkSpan[]> => {
      sink.spans.length = 0
      await send()
      await until('spans at the sink', () => (sink.spans.length > 0 ? true : undefined), 10_000)
      return bySpan(sink.spans)
    }
    const http = await arrived(async () => {
      const url = `http://127.0.0.1:${bridge.ports.zipkin}/api/v2/spans`
      const reply = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/x-protobuf' }, body: Uint8Array.from(body) })
      expect(reply.status).toBe(202)
    })
    const grpc = await arrived(async () => {
      const { code, message } = await report(bridge.ports.zipkin, body)
      expect([code, message.length]).toEqual([0, 0])
    })
    return [http, grpc]
  }

  it.each(vectors)('delivers what it delivers of the same protobuf over HTTP: %s', async (_name, body) => {
    const [http, grpc] = await bothWays(body)
    expect(http.length).toBeGreaterThan(0)
    expect(grpc).toEqual(http)
  })

  const languages = (['go', 'java'] as const).filter((language) => present(...emitterNeeds(language)))
  it.each(languages)('delivers what it delivers of the same protobuf over HTTP: that of the %s client', async (language) => {
    const recorder = await startRecorder()
    await runEmitter(language, {
      DO: 'zipkin',
      SERVICE: `${language}-shop`,
      ZIPKIN_ENCODING: 'proto3',
      ZIPKIN_URL: `http://127.0.0.1:${recorder.port}/api/v2/spans`,
    })
    // Repeated messages: several bodies one after the other are one list.
    const body = Buffer.concat(recorder.seen.map((one) => one.body))
    await recorder.close()
    const [http, grpc] = await bothWays(body)
    expect(http).toHaveLength(7)
    expect(grpc).toEqual(http)
  })

  it('takes an empty list', async () => {
    expect(await report(bridge.ports.zipkin, new Uint8Array())).toMatchObject({ code: 0 })
  })

  it.each([
    ['not protobuf', Buffer.from('hello')],
    ['a list of nothing but a span without an id', zeroId],
  ])('refuses %s as an invalid argument', async (_name, body) => {
    expect(await report(bridge.ports.zipkin, body)).toMatchObject({ code: 3 })
  })
})

describe.skipIf(!present('zipkin'))('the Zipkin endpoint over gRPC, beside a Zipkin server', () => {
  let zipkin: Peer<{ readonly http: number }>
  let bridge: Bridge
  beforeAll(async () => {
    zipkin = await startZipkin()
    bridge = await startBridge('http://127.0.0.1:1', ['ingest.zipkin.grpc.enabled=true'])
  })
  afterAll(async () => {
    await bridge?.stop()
    await zipkin?.stop()
  })

  it.each(vectors)('takes what it takes: %s', async (_name, body) => {
    const theirs = await report(zipkin.ports.http, body)
    const ours = await report(bridge.ports.zipkin, body)
    expect([ours.code, ours.message.toString('hex')]).toEqual([theirs.code, theirs.message.toString('hex')])
  })

  it('refuses what it refuses, if with a clearer status', async () => {
    for (const body of [Buffer.from('hello'), zeroId]) {
      const theirs = await report(zipkin.ports.http, body)
      expect(theirs.code).not.toBe(0)
      expect((await report(bridge.ports.zipkin, body)).code).toBe(3)
    }
  })
})
