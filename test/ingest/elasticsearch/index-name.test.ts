import { describe, expect, it } from 'vitest'
import { IndexNames, indexNameFault } from '../../../src/ingest/elasticsearch/index-name.ts'

describe('indexNameFault', () => {
  it.each([
    'logs',
    'logs-nginx.access-default',
    '.a',
    'a%b',
    "a'b",
    'é',
    'ß',
    '日本',
    '😀',
    'a\u0000',
    'a\tb',
    'a'.repeat(255),
    '5',
    '<logs-{now/d}>',
    '<A>',
  ])('takes %j', (name) => {
    expect(indexNameFault(name, false)).toBeUndefined()
  })

  it.each([
    ['', 'must not be empty'],
    ['A', 'must be lowercase'],
    ['É', 'must be lowercase'],
    ['İ', 'must be lowercase'],
    ['a b', `must not contain the following characters [' ','"','*',',','/','<','>','?','\\','|']`],
    ['_ ', `must not contain the following characters [' ','"','*',',','/','<','>','?','\\','|']`],
    ['<a', `must not contain the following characters [' ','"','*',',','/','<','>','?','\\','|']`],
    ['<>', `must not contain the following characters [' ','"','*',',','/','<','>','?','\\','|']`],
    ['a:#', "must not contain '#'"],
    ['a:b', "must not contain ':'"],
    ['_A', "must not start with '_', '-', or '+'"],
    ['-a', "must not start with '_', '-', or '+'"],
    ['+a', "must not start with '_', '-', or '+'"],
    ['A'.repeat(256), 'index name is too long, (256 > 255)'],
    ['é'.repeat(128), 'index name is too long, (256 > 255)'],
    ['.', "must not be '.' or '..'"],
    ['..', "must not be '.' or '..'"],
  ])('says of %j what Elasticsearch says', (name, fault) => {
    expect(indexNameFault(name, false)).toBe(fault)
  })

  it('lists characters as version 7 does', () => {
    expect(indexNameFault('a?', true)).toBe('must not contain the following characters [ , ", *, \\, <, |, ,, >, /, ?]')
  })
})

describe('IndexNames', () => {
  it('makes one error for each name', () => {
    const names = new IndexNames(8)
    expect(names.refusal('a')).toBeUndefined()
    expect(names.refusal('A')).toEqual({
      status: 400,
      type: 'invalid_index_name_exception',
      reason: 'Invalid index name [A], must be lowercase',
      place: 'index',
      noId: 'null',
    })
    expect(names.refusal('A')).toBe(names.refusal('A'))
  })
})
