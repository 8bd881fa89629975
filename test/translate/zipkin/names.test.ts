import { describe, expect, it } from 'vitest'
import { createFileTranslator, translateConfig } from '../../../src/ingest/index.ts'
import { decodeTraces } from '../../../src/otlp/decode/traces.ts'

const body = (tags: object): Uint8Array =>
  new TextEncoder().encode(
    JSON.stringify([
      {
        traceId: '1',
        id: '2',
        timestamp: 1,
        localEndpoint: { serviceName: 'a', ipv4: '10.0.0.1', port: 80 },
        remoteEndpoint: { ipv4: '10.0.0.2', port: 5432 },
        tags,
      },
    ]),
  )

const keysOf = async (semconv: string, tags: object = {}): Promise<string[]> => {
  const translate = await createFileTranslator('zipkin-json', translateConfig.parse({ semconv }))
  const spans = decodeTraces(translate(body(tags), 0).data).resourceSpans[0]?.scopeSpans[0]?.spans
  return (spans?.[0]?.attributes ?? []).map((one) => one.key.text).sort()
}

const stable = ['network.local.address', 'network.local.port', 'network.peer.address', 'network.peer.port']
const legacy = ['net.host.ip', 'net.host.port', 'net.peer.ip', 'net.peer.port']

describe('translate.semconv', () => {
  it.each([
    ['stable', stable],
    ['legacy', legacy],
    ['both', [...legacy, ...stable]],
  ])('%s', async (semconv, keys) => {
    expect(await keysOf(semconv)).toEqual(keys)
  })

  it('leaves a tag of the old name alone', async () => {
    expect((await keysOf('both', { 'net.peer.ip': 'x' })).filter((key) => key === 'net.peer.ip')).toHaveLength(1)
    expect(await keysOf('legacy', { 'network.peer.port': '1' })).toEqual([
      'net.host.ip',
      'net.host.port',
      'net.peer.ip',
      'network.peer.port',
    ])
  })
})
