/**
 * A request as it goes through the queue to the old side: `u32 LE length of the head | head as JSON | bytes as received`. The bytes of several
 * datagrams stand one behind the other, their lengths in the head.
 */

import { BridgeError } from '../errors.ts'

/** What the sender has to know; made once a request. */
export interface EnvelopeHead {
  /** 16 characters, unique for a long time: joins the queue's entry, its live first try, parts, and the lines of the books. */
  readonly id: string
  /** Wall clock at receipt, ms. */
  readonly at: number
  readonly kind: 'http' | 'grpc' | 'udp' | 'beats'
  readonly method: string
  readonly target: string
  /** Names and values in turn, end-to-end headers alone. */
  readonly headers: readonly string[]
  /** Address of the sender. */
  readonly from: string
  /** Connection of the sender in the run that received it; empty: no order. */
  readonly lane: string
  /** With `ordering: sender`: its place among the requests of the run that received it. */
  readonly seq?: number | undefined
  /** Those of the same sender that were not answered yet when it came: it need not wait for them. */
  readonly beside?: readonly number[] | undefined
  /** Of a body in several envelopes: which it is, from 0, and whether it is the last. */
  readonly part?: number | undefined
  readonly last?: boolean | undefined
  /** Length of the whole body, where a part is not all of it and the sender said so. */
  readonly length?: number | undefined
  /** Of several datagrams or events in one envelope: their lengths. */
  readonly lengths?: readonly number[] | undefined
  /** Its first try is under way on the client's own request: `answer: legacy` that took too long. */
  readonly live?: true | undefined
}

export interface OpenedEnvelope {
  readonly head: EnvelopeHead
  /** A view of the envelope's memory. */
  readonly body: Uint8Array
}

/** Bytes of an envelope with this head. */
export function sizeOfEnvelope(head: Uint8Array, bodyBytes: number): number {
  return 4 + head.length + bodyBytes
}

const text = new TextEncoder()
const utf8 = new TextDecoder()

/** Puts an envelope together. @param take gives memory, as `ChunkPool.take`; it may be larger than asked */
export function encodeEnvelope(
  head: EnvelopeHead,
  pieces: readonly Uint8Array[],
  take: (bytes: number) => ArrayBufferLike = (bytes) => new ArrayBuffer(bytes),
): Uint8Array {
  const headBytes = text.encode(JSON.stringify(head))
  let size = sizeOfEnvelope(headBytes, 0)
  for (const piece of pieces) size += piece.length
  const envelope = new Uint8Array(take(size), 0, size)
  new DataView(envelope.buffer, envelope.byteOffset).setUint32(0, headBytes.length, true)
  envelope.set(headBytes, 4)
  let at = 4 + headBytes.length
  for (const piece of pieces) {
    envelope.set(piece, at)
    at += piece.length
  }
  return envelope
}

/** Reads an envelope. Throws OB_DECODE_JSON for what is none: the queue's checksum held, so it is of another version. */
export function decodeEnvelope(data: Uint8Array): OpenedEnvelope {
  try {
    const length = new DataView(data.buffer, data.byteOffset, data.byteLength).getUint32(0, true)
    if (4 + length > data.length) throw new Error(`its head is said to have ${length} bytes`)
    const head = JSON.parse(utf8.decode(data.subarray(4, 4 + length))) as EnvelopeHead
    return { head, body: data.subarray(4 + length) }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new BridgeError('OB_DECODE_JSON', `cannot read envelope of a mirrored request: ${why}`, { cause: error })
  }
}
