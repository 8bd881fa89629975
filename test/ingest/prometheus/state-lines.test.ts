import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { maxPieceBytes } from '../../../src/ingest/prometheus/state-frames.ts'
import { loadLines, saveLines } from '../../../src/ingest/prometheus/state-lines.ts'

const load = (pieces: Iterable<Uint8Array>): unknown[] => {
  const values: unknown[] = []
  for (const piece of pieces) expect(loadLines(piece, (value) => void values.push(value))).toBe(0)
  return values
}

describe('saveLines', () => {
  it('gives what loadLines takes back', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), (values) => {
        expect(load(saveLines(values))).toEqual(JSON.parse(JSON.stringify(values)))
      }),
    )
  })

  it('gives pieces that hold whole lines, and not all at once', () => {
    const values = Array.from({ length: 50_000 }, (_, at) => ({ name: `metric_${at}`, type: 'counter' }))
    let asked = 0
    const lazily = function* () {
      for (const value of values) {
        asked++
        yield value
      }
    }
    const pieces = saveLines(lazily())
    const first = pieces.next()
    expect(asked).toBeLessThan(10_000)
    const all = [first.value as Uint8Array, ...pieces]
    expect(Math.max(...all.map(({ length }) => length))).toBeLessThan(2 ** 18)
    expect(load(all)).toEqual(values)
  })

  it('leaves out what has no JSON, or so much that no piece takes it', () => {
    const long = 'ä'.repeat(1.7 * 2 ** 20)
    expect(load(saveLines([1, undefined, 'ä'.repeat(1.75 * 2 ** 20), 2]))).toEqual([1, 2])
    const pieces = [...saveLines(['x'.repeat(131_000), long])]
    expect(pieces.map(({ length }) => length <= maxPieceBytes)).toEqual([true])
    expect(load(pieces)[1]).toBe(long)
  })
})

describe('loadLines', () => {
  it('counts lines that cannot be read or are refused, and takes the others', () => {
    const values: unknown[] = []
    const faults = loadLines(Buffer.from('1\n{"a"\n\n2\n3\n'), (value) => {
      if (value === 2) throw new Error('refused')
      values.push(value)
    })
    expect([faults, values]).toEqual([2, [1, 3]])
  })
})
