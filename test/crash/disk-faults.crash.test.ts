import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it, onTestFinished } from 'vitest'
import { storeFile } from '../../src/emit/queue/store.ts'
import { batch, drain, numberOf, openDisk, openLanes, stateFolder, until } from '../emit/support/queues.ts'

const MiB = 2 ** 20

/** A small file system of its own, or undefined (with a warning) where mounting is not allowed. */
const smallDisk = (mebibytes: number): string | undefined => {
  const path = mkdtempSync(join(tmpdir(), 'otlp-bridge-small-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', path], { stdio: 'pipe' })
  } catch {
    rmSync(path, { recursive: true })
    console.warn('SKIPPED: a small file system cannot be mounted here (root only), so full and read-only disks were not tested')
    return undefined
  }
  onTestFinished(() => {
    execFileSync('umount', ['-l', path])
    rmSync(path, { recursive: true })
  })
  return path
}

const putUntilRefused = async (put: (number: number) => Promise<void>, from = 0): Promise<{ taken: number; error: unknown }> => {
  for (let number = from; ; number++) {
    try {
      await put(number)
    } catch (error) {
      return { taken: number - from, error }
    }
  }
}

describe('a full disk', () => {
  it.each([
    ['with the default ballast', 64, 16 * MiB],
    ['with a small ballast', 24, 2 * MiB],
    ['with a ballast that does not fit', 12, 16 * MiB],
  ])('%s tells the sender to come back, is drained, and takes again by itself', async (_, mebibytes, ballast) => {
    const disk = smallDisk(mebibytes)
    if (disk === undefined) return
    const path = join(disk, 'queue')
    const { queue, metrics } = await openDisk(path, { ballast, memoryTail: MiB })
    await until(() => (statSync(join(path, 'ballast'), { throwIfNoEntry: false })?.size ?? 0) > 0)
    const { taken, error } = await putUntilRefused((number) => queue.put(batch(number, 80_000)))
    expect(error).toMatchObject({ code: 'OB_QUEUE_BROKEN', retry: 'later' })
    expect(queue.stats().fault).toBeDefined()
    expect(taken).toBeGreaterThan(20)
    expect(metrics.sums()[0]?.queued).toBe(taken)

    const drained = await drain(queue)
    expect(drained).toEqual(Array.from({ length: taken }, (_, at) => at))
    await until(() => queue.stats().fault === undefined, 30_000)
    await queue.put(batch(9999, 80_000))
    expect(await drain(queue)).toEqual([9999])
    expect(metrics.sums()).toMatchObject([{ queued: 0, dropped: 0, dead: 0 }])
  })

  it('with something kept: refuses the batch and what is kept with it, makes room by letting go, and takes again by itself', async () => {
    const disk = smallDisk(48)
    if (disk === undefined) return
    const path = join(disk, 'queue')
    const { queue, lane } = await openLanes(path, ['default'], { ballast: 4 * MiB, memoryTail: MiB })
    await until(() => (statSync(join(path, 'ballast'), { throwIfNoEntry: false })?.size ?? 0) > 0)
    const holding = queue.holding?.('assembler')
    const ids: number[] = []
    const { taken, error } = await putUntilRefused(async (number) => {
      const id = await holding?.put([{ batch: batch(number, 40_000), lanes: [0] }], batch(number, 40_000).data)
      if (id !== undefined) ids.push(id)
    })
    expect(error).toMatchObject({ code: 'OB_QUEUE_BROKEN', retry: 'later' })
    expect([ids.length, queue.stats().batches]).toEqual([taken, taken])
    const kept = (): number => {
      const store = new DatabaseSync(storeFile(path))
      try {
        return Number(store.prepare('SELECT count(*) AS n FROM kept').get()?.['n'])
      } finally {
        store.close()
      }
    }
    expect(kept()).toBe(taken)
    holding?.release(ids.at(-1) ?? 0)
    await until(() => queue.stats().fault === undefined, 30_000)
    await holding?.put([{ batch: batch(9999, 40_000), lanes: [0] }], batch(9999, 40_000).data)
    expect(kept()).toBe(1)
    expect(await drain(lane('default'))).toEqual([...Array(taken).keys(), 9999])
  })

  it.each([
    ['with the default ballast', 64, 16 * MiB],
    ['with a small ballast', 24, 2 * MiB],
  ])('%s ends the requests of several parts that are under way, removes them, and takes again by itself', async (_, mebibytes, ballast) => {
    const disk = smallDisk(mebibytes)
    if (disk === undefined) return
    const path = join(disk, 'queue')
    const { queue, lane, metrics } = await openLanes(path, ['a', 'b'], { ballast, memoryTail: MiB })
    await until(() => (statSync(join(path, 'ballast'), { throwIfNoEntry: false })?.size ?? 0) > 0)
    const part = (number: number) => ({ batch: batch(number, 80_000), lanes: [0, 1] })
    const whole = queue.stage()
    for (let number = 0; number < 30; number++) await whole.add([part(number)])
    await whole.commit()
    const [first, second] = [queue.stage(), queue.stage()]
    for (let number = 100; number < 115; number++) await first.add([part(number)])
    const { error } = await putUntilRefused((number) => second.add([part(number)]), 200)
    expect(error).toMatchObject({ code: 'OB_QUEUE_BROKEN', retry: 'later' })
    await expect(first.commit()).rejects.toMatchObject({ code: 'OB_QUEUE_BROKEN' })
    for (const name of ['a', 'b']) expect(await drain(lane(name))).toEqual([...Array(30).keys()])
    // There is next to no room but what is free within the file: a sender may have to come twice.
    const stageAgain = async (): Promise<boolean> => {
      const again = queue.stage()
      try {
        for (let number = 30; number < 60; number++) await again.add([part(number)])
        await again.commit()
        return true
      } catch {
        return false
      }
    }
    await until(stageAgain, 30_000)
    for (const name of ['a', 'b']) expect(await drain(lane(name))).toEqual(Array.from({ length: 30 }, (_, at) => 30 + at))
    expect(metrics.sums()).toMatchObject([
      { queued: 0, dropped: 0 },
      { queued: 0, dropped: 0 },
    ])
    const store = new DatabaseSync(storeFile(path))
    expect(store.prepare('SELECT (SELECT count(*) FROM shared) + (SELECT count(*) FROM stagings) AS n').get()).toEqual({ n: 0 })
    store.close()
  })

  it('filled by many at once: is drained, and takes again by itself', async () => {
    const disk = smallDisk(24)
    if (disk === undefined) return
    const path = join(disk, 'queue')
    const { queue } = await openDisk(path, { ballast: 2 * MiB, memoryTail: MiB })
    await until(() => (statSync(join(path, 'ballast'), { throwIfNoEntry: false })?.size ?? 0) > 0)
    let number = 0
    const putters = Array.from({ length: 50 }, () => putUntilRefused(() => queue.put(batch(number++, 80_000))))
    const taken = (await Promise.all(putters)).reduce((sum, one) => sum + one.taken, 0)
    expect(await drain(queue)).toHaveLength(taken)
    await until(() => queue.stats().fault === undefined, 30_000)
    await queue.put(batch(number, 80_000))
    expect(await drain(queue)).toEqual([number])
  })

  it('filled by somebody else: waits, and goes on when the room is back', async () => {
    const disk = smallDisk(48)
    if (disk === undefined) return
    const { queue } = await openDisk(join(disk, 'queue'), { ballast: 2 * MiB })
    for (let number = 0; number < 10; number++) await queue.put(batch(number, 80_000))
    const filler = join(disk, 'filler')
    for (let size = 64 * MiB; size >= 4096; size /= 2) {
      try {
        writeFileSync(filler, Buffer.alloc(size, 1), { flag: 'a' })
      } catch {
        // Full: that is what is wanted.
      }
    }
    const { taken } = await putUntilRefused((number) => queue.put(batch(number, 80_000)), 10)
    expect(queue.refusal()).toMatchObject({ code: 'OB_QUEUE_BROKEN' })
    rmSync(filler)
    await until(() => queue.refusal() === undefined, 30_000)
    await queue.put(batch(10 + taken, 80_000))
    expect(await drain(queue)).toEqual(Array.from({ length: 11 + taken }, (_, at) => at))
  })

  it('found at the start: opens all the same and recovers', async () => {
    const disk = smallDisk(8)
    if (disk === undefined) return
    const filler = join(disk, 'filler')
    for (let size = 8 * MiB; size >= 4096; size /= 2) {
      try {
        writeFileSync(filler, Buffer.alloc(size, 1), { flag: 'a' })
      } catch {
        // Full: that is what is wanted.
      }
    }
    const { queue } = await openDisk(join(disk, 'queue'))
    await expect(queue.put(batch(1))).rejects.toMatchObject({ code: 'OB_QUEUE_BROKEN' })
    rmSync(filler)
    await until(() => queue.refusal() === undefined, 30_000)
    await queue.put(batch(1))
    expect(await drain(queue)).toEqual([1])
  })
})

describe('a disk that refuses writing', () => {
  it('tells the sender to come back, hands out what it has, and goes on when it can be written again', async () => {
    const path = stateFolder()
    const { queue, metrics } = await openDisk(path)
    for (let number = 0; number < 10; number++) await queue.put(batch(number))
    const files = [storeFile(path), `${storeFile(path)}-wal`]
    const immutable = (flag: '+i' | '-i'): void => void execFileSync('chattr', [flag, ...files], { stdio: 'pipe' })
    try {
      immutable('+i')
    } catch {
      return console.warn('SKIPPED: files cannot be made immutable here, so a disk that refuses writing was not tested')
    }
    try {
      await expect(queue.put(batch(99))).rejects.toMatchObject({ code: 'OB_QUEUE_BROKEN' })
      const taken = await queue.take({ maxItems: 3, maxBytes: 1e9 })
      expect(taken.map(numberOf)).toEqual([0, 1, 2])
      const settled = queue.settle(taken)
      expect(queue.stats().fault).toBeDefined()
      immutable('-i')
      await until(() => queue.refusal() === undefined, 30_000)
      await settled
    } finally {
      immutable('-i')
    }
    expect(await drain(queue)).toEqual([3, 4, 5, 6, 7, 8, 9])
    expect(metrics.sums()).toMatchObject([{ queued: 0, dropped: 0 }])
  })
})
