import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it } from 'vitest'
import { findBrokenLog } from '../../../src/emit/queue/log-damage.ts'
import { stateFolder } from '../support/queues.ts'

const pageBytes = 4096
const frameBytes = pageBytes + 24

/** A store whose log holds four commits of some pages each, as a killed process leaves it; frames that are a commit. */
const killedStore = (change: (log: Buffer, commits: readonly number[]) => void): string => {
  const path = stateFolder()
  const file = join(path, 'a.sqlite')
  const db = new DatabaseSync(file)
  db.exec(`PRAGMA page_size = ${pageBytes}; PRAGMA journal_mode = WAL; CREATE TABLE t (x); PRAGMA wal_checkpoint(TRUNCATE)`)
  for (let n = 0; n < 4; n++) db.exec('BEGIN; INSERT INTO t VALUES (randomblob(3000)), (randomblob(3000)), (randomblob(3000)); COMMIT')
  const copy = join(path, 'b.sqlite')
  copyFileSync(file, copy)
  const log = readFileSync(`${file}-wal`)
  db.close()
  const frames = Array.from({ length: (log.length - 32) / frameBytes }, (_, n) => n)
  change(
    log,
    frames.filter((n) => log.readUInt32BE(32 + n * frameBytes + 4) !== 0),
  )
  writeFileSync(`${copy}-wal`, log)
  return copy
}

/** Looks while another connection holds the write lock, as the queue does. */
const look = (file: string) => {
  const db = new DatabaseSync(file)
  db.exec('BEGIN IMMEDIATE')
  const found = findBrokenLog(file, pageBytes, `${file}.kept`)
  db.close()
  return found
}

const spoil = (log: Buffer, frame: number): void => {
  log.fill(0xee, 32 + frame * frameBytes + 24 + 100, 32 + frame * frameBytes + 24 + 200)
}

describe('findBrokenLog', () => {
  it('finds nothing in a log that is whole', () => {
    const file = killedStore((_, commits) => expect(commits).toHaveLength(4))
    expect(look(file)).toBeUndefined()
  })

  it.each([
    [1, 3],
    [2, 2],
  ])('counts the commits behind frames that are damaged, from commit %i on', (commit, lost) => {
    const file = killedStore((log, commits) => spoil(log, commits[commit] ?? 0))
    expect(look(file)).toEqual({ commits: lost, file: `${file}.kept` })
    expect(readFileSync(`${file}.kept`).length).toBeGreaterThan(0)
  })

  it('counts the last commit when a frame before its end is damaged', () => {
    const file = killedStore((log, commits) => spoil(log, (commits[3] ?? 0) - 1))
    expect(look(file)?.commits).toBe(1)
  })

  it('counts them all when the header of the log is damaged', () => {
    const file = killedStore((log) => void (log[17] = (log[17] ?? 0) ^ 0x55))
    expect(look(file)?.commits).toBe(4)
  })

  it('finds nothing in a log that was begun anew and has a header only, in front of what is in the store already', () => {
    const path = stateFolder()
    const file = join(path, 'a.sqlite')
    const db = new DatabaseSync(file)
    db.exec(`PRAGMA page_size = ${pageBytes}; PRAGMA journal_mode = WAL; CREATE TABLE t (x)`)
    for (let n = 0; n < 4; n++) db.exec('INSERT INTO t VALUES (randomblob(3000))')
    const before = readFileSync(`${file}-wal`)
    db.exec('PRAGMA wal_checkpoint(RESTART); INSERT INTO t VALUES (randomblob(3000))')
    const anew = readFileSync(`${file}-wal`)
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    const copy = join(path, 'b.sqlite')
    copyFileSync(file, copy)
    db.close()
    writeFileSync(`${copy}-wal`, Buffer.concat([anew.subarray(0, 32), before.subarray(32)]))
    expect(look(copy)).toBeUndefined()
  })

  it('takes the rest of a commit that another process has begun over for what a killed process leaves', () => {
    // The end of the last commit behind that of the one before, which it was never to follow.
    const file = killedStore((log, commits) => {
      const frame = (n: number): Buffer => log.subarray(32 + n * frameBytes, 32 + (n + 1) * frameBytes)
      const [end, from] = [commits[3] ?? 0, (commits[2] ?? 0) + 1]
      for (let n = from + 1; n <= end; n++) frame(n - 1).set(frame(n))
      frame(end).fill(0)
    })
    expect(look(file)).toBeUndefined()
  })

  it.each([0, 5, 30, 4095])('counts the last commit when byte %i of its last frame is another', (byte) => {
    const file = killedStore((log, commits) => {
      const at = 32 + (commits[3] ?? 0) * frameBytes + 24 + byte
      log[at] = (log[at] ?? 0) ^ 0x55
    })
    expect(look(file)?.commits).toBe(1)
  })

  it('takes the last frame half written for what a killed process leaves: nobody was told of it', () => {
    const file = killedStore((log, commits) => spoil(log, commits[3] ?? 0))
    expect(look(file)).toBeUndefined()
  })
})
