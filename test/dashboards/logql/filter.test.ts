/** Section 7.2 of the reference: where conditions stand. */

import { describe, expect, it } from 'vitest'
import { everything, noneOf, nothing } from '../../../dashboards/filters/model.ts'
import { logsOf } from '../../../dashboards/logql/filter.ts'
import { context, kql, parses } from '../../support/dashboards/log-context.ts'

const text = (query: string, index?: string): string => {
  const { text } = logsOf(kql(query), context, { index })
  expect(parses(text), text).toBe(true)
  return text
}

describe('logsOf', () => {
  it('takes equalities on index labels into the selector', () => {
    expect(text('service.name: shop and kubernetes.namespace: (a or b) and f: x')).toBe(
      '{service_name="shop", k8s_namespace_name=~"a|b"} | f="x"',
    )
  })

  it('takes the selector of the index besides', () => {
    expect(text('kubernetes.pod.name: p', 'nginx-2026.11')).toBe('{service_name="nginx", k8s_pod_name="p"}')
  })

  it('searches all streams when there is nothing else, and says so', () => {
    const { text, notes } = logsOf(kql('f: x'), context, { index: 'unknown-*' })
    expect(text).toBe('{service_name=~".+"} | f="x"')
    expect(notes.map((one) => one.code)).toEqual(['OBD-L-010'])
    expect(notes[0]?.text).toContain('unknown-*')
  })

  it('keeps a matcher in the selector that cannot be empty', () => {
    expect(text('not service.name: x')).toBe('{service_name!="x", service_name=~".+"}')
    expect(text('not kubernetes.pod.name: *')).toBe('{k8s_pod_name="", service_name=~".+"}')
    expect(text('not service.name: x and service.name: y')).toBe('{service_name!="x", service_name="y"}')
  })

  it('orders stages by what they cost', () => {
    expect(text('a > 1 and b: x* and (c: 1 or d: 2) and e: 1 and message: foo and message.keyword: *bar*')).toBe(
      '{service_name=~".+"} |= "bar" |~ `(?i)\\bfoo\\b` | e="1" | a > 1 | b=~"^x.*" | c="1" or d="2"',
    )
  })

  it('makes alternatives of one field one condition (a)', () => {
    expect(text('f: a or f: b or f: c')).toBe('{service_name=~".+"} | f=~"a|b|c"')
  })

  it('makes alternatives of several fields one stage (b)', () => {
    expect(text('a: x or (b: y and c: z)')).toBe('{service_name=~".+"} | a="x" or (b="y" and c="z")')
  })

  it('lets index labels stand in alternatives (c), and two that have none in common (e)', () => {
    expect(text('service.name: a or f: x')).toBe('{service_name=~".+"} | service_name="a" or f="x"')
    expect(text('service.name: a or kubernetes.pod.name: b')).toBe('{service_name=~".+"} | service_name="a" or k8s_pod_name="b"')
  })

  it('copies the line where it is one of several alternatives (d)', () => {
    const { text, notes } = logsOf(kql('message: timeout or status: 500'), context)
    expect(text).toBe(
      '{service_name=~".+"} | label_format _line=`{{__line__}}` | _line=~`(?s)(?i).*\\btimeout\\b.*` or status="500" | drop _line',
    )
    expect(parses(text)).toBe(true)
    expect(notes.map((one) => one.code)).toContain('OBD-L-017')
  })

  it('makes alternatives of the line one pattern', () => {
    expect(text('message: a or message: "b c"')).toBe('{service_name=~".+"} |~ `(?i)(\\ba\\b|b\\W+c)`')
  })

  it('takes not down to the leaves', () => {
    expect(text('not (a: x or (b: y and not c: z))')).toBe('{service_name=~".+"} | a!="x" | b!="y" or c="z"')
  })

  it('holds for everything and nothing', () => {
    expect(logsOf(everything, context).text).toBe('{service_name=~".+"}')
    const none = logsOf(nothing, context)
    expect(none.isNever).toBe(true)
    expect(parses(none.text)).toBe(true)
  })

  it('asks for fields of groups', () => {
    expect(logsOf(everything, context, { present: ['host.name', 'service.name'] }).text).toBe('{service_name=~".+"} | host_name!=""')
  })

  it('says unsupported where a condition cannot be asked, in whatever place', () => {
    for (const query of ['a: x and f > abc', 'a: x or f > abc', 'not f > abc'])
      expect(logsOf(kql(query), context).status).toBe('unsupported')
  })

  it('takes what is deep and long', () => {
    let filter = kql('f: x')
    for (let depth = 0; depth < 150; depth++) filter = noneOf({ kind: 'and', parts: [filter, kql(`a${depth}: y`)] })
    const { text } = logsOf(filter, context)
    expect(text.length).toBeGreaterThan(1000)
    expect(logsOf(kql(Array.from({ length: 1000 }, (_, at) => `f: v${at}`).join(' or ')), context).text).toContain('v0|v1|')
  })
})
