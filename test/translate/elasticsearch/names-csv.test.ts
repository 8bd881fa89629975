/** The table of names against the normative one, row by row. */

import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { guessedNames, listFields, renamedFields, renamedGeo, scalarFields } from '../../../src/translate/elasticsearch/ecs-table.ts'
import { fieldTarget, ruleOf } from '../../../src/translate/elasticsearch/names.ts'
import { Role, Transform } from '../../../src/translate/elasticsearch/rules.ts'
import { sharedFolder } from '../../support/shared.ts'

interface Row {
  readonly field: string
  readonly relation: string
  readonly name: string
  readonly action: string
  readonly placement: string
  readonly note: string
}

const cells = (line: string): string[] =>
  [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '')

function readRows(): readonly Row[] {
  const file = resolve(sharedFolder, 'mapping/ecs-otel.csv')
  if (!existsSync(file)) {
    console.warn(`SKIPPED: ${file} is absent, the table of ECS names was not tested (set OTLP_BRIDGE_SHARED)`)
    return []
  }
  const [, ...lines] = readFileSync(file, 'utf8').trimEnd().split('\n')
  return lines.map((line) => {
    const [field = '', , relation = '', name = '', action = '', placement = '', , note = ''] = cells(line)
    return { field, relation, name, action, placement, note }
  })
}

const rows = readRows()
const standard = { renames: 'default' } as const

/** A path that a row is about; what ends in `*` stands for all that is below. */
const sample = (text: string): string => text.replace(/\*$/, 'app.kubernetes.io/name')

const roles: Readonly<Record<string, number>> = {
  time_unix_nano: Role.Time,
  observed_time_unix_nano: Role.Observed,
  body: Role.Body,
  severity_text: Role.SeverityText,
  severity_number: Role.SeverityNumber,
  trace_id: Role.TraceId,
  span_id: Role.SpanId,
  event_name: Role.EventName,
  'scope.name': Role.ScopeName,
}

/** Rows of action `special`: what the rule has of them. */
const special: Readonly<Record<string, object>> = {
  '@timestamp → observed_time_unix_nano': { role: Role.Time },
  '@timestamp → start_time_unix_nano': { role: Role.Time },
  'cloud.service.name → cloud.platform': { name: 'cloud.service.name', resource: true },
  'http.request.method → http.request.method_original': { name: 'http.request.method', transform: Transform.HttpMethod },
  'http.request.method → http.request.method': { name: 'http.request.method', transform: Transform.HttpMethod, resource: false },
  'os.type → os.type': { name: 'os.type', transform: Transform.OsType, resource: true },
  'host.os.type → os.type': { name: 'os.type', transform: Transform.OsType, resource: true },
  'kubernetes.container_image → container.image.name': {
    name: 'container.image.name',
    transform: Transform.ContainerImage,
    resource: true,
  },
}

const byAction = (action: string): readonly (readonly [string, Row])[] =>
  rows.filter((row) => row.action === action).map((row) => [`${row.field} → ${row.name}`, row])

describe.skipIf(rows.length === 0)('ruleOf', () => {
  it('is asked for every row', () => {
    expect(rows.length).toBe(261)
    expect(new Set(rows.map(({ action }) => action))).toEqual(new Set(['keep', 'rename', 'record_field', 'special']))
  })

  it.each(byAction('rename'))('renames %s', (_, { field, name, placement, note }) => {
    const rule = ruleOf(sample(field), standard)
    const keeps = ['event.original', 'error.message'].includes(field)
    expect(rule).toMatchObject({ name: sample(name), resource: placement === 'resource', keep: keeps })
    expect(rule.role).toBe(keeps ? Role.Body : Role.Attribute)
    expect(rule.list).toBe(/string\[\]/.test(note) || name === 'process.command_args')
    expect(rule.transform).toBe(
      note === 'stringify' ? Transform.Stringify : /orchestrator\.type/.test(note) ? Transform.KubernetesCluster : Transform.None,
    )
    expect(rule.onlyWhenAbsent).toBe(/(when|only when) host\.\w+ is absent/.test(note) ? name : undefined)
  })

  it.each(byAction('keep'))('keeps the name of %s', (_, { field, placement, note }) => {
    const rule = ruleOf(sample(field), standard)
    expect(rule).toMatchObject({ name: sample(field), resource: placement === 'resource' })
    expect(rule.keep || rule.role === Role.Attribute).toBe(true)
    expect(rule.list).toBe(/string\[\]/.test(note))
  })

  it.each(byAction('record_field'))('makes a part of the record: %s', (_, { field, name }) => {
    expect(ruleOf(field, standard)).toMatchObject({ role: roles[name], keep: false, name: field })
  })

  it.each(byAction('special'))('treats for itself %s', (row, { field }) => {
    expect(special[row]).toBeDefined()
    expect(ruleOf(field, standard)).toMatchObject(special[row] ?? {})
  })

  it.each(rows.map(({ field }) => [field]))('leaves %s alone without renames', (field) => {
    const path = sample(field)
    expect(ruleOf(path, { renames: 'none' })).toMatchObject({
      name: path,
      list: false,
      transform: Transform.None,
      also: undefined,
      onlyWhenAbsent: undefined,
    })
    expect(ruleOf(path, { renames: 'none' }).resource).toBe(ruleOf(path, standard).resource)
  })

  it('changes nothing but guesses when all names are wanted', () => {
    const changed = rows.filter(({ field }) => ruleOf(field, { renames: 'full' }).name !== ruleOf(field, standard).name)
    expect(changed.map(({ field, name }) => [field, name])).toEqual([['cloud.service.name', 'cloud.platform']])
  })
})

describe.skipIf(rows.length === 0)('renamedFields', () => {
  it('has nothing that the table does not have', () => {
    const geo = Object.entries(renamedGeo).map(([from, to]) => [`geo.${from}`, `geo.${to}`])
    const ours = [...Object.entries(renamedFields), ...Object.entries(guessedNames), ...geo].map(([from, to]) => `${from} → ${to}`)
    const theirs = rows.filter(({ action, field, name }) => action === 'rename' || (action === 'special' && field !== name))
    const others = ['@timestamp', 'http.request.method']
    expect(ours.toSorted()).toEqual(
      theirs
        .filter(({ field }) => !others.includes(field))
        .map(({ field, name }) => `${field} → ${name}`)
        .toSorted(),
    )
  })
})

describe.skipIf(rows.length === 0)('scalarFields', () => {
  it('are of the table, and no lists', () => {
    const known = new Set(rows.map(({ field }) => field))
    expect(scalarFields.filter((field) => !known.has(field))).toEqual([])
    expect(scalarFields.filter((field) => listFields.includes(field))).toEqual([])
    expect(scalarFields.length).toBe(new Set(scalarFields).size)
  })

  it('are all but lists, objects and what goes to the record', () => {
    const scalar = new Set(scalarFields)
    const single = ({ field }: Row): boolean => ruleOf(field, standard).role !== Role.Attribute
    const rest = rows.filter((row) => !scalar.has(row.field) && !single(row) && !row.field.endsWith('*')).map(({ field }) => field)
    expect([...new Set(rest)].toSorted()).toEqual(
      [
        ...['container.image.hash.all', 'container.image.tag', 'container.labels', 'dns.answers', 'file.attributes', 'geo.location'],
        ...['gen_ai.input.messages', 'gen_ai.output.messages', 'gen_ai.request.encoding_formats', 'gen_ai.request.stop_sequences'],
        ...['gen_ai.response.finish_reasons', 'gen_ai.system_instructions', 'gen_ai.tool.call.arguments', 'gen_ai.tool.call.result'],
        ...['gen_ai.tool.definitions', 'host.ip', 'host.mac', 'kubernetes.container_hash', 'labels', 'process.args', 'related.hash'],
        ...['related.hosts', 'related.ip', 'related.user', 'tags', 'tls.client.certificate_chain', 'tls.client.supported_ciphers'],
        ...['tls.server.certificate_chain', 'user.roles'],
      ].toSorted(),
    )
  })
})

describe.skipIf(rows.length === 0)('fieldTarget', () => {
  it.each(byAction('rename'))('finds where %s went', (_, { field, name, placement }) => {
    expect(fieldTarget(sample(field), standard)).toMatchObject({ where: placement, name: sample(name) })
  })

  it.each(byAction('keep'))('finds %s where it was', (_, { field, placement }) => {
    expect(fieldTarget(sample(field), standard)).toMatchObject({ where: placement, name: sample(field) })
  })
})
