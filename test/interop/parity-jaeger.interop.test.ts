/** `otlp-bridge parity` between a Jaeger v1 and a Jaeger v2, with the bridge in front of the new one. */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createJaegerTranslators } from '../../src/ingest/jaeger/translators.ts'
import { defaultDecodeLimits } from '../../src/ingest/limits.ts'
import { canonicalSpansOf } from '../../src/parity/traces-legacy.ts'
import { jaegerTranslateConfig } from '../../src/translate/jaeger/config.ts'
import { sharedFolder } from '../support/shared.ts'
import { type Bridge, startBridge } from './bridge.ts'
import { faults, runParityCommand } from './parity-run.ts'
import { type JaegerPorts, type Peer, present, startJaeger, startScript } from './peers.ts'
import { freePorts, freeTcpPort, freeUdpPort } from './ports.ts'
import { until } from './wait.ts'

const vectors = join(sharedFolder, 'vectors/jaeger')
const ready = present('jaeger-v1', 'jaeger-v2') && existsSync(vectors)

/** Thrift bodies of `POST /api/traces`. */
const bodies = (): readonly Uint8Array[] =>
  ['.', 'real-clients'].flatMap((folder) =>
    readdirSync(join(vectors, folder))
      .filter((name) => /(?:\.http|-http)\.bin$/.test(name))
      .sort()
      .map((name) => readFileSync(join(vectors, folder, name))),
  )

let old: Peer<{ readonly query: number; readonly http: number }>
let young: Peer<JaegerPorts>
let bridge: Bridge

beforeAll(async () => {
  if (!ready) return
  const tcp = await freePorts(['query', 'http', 'grpc', 'otlpGrpc', 'otlpHttp', 'zipkin', 'admin', 'sampling'], freeTcpPort)
  const udp = await freePorts(['compact', 'binary'], freeUdpPort)
  old = await startScript(
    'jaeger-v1',
    {
      JAEGER_QUERY_PORT: String(tcp.query),
      JAEGER_HTTP_PORT: String(tcp.http),
      JAEGER_GRPC_PORT: String(tcp.grpc),
      JAEGER_ZIPKIN_PORT: String(tcp.zipkin),
      JAEGER_OTLP_GRPC_PORT: String(tcp.otlpGrpc),
      JAEGER_OTLP_HTTP_PORT: String(tcp.otlpHttp),
      JAEGER_ADMIN_PORT: String(tcp.admin),
      JAEGER_SAMPLING_PORT: String(tcp.sampling),
      JAEGER_COMPACT_PORT: String(udp.compact),
      JAEGER_BINARY_PORT: String(udp.binary),
    },
    { query: tcp.query, http: tcp.http },
  )
  young = await startJaeger()
  bridge = await startBridge(`http://127.0.0.1:${young.ports.otlpHttp}`)
})

afterAll(async () => {
  await bridge?.stop()
  await Promise.all([old?.stop(), young?.stop()])
})

const post = async (port: number, body: Uint8Array): Promise<number> => {
  const reply = await fetch(`http://127.0.0.1:${port}/api/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.apache.thrift.binary' },
    body: new Uint8Array(body),
  })
  await reply.text()
  return reply.status
}

describe.skipIf(!ready)('parity between Jaeger v1 and Jaeger v2', () => {
  it('is 100 % for what clients send, minute by minute', async () => {
    const noZipkin = (): never => {
      throw new Error('no Zipkin here')
    }
    const translators = createJaegerTranslators({
      limits: defaultDecodeLimits,
      translate: jaegerTranslateConfig.parse({}),
      zipkinList: noZipkin,
    })
    const minutes = new Set<number>()
    let sent = 0
    for (const body of bodies()) {
      const spans = canonicalSpansOf(translators.httpBinary(body, 0).data)
      // A time before 1970 makes Jaeger v1 refuse every search that meets it.
      if (spans.some(({ startNs, events }) => startNs === 0n || events.some((one) => BigInt(one.get('timeUnixNano') ?? 0) > 1n << 62n)))
        continue
      if ((await post(old.ports.http, body)) !== 202) continue
      if ((await post(bridge.ports.jaegerHttp, body)) >= 300) throw new Error('the bridge refuses what Jaeger takes')
      sent += spans.length
      for (const { startNs } of spans) minutes.add(Number(startNs / 60_000_000_000n))
    }
    await until('delivered spans', async () => {
      const values = await bridge.metric('otlp_bridge_delivered_items_total')
      return [...values.values()].reduce((a, b) => a + b, 0) >= sent ? true : undefined
    })
    let compared = 0
    for (const minute of minutes) {
      const { report } = await runParityCommand({
        format: 'jaeger',
        old: `http://127.0.0.1:${old.ports.query}`,
        new: `http://127.0.0.1:${young.ports.query}`,
        since: new Date(minute * 60_000).toISOString(),
        until: new Date((minute + 1) * 60_000).toISOString(),
      })
      compared += report.items.reduce((sum, { counts }) => sum + counts.distinctOld, 0)
      expect.soft(faults(report)).toEqual([])
    }
    expect(compared).toBe(sent)
  })
})
