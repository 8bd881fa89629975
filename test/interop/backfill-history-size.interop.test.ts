/**
 * Memory of a back-fill: ten times the history, and the process is no larger. What makes the history is another process, or was done before; the index is
 * a scripted one, for no disk holds it.
 *
 * `OTLP_BRIDGE_BACKFILL_ITEMS` (20,000): items of the smaller history; of rows in MySQL, of the larger one.
 */

import { existsSync, readdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createConnection } from 'mysql2/promise'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { BackfillReport } from '../../src/backfill/report.ts'
import { openUnits } from '../../src/otlp/units.ts'
import { guardedFrom } from '../../src/telemetry/size-guard.ts'
import { startEndless } from './backfill-endless.ts'
import { wantedItems } from './backfill-history.ts'
import { runProgram } from './backfill-process.ts'
import { type KeysOf, logKeys, type RecordedSignal, spanKeys, startRecorder } from './backfill-recorder.ts'
import { writeBlocks, writeDocuments } from './backfill-size-data.ts'
import { hasMariadb, startMariadb } from './mariadb-peer.ts'
import { zipkinRows, zipkinTables } from './mysql-tables.ts'
import { binaries } from './peers.ts'

const mostMb = 256
const timeout = 300_000 + wantedItems * 8

const found = existsSync(binaries) ? readdirSync(binaries).find((name) => name.startsWith('promtool-v')) : undefined

interface Sized {
  readonly name: string
  /** `backfill <words>` */
  readonly words: readonly string[]
  /** Of them, what no ledger keeps. */
  readonly secret?: readonly string[]
  readonly signal: RecordedSignal
  readonly keysOf: KeysOf
  readonly items: number
}

async function ownFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'otlp-bridge-history-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** Points are counted and not told apart: each is another time of the same thousand series. */
const points: KeysOf = (body) => openUnits('metrics', body).items

/** Peak RSS of a run and of `verify --deep` after it, MiB. */
async function peakOf({ name, words, secret = [], signal, keysOf, items }: Sized): Promise<number> {
  const folder = await ownFolder()
  const recorder = await startRecorder({ signal, keysOf, sample: { wanted: 0, items } })
  try {
    const own = ['--ledger', join(folder, 'ledger'), '--json']
    const ended = await runProgram(['backfill', ...words, ...secret, '--set', `emit.endpoint=${recorder.url}`, ...own], folder)
    expect(ended.code, ended.err).toBe(0)
    const report = JSON.parse(ended.out) as BackfillReport
    const verified = await runProgram(['backfill', 'verify', '--deep', ...secret, ...own], folder)
    console.info(
      `${items} ${name}: peak RSS ${ended.peakMb.toFixed(0)} MiB, verify ${verified.peakMb.toFixed(0)} MiB; wall ${ended.seconds.toFixed(1)} s, CPU ${ended.cpuSeconds.toFixed(1)} s, ${Math.round(items / ended.cpuSeconds)} items a CPU second`,
    )
    expect(report).toMatchObject({ result: 'complete', read: items, acknowledged: items, skipped: [] })
    expect([recorder.arrived, recorder.counts.repeats, recorder.faults]).toEqual([items, 0, []])
    if (signal !== 'metrics') expect(recorder.counts.unique).toBe(items)
    expect(verified.code, verified.err).toBe(0)
    return Math.max(ended.peakMb, verified.peakMb)
  } finally {
    await recorder.close()
  }
}

function compare(once: number, tenfold: number): void {
  expect(Math.max(once, tenfold)).toBeLessThanOrEqual(mostMb)
  // Below the size from which garbage is collected it tells how much garbage there is, not what is held; and a short run may end before that.
  if (wantedItems >= 500_000) expect(tenfold).toBeLessThanOrEqual(Math.max(once, guardedFrom / 2 ** 20) * 1.1)
}

const logs = { signal: 'logs', keysOf: logKeys } as const

describe(`size of a back-fill, which is the same for ten times the history, and ${mostMb} MiB at the most`, () => {
  const documents = async (items: number): Promise<number> => {
    const store = await startEndless(items)
    try {
      return await peakOf({ name: 'documents', words: ['elasticsearch', '--url', store.url, '--index', 'app-logs'], ...logs, items })
    } finally {
      await store.close()
    }
  }
  it('elasticsearch', async () => compare(await documents(wantedItems), await documents(wantedItems * 10)), timeout)

  const lines = async (items: number): Promise<number> => {
    const folder = await ownFolder()
    const file = join(folder, 'app.ndjson')
    await writeDocuments(file, items)
    const peak = await peakOf({ name: 'lines', words: ['files', file, '--as', 'logs'], ...logs, items })
    await rm(folder, { recursive: true })
    return peak
  }
  it('files', async () => compare(await lines(wantedItems), await lines(wantedItems * 10)), timeout)

  const samples = async (items: number): Promise<number> => {
    const folder = await ownFolder()
    const blocks = join(folder, 'blocks')
    await writeBlocks(join(binaries, found ?? ''), blocks, items)
    const peak = await peakOf({ name: 'samples', words: ['prometheus-tsdb', blocks], signal: 'metrics', keysOf: points, items })
    await rm(folder, { recursive: true })
    return peak
  }
  it.skipIf(found === undefined)(
    'prometheus-tsdb',
    async () => compare(await samples(wantedItems), await samples(wantedItems * 10)),
    timeout,
  )

  it.skipIf(!hasMariadb())(
    'zipkin-mysql',
    async () => {
      const server = await startMariadb()
      try {
        const rows = async (database: string, items: number): Promise<number> => {
          const connect = (name: string) => createConnection({ host: '127.0.0.1', port: server.port, user: 'root', database: name })
          const first = await connect('mysql')
          await first.query(`CREATE DATABASE ${database}`)
          await first.end()
          const connection = await connect(database)
          for (const statement of zipkinTables(false)) await connection.query(statement)
          for (const statement of zipkinRows(items, Date.UTC(2026, 10, 1) * 1000)) await connection.query(statement)
          await connection.end()
          const secret = ['--url', `mysql://root@127.0.0.1:${server.port}/${database}`]
          return peakOf({ name: 'rows', words: ['zipkin-mysql'], secret, signal: 'traces', keysOf: spanKeys, items })
        }
        compare(await rows('small', wantedItems / 10), await rows('large', wantedItems))
      } finally {
        await server.stop()
      }
    },
    timeout,
  )
})
