import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { queueDrop, queueExport, queueLs, queueMove, queueRetry, queueShow } from '../../src/cli/queue.ts'
import { createDiskQueue } from '../../src/emit/queue/disk.ts'
import { createFileTranslator, translateConfig } from '../../src/ingest/index.ts'
import { encodeEnvelope } from '../../src/mirror/envelope.ts'
import { decodeTraces } from '../../src/otlp/decode/traces.ts'
import { jsonToRequest } from '../../src/otlp/json/to-proto.ts'
import { silentLog } from '../../src/telemetry/log.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { oneLane, onlyLane } from '../crash/numbered.ts'
import { createTestIo } from './support/test-io.ts'

let folder: string

const openQueue = async () =>
  oneLane(
    await createDiskQueue(
      { path: folder, lanes: onlyLane, maxSize: 2 ** 30, ack: 'written', memoryTail: 2 ** 20, ballast: 0 },
      { metrics: createMetrics(), log: silentLog, nowMs: () => 1_763_712_000_000 },
    ),
  )

/** A store with one waiting batch and two dead letters. */
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'queue-cli-'))
  const body = await readFile(new URL('../../fixtures/zipkin/v1-thrift/in.bin', import.meta.url))
  const { data, items } = (await createFileTranslator('zipkin-thrift', translateConfig.parse({})))(body, 0)
  const queue = await openQueue()
  const batch = () => ({ format: 'zipkin-thrift', signal: 'traces' as const, items, data: new Uint8Array(data) })
  await queue.put(batch())
  await queue.put(batch())
  await queue.bury(await queue.take({ maxItems: 1000, maxBytes: 2 ** 20 }), 'http_400', 'cannot deliver: HTTP 400')
  await queue.put(batch())
  await queue.close()
})
afterEach(() => rm(folder, { recursive: true }))

const set = () => ({ set: [`queue.path=${folder}`] })

const deadIds = async (): Promise<string[]> => {
  const io = createTestIo()
  await queueLs({ ...set(), dead: true, json: true }, io)
  return JSON.parse(io.stdout()).map((one: { id: number }) => String(one.id))
}

describe('queueLs', () => {
  it('shows what waits by format', async () => {
    const io = createTestIo()
    expect(await queueLs({ ...set(), json: true }, io)).toBe(0)
    expect(JSON.parse(io.stdout())).toMatchObject({
      waiting: [{ format: 'zipkin-thrift', signal: 'traces', batches: 1, items: 4 }],
      damaged: { batches: 0 },
      deadLetters: 2,
    })
  })

  it('shows in a line what is kept, of a running bridge and of one that has ended', async () => {
    const options = { path: folder, lanes: onlyLane, maxSize: 2 ** 30, ack: 'written' as const, memoryTail: 2 ** 20, ballast: 0 }
    const open = () => createDiskQueue(options, { metrics: createMetrics(), log: silentLog, nowMs: () => 1_763_712_000_000 })
    const [ended, running] = [await open(), await open()]
    await ended.holding?.('prometheus').put([], new Uint8Array(10))
    await ended.holding?.('prometheus').put([], new Uint8Array(20))
    await ended.close()
    await running.holding?.('prometheus').put([], new Uint8Array(40))
    const io = createTestIo()
    await queueLs(set(), io)
    expect(io.stdout()).toContain(
      'Kept for prometheus until the rest comes: 1 request with 40 bytes, the oldest of 2025-11-21T08:00:00.000Z (of a running bridge).\n' +
        'Kept for prometheus until the rest comes: 2 requests with 30 bytes, the oldest of 2025-11-21T08:00:00.000Z (of a bridge that has ended; the next start takes it over).\n',
    )
    await running.close()
    const json = createTestIo()
    await queueLs({ ...set(), json: true }, json)
    expect(JSON.parse(json.stdout()).kept).toEqual([
      { name: 'prometheus', running: false, values: 3, bytes: 70, oldestQueuedAt: '2025-11-21T08:00:00.000Z' },
    ])
  })

  it('lists the dead letters with their reason', async () => {
    const io = createTestIo()
    await queueLs({ ...set(), dead: true }, io)
    expect(io.stdout()).toMatch(/id .*reason[\s\S]*http_400/)
  })

  it('has nothing to show of a memory queue', async () => {
    await expect(queueLs({ set: ['queue.type=memory'] }, createTestIo())).rejects.toMatchObject({ code: 'OB_CONFIG', place: 'queue.type' })
  })

  it('throws OB_INPUT where there is no queue', async () => {
    await expect(queueLs({ set: [`queue.path=${folder}/none`] }, createTestIo())).rejects.toMatchObject({ code: 'OB_INPUT' })
  })
})

describe('queueShow', () => {
  it('shows why a letter died and what is in it', async () => {
    const io = createTestIo()
    const [id = ''] = await deadIds()
    expect(await queueShow(id, { ...set(), json: true }, io)).toBe(0)
    expect(JSON.parse(io.stdout())).toMatchObject({
      reason: 'http_400',
      items: 4,
      intact: true,
      request: { resourceSpans: expect.any(Array) },
    })
  })

  it('throws for an id that is not there', async () => {
    await expect(queueShow('99999', set(), createTestIo())).rejects.toMatchObject({ code: 'OB_INPUT' })
    await expect(queueShow('x', set(), createTestIo())).rejects.toMatchObject({ code: 'OB_CONFIG' })
  })
})

describe('queueRetry and queueDrop', () => {
  it('put back, or delete, those named', async () => {
    const [first = '', second = ''] = await deadIds()
    expect(await queueRetry([first], set(), createTestIo())).toBe(0)
    expect(await deadIds()).toEqual([second])
    expect(await queueDrop([second, '99999'], set(), createTestIo())).toBe(1)
    expect(await deadIds()).toEqual([])

    const io = createTestIo()
    await queueLs({ ...set(), json: true }, io)
    expect(JSON.parse(io.stdout()).waiting).toMatchObject([{ batches: 2 }])
  })

  it('want either ids or --all', async () => {
    await expect(queueDrop([], set(), createTestIo())).rejects.toMatchObject({ code: 'OB_CONFIG' })
    await expect(queueDrop(['1'], { ...set(), all: true }, createTestIo())).rejects.toMatchObject({ code: 'OB_CONFIG' })
    expect(await queueDrop([], { ...set(), all: true }, createTestIo())).toBe(0)
    expect(await deadIds()).toEqual([])
  })
})

describe('queueExport', () => {
  it('writes all letters as one OTLP request', async () => {
    const io = createTestIo()
    expect(await queueExport('-', [], { ...set(), to: 'proto' }, io)).toBe(0)
    expect(decodeTraces(io.bytes()).resourceSpans.length).toBeGreaterThan(2)
    expect(await deadIds()).toHaveLength(2)
  })

  it('writes one JSON line a letter into a file', async () => {
    const file = join(folder, 'dead.ndjson')
    expect(await queueExport(file, [], { ...set(), to: 'json' }, createTestIo())).toBe(0)
    const lines = (await readFile(file, 'utf8')).trim().split('\n')
    expect(lines.map((line) => Object.keys(JSON.parse(line)))).toEqual([['resourceSpans'], ['resourceSpans']])
  })
})

describe('letters of other signals', () => {
  const metrics = { resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: 'm', gauge: { dataPoints: [{ asInt: '-7' }] } }] }] }] }

  /** One more dead letter; its id. */
  const buryMetrics = async (): Promise<string> => {
    await queueDrop([], { ...set(), destination: 'default' }, createTestIo())
    const queue = await openQueue()
    const data = jsonToRequest('metrics', Buffer.from(JSON.stringify(metrics)), 64)
    await queue.put({ format: 'otlp-json', signal: 'metrics', items: 1, data: new Uint8Array(data) })
    await queue.bury(await queue.take({ maxItems: 1000, maxBytes: 2 ** 20 }), 'http_400', 'cannot deliver: HTTP 400')
    await queue.close()
    return (await deadIds()).at(-1) ?? ''
  }

  it('are shown and exported as what they are', async () => {
    const id = await buryMetrics()
    const io = createTestIo()
    expect(await queueShow(id, { ...set(), json: true }, io)).toBe(0)
    expect(JSON.parse(io.stdout())).toMatchObject({ signal: 'metrics', request: metrics })
    const file = createTestIo()
    expect(await queueExport('-', [id], { ...set(), to: 'json' }, file)).toBe(0)
    expect(JSON.parse(file.bytes().toString())).toEqual(metrics)
  })

  it('are not joined with traces into one request', async () => {
    await buryMetrics()
    const sent = queueExport('-', [], { ...set(), to: 'proto' }, createTestIo())
    await expect(sent).rejects.toMatchObject({ code: 'OB_INPUT', message: expect.stringContaining('metrics') })
  })
})

describe('queueMove and queueDrop of what waits', () => {
  /** The store's rows are for `default`. */
  const renamed = () => ({ set: [`queue.path=${folder}`, 'emit.destination=renamed'] })

  const waiting = async (): Promise<unknown> => {
    const io = createTestIo()
    await queueLs({ ...renamed(), json: true }, io)
    return JSON.parse(io.stdout())
  }

  it('say what waits for whom, and who is not configured', async () => {
    expect(await waiting()).toMatchObject({ waiting: [{ destination: 'default', batches: 1 }], notConfigured: ['default'] })
    const io = createTestIo()
    await queueLs(renamed(), io)
    expect(io.stdout()).toMatch(/default +zipkin-thrift[\s\S]*Destination default is not configured here/)
  })

  it('give it to another destination', async () => {
    const io = createTestIo()
    expect(await queueMove({ ...renamed(), from: 'default', to: 'renamed' }, io)).toBe(0)
    expect(io.stderr()).toBe('1 batch moved from destination default to renamed\n')
    expect(await waiting()).toMatchObject({ waiting: [{ destination: 'renamed', batches: 1 }], notConfigured: [] })
  })

  it('do not move to a destination that is not there', async () => {
    const moving = queueMove({ ...renamed(), from: 'default', to: 'elsewhere' }, createTestIo())
    await expect(moving).rejects.toMatchObject({ code: 'OB_CONFIG', message: expect.stringContaining('(there: renamed)') })
  })

  it('delete it', async () => {
    const io = createTestIo()
    expect(await queueDrop([], { ...renamed(), destination: 'default' }, io)).toBe(0)
    expect(io.stderr()).toBe('1 batch with 4 items for destination default deleted\n')
    expect(await waiting()).toMatchObject({ waiting: [] })
    expect(await deadIds()).toHaveLength(2)
  })

  it('do not mix what waits with dead letters', async () => {
    const mixed = queueDrop(['1'], { ...renamed(), destination: 'default' }, createTestIo())
    await expect(mixed).rejects.toMatchObject({ code: 'OB_CONFIG' })
  })
})

describe('letters of a mirror', () => {
  const head = {
    id: 'abcdefghijklmnop',
    at: 1,
    kind: 'http' as const,
    method: 'POST',
    target: '/api/v2/spans?token=s3cret&x=1',
    headers: ['Content-Type', 'application/json', 'Authorization', 'Basic c2VjcmV0', 'X-Api-Key', 'k3y', 'User-Agent', 'curl/8'],
    from: '127.0.0.1',
    lane: 'c1',
  }

  const withMirror = () => ({ set: [`queue.path=${folder}`, 'mirror.zipkin.url=http://127.0.0.1:9411'] })

  /** One that waits and some dead ones; their ids. */
  const putEnvelopes = async (...bodies: readonly Uint8Array[]): Promise<string[]> => {
    await queueDrop([], { ...set(), all: true }, createTestIo())
    const queue = await createDiskQueue(
      {
        path: folder,
        lanes: [...onlyLane, { destination: 'mirror.zipkin', whenFull: 'refuse', mirror: true }],
        maxSize: 2 ** 30,
        ack: 'written',
        memoryTail: 2 ** 20,
        ballast: 0,
      },
      { metrics: createMetrics(), log: silentLog, nowMs: () => 1_763_712_000_000 },
    )
    const put = (body: Uint8Array) =>
      queue.put([{ batch: { format: 'zipkin-json', signal: 'legacy', items: 1, data: encodeEnvelope(head, [body]) }, lanes: [1] }])
    for (const body of bodies) await put(body)
    const lane = queue.lanes[1]
    await lane?.bury(await lane.take({ maxItems: 1000, maxBytes: 2 ** 20 }), 'old_400', 'it said no')
    await put(Buffer.from('[]'))
    await queue.close()
    return deadIds()
  }

  it('wait for a mirror that is configured, or not', async () => {
    await putEnvelopes()
    const [there, gone] = [createTestIo(), createTestIo()]
    await queueLs(withMirror(), there)
    expect(there.stdout()).toMatch(/mirror\.zipkin +zipkin-json +legacy/)
    expect(there.stdout()).not.toContain('There is no')
    await queueLs(set(), gone)
    expect(gone.stdout()).toContain(
      'There is no mirror.zipkin here, requests for the old side wait for it: see `queue drop --destination mirror.zipkin`.',
    )
    await expect(queueMove({ ...withMirror(), from: 'mirror.zipkin', to: 'default' }, createTestIo())).rejects.toMatchObject({
      code: 'OB_CONFIG',
    })
    await expect(queueMove({ ...withMirror(), from: 'default', to: 'mirror.zipkin' }, createTestIo())).rejects.toMatchObject({
      code: 'OB_CONFIG',
    })
  })

  it('are shown and exported as they were received, credentials masked', async () => {
    const [first = '', second = ''] = await putEnvelopes(Buffer.from('[{"id":"1"}]'), Buffer.from([0x1f, 0x8b, 0xff]))
    const [shown, listed, file] = [createTestIo(), createTestIo(), createTestIo()]
    expect(await queueShow(first, set(), shown)).toBe(0)
    expect(JSON.parse(shown.stdout())).toMatchObject({
      method: 'POST',
      target: '/api/v2/spans?token=***&x=1',
      headers: [
        ['Content-Type', 'application/json'],
        ['Authorization', '***'],
        ['X-Api-Key', '***'],
        ['User-Agent', 'curl/8'],
      ],
      body: '[{"id":"1"}]',
    })
    await queueLs({ ...set(), dead: true }, listed)
    expect(listed.stdout()).toMatch(/mirror\.zipkin .*old_400 +it said no/)
    expect(await queueExport('-', [], { ...set(), to: 'json' }, file)).toBe(0)
    const lines = file.bytes().toString().trim().split('\n')
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ body: '[{"id":"1"}]' }, { bodyBase64: 'H4v/' }])
    expect([shown.stdout(), shown.stderr(), listed.stdout(), ...lines].join()).not.toMatch(/c2VjcmV0|k3y|s3cret/)
    const raw = createTestIo()
    expect(await queueExport('-', [second], { ...set(), to: 'proto' }, raw)).toBe(0)
    expect([...raw.bytes()]).toEqual([0x1f, 0x8b, 0xff])
    await expect(queueExport('-', [], { ...set(), to: 'proto' }, createTestIo())).rejects.toMatchObject({ code: 'OB_INPUT' })
  })

  it('go back and away as others do', async () => {
    const [first = '', second = ''] = await putEnvelopes(Buffer.from('[1]'), Buffer.from('[2]'))
    expect(await queueRetry([first], withMirror(), createTestIo())).toBe(0)
    expect(await queueDrop([second], withMirror(), createTestIo())).toBe(0)
    const io = createTestIo()
    await queueLs({ ...withMirror(), json: true }, io)
    expect(JSON.parse(io.stdout())).toMatchObject({
      waiting: [{ destination: 'default' }, { destination: 'mirror.zipkin', signal: 'legacy', batches: 2 }],
      notConfigured: [],
      deadLetters: 0,
    })
  })
})
