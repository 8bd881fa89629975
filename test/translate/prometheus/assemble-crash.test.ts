/**
 * The assembler with a journal around it, as an endpoint has: requests that fail and come again, a process that dies, what was kept replayed.
 * What was sent is known for longer than it takes a sender to come again with a request that was not answered.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MetricPoints } from '../../../src/otlp/metrics.ts'
import { type Emission, FamilyKind, type GroupKey, type KeepToken, type SavedLayouts } from '../../../src/translate/prometheus/assembler.ts'
import { Bench, type Name, type PlainPoint, plainPoints } from '../../support/assembling.ts'

const start = 1_767_225_600_000
const names: readonly Name[] = ['le=1', 'le=2', 'le=5', 'le=+Inf', 'sum', 'count']

interface Sample {
  readonly family: string
  readonly name: Name
  readonly value: number
  readonly timeMs: number
}

interface Stored {
  readonly held: readonly Sample[]
  readonly token: KeepToken
}

/** A put that has begun: its points, what is kept with it, who waits for it. */
interface Put {
  readonly points: readonly PlainPoint[]
  readonly record: Stored | undefined
  readonly marks: readonly GroupKey[]
  readonly emission: Emission | undefined
  readonly request: readonly Sample[] | undefined
}

/** What outlives the process, and the senders. */
class World {
  readonly delivered: PlainPoint[] = []
  readonly journal: Stored[] = []
  readonly marks: GroupKey[] = []
  layouts: SavedLayouts | undefined
  /** Requests that were not answered with success. */
  readonly open: (readonly Sample[])[]

  constructor(requests: readonly (readonly Sample[])[]) {
    this.open = [...requests]
  }
}

class Process {
  readonly bench = new Bench()
  readonly puts: Put[] = []
  private readonly world: World

  constructor(world: World) {
    this.world = world
    this.bench.assembler.importLayouts(world.layouts)
    for (const { a, b, c, timeMs } of world.marks) this.bench.assembler.markEmitted(a, b, c, timeMs)
    for (const record of world.journal) this.replay(record)
    this.release()
  }

  /** A request comes in, is translated, and its put begins. */
  receive(request: readonly Sample[]): void {
    const held = this.add(request)
    this.begin(held, request)
  }

  /** The timer. */
  flush(): void {
    this.begin([], undefined)
  }

  /** The oldest put is stored, or rejected. */
  end(stored: boolean): void {
    const put = this.puts.shift()
    if (put === undefined) return
    const { assembler } = this.bench
    if (!stored) {
      if (put.emission !== undefined) assembler.rollback(put.emission)
      if (put.request !== undefined) this.world.open.push(put.request)
      return
    }
    this.store(put)
    if (put.emission !== undefined) assembler.commit(put.emission)
    this.release()
  }

  /** The process dies: of the puts that had begun the first `stored` are in the store. Nobody was answered. */
  die(stored: number): void {
    this.puts.forEach((put, i) => {
      if (i < stored) this.store(put)
      if (put.request !== undefined) this.world.open.push(put.request)
    })
  }

  private add(samples: readonly Sample[]): Sample[] {
    return samples.filter(({ family, name, value, timeMs }) => {
      const id = this.bench.family(family, FamilyKind.Histogram)
      return this.bench.add(id, name, value, timeMs) === 'held'
    })
  }

  private begin(held: readonly Sample[], request: readonly Sample[] | undefined): void {
    const { assembler } = this.bench
    const points = new MetricPoints()
    const emission = assembler.take(this.bench.nowMs, points)
    const token: KeepToken = { open: 0 }
    const waiting = held.filter((one) => {
      const id = assembler.known(...this.bench.key(one.family))
      if (!assembler.isPending(id, one.timeMs)) return false
      assembler.attach(id, one.timeMs, token)
      return true
    })
    const marks = emission === undefined ? [] : assembler.emitted(emission)
    const record = waiting.length > 0 ? { held: waiting, token } : undefined
    if (request === undefined && emission === undefined) return
    this.puts.push({ points: plainPoints(points), record, marks, emission, request })
  }

  private store({ points, record, marks }: Put): void {
    this.world.delivered.push(...points)
    this.world.marks.push(...marks)
    if (record !== undefined) this.world.journal.push(record)
  }

  private release(): void {
    while (this.world.journal[0]?.token.open === 0) this.world.journal.shift()
  }

  /** What was kept waits again; what it completes is sent before anything else happens. */
  private replay(record: Stored): void {
    const { assembler } = this.bench
    const held = this.add(record.held)
    const points = new MetricPoints()
    const emission = assembler.take(this.bench.nowMs, points)
    record.token.open = 0
    for (const { family, timeMs } of held) assembler.attach(assembler.known(...this.bench.key(family)), timeMs, record.token)
    if (emission === undefined) return
    this.store({ points: plainPoints(points), record: undefined, marks: assembler.emitted(emission), emission, request: undefined })
    assembler.commit(emission)
  }
}

type Step =
  | { readonly do: 'receive' | 'flush' | 'save' }
  | { readonly do: 'end'; readonly stored: boolean }
  | { readonly do: 'die'; readonly stored: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.constant<Step>({ do: 'receive' }) },
  { weight: 6, arbitrary: fc.boolean().map((stored): Step => ({ do: 'end', stored })) },
  { weight: 2, arbitrary: fc.constantFrom<Step>({ do: 'flush' }, { do: 'save' }) },
  { weight: 2, arbitrary: fc.nat(4).map((stored): Step => ({ do: 'die', stored })) },
)

const sampleOf = (family: number, scrape: number, member: number): number => 1000 * scrape + 100 * family + 10 * member

const full = (family: number, scrape: number): object => {
  const at = (member: number): number => sampleOf(family, scrape, member)
  return {
    metric: 'histogram',
    family: `f${family}`,
    timeMs: start + scrape * 15_000,
    count: at(5),
    sum: at(4),
    bounds: [1, 2, 5],
    counts: [at(0), 10, 10, at(5) - at(2)],
  }
}

describe('createAssembler with a journal', () => {
  it('gives every histogram whole, and never a part of one after it, whatever fails and dies', () => {
    fc.assert(
      fc.property(
        fc.record({
          families: fc.integer({ min: 1, max: 3 }),
          scrapes: fc.integer({ min: 1, max: 4 }),
          shards: fc.array(fc.nat(3), { minLength: 24, maxLength: 24 }),
          batch: fc.integer({ min: 1, max: 12 }),
          isKnown: fc.boolean(),
          steps: fc.array(step, { maxLength: 60 }),
        }),
        ({ families, scrapes, shards, batch, isKnown, steps }) => {
          const queues: Sample[][] = [[], [], [], []]
          for (let scrape = 0; scrape < scrapes; scrape++) {
            for (let family = 0; family < families; family++) {
              names.forEach((name, member) => {
                const shard = queues[shards[family * names.length + member] as number] as Sample[]
                shard.push({ family: `f${family}`, name, value: sampleOf(family, scrape, member), timeMs: start + scrape * 15_000 })
              })
            }
          }
          const requests: Sample[][] = []
          while (queues.some((queue) => queue.length > 0)) {
            for (const queue of queues) if (queue.length > 0) requests.push(queue.splice(0, batch))
          }
          const world = new World(requests)
          if (isKnown) world.layouts = learnt(families)
          let process = new Process(world)
          for (const one of steps) {
            if (one.do === 'receive') {
              const request = world.open.shift()
              if (request !== undefined) process.receive(request)
            } else if (one.do === 'flush') process.flush()
            else if (one.do === 'end') process.end(one.stored)
            else if (one.do === 'save') world.layouts = process.bench.assembler.exportLayouts()
            else if (one.do === 'die') {
              process.die(one.stored)
              process = new Process(world)
            }
          }
          // From here on all goes well.
          for (let left = 1000; left > 0 && (world.open.length > 0 || process.puts.length > 0); left--) {
            const request = world.open.shift()
            if (request !== undefined) process.receive(request)
            process.end(true)
          }
          for (let round = 0; round < 3; round++) {
            process.bench.nowMs += 10_000
            process.flush()
            process.end(true)
          }
          expect(process.bench.assembler.held).toBe(0)
          expect(process.bench.assembler.pending).toBe(0)
          expect(world.journal).toEqual([])
          for (let family = 0; family < families; family++) {
            for (let scrape = 0; scrape < scrapes; scrape++) {
              const timeMs = start + scrape * 15_000
              const found = world.delivered.filter((one) => one.family === `f${family}` && one.timeMs === timeMs)
              expect(found.length).toBeGreaterThan(0)
              for (const one of found) expect(one).toEqual(full(family, scrape))
            }
          }
        },
      ),
      { numRuns: 1500 },
    )
  })
})

/** Layouts of families that were seen whole. */
function learnt(families: number): SavedLayouts {
  const bench = new Bench()
  for (let family = 0; family < families; family++) {
    const id = bench.family(`f${family}`, FamilyKind.Histogram)
    names.forEach((name, member) => void bench.add(id, name, sampleOf(family, 0, member), start - 15_000))
  }
  bench.after(10_000)
  return bench.assembler.exportLayouts()
}
