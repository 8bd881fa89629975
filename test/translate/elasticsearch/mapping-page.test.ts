/** The mapping page says what the tables of the code say. */

import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { guessedNames, listFields, renamedFields, renamedGeo } from '../../../src/translate/elasticsearch/ecs-table.ts'
import { roleRows } from '../../../src/translate/elasticsearch/field-roles.ts'
import { severityOf } from '../../../src/translate/elasticsearch/severity.ts'

const page = readFileSync(new URL('../../../docs/mapping/elasticsearch.md', import.meta.url), 'utf8')
const section = (title: string): string => page.split('\n## ').find((one) => one.startsWith(title)) ?? ''
/** Rows of a section's tables, as their cells. */
const rowsOf = (title: string): string[][] =>
  section(title)
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) =>
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim()),
    )
const names = rowsOf('ECS names')
const quoted = (text: string): string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name)

describe('docs/mapping/elasticsearch.md', () => {
  it.each(Object.entries(renamedFields))('has a row for %s', (from, to) => {
    const row = names.find(([left = '']) => quoted(left).includes(from))
    expect(quoted(row?.[1] ?? '')[0]).toBe(to)
  })

  it('has rows for geo, guesses and lists', () => {
    for (const [from, to] of Object.entries(renamedGeo)) expect(names).toContainEqual([`\`….geo.${from}\``, `\`….geo.${to}\``])
    for (const [from, to] of Object.entries(guessedNames)) expect(section('ECS names')).toContain(`\`${from}\` → \`${to}\``)
    const lists = rowsOf('Values').find(([left = '']) => left.startsWith('one value where'))?.[0] ?? ''
    expect(listFields.filter((field) => !quoted(lists).includes(field) && !Object.values(renamedFields).includes(field))).toEqual([])
  })

  it('renames nothing that the code does not', () => {
    const table = section('ECS names')
      .split('\n')
      .filter((line) => line.startsWith('| `'))
    const others = ['error.type', 'http.request.method', 'http.version', 'os.type']
    const known = new Set([...Object.keys(renamedFields), ...Object.keys(renamedGeo).map((leaf) => `….geo.${leaf}`), ...others])
    const fields = table.flatMap((line) =>
      quoted(line.split('|')[1] ?? '').filter((name) => !['host.id', 'host.type', 'host.name'].includes(name)),
    )
    expect(fields.filter((field) => !known.has(field))).toEqual([])
  })

  it('has every word of severities with its number', () => {
    const table = section('Severity')
      .split('\n')
      .filter((line) => /^\| `\w+`.*\| \d+ +\|$/.test(line))
    expect(table.length).toBe(11)
    for (const line of table) {
      const [words = '', number = ''] = line.slice(1, -1).split('|')
      for (const word of quoted(words)) expect([word, severityOf(Buffer.from(word), 0, word.length)]).toEqual([word, Number(number)])
    }
  })

  it('names every field that is a part of the record', () => {
    const named = new Set(quoted(page))
    const marked = [...roleRows].filter(([, { role }]) => role !== undefined).map(([field]) => field)
    const silent = [
      'data_stream.type',
      'parent.id',
      'timestamp.us',
      'orchestrator.type',
      'error.exception',
      'metricset.name',
      'processor.event',
    ]
    expect(marked.filter((field) => !named.has(field) && !silent.includes(field))).toEqual([])
  })
})
