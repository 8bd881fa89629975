import { describe, expect, it } from 'vitest'
import { readScript } from '../../../dashboards/rules/watcher-script.ts'

const path = (text: string) => ({ kind: 'path', parts: text.split('.') })

describe('readScript', () => {
  it.each([
    [
      'return ctx.payload.hits.total > 5',
      { kind: 'compare', op: '>', left: path('ctx.payload.hits.total'), right: { kind: 'number', value: 5, isWhole: true } },
    ],
    [
      "ctx.payload['a-b'].x[0] >= 1.5;",
      {
        kind: 'compare',
        op: '>=',
        left: { kind: 'path', parts: ['ctx', 'payload', 'a-b', 'x', '0'] },
        right: { kind: 'number', value: 1.5, isWhole: false },
      },
    ],
    [
      'a + b * c == -2',
      {
        kind: 'compare',
        op: '==',
        left: { kind: 'arithmetic', op: '+', left: path('a'), right: { kind: 'arithmetic', op: '*', left: path('b'), right: path('c') } },
        right: { kind: 'number', value: -2, isWhole: true },
      },
    ],
    [
      'a - b - c < 1 // why',
      {
        kind: 'compare',
        op: '<',
        left: { kind: 'arithmetic', op: '-', left: { kind: 'arithmetic', op: '-', left: path('a'), right: path('b') }, right: path('c') },
        right: { kind: 'number', value: 1, isWhole: true },
      },
    ],
  ])('reads %s', (source, script) => {
    expect(readScript(source)).toEqual(script)
  })

  it('binds && before ||, and brackets before both', () => {
    expect(readScript('a > 1 || b > 2 && c > 3')).toMatchObject({ op: 'or', parts: [{ op: '>' }, { op: 'and' }] })
    expect(readScript('(a > 1 || b > 2) && c > 3')).toMatchObject({ op: 'and', parts: [{ op: 'or' }, { op: '>' }] })
  })

  it('knows both programs of threshold watches', () => {
    expect(readScript('if (a.value > params.t) { return true; } return false;')).toMatchObject({ kind: 'compare' })
    const loop =
      'ArrayList arr = ctx.payload.aggregations.b.buckets;\n for (int i = 0; i < arr.length; i++) {\n if (arr[i].m.value < params.t) { return true; } }\n return false;'
    expect(readScript(loop)).toMatchObject({
      kind: 'some',
      buckets: ['ctx', 'payload', 'aggregations', 'b', 'buckets'],
      inside: ['m', 'value'],
      op: '<',
    })
  })

  it.each([
    'def x = 1; return x > 0',
    'a > 1 ? b : c',
    '!a',
    'a.size() > 1',
    'x = 1',
    'a >',
    '',
    '('.repeat(5000),
    'a &'.repeat(2000),
    `${'a + '.repeat(1500)}a > 1 }`,
  ])('takes nothing else: %.30s', (source) => {
    expect(readScript(source)).toBeUndefined()
  })
})
