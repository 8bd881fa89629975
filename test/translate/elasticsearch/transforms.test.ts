import { describe, expect, it } from 'vitest'
import type { Words } from '../../../src/otlp/time.ts'
import { toSignedBigInt } from '../../../src/otlp/time.ts'
import type { FieldPlan } from '../../../src/translate/elasticsearch/plans.ts'
import { planIn } from '../../../src/translate/elasticsearch/plans.ts'
import {
  afterSlash,
  beforeNewline,
  httpMethod,
  imageTagAt,
  integerOf,
  osType,
  rowOf,
  transformed,
} from '../../../src/translate/elasticsearch/transforms.ts'
import { createDocumentReader, plainValue } from '../../support/documents.ts'

const bytes = (text: string): Uint8Array => Buffer.from(text)

/** Asks about a text with others around it. */
const within = <T>(text: string, ask: (source: Uint8Array, start: number, end: number) => T): T => {
  const source = bytes(`:/${text}:/\n`)
  return ask(source, 2, 2 + Buffer.byteLength(text))
}

describe('httpMethod', () => {
  it('leaves known methods alone', () => {
    for (const method of ['GET', 'OPTIONS', 'CONNECT', 'PATCH', 'QUERY', '_OTHER']) expect(within(method, httpMethod)).toBeUndefined()
  })

  it('writes known methods in upper case', () => {
    expect(within('get', httpMethod)).toBe('GET')
    expect(within('Connect', httpMethod)).toBe('CONNECT')
  })

  it('calls all others _OTHER', () => {
    for (const method of ['', 'PROPFIND', 'GETS', 'x'.repeat(100), 'GÉT']) expect(within(method, httpMethod)).toBe('_OTHER')
  })
})

describe('osType', () => {
  it('writes darwin for macos, and others in lower case', () => {
    expect(within('macOS', osType)).toBe('darwin')
    expect(within('Windows', osType)).toBe('windows')
    expect(within('linux', osType)).toBeUndefined()
  })
})

describe('imageTagAt', () => {
  it.each([
    ['nginx:1.25', 5],
    ['registry:5000/team/nginx:1.25', 24],
    ['registry:5000/team/nginx', -1],
    ['nginx', -1],
    ['nginx:', -1],
    [':1', -1],
    ['nginx@sha256:0123', -1],
    ['nginx:1.25@sha256:0123', -1],
  ])('finds the tag of %s', (image, place) => {
    expect(within(image, imageTagAt)).toBe(place < 0 ? -1 : place + 2)
  })
})

describe('afterSlash', () => {
  it('takes one slash off', () => {
    expect(within('/web', afterSlash)).toBe(3)
    expect(within('web', afterSlash)).toBe(2)
    expect(within('', afterSlash)).toBe(2)
  })
})

describe('beforeNewline', () => {
  it('takes one line feed off', () => {
    expect(beforeNewline(bytes('ab\n\n'), 0, 4)).toBe(3)
    expect(beforeNewline(bytes('ab'), 0, 2)).toBe(2)
    expect(beforeNewline(bytes('\n'), 1, 1)).toBe(1)
  })
})

describe('integerOf', () => {
  const words: Words = { hi: 0, lo: 0 }
  const read = (text: string) =>
    within(text, (source, start, end) => integerOf(source, start, end, words)) ? toSignedBigInt(words.hi, words.lo) : undefined

  it('reads what an int64 holds', () => {
    for (const text of ['0', '4711', '-1', '9007199254740993', '9223372036854775807', '-9223372036854775808'])
      expect(read(text)).toBe(BigInt(text))
  })

  it('refuses what would not be the same text again', () => {
    for (const text of ['', '-', '007', '-0', '+1', '1.0', '12a', '9223372036854775808', '-9223372036854775809'])
      expect(read(text)).toBeUndefined()
  })
})

describe('transformed', () => {
  const ask = (document: object, path: string) => {
    const { leaves, source, markers } = createDocumentReader().read(document)
    const row = rowOf(leaves, path)
    const { rule } = planIn(leaves.fields[row]?.plan as FieldPlan, markers)
    const result = transformed({ rule, leaves, row, source })
    return Array.isArray(result) ? result.map(({ name, value, resource }) => [name, plainValue(value), resource]) : result
  }

  it('keeps the method that came beside the known one', () => {
    expect(ask({ http: { request: { method: 'get' } } }, 'http.request.method')).toEqual([
      ['http.request.method', 'GET', false],
      ['http.request.method_original', 'get', false],
    ])
    expect(ask({ http: { request: { method: ['brew'] } } }, 'http.request.method')).toEqual([
      ['http.request.method', '_OTHER', false],
      ['http.request.method_original', 'brew', false],
    ])
    expect(ask({ http: { request: { method: 'GET' } } }, 'http.request.method')).toBeUndefined()
    expect(ask({ http: { request: { method: 7 } } }, 'http.request.method')).toBeUndefined()
  })

  it('parts an image from its tag, where the document has none', () => {
    const document = { kubernetes: { container_image: 'r:5/app:v1' } }
    expect(ask(document, 'kubernetes.container_image')).toEqual([
      ['container.image.name', 'r:5/app', true],
      ['container.image.tags', ['v1'], true],
    ])
    expect(ask({ ...document, container: { image: { tag: ['v2'] } } }, 'kubernetes.container_image')).toBeUndefined()
  })

  it('says which protocol the version of HTTP is of, where the document does not', () => {
    expect(ask({ http: { version: '1.1' } }, 'http.version')).toEqual([
      ['http.version', '1.1', false],
      ['network.protocol.version', '1.1', false],
      ['network.protocol.name', 'http', false],
    ])
    expect(ask({ http: { version: '2' }, network: { protocol: { name: 'spdy', version: '3' } } }, 'http.version')).toEqual([
      ['http.version', '2', false],
    ])
  })

  it('keeps digits of numbers that become text', () => {
    expect(ask({ file: { uid: 1001 } }, 'file.uid')).toEqual([['file.owner.id', '1001', false]])
    expect(ask('{"file":{"uid":1.50}}' as unknown as object, 'file.uid')).toEqual([['file.owner.id', '1.50', false]])
  })

  it('renames clusters of Kubernetes only', () => {
    const cluster = { cluster: { name: 'prod' } }
    expect(ask({ orchestrator: cluster }, 'orchestrator.cluster.name')).toBeUndefined()
    expect(ask({ orchestrator: { ...cluster, type: 'kubernetes' } }, 'orchestrator.cluster.name')).toBeUndefined()
    expect(ask({ orchestrator: { ...cluster, type: 'nomad' } }, 'orchestrator.cluster.name')).toBe('own')
  })

  it('makes a number of the digits of a process id', () => {
    expect(ask({ MESSAGE: 'x', _PID: '4711' }, '_PID')).toEqual([['process.pid', 4711n, false]])
    expect(ask({ MESSAGE: 'x', _PID: 'none' }, '_PID')).toBeUndefined()
  })

  it('takes the slash off the name of a container', () => {
    expect(ask({ container_id: 'c', container_name: '/web' }, 'container_name')).toEqual([['container.name', 'web', true]])
  })
})
