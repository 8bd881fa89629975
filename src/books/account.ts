/**
 * What a batch is known by when it leaves the queue, days later and in another process:
 * `u8 flags | u32 run | u32 minute | for each key: u48 id, varint items, [varint items of the legacy format], [varint items that the new side gets]`.
 * Little-endian. Some twenty bytes for a request of one service.
 */

import { createHash } from 'node:crypto'

/** Version of the layout in the low bits; a reader that does not know it counts nothing. */
const version = 1
const Flag = { legacy: 0x40, kept: 0x80 } as const
const headBytes = 9

/** An account, opened. The lists are of equal length. */
export interface Account {
  /** Of the process that received it. */
  readonly run: number
  readonly minute: number
  readonly ids: readonly number[]
  /** OTLP items that were received. */
  readonly items: readonly number[]
  /** The same in items of the legacy format. */
  readonly legacy: readonly number[]
  /** OTLP items that the new side gets. */
  readonly kept: readonly number[]
}

/** The number of a key: the same in every process, so that an account can be read without asking who wrote it. 48 bits of a hash. */
export function keyId(endpoint: string, format: string, key: string): number {
  return createHash('sha256').update(`${endpoint}\n${format}\n${key}`).digest().readUIntLE(0, 6)
}

const varintBytes = (value: number): number => {
  let bytes = 1
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) bytes++
  return bytes
}

const putVarint = (target: Uint8Array, at: number, value: number): number => {
  let rest = value
  while (rest >= 128) {
    target[at++] = (rest % 128) | 128
    rest = Math.floor(rest / 128)
  }
  target[at] = rest
  return at + 1
}

const putU32 = (target: Uint8Array, at: number, value: number): void => {
  target[at] = value
  target[at + 1] = value >>> 8
  target[at + 2] = value >>> 16
  target[at + 3] = value >>> 24
}

const putId = (target: Uint8Array, at: number, id: number): void => {
  putU32(target, at, id >>> 0)
  const high = Math.floor(id / 2 ** 32)
  target[at + 4] = high
  target[at + 5] = high >>> 8
}

const putHead = (target: Uint8Array, flags: number, run: number, minute: number): void => {
  target[0] = version | flags
  putU32(target, 1, run)
  putU32(target, 5, minute)
}

/** The account of a request of one key, the usual case. @param legacy the same number in items of the legacy format */
export function encodeOne(run: number, minute: number, id: number, items: number, legacy: number): Uint8Array {
  const both = legacy !== items
  const account = new Uint8Array(headBytes + 6 + varintBytes(items) + (both ? varintBytes(legacy) : 0))
  putHead(account, both ? Flag.legacy : 0, run, minute)
  putId(account, headBytes, id)
  const at = putVarint(account, headBytes + 6, items)
  if (both) putVarint(account, at, legacy)
  return account
}

/** Puts an account together. */
export function encodeAccount({ run, minute, ids, items, legacy, kept }: Account): Uint8Array {
  const differ = (one: readonly number[]): boolean => one.some((value, at) => value !== items[at])
  const flags = (differ(legacy) ? Flag.legacy : 0) | (differ(kept) ? Flag.kept : 0)
  let size = headBytes
  const columns = [items, ...(flags & Flag.legacy ? [legacy] : []), ...(flags & Flag.kept ? [kept] : [])]
  for (let at = 0; at < ids.length; at++) {
    size += 6
    for (const column of columns) size += varintBytes(column[at] as number)
  }
  const account = new Uint8Array(size)
  putHead(account, flags, run, minute)
  let to = headBytes
  for (let at = 0; at < ids.length; at++) {
    putId(account, to, ids[at] as number)
    to += 6
    for (const column of columns) to = putVarint(account, to, column[at] as number)
  }
  return account
}

/** Opens an account; undefined for one of another version or that is cut off. */
export function decodeAccount(account: Uint8Array): Account | undefined {
  const flags = account[0] ?? 0
  if ((flags & 0x3f) !== version || account.length < headBytes) return undefined
  const view = new DataView(account.buffer, account.byteOffset, account.byteLength)
  const ids: number[] = []
  const items: number[] = []
  const legacy: number[] = flags & Flag.legacy ? [] : items
  const kept: number[] = flags & Flag.kept ? [] : items
  let at = headBytes
  const varint = (): number => {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = account[at++]
      if (byte === undefined || scale > 2 ** 49) return Number.NaN
      value += (byte & 127) * scale
      if (byte < 128) return value
    }
  }
  while (at < account.length) {
    if (at + 6 > account.length) return undefined
    ids.push(view.getUint32(at, true) + view.getUint16(at + 4, true) * 2 ** 32)
    at += 6
    items.push(varint())
    if (legacy !== items) legacy.push(varint())
    if (kept !== items) kept.push(varint())
    if (Number.isNaN(items.at(-1)) || Number.isNaN(legacy.at(-1)) || Number.isNaN(kept.at(-1))) return undefined
  }
  return { run: view.getUint32(1, true), minute: view.getUint32(5, true), ids, items, legacy, kept }
}
