/** Members of a document that come from the fields of its hit: of doc values where documents are not kept, of run-time fields, of aliases. */

import { eachMember } from '../../ingest/elasticsearch/object-members.ts'
import { HitColumn, type HitTable } from '../../read/elasticsearch-hits.ts'

/** `fields` of a hit as members of a document, without braces: lists of one are the one. Names keep their dots. */
export function fieldMembers(table: HitTable, row: number): string {
  if (!table.has(row, HitColumn.Fields)) return ''
  const { body } = table
  const members: string[] = []
  eachMember(body, table.start(row, HitColumn.Fields), table.end(row, HitColumn.Fields), (name, start, end) => {
    const list = body.toString('utf8', start, end)
    members.push(`"${name}":${single(list)}`)
  })
  return members.join(',')
}

/** `[1]` → `1`; the digits of a number are not touched. */
function single(list: string): string {
  if (!list.startsWith('[') || !list.endsWith(']')) return list
  const inner = list.slice(1, -1).trim()
  if (inner.startsWith('"')) return /^"(?:[^"\\]|\\.)*"$/s.test(inner) ? inner : list
  return inner === '' || /[,[{]/.test(inner) ? list : inner
}
