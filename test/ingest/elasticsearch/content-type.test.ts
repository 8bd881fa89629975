import { describe, expect, it } from 'vitest'
import { createTypeCheck } from '../../../src/ingest/elasticsearch/content-type.ts'

describe('createTypeCheck', () => {
  const [lenient, strict] = [createTypeCheck(true), createTypeCheck(false)]

  it.each([
    'application/x-ndjson',
    'application/json',
    'Application/JSON; charset=utf-8',
    'application/vnd.elasticsearch+x-ndjson; compatible-with=8',
    'application/vnd.elasticsearch+json;compatible-with=9',
  ])('takes %s', (header) => {
    expect([lenient(header), strict(header), strict(header)]).toEqual([undefined, undefined, undefined])
  })

  it.each([undefined, '', 'text/plain', 'text/plain; charset=utf-8'])('takes %s when it is lenient', (header) => {
    expect([lenient(header), strict(header)]).toEqual([undefined, expect.stringMatching(/^Content-Type header/)])
  })

  it.each(['application/smile', 'application/cbor', 'application/yaml', 'text/html', 'application/x-www-form-urlencoded', 'weird'])(
    'never takes %s',
    (header) => {
      expect(lenient(header)).toBe(`Content-Type header [${header}] is not supported`)
      expect(lenient(header)).toBe(strict(header))
    },
  )

  it('judges also what it does not keep', () => {
    for (let at = 0; at < 300; at++) expect(lenient(`text/x${at}`)).toBeDefined()
    expect(lenient('application/json;a=1')).toBeUndefined()
  })
})
