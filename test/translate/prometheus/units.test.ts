import { describe, expect, it } from 'vitest'
import { unitFromSuffix, unitOf, unitWord } from '../../../src/translate/prometheus/units.ts'

const pairs = [
  ['days', 'd'],
  ['hours', 'h'],
  ['minutes', 'min'],
  ['seconds', 's'],
  ['milliseconds', 'ms'],
  ['microseconds', 'us'],
  ['nanoseconds', 'ns'],
  ['bytes', 'By'],
  ['kibibytes', 'KiBy'],
  ['mebibytes', 'MiBy'],
  ['gibibytes', 'GiBy'],
  ['tebibytes', 'TiBy'],
  ['kilobytes', 'kBy'],
  ['megabytes', 'MBy'],
  ['gigabytes', 'GBy'],
  ['terabytes', 'TBy'],
  ['meters', 'm'],
  ['volts', 'V'],
  ['amperes', 'A'],
  ['joules', 'J'],
  ['watts', 'W'],
  ['grams', 'g'],
  ['celsius', 'Cel'],
  ['hertz', 'Hz'],
  ['percent', '%'],
] as const

describe('unitOf', () => {
  it.each(pairs)('%s is %s', (word, code) => {
    expect(unitOf(word)).toBe(code)
  })

  it('passes on what it does not know, codes among them', () => {
    expect(['', 'requests', 's', 'By', '{request}', 'Seconds', 'bytes_per_second'].map(unitOf)).toEqual([
      '',
      'requests',
      's',
      'By',
      '{request}',
      'Seconds',
      'bytes_per_second',
    ])
  })

  it('never says 1', () => {
    expect(['ratio', '1'].map(unitOf)).toEqual(['', ''])
  })
})

describe('unitWord', () => {
  it.each(pairs)('%s of %s', (word, code) => {
    expect(unitWord(code)).toBe(word)
  })

  it('passes on what it does not know; 1 is nothing', () => {
    expect(['', 'requests', 'seconds', '1'].map(unitWord)).toEqual(['', 'requests', 'seconds', ''])
  })
})

describe('unitFromSuffix', () => {
  it.each([
    ['node_cpu_seconds_total', 's'],
    ['http_request_duration_seconds', 's'],
    ['node_memory_MemFree_bytes', 'By'],
    ['room_temperature_celsius', 'Cel'],
    ['node_memory_bytes_free', ''],
    ['http_requests_total', ''],
    ['cpu_usage_ratio', ''],
    ['milliseconds', ''],
    ['seconds_total', ''],
    ['_seconds', ''],
    ['constructor', ''],
    ['x_constructor', ''],
    ['', ''],
  ])('%s: %j', (name, unit) => {
    expect(unitFromSuffix(name)).toBe(unit)
  })
})
