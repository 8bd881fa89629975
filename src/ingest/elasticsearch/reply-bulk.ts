/**
 * The answer to a bulk request, out of its results: one item an action, in their order, in pieces of some 64 KiB. An item that was taken is a copy of
 * bytes in which the id and a number are replaced. Section 3 of the mapping.
 */

import type { ServerResponse } from 'node:http'
import { freeWhole } from '../../otlp/encode/chunks.ts'
import type { BulkResults } from './bulk-results.ts'
import type { ItemError } from './es-errors.ts'
import { type GeneratedIds, idLength, idPrefixLength, type SequenceNumbers } from './generated-ids.ts'
import { type Copy, copiesOf } from './reply-copies.ts'
import { Gap, type Piece, type ReplyShape } from './reply-shapes.ts'

const chunkBytes = 65_536
/** Of an item, to guess what an answer needs. */
const likelyBytes = 256
/** Of a number of an item. */
const longestNumber = 10

export interface BulkReplyDeps {
  readonly ids: GeneratedIds
  readonly sequences: SequenceNumbers
}

const empty = Buffer.alloc(0)

function writeNumber(value: number, digits: number, out: Uint8Array, at: number): void {
  let left = value
  for (let place = at + digits - 1; place >= at; place--) {
    const next = Math.floor(left / 10)
    out[place] = 0x30 + (left - next * 10)
    left = next
  }
}

/** Writes one answer. The results must stay as they are until `done`. */
export class BulkReply {
  /** True when everything was given out. */
  done = false
  private readonly results: BulkResults
  private readonly shape: ReplyShape
  private readonly ids: GeneratedIds
  /** By number of the index: its name as JSON, where it was needed, and the next number of it. */
  private readonly names: (Uint8Array | undefined)[] = []
  private readonly numbers: number[]
  private readonly copies: (Copy | null | undefined)[] = []
  private readonly tookMs: number
  private place = 0
  private begun = false
  private hasItems = false
  private isFirst = true
  private out: Uint8Array = empty
  private at = 0

  /** @param tookMs whole milliseconds since the request began */
  constructor(results: BulkResults, shape: ReplyShape, tookMs: number, deps: BulkReplyDeps) {
    this.results = results
    this.shape = shape
    this.tookMs = tookMs
    this.ids = deps.ids
    const taken = new Array<number>(results.names.length).fill(0)
    for (let place = 0; place < results.count; place++) {
      if (results.errorAt(place) !== undefined) continue
      const index = results.indexAt(place)
      taken[index] = (taken[index] as number) + 1
    }
    this.numbers = taken.map((count, index) => deps.sequences.claim(results.names[index] as string, count))
    deps.ids.renew()
  }

  /** The next piece; undefined at the end. */
  next(): Buffer | undefined {
    if (this.done) return undefined
    const { results } = this
    const head = this.begun ? empty : this.begin()
    this.out = Buffer.allocUnsafeSlow(Math.min(chunkBytes, head.length + 64 + (results.count - this.place) * likelyBytes))
    this.at = 0
    this.fits(head.length)
    this.put(head)
    for (; this.place < results.count; this.place++) if (!this.item(this.place)) return this.give()
    if (this.hasItems) {
      if (!this.fits(this.shape.tail.length)) return this.give()
      this.put(this.shape.tail)
    }
    this.done = true
    return this.give()
  }

  private give(): Buffer {
    const { out } = this
    return Buffer.from(out.buffer, out.byteOffset, this.at)
  }

  /** What the answer begins with. */
  private begin(): Uint8Array {
    const { results, shape } = this
    this.begun = true
    for (let place = 0; place < results.count && !this.hasItems; place++) this.hasItems = this.piecesAt(place) !== undefined
    if (!this.hasItems) this.place = results.count
    return shape.head(this.tookMs, results.failed > 0, this.hasItems)
  }

  private piecesAt(place: number): readonly Piece[] | undefined {
    const { results, shape } = this
    const error = results.errorAt(place)
    const kind = results.kindAt(place)
    const typed = results.typedAt(place)
    return error === undefined ? shape.taken(kind, typed) : shape.failed(kind, typed, error)
  }

  /** Makes room, in an empty piece at any cost. False when the piece is to be given out before. */
  private fits(bytes: number): boolean {
    const needed = this.at + bytes
    const { length } = this.out
    if (length >= needed) return true
    if (this.at > 0 && needed > chunkBytes) return false
    const bigger = Buffer.allocUnsafeSlow(Math.max(needed, Math.min(chunkBytes, length * 2)))
    bigger.set(this.out.subarray(0, this.at))
    this.out = bigger
    return true
  }

  private put(bytes: Uint8Array): void {
    this.out.set(bytes, this.at)
    this.at += bytes.length
  }

  /** Writes an item. False when there is no room. */
  private item(place: number): boolean {
    const { results } = this
    const error = results.errorAt(place)
    if (error !== undefined) return this.failedItem(place, error)
    const index = results.indexAt(place)
    const sequence = this.numbers[index] as number
    const key = index * 8 + results.kindAt(place) * 2 + (results.typedAt(place) ? 1 : 0)
    let copy = this.copies[key]
    if (copy === null) return true
    if (copy === undefined || sequence < copy.from || sequence >= copy.limit) {
      const name = results.names[index] as string
      copy = copiesOf(this.shape).get(name, results.kindAt(place), results.typedAt(place), sequence)
      this.copies[key] = copy
      if (copy === null) return true
    }
    const { bytes, tail, idAt, sequenceAt } = copy
    const idBytes = results.idLengthAt(place)
    if (!this.fits(bytes.length + idBytes + 16)) return false
    this.numbers[index] = sequence + 1
    this.separate()
    const { out, at } = this
    if (idAt < 0 || !results.hasIdAt(place)) {
      if (idAt >= 0) {
        this.ids.ready()
        if (copy.block !== this.ids.block) {
          bytes.set(this.ids.prefix, idAt)
          copy.block = this.ids.block
        }
      }
      out.set(bytes, at)
      if (idAt >= 0) this.ids.writeCount(out, at + idAt + idPrefixLength)
      if (sequenceAt >= 0) writeNumber(sequence, copy.digits, out, at + sequenceAt)
      this.at = at + bytes.length
      return true
    }
    out.set(bytes, at)
    const behind = results.writeId(place, out, at + idAt)
    if (idBytes !== idLength) out.set(tail, behind)
    if (sequenceAt >= 0) writeNumber(sequence, copy.digits, out, behind + sequenceAt - idAt - idLength)
    this.at = behind + tail.length
    return true
  }

  private separate(): void {
    if (this.isFirst) this.isFirst = false
    else this.put(this.shape.between)
  }

  private nameAt(index: number): Uint8Array {
    return (this.names[index] ??= Buffer.from(JSON.stringify(this.results.names[index])))
  }

  private failedItem(place: number, error: ItemError): boolean {
    const pieces = this.piecesAt(place)
    if (pieces === undefined) return true
    const { results } = this
    const name = this.nameAt(results.indexAt(place))
    const idBytes = Math.max(idLength, results.idLengthAt(place))
    let need = 16
    for (const piece of pieces) {
      if (typeof piece === 'object') need += piece.length
      else need += piece === Gap.Index ? name.length : piece === Gap.Number ? longestNumber : idBytes + 2
    }
    if (!this.fits(need)) return false
    this.separate()
    for (const piece of pieces) {
      if (typeof piece === 'object') this.put(piece)
      else if (piece === Gap.Index) this.put(name)
      else if (piece === Gap.Number) {
        const number = results.numberAt(place)
        const digits = String(number).length
        writeNumber(number, digits, this.out, this.at)
        this.at += digits
      } else if (piece === Gap.IdText) this.at = results.writeId(place, this.out, this.at)
      else this.failedId(place, error)
    }
    return true
  }

  private failedId(place: number, { noId }: ItemError): void {
    const { results, out } = this
    if (!results.hasIdAt(place) && noId === 'null') {
      this.put(nullText)
      return
    }
    out[this.at++] = 0x22
    if (results.hasIdAt(place)) this.at = results.writeId(place, out, this.at)
    else if (noId === undefined) {
      this.ids.ready()
      this.put(this.ids.prefix)
      this.ids.writeCount(out, this.at)
      this.at += idLength - idPrefixLength
    }
    out[this.at++] = 0x22
  }
}

const nullText = Buffer.from('null')

/**
 * Sends an answer: with its length when it is one piece, else piece by piece as fast as the client reads. Resolves when all of it was handed over, or
 * the client is gone; never rejects.
 */
export async function sendBulkReply(
  response: ServerResponse,
  status: number,
  headers: Record<string, string>,
  reply: BulkReply,
): Promise<void> {
  let chunk = reply.next()
  if (response.destroyed) return
  if (reply.done) {
    response.writeHead(status, { ...headers, 'content-length': chunk?.length ?? 0 })
    response.end(chunk)
    return
  }
  response.writeHead(status, headers)
  for (; chunk !== undefined && !response.destroyed; chunk = reply.next()) {
    if (response.write(chunk)) continue
    await drained(response)
    // The system has all of it.
    if (response.writableLength === 0 && !response.destroyed) freeWhole(chunk)
  }
  if (!response.destroyed) response.end()
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      response.off('drain', settle)
      response.off('close', settle)
      resolve()
    }
    response.on('drain', settle)
    response.on('close', settle)
    if (response.destroyed) settle()
  })
}
