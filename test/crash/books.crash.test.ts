import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { newOpen } from '../../src/books/columns.ts'
import { createBooksFile } from '../../src/books/file.ts'
import { readKnown, readMinutes } from '../../src/books/reading.ts'
import { silentLog } from '../../src/telemetry/log.ts'
import { stateFolder } from '../emit/support/queues.ts'

const rounds = Number(process.env['OTLP_BRIDGE_CRASH_ROUNDS'] ?? 5)
const child = fileURLToPath(new URL('./books-child.ts', import.meta.url))
const noon = Date.UTC(2026, 10, 22, 12)
/** By the clock of the child: rounds do not share minutes. */
const roundMs = 1_800_000

const start = async (...given: readonly string[]): Promise<ChildProcess> => {
  const started = spawn(process.execPath, [child, ...given], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(started.stdout, 'data')
  return started
}

const wallOf = (round: number): string => String(noon + round * roundMs)

describe('kill -9 of the books', () => {
  it.each(['disk', 'memory'])(
    'leaves each minute right or marked (%s queue)',
    async (kind) => {
      const path = stateFolder()
      const notes = join(stateFolder(), 'notes')
      for (let round = 0; round < rounds; round++) {
        const one = await start(path, notes, kind, wallOf(round), '0.6')
        await new Promise((resolve) => setTimeout(resolve, 1500 + Math.random() * 1500))
        const gone = once(one, 'exit')
        expect(one.kill('SIGKILL')).toBe(true)
        await gone
      }
      const last = await start(path, notes, kind, wallOf(rounds), '1', 'drain')
      expect(await once(last, 'exit')).toEqual([0, null])

      const received = new Map<number, number>()
      for (const line of readFileSync(notes, 'utf8').split('\n').filter(Boolean)) {
        const [minute = 0, items = 0] = line.split(' ').map(Number)
        received.set(minute, (received.get(minute) ?? 0) + items)
      }
      const file = createBooksFile({ path, nowMs: Date.now, log: silentLog })
      onTestFinished(() => file.close())
      const from = noon / 60_000
      const to = from + (rounds + 2) * 30
      const { marks } = readKnown(file, from, to)
      const counted = new Map<number, { received: number; open: number }>()
      for (const { at, line } of readMinutes(file, { from, to, endpoint: undefined, key: undefined })) {
        const sum = counted.get(at) ?? { received: 0, open: 0 }
        counted.set(at, { received: sum.received + line.received, open: sum.open + newOpen(line) })
      }
      const right: number[] = []
      const wrong: object[] = []
      let [lost, untold] = [0, 0]
      for (const [minute, items] of received) {
        const found = counted.get(minute) ?? { received: 0, open: 0 }
        lost += items - found.received
        untold += Math.abs(found.open)
        const known = marks.get(minute)
        if (found.received === items && found.open === 0) right.push(minute)
        else if (known === undefined || (found.received !== items && !known.has('crash')))
          wrong.push({ minute: minute - from, items, ...found, known })
      }
      const all = [...received.values()].reduce((sum, one) => sum + one, 0)
      console.log(`kill -9 of the books, ${rounds} times, ${kind} queue:`, {
        minutes: received.size,
        right: right.length,
        items: all,
        lost,
        untold,
      })
      expect(wrong).toEqual([])
      expect(received.size).toBeGreaterThan(rounds)
      // At most what came in between two writes: 40 ms of some 1.5 s and more.
      expect(lost).toBeLessThan(all / 5)
      const crashes = new Set([...marks].filter(([, why]) => why.has('crash')).map(([minute]) => Math.floor((minute - from) / 30)))
      expect(crashes.size).toBe(rounds)
    },
    120_000,
  )
})
