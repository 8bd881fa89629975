import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  byteSize,
  duration,
  parseByteSize,
  parseDuration,
  printByteSize,
  printDuration,
  roundByteSize,
  unitOf,
} from '../../src/config/units.ts'

describe('parseDuration', () => {
  it.each([
    ['200ms', 200],
    ['5s', 5000],
    ['1.5s', 1500],
    ['2m', 120_000],
    ['1h', 3_600_000],
    ['1d', 86_400_000],
    ['5 s', 5000],
    ['250', 250],
  ])('reads %s', (text, ms) => {
    expect(parseDuration(text)).toBe(ms)
  })

  it.each(['', 's', '5x', '-1s', '5S', '1e3', '5 seconds'])('does not read %j', (text) => {
    expect(parseDuration(text)).toBeUndefined()
  })
})

describe('parseByteSize', () => {
  it.each([
    ['64KiB', 65_536],
    ['10MiB', 10_485_760],
    ['1GB', 1_000_000_000],
    ['1gib', 1_073_741_824],
    ['2kB', 2000],
    ['12', 12],
    ['12B', 12],
  ])('reads %s', (text, bytes) => {
    expect(parseByteSize(text)).toBe(bytes)
  })

  it.each(['', 'KiB', '5 bits', '-1B', '1PB'])('does not read %j', (text) => {
    expect(parseByteSize(text)).toBeUndefined()
  })
})

describe('printDuration and printByteSize', () => {
  it.each([0, 1, 999, 1000, 1500, 90_000, 86_400_000])('give back %d ms', (ms) => {
    expect(parseDuration(printDuration(ms))).toBe(ms)
  })

  it.each([0, 1, 1000, 1024, 65_536, 10_737_418_240, 5_000_000])('give back %d bytes', (bytes) => {
    expect(parseByteSize(printByteSize(bytes))).toBe(bytes)
  })
})

describe('roundByteSize', () => {
  it.each([
    [0, '0 B'],
    [1_536_000, '1.5 MB'],
    [512_000_000, '512 MB'],
  ])('prints %d as %s', (bytes, text) => {
    expect(roundByteSize(bytes)).toBe(text)
  })
})

describe('duration and byteSize', () => {
  const schema = z.strictObject({ delay: duration.default(200).describe('How long.'), size: byteSize.optional() })

  it('take text or numbers', () => {
    expect(schema.parse({ delay: '2s', size: 512 })).toEqual({ delay: 2000, size: 512 })
  })

  it('say what they expect', () => {
    const messages = schema.safeParse({ delay: 'soon', size: -1 }).error?.issues.map((issue) => issue.message)
    expect(messages).toEqual([
      'expected a duration such as 200ms, 5s, 2m, 1h or 1d, or a number of milliseconds',
      'expected a size such as 64KiB, 10MiB or 1GB, or a number of bytes',
    ])
  })

  it('refuse infinity, which YAML can write', () => {
    expect(schema.safeParse({ delay: Number.POSITIVE_INFINITY }).success).toBe(false)
  })

  it('have a JSON Schema of what the user writes', () => {
    const properties = z.toJSONSchema(schema, { io: 'input' }).properties
    expect(properties?.['delay']).toMatchObject({ anyOf: [{ type: 'string' }, { type: 'number', minimum: 0 }] })
  })

  it('can be told apart from plain numbers through defaults and descriptions', () => {
    expect([unitOf(schema.shape.delay), unitOf(schema.shape.size), unitOf(z.number())]).toEqual(['duration', 'byteSize', undefined])
  })
})
