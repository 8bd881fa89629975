/**
 * What became of the actions of one bulk request, as columns: 16 bytes an action, and the ids that clients gave. A request may have a million of
 * them, and its answer names each in order.
 */

import { sliceToString } from '../../otlp/attributes.ts'
import type { Text } from '../../otlp/model.ts'
import { ActionKind } from './decode-action.ts'
import type { ItemError } from './es-errors.ts'

/** Numbers of a row. */
const stride = 4
/** The first: kind, then these, then the number of its index. */
const typedFlag = 4
const idFlag = 8
const indexShift = 4
/** The third: length of the id, then the number of its error. */
const lengthBits = 13
const lengthMask = (1 << lengthBits) - 1

const firstRows = 32
const firstIdBytes = 512
/** Ids are kept in pieces of this size, once there are so many. */
const chunkBits = 20
const chunkBytes = 1 << chunkBits
/** Different errors of one request that are told word for word. */
const maxErrors = 4096
/** What `clear` keeps for the next request. */
const keptRows = 16_384

/** How many actions of a kind ended with a status. */
export interface ItemCount {
  /** One of `ActionKind`. */
  readonly kind: number
  readonly status: number
  readonly count: number
}

/** Results of one request. `clear` it for the next. */
export class BulkResults {
  /** Actions. */
  count = 0
  /** Those of them that failed. */
  failed = 0
  /** `update` and `delete` are carried out by the old backend: taken, they are answered with 200. */
  writes = false
  private rows = new Int32Array(firstRows * stride)
  private chunks: Uint8Array[] = [new Uint8Array(firstIdBytes)]
  private idEnd = 0
  private readonly indexNumbers = new Map<string, number>()
  private readonly indexNames: string[] = []
  private lastIndex = -1
  private readonly errorNumbers = new Map<ItemError, number>()
  private readonly errorTable: ItemError[] = []
  private readonly generalErrors = new Map<string, ItemError>()

  /**
   * Adds an action that was taken. The id is copied.
   * @param kind one of `ActionKind` @param id '' without one @param typed its line had a `_type` @returns its place, from 0
   */
  add(kind: number, index: string, id: Text, typed = false): number {
    const place = this.count++
    if (place * stride === this.rows.length) this.growRows()
    const { rows } = this
    const at = place * stride
    let { lastIndex } = this
    if (lastIndex < 0 || this.indexNames[lastIndex] !== index) lastIndex = this.indexOf(index)
    let flags = kind | (lastIndex << indexShift)
    if (typed) flags |= typedFlag
    rows[at + 2] = 0
    if (id !== '') {
      flags |= idFlag
      rows[at + 2] = this.keepId(id, at + 1)
    }
    rows[at] = flags
    rows[at + 3] = -1
    return place
  }

  /** Adds an action that failed. @param number what `error.between` stands for; −1 without */
  addFailed(kind: number, index: string, id: Text, error: ItemError, number = -1, typed = false): number {
    const place = this.add(kind, index, id, typed)
    this.fail(place, error, number)
    return place
  }

  /** An action that was taken has failed after all. */
  fail(place: number, error: ItemError, number = -1): void {
    const at = place * stride
    const before = this.rows[at + 2] as number
    if (before >>> lengthBits === 0) this.failed++
    this.rows[at + 2] = (before & lengthMask) | (this.errorOf(error) << lengthBits)
    this.rows[at + 3] = number
  }

  /** All actions that were taken have failed: nothing of the request was kept. */
  failAll(error: ItemError): void {
    for (let place = 0; place < this.count; place++) if (this.errorAt(place) === undefined) this.fail(place, error)
  }

  kindAt(place: number): number {
    return (this.rows[place * stride] as number) & 3
  }

  typedAt(place: number): boolean {
    return ((this.rows[place * stride] as number) & typedFlag) !== 0
  }

  hasIdAt(place: number): boolean {
    return ((this.rows[place * stride] as number) & idFlag) !== 0
  }

  /** Number of its index: the place of its name in `names`. */
  indexAt(place: number): number {
    return (this.rows[place * stride] as number) >>> indexShift
  }

  /** Undefined for an action that was taken. */
  errorAt(place: number): ItemError | undefined {
    const number = (this.rows[place * stride + 2] as number) >>> lengthBits
    return number === 0 ? undefined : this.errorTable[number - 1]
  }

  numberAt(place: number): number {
    return this.rows[place * stride + 3] as number
  }

  /** Bytes of its id as JSON has them between quotes. */
  idLengthAt(place: number): number {
    return (this.rows[place * stride + 2] as number) & lengthMask
  }

  /** Writes its id as JSON has it, without quotes; gives the end. */
  writeId(place: number, out: Uint8Array, at: number): number {
    const start = this.rows[place * stride + 1] as number
    const length = this.idLengthAt(place)
    const chunk = this.chunks[start >>> chunkBits] as Uint8Array
    const from = start & (chunkBytes - 1)
    for (let i = 0; i < length; i++) out[at + i] = chunk[from + i] as number
    return at + length
  }

  /** Names of the indices, by number. */
  get names(): readonly string[] {
    return this.indexNames
  }

  /** Sums over all actions; what they add up to is `count`. */
  counts(): ItemCount[] {
    const sums = new Map<number, number>()
    for (let place = 0; place < this.count; place++) {
      const kind = this.kindAt(place)
      const key = (this.errorAt(place)?.status ?? takenStatus(kind, this.writes)) * 4 + kind
      sums.set(key, (sums.get(key) ?? 0) + 1)
    }
    return [...sums].map(([key, count]) => ({ kind: key & 3, status: key >>> 2, count }))
  }

  /** Forgets everything. */
  clear(): void {
    if (this.rows.length > keptRows * stride) this.rows = new Int32Array(firstRows * stride)
    const [first] = this.chunks
    this.chunks = [first as Uint8Array]
    this.count = 0
    this.failed = 0
    this.writes = false
    this.idEnd = 0
    this.indexNumbers.clear()
    this.indexNames.length = 0
    this.lastIndex = -1
    this.errorNumbers.clear()
    this.errorTable.length = 0
    this.generalErrors.clear()
  }

  private growRows(): void {
    const bigger = new Int32Array(this.rows.length * 2)
    bigger.set(this.rows)
    this.rows = bigger
  }

  private indexOf(name: string): number {
    let number = this.indexNumbers.get(name)
    if (number === undefined) {
      number = this.indexNames.length
      this.indexNames.push(name)
      this.indexNumbers.set(name, number)
    }
    this.lastIndex = number
    return number
  }

  private errorOf(error: ItemError): number {
    let number = this.errorNumbers.get(error)
    if (number !== undefined) return number
    if (this.errorTable.length >= maxErrors) return this.generalErrorOf(error)
    this.errorTable.push(error)
    number = this.errorTable.length
    this.errorNumbers.set(error, number)
    return number
  }

  private generalErrorOf({ status, type, noId }: ItemError): number {
    const key = `${status} ${type} ${noId}`
    let error = this.generalErrors.get(key)
    if (error === undefined) {
      error = { status, type, reason: 'too many different errors in one request to tell this one', noId }
      this.generalErrors.set(key, error)
      this.errorTable.push(error)
      this.errorNumbers.set(error, this.errorTable.length)
    }
    return this.errorNumbers.get(error) as number
  }

  /** Copies an id as JSON text; its place goes to `rows[placeAt]`. @returns its length; longer ones than could be taken are cut */
  private keepId(id: Text, placeAt: number): number {
    if (typeof id === 'string') return this.keepBytes(jsonText(id), placeAt)
    const { source, start, end } = id
    for (let at = start; at < end; at++) {
      const byte = source[at] as number
      if (byte < 0x20 || byte === 0x22 || byte === 0x5c) return this.keepBytes(jsonText(sliceToString(source, start, end)), placeAt)
    }
    return this.keepBytes(source, placeAt, start, end)
  }

  private keepBytes(source: Uint8Array, placeAt: number, start = 0, end = source.length): number {
    const length = Math.min(end - start, lengthMask)
    const room = chunkBytes - (this.idEnd & (chunkBytes - 1))
    if (length > room) this.idEnd += room
    const from = this.idEnd & (chunkBytes - 1)
    const chunk = this.chunkFor(this.idEnd >>> chunkBits, from + length)
    for (let i = 0; i < length; i++) chunk[from + i] = source[start + i] as number
    this.rows[placeAt] = this.idEnd
    this.idEnd += length
    return length
  }

  private chunkFor(number: number, bytes: number): Uint8Array {
    let chunk = this.chunks[number]
    if (chunk === undefined) this.chunks.push((chunk = new Uint8Array(chunkBytes)))
    if (chunk.length >= bytes) return chunk
    // The first one begins small.
    const bigger = new Uint8Array(Math.min(chunkBytes, Math.max(bytes, chunk.length * 4)))
    bigger.set(chunk)
    this.chunks[number] = bigger
    return bigger
  }
}

/** Status of an action that was taken. @param writes see {@link BulkResults.writes} */
export const takenStatus = (kind: number, writes: boolean): number => (writes && kind >= ActionKind.Update ? 200 : 201)

/** A text as JSON has it between quotes. */
export function jsonText(text: string): Uint8Array {
  return Buffer.from(JSON.stringify(text).slice(1, -1))
}
