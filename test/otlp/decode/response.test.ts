import { describe, expect, it } from 'vitest'
import { decodePartialSuccess, decodeStatusMessage, partialSuccessFromJson } from '../../../src/otlp/decode/response.ts'

const minusOne = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]

describe('decodePartialSuccess', () => {
  it.each([
    ['an empty body', [], undefined],
    ['an empty partial success', [0x0a, 0], { rejectedItems: 0, errorMessage: '' }],
    ['a count', [0x0a, 3, 0x08, 0x80, 0x02], { rejectedItems: 256, errorMessage: '' }],
    ['a count and a message', [0x0a, 6, 0x08, 5, 0x12, 2, 0x6e, 0x6f], { rejectedItems: 5, errorMessage: 'no' }],
    ['unknown fields', [0x10, 1, 0x0a, 4, 0x08, 5, 0x18, 9], { rejectedItems: 5, errorMessage: '' }],
    ['a negative count', [0x0a, 11, 0x08, ...minusOne], { rejectedItems: 0, errorMessage: '' }],
  ])('reads %s', (_, bytes, expected) => {
    expect(decodePartialSuccess(Uint8Array.from(bytes))).toEqual(expected)
  })

  it.each([[[0x0a, 9]], [[0x0a, 2, 0x08, 0x80]], [[0x0a, 2, 0x12, 5]]])('throws OB_DECODE_PROTO for %o', (bytes) => {
    expect(() => decodePartialSuccess(Uint8Array.from(bytes))).toThrow(expect.objectContaining({ code: 'OB_DECODE_PROTO' }))
  })
})

describe('decodeStatusMessage', () => {
  it('reads the message', () => {
    expect(decodeStatusMessage(Uint8Array.from([0x08, 3, 0x12, 2, 0x6e, 0x6f]))).toBe('no')
    expect(decodeStatusMessage(new Uint8Array())).toBe('')
  })
})

describe('partialSuccessFromJson', () => {
  it.each([
    [{}, undefined],
    [null, undefined],
    [{ partialSuccess: {} }, { rejectedItems: 0, errorMessage: '' }],
    [{ partialSuccess: { rejectedSpans: '3', errorMessage: 'no' } }, { rejectedItems: 3, errorMessage: 'no' }],
    [{ partialSuccess: { rejectedLogRecords: 2 } }, { rejectedItems: 2, errorMessage: '' }],
    [{ partialSuccess: { rejectedSpans: -1, errorMessage: 7 } }, { rejectedItems: 0, errorMessage: '' }],
    [{ partialSuccess: { rejectedSpans: 'many' } }, { rejectedItems: 0, errorMessage: '' }],
  ])('%o', (value, expected) => {
    expect(partialSuccessFromJson(value)).toEqual(expected)
  })
})
