import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createFileSink, type FileCompression, type FileFormat, type FileSinkOptions } from '../../src/backfill/file-sink.ts'
import type { PageRequest } from '../../src/backfill/model.ts'
import type { Sink } from '../../src/backfill/sink.ts'
import { compressionOf, createInflater } from '../../src/backfill/sources/files/inflate.ts'
import { files } from '../../src/backfill/sources/files.ts'
import { jsonToRequest } from '../../src/otlp/json/to-proto.ts'
import { silentLog } from '../../src/telemetry/log.ts'
import { mountSmallDisk } from '../crash/support/small-disk.ts'
import { idsIn, items, logsPage, metricsPage, tracesPage } from './support/otlp-requests.ts'
import { allPages, sourceDeps, totals } from './support/source-deps.ts'

const never = new AbortController().signal

const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'otlp-bridge-files-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const start = (folder: string, options: Partial<FileSinkOptions> = {}): Promise<Sink> =>
  createFileSink(
    { folder, run: 'r1', splitBytes: 1 << 20, format: 'jsonl', compress: 'none', ...options },
    { log: silentLog, sleep: async () => {}, distress: () => {} },
  )

/** Frame by frame, as the files are read again. */
async function plainOf(path: string): Promise<Buffer> {
  const raw = readFileSync(path)
  const compression = compressionOf(raw)
  if (compression === 'none') return raw
  const inflater = createInflater(compression)
  const pieces: Uint8Array[] = []
  for await (const piece of inflater.push(raw)) pieces.push(Buffer.from(piece))
  for await (const piece of inflater.end()) pieces.push(Buffer.from(piece))
  inflater.close()
  return Buffer.concat(pieces)
}

const byNumber = (left: string, right: string): number => left.localeCompare(right, 'en', { numeric: true })

/** Numbers of all items in the files of a folder, in their order. */
async function stored(folder: string): Promise<number[]> {
  const ids: number[] = []
  for (const name of readdirSync(folder).sort(byNumber)) {
    const plain = await plainOf(join(folder, name))
    if (name.includes('.jsonl')) {
      const lines = plain.toString().split('\n')
      expect(lines.pop()).toBe('')
      for (const line of lines) ids.push(...idsIn('traces', jsonToRequest('traces', Buffer.from(line), 64)))
      continue
    }
    for (let at = 0; at < plain.length; at += 4 + plain.readUInt32BE(at)) {
      ids.push(...idsIn('traces', plain.subarray(at + 4, at + 4 + plain.readUInt32BE(at))))
    }
  }
  return ids
}

const pageOf = (from: number, count = 10): PageRequest => tracesPage(items(count).map(({ id, ms }) => ({ id: id + from, ms })))

const combinations: readonly (readonly [FileFormat, FileCompression])[] = (['jsonl', 'proto'] as const).flatMap((format) =>
  (['none', 'gzip', 'zstd'] as const).map((compress) => [format, compress] as const),
)

describe('createFileSink', () => {
  it.each(combinations)('writes %s with %s, in files that go on where they ended', async (format, compress) => {
    const folder = newFolder()
    for (const from of [0, 10, 20]) {
      // Each page by another process.
      const sink = await start(folder, { format, compress })
      const told = await sink.deliver('s1', 0, [pageOf(from, 5), pageOf(from + 5, 5)], never)
      expect(told).toMatchObject({ acked: 10, rejected: {}, dead: [], ambiguous: 0 })
      expect(told.bytesOut).toBeGreaterThan(0)
      await sink.close()
    }
    const suffix = { none: '', gzip: '.gz', zstd: '.zst' }[compress]
    expect(readdirSync(folder)).toEqual([`r1-s1-0.${format === 'jsonl' ? 'jsonl' : 'traces.binpb'}${suffix}`])
    expect(await stored(folder)).toEqual(items(30).map(({ id }) => id))
  })

  it.each(combinations)('takes back all of a torn page, wherever %s with %s was cut', async (format, compress) => {
    const folder = newFolder()
    const sink = await start(folder, { format, compress })
    await sink.deliver('s1', 0, [pageOf(0)], never)
    const intent = sink.position('s1')
    const [name = ''] = readdirSync(folder)
    const path = join(folder, name)
    const whole = readFileSync(path)
    await sink.deliver('s1', 1, [pageOf(10)], never)
    const torn = readFileSync(path)
    for (let size = whole.length; size <= torn.length; size += 7) {
      writeFileSync(path, torn.subarray(0, size))
      const next = await start(folder, { format, compress })
      expect(await next.restore('s1', intent)).toBe(true)
      expect(readFileSync(path).equals(whole)).toBe(true)
      expect(next.position('s1')).toEqual(intent)
    }
    const next = await start(folder, { format, compress })
    await next.restore('s1', intent)
    await next.deliver('s1', 1, [pageOf(10)], never)
    expect(readFileSync(path).equals(torn)).toBe(true)
    expect(await stored(folder)).toEqual(items(20).map(({ id }) => id))
  })

  it('begins another file when one is large enough, and takes back files that a page began', async () => {
    const folder = newFolder()
    const sink = await start(folder, { splitBytes: 3000 })
    for (let page = 0; page < 6; page++) await sink.deliver('s1', page, [pageOf(page * 10)], never)
    const names = readdirSync(folder).sort(byNumber)
    expect(names.length).toBeGreaterThan(2)
    expect(names).toEqual(names.map((_, at) => `r1-s1-${at}.jsonl`))
    expect(names.slice(0, -1).every((name) => statSync(join(folder, name)).size >= 3000)).toBe(true)
    expect(await stored(folder)).toEqual(items(60).map(({ id }) => id))
    // The first page of a slice is taken back to nothing.
    expect(await sink.restore('s1', { file: 0, sizes: {} })).toBe(true)
    expect(readdirSync(folder)).toEqual([])
  })

  it('keeps slices and, in protobuf, signals apart', async () => {
    const folder = newFolder()
    const sink = await start(folder, { format: 'proto' })
    await Promise.all(
      ['s1', 's2'].map((slice) => sink.deliver(slice, 0, [pageOf(0), logsPage({ a: items(2) }), metricsPage(items(2))], never)),
    )
    expect(readdirSync(folder).sort()).toEqual(
      ['s1', 's2'].flatMap((slice) => ['logs', 'metrics', 'traces'].map((signal) => `r1-${slice}-0.${signal}.binpb`)),
    )
    await sink.restore('s1', { file: 0, sizes: {} })
    expect(readdirSync(folder).length).toBe(3)
  })

  it('takes back all of a slice that begins anew', async () => {
    const folder = newFolder()
    const sink = await start(folder, { splitBytes: 100 })
    for (let page = 0; page < 3; page++) await sink.deliver('s1', page, [pageOf(page * 10)], never)
    await sink.deliver('s2', 0, [pageOf(50)], never)
    expect(await sink.restore('s1', null)).toBe(true)
    await sink.deliver('s1', 0, [pageOf(0)], never)
    expect(readdirSync(folder).sort()).toEqual(['r1-s1-0.jsonl', 'r1-s2-0.jsonl'])
    expect(await stored(folder)).toEqual([...items(10).map(({ id }) => id), ...items(10).map(({ id }) => id + 50)])
    // One that was never begun.
    expect(await sink.restore('s3', null)).toBe(true)
  })

  it('does not know of a page without its position, but for a slice that has no file', async () => {
    const folder = newFolder()
    const sink = await start(folder)
    expect(await sink.restore('s1', undefined)).toBe(true)
    await sink.deliver('s1', 0, [pageOf(0)], never)
    expect(await sink.restore('s1', undefined)).toBe(false)
    expect((await stored(folder)).length).toBe(10)
  })

  it('does not go on with files that somebody cut or took away', async () => {
    const folder = newFolder()
    const sink = await start(folder)
    await sink.deliver('s1', 0, [pageOf(0)], never)
    const intent = sink.position('s1')
    const path = join(folder, 'r1-s1-0.jsonl')
    writeFileSync(path, readFileSync(path).subarray(0, 10))
    await expect(sink.restore('s1', intent)).rejects.toMatchObject({ code: 'OB_DESTINATION', message: expect.stringContaining('10 bytes') })
    rmSync(path)
    await expect(sink.restore('s1', intent)).rejects.toMatchObject({
      code: 'OB_DESTINATION',
      message: expect.stringContaining('not there'),
    })
  })

  it.each(['none', 'gzip', 'zstd'] as const)(
    'writes lines with %s that the source `files` reads again, every item once',
    async (compress) => {
      const folder = newFolder()
      const sink = await start(folder, { compress, splitBytes: 4000 })
      for (let page = 0; page < 6; page++) await sink.deliver('s1', page, [pageOf(page * 10)], never)
      const paths = readdirSync(folder).map((name) => join(folder, name))
      expect(compress !== 'none' || paths.length > 1).toBe(true)
      const pages = await allPages(await files.open({}, paths, sourceDeps({ page: { items: 7, bytes: 1 << 20 } })))
      expect(totals(pages)).toMatchObject({ read: 60, translated: 60, items: 60, skipped: {} })
      const ids = pages.flatMap(({ requests }) => requests.flatMap(({ signal, data }) => idsIn(signal, data)))
      expect(ids.sort((a, b) => a - b)).toEqual(items(60).map(({ id }) => id))
    },
  )

  it.each(['none', 'gzip', 'zstd'] as const)(
    'writes protobuf with %s that the source `files` reads again, every item of every signal',
    async (compress) => {
      const folder = newFolder()
      const sink = await start(folder, { format: 'proto', compress, splitBytes: 4000 })
      for (let page = 0; page < 6; page++) {
        const some = items(10).map(({ id, ms }) => ({ id: id + page * 10, ms }))
        await sink.deliver('s1', page, [tracesPage(some), metricsPage(some), logsPage({ cart: some })], never)
      }
      const paths = readdirSync(folder).map((name) => join(folder, name))
      expect(paths.some((path) => path.includes('.metrics.binpb'))).toBe(true)
      const pages = await allPages(await files.open({}, paths, sourceDeps({ page: { items: 7, bytes: 1 << 20 } })))
      expect(totals(pages)).toMatchObject({ read: 180, translated: 180, items: 180, skipped: {} })
      for (const wanted of ['traces', 'metrics', 'logs'] as const) {
        const ids = pages.flatMap(({ requests }) => requests.flatMap(({ signal, data }) => (signal === wanted ? idsIn(signal, data) : [])))
        expect(ids.sort((a, b) => a - b)).toEqual(items(60).map(({ id }) => id))
      }
    },
  )

  it('waits while the disk is full, and has the page once when there is room', async () => {
    const disk = mountSmallDisk(1)
    if (disk === undefined) return
    const distress: string[] = []
    let waits = 0
    const sink = await createFileSink(
      { folder: join(disk.path, 'out'), run: 'r1', splitBytes: 1 << 20, format: 'jsonl', compress: 'none' },
      {
        log: silentLog,
        distress: (reason) => void distress.push(reason),
        sleep: async () => {
          if (++waits === 3) disk.free()
        },
      },
    )
    await sink.deliver('s1', 0, [pageOf(0)], never)
    disk.fill()
    await sink.deliver('s1', 1, [pageOf(10, 200)], never)
    expect(distress).toEqual(['disk_full', 'disk_full', 'disk_full'])
    expect(await stored(join(disk.path, 'out'))).toEqual(items(210).map(({ id }) => id))
  })

  it('ends the run where it cannot write, and stops when told to', async () => {
    const folder = newFolder()
    writeFileSync(join(folder, 'file'), '')
    await expect(start(join(folder, 'file'))).rejects.toMatchObject({ code: 'OB_DESTINATION' })
    const sink = await start(folder)
    mkdirSync(join(folder, 'r1-s1-0.jsonl'))
    await expect(sink.deliver('s1', 0, [pageOf(0)], never)).rejects.toMatchObject({ code: 'OB_DESTINATION' })
    const stop = new AbortController()
    stop.abort()
    await expect(sink.deliver('s2', 0, [pageOf(0)], stop.signal)).rejects.toMatchObject({ code: 'OB_STOPPING' })
    expect(readdirSync(folder).sort()).toEqual(['file', 'r1-s1-0.jsonl'])
  })

  it.each(['taken away', 'cut'])('does not write on behind a file that somebody has %s', async (what) => {
    const folder = newFolder()
    const sink = await start(folder)
    await sink.deliver('s1', 0, [pageOf(0)], never)
    const [name = ''] = readdirSync(folder)
    if (what === 'cut') writeFileSync(join(folder, name), readFileSync(join(folder, name)).subarray(0, 10))
    else rmSync(join(folder, name))
    await expect(sink.deliver('s1', 1, [pageOf(10)], never)).rejects.toMatchObject({
      code: 'OB_DESTINATION',
      message: expect.stringMatching(/^cannot write .*r1-s1-0\.jsonl: .*pages in it were acknowledged/) as string,
    })
    // Nothing was made up in its place.
    expect(readdirSync(folder)).toHaveLength(what === 'cut' ? 1 : 0)
  })
})
