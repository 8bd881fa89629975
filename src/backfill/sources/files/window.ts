/** The part of a byte stream that is being looked at: grows at its end, is let go of at its beginning. */

import type { ByteSource } from './bytes.ts'

export class ByteWindow {
  private readonly source: ByteSource
  bytes: Buffer = Buffer.alloc(0)
  /** Offset in the stream of `bytes[0]`. */
  base: number
  private room: Buffer = this.bytes

  constructor(source: ByteSource, base: number) {
    this.source = source
    this.base = base
  }

  get isTruncated(): boolean {
    return this.source.isTruncated
  }

  /** Lets go of the first `count` bytes. */
  drop(count: number): void {
    this.bytes = this.bytes.subarray(count)
    this.base += count
  }

  /** Adds what comes next; false at the end. What was handed out stays as it is. */
  async more(): Promise<boolean> {
    const piece = await this.source.next()
    if (piece === undefined) return false
    const { length } = this.bytes
    if (length === 0) {
      this.bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength)
      this.room = this.bytes
      return true
    }
    const behind = this.bytes.byteOffset - this.room.byteOffset + length
    if (this.room.buffer !== this.bytes.buffer || behind + piece.length > this.room.length) {
      // Twice of what is held, so that a long record is copied a few times and not for each piece.
      const room = Buffer.allocUnsafeSlow((length + piece.length) * 2)
      this.bytes.copy(room)
      this.room = room
      room.set(piece, length)
      this.bytes = room.subarray(0, length + piece.length)
      return true
    }
    this.room.set(piece, behind)
    this.bytes = this.room.subarray(behind - length, behind + piece.length)
    return true
  }
}
