import { describe, expect, it } from 'vitest'
import { type CanonicalSpan, canonicalSpan, identityOf } from '../../src/parity/canonical.ts'
import { readerOf } from '../../src/parity/traces-model.ts'
import { pairUp, stacksOf } from '../../src/parity/traces-pairs.ts'

const span = (id: number, code: number, error: string | undefined): CanonicalSpan =>
  canonicalSpan({
    resource: {},
    scope: {},
    span: {
      traceId: '1'.padStart(32, '0'),
      spanId: String(id).padStart(16, '0'),
      kind: 2,
      status: { code },
      attributes: error === undefined ? [] : [{ key: 'error', value: { stringValue: error } }],
    },
  })
const stack = (...spans: readonly CanonicalSpan[]) => stacksOf(spans.map((one) => ({ span: one, legacy: undefined })))
const pairsOf = (old: readonly CanonicalSpan[], young: readonly CanonicalSpan[]) => pairUp(stack(...old), stack(...young), true).pairs
const recorded = (...spans: readonly CanonicalSpan[]) => new Map(spans.map((one) => [identityOf(one), one]))

describe('readerOf', () => {
  const [told, lost] = [span(1, 2, 'timeout'), span(1, 2, undefined)]

  it('knows the model of v1 by failed spans that lost the text of their error there', () => {
    expect(readerOf('otlp', pairsOf([told], [lost]), new Map())).toBe('jaeger-v1-model')
    expect(readerOf('otlp', pairsOf([told], [lost]), recorded(told))).toBe('jaeger-v1-model')
  })

  it('takes it for a fault when one of them is still there', () => {
    const [other, kept] = [span(2, 2, 'refused'), span(2, 2, 'refused')]
    expect(readerOf('otlp', pairsOf([told, other], [lost, kept]), new Map())).toBe('otlp')
  })

  it('takes it for a fault when the bridge did not send it', () => {
    expect(readerOf('otlp', pairsOf([told], [lost]), recorded(lost))).toBe('otlp')
  })

  it('says nothing of a span whose status was lost, too, nor of another reader', () => {
    expect(readerOf('otlp', pairsOf([told], [span(1, 0, undefined)]), new Map())).toBe('otlp')
    expect(readerOf('otlp', [], new Map())).toBe('otlp')
    expect(readerOf('jaeger-json', pairsOf([told], [lost]), new Map())).toBe('jaeger-json')
  })
})
