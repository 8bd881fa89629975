import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BridgeError } from '../../../src/errors.ts'
import { defaultWriteLimits } from '../../../src/ingest/prometheus/decode-limits.ts'
import { decodeWriteV1 } from '../../../src/ingest/prometheus/decode-v1.ts'
import { decodeWriteV2 } from '../../../src/ingest/prometheus/decode-v2.ts'
import { WriteRequest } from '../../../src/translate/prometheus/model.ts'
import { arbitraryWrite, smallWrite } from '../../support/arbitrary-write.ts'
import { mutated } from '../../support/mutate.ts'
import { encodeWrite, expectedWrite, officialWrite, plainWrite, type Version } from '../../support/remote-write.ts'
import { vectorFiles } from '../../support/shared.ts'

const { uncompressSync } = createRequire(import.meta.url)('snappy') as { uncompressSync(body: Uint8Array): Uint8Array }

const decoders = { 1: decodeWriteV1, 2: decodeWriteV2 }
const versions: readonly Version[] = [1, 2]

// One for all, as in the bridge: nothing of a request may be left in the next.
const into = new WriteRequest()
const decoded = (version: Version, body: Uint8Array): object => {
  decoders[version](body, defaultWriteLimits, into)
  return plainWrite(into)
}

/** The code of what is thrown; throws itself for what is none of ours. */
const codeOf = (version: Version, body: Uint8Array): string => {
  try {
    decoded(version, body)
    return 'no error'
  } catch (error) {
    if (error instanceof BridgeError) return error.code
    throw error
  }
}

describe.each(versions)('decodeWriteV%i', (version) => {
  it('reads any request as protobufjs does', () => {
    fc.assert(
      fc.property(arbitraryWrite(version), fc.constantFrom('packed' as const, 'unpacked' as const), (request, layout) => {
        const body = encodeWrite(version, request, layout)
        expect(decoded(version, body)).toEqual(expectedWrite(version, officialWrite(version, body)))
      }),
      { numRuns: 300 },
    )
  })

  it('reads a request whose bytes begin in the middle of others', () => {
    const body = encodeWrite(version, smallWrite[version])
    const inside = Buffer.concat([Buffer.alloc(3, 0xff), body, Buffer.alloc(9, 0xff)]).subarray(3, 3 + body.length)
    expect(decoded(version, inside)).toEqual(decoded(version, body))
  })

  it('reads fields in any order, and unknown ones between them', () => {
    const body = encodeWrite(version, smallWrite[version])
    const fields = topFields(body)
    const unknown = Buffer.from('f80105fa0102fffffd0101020304f9010102030405060708', 'hex')
    const reversed = Buffer.concat([unknown, ...symbolsInOrder(version, fields), unknown])
    expect(decoded(version, reversed)).toEqual(expectedWrite(version, officialWrite(version, reversed)))
    expect(into.seriesCount).toBe(2)
  })

  it('refuses or reads a request that is cut off at any byte, and nothing else happens', () => {
    const body = encodeWrite(version, smallWrite[version])
    const codes = Array.from({ length: body.length }, (_, end) => codeOf(version, body.subarray(0, end)))
    const whole = topFields(body)
    const ends = whole.map((_, count) => Buffer.concat(whole.slice(0, count)).length)
    // Where a field of the request ends, the rest of it is simply not there.
    expect(codes.flatMap((code, end) => (code === 'OB_DECODE_PROTO' || ends.includes(end) ? [] : [end]))).toEqual([])
    const uncut = ends.map((end) => codes[end])
    expect(new Set(uncut)).toEqual(new Set(['no error']))
  })

  it('throws nothing but errors of the bridge for damaged requests', () => {
    const payloads = [encodeWrite(version, smallWrite[version]), encodeWrite(version, smallWrite[version], 'unpacked')]
    const codes = new Set<string>()
    fc.assert(
      fc.property(mutated(payloads), ({ bytes }) => {
        codes.add(codeOf(version, bytes))
      }),
      { numRuns: 3_000 },
    )
    expect(codes).toContain('OB_DECODE_PROTO')
    expect([...codes].filter((code) => !['no error', 'OB_DECODE_PROTO', 'OB_DECODE_SYMBOLS'].includes(code))).toEqual([])
  })

  it('refuses a request of the other version, of which it would skip everything', () => {
    const other = version === 1 ? 2 : 1
    expect(() => decoded(version, encodeWrite(other, smallWrite[other]))).toThrow(
      `its Content-Type means ${version}.0, and it has none of the fields of that`,
    )
  })

  it('reads an empty body as a request without series', () => {
    expect(decoded(version, new Uint8Array(0))).toEqual({ version, series: [], metadata: [] })
  })

  it.each([
    ['field number 0', '00'],
    ['a tag that is cut off', '80'],
    ['a varint of 11 bytes', 'f801ffffffffffffffffffff01'],
    ['an unknown wire type', 'fe01'],
    ['a length beyond the body', 'fa01ff01'],
    ['the end of a group that did not begin', 'fc01'],
    ['groups 10,000 deep', 'fb01'.repeat(10_000)],
    ['a group', 'fb010801fc01'],
    ['a series that is no message', { 1: '0801', 2: '2801' }],
    ['a group in place of a series', { 1: '0b0c', 2: '2b2c' }],
    ['a sample that is no message', { 1: '0a021001', 2: '2a021001' }],
    ['a value that is a varint', { 1: '0a0412020801', 2: '2a0412020801' }],
    ['a value that is cut off', { 1: '0a0412020901', 2: '2a0412020901' }],
    ['a time that is fixed', { 1: '0a0b1209110000000000000000', 2: '2a0b1209110000000000000000' }],
    ['a time that is cut off', { 1: '0a0412021080', 2: '2a0412021080' }],
    ['a time of 11 bytes', { 1: `0a0e120c10${'ff'.repeat(10)}01`, 2: `2a0e120c10${'ff'.repeat(10)}01` }],
    ['a sample that ends after its series', { 1: '0a031202100000', 2: '2a031202100000' }],
    ['an exemplar that is cut off', { 1: '0a031a0109', 2: '2a03220109' }],
    ['an exemplar of a wrong wire type', { 1: '0a041a021001', 2: '2a0422021001' }],
    ['a histogram of a wrong wire type', { 1: '0a0422020901', 2: '2a041a020901' }],
    ['packed doubles of 7 bytes', { 1: '0a0b22096a0700000000000000', 2: '2a0b1a096a0700000000000000' }],
    ['packed deltas that are cut off', { 1: '0a0522036201ff', 2: '2a051a036201ff' }],
    ['metadata of a wrong wire type', { 1: '1a0210ff', 2: '2a042a021a00' }],
  ])('refuses %s', (_name, hex) => {
    expect(codeOf(version, Buffer.from(typeof hex === 'string' ? hex : hex[version], 'hex'))).toBe('OB_DECODE_PROTO')
  })

  it.each([
    [0n, 0],
    [2n ** 53n - 1n, Number.MAX_SAFE_INTEGER],
    [2n ** 53n, Number.MAX_SAFE_INTEGER],
    [2n ** 63n - 1n, Number.MAX_SAFE_INTEGER],
    [-1n, -1],
    [-(2n ** 53n) + 1n, -Number.MAX_SAFE_INTEGER],
    [-(2n ** 53n), -Number.MAX_SAFE_INTEGER],
    [-(2n ** 63n), -Number.MAX_SAFE_INTEGER],
  ])('reads the time %i', (exact, timeMs) => {
    decoders[version](
      encodeWrite(version, { symbols: [''], timeseries: [{ samples: [{ timestamp: String(exact) }] }] }),
      defaultWriteLimits,
      into,
    )
    expect(Array.from(into.sampleMs.subarray(0, into.sampleCount))).toEqual([timeMs])
  })

  it('takes the last of a scalar that comes twice', () => {
    const time = (hex: string): Buffer => Buffer.from(hex, 'hex')
    const sample = Buffer.concat([time('1005'), time('1007')])
    const field = version === 1 ? 0x0a : 0x2a
    decoders[version](Buffer.concat([Buffer.from([field, 6, 0x12, 4]), sample]), defaultWriteLimits, into)
    expect([into.sampleCount, into.sampleMs[0]]).toEqual([1, 7])
  })

  it('says at which byte it could not go on', () => {
    expect(() => decoders[version](Buffer.from('fa0100fe01', 'hex'), defaultWriteLimits, into)).toThrow(
      expect.objectContaining({ message: 'cannot read protobuf: wire type 6 at byte 5', place: 'byte 5' }),
    )
  })
})

/** The fields of a request, each with its tag: all are of wire type 2 and of tags of one byte. */
function topFields(body: Uint8Array): Uint8Array[] {
  const fields: Uint8Array[] = []
  for (let at = 0; at < body.length; ) {
    const [first = 0, second = 0] = body.subarray(at + 1, at + 3)
    const end = first < 0x80 ? at + 2 + first : at + 3 + ((first & 0x7f) | (second << 7))
    fields.push(body.subarray(at, end))
    at = end
  }
  return fields
}

/** Fields from last to first; symbols stay in order, behind everything that refers to them. */
const symbolsInOrder = (version: Version, fields: readonly Uint8Array[]): Uint8Array[] => {
  const isSymbol = (field: Uint8Array): boolean => version === 2 && field[0] === 0x22
  return [...fields.filter((one) => !isSymbol(one)).reverse(), ...fields.filter(isSymbol)]
}

describe('vectors', () => {
  const versionOf = (headers: unknown): Version => (JSON.stringify(headers).includes('write.v2.Request') ? 2 : 1)

  interface Case {
    readonly requests: readonly { readonly headers: object; readonly body_file: string; readonly expect: { readonly status: number } }[]
  }
  const files = new Map(vectorFiles('prometheus').map((file) => [basename(file), file]))
  const cases = [...files].filter(([name]) => name.endsWith('.json'))
  // Refused for their headers or their compression, before anything is decoded.
  const undecoded = ['21-wire-415-content-type', '22-wire-415-encoding', '23-wire-framed-snappy']

  it.each(cases.filter(([name]) => !undecoded.includes(name.slice(0, -5))))('%s is read as protobufjs does', (name, file) => {
    const { requests } = JSON.parse(readFileSync(file, 'utf8')) as Case
    expect(requests.length).toBeGreaterThan(0)
    for (const { headers, body_file } of requests) {
      const version = versionOf(headers)
      const body = uncompressSync(readFileSync(files.get(body_file) ?? body_file))
      if (name.startsWith('20-')) expect(codeOf(version, body)).toBe('OB_DECODE_SYMBOLS')
      else expect(decoded(version, body)).toEqual(expectedWrite(version, officialWrite(version, body)))
    }
  })

  interface Recorded {
    readonly request: { readonly headers: object; readonly body_file: string }
    readonly content: { readonly [what in 'series' | 'samples' | 'exemplars' | 'histograms' | 'metadata']?: number }
  }
  const real = new Map(vectorFiles('prometheus/real').map((file) => [basename(file), file]))

  it.each([...real].filter(([name]) => name.endsWith('.json')))('%s holds what its sender counted', (_name, file) => {
    const { request, content } = JSON.parse(readFileSync(file, 'utf8')) as Recorded
    const version = versionOf(request.headers)
    const body = uncompressSync(readFileSync(real.get(request.body_file) ?? request.body_file))
    expect(decoded(version, body)).toEqual(expectedWrite(version, officialWrite(version, body)))
    const { series = 0, samples = 0, exemplars = 0, histograms = 0, metadata = 0 } = content
    expect({
      series: into.seriesCount,
      samples: into.sampleCount,
      exemplars: into.exemplarCount,
      histograms: into.histograms.length,
      metadata: into.metadata.length,
    }).toEqual({ series, samples, exemplars, histograms, metadata })
  })
})
