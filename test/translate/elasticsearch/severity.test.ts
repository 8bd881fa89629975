import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Scale } from '../../../src/translate/elasticsearch/rules.ts'
import { severityOf, severityOfCode } from '../../../src/translate/elasticsearch/severity.ts'

const of = (text: string): number => {
  const bytes = Buffer.from(`a${text}a`)
  return severityOf(bytes, 1, bytes.length - 1)
}

/** The table of the mapping. */
const table: Readonly<Record<number, readonly string[]>> = {
  1: ['trace', 'trc', 'finest', 'verbose', 'vrb', 'silly', 't'],
  5: ['debug', 'dbg', 'finer', 'd'],
  6: ['fine'],
  7: ['config'],
  9: ['info', 'information', 'informational', 'inf', 'i', 'log'],
  10: ['notice'],
  13: ['warn', 'warning', 'wrn', 'w'],
  17: ['error', 'err', 'e', 'severe', 'failure', 'eror'],
  18: ['critical', 'crit', 'c', 'dpanic'],
  19: ['alert', 'panic'],
  21: ['fatal', 'ftl', 'f', 'emergency', 'emerg', 'assert'],
}
const words = Object.entries(table).flatMap(([number, list]) => list.map((word) => [word, Number(number)] as const))
const numbers = new Map(words)

describe('severityOf', () => {
  it.each(words)('reads %s in any case, with what stands around it', (word, number) => {
    const capital = word.slice(0, 1).toUpperCase() + word.slice(1)
    const spellings = [word, word.toUpperCase(), capital, ` ${word}`, `${word}  `, `\t${word}\r\n`]
    const around = [
      `[${word}]`,
      `<${capital}>`,
      `(${word.toUpperCase()})`,
      `{${word}}`,
      ` [ ${word} ] `,
      `[[${word}]]`,
      `{ ${word} }`,
      `{[${word}]}`,
    ]
    expect([...spellings, ...around].map((text) => [text, of(text)])).toEqual([...spellings, ...around].map((text) => [text, number]))
  })

  it('knows no other word', () => {
    const letters = fc.stringMatching(/^[a-zA-Z]{1,14}$/)
    const near = fc
      .tuple(fc.constantFrom(...numbers.keys()), fc.nat(12), fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz'))
      .map(([word, at, letter]) => word.slice(0, at) + letter + word.slice(at + 1))
    fc.assert(
      fc.property(fc.oneof(letters, near), (text) => {
        expect(of(text)).toBe(numbers.get(text.toLowerCase()) ?? 0)
      }),
      { numRuns: 5000 },
    )
  })

  it.each([
    '',
    ' ',
    '[]',
    '[ ]',
    '[',
    '[info',
    'info]',
    '[info)',
    'weird',
    'in fo',
    'info!',
    'info:',
    '3',
    '30',
    'ínfo',
    '@info',
    'INFO\u0000',
    '{',
    '{}',
    '`',
  ])('does not know %o', (text) => {
    expect(of(text)).toBe(0)
  })

  it('never throws', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 20 }), (bytes) => severityOf(bytes, 0, bytes.length) >= 0))
  })
})

describe('severityOfCode', () => {
  const all = Array.from({ length: 60_001 }, (_, code) => code)
  const levels = (scale: number) => all.flatMap((code) => (severityOfCode(code, scale) > 0 ? [[code, severityOfCode(code, scale)]] : []))

  it('reads syslog codes', () => {
    expect([0, 1, 2, 3, 4, 5, 6, 7].map((code) => severityOfCode(code, Scale.Syslog))).toEqual([21, 19, 18, 17, 13, 10, 9, 5])
    expect(levels(Scale.Syslog).length).toBe(8)
  })

  it.each([
    [
      'pino and bunyan',
      Scale.Tens,
      [
        [10, 1],
        [20, 5],
        [30, 9],
        [40, 13],
        [50, 17],
        [60, 21],
      ],
    ],
    [
      'Python',
      Scale.Python,
      [
        [10, 5],
        [20, 9],
        [30, 13],
        [40, 17],
        [50, 18],
      ],
    ],
    [
      'logback',
      Scale.Logback,
      [
        [5000, 1],
        [10_000, 5],
        [20_000, 9],
        [30_000, 13],
        [40_000, 17],
      ],
    ],
    ['no scale', Scale.None, []],
  ])('reads levels of %s', (_, scale, expected) => {
    expect(levels(scale)).toEqual(expected)
  })

  it('knows no fractions and nothing below 0', () => {
    for (const scale of Object.values(Scale)) for (const code of [-10, -1, 0.5, 15, Number.NaN]) expect(severityOfCode(code, scale)).toBe(0)
  })
})
