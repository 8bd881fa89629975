import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openRegistry, type Registry, type RegistryOptions } from '../../../src/ingest/elasticsearch/registry.ts'
import { createFakeDeps, type FakeDeps, sumOf } from '../support/fakes.ts'

let folder: string
let path: string
let deps: FakeDeps
let now: number
let registry: Registry | undefined

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'registry-'))
  path = join(folder, 'elasticsearch', 'registry.db')
  now = 1_700_000_000_000
  deps = createFakeDeps(() => now)
})
afterEach(async () => {
  registry?.close()
  registry = undefined
  await rm(folder, { recursive: true })
})

const start = async (options: Partial<RegistryOptions> = {}): Promise<Registry> => {
  registry?.close()
  const { log, metrics, nowMs } = deps
  return (registry = await openRegistry({ path, entries: 1000, bytes: 1 << 20, salt: '9200', log, metrics, nowMs, ...options }))
}

const faults = (): number => sumOf(deps.metrics, 'otlp_bridge_elasticsearch_registry_faults_total')

describe('openRegistry', () => {
  it('keeps entries in a file, with how often and when they were put', async () => {
    let one = await start()
    one.put('template', 'a', '{"x":1}', '["line"]')
    now += 1000
    one.put('template', 'a', '{"x":22}')
    one = await start()
    expect(one.head('template', 'a')).toEqual({ name: 'a', size: 8, line: '', changedMs: now, revision: 2 })
    expect(one.body('template', 'a')).toBe('{"x":22}')
    expect([one.head('pipeline', 'a'), one.body('pipeline', 'a'), one.heads('pipeline')]).toEqual([undefined, undefined, []])
    expect([one.remove('template', 'a'), one.remove('template', 'a')]).toEqual([true, false])
    expect(one.fault()).toBeUndefined()
    expect(faults()).toBe(0)
  })

  it('sets aside a file that is damaged, or of another layout, and goes on with a new one', async () => {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, 'no database at all, but long enough to be taken for one'.repeat(100))
    let one = await start()
    expect(one.fault()).toBeUndefined()
    one.put('template', 'a', '{}')
    expect(faults()).toBe(1)
    expect((await readdir(dirname(path))).filter((name) => name.includes('aside'))).toEqual(['registry.db.aside'])
    one.close()
    registry = undefined

    const other = new DatabaseSync(path)
    other.exec('PRAGMA user_version = 99')
    other.close()
    one = await start()
    expect(one.head('template', 'a')).toBeUndefined()
    expect(one.fault()).toBeUndefined()
    expect(faults()).toBe(2)
    expect(deps.lines.join()).toContain('it is of layout 99')
  })

  it('keeps in memory what the disk does not take, says so, and goes back to the file after a minute', async () => {
    await writeFile(join(folder, 'elasticsearch'), 'a file where the folder should be')
    const one = await start()
    const { uuid } = one
    expect(uuid).toMatch(/^[\w-]{22}$/)
    expect(one.fault()).toContain('kept in memory only')
    one.put('template', 'a', '{}')
    expect(one.body('template', 'a')).toBe('{}')

    await rm(join(folder, 'elasticsearch'))
    await mkdir(join(folder, 'elasticsearch'))
    one.put('template', 'b', '{}')
    expect(one.fault()).not.toBeUndefined()
    now += 60_000
    expect(one.head('template', 'a')).toBeUndefined()
    one.put('template', 'c', '{}')
    expect(one.fault()).toBeUndefined()
    expect(one.uuid).toBe(uuid)
    expect((await start()).heads('template').map(({ name }) => name)).toEqual(['c'])
  })

  it('goes on in memory when a file that was good cannot be written any more', async () => {
    const one = await start()
    one.put('template', 'a', '{}')
    // Somebody else has it for longer than is waited.
    const limit = new DatabaseSync(path)
    limit.exec('BEGIN EXCLUSIVE')
    one.put('template', 'b', '{"b":1}')
    expect(one.body('template', 'b')).toBe('{"b":1}')
    expect(one.fault()).toContain('kept in memory only')
    expect(faults()).toBe(1)
    limit.close()
    now += 60_000
    one.put('template', 'c', '{}')
    expect(one.fault()).toBeUndefined()
    expect(one.heads('template').map(({ name }) => name)).toEqual(['a', 'c'])
  })

  it('stays small under names without end', async () => {
    const one = await start({ entries: 50, bytes: 100_000 })
    for (let at = 0; at < 3000; at++) one.put('template', `name-${at}`, `{"text":"${'x'.repeat(1000)}"}`)
    expect(one.heads('template')).toHaveLength(50)
    expect(sumOf(deps.metrics, 'otlp_bridge_elasticsearch_registry_evicted_total')).toBe(2950)
    one.close()
    registry = undefined
    expect((await stat(path)).size).toBeLessThan(1_000_000)
  })

  it('keeps an entry that is larger than all may be together, alone', async () => {
    const one = await start({ bytes: 100 })
    one.put('template', 'small', '{}')
    one.put('template', 'large', JSON.stringify({ text: 'x'.repeat(200) }))
    expect(one.heads('template').map(({ name }) => name)).toEqual(['large'])
  })

  it('is in memory without a file, with a uuid that belongs to the machine and the port', async () => {
    const one = await start({ path: undefined })
    one.put('template', 'a', '{}')
    const { uuid } = one
    expect((await start({ path: undefined })).heads('template')).toEqual([])
    expect(registry?.uuid).toBe(uuid)
    expect((await start({ path: undefined, salt: '9201' })).uuid).not.toBe(uuid)
    expect(await readdir(folder)).toEqual([])
  })
})
