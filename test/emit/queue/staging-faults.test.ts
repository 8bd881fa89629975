import { readFileSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it } from 'vitest'
import { setAsideStore, storeFile } from '../../../src/emit/queue/store.ts'
import { batch, drain, range, stateFolder, until } from '../support/queues.ts'
import { addAll, change, contentsOf, nothing, openStaging as open } from '../support/staging.ts'

describe('stage and faults of the store', () => {
  it.each(['durable', 'memory'] as const)(
    'with ack %s: a fault ends the requests that are under way; those that come after it are whole',
    async (ack) => {
      const path = stateFolder()
      const { queue, lane } = await open(path, ['default'], { ack })
      const [first, second, small] = [queue.stage(), queue.stage(), queue.stage()]
      await addAll(first, [1, 2])
      await addAll(second, [3, 4])
      await addAll(small, [5], 100)
      await until(() => contentsOf(path).values === 4)
      change(path, "CREATE TRIGGER no BEFORE INSERT ON shared BEGIN SELECT RAISE(ABORT, 'broken'); END")
      await addAll(first, [10])
      await until(() => queue.stats().fault !== undefined)
      expect(queue.stats().fault).toMatch(/broken/)
      await expect(addAll(first, [11])).rejects.toMatchObject({ code: 'OB_QUEUE_BROKEN' })
      await expect(second.commit()).rejects.toMatchObject({ code: 'OB_QUEUE_BROKEN' })
      change(path, 'DROP TRIGGER no')
      await until(() => queue.stats().fault === undefined)
      await expect(first.commit()).rejects.toMatchObject({ code: 'OB_QUEUE_BROKEN' })
      const after = queue.stage()
      await addAll(after, [6, 7])
      await after.commit()
      await small.commit()
      await until(() => lane('default').waiting().items === 3)
      expect(await drain(lane('default'))).toEqual([6, 7, 5])
      expect(contentsOf(path)).toEqual(nothing)
    },
  )

  it('takes nothing of a commit that fails, and the books are as before', async () => {
    const path = stateFolder()
    const { queue, lane, metrics } = await open(path, ['a', 'b'])
    const staging = queue.stage()
    await addAll(staging, range(0, 6), 3000, [0, 1])
    await until(() => contentsOf(path).values === 6)
    change(path, "CREATE TRIGGER no BEFORE INSERT ON batches WHEN NEW.id % 3 = 0 BEGIN SELECT RAISE(ABORT, 'broken'); END")
    await expect(staging.commit()).rejects.toMatchObject({ code: 'OB_QUEUE_BROKEN' })
    change(path, 'DROP TRIGGER no')
    await until(() => queue.stats().fault === undefined)
    expect(metrics.sums()).toMatchObject([{ queued: 0 }, { queued: 0 }])
    expect([await drain(lane('a')), await drain(lane('b'))]).toEqual([[], []])
    await until(() => contentsOf(path).values === 0)
    expect(contentsOf(path)).toEqual(nothing)
  })

  it('rejects a commit whose part is no longer in the store, and no other of the same round', async () => {
    const path = stateFolder()
    const { queue, lane, put, metrics } = await open(path)
    const [lost, whole] = [queue.stage(), queue.stage()]
    await addAll(lost, [1, 2, 3])
    await addAll(whole, [4, 5])
    await until(() => contentsOf(path).values === 5)
    change(path, `DELETE FROM shared WHERE id = (SELECT min(id) + 1 FROM shared)`)
    const outcomes = await Promise.allSettled([put(10), lost.commit(), put(11), whole.commit(), put(12)])
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled', 'fulfilled'])
    expect((outcomes[1] as PromiseRejectedResult).reason).toMatchObject({ code: 'OB_QUEUE_BROKEN', retryAfterSeconds: 1 })
    expect(new Set(await drain(lane('default')))).toEqual(new Set([10, 11, 4, 5, 12]))
    expect(metrics.sums()).toMatchObject([{ queued: 0 }])
    await until(() => contentsOf(path).values === 0)
    expect(contentsOf(path)).toEqual(nothing)
  })

  it('never half commits what was staged in a file that was set aside', async () => {
    const path = stateFolder()
    const [a, b] = [await open(path), await open(path)]
    const [early, late, other] = [a.queue.stage(), a.queue.stage(), b.queue.stage()]
    await addAll(early, [1, 2])
    await addAll(other, [3, 4])
    await until(() => contentsOf(path).values === 4)
    setAsideStore(path, Date.now())
    await a.put(5)
    await expect(early.commit()).rejects.toMatchObject({ code: 'OB_QUEUE_BROKEN' })
    await addAll(late, [6, 7])
    await late.commit()
    await expect(other.commit()).rejects.toMatchObject({ code: 'OB_QUEUE_BROKEN' })
    const again = b.queue.stage()
    await addAll(again, [8, 9])
    await again.commit()
    expect(await drain(a.lane('default'))).toEqual([5, 6, 7])
    expect(await drain(b.lane('default'))).toEqual([8, 9])
    await until(() => contentsOf(path).values === 0)
    expect(contentsOf(path)).toEqual(nothing)
  })

  it('is over after an I/O error', async () => {
    const path = stateFolder()
    const { queue, lane, put } = await open(path)
    const staging = queue.stage()
    await addAll(staging, [1, 2])
    await until(() => contentsOf(path).values === 2)
    // Locked until the worker gives up.
    const db = new DatabaseSync(storeFile(path))
    db.exec('BEGIN EXCLUSIVE')
    await expect(put(9)).rejects.toMatchObject({ code: 'OB_QUEUE_BROKEN' })
    db.exec('ROLLBACK')
    db.close()
    await until(() => queue.stats().fault === undefined)
    await expect(staging.commit()).rejects.toMatchObject({ code: 'OB_QUEUE_BROKEN' })
    expect(await drain(lane('default'))).toEqual([])
    expect(contentsOf(path)).toEqual(nothing)
  })

  it('rejects with OB_STOPPING once the queue closes, and finishes a commit that is under way', async () => {
    const path = stateFolder()
    const before = await open(path)
    const [half, whole] = [before.queue.stage(), before.queue.stage()]
    await addAll(half, [1, 2])
    await addAll(whole, [3, 4])
    await until(() => contentsOf(path).values === 4)
    const commit = whole.commit()
    await new Promise((resolve) => setImmediate(resolve))
    const closed = before.queue.close()
    await expect(addAll(half, [5])).rejects.toMatchObject({ code: 'OB_STOPPING' })
    await expect(half.commit()).rejects.toMatchObject({ code: 'OB_STOPPING' })
    await expect(before.queue.stage().commit()).rejects.toMatchObject({ code: 'OB_STOPPING' })
    await Promise.all([commit, closed])
    expect(contentsOf(path)).toEqual({ rows: 2, values: 2, requests: 0 })
    expect(await drain((await open(path)).lane('default'))).toEqual([3, 4])
  })

  it('finds the value of every row whose place in a damaged file can be told', async () => {
    const path = stateFolder()
    const before = await open(path, ['default'], { heldPerRequest: 0 })
    for (const request of range(0, 30)) {
      const staging = before.queue.stage()
      await addAll(staging, [request * 2, request * 2 + 1], 40_000)
      await staging.commit()
    }
    await before.queue.close()
    const db = new DatabaseSync(storeFile(path))
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    db.close()
    const bytes = readFileSync(storeFile(path))
    // Two values are destroyed from their first page on; those between them can be had by their ids only.
    for (const number of [10, 40]) {
      const at = bytes.indexOf(batch(number, 40_000).data.subarray(0, 500))
      expect(at).toBeGreaterThan(0)
      bytes.fill(0xee, Math.floor(at / 16384) * 16384, Math.floor(at / 16384) * 16384 + 16384)
    }
    writeFileSync(storeFile(path), bytes)
    const { lane, metrics } = await open(path)
    const found = await drain(lane('default'))
    expect(metrics.counter('otlp_bridge_queue_set_aside_files_total').value).toBe(1)
    expect(found.length).toBeGreaterThan(45)
    expect(metrics.sums()).toMatchObject([{ queued: 0, carried: 60, dropped: 60 - found.length }])
  })
})
