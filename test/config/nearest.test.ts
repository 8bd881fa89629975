import { describe, expect, it } from 'vitest'
import { editDistance, nearest } from '../../src/config/nearest.ts'

describe('editDistance', () => {
  it.each([
    ['port', 'port', 0],
    ['prot', 'port', 1],
    ['pot', 'port', 1],
    ['kitten', 'sitting', 3],
    ['', 'abc', 3],
  ])('of %s and %s is %d', (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance)
  })
})

describe('nearest', () => {
  it.each([
    ['max_size', ['maxSize', 'maxItems'], 'maxSize'],
    ['endpont', ['endpoint', 'protocol'], 'endpoint'],
    ['banana', ['ingest', 'emit'], undefined],
    ['xy', ['ab'], undefined],
  ])('to %s among %j is %s', (word, known, expected) => {
    expect(nearest(word, known)).toBe(expected)
  })
})
