import { describe, expect, it } from 'vitest'
import type { Carried, Means } from '../../../src/ingest/format.ts'
import { remoteWriteFile } from '../../../src/ingest/prometheus/file.ts'
import { createFieldMapping } from '../../../src/translate/elasticsearch/user-fields.ts'
import type { PrometheusTranslateConfig } from '../../../src/translate/prometheus/config.ts'
import { createUserMapping, userMappingSchema } from '../../../src/translate/prometheus/user-mapping.ts'
import { snappyBody } from '../../support/remote-write.ts'
import { nanos, type PlainMetadata, type PlainSeries, pointsOf, translateOptions, writeBody } from '../../support/writing.ts'
import { noUserMapping } from '../support/fakes.ts'

const limits = { maxItems: 10, maxBytes: 1000 } as unknown as Parameters<typeof remoteWriteFile>[2]
const means = (options: object = {}, more: Partial<Means<PrometheusTranslateConfig>> = {}): Means<PrometheusTranslateConfig> => ({
  translate: translateOptions(options),
  semconv: 'stable',
  carried: {} as Carried,
  userMapping: noUserMapping,
  ...more,
})

async function translate(
  series: readonly PlainSeries[],
  options: object = {},
  version: 1 | 2 = 2,
  metadata: readonly PlainMetadata[] = [],
) {
  const translator = await remoteWriteFile(version, means(options), limits)
  return translator(writeBody(version, series, metadata), 1000)
}

const at = 1_700_000_000_000

describe('remoteWriteFile', () => {
  it('reads both versions, compressed or not, each file by itself', async () => {
    for (const version of [1, 2] as const) {
      const body = writeBody(version, [{ labels: 'a{job="j"}', samples: [[at, 1]] }])
      const translator = await remoteWriteFile(version, means(), limits)
      for (const bytes of [body, snappyBody(body), body]) {
        const { received, items, data, drops, notes } = translator(bytes, 1000)
        expect([received, items, drops, notes]).toEqual([1, 1, [], []])
        expect(pointsOf([data])).toMatchObject([{ metric: 'a', value: 1, time_unix_nano: nanos(at) }])
      }
    }
  })

  it('takes samples of any time that OTLP can say, however far from now', async () => {
    const { items, drops } = await translate([
      {
        labels: 'a',
        samples: [
          [18_446_744_073_709, 1],
          [0, 1],
        ],
      },
      { labels: 'b', samples: [[18_446_744_073_710, 1]] },
      { labels: 'c', samples: [[-1, 1]] },
    ])
    expect([items, drops.map(({ reason, count }) => [reason, count])]).toEqual([
      2,
      [
        ['too_far_in_future', 1],
        ['negative_timestamp', 1],
      ],
    ])
  })

  it('puts together what is in it, and says what was incomplete', async () => {
    const { received, items, data, drops } = await translate([
      { labels: 'h_bucket{le="1"}', samples: [[at, 1]], type: 3 },
      { labels: 'h_count', samples: [[at, 2]], type: 3 },
      { labels: 'i_bucket{le="1"}', samples: [[at, 1]], type: 3 },
    ])
    expect([received, items]).toEqual([3, 1])
    expect(pointsOf([data])).toMatchObject([{ metric: 'h', count: '2', bucket_counts: ['1', '1'] }])
    expect(drops).toMatchObject([{ reason: 'histogram_incomplete', count: 1 }])
  })

  it('has room for all histograms of it', async () => {
    const series = Array.from({ length: 50 }, (_, n): PlainSeries => ({ labels: `h_count{n="${n}"}`, samples: [[at, 2]], type: 3 }))
    const { items, drops } = await translate(series, { assembler: { maxPending: 1 } })
    expect([items, drops]).toEqual([50, []])
  })

  it('lets nothing wait, and says what was used up or left out', async () => {
    const options = { rw1: { typePolicy: 'hold' }, targetInfo: { wait: 60_000 }, gaugehistogram: 'drop' }
    const { items, notes } = await translate(
      [
        {
          labels: 'a{job="j"}',
          samples: [
            [at, 1],
            [at, 1],
          ],
        },
        { labels: 'target_info{job="j",x="1"}', samples: [[at, 1]] },
        { labels: 'g_gcount', samples: [[at, 1]] },
      ],
      options,
      1,
      [{ family: 'g', type: 4 }],
    )
    expect(items).toBe(1)
    expect(Object.fromEntries(notes.map(({ reason, count }) => [reason, count]))).toEqual({
      duplicate: 1,
      target_info: 1,
      gaugehistogram: 1,
    })
  })

  it('reads the mapping of the user', async () => {
    const mapping = createUserMapping(userMappingSchema.parse({ metrics: [{ match: 'a', metric: 'b.c' }] }))
    const own = means(
      { names: 'semconv', mapping: 'file.yaml' },
      { userMapping: async () => ({ metrics: mapping, fields: createFieldMapping({ fields: [] }) }) },
    )
    const translator = await remoteWriteFile(2, own, limits)
    expect(pointsOf([translator(writeBody(2, [{ labels: 'a', samples: [[at, 1]] }]), 1000).data])).toMatchObject([{ metric: 'b.c' }])
  })

  it('throws for what is no request', async () => {
    const translator = await remoteWriteFile(2, means(), limits)
    expect(() => translator(new Uint8Array([0x2a, 0xff]), 1000)).toThrow(/cannot read/)
  })
})
