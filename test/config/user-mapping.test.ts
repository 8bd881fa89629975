import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadBridgeConfig } from '../../src/config/compose.ts'
import { loadUserMapping, readUserMapping, userMappingFaults } from '../../src/config/user-mapping.ts'

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
    const mapping = await loadUserMapping(await written(text))
    expect(mapping.metric('old')?.metric).toBe('new')
  })

  it('takes more metrics than a configuration has values', async () => {
    const metrics = Array.from({ length: 25_000 }, (_, n) => ({ match: `m${n}`, metric: `n${n}` }))
    expect((await loadUserMapping(await written(JSON.stringify({ metrics })))).metric('m24999')?.metric).toBe('n24999')
  })

  it('takes an empty file for nothing', async () => {
    expect((await loadUserMapping(await written(''))).metric('up')).toBeUndefined()
  })

  it('lists faults with their places', async () => {
    await written('metrics:\n  - match: old\n    metrik: new\n  - metric: b\n')
    await expect(loadUserMapping(file)).rejects.toMatchObject({
      code: 'OB_CONFIG',
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
    expect(await userMappingFaults(undefined)).toEqual([])
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
