import { describe, expect, it } from 'vitest'
import { defaultWriteLimits } from '../../../src/ingest/prometheus/decode-limits.ts'
import { decodeWriteV1 } from '../../../src/ingest/prometheus/decode-v1.ts'
import { decodeWriteV2 } from '../../../src/ingest/prometheus/decode-v2.ts'
import { WriteRequest } from '../../../src/translate/prometheus/model.ts'
import { encodeWrite } from '../../support/remote-write.ts'

const into = new WriteRequest()

/** Labels of a series of these bytes. */
const labelsOf = (hex: string): (readonly [string, string])[] => {
  const series = Buffer.from(hex.replaceAll(' ', ''), 'hex')
  decodeWriteV1(Buffer.concat([Buffer.from([0x0a, series.length]), series]), defaultWriteLimits, into)
  const text = (symbol: number | undefined): string =>
    Buffer.from(into.body.subarray(into.symbolStart[symbol ?? 0], into.symbolEnd[symbol ?? 0])).toString()
  return Array.from({ length: into.labelCount }, (_, at) => [text(into.labelName[at]), text(into.labelValue[at])] as const)
}

describe('decodeWriteV1', () => {
  it.each([
    ['its value first', '0a06 120162 0a0161', [['a', 'b']]],
    ['no value', '0a03 0a0161', [['a', '']]],
    ['an empty value', '0a05 0a0161 1200', [['a', '']]],
    ['no name', '0a03 120162', [['', 'b']]],
    ['an empty name', '0a05 0a00 120162', [['', 'b']]],
    ['nothing', '0a00', [['', '']]],
    ['its name twice', '0a09 0a0161 120162 0a0163', [['c', 'b']]],
    ['its value twice, the last one empty', '0a08 0a0161 120162 1200', [['a', '']]],
    ['a field more', '0a08 0a0161 120162 1805', [['a', 'b']]],
    ['lengths in more bytes than needed', '0a8800 0a0161 128200 6263', [['a', 'bc']]],
    [
      'a sample behind it and a label behind that',
      '0a06 0a0161 120162 1200 0a06 0a0163 120164',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
  ])('reads a label with %s', (_name, hex, labels) => {
    expect(labelsOf(hex)).toEqual(labels)
  })

  it.each(['0a06 0a0161 120262', '0a03 0a0261', '0a04 0a01', '0a03 090161', '0a06 0a0161 1a', '0a07 0a8161 120162'])(
    'refuses the label %s',
    (hex) => {
      expect(() => labelsOf(hex)).toThrow(expect.objectContaining({ code: 'OB_DECODE_PROTO' }))
    },
  )

  it('has symbol 0 for every empty text', () => {
    labelsOf('0a00 0a05 0a0161 1200')
    expect([into.symbolCount, [...into.labelName.subarray(0, 2)], [...into.labelValue.subarray(0, 2)]]).toEqual([2, [0, 1], [0, 0]])
    expect([into.symbolStart[0], into.symbolEnd[0]]).toEqual([0, 0])
  })

  it('keeps types of metadata that it does not know', () => {
    decodeWriteV1(encodeWrite(1, { metadata: [{ type: -5 }, { type: 300 }] }), defaultWriteLimits, into)
    expect(into.metadata.map(({ type }) => type)).toEqual([-5, 300])
  })

  it('leaves nothing of a request of 2.0 in its own', () => {
    const series = { metadata: { type: 3, help_ref: 1, unit_ref: 1 }, created_timestamp: '5', samples: [{ start_timestamp: '4' }] }
    decodeWriteV2(encodeWrite(2, { symbols: ['', 'a'], timeseries: [series] }), defaultWriteLimits, into)
    decodeWriteV1(encodeWrite(1, { timeseries: [{ samples: [{}] }] }), defaultWriteLimits, into)
    expect([
      into.version,
      into.seriesType[0],
      into.seriesHelp[0],
      into.seriesUnit[0],
      into.seriesCreatedMs[0],
      into.sampleStartMs[0],
    ]).toEqual([1, 0, 0, 0, 0, 0])
  })

  it('has no start time in a sample', () => {
    decodeWriteV1(Buffer.from('0a061204 1005 1807'.replaceAll(' ', ''), 'hex'), defaultWriteLimits, into)
    expect([into.sampleMs[0], into.sampleStartMs[0]]).toEqual([5, 0])
  })
})
