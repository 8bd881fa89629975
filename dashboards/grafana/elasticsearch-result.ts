/** What conversions of Elasticsearch's queries share. */

import type { Code } from '../codes.ts'
import { logContextOf } from '../logql/context.ts'
import type { LogContext } from '../logql/query.ts'
import { noUses, type Status } from '../model.ts'
import type { TargetRequest, TargetResult } from './target.ts'

/** `[logstash-]YYYY.MM.DD`, as data sources write indices of days, and plain patterns; undefined: none. */
export const indexOf = (index: string | undefined): string | undefined =>
  index === undefined || index.trim() === '' ? undefined : index.replace(/^\[([^\]]*)\].*$/, '$1*')

/** What queries of a dashboard are made with. */
export const contextOf = ({ context, variables }: TargetRequest): LogContext =>
  logContextOf(
    context,
    variables.map(({ name, many }) => ({ name, multi: many })),
  )

/** A result in which nothing is written. */
export function failed(before: string, status: Status, code: Code, text: string): TargetResult {
  return {
    status,
    before,
    after: '',
    edits: [],
    notes: [{ code, text }],
    uses: noUses,
    language: 'lucene',
    models: [],
    labels: new Map(),
    series: new Map(),
    factor: 1,
    transformations: [],
  }
}
