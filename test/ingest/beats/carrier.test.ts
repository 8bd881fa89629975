import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Endpoint } from '../../../src/ingest/endpoints.ts'
import { everyEndpoint, ingestConfig, planIngest, startIngest, translateConfig } from '../../../src/ingest/index.ts'
import { requestToJson } from '../../../src/otlp/json/to-json.ts'
import { connectLumberjack, dataFrame, jsonFrame, type LumberjackClient, windowFrame } from '../../support/lumberjack.ts'
import { countsOf, createFakeDeps, type FakeDeps, noUserMapping, openBooks, quietPages, quietSampling } from '../support/fakes.ts'
import { recordings } from './support.ts'

let deps: FakeDeps
let running: readonly Endpoint[]
let client: LumberjackClient
beforeEach(() => {
  deps = createFakeDeps()
  running = []
})
afterEach(async () => {
  if (running.length > 0) client.destroy()
  await Promise.all(running.map(({ listener }) => listener.stop(100)))
  expect(openBooks(deps.metrics)).toEqual([])
})

const contextOf = () => ({
  ...deps,
  pages: quietPages,
  sampling: quietSampling,
  translate: translateConfig.parse({}),
  userMapping: noUserMapping,
})

async function start(section: object = {}): Promise<void> {
  running = await startIngest(ingestConfig.parse({ beats: { host: '127.0.0.1', port: 0, ...section } }), contextOf())
  client = await connectLumberjack(Number(new URL(running[0]?.listener.addresses[0] as string).port))
}

interface Value {
  readonly stringValue?: string
  readonly intValue?: string
  readonly bytesValue?: string
}
interface LogsJson {
  readonly resourceLogs: readonly {
    readonly resource: { readonly attributes: readonly { readonly key: string; readonly value: Value }[] }
    readonly scopeLogs: readonly {
      readonly logRecords: readonly {
        readonly body?: Value
        readonly timeUnixNano?: string
        readonly attributes: readonly { readonly key: string; readonly value: Value }[]
      }[]
    }[]
  }[]
}

/** Records with their attributes, and those of their resource, as objects. */
function records() {
  return deps.fake.batches.flatMap(({ data, signal, format }) => {
    expect([signal, format]).toEqual(['logs', 'beats'])
    const { resourceLogs } = JSON.parse(requestToJson('logs', data).toString()) as LogsJson
    const flat = (list: readonly { readonly key: string; readonly value: Value }[] = []) =>
      Object.fromEntries(list.map(({ key, value }) => [key, value.stringValue ?? value.intValue ?? value.bytesValue]))
    return resourceLogs.flatMap(({ resource, scopeLogs }) =>
      scopeLogs.flatMap(({ logRecords }) =>
        logRecords.map((one) => ({ ...one, resource: flat(resource?.attributes), attributes: flat(one.attributes) })),
      ),
    )
  })
}

describe('beats', () => {
  it('is among the endpoints of a bridge without a file, on 5044', () => {
    const plan = planIngest(everyEndpoint(), contextOf())
    expect(plan.find(({ name }) => name === 'beats')?.place).toEqual({ transport: 'tcp', host: 'localhost', port: 5044 })
    expect(plan.map(({ name }) => name)).not.toContain('kafka')
    expect(plan.some(({ name }) => name.startsWith('otlp'))).toBe(false)
  })

  it.each(recordings().filter(({ name }) => /small-compressed|running/.test(name)))('makes log records of $name', async (one) => {
    await start()
    client.write(one.client)
    await client.acknowledged(one.finals.length)
    const documents = one.documents.map((text) => JSON.parse(text) as { message: string; '@metadata'?: { beat: string; version: string } })
    const found = records()
    expect(new Set(found.map(({ body }) => body?.stringValue))).toEqual(new Set(documents.map(({ message }) => message)))
    const [document] = documents
    expect(found[0]?.attributes['beats.beat']).toBe(document?.['@metadata']?.beat)
    expect(found[0]?.attributes['beats.version']).toBe(document?.['@metadata']?.version)
    expect(Object.keys(found[0]?.attributes ?? {}).filter((key) => key.includes('@metadata'))).toEqual([])
  })

  it('keeps what is no document, as text or bytes, and acknowledges it', async () => {
    await start()
    const odd = ['{"a":"x\\ny", oops', '"text"', Buffer.from([0x7b, 0xff]), `${'['.repeat(10_000)}`, '{"message":"good"}']
    client.write(Buffer.concat([windowFrame(odd.length), ...odd.map((text, at) => jsonFrame(at + 1, text))]))
    await client.acknowledged(1)
    const found = records()
    expect(found.map(({ body }) => body?.stringValue ?? body?.bytesValue)).toEqual([
      odd[0],
      odd[1],
      Buffer.from([0x7b, 0xff]).toString('base64'),
      odd[3],
      'good',
    ])
    expect(found.map(({ attributes }) => typeof attributes['beats.parse_error'])).toEqual([...Array(4).fill('string'), 'undefined'])
  })

  it('takes what is odd in a document', async () => {
    await start()
    const odd = [
      '{"__proto__":{"a":1},"constructor":"c","message":"proto"}',
      '{"message":"first","message":"second"}',
      '{"@metadata":"a string","message":"metadata"}',
      '{"@timestamp":1700000000000,"message":"number"}',
    ]
    client.write(Buffer.concat([windowFrame(odd.length), ...odd.map((text, at) => jsonFrame(at + 1, text))]))
    await client.acknowledged(1)
    const found = records()
    expect(found).toHaveLength(4)
    expect(found[0]?.attributes['__proto__.a']).toBe('1')
    expect(found[3]?.timeUnixNano).toBe('1700000000000000000')
  })

  it('knows the fields of version 1', async () => {
    await start()
    const pairs = [
      ['line', 'GET /'],
      ['host', 'web-1'],
      ['file', '/var/log/access.log'],
      ['offset', '17'],
      ['type', 'access'],
      ['app.name', 'shop'],
    ] as const
    client.write(Buffer.concat([windowFrame(1, 1), dataFrame(7, pairs)]))
    await client.acknowledged(1)
    expect(client.acks).toEqual([{ version: 1, sequence: 7 }])
    const [record] = records()
    expect(record?.body?.stringValue).toBe('GET /')
    expect({ ...record?.resource, ...record?.attributes }).toMatchObject({
      'host.name': 'web-1',
      'log.file.path': '/var/log/access.log',
      offset: '17',
      type: 'access',
      'app.name': 'shop',
    })
    expect(record?.attributes['@version']).toBeUndefined()
  })

  it('takes an event with an id once, over connections', async () => {
    await start()
    const event = { '@metadata': { _id: 'one', op_type: 'create', index: 'logs-a-b', beat: 'filebeat', version: '8.1.0' }, message: 'm' }
    for (let i = 1; i <= 2; i++) {
      client.write(Buffer.concat([windowFrame(1), jsonFrame(1, event)]))
      await client.acknowledged(i)
    }
    const found = records()
    expect(found).toHaveLength(1)
    expect(found[0]?.attributes).toMatchObject({ 'elasticsearch.document.id': 'one', 'elasticsearch.index': 'logs-a-b' })
  })

  it('leaves out events for indices of the system', async () => {
    await start()
    client.write(Buffer.concat([windowFrame(1), jsonFrame(1, { '@metadata': { raw_index: '.monitoring-beats' }, message: 'm' })]))
    await client.acknowledged(1)
    expect(deps.fake.batches).toEqual([])
    expect(countsOf(deps.metrics, 'otlp_bridge_consumed_items_total', 'reason')).toEqual({ system_index: 1 })
  })

  it('counts events that were to go through an ingest pipeline', async () => {
    await start()
    client.write(Buffer.concat([windowFrame(1), jsonFrame(1, { '@metadata': { pipeline: 'nginx' }, message: 'm' })]))
    await client.acknowledged(1)
    expect(records()[0]?.attributes['elasticsearch.pipeline']).toBe('nginx')
    expect(countsOf(deps.metrics, 'otlp_bridge_elasticsearch_pipeline_ignored_total', 'pipeline')).toEqual({ nginx: 1 })
  })

  it('adds who sent it', async () => {
    await start({ enrich: 'source' })
    client.write(Buffer.concat([windowFrame(1), jsonFrame(1, { message: 'm' })]))
    await client.acknowledged(1)
    expect(records()[0]?.attributes['network.peer.address']).toBe('127.0.0.1')
  })
})
