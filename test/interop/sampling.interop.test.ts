import { existsSync, readdirSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sharedFolder } from '../support/shared.ts'
import { type Bridge, startBridge } from './bridge.ts'
import { callGrpc } from './grpc-call.ts'
import { emitterNeeds, type Language, type Peer, present, runEmitter } from './peers.ts'
import { type SamplingServer, startJaegerV1, startJaegerV2 } from './sampling-peers.ts'
import { type Sink, startSink } from './sink.ts'
import { until } from './wait.ts'

const folder = await mkdtemp(join(tmpdir(), 'otlp-bridge-interop-'))
afterAll(() => rm(folder, { recursive: true, force: true }))

const written = async (name: string, content: unknown): Promise<string> => {
  const file = join(folder, name)
  await writeFile(file, JSON.stringify(content))
  return file
}

/** Operations are sampled in full, or not at all, so that nothing here is left to chance. */
const certain = {
  default_strategy: { type: 'probabilistic', param: 0 },
  service_strategies: [
    { service: 'always', type: 'probabilistic', param: 1 },
    { service: 'never', type: 'probabilistic', param: 0 },
    { service: 'few', type: 'ratelimiting', param: 3 },
    {
      service: 'choosy',
      type: 'probabilistic',
      param: 0,
      operation_strategies: [
        { operation: 'kept', type: 'probabilistic', param: 1 },
        { operation: 'left', type: 'probabilistic', param: 0 },
      ],
    },
  ],
}

type Server = 'agent' | 'collector'

/** Which server each client can be pointed at, and how it is told; `path` is what it is seen to ask. */
const ways: readonly (readonly [language: Language, server: Server, url: (bridge: Bridge) => string])[] = [
  ['java', 'agent', ({ ports }) => `http://127.0.0.1:${ports.sampling}`],
  ['go', 'agent', ({ ports }) => `http://127.0.0.1:${ports.sampling}/sampling`],
  ['go', 'collector', ({ ports }) => `http://127.0.0.1:${ports.jaegerHttp}/api/sampling`],
  ['python', 'agent', ({ ports }) => `http://127.0.0.1:${ports.sampling}`],
  ['node', 'agent', ({ ports }) => `http://127.0.0.1:${ports.sampling}/sampling`],
  ['node', 'collector', ({ ports }) => `http://127.0.0.1:${ports.jaegerHttp}/api/sampling`],
]

/** What a strategy makes of 50 spans of each operation, whatever the client would do on its own. */
const outcomes: readonly (readonly [
  service: string,
  initial: number,
  operations: string,
  check: (counts: Record<string, number>) => void,
])[] = [
  ['always', 0, 'one,two', (counts) => expect(counts).toEqual({ one: 50, two: 50 })],
  ['never', 1, 'one,two', (counts) => expect(counts).toEqual({ one: 0, two: 0 })],
  ['unknown', 1, 'one', (counts) => expect(counts).toEqual({ one: 0 })],
  // The bucket holds up to three at the start and fills while the spans are made.
  ['few', 1, 'one', ({ one = 50 }) => expect(one).toBeLessThanOrEqual(6)],
  // A client that does not know an operation takes the default probability of the list: 0 here.
  ['choosy', 1, 'kept,left', ({ kept = 0, left = 50 }) => expect([kept, left <= 1]).toEqual([50, true])],
]

describe('the bridge as the sampling server of Jaeger clients', () => {
  let sink: Sink
  let bridge: Bridge
  beforeAll(async () => {
    sink = await startSink()
    bridge = await startBridge(sink.url, [`sampling.file=${await written('certain.json', certain)}`])
  })
  afterAll(async () => {
    await bridge?.stop()
    await sink?.close()
  })
  const answers = async (): Promise<Record<string, number>> => {
    const found = await bridge.metric('otlp_bridge_sampling_answers_total')
    return Object.fromEntries([...found].map(([labels, value]) => [/source="(\w+)"/.exec(labels)?.[1] ?? labels, value]))
  }

  describe.each(ways)('asked by the client for %s where it expects the %s', (language, _server, url) => {
    it.skipIf(!present(...emitterNeeds(language))).each(outcomes)(
      'decides what %s samples',
      async (service, initial, operations, check) => {
        sink.spans.length = 0
        const before = await answers()
        const output = await runEmitter(language, {
          DO: 'sampling',
          SERVICE: service,
          SAMPLING: url(bridge),
          INITIAL: String(initial),
          OPERATIONS: operations,
          ...(language === 'python' ? { AGENT: `127.0.0.1:${bridge.ports.compact}` } : {}),
          JAEGER_URL: `http://127.0.0.1:${bridge.ports.jaegerHttp}/api/traces`,
        })
        const counts = JSON.parse(/^sampled (.*)$/m.exec(output)?.[1] ?? '{}') as Record<string, number>
        check(counts)
        const sampled = Object.values(counts).reduce((a, b) => a + b, 0)
        await until(`${sampled} spans at the sink`, () => (sink.spans.length >= sampled ? true : undefined), 10_000)
        expect(sink.spans).toHaveLength(sampled)

        const source = service === 'unknown' ? 'file_default' : 'file'
        const after = await answers()
        expect(after[source] ?? 0).toBeGreaterThan(before[source] ?? 0)
      },
    )
  })
})

/** Corners of the rules J-M6 to J-M13 beside the shared vectors. */
const corners = {
  empty: {},
  'a default that limits, with operations': {
    default_strategy: {
      type: 'ratelimiting',
      param: 2.9,
      operation_strategies: [{ operation: '/health', type: 'probabilistic', param: 0 }],
    },
    service_strategies: [{ service: 'plain' }, { service: 'half', type: 'probabilistic', param: 0.5 }],
  },
  'operations on both sides': {
    default_strategy: {
      type: 'probabilistic',
      param: 0.25,
      operation_strategies: [
        { operation: 'both', type: 'probabilistic', param: 0.1 },
        { operation: 'default only', type: 'probabilistic', param: 0.2 },
        { operation: 'limited', type: 'ratelimiting', param: 5 },
      ],
    },
    service_strategies: [
      {
        service: 'own',
        type: 'probabilistic',
        param: 1,
        operation_strategies: [
          { operation: 'own only', type: 'probabilistic', param: 0.75 },
          { operation: 'both', type: 'probabilistic', param: 0.9 },
          { operation: 'limited too', type: 'ratelimiting', param: 5 },
        ],
      },
      { service: 'limits', type: 'ratelimiting', param: 4, operation_strategies: [{ operation: 'x', type: 'probabilistic', param: 0.3 }] },
      { service: 'odd', type: 'adaptive', param: 7 },
      { service: 'twice', type: 'probabilistic', param: 0.1 },
      { service: 'twice', type: 'probabilistic', param: 0.6 },
      { service: 'ünïcode', type: 'probabilistic', param: 0.125 },
    ],
  },
} as const

const vectors = join(sharedFolder, 'vectors/jaeger/sampling')
const files = existsSync(vectors) ? readdirSync(vectors).filter((name) => !/^(Test|bad_)/.test(name)) : []
if (files.length === 0) console.warn(`SKIPPED: no strategies files at ${vectors}; set OTLP_BRIDGE_SHARED`)

const cases: readonly (readonly [name: string, file: () => Promise<string>])[] = [
  ...files.map((name) => [name, async () => join(vectors, name)] as const),
  ...Object.entries(corners).map(([name, content]) => [name, () => written(`${name}.json`, content)] as const),
]
const services = ['foo', 'bar', 'ServiceA', 'ServiceB', 'plain', 'half', 'own', 'limits', 'odd', 'twice', 'ünïcode', 'nobody', 'a b&c']

/** With the addresses of ours that must answer as it does: the collector of v1 writes enums as text, v2 as numbers, as agents once did. */
const kinds = [
  [
    'jaeger-v1',
    startJaegerV1,
    ({ ports }: Bridge) => [`http://127.0.0.1:${ports.sampling}/sampling`, `http://127.0.0.1:${ports.jaegerHttp}/api/sampling`],
  ],
  ['jaeger-v2', startJaegerV2, ({ ports }: Bridge) => [`http://127.0.0.1:${ports.sampling}/`]],
] as const

describe.each(kinds)('sampling answers of %s and of the bridge', (need, startJaeger, alike) => {
  describe.skipIf(!present(need)).each(cases)('out of %s', (_name, file) => {
    let jaeger: Peer<SamplingServer>
    let bridge: Bridge
    beforeAll(async () => {
      const strategies = await file()
      jaeger = await startJaeger(strategies)
      bridge = await startBridge('http://127.0.0.1:1', [`sampling.file=${strategies}`])
    })
    afterAll(async () => {
      await bridge?.stop()
      await jaeger?.stop()
    })

    it('are the same JSON over HTTP, on each port', async () => {
      for (const service of services) {
        const query = `?service=${encodeURIComponent(service)}`
        const theirs = await fetch(jaeger.ports.url + query)
        const wanted = { status: theirs.status, type: theirs.headers.get('content-type'), json: await theirs.json() }
        for (const url of alike(bridge)) {
          const ours = await fetch(url + query)
          const found = { status: ours.status, type: ours.headers.get('content-type'), json: await ours.json() }
          expect({ service, ...found }).toEqual({ service, ...wanted })
        }
      }
    })

    it('are the same bytes over gRPC, on each port', async () => {
      const method = '/jaeger.api_v2.SamplingManager/GetSamplingStrategy'
      for (const service of services) {
        const name = Buffer.from(service)
        const question = Buffer.concat([Buffer.from([0x0a, name.length]), name])
        const theirs = await callGrpc(jaeger.ports.grpc, method, question)
        for (const port of [bridge.ports.jaegerGrpc, bridge.ports.samplingGrpc]) {
          const ours = await callGrpc(port, method, question)
          expect([service, ours.code, ours.message.toString('hex')]).toEqual([service, theirs.code, theirs.message.toString('hex')])
        }
      }
    })

    it('refuse a question without a service, and one with two', async () => {
      for (const query of ['', '?service=a&service=b', '?other=a']) {
        const theirs = await fetch(jaeger.ports.url + query)
        const ours = await fetch(`http://127.0.0.1:${bridge.ports.sampling}/sampling${query}`)
        expect([query, ours.status, await ours.text()]).toEqual([query, theirs.status, await theirs.text()])
      }
    })
  })
})
