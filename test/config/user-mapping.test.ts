import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadBridgeConfig } from '../../src/config/compose.ts'
import { loadUserMapping, mappingRevisions, readUserMapping, userMappingFaults } from '../../src/config/user-mapping.ts'

let folder: string
let file: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'user-mapping-'))
  file = join(folder, 'mapping.yaml')
})
afterEach(() => rm(folder, { recursive: true }))

const written = async (text: string): Promise<string> => {
  await writeFile(file, text)
  return file
}

describe('loadUserMapping', () => {
  it.each([
    ['YAML', 'metrics:\n  - match: old\n    metric: new\n'],
    ['JSON', '{"metrics":[{"match":"old","metric":"new"}]}'],
  ])('reads %s', async (_, text) => {
    const { metrics } = await loadUserMapping(await written(text), 'prometheus')
    expect(metrics.metric('old')?.metric).toBe('new')
  })

  it('takes more metrics than a configuration has values', async () => {
    const metrics = Array.from({ length: 25_000 }, (_, n) => ({ match: `m${n}`, metric: `n${n}` }))
    const read = await loadUserMapping(await written(JSON.stringify({ metrics })), 'prometheus')
    expect(read.metrics.metric('m24999')?.metric).toBe('n24999')
  })

  it('takes an empty file for nothing', async () => {
    const { metrics, fields } = await loadUserMapping(await written(''), 'prometheus')
    expect([metrics.metric('up'), fields.named('up'), fields.fitting('up')]).toEqual([undefined, undefined, undefined])
  })

  it('reads metrics and fields of documents from one file', async () => {
    const text = 'metrics:\n  - { match: old, metric: new }\nfields:\n  - { field: usr, attribute: user.name }\n'
    const { metrics, fields } = await loadUserMapping(await written(text), 'elasticsearch')
    expect(metrics.metric('old')?.metric).toBe('new')
    expect(fields.named('usr')).toEqual({ drop: false, resource: false, name: 'user.name' })
  })

  it('lists what contradicts itself in either part', async () => {
    await written('metrics:\n  - match: a\n  - match: a\nfields:\n  - field: usr\n')
    await expect(loadUserMapping(file, 'prometheus')).rejects.toThrow(
      /metrics\[1\]\.match = "a": expected each once.*:5:5 {2}fields\[0\].*: expected exactly one of attribute, resource and drop/s,
    )
  })

  it('lists faults with their places', async () => {
    await written('metrics:\n  - match: old\n    metrik: new\n  - metric: b\n')
    await expect(loadUserMapping(file, 'elasticsearch')).rejects.toMatchObject({
      code: 'OB_CONFIG',
      place: 'translate.elasticsearch.mapping',
      message: expect.stringMatching(
        /mapping\.yaml:3:5 {2}metrics\[0\]\.metrik = "new": unknown key; did you mean metric\?\n.*:4:5 {2}metrics\[1\]\.match/s,
      ),
    })
  })
})

describe('readUserMapping', () => {
  it('says of a file that is none where it breaks', async () => {
    const { mapping, faults } = await readUserMapping(await written('metrics: [\n'))
    expect([mapping, faults.length > 0, faults[0]?.where]).toEqual([undefined, true, expect.stringMatching(/mapping\.yaml:\d+:\d+$/)])
    expect((await readUserMapping(join(folder, 'none'))).faults[0]?.message).toMatch(/^cannot read the file: ENOENT/)
  })
})

describe('userMappingFaults', () => {
  it('is asked for nothing without a file', async () => {
    expect(await userMappingFaults({ prometheus: {}, elasticsearch: {} })).toEqual([])
  })

  it('tells faults of a file that two options name once', async () => {
    await written('metrics: 3\n')
    const paths = async (...named: (string | undefined)[]) =>
      (await userMappingFaults({ prometheus: { mapping: named[0] }, elasticsearch: { mapping: named[1] } })).map(({ path }) =>
        path.join('.'),
      )
    expect(await paths(file, file)).toEqual(['translate.prometheus.mapping'])
    expect(await paths(undefined, file)).toEqual(['translate.elasticsearch.mapping'])
    expect(await paths(file, join(folder, 'none'))).toEqual(['translate.prometheus.mapping', 'translate.elasticsearch.mapping'])
  })

  it('keeps a configuration that names a bad file from being used', async () => {
    await written('metrics: 3\n')
    const options = { set: [`translate.prometheus.mapping=${file}`] }
    await expect(loadBridgeConfig(options, {}, { files: true })).rejects.toThrow(/translate\.prometheus\.mapping .*cannot use the file/s)
    await loadBridgeConfig(options, {})
    await written('')
    await loadBridgeConfig(options, {}, { files: true })
  })
})

describe('mappingRevisions', () => {
  it('tells states of a file apart', async () => {
    const revision = async () => (await mappingRevisions({ elasticsearch: { mapping: file } })).get('elasticsearch')
    const gone = await revision()
    await written('')
    const empty = await revision()
    expect(await revision()).toBe(empty)
    await written('metrics: []\n')
    expect(new Set([gone, empty, await revision()]).size).toBe(3)
  })

  it('has nothing of formats without a file', async () => {
    expect(await mappingRevisions({ prometheus: {} })).toEqual(new Map())
  })
})
