import { describe, expect, it } from 'vitest'
import { uidOf } from '../../../dashboards/kibana/uids.ts'
import { formatStyle, numeralStyle, tsvbStyle } from '../../../dashboards/kibana/units.ts'
import { refreshOf } from '../../../dashboards/kibana/write-dashboard.ts'

describe('formatStyle', () => {
  it.each([
    [
      { id: 'percent', params: { decimals: 2 } },
      { unit: 'percentunit', decimals: 2 },
    ],
    [{ id: 'bytes', params: {} }, { unit: 'bytes' }],
    [{ id: 'bits' }, { unit: 'bits' }],
    [
      { id: 'number', params: { pattern: '0,0.00' } },
      { unit: 'short', decimals: 2 },
    ],
    [
      { id: 'number', params: { decimals: 0, suffix: ' req' } },
      { unit: 'suffix: req', decimals: 0 },
    ],
    [
      { id: 'duration', params: { inputFormat: 'nanoseconds', outputPrecision: 1 } },
      { unit: 'ns', decimals: 1 },
    ],
    [{ id: 'duration', params: { inputFormat: 'microseconds' } }, { unit: 'µs' }],
    [
      { id: 'custom', params: { pattern: '0.0%' } },
      { unit: 'percentunit', decimals: 1 },
    ],
    [{ id: 'color' }, {}],
    [null, {}],
  ])('reads %j', (format, style) => {
    expect(formatStyle(format)).toEqual(expect.objectContaining(style))
  })
})

describe('tsvbStyle', () => {
  it.each([
    ['bytes', '{{value}}/s', 'binBps'],
    ['percent', undefined, 'percentunit'],
    ['number', '{{value}} GBP', 'suffix: GBP'],
    ['number', '~{{value}}', 'prefix:~'],
    ['ms,humanize,', undefined, 'ms'],
    ["'0.0a'", undefined, 'short'],
    ['default', undefined, undefined],
  ])('reads %s with %s', (formatter, template, unit) => {
    expect(tsvbStyle(formatter, template).unit).toBe(unit)
  })
})

describe('numeralStyle', () => {
  it.each([
    ['0b', 'bytes'],
    ['0bd', 'decbytes'],
    ['0.0bits', 'bits'],
    ['$0,0', 'currencyUSD'],
  ])('reads %s', (pattern, unit) => {
    expect(numeralStyle(pattern).unit).toBe(unit)
  })
})

describe('uidOf', () => {
  it('keeps ids that Grafana takes, and hashes others', () => {
    expect(uidOf('79ffd6e0-faa0-11e6-947f-177f697178b8-ecs')).toBe('79ffd6e0-faa0-11e6-947f-177f697178b8-ecs')
    expect(uidOf('a b')).toMatch(/^[0-9a-f]{32}$/)
    expect(uidOf('a b')).not.toBe(uidOf('a c'))
    expect(uidOf('x'.repeat(41))).toHaveLength(32)
  })
})

describe('refreshOf', () => {
  it.each([
    [undefined, ''],
    [5000, '5s'],
    [60_000, '1m'],
    [7_200_000, '2h'],
  ])('writes %s', (milliseconds, text) => {
    expect(refreshOf(milliseconds)).toBe(text)
  })
})
