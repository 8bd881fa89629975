import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadUserMapping } from '../../../src/config/user-mapping.ts'
import type { Endpoint } from '../../../src/ingest/endpoints.ts'
import { createFileTranslator, ingestConfig, signalOfFile, startIngest, translateConfig } from '../../../src/ingest/index.ts'
import { requestToJson } from '../../../src/otlp/json/to-json.ts'
import { createFakeDeps, eventually, type FakeDeps, quietPages, quietSampling } from '../support/fakes.ts'

let deps: FakeDeps
let folder: string
let running: readonly Endpoint[]

beforeEach(async () => {
  deps = createFakeDeps()
  folder = await mkdtemp(join(tmpdir(), 'prometheus-format-'))
  running = []
})
afterEach(async () => {
  await stop()
  await rm(folder, { recursive: true })
})

const stop = async (): Promise<void> => {
  await Promise.all(running.map(({ listener }) => listener.stop(1000)))
  running = []
}

async function start(section: object = {}, translate: object = {}, dataPath?: string): Promise<string> {
  running = await startIngest(ingestConfig.parse({ prometheus: { host: '127.0.0.1', port: 0, ...section } }), {
    ...deps,
    pages: quietPages,
    sampling: quietSampling,
    translate: translateConfig.parse({ prometheus: translate }),
    userMapping: loadUserMapping,
    ...(dataPath === undefined ? {} : { dataPath }),
  })
  return running[0]?.listener.addresses[0] as string
}

const varint = (value: number): number[] => (value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(Math.floor(value / 0x80))])
const field = (number: number, bytes: Iterable<number>): number[] => {
  const content = [...bytes]
  return [...varint(number * 8 + 2), ...varint(content.length), ...content]
}
const label = (name: string, value: string): number[] => field(1, [...field(1, Buffer.from(name)), ...field(2, Buffer.from(value))])

/** A request of 1.0 with one sample, plain. */
function requestOf(name: string, timeMs: number): Uint8Array {
  const value = Buffer.alloc(8)
  value.writeDoubleLE(42)
  const sample = [0x09, ...value, 0x10, ...varint(timeMs)]
  return Uint8Array.from(field(1, [...label('__name__', name), ...label('job', 'node'), ...field(2, sample)]))
}

/** As one literal: snappy has no shorter way to say that it says nothing. */
const snappy = (plain: Uint8Array): Uint8Array => Uint8Array.from([...varint(plain.length), 60 * 4, plain.length - 1, ...plain])

const timeMs = 1_700_000_000_000

const write = (base: string, name: string): Promise<Response> =>
  fetch(`${base}/api/v1/write`, { method: 'POST', body: snappy(requestOf(name, timeMs)) })

const sent = (): string => deps.fake.batches.map(({ data }) => Buffer.from(requestToJson('metrics', data)).toString()).join('\n')

describe('prometheus', () => {
  it('translates what is written, with the mapping file of the user', async () => {
    const mapping = join(folder, 'mapping.yaml')
    await writeFile(mapping, 'metrics:\n  - match: node_load\n    metric: system.load\n')
    const base = await start({}, { names: 'semconv', mapping })
    expect((await write(base, 'node_load')).status).toBe(204)
    expect(deps.fake.batches).toMatchObject([{ format: 'prometheus', signal: 'metrics', items: 1 }])
    expect(sent()).toContain('"name":"system.load"')
    expect(sent()).toContain('"asDouble":42')
  })

  it('answers with a fault of its own when the mapping file cannot be read any more', async () => {
    const base = await start({}, { mapping: join(folder, 'gone.yaml') })
    expect((await write(base, 'up')).status).toBe(500)
    expect(running[0]?.listener.trouble?.()).toEqual([expect.stringMatching(/cannot use the mapping file .*ENOENT/s)])
  })

  it('saves what it remembers beside a disk queue, and opens it at the next start without a request', async () => {
    const base = await start({}, {}, folder)
    expect((await write(base, 'up')).status).toBe(204)
    await stop()
    expect((await readdir(join(folder, 'prometheus'))).length).toBeGreaterThan(0)
    await start({}, {}, folder)
    const types = running[0]?.listener.pages?.['metrics/types']
    expect(await types?.({ family: 'up' })).toMatchObject({ types: [{ family: 'up' }] })
    await eventually(() => (running[0]?.listener.trouble?.() ?? ['']).length === 0)
  })

  it('saves nothing without a disk queue, unless it is given a folder', async () => {
    await write(await start(), 'up')
    await stop()
    expect(await readdir(folder)).toEqual([])
    const own = join(folder, 'own')
    await write(await start({ state: { path: own } }), 'up')
    await stop()
    expect((await readdir(own)).length).toBeGreaterThan(0)
  })
})

describe('prometheus: files', () => {
  it.each([
    ['plain', (bytes: Uint8Array) => bytes],
    ['snappy', snappy],
  ])('reads remote-write 1.0, %s', async (_, encode) => {
    expect(signalOfFile('remote-write-1')).toBe('metrics')
    const translate = await createFileTranslator('remote-write-1', translateConfig.parse({}))
    const { items, data, drops } = translate(encode(requestOf('up', timeMs)), timeMs)
    expect([items, drops]).toEqual([1, []])
    expect(Buffer.from(requestToJson('metrics', data)).toString()).toContain('"name":"up"')
  })
})
