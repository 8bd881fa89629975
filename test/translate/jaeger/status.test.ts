import { describe, expect, it } from 'vitest'
import { doubleValue } from '../../../src/otlp/attributes.ts'
import { tag, tags, translateOne } from '../../support/jaeger-model.ts'

type Values = Parameters<typeof tags>[0]

/** `[status, keys that stay]`; the status as OTLP/JSON has it: {} is unset. */
const statusOf = (values: Values, options = {}): unknown => {
  const { status, attributes } = translateOne({ tags: tags(values) }, options)
  return [status, Object.keys(attributes).sort()]
}

const unset = {}
const error = (message?: string) => (message === undefined ? { code: 2 } : { code: 2, message })

describe('decideStatus', () => {
  it.each<[string, Values, unknown]>([
    ['J-S1 error true', { error: true }, [error(), []]],
    ['J-S1 error "true" in any case', { error: 'TrUe' }, [error(), []]],
    ['J-S1 with a description', { error: true, 'otel.status_description': 'why' }, [error('why'), []]],
    ['J-S1 with an HTTP message', { error: true, 'http.status_message': 'Bad' }, [error('Bad'), ['http.status_message']]],
    [
      'J-S1 the description before the HTTP message',
      { error: 'true', 'http.status_message': 'Bad', 'otel.status_description': 'why' },
      [error('why'), ['http.status_message']],
    ],
    ['J-S1 wins over otel.status_code, which goes', { error: true, 'otel.status_code': 'OK' }, [error(), []]],
    ['J-S2 error with a text', { error: 'timeout' }, [error('timeout'), ['error']]],
    ['J-S2 the description before that text', { error: 'timeout', 'otel.status_description': 'why' }, [error('why'), ['error']]],
    ['J-S2 a code that agrees goes', { error: 'timeout', 'otel.status_code': 'ERROR' }, [error('timeout'), ['error']]],
    [
      'J-S2 a code that contradicts stays',
      { error: 'timeout', 'otel.status_code': 'OK' },
      [error('timeout'), ['error', 'otel.status_code']],
    ],
    ['J-S3 ERROR', { 'otel.status_code': 'ERROR', 'otel.status_description': 'why' }, [error('why'), []]],
    ['J-S3 in lower case', { 'otel.status_code': 'error' }, [error(), []]],
    ['J-S3 with the prefix', { 'otel.status_code': 'STATUS_CODE_OK' }, [{ code: 1 }, []]],
    ['J-S3 as a number', { 'otel.status_code': 2 }, [error(), []]],
    ['J-S3 as digits', { 'otel.status_code': '1' }, [{ code: 1 }, []]],
    [
      'J-S3 UNSET never carries a message',
      { 'otel.status_code': 'UNSET', 'otel.status_description': 'why' },
      [unset, ['otel.status_description']],
    ],
    ['J-S3 an unknown word decides nothing and stays', { 'otel.status_code': 'FINE' }, [unset, ['otel.status_code']]],
    [
      'J-S3 an unknown word leaves it to HTTP',
      { 'otel.status_code': 'FINE', 'http.status_code': 500 },
      [error(), ['http.status_code', 'otel.status_code']],
    ],
    ['J-S3 a code wins over HTTP', { 'otel.status_code': 'OK', 'http.status_code': 500 }, [{ code: 1 }, ['http.status_code']]],
    ['J-S4 error false', { error: false }, [unset, ['error']]],
    ['J-S4 error false, no fallback to HTTP', { error: false, 'http.status_code': 500 }, [unset, ['error', 'http.status_code']]],
    ['J-S4 error "False"', { error: 'False', 'http.status_code': 500 }, [unset, ['error', 'http.status_code']]],
    ['J-S4 error "0"', { error: '0', 'http.status_code': 500 }, [unset, ['error', 'http.status_code']]],
    ['J-S4 error ""', { error: '', 'http.status_code': 500 }, [unset, ['error', 'http.status_code']]],
    ['J-S4 error false with a status code', { error: false, 'otel.status_code': 'ERROR' }, [error(), ['error']]],
    ['no tags', {}, [unset, []]],
    ['a lone description stays', { 'otel.status_description': 'why' }, [unset, ['otel.status_description']]],
  ])('%s', (_rule, values, expected) => {
    expect(statusOf(values)).toEqual(expected)
  })

  it.each<[unknown, string, boolean]>([
    [399, 'client', false],
    [400, 'client', true],
    [404, 'client', true],
    [499, 'client', true],
    [500, 'client', true],
    [599, 'client', true],
    [399, 'server', false],
    [400, 'server', false],
    [404, 'server', false],
    [499, 'server', false],
    [500, 'server', true],
    [404, 'producer', true],
    [404, 'consumer', true],
    [404, 'internal', true],
    ['404', 'client', true],
    ['500', 'server', true],
    [200, 'client', false],
    [0, 'client', false],
    [-1, 'client', false],
    ['', 'client', false],
    ['teapot', 'client', false],
    ['5e2', 'client', false],
  ])('J-S5 http.status_code %j of a %s span: error %s', (code, kind, isError) => {
    const { status, attributes } = translateOne({ tags: [tag('http.status_code', code as number), tag('span.kind', kind)] })
    expect(status).toEqual(isError ? { code: 2 } : {})
    expect(attributes).toHaveProperty(['http.status_code'])
  })

  it.each<[string, Values, unknown]>([
    [
      'takes the message of HTTP',
      { 'http.status_code': 503, 'http.status_message': 'Busy' },
      [error('Busy'), ['http.status_code', 'http.status_message']],
    ],
    [
      'gives a good span no message',
      { 'http.status_code': 200, 'http.status_message': 'OK' },
      [unset, ['http.status_code', 'http.status_message']],
    ],
    ['reads the new name', { 'http.response.status_code': 500 }, [error(), ['http.response.status_code']]],
    [
      'reads the old name first',
      { 'http.response.status_code': 500, 'http.status_code': 200 },
      [unset, ['http.response.status_code', 'http.status_code']],
    ],
  ])('J-S5 %s', (_rule, values, expected) => {
    expect(statusOf(values)).toEqual(expected)
  })

  it('J-S5 does not read a double, which is what the Node.js client sends for every number, and Jaeger does not read either', () => {
    const { key } = tag('http.status_code', 1)
    expect(translateOne({ tags: [doubleValue(key, 500)] })['status']).toEqual({})
  })

  it('J-S5 leaves HTTP out of it when told so', () => {
    expect(statusOf({ 'http.status_code': 500 }, { httpStatusFallback: false })).toEqual([unset, ['http.status_code']])
  })

  it('treats the spans of a batch one by one', () => {
    expect(translateOne({ tags: tags({ error: true, 'otel.status_description': 'a' }) })['status']).toEqual(error('a'))
    expect(translateOne({})['status']).toEqual({})
  })
})
