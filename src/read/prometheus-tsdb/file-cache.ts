/** Files read in pages, of which some megabytes are kept, least recently used out. Reads are positioned: what is never asked for is never read. */

import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { readU32 } from './bytes.ts'
import { tsdbError } from './faults.ts'

const pageBytes = 65_536

/** A file that is open. It stays readable when it is removed meanwhile. */
export interface CachedFile {
  readonly path: string
  readonly size: number
  /** Bytes `at` to `at + length`: a view, never to be written. Rejects what is not all in the file, with reason `truncated`. */
  read(at: number, length: number): Uint8Array
  close(): void
}

export interface FileCache {
  /** Throws OB_SOURCE, reason `vanished` when there is no such file. */
  open(path: string): CachedFile
  /** Bytes that were read from disk. */
  readonly bytesRead: number
  clear(): void
}

const isSystemError = (error: unknown): error is NodeJS.ErrnoException => error instanceof Error && 'code' in error

/** An error of the file system as OB_SOURCE. */
export function fileError(action: string, path: string, error: unknown): Error {
  const gone = isSystemError(error) && (error.code === 'ENOENT' || error.code === 'ENOTDIR')
  const why = error instanceof Error ? error.message : String(error)
  const advice = gone ? '; compaction removes blocks: read a snapshot (POST /api/v1/admin/tsdb/snapshot)' : ''
  return tsdbError(gone ? 'vanished' : 'source_error', `cannot ${action} ${path}: ${why}${advice}`, path, error)
}

/** @param maxBytes of all files together; 64 MiB unless given */
export function createFileCache(maxBytes = 64 * 1024 * 1024): FileCache {
  // A Map keeps the order of insertion: the first is the one not used for longest.
  const pages = new Map<number, Uint8Array>()
  const maxPages = Math.max(4, Math.floor(maxBytes / pageBytes))
  let files = 0
  let bytesRead = 0

  const load = (fd: number, path: string, size: number, key: number, page: number): Uint8Array => {
    const at = page * pageBytes
    const length = Math.min(pageBytes, size - at)
    const buffer = Buffer.allocUnsafeSlow(length)
    let done = 0
    try {
      while (done < length) {
        const count = readSync(fd, buffer, done, length - done, at + done)
        if (count === 0) throw tsdbError('truncated', `cannot read ${path}: it became shorter while it was read`, path)
        done += count
      }
    } catch (error) {
      throw isSystemError(error) && error.code !== 'OB_SOURCE' ? fileError('read', path, error) : error
    }
    bytesRead += length
    if (pages.size >= maxPages) {
      const oldest = pages.keys().next()
      if (!oldest.done) pages.delete(oldest.value)
    }
    pages.set(key, buffer)
    return buffer
  }

  return {
    get bytesRead() {
      return bytesRead
    },
    clear: () => pages.clear(),
    open(path) {
      const id = files++
      let fd: number
      let size: number
      try {
        fd = openSync(path, 'r')
        size = fstatSync(fd).size
      } catch (error) {
        throw fileError('open', path, error)
      }
      let isOpen = true
      // The page of the last read: most reads follow one another.
      let lastPage = -1
      let last: Uint8Array = new Uint8Array(0)
      const pageOf = (page: number): Uint8Array => {
        if (page === lastPage) return last
        const key = id * 0x1000000 + page
        let found = pages.get(key)
        if (found === undefined) found = load(fd, path, size, key, page)
        else {
          pages.delete(key)
          pages.set(key, found)
        }
        lastPage = page
        last = found
        return found
      }
      return {
        path,
        size,
        read(at, length) {
          if (at < 0 || length < 0 || at + length > size) {
            throw tsdbError('truncated', `cannot read bytes ${at} to ${at + length} of ${path}: it has ${size}`, path)
          }
          const first = Math.floor(at / pageBytes)
          const from = at - first * pageBytes
          if (from + length <= pageBytes) return pageOf(first).subarray(from, from + length)
          const whole = new Uint8Array(length)
          for (let done = 0, page = first; done < length; page++) {
            const piece = pageOf(page).subarray(done === 0 ? from : 0, Math.min(pageBytes, (done === 0 ? from : 0) + length - done))
            whole.set(piece, done)
            done += piece.length
          }
          return whole
        },
        close() {
          if (!isOpen) return
          isOpen = false
          closeSync(fd)
          last = new Uint8Array(0)
        },
      }
    },
  }
}

/** The big-endian word at a place. */
export const u32At = (file: CachedFile, at: number): number => readU32(file.read(at, 4), 0)
