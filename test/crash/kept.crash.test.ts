import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { storeFile } from '../../src/emit/queue/store.ts'
import { drain, openLanes, stateFolder } from '../emit/support/queues.ts'

const rounds = Number(process.env['OTLP_BRIDGE_CRASH_ROUNDS'] ?? 20)
const child = fileURLToPath(new URL('./keep-child.ts', import.meta.url))
const name = 'assembler'
const perRound = 1_000_000

const start = async (path: string, notes: string, first: number, ack: string): Promise<ChildProcess> => {
  const started = spawn(process.execPath, [child, path, notes, String(first), ack, name], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(started.stdout, 'data')
  return started
}

const kill = async (one: ChildProcess): Promise<void> => {
  const gone = once(one, 'exit')
  expect(one.kill('SIGKILL')).toBe(true)
  await gone
}

interface Notes {
  readonly tried: Set<number>
  readonly kept: Set<number>
  /** May be gone. */
  readonly released: Set<number>
  readonly recovered: Set<number>
}

const read = (notes: string): Notes => {
  const found: Notes = { tried: new Set(), kept: new Set(), released: new Set(), recovered: new Set() }
  const inHand = new Map<string, number[]>()
  for (const line of readFileSync(`${notes}/kept`, 'utf8').split('\n').filter(Boolean)) {
    const [what, text, run = ''] = line.split(' ')
    const mine = inHand.get(run) ?? []
    inHand.set(run, mine)
    const number = Number(text)
    if (what === 'trying') found.tried.add(number)
    if (what === 'kept') found.kept.add(number)
    if (what === 'recovered') found.recovered.add(number)
    if (what === 'recovered' || what === 'trying') mine.push(number)
    // Numbers of one process are put in their order; what it recovered is older.
    if (what === 'released') for (const one of mine.splice(0, mine.indexOf(number) + 1)) found.released.add(one)
  }
  return found
}

/** What is in the store of both kinds, and what the notes say of it. */
const outcome = async (path: string, notes: string) => {
  const { queue, lane } = await openLanes(path, ['default'])
  const holding = queue.holding?.(name)
  const kept = new Set<number>()
  const order: number[] = []
  for (;;) {
    const page = (await holding?.recover()) ?? []
    if (page.length === 0) break
    for (const { id, data } of page) {
      order.push(id)
      const number = new DataView(data.buffer, data.byteOffset).getUint32(0)
      for (let at = 4; at < data.length; at++)
        if (data[at] !== ((number * 31 + at) & 0xff)) throw new Error(`${number} is not what was kept`)
      kept.add(number)
    }
  }
  const batches = new Set(await drain(lane('default')))
  await queue.close()
  const said = read(notes)
  const withBatch = (number: number): boolean => number % 3 !== 0
  return {
    said,
    kept,
    inOrder: order.every((id, at) => at === 0 || id > (order[at - 1] as number)),
    /** Resolved, and one of the two is not there. */
    lost: [...said.kept].filter(
      (number) => (!kept.has(number) && !said.released.has(number)) || (withBatch(number) && !batches.has(number)),
    ),
    /** Not resolved, and one of the two is there without the other. */
    torn: [...said.tried].filter(
      (number) => !said.kept.has(number) && withBatch(number) && !said.released.has(number) && kept.has(number) !== batches.has(number),
    ),
    strange: [...kept, ...batches].filter((number) => !said.tried.has(number)),
  }
}

describe('kill -9 with something held', () => {
  it.each(['durable', 'written'])('loses with ack %s nothing that is kept, and stores it with its batch or not at all', async (ack) => {
    const path = stateFolder()
    const notes = stateFolder()
    for (let round = 0; round < rounds; round++) {
      const one = await start(path, notes, round * perRound, ack)
      await new Promise((resolve) => setTimeout(resolve, 20 + Math.random() * 400))
      await kill(one)
    }
    const { said, kept, ...result } = await outcome(path, notes)
    const unresolved = [...said.tried].filter((number) => !said.kept.has(number))
    console.log(`kill -9 with something held, ${rounds} times, ack ${ack}:`, {
      resolved: said.kept.size,
      unresolved: unresolved.length,
      unresolvedButThere: unresolved.filter((number) => kept.has(number)).length,
      stillKept: kept.size,
      backAfterRelease: [...kept].filter((number) => said.released.has(number)).length,
    })
    expect(result).toEqual({ inOrder: true, lost: [], torn: [], strange: [] })
    expect(said.kept.size).toBeGreaterThan(rounds * 10)
    // Each run was given what those before it had left.
    expect([...said.recovered].every((number) => said.tried.has(number))).toBe(true)
    expect(said.recovered.size).toBeGreaterThan(0)
  })

  it('two processes: what the living one keeps is its own, what the killed ones kept is for the next', async () => {
    const path = stateFolder()
    const notes = stateFolder()
    const survivor = await start(path, notes, 900 * perRound, 'durable')
    for (let round = 0; round < rounds / 2; round++) {
      const one = await start(path, notes, round * perRound, 'durable')
      await new Promise((resolve) => setTimeout(resolve, 50 + Math.random() * 300))
      await kill(one)
    }
    expect([...read(notes).recovered].filter((number) => number >= 900 * perRound)).toEqual([])
    await kill(survivor)
    const { said, kept, ...result } = await outcome(path, notes)
    expect(result).toEqual({ inOrder: true, lost: [], torn: [], strange: [] })
    expect([...kept].some((number) => number >= 900 * perRound)).toBe(true)
    const store = new DatabaseSync(storeFile(path))
    // Taken over, and left in order: nobody is a keeper of nothing.
    expect(store.prepare("SELECT count(*) AS n FROM keepers WHERE run NOT LIKE 'closed-%'").get()).toEqual({ n: 0 })
    store.close()
  })
})
