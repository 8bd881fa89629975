import { describe, expect, it } from 'vitest'
import { ActionKind } from '../../../src/ingest/elasticsearch/decode-action.ts'
import { createTargets } from '../../../src/ingest/elasticsearch/target.ts'

const find = createTargets('')

/** `path kind index id typed` */
const told = (request: string, targets = find): string | undefined => {
  const [method = '', url = ''] = request.split(' ')
  const target = targets(method, url)
  if (target === undefined) return undefined
  const kind = Object.entries(ActionKind).find(([, number]) => number === target.kind)?.[0] ?? '-'
  return [target.path, kind, target.defaults.index, target.id, target.typed ? 'typed' : ''].join(' ').trim()
}

describe('createTargets', () => {
  it.each([
    ['POST /_bulk', 'bulk -'],
    ['PUT /_bulk/', 'bulk -'],
    ['POST //_bulk', 'bulk -'],
    ['POST http://es:9200/_bulk?pretty', 'bulk -'],
    ['POST /logs/_bulk', 'bulk - logs'],
    ['POST /%3Clogs-%7Bnow%2Fd%7D%3E/_bulk', 'bulk - <logs-{now/d}>'],
    ['PUT /logs/event/_bulk', 'bulk - logs  typed'],
    ['POST /logs/_doc/_bulk', 'bulk - logs  typed'],
    ['POST /logs/_doc', 'doc Index logs'],
    ['POST /logs/_doc?op_type=create', 'doc Create logs'],
    ['PUT /logs/_doc/1', 'doc Index logs 1'],
    ['POST /logs/_doc/a%2Fb', 'doc Index logs a/b'],
    ['PUT /logs/_create/1', 'create Create logs 1'],
    ['POST /logs/_update/1', 'update Update logs 1'],
    ['DELETE /logs/_doc/1', 'delete Delete logs 1'],
    ['POST /logs/event', 'doc Index logs  typed'],
    ['PUT /logs/event/1', 'doc Index logs 1 typed'],
    ['POST /logs/event/1/_update', 'update Update logs 1 typed'],
    ['PUT /logs/event/1/_create', 'create Create logs 1 typed'],
    ['DELETE /logs/event/1', 'delete Delete logs 1 typed'],
  ])('%s', (request, wanted) => {
    expect(told(request)).toBe(wanted)
  })

  it.each([
    'GET /_bulk',
    'HEAD /logs/_doc/1',
    'DELETE /_bulk',
    'DELETE /logs',
    'PUT /logs',
    'POST /logs',
    'PUT /logs/_doc',
    'PUT /logs/event',
    'POST /logs/_search',
    'POST /logs/_refresh',
    'POST /logs/event/_search',
    'POST /_monitoring/bulk',
    'POST /_index_template/x',
    'PUT /_template/x',
    'POST /_security/api_key',
    'POST /logs/_doc/1/2',
    'POST /a/b/c/d/e',
    'POST /logs/%zz/_bulk',
    'POST /',
  ])('%s brings no document', (request) => {
    expect(told(request)).toBeUndefined()
  })

  it('serves below a prefix alone, when there is one', () => {
    const targets = createTargets('/_es')
    expect(told('POST /_es/_bulk', targets)).toBe('bulk -')
    expect(told('POST /_es//logs/_bulk?x', targets)).toBe('bulk - logs')
    expect(told('POST /_bulk', targets)).toBeUndefined()
    expect(told('POST /_escape/_bulk', targets)).toBeUndefined()
  })

  it('reads parameters, and counts those that nobody knows', () => {
    const read = (query: string) => find('POST', `/_bulk?${query}`)
    expect(read('pipeline=p%201&routing=r&filter_path=errors,items.*.status&refresh=true&timeout=500ms')).toMatchObject({
      defaults: { index: '', pipeline: 'p 1', routing: 'r' },
      filter: 'errors,items.*.status',
      pretty: false,
      unknown: 0,
    })
    expect(read('pretty&foo=1&bar&_source_includes=a')).toMatchObject({ pretty: true, unknown: 2 })
    expect(read('pretty=true&pipeline=_none')).toMatchObject({ pretty: true, defaults: { pipeline: '' } })
    expect(read('pretty=false')).toMatchObject({ pretty: false, fault: undefined })
    expect(read('pretty=yes')?.fault).toMatchObject({
      status: 400,
      reason: 'Failed to parse value [yes] as only [true] or [false] are allowed.',
    })
    expect(read('')).toMatchObject({ unknown: 0 })
  })

  it('takes no name of a pipeline that would make every record large', () => {
    const read = (query: string) => find('POST', `/_bulk?${query}`)
    expect(read(`pipeline=${'p'.repeat(512)}`)?.fault).toBeUndefined()
    expect(read(`pipeline=${'p'.repeat(513)}`)?.fault).toMatchObject({
      status: 400,
      reason: 'request [pipeline] is longer than 512 characters',
    })
  })

  it('gives the same for the same', () => {
    expect(find('POST', '/logs/_bulk?x=1')).toBe(find('POST', '/logs/_bulk?x=1'))
    expect(find('PUT', '/logs/_doc/1')).not.toBe(find('POST', '/logs/_doc/1'))
    const long = `/logs/_bulk?x=${'y'.repeat(2000)}`
    expect(find('POST', long)).not.toBe(find('POST', long))
  })
})
