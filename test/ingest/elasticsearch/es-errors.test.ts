import { describe, expect, it } from 'vitest'
import { BridgeError, type ErrorCode, errorTable } from '../../../src/errors.ts'
import { faultOf, ItemErrors, requestFaultJson } from '../../../src/ingest/elasticsearch/es-errors.ts'

describe('ItemErrors', () => {
  it.each([
    ['7.17.28', 'mapper_parsing_exception'],
    ['8.8.2', 'mapper_parsing_exception'],
    ['8.9.0', 'document_parsing_exception'],
    ['9.1.0', 'document_parsing_exception'],
  ])('names errors of documents as %s does', (version, type) => {
    expect(new ItemErrors(version).document('x').type).toBe(type)
    expect(new ItemErrors(version).notObject.type).toBe(type)
  })

  it('makes one error of texts that differ in a number', () => {
    const errors = new ItemErrors('8.19.0')
    const first = errors.document('it has 17 fields of 20 at the most')
    expect(errors.number).toBe(20)
    const second = errors.document('it has 17 fields of 999999 at the most')
    expect(errors.number).toBe(999_999)
    expect(second).toBe(first)
    expect(first).toEqual({
      status: 400,
      type: 'document_parsing_exception',
      reason: 'failed to parse: it has 17 fields of ',
      between: 'number',
      after: ' at the most',
    })
  })

  it('gives the column of a fault in the document', () => {
    const errors = new ItemErrors('8.19.0')
    const error = errors.document('cannot read JSON: expected a comma at byte 117', 100)
    expect(errors.number).toBe(18)
    expect(error).toMatchObject({ reason: '[1:', between: 'number', after: '] failed to parse: expected a comma' })
    expect(errors.document('cannot read JSON: expected a comma at byte 5', 0)).toBe(error)
    expect(new ItemErrors('7.17.0').document('cannot read JSON: expected a comma at byte 117', 100)).toMatchObject({
      reason: 'expected a comma\n at [Source: (ByteArrayInputStream); line: 1, column: ',
      after: ']',
      wrapped: { type: 'json_parse_exception', reason: 'failed to parse' },
    })
  })

  it('keeps digits that are no plain number as they are', () => {
    const errors = new ItemErrors('8.19.0')
    expect(errors.refused('code 007').reason).toBe('code 007')
    expect(errors.number).toBe(-1)
  })

  it('says the same of all once there are too many different texts', () => {
    const errors = new ItemErrors('8.19.0')
    const letters = (i: number): string => i.toString().replace(/\d/g, (digit) => 'abcdefghij'[Number(digit)] ?? '')
    for (let i = 0; i < 1000; i++) errors.document(letters(i))
    expect(errors.document('another')).toMatchObject({ reason: 'failed to parse' })
    expect(errors.document('bcd')).toMatchObject({ reason: 'failed to parse: bcd' })
  })
})

describe('requestFaultJson', () => {
  it('has both levels', () => {
    const causedBy = { type: 'c', reason: 's' }
    expect(requestFaultJson({ status: 400, type: 't', reason: 'r' })).toEqual({
      error: { root_cause: [{ type: 't', reason: 'r' }], type: 't', reason: 'r' },
      status: 400,
    })
    expect(requestFaultJson({ status: 400, type: 't', reason: 'r', causedBy })).toMatchObject({ error: { caused_by: causedBy } })
  })
})

describe('faultOf', () => {
  const told = (code: ErrorCode, throttle?: 429 | 503) => {
    const { fault, headers } = faultOf(new BridgeError(code, 'cannot do it: x', { retryAfterSeconds: 2.5 }), throttle)
    return [fault.status, fault.type, headers['retry-after']]
  }

  it.each<[ErrorCode, number, string, string | undefined]>([
    ['OB_QUEUE_FULL', 429, 'es_rejected_execution_exception', '3'],
    ['OB_QUEUE_BROKEN', 503, 'cluster_block_exception', '3'],
    ['OB_STOPPING', 503, 'cluster_block_exception', '3'],
    ['OB_LIMIT_BODY', 413, 'content_too_long_exception', undefined],
    ['OB_UNSUPPORTED_TYPE', 406, 'media_type_header_exception', undefined],
    ['OB_AUTH', 401, 'security_exception', undefined],
    ['OB_SEND_PERMANENT', 400, 'illegal_argument_exception', undefined],
  ])('tells %s with %i', (code, status, type, after) => {
    expect(told(code)).toEqual([status, type, after])
  })

  it('tells a full queue with 503 to those who give up at 429', () => {
    expect(told('OB_QUEUE_FULL', 503)).toEqual([503, 'cluster_block_exception', '3'])
  })

  it('has a status and a type for each error there is', () => {
    for (const code of Object.keys(errorTable) as ErrorCode[]) {
      const [status, type] = told(code)
      expect(status, code).toBeGreaterThanOrEqual(400)
      expect(type, code).toMatch(/exception$/)
    }
  })
})
