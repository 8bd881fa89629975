/** Which model a Jaeger behind api_v3 stores spans in: it does not say so, its data do (cutover 3.4). */

import { attributePath, type CanonicalSpan, identityOf } from './canonical.ts'
import type { Reader } from './traces-compare.ts'
import type { Pair } from './traces-pairs.ts'

const error = attributePath('error')
const statusError = '2'

const failed = ({ fields }: CanonicalSpan): boolean => fields.get('status.code') === statusError

/**
 * The reader of the new side. Jaeger v2 on Elasticsearch or Cassandra keeps spans in the model of v1, where the tag `error` is the status: on the way out it is
 * taken for the status and is gone, whatever its text was. So it is when each failed span that should have that attribute lacks it, and the bridge's own
 * record says that it was sent. What every translator lost alike does not look so: then the old side's spans have no such attribute either.
 * @param sent as the bridge recorded it, by identity
 */
export function readerOf(reader: Reader, pairs: readonly Pair[], sent: ReadonlyMap<string, CanonicalSpan>): Reader {
  if (reader !== 'otlp') return reader
  const telling = pairs.filter(({ old, new: young }) => old.span.fields.has(error) && failed(old.span) && failed(young.span))
  if (telling.length === 0) return reader
  const isLost = telling.every(({ new: young }) => {
    if (young.span.fields.has(error)) return false
    return sent.get(identityOf(young.span))?.fields.has(error) ?? true
  })
  return isLost ? 'jaeger-v1-model' : reader
}
