import { compressionsAlgorithms, crc32c, createRecordsBatch } from '@platformatic/kafka'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decompressRecords } from '../../src/net/kafka-compression.ts'
import { headersOf, type KafkaMessage, type RecordsOptions, readBatches, type SetAside } from '../../src/net/kafka-records.ts'

const { snappy, lz4 } = compressionsAlgorithms
const codecs = { snappy: (data: Buffer) => snappy.decompressSync(data), lz4: (data: Buffer) => lz4.decompressSync(data) }
const options: RecordsOptions = { codecs, maxBatchBytes: 1024 * 1024, checksum: (data) => crc32c(data) >>> 0 }

type Codec = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'

interface Made {
  readonly firstOffset: number
  readonly compression?: Codec
  /** Bits of the attributes beside the compression. */
  readonly attributes?: number
  readonly producerId?: bigint
  readonly messages: readonly { readonly key?: Buffer; readonly value?: Buffer | undefined; readonly headers?: Record<string, string> }[]
}

/** A batch as a broker stores it, written by the library. */
function batch({ firstOffset, compression = 'none', attributes = 0, producerId, messages }: Made): Buffer {
  const writer = createRecordsBatch(
    messages.map(({ key, value, headers }) => ({
      topic: 't',
      partition: 0,
      key,
      value: value as Buffer,
      headers: new Map(Object.entries(headers ?? {}).map(([name, text]) => [Buffer.from(name), Buffer.from(text)])),
      timestamp: 1_700_000_000_000n,
    })) as Parameters<typeof createRecordsBatch>[0],
    { compression, ...(producerId === undefined ? {} : { producerId }) } as Parameters<typeof createRecordsBatch>[1],
  )
  const bytes = Buffer.from(writer.buffer)
  bytes.writeBigInt64BE(BigInt(firstOffset), 0)
  bytes.writeInt16BE(bytes.readInt16BE(21) | attributes, 21)
  return seal(bytes)
}

const seal = (bytes: Buffer): Buffer => {
  bytes.writeUInt32BE(crc32c(bytes.subarray(21)) >>> 0, 17)
  return bytes
}

interface Read {
  readonly messages: readonly KafkaMessage[]
  readonly setAside: readonly SetAside[]
  readonly next: number
}

function readAll(records: Uint8Array, from = 0, aborted: Parameters<typeof readBatches>[2] = [], own = options): Read {
  const reader = readBatches(records, from, aborted, own)
  const messages: KafkaMessage[] = []
  const setAside: SetAside[] = []
  let next = from
  for (let one = reader.next(); one !== undefined; one = reader.next()) {
    messages.push(...one.messages)
    if (one.setAside !== undefined) setAside.push(one.setAside)
    next = one.nextOffset
  }
  return { messages, setAside, next }
}

const text = (message: KafkaMessage | undefined): string | undefined =>
  message?.value === undefined ? undefined : Buffer.from(message.value).toString()

const values = (...texts: string[]) => texts.map((one) => ({ value: Buffer.from(one) }))

describe('readBatches', () => {
  it.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const)('reads what the library wrote: %s', (compression) => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            key: fc.option(fc.uint8Array({ maxLength: 20 }), { nil: undefined }),
            value: fc.option(fc.uint8Array({ maxLength: 300 }), { nil: undefined }),
            headers: fc.dictionary(fc.string({ minLength: 1, maxLength: 5 }), fc.string({ maxLength: 10 }), { maxKeys: 3 }),
          }),
          { minLength: 1, maxLength: 20 },
        ),
        fc.nat(2 ** 40),
        (list, firstOffset) => {
          const messages = list.map(({ key, value, headers }) => ({
            ...(key === undefined ? {} : { key: Buffer.from(key) }),
            value: value === undefined ? undefined : Buffer.from(value),
            headers,
          }))
          const { messages: read, setAside, next } = readAll(batch({ firstOffset, compression, messages }), firstOffset)
          expect(setAside).toEqual([])
          expect(next).toBe(firstOffset + list.length)
          expect(read.map(({ offset }) => offset)).toEqual(list.map((_, at) => firstOffset + at))
          expect(read.map(({ value }) => (value === undefined ? undefined : [...value]))).toEqual(
            list.map(({ value }) => (value === undefined ? undefined : [...value])),
          )
          expect(read.map(({ key }) => (key === undefined ? undefined : [...key]))).toEqual(
            list.map(({ key }) => (key === undefined ? undefined : [...key])),
          )
          expect(read.map((one) => [...headersOf(one)].map(([name, value]) => [name, Buffer.from(value).toString()]))).toEqual(
            list.map(({ headers }) => Object.entries(headers)),
          )
          expect(read.every(({ timestampMs }) => timestampMs === 1_700_000_000_000)).toBe(true)
        },
      ),
      { numRuns: 40 },
    )
  })

  it('begins in the middle of a batch, and passes over batches that lie before', () => {
    const records = Buffer.concat([
      batch({ firstOffset: 0, messages: values('a', 'b') }),
      batch({ firstOffset: 2, messages: values('c', 'd', 'e') }),
    ])
    expect(readAll(records, 3).messages.map(text)).toEqual(['d', 'e'])
  })

  it('leaves a batch that is cut off to the next fetch', () => {
    const second = batch({ firstOffset: 1, messages: values('b') })
    const records = Buffer.concat([batch({ firstOffset: 0, messages: values('a') }), second.subarray(0, second.length - 1)])
    expect(readAll(records)).toMatchObject({ next: 1, messages: [{ offset: 0 }] })
  })

  it('passes over control records and what an aborted transaction wrote, and only that', () => {
    const transactional = 0x10
    const control = 0x30
    const records = Buffer.concat([
      batch({ firstOffset: 0, attributes: transactional, producerId: 7n, messages: values('kept: earlier transaction') }),
      batch({ firstOffset: 1, attributes: transactional, producerId: 7n, messages: values('aborted') }),
      batch({ firstOffset: 2, attributes: transactional, producerId: 8n, messages: values('kept: another producer') }),
      batch({ firstOffset: 3, messages: values('kept: no transaction') }),
      batch({ firstOffset: 4, attributes: control, producerId: 7n, messages: values('marker') }),
      batch({ firstOffset: 5, attributes: transactional, producerId: 7n, messages: values('kept: next transaction') }),
    ])
    const { messages, next } = readAll(records, 0, [{ producerId: 7n, firstOffset: 1 }])
    expect(messages.map(({ offset }) => offset)).toEqual([0, 2, 3, 5])
    expect(next).toBe(6)
  })

  it('sets a batch aside whose checksum does not hold, and reads on behind it', () => {
    const bad = batch({ firstOffset: 0, messages: values('a', 'b', 'c') })
    bad.writeUInt8((bad.at(-2) as number) ^ 1, bad.length - 2)
    const read = readAll(Buffer.concat([bad, batch({ firstOffset: 3, messages: values('d') })]))
    expect(read.setAside).toEqual([{ offset: 0, messages: 3, reason: 'checksum' }])
    expect(read.messages.map(text)).toEqual(['d'])
  })

  it.each([
    ['more records than there are bytes for', (bytes: Buffer) => void bytes.writeInt32BE(1_000_000, 57), 'malformed_batch'],
    ['a negative number of records', (bytes: Buffer) => void bytes.writeInt32BE(-5, 57), 'malformed_batch'],
    ['a record longer than the batch', (bytes: Buffer) => void bytes.writeUInt8(0x7e, 61), 'malformed_batch'],
    ['a compression that nobody knows', (bytes: Buffer) => void bytes.writeInt16BE(7, 21), 'unknown_compression'],
    ['gzip that is none', (bytes: Buffer) => void bytes.writeInt16BE(1, 21), 'decompression'],
    ['snappy that is none', (bytes: Buffer) => void bytes.writeInt16BE(2, 21), undefined],
    ['lz4 that is none', (bytes: Buffer) => void bytes.writeInt16BE(3, 21), 'decompression'],
    ['zstd that is none', (bytes: Buffer) => void bytes.writeInt16BE(4, 21), 'decompression'],
    ['the old message format', (bytes: Buffer) => void bytes.writeInt8(1, 16), 'old_format'],
  ])('sets aside a batch with %s', (_name, spoil, reason) => {
    const bad = batch({ firstOffset: 0, messages: values('a') })
    spoil(bad)
    const read = readAll(Buffer.concat([seal(bad), batch({ firstOffset: 1, messages: values('b') })]))
    expect(read.setAside).toHaveLength(1)
    if (reason !== undefined) expect(read.setAside[0]?.reason).toBe(reason)
    expect(read.messages.map(text)).toEqual(['b'])
    expect(read.next).toBe(2)
  })

  it.each(['gzip', 'snappy', 'lz4', 'zstd'] as const)('spends no memory on a bomb of %s', (compression) => {
    const bomb = batch({ firstOffset: 0, compression, messages: [{ value: Buffer.alloc(8 * 1024 * 1024) }] })
    const { setAside, messages } = readAll(bomb)
    expect(messages).toEqual([])
    expect(setAside).toEqual([{ offset: 0, messages: 1, reason: 'batch_too_large' }])
  })

  it('never throws and never stands still, whatever the bytes', () => {
    const good = Buffer.concat([
      batch({ firstOffset: 0, messages: values('a', 'b'), compression: 'lz4' }),
      batch({ firstOffset: 2, messages: values('c'), compression: 'snappy' }),
      batch({ firstOffset: 3, messages: values('d', 'e') }),
    ])
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }),
        fc.boolean(),
        (changes, sealed) => {
          const bytes = Buffer.from(good)
          for (const [at, value] of changes) bytes[at] = value
          // With the checksum put right the inner readers see the damage.
          const records = sealed ? { ...options, checksum: () => bytes.readUInt32BE(17) } : options
          const reader = readBatches(bytes, 0, [], records)
          for (let count = 0; reader.next() !== undefined; count++) expect(count).toBeLessThan(10)
        },
      ),
      { numRuns: 500 },
    )
  })
})

describe('decompressRecords', () => {
  it('believes no declared size: snappy that declares 4 GB in five bytes', () => {
    const lie = Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f])
    expect(decompressRecords(2, lie, codecs, 1024)).toEqual({ fault: 'batch_too_large' })
  })

  it("reads xerial's framing of several snappy blocks", () => {
    const block = Buffer.from(snappy.compressSync(Buffer.from('hello ')))
    const length = Buffer.alloc(4)
    length.writeUInt32BE(block.length)
    const head = Buffer.concat([Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0]), Buffer.alloc(8)])
    const framed = Buffer.concat([head, length, block, length, block])
    const plain = decompressRecords(2, framed, codecs, 1024)
    expect('plain' in plain && Buffer.from(plain.plain).toString()).toBe('hello hello ')
    expect(decompressRecords(2, framed, codecs, 11)).toEqual({ fault: 'batch_too_large' })
  })
})
