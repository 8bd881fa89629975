import protobuf from 'protobufjs'
import { describe, expect, it } from 'vitest'
import { timeoutMs } from '../../src/ingest/grpc-exchange.ts'
import { encodeMessage, encodeRetryInfo } from '../../src/ingest/grpc-status.ts'

describe('timeoutMs', () => {
  it.each([
    ['1H', 3_600_000],
    ['2M', 120_000],
    ['3S', 3000],
    ['45m', 45],
    ['500u', 0.5],
    ['99999999n', 99.999999],
    ['', undefined],
    ['5', undefined],
    ['-1S', undefined],
    ['123456789S', undefined],
  ])('reads %j', (value, want) => {
    const found = timeoutMs(value)
    if (want === undefined) expect(found).toBeUndefined()
    else expect(found).toBeCloseTo(want)
  })
})

describe('encodeMessage', () => {
  it('writes what is not visible ASCII as percent and hex', () => {
    expect(encodeMessage('a%b\nä~')).toBe('a%25b%0A%C3%A4~')
  })
})

describe('encodeRetryInfo', () => {
  it('is a google.rpc.Status with one detail', () => {
    const root = protobuf.Root.fromJSON({
      nested: {
        Status: {
          fields: { code: { type: 'int32', id: 1 }, message: { type: 'string', id: 2 }, details: { type: 'Any', id: 3, rule: 'repeated' } },
        },
        Any: { fields: { typeUrl: { type: 'string', id: 1 }, value: { type: 'bytes', id: 2 } } },
      },
    })
    const bytes = Buffer.from(encodeRetryInfo(8, 'full', 300), 'base64')
    expect(root.lookupType('Status').decode(bytes).toJSON()).toEqual({
      code: 8,
      message: 'full',
      details: [{ typeUrl: 'type.googleapis.com/google.rpc.RetryInfo', value: Buffer.from('0a0308ac02', 'hex').toString('base64') }],
    })
  })
})
