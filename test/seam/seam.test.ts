import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readSeamIndex } from '../../src/backfill/seam-index.ts'
import { BridgeError } from '../../src/errors.ts'
import type { EncodedBatch, Intake, Signal } from '../../src/otlp/intake.ts'
import { eachIdentity } from '../../src/otlp/seam-identity.ts'
import { makeProbe } from '../../src/preflight/probes.ts'
import { FirstSeen } from '../../src/seam/first-seen.ts'
import { openSeamFile, readFormats, readKeys } from '../../src/seam/layout.ts'
import { createSeam, type Seam } from '../../src/seam/seam.ts'
import { silentLog } from '../../src/telemetry/log.ts'

const t0 = Date.UTC(2026, 10, 21, 9)
const minute = 60_000
const open: Seam[] = []
let dataPath: string
let nowMs: number

beforeEach(() => {
  dataPath = mkdtempSync(join(tmpdir(), 'seam-'))
  nowMs = t0
})

afterEach(() => {
  for (const seam of open.splice(0)) seam.stop()
  rmSync(dataPath, { recursive: true, force: true })
})

const taking = async (): Promise<void> => {}

function bridge(put: Intake['put'] = taking, path = dataPath) {
  const ticks: (() => void)[] = []
  const seam = createSeam({
    dataPath: path,
    log: silentLog,
    nowMs: () => nowMs,
    every(_ms, call) {
      ticks.push(call)
      return () => ticks.splice(0)
    },
  })
  open.push(seam)
  const parts: EncodedBatch[] = []
  const intake = seam.intake({
    put,
    stage: () => ({
      add: async (batch) => void parts.push(batch),
      commit: () => put(parts[0] as EncodedBatch),
      discard() {},
    }),
    refusal: () => undefined,
    holding: () => ({
      async put(batch) {
        if (batch !== undefined) await put(batch)
        return 1
      },
      release() {},
      recover: async () => [],
    }),
  })
  return { seam, intake, ticks, tick: () => ticks[0]?.() }
}

let made = 0

/** One item of a time, its id told by a number. */
function batchOf(signal: Signal, ms: number, number = ++made, more: Partial<EncodedBatch> = {}): EncodedBatch {
  const run = number.toString(16).padStart(32, 'a')
  return { format: 'zipkin-json', signal, items: 1, data: makeProbe(signal, run, ms).proto, ...more }
}

const identityOf = ({ signal, data }: EncodedBatch): readonly [number, number] => {
  let found: readonly [number, number] = [0, 0]
  eachIdentity(signal, data, (low, high) => {
    found = [low, high]
  })
  return found
}

const notes = () => {
  const db = openSeamFile(dataPath, 'read')
  try {
    return { formats: readFormats(db), keys: readKeys(db, 'zipkin-json') }
  } finally {
    db.close()
  }
}

describe('createSeam', () => {
  it('notes the first request that was taken, once and for all, and the least time of its items', async () => {
    const { intake, tick, seam } = bridge()
    await intake.put(batchOf('traces', t0 - 5000))
    expect(notes().formats).toMatchObject([{ format: 'zipkin-json', signal: 'traces', firstMs: t0, leastMs: t0 - 5000, full: false }])
    nowMs += 10 * minute
    await intake.put(batchOf('traces', t0 - 90_000))
    tick()
    expect(notes().formats).toMatchObject([{ firstMs: t0, leastMs: t0 - 90_000 }])
    seam.stop()
    const again = bridge()
    nowMs += minute
    await again.intake.put(batchOf('traces', nowMs))
    again.tick()
    expect(notes().formats).toMatchObject([{ firstMs: t0, leastMs: t0 - 90_000 }])
  })

  it('knows by then what was taken when the client is told', async () => {
    const { intake } = bridge()
    await intake.put(batchOf('logs', t0))
    expect(notes().formats).toHaveLength(1)
  })

  it('does not note what was refused', async () => {
    const full = new BridgeError('OB_QUEUE_FULL', 'cannot take it: full')
    let refuses = true
    const { intake, tick, seam } = bridge(async () => {
      if (refuses) throw full
    })
    await expect(intake.put(batchOf('traces', t0, 1))).rejects.toBe(full)
    const staging = intake.stage()
    await staging.add(batchOf('traces', t0, 1))
    await expect(staging.commit()).rejects.toBe(full)
    nowMs += minute
    refuses = false
    await intake.put(batchOf('traces', t0, 2))
    tick()
    seam.stop()
    expect(notes().formats).toMatchObject([{ firstMs: t0 + minute }])
    const index = readSeamIndex(dataPath, 'traces', ['zipkin-json'])
    expect(index.has(...identityOf(batchOf('traces', t0, 1)))).toBe(false)
    expect(index.has(...identityOf(batchOf('traces', t0, 2)))).toBe(true)
  })

  it('notes what comes in parts, and what was held', async () => {
    const { intake, seam } = bridge()
    const staging = intake.stage()
    await staging.add(batchOf('logs', t0, 11))
    await staging.add(batchOf('logs', t0, 12))
    await staging.commit()
    await intake.holding?.('a')?.put(batchOf('metrics', t0, 13), new Uint8Array())
    await intake.holding?.('a')?.put(undefined, new Uint8Array())
    seam.stop()
    expect(readSeamIndex(dataPath, 'logs', ['zipkin-json']).size).toBe(2)
    expect(readSeamIndex(dataPath, 'metrics', ['zipkin-json']).size).toBe(1)
  })

  it('keeps items for half an hour, of a service that is new for half an hour from there, and then lets go of its files', async () => {
    const { intake, tick, seam, ticks } = bridge()
    const keys = (service: string) => ({ keys: [{ service, items: 1 }] })
    await intake.put(batchOf('traces', t0, 21, keys('a')))
    nowMs += 31 * minute
    tick()
    expect(ticks).toEqual([])
    await intake.put(batchOf('traces', nowMs, 22, keys('a')))
    await intake.put(batchOf('traces', nowMs, 23, keys('b')))
    nowMs += 29 * minute
    await intake.put(batchOf('traces', nowMs, 24, keys('b')))
    await intake.put(batchOf('traces', nowMs, 25, keys('a')))
    nowMs += 2 * minute
    tick()
    await intake.put(batchOf('traces', nowMs, 26, keys('b')))
    expect(ticks).toEqual([])
    seam.stop()
    const index = readSeamIndex(dataPath, 'traces', ['zipkin-json'])
    expect([21, 22, 23, 24, 25, 26].filter((one) => index.has(...identityOf(batchOf('traces', t0 + 0, one))))).toEqual([21])
    expect(index.size).toBe(3)
    expect(notes().keys).toEqual([
      { format: 'zipkin-json', key: 'a', firstMs: t0 },
      { format: 'zipkin-json', key: 'b', firstMs: t0 + 31 * minute },
    ])
  })

  it('writes a stream once, and again only with an earlier time', async () => {
    const { intake, seam } = bridge()
    for (const ms of [t0, t0 + 1000, t0 + 2000, t0 - 7000, t0 - 1000]) await intake.put(batchOf('metrics', ms, 31))
    seam.stop()
    const index = readSeamIndex(dataPath, 'metrics', ['zipkin-json'])
    expect(index.size).toBe(2)
    expect(index.timeMs(...identityOf(batchOf('metrics', t0, 31)))).toBe(t0 - 7000)
    expect(index.timeMs(...identityOf(batchOf('metrics', t0, 32)))).toBeUndefined()
  })

  it('takes everything all the same where nothing can be noted', async () => {
    const path = join(dataPath, 'file')
    writeFileSync(path, 'no folder')
    let taken = 0
    const { intake, tick } = bridge(async () => void taken++, path)
    await intake.put(batchOf('traces', t0))
    await intake.put({ ...batchOf('traces', t0), data: Uint8Array.from([0x0a, 0x7f]) })
    tick()
    expect(taken).toBe(2)
  })

  it('opens nothing before the first item', async () => {
    const { intake } = bridge()
    await intake.put({ ...batchOf('traces', t0), items: 0, data: new Uint8Array() })
    expect(existsSync(join(dataPath, 'seam'))).toBe(false)
  })
})

describe('readSeamIndex', () => {
  it('reads what several processes wrote, whole records alone', async () => {
    const [one, two] = [bridge(), bridge()]
    await one.intake.put(batchOf('traces', t0, 41))
    await two.intake.put(batchOf('traces', t0, 42))
    one.seam.stop()
    two.seam.stop()
    const names = readdirSync(join(dataPath, 'seam')).filter((name) => name.endsWith('.ids'))
    expect(names).toHaveLength(2)
    writeFileSync(join(dataPath, 'seam', names[0] ?? ''), Buffer.from([1, 2, 3]), { flag: 'a' })
    expect(statSync(join(dataPath, 'seam', names[0] ?? '')).size).toBe(11)
    const index = readSeamIndex(dataPath, 'traces', ['zipkin-json'])
    expect(index.size).toBe(2)
    for (const number of [41, 42]) expect(index.has(...identityOf(batchOf('traces', t0, number)))).toBe(true)
    expect(index.has(...identityOf(batchOf('traces', t0, 43)))).toBe(false)
  })

  it('finds each of a hundred thousand, over the pieces that are read', () => {
    const { intake, seam } = bridge()
    void intake.put(batchOf('traces', t0))
    seam.stop()
    const words = new Int32Array(200_000)
    for (let at = 0; at < words.length; at++) words[at] = Math.imul(at + 1, 0x9e3779b1) ^ (at << 7)
    writeFileSync(join(dataPath, 'seam', 'traces.x.1.ids'), new Uint8Array(words.buffer))
    const index = readSeamIndex(dataPath, 'traces', ['x'])
    expect(index.size).toBe(100_000)
    for (let at = 0; at < words.length; at += 2) if (!index.has(words[at] ?? 0, words[at + 1] ?? 0)) throw new Error(`not there: ${at}`)
    expect(index.has(1, 2)).toBe(false)
  })
})

describe('FirstSeen', () => {
  it('knows a quarter of a million streams by their first times', () => {
    const seen = new FirstSeen()
    const id = (at: number): readonly [number, number] => [Math.imul(at, 0x9e3779b1), Math.imul(at, 0x85ebca6b)]
    for (let at = 0; at < 250_000; at++) seen.put(...id(at), 1000 + at)
    let forgotten = 0
    let earlier = 0
    for (let at = 0; at < 250_000; at++) {
      if (seen.isNews(...id(at), 1000 + at)) forgotten++
      if (seen.isNews(...id(at), 999 + at)) earlier++
    }
    expect(earlier).toBe(250_000)
    expect(forgotten).toBeLessThan(250)
  })
})
