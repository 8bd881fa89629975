/**
 * What is kept in the queue while histograms wait for members. Two kinds of records, each under a name of its own: requests with series that wait,
 * and what was sent since, so that members of it that come again make no second point. Little-endian:
 *
 *     bytes 0–3   length of the head
 *     the head    JSON, see {@link KeepHead}
 *     the rest    of a request its body as it was received, compressed
 */

import type { Seed } from '../../translate/prometheus/hash.ts'

/** A histogram or summary that was sent: the hash of its family, and its time in ms. */
export type SentGroup = readonly [a: number, b: number, c: number, timeMs: number]

/** Series of a request that was kept: its id, and their places in it. */
export type DoneSeries = readonly [id: number, ...series: readonly number[]]

export interface KeepHead {
  /** Layout of this record. */
  readonly layout: 1
  /** Hashes hold under this seed only. */
  readonly seed: Seed
  /** Version of remote-write. */
  readonly version: 1 | 2
  readonly tenant: string
  /** Of a request: places of the series with samples that wait. */
  readonly series: readonly number[]
  /** What was sent. */
  readonly sent: readonly SentGroup[]
  /** Series that waited by themselves, and were sent. */
  readonly done?: readonly DoneSeries[] | undefined
}

export interface Keep extends KeepHead {
  readonly body: Uint8Array
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export function encodeKeep(keep: Keep): Uint8Array {
  const { body, ...head } = keep
  const text = encoder.encode(JSON.stringify(head))
  const bytes = new Uint8Array(4 + text.length + body.length)
  new DataView(bytes.buffer).setUint32(0, text.length, true)
  bytes.set(text, 4)
  bytes.set(body, 4 + text.length)
  return bytes
}

const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value)
const areNumbers = (value: unknown): boolean => isList(value) && value.every((one) => Number.isSafeInteger(one))

const areLists = (value: unknown): boolean => isList(value) && value.every(areNumbers)

/** Undefined for a record of another layout, or none at all. */
export function decodeKeep(bytes: Uint8Array): Keep | undefined {
  if (bytes.length < 4) return undefined
  const length = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0, true)
  if (length > bytes.length - 4) return undefined
  try {
    const head = JSON.parse(decoder.decode(bytes.subarray(4, 4 + length))) as Partial<Record<keyof KeepHead, unknown>>
    const { layout, seed, version, tenant, series, sent, done = [] } = head
    const isWhole = layout === 1 && areNumbers(seed) && areNumbers(series) && areLists(sent) && areLists(done)
    if (!isWhole || typeof tenant !== 'string' || (version !== 1 && version !== 2)) return undefined
    return { ...(head as KeepHead), body: bytes.subarray(4 + length) }
  } catch {
    return undefined
  }
}
