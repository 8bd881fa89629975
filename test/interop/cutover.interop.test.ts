/**
 * The long run of a cutover, once for each pair of real backends and with the clients that people have: the old side stopped for a fifth of the
 * time, then the new side, then the bridge killed with signal 9. What was acknowledged is at the old side byte for byte, `otlp-bridge parity`
 * finds 100 %, the books balance.
 *
 * Backends keep what they have on disk or in an Elasticsearch, since a store in memory would not survive being stopped.
 */

import { gunzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { type KeptPeer, keep, startKept } from './cutover-kept.ts'
import { poster, renewed, repeatedly, type Sender, shopBody, zipkinVectors } from './cutover-load.ts'
import { cutoverSeconds, runCutover, type Told } from './cutover-run.ts'
import { startTap, type Tap } from './cutover-tap.ts'
import { hasElasticsearch, startElasticsearch } from './elasticsearch-lab.ts'
import { lineOf } from './logs-sink.ts'
import { hasLoki } from './loki-peer.ts'
import { emitterNeeds, type Language, present, runEmitter } from './peers.ts'
import { freePorts, freeTcpPort } from './ports.ts'
import { createStops, remoteWrite } from './prometheus-lab.ts'
import { startNodeExporter, startPrometheus } from './prometheus-peers.ts'
import { startTarget } from './prometheus-target.ts'
import { startRestartingBridge } from './restarting-bridge.ts'
import { type Shipper, shippers } from './shippers.ts'

const limitMs = cutoverSeconds * 1000 + 600_000

let stops = createStops()
afterEach(async () => {
  const { stop } = stops
  stops = createStops()
  await stop()
}, 120_000)

const kept = async (starting: Promise<KeptPeer>): Promise<KeptPeer> => {
  const peer = await starting
  await stops.add(Promise.resolve({ stop: peer.end }))
  return peer
}

const tapped = async (port: number): Promise<Tap> => {
  const tap = await startTap(port)
  await stops.add(Promise.resolve({ stop: tap.close }))
  return tap
}

/** Soon back when a side is: the run is short. */
const quick = { breaker: { open: '1s' }, retry: { initial: '200ms', max: '2s' } }
const quickNew = { retry: { initialInterval: '200ms', maxInterval: '2s' } }

/**
 * Brave begins with an empty list to see whether somebody is there. In protobuf that is nothing at all, compressed, and Zipkin refuses it with or without a
 * bridge; the bridge takes it, as it takes every list without spans.
 */
const isEmptyProbe = (refusal: string): boolean => {
  const [, body] = /^400 Cannot gunzip spans\b.* to application\/x-protobuf (\S+)$/s.exec(refusal) ?? []
  return body !== undefined && gunzipSync(Buffer.from(body, 'base64')).length === 0
}

/** What must hold of every pair. */
function mustHold(
  { ledger, report, live, overview, killMinutes, underWay, refusals }: Told,
  known: (refusal: string) => boolean = () => false,
): void {
  expect(ledger.acknowledged).toBeGreaterThan(cutoverSeconds)
  expect(ledger.missing).toBe(0)
  expect(refusals.filter((one) => !known(one))).toEqual([])
  expect(ledger.refused).toBe(refusals.length)
  expect(ledger.repeats).toBeLessThanOrEqual(underWay.kill + underWay.stop)
  const found = report.items.flatMap(({ key, differences }) =>
    differences.filter((one) => one.class === 'unexplained').map((one) => `${key}: ${one.text}`),
  )
  expect(found).toEqual([])
  expect(report.result).toEqual({ parity: 1, require: 1, ok: true, unjudged: 0 })
  expect(live.minutes.length).toBeGreaterThan(0)
  const bad = live.minutes.filter(
    ({ at, verdict }) => verdict === 'short' || verdict === 'open' || (verdict === 'unknown' && !killMinutes.includes(at)),
  )
  expect(bad).toEqual([])
  expect(overview.books.balanced).toBe(true)
  expect(overview.deadItems).toBe(0)
}

describe('a cutover under load', () => {
  it.skipIf(!present('zipkin', 'jaeger-v2') || !hasElasticsearch(7))(
    'from Zipkin to Jaeger loses nothing',
    async () => {
      const store = await stops.add(startElasticsearch(7))
      const storeUrl = `http://127.0.0.1:${store.ports.http}`
      const { zipkin: zipkinPort } = await freePorts(['zipkin'], freeTcpPort)
      const zipkinUrl = `http://127.0.0.1:${zipkinPort}`
      const zipkin = await kept(startKept('zipkin', { ZIPKIN_PORT: String(zipkinPort), ZIPKIN_ES: storeUrl }, `${zipkinUrl}/health`))
      const ports = await freePorts(
        ['query', 'thriftHttp', 'grpc', 'zipkin', 'otlpGrpc', 'otlpHttp', 'admin', 'compact', 'binary'],
        freeTcpPort,
      )
      const jaeger = await kept(
        startKept(
          'jaeger-v2',
          {
            JAEGER_QUERY_PORT: String(ports.query),
            JAEGER_HTTP_PORT: String(ports.thriftHttp),
            JAEGER_GRPC_PORT: String(ports.grpc),
            JAEGER_ZIPKIN_PORT: String(ports.zipkin),
            JAEGER_OTLP_GRPC_PORT: String(ports.otlpGrpc),
            JAEGER_OTLP_HTTP_PORT: String(ports.otlpHttp),
            JAEGER_ADMIN_PORT: String(ports.admin),
            JAEGER_COMPACT_PORT: String(ports.compact),
            JAEGER_BINARY_PORT: String(ports.binary),
            JAEGER_ES: storeUrl,
          },
          `http://127.0.0.1:${ports.query}/api/services`,
        ),
      )
      const [old, young] = [await tapped(zipkinPort), await tapped(ports.otlpHttp)]
      const bridge = await stops.add(
        startRestartingBridge(['zipkin'], (own) => ({
          ingest: { zipkin: { port: own.zipkin } },
          emit: { endpoint: young.url, ...quickNew },
          mirror: { zipkin: { url: old.url, phase: 'dual', ...quick } },
        })),
      )
      const front = await tapped(bridge.ports.zipkin)

      // What the old Zipkin refuses is not there to be compared; asked with times of long ago.
      const vectors: (typeof usable)[number][] = []
      const usable = zipkinVectors()
      const headers = { 'content-type': 'application/json' }
      for (const spans of usable) {
        const body = JSON.stringify(renewed(spans, 1, Date.now() - 40 * 86_400_000))
        const reply = await fetch(`${zipkinUrl}/api/v2/spans`, { method: 'POST', headers, body })
        if (reply.status === 202) vectors.push(spans)
      }
      expect(vectors.length).toBeGreaterThan(5)

      const clients = (['java', 'go', 'node', 'python'] as const satisfies Language[]).filter((one) => present(...emitterNeeds(one)))
      const encodings: Readonly<Record<Language, readonly string[]>> = {
        java: ['json_v2', 'proto3'],
        go: ['json_v2', 'proto3'],
        node: ['json_v2', 'json_v1'],
        python: ['json_v2', 'json_v1'],
      }
      const url = `${front.url}/api/v2/spans`
      const send = (): Sender[] => [
        poster('shop', 400, (n) => ({ url, headers, body: JSON.stringify(shopBody(n, 2, Date.now())) })),
        poster('vectors', 1000, (n) => ({
          url,
          headers,
          body: JSON.stringify(renewed(vectors[n % vectors.length] ?? [], 1_000_000 + n, Date.now())),
        })),
        repeatedly('clients', 2000, (n) => {
          const language = clients[n % clients.length] ?? 'node'
          const encoding = encodings[language][Math.floor(n / clients.length) % 2] ?? 'json_v2'
          return runEmitter(language, {
            DO: 'zipkin',
            SERVICE: `${language}-shop`,
            ZIPKIN_ENCODING: encoding,
            ZIPKIN_URL: `${front.url}/api/${encoding === 'json_v1' ? 'v1' : 'v2'}/spans`,
          })
        }),
      ]
      const ask = { old: zipkinUrl, new: `http://127.0.0.1:${ports.query}`, newKind: 'jaeger' }
      const sides = { old: zipkin, new: jaeger }
      mustHold(await runCutover({ format: 'zipkin', bridge, front, old, new: young, sides, send, ask, settleSeconds: 12 }), isEmptyProbe)
    },
    limitMs,
  )

  it.skipIf(!hasElasticsearch(7) || !hasLoki())(
    'from Elasticsearch to Loki loses nothing',
    async () => {
      const ports = await freePorts(['http', 'transport', 'loki', 'lokiGrpc'], freeTcpPort)
      const [oldUrl, lokiUrl] = [`http://127.0.0.1:${ports.http}`, `http://127.0.0.1:${ports.loki}`]
      const settings = { ES_MAJOR: '7', ES_PORT: String(ports.http), ES_TRANSPORT_PORT: String(ports.transport), ES_HEAP: '400m' }
      const elasticsearch = await kept(startKept('elasticsearch', settings, `${oldUrl}/_cluster/health?wait_for_status=yellow&timeout=60s`))
      const loki = await kept(startKept('loki', { LOKI_PORT: String(ports.loki), LOKI_GRPC: String(ports.lokiGrpc) }, `${lokiUrl}/ready`))
      const [old, young] = [await tapped(ports.http), await tapped(ports.loki)]
      const bridge = await stops.add(
        startRestartingBridge(['elastic'], (own) => ({
          ingest: { elasticsearch: { port: own.elastic, version: '7.17.29' } },
          emit: { endpoint: `${young.url}/otlp`, compression: 'gzip', ...quickNew },
          mirror: { elasticsearch: { url: old.url, phase: 'dual', ...quick } },
        })),
      )
      const front = await tapped(bridge.ports.elastic)

      const careful = ['node-7-careful', 'python-7-careful'].flatMap((name) =>
        shippers.filter((one) => one.name === name && one.installed()),
      )
      const feeding = (shipper: Shipper): Sender => {
        const feed = Promise.resolve(shipper.start({ elasticsearch: front.port, beats: 0 }))
        const writing = repeatedly(shipper.name, 100, async (n) =>
          (await feed).write(Array.from({ length: 5 }, (_, at) => lineOf(shipper.name, n * 5 + at + 1))),
        )
        let last = ''
        return {
          name: shipper.name,
          said: () => `${writing.said()}; it says ${last}`,
          async stop() {
            await writing.stop()
            last = JSON.stringify(await (await feed).end())
          },
        }
      }
      const headers = { 'content-type': 'application/x-ndjson' }
      const send = (): Sender[] => [
        poster('own', 200, (n) => {
          const document = (at: number): string =>
            JSON.stringify({
              '@timestamp': new Date().toISOString(),
              message: `order ${n} "${at}" größe`,
              service: { name: `shop-${at % 3}` },
              price: n / 8,
            })
          const lines = Array.from({ length: 5 }, (_, at) => `{"index":{"_index":"app-logs","_id":"o-${n}-${at}"}}\n${document(at)}\n`)
          return { url: `${front.url}/_bulk`, headers, body: lines.join('') }
        }),
        ...careful.map(feeding),
      ]
      const ask = {
        old: oldUrl,
        new: lokiUrl,
        newKind: 'loki',
        more: ['--key', ['app-logs', ...careful.map(({ name }) => `logs-${name}-default`)].join(',')],
      }
      const sides = { old: elasticsearch, new: loki }
      mustHold(await runCutover({ format: 'elasticsearch', bridge, front, old, new: young, sides, send, ask, settleSeconds: 31 }))
    },
    limitMs,
  )

  it.skipIf(!present('prometheus-2', 'prometheus-3'))(
    'from one Prometheus to another loses nothing',
    async () => {
      const receiver = await stops.add(startPrometheus({ major: 3, config: () => ({}), flags: ['--web.enable-remote-write-receiver'] }))
      const young3 = await stops.add(
        startPrometheus({
          major: 3,
          config: () => ({ storage: { tsdb: { out_of_order_time_window: '30m' } } }),
          flags: ['--web.enable-otlp-receiver'],
        }),
      )
      const [oldKept, newKept] = [await keep(receiver.pid, `${receiver.url}/-/ready`), await keep(young3.pid, `${young3.url}/-/ready`)]
      await stops.add(Promise.resolve({ stop: async () => void (await Promise.all([oldKept.stop(), newKept.stop()])) }))
      const [old, young] = [await tapped(receiver.port), await tapped(young3.port)]
      const bridge = await stops.add(
        startRestartingBridge(['write'], (own) => ({
          ingest: { prometheus: { port: own.write } },
          emit: { endpoint: `${young.url}/api/v1/otlp`, ...quickNew },
          mirror: { prometheus: { url: old.url, phase: 'dual', ...quick } },
        })),
      )
      const front = await tapped(bridge.ports.write)
      const [node, app] = [await stops.add(startNodeExporter()), await stops.add(startTarget())]
      const scraped = (target: string): object => ({ static_configs: [{ targets: [target] }] })
      const config = (port: number, writes: boolean): object => ({
        global: { scrape_interval: '2s', scrape_timeout: '2s', external_labels: { cluster: 'two', region: 'here' } },
        scrape_configs: [
          { job_name: 'node', ...scraped(node.target) },
          { job_name: 'app', ...scraped(app.target) },
          { job_name: 'prometheus', ...scraped(`127.0.0.1:${port}`) },
        ],
        remote_write: writes ? [remoteWrite(`${front.url}/api/v1/write`, 1, '1.0')] : [],
      })
      const sender = await stops.add(startPrometheus({ major: 2, config: (port) => config(port, true) }))
      const send = (): Sender[] => [
        {
          name: 'Prometheus 2',
          said: () => 'Prometheus 2 wrote',
          stop: async () => {
            // Nothing is scraped any more, and what it has goes out.
            await sender.reload({ ...config(sender.port, true), scrape_configs: [] })
            await new Promise((settle) => setTimeout(settle, 5000))
          },
        },
      ]
      const settle = ['--set', 'parity.settle.old=10s', '--set', 'parity.settle.new=10s']
      const ask = { old: receiver.url, new: young3.url, newKind: 'prometheus', more: settle }
      const sides = { old: oldKept, new: newKept }
      mustHold(await runCutover({ format: 'prometheus', bridge, front, old, new: young, sides, send, ask, settleSeconds: 12 }))
    },
    limitMs,
  )
})
