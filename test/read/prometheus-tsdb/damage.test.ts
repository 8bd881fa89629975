/** Blocks with damage: never a crash, never a wrong value, never a missing one without a word. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isBridgeError } from '../../../src/errors.ts'
import { crc32c } from '../../../src/read/prometheus-tsdb/crc32c.ts'
import { vectorFiles } from '../../support/shared.ts'
import { type OwnReading, readFolder } from '../support/tsdb-dump.ts'
import { writableCopy } from '../support/writable-copy.ts'

const source = vectorFiles('tsdb').find((path) => basename(path) === 'st-overlap')
const small = '01M7YYFTQ03N8FKG36AN8D9MJF'
const larger = '01M7YZ1RHW9ZP3NEZQ6QDHZM13'
const root = mkdtempSync(join(tmpdir(), 'otlp-bridge-damage-'))

afterAll(() => rmSync(root, { recursive: true, force: true }))

const text = (value: unknown): string =>
  JSON.stringify(value, (_, one: unknown) => (typeof one === 'number' && !Number.isFinite(one) ? String(one) : one))

/** Fails for a value that is not the stored one, and for one that is missing where nothing was said. */
function hold(whole: OwnReading, folder: string, what: string): 'refused' | 'less' | 'same' {
  let own: OwnReading
  try {
    own = readFolder(folder)
  } catch (error) {
    if (!isBridgeError(error) || error.code !== 'OB_SOURCE') throw new Error(`${what}: ${String(error)}`, { cause: error })
    return 'refused'
  }
  for (const [key, values] of own.dump) {
    const theirs = whole.dump.get(key)
    if (theirs === undefined) throw new Error(`${what}: series ${key} was made up`)
    for (const [ms, value] of values) {
      if (text(value) !== text(theirs.get(ms))) throw new Error(`${what}: ${key} at ${ms} is ${text(value)}, not ${text(theirs.get(ms))}`)
    }
  }
  if (own.samples === whole.samples) return 'same'
  if (own.faults.length === 0 && own.notes.length === 0)
    throw new Error(`${what}: ${whole.samples - own.samples} samples are missing without a word`)
  return 'less'
}

describe.skipIf(source === undefined)('a damaged block', () => {
  let whole: OwnReading
  const block = join(root, small)

  beforeAll(() => {
    writableCopy(join(source ?? '', small), block)
    whole = readFolder(root)
    expect(whole.samples).toBe(6)
  })

  it.each(['index', 'chunks/000001', 'tombstones'])('has each byte of its %s turned round once', { timeout: 120_000 }, (name) => {
    const path = join(block, name)
    const bytes = readFileSync(path)
    const seen = { refused: 0, less: 0, same: 0 }
    try {
      for (let at = 0; at < bytes.length; at++) {
        bytes[at] = ~(bytes[at] as number)
        writeFileSync(path, bytes)
        seen[hold(whole, root, `${name} byte ${at}`)]++
        bytes[at] = ~(bytes[at] as number)
      }
    } finally {
      writeFileSync(path, bytes)
    }
    expect(seen.refused + seen.less).toBeGreaterThan(0)
    if (name === 'tombstones') expect(seen).toEqual({ refused: bytes.length, less: 0, same: 0 })
    if (name.startsWith('chunks')) expect(seen.same).toBe(3)
  })

  it.each(['index', 'chunks/000001', 'meta.json'])('has its %s cut', (name) => {
    const path = join(block, name)
    const bytes = readFileSync(path)
    try {
      for (let length = 0; length < bytes.length; length += Math.min(64, Math.ceil(bytes.length / 16))) {
        writeFileSync(path, bytes.subarray(0, length))
        expect(hold(whole, root, `${name} cut at ${length}`)).not.toBe('same')
      }
    } finally {
      writeFileSync(path, bytes)
    }
  })

  it('is cut at every 512 bytes, with more in it', () => {
    const folder = mkdtempSync(join(root, 'larger-'))
    try {
      writableCopy(join(source ?? '', larger), join(folder, larger))
      const all = readFolder(folder)
      for (const name of ['index', 'chunks/000001']) {
        const path = join(folder, larger, name)
        const bytes = readFileSync(path)
        for (let length = 0; length < bytes.length; length += 512) {
          writeFileSync(path, bytes.subarray(0, length))
          expect(hold(all, folder, `${name} cut at ${length}`)).not.toBe('same')
        }
        writeFileSync(path, bytes)
      }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  /** The entry of a series anew, with a right checksum: as long as it was, so that everything else stays where it is. */
  function withEntry(change: (body: Buffer) => void, use: () => void): void {
    const path = join(block, 'index')
    const bytes = readFileSync(path)
    const changed = Buffer.from(bytes)
    const series = Math.ceil(Number(changed.readBigUInt64BE(changed.length - 52 + 8)) / 16) * 16
    const length = changed[series] as number
    const body = changed.subarray(series + 1, series + 1 + length)
    change(body)
    changed.writeUInt32BE(crc32c(body), series + 1 + length)
    writeFileSync(path, changed)
    try {
      use()
    } finally {
      writeFileSync(path, bytes)
    }
  }

  it.each<[string, (body: Buffer) => void]>([
    ['more labels than bytes', (body) => void (body[0] = 0x7f)],
    ['a symbol past the end', (body) => void (body[1] = 0x7f)],
    ['numbers of eleven bytes', (body) => void body.fill(0xff, 1)],
    ['a count of 2^32', (body) => void Buffer.from([0x80, 0x80, 0x80, 0x80, 0x10]).copy(body)],
    ['a chunk past the end', (body) => void (body[body.length - 1] = 0x7f)],
  ])('says of %s that a series or chunk is lost', (_name, change) => {
    withEntry(change, () => {
      const own = readFolder(root)
      expect(own.samples).toBe(3)
      expect(own.faults).toHaveLength(1)
      expect(own.skipped).toEqual({ [own.faults[0]?.reason ?? '']: 1 })
    })
  })

  it('has two lists that name one series', () => {
    const folder = mkdtempSync(join(root, 'twice-'))
    try {
      writableCopy(join(source ?? '', small), join(folder, small))
      const path = join(folder, small, 'index')
      const bytes = readFileSync(path)
      const series = Math.ceil(Number(bytes.readBigUInt64BE(bytes.length - 52 + 8)) / 16) * 16
      const first = series / 16
      // The lists of one series each say the first one now, the list of all stays.
      const postings = Number(bytes.readBigUInt64BE(bytes.length - 52 + 32))
      const table = Number(bytes.readBigUInt64BE(bytes.length - 52 + 40))
      for (let at = postings; at < table; ) {
        const length = bytes.readUInt32BE(at)
        if (bytes.readUInt32BE(at + 4) === 1) {
          bytes.writeUInt32BE(first, at + 8)
          bytes.writeUInt32BE(crc32c(bytes.subarray(at + 4, at + 4 + length)), at + 4 + length)
        }
        at += length + 8
      }
      writeFileSync(path, bytes)
      const own = readFolder(folder)
      expect(own.samples + (own.skipped['duplicate_in_source'] ?? 0)).toBe(6)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
