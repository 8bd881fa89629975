import { describe, expect, it } from 'vitest'
import { defaultWriteLimits } from '../../../src/ingest/prometheus/decode-limits.ts'
import { decodeWriteV2 } from '../../../src/ingest/prometheus/decode-v2.ts'
import { WriteRequest } from '../../../src/translate/prometheus/model.ts'
import { encodeWrite } from '../../support/remote-write.ts'

const into = new WriteRequest()
const decodeHex = (hex: string): WriteRequest => {
  decodeWriteV2(Buffer.from(hex.replaceAll(' ', ''), 'hex'), defaultWriteLimits, into)
  return into
}
const decode = (request: object): WriteRequest => {
  decodeWriteV2(encodeWrite(2, request), defaultWriteLimits, into)
  return into
}

const good = { labels_refs: [1, 2] }
const symbols = ['', 'a', 'b']

describe('decodeWriteV2', () => {
  it.each([
    ['label name', { labels_refs: [3, 1] }],
    ['label value', { labels_refs: [1, 3] }],
    ['reference of 32 bits', { labels_refs: [1, 0xffffffff] }],
    ['label of an exemplar', { ...good, exemplars: [{ labels_refs: [1, 3] }] }],
    ['help', { ...good, metadata: { help_ref: 3 } }],
    ['unit', { ...good, metadata: { unit_ref: 0x80000000 } }],
  ])('refuses a %s beyond the table, and names the series', (_name, bad) => {
    expect(() => decode({ symbols, timeseries: [good, bad, good] })).toThrow(
      expect.objectContaining({
        code: 'OB_DECODE_SYMBOLS',
        message: 'cannot read a remote-write request: series 1 refers to a symbol beyond the 3 there are',
      }),
    )
  })

  it('refuses a reference beyond the table among labels that are not stored', () => {
    const body = encodeWrite(2, { symbols, timeseries: [{ labels_refs: [1, 2, 1, 3] }] })
    expect(() => decodeWriteV2(body, { ...defaultWriteLimits, maxLabels: 1 }, into)).toThrow(
      expect.objectContaining({ code: 'OB_DECODE_SYMBOLS' }),
    )
  })

  it.each([
    ['series 1 has', [good, { labels_refs: [1, 2, 1] }]],
    ['an exemplar of series 1 has', [good, { ...good, exemplars: [{}, { labels_refs: [1] }] }]],
  ])('refuses an odd count of references: %s', (where, timeseries) => {
    expect(() => decode({ symbols, timeseries })).toThrow(
      expect.objectContaining({
        code: 'OB_DECODE_SYMBOLS',
        message: `cannot read a remote-write request: ${where} a label without a value`,
      }),
    )
  })

  it.each([[[good]], [[]]])('refuses a table that does not begin with the empty text, with series %j', (timeseries) => {
    expect(() => decode({ symbols: ['a', '', 'b'], timeseries })).toThrow(
      expect.objectContaining({
        code: 'OB_DECODE_SYMBOLS',
        message: 'cannot read a remote-write request: symbol 0 is not the empty text',
      }),
    )
  })

  it('refuses labels without a table', () => {
    expect(() => decode({ timeseries: [{ labels_refs: [0, 0] }] })).toThrow(expect.objectContaining({ code: 'OB_DECODE_SYMBOLS' }))
  })

  it('takes an empty table where nothing refers to it', () => {
    expect(decode({ timeseries: [{ metadata: { help_ref: 0, unit_ref: 0 } }] }).symbolCount).toBe(1)
    expect([into.seriesCount, into.symbolStart[0], into.symbolEnd[0]]).toEqual([1, 0, 0])
  })

  it('joins references that come packed, one by one and in several lists, with a pair spread over two', () => {
    decodeHex('2200 220161 220162 2a0e 0a0101 0802 0a0201 02 0801 0a0102')
    expect([into.labelCount, [...into.labelName.subarray(0, 3)], [...into.labelValue.subarray(0, 3)]]).toEqual([3, [1, 1, 1], [2, 2, 2]])
  })

  it('reads references in more bytes than they need', () => {
    decodeHex('2200 220161 220162 2a0a 0a08 8100 828080808000')
    expect([into.labelCount, into.labelName[0], into.labelValue[0]]).toEqual([1, 1, 2])
  })

  it('merges metadata that comes twice, and takes the last of each field', () => {
    decodeHex('2200 220161 220162 2a10 2a06 0801 1801 2001 2a02 0802 2a02 1802')
    expect([into.seriesType[0], into.seriesHelp[0], into.seriesUnit[0]]).toEqual([2, 2, 1])
  })

  it('keeps types it does not know unknown', () => {
    const timeseries = [9, 255, 256, -1].map((type) => ({ metadata: { type } }))
    expect([...decode({ symbols, timeseries }).seriesType.subarray(0, 4)]).toEqual([9, 255, 255, 255])
  })

  it('leaves nothing of a request in the next one', () => {
    decode({
      symbols,
      timeseries: [
        { ...good, metadata: { type: 3, help_ref: 1, unit_ref: 2 }, created_timestamp: '5', samples: [{ start_timestamp: '4' }] },
      ],
    })
    decode({ symbols, timeseries: [{ samples: [{}] }] })
    expect([into.seriesType[0], into.seriesHelp[0], into.seriesUnit[0], into.seriesCreatedMs[0], into.sampleStartMs[0]]).toEqual([
      0, 0, 0, 0, 0,
    ])
  })
})
