/** Pages into files: OTLP JSON lines, or protobuf behind its length; nothing is ever there twice. */

import { existsSync, statSync } from 'node:fs'
import { mkdir, open, readdir, truncate, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { constants, gzip, zstdCompress } from 'node:zlib'
import { isStopping, sleepUnlessAborted } from '../emit/retry.ts'
import { stoppingError } from '../emit/sender.ts'
import { BridgeError } from '../errors.ts'
import { freeMessage } from '../otlp/encode/chunks.ts'
import type { Signal } from '../otlp/intake.ts'
import { requestToJson } from '../otlp/json/to-json.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Json, PageRequest } from './model.ts'
import type { Sink } from './sink.ts'

export type FileFormat = 'jsonl' | 'proto'
export type FileCompression = 'none' | 'gzip' | 'zstd'

export interface FileSinkOptions {
  readonly folder: string
  /** Begins each file's name. */
  readonly run: string
  /** A file this large gets no further page; bytes on the disk. */
  readonly splitBytes: number
  readonly format: FileFormat
  readonly compress: FileCompression
}

export interface FileSinkDeps {
  readonly log: Logger
  readonly sleep?: (ms: number, abort: AbortSignal) => Promise<void>
  /** The disk is full. */
  readonly distress: (reason: string, retryAfterMs: number) => void
}

const gzipAsync = promisify(gzip)
const zstdAsync = promisify(zstdCompress)
const compressionSuffix: Readonly<Record<FileCompression, string>> = { none: '', gzip: '.gz', zstd: '.zst' }
const zstdLevel = 3
const gzipLevel = 6

/** Where a slice's next page goes. */
interface Position {
  /** Number of the file, from 0. */
  readonly file: number
  /** Bytes of it so far, by kind: the whole of `jsonl`, a signal each of `proto`. */
  readonly sizes: Readonly<Record<string, number>>
}

/** Slices whose position is remembered; of others it is read off the files. */
const remembered = 256

/** What may pass when somebody makes room. */
const full: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE', 'EAGAIN', 'EBUSY'])
const firstWaitMs = 1000
const longestWaitMs = 60_000

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '')

/** `4-byte length, big-endian | Export<Signal>ServiceRequest`, each. */
function framed(requests: readonly PageRequest[]): Buffer {
  const pieces: Uint8Array[] = []
  for (const { data } of requests) {
    const length = Buffer.allocUnsafe(4)
    length.writeUInt32BE(data.length)
    pieces.push(length, data)
  }
  return Buffer.concat(pieces)
}

const newline = Buffer.from('\n')

function lines(requests: readonly PageRequest[]): Buffer {
  return Buffer.concat(requests.flatMap(({ signal, data }) => [requestToJson(signal, data), newline]))
}

function isPosition(value: Json | undefined): value is { readonly file: number; readonly sizes: Readonly<Record<string, number>> } {
  if (typeof value !== 'object' || value === null || !('file' in value) || !('sizes' in value)) return false
  const { file, sizes } = value
  if (typeof file !== 'number' || typeof sizes !== 'object' || sizes === null) return false
  return Object.values(sizes).every((one) => typeof one === 'number')
}

/**
 * Files `<run>-<slice>-<n>.jsonl`, one request a line; with `proto` `<run>-<slice>-<n>.<signal>.binpb`, a file of one signal. `.gz` or `.zst` behind it: a member or
 * frame for each page, so that the file is whole wherever a page ends. A page is written, flushed to the disk, and only then acknowledged; what was begun of one
 * that was not is cut off by `restore`. A full disk is waited out; a folder that cannot be written ends the run with OB_DESTINATION.
 * Two processes must not write the same run into one folder; the ledger sees to that.
 */
export async function createFileSink(options: FileSinkOptions, deps: FileSinkDeps): Promise<Sink> {
  const { folder, format, compress } = options
  const sleep = deps.sleep ?? sleepUnlessAborted
  const positions = new Map<string, Position>()

  const cannot = (verb: string, path: string, error: unknown): BridgeError => {
    const cause = error instanceof Error ? error.message : String(error)
    return new BridgeError('OB_DESTINATION', `cannot ${verb} ${path}: ${cause}`, { place: path, cause: error })
  }

  const kinds: readonly string[] =
    format === 'jsonl' ? ['jsonl'] : (['traces', 'metrics', 'logs'] satisfies Signal[]).map((one) => `${one}.binpb`)
  const nameOf = (slice: string, file: number, kind: string): string =>
    join(folder, `${options.run}-${slice}-${file}.${kind}${compressionSuffix[compress]}`)

  const remember = (slice: string, position: Position): void => {
    positions.delete(slice)
    positions.set(slice, position)
    const [oldest] = positions.keys()
    if (positions.size > remembered && oldest !== undefined) positions.delete(oldest)
  }

  /** Of the last file that is there. */
  const found = (slice: string): Position => {
    const isThere = (file: number): boolean => kinds.some((kind) => existsSync(nameOf(slice, file, kind)))
    let file = 0
    while (isThere(file + 1)) file++
    const sizes: Record<string, number> = {}
    for (const kind of kinds) {
      const path = nameOf(slice, file, kind)
      if (existsSync(path)) sizes[kind] = statSync(path).size
    }
    return { file, sizes }
  }

  const positionOf = (slice: string): Position => {
    const known = positions.get(slice)
    if (known !== undefined) return known
    const position = found(slice)
    remember(slice, position)
    return position
  }

  const syncFolder = async (): Promise<void> => {
    const handle = await open(folder, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  }

  const compressed = async (plain: Buffer): Promise<Buffer> => {
    if (compress === 'gzip') return gzipAsync(plain, { level: gzipLevel })
    if (compress === 'zstd') return zstdAsync(plain, { params: { [constants.ZSTD_c_compressionLevel]: zstdLevel } })
    return plain
  }

  /** Puts bytes at `at`, whatever stands behind it, and flushes them. What was before it must be there: a hole would be read as data. */
  const write = async (path: string, at: number, bytes: Uint8Array): Promise<void> => {
    const isNew = !existsSync(path)
    if (isNew && at > 0) throw new Error('it is not there any more, but pages in it were acknowledged')
    const handle = await open(path, isNew ? 'wx' : 'r+')
    try {
      const { size } = await handle.stat()
      if (size < at) throw new Error(`it has ${size} bytes, but pages in it were acknowledged up to ${at}; somebody has changed it`)
      // A try that failed may have left something.
      await handle.truncate(at)
      let done = 0
      while (done < bytes.length) done += (await handle.write(bytes, done, bytes.length - done, at + done)).bytesWritten
      await handle.datasync()
    } finally {
      await handle.close()
    }
    if (isNew) await syncFolder()
  }

  /** Takes back what goes beyond a position. */
  const cut = async (slice: string, { file, sizes }: Position): Promise<void> => {
    let changed = false
    for (let number = file; ; number++) {
      const there = kinds.filter((kind) => existsSync(nameOf(slice, number, kind)))
      if (there.length === 0 && number > file) break
      for (const kind of there) {
        const path = nameOf(slice, number, kind)
        const size = number === file ? (sizes[kind] ?? 0) : 0
        if (size === 0) await unlink(path)
        else if (statSync(path).size > size) {
          await truncate(path, size)
          const handle = await open(path, 'r+')
          await handle.sync()
          await handle.close()
        } else if (statSync(path).size < size) {
          const cause = new Error(`it has ${statSync(path).size} bytes, of which ${size} were acknowledged; somebody has changed it`)
          throw cannot('go on with', path, cause)
        }
        changed = true
      }
    }
    for (const [kind, size] of Object.entries(sizes)) {
      const path = nameOf(slice, file, kind)
      if (size > 0 && !existsSync(path)) throw cannot('go on with', path, new Error('it is not there, but pages in it were acknowledged'))
    }
    if (changed) await syncFolder()
  }

  try {
    await mkdir(folder, { recursive: true })
    await readdir(folder)
  } catch (error) {
    throw cannot('write files to', folder, error)
  }

  /** Tries until there is room. */
  const patiently = async (path: string, abort: AbortSignal, work: () => Promise<void>): Promise<void> => {
    for (let waitMs = firstWaitMs; ; waitMs = Math.min(longestWaitMs, waitMs * 2)) {
      if (abort.aborted) throw stoppingError()
      try {
        await work()
        return
      } catch (error) {
        if (isStopping(error)) throw error
        const code = codeOf(error)
        if (!full.has(code)) throw cannot('write', path, error)
        if (waitMs === firstWaitMs) deps.log.warn({ path, code }, `cannot write ${path}: ${code}; trying again`)
        deps.distress(code === 'ENOSPC' || code === 'EDQUOT' ? 'disk_full' : code.toLowerCase(), 0)
        await sleep(waitMs, abort)
      }
    }
  }

  return {
    name: `file:${folder}`,
    position: (slice): Json => {
      const { file, sizes } = positionOf(slice)
      return { file, sizes }
    },
    async restore(slice, position) {
      positions.delete(slice)
      const target = position === null ? { file: 0, sizes: {} } : position
      if (!isPosition(target)) {
        // Nobody knows what is of the page; where there is nothing at all, nothing is.
        const { file, sizes } = found(slice)
        return file === 0 && Object.keys(sizes).length === 0
      }
      try {
        await cut(slice, target)
      } catch (error) {
        throw error instanceof BridgeError ? error : cannot('go on with', nameOf(slice, target.file, kinds[0] ?? ''), error)
      }
      remember(slice, { file: target.file, sizes: target.sizes })
      return true
    },
    async deliver(slice, _page, requests, abort) {
      const before = positionOf(slice)
      const size = Object.values(before.sizes).reduce((all, one) => all + one, 0)
      const at: Position = size >= options.splitBytes ? { file: before.file + 1, sizes: {} } : before
      const sizes = { ...at.sizes }
      let items = 0
      let bytesOut = 0
      for (const kind of kinds) {
        const own = requests.filter(({ signal }) => format === 'jsonl' || kind.startsWith(signal))
        if (own.length === 0) continue
        const bytes = await compressed(format === 'jsonl' ? lines(own) : framed(own))
        const path = nameOf(slice, at.file, kind)
        const from = sizes[kind] ?? 0
        try {
          await patiently(path, abort, () => write(path, from, bytes))
        } catch (error) {
          // What is there of this page is written over by the next try.
          remember(slice, before)
          throw error
        }
        sizes[kind] = from + bytes.length
        bytesOut += bytes.length
        freeMessage(bytes)
        for (const one of own) {
          items += one.items
          if (one.owned === true) freeMessage(one.data)
        }
      }
      remember(slice, { file: at.file, sizes })
      return { acked: items, rejected: {}, dead: [], ambiguous: 0, bytesOut, said: [] }
    },
    finish: async (slice) => void positions.delete(slice),
    close: async () => {},
  }
}
