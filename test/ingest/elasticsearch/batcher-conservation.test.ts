/** Nothing of a document is lost on its way into a log record, whatever the document. */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { renamedFields } from '../../../src/translate/elasticsearch/ecs-table.ts'
import { roleRows, shapeRows } from '../../../src/translate/elasticsearch/field-roles.ts'
import { ruleOf } from '../../../src/translate/elasticsearch/names.ts'
import { Role } from '../../../src/translate/elasticsearch/rules.ts'
import { createFieldMapping } from '../../../src/translate/elasticsearch/user-fields.ts'
import { createBatcher, type LogRecord, translateDocuments } from '../../support/log-records.ts'

function leavesOf(value: unknown, path: string | undefined, into: Map<string, unknown>): Map<string, unknown> {
  if (value === null) return into
  if (Array.isArray(value)) {
    if (value.length > 0) into.set(path ?? '', value.map(listed))
  } else if (typeof value === 'object') {
    for (const [name, own] of Object.entries(value as object)) leavesOf(own, path === undefined ? name : `${path}.${name}`, into)
  } else into.set(path ?? '', typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : value)
  return into
}

function listed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(listed)
  if (value !== null && typeof value === 'object') {
    const members = Object.entries(value).map(([name, own]) => [name, listed(own)] as const)
    return Object.fromEntries(members.filter(([, own]) => own !== null && !(typeof own === 'object' && Object.keys(own).length === 0)))
  }
  return typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : value
}

const same = (left: unknown, right: unknown): boolean => {
  const text = (value: unknown): string => JSON.stringify(value, (_, own) => (typeof own === 'bigint' ? `${own}n` : own))
  return (
    text(left) === text(right) ||
    (Array.isArray(left) && left.length === 1 && same(left[0], right)) ||
    (Array.isArray(right) && right.length === 1 && same(left, right[0]))
  )
}

/** A value and all that is in it. */
const parts = (value: unknown): unknown[] =>
  value !== null && typeof value === 'object' ? [value, ...Object.values(value).flatMap(parts)] : [value]

/** Text and numbers of a value, as {@link anywhere} writes them. */
const scalarsOf = (value: unknown): string[] =>
  value !== null && typeof value === 'object'
    ? Object.values(value).flatMap(scalarsOf)
    : [JSON.stringify(String(value)).slice(1, -1).toLowerCase()]

/** All text and numbers of a record, for what stands in fields of its own. */
const anywhere = (record: LogRecord): string =>
  JSON.stringify({ ...record, plain: { ...record.plain, observedTimeUnixNano: '' } }, (_, own) =>
    typeof own === 'bigint' ? String(own) : own,
  ).toLowerCase()

const everyName = [
  ...[
    'message',
    'log',
    'msg',
    'MESSAGE',
    'short_message',
    'full_message',
    'level',
    'severity',
    'host',
    'path',
    'stream',
    'tags',
    'error.message',
    'error.type',
  ],
  ...[
    'event.original',
    'log.original',
    'log.level',
    'log.logger',
    'logger',
    'trace.id',
    'span.id',
    'transaction.id',
    'event.name',
    'service.name',
    'host.name',
  ],
  ...[
    'host.hostname',
    'host.ip',
    'kubernetes.pod_name',
    'kubernetes.labels.app',
    'labels.a.b',
    'http.request.method',
    'http.version',
    'os.type',
    'container.image.tag',
  ],
  ...[
    'kubernetes.container_image',
    'orchestrator.cluster.name',
    'orchestrator.type',
    'network.protocol.version',
    'exception.type',
    'elasticsearch.index',
    'exceptions',
  ],
  ...[
    'messageTemplate',
    'fields.SourceContext',
    'facility',
    'priority',
    '_PID',
    '_x',
    'container_name',
    'container_id',
    'source',
    'pid',
    'hostname',
    'err.stack',
    'url.path',
  ],
  ...[
    'service.environment',
    'deployment.environment.name',
    'source.geo.country_iso_code',
    'process.thread.name',
    'thread.name',
    'k8s.pod.name',
    'error.exception',
  ],
  ...[
    '__proto__',
    'constructor',
    'data_stream.type',
    'data_stream.dataset',
    'file.uid',
    'cloud.instance.id',
    'host.id',
    'levelno',
    'PRIORITY',
    'syslog.severity',
    'trace_flags',
  ],
]

const word = fc.oneof(
  fc.constantFrom(
    'info',
    'WARN',
    'x',
    '3',
    'F',
    'get',
    'GET',
    'macOS',
    'a/b:1',
    '4bf92f3577b34da6a3ce929d0e0e4736',
    '00f067aa0ba902b7',
    '1.1',
    'HTTP/2',
    'kubernetes',
    '/c',
  ),
  fc.string({ maxLength: 10 }),
)
const scalar = fc.oneof(
  word,
  word,
  fc.integer({ min: -100, max: 100 }),
  fc.maxSafeInteger(),
  fc.boolean(),
  fc.constant(null),
  fc.double({ noNaN: true, noDefaultInfinity: true }).filter((own) => !Number.isInteger(own)),
)
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    scalar,
    scalar,
    scalar,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('name', 'type', 'a', 'b c', 'message'), tie('value'), { maxKeys: 3, noNullPrototype: true }),
  ),
}))
const document = fc.dictionary(
  fc.oneof(fc.constantFrom(...everyName), fc.constantFrom(...everyName), fc.string({ minLength: 1, maxLength: 6 })),
  value,
  { maxKeys: 12, noNullPrototype: true },
)

/** Dotted and nested spellings of one path are one field of which the last counts: told by the decoder's tests. */
const isPlain = (own: Record<string, unknown>): boolean => {
  const paths: string[] = []
  const walk = (at: unknown, path: string | undefined): void => {
    if (at === null || typeof at !== 'object' || Array.isArray(at)) paths.push(path ?? '')
    else for (const [name, next] of Object.entries(at)) walk(next, path === undefined ? name : `${path}.${name}`)
  }
  walk(own, undefined)
  return new Set(paths).size === paths.length
}

describe('createDocumentBatcher', () => {
  it('loses nothing of any document but null and what is empty', () => {
    const batcher = createBatcher()
    fc.assert(
      fc.property(document.filter(isPlain), (own) => {
        const [record] = translateDocuments([JSON.stringify(own)], batcher, 'logs')
        if (record === undefined) throw new Error('no record')
        for (const [path, expected] of leavesOf(own, undefined, new Map())) {
          const rule = ruleOf(path, { renames: 'default' })
          // Put into other words, which rules.test.ts looks at.
          if (rule.role === Role.Ignored || rule.name === 'os.type') continue
          if (rule.role === Role.SeverityNumber && record.plain['severityNumber'] !== undefined) continue
          // A number of its own, which 0 leaves out.
          if (rule.role === Role.TraceFlags && !Object.hasOwn(record.attributes, path)) continue
          const names = [path, rule.name, ...rule.shaped.map(({ rule: shaped }) => shaped.name)]
          const found = names.some((name) =>
            [record.attributes, record.resource].some((list) => Object.hasOwn(list, name) && same(list[name], expected)),
          )
          if (found || same(record.body, expected)) continue
          // A part of the record, a part of the body, or another form of itself.
          const everything = anywhere(record)
          const isThere =
            parts([record.body, record.attributes, record.resource]).some((part) => same(part, expected)) ||
            scalarsOf(expected).every((text) => text.split(/[:/]/).every((piece) => everything.includes(piece.trim()))) ||
            scalarsOf(expected).every((text) => /^[pf]$/.test(text))
          expect(isThere, `${path} = ${String(scalarsOf(expected))} in ${everything}`).toBe(true)
        }
      }),
      { numRuns: 3000 },
    )
  })

  const names = [
    ...new Set([
      ...everyName,
      ...roleRows.keys(),
      ...[...shapeRows].flatMap(([field, { name }]) => [field, name ?? field]),
      ...Object.entries(renamedFields).flatMap(([field, name]) => [field.replace('*', 'x.y'), name.replace('*', 'x.y')]),
      ...['_a', '__a', 'a', '_host', '_host.hostname', 'fields.host', 'fields._a', 'labels.message', 'message.a', 'message.geo.city_name'],
      ...['network.protocol.name', 'http.request.method_original', 'exception.message', 'exception.stacktrace', 'fields.exception.type'],
    ]),
  ]
  const many = fc.uniqueArray(fc.constantFrom(...names), { minLength: 1, maxLength: 25 })
  const options = fc.record({
    nested: fc.constantFrom('flat', 'kvlist'),
    ecs: fc.record({ renames: fc.constantFrom('default', 'none', 'full') }),
    serviceName: fc.record({ derive: fc.boolean() }),
    indexAttribute: fc.constantFrom('record', 'resource', 'none'),
    body: fc.constantFrom('message', 'document'),
    maxResources: fc.constantFrom(1, 1000),
  })

  it('has each value of a document and each name once, whatever names come together', () => {
    const batchers = new Map<string, ReturnType<typeof createBatcher>>()
    const own = createFieldMapping({
      fields: [
        { field: 'a', attribute: 'host.name' },
        { field: 'host.name', attribute: '_a' },
        { field: 'level', attribute: 'exception.type' },
        { field: 'kubernetes.*', attribute: 'labels.*' },
        { field: 'tags', resource: 'service.name' },
      ],
    })
    fc.assert(
      fc.property(fc.array(many, { minLength: 1, maxLength: 3 }), options, fc.boolean(), (documents, wanted, isOwn) => {
        const key = JSON.stringify([wanted, isOwn])
        const batcher = batchers.get(key) ?? createBatcher(wanted, isOwn ? { fields: own } : {})
        batchers.set(key, batcher)
        // Text of its own for each field, so that it can be found again.
        const texts = documents.map((fields, i) => JSON.stringify(Object.fromEntries(fields.map((name, at) => [name, `v${i}.${at}x`]))))
        const all = JSON.stringify(
          translateDocuments(texts, batcher, 'logs-a-b').map(({ resource, attributes, body, scope, plain }) => [
            resource,
            attributes,
            body,
            scope,
            plain,
          ]),
          (_, value) => (typeof value === 'bigint' ? String(value) : value),
        )
        for (const [i, fields] of documents.entries()) {
          for (const [at, name] of fields.entries()) {
            if (name === '@version') continue
            expect(all.includes(`v${i}.${at}x`), `${name} of ${texts[i]} in ${all}`).toBe(true)
          }
        }
      }),
      { numRuns: 1500 },
    )
  })

  it('writes each name once, whatever names come together', () => {
    const batcher = createBatcher({ nested: 'flat', serviceName: { derive: true }, ecs: { renames: 'full' } })
    fc.assert(
      fc.property(fc.array(document, { maxLength: 4 }), (many) => {
        translateDocuments(
          many.map((own) => JSON.stringify(own)),
          batcher,
          'logs-a-b',
        )
      }),
      { numRuns: 500 },
    )
  })
})
