import { describe, expect, it } from 'vitest'
import { upsertedDocument } from '../../../src/ingest/elasticsearch/update-body.ts'

const found = (text: string): string | undefined => {
  const piece = Buffer.from(`..${text}..`)
  const place = upsertedDocument(piece, 2, piece.length - 2)
  return place === undefined ? undefined : piece.toString('utf8', place.start, place.end)
}

describe('upsertedDocument', () => {
  it.each([
    ['{"doc":{"a":1},"doc_as_upsert":true}', '{"a":1}'],
    ['{"doc_as_upsert":"true","doc":{"a":"}\\"{"}}', '{"a":"}\\"{"}'],
    [' { "upsert" : {"b":[{"c":{}}]} , "doc" : {"a":1} } ', '{"b":[{"c":{}}]}'],
    ['{"doc":{"a":1},"upsert":{"b":2},"doc_as_upsert":true}', '{"a":1}'],
    ['{"doc":{"a":1},"upsert":{"b":2},"doc_as_upsert":false}', '{"b":2}'],
    ['{"script":{"source":"x = [1"},"upsert":{}}', '{}'],
    ['{"upsert":{"a":1},"upsert":{"a":2}}', '{"a":2}'],
  ])('%s', (line, document) => {
    expect(found(line)).toBe(document)
  })

  it.each([
    '{"doc":{"a":1}}',
    '{"doc":{"a":1},"doc_as_upsert":false}',
    '{"doc":7,"doc_as_upsert":true}',
    '{"upsert":"text"}',
    '{"doc_as_upsert":true}',
    '{}',
    '',
    '[]',
    '{"upsert":{}',
    '{"upsert":{}}}',
    '{"upsert"{}}',
    '{"upsert":}',
    '{"upsert',
    '{"a":[1,2',
    '7',
  ])('finds none in %s', (line) => {
    expect(found(line)).toBeUndefined()
  })
})
