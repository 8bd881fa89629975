import { describe, expect, it } from 'vitest'
import { createInspect } from '../../src/admin/inspect.ts'
import { safeHeaderPairs } from '../../src/admin/mask.ts'
import { createFileTranslator, translateConfig } from '../../src/ingest/index.ts'
import type { Seen } from '../../src/ingest/observe.ts'

const span = {
  traceId: '5af7183fb1d4cf5f5af7183fb1d4cf5f',
  id: '352bff9a74ca9ad2',
  name: 'secret-name',
  timestamp: 1_700_000_000_000_000,
  duration: 10,
  localEndpoint: { serviceName: 'secret-service' },
}
const translate = await createFileTranslator('zipkin-json', translateConfig.parse({}))

const seen = (part: Partial<Seen> = {}): Seen => {
  const body = Buffer.from(JSON.stringify([span]))
  return {
    endpoint: 'zipkin',
    format: 'zipkin-json',
    signal: 'traces',
    atMs: 1_700_000_000_000,
    client: { address: '10.0.0.7', userAgent: 'curl' },
    request: 'POST /api/v2/spans?key=secret',
    headers: ['Content-Type', 'application/json', 'Authorization', 'Bearer secret', 'X-Api-Key', 'secret', 'X-Custom', 'value'],
    body,
    otlp: translate(body, 0).data,
    items: 1,
    refused: undefined,
    ...part,
  }
}

describe('createInspect', () => {
  it('keeps a request before and after, without credentials', async () => {
    const { observer, source } = createInspect({ mode: 'full', nowMs: () => 0 })
    observer.see(seen())
    const detail = await source.show('1')
    expect(detail).toMatchObject({
      request: 'POST /api/v2/spans',
      client: '10.0.0.7',
      outcome: 'taken',
      legacy: { media: 'application/json' },
    })
    expect(detail?.legacy.text).toContain('secret-name')
    expect(detail?.legacy.headers).toEqual([
      ['Content-Type', 'application/json'],
      ['Authorization', '***'],
      ['X-Api-Key', '***'],
      ['X-Custom', 'value'],
    ])
    expect(JSON.stringify(detail?.otlp)).toContain('secret-service')
  })

  it('shows no value when it is masked, but structure, names, ids and times', async () => {
    const { observer, source } = createInspect({ mode: 'masked', nowMs: () => 0 })
    observer.see(seen())
    observer.see(seen({ body: Buffer.from([0, 1, 2, 255]), format: 'zipkin-thrift' }))
    const all = JSON.stringify([await source.show('1'), await source.show('2')])
    expect(all).not.toContain('secret')
    expect(all).not.toContain('"value"]')
    const detail = await source.show('1')
    expect(detail?.legacy.text).toMatch(/"name":"text 11 · [0-9a-f]{8}"/)
    expect(JSON.stringify(detail?.otlp)).toContain('"traceId":"5af7183fb1d4cf5f5af7183fb1d4cf5f"')
    expect((await source.show('2'))?.legacy.text).toMatch(/^bytes 4 · [0-9a-f]{8}$/)
  })

  it('copies what it keeps: the memory is the endpoint’s', async () => {
    const { observer, source } = createInspect({ mode: 'full', nowMs: () => 0 })
    const body = Buffer.from('["before"]')
    observer.see(seen({ body, otlp: new Uint8Array() }))
    body.fill(0)
    expect((await source.show('1'))?.legacy.text).toBe('["before"]')
    expect((await source.show('1'))?.otlp).toBeNull()
  })

  it('looks at five a second of each endpoint', () => {
    let ms = 0
    const { observer } = createInspect({ mode: 'full', nowMs: () => ms })
    const wanted = (endpoint: string): number => {
      let count = 0
      for (; count < 20 && observer.wants(endpoint); count++) observer.see(seen({ endpoint }))
      return count
    }
    expect([wanted('zipkin'), wanted('beats'), wanted('zipkin')]).toEqual([5, 5, 0])
    ms = 1000
    expect(wanted('zipkin')).toBe(5)
  })

  it('is bounded in requests, in bytes of each and of all, and in endpoints', async () => {
    const { observer, source } = createInspect({ mode: 'full', nowMs: () => 0 })
    const large = Buffer.alloc(400_000, 65)
    for (let at = 0; at < 100; at++) observer.see(seen({ body: large, otlp: large }))
    expect(source.list('zipkin')).toHaveLength(64)
    expect(source.list('zipkin')[0]).toMatchObject({ id: '100', bytes: 400_000 })
    const detail = await source.show('100')
    expect([detail?.legacy.truncated, detail?.legacy.text?.length, detail?.otlp]).toEqual([true, 262_144, null])
    for (let at = 0; at < 64; at++) observer.see(seen({ endpoint: 'prometheus', body: large, otlp: large }))
    expect(source.list(undefined).length).toBeLessThanOrEqual(64)
    for (let at = 0; at < 100; at++) observer.see(seen({ endpoint: `made-up-${at}`, body: Buffer.alloc(1) }))
    expect(source.endpoints().length).toBeLessThanOrEqual(32)
  })

  it('shows bytes that are no text as hexadecimal, and says why something was refused', async () => {
    const { observer, source } = createInspect({ mode: 'full', nowMs: () => 0 })
    observer.see(seen({ body: Uint8Array.of(0, 255, 16), otlp: new Uint8Array(), items: 0, refused: 'cannot read it' }))
    expect(await source.show('1')).toMatchObject({ outcome: 'refused', text: 'cannot read it', legacy: { hex: '00ff10' } })
    expect(await source.show('2')).toBeUndefined()
  })
})

describe('safeHeaderPairs', () => {
  it('hides what may be a credential, by its name', () => {
    const names = [
      'Authorization',
      'X-Auth',
      'Cookie',
      'X-Access-Key',
      'X-Amz-Signature',
      'X-Session-Id',
      'Proxy-Authorization',
      'X-Passwd',
    ]
    expect(
      safeHeaderPairs(
        names.flatMap((name) => [name, 'v']),
        false,
      ),
    ).toEqual(names.map((name) => [name, '***']))
    expect(safeHeaderPairs(['X-B3-TraceId', 'v', 'User-Agent', 'curl'], false)).toEqual([
      ['X-B3-TraceId', 'v'],
      ['User-Agent', 'curl'],
    ])
  })
})
