import { describe, expect, it } from 'vitest'
import { describeVersion, majorOf } from '../../../src/ingest/elasticsearch/versions.ts'

describe('describeVersion', () => {
  it('knows what belongs to a version, and guesses for those to come', () => {
    const cases: [version: string, lucene: string, wire: string, index: string][] = [
      ['6.8.23', '7.7.3', '5.6.0', '5.0.0'],
      ['7.10.2', '8.7.0', '6.8.0', '6.0.0-beta1'],
      ['7.17.29', '8.11.3', '6.8.0', '6.0.0-beta1'],
      ['8.19.21', '9.12.2', '7.17.0', '7.0.0'],
      ['8.99.0', '9.12.2', '7.17.0', '7.0.0'],
      ['9.0.0', '10.1.0', '8.19.0', '8.0.0'],
      ['12.1.0', '13.0.0', '11.0.0', '11.0.0'],
      ['0.0.0', '1.0.0', '0.0.0', '0.0.0'],
    ]
    for (const [version, lucene, wire, index] of cases) {
      const found = describeVersion(version)
      expect([
        found.number,
        found.lucene_version,
        found.minimum_wire_compatibility_version,
        found.minimum_index_compatibility_version,
      ]).toEqual([version, lucene, wire, index])
      expect(found.build_hash).toMatch(/^[0-9a-f]{40}$/)
      expect(describeVersion(version)).toEqual(found)
    }
    expect(describeVersion('8.19.0').build_hash).not.toBe(describeVersion('8.19.1').build_hash)
  })
})

describe('majorOf', () => {
  it('is the first number', () => {
    expect(['7.17.0', '10.0.0'].map(majorOf)).toEqual([7, 10])
  })
})
