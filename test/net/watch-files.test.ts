import { mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type FileWatch, watchFiles } from '../../src/net/watch-files.ts'

let folder: string
let watch: FileWatch | undefined
let changes: number
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'watch-files-'))
  changes = 0
})
afterEach(async () => {
  watch?.close()
  await rm(folder, { recursive: true })
})

/** Looks by itself only after an hour: the tests look. */
const start = async (...files: string[]): Promise<() => Promise<number>> => {
  const started = await watchFiles({ files, intervalMs: 3_600_000, onChange: () => void changes++ })
  watch = started
  return async () => {
    await started.look()
    return changes
  }
}

describe('watchFiles', () => {
  it('says nothing while nothing changes', async () => {
    const file = join(folder, 'a')
    await writeFile(file, '1')
    const look = await start(file)
    expect([await look(), await look(), await look()]).toEqual([0, 0, 0])
  })

  it('waits until a change has settled, and says it once', async () => {
    const [cert, key] = [join(folder, 'cert'), join(folder, 'key')]
    await writeFile(cert, '1')
    await writeFile(key, '1')
    const look = await start(cert, key)
    await writeFile(cert, '22')
    expect(await look()).toBe(0)
    await writeFile(key, '22')
    expect(await look()).toBe(0)
    expect([await look(), await look()]).toEqual([1, 1])
  })

  it('sees a folder that is swapped by its link, as mounted secrets are', async () => {
    for (const version of ['v1', 'v2']) {
      await mkdir(join(folder, version))
      await writeFile(join(folder, version, 'tls.crt'), 'same length')
    }
    await symlink('v1', join(folder, '..data'))
    await symlink(join('..data', 'tls.crt'), join(folder, 'tls.crt'))
    const look = await start(join(folder, 'tls.crt'))
    await symlink('v2', join(folder, '..tmp'))
    await rename(join(folder, '..tmp'), join(folder, '..data'))
    await look()
    expect(await look()).toBe(1)
  })

  it('sees a file that goes, and one that comes', async () => {
    const file = join(folder, 'a')
    await writeFile(file, '1')
    const look = await start(file)
    await unlink(file)
    await look()
    expect(await look()).toBe(1)
    await writeFile(file, '1')
    await look()
    expect(await look()).toBe(2)
  })

  it('looks by itself', async () => {
    const file = join(folder, 'a')
    await writeFile(file, '1')
    const seen = new Promise<void>((resolve) => {
      void watchFiles({ files: [file], intervalMs: 5, onChange: resolve }).then(async (started) => {
        watch = started
        await writeFile(file, '22')
      })
    })
    await seen
  })

  it('says nothing once it is closed', async () => {
    const file = join(folder, 'a')
    await writeFile(file, '1')
    const look = await start(file)
    watch?.close()
    await writeFile(file, '22')
    await look()
    expect(await look()).toBe(0)
  })
})
