import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { TextDocument } from '../../../dashboards/text/document.ts'
import { parseJsonDocument } from '../../../dashboards/text/json.ts'
import type { Node } from '../../../dashboards/text/node.ts'
import { anyJson, anyLayout, normal, written } from '../../support/dashboards/arbitrary-json.ts'
import { anyEdits, changeAtRandom } from '../../support/dashboards/random-edits.ts'

const at = (document: TextDocument, ...path: (string | number)[]): Node => {
  let node: Node | undefined = document.root
  for (const step of path) node = typeof step === 'number' ? node?.items[step] : node?.get(step)
  if (node === undefined) throw new Error(`nothing at ${path.join('.')}`)
  return node
}

const changed = (text: string, change: (document: TextDocument) => void): string => {
  const document = parseJsonDocument(text)
  change(document)
  return document.toString()
}

describe('parseJsonDocument', () => {
  it('reads what JSON.parse reads', () => {
    fc.assert(
      fc.property(anyJson, anyLayout, (value, layout) => {
        const document = parseJsonDocument(written(value, layout))
        expect(normal(document.root.plain())).toBe(normal(value))
        expect(document.edits()).toEqual([])
      }),
      { numRuns: 200 },
    )
  })

  it('makes any change of the text come to the same as the change of the value, and leaves the rest byte for byte', () => {
    fc.assert(
      fc.property(anyJson, anyLayout, anyEdits, (value, layout, list) => {
        const text = written([value], layout)
        const document = parseJsonDocument(text)
        const wanted = changeAtRandom(document, document.root, list)
        const after = document.toString()
        expect(normal(JSON.parse(after.replace(/^\uFEFF/, '')))).toBe(normal(wanted))
        // Only spans of edits differ, so that what is between them stands as it stood.
        let from = 0
        let place = 0
        for (const { start, end, to } of document.edits()) {
          const kept = text.slice(from, start)
          expect(after.startsWith(kept + to, place)).toBe(true)
          place += kept.length + to.length
          from = end
        }
        expect(after.slice(place)).toBe(text.slice(from))
      }),
      { numRuns: 400 },
    )
  })

  it('refuses what is no JSON, with the place', () => {
    const rows: [string, string][] = [
      ['', 'a value at line 1, column 1, found the end'],
      ['{"a":1,}', 'a key at line 1, column 8'],
      ['[1,]', 'a value at line 1, column 4'],
      ['[1 2]', '"," or "]" at line 1, column 4'],
      ['{"a" 1}', '":" at line 1, column 6'],
      ['[01]', '"," or "]" at line 1, column 3'],
      ['["\\x"]', 'an escape of JSON at line 1, column 3'],
      ['["a\n"]', 'an escape in place of a control character at line 1, column 4'],
      ['["a', 'a closing quote at line 1, column 4'],
      ['[1]\n[2]', 'the end at line 2, column 1'],
      ['[nul]', 'a value at line 1, column 2'],
      ['[[1}', '"," or "]" at line 1, column 4'],
    ]
    for (const [text, words] of rows) expect(() => parseJsonDocument(text), text).toThrow(words)
  })

  it('knows the paths of values, and both values of a key that stands twice', () => {
    const document = parseJsonDocument('{"panels":[{"a.b":{"x":1}}],"k":1,"k":2,"__proto__":{"y":1}}')
    expect(at(document, 'panels', 0, 'a.b', 'x').path).toBe('$.panels[0]["a.b"].x')
    expect(document.root.members.map(([key]) => key)).toEqual(['panels', 'k', 'k', '__proto__'])
    expect(document.root.get('k')?.value).toBe(2)
    expect(({} as Record<string, unknown>)['y']).toBeUndefined()
    expect(Object.getPrototypeOf(document.root.plain())).toBeNull()
  })

  it('limits depth, and takes what is just within it', () => {
    expect(() => parseJsonDocument('['.repeat(201))).toThrow('deeper than 200')
    expect(parseJsonDocument(`${'['.repeat(200)}${']'.repeat(200)}`).root.kind).toBe('array')
    expect(() => parseJsonDocument('['.repeat(1_000_000))).toThrow('deeper than 200')
  })

  it('edits through escapes and writes new text as the file escapes its own', () => {
    const go = '{"expr":"a \\u003e 1 \\"x\\" end"}'
    expect(changed(go, (document) => document.editText(at(document, 'expr'), [{ start: 6, end: 9, to: '"<y>"' }]))).toBe(
      '{"expr":"a \\u003e 1 \\"\\u003cy\\u003e\\" end"}',
    )
    const python = '{"t":"\\u00e4 x \\ud83d\\ude00 z"}'
    expect(changed(python, (document) => document.editText(at(document, 't'), [{ start: 2, end: 3, to: 'ö' }]))).toBe(
      '{"t":"\\u00e4 \\u00f6 \\ud83d\\ude00 z"}',
    )
    expect(changed('{"t":"ä"}', (document) => document.editText(at(document, 't'), [{ start: 1, end: 1, to: 'ö\n' }]))).toBe(
      '{"t":"äö\\n"}',
    )
  })

  it('adds up edits of one string and refuses those that overlap', () => {
    const document = parseJsonDocument('{"t":"abcdef"}')
    const node = at(document, 't')
    document.editText(node, [{ start: 4, end: 5, to: 'E' }])
    document.editText(node, [{ start: 0, end: 2, to: 'AB' }])
    expect(document.toString()).toBe('{"t":"ABcdEf"}')
    expect(() => document.editText(node, [{ start: 1, end: 3, to: '' }])).toThrow('overlaps')
    expect(() => document.editText(node, [{ start: 6, end: 7, to: '' }])).toThrow('lies outside')
    expect(document.toString()).toBe('{"t":"ABcdEf"}')
  })

  it('lays out what is new as what is around it', () => {
    const two = '{\n  "a": 1,\n  "list": [\n    1\n  ]\n}\n'
    expect(changed(two, (document) => document.insert(document.root, 'b', { x: [1, 2], y: {} }, 'a'))).toBe(
      '{\n  "a": 1,\n  "b": {\n    "x": [\n      1,\n      2\n    ],\n    "y": {}\n  },\n  "list": [\n    1\n  ]\n}\n',
    )
    expect(changed(two, (document) => document.append(at(document, 'list'), 2))).toBe(two.replace('1\n  ]', '1,\n    2\n  ]'))
    expect(changed('{"a":1}', (document) => document.insert(document.root, 'b', { c: [1, 2] }))).toBe('{"a":1,"b":{"c":[1,2]}}')
    expect(changed('{"a": 1, "b": 2}', (document) => document.insert(document.root, 'c', [1, 2], 'a'))).toBe(
      '{"a": 1, "c": [1, 2], "b": 2}',
    )
    const windows = '{\r\n\t"a": []\r\n}'
    expect(changed(windows, (document) => document.append(at(document, 'a'), { b: 1 }))).toBe(
      '{\r\n\t"a": [\r\n\t\t{\r\n\t\t\t"b": 1\r\n\t\t}\r\n\t]\r\n}',
    )
  })

  it('takes out members and elements with their commas', () => {
    const text = '{\n  "a": 1,\n  "b": 2,\n  "c": 3\n}'
    const without = (...keys: string[]) =>
      changed(text, (document) => {
        for (const key of keys) document.remove(document.root, at(document, key))
      })
    expect(without('a')).toBe('{\n  "b": 2,\n  "c": 3\n}')
    expect(without('b')).toBe('{\n  "a": 1,\n  "c": 3\n}')
    expect(without('c')).toBe('{\n  "a": 1,\n  "b": 2\n}')
    expect(without('a', 'c')).toBe('{\n  "b": 2\n}')
    expect(without('a', 'b', 'c')).toBe('{}')
  })

  it('lets a later replacement win over changes within, and refuses changes of what is gone', () => {
    const text = '{"a":{"b":"x"},"c":1}'
    expect(
      changed(text, (document) => {
        document.editText(at(document, 'a', 'b'), [{ start: 0, end: 1, to: 'y' }])
        document.replace(at(document, 'a'), 1)
        document.replace(at(document, 'a'), 2)
      }),
    ).toBe('{"a":2,"c":1}')
    const document = parseJsonDocument(text)
    document.remove(document.root, at(document, 'a'))
    expect(() => document.editText(at(document, 'a', 'b'), [])).toThrow('cannot change $.a.b: $.a is taken out already')
    expect(() => document.insert(document.root, 'c', 1)).toThrow('has a member "c" already')
    expect(() => document.replace(parseJsonDocument('1').root, 1)).toThrow('of another document')
  })

  it('is linear: and a text of more values than 2,000,000 is refused', () => {
    const text = `[${'{"a":"b\\n"},'.repeat(60_000)}1]`
    expect(parseJsonDocument(text).root.items).toHaveLength(60_001)
    expect(() => parseJsonDocument(`[${'0,'.repeat(2_000_001)}0]`)).toThrow('more than 2000000 values')
  })
})
