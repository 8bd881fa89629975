import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isBridgeError } from '../../src/errors.ts'
import { isJsonList, JsonNumber, JsonReader, type JsonValue, jsonText } from '../../src/ingest/exact-json.ts'

const limits = { maxDepth: 64, maxStringBytes: 1 << 20, maxValues: 100_000 }

const readerOf = (text: string | Uint8Array, more: Partial<typeof limits> = {}): JsonReader =>
  new JsonReader(typeof text === 'string' ? new TextEncoder().encode(text) : text, { ...limits, ...more })

const read = (text: string | Uint8Array, more?: Partial<typeof limits>): JsonValue => {
  const reader = readerOf(text, more)
  const value = reader.value()
  reader.finish()
  return value
}

/** As `JSON.parse` gives it. */
const plain = (value: JsonValue): unknown => {
  if (value instanceof JsonNumber) return Number(value.text)
  if (isJsonList(value)) return value.map(plain)
  if (value instanceof Map) {
    const object: Record<string, unknown> = Object.create(null)
    for (const [key, one] of value) object[key] = plain(one)
    return object
  }
  return value
}

const parsed = (text: string): unknown => {
  try {
    return { value: JSON.parse(text) }
  } catch {
    return 'not JSON'
  }
}

const ours = (text: string): unknown => {
  try {
    return { value: plain(read(text)) }
  } catch (error) {
    if (isBridgeError(error) && error.code === 'OB_DECODE_JSON') return 'not JSON'
    throw error
  }
}

describe('JsonReader', () => {
  it('reads what JSON.parse reads', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 6, stringUnit: 'binary' }), fc.constantFrom(undefined, 1, '\t'), (text, indent) => {
        const written = JSON.stringify(JSON.parse(text), undefined, indent)
        expect(plain(read(written.toWellFormed()))).toEqual(JSON.parse(written.toWellFormed()))
      }),
      { numRuns: 500 },
    )
  })

  it('takes and refuses what JSON.parse takes and refuses', () => {
    const pieces = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '"\\u00e9"',
      '"\\x"',
      '1',
      '-',
      '01',
      '1.',
      '1e5',
      '.5',
      'true',
      'nul',
      ' ',
      '\n',
    )
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 9 }), (list) => {
        const text = list.join('')
        expect(ours(text)).toEqual(parsed(text))
      }),
      { numRuns: 3000 },
    )
  })

  it.each(['9223372036854775807', '-9223372036854775808', '1.0', '0.1000000000000000055511151231257827', '1E+400'])(
    'keeps the digits of %s',
    (text) => {
      expect(read(`[${text}]`)).toEqual([new JsonNumber(text)])
      expect(jsonText(read(`{"a":[${text},null,"\\n"]}`))).toBe(`{"a":[${text},null,"\\n"]}`)
    },
  )

  it('skips a byte order mark, and keeps a key like any other', () => {
    const value = read(Buffer.from('\ufeff{"__proto__":1,"a":2,"a":3}'))
    expect([...(value as ReadonlyMap<string, JsonNumber>)].map(([key, one]) => [key, one.text])).toEqual([
      ['__proto__', '1'],
      ['a', '3'],
    ])
  })

  it('knows keys without moving', () => {
    const reader = readerOf('{"a":{"b":[1]},"c":2}')
    expect([reader.has('c'), reader.has('b'), reader.has('x', 'a')]).toEqual([true, false, true])
    expect(reader.at).toBe(0)
  })

  it.each([
    ['[1,]', 3],
    ['{"a" 1}', 5],
    ['"a\u0001"', 2],
    ['["é" x]', 6],
    ['[1', 2],
  ])('names the byte of the fault in %j', (text, byte) => {
    expect(() => read(text)).toThrow(expect.objectContaining({ place: `byte ${byte}` }))
  })

  it.each([
    ['depth', '['.repeat(65), {}, 'OB_LIMIT_DEPTH'],
    ['values', '[1,2,3]', { maxValues: 3 }, 'OB_LIMIT_LENGTH'],
    ['strings', '"abcdef"', { maxStringBytes: 4 }, 'OB_LIMIT_LENGTH'],
    ['numbers', '1234567', { maxStringBytes: 4 }, 'OB_LIMIT_LENGTH'],
  ])('bounds %s', (_name, text, more, code) => {
    expect(() => read(text, more)).toThrow(expect.objectContaining({ code }))
  })
})
