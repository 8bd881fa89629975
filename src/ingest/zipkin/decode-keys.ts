/** Tag keys of one request: found by what followed the key before the last time, and bounded in number. */

import { BridgeError } from '../../errors.ts'
import type { KeyTable } from '../../otlp/keys.ts'
import type { Key } from '../../otlp/model.ts'
import { keyMark, marks } from '../../translate/zipkin/keys.ts'

/** Different keys beyond those in the key table: no honest request has so many, and each costs much more than its bytes. */
const maxLooseKeys = 100_000

/**
 * Finds keys. Tags mostly come in one order, so that a key is first compared with the one that followed its predecessor
 * the last time, where it stands in the same body: for JSON that spares even looking for the end of the string.
 */
export class KeyFinder {
  private readonly table: KeyTable
  private readonly starts = new Int32Array(marks + 1)
  private readonly stops = new Int32Array(marks + 1)
  private readonly followers = new Array<Key | undefined>(marks + 1).fill(undefined)
  private bytes: Uint8Array = new Uint8Array(0)
  private view: DataView = new DataView(this.bytes.buffer)
  private previous: number = marks

  constructor(table: KeyTable) {
    this.table = table
  }

  /** Begins a body. */
  open(bytes: Uint8Array, view: DataView): void {
    this.table.renew()
    this.followers.fill(undefined)
    this.bytes = bytes
    this.view = view
  }

  /** Begins the tags of a span. */
  begin(): void {
    this.previous = marks
  }

  /** End of the key that is expected at `start`, when it is there; −1 when something else is. Take it with `expected`. */
  tryAt(start: number, end: number): number {
    const slot = this.previous
    if (this.followers[slot] === undefined) return -1
    const from = this.starts[slot] as number
    const length = (this.stops[slot] as number) - from
    if (start + length > end) return -1
    const { view } = this
    let i = 0
    for (; i + 4 <= length; i += 4) if (view.getInt32(from + i, true) !== view.getInt32(start + i, true)) return -1
    for (; i < length; i++) if (this.bytes[from + i] !== this.bytes[start + i]) return -1
    return start + length
  }

  /** The key that `tryAt` has found. */
  expected(): Key {
    const key = this.followers[this.previous] as Key
    this.previous = keyMark(key)
    return key
  }

  /** The key of the bytes `start` to `stop`. */
  find(start: number, stop: number): Key {
    const slot = this.previous
    const sameLength = stop - start === (this.stops[slot] as number) - (this.starts[slot] as number)
    if (sameLength && this.tryAt(start, stop) === stop) return this.expected()
    return this.look(start, stop)
  }

  /** The key of the bytes `start` to `stop`, which are not the expected ones. */
  look(start: number, stop: number): Key {
    const key = this.table.find(this.bytes, this.view, start, stop)
    const slot = this.previous
    this.followers[slot] = this.isPlain(start, stop) ? key : undefined
    this.starts[slot] = start
    this.stops[slot] = stop
    this.previous = keyMark(key)
    return key
  }

  /** False for keys with a quote or a backslash: as they stand in JSON, the same bytes mean something else. */
  private isPlain(start: number, stop: number): boolean {
    for (let at = start; at < stop; at++) if (this.bytes[at] === 0x22 || this.bytes[at] === 0x5c) return false
    return true
  }

  /** Called after each span. Throws OB_LIMIT_LENGTH. @param at place in the body */
  check(at: number): void {
    if (this.table.loose > maxLooseKeys) {
      throw new BridgeError('OB_LIMIT_LENGTH', `cannot read spans: more than ${maxLooseKeys} different tag keys`, { place: `byte ${at}` })
    }
  }

  /** Ends a body, which is then no longer referred to. */
  close(): void {
    this.bytes = noBytes
    this.view = noView
  }
}

const noBytes = new Uint8Array(0)
const noView = new DataView(noBytes.buffer)
