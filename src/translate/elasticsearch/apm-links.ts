/** `span.links` of APM documents → links: a list of objects with `trace.id` and `span.id`. */

import { rekeyed } from '../../otlp/attributes.ts'
import { createKey } from '../../otlp/keys.ts'
import { type AnyValue, type KeyValue, type Link, noAttributes, ValueType } from '../../otlp/model.ts'
import { readSpanId, readTraceId } from './trace-ids.ts'

export interface ApmLinks {
  readonly links: readonly Link[]
  /** Those that are no links, since an id of theirs cannot be read: as they came. */
  readonly rest: readonly AnyValue[]
}

const trace = new Int32Array(4)
const span = new Int32Array(2)

/** Reads a list of links. What more they have becomes attributes of theirs, by dotted names. */
export function linksOf(list: readonly AnyValue[]): ApmLinks {
  const links: Link[] = []
  const rest: AnyValue[] = []
  for (const value of list) {
    const link = value.type === ValueType.KvList ? linkOf(value.ref as readonly KeyValue[]) : undefined
    if (link === undefined) rest.push(value)
    else links.push(link)
  }
  return { links, rest }
}

function linkOf(members: readonly KeyValue[]): Link | undefined {
  let hasTrace = false
  let hasSpan = false
  const attributes: KeyValue[] = []
  const take = (list: readonly KeyValue[], prefix: string): void => {
    for (const member of list) {
      const path = prefix + member.key.text
      const { type, a, b, ref } = member
      if (type === ValueType.KvList && (path === 'trace' || path === 'span')) take(ref as readonly KeyValue[], `${path}.`)
      else if (path === 'trace.id' && type === ValueType.Text && !hasTrace) hasTrace = readTraceId(ref as Uint8Array, a, b, trace)
      else if (path === 'span.id' && type === ValueType.Text && !hasSpan) hasSpan = readSpanId(ref as Uint8Array, a, b, span)
      else attributes.push(rekeyed(createKey(path), member))
    }
  }
  take(members, '')
  if (!hasTrace || !hasSpan) return undefined
  return {
    trace0: trace[0] as number,
    trace1: trace[1] as number,
    trace2: trace[2] as number,
    trace3: trace[3] as number,
    span0: span[0] as number,
    span1: span[1] as number,
    traceState: '',
    attributes: attributes.length === 0 ? noAttributes : attributes,
    droppedAttributesCount: 0,
    flags: 0,
  }
}
