import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { checkFieldMapping, createFieldMapping, fieldMappingKeys } from '../../../src/translate/elasticsearch/user-fields.ts'

const schema = z.strictObject(fieldMappingKeys).superRefine(checkFieldMapping)

const faultsOf = (fields: unknown): string[] =>
  (schema.safeParse({ fields }).error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`)

const mapping = (fields: unknown) => createFieldMapping(schema.parse({ fields }))

describe('checkFieldMapping', () => {
  it('takes an empty file, and all that may be said', () => {
    expect(schema.parse({})).toEqual({ fields: [] })
    expect(
      faultsOf([
        { field: 'usr', attribute: 'user.name' },
        { field: 'dc', resource: 'cloud.region' },
        { field: 'tmp', drop: true },
        { field: 'x_*', attribute: 'app.*' },
        { field: '*.internal', resource: '*.private' },
        { field: 'debug?*', drop: true },
      ]),
    ).toEqual([])
  })

  const refused: readonly (readonly [what: string, fields: unknown, fault: RegExp])[] = [
    ['a rule that says nothing', [{ field: 'a' }], /^fields\.0: expected exactly one of attribute, resource and drop$/],
    ['a rule that says two things', [{ field: 'a', attribute: 'b', drop: true }], /^fields\.0: expected exactly one of/],
    ['a rule for two places', [{ field: 'a', attribute: 'b', resource: 'b' }], /^fields\.0: expected exactly one of/],
    ['drop: false', [{ field: 'a', drop: false }], /^fields\.0\.drop: expected true, or nothing$/],
    ['unknown keys', [{ field: 'a', drop: true, attributes: 'b' }], /^fields\.0: .*attributes/],
    ['an empty name', [{ field: 'a', attribute: '' }], /^fields\.0\.attribute/],
    ['an empty field', [{ field: '', drop: true }], /^fields\.0\.field/],
    [
      'a field twice',
      [
        { field: 'a', drop: true },
        { field: 'a', attribute: 'b' },
      ],
      /^fields\.1\.field: .*fields\.0 has it already$/,
    ],
    ['one name for what fits a pattern', [{ field: 'a.*', attribute: 'b' }], /^fields\.0\.attribute: .*would become one$/],
    ['a new name of two texts', [{ field: 'a.*.*', resource: 'b.*' }], /^fields\.0\.resource: .*more than one \*/],
    ['a new name for single characters', [{ field: 'a?', attribute: 'b*' }], /^fields\.0\.attribute: .*which text would go where/],
    ['a star in the name of one field', [{ field: 'a', attribute: 'b.*' }], /^fields\.0\.attribute: .*no pattern$/],
    ['too many patterns', Array.from({ length: 1001 }, (_, n) => ({ field: `a${n}*`, drop: true })), /^fields: .*1000 with a pattern$/],
  ]

  it.each(refused)('refuses %s', (_, fields, fault) => {
    expect(faultsOf(fields)).toEqual([expect.stringMatching(fault)])
  })
})

describe('createFieldMapping', () => {
  it('finds a field by its name', () => {
    const { named } = mapping([
      { field: 'usr', attribute: 'user.name' },
      { field: 'dc', resource: 'cloud.region' },
      { field: 'tmp', drop: true },
    ])
    expect(named('usr')).toEqual({ drop: false, resource: false, name: 'user.name' })
    expect(named('dc')).toEqual({ drop: false, resource: true, name: 'cloud.region' })
    expect(named('tmp')).toEqual({ drop: true, resource: false, name: 'tmp' })
    expect([named('other'), named('__proto__'), named('constructor')]).toEqual([undefined, undefined, undefined])
  })

  it('puts what a star stood for into the new name', () => {
    const { fitting } = mapping([{ field: 'x_*.v', attribute: 'app.*.value' }])
    expect(fitting('x_a.b.v')?.name).toBe('app.a.b.value')
    expect(fitting('x_$&.v')?.name).toBe('app.$&.value')
    expect(fitting('x_.v')?.name).toBe('app..value')
    expect(fitting('x_v')).toBeUndefined()
  })

  it('takes the first pattern that fits', () => {
    const { fitting, named } = mapping([
      { field: 'a.b*', resource: 'r*' },
      { field: 'a.*', drop: true },
    ])
    expect(fitting('a.bc')).toEqual({ drop: false, resource: true, name: 'rc' })
    expect(fitting('a.c')).toEqual({ drop: true, resource: false, name: 'a.c' })
    expect(fitting('b')).toBeUndefined()
    expect(named('a.b*')).toBeUndefined()
  })

  it('does not look at paths that are longer than names may be', () => {
    expect(mapping([{ field: '*', drop: true }]).fitting('a'.repeat(1025))).toBeUndefined()
  })
})
