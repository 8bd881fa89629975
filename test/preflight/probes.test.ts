import { describe, expect, it } from 'vitest'
import { decodeTraces } from '../../src/otlp/decode/traces.ts'
import { tracesToJson } from '../../src/otlp/encode/json.ts'
import { makeProbe } from '../../src/preflight/probes.ts'
import { officialDecode } from '../support/official-otlp.ts'

const run = '0123456789abcdef8899aabbccddeeff'
const timeMs = 1_700_000_000_123

describe('makeProbe', () => {
  it.each(['traces', 'metrics', 'logs'] as const)('says the same as protobuf and as JSON, by the official messages: %s', (signal) => {
    const { proto, json, timeUnixNano } = makeProbe(signal, run, timeMs)
    expect(timeUnixNano).toBe('1700000000123000000')
    expect(officialDecode(proto, signal)).toEqual(JSON.parse(json))
  })

  it('is a span that our own decoder reads', () => {
    const { proto, json } = makeProbe('traces', run, timeMs)
    expect(JSON.parse(tracesToJson(decodeTraces(proto)))).toMatchObject(JSON.parse(json))
  })

  it('can be found again by its run', () => {
    for (const signal of ['traces', 'metrics', 'logs'] as const) expect(makeProbe(signal, run, timeMs).json).toContain(run)
  })
})
