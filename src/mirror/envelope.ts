/**
 * A request as it goes through the queue to the old side: `u32 LE length of the head | head as JSON | bytes as received`. The bytes of several
 * datagrams stand one behind the other, their lengths in the head. The highest bit of the length says that the old side may have the request already.
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
}

export interface OpenedEnvelope {
  readonly head: EnvelopeHead
  /** As {@link markSent}. */
  readonly maybeSent: boolean
  /** A view of the envelope's memory. */
  readonly body: Uint8Array
}

/** What is of one request alone. */
export type OwnHead = Pick<EnvelopeHead, 'id' | 'at' | 'seq' | 'beside'>

/** What requests of one sender have in common. */
export type CommonHead = Omit<EnvelopeHead, keyof OwnHead>

const text = new TextEncoder()
const utf8 = new TextDecoder()

/** Smaller envelopes get memory of their own size: a chunk that is mostly empty would be copied by the queue, or count for less than it takes. */
const chunkFrom = 12 * 1024

type Take = (bytes: number) => ArrayBufferLike

const exactly: Take = (bytes) => Buffer.allocUnsafeSlow(bytes).buffer

/** Joins the bytes of a head and of a body. */
function join(head: readonly Uint8Array[], pieces: readonly Uint8Array[], take: Take): Uint8Array {
  let length = 0
  for (const part of head) length += part.length
  let size = 4 + length
  for (const piece of pieces) size += piece.length
  const envelope = new Uint8Array((size < chunkFrom ? exactly : take)(size), 0, size)
  envelope[0] = length
  envelope[1] = length >>> 8
  envelope[2] = length >>> 16
  envelope[3] = length >>> 24
  let at = 4
  for (const part of head) {
    envelope.set(part, at)
    at += part.length
  }
  for (const piece of pieces) {
    envelope.set(piece, at)
    at += piece.length
  }
  return envelope
}

/** Puts an envelope together. @param take gives memory, as `ChunkPool.take`; it may be larger than asked */
export function encodeEnvelope(head: EnvelopeHead, pieces: readonly Uint8Array[], take: Take = exactly): Uint8Array {
  return join([text.encode(JSON.stringify(head))], pieces, take)
}

/** A head's end, for {@link encodeEnvelopeOf}. */
export function encodeCommonHead(head: CommonHead): Uint8Array {
  // First, so that who reads it finds where it begins.
  const { kind, ...rest } = head
  return text.encode(`,${JSON.stringify({ kind, ...rest }).slice(1)}`)
}

/** As {@link encodeEnvelope}. @param common as {@link encodeCommonHead} gives it */
export function encodeEnvelopeOf(own: OwnHead, common: Uint8Array, pieces: readonly Uint8Array[], take: Take = exactly): Uint8Array {
  return join([text.encode(JSON.stringify(own).slice(0, -1)), common], pieces, take)
}

const longestHead = 0x7fffffff

/**
 * Says in the bytes of an envelope that a try of it, made before it is put, may have reached the old side. Whoever takes it out of the queue knows that
 * then, also a later run, and nothing more is stored for it.
 */
export function markSent(envelope: Uint8Array): void {
  envelope[3] = (envelope[3] as number) | 0x80
}

/** Begins what heads have in common; no text in JSON holds it, since quotes have a backslash there. */
const commonMark = ',"kind":"'

/** Heads of senders that were read lately, by their JSON. */
const lately = new Map<string, CommonHead>()
const mostLately = 256
const longestLately = 4096

/** Reads a head. The same JSON of a {@link CommonHead} gives the same list of headers. */
function readHead(bytes: Uint8Array): EnvelopeHead {
  const raw = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
  const at = raw.indexOf(commonMark)
  if (at < 0 || raw.length - at > longestLately) return JSON.parse(utf8.decode(bytes)) as EnvelopeHead
  const rest = raw.slice(at)
  const known = lately.get(rest)
  if (known !== undefined) return { ...(JSON.parse(`${raw.slice(0, at)}}`) as OwnHead), ...known }
  const head = JSON.parse(utf8.decode(bytes)) as EnvelopeHead
  // Those of parts and of datagrams are each of their own.
  if (head.lengths === undefined && head.part === undefined) {
    if (lately.size >= mostLately) lately.clear()
    lately.set(rest, JSON.parse(`{${utf8.decode(bytes.subarray(at + 1))}`) as CommonHead)
  }
  return head
}

/** Reads an envelope. Throws OB_DECODE_JSON for what is none: the queue's checksum held, so it is of another version. */
export function decodeEnvelope(data: Uint8Array): OpenedEnvelope {
  try {
    const first = new DataView(data.buffer, data.byteOffset, data.byteLength).getUint32(0, true)
    const length = first & longestHead
    if (4 + length > data.length) throw new Error(`its head is said to have ${length} bytes`)
    return { head: readHead(data.subarray(4, 4 + length)), maybeSent: first > longestHead, body: data.subarray(4 + length) }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new BridgeError('OB_DECODE_JSON', `cannot read envelope of a mirrored request: ${why}`, { cause: error })
  }
}
