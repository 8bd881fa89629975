/** Blocks that Prometheus wrote, held against `promtool tsdb dump` of them: every sample. */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { listBlocks } from '../../../src/read/prometheus-tsdb/meta.ts'
import { vectorFiles } from '../../support/shared.ts'
import { differences, labelsKey, readDump, readFolder } from '../support/tsdb-dump.ts'

const folders = vectorFiles('tsdb').filter((path) => existsSync(join(path, 'dump.txt.gz')))
const named = (name: string): string | undefined => folders.find((path) => basename(path) === name)

const count = (dump: ReadonlyMap<string, ReadonlyMap<number, unknown>>): number =>
  [...dump.values()].reduce((sum, samples) => sum + samples.size, 0)

describe('a folder of blocks', () => {
  it.each(folders.map((path) => [basename(path), path]))('%s is read as promtool reads it', (_name, path) => {
    const own = readFolder(path)
    const theirs = readDump(join(path, 'dump.txt.gz'))
    expect(own.faults.filter(({ reason }) => reason !== 'conflict_in_source')).toEqual([])
    expect(differences(own.dump, theirs)).toEqual([])
    expect(own.samples).toBe(count(theirs))
    const { blocks } = listBlocks(path)
    const skipped = Object.values(own.skipped).reduce((sum, one) => sum + one, 0)
    expect(own.samples + skipped).toBe(blocks.reduce((sum, { samples }) => sum + samples, 0))
  })

  it.each(folders.map((path) => [basename(path), path]))('%s is the same in windows', (_name, path) => {
    const { blocks } = listBlocks(path)
    const [from, to] = [Math.min(...blocks.map(({ minMs }) => minMs)), Math.max(...blocks.map(({ maxMs }) => maxMs))]
    const whole = readFolder(path)
    let samples = 0
    let skipped = 0
    for (let at = from; at < to; at += 17_377) {
      const part = readFolder(path, { fromMs: at, toMs: Math.min(to, at + 17_377), step: 7 })
      for (const [key, values] of part.dump) {
        for (const ms of values.keys()) {
          expect(ms).toBeGreaterThanOrEqual(at)
          expect(ms).toBeLessThan(at + 17_377)
          expect(whole.dump.get(key)?.has(ms), key).toBe(true)
        }
      }
      samples += part.samples
      skipped += Object.values(part.skipped).reduce((sum, one) => sum + one, 0)
    }
    expect(samples).toBe(whole.samples)
    expect(skipped).toBe(Object.values(whole.skipped).reduce((sum, one) => sum + one, 0))
  })

  it.skipIf(named('plain') === undefined)('has its markers of staleness with their bits', () => {
    expect(readFolder(named('plain') ?? '').stale).toEqual({ floats: 59, histograms: 7 })
  })

  it.skipIf(named('st-overlap') === undefined)('says how many samples two blocks have, and where they differ', () => {
    const { skipped, faults } = readFolder(named('st-overlap') ?? '')
    expect(skipped['conflict_in_source']).toBe(98)
    expect(faults).toHaveLength(98)
  })

  it.skipIf(named('st-overlap') === undefined)('has the start timestamps of each block', () => {
    const folder = named('st-overlap') ?? ''
    const theirs = gunzipSync(readFileSync(join(folder, 'start-timestamps.txt.gz'))).toString()
    const expected = theirs
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const [, ulid, labels, ms, start] = /^(\S+) (\{.*\}) (\d+) (-?\d+)$/.exec(line) ?? []
        return `${ulid} ${labelsKey(JSON.parse(labels ?? '{}') as Record<string, string>)} ${ms} ${start}`
      })
    const own = readdirSync(folder)
      .filter((name) => name.startsWith('01'))
      .flatMap((ulid) =>
        [...readFolder(folder, { ulid }).starts].flatMap(([key, starts]) =>
          [...starts].map(([ms, start]) => `${ulid} ${key} ${ms} ${start}`),
        ),
      )
    expect(own.sort()).toEqual(expected.sort())
  })
})
