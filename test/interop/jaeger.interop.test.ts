import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ask, judge } from './answers.ts'
import { type Bridge, startBridge } from './bridge.ts'
import { expectedOfJaegerHttp, expectedOfJaegerUdp, expectedOfZipkin } from './expected.ts'
import { type ServedSpan, servedTrace, type Tags } from './jaeger-api.ts'
import { accepted as acceptedAnswers, batchCases, handMade } from './jaeger-cases.ts'
import { type JaegerPorts, type Peer, present, root, runClient, startJaeger } from './peers.ts'
import { clientRuns } from './runs.ts'
import { teeHttp, teeUdp } from './tee.ts'

/** A difference between a span given to Jaeger v2 directly and the same through the bridge that a rule of the mapping asks for. */
interface Accepted {
  readonly rule: string
  readonly why: string
  /** The span as the rule leaves it; the same object when the rule does not touch it. */
  readonly apply: (direct: ServedSpan) => ServedSpan
}

const renamed = (tags: Tags, from: string, to: string): Tags => {
  const { [from]: value, ...rest } = tags
  return value === undefined ? tags : { ...rest, [to]: value }
}

const inTags = (change: (tags: Tags) => Tags) => (span: ServedSpan) => {
  const tags = change(span.tags)
  return tags === span.tags ? span : { ...span, tags }
}
const inProcess = (change: (tags: Tags) => Tags) => (span: ServedSpan) => {
  const process = change(span.process)
  return process === span.process ? span : { ...span, process }
}

const exporterVersion = /^string:Jaeger-(\w+)-(.*)$/
const languages: Readonly<Record<string, string>> = { Go: 'go', Java: 'java', Node: 'nodejs', Python: 'python' }

const accepted: readonly Accepted[] = [
  {
    rule: 'J-K2, Z-K2',
    why: 'a span without a kind is INTERNAL; the receivers of Jaeger leave it unspecified, which shows as no tag',
    apply: inTags((tags) => ('span.kind' in tags ? tags : { ...tags, 'span.kind': 'string:internal' })),
  },
  {
    rule: 'Z-E3',
    why: 'one address attribute name, whatever the version of the receiver',
    apply: inTags((tags) => renamed(tags, 'net.host.ip', 'network.local.address')),
  },
  { rule: 'Z-E4', why: 'the same for the port', apply: inTags((tags) => renamed(tags, 'net.host.port', 'network.local.port')) },
  {
    rule: 'J-P6',
    why: 'jaeger.version stays and names the SDK; the receiver turns it into an OpenCensus attribute',
    apply: inProcess((tags) => {
      const { 'opencensus.exporterversion': text = '', ...rest } = tags
      const [, prefix, version] = exporterVersion.exec(text) ?? []
      if (prefix === undefined) return tags
      return {
        ...rest,
        'jaeger.version': `string:${prefix}-${version}`,
        'telemetry.sdk.name': 'string:jaeger',
        'telemetry.sdk.language': `string:${languages[prefix]}`,
        'telemetry.sdk.version': `string:${version}`,
      }
    }),
  },
  {
    rule: 'J-P7',
    why: 'the id of the client is the id of the instance',
    apply: inProcess((tags) => renamed(tags, 'client-uuid', 'service.instance.id')),
  },
]

const shared = resolve(root, process.env['OTLP_BRIDGE_SHARED'] ?? '../shared')
const vectors = join(shared, 'vectors/jaeger')
const withVectors = existsSync(vectors)
if (!withVectors) console.warn(`SKIPPED: no vectors at ${vectors}; set OTLP_BRIDGE_SHARED`)
const good = 'real_thrift_batch_01.http.bin'
const cases = withVectors ? [...batchCases(vectors), ...handMade(readFileSync(join(vectors, good)))] : []
const table: string[] = []

const runnable = present('jaeger-v2')
const used = new Set<string>()
let direct: Peer<JaegerPorts>
let behind: Peer<JaegerPorts>
let bridge: Bridge

describe.skipIf(!runnable)('Jaeger v2 behind the bridge', () => {
  beforeAll(async () => {
    // One after the other: the second must find the ports of the first taken.
    direct = await startJaeger()
    behind = await startJaeger()
    bridge = await startBridge(`http://127.0.0.1:${behind.ports.otlpHttp}`)
  })

  afterAll(async () => {
    console.log(`Jaeger v2 → bridge, ${table.length} differences\n${table.join('\n')}`)
    await bridge?.stop()
    await Promise.all([behind?.stop(), direct?.stop()])
  })

  // The one that sends binary to the compact port is left out: Jaeger itself does not read it there.
  const runs = clientRuns.filter(({ title }) => !title.includes('binary to the compact'))

  describe.each(runs)('given $title', ({ language, jaeger }) => {
    it.skipIf(!present(language))('serves what it serves when fed directly', async () => {
      const zipkin = await teeHttp([direct.ports.zipkin, bridge.ports.zipkin])
      const http = await teeHttp([direct.ports.thriftHttp, bridge.ports.jaegerHttp])
      const udp = await teeUdp(
        jaeger === 'binary' ? [direct.ports.binary, bridge.ports.binary] : [direct.ports.compact, bridge.ports.compact],
      )
      await runClient(language, {
        zipkinUrl: `http://127.0.0.1:${zipkin.port}/api/v2/spans`,
        jaegerUrl: `http://127.0.0.1:${http.port}/api/traces`,
        ...(jaeger === 'http' ? {} : { agent: `127.0.0.1:${udp.port}` }),
      })
      const sent = [...expectedOfZipkin(zipkin.seen), ...expectedOfJaegerHttp(http.seen), ...expectedOfJaegerUdp(udp.seen)]
      expect(sent).toHaveLength(2)
      for (const { traceId, spanId } of sent) {
        const before = await servedTrace(direct.ports.query, traceId)
        const after = await servedTrace(behind.ports.query, traceId)
        const wanted = before.map((span) =>
          accepted.reduce((now, { rule, apply }) => {
            const next = apply(now)
            if (next !== now) used.add(rule)
            return next
          }, span),
        )
        expect(after).toEqual(wanted)
        expect(after.map((span) => span.spanId)).toEqual([spanId])
      }
      await Promise.all([zipkin.close(), http.close(), udp.close()])
    })
  })

  it.skipIf(!present('python', 'go', 'node', 'java'))(
    'differs in each accepted way, so that no entry of the list outlives its cause',
    () => {
      expect([...used].sort()).toEqual(accepted.map(({ rule }) => rule).sort())
    },
  )
  it.each(cases)('answers alike, or as a rule says: $name', async (one) => {
    const theirs = await ask(direct.ports.thriftHttp, one)
    const ours = await ask(bridge.ports.jaegerHttp, one)
    const verdict = judge(one, theirs, ours, acceptedAnswers)
    if (verdict.differences.length > 0)
      table.push(`${(verdict.rule || 'NO RULE').padEnd(18)} ${one.name}: ${verdict.differences.join('; ')}`)
    expect(verdict.wrong).toBeUndefined()
  })
})
