import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Document, parse } from 'yaml'
import type { TextDocument } from '../../../dashboards/text/document.ts'
import type { Node } from '../../../dashboards/text/node.ts'
import { parseYamlDocuments } from '../../../dashboards/text/yaml.ts'
import { anyJson, normal } from '../../support/dashboards/arbitrary-json.ts'
import { anyEdits, changeAtRandom } from '../../support/dashboards/random-edits.ts'

const at = (document: TextDocument, ...path: (string | number)[]): Node => {
  let node: Node | undefined = document.root.items[0]
  for (const step of path) node = typeof step === 'number' ? node?.items[step] : node?.get(step)
  if (node === undefined) throw new Error(`nothing at ${path.join('.')}`)
  return node
}

const changed = (text: string, change: (document: TextDocument) => void): string => {
  const document = parseYamlDocuments(text)
  change(document)
  return document.toString()
}

const edited = (text: string, start: number, end: number, to: string, ...path: (string | number)[]): string =>
  changed(text, (document) => document.editText(at(document, ...path), [{ start, end, to }]))

const anyYaml = fc.record({
  indent: fc.constantFrom(2, 3, 4),
  indentSeq: fc.boolean(),
  lineWidth: fc.constantFrom(0, 20, 30),
  defaultStringType: fc.constantFrom('PLAIN', 'QUOTE_SINGLE', 'QUOTE_DOUBLE', 'BLOCK_LITERAL', 'BLOCK_FOLDED') as fc.Arbitrary<
    'PLAIN' | 'QUOTE_SINGLE' | 'QUOTE_DOUBLE' | 'BLOCK_LITERAL' | 'BLOCK_FOLDED'
  >,
  collectionStyle: fc.constantFrom('any', 'block', 'flow') as fc.Arbitrary<'any' | 'block' | 'flow'>,
})

const readsAs = (text: string, value: unknown): boolean => {
  try {
    return normal(parse(text, { uniqueKeys: false })) === normal(value)
  } catch {
    return false
  }
}

describe('parseYamlDocuments', () => {
  it('makes any change of the text come to the same as the change of the value', () => {
    fc.assert(
      fc.property(anyJson, anyYaml, anyEdits, (value, options, list) => {
        const text = new Document([value], { version: '1.2' }).toString({ ...options, defaultKeyType: 'QUOTE_DOUBLE' })
        // What the writer of the test itself cannot write and read again is not ours to judge.
        fc.pre(readsAs(text, [value]))
        const document = parseYamlDocuments(text)
        const top = document.root.items[0]
        if (top === undefined) return
        expect(normal(top.plain())).toBe(normal([value]))
        const wanted = changeAtRandom(document, top, list)
        const after = document.toString()
        expect(normal(parse(after, { uniqueKeys: false }))).toBe(normal(wanted))
      }),
      { numRuns: 400 },
    )
  })

  it('keeps every byte of what is not changed: comments, quotes, anchors, line breaks', () => {
    const text =
      '# head\ngroups:\n- name: x # tail\n  rules:\n  - alert: "A"   \n    expr:   up == 0   # why\n    labels: &l {severity: warn}\n  - {alert: B, expr: \'a\', labels: *l}\n\n# foot\n'
    expect(edited(text, 0, 2, 'down', 'groups', 0, 'rules', 0, 'expr')).toBe(text.replace('up == 0', 'down == 0'))
    expect(edited(text, 0, 1, "it's", 'groups', 0, 'rules', 1, 'expr')).toBe(text.replace("'a'", "'it''s'"))
    const windows = text.replaceAll('\n', '\r\n')
    expect(edited(windows, 0, 2, 'down', 'groups', 0, 'rules', 0, 'expr')).toBe(windows.replace('up == 0', 'down == 0'))
  })

  it('edits within block scalars and keeps their lines', () => {
    const literal = 'a:\n  expr: |\n    sum(x)\n      by (y)\n\n    > 1\n  z: 1\n'
    expect(edited(literal, 4, 5, 'renamed', 'a', 'expr')).toBe(literal.replace('(x)', '(renamed)'))
    expect(edited(literal, 9, 15, 'without (z)', 'a', 'expr')).toBe(literal.replace('by (y)', 'without (z)'))
    const folded = 'expr: >-\n  sum(rate(x[5m]))\n  by (y)\n\n  and z\n'
    expect(at(parseYamlDocuments(folded), 'expr').value).toBe('sum(rate(x[5m])) by (y)\nand z')
    expect(edited(folded, 9, 10, 'new', 'expr')).toBe(folded.replace('(x[', '(new['))
    expect(edited(folded, 24, 27, 'or', 'expr')).toBe(folded.replace('and', 'or'))
    const windows = literal.replaceAll('\n', '\r\n')
    expect(edited(windows, 4, 5, 'renamed', 'a', 'expr')).toBe(windows.replace('(x)', '(renamed)'))
  })

  it('edits through folds and escapes of quoted strings', () => {
    const double = 'k: "a \\"b\\" \\u00e4\n  c"  # x\n'
    expect(at(parseYamlDocuments(double), 'k').value).toBe('a "b" ä c')
    expect(edited(double, 8, 9, '"d"', 'k')).toBe('k: "a \\"b\\" \\u00e4\n  \\"d\\""  # x\n')
    expect(edited("k: 'it''s\n\n  x'\n", 5, 6, 'y', 'k')).toBe("k: 'it''s\n\n  y'\n")
  })

  it('puts a plain string into quotes where the new text would not be one any more', () => {
    expect(edited('k: up', 0, 2, 'a: b', 'k')).toBe("k: 'a: b'")
    expect(edited('k: up # c\n', 0, 2, 'true', 'k')).toBe("k: 'true' # c\n")
    expect(edited('k: up', 0, 2, '{a="b"}', 'k')).toBe(`k: '{a="b"}'`)
    expect(edited('[up, down]', 0, 2, 'a, b', 0)).toBe("['a, b', down]")
    expect(edited('k: up\n', 2, 2, '\nx', 'k')).toBe('k: "up\\nx"\n')
  })

  it('takes braces of Go and Helm templates in strings as text', () => {
    const text =
      'annotations:\n  summary: "{{ $labels.a }} is {{ $value | humanize }}"\n  more: |\n    {{ range query "up" }}{{ .Value }}{{ end }}\n'
    expect(at(parseYamlDocuments(text), 'annotations', 'summary').value).toBe('{{ $labels.a }} is {{ $value | humanize }}')
    expect(edited(text, 11, 12, 'b', 'annotations', 'summary')).toBe(text.replace('labels.a', 'labels.b'))
  })

  it('shows what aliases and merge keys stand for, and changes it once, at the anchor', () => {
    const text = 'base: &b\n  x: one\n  y: two\nuse: *b\nmore:\n  <<: *b\n  y: own\n'
    const document = parseYamlDocuments(text)
    expect(JSON.stringify(document.root.items[0]?.plain())).toBe(
      '{"base":{"x":"one","y":"two"},"use":{"x":"one","y":"two"},"more":{"y":"own","x":"one"}}',
    )
    expect(at(document, 'use', 'x').path).toBe('$.use.x')
    for (const path of [['base'], ['use'], ['more']]) document.editText(at(document, ...path, 'x'), [{ start: 0, end: 3, to: 'ONE' }])
    expect(document.toString()).toBe(text.replace('one', 'ONE'))
    expect(changed(text, (other) => other.replace(at(other, 'use'), { z: 1 }))).toBe(text.replace('use: *b', 'use:\n  z: 1'))
  })

  it('replaces, puts in and takes out, laid out as the file is', () => {
    const text =
      'groups:\n  - name: a\n    rules:\n      - record: x # c\n        expr: up\n      # of y\n      - record: y\n        expr: |\n          down\n    interval: 1m\n'
    const rules = (document: TextDocument) => at(document, 'groups', 0, 'rules')
    const rule = (document: TextDocument, nth: number) => at(document, 'groups', 0, 'rules', nth)
    expect(changed(text, (document) => document.insert(rule(document, 0), 'labels', { a: '1', b: ['x', 'true'] }, 'record'))).toBe(
      text.replace('# c\n', "# c\n        labels:\n          a: '1'\n          b:\n            - x\n            - 'true'\n"),
    )
    expect(changed(text, (document) => document.append(rules(document), { record: 'z', expr: 'a\nb\n' }))).toBe(
      text.replace('down\n', 'down\n      - record: z\n        expr: |\n          a\n          b\n'),
    )
    expect(changed(text, (document) => document.remove(rules(document), rule(document, 0)))).toBe(
      text.replace('      - record: x # c\n        expr: up\n      # of y\n', '      # of y\n'),
    )
    expect(changed(text, (document) => document.remove(rules(document), rule(document, 1)))).toBe(
      text.replace('      # of y\n      - record: y\n        expr: |\n          down\n', ''),
    )
    expect(changed(text, (document) => document.replace(rules(document), []))).toBe(
      'groups:\n  - name: a\n    rules: []\n    interval: 1m\n',
    )
    expect(changed(text, (document) => document.replace(rule(document, 1), { alert: 'Z' }))).toBe(
      text.replace('record: y\n        expr: |\n          down\n', 'alert: Z\n'),
    )
    expect(changed('a: {b: 1, c: 2}\n', (document) => document.insert(at(document, 'a'), 'd', { e: 'x: y' }, 'b'))).toBe(
      "a: {b: 1, d: { e: 'x: y' }, c: 2}\n",
    )
  })

  it('reads several documents, each with its index in the path', () => {
    const document = parseYamlDocuments('a: 1\n---\nb: [x]\n...\n---\n')
    expect(document.root.items.map((item) => JSON.stringify(item.plain()))).toEqual(['{"a":1}', '{"b":["x"]}', 'null'])
    expect(document.root.items[1]?.get('b')?.items[0]?.path).toBe('$[1].b[0]')
    expect(parseYamlDocuments('a: 1').root.items[0]?.get('a')?.path).toBe('$.a')
    expect(parseYamlDocuments('').root.items).toEqual([])
  })

  it('reads as Python does when it is told so', () => {
    expect(parseYamlDocuments('a: yes', { version: '1.1' }).root.items[0]?.get('a')?.value).toBe(true)
    expect(parseYamlDocuments('a: yes').root.items[0]?.get('a')?.value).toBe('yes')
  })

  it('refuses what unfolds without end, what is too deep, and what is no YAML', () => {
    const bomb = [
      'a: &a [x, x, x, x, x, x, x, x, x, x]',
      ...[...'bcdefgh'].map((name, nth) => `${name}: &${name} [${Array(10).fill(`*${'abcdefgh'[nth]}`).join(', ')}]`),
    ].join('\n')
    expect(() => parseYamlDocuments(bomb)).toThrow('stands for more than 2000000 values')
    expect(() => parseYamlDocuments('a: &a [*a]')).toThrow('no anchor a is known')
    expect(() => parseYamlDocuments('['.repeat(100_000))).toThrow('nested deeper than 200')
    expect(() => parseYamlDocuments('- '.repeat(5000))).toThrow('nested deeper than 200')
    expect(() => parseYamlDocuments('a: [1')).toThrow(/cannot read YAML: .* at line 1/)
    expect(() => parseYamlDocuments('a: {{ .Values.x }}\nb: {{- if }}')).toThrow('cannot read YAML')
    expect(parseYamlDocuments('__proto__: {x: 1}').root.items[0]?.get('__proto__')?.get('x')?.value).toBe(1)
  })
})
