/** Section 7.3 of the reference, row by row. */

import { describe, expect, it } from 'vitest'
import { parseDsl } from '../../../dashboards/filters/dsl.ts'
import { parseKql } from '../../../dashboards/filters/kql.ts'
import { parseLucene } from '../../../dashboards/filters/lucene.ts'
import type { Parsed } from '../../../dashboards/filters/model.ts'
import { logsOf } from '../../../dashboards/logql/filter.ts'
import type { Status } from '../../../dashboards/model.ts'
import { context, filterOf, parses } from '../../support/dashboards/log-context.ts'

const languages = { kql: parseKql, lucene: (text: string) => parseLucene(text), dsl: (text: string) => parseDsl(JSON.parse(text)) }

/** Stages of a condition, its status and the codes of its notes, without the one about the selector. */
function leaf(language: keyof typeof languages, text: string, index?: string) {
  const parsed: Parsed = languages[language](text)
  const logs = logsOf(filterOf(parsed), context, { index })
  expect(parses(logs.text), logs.text).toBe(true)
  const codes = [...new Set(logs.notes.map((one) => one.code))].filter((code) => code !== 'OBD-L-010')
  const head = logs.selector === '{service_name=~".+"}' ? '' : logs.selector
  return [`${head}${logs.stages}`.trim(), logs.status, ...codes]
}

type Row = readonly [name: string, language: keyof typeof languages, text: string, stages: string, status: Status, ...codes: string[]]

const rows: readonly Row[] = [
  ['f:"x"', 'kql', 'f: "x"', '| f="x"', 'exact'],
  ['f:x', 'lucene', 'f:x', '| f="x"', 'exact'],
  ['term', 'dsl', '{"term":{"f":"x"}}', '| f="x"', 'exact'],
  ['match_phrase on a keyword', 'dsl', '{"match_phrase":{"f":"x y"}}', '| f="x y"', 'exact'],
  ['an index label', 'kql', 'service.name: "shop"', '{service_name="shop"}', 'exact'],
  [
    'a field that is renamed',
    'kql',
    'kubernetes.pod.name: p and error.stack_trace: s',
    '{k8s_pod_name="p"} | exception_stacktrace="s"',
    'exact',
  ],
  ['a multi-field', 'kql', 'host.name.keyword: h', '| host_name="h"', 'exact'],
  ['analysed text', 'kql', 'error.message: x', '| exception_message=~`(?i)(^|.*\\W)x(\\W.*|$)`', 'approximate', 'OBD-L-001'],
  [
    'analysed text, two words',
    'dsl',
    '{"match":{"error.message":"a b"}}',
    '| exception_message=~`(?i)(^|.*\\W)(a|b)(\\W.*|$)`',
    'approximate',
    'OBD-L-001',
  ],
  ['a word of the message', 'kql', 'message: foo', '|~ `(?i)\\bfoo\\b`', 'approximate', 'OBD-L-001'],
  ['a bare word', 'lucene', 'foo', '|~ `(?i)\\bfoo\\b`', 'approximate', 'OBD-L-002'],
  ['a phrase of the message', 'lucene', 'message:"a b"', '|~ `(?i)a\\W+b`', 'approximate', 'OBD-L-001'],
  ['words without quotes', 'kql', 'message: a b', '|~ `(?i)\\b(a|b)\\b`', 'approximate', 'OBD-L-001'],
  [
    'words that all have to be there',
    'dsl',
    '{"match":{"message":{"query":"a b","operator":"and"}}}',
    '|~ `(?i)\\ba\\b` |~ `(?i)\\bb\\b`',
    'approximate',
    'OBD-L-001',
  ],
  [
    'a word that is not ASCII',
    'kql',
    'message: ошибка',
    '|~ `(?i)(^|[^\\p{L}\\p{N}_])ошибка([^\\p{L}\\p{N}_]|$)`',
    'approximate',
    'OBD-L-001',
  ],
  ['words without blanks between', 'kql', 'message: 障害', '|~ "(?i)障害"', 'approximate', 'OBD-L-001'],
  ['the whole message', 'kql', 'message.keyword: "a.b"', '|~ `(?s)^a\\.b$`', 'exact'],
  ['part of the whole message', 'lucene', 'message.keyword:*time\\"out*', '|= `time"out`', 'exact'],
  ['a wildcard', 'kql', 'f: web-*', '| f=~"^web-.*"', 'exact'],
  ['a wildcard with signs', 'lucene', 'f:a.b?c*', '| f=~`^a\\.b.c.*`', 'exact'],
  ['wildcard', 'dsl', '{"wildcard":{"f":{"value":"a*b","case_insensitive":true}}}', '| f=~"(?i)^a.*b$"', 'exact'],
  ['prefix', 'dsl', '{"prefix":{"f":"a+"}}', '| f=~`^a\\+.*`', 'exact'],
  ['a wildcard of the message', 'kql', 'message: *time*out*', '|~ `(?i)time[\\p{L}\\p{N}_]*out`', 'approximate', 'OBD-L-001'],
  ['f:*', 'kql', 'f: *', '| f!=""', 'exact'],
  ['_exists_', 'lucene', '_exists_:f', '| f!=""', 'exact'],
  ['exists', 'dsl', '{"exists":{"field":"f"}}', '| f!=""', 'exact'],
  ['exists of an index label', 'dsl', '{"exists":{"field":"kubernetes.pod.name"}}', '{k8s_pod_name=~".+"}', 'exact'],
  ['the opposite of exists', 'lucene', 'NOT _exists_:f', '| f=""', 'exact'],
  ['missing, of old', 'dsl', '{"missing":{"field":"f"}}', '| f=""', 'exact'],
  ['not f:x', 'kql', 'not f: x', '| f!="x"', 'exact'],
  ['-f:x', 'lucene', '-f:x', '| f!="x"', 'exact'],
  ['f:(a or b)', 'kql', 'f: (a or "b.c")', '| f=~`a|b\\.c`', 'exact'],
  ['terms', 'dsl', '{"terms":{"f":["a",1,true]}}', '| f=~"a|1|true"', 'exact'],
  ['alternatives of one field', 'kql', 'f: a or f: b', '| f=~"a|b"', 'exact'],
  ['not one of several', 'kql', 'not f: (a or b)', '| f!~"a|b"', 'exact'],
  ['f >= 400', 'kql', 'f >= 400', '| f >= 400', 'exact'],
  ['f:[400 TO 499]', 'lucene', 'f:[400 TO 499]', '| f >= 400 | f <= 499', 'exact'],
  ['mixed brackets', 'lucene', 'f:{400 TO 499]', '| f > 400 | f <= 499', 'exact'],
  ['an open end', 'lucene', 'f:{400 TO *]', '| f > 400', 'exact'],
  ['numbers below 0 and exponents', 'dsl', '{"range":{"f":{"gte":-5,"lt":1e21}}}', '| f >= -5 | f < 1000000000000000000000', 'exact'],
  ['the opposite of a range', 'kql', 'not f >= 400', '| f < 400 or f=""', 'exact'],
  ['the opposite of a range with two ends', 'lucene', 'NOT f:[1 TO 2}', '| f < 1 or f >= 2 or f=""', 'exact'],
  ['a range of text', 'lucene', 'f:[a TO b]', '', 'unsupported', 'OBD-L-003'],
  ['a range of time', 'lucene', '@timestamp:[now-1h TO now] AND f:x', '| f="x"', 'approximate', 'OBD-L-004'],
  ['a range of time among alternatives', 'kql', '@timestamp > now-1h or f: x', '', 'unsupported', 'OBD-L-004', 'OBD-L-009'],
  ['addresses', 'kql', 'ip: 10.0.0.0/8', '| ip=ip("10.0.0.0/8")', 'exact'],
  ['other addresses', 'kql', 'not ip: "2001:db8::/32"', '| ip!=ip("2001:db8::/32") or ip=""', 'exact'],
  ['a range of addresses', 'kql', 'ip >= 10.0.0.0 and ip <= 10.0.0.9', '| ip=ip("10.0.0.0-10.0.0.9")', 'exact'],
  ['/re/', 'lucene', 'f:/ab+[^x"]"."\\//', '| f!="" | f=~`ab+[^x"](?:\\.)/`', 'exact'],
  ['the opposite of /re/', 'lucene', 'NOT f:/a*/', '| f!~"^a*$" or f=""', 'exact'],
  ['signs that are plain in Lucene', 'lucene', 'f:/^a$/', '| f!="" | f=~`\\^a\\$`', 'exact'],
  ['operators of Lucene', 'lucene', 'f:/a~b/', '', 'unsupported', 'OBD-L-012'],
  ['regexp of the message', 'lucene', 'message:/err[0-9]+/', '|~ `(?i)\\b(err[0-9]+)\\b`', 'approximate', 'OBD-L-001'],
  ['fuzzy', 'lucene', 'f:foo~1', '| f="foo"', 'approximate', 'OBD-L-005'],
  ['words near each other', 'lucene', 'message:"a b"~3', '|~ `(?i)\\ba\\b` |~ `(?i)\\bb\\b`', 'approximate', 'OBD-L-005'],
  ['a boost', 'lucene', 'f:foo^2', '| f="foo"', 'exact'],
  ['a script', 'dsl', '{"script":{"script":"doc"}}', '', 'unsupported', 'OBD-L-009'],
  ['more_like_this', 'dsl', '{"more_like_this":{"like":"x"}}', '', 'unsupported', 'OBD-L-009'],
  ['geometry', 'dsl', '{"geo_distance":{"distance":"1km"}}', '', 'unsupported', 'OBD-L-009'],
  ['nested', 'kql', 'a: { b: x and c: y }', '| a_b="x" | a_c="y"', 'approximate', 'OBD-L-006'],
  ['nested with one condition', 'kql', 'a: { b: x }', '| a_b="x"', 'exact'],
  [
    'minimum_should_match',
    'dsl',
    '{"bool":{"minimum_should_match":2,"should":[{"term":{"a":"1"}},{"term":{"b":"1"}},{"term":{"c":"1"}}]}}',
    '',
    'unsupported',
    'OBD-L-009',
  ],
  ['_id', 'kql', '_id: 5', '', 'manual', 'OBD-L-008'],
  ['_index with a selector', 'kql', '_index: nginx-2026 and f: x', '{service_name="nginx"} | f="x"', 'exact'],
  ['_index without one', 'kql', '_index: other and f: x', '| f="x"', 'manual', 'OBD-L-008'],
  ['a level', 'kql', 'log.level: error', '| severity_text=~"(?i)error"', 'exact', 'OBD-L-013'],
  ['levels', 'lucene', 'log.level:(error OR fatal)', '| severity_text=~"(?i)(error|fatal)"', 'exact', 'OBD-L-013'],
  ['a field whose place depends on others', 'kql', 'level: error', '| severity_text=~"(?i)error"', 'approximate', 'OBD-L-013', 'OBD-L-015'],
  ['a list', 'kql', 'tags: web', '| tags=~`^(?:web|\\[.*"web".*\\])$`', 'exact'],
  [
    'a member of a message that is JSON',
    'kql',
    'message.a.b: x',
    '| json | drop __error__, __error_details__ | a_b="x"',
    'exact',
    'OBD-L-031',
  ],
  ['an empty value', 'kql', 'f: ""', '| f=""', 'approximate', 'OBD-L-038'],
  ['a name that Loki has not', 'kql', '日本: x', '', 'manual', 'OBD-L-014'],
  ['a variable', 'lucene', 'f:$one', '| f="${one}"', 'exact'],
  ['a variable of several values', 'lucene', 'service.name:$svc', '{service_name=~`${svc:regex}`}', 'exact'],
  ['a variable with a format', 'lucene', 'f:(${svc:lucene})', '| f=~`${svc:regex}`', 'exact'],
  ['a variable of old', 'lucene', 'f:[[svc]]', '| f=~`${svc:regex}`', 'exact'],
  ['a dollar that names no variable', 'kql', 'f: "$5"', '| f="$5"', 'exact'],
  ['a variable as the whole query', 'lucene', '$one', '|~ `(?i)${one:regex}`', 'manual', 'OBD-L-032'],
  ['variables in a range', 'lucene', 'f:[$one TO 5]', '| f >= ${one} | f <= 5', 'exact'],
]

describe('leafOf', () => {
  it.each(rows.map((row) => ({ name: row[0], row })))('translates $name', ({ row: [, language, text, stages, status, ...codes] }) => {
    expect(leaf(language, text)).toEqual([stages, status, ...codes])
  })

  it('expands a pattern of names by the list of fields, and leaves it to somebody without one', () => {
    expect(leaf('kql', 'machine.*: x', 'machines-*')).toEqual(['| machine_os="x" or machine_ram="x"', 'exact'])
    expect(leaf('kql', 'machine.*: x')).toEqual(['', 'manual', 'OBD-L-007'])
  })

  it('anchors patterns behind a pipe, which Loki does not always do, and leaves them in the selector', () => {
    expect(leaf('kql', 'f: *x')[0]).toBe('| f=~".*x$"')
    expect(leaf('kql', 'f: *x*')[0]).toBe('| f=~".*x.*"')
    expect(leaf('lucene', 'f:/(.*)x|y.*/')[0]).toBe('| f!="" | f=~"^(?:(.*)x|y.*)$"')
    expect(leaf('kql', 'service.name: web-*')[0]).toBe('{service_name=~"web-.*"}')
  })

  it('knows text fields by the mapping', () => {
    expect(leaf('kql', 'note: x', 'texts-1')).toEqual(['| note=~`(?i)(^|.*\\W)x(\\W.*|$)`', 'approximate', 'OBD-L-001'])
    expect(leaf('kql', 'note: x')).toEqual(['| note="x"', 'exact'])
  })

  it.each([
    ['quotation marks and backslashes', 'f: "a\\"b\\\\c"', '| f=`a"b\\c`'],
    ['backticks', 'f: "a`b\\"c"', '| f="a`b\\"c"'],
    ['line feeds', 'f: "a\\nb"', '| f="a\\nb"'],
    ['what would end the query', 'f: "x\\"} | drop y"', '| f=`x"} | drop y`'],
    ['signs of regular expressions', 'f: (".*" or "a|b")', '| f=~`\\.\\*|a\\|b`'],
  ])('keeps %s a value', (_, text, stages) => {
    expect(leaf('kql', text)).toEqual([stages, 'exact'])
  })
})
