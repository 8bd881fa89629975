import { describe, expect, it } from 'vitest'
import { parseMetadata, readMetadata } from '../../../src/backfill/sources/prometheus-metadata.ts'

const row = (type: string, help = '', unit = '') => ({ type, help, unit })

describe('parseMetadata', () => {
  it('finds a family by its name and by the names of its members', () => {
    const snapshot = parseMetadata(
      { status: 'success', data: { lat: [row('histogram', 'How long.', 'seconds')], up: [row('gauge')] } },
      'x',
    )
    expect(snapshot.size).toBe(2)
    expect(snapshot.of('lat_bucket')).toEqual([{ family: 'lat', type: 3, help: 'How long.', unit: 'seconds' }])
    expect(snapshot.of('up').map(({ type }) => type)).toEqual([2])
    expect(snapshot.of('nobody')).toEqual([])
  })

  it('says the same of a family whatever order its targets come in', () => {
    const rows = [row('unknown', 'a'), row('counter', 'longer'), row('gauge', 'longes', 'bytes')]
    const said = (list: object[]) => parseMetadata({ x: list }, 'x').of('x')
    expect(said([...rows].reverse())).toEqual(said(rows))
    expect(said(rows)).toEqual([{ family: 'x', type: 1, help: 'longes', unit: 'bytes' }])
  })

  it('refuses what is no such answer', () => {
    for (const json of [null, 1, [], { status: 'error', error: 'x' }, { data: { x: 1 } }]) {
      expect(() => parseMetadata(json, 'the file'), JSON.stringify(json)).toThrow(/cannot read metadata the file/)
    }
  })
})

describe('readMetadata', () => {
  it('names a file that is not there', async () => {
    await expect(readMetadata('/nowhere/metadata.json', () => Promise.reject(new Error('not used')))).rejects.toMatchObject({
      code: 'OB_CONFIG',
    })
  })

  it('asks for what is a URL', async () => {
    const snapshot = await readMetadata('http://prometheus/api/v1/metadata', (url) => Promise.resolve({ [url.slice(-8)]: [row('info')] }))
    expect(snapshot.of('metadata')).toHaveLength(1)
  })
})
