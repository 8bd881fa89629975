/** The three ways to Jaeger v2: directly, through the bridge by OTLP over HTTP, and through the bridge by OTLP over gRPC. */

import { type Bridge, startBridge } from './bridge.ts'
import { arrived, type Difference, differences } from './differences.ts'
import { type Fields, settledSpans } from './jaeger-v3.ts'
import { type JaegerPorts, type Peer, startJaeger } from './peers.ts'
import { until } from './wait.ts'

/** A bridge and the Jaeger behind it. */
interface Bridged {
  readonly protocol: 'http/protobuf' | 'grpc'
  readonly bridge: Bridge
  readonly behind: Peer<JaegerPorts>
}

/** Ports of something that takes spans: a Jaeger, or a bridge. */
export interface Receivers {
  readonly thriftHttp: number
  readonly grpc: number
  readonly compact: number
  readonly binary: number
  readonly zipkin: number
}

export interface Paths {
  /** Of the direct Jaeger first, then of the bridges. */
  readonly receivers: readonly Receivers[]
  /**
   * Sends and reads back: what is different behind each bridge from what came directly. Traces that were there before are told apart.
   */
  compare(send: () => Promise<Sent>): Promise<readonly Compared[]>
  stop(): Promise<void>
}

/** What was sent to all of them. */
export interface Sent {
  /** Where to look for it: 32 hex digits. */
  readonly traceIds: readonly string[]
  /** Spans in it, those that will be rejected too. */
  readonly spans: number
  /** Those that a Jaeger takes: 0 where it refused the request. */
  readonly accepted: number
}

export interface Compared {
  readonly protocol: string
  /** Spans that came directly, and through the bridge. */
  readonly direct: readonly Fields[]
  readonly through: readonly Fields[]
  readonly found: readonly Difference[]
}

const sum = (values: ReadonlyMap<string, number>): number => [...values.values()].reduce((a, b) => a + b, 0)

const total = async (bridge: Bridge, name: string): Promise<number> => sum(await bridge.metric(`otlp_bridge_${name}_items_total`))

/** The bridge has received as many, and all that it took is with its Jaeger: its own books say so. */
const drained = (bridge: Bridge, wanted: number): Promise<true> =>
  until(`${wanted} items through the bridge`, async () => {
    const received = await total(bridge, 'received')
    const gone = (await total(bridge, 'delivered')) + (await total(bridge, 'refused')) + (await total(bridge, 'dropped'))
    return received >= wanted && gone >= received ? true : undefined
  })

/** Starts three Jaegers and two bridges. */
export async function startPaths(): Promise<Paths> {
  // One after the other: each must find the ports of those before it taken.
  const direct = await startJaeger()
  const bridged: Bridged[] = []
  const stop = async (): Promise<void> => {
    for (const { bridge } of bridged) await bridge.stop()
    await Promise.all([direct, ...bridged.map(({ behind }) => behind)].map((peer) => peer.stop()))
  }
  for (const protocol of ['http/protobuf', 'grpc'] as const) {
    const behind = await startJaeger()
    const port = protocol === 'grpc' ? behind.ports.otlpGrpc : behind.ports.otlpHttp
    const bridge = await startBridge(`http://127.0.0.1:${port}`, [`emit.protocol=${protocol}`])
    bridged.push({ protocol, bridge, behind })
  }

  // What each Jaeger already gave for a trace: vectors share ids, and only what is new is compared.
  const seen = new Map<number, Map<string, Fields[]>>()
  const fresh = async (port: number, traceIds: readonly string[], count: number): Promise<Fields[]> => {
    const known = seen.get(port) ?? new Map<string, Fields[]>()
    seen.set(port, known)
    const before = traceIds.flatMap((id) => known.get(id) ?? [])
    const after = await settledSpans(port, traceIds, before.length + count)
    for (const id of traceIds)
      known.set(
        id,
        after.filter((span) => span.get('traceId') === id),
      )
    return arrived(before, after)
  }

  return {
    receivers: [
      direct.ports,
      ...bridged.map(({ bridge: { ports } }) => ({ ...ports, thriftHttp: ports.jaegerHttp, grpc: ports.jaegerGrpc })),
    ],
    stop,
    async compare(send) {
      const before = await Promise.all(bridged.map(({ bridge }) => total(bridge, 'received')))
      const { traceIds, spans, accepted } = await send()
      const came = await fresh(direct.ports.query, traceIds, accepted)
      return Promise.all(
        bridged.map(async ({ protocol, bridge, behind }, index) => {
          await drained(bridge, (before[index] ?? 0) + spans)
          const through = await fresh(behind.ports.query, traceIds, 0)
          return { protocol, direct: came, through, found: differences(came, through) }
        }),
      )
    },
  }
}
