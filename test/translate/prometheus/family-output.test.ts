import { describe, expect, it } from 'vitest'
import { encodeTextAttributes } from '../../../src/otlp/encode/metric-parts.ts'
import { attributeTag, MetricData } from '../../../src/otlp/metrics.ts'
import { FamilyKind, Member } from '../../../src/translate/prometheus/assembler.ts'
import { createFamilyOutputs } from '../../../src/translate/prometheus/family-output.ts'
import { createOutputs } from '../../../src/translate/prometheus/outputs.ts'

const scope = { name: 'lib', version: '1', schemaUrl: '', attributes: [] }
const metric = { name: 'h', unit: 's', description: 'd' }
const attributesOf = (value: string): Uint8Array => encodeTextAttributes([['a', value]], attributeTag)

function create() {
  const released: number[] = []
  const outputs = createOutputs(() => [])
  const families = createFamilyOutputs((source) => void released.push(source))
  const acquire = (target: string): number => outputs.acquireSource({ target, resource: [], scope })
  return { families, acquire, source: (id: number) => outputs.sources.get(id), released: () => released.splice(0) }
}

describe('createFamilyOutputs', () => {
  it('holds one source for all members of a family, the newest', () => {
    const { families, acquire, released } = create()
    const one = acquire('t')
    families.use(7, one)
    families.use(7, one)
    expect([families.sourceOf(7), families.sourceOf(8), released()]).toEqual([one, undefined, [one]])
    const other = acquire('u')
    families.use(7, other)
    expect([families.sourceOf(7), released()]).toEqual([other, [one]])
    families.release(7)
    families.release(7)
    expect(released()).toEqual([])
    families.release(7)
    expect([released(), families.sourceOf(7)]).toEqual([[other], undefined])
    families.release(7)
    expect(released()).toEqual([])
  })

  it('writes a family as before where nothing has changed', () => {
    const { families, acquire, source } = create()
    const one = acquire('t')
    families.use(7, one)
    const first = families.create(7, source(one), metric, attributesOf('1'))
    expect(families.create(7, source(one), { ...metric }, attributesOf('1'))).toBe(first)
    for (const changed of [
      families.create(7, source(one), metric, attributesOf('2')),
      families.create(7, source(one), metric, attributesOf('22')),
      families.create(7, source(one), { ...metric, unit: '' }, attributesOf('22')),
      families.create(7, source(acquire('u')), metric, attributesOf('22')),
    ]) {
      expect(changed).not.toBe(first)
    }
    expect(first.resource).toBe(source(one).resource)
  })

  it('keeps the attributes, whatever is written after them', () => {
    const { families, acquire, source } = create()
    const own = source(acquire('t'))
    const made = Array.from({ length: 50 }, (_, at) => {
      const attributes = attributesOf(`${at}`.repeat(400))
      families.use(at, 0)
      return { attributes, output: families.create(at, own, metric, attributes) }
    })
    for (const { attributes, output } of made) {
      const { buffer, byteOffset } = output.attributes
      expect(Buffer.from(buffer, byteOffset + output.attributesStart, output.attributesEnd - output.attributesStart)).toEqual(
        Buffer.from(attributes),
      )
    }
  })

  it('has a shape for each kind and member, shared by all families of the name', () => {
    const { families, acquire, source } = create()
    const own = source(acquire('t'))
    families.use(1, 0)
    families.use(2, 0)
    const one = families.create(1, own, metric, attributesOf('1'))
    const two = families.create(2, own, metric, attributesOf('2'))
    expect(one.metric(FamilyKind.Histogram)).toMatchObject({ data: MetricData.Histogram })
    expect(one.metric(FamilyKind.Summary)).toMatchObject({ data: MetricData.Summary })
    expect(one.memberMetric(Member.Count, 'gauge')).toMatchObject({ data: MetricData.Gauge })
    expect(one.memberMetric(Member.Bucket, 'sum')).toMatchObject({ data: MetricData.Sum, monotonic: true })
    const names = [Member.Bucket, Member.Sum, Member.Count, Member.Quantile].map(
      (member) =>
        Buffer.from(one.memberMetric(member, 'gauge').head)
          .toString('latin1')
          .match(/h(_[a-z]+)?/)?.[0],
    )
    expect(names).toEqual(['h_bucket', 'h_sum', 'h_count', 'h'])
    expect(two.metric(FamilyKind.Histogram)).toBe(one.metric(FamilyKind.Histogram))
  })
})
