import { describe, expect, it } from 'vitest'
import type { Item } from '../../../dashboards/model.ts'
import type { Ask } from '../../../dashboards/verify/ask.ts'
import { completeVariables } from '../../../dashboards/verify/variables.ts'
import { verifyItem } from '../../../dashboards/verify/verify.ts'

const window = { start: 0, end: 3600, step: 15 }
const item = (more: Partial<Item>): Item => ({
  ...{ kind: 'target', id: 'panel/1/target/A', where: '$', title: '', language: 'promql', status: 'exact', before: '', after: '' },
  ...{ edits: [], notes: [], uses: { metrics: [], labels: [], fields: [] } },
  ...more,
})
const job = item({ kind: 'variable', id: 'variable/job', before: 'label_values(up{cluster="$cluster"}, job)' })
const panel = item({
  before: 'up{job="$job"}',
  after: 'up{job="$job"}',
  run: { shape: 'range', old: 'prometheus', new: 'prometheus', labels: {}, factor: 1 },
})

describe('completeVariables', () => {
  it('takes what a variable has, else the first that its query gives', async () => {
    const asked: string[] = []
    const ask: Ask = async (side, _backend, path, parameters) => {
      asked.push(`${side} ${path} ${parameters['match[]']}`)
      return '{"status":"success","data":["api","web"]}'
    }
    const { values, failed } = await completeVariables({ cluster: ['c1'], job: [] }, [job], ask, window)
    expect([...values]).toEqual([
      ['cluster', ['c1']],
      ['job', ['api']],
    ])
    expect(asked).toEqual(['old /api/v1/label/job/values up{cluster="c1"}'])
    expect(failed.size).toBe(0)
  })

  it.each([
    ['no answer', () => Promise.reject(new Error('connect ECONNREFUSED')), 'ECONNREFUSED'],
    ['a refusal', () => Promise.resolve('{"status":"error","error":"no such label"}'), 'no such label'],
  ])('makes an error of %s for everything that needs the value', async (_what, ask, why) => {
    const variables = await completeVariables({ cluster: ['c1'], job: [] }, [job], ask, window)
    const verified = await verifyItem(panel, { ask, windows: [window], past: window, variables })
    expect(verified).toMatchObject({ verdict: 'error-old', text: expect.stringContaining(why) })
  })
})
