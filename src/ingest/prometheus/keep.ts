/**
 * What is kept in the queue while histograms wait for members: the request they came in, and what was sent since. Little-endian:
 *
 *     bytes 0–3   length of the head
 *     the head    JSON, see {@link KeepHead}
 *     the rest    the body as it was received, compressed; nothing when there is only something to say about earlier ones
 */

import type { Seed } from '../../translate/prometheus/hash.ts'

/** A histogram or summary that was sent: the hash of its family, and its time in ms. */
export type EmittedGroup = readonly [a: number, b: number, c: number, timeMs: number]

export interface KeepHead {
  /** Layout of this record. */
  readonly layout: 1
  /** Hashes hold under this seed only. */
  readonly seed: Seed
  /** Version of remote-write. */
  readonly version: 1 | 2
  readonly tenant: string
  /** Places of the series with samples that wait. */
  readonly series: readonly number[]
  /** What was sent in the same transaction: members of it that come again are late. */
  readonly emitted: readonly EmittedGroup[]
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

/** Undefined for a record of another layout, or none at all. */
export function decodeKeep(bytes: Uint8Array): Keep | undefined {
  if (bytes.length < 4) return undefined
  const length = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0, true)
  if (length > bytes.length - 4) return undefined
  try {
    const head = JSON.parse(decoder.decode(bytes.subarray(4, 4 + length))) as KeepHead
    return head.layout === 1 ? { ...head, body: bytes.subarray(4 + length) } : undefined
  } catch {
    return undefined
  }
}
