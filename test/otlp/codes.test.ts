import { describe, expect, it } from 'vitest'
import { AttributeCodes, absent, attributesTag, codePlan, unnamed } from '../../src/otlp/codes.ts'
import { ProtoReader } from '../../src/otlp/decode/reader.ts'

const plan = codePlan({ keys: ['tenant', 'level'], values: [new Map([['a', 2]]), new Map([['1.5', 2]])] })

/** An attribute of a resource: its key, and its AnyValue as it is encoded. */
const attribute = (key: string, value: readonly number[]): number[] => {
  const inner = [0x0a, key.length, ...Buffer.from(key), 0x12, value.length, ...value]
  return [attributesTag.resource, inner.length, ...inner]
}

const codesOf = (...bytes: number[]): number[] => {
  const codes = new Int32Array(2)
  new AttributeCodes(plan, new ProtoReader(Uint8Array.from(bytes))).fill(codes, attributesTag.resource, bytes.length)
  return [...codes]
}

describe('AttributeCodes', () => {
  it('tells what is not there, what nobody named and what somebody did', () => {
    expect(codesOf()).toEqual([absent, absent])
    expect(codesOf(...attribute('tenant', [0x0a, 1, 0x62]))).toEqual([unnamed, absent])
    expect(codesOf(...attribute('level', [0x21, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f]), ...attribute('tenant', [0x0a, 1, 0x61]))).toEqual([2, 2])
  })

  it('takes the first of an attribute that stands twice, unless it has no value', () => {
    expect(codesOf(...attribute('tenant', [0x0a, 1, 0x61]), ...attribute('tenant', [0x0a, 1, 0x62]))).toEqual([2, absent])
    expect(codesOf(...attribute('tenant', []), ...attribute('tenant', [0x0a, 1, 0x61]))).toEqual([2, absent])
  })

  it('refuses a value that is cut off', () => {
    for (const cut of [
      [0x21, 0, 0],
      [0x0a, 9],
      [0x18, 0x80],
    ])
      expect(() => codesOf(...attribute('tenant', cut))).toThrow(expect.objectContaining({ code: 'OB_DECODE_PROTO' }))
  })
})
