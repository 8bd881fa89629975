import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { formatVersion, openStore, storeFile } from '../../src/emit/queue/store.ts'
import { checkDiskSpace, checkQueueFolder, checkQueueVersion } from '../../src/preflight/disk.ts'
import { mountSmallDisk } from '../crash/support/small-disk.ts'
import { subjectOf, told, worldOf } from './support/subject.ts'

const MiB = 2 ** 20

let path: string
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'preflight-disk-'))
})
afterEach(() => rmSync(path, { recursive: true, force: true }))

const subject = (more: object = {}) => subjectOf({ queue: { path, maxSize: '1GiB', ...more } })
const disk = (free: number, type = 0xef53) => worldOf({ statfs: async () => ({ type, bsize: 4096, bavail: free / 4096 }) })

describe('checkDiskSpace', () => {
  it.each([
    [10 * 1024 * MiB, 'ok'],
    [500 * MiB, 'warn'],
    [30 * MiB, 'fail'],
  ])('with %i bytes free: %s', async (free, level) => {
    const [found] = await checkDiskSpace(subject(), disk(free))
    expect(found).toMatchObject({ level, about: 'queue.path' })
    expect(found?.knob?.startsWith('queue.maxSize of at most') ?? false).toBe(level !== 'ok')
  })

  it('counts what the queue has already as its own', async () => {
    writeFileSync(join(path, 'store.sqlite'), Buffer.alloc(4 * MiB))
    const free = (1024 + 16 - 2) * MiB
    expect(await checkDiskSpace(subject(), disk(free))).toMatchObject([
      { level: 'ok', seen: expect.stringContaining('4.2 MB of it are in use') },
    ])
    expect(await checkDiskSpace(subjectOf({ queue: { path: join(path, 'new'), maxSize: '1GiB' } }), disk(free))).toMatchObject([
      { level: 'warn' },
    ])
  })

  it('speaks of network file systems and of memory', async () => {
    const of = async (type: number) => told((await checkDiskSpace(subject(), disk(2 ** 40, type))).slice(1))
    expect(await of(0x6969)).toEqual([`fail queue.path: ${path} is on a network file system (NFS), whose locks cannot be relied on`])
    expect(await of(0xff534d42 | 0)).toEqual([expect.stringContaining('(CIFS)')])
    expect(await of(0x01021994)).toEqual([expect.stringMatching(/^warn .*in memory/)])
    expect(await of(0xef53)).toEqual([])
  })

  it('has nothing to say of a memory queue', async () => {
    const memory = subjectOf({ queue: { type: 'memory' } })
    for (const check of [checkDiskSpace, checkQueueFolder, checkQueueVersion]) expect(await check(memory, disk(0))).toEqual([])
  })

  it('sees a disk that is really full', async ({ skip }) => {
    const small = mountSmallDisk(24)
    if (small === undefined) return skip()
    small.fill()
    const full = subjectOf({ queue: { path: small.path } })
    const world = worldOf({ statfs })
    expect(await checkDiskSpace(full, world)).toMatchObject([
      { level: 'fail' },
      { level: 'warn', seen: expect.stringContaining('in memory') },
    ])
    expect(await checkQueueFolder(full, world)).toMatchObject([{ level: 'fail', seen: expect.stringContaining('ENOSPC') }])
    small.free()
    small.readOnly(true)
    expect(await checkQueueFolder(full, world)).toMatchObject([{ level: 'fail', seen: expect.stringContaining('EROFS') }])
  })
})

describe('checkQueueFolder', () => {
  it('writes, flushes and leaves nothing behind', async () => {
    expect(await checkQueueFolder(subject({ ack: 'written' }), worldOf())).toMatchObject([
      { level: 'ok', seen: expect.stringContaining('flushing 16 KiB takes') },
    ])
    expect(readdirSync(path)).toEqual([])
  })

  it('makes no folder, but says whether it can be made', async () => {
    const below = subjectOf({ queue: { path: join(path, 'a', 'b') } })
    expect(await checkQueueFolder(below, worldOf())).toMatchObject([
      { level: 'ok', seen: `${join(path, 'a', 'b')} is not there yet; it can be made in ${path}` },
    ])
    expect(readdirSync(path)).toEqual([])
  })

  it('says when the path is a file', async () => {
    writeFileSync(join(path, 'file'), '')
    const file = subjectOf({ queue: { path: join(path, 'file') } })
    expect(await checkQueueFolder(file, worldOf())).toMatchObject([
      { level: 'fail', seen: expect.stringContaining('ENOTDIR'), knob: expect.stringMatching(/^queue\.path/) },
    ])
  })
})

describe('checkQueueVersion', () => {
  const seen = async () => told(await checkQueueVersion(subject(), worldOf()))
  const setVersion = (version: number): void => {
    const db = new DatabaseSync(storeFile(path))
    db.exec(`PRAGMA journal_mode = DELETE; PRAGMA user_version = ${version}`)
    db.close()
  }

  it('knows a store of its own, of an older version and of a newer one', async () => {
    expect(await seen()).toEqual(['ok queue.path, store: there is none yet'])
    openStore(path, 'FULL').close()
    expect(await seen()).toEqual([`ok queue.path, store: layout ${formatVersion}`])
    setVersion(formatVersion - 1)
    expect(await seen()).toEqual([`ok queue.path, store: layout ${formatVersion - 1}; it becomes layout ${formatVersion} at the start`])
    setVersion(formatVersion + 1)
    expect(await seen()).toEqual([expect.stringMatching(/^fail .* was written by a newer version/)])
  })

  it('knows what is none', async () => {
    writeFileSync(storeFile(path), 'somebody else wrote this')
    expect(await seen()).toEqual([expect.stringMatching(/^warn .* is not a store of otlp-bridge; it would be set aside/)])
    rmSync(storeFile(path))
    const db = new DatabaseSync(storeFile(path))
    db.exec('CREATE TABLE t (a); PRAGMA application_id = 7')
    db.close()
    expect(await seen()).toEqual([expect.stringMatching(/^warn .* is not a store/)])
  })
})
