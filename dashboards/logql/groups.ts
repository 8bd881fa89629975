/** Groups that are labels: terms and steps of a number. */

import { allOf, everything, type Filter, isOneOf, leaf, noneOf } from '../filters/model.ts'
import { type Note, type Status, worse } from '../model.ts'
import type { Bucket, LogContext, LogQuery } from './query.ts'
import { decimal } from './text.ts'

/** What groups ask of every target. */
export interface Groups {
  readonly labels: readonly string[]
  /** Fields that have to be there. */
  readonly present: readonly string[]
  readonly stages: string
  readonly filter: Filter
  readonly shown: Readonly<Record<string, string>>
  readonly status: Status
  readonly notes: readonly Note[]
  /** The only bucket of terms, if it is to be cut off. */
  readonly terms: Extract<Bucket, { kind: 'terms' }> | undefined
}

/**
 * Labels by which numbers are grouped. `unsupported` in status: they cannot be made.
 * @param nameOf label of a field where it is not that of Loki
 */
export function groupsOf(query: LogQuery, context: LogContext, nameOf: (field: string) => string | undefined = () => undefined): Groups {
  const labels: string[] = []
  const present: string[] = []
  const shown: Record<string, string> = {}
  const notes: Note[] = []
  const filters: Filter[] = []
  let stages = ''
  let status: Status = 'exact'
  const say = (worst: Status, note: Note): void => {
    status = worse(status, worst)
    notes.push(note)
  }

  function add(field: string, missing: boolean): void {
    const place = context.fields.field(field, query.index)
    if (place.where === 'gone' || place.where === 'time' || place.where === 'line') {
      const why = place.where === 'line' ? 'it is the log line' : place.where === 'time' ? 'it is the time' : (place.why ?? 'it is nowhere')
      say('unsupported', { code: 'OBD-L-024', text: `Nothing can be grouped by ${field}: ${why}.` })
      return
    }
    if (!place.certain) say('approximate', { code: 'OBD-L-015', text: `${field} is asked as ${place.name}: ${place.why ?? 'it depends'}.` })
    if (!missing || place.where === 'json') present.push(field)
    const name = nameOf(field) ?? place.name
    if (!labels.includes(name)) labels.push(name)
    shown[field] = name
  }

  const terms = query.buckets.filter((one) => one.kind === 'terms')
  for (const bucket of query.buckets) {
    if (bucket.kind === 'terms') {
      for (const field of bucket.fields) add(field, bucket.missing === true)
      const [field] = bucket.fields
      if (field !== undefined && bucket.include !== undefined) filters.push(listFilter(field, bucket.include))
      if (field !== undefined && bucket.exclude !== undefined) filters.push(noneOf(listFilter(field, bucket.exclude)))
    } else if (bucket.kind === 'histogram') {
      const place = context.fields.field(bucket.field, query.index)
      const step = decimal(bucket.step)
      if (place.where === 'gone' || place.where === 'line' || place.where === 'time' || step === undefined || bucket.step <= 0) {
        say('unsupported', { code: 'OBD-L-029', text: `Steps of ${bucket.field} cannot be made.` })
        continue
      }
      const label = labels.includes('bucket') || stages !== '' ? `bucket_${labels.length}` : 'bucket'
      present.push(bucket.field)
      stages += ` | label_format ${label}=\`{{ mulf (floor (divf .${place.name} ${step})) ${step} }}\``
      labels.push(label)
      shown[bucket.field] = label
      say('approximate', { code: 'OBD-L-029', text: `${bucket.field} is grouped in steps of ${step}.` })
    } else if (bucket.kind === 'unsupported') {
      say('unsupported', {
        code: 'OBD-L-024',
        text: `${bucket.what}${bucket.field === undefined ? '' : ` of ${bucket.field}`} has no counterpart.`,
      })
    }
  }
  return {
    labels,
    present,
    stages,
    filter: filters.length === 0 ? everything : allOf(filters),
    shown,
    status,
    notes,
    terms: terms.length === 1 ? terms[0] : undefined,
  }
}

const listFilter = (field: string, values: string | readonly string[]): Filter =>
  typeof values === 'string'
    ? leaf(field, { op: 'regex', pattern: values, ignoreCase: false }, `${field}: /${values}/`)
    : isOneOf(field, values)
