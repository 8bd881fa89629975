import { describe, expect, it } from 'vitest'
import { answerType, isForSeven } from '../../../src/ingest/elasticsearch/media-type.ts'

describe('isForSeven', () => {
  it.each([
    ['application/vnd.elasticsearch+json; compatible-with=7', true],
    ['application/vnd.elasticsearch+json; compatible-with=8', false],
    ['application/json', false],
  ])('of an answer to %s', (accept, expected) => {
    expect(isForSeven(answerType(accept, undefined))).toBe(expected)
  })
})
