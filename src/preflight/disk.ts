/** The folder of the disk queue: whether it can be written, how fast, how much room there is, and who wrote what is in it. */

import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { access, open, readdir, stat, unlink } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { roundByteSize } from '../config/units.ts'
import { queueSettings } from '../emit/config.ts'
import { applicationId, formatVersion, storeFile } from '../emit/queue/store.ts'
import { mirrorsOf } from '../mirror/config.ts'
import { because, type Check, type Finding } from './finding.ts'

/** The folder itself, or the nearest one above it that is there. */
async function nearestFolder(path: string): Promise<string> {
  let at = resolve(path)
  for (;;) {
    try {
      await stat(at)
      return at
    } catch {
      const above = dirname(at)
      if (above === at) return at
      at = above
    }
  }
}

/** Bytes of the files in a folder. */
async function usedBytes(folder: string): Promise<number> {
  try {
    const sizes = await Promise.all((await readdir(folder)).map(async (name) => (await stat(join(folder, name))).size))
    return sizes.reduce((sum, one) => sum + one, 0)
  } catch {
    // Not there yet, or not readable: the check of writing says so.
    return 0
  }
}

/** Types of file systems, by their magic numbers. @see statfs(2) */
const networkTypes: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB'],
  [0x01021997, '9P'],
  [0x00c36400, 'Ceph'],
  [0x5346414f, 'AFS'],
])
const memoryTypes: ReadonlySet<number> = new Set([0x01021994, 0x858458f6])

/** Below this much room the queue could not even be drained in peace. */
const leastBytes = 64 * 2 ** 20

/** Compares the room on the disk with `queue.maxSize`, and with the parts of the mirrors, which lie there, too. */
export const checkDiskSpace: Check = async ({ config }, { statfs }) => {
  const queue = queueSettings(config.queue)
  if (queue.type !== 'disk') return []
  const about = { check: 'disk', about: 'queue.path' }
  const folder = await nearestFolder(queue.path)
  let room: Awaited<ReturnType<typeof statfs>>
  try {
    room = await statfs(folder)
  } catch (error) {
    return [{ ...about, level: 'fail', seen: `cannot look at ${folder}: ${because(error)}`, knob: 'queue.path' }]
  }
  const findings: Finding[] = []
  const free = room.bavail * room.bsize
  const used = folder === resolve(queue.path) ? await usedBytes(folder) : 0
  const mirrors = [...mirrorsOf(config.mirror)]
  const mirrored = mirrors.reduce((sum, [, one]) => sum + one.queue.maxSize, 0)
  const wanted = queue.maxSize + mirrored + queue.ballast
  const inUse = used === 0 ? '' : `, ${roundByteSize(used)} of it are in use`
  const parts =
    mirrored === 0
      ? ''
      : ` and ${mirrors.length === 1 ? 'that of the mirror' : `those of ${mirrors.length} mirrors`} ${roundByteSize(mirrored)}`
  const seen = `${roundByteSize(free)} free, queue.maxSize is ${roundByteSize(queue.maxSize)}${parts}${inUse}`
  const together = roundByteSize(Math.max(0, free + used - queue.ballast))
  const knob =
    mirrored === 0
      ? `queue.maxSize of at most ${together}, or another queue.path`
      : `queue.maxSize and ${mirrors.map(([name]) => `mirror.${name}.queue.maxSize`).join(', ')} of at most ${together} together, or another queue.path`
  if (free + used < leastBytes + queue.ballast) findings.push({ ...about, level: 'fail', seen, knob })
  else if (free + used < wanted)
    findings.push({ ...about, level: 'warn', seen: `${seen}: the disk would be full before the queue is`, knob })
  else findings.push({ ...about, level: 'ok', seen })

  const network = networkTypes.get(room.type >>> 0)
  if (network !== undefined) {
    findings.push({
      ...about,
      level: 'fail',
      seen: `${folder} is on a network file system (${network}), whose locks cannot be relied on`,
      knob: 'queue.path on a local disk',
    })
  } else if (memoryTypes.has(room.type >>> 0)) {
    findings.push({ ...about, level: 'warn', seen: `${folder} is in memory: a reboot loses what is queued`, knob: 'queue.path on a disk' })
  }
  return findings
}

/** Longer than this, senders notice that they wait for the disk. */
const slowFlushMs = 50

/** Milliseconds to write and flush one page in a folder; the file is removed again. */
async function flushMs(folder: string): Promise<number> {
  const file = join(folder, `preflight-${randomBytes(6).toString('hex')}`)
  const handle = await open(file, 'wx')
  try {
    const started = performance.now()
    await handle.write(Buffer.alloc(16_384, 1))
    await handle.datasync()
    return performance.now() - started
  } finally {
    await handle.close()
    await unlink(file)
  }
}

/** Writes where the queue would. */
export const checkQueueFolder: Check = async ({ config }) => {
  const queue = queueSettings(config.queue)
  if (queue.type !== 'disk') return []
  const about = { check: 'disk', about: 'queue.path, writing' }
  const folder = await nearestFolder(queue.path)
  try {
    if (folder !== resolve(queue.path)) {
      await access(folder, constants.W_OK | constants.X_OK)
      return [{ ...about, level: 'ok', seen: `${queue.path} is not there yet; it can be made in ${folder}` }]
    }
    const ms = await flushMs(folder)
    const seen = `${queue.path} can be written; flushing 16 KiB takes ${ms.toFixed(1)} ms`
    if (ms <= slowFlushMs || queue.ack !== 'durable') return [{ ...about, level: 'ok', seen }]
    return [
      {
        ...about,
        level: 'warn',
        seen: `${seen}, and every sender waits for that`,
        knob: 'queue.path on a faster disk, or queue.ack: written',
      },
    ]
  } catch (error) {
    return [
      {
        ...about,
        level: 'fail',
        seen: `cannot write in ${folder}: ${because(error)}`,
        knob: `queue.path, or its rights and room (user ${process.getuid?.() ?? '?'})`,
      },
    ]
  }
}

/** Who wrote the store, by the head of its file; undefined when there is none. @see https://www.sqlite.org/fileformat.html */
async function readHead(file: string): Promise<{ readonly application: number; readonly version: number } | undefined> {
  const head = Buffer.alloc(100)
  let handle: Awaited<ReturnType<typeof open>>
  try {
    handle = await open(file, 'r')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
  try {
    const { bytesRead } = await handle.read(head, 0, 100, 0)
    if (bytesRead === 0) return undefined
    const known = head.subarray(0, 16).toString('latin1') === 'SQLite format 3\0'
    return known ? { application: head.readUInt32BE(68), version: head.readUInt32BE(60) } : { application: -1, version: 0 }
  } finally {
    await handle.close()
  }
}

/** Looks at what an earlier run has left in the folder. */
export const checkQueueVersion: Check = async ({ config }) => {
  const queue = queueSettings(config.queue)
  if (queue.type !== 'disk') return []
  const about = { check: 'disk', about: 'queue.path, store' }
  const file = storeFile(resolve(queue.path))
  try {
    const head = await readHead(file)
    if (head === undefined) return [{ ...about, level: 'ok', seen: 'there is none yet' }]
    const { application, version } = head
    // Everything of a store that is just being made may still be in its log.
    if (application === 0 && version === 0) return [{ ...about, level: 'ok', seen: 'there is a new one' }]
    if (application !== applicationId) {
      return [
        {
          ...about,
          level: 'warn',
          seen: `${file} is not a store of otlp-bridge; it would be set aside at the start`,
          knob: 'queue.path, if it belongs to somebody else',
        },
      ]
    }
    if (version > formatVersion) {
      return [
        {
          ...about,
          level: 'fail',
          seen: `${file} was written by a newer version (layout ${version}, this one knows ${formatVersion})`,
          knob: 'the newer version, or another queue.path',
        },
      ]
    }
    const seen = version < formatVersion ? `layout ${version}; it becomes layout ${formatVersion} at the start` : `layout ${version}`
    return [{ ...about, level: 'ok', seen }]
  } catch (error) {
    return [{ ...about, level: 'fail', seen: `cannot read ${file}: ${because(error)}`, knob: 'queue.path, or its rights' }]
  }
}
