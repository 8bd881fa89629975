import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { recordingRules } from '../../../dashboards/promql/recording.ts'
import { promqlContext, promqlRewriter, type Setting } from '../../support/dashboards/promql.ts'

const setting: Setting = {
  mapping: {
    metrics: {
      a: { name: 'b.c' },
      ms: { name: 's', factor: 0.001, labels: { x: 'y' } },
      h: { name: 'g', factor: 0.001, type: 'histogram' },
    },
  },
  targets: { strategy: 'NoTranslation' },
}

describe('recordingRules', () => {
  it('makes old names of new ones, and says what it cannot make', () => {
    const { file, missing } = recordingRules(['ms', 'a', 'a', 'same', 'h_bucket', 'h_sum', 'x_created'], promqlContext(setting).naming)
    expect(parse(file?.text ?? '')).toEqual({
      groups: [
        {
          name: 'otlp-bridge-old-names',
          rules: [
            { record: 'a', expr: '{"b.c"}' },
            { record: 'h_sum', expr: 'g_sum * 1000' },
            { record: 'ms', expr: 'label_replace(s * 1000, "x", "$1", "y", "(.+)")' },
          ],
        },
      ],
    })
    expect(missing.map(({ metric }) => metric)).toEqual(['h_bucket', 'x_created'])
  })

  it('makes no file where every name stays', () => {
    expect(recordingRules(['a', 'b'], promqlContext().naming)).toEqual({ file: undefined, missing: [] })
  })

  it('leaves a query as it is of which all names are recorded, and rewrites the others', () => {
    const rewrite = promqlRewriter(setting, { transition: 'recording' })
    expect(rewrite('sum by (x) (ms) / sum(a)')).toMatchObject({ after: 'sum by (x) (ms) / sum(a)', status: 'exact' })
    expect(rewrite('sum by (le) (rate(h_bucket[5m]))').after).toBe('sum by (le) (rate(g_bucket[5m]))')
  })
})
