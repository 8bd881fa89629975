import { describe, expect, it } from 'vitest'
import { createWindowMemory, type Holder } from '../../../src/ingest/beats/memory.ts'

const holder = (): Holder & { woken: number } => ({
  woken: 0,
  wake() {
    this.woken++
  },
})
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('createWindowMemory', () => {
  it('lets everybody read while there is room', () => {
    const memory = createWindowMemory(100)
    const [one, two] = [holder(), holder()]
    memory.begin(one)
    memory.begin(two)
    memory.set(one, 50)
    memory.set(two, 49)
    expect([memory.mayRead(one), memory.mayRead(two), memory.bytes]).toEqual([true, true, 99])
  })

  it('lets the oldest alone read when there is none, and wakes the others when it is done', async () => {
    const memory = createWindowMemory(100)
    const [one, two, three] = [holder(), holder(), holder()]
    for (const each of [one, two, three]) memory.begin(each)
    memory.set(two, 60)
    memory.set(one, 40)
    expect([memory.mayRead(one), memory.mayRead(two), memory.mayRead(three)]).toEqual([true, false, false])
    memory.set(one, 300)
    expect(memory.mayRead(one)).toBe(true)
    memory.set(one, 0)
    memory.done(one, false)
    await turn()
    expect([one.woken, two.woken, three.woken]).toEqual([0, 1, 1])
    expect(memory.mayRead(three)).toBe(true)
  })

  it('wakes the next oldest though there is no room yet', async () => {
    const memory = createWindowMemory(100)
    const [one, two] = [holder(), holder()]
    memory.begin(one)
    memory.begin(two)
    memory.set(two, 200)
    expect(memory.mayRead(two)).toBe(false)
    memory.leave(one)
    await turn()
    expect(two.woken).toBe(1)
    expect(memory.mayRead(two)).toBe(true)
  })

  it('makes a connection with another window the youngest', () => {
    const memory = createWindowMemory(100)
    const [one, two] = [holder(), holder()]
    memory.begin(one)
    memory.begin(two)
    memory.set(one, 100)
    memory.done(one, true)
    expect([memory.mayRead(one), memory.mayRead(two)]).toEqual([false, true])
  })

  it('forgets who leaves', async () => {
    const memory = createWindowMemory(100)
    const [one, two] = [holder(), holder()]
    memory.begin(one)
    memory.begin(two)
    memory.set(one, 150)
    expect(memory.mayRead(two)).toBe(false)
    memory.leave(two)
    memory.leave(one)
    await turn()
    expect([two.woken, memory.bytes]).toEqual([0, 0])
  })
})
