import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createSpanNaming } from '../../../dashboards/naming/spans.ts'
import { jaegerToTraceql, wholeTraceId, zipkinToTraceql } from '../../../dashboards/traceql/search.ts'
import { isTraceql } from '../../support/dashboards/traceql.ts'

const naming = createSpanNaming({ zipkinTypes: 'string' })
const typed = createSpanNaming({ zipkinTypes: 'infer' })

describe('jaegerToTraceql', () => {
  it.each([
    [{ service: 'shop' }, '{ resource.service.name = "shop" }'],
    [{ service: 'shop', operation: 'all' }, '{ resource.service.name = "shop" }'],
    [{ service: 'shop', operation: 'GET /' }, '{ resource.service.name = "shop" && name = "GET /" }'],
    [{ tags: 'error=true' }, '{ status = error }'],
    [{ tags: 'error=false' }, '{ status != error }'],
    [{ tags: 'span.kind=server' }, '{ kind = server }'],
    [{ tags: 'otel.status_code=ERROR' }, '{ status = error }'],
    [{ tags: 'otel.scope.name=io.x' }, '{ instrumentation:name = "io.x" }'],
    [{ tags: 'otel.library.version=1.0' }, '{ instrumentation:version = "1.0" }'],
    [{ tags: 'http.status_code=500' }, '{ .http.status_code = 500 }'],
    [{ tags: 'retries=3' }, '{ (.retries = 3 || .retries = "3") }'],
    [{ tags: 'cached=true' }, '{ (.cached = true || .cached = "true") }'],
    [{ tags: 'share=.99' }, '{ (.share = 0.99 || .share = ".99") }'],
    [{ tags: 'cached' }, '{ (.cached = true || .cached = "true") }'],
    [{ tags: 'event=retry' }, '{ (event:name = "retry" || ."event" = "retry") }'],
    [{ tags: 'message=late' }, '{ (.message = "late" || event.message = "late") }'],
    [{ tags: 'hostname=a1' }, '{ (resource.host.name = "a1" || .hostname = "a1") }'],
    [{ tags: '"my key"="a \\"b\\""' }, '{ ."my key" = "a \\"b\\"" }'],
    [{ tags: '{"a":"b","c":"d"}' }, '{ .a = "b" && .c = "d" }'],
    [{ minDuration: '100ms', maxDuration: '1.2s' }, '{ duration >= 100ms && duration <= 1200ms }'],
    [{ minDuration: '1h30m' }, '{ duration >= 90m }'],
    [{ service: '$service', tags: 'a=${tag}' }, '{ resource.service.name =~ "$service" && .a =~ "${tag}" }'],
    [{ minDuration: '$min' }, '{ duration >= $min }'],
    [{}, '{}'],
  ])('asks %j as %s', (search, expected) => {
    const { after, status } = jaegerToTraceql(search, naming)
    expect(after).toBe(expected)
    expect(status).toBe('exact')
    if (!expected.includes('$min')) expect(isTraceql(after)).toBe(true)
  })

  it('leaves out what OTLP does not keep, and says so', () => {
    const { after, status, notes } = jaegerToTraceql({ tags: 'internal.span.format=proto a=b' }, naming)
    expect([after, status, notes.map(({ code }) => code)]).toEqual(['{ .a = "b" }', 'approximate', ['OBD-T-002']])
  })

  it('does not guess words of kinds and statuses', () => {
    const { after, status, notes } = jaegerToTraceql({ tags: 'span.kind=fancy' }, naming)
    expect([after, status, notes[0]?.code]).toEqual(['{}', 'manual', 'OBD-T-003'])
  })

  it('asks for the text of an error in all places where the translation may put it', () => {
    const { after, status } = jaegerToTraceql({ tags: 'error=timeout' }, naming)
    expect(after).toBe('{ (status = error && (statusMessage = "timeout" || .error = "timeout")) }')
    expect(status).toBe('approximate')
    expect(isTraceql(after)).toBe(true)
  })

  it.each([['a="b'], ['{"a":'], ['{"a":{"b":1}}'], ['=b']])('says that tags cannot be read: %s', (tags) => {
    expect(jaegerToTraceql({ tags }, naming).status).toBe('manual')
  })

  it('says that a duration is none', () => {
    expect(jaegerToTraceql({ minDuration: 'long' }, naming).notes.map(({ code }) => code)).toEqual(['OBD-T-005'])
  })

  it('makes TraceQL of whatever text stands in a search', () => {
    // The grammar here knows no \\u; Tempo's own reading of texts is Go's, which does.
    const isPlain = (sign: string): boolean =>
      (sign >= ' ' && (sign < '\u007f' || sign > '\u009f') && sign !== '$' && sign !== '[') || sign === '\n'
    const text = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((one) => [...one].every(isPlain))
    fc.assert(
      fc.property(text, text, text, (service, key, value) => {
        const search = { service, tags: JSON.stringify({ [`k${key}`]: value }) }
        expect(isTraceql(jaegerToTraceql(search, naming).after)).toBe(true)
      }),
      { numRuns: 300 },
    )
  })
})

describe('zipkinToTraceql', () => {
  it.each([
    [{ serviceName: 'shop' }, '{ resource.service.name =~ "(?i)shop" }'],
    [{ spanName: 'get /a.b' }, '{ name =~ "(?i)get /a\\\\.b" }'],
    [{ remoteServiceName: 'mysql' }, '{ span.peer.service =~ "(?i)mysql" }'],
    [{ annotationQuery: 'error' }, '{ status = error }'],
    [
      { annotationQuery: 'http.method=GET and cache.miss' },
      '{ .http.method = "GET" && (.cache.miss != nil || event:name = "cache.miss") }',
    ],
    [{ minDuration: '1500', maxDuration: '2000000' }, '{ duration >= 1500us && duration <= 2s }'],
  ])('asks %j as %s', (search, expected) => {
    const { after, status } = zipkinToTraceql(search, naming)
    expect([after, status]).toEqual([expected, 'exact'])
    expect(isTraceql(after)).toBe(true)
  })

  it('asks for numbers, too, where the translation makes numbers of texts', () => {
    expect(zipkinToTraceql({ annotationQuery: 'http.status_code=500' }, naming).after).toBe('{ .http.status_code = "500" }')
    expect(zipkinToTraceql({ annotationQuery: 'http.status_code=500' }, typed).after).toBe(
      '{ (.http.status_code = 500 || .http.status_code = "500") }',
    )
  })
})

describe('wholeTraceId', () => {
  it.each([
    ['463ac35c9f6413ad', '0000000000000000463ac35c9f6413ad'],
    ['463AC35C9F6413AD48485A3953BB6124', '463ac35c9f6413ad48485a3953bb6124'],
    ['${__value.raw}', '${__value.raw}'],
    ['no id', 'no id'],
  ])('of %s is %s', (id, whole) => {
    expect(wholeTraceId(id)).toBe(whole)
  })
})
