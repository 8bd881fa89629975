/** JSON values, and texts of them in any layout that JSON allows. */

import fc from 'fast-check'

/** Keys and texts with what is easily got wrong. None ends with a backslash: JSON.parse of Node 24 takes the key `"` for one that was there before. */
export const anyText = fc
  .oneof(
    fc.string({ maxLength: 12 }),
    fc.string({ unit: 'binary', maxLength: 6 }),
    fc.constantFrom(
      '__proto__',
      'constructor',
      '',
      '"',
      '\\',
      '\u2028',
      'a/b',
      '<b>&',
      'ä€😀',
      'line\nline',
      'a: b # c',
      "it's",
      '- x',
      '\t',
    ),
  )
  .filter((text) => !text.endsWith('\\'))

export const anyJson: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(null, true, false, 0, 1, -1, 1.5, 1e21, 1e-7),
    fc.integer(),
    anyText,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(fc.tuple(anyText, tie('value')), { maxLength: 4 }).map((members) => {
      const object: Record<string, unknown> = Object.create(null)
      for (const [key, value] of members) object[key] = value
      return object
    }),
  ),
})).value

/** How a text is laid out: white space by turns, and which characters are escaped. */
export const anyLayout = fc.record({
  spaces: fc.array(fc.constantFrom('', ' ', '\n', '\r\n  ', '\t', '\n    '), { minLength: 1, maxLength: 7 }),
  escapes: fc.array(fc.boolean(), { minLength: 1, maxLength: 5 }),
  mark: fc.boolean(),
})

type Layout = typeof anyLayout extends fc.Arbitrary<infer T> ? T : never

/** A value as JSON, with white space and escapes as the layout says. */
export function written(value: unknown, layout: Layout): string {
  let at = 0
  let escaped = 0
  const space = (): string => layout.spaces[at++ % layout.spaces.length] ?? ''
  const text = (one: string): string =>
    `"${[...one]
      .map((character) => {
        const plain = JSON.stringify(character).slice(1, -1)
        if (layout.escapes[escaped++ % layout.escapes.length] !== true) return plain
        return Array.from(character, (unit) => [...Array(unit.length).keys()].map((n) => unit.charCodeAt(n)))
          .flat()
          .map((code) => `\\u${code.toString(16).padStart(4, '0')}`)
          .join('')
      })
      .join('')}"`
  const write = (one: unknown): string => {
    if (typeof one === 'string') return text(one)
    if (Array.isArray(one)) return `[${one.map((item) => `${space()}${write(item)}${space()}`).join(',') || space()}]`
    if (typeof one === 'object' && one !== null) {
      const members = Object.entries(one).map(([key, member]) => `${space()}${text(key)}${space()}:${space()}${write(member)}${space()}`)
      return `{${members.join(',') || space()}}`
    }
    return JSON.stringify(one)
  }
  return `${layout.mark ? '\uFEFF' : ''}${space()}${write(value)}${space()}`
}

/** A plain value with prototypes, so that two of them can be compared. */
export const normal = (value: unknown): unknown => JSON.stringify(value)
