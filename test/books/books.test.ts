import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { otherKey } from '../../src/books/cells.ts'
import { columnNames, type Line, newOpen, notMirrored, oldOpen } from '../../src/books/columns.ts'
import { readKeys, readKnown, readMinutes } from '../../src/books/reading.ts'
import { BridgeError } from '../../src/errors.ts'
import type { EncodedBatch } from '../../src/otlp/intake.ts'
import { batchOf, mirrored, noon, type TestBooks, testBooks } from '../support/books.ts'

const folders: string[] = []
const folder = (): string => {
  const made = mkdtempSync(join(tmpdir(), 'books-'))
  folders.push(made)
  return made
}

afterEach(() => {
  for (const one of folders.splice(0)) rmSync(one, { recursive: true, force: true })
})

const minute = noon / 60_000

const all = ({ books }: TestBooks, from = minute - 3000, to = minute + 3000) => {
  books.flush()
  return readMinutes(books.file, { from, to, endpoint: undefined, key: undefined })
}

/** Counts alone: a line is read with more beside them. */
const countsOf = (line: Line) => Object.fromEntries(columnNames.map((name) => [name, line[name]])) as unknown as Line

const lines = (test: TestBooks) => all(test).map(({ at, key, line }) => ({ at: at - minute, key, ...countsOf(line) }))

/** The line without what is 0. */
const short = (line: object) => Object.fromEntries(Object.entries(line).filter(([, value]) => value !== 0))

const full = new BridgeError('OB_QUEUE_FULL', 'cannot take data: the queue is full')

const legacyOf = (batch: EncodedBatch) => ({
  format: batch.format,
  signal: 'legacy' as const,
  items: batch.envelope?.items ?? 0,
  account: batch.account,
})

describe('createBooks', () => {
  it('counts what comes in by minute and key, and what becomes of it on both sides at the minute in which it came in', async () => {
    const test = testBooks()
    await test.intake.put(mirrored(10))
    await test.intake.put(mirrored(5, { keys: [{ service: 'pay', items: 5 }] }))
    test.forward(60_000)
    await test.intake.put(mirrored(1))
    const [first, second] = test.put as [EncodedBatch, EncodedBatch]
    test.tick()
    test.books.outcomes.left('default', first, 'delivered', '', 2)
    test.books.outcomes.left('mirror.zipkin', legacyOf(first), 'delivered', '', 0)
    test.books.outcomes.left('default', second, 'dead', '413', 0)
    test.books.outcomes.left('mirror.zipkin', legacyOf(second), 'dropped', 'shed_full', 0)
    expect(lines(test).map(short)).toEqual(
      expect.arrayContaining([
        {
          key: 'cart',
          received: 10,
          receivedIn: 10,
          bytes: 20,
          requests: 1,
          newDelivered: 8,
          newRejected: 2,
          oldPut: 10,
          oldDelivered: 10,
        },
        { key: 'pay', received: 5, receivedIn: 5, bytes: 15, requests: 1, newDead: 5, oldPut: 5, oldShed: 5 },
        { at: 1, key: 'cart', received: 1, receivedIn: 1, bytes: 11, requests: 1, oldPut: 1 },
      ]),
    )
    expect(lines(test)).toHaveLength(3)
  })

  it('counts what the queue did not take as refused, for both sides', async () => {
    const test = testBooks()
    test.refuse = full
    await expect(test.intake.put(mirrored(7))).rejects.toBe(full)
    const [line] = lines(test)
    expect(line).toMatchObject({ received: 7, refused: 7, receivedIn: 7, refusedIn: 7, oldPut: 7, oldRefused: 7 })
    expect([newOpen(line as never), oldOpen(line as never)]).toEqual([0, 0])
  })

  it('takes what the old backend answered for as delivered there', async () => {
    const test = testBooks()
    await test.intake.put(batchOf(4, { answered: 5 }))
    expect(lines(test)[0]).toMatchObject({ received: 4, receivedIn: 5, oldPut: 5, oldDelivered: 5 })
  })

  it('counts what has waited to be put together with the request that it came in', async () => {
    const test = testBooks()
    const whole = mirrored(10)
    await test.intake.put({ ...whole, items: 4, keys: [{ service: 'cart', items: 4 }] })
    await test.intake.put({ ...batchOf(2), late: true })
    const [{ line } = { line: undefined }] = all(test)
    expect(line).toMatchObject({ requests: 1, received: 6, receivedIn: 10, oldPut: 10 })
    expect(notMirrored(line as Line)).toBe(0)
  })

  it('counts a request of several parts once, and its bytes as they came in', async () => {
    const test = testBooks()
    const staging = test.intake.stage()
    await staging.add(
      batchOf(6, { format: 'es-bulk', endpoint: 'elasticsearch', signal: 'logs', keys: [{ service: 'logs-app', items: 6 }] }),
    )
    await staging.add(
      mirrored(0, { format: 'es-bulk', endpoint: 'elasticsearch', signal: 'logs', keys: [{ service: 'logs-app', items: 0 }] }, 6),
    )
    expect(lines(test)).toEqual([])
    await staging.commit()
    for (const part of test.put) {
      if (part.items > 0) test.books.outcomes.left('default', part, 'delivered', '', 0)
      if (part.envelope !== undefined) test.books.outcomes.left('mirror.elasticsearch', legacyOf(part), 'delivered', '', 0)
    }
    const sum = test.books.sums()[0]?.counts
    expect(sum).toMatchObject({ received: 6, receivedIn: 6, requests: 1, bytes: 16, newDelivered: 6, oldPut: 6, oldDelivered: 6 })
  })

  it('leaves out of the new side what its share left out, key by key', async () => {
    const test = testBooks()
    const keys = [
      { service: 'cart', items: 6 },
      { service: 'pay', items: 4 },
    ]
    await test.intake.put(mirrored(10, { keys }))
    const [put] = test.put as [EncodedBatch]
    const kept = [
      { service: 'cart', items: 5 },
      { service: 'pay', items: 1 },
    ]
    const account = test.books.narrowed(put.account as Uint8Array, put, kept)
    test.books.skipped('zipkin-json', 'cart', 'new', 'share', 1)
    test.books.skipped('zipkin-json', 'pay', 'new', 'share', 3)
    test.books.outcomes.left('default', { ...put, items: 6, account }, 'delivered', '', 0)
    test.books.outcomes.left('mirror.zipkin', { ...legacyOf(put), account }, 'delivered', '', 0)
    const found = Object.fromEntries(lines(test).map(({ key, ...line }) => [key, line]))
    expect(found['cart']).toMatchObject({ received: 6, newDelivered: 5, newSkipped: 1, oldDelivered: 6 })
    expect(found['pay']).toMatchObject({ received: 4, newDelivered: 1, newSkipped: 3, oldDelivered: 4 })
  })

  it('keeps 2000 keys a format apart; the rest is one', async () => {
    const test = testBooks()
    for (let at = 0; at < 10_000; at++) await test.intake.put(batchOf(1, { keys: [{ service: `service-${at}`, items: 1 }] }))
    for (const one of test.put) test.books.outcomes.left('default', one, 'delivered', '', 0)
    const found = lines(test)
    expect(found.length).toBe(2001)
    expect(found.find(({ key }) => key === otherKey)).toMatchObject({ received: 8000, newDelivered: 8000 })
    expect(test.books.warnings()).toHaveLength(1)
  })

  it('keeps one request of many keys to 1024 of them', async () => {
    const test = testBooks()
    const keys = Array.from({ length: 1500 }, (_, at) => ({ service: `index-${at}`, items: 2 }))
    await test.intake.put(batchOf(3000, { keys }))
    const [put] = test.put as [EncodedBatch]
    expect(put.account?.length).toBeLessThan(7300)
    test.books.outcomes.left('default', put, 'delivered', '', 0)
    for (const { line } of all(test)) expect(newOpen(line)).toBe(0)
    expect(all(test)).toHaveLength(1025)
  })

  it('follows a wall clock that is set, and no line is lost by it', async () => {
    const test = testBooks()
    const day = 86_400_000
    await test.intake.put(batchOf(1))
    test.clock.wallMs += day
    await test.intake.put(batchOf(1))
    test.tick()
    await test.intake.put(batchOf(1))
    test.clock.wallMs -= 2 * day
    test.tick()
    await test.intake.put(batchOf(1))
    for (const one of test.put) test.books.outcomes.left('default', one, 'delivered', '', 0)
    const found = lines(test)
    expect(found.map(({ at, received, newDelivered }) => [at, received, newDelivered])).toEqual([
      [-1440, 1, 1],
      [0, 2, 2],
      [1440, 1, 1],
    ])
  })

  it('makes hours of old minutes, and lets go of old hours', async () => {
    const test = testBooks({ config: { minutes: '2h', hours: '1d' } })
    await test.intake.put(batchOf(3))
    await test.intake.put(batchOf(4))
    test.tick()
    const [first] = test.put as [EncodedBatch]
    test.forward(3 * 3_600_000)
    test.tick()
    expect(lines(test)).toEqual([])
    const hours = () => test.books.file.read((open) => open.all('SELECT at, received FROM hours'))
    expect(hours()).toEqual([{ at: noon / 3_600_000, received: 7 }])
    // What is delivered so late is added to its hour in turn.
    test.books.outcomes.left('default', first, 'delivered', '', 0)
    test.tick()
    expect(test.books.file.read((open) => open.all('SELECT newDelivered FROM hours'))).toEqual([{ newDelivered: 3 }])
    test.forward(25 * 3_600_000)
    test.tick()
    expect(hours()).toEqual([])
  })

  it('keeps its file small: the oldest go first', async () => {
    const test = testBooks({ config: { path: folder(), maxSize: '512KiB', maxKeys: 200 } })
    for (let round = 0; round < 120; round++) {
      for (let key = 0; key < 60; key++) await test.intake.put(batchOf(1, { keys: [{ service: `a-service-${key}`, items: 1 }] }))
      test.forward(60_000)
      for (let tick = 0; tick < 3; tick++) test.tick()
    }
    expect(test.books.file.read((open) => open.size())).toBeLessThan(700 * 1024)
    const found = all(test)
    expect(found.length).toBeGreaterThan(600)
    expect(found.at(-1)?.at).toBe(minute + 119)
    test.books.stop()
  })

  it('goes on where another process ended, also with the keys of its accounts', async () => {
    const path = folder()
    const before = testBooks({ config: { path } })
    await before.intake.put(mirrored(10))
    before.tick()
    expect(readdirSync(path).map((name) => statSync(join(path, name)).mode & 0o777)).toEqual([0o600, 0o600, 0o600])
    before.books.stop()
    const after = testBooks({ config: { path } })
    const [put] = before.put as [EncodedBatch]
    after.books.outcomes.left('default', put, 'delivered', '', 0)
    after.books.outcomes.left('mirror.zipkin', legacyOf(put), 'delivered', '', 0)
    expect(lines(after)).toMatchObject([{ key: 'cart', received: 10, newDelivered: 10, oldDelivered: 10 }])
    expect(readKnown(after.books.file, minute - 10, minute + 10).marks.size).toBe(0)
    after.books.stop()
  })

  it('marks the last minute of a process that did not end in order, and those that were open then', async () => {
    const path = folder()
    const before = testBooks({ config: { path } })
    await before.intake.put(batchOf(10))
    before.tick()
    before.forward(180_000)
    await before.intake.put(batchOf(1))
    before.tick()
    before.books.file.close()
    const after = testBooks({ config: { path }, wallMs: noon + 240_000 })
    after.books.file.read(() => undefined)
    const { marks } = readKnown(after.books.file, minute, minute + 10)
    expect(marks.get(minute)).toEqual(new Set(['open']))
    expect(marks.get(minute + 3)).toEqual(new Set(['crash', 'open']))
    expect([...marks.keys()].sort()).toEqual([minute, minute + 3])
    after.books.stop()
  })

  it.each([
    ['is none', Buffer.from('this was never a database, and it is longer than the head of one would have to be, is it not?'.repeat(60))],
    ['is empty of pages', Buffer.concat([Buffer.from('SQLite format 3\0'), Buffer.alloc(8192, 0xff)])],
  ])('sets a file aside that %s, and begins anew', async (_, content) => {
    const path = folder()
    writeFileSync(join(path, 'books.db'), content)
    const test = testBooks({ config: { path } })
    await test.intake.put(batchOf(3))
    test.tick()
    expect(lines(test)).toMatchObject([{ received: 3 }])
    expect(readdirSync(path).filter((name) => name.startsWith('books.bad-'))).toHaveLength(1)
    expect(readKnown(test.books.file, minute - 10, minute).since).toBe(minute)
    test.books.stop()
  })

  it('keeps what it cannot write, and writes it when it can', async () => {
    const path = join(folder(), 'occupied')
    writeFileSync(path, '')
    const test = testBooks({ config: { path } })
    await test.intake.put(batchOf(3))
    test.tick()
    expect(test.books.trouble()).toMatch(/^cannot write the books: /)
    rmSync(path)
    await test.intake.put(batchOf(4))
    test.tick()
    expect(test.books.trouble()).toBeUndefined()
    expect(lines(test)).toMatchObject([{ received: 7 }])
    test.books.stop()
  })

  it('says that it cannot write as long as it cannot, though it can read', async () => {
    const test = testBooks({ config: { path: folder() } })
    await test.intake.put(batchOf(3))
    test.tick()
    test.books.file.read((open) => open.run('PRAGMA query_only = 1'))
    await test.intake.put(batchOf(4))
    test.tick()
    expect(test.books.trouble()).toMatch(/^cannot write the books: /)
    all(test)
    expect(test.books.trouble()).toMatch(/^cannot write the books: /)
    test.books.file.read((open) => open.run('PRAGMA query_only = 0'))
    test.tick()
    expect(test.books.trouble()).toBeUndefined()
    expect(lines(test)).toMatchObject([{ received: 7 }])
    test.books.stop()
  })

  it('says so when another holds its file for half a minute', async () => {
    const path = folder()
    const test = testBooks({ config: { path } })
    await test.intake.put(batchOf(3))
    test.tick()
    const { DatabaseSync } = process.getBuiltinModule('node:sqlite')
    const other = new DatabaseSync(join(path, 'books.db'))
    other.exec('BEGIN IMMEDIATE')
    await test.intake.put(batchOf(4))
    test.tick()
    expect(test.books.trouble()).toBeUndefined()
    for (let at = 0; at < 30; at++) test.tick()
    expect(test.books.trouble()).toMatch(/^cannot write the books: .*locked/)
    other.exec('COMMIT')
    other.close()
    test.tick()
    expect(test.books.trouble()).toBeUndefined()
    expect(lines(test)).toMatchObject([{ received: 7 }])
    test.books.stop()
  })

  it('is one with the books of other processes in the same file', async () => {
    const path = folder()
    const tests = [testBooks({ config: { path } }), testBooks({ config: { path } })] as const
    for (const one of tests) await one.intake.put(batchOf(5))
    for (const one of tests) one.tick()
    expect(lines(tests[0])).toMatchObject([{ key: 'cart', received: 10 }])
    for (const one of tests) one.books.stop()
  })

  it('opens no file before something is counted', () => {
    const path = folder()
    const test = testBooks({ config: { path } })
    test.tick()
    expect(readdirSync(path)).toEqual([])
    test.books.stop()
  })

  it('says what keys there are', async () => {
    const test = testBooks()
    await test.intake.put(batchOf(3))
    test.forward(120_000)
    await test.intake.put(batchOf(4))
    test.books.flush()
    expect(readKeys(test.books.file, { from: minute, to: minute + 10, endpoint: 'zipkin', key: undefined })).toMatchObject([
      { key: 'cart', first: minute, at: minute + 2, line: { received: 7 } },
    ])
  })
})

const services = ['cart', 'pay', 'web']
const action = fc.record({
  what: fc.constantFrom('put', 'put', 'put', 'refuse', 'deliver', 'dead', 'drop', 'minute', 'restart', 'stage'),
  items: fc.array(fc.record({ key: fc.nat(2), items: fc.integer({ min: 0, max: 20 }) }), { maxLength: 5 }),
  unknown: fc.nat(3),
  extra: fc.nat(4),
  mirror: fc.boolean(),
  pick: fc.nat(),
  rejected: fc.nat(5),
  cut: fc.nat(30),
})

interface Waits {
  readonly side: 'old' | 'new'
  readonly batch: {
    readonly format: string
    readonly signal: 'traces' | 'legacy'
    readonly items: number
    readonly account: Uint8Array | undefined
  }
}

describe('the laws of the books', () => {
  it('hold after every kind of outcome, over restarts', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 60 }), async (actions) => {
        const path = folder()
        let test = testBooks({ config: { path } })
        let now = 0
        const waits: Waits[] = []
        const model = { received: 0, refused: 0, new: 0, old: 0, oldPut: 0 }
        const taken = (put: readonly EncodedBatch[]): void => {
          for (const batch of put) {
            if (batch.items > 0)
              waits.push({ side: 'new', batch: { format: batch.format, signal: 'traces', items: batch.items, account: batch.account } })
            if (batch.envelope !== undefined) waits.push({ side: 'old', batch: legacyOf(batch) })
          }
        }
        for (const { what, items, unknown, extra, mirror, pick, rejected, cut } of actions) {
          const count = items.reduce((sum, one) => sum + one.items, 0) + unknown
          const keys = items.map((one) => ({ service: services[one.key] as string, items: one.items }))
          const batch = mirror ? mirrored(count, { keys }, count + extra) : batchOf(count, { keys })
          if (what === 'put' || what === 'refuse' || what === 'stage') {
            test.refuse = what === 'refuse' ? full : undefined
            const before = test.put.length
            if (what === 'stage') {
              const staging = test.intake.stage()
              await staging.add(batch)
              await staging.add(batchOf(2))
              await staging.commit()
            } else await test.intake.put(batch).catch(() => {})
            model.received += count + (what === 'stage' ? 2 : 0)
            if (what === 'refuse') model.refused += count
            else if (mirror) model.oldPut += count + extra
            taken(test.put.slice(before))
          } else if (what === 'minute') {
            test.forward(60_000)
            now += 60_000
            test.tick()
          } else if (what === 'restart') {
            test.books.stop()
            test = testBooks({ config: { path }, wallMs: noon + now })
          } else if (waits.length > 0) {
            const [one] = waits.splice(pick % waits.length, 1) as [Waits]
            const outcome = what === 'deliver' ? 'delivered' : what === 'dead' ? 'dead' : 'dropped'
            const destination = one.side === 'old' ? 'mirror.zipkin' : 'default'
            // Some leave in parts, each with the account of the whole.
            const parts = cut > 0 && cut < one.batch.items ? [cut, one.batch.items - cut] : [one.batch.items]
            for (const part of parts)
              test.books.outcomes.left(
                destination,
                { ...one.batch, items: part },
                outcome,
                'x',
                outcome === 'delivered' ? Math.min(rejected, part) : 0,
              )
            model[one.side] += one.batch.items
          }
        }
        const found = all(test, minute - 1, minute + 100)
        const sum = (of: (line: (typeof found)[number]['line']) => number): number => found.reduce((total, { line }) => total + of(line), 0)
        expect(sum(({ received }) => received)).toBe(model.received)
        expect(sum(({ refused }) => refused)).toBe(model.refused)
        expect(sum((line) => line.newDelivered + line.newRejected + line.newDead + line.newShed)).toBe(model.new)
        expect(sum((line) => line.oldDelivered + line.oldRejected + line.oldDead + line.oldShed)).toBe(model.old)
        expect(sum((line) => line.oldPut - line.oldRefused)).toBe(model.oldPut)
        // Not only in sum: no key has got more than came in for it, and what is open is what waits.
        for (const { line } of found) {
          expect(newOpen(line)).toBeGreaterThanOrEqual(0)
          expect(oldOpen(line)).toBeGreaterThanOrEqual(0)
        }
        const waiting = (side: 'old' | 'new'): number =>
          waits.filter((one) => one.side === side).reduce((total, { batch }) => total + batch.items, 0)
        expect([sum(newOpen), sum(oldOpen)]).toEqual([waiting('new'), waiting('old')])
        test.books.stop()
      }),
      { numRuns: 60 },
    )
  })
})
