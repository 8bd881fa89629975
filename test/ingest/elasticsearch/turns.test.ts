import { describe, expect, it } from 'vitest'
import { createTurns } from '../../../src/ingest/elasticsearch/turns.ts'

describe('createTurns', () => {
  it('gives a few their turn at once, the others in the order in which they came', async () => {
    const turns = createTurns(2)
    const begun: string[] = []
    const begin = (name: string) => {
      const turn = turns.begin()
      if (turn.ready === undefined) begun.push(name)
      else void turn.ready.then(() => begun.push(name))
      return turn
    }
    const [a, b] = [begin('a'), begin('b')]
    const [c, d, e] = [begin('c'), begin('d'), begin('e')]
    expect([begun, turns.waiting]).toEqual([['a', 'b'], 3])
    b.end()
    b.end()
    await Promise.resolve()
    expect([begun, turns.waiting]).toEqual([['a', 'b', 'c'], 2])
    // One that leaves before its turn takes nobody's.
    d.end()
    a.end()
    await Promise.resolve()
    expect([begun.filter((name) => name !== 'd'), turns.waiting]).toEqual([['a', 'b', 'c', 'e'], 0])
    for (const turn of [c, e]) turn.end()
    expect([turns.begin().ready, turns.begin().ready]).toEqual([undefined, undefined])
    expect(turns.begin().ready).toBeDefined()
  })
})
