/** Puts the messages of a call together again: a flag, a length, and as many bytes, in pieces of any size. */

import { BridgeError } from '../errors.ts'
import type { BufferPool } from './buffers.ts'

/** What is allocated on the word of a length, at most: the rest must have come before more is. */
const trustedBytes = 128 * 1024

const prefixBytes = 5

export interface MessageOptions {
  /** Bytes of one message on the wire. */
  readonly maxBytes: number
  /** Key of the configuration that holds the limit, for messages: `ingest.jaeger.grpc.limits.message`. */
  readonly limitKey: string
  readonly pool: BufferPool
}

const noBytes: Uint8Array = new Uint8Array(0)

/** One call's messages, one after the other. */
export class MessageReader {
  /** The flag of the message at hand: 1 is compressed. */
  flag = 0
  /** Messages begun. */
  count = 0
  /** Bytes that came, prefixes included. */
  wireBytes = 0
  private readonly options: MessageOptions
  private prefixFilled = 0
  private length = 0
  private filled = 0
  private memory: Buffer | undefined = undefined

  constructor(options: MessageOptions) {
    this.options = options
  }

  /** Nothing has come of a message that is not whole. */
  get between(): boolean {
    return this.prefixFilled === 0
  }

  /**
   * Takes bytes up to the end of the message and returns where it stopped. Throws OB_LIMIT_BODY as soon as the length is known,
   * OB_DECODE_FRAME for a flag that does not exist, OB_LIMIT_PENDING when there is no memory to be had.
   */
  take(bytes: Buffer, start: number, end: number): number {
    let at = start
    while (this.prefixFilled < prefixBytes && at < end) {
      const byte = bytes[at++] as number
      if (this.prefixFilled === 0) {
        if (byte > 1) throw new BridgeError('OB_DECODE_FRAME', `cannot read message: its first byte is ${byte}, neither 0 nor 1`)
        this.flag = byte
        this.length = 0
        this.filled = 0
        this.count++
      } else this.length = this.length * 256 + byte
      if (++this.prefixFilled === prefixBytes) this.checkLength()
    }
    const piece = Math.min(end - at, this.length - this.filled)
    if (this.prefixFilled === prefixBytes && piece > 0) {
      this.copy(bytes, at, at + piece)
      at += piece
    }
    this.wireBytes += at - start
    return at
  }

  /** The message is whole: `message` may be called. */
  get whole(): boolean {
    return this.prefixFilled === prefixBytes && this.filled === this.length
  }

  /** The message, valid until `release`. */
  message(): Uint8Array {
    return this.memory === undefined ? noBytes : this.memory.subarray(0, this.filled)
  }

  /** Gives the memory back and begins anew; may be called at any time, any number of times. */
  release(): void {
    if (this.memory !== undefined) this.options.pool.give(this.memory)
    this.memory = undefined
    this.prefixFilled = 0
    this.filled = 0
    this.length = 0
  }

  private checkLength(): void {
    const { maxBytes, limitKey } = this.options
    if (this.length > maxBytes) {
      throw new BridgeError('OB_LIMIT_BODY', `cannot take message: its ${this.length} bytes are more than ${maxBytes} (${limitKey})`)
    }
  }

  private copy(bytes: Buffer, start: number, end: number): void {
    const needed = this.filled + end - start
    if (this.memory === undefined) this.memory = this.options.pool.take(Math.max(needed, Math.min(this.length, trustedBytes)))
    else if (this.memory.length < needed) {
      const larger = this.options.pool.take(Math.min(this.length, Math.max(needed, this.memory.length * 2)))
      this.memory.copy(larger, 0, 0, this.filled)
      this.options.pool.give(this.memory)
      this.memory = larger
    }
    bytes.copy(this.memory, this.filled, start, end)
    this.filled = needed
  }
}
