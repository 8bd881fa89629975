/**
 * The records of a fetch: batches in message format 2, read one by one, each under its limits. Written here because the
 * library reads a whole fetch at once, without a limit, and one batch that it cannot read costs all the others.
 * @see kafka.apache.org/documentation/#recordbatch
 */

import { type CompressionFault, decompressRecords, type KafkaCodecs } from './kafka-compression.ts'

/** One message. All bytes are views of the fetch or of its plain batch: copy what you keep. */
export interface KafkaMessage {
  readonly offset: number
  /** Milliseconds since 1970, by the producer or the broker. */
  readonly timestampMs: number
  readonly key: Uint8Array | undefined
  /** Undefined for a tombstone. */
  readonly value: Uint8Array | undefined
  /** As they stand on the wire: most of us never look. See {@link headersOf}. */
  readonly rawHeaders: Uint8Array
}

/** Why messages were passed over. */
export type SetAsideReason = CompressionFault | 'checksum' | 'old_format' | 'malformed_batch'

/** Messages that could not be read at all. */
export interface SetAside {
  readonly offset: number
  /** How many there were, by the batch's own word, at least 1. */
  readonly messages: number
  readonly reason: SetAsideReason
}

/** A transaction that was given up: its records are not to be read. */
export interface AbortedTransaction {
  readonly producerId: bigint
  readonly firstOffset: number
}

export interface RecordsOptions {
  readonly codecs: KafkaCodecs
  /** Bytes of one batch once it is plain. */
  readonly maxBatchBytes: number
  /** CRC-32C. */
  readonly checksum: (data: Buffer) => number
}

/** One batch, read. */
export interface ReadBatch {
  readonly messages: readonly KafkaMessage[]
  readonly setAside: SetAside | undefined
  /** The offset behind the batch: where the next fetch goes on once it is dealt with. */
  readonly nextOffset: number
}

/** Batches of one partition, one at a time, so that memory is spent on one only. */
export interface BatchReader {
  /** The next batch with something in it for us, or the last; undefined when the fetch holds no whole batch any more. */
  next(): ReadBatch | undefined
}

const headBytes = 61
const transactional = 0x10
const control = 0x20

const noMessages: readonly KafkaMessage[] = []

class RecordFault extends Error {}

/**
 * Reads the batches of a fetch. What lies before `from` is left out, as are control records and what aborted transactions
 * wrote. A batch that cannot be read is set aside whole; those behind it are read on. Never throws.
 */
export function readBatches(
  records: Uint8Array,
  from: number,
  aborted: readonly AbortedTransaction[],
  options: RecordsOptions,
): BatchReader {
  const bytes = Buffer.from(records.buffer, records.byteOffset, records.byteLength)
  const transactions = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset)
  const given = new Set<bigint>()
  let at = 0

  const batchAt = (start: number, end: number): ReadBatch => {
    const firstOffset = int64(bytes, start)
    const magic = bytes.readInt8(start + 16)
    if (magic !== 2) {
      // A message set: the offset is that of its last message.
      return { messages: noMessages, setAside: { offset: firstOffset, messages: 1, reason: 'old_format' }, nextOffset: firstOffset + 1 }
    }
    const lastDelta = Math.max(0, bytes.readInt32BE(start + 23))
    const nextOffset = firstOffset + lastDelta + 1
    const count = bytes.readInt32BE(start + 57)
    const setAside = (reason: SetAsideReason): ReadBatch => ({
      messages: noMessages,
      setAside: {
        offset: Math.max(firstOffset, from),
        messages: Math.max(1, Math.min(count, nextOffset - Math.max(firstOffset, from))),
        reason,
      },
      nextOffset,
    })
    if (nextOffset <= from) return { messages: noMessages, setAside: undefined, nextOffset: from }
    if (options.checksum(bytes.subarray(start + 21, end)) !== bytes.readUInt32BE(start + 17)) return setAside('checksum')
    const attributes = bytes.readInt16BE(start + 21)
    if ((attributes & transactional) !== 0) {
      const producerId = bytes.readBigInt64BE(start + 43)
      for (let first = transactions[0]; first !== undefined && first.firstOffset < nextOffset; first = transactions[0]) {
        given.add(first.producerId)
        transactions.shift()
      }
      // The marker that ends a transaction ends what is given up of its producer.
      if ((attributes & control) !== 0) given.delete(producerId)
      else if (given.has(producerId)) return { messages: noMessages, setAside: undefined, nextOffset }
    }
    if ((attributes & control) !== 0) return { messages: noMessages, setAside: undefined, nextOffset }
    const plain = decompressRecords(attributes & 7, bytes.subarray(start + headBytes, end), options.codecs, options.maxBatchBytes)
    if ('fault' in plain) return setAside(plain.fault)
    try {
      const messages = readRecords(plain.plain, count, firstOffset, int64(bytes, start + 27), from, nextOffset)
      return { messages, setAside: undefined, nextOffset }
    } catch (error) {
      if (error instanceof RecordFault || error instanceof RangeError) return setAside('malformed_batch')
      throw error
    }
  }

  return {
    next() {
      let last: ReadBatch | undefined
      while (bytes.length - at >= headBytes) {
        const length = bytes.readInt32BE(at + 8)
        // The last batch of a fetch may be cut off by its limit of bytes; the next fetch begins with it.
        if (length < headBytes - 12 || length > bytes.length - at - 12) {
          at = bytes.length
          break
        }
        const start = at
        at += 12 + length
        last = batchAt(start, at)
        if (last.messages.length > 0 || last.setAside !== undefined) return last
      }
      return last
    },
  }
}

/** Offsets and times stay below 2^53. */
function int64(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4)
}

/** A cursor over the records of one plain batch. Every read checks the end. */
class RecordCursor {
  readonly bytes: Uint8Array
  at = 0
  end: number

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.end = bytes.length
  }

  /** A zigzag varint, as a number: lengths and differences of offsets and times. */
  varint(): number {
    let value = 0
    let scale = 1
    for (let count = 0; count < 10; count++) {
      if (this.at >= this.end) throw new RecordFault('cut off')
      const byte = this.bytes[this.at++] as number
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2
      scale *= 128
    }
    throw new RecordFault('varint longer than 10 bytes')
  }

  /** A length and so many bytes; undefined for a length below 0. */
  slice(): Uint8Array | undefined {
    const length = this.varint()
    if (length < 0) return undefined
    if (length > this.end - this.at) throw new RecordFault('cut off')
    const from = this.at
    this.at += length
    return this.bytes.subarray(from, this.at)
  }
}

/** The least that a record takes: length, attributes, two differences, key, value, headers. */
const leastRecordBytes = 7

/** More records are not read: the smallest would cost a hundred times their bytes. Honest batches have some thousands. */
const mostRecords = 200_000

function readRecords(
  plain: Uint8Array,
  count: number,
  firstOffset: number,
  firstTimeMs: number,
  from: number,
  next: number,
): KafkaMessage[] {
  if (count < 0 || count > mostRecords || count * leastRecordBytes > plain.length) throw new RecordFault('too many records')
  const cursor = new RecordCursor(plain)
  const messages: KafkaMessage[] = []
  let lastOffset = from - 1
  for (let done = 0; done < count; done++) {
    const length = cursor.varint()
    if (length < 0 || length > plain.length - cursor.at) throw new RecordFault('cut off')
    const end = cursor.at + length
    cursor.end = end
    cursor.at++
    const timestampMs = firstTimeMs + cursor.varint()
    const offset = firstOffset + cursor.varint()
    const key = cursor.slice()
    const value = cursor.slice()
    const rawHeaders = plain.subarray(cursor.at, end)
    cursor.end = plain.length
    cursor.at = end
    if (offset < from) continue
    if (offset <= lastOffset || offset >= next) throw new RecordFault('offsets out of order')
    lastOffset = offset
    messages.push({ offset, timestampMs, key, value, rawHeaders })
  }
  return messages
}

/** More headers of one message are not read. */
const mostHeaders = 64

/** The headers of a message by name, the last of a name winning; what cannot be read, and what comes after it, is left out. */
export function headersOf(message: KafkaMessage): ReadonlyMap<string, Uint8Array> {
  const found = new Map<string, Uint8Array>()
  const cursor = new RecordCursor(message.rawHeaders)
  try {
    const count = Math.min(cursor.varint(), mostHeaders)
    for (let done = 0; done < count; done++) {
      const key = cursor.slice()
      const value = cursor.slice()
      if (key !== undefined && value !== undefined) found.set(Buffer.from(key).toString('utf8'), value)
    }
  } catch (error) {
    if (!(error instanceof RecordFault)) throw error
  }
  return found
}
