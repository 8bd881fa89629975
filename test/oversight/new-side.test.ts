import { describe, expect, it } from 'vitest'
import { emitConfig } from '../../src/emit/config.ts'
import { standsForAll } from '../../src/oversight/oversight.ts'

const counting = (destinations: object[], signal: string): string[] => {
  const emit = emitConfig.parse({ destinations: destinations.map((one) => ({ endpoint: 'http://localhost:4318', ...one })) })
  return (emit.destinations ?? []).map(({ name }) => name).filter((name) => standsForAll(emit, name, signal))
}

describe('standsForAll', () => {
  it('counts one of several destinations that get the same', () => {
    expect(counting([{ name: 'a' }, { name: 'b' }], 'traces')).toEqual(['a'])
  })

  it('counts the first that takes the signal', () => {
    expect(counting([{ name: 'a', signals: ['logs'] }, { name: 'b' }], 'traces')).toEqual(['b'])
  })

  it('counts all among which the data is divided', () => {
    const where = { attribute: 'service.name', in: ['cart'] }
    expect(
      counting(
        [
          { name: 'a', where },
          { name: 'b', otherwise: true },
        ],
        'traces',
      ),
    ).toEqual(['a', 'b'])
  })
})
