import { describe, expect, it } from 'vitest'
import { defaultOrder } from '../../src/backfill/order.ts'

describe('defaultOrder', () => {
  it.each([
    ['spans for whoever it is', 'span', false, undefined, 'any'],
    ['spans for a table by days', 'span', false, 'clickhouse', 'time'],
    ['samples for nobody knows whom', 'sample', false, undefined, 'time'],
    ['samples for Prometheus', 'sample', false, 'prometheus', 'time'],
    ['samples for VictoriaMetrics', 'sample', false, 'victoria', 'any'],
    ['documents for Loki', 'document', false, 'loki', 'time'],
    ['documents for Elastic', 'document', false, 'elastic', 'any'],
    ['documents for a Collector', 'document', false, 'collector', 'time'],
    ['records of files, whatever is in them', 'record', false, undefined, 'time'],
    ['samples into files', 'sample', true, undefined, 'any'],
  ] as const)('%s', (_, unit, isFile, program, order) => {
    expect(defaultOrder({ unit, isFile, program })).toBe(order)
  })
})
