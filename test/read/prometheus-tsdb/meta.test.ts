import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { listBlocks } from '../../../src/read/prometheus-tsdb/meta.ts'

let root = ''

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'otlp-bridge-meta-'))
})

afterEach(() => rmSync(root, { recursive: true, force: true }))

const ulid = (letter: string): string => `01M7YZ6ZPEB5ZFJGRFEHJ8AKM${letter}`

function block(letter: string, meta: object = {}): void {
  const folder = join(root, ulid(letter))
  mkdirSync(join(folder, 'chunks'), { recursive: true })
  const whole = {
    ulid: ulid(letter),
    minTime: 0,
    maxTime: 7_200_000,
    version: 1,
    compaction: { level: 1, sources: [ulid(letter)] },
    ...meta,
  }
  writeFileSync(join(folder, 'meta.json'), JSON.stringify(whole))
}

const lettersOf = (): string =>
  listBlocks(root)
    .blocks.map((one) => one.ulid.at(-1))
    .join('')

describe('listBlocks', () => {
  it('gives blocks by time, then ULID', () => {
    block('C', { minTime: 5 })
    block('B')
    block('A', { minTime: 9 })
    block('D')
    expect(lettersOf()).toBe('BDCA')
  })

  it('leaves out what was compacted: parents, and parts of what another is made of', () => {
    block('A')
    block('B')
    block('C', { compaction: { level: 2, sources: [ulid('A'), ulid('X')], parents: [{ ulid: ulid('B'), minTime: 0, maxTime: 1 }] } })
    expect(lettersOf()).toBe('C')
    expect(listBlocks(root).notes).toEqual([
      `left out: block ${ulid('A')} was compacted into ${ulid('C')}`,
      `left out: block ${ulid('B')} was compacted into ${ulid('C')}`,
    ])
  })

  it('keeps blocks of one compaction that have the same sources', () => {
    block('A', { compaction: { level: 2, sources: [ulid('X'), ulid('Y')] } })
    block('B', { compaction: { level: 3, sources: [ulid('X'), ulid('Y')] } })
    expect(lettersOf()).toBe('AB')
  })

  it('refuses what Thanos made coarser, with a sentence, and takes its other blocks', () => {
    block('A', { thanos: { downsample: { resolution: 300_000 }, labels: { replica: 'a' } } })
    block('B', { thanos: { downsample: { resolution: 0 } } })
    expect(lettersOf()).toBe('B')
    expect(listBlocks(root).notes.join()).toContain('Thanos')
    expect(listBlocks(root).unreadable).toEqual([])
  })

  it.each<[string, string]>([
    ['another version', '{"version":2}'],
    ['no JSON', '{'],
    ['null', 'null'],
    ['no ULID', '{"version":1,"ulid":"../../etc","minTime":0,"maxTime":1}'],
    ['no times', `{"version":1,"ulid":"${ulid('A')}"}`],
    ['times the wrong way round', `{"version":1,"ulid":"${ulid('A')}","minTime":2,"maxTime":1}`],
  ])('tells of a block whose meta.json is %s, and takes the others', (_name, text) => {
    block('A')
    writeFileSync(join(root, ulid('A'), 'meta.json'), text)
    expect(() => listBlocks(root)).toThrow(/^corrupt: /)
    block('B')
    expect(lettersOf()).toBe('B')
    const { unreadable, notes } = listBlocks(root)
    expect(unreadable).toEqual([{ name: ulid('A'), message: expect.stringMatching(/^corrupt: cannot read /) }])
    expect(notes).toEqual([])
  })

  it('tells of a block without meta.json', () => {
    block('A')
    rmSync(join(root, ulid('A'), 'meta.json'))
    block('B')
    expect(listBlocks(root).unreadable).toEqual([{ name: ulid('A'), message: expect.stringMatching(/^vanished: /) }])
  })
})
