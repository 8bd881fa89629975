import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ActionKind, ActionReader, actionNames, BadAction, NoAction } from '../../../src/ingest/elasticsearch/decode-action.ts'
import { textToString } from '../../../src/otlp/attributes.ts'

/** What a line says, read alone. */
function readLine(line: string | Uint8Array, major = 8, number = 1) {
  const reader = new ActionReader(major)
  return readWith(reader, line, number)
}

function readWith(reader: ActionReader, line: string | Uint8Array, number = 1) {
  const piece = typeof line === 'string' ? Buffer.from(line) : line
  reader.begin()
  reader.open(piece)
  const kind = reader.read(0, piece.length, number)
  const { index, pipeline, typed, emptyId, fault, action } = reader
  return { kind, index, id: textToString(reader.id), pipeline, typed, emptyId, fault, action, violation: reader.violation()?.reason }
}

const illegal = (reason: string) => ({ status: 400, type: 'illegal_argument_exception', reason })

describe('ActionReader', () => {
  it.each(actionNames.map((name, kind) => [name, kind] as const))('reads %s', (name, kind) => {
    expect(readLine(`{"${name}":{"_index":"logs","_id":"1"}}`)).toMatchObject({ kind, index: 'logs', id: '1', violation: undefined })
  })

  it.each([
    ['"x"', 'Malformed action/metadata line [7], expected START_OBJECT but found [VALUE_STRING]'],
    ['5', 'Malformed action/metadata line [7], expected START_OBJECT but found [VALUE_NUMBER]'],
    ['[1]', 'Malformed action/metadata line [7], expected START_OBJECT but found [START_ARRAY]'],
    ['null', 'Malformed action/metadata line [7], expected START_OBJECT but found [VALUE_NULL]'],
    ['true', 'Malformed action/metadata line [7], expected START_OBJECT but found [VALUE_BOOLEAN]'],
    ['{}', 'Malformed action/metadata line [7], expected FIELD_NAME but found [END_OBJECT]'],
    ['{"foo":{}}', 'Malformed action/metadata line [7], expected field [create], [delete], [index] or [update] but found [foo]'],
    ['{"INDEX":{}}', 'Malformed action/metadata line [7], expected field [create], [delete], [index] or [update] but found [INDEX]'],
    [
      '{"__proto__":{}}',
      'Malformed action/metadata line [7], expected field [create], [delete], [index] or [update] but found [__proto__]',
    ],
    ['{"index":5}', 'Malformed action/metadata line [7], expected START_OBJECT or END_OBJECT but found [VALUE_NUMBER]'],
    ['{"index":null}', 'Malformed action/metadata line [7], expected START_OBJECT or END_OBJECT but found [VALUE_NULL]'],
    ['{"index":[]}', 'Malformed action/metadata line [7], expected START_OBJECT or END_OBJECT but found [START_ARRAY]'],
    [
      '{"index":{"_index":["a"]}}',
      'Malformed action/metadata line [7], expected a simple value for field [_index] but found [START_ARRAY]',
    ],
    ['{"index":{"_id":{}}}', 'Malformed action/metadata line [7], expected a simple value for field [_id] but found [START_OBJECT]'],
    ['{"index":{"foo":1}}', 'Action/metadata line [7] contains an unknown parameter [foo]'],
    ['{"index":{"__proto__":1}}', 'Action/metadata line [7] contains an unknown parameter [__proto__]'],
    ['{"index":{"version":"x"}}', 'For input string: "x"'],
    ['{"index":{"version_type":"x"}}', 'No version type match [x]'],
    ['{"index":{"if_seq_no":-5}}', 'sequence numbers must be non negative. got [-5].'],
    ['{"index":{"if_primary_term":-1}}', 'primary term must be non negative. got [-1]'],
    ['{"index":{"require_alias":"maybe"}}', 'Failed to parse value [maybe] as only [true] or [false] are allowed.'],
    ['{"delete":{"_id":"1","dynamic_templates":{"a":"b"}}}', 'Delete request in line [7] does not accept dynamic_templates'],
    [
      '{"update":{"_id":"1","version":3}}',
      'Update requests do not support versioning. Please use `if_seq_no` and `if_primary_term` instead',
    ],
  ])('refuses %s as Elasticsearch does', (line, reason) => {
    const { kind, fault } = readLine(line, 8, 7)
    expect(kind).toBe(BadAction)
    expect(fault).toEqual(illegal(reason))
  })

  it.each([
    ['{index:{}}', "Unexpected character ('i' (code 105)): was expecting double-quote to start field name", 3, 2],
    ['{"index" {}}', "Unexpected character ('{' (code 123)): was expecting a colon to separate field name and value", 11, 10],
    ['{"index":{"_index":"a",}}', "Unexpected character ('}' (code 125)): was expecting double-quote to start field name", 25, 24],
    ['{"index":{"_index":"a" "b":1}}', "Unexpected character ('\"' (code 34)): was expecting comma to separate Object entries", 25, 24],
    ['xyz', "Unrecognized token 'xyz': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')", 4, 4],
    ['{"index":{"_index":"a\\x"}}', "Unrecognized character escape 'x' (code 120)", 24, 23],
    [
      '{"index":{"_index":"a\\u12g4"}}',
      "Unexpected character ('g' (code 103)): expected a hex-digit for character escape sequence",
      27,
      26,
    ],
    ['{"index":{"_id":01}}', 'Invalid numeric value: Leading zeroes not allowed', 18, 18],
    [
      '{"index":{"_id":-}}',
      "Unexpected character ('}' (code 125)) in numeric value: expected digit (0-9) to follow minus sign, for valid numeric value",
      19,
      18,
    ],
    ['{"index":{"_id":1.}}', "Unexpected character ('}' (code 125)) in numeric value: Decimal point not followed by a digit", 20, 19],
    ['{"index":{"_index":"a","_index":"b"}}', "Duplicate field '_index'", 32, 32],
    ['{"index":{"version":NaN}}', "Non-standard token 'NaN': enable `JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS` to allow", 24, 24],
  ])('words what is wrong with %s as either version does', (line, message, column7, column8) => {
    expect(readLine(line, 7).fault).toEqual({
      status: 400,
      type: 'json_parse_exception',
      reason: `${message}\n at [Source: (ByteArrayInputStream); line: 1, column: ${column7}]`,
    })
    const { fault } = readLine(line, 8)
    expect(fault?.type).toBe('x_content_parse_exception')
    expect(fault?.reason).toContain(`[1:${column8}] ${message}\n at [Source: `)
    expect(fault?.causedBy?.type).toBe('json_parse_exception')
  })

  it('names the end of a line that is cut off', () => {
    expect(readLine('{"index":{"_index":"a"', 7).fault).toMatchObject({ type: 'json_e_o_f_exception' })
    expect(readLine('{"index":{"_index":"a"', 8).fault).toMatchObject({
      type: 'x_content_e_o_f_exception',
      reason: '[1:23] Unexpected end of file',
      causedBy: { type: 'json_e_o_f_exception' },
    })
  })

  it.each([
    ['one brace too few', '{"index":{"_index":"a"}'],
    ['a value behind it', '{"index":{"_index":"a"}}{"b":1}'],
    ['blanks around everything', ' { "index" : { "_index" : "a" } } \r'],
    ['null for what nobody knows', '{"index":{"_index":"a","foo":null}}'],
    ['a type', '{"index":{"_index":"a","_type":"_doc"}}'],
    ['_source in each form', '{"index":{"_index":"a","_source":{"includes":["a"]}}}'],
    ['dynamic templates', '{"index":{"_index":"a","dynamic_templates":{"a":"b"}}}'],
  ])('takes a line with %s', (_, line) => {
    expect(readLine(line)).toMatchObject({ kind: ActionKind.Index, index: 'a', violation: undefined })
  })

  it('takes more keys beside the action and names them', () => {
    const { kind, action } = readLine('{"index":{"_index":"a","pipeline":null},"attempts":0,"more":{"a":[1]}}')
    expect(kind).toBe(ActionKind.Index)
    expect(action.extraKeys).toEqual(['attempts', 'more'])
    expect(action.pipeline).toBe('')
  })

  it('looks at what stands behind the action as the version does', () => {
    expect(readLine('{"index":{"_index":"a"}} xyz', 7).kind).toBe(ActionKind.Index)
    expect(readLine('{"index":{"_index":"a"}} xyz', 8).kind).toBe(BadAction)
  })

  it.each([
    ['5', '5'],
    ['1.50', '1.50'],
    ['1E400', '1E400'],
    ['true', 'true'],
    ['null', ''],
    ['"é😀"', 'é😀'],
    ['"q\\"\\\\\\n\\u0001\\/\\u2028"', 'q"\\\n\u0001/\u2028'],
    ['"\\ud83d\\ude00"', '😀'],
    ['"\\ud800"', '\ud800'],
  ])('reads the id %s', (json, id) => {
    expect(readLine(`{"index":{"_index":"a","_id":${json}}}`)).toMatchObject({ kind: ActionKind.Index, id, emptyId: false })
  })

  it('tells an empty id and an empty index from none', () => {
    expect(readLine('{"index":{"_index":"a","_id":""}}')).toMatchObject({ emptyId: true, id: '', violation: undefined })
    expect(readLine('{"index":{"_index":""}}')).toMatchObject({ index: '', violation: undefined })
    expect(readLine('{"index":{"_index":null}}').violation).toBe('Validation Failed: 1: index is missing;')
  })

  it('answers an index with op_type create as a create', () => {
    expect(readLine('{"index":{"_index":"a","op_type":"create"}}').kind).toBe(ActionKind.Create)
    expect(readLine('{"create":{"_index":"a","op_type":"index"}}').kind).toBe(ActionKind.Create)
  })

  it('collects what refuses the request over all its lines', () => {
    const reader = new ActionReader(8)
    reader.begin()
    for (const [at, line] of [
      '{"index":{}}',
      '{"delete":{}}',
      '{"create":{"_index":"a"}}',
      '{"create":{"_index":"a","_id":"1","version":5}}',
    ].entries()) {
      const piece = Buffer.from(line)
      reader.open(piece)
      expect(reader.read(0, piece.length, at + 1)).toBeGreaterThanOrEqual(0)
    }
    expect(reader.violation()?.reason).toBe(
      'Validation Failed: 1: index is missing;2: index is missing;3: id is missing;4: create operations do not support explicit versions. use index instead;',
    )
  })

  it('refuses a request without actions, and ids that are too long', () => {
    const reader = new ActionReader(8)
    reader.begin()
    expect(reader.violation()?.reason).toBe('Validation Failed: 1: no requests added;')
    expect(readLine(`{"index":{"_index":"a","_id":"${'x'.repeat(512)}"}}`).violation).toBeUndefined()
    expect(readLine(`{"index":{"_index":"a","_id":"${'x'.repeat(513)}"}}`).violation).toBe(
      `Validation Failed: 1: id [${'x'.repeat(513)}] is too long, must be no longer than 512 bytes but was: 513;`,
    )
  })

  it('names a hundred faults of a request at the most', () => {
    const reader = new ActionReader(8)
    const piece = Buffer.from('{"index":{}}')
    reader.begin()
    reader.open(piece)
    for (let line = 1; line <= 5000; line++) reader.read(0, piece.length, line)
    expect(reader.violation()?.reason).toMatch(/100: index is missing; and 4900 more$/)
  })

  it('takes what the path says where the line says nothing', () => {
    const reader = new ActionReader(8)
    const piece = Buffer.from('{"index":{}}{"index":{"_index":"b","pipeline":"_none"}}')
    reader.begin({ index: 'path', pipeline: 'p', routing: '' })
    reader.open(piece)
    reader.read(0, 12, 1)
    expect(reader.action).toMatchObject({ index: 'path', pipeline: 'p' })
    reader.read(12, piece.length, 2)
    expect(reader.action).toMatchObject({ index: 'b', pipeline: '' })
    reader.begin({ index: 'other', pipeline: '', routing: '' })
    reader.open(piece)
    reader.read(0, 12, 1)
    expect(reader.action).toMatchObject({ index: 'other', pipeline: '' })
    expect(reader.violation()).toBeUndefined()
  })

  it.each(['', '  ', '\r', ' \t\r'])('says of the blank line %j that there is nothing', (line) => {
    expect(readLine(line).kind).toBe(NoAction)
  })

  it('refuses what is not UTF-8', () => {
    const bytes = (text: string) => Buffer.from(text, 'latin1')
    expect(readLine(bytes('{"index":{"_index":"a\xff"}}'), 7).fault?.reason).toContain('Invalid UTF-8 start byte 0xff')
    expect(readLine(bytes('{"index":{"_index":"a","_id":"\xe9b"}}'), 7).fault?.reason).toContain('Invalid UTF-8 middle byte 0x62')
  })

  it('does not fall over depth, length or numbers of names', () => {
    const deep = '{"a":'.repeat(100_000)
    expect(readLine(`{"index":{"_source":${deep.slice(0, 50_000)}`).kind).toBe(BadAction)
    expect(readLine(`{"index":{"_source":${deep}`).fault?.reason).toContain('longer than 65536 bytes')
    const many = Array.from({ length: 5000 }, (_, i) => `"n${i}":null`).join(',')
    expect(readLine(`{"index":{${many}}}`).kind).toBe(BadAction)
    expect(readLine(`{"index":{},"x":${deep.slice(0, 50_000)}`).kind).toBe(ActionKind.Index)
  })

  it('finds the id in lines that it knows as if it parsed them', () => {
    const reader = new ActionReader(8)
    const id = fc.oneof(
      fc.string(),
      fc.string({ unit: 'binary' }),
      fc.integer(),
      fc.constantFrom('', '01', '"', '\\', 'é', '1', 'x'.repeat(512)),
    )
    const form = fc.constantFrom(
      (id: unknown) => `{"index":{"_index":"a","_id":${JSON.stringify(id)}}}`,
      (id: unknown) => `{"create":{"_id":${JSON.stringify(id)},"_index":"b"}}`,
      (id: unknown) => `{"index":{"_index":"a","_id":${id}}}`,
      () => '{"index":{"_index":"a"}}',
      () => '{"create":{"_index":"a","pipeline":"p"}}',
    )
    fc.assert(
      fc.property(id, form, (value, make) => {
        const line = make(value)
        const { action: _, ...known } = readWith(reader, line)
        const { action: __, ...parsed } = readLine(line)
        expect(known).toEqual(parsed)
      }),
      { numRuns: 2000 },
    )
  })

  it('never throws', () => {
    const reader = new ActionReader(8)
    const fragments = fc.constantFrom(
      '{',
      '}',
      '"index"',
      ':',
      '"_id"',
      ',',
      '"a"',
      '[',
      ']',
      'null',
      '1',
      '-',
      '1e5',
      '\\',
      '"',
      ' ',
      '\xff',
      'true',
      '"version"',
      '"_source"',
      '"dynamic_templates"',
      '/*',
    )
    fc.assert(
      fc.property(fc.array(fragments, { maxLength: 30 }), fc.boolean(), (parts, old) => {
        const line = Buffer.from(parts.join(''), 'latin1')
        const one = old ? new ActionReader(7) : reader
        expect(readWith(one, line).kind).toBeGreaterThanOrEqual(NoAction)
      }),
      { numRuns: 3000 },
    )
  })

  it('takes only lines that JSON.parse takes, where nothing stands behind them', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 3 }), fc.nat(40), fc.string({ unit: 'binary-ascii', maxLength: 1 }), (json, at, insert) => {
        const line = `{"index":{"_index":"a","_source":{"x":true},"_id":${json.slice(0, at)}${insert}${json.slice(at)}}}`
        const { kind } = readLine(line, 8)
        let isJson = true
        try {
          JSON.parse(line)
        } catch {
          isJson = false
        }
        if (kind !== BadAction) expect(isJson).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })
})
